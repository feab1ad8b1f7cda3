/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgres.h"

/*
 * What is sent on the writing connection.  Several rounds may be in the air: a
 * batch is sent before the one in front of it is answered for.  Each says after
 * which head of the log it comes, so that none lands without the one before.
 */

#define RENEW_US CLOCK_SECOND /* the lease is renewed at most as often */

static const char *const write_names[WRITES] = {
#define WRITE(name, sql) [WRITE_##name] = "write_" #name,
#define READ(name, sql)
#include "store/postgres_statements.def"
#undef WRITE
#undef READ
};

struct round *
round_open(struct postgres *p, enum round_kind kind)
{
	struct line *line = &p->line;
	struct round *r;

	must(line->round_count < LINE_ROUNDS_MAX);
	r = &line->rounds[(line->round_first + line->round_count) %
	                  LINE_ROUNDS_MAX];
	r->kind = kind;
	r->renewing = false;
	r->sent_us = boot_us();
	r->sent_count = 0;
	/* Nothing was awaited: patience begins anew. */
	line->heard_us = line->round_count ? line->heard_us : r->sent_us;
	line->round_count++;
	return r;
}

int
round_end(struct postgres *p)
{
	return pq.pipelineSync(p->line.conn) && line_flush(p) == 0 ? 0 : -1;
}

/* The round that was opened last. */
static struct round *
newest(struct line *line)
{
	return &line->rounds[(line->round_first + line->round_count - 1) %
	                     LINE_ROUNDS_MAX];
}

int
line_send(struct postgres *p, enum write what, const struct params *params)
{
	struct round *r = newest(&p->line);

	must(r->sent_count < ROUND_SENT_MAX);
	if (postgres_send(p->line.conn, write_names[what], params)) {
		return -1;
	}
	r->sent[r->sent_count++] = (uint8_t)what;
	return 0;
}

int
line_flush(struct postgres *p)
{
	int rc = pq.flush(p->line.conn);

	p->line.unflushed = rc == 1;
	return rc < 0 ? -1 : 0;
}

void
line_guard(const struct postgres *p, uint64_t after, struct params *params)
{
	param_i64(params, p->epoch);
	param_i64(params, p->line.session);
	param_i64(params, (int64_t)after);
}

/* The guard comes first, alone or with the row of the log: its lock on the
 * owner's row keeps a rival out until this transaction has ended.  If the row
 * is not ours any more, or the log does not end where this round continues it,
 * the guard fails and all that follows is skipped by the server. */
static int
send_guard(struct postgres *p, uint64_t after)
{
	struct params params = { 0 };
	int rc;

	line_guard(p, after, &params);
	rc = line_send(p, WRITE_GUARD, &params);
	buf_fini(&params.bytes);
	return rc;
}

static int
send_renewal(struct postgres *p, struct round *r)
{
	struct params params = { 0 };
	int rc;

	r->renewing = true;
	p->line.renewed_us = r->sent_us;
	param_i64(&params, p->epoch);
	param_i64(&params, p->line.session);
	rc = line_send(p, WRITE_RENEW, &params);
	buf_fini(&params.bytes);
	return rc;
}

static int
send_batch(struct postgres *p, struct batch *b)
{
	struct round *r = round_open(p, ROUND_BATCH);

	if ((!b->head_count && send_guard(p, b->after)) || batch_send(p, b)) {
		return -1;
	}
	if (r->sent_us - p->line.renewed_us >= RENEW_US && send_renewal(p, r)) {
		return -1;
	}
	return round_end(p);
}

/* Behind a batch that is not answered for only what its failure stops: the
 * guard knows a batch by its heads. */
static bool
may_send(struct postgres *p)
{
	const struct line *line = &p->line;
	bool behind = line->sent > line->landed;

	if (line->state != LINE_READY || line->refused ||
	    line->sent >= p->flights) {
		return false;
	}
	return !behind || (batch_at(p, line->sent)->head_count &&
	                      batch_at(p, line->sent - 1)->head_count);
}

void
line_pump(struct postgres *p)
{
	while (may_send(p)) {
		if (send_batch(p, batch_at(p, p->line.sent))) {
			line_lost(
			    p, postgres_said(p, pq.errorMessage(p->line.conn)));
			return;
		}
		p->line.sent++;
	}
}

static bool
renewal_in_the_air(const struct line *line)
{
	for (unsigned i = 0; i < line->round_count; i++) {
		if (line->rounds[(line->round_first + i) % LINE_ROUNDS_MAX]
		        .renewing) {
			return true;
		}
	}
	return false;
}

void
line_beat(struct postgres *p)
{
	struct line *line = &p->line;
	uint64_t after = p->base.committed;
	struct round *r;

	if (renewal_in_the_air(line)) {
		return;
	}
	for (unsigned i = 0; i < line->sent; i++) {
		const struct batch *b = batch_at(p, i);

		after = b->after + b->head_count;
	}
	buf_clear(&p->why);
	buf_add_z(&p->why, "the lease of the log is in doubt; renewing it");
	r = round_open(p, ROUND_BEAT);
	if (send_guard(p, after) || send_renewal(p, r) || round_end(p)) {
		line_lost(p, postgres_said(p, pq.errorMessage(line->conn)));
	}
}
