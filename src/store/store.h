/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

/*
 * What survives: the heads and bodies of the book, rows by space and key, and
 * a table of tasks for plain SQL.  Two living implementations behind one door:
 *
 *   a path          one SQLite file, one connection, exclusive lock, WAL,
 *                   each commit synced
 *   postgres://…    one PostgreSQL (15 or later, libpq at run time), shared by
 *                   nodes of which one owns the log
 *
 * Ownership.  store_own makes the caller the one writer, under a number that
 * only grows: the incarnation, which is also the epoch of the log.  SQLite: the
 * file's lock.  PostgreSQL: a lease that every commit renews; each batch is
 * appended only if its epoch is still the log's, so a deposed owner appends
 * nothing (ERR_CONFLICT, and the store is dead).
 *
 * Every store_begin is followed by exactly one commit or rollback.  A write
 * that fails breaks its transaction: everything in it is undone, later writes
 * and the commit fail with the same sentence.  Calling a write outside a
 * transaction is our own bug (must).  Reads see what is committed, and on
 * SQLite their own batch.
 *
 * Format, ownership and failures: DESIGN.
 */

#include "base/base.h"

#define STORE_HEAD_SIZE 384 /* of every head: the book's format 1 */
#define STORE_ID_SIZE   16
#define STORE_BODY_MAX  (32u << 20)
#define STORE_VALUE_MAX (8u << 20)
#define STORE_KEY_MAX   512 /* bytes of a row's key; a space has at most 32 */
#define STORE_LEASE_US  (10 * INT64_C(1000000))

struct store;

enum store_flags {
	STORE_CREATE =
	    1,          /* make the file (mode 0600) or the tables if absent */
	STORE_READ = 2, /* only to look; owns nothing, writes nothing */
};

/* ERR_MISSING without STORE_CREATE; ERR_CONFLICT if another process has the
 * file; ERR_INPUT if it is another program's or a newer Handrail's;
 * ERR_UNAVAILABLE if no server answers. */
int store_open(const char *where, unsigned flags, struct store **store,
    struct err *e) MUST_CHECK;
void store_close(struct store *store); /* undoes an open transaction */
void auto_store_close(struct store **store);
#define auto_store __attribute__((cleanup(auto_store_close))) struct store *
bool store_is_url(const char *where); /* postgres:// or postgresql:// */

/* The one writer from now on.  SQLite: at once.  PostgreSQL: ERR_CONFLICT with
 * the holder's name while its lease lives (watched for at most the rest of that
 * lease and one second more); a dead holder's log is taken over. */
int store_own(struct store *store, const char *node, uint64_t *incarnation,
    struct err *e) MUST_CHECK;

int store_begin(struct store *store, struct err *e) MUST_CHECK;
/* Waits for it. */
int store_commit(struct store *store, struct err *e) MUST_CHECK;
/*
 * The same without waiting.  1: under way; watch store_fd and call
 * store_commit_step, also when nothing comes, every second.  0: durable.
 * -1: as store_commit; ERR_CONFLICT: deposed, the house must end.
 * A lost connection is not a failure: the store connects again by itself, asks
 * by seq which batches had landed, and sends the others again.
 *
 * The next may be begun while STORE_FLIGHTS_MAX - 1 are under way, and
 * continues them: each lands only upon the one before.  A step tells of the
 * oldest; after a 0 it is asked again at once while any is in flight, it may
 * know more.  -1: the oldest failed, and with it all that are under way are
 * undone.
 */
#define STORE_FLIGHTS_MAX 4
int store_commit_start(struct store *store, struct err *e) MUST_CHECK;
int store_commit_step(struct store *store, struct err *e) MUST_CHECK;
unsigned store_in_flight(const struct store *store); /* batches under way */
/* -1: nothing to watch.  It changes with every new connection, and a step may
 * close it, unless it lasts: then it is the same while the store is open. */
int store_fd(const struct store *store, bool *for_write);
bool store_fd_lasts(const struct store *store);
/* Why a commit takes so long, as a sentence; "" when there is no reason. */
const char *store_why(const struct store *store);
/* Microseconds within which a commit, an empty one too, keeps the lease; 0: no
 * lease to keep. */
int64_t store_beat_us(const struct store *store);
/* For how long from now on nobody else can own the store: 0, not for sure;
 * INT64_MAX, no lease (SQLite). */
int64_t store_lease_left_us(const struct store *store);
void store_rollback(struct store *store);
bool store_in_transaction(const struct store *store); /* begun, not closed */
/* The disk is full but for a reserve, in which what was begun can end: the
 * store still takes everything, whoever asks for new work must be refused. */
bool store_low(const struct store *store);
/* Housekeeping of quiet moments (SQLite: moves the WAL into the file). */
int store_checkpoint(struct store *store, struct err *e) MUST_CHECK;
/* What was dropped or written over stands in no file of the store from here on
 * (SQLite; on PostgreSQL its own vacuum and log decide, nothing is done). */
int store_scrub(struct store *store, struct err *e) MUST_CHECK;
/* Reads everything (slow): ERR_IO with the first fault found. */
int store_check(struct store *store, struct err *e) MUST_CHECK;

/*
 * The book.  The bytes of `head` alone are the evidence.  `before` is the seq
 * of the previous head of the same task, 0 for its first: heads of one task are
 * a trail that is walked backwards, so that no index is written per head.
 */
struct store_head {
	uint64_t seq;        /* last + 1, else ERR_CONFLICT */
	uint64_t before;     /* < seq */
	const uint8_t *head; /* STORE_HEAD_SIZE bytes */
};

int store_head_add(struct store *store, const struct store_head *head,
    struct err *e) MUST_CHECK;
/* The body of a head that was added before in the same transaction, in the
 * order of heads; day = days since 1970, UTC. */
int store_body_add(struct store *store, uint64_t seq, int64_t day,
    struct str bytes, struct err *e) MUST_CHECK;
uint64_t store_last_seq(
    const struct store *store); /* 0: empty; sees own batch */

/* Called for each row in order; -1 with *e set ends the walk.  What it is
 * given lives until it returns.  It must not write and not walk. */
typedef int store_head_fn(
    void *context, const struct store_head *head, struct err *e);

/* from `from` on, ascending; limit 0: all. */
int store_heads_walk(struct store *store, uint64_t from, uint64_t limit,
    store_head_fn *each, void *context, struct err *e) MUST_CHECK;
/* The trail that ends at `last`, ascending; only heads after `after`. */
int store_trail_walk(struct store *store, uint64_t last, uint64_t after,
    store_head_fn *each, void *context, struct err *e) MUST_CHECK;
/* ERR_MISSING; `each` is called once. */
int store_head_get(struct store *store, uint64_t seq, store_head_fn *each,
    void *context, struct err *e) MUST_CHECK;
/* Appended to out; ERR_MISSING if there is none (any more). */
int store_body_get(struct store *store, uint64_t seq, struct buf *out,
    struct err *e) MUST_CHECK;
/* No body of an earlier day is of a head behind `last`; 0: there is none. */
int store_bodies_last(struct store *store, int64_t before_day, uint64_t *last,
    struct err *e) MUST_CHECK;
/* Drops whole days; count is of bodies. */
int store_bodies_expire(struct store *store, int64_t before_day,
    uint64_t *count, struct err *e) MUST_CHECK;

/* Rows.  The version is the caller's and never falls: a lower one than the
 * row's is ERR_CONFLICT. */
struct store_row {
	struct str space; /* "mail", "sealed", "meta", … */
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
    struct err *e) MUST_CHECK; /* absent: nothing */
/* Keys that start with prefix, ascending by bytes; an empty space: all, by
 * space, then key. */
int store_rows_walk(struct store *store, struct str space, struct str prefix,
    store_row_fn *each, void *context, struct err *e) MUST_CHECK;
int store_rows_count(struct store *store, struct str space, uint64_t *count,
    struct err *e) MUST_CHECK;

#include "store/tasks.h"

/*
 * A backup is a SQLite store: it opens, verifies and is read like any other.
 * While the house runs: start (path must not exist), then step until it is
 * done; each step is short.  It holds the book as of its last step.
 */
struct store_backup;
int store_backup_start(struct store *store, const char *path,
    struct store_backup **backup, struct err *e) MUST_CHECK;
/* 1: more to do, 0: done and durable. */
int store_backup_step(
    struct store_backup *backup, unsigned *percent, struct err *e) MUST_CHECK;
void store_backup_free(struct store_backup *backup); /* unfinished: removed */
/* Everything of `from` into the empty store `to`, in transactions of its own;
 * `to` then has been owned as often as `from`. */
int store_copy(struct store *from, struct store *to, struct err *e) MUST_CHECK;

#endif
