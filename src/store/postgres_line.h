/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_POSTGRES_LINE_H
#define STORE_POSTGRES_LINE_H

/* The writing connection: a machine of states (DESIGN), its rounds and their
 * replies. */

#include "store/postgres_library.h"
#include "store/store.h"

struct postgres;

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

/* The writing connection (postgres_line.c, postgres_round.c,
 * postgres_enter.c). */
enum line_state {
	LINE_DOWN,       /* no connection, nobody misses it */
	LINE_WAITING,    /* for the moment of the next try */
	LINE_CONNECTING, /* libpq's own handshake */
	LINE_ENTERING,   /* fencing off our older connection, asking the log */
	LINE_READY,      /* rounds may be sent, and some may be in the air */
};
/* What one Sync ends: one transaction, whole or not at all. */
enum round_kind { ROUND_ENTER, ROUND_BATCH, ROUND_BEAT };
#define ROUND_SENT_MAX (WRITES + 8)
struct round {
	enum round_kind kind;
	bool renewing;   /* it renews the lease */
	int64_t sent_us; /* before it was sent */
	size_t sent_count;
	uint8_t sent[ROUND_SENT_MAX]; /* whose replies are awaited */
};
#define LINE_ROUNDS_MAX (STORE_FLIGHTS_MAX + 1) /* and a heartbeat */
struct line {
	PGconn *conn;
	enum line_state state;
	PostgresPollingStatusType wants; /* while connecting */
	bool unflushed;
	struct round rounds[LINE_ROUNDS_MAX]; /* a ring: */
	unsigned round_first;                 /* the one that is answered now */
	unsigned round_count;
	size_t sent_at; /* of its statements, that whose reply is due */
	/* Of the batches under way, from the oldest: */
	unsigned landed; /* are in the log; the lease may be in doubt */
	unsigned sent;   /* were sent on this connection, or are in the log */
	bool refused; /* the one behind those that landed, and so all behind */
	bool again;   /* it is sent once more, and so are they */
	struct err refusal;
	bool warned; /* the server had more to say than its replies */
	bool failed; /* a reply of this round was an error: */
	int failed_at;
	char code[6]; /* its SQLSTATE, "" if the connection failed */
	struct err error;
	int64_t renewed_us;  /* when a renewal was sent last */
	int64_t heard_us;    /* when something moved last */
	int64_t patience_us; /* how long nothing may move */
	int64_t retry_us;    /* when the next try starts */
	int64_t backoff_us;
	unsigned tries; /* to get a line, since there was one */
	int64_t session;
	bool standby; /* found when entering, as what follows: */
	bool deposed;
	uint64_t log_first; /* the last row of the log, 0 if it is empty */
	uint64_t log_count;
	struct buf log_heads;
};

/* The line.  line_go sends what was closed since and reads nothing: whoever
 * watches the connection sees what comes of it. */
void line_go(struct postgres *p);
/* 1 nothing new, 0 the oldest batch is durable (or there is none, and the line
 * is ready), -1 it was refused, and with it all behind it. */
int line_step(struct postgres *p, struct err *e) MUST_CHECK;
int line_fd(const struct postgres *p, bool *for_write);
void line_connect(struct postgres *p);
void line_lost(struct postgres *p, const char *why);
void line_close(struct postgres *p);
bool line_lease_safe(const struct postgres *p);

/* Rounds (postgres_round.c); 0, or -1: lost. */
struct round *round_open(struct postgres *p, enum round_kind kind);
int round_end(struct postgres *p);
int line_send(struct postgres *p, enum write what, const struct params *params);
/* Whose log it must be, and the head that it must end with. */
void line_guard(
    const struct postgres *p, uint64_t after, struct params *params);
int line_flush(struct postgres *p);
/* Whatever may be sent now is sent. */
void line_pump(struct postgres *p);
void line_beat(struct postgres *p); /* a renewal, unless one is in the air */

/* Replies (postgres_reply.c): 1 those of a round are all here, 0 some are
 * awaited, -1 lost. */
int line_replies(struct postgres *p);
struct round *round_answered(struct postgres *p); /* now */
/* The first round was refused: 0, or -1: the store is dead. */
int line_refused(
    struct postgres *p, const struct round *round, struct err *e) MUST_CHECK;
/* Entering: what a new connection does before a batch is sent on it. */
int line_enter(struct postgres *p); /* 0, or -1: lost */
void line_enter_reply(struct postgres *p, int which, const PGresult *r);
int line_entered(struct postgres *p, struct err *e) MUST_CHECK;
int line_dead(
    struct postgres *p, enum err_kind kind, const char *why, struct err *e);

#endif
