/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup: the running house makes a copy of its book, which is fetched here in
 * pieces; the file is there only when it is whole and on the disk.  restore and
 * verify of a file: done by libexec/handrail/book, with the house stopped.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/vault.h"

#define LOOK_MS 100

static int
ask(struct cli *c, const char *method, const char *target,
    struct cli_answer *answer, struct err *e)
{
	struct cli_ask question = {
		.method = method,
		.target = str_of(target),
	};

	return cli_send(c, &question, answer, e);
}

/* Until it is made; *size is its bytes, *events what the book then had. */
static int
wait_for_it(struct cli *c, int64_t *size, int64_t *events, struct err *e)
{
	bool tells = !c->json && isatty(2);
	const struct json *t;

	for (;;) {
		struct cli_answer answer = { 0 };

		if (ask(c, "GET", "/api/backup", &answer, e)) {
			return -1;
		}
		t = answer.tree;
		buf_fini(&answer.body);
		bool done = false;

		(void)json_bool(t, "done", &done);
		if (tells) {
			(void)fprintf(stderr, "\rbackup %3lld %%%s",
			    (long long)cli_number(t, "percent"),
			    done ? "\n" : "");
		}
		if (done) {
			*size = cli_number(t, "bytes");
			*events = cli_number(t, "events");
			return 0;
		}
		(void)poll(NULL, 0, LOOK_MS);
	}
}

static int
fetch(struct cli *c, int fd, int64_t size, struct err *e)
{
	int64_t from = 0;

	while (from < size) {
		struct cli_answer answer = { 0 };
		struct str target = arena_printf(
		    &c->arena, "/api/backup/bytes?from=%lld", (long long)from);
		int failed = ask(c, "GET", target.at, &answer, e);

		if (!failed && !answer.body.len) {
			failed = err_set(e, ERR_IO, "the backup is cut off");
		}
		if (!failed) {
			failed = file_write_all(fd, buf_str(&answer.body), e);
		}
		from += (int64_t)answer.body.len;
		buf_fini(&answer.body);
		if (failed) {
			return -1;
		}
	}
	return fsync(fd) ? err_sys(e, "the backup's file") : 0;
}

static int
take(struct cli *c, const char *file, int64_t *size, int64_t *events,
    struct err *e)
{
	struct str part = arena_printf(&c->arena, "%s.part", file);
	auto_close int fd = -1;

	if (cli_new_file("backup", file, e) ||
	    wait_for_it(c, size, events, e)) {
		return -1;
	}
	fd = open(part.at,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		return err_sys(e, "cannot write %s", part.at);
	}
	if (fetch(c, fd, *size, e)) {
		(void)unlink(part.at);
		return -1;
	}
	return rename(part.at, file) ? err_sys(e, "cannot write %s", file) : 0;
}

int
command_backup(struct cli *c, int argc, char **argv)
{
	struct cli_answer answer = { 0 };
	struct err e = { 0 };
	struct err later = { 0 };
	int64_t size = 0;
	int64_t events = 0;

	cli_words(c, &argc, argv);
	if (argc != 1) {
		return cli_usage(c, "backup", "takes the file to write");
	}
	if (ask(c, "POST", "/api/backup", &answer, &e)) {
		return cli_fail(&e);
	}
	buf_fini(&answer.body);
	int failed = take(c, argv[0], &size, &events, &e);

	if (ask(c, "POST", "/api/backup/end", &answer, &later) && !failed) {
		(void)fprintf(stderr, "handrail: %s\n", later.text);
	}
	buf_fini(&answer.body);
	if (failed) {
		return cli_fail(&e);
	}
	if (c->json) {
		auto_buf line = { 0 };
		struct json_out o;

		json_out_init(&o, &line);
		json_out_object(&o, NULL);
		json_out_z(&o, "file", argv[0]);
		json_out_i64(&o, "bytes", size);
		json_out_i64(&o, "events", events);
		json_out_end(&o, '}');
		printf("%s\n", buf_z(&line));
		return 0;
	}
	printf("%s  %s: %lld events, %lld bytes; check it with `handrail audit "
	       "verify --file %s`\n",
	    cli_paint(c, CLI_GREEN, "backed up"), argv[0], (long long)events,
	    (long long)size, argv[0]);
	return 0;
}

/* --- with the house stopped --- */

/* Becomes libexec/handrail/book; comes back only if it cannot. */
static int
become_book(struct cli *c, const char *const *args)
{
	struct err e = { 0 };

	/* NOLINTNEXTLINE(performance-no-int-to-ptr): execv only reads */
	(void)execv(args[0], (char *const *)(uintptr_t)args);
	(void)c;
	(void)err_set(
	    &e, ERR_IO, "cannot run %s: %s", args[0], strerrordesc_np(errno));
	return cli_fail(&e);
}

static const char *
book_program(struct cli *c)
{
	return arena_printf(&c->arena, "%s/book", cli_libexec(c)).at;
}

int
cli_verify_file(struct cli *c, const char *file, const char *size,
    const char *root, const char *signer, bool decisions)
{
	const char *args[16] = { book_program(c), "--do", "verify", "--file",
		cli_absolute(c, file), "--json", c->json ? "yes" : "no" };
	size_t n = 7;

	if (size) {
		args[n++] = "--size";
		args[n++] = size;
		args[n++] = "--root";
		args[n++] = root;
	}
	if (signer) {
		args[n++] = "--signer";
		args[n++] = signer;
	}
	if (decisions) {
		args[n++] = "--decisions";
		args[n++] = "yes";
	}
	return become_book(c, args);
}

/* Where `up` would look for the book; *fd NULL: in the state folder. */
static int
find_store(struct cli *c, const char *store, const char **fd, struct err *e)
{
	struct config config = { 0 };

	*fd = NULL;
	if (cli_knows_state(c, e) ||
	    (!store && c->config && cli_config(c, &config, e))) {
		return -1;
	}
	if (config.store.len) {
		store = arena_z(&c->arena, config.store);
	}
	return store && !(*fd = cli_store_fd(c, store, e)) ? -1 : 0;
}

/* Another root key: no house is up, and every sealed value is wrapped anew. */
int
vault_rekey(struct cli *c, int argc, char **argv)
{
	const char *store = cli_option(&argc, argv, "store");
	const char *store_fd;
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc) {
		return cli_usage(c, "vault", "rekey wants no name");
	}
	if (find_store(c, store, &store_fd, &e)) {
		return cli_fail(&e);
	}
	const char *args[] = { book_program(c), "--do", "rekey", "--state",
		c->state, "--json", c->json ? "yes" : "no",
		store_fd ? "--store-fd" : NULL, store_fd, NULL };

	return become_book(c, args);
}

int
command_restore(struct cli *c, int argc, char **argv)
{
	const char *store = cli_option(&argc, argv, "store");
	const char *store_fd;
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc != 1) {
		return cli_usage(c, "restore", "takes a backup's file");
	}
	if (find_store(c, store, &store_fd, &e)) {
		return cli_fail(&e);
	}
	const char *args[] = {
		book_program(c),
		"--do",
		"restore",
		"--file",
		cli_absolute(c, argv[0]),
		"--state",
		c->state,
		"--json",
		c->json ? "yes" : "no",
		store_fd ? "--store-fd" : NULL,
		store_fd,
		NULL,
	};

	return become_book(c, args);
}
