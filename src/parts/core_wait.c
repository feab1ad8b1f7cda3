/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for people: what they say, what expires, what a run's end makes
 * needless.  A decision and the wake-up of its run are one batch.
 */
#include <string.h>

#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_dispatch.h"
#include "parts/core_run.h"

static void
wake(struct core *c, struct str run)
{
	struct book_id id;
	const struct session_run *view;
	char task[ID_TEXT];

	if (!book_id_parse(run, &id)) {
		return;
	}
	view = session_index_find(c->sessions, id);
	if (view) {
		book_id_text(view->task, task);
		core_run_wake_task(c, str_of(task));
	}
}

int
core_wait_say(struct core *c, const struct wait_decide *say, struct err *e)
{
	auto_arena a = { 0 };
	struct wait_step step = { 0 };

	if (wait_decide(c->waits, &a, say, &step, e)) {
		return -1;
	}
	(void)core_wait_step(c, BOOK_WAIT_DECIDED, step.id, step.body, NULL);
	if (step.settled) {
		wake(c, wait_find(c->waits, step.id)->run);
	}
	return 0;
}

static void
expire(void *owner)
{
	struct core *c = owner;

	for (;;) {
		auto_arena a = { 0 };
		struct wait_step step = { 0 };
		struct err e = { 0 };

		if (wait_expire(c->waits, &a, wall_now(), &step, &e)) {
			break;
		}
		(void)core_wait_step(
		    c, BOOK_WAIT_DECIDED, step.id, step.body, NULL);
		wake(c, wait_find(c->waits, step.id)->run);
	}
	core_expiry_arm(c);
}

void
core_expiry_arm(struct core *c)
{
	struct wall at;
	struct wall now = wall_now();
	int64_t us;

	loop_timer_cancel(&c->expiry);
	if (!wait_next_expiry(c->waits, &at)) {
		return;
	}
	us = at.us > now.us ? at.us - now.us : 0;
	loop_timer_arm(&c->expiry, c->part.loop,
	    mono_after(mono_now(), us + CLOCK_SECOND / 100), expire, c);
}

/* --- what becomes due --- */

static void
due(void *owner)
{
	struct core *c = owner;

	core_due_arm(c);
	core_claim(c);
}

void
core_due_arm(struct core *c)
{
	auto_arena a = { 0 };
	struct queue_step step = { 0 };
	struct wall now = wall_now();
	struct wall at;

	queue_due(c->queue, &a, now, &step);
	at = queue_next_due(c->queue);
	loop_timer_cancel(&c->due);
	if (at.us) {
		int64_t us = at.us > now.us ? at.us - now.us : 0;

		loop_timer_arm(&c->due, c->part.loop,
		    mono_after(mono_now(), us + CLOCK_SECOND / 100), due, c);
	}
}

void
core_waits_cancel(struct core *c, struct str run)
{
	const struct wait_item *w;

	for (size_t i = 0; (w = wait_at(c->waits, i)); i++) {
		auto_arena a = { 0 };
		struct wait_step step = { 0 };
		struct err e = { 0 };

		if (w->state == WAIT_OPEN && str_eq(w->run, run) &&
		    wait_cancel(c->waits, &a, str_of(w->id), wall_now(), &step,
		        &e) == 0) {
			(void)core_wait_step(
			    c, BOOK_WAIT_ENDED, str_of(w->id), step.body, NULL);
		}
	}
}

void
core_call_recover(struct core *c)
{
	core_zones_recover(c);
	core_expiry_arm(c);
	core_due_arm(c);
}

/* A call of this run that a person has decided about and that has not gone on.
 */
static const struct session_call *
decided_call(struct core *c, const struct core_run *r)
{
	const struct session_run *view =
	    session_index_find(c->sessions, r->run);

	for (uint32_t i = 0; view && i < view->call_count; i++) {
		if (view->calls[i].state == SESSION_CALL_APPROVED) {
			return &view->calls[i];
		}
	}
	return NULL;
}

bool
core_run_decided(struct core *c, const struct core_run *r)
{
	return decided_call(c, r) != NULL;
}

bool
core_run_fresh_next(struct core *c, const struct core_run *r)
{
	const struct session_call *s = decided_call(c, r);
	const struct tool *t =
	    s ? tools_find(&r->role->catalogue, str_of(s->tool)) : NULL;

	return t && core_tool_fresh(r->role, t);
}
