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
	p->line.round_count = 0;
	p->line.landed = 0; /* the log will say so */
	p->line.sent = 0;
	p->line.refused = false;
	p->line.again = false;
	p->line.unflushed = false;
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
	line->backoff_us = line->backoff_us ? duration_doubled(line->backoff_us,
	                                          1, BACKOFF_MAX)
	                                    : BACKOFF_MIN;
	line->state = LINE_WAITING;
	line->tries++;
}

/* The store can never again do what it was opened for. */
int
line_dead(
    struct postgres *p, enum err_kind kind, const char *why, struct err *e)
{
	line_close(p);
	batch_drop_all(p);
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
	(void)pq.setNoticeProcessor(line->conn, note_warning, p);
	line->state = LINE_ENTERING;
	line->sent_at = 0;
	line->failed = false;
	line->warned = false;
	if (pq.setnonblocking(line->conn, 1) ||
	    !pq.enterPipelineMode(line->conn) || line_enter(p)) {
		line_lost(p, postgres_said(p, pq.errorMessage(line->conn)));
	}
}

bool
line_lease_safe(const struct postgres *p)
{
	return boot_us() - p->held_us <= POSTGRES_SAFE_US;
}

static int
entered(struct postgres *p, const struct round *r, struct err *e)
{
	struct line *line = &p->line;

	if (line_entered(p, e)) {
		return -1;
	}
	if (line->state == LINE_ENTERING) {
		p->held_us = r->sent_us;
		line->renewed_us = r->sent_us;
		line->state = LINE_READY;
		line->tries = 0;
		line->backoff_us = p->flights ? line->backoff_us : 0;
	}
	return 0;
}

/* A batch that is answered for is in the log under our epoch, whatever the time
 * is: from here on only the lease can be in doubt. */
static void
confirmed(struct postgres *p, const struct round *r)
{
	struct line *line = &p->line;

	if (line->warned) {
		line_lost(p, "the server warns of what it committed");
		return;
	}
	/* It was sent upon one that is not in the log. */
	must(!line->refused || r->kind == ROUND_BEAT);
	if (r->renewing) {
		p->held_us = r->sent_us;
	}
	line->landed += r->kind == ROUND_BATCH;
	line->backoff_us = 0;
	line->patience_us = PATIENCE_MIN;
	buf_clear(&p->why);
}

/* All replies of the first round are here. */
static int
round_ended(struct postgres *p, struct err *e)
{
	struct line *line = &p->line;
	const struct round r = *round_answered(p);
	bool failed = line->failed;
	int rc = 0;

	line->round_first = (line->round_first + 1) % LINE_ROUNDS_MAX;
	line->round_count--;
	if (failed) {
		rc = line_refused(p, &r, e);
	} else if (r.kind == ROUND_ENTER) {
		rc = entered(p, &r, e);
	} else {
		confirmed(p, &r);
	}
	line->sent_at = 0;
	line->failed = false;
	line->warned = false;
	return rc;
}

/* 1: something moved; 0; -1: dead. */
static int
go_on_talking(struct postgres *p, struct err *e)
{
	struct line *line = &p->line;
	int rc;

	line_pump(p);
	if (!line->conn || !line->round_count) {
		return 0;
	}
	rc = line_replies(p);
	if (rc < 0) {
		line_lost(p, line->failed ? line->error.text
		                          : postgres_said(p,
		                                pq.errorMessage(line->conn)));
		return 1;
	}
	if (rc == 0) {
		return 0;
	}
	return round_ended(p, e) ? -1 : 1;
}

/* A link may be half open, or somebody between us holds it up: after a while
 * another connection asks what became of the batch. */
static void
lose_patience(struct postgres *p)
{
	struct line *line = &p->line;

	if (line->conn && (line->state != LINE_READY || line->round_count) &&
	    boot_us() - line->heard_us > line->patience_us) {
		line_lost(p, "no answer");
		line->patience_us =
		    duration_doubled(line->patience_us, 1, PATIENCE_MAX);
	}
}

/* One step from the state that the line is in: 1 something moved, 0, -1. */
static int
go_on(struct postgres *p, struct err *e)
{
	struct line *line = &p->line;
	enum line_state before = line->state;

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
	case LINE_READY:
		return go_on_talking(p, e);
	}
	return line->state != before;
}

/*
 * What follows a commit are effects, and they must not start when another node
 * may own the log: unless a renewal was sent less than two thirds of a lease
 * ago, one more is made and awaited first.
 */
static int
answer(struct postgres *p, struct err *e)
{
	struct line *line = &p->line;

	if (line->state != LINE_READY) {
		return 1;
	}
	if (!p->flights || (line->landed && line_lease_safe(p))) {
		return 0;
	}
	if (line->landed && line->refused && !line->round_count) {
		/* What is behind was refused, so that no beat fits: entering
		 * again finds what landed, and who has the log. */
		line_lost(p, "the lease is in doubt");
	} else if (line->landed && !line->refused) {
		line_beat(p);
	} else if (line->refused && !line->round_count) {
		line->refused = false;
		line->sent = 0;
		if (line->again) {
			line->again = false;
			line_pump(p);
			return 1;
		}
		batch_drop_all(p);
		*e = line->refusal;
		return -1;
	}
	return 1;
}

static void
start_patience(struct line *line)
{
	if (line->patience_us < PATIENCE_MIN) {
		line->patience_us = PATIENCE_MIN;
	}
}

void
line_go(struct postgres *p)
{
	start_patience(&p->line);
	if (p->line.state == LINE_READY) {
		line_pump(p);
	} else if (p->line.state == LINE_DOWN) {
		line_connect(p);
	}
}

int
line_step(struct postgres *p, struct err *e)
{
	int moved = 1;
	int rc = 1;

	start_patience(&p->line);
	while (rc == 1 && moved == 1) {
		moved = go_on(p, e);
		rc = moved < 0 ? -1 : answer(p, e);
	}
	if (rc == 1) {
		lose_patience(p);
	}
	return rc;
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
