/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "store/postgres.h"

/* Questions that are waited for: at the open, when the log is taken over, and
 * every read of a running house.  Each has a deadline, the connect included. */

#define DEAF_US (2 * CLOCK_SECOND) /* after a question without an answer */

static const struct {
	const char *name;
	const char *sql;
} reads[] = {
#define WRITE(name, sql)
#define READ(name, sql) [READ_##name] = { "read_" #name, sql },
#include "store/postgres_statements.def"
#undef WRITE
#undef READ
};

int64_t
boot_us(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_BOOTTIME, &t) == 0);
	return t.tv_sec * CLOCK_SECOND + t.tv_nsec / 1000;
}

/* libpq says which server it asked before what that one has against us, once
 * for each in the URL.  A quote is short: the last reason is what stands in it.
 */
const char *
postgres_said(const struct postgres *p, const char *text)
{
	static const char named[] = " failed: ";
	const char *reason = text;
	const char *found;

	(void)p;
	while ((found = strstr(reason, named)) != NULL) {
		reason = found + strlen(named);
	}
	return err_quote((struct str){ reason, strcspn(reason, "\n") });
}

/* 0: something moved; -1: the deadline passed. */
static int
wait_for(const PGconn *conn, short events, int64_t deadline_us)
{
	struct pollfd one = { .fd = pq.socket(conn), .events = events };
	int64_t left = deadline_us - boot_us();
	int rc;

	if (left <= 0) {
		return -1;
	}
	rc = poll(&one, 1, (int)(left / 1000) + 1);
	return rc > 0 || (rc < 0 && errno == EINTR) ? 0 : -1;
}

/* libpq's own notices would go to stderr. */
static void
ignore_notice(void *context, const char *text)
{
	(void)context;
	(void)text;
}

PGconn *
postgres_connect(struct postgres *p, int64_t deadline_us, struct err *e)
{
	PGconn *conn = postgres_where_start(&p->where);
	PostgresPollingStatusType wants = PGRES_POLLING_WRITING;
	bool late = false;

	while (wants != PGRES_POLLING_OK && wants != PGRES_POLLING_FAILED &&
	       !late && pq.status(conn) != CONNECTION_BAD) {
		late = wait_for(conn,
		           wants == PGRES_POLLING_READING ? POLLIN : POLLOUT,
		           deadline_us) < 0;
		wants = late ? wants : pq.connectPoll(conn);
	}
	if (wants == PGRES_POLLING_OK) {
		(void)pq.setNoticeProcessor(conn, ignore_notice, NULL);
		must(pq.setnonblocking(conn, 1) == 0);
		return conn;
	}
	(void)err_set(e, ERR_UNAVAILABLE, "no connection to PostgreSQL: %s",
	    late ? "nobody answered in time"
	         : postgres_said(p, pq.errorMessage(conn)));
	pq.finish(conn);
	return NULL;
}

static int
send_all(PGconn *conn, int64_t deadline_us)
{
	int rc;

	while ((rc = pq.flush(conn)) == 1) {
		if (wait_for(conn, POLLIN | POLLOUT, deadline_us) < 0 ||
		    !pq.consumeInput(conn)) {
			return -1;
		}
	}
	return rc;
}

static int
receive(PGconn *conn, int64_t deadline_us)
{
	while (pq.isBusy(conn)) {
		if (wait_for(conn, POLLIN, deadline_us) < 0 ||
		    !pq.consumeInput(conn)) {
			return -1;
		}
	}
	return 0;
}

static int
refused(const PGresult *r, struct err *e)
{
	const char *code = pq.resultErrorField(r, PG_DIAG_SQLSTATE);
	const char *text = pq.resultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	bool away = postgres_passes(code ? code : "");

	return err_set(e, away ? ERR_UNAVAILABLE : ERR_IO,
	    "PostgreSQL said: %s (%s)",
	    err_quote(str_of(text ? text : "nothing")), code ? code : "-");
}

/* The result of what was just sent; everything behind it is read too. */
int
postgres_exchange(
    PGconn *conn, int64_t deadline_us, PGresult **result, struct err *e)
{
	auto_result first = NULL;
	PGresult *r = NULL;
	ExecStatusType status;

	if (send_all(conn, deadline_us) || receive(conn, deadline_us)) {
		return err_set(
		    e, ERR_UNAVAILABLE, "PostgreSQL did not answer in time");
	}
	while ((r = pq.getResult(conn))) {
		if (!first || pq.resultStatus(first) != PGRES_FATAL_ERROR) {
			auto_result_clear(&first);
			first = r;
		} else {
			pq.clear(r);
		}
		if (receive(conn, deadline_us)) {
			return err_set(e, ERR_UNAVAILABLE,
			    "PostgreSQL did not answer in time");
		}
	}
	if (!first) {
		return err_set(
		    e, ERR_UNAVAILABLE, "the connection to PostgreSQL is lost");
	}
	status = pq.resultStatus(first);
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
		return refused(first, e);
	}
	*result = first;
	first = NULL;
	return 0;
}

int
postgres_send(PGconn *conn, const char *name, const struct params *params)
{
	const char *values[PARAMS_MAX];
	int lengths[PARAMS_MAX];
	int formats[PARAMS_MAX];

	for (size_t i = 0; i < params->count; i++) {
		size_t end = i + 1 < params->count ? params->start[i + 1]
		                                   : params->bytes.len;

		values[i] = end == params->start[i]
		                ? ""
		                : params->bytes.at + params->start[i];
		lengths[i] = (int)(end - params->start[i]);
		formats[i] = 1;
	}
	return pq.sendQueryPrepared(
	           conn, name, (int)params->count, values, lengths, formats, 1)
	           ? 0
	           : -1;
}

/* SQL that gives no rows, several statements too (then one transaction). */
int
postgres_run(struct postgres *p, PGconn *conn, const char *sql, int64_t wait_us,
    struct err *e)
{
	auto_result done = NULL;

	(void)p;
	if (!pq.sendQuery(conn, sql)) {
		return err_set(
		    e, ERR_UNAVAILABLE, "the connection to PostgreSQL is lost");
	}
	return postgres_exchange(conn, boot_us() + wait_us, &done, e);
}

static void
stop_reading(struct postgres *p)
{
	if (p->reading) {
		pq.finish(p->reading);
	}
	p->reading = NULL;
	memset(p->prepared, 0, sizeof(p->prepared));
}

/* A standby may be behind: nothing is decided from it. */
int
postgres_start_reading(struct postgres *p, int64_t deadline_us, struct err *e)
{
	auto_result r = NULL;

	p->reading = postgres_connect(p, deadline_us, e);
	if (!p->reading) {
		return -1;
	}
	if (pq.sendQueryParams(p->reading,
	        "SELECT pg_is_in_recovery(),"
	        " set_config('statement_timeout', '2s', false)",
	        0, NULL, NULL, NULL, NULL, 1) &&
	    postgres_exchange(p->reading, deadline_us, &r, e) == 0 &&
	    !column_bool(r, 0, 0)) {
		return 0;
	}
	if (r) {
		(void)err_set(e, ERR_UNAVAILABLE,
		    "that PostgreSQL is a standby; wait for its promotion");
	}
	stop_reading(p);
	return -1;
}

static int
ask_once(struct postgres *p, enum read which, struct params *params,
    int64_t deadline_us, PGresult **result, struct err *e)
{
	auto_result prepared = NULL;

	if (!p->reading && postgres_start_reading(p, deadline_us, e)) {
		return -1;
	}
	if (!p->prepared[which]) {
		if (!pq.sendPrepare(p->reading, reads[which].name,
		        reads[which].sql, 0, NULL) ||
		    postgres_exchange(p->reading, deadline_us, &prepared, e)) {
			return -1;
		}
		p->prepared[which] = true;
	}
	if (postgres_send(p->reading, reads[which].name, params)) {
		return -1;
	}
	return postgres_exchange(p->reading, deadline_us, result, e);
}

/* Whoever asks would wait in vain, and everybody with him: the writing line has
 * tried again and found nobody, or a question had no answer a moment ago. */
static bool
is_away(struct postgres *p, struct err *e)
{
	const struct line *line = &p->line;

	if (p->owned && line->state != LINE_READY && line->tries > 1) {
		(void)err_set(e, ERR_UNAVAILABLE, "%s", buf_z(&p->why));
		return true;
	}
	if (boot_us() < p->deaf_us) {
		*e = p->deaf;
		return true;
	}
	return false;
}

static int
ask_patiently(struct postgres *p, enum read which, struct params *params,
    PGresult **result, struct err *e)
{
	int64_t deadline_us = boot_us() + POSTGRES_READ_US;
	bool was_open = p->reading != NULL;

	(void)err_set(
	    e, ERR_UNAVAILABLE, "the connection to PostgreSQL is lost");
	if (ask_once(p, which, params, deadline_us, result, e) == 0) {
		return 0;
	}
	if (e->kind != ERR_UNAVAILABLE || p->snapshot) {
		return -1;
	}
	/* It may have been dead for hours: one new one is tried. */
	stop_reading(p);
	if (was_open &&
	    ask_once(p, which, params, deadline_us, result, e) == 0) {
		return 0;
	}
	if (e->kind == ERR_UNAVAILABLE) {
		stop_reading(p);
	}
	return -1;
}

int
postgres_ask(struct postgres *p, enum read which, struct params *params,
    PGresult **result, struct err *e)
{
	if (is_away(p, e)) {
		return -1;
	}
	if (ask_patiently(p, which, params, result, e) == 0) {
		return 0;
	}
	if (p->owned && e->kind == ERR_UNAVAILABLE) {
		p->deaf = *e;
		p->deaf_us = boot_us() + DEAF_US;
	}
	return -1;
}
