/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_POSTGRES_H
#define STORE_POSTGRES_H

/*
 * For the PostgreSQL files of this room only.  A store here is up to three
 * connections: the *writing* one (a batch is one pipelined round trip, never
 * waited for), the *reading* one (blocking, with a deadline) and the *bell*.
 */

#include <libpq-fe.h>

#include "store/ops.h"

#define POSTGRES_READ_US (2 * CLOCK_SECOND)  /* one question, in all */
#define POSTGRES_SAFE_US (STORE_LEASE_US * 2 / 3)
#define POSTGRES_PAGE    128 /* batches of the log read at once */

/* libpq, opened at run time. */
struct postgres_calls {
#define PQ_CALL(result, name, arguments) result(*name) arguments;
#include "store/postgres.def"
#undef PQ_CALL
};
extern struct postgres_calls pq;
int postgres_load(struct err *e) MUST_CHECK;

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
/* Who we were and by what password, so that no later connect reads a file. */
void postgres_where_keep(struct postgres_where *where, const PGconn *conn);
PGconn *postgres_where_start(const struct postgres_where *where);

/* Binary parameters of one statement (postgres_params.c). */
#define PARAMS_MAX 12
enum postgres_type { /* catalog/pg_type.dat */
	TYPE_BOOL = 16,
	TYPE_BYTEA = 17,
	TYPE_INT8 = 20,
	TYPE_INT4 = 23,
	TYPE_TEXT = 25,
	TYPE_TIME = 1184,
};
struct params {
	struct buf bytes;
	size_t start[PARAMS_MAX + 1];
	size_t count;
};
void params_clear(struct params *p);
void param_i32(struct params *p, int32_t value);
void param_i64(struct params *p, int64_t value);
void param_bytes(struct params *p, struct str bytes);
/* As a text that the server takes: NUL and what is no UTF-8 replaced. */
void param_text(struct params *p, struct str text);
/* An array: its head, then as many elements. */
void param_array(struct params *p, enum postgres_type type, size_t count);
void element_bool(struct params *p, bool value);
void element_i32(struct params *p, int32_t value);
void element_i64(struct params *p, int64_t value);
void element_bytes(struct params *p, struct str bytes);
void element_text(struct params *p, struct str text);
int64_t postgres_time(struct wall t); /* us since 2000 */
struct wall postgres_wall(int64_t time);

/* Columns of a binary result; a wrong size is 0 or empty. */
int64_t column_i64(const PGresult *r, int row, int column);
/* The same as a number of this room: negative is 0. */
uint64_t column_u64(const PGresult *r, int row, int column);
bool column_bool(const PGresult *r, int row, int column);
struct str column_str(const PGresult *r, int row, int column);
void auto_result_clear(PGresult **r);
#define auto_result __attribute__((cleanup(auto_result_clear))) PGresult *

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

/* What a transaction has gathered (postgres_batch.c). */
struct batch_body {
	uint64_t seq;
	int64_t day;
	struct str bytes;
};
struct batch_row {
	struct str space;
	struct str key;
	struct str value;
	uint64_t version;
	bool put;
	bool deleted; /* before it was put, or at the end */
};
struct batch {
	struct arena arena;
	struct pack_head *heads;
	size_t head_count;
	size_t head_room;
	uint64_t first;
	struct batch_body *bodies;
	size_t body_count;
	size_t body_room;
	struct batch_row *rows;
	size_t row_count;
	size_t row_room;
	struct map row_index; /* number of the row + 1 */
	struct store_task *tasks;
	size_t task_count;
	size_t task_room;
	struct map task_index;
	int64_t *drops;
	size_t drop_count;
	size_t drop_room;
	uint64_t owned_times; /* the epoch to be, 0: as it is */
	struct buf packed; /* the heads, once the commit was asked for */
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
	bool committing; /* a batch is under way, whatever the connection does */
	bool sure;       /* it is durable; only the lease is in doubt */
	bool renewing;   /* this round renews the lease */
	int sent[LINE_SENT_MAX]; /* whose replies are awaited */
	size_t sent_count;
	size_t sent_at;
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

struct postgres {
	struct store base; /* first */
	struct postgres_where where;
	struct line line;
	struct batch batch;
	struct pack_words *words;
	uint32_t words_stored; /* of words, those in the table */
	PGconn *reading;
	bool prepared[READS]; /* on the reading connection */
	bool snapshot;        /* all reads in one transaction */
	PGconn *bell;
	bool owned;
	char node[128];
	int64_t epoch;
	int64_t held_us;  /* boot clock, before the last renewal was sent */
	int64_t *days;    /* that have a partition */
	size_t day_count;
	size_t day_room;
	struct buf why;
	int64_t bell_us; /* when it was hung up last */
};

int64_t boot_us(void); /* goes on while the machine sleeps */
/* The server's or libpq's last sentence on one line, never a password. */
const char *postgres_said(const struct postgres *p, const char *text);

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
int line_send(
    struct postgres *p, enum write what, const struct params *params);
/* Entering: what a new connection does before a batch is sent on it. */
int line_enter(struct postgres *p); /* 0, or -1: lost */
void line_enter_reply(struct postgres *p, int which, const PGresult *r);
int line_entered(struct postgres *p, struct err *e) MUST_CHECK;
int line_dead(struct postgres *p, enum err_kind kind, const char *why,
    struct err *e);

/* The batch. */
void batch_clear(struct postgres *p, bool undone);
/* NULL: this batch says nothing of it. */
const struct batch_row *batch_row_find(
    const struct batch *b, struct str space, struct str key);
void batch_free(struct batch *b);
int batch_send(struct postgres *p); /* 0, or -1: the connection is lost */
void batch_pack(struct postgres *p);

/* The door's calls. */
int postgres_own(struct store *s, const char *node, uint64_t *incarnation,
    struct err *e);
void postgres_release(struct postgres *p);
int postgres_owned(struct store *s, uint64_t *times, struct err *e);
int postgres_owned_set(struct store *s, uint64_t times, struct err *e);
int postgres_head_add(
    struct store *s, const struct store_head *head, struct err *e);
int postgres_body_add(struct store *s, uint64_t seq, int64_t day,
    struct str bytes, struct err *e);
int postgres_heads_walk(struct store *s, uint64_t from, uint64_t limit,
    store_head_fn *each, void *context, struct err *e);
int postgres_head_get(struct store *s, uint64_t seq, store_head_fn *each,
    void *context, struct err *e);
int postgres_body_get(struct store *s, uint64_t seq, int64_t *day,
    struct buf *out, struct err *e);
int postgres_bodies_expire(
    struct store *s, int64_t before_day, uint64_t *count, struct err *e);
int postgres_row_put(
    struct store *s, const struct store_row *row, struct err *e);
int postgres_row_get(struct store *s, struct str space, struct str key,
    struct buf *out, uint64_t *version, struct err *e);
int postgres_row_delete(
    struct store *s, struct str space, struct str key, struct err *e);
int postgres_rows_walk(struct store *s, struct str space, struct str prefix,
    store_row_fn *each, void *context, struct err *e);
int postgres_rows_count(
    struct store *s, struct str space, uint64_t *count, struct err *e);
int postgres_task_put(
    struct store *s, const struct store_task *task, struct err *e);
int postgres_task_get(struct store *s, struct str id, store_task_fn *each,
    void *context, struct err *e);
int postgres_tasks_walk(struct store *s, const struct store_task *like,
    uint64_t limit, store_task_fn *each, void *context, struct err *e);
int postgres_live_walk(
    struct store *s, store_task_fn *each, void *context, struct err *e);
int postgres_inbox_walk(struct store *s, uint64_t limit, store_inbox_fn *each,
    void *context, struct err *e);
int postgres_inbox_drop(struct store *s, uint64_t number, struct err *e);
int postgres_backup_start(struct store *store, const char *path,
    struct store_backup **backup, struct err *e);
int postgres_backup_step(
    struct store_backup *backup, unsigned *percent, struct err *e);
void postgres_backup_free(struct store_backup *backup);
void postgres_bell_hang(struct postgres *p);
int postgres_inbox_fd(const struct store *s);
void postgres_inbox_bell(struct store *s);

#endif
