/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling somebody outside that something waits: one POST for each question,
 * one after the other, through core's own egress, so each is an intent in the
 * book before it leaves and an outcome after it.  It says what is asked for
 * where, never its arguments, and its link leads to the inbox, where a login
 * and a decision are still to come.
 *
 *   asked → (its commit) → sending → told
 *                ↑ again, 3 times ↓
 *                └── failing ── failed
 *
 * The line is in memory: what a house that falls had not told yet is not told
 * by the next one, and stands in its inbox.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/core.h"

#define RULE       "notify"
#define LINE_MAX   64 /* questions that are not told yet */
#define TRIES_MAX  3
#define AGAIN_US   CLOCK_SECOND /* after the first try; then five times it */
#define TIMEOUT_US (10 * CLOCK_SECOND)
#define ANSWER_MAX ((uint64_t)64 * 1024) /* of which nothing is read */

struct core_notify {
	char line[LINE_MAX][WAIT_ID_TEXT];
	size_t count;
	bool busy;      /* a notice is under way */
	bool armed;     /* or soon will be */
	unsigned tries; /* of the first in the line */
	struct loop_timer again;
	uint64_t told;
	uint64_t failed;
	uint64_t dropped; /* the line was full */
	char problem[300];
};

static struct core_notify *
notify(struct core *c)
{
	if (!c->notify) {
		c->notify = calloc(1, sizeof(*c->notify));
		must(c->notify);
	}
	return c->notify;
}

static void
leave_line(struct core_notify *n)
{
	n->count--;
	memmove(n->line[0], n->line[1], n->count * sizeof(n->line[0]));
	n->tries = 0;
}

/* --- what is said --- */

static void
write_link(struct core *c, struct buf *out, const struct wait_item *w)
{
	const struct config *config = &c->house.config;

	if (config->notify.link.len) {
		buf_add(out, config->notify.link);
	} else {
		buf_addf(out, "http://" STR_FMT "/", STR_ARG(config->listen));
	}
	buf_addf(out, "#%s", w->id);
}

static void
write_notice(struct core *c, struct buf *body, const struct wait_item *w)
{
	const struct core_role *role = core_role_find(c, w->identity);
	const struct session_run *view = core_web_run(c, w);
	char task[ID_TEXT] = "";
	char expires[WALL_TEXT_MAX];
	auto_buf link = { 0 };
	struct json_out o;

	if (view) {
		book_id_text(view->task, task);
	}
	wall_text(w->expires, expires);
	write_link(c, &link, w);
	json_out_init(&o, body);
	json_out_object(&o, NULL);
	json_out_z(&o, "task", task);
	json_out_z(&o, "role", role ? role->name : "");
	json_out_str(&o, "tool", w->tool);
	json_out_z(&o, "code", w->code);
	json_out_z(&o, "expires", expires);
	json_out_str(&o, "link", buf_str(&link));
	json_out_end(&o, '}');
}

/* --- sending --- */

static void next(void *owner);

static void
later(struct core *c, int64_t us)
{
	struct loop_timer *again = &c->notify->again;

	c->notify->armed = true;
	loop_timer_cancel(again);
	loop_timer_arm(again, c->part.loop,
	    mono_after(loop_now(c->part.loop), us), next, c);
}

/* A no that will be a no again is not asked for again. */
static bool
may_pass(const struct wire_http_done *done)
{
	return !done->ok || done->status >= 500 || done->status == 408 ||
	       done->status == 429;
}

static void
failed(struct core *c, const struct wire_http_done *done)
{
	struct core_notify *n = c->notify;
	auto_buf why = { 0 };

	if (done->ok) {
		buf_addf(&why, "the answer was %u", done->status);
	} else {
		buf_add_z(&why, done->text);
	}
	core_text(n->problem, sizeof(n->problem), buf_z(&why));
	n->tries++;
	if (n->tries < TRIES_MAX && may_pass(done)) {
		later(c, n->tries == 1 ? AGAIN_US : 5 * AGAIN_US);
		return;
	}
	log_line(
	    LOG_ERROR, "notify", "%s was not told: %s", n->line[0], n->problem);
	n->failed++;
	leave_line(n);
	later(c, 0);
}

static void
answered(struct core *c, uint64_t number, const struct wire_http_done *done,
    struct str body)
{
	struct core_notify *n = c->notify;

	(void)number;
	(void)body;
	n->busy = false;
	if (!done->ok || done->status < 200 || done->status >= 300) {
		failed(c, done);
		return;
	}
	n->told++;
	n->problem[0] = '\0';
	leave_line(n);
	later(c, 0);
}

/* The first in the line that is still asked; nobody hears of what is over. */
static const struct wait_item *
first(struct core *c)
{
	struct core_notify *n = c->notify;

	while (n->count) {
		const struct wait_item *w =
		    wait_find(c->waits, str_of(n->line[0]));

		if (w && w->state == WAIT_OPEN) {
			return w;
		}
		leave_line(n);
	}
	return NULL;
}

static void
next(void *owner)
{
	struct core *c = owner;
	const struct config_notify *config = &c->house.config.notify;
	const struct wait_item *w;
	auto_buf body = { 0 };

	c->notify->armed = false;
	if (c->notify->busy || c->draining || !(w = first(c))) {
		return;
	}
	write_notice(c, &body, w);
	struct core_http h = {
		.rule = STR(RULE),
		.method = STR("POST"),
		.url = config->url,
		.headers = STR("Content-Type: application/json\r\n"),
		.body = buf_str(&body),
		.upstream = config->upstream,
		.ca = config->ca,
		.timeout = TIMEOUT_US,
		.answer_limit = ANSWER_MAX,
		.done = answered,
	};

	c->notify->busy = true;
	core_http_do(c, &h);
}

/* What it is about is on the disk. */
static void
asked(struct core *c, uint64_t number)
{
	(void)number;
	if (!c->notify->busy && !c->notify->armed) {
		later(c, 0);
	}
}

void
core_notify_wait(struct core *c, struct str id)
{
	struct core_notify *n;

	if (!c->house.config.notify.url.len) {
		return;
	}
	n = notify(c);
	if (n->count == LINE_MAX) {
		n->dropped++;
		return;
	}
	must(str_copy(n->line[n->count++], WAIT_ID_TEXT, id));
	core_after(c, asked, 0);
}

void
core_notify_write(const struct core *c, struct json_out *o)
{
	const struct core_notify *n = c->notify;

	if (!c->house.config.notify.url.len) {
		return;
	}
	json_out_object(o, "notify");
	json_out_i64(o, "told", n ? (int64_t)n->told : 0);
	json_out_i64(o, "waiting", n ? (int64_t)n->count : 0);
	json_out_i64(o, "failed", n ? (int64_t)n->failed : 0);
	json_out_i64(o, "dropped", n ? (int64_t)n->dropped : 0);
	json_out_z(o, "problem", n ? n->problem : "");
	json_out_end(o, '}');
}
