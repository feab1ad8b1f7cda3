/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <string.h>

#include "store/postgres.h"

/* The writing connection as a machine of states: DESIGN has the table.  Nothing
 * here waits; line_step goes as far as it can. */

#define BACKOFF_MIN  (CLOCK_SECOND / 10)
#define BACKOFF_MAX  (2 * CLOCK_SECOND)
#define PATIENCE_MIN (5 * CLOCK_SECOND)
#define PATIENCE_MAX (40 * CLOCK_SECOND)
#define RENEW_US     CLOCK_SECOND /* the lease is renewed at most as often */

static const char *const write_names[WRITES] = {
#define WRITE(name, sql) [WRITE_##name] = "write_" #name,
#define READ(name, sql)
#include "store/postgres_statements.def"
#undef WRITE
#undef READ
};

static void
heard(struct postgres *p)
{
	p->line.heard_us = boot_us();
}

void
line_close(struct postgres *p)
{
	if (p->line.conn) {
		pq.finish(p->line.conn);
	}
	p->line.conn = NULL;
	p->line.state = LINE_DOWN;
}

/* Tries again: at once, then later each time, and by chance not together with
 * other nodes. */
void
line_lost(struct postgres *p, const char *why)
{
	struct line *line = &p->line;
	uint16_t jitter = 0;

	buf_clear(&p->why);
	buf_addf(&p->why, "PostgreSQL: %s; connecting again", why);
	line_close(p);
	random_bytes(&jitter, sizeof(jitter));
	line->retry_us = boot_us() + line->backoff_us / 2 +
	                 line->backoff_us / 2 * jitter / UINT16_MAX;
	line->backoff_us =
	    line->backoff_us ? line->backoff_us * 2 : BACKOFF_MIN;
	if (line->backoff_us > BACKOFF_MAX) {
		line->backoff_us = BACKOFF_MAX;
	}
	line->state = LINE_WAITING;
}

/* The store can never again do what it was opened for. */
int
line_dead(
    struct postgres *p, enum err_kind kind, const char *why, struct err *e)
{
	line_close(p);
	p->line.committing = false;
	(void)err_set(&p->base.fault, kind, "%s", why);
	p->base.state = STORE_DEAD;
	p->owned = false;
	*e = p->base.fault;
	return -1;
}

void
line_connect(struct postgres *p)
{
	p->line.conn = postgres_where_start(&p->where);
	p->line.wants = PGRES_POLLING_WRITING;
	p->line.state = LINE_CONNECTING;
	heard(p);
	if (pq.status(p->line.conn) == CONNECTION_BAD) {
		line_lost(p, postgres_said(p, pq.errorMessage(p->line.conn)));
	}
}

int
line_send(struct postgres *p, enum write what, const struct params *params)
{
	must(p->line.sent_count < LINE_SENT_MAX);
	if (postgres_send(p->line.conn, write_names[what], params)) {
		return -1;
	}
	p->line.sent[p->line.sent_count++] = (int)what;
	return 0;
}

int
line_flush(struct postgres *p)
{
	int rc = pq.flush(p->line.conn);

	p->line.unflushed = rc == 1;
	return rc < 0 ? -1 : 0;
}

/* A round: what one Sync ends is one transaction, whole or not at all. */
static int
end_round(struct postgres *p, enum line_state state)
{
	struct line *line = &p->line;

	line->sent_at = 0;
	line->failed = false;
	line->warned = false;
	line->state = state;
	heard(p);
	return pq.pipelineSync(line->conn) && line_flush(p) == 0 ? 0 : -1;
}

static int
send_fenced(struct postgres *p, enum write what)
{
	struct params params = { 0 };
	int rc;

	param_i64(&params, p->epoch);
	param_i64(&params, p->line.session);
	rc = line_send(p, what, &params);
	buf_fini(&params.bytes);
	return rc;
}

/* The guard comes first: its lock on the owner's row keeps a rival out until
 * this transaction has ended, and if the row is not ours any more it fails and
 * all that follows is skipped by the server. */
static void
send_round(struct postgres *p)
{
	struct line *line = &p->line;

	line->sent_us = boot_us();
	line->sent_count = 0;
	line->renewing = line->sure || line->sent_us - p->held_us >= RENEW_US;
	if (send_fenced(p, WRITE_GUARD) || (!line->sure && batch_send(p)) ||
	    (line->renewing && send_fenced(p, WRITE_RENEW)) ||
	    end_round(p, LINE_SENDING)) {
		line_lost(p, postgres_said(p, pq.errorMessage(line->conn)));
	}
}

static bool
ready_for(const PGconn *conn, short events)
{
	struct pollfd one = { .fd = pq.socket(conn), .events = events };

	return poll(&one, 1, 0) > 0;
}

/* A warning beside a commit is the server's way to say that it gave up waiting
 * for its synchronous standby (somebody cancelled the statement). */
static void
note_warning(void *context, const char *text)
{
	struct postgres *p = context;

	(void)text;
	p->line.warned = true;
}

static void
go_on_connecting(struct postgres *p)
{
	struct line *line = &p->line;

	if (!ready_for(line->conn,
	        line->wants == PGRES_POLLING_READING ? POLLIN : POLLOUT)) {
		return;
	}
	heard(p);
	line->wants = pq.connectPoll(line->conn);
	if (line->wants == PGRES_POLLING_FAILED) {
		line_lost(p, postgres_said(p, pq.errorMessage(line->conn)));
	}
	if (line->wants != PGRES_POLLING_OK) {
		return;
	}
	line->sent_us = boot_us();
	line->sent_count = 0;
	(void)pq.setNoticeProcessor(line->conn, note_warning, p);
	if (pq.setnonblocking(line->conn, 1) ||
	    !pq.enterPipelineMode(line->conn) || line_enter(p) ||
	    end_round(p, LINE_ENTERING)) {
		line_lost(p, postgres_said(p, pq.errorMessage(line->conn)));
	}
}

/*
 * A confirmed batch is in the log under our epoch, whatever the time is.  But
 * what follows a commit are effects, and they must not start when another node
 * may own the log: unless a renewal was sent less than two thirds of a lease
 * ago, one more is made and awaited first.
 */
static int
confirmed(struct postgres *p)
{
	struct line *line = &p->line;

	if (line->warned) {
		line_lost(p, "the server warns of what it committed");
		return 1;
	}
	if (line->renewing) {
		p->held_us = line->sent_us;
	}
	line->sure = true;
	if (boot_us() - p->held_us > POSTGRES_SAFE_US) {
		buf_clear(&p->why);
		buf_add_z(
		    &p->why, "the lease of the log is in doubt; renewing it");
		send_round(p);
		return 1;
	}
	line->state = LINE_READY;
	line->committing = false;
	line->backoff_us = 0;
	line->patience_us = PATIENCE_MIN;
	buf_clear(&p->why);
	return 0;
}

static int
entered(struct postgres *p, struct err *e)
{
	struct line *line = &p->line;
	int rc = line_entered(p, e);

	if (rc) {
		return rc;
	}
	p->held_us = line->sent_us;
	line->state = LINE_READY;
	if (!line->committing) {
		line->backoff_us = 0;
		return 0;
	}
	if (line->sure) {
		line->renewing = false;
		return confirmed(p);
	}
	send_round(p);
	return 1;
}

static int
go_on_talking(struct postgres *p, struct err *e)
{
	struct line *line = &p->line;
	int rc = line_replies(p);

	if (rc < 0) {
		line_lost(p, line->failed ? line->error.text
		                          : postgres_said(p,
		                                pq.errorMessage(line->conn)));
		return 1;
	}
	if (rc == 0) {
		return 1;
	}
	if (line->state == LINE_ENTERING) {
		if (line->failed) {
			line_lost(p, line->error.text);
			return 1;
		}
		return entered(p, e);
	}
	return line->failed ? line_refused(p, e) : confirmed(p);
}

/* A link may be half open, or somebody between us holds it up: after a while
 * another connection asks what became of the batch. */
static void
lose_patience(struct postgres *p)
{
	struct line *line = &p->line;

	if (line->conn && line->state != LINE_READY &&
	    boot_us() - line->heard_us > line->patience_us) {
		line_lost(p, "no answer");
		line->patience_us *= 2;
		if (line->patience_us > PATIENCE_MAX) {
			line->patience_us = PATIENCE_MAX;
		}
	}
}

/* One step from the state that the line is in. */
static int
go_on(struct postgres *p, struct err *e)
{
	struct line *line = &p->line;

	switch (line->state) {
	case LINE_DOWN:
		line_connect(p);
		break;
	case LINE_WAITING:
		if (boot_us() >= line->retry_us) {
			line_connect(p);
		}
		break;
	case LINE_CONNECTING:
		go_on_connecting(p);
		break;
	case LINE_ENTERING:
	case LINE_SENDING:
		return go_on_talking(p, e);
	case LINE_READY:
		must(line->committing);
		send_round(p);
		break;
	}
	return 1;
}

int
line_step(struct postgres *p, struct err *e)
{
	struct line *line = &p->line;
	enum line_state before;
	int rc;

	if (line->patience_us < PATIENCE_MIN) {
		line->patience_us = PATIENCE_MIN;
	}
	do {
		before = line->state;
		rc = go_on(p, e);
	} while (rc == 1 && line->state != before);
	if (rc == 1) {
		lose_patience(p);
	}
	return rc;
}

int
line_commit(struct postgres *p, struct err *e)
{
	p->line.committing = true;
	p->line.sure = false;
	return line_step(p, e);
}

int
line_fd(const struct postgres *p, bool *for_write)
{
	const struct line *line = &p->line;

	*for_write =
	    line->conn &&
	    (line->unflushed || (line->state == LINE_CONNECTING &&
	                            line->wants == PGRES_POLLING_WRITING));
	return line->conn ? pq.socket(line->conn) : -1;
}
