/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies under every queue that does what is asked (issue 3): the rows and
 * the hashes of a claim and a finish, of the sizes that a house makes, and
 * nothing else.  One row of heads and one of bodies a batch, packed and pressed
 * beforehand; a row at each task's end; the digests of the bodies, the leaves
 * and the nodes.  Nothing is judged, made, encoded, packed or looked up.  The
 * log's file is the store's own: its syncs run while the next batch is made.
 *
 *     bench_queue_floor PATH TASKS BATCH
 *
 * PATH does not exist yet.  One line of JSON.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "book/book.h"
#include "queue_figures.h"
#include "store/sqlite_file.h" /* and SQLite */

#define BATCH_MAX   1000
#define LOG_PAGES   4000 /* as the store: then the log is moved */
#define UNDER_WAY   1    /* batches whose sync may run; the next one is made */
#define HEAD_PACKED 59   /* bytes, as a house's rows have them: */
#define BODY_PACKED 17
#define BODY        210
#define SAVED       115
#define ENDS        16 /* a statement */

static const char schema[] =
    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY;"
    "PRAGMA cache_size = -2000; PRAGMA synchronous = EXTRA;"
    "PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 67108864;"
    "CREATE TABLE log (first INTEGER PRIMARY KEY, count INTEGER NOT NULL,"
    " heads BLOB NOT NULL) STRICT;"
    "CREATE TABLE body (first INTEGER PRIMARY KEY, day INTEGER NOT NULL,"
    " count INTEGER NOT NULL, bodies BLOB NOT NULL) STRICT;"
    "CREATE TABLE task_end (number INTEGER PRIMARY KEY, state TEXT NOT NULL,"
    " owner TEXT NOT NULL, updated_at TEXT NOT NULL,"
    " last_seq INTEGER NOT NULL, saved BLOB NOT NULL) STRICT;";

enum statement {
	BEGIN,
	COMMIT,
	ADD_HEADS,
	ADD_BODIES,
	ADD_ENDS,
	STATEMENTS,
};
static const char *const texts[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ADD_HEADS] = "INSERT INTO log VALUES (?, ?, ?)",
	[ADD_BODIES] = "INSERT INTO body VALUES (?, ?, ?, ?)",
#define ROWS "(?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?)"
	[ADD_ENDS] = "INSERT INTO task_end VALUES (?, ?, ?, ?, ?, ?), " ROWS
	             ", " ROWS ", " ROWS ", " ROWS ", " ROWS,
#undef ROWS
};

struct floor {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	sqlite3_file *log;
	int database; /* as the store has it: see sqlite_file_begin */
	struct later later;
	int frames;
	size_t batch; /* tasks; twice as many heads */
	struct book_late tree;
	struct book_new_head *heads;
	uint8_t *bytes; /* of the heads */
	char *noise;    /* what rows and bodies are made of */
	uint64_t seq;
	uint64_t number;
};

static void
must_be(const struct floor *f, bool good)
{
	if (!good) {
		(void)fprintf(
		    stderr, "bench_queue_floor: %s\n", sqlite3_errmsg(f->db));
		exit(1); /* NOLINT(concurrency-mt-unsafe) */
	}
}

static int
count_frames(void *context, sqlite3 *db, const char *name, int frames)
{
	struct floor *f = context;

	(void)db;
	(void)name;
	f->frames = frames;
	return SQLITE_OK;
}

static void
open_file(struct floor *f, const char *path)
{
	sqlite3_file *file = NULL;

	must(sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) == SQLITE_OK);
	must(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK);
	must_be(f, sqlite3_open_v2(path, &f->db,
	               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
	                   SQLITE_OPEN_NOMUTEX,
	               sqlite_file_vfs()) == SQLITE_OK);
	must_be(f, sqlite3_exec(f->db, schema, NULL, NULL, NULL) == SQLITE_OK);
	for (size_t i = 0; i < STATEMENTS; i++) {
		must_be(f, sqlite3_prepare_v3(f->db, texts[i], -1,
		               SQLITE_PREPARE_PERSISTENT, &f->statements[i],
		               NULL) == SQLITE_OK);
	}
	(void)sqlite3_wal_hook(f->db, count_frames, f);
	must_be(
	    f, sqlite3_file_control(f->db, "main", SQLITE_FCNTL_JOURNAL_POINTER,
	           (void *)&f->log) == SQLITE_OK);
	later_open(&f->later,
	    sqlite3_filename_wal(sqlite3_db_filename(f->db, "main")));
	f->database = open(path, O_RDONLY | O_CLOEXEC);
	must_be(f, sqlite3_file_control(f->db, "main",
	               SQLITE_FCNTL_FILE_POINTER, (void *)&file) == SQLITE_OK);
	sqlite_file_begin(file, f->database);
}

static void
close_file(struct floor *f)
{
	later_close(&f->later);
	for (size_t i = 0; i < STATEMENTS; i++) {
		(void)sqlite3_finalize(f->statements[i]);
	}
	must(sqlite3_close(f->db) == SQLITE_OK);
	auto_close_fd(&f->database);
}

static size_t
heads_of(const struct floor *f)
{
	return 2 * f->batch;
}

static void
make_content(struct floor *f)
{
	size_t size = heads_of(f) * BODY;

	f->heads = calloc(heads_of(f), sizeof(*f->heads));
	f->bytes = calloc(heads_of(f), BOOK_HEAD_SIZE);
	f->noise = malloc(size);
	must(f->heads && f->bytes && f->noise);
	for (size_t i = 0; i < size; i++) {
		f->noise[i] = (char)random_u64();
	}
	for (size_t i = 0; i < heads_of(f); i++) {
		struct book_head head = { .seq = i + 1 };
		struct str body = str_span(f->noise + i * BODY, BODY);

		head.kind = BOOK_TASK_CLAIMED;
		book_head_body_later(&head, body);
		f->heads[i] = (struct book_new_head){
			.bytes = f->bytes + i * BOOK_HEAD_SIZE,
			.body = body,
		};
		book_head_encode(&head, f->heads[i].bytes);
	}
}

static void
step(const struct floor *f, enum statement which)
{
	must_be(f, sqlite3_step(f->statements[which]) == SQLITE_DONE);
	(void)sqlite3_reset(f->statements[which]);
}

static void
number(const struct floor *f, enum statement which, int at, uint64_t value)
{
	(void)sqlite3_bind_int64(
	    f->statements[which], at, (sqlite3_int64)value);
}

static void
text(const struct floor *f, int at, const char *z)
{
	(void)sqlite3_bind_text(
	    f->statements[ADD_ENDS], at, z, (int)strlen(z), SQLITE_STATIC);
}

static void
blob(const struct floor *f, enum statement which, int at, size_t len)
{
	(void)sqlite3_bind_blob(
	    f->statements[which], at, f->noise, (int)len, SQLITE_STATIC);
}

static void
add_ends(struct floor *f)
{
	for (size_t n = 0; n < f->batch; n += ENDS) {
		for (int at = 1; at <= 6 * ENDS; at += 6) {
			number(f, ADD_ENDS, at, ++f->number);
			text(f, at + 1, "completed");
			text(f, at + 2, "linux__server__bench_coworker");
			text(f, at + 3, "2026-11-27T05:30:00.000Z");
			number(f, ADD_ENDS, at + 4, f->seq);
			blob(f, ADD_ENDS, at + 5, SAVED);
		}
		step(f, ADD_ENDS);
	}
}

static void
add_log(const struct floor *f)
{
	number(f, ADD_BODIES, 1, f->seq);
	number(f, ADD_BODIES, 2, 20784);
	number(f, ADD_BODIES, 3, heads_of(f));
	blob(f, ADD_BODIES, 4, heads_of(f) * BODY_PACKED);
	step(f, ADD_BODIES);
	number(f, ADD_HEADS, 1, f->seq);
	number(f, ADD_HEADS, 2, heads_of(f));
	blob(f, ADD_HEADS, 3, heads_of(f) * HEAD_PACKED);
	step(f, ADD_HEADS);
}

/* Until no more than so many syncs are under way. */
static void
await(struct floor *f, unsigned left)
{
	struct pollfd bell = { .fd = f->later.bell, .events = POLLIN };

	later_look(&f->later, false);
	while (f->later.started - f->later.done > left) {
		must(!f->later.fault);
		(void)poll(&bell, 1, 100);
		later_look(&f->later, false);
	}
}

static void
commit(struct floor *f)
{
	sqlite_file_later(f->log, f->frames < LOG_PAGES ? &f->later : NULL);
	step(f, COMMIT);
	sqlite_file_later(f->log, NULL);
	if (f->frames < LOG_PAGES) {
		return;
	}
	later_done(&f->later);
	must_be(f, sqlite3_wal_checkpoint_v2(f->db, NULL,
	               SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) == SQLITE_OK);
}

static void
run_batch(struct floor *f)
{
	await(f, UNDER_WAY);
	book_bodies_name(f->heads, heads_of(f));
	for (size_t i = 0; i < heads_of(f); i++) {
		book_late_add(&f->tree, f->heads[i].bytes);
	}
	step(f, BEGIN);
	f->seq += heads_of(f);
	add_ends(f);
	add_log(f);
	commit(f);
}

int
main(int argc, char **argv)
{
	static struct floor f;
	uint64_t tasks;
	uint64_t batch;

	if (argc != 4 || !str_u64(str_of(argv[2]), &tasks) ||
	    !str_u64(str_of(argv[3]), &batch) || tasks < 1 || batch < 1 ||
	    batch > BATCH_MAX || batch % ENDS != 0) {
		(void)fprintf(stderr,
		    "bench_queue_floor PATH TASKS BATCH, which is some times "
		    "%d\n",
		    ENDS);
		return 2;
	}
	f.batch = batch;
	open_file(&f, argv[1]);
	make_content(&f);
	double busy = processor_us();
	struct mono begun = mono_now();

	while (f.number < tasks) {
		run_batch(&f);
	}
	await(&f, 0);
	double us = (double)(mono_now().us - begun.us);

	printf("{\"rate\":%.0f,\"cpu_us\":%.2f,\"turn_us\":%.0f}\n",
	    (double)f.number * 1e6 / us,
	    (processor_us() - busy) / (double)f.number,
	    us * (double)f.batch / (double)f.number);
	close_file(&f);
	free(f.heads);
	free(f.bytes);
	free(f.noise);
	return 0;
}
