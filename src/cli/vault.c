/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials.  A value is read from a file or standard input, sealed to the
 * vault's public key here, and wiped; what travels and what is stored only the
 * vault can open.  No command prints a value.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"
#include "seal/seal.h"

/* --- init: a key file, no house needed --- */

static int
make_key(struct cli *c, const char *pass_file, struct err *e)
{
	struct str path = arena_printf(&c->arena, "%s/vault.key", c->state);
	auto_seal_key key = seal_key_make();
	auto_buf bytes = { 0 };
	auto_secret raw = NULL;
	struct str clear;
	int result;

	if (file_mkdirs(c->state, 0711, e)) {
		return -1;
	}
	if (access(path.at, F_OK) == 0) {
		return err_set(e, ERR_CONFLICT,
		    "%s is there already: making another would lose every "
		    "credential sealed under it",
		    path.at);
	}
	if (pass_file) {
		auto_buf pass = { 0 };
		uint8_t wrapped[SEAL_KEYFILE];

		result = file_read(pass_file, SEAL_PASS_MAX, &pass, e);
		result =
		    result || seal_key_wrap(key, buf_str(&pass), wrapped, e);
		wipe(pass.at, pass.cap);
		if (result) {
			return -1;
		}
		buf_add(&bytes, str_span(wrapped, sizeof(wrapped)));
	} else {
		seal_key_export(key, &raw);
		secret_open(raw, &clear);
		hex_add(&bytes, clear);
		buf_add_byte(&bytes, '\n');
	}
	result = file_write_atomic(path.at, buf_str(&bytes), 0600, e);
	wipe(bytes.at, bytes.cap);
	if (result == 0) {
		printf("wrote %s (0600): keep a copy of it elsewhere, without "
		       "it no credential can be opened\n",
		    path.at);
	}
	return result ? -1 : 0;
}

static int
init(struct cli *c, int argc, char **argv)
{
	const char *pass_file = cli_option(&argc, argv, "passphrase-file");
	struct err e = { 0 };

	if (make_key(c, pass_file, &e)) {
		return cli_fail(&e);
	}
	if (pass_file) {
		printf("the house reads the passphrase from %s/vault.pass\n",
		    c->state);
	}
	return 0;
}

/* --- a value, from a file or standard input --- */

static int
read_value(const char *file, struct buf *value, struct err *e)
{
	struct termios old;
	bool terminal = !file && tcgetattr(STDIN_FILENO, &old) == 0;
	int result;

	if (terminal) {
		struct termios quiet = old;

		(void)fputs("value (not shown): ", stderr);
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
		char *line = NULL;
		size_t room = 0;
		ssize_t n = getline(&line, &room, stdin);

		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		(void)fputc('\n', stderr);
		if (n > 0) {
			buf_add(value, str_span(line, (size_t)n));
		}
		wipe(line, room);
		free(line);
		result = 0;
	} else {
		result = file ? file_read(file, 4096, value, e)
		              : file_read_fd(STDIN_FILENO, 4096, value, e);
	}
	while (value->len && (value->at[value->len - 1] == '\n' ||
	                         value->at[value->len - 1] == '\r')) {
		value->len--;
	}
	if (result == 0 && !value->len) {
		return err_set(e, ERR_INPUT,
		    "no value came: pipe it in, or name a file with --file");
	}
	return result;
}

static int
box_value(struct cli *c, const char *file, struct buf *text, struct err *e)
{
	struct cli_ask ask = {
		.method = "GET",
		.target = STR("/api/vault/key"),
	};
	struct cli_answer answer = { 0 };
	auto_buf public = { 0 };
	auto_buf value = { 0 };
	auto_buf box = { 0 };
	struct str key;
	int result;

	if (cli_send(c, &ask, &answer, e)) {
		return -1;
	}
	if (!json_text(answer.tree, "box", &key) ||
	    !base64_decode(&public, key) || public.len != SEAL_PUBLIC) {
		return err_set(e, ERR_UNAVAILABLE, "the vault named no key");
	}
	result = read_value(file, &value, e) ||
	         seal_box((const uint8_t *)public.at, buf_str(&value), &box, e);
	wipe(value.at, value.cap);
	if (result) {
		return -1;
	}
	base64_add(text, buf_str(&box));
	return 0;
}

static int
send_value(struct cli *c, const char *target, const char *name,
    const char *hosts, const char *file)
{
	auto_buf box = { 0 };
	auto_buf body = { 0 };
	struct json_out o;
	struct err e = { 0 };
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "POST", .target = str_of(target) };

	if (box_value(c, file, &box, &e)) {
		return cli_fail(&e);
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "name", name);
	if (hosts) {
		json_out_z(&o, "hosts", hosts);
	}
	json_out_str(&o, "box", buf_str(&box));
	json_out_end(&o, '}');
	ask.body = buf_str(&body);
	if (cli_send(c, &ask, &answer, &e)) {
		return cli_fail(&e);
	}
	if (c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&answer.body)));
	} else {
		printf("%s: version %lld\n", name,
		    (long long)cli_number(answer.tree, "version"));
	}
	return 0;
}

static int
put(struct cli *c, int argc, char **argv)
{
	const char *file = cli_option(&argc, argv, "file");
	auto_buf hosts = { 0 };
	const char *host;

	while ((host = cli_option(&argc, argv, "host"))) {
		buf_addf(&hosts, "%s%s", hosts.len ? " " : "", host);
	}
	if (argc != 1 || !hosts.len) {
		return cli_usage(c, "vault",
		    "put wants a NAME and at least one --host NAME[:PORT]");
	}
	return send_value(
	    c, "/api/vault/credentials", argv[0], buf_z(&hosts), file);
}

static int
rotate(struct cli *c, int argc, char **argv)
{
	const char *file = cli_option(&argc, argv, "file");

	if (argc != 1) {
		return cli_usage(c, "vault", "rotate wants a NAME");
	}
	return send_value(c,
	    arena_printf(&c->arena, "/api/vault/credentials/%s/rotate",
	        cli_encode(c, str_of(argv[0])))
	        .at,
	    argv[0], NULL, file);
}

static int
archive(struct cli *c, int argc, char **argv)
{
	struct err e = { 0 };
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "POST", .body = STR("{}") };

	if (argc != 1) {
		return cli_usage(c, "vault", "archive wants a NAME");
	}
	ask.target =
	    arena_printf(&c->arena, "/api/vault/credentials/%s/archive",
	        cli_encode(c, str_of(argv[0])));
	if (cli_send(c, &ask, &answer, &e)) {
		return cli_fail(&e);
	}
	printf("%s: archived, its value is gone\n", argv[0]);
	return 0;
}

static int
list(struct cli *c, int argc, char **argv)
{
	const struct json *tree;
	struct err e = { 0 };

	(void)argc;
	(void)argv;
	if (cli_get(c, &tree, &e, "/api/vault/credentials")) {
		return cli_fail(&e);
	}
	JSON_EACH(k, json_get(tree, "credentials"))
	{
		bool archived = false;

		(void)json_bool(k, "archived", &archived);
		printf("%-24s version %lld  %s%s\n", cli_text(c, k, "name"),
		    (long long)cli_number(k, "version"),
		    cli_text(c, k, "hosts"), archived ? "  (archived)" : "");
	}
	return 0;
}

int
command_vault(struct cli *c, int argc, char **argv)
{
	static const struct {
		const char *name;
		cli_command_fn *run;
	} verbs[] = {
		{ "init", init },
		{ "put", put },
		{ "list", list },
		{ "rotate", rotate },
		{ "archive", archive },
	};

	for (size_t i = 0; argc && i < COUNT(verbs); i++) {
		if (strcmp(argv[0], verbs[i].name) == 0) {
			return verbs[i].run(c, argc - 1, argv + 1);
		}
	}
	return cli_usage(c, "vault", argc ? "no such verb" : NULL);
}
