/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_POSTGRES_H
#define STORE_POSTGRES_H

/*
 * For the PostgreSQL files of this room only.  A store here is up to three
 * connections: the *writing* one (a batch is one pipelined round trip, never
 * waited for), the *reading* one (blocking, with a deadline) and the *bell*.
 */

#include "store/ops.h"
#include "store/postgres_batch.h"
#include "store/postgres_library.h"
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

enum write {
#define WRITE(name, sql) WRITE_##name,
#define READ(name, sql)
#include "store/postgres_statements.def"
#undef WRITE
#undef READ
	WRITES
};
enum read {
#define WRITE(name, sql)
#define READ(name, sql) READ_##name,
#include "store/postgres_statements.def"
#undef WRITE
#undef READ
	READS
};

/* The writing connection (postgres_line.c, postgres_enter.c). */
enum line_state {
	LINE_DOWN,       /* no connection, nobody misses it */
	LINE_WAITING,    /* for the moment of the next try */
	LINE_CONNECTING, /* libpq's own handshake */
	LINE_ENTERING,   /* fencing off our older connection, asking the log */
	LINE_READY,
	LINE_SENDING, /* a batch or a heartbeat, and its replies */
};
#define LINE_SENT_MAX (WRITES + 8)
struct line {
	PGconn *conn;
	enum line_state state;
	PostgresPollingStatusType wants; /* while connecting */
	bool unflushed;
	bool
	    committing; /* a batch is under way, whatever the connection does */
	bool sure;      /* it is durable; only the lease is in doubt */
	bool renewing;  /* this round renews the lease */
	int sent[LINE_SENT_MAX]; /* whose replies are awaited */
	size_t sent_count;
	size_t sent_at;
	bool warned; /* the server had more to say than its replies */
	bool failed; /* a reply of this round was an error: */
	int failed_at;
	char code[6]; /* its SQLSTATE, "" if the connection failed */
	struct err error;
	int64_t sent_us;     /* before this round was sent */
	int64_t heard_us;    /* when something moved last */
	int64_t patience_us; /* how long nothing may move */
	int64_t retry_us;    /* when the next try starts */
	int64_t backoff_us;
	int64_t session;
	bool standby; /* found when entering, as what follows: */
	bool deposed;
	uint64_t log_first; /* the last row of the log, 0 if it is empty */
	uint64_t log_count;
	struct buf log_heads;
};

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
	struct batch batch;
	struct pack_words *words;
	uint32_t words_stored; /* of words, those in the table */
	struct unpacked unpacked;
	PGconn *reading;
	bool prepared[READS]; /* on the reading connection */
	bool snapshot;        /* all reads in one transaction */
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

/* The line: 1 under way, 0 done, -1. */
int line_commit(struct postgres *p, struct err *e) MUST_CHECK;
int line_step(struct postgres *p, struct err *e) MUST_CHECK;
int line_fd(const struct postgres *p, bool *for_write);
void line_connect(struct postgres *p);
void line_lost(struct postgres *p, const char *why);
void line_close(struct postgres *p);
/* 0, or -1: lost. */
int line_send(struct postgres *p, enum write what, const struct params *params);
int line_flush(struct postgres *p); /* 0, or -1: lost */
/* 1 all replies of the round are here, 0 some are awaited, -1 lost. */
int line_replies(struct postgres *p);
/* The batch was refused, and with it all its statements. */
int line_refused(struct postgres *p, struct err *e) MUST_CHECK;
/* Entering: what a new connection does before a batch is sent on it. */
int line_enter(struct postgres *p); /* 0, or -1: lost */
void line_enter_reply(struct postgres *p, int which, const PGresult *r);
int line_entered(struct postgres *p, struct err *e) MUST_CHECK;
int line_dead(
    struct postgres *p, enum err_kind kind, const char *why, struct err *e);

void postgres_release(struct postgres *p); /* the lease, if it is ours */
void postgres_bell_hang(struct postgres *p);

#endif
