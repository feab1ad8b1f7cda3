/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_POSTGRES_H
#define STORE_POSTGRES_H

/*
 * For the PostgreSQL files of this room only.  A store here is up to three
 * connections: the *writing* one (batches in a pipeline, never waited for), the
 * *reading* one (blocking, with a deadline) and the *bell*.
 */

#include "store/ops.h"
#include "store/postgres_batch.h"
#include "store/postgres_library.h"
#include "store/postgres_line.h"
#include "store/postgres_ops.h"

#define POSTGRES_READ_US (2 * CLOCK_SECOND) /* one question, in all */
#define POSTGRES_SAFE_US (STORE_LEASE_US * 2 / 3)
#define POSTGRES_PAGE    128 /* batches of the log read at once */

/* Where the server is: what every connect is given (postgres_where.c). */
#define WHERE_MAX 48
struct postgres_where {
	struct arena arena;
	const char *keys[WHERE_MAX + 1];
	const char *values[WHERE_MAX + 1];
	size_t count;
	const char *schema;
};
int postgres_where_read(
    struct postgres_where *where, const char *url, struct err *e) MUST_CHECK;
/* Its first half: nothing is looked up. */
int postgres_where_parse(
    struct postgres_where *where, const char *url, struct err *e) MUST_CHECK;
const char *postgres_where_value(
    const struct postgres_where *where, const char *key); /* NULL: unsaid */
/* Who we were and by what password, so that no later connect reads a file. */
void postgres_where_keep(struct postgres_where *where, const PGconn *conn);
PGconn *postgres_where_start(const struct postgres_where *where);

/* The rows of the log and of bodies that were unpacked last, so that a trail is
 * not a question a head.  Rows are never changed. */
struct unpacked {
	uint64_t first;
	struct pack_head *heads;
	size_t count; /* 0: none */
	size_t room;
	uint64_t body_first;
	int64_t body_day;
	struct buf content; /* empty: none */
};

struct postgres {
	struct store base; /* first */
	struct postgres_where where;
	struct line line;
	struct batch batches[STORE_FLIGHTS_MAX + 1]; /* a ring */
	unsigned oldest;
	unsigned flights; /* under way; the one behind them is open */
	struct pack_words *words;
	uint32_t words_stored; /* of words, those that are durable */
	struct unpacked unpacked;
	PGconn *reading;
	bool prepared[READS]; /* on the reading connection */
	bool snapshot;        /* all reads in one transaction */
	int64_t deaf_us;      /* until when no question is tried: one was not */
	struct err deaf;      /* answered, and this was the reason */
	PGconn *bell;
	bool owned;
	char node[128];
	int64_t epoch;
	int64_t held_us; /* boot clock, before the last renewal was sent */
	int64_t *days;   /* that have a partition */
	size_t day_count;
	size_t day_room;
	struct buf why;
	int64_t bell_us;    /* when it was hung up last */
	int64_t day_failed; /* could not be given a partition */
	uint64_t seed;      /* of maps whose keys come from outside */
};

int64_t boot_us(void); /* goes on while the machine sleeps */
/* The server's or libpq's last sentence on one line, never a password. */
const char *postgres_said(const struct postgres *p, const char *text);

struct store_task postgres_task_read(const PGresult *r, int row);
/* Tasks after that number, which becomes the last one's: 1, or 0: there is none
 * any more, or -1. */
int postgres_tasks_page(struct postgres *p, int64_t *after, store_task_fn *each,
    void *context, struct err *e) MUST_CHECK;
int postgres_snapshot(
    struct postgres *p, struct store **store, struct err *e) MUST_CHECK;

/* Blocking, with a deadline on the boot clock. */
int postgres_start_reading(
    struct postgres *p, int64_t deadline_us, struct err *e) MUST_CHECK;
PGconn *postgres_connect(
    struct postgres *p, int64_t deadline_us, struct err *e);
/* Of a SQLSTATE: what another try may mend.  The connection is lost (""), the
 * server goes down, is crowded or full, there is a deadlock or a lock, or the
 * primary became a standby.  Anything else is damage. */
bool postgres_passes(const char *code);
int postgres_exchange(PGconn *conn, int64_t deadline_us, PGresult **result,
    struct err *e) MUST_CHECK;
int postgres_run(struct postgres *p, PGconn *conn, const char *sql,
    int64_t wait_us, struct err *e) MUST_CHECK;
/* One question on the reading connection, which is made again if need be. */
int postgres_ask(struct postgres *p, enum read which, struct params *params,
    PGresult **result, struct err *e) MUST_CHECK;
int postgres_send(PGconn *conn, const char *name, const struct params *params);

int postgres_prepare_schema(
    struct postgres *p, unsigned flags, struct err *e) MUST_CHECK;
int postgres_words_load(struct postgres *p, struct err *e) MUST_CHECK;
int postgres_last_load(struct postgres *p, struct err *e) MUST_CHECK;
void postgres_day_make(struct postgres *p, int64_t day);
int postgres_days_ahead(struct postgres *p, struct err *e) MUST_CHECK;

void postgres_release(struct postgres *p); /* the lease, if it is ours */
void postgres_bell_hang(struct postgres *p);

#endif
