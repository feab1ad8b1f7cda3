/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Budgets outlive processes: what a run used before it was parked, or before
 * the house ended, is counted from its heads and not kept anywhere else.
 * Model turns and calls are numbered in the book already.
 */
#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_run.h"

struct spent {
	uint32_t epoch; /* of the claim whose time is counted; 0: none */
	struct wall from;
	struct wall to;
	int64_t wall; /* of the claims before it */
	uint32_t bad_results;
};

static void
end_claim(struct spent *s)
{
	/* A clock set back takes nothing away. */
	if (s->epoch && s->to.us > s->from.us) {
		s->wall += s->to.us - s->from.us;
	}
	s->epoch = 0;
}

/* From each claim to the last that its run did under it: the time while a
 * person is waited for, or the house is down, is nobody's. */
static void
count_head(struct spent *s, const struct book_head *head)
{
	if (head->kind == BOOK_TASK_CLAIMED) {
		end_claim(s);
		s->epoch = head->epoch;
		s->from = head->time;
		s->to = head->time;
	} else if (s->epoch && head->epoch == s->epoch) {
		s->to = head->time;
	}
	if (head->kind == BOOK_RUN_PARKED) {
		end_claim(s);
	}
	if (head->kind == BOOK_CALL_DECIDED &&
	    str_eq_z(str_of(head->rule), CORE_BAD_RESULT)) {
		s->bad_results++;
	}
}

static void
wall_passed(void *owner)
{
	struct core_run *r = owner;

	core_run_fail(r->core, r, "timeout", "resolvable",
	    "the task's wall-clock budget is spent");
}

int
core_run_budget(struct core *c, struct core_run *r, struct err *e)
{
	int64_t wall = r->type->wall;
	struct spent s = { 0 };
	auto_buf heads = { 0 };

	if (core_run_heads(c, r->run, 0, &heads, e)) {
		return err_wrap(e, "the budget of run %s", r->run_text);
	}
	for (size_t at = 0; at < heads.len; at += BOOK_HEAD_SIZE) {
		struct book_head head;

		must(book_head_decode(str_span(heads.at + at, BOOK_HEAD_SIZE),
		         &head, e) == 0);
		count_head(&s, &head);
	}
	r->bad_results = s.bad_results;
	if (!wall) {
		wall = roles_limits(&c->house.config, r->role->role).wall;
	}
	if (wall) {
		int64_t left = wall > s.wall ? wall - s.wall : 0;

		loop_timer_arm(&r->wall, c->part.loop,
		    mono_after(loop_now(c->part.loop), left), wall_passed, r);
	}
	return 0;
}
