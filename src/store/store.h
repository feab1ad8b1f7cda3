/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

/*
 * What survives: the heads and bodies of the book, rows by space and key, and
 * a table of tasks for plain SQL.  One SQLite file, one connection, exclusive
 * lock (a second opener gets ERR_CONFLICT), WAL, synchronous=FULL: when
 * store_commit returns 0, the batch is on the disk, whole.
 *
 * Every store_begin is followed by exactly one store_commit or store_rollback.
 * A write that fails breaks its transaction: everything in it is undone, later
 * writes and the commit fail with the same sentence.  Calling a write outside a
 * transaction is our own bug (must).  ERR_IO: the disk said no; after a full
 * disk the store goes on when there is room again, after a failed fsync it
 * refuses everything until it is opened anew (nobody knows what is on the
 * disk).
 *
 * Never open the file by another way in the same process: closing that
 * descriptor would drop the lock (POSIX).  Schema: DESIGN.
 */

#include "base/base.h"

#define STORE_HEAD_MAX  1024
#define STORE_LEAF_SIZE 32
#define STORE_ID_SIZE   16
#define STORE_BODY_MAX  (32u << 20)
#define STORE_VALUE_MAX (8u << 20)
#define STORE_KEY_MAX   512 /* bytes of a row's key; a space has at most 32 */

struct store;

enum store_flags {
	STORE_CREATE = 1, /* make the file (mode 0600) if it is absent */
};

/* ERR_MISSING without STORE_CREATE; ERR_CONFLICT if another process has it;
 * ERR_INPUT if it is another program's file or a newer Handrail's. */
int store_open(const char *path, unsigned flags, struct store **store,
    struct err *e) MUST_CHECK;
void store_close(struct store *store); /* undoes an open transaction */
void auto_store_close(struct store **store);
#define auto_store __attribute__((cleanup(auto_store_close))) struct store *

int store_begin(struct store *store, struct err *e) MUST_CHECK;
int store_commit(struct store *store, struct err *e) MUST_CHECK;
void store_rollback(struct store *store);
bool store_in_transaction(const struct store *store);
/* Counts the writers of this file: 1, 2, 3, …; commits by itself. */
int store_incarnation_next(
    struct store *store, uint64_t *incarnation, struct err *e) MUST_CHECK;
/* Moves what the WAL holds into the file; for quiet moments. */
int store_checkpoint(struct store *store, struct err *e) MUST_CHECK;
/* Reads every page (slow): ERR_IO with the first fault found. */
int store_check(struct store *store, struct err *e) MUST_CHECK;

/* The book.  Columns repeat what the head says, for SQL and for filters; the
 * bytes of `head` alone are the evidence, whoever verifies compares both. */
struct store_head {
	uint64_t seq;        /* last + 1, else ERR_CONFLICT */
	int64_t time_us;     /* wall */
	struct str kind;     /* a name */
	const uint8_t *task; /* STORE_ID_SIZE bytes or NULL */
	const uint8_t *run;  /* the same */
	const uint8_t *leaf; /* STORE_LEAF_SIZE bytes */
	struct str head;
};

int store_head_add(struct store *store, const struct store_head *head,
    struct err *e) MUST_CHECK;
/* The body of a head that was added before; day = days since 1970, UTC. */
int store_body_add(struct store *store, uint64_t seq, int64_t day,
    struct str bytes, struct err *e) MUST_CHECK;
uint64_t store_last_seq(
    const struct store *store); /* 0: empty; sees own batch */

/* Called for each row in order; -1 with *e set ends the walk.  What it is
 * given lives until it returns.  It must not write and not walk. */
typedef int store_head_fn(
    void *context, const struct store_head *head, struct err *e);

struct store_heads {
	uint64_t from;       /* first seq */
	uint64_t limit;      /* at most so many; 0: all */
	const uint8_t *task; /* only of this task, or NULL */
	const uint8_t *run;  /* only of this run, or NULL; not both */
};
int store_heads_walk(struct store *store, const struct store_heads *which,
    store_head_fn *each, void *context, struct err *e) MUST_CHECK;
int store_leaf_get(struct store *store, uint64_t seq,
    uint8_t leaf[STORE_LEAF_SIZE], struct err *e) MUST_CHECK;
/* Appended to out; ERR_MISSING if there is none (any more). */
int store_body_get(struct store *store, uint64_t seq, struct buf *out,
    struct err *e) MUST_CHECK;
int store_bodies_expire(struct store *store, int64_t before_day,
    uint64_t *count, struct err *e) MUST_CHECK;

/* Rows.  The version is the caller's and never falls: a lower one than the
 * row's is ERR_CONFLICT. */
struct store_row {
	struct str space; /* "task", "mail", "sealed", "meta", … */
	struct str key;
	struct str value;
	uint64_t version;
};
typedef int store_row_fn(
    void *context, const struct store_row *row, struct err *e);

int store_row_put(
    struct store *store, const struct store_row *row, struct err *e) MUST_CHECK;
/* value appended to out; version may be NULL; ERR_MISSING if absent. */
int store_row_get(struct store *store, struct str space, struct str key,
    struct buf *out, uint64_t *version, struct err *e) MUST_CHECK;
int store_row_delete(struct store *store, struct str space, struct str key,
    struct err *e) MUST_CHECK; /* absent: ERR_MISSING, transaction unbroken */
/* Keys that start with prefix, ascending by bytes. */
int store_rows_walk(struct store *store, struct str space, struct str prefix,
    store_row_fn *each, void *context, struct err *e) MUST_CHECK;
int store_rows_count(struct store *store, struct str space, uint64_t *count,
    struct err *e) MUST_CHECK;

/* Tasks, as plain SQL sees them: a projection, written at put and outcome. */
struct store_task {
	struct str id;
	struct str queue;
	struct str subject;
	struct str state;
	struct str owner;
	struct wall created_at;
	struct wall updated_at;
	struct str record; /* JSON */
};
typedef int store_task_fn(
    void *context, const struct store_task *task, struct err *e);
int store_task_put(struct store *store, const struct store_task *task,
    struct err *e) MUST_CHECK;
/* Newest first; empty queue or state: any; limit 0: all. */
int store_tasks_walk(struct store *store, const struct store_task *like,
    uint64_t limit, store_task_fn *each, void *context,
    struct err *e) MUST_CHECK;

#endif
