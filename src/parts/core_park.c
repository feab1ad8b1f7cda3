/* SPDX-License-Identifier: Apache-2.0 */
/* A run without a process: parked for a person, woken, found after a start; and
 * how all become so at the end of a house. */
#include "parts/core.h"
#include "parts/core_egress.h"
#include "parts/core_run.h"

static void
parked(struct core *c, uint64_t number)
{
	struct core_run *r = core_run_find(c, number);

	if (r && r->phase == RUN_PARKED && r->has_slot) {
		core_slot_give(c, r->slot);
		r->has_slot = false;
		core_drained(c);
		core_claim(c);
	}
}

/* Called by core_call_park within the batch that asks the person. */
void
core_run_park(struct core *c, struct core_run *r)
{
	auto_arena a = { 0 };
	struct queue_touch touch = {
		.task = str_of(r->task_text),
		.epoch = r->epoch,
		.why = STR("waits for a person"),
		.now = wall_now(),
	};
	struct queue_step step = { 0 };
	struct err e = { 0 };

	must(queue_park(c->queue, &a, &touch, &step, &e) == 0);
	core_queue_step(c, &step, r);
	r->phase = RUN_PARKED;
	core_after(c, parked, r->number);
}

static void
woken(struct core *c, uint64_t number)
{
	(void)number;
	core_claim(c);
}

void
core_run_wake_task(struct core *c, struct str task)
{
	auto_arena a = { 0 };
	struct queue_touch touch = { .task = task, .now = wall_now() };
	struct queue_step step = { 0 };
	struct err e = { 0 };

	if (queue_wake(c->queue, &a, &touch, &step, &e)) {
		return; /* not parked (any more) */
	}
	core_queue_step(c, &step, core_run_of_task(c, task));
	core_after(c, woken, 0);
}

/* After a start: what the last incarnation had in hand is claimed anew, and a
 * run whose question was answered meanwhile goes on. */
void
core_run_recover(struct core *c)
{
	struct queue_step step = { .more = true };

	while (step.more) {
		auto_arena a = { 0 };
		struct err e = { 0 };

		step = (struct queue_step){ 0 };
		if (queue_leases_lost(c->queue, &a, c->book.incarnation,
		        wall_now(), &step, &e)) {
			log_err("recover", &e);
			return;
		}
		core_queue_step(c, &step, NULL);
	}
	core_call_recover(c);
}

/* Stop claiming; what acts now is ended and claimed by the next house. */
void
core_runs_drain(struct core *c)
{
	struct core_run *next;

	c->draining = true;
	core_grants_over(c);
	for (struct core_run *r = c->runs; r; r = next) {
		next = r->next;
		if (r->phase == RUN_OPENING || r->phase == RUN_ACTING) {
			core_run_close(c, r, THEN_STOP);
		}
	}
	core_drained(c);
}
