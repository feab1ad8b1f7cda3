/* SPDX-License-Identifier: Apache-2.0 */
/* What the device is told: another name, to forget its bonds, to keep a folder.
 * The house takes it at once; here one waits for how it ended. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cli/buddy.h"

#define LOOK_MS    200
#define FOLDER_MAX 1800000

/* --- told, and waited for --- */

/* Prints the end with --json; else tells only why not. */
static int
say_end(struct cli *c, const struct json *order)
{
	bool done = strcmp(cli_text(c, order, "state"), "done") == 0;
	struct err e = { 0 };

	if (c->json) {
		auto_buf text = { 0 };

		json_write_pretty(&text, order);
		printf(STR_FMT "\n", STR_ARG(buf_str(&text)));
		return done ? 0 : 1;
	}
	if (!done) {
		(void)err_set(&e, ERR_UNAVAILABLE, "%s: %s",
		    cli_text(c, order, "word"), cli_text(c, order, "text"));
		(void)cli_fail(&e);
		return 1;
	}
	printf("%s: done\n", cli_text(c, order, "word"));
	return 0;
}

static int
await(struct cli *c, int64_t number, struct err *e)
{
	for (;;) {
		struct cli_answer answer = { 0 };
		struct cli_ask ask = { .method = "GET",
			.target = STR("/api/buddy") };
		const struct json *order;

		if (cli_send(c, &ask, &answer, e)) {
			return cli_fail(e);
		}
		order = json_get(answer.tree, "order");
		if (cli_number(order, "number") != number) {
			(void)err_set(e, ERR_CONFLICT,
			    "the house has begun anew, or somebody else has "
			    "told the device something since");
			return cli_fail(e);
		}
		if (strcmp(cli_text(c, order, "state"), "going") != 0) {
			return say_end(c, order);
		}
		(void)poll(NULL, 0, LOOK_MS);
	}
}

static int
order(struct cli *c, const char *target, struct str body)
{
	struct cli_answer answer = { 0 };
	struct cli_ask ask = {
		.method = "POST", .target = str_of(target), .body = body
	};
	struct err e = { 0 };

	if (cli_send(c, &ask, &answer, &e)) {
		return cli_fail(&e);
	}
	return await(c, cli_number(answer.tree, "order"), &e);
}

int
buddy_name(struct cli *c, const char *name)
{
	auto_buf body = { 0 };
	struct json_out o;

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "name", name);
	json_out_end(&o, '}');
	return order(c, "/api/buddy/name", buf_str(&body));
}

/* The device first, then this machine: with either bond gone there is no link
 * any more, so one that is out of reach is forgotten here all the same. */
int
buddy_unpair(struct cli *c, const char *address)
{
	struct config config = { .file = STR("") };
	struct err e = { 0 };
	int code;

	if (address) {
		return buddy_forget(c, address);
	}
	if (cli_config(c, &config, &e)) {
		return cli_fail(&e);
	}
	code = order(c, "/api/buddy/unpair", STR("{}"));
	return config.buddy.bluetooth.len
	           ? buddy_forget(c, arena_z(&c->arena, config.buddy.bluetooth))
	           : code;
}

/* --- a folder --- */

static int
add_file(struct cli *c, struct json_out *o, const char *folder,
    const char *name, size_t *total)
{
	const char *path = arena_printf(&c->arena, "%s/%s", folder, name).at;
	auto_buf bytes = { 0 };
	auto_buf text = { 0 };
	struct err e = { 0 };

	if (file_read(path, FOLDER_MAX, &bytes, &e)) {
		return cli_fail(&e);
	}
	*total += bytes.len;
	if (*total >= FOLDER_MAX) {
		(void)err_set(&e, ERR_LIMIT,
		    "%s has more than the %d bytes that the device has room "
		    "for",
		    folder, FOLDER_MAX - 1);
		return cli_fail(&e);
	}
	base64_add(&text, buf_str(&bytes));
	json_out_object(o, NULL);
	json_out_z(o, "name", name);
	json_out_str(o, "data", buf_str(&text));
	json_out_end(o, '}');
	return 0;
}

/* A folder in it, or a hidden file, is refused and not left out: what is on
 * the device is what is in the folder. */
static int
add_files(struct cli *c, struct json_out *o, const char *folder)
{
	struct dirent **names = NULL;
	int count = scandir(folder, &names, NULL, alphasort);
	size_t total = 0;
	struct err e = { 0 };
	int code = 0;

	if (count < 0) {
		bool none = errno == ENOENT;

		(void)err_sys(&e, "cannot read %s", folder);
		e.kind = none ? ERR_MISSING : e.kind;
		return cli_fail(&e);
	}
	for (int i = 0; i < count; i++) {
		const char *name = names[i]->d_name;

		if (!code && strcmp(name, ".") != 0 &&
		    strcmp(name, "..") != 0) {
			code = add_file(c, o, folder, name, &total);
		}
		free(names[i]);
	}
	free(names);
	return code;
}

/* The last part of its path. */
static struct str
name_of(const char *folder)
{
	struct str rest = str_of(folder);
	struct str last = rest;

	while (rest.len && rest.at[rest.len - 1] == '/') {
		rest = str_sub(rest, 0, rest.len - 1);
	}
	while (str_cut(&rest, '/', &last)) {
	}
	return last;
}

int
buddy_push(struct cli *c, const char *folder, const char *name)
{
	auto_buf body = { 0 };
	struct json_out o;
	int code;

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_str(&o, "name", name ? str_of(name) : name_of(folder));
	json_out_array(&o, "files");
	code = add_files(c, &o, folder);
	json_out_end(&o, ']');
	json_out_end(&o, '}');
	return code ? code : order(c, "/api/buddy/push", buf_str(&body));
}
