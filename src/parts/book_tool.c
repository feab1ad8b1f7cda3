/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done to a book while no house has it open; started by the command
 * line, so that the client itself has no database in its address space.
 *
 *   --do verify  --file F            reads a backup, every head and body;
 *                [--size N --root HEX] against a checkpoint kept elsewhere,
 *                [--signer LINE] with the signatures of those in the book,
 *                [--decisions yes] every decision made again
 *   --do restore --file F --state D  makes F the book: of the state folder, or
 *                                    of the server whose URL is in --store-fd
 *   --do rekey   --state D           another root key (book_rekey.c)
 *
 * A line on stdout (--json yes: JSON), or a sentence on stderr and the exit
 * code of its kind.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts/book_tool.h"
#include "parts/verify.h"
#include "seal/seal.h"
#include "json/json.h"

#define URL_MAX 4000

static void
say(struct json_out *o, struct buf *line)
{
	json_out_end(o, '}');
	(void)printf("%s\n", buf_z(line));
}

static bool
wants(const struct part_self *p, const char *what)
{
	const char *given = part_arg(p, what);

	return given && strcmp(given, "yes") == 0;
}

/* What the command line was given besides the file. */
static int
read_wishes(const struct part_self *p, struct verify *v,
    struct book_signer *signer, struct err *e)
{
	const char *size = part_arg(p, "size");
	const char *root = part_arg(p, "root");
	const char *line = part_arg(p, "signer");

	if (size && (!str_u64(str_of(size), &v->against.size) || !root ||
	                !digest_parse(str_of(root), &v->against.root))) {
		return err_set(e, ERR_INPUT, "--size or --root is none");
	}
	if (line) {
		v->signer = signer;
		v->verify = seal_verify;
		return book_signer_parse(str_of(line), signer, e);
	}
	return 0;
}

static void
say_verified(const struct verify *v)
{
	auto_buf line = { 0 };
	struct json_out o;
	char root[DIGEST_TEXT];

	digest_text(book_tree_root(&v->tree), root);
	json_out_init(&o, &line);
	json_out_object(&o, NULL);
	json_out_bool(&o, "ok", !v->decisions || !v->decisions->differ);
	json_out_i64(&o, "events", (int64_t)v->tree.size);
	json_out_i64(&o, "bodies", (int64_t)v->bodies);
	json_out_i64(&o, "expired", (int64_t)v->expired);
	json_out_i64(&o, "checkpoints", (int64_t)v->checkpoints);
	json_out_z(&o, "root", root);
	if (v->decisions) {
		decisions_write(v->decisions, &o);
	}
	say(&o, &line);
}

static void
print_verified(const struct verify *v)
{
	char root[DIGEST_TEXT];

	digest_text(book_tree_root(&v->tree), root);
	(void)printf("audit ok  %llu events, %llu bodies, %llu "
	             "expired, %llu checkpoints, root %s\n",
	    (unsigned long long)v->tree.size, (unsigned long long)v->bodies,
	    (unsigned long long)v->expired, (unsigned long long)v->checkpoints,
	    root);
	if (v->signer && !v->checkpoints) {
		(void)printf("no checkpoint in it was signed by the signer "
		             "that you gave: nothing shows that it is his "
		             "book\n");
	}
	if (v->against.size) {
		(void)printf("it has the tree of %llu events that was kept\n",
		    (unsigned long long)v->against.size);
	} else {
		(void)printf("no checkpoint from elsewhere was compared with "
		             "it: a book that was replaced as a whole, or "
		             "cut off, would pass as well (--against)\n");
	}
	if (v->decisions) {
		auto_buf text = { 0 };

		decisions_print(v->decisions, &text);
		(void)printf("%s", buf_z(&text));
	}
}

static int
verify_file(const struct part_self *p, const char *file, struct err *e)
{
	auto_store store = NULL;
	struct verify v = { 0 };
	struct decisions decisions = { 0 };
	struct book_signer signer;
	int end;

	if (store_open(file, STORE_READ, &store, e)) {
		return -1;
	}
	v.store = store;
	decisions.store = store;
	v.decisions = wants(p, "decisions") ? &decisions : NULL;
	if (read_wishes(p, &v, &signer, e) || verify_all(&v, e) ||
	    store_check(store, e)) {
		return -1;
	}
	if (wants(p, "json")) {
		say_verified(&v);
	} else {
		print_verified(&v);
	}
	end = decisions_end(&decisions, e);
	decisions_fini(&decisions);
	return end;
}

/* --- restore --- */

int
book_lock_state(const char *state, const char *then, struct err *e)
{
	auto_buf path = { 0 };
	int fd;

	buf_addf(&path, "%s/lock", state);
	fd =
	    open(buf_z(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		return err_sys(e, "cannot open %s", buf_z(&path));
	}
	return flock(fd, LOCK_EX | LOCK_NB)
	           ? err_set(e, ERR_CONFLICT,
	                 "the house on %s is up: stop it first (SIGTERM to its "
	                 "`handrail up`), then %s",
	                 state, then)
	           : 0;
}

/* How often a book was owned; 0: there is none. */
static uint64_t
owned(const char *where, const char *node)
{
	auto_store old = NULL;
	uint64_t incarnation = 0;
	struct err e = { 0 };

	return store_open(where, 0, &old, &e) == 0 &&
	               store_own(old, node, &incarnation, &e) == 0
	           ? incarnation
	           : 0;
}

/* Told by the next house in the book itself; it raises the claims' epochs. */
static int
leave_note(struct store *to, const char *file, uint64_t events, struct err *e)
{
	auto_buf note = { 0 };
	struct json_out o;
	char at[WALL_TEXT_MAX];
	const char *name = strrchr(file, '/');

	wall_text(wall_now(), at);
	json_out_init(&o, &note);
	json_out_object(&o, NULL);
	json_out_z(&o, "file", name ? name + 1 : file);
	json_out_z(&o, "at", at);
	json_out_i64(&o, "events", (int64_t)events);
	json_out_end(&o, '}');
	struct store_row row = {
		.space = STR("meta"),
		.key = STR("restored"),
		.value = buf_str(&note),
		.version = events,
	};

	return store_begin(to, e) || store_row_put(to, &row, e) ||
	               store_commit(to, e)
	           ? -1
	           : 0;
}

/* Owned by the copy as often as `from` was; more often, if the old book was:
 * the next house is above them all. */
static int
fill(struct store *from, struct store *to, const char *file, uint64_t above,
    struct err *e)
{
	uint64_t incarnation = 0;

	if (store_last_seq(to)) {
		return err_set(e, ERR_CONFLICT,
		    "there is a book already: restore into an empty database");
	}
	if (store_copy(from, to, e)) {
		return -1;
	}
	while (incarnation < above) {
		if (store_own(to, "restore", &incarnation, e)) {
			return -1;
		}
	}
	return leave_note(to, file, store_last_seq(from), e);
}

/* The files of a SQLite store that stand beside it. */
static int
move(const char *from, const char *to, struct err *e)
{
	static const char *const tails[] = { "", "-wal", "-reserve" };

	for (size_t i = 0; i < COUNT(tails); i++) {
		auto_buf old = { 0 };
		auto_buf new = { 0 };

		buf_addf(&old, "%s%s", from, tails[i]);
		buf_addf(&new, "%s%s", to, tails[i]);
		if (access(buf_z(&old), F_OK) == 0 &&
		    rename(buf_z(&old), buf_z(&new))) {
			return err_sys(e, "cannot rename %s", buf_z(&old));
		}
	}
	return 0;
}

int
book_give(const char *folder, const char *path, struct err *e)
{
	struct stat owner;

	if (stat(folder, &owner) || chown(path, owner.st_uid, owner.st_gid)) {
		return err_sys(e, "cannot give %s to its part", path);
	}
	return 0;
}

static int
make_file(struct store *from, const char *path, const char *file,
    uint64_t above, struct err *e)
{
	auto_store to = NULL;

	return store_open(path, STORE_CREATE, &to, e) ||
	               fill(from, to, file, above, e) || store_checkpoint(to, e)
	           ? -1
	           : 0;
}

/* A name that is free, while the state is locked: of the same second there may
 * be one already. */
static void
aside_of(const char *folder, struct buf *name)
{
	int64_t at = wall_now().us / CLOCK_SECOND;

	do {
		buf_clear(name);
		buf_addf(
		    name, "%s/before-restore-%lld.db", folder, (long long)at++);
	} while (access(buf_z(name), F_OK) == 0);
}

/* The old book is kept beside the new one, as *aside, empty when there is none;
 * nothing is overwritten. */
static int
restore_file(struct store *from, const char *state, const char *file,
    struct buf *aside, struct err *e)
{
	auto_buf folder = { 0 };
	auto_buf book = { 0 };
	auto_buf made = { 0 };
	uint64_t above;
	bool old;

	buf_addf(&folder, "%s/book", state);
	buf_addf(&book, "%s/book.db", buf_z(&folder));
	buf_addf(&made, "%s/restoring.db", buf_z(&folder));
	aside_of(buf_z(&folder), aside);
	if (file_mkdirs(buf_z(&folder), 0700, e)) {
		return -1;
	}
	above = owned(buf_z(&book), "restore");
	old = access(buf_z(&book), F_OK) == 0;
	(void)unlink(buf_z(&made));
	if (make_file(from, buf_z(&made), file, above, e) ||
	    book_give(buf_z(&folder), buf_z(&made), e) ||
	    move(buf_z(&book), buf_z(aside), e)) {
		return -1;
	}
	if (!old) {
		buf_clear(aside);
	}
	return move(buf_z(&made), buf_z(&book), e);
}

int
book_url(const char *number, struct buf *url, struct err *e)
{
	uint64_t fd;

	must(str_u64(str_of(number), &fd));
	return memfd_read((int)fd, URL_MAX, url, e);
}

static int
restore_server(
    struct store *from, const char *number, const char *file, struct err *e)
{
	auto_store to = NULL;
	auto_buf url = { 0 };

	if (book_url(number, &url, e)) {
		return -1;
	}
	int result = store_open(buf_z(&url), STORE_CREATE, &to, e);

	wipe(url.at, url.len);
	return result || fill(from, to, file, 0, e) ? -1 : 0;
}

static int
restore(const struct part_self *p, const char *file, struct err *e)
{
	const char *state = part_arg(p, "state");
	const char *server = part_arg(p, "store-fd");
	auto_store from = NULL;
	struct verify v = { 0 };
	auto_buf aside = { 0 };
	auto_buf line = { 0 };
	struct json_out o;

	must(state);
	if (file_mkdirs(state, 0711, e) ||
	    book_lock_state(state, "restore", e) ||
	    store_open(file, STORE_READ, &from, e)) {
		return -1;
	}
	v.store = from;
	if (store_check(from, e) || verify_all(&v, e)) {
		return -1;
	}
	if (server ? restore_server(from, server, file, e)
	           : restore_file(from, state, file, &aside, e)) {
		return -1;
	}
	if (!wants(p, "json")) {
		(void)printf(
		    "restored  %llu events; `handrail up` goes on from "
		    "there\n%s",
		    (unsigned long long)v.tree.size,
		    server ? "the first node that starts takes this up: a "
		             "note that `[audit] publish` has left in a file "
		             "of another node is to be moved aside there\n"
		           : "");
		if (aside.len) {
			(void)printf("the book of before is kept as %s\n",
			    buf_z(&aside));
		}
		return 0;
	}
	json_out_init(&o, &line);
	json_out_object(&o, NULL);
	json_out_bool(&o, "ok", true);
	json_out_i64(&o, "events", (int64_t)v.tree.size);
	if (aside.len) {
		json_out_str(&o, "kept", buf_str(&aside));
	}
	say(&o, &line);
	return 0;
}

int
main(int argc, char **argv)
{
	struct part_self p = { .argc = argc, .argv = argv };
	const char *what = part_arg(&p, "do");
	const char *file = part_arg(&p, "file");
	struct err e = { 0 };

	must_set_part("book");
	bool rekey = what && strcmp(what, "rekey") == 0;

	if (!what || (!file && !rekey)) {
		(void)fprintf(stderr,
		    "handrail book: started by `handrail restore`, "
		    "`handrail vault rekey` and `handrail audit verify "
		    "--file`\n");
		return 2;
	}
	int failed = rekey                          ? book_rekey(&p, &e)
	             : strcmp(what, "restore") == 0 ? restore(&p, file, &e)
	                                            : verify_file(&p, file, &e);

	if (failed) {
		part_fail(&e);
	}
	return 0;
}
