/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run whose agent or cell ended by itself: it goes on under a new epoch, a
 * few times, and later each time: what they ended of, a moment without memory
 * or descriptors, may pass.  Meanwhile it keeps its slot, so that another run
 * does not meet the same.
 */
#include "parts/core.h"
#include "parts/core_run.h"

/* Twice as long after each further death; they are counted. */
#define REST_US   (INT64_C(100) * 1000)
#define REST_MOST (10 * CLOCK_SECOND)

static void
rested(void *owner)
{
	struct core_run *r = owner;

	r->resting = false;
	core_run_left(r->core, r);
}

static void
rest(struct core *c, struct core_run *r)
{
	if (r->deaths == CORE_DEATHS_MAX || r->settled || c->draining) {
		return; /* it does not go on here */
	}
	r->core = c;
	r->resting = true;
	loop_timer_arm(&r->rest, c->part.loop,
	    mono_after(loop_now(c->part.loop),
	        duration_doubled(REST_US, r->deaths, REST_MOST)),
	    rested, r);
}

void
core_run_died(struct core *c, struct core_run *r, const char *why)
{
	if (r->phase != RUN_CLOSING) {
		core_text(r->died_of, sizeof(r->died_of), why);
		rest(c, r);
	}
	core_run_close(c, r, THEN_AGAIN);
}

/* Nothing was done between its deaths: another one would end as they did. */
bool
core_run_spent(struct core *c, struct core_run *r)
{
	auto_arena a = { 0 };

	if (++r->deaths <= CORE_DEATHS_MAX) {
		return false;
	}
	r->phase = RUN_OPENING;
	core_run_fail(c, r, "agent_died", "requires_escalation",
	    arena_printf(&a,
	        "agent or sandbox ended again and again without progress, the "
	        "last time: %s",
	        r->died_of)
	        .at);
	return true;
}

/* Its epoch ends here: whatever still speaks for it is stale. */
void
core_run_again(struct core *c, struct core_run *r)
{
	auto_arena a = { 0 };
	struct queue_touch touch = {
		.task = str_of(r->task_text),
		.epoch = r->epoch,
		.why = STR("agent or sandbox ended"),
		.now = wall_now(),
	};
	struct queue_step step = { 0 };
	struct err e = { 0 };

	if (queue_lease_lost(c->queue, &a, &touch, &step, &e)) {
		log_err("run", &e);
		core_run_free(c, r);
		return;
	}
	core_queue_step(c, &step, r);
	core_drained(c);
	core_claim(c);
}
