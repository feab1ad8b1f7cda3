/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

/* For the files of the SQLite store only. */

#include <sqlite3.h>

#include "store/later.h"
#include "store/ops.h"
#include "store/pack.h"
#include "store/reserve.h"
#include "store/sqlite_held.h"

enum statement {
#define STATEMENT(name, sql) STATEMENT_##name,
#include "store/statements.def"
#undef STATEMENT
	STATEMENTS
};

/* Batches that are in the log and whose sync was only started. */
struct flights {
	struct later later;
	uint64_t tickets[STORE_FLIGHTS_MAX]; /* oldest first; 0: it failed */
	struct err failed; /* why, of the last one; kind 0: it did not */
};

#define SPAN_UNKNOWN INT64_MIN

struct sqlite {
	struct store store;
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	struct pack_words *words;
	uint32_t words_committed;
	uint32_t words_written; /* of this batch too */
	struct pending pending;
	int64_t span_day; /* of the last span of bodies; or SPAN_UNKNOWN */
	struct unpacked unpacked;
	struct ends ends;
	struct ahead ahead;
	struct buf packed; /* scratch */
	struct reserve reserve;
	struct flights flights;
	int log_frames; /* in the log's file after the last commit */
	int database;   /* see sqlite_file_begin */
};

struct sqlite *sqlite_of(struct store *store);
/* What SQLite just said, as an error with a sentence; returns -1. */
int sqlite_fault(struct sqlite *s, const char *doing, struct err *e);
/* A sync has failed: the store is dead.  Returns -1. */
int sqlite_unconfirmed(struct sqlite *s, const char *doing, struct err *e);
/* Runs SQL that gives no rows. */
int sqlite_run(struct sqlite *s, const char *sql, const char *doing,
    struct err *e) MUST_CHECK;
/* One value of SQL that gives one row. */
int sqlite_ask(struct sqlite *s, const char *sql, struct buf *answer,
    struct err *e) MUST_CHECK;
/* Made once; later calls do nothing. */
int sqlite_prepare(
    struct sqlite *s, enum statement which, struct err *e) MUST_CHECK;
/* One number from a statement that gives one row. */
int sqlite_number(struct sqlite *s, enum statement which, uint64_t *number,
    struct err *e) MUST_CHECK;

/* Steps of steps.def: which was made last (nothing was written yet), and those
 * that follow it. */
int sqlite_shape(struct sqlite *s, int64_t *step, struct err *e) MUST_CHECK;
int sqlite_steps(struct sqlite *s, int64_t done, struct err *e) MUST_CHECK;
int sqlite_last_step(void);
/* Step 4: heads and bodies of one row each become packed rows. */
int sqlite_step_pack(struct sqlite *s, struct err *e) MUST_CHECK;

void bind_text(sqlite3_stmt *statement, int at, struct str text);
void bind_blob(sqlite3_stmt *statement, int at, struct str bytes);
void bind_number(sqlite3_stmt *statement, int at, int64_t number);
struct str column_text(sqlite3_stmt *statement, int at);
struct str column_blob(sqlite3_stmt *statement, int at);

/* Steps a bound statement that gives no rows, and resets it. */
int write_step(struct sqlite *s, enum statement which, const char *doing,
    struct err *e) MUST_CHECK;
/* Steps a bound read: 1 a row is there, 0 no more (reset), -1 fault (reset, and
 * the transaction broken). */
int read_step(struct sqlite *s, enum statement which, struct err *e) MUST_CHECK;
void read_end(struct sqlite *s, enum statement which);

/* Transactions (sqlite_run.c). */
int sqlite_own(struct store *store, const char *node, uint64_t *incarnation,
    struct err *e);
int sqlite_owned(struct store *store, uint64_t *times, struct err *e);
int sqlite_owned_set(struct store *store, uint64_t times, struct err *e);
int sqlite_begin(struct store *store, struct err *e);
void sqlite_rollback(struct store *store);
void sqlite_undo(struct sqlite *s); /* what SQLite has of it */
int sqlite_checkpoint(struct store *store, struct err *e);
int sqlite_scrub(struct store *store, struct err *e);

/* Commits (sqlite_flight.c). */
void sqlite_flights_open(struct sqlite *s);
int sqlite_commit(struct store *store, struct err *e);
int sqlite_step(struct store *store, struct err *e);
int sqlite_fd(const struct store *store, bool *for_write);
/* -1: the batch behind which nothing can be begun. */
int sqlite_flights_may_begin(const struct sqlite *s, struct err *e) MUST_CHECK;
/* What is under way is durable from here on, or the store is dead. */
int sqlite_flights_wait(struct sqlite *s, struct err *e) MUST_CHECK;

/* Ends of tasks (sqlite_ends.c). */
int sqlite_end_add(
    struct sqlite *s, const struct store_task *task, struct err *e) MUST_CHECK;
int sqlite_ends_flush(struct sqlite *s, struct err *e) MUST_CHECK;
void sqlite_ends_forget(struct sqlite *s);

/* The log (sqlite_log.c).  flush writes what is pending as rows. */
int sqlite_load_log(struct sqlite *s, struct err *e) MUST_CHECK;
int sqlite_flush(struct sqlite *s, struct err *e) MUST_CHECK;
void sqlite_forget(struct sqlite *s); /* pending, unpacked, new words */
void sqlite_log_fini(struct sqlite *s);
int sqlite_head_add(
    struct store *store, const struct store_head *head, struct err *e);
int sqlite_body_add(struct store *store, uint64_t seq, int64_t day,
    struct str bytes, struct err *e);
int sqlite_heads_walk(struct store *store, uint64_t from, uint64_t limit,
    store_head_fn *each, void *context, struct err *e);
int sqlite_head_get(struct store *store, uint64_t seq, store_head_fn *each,
    void *context, struct err *e);
int sqlite_body_get(struct store *store, uint64_t seq, int64_t *day,
    struct buf *out, struct err *e);
int sqlite_bodies_last(
    struct store *store, int64_t before_day, uint64_t *last, struct err *e);
int sqlite_bodies_expire(
    struct store *store, int64_t before_day, uint64_t *count, struct err *e);
/* All rows of the log and all bodies, one by one (sqlite_check.c). */
int sqlite_check(struct store *store, struct err *e);

/* Rows and tasks (sqlite_rows.c, sqlite_tasks.c). */
int sqlite_row_put(
    struct store *store, const struct store_row *row, struct err *e);
int sqlite_row_get(struct store *store, struct str space, struct str key,
    struct buf *out, uint64_t *version, struct err *e);
int sqlite_row_delete(
    struct store *store, struct str space, struct str key, struct err *e);
int sqlite_rows_walk(struct store *store, struct str space, struct str prefix,
    store_row_fn *each, void *context, struct err *e);
int sqlite_rows_count(
    struct store *store, struct str space, uint64_t *count, struct err *e);
int sqlite_task_put(
    struct store *store, const struct store_task *task, struct err *e);
int sqlite_task_get(struct store *store, struct str id, store_task_fn *each,
    void *context, struct err *e);
int sqlite_task_record(struct store *store, uint64_t number, struct str id,
    struct buf *out, struct err *e); /* sqlite_records.c */
/* wall_text; most are of the day of the last one. */
struct str sqlite_time_text(struct wall t, char text[WALL_TEXT_MAX]);
/* A task of this number is written. */
void sqlite_ahead_forget(struct sqlite *s, uint64_t number);
int sqlite_tasks_walk(struct store *store, const struct store_task *like,
    uint64_t limit, store_task_fn *each, void *context, struct err *e);
int sqlite_tasks_all(
    struct store *store, store_task_fn *each, void *context, struct err *e);
int sqlite_live_walk(
    struct store *store, store_task_fn *each, void *context, struct err *e);

/* Backups (sqlite_backup.c). */
int sqlite_backup_start(struct store *store, const char *path,
    struct store_backup **backup, struct err *e);
int sqlite_backup_step(
    struct store_backup *backup, unsigned *percent, struct err *e);
void sqlite_backup_free(struct store_backup *backup);

#endif
