/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bugs of bugs.def that stand in core; the linker puts these in the place
 * of the real functions (--wrap), which they call unless the bug is planted.
 */
#include <stdlib.h>

#include "loop/loop.h"
#include "parts/core_api.h"
#include "parts/core_call.h"
#include "parts/core_egress.h"
#include "sim/house.h"

static bool answering;

/* NOLINTBEGIN(bugprone-reserved-identifier): the names of ld --wrap */

void __real_core_answer_after(
    struct core *c, struct core_ask *ask, uint32_t status, struct str body);
void __wrap_core_answer_after(
    struct core *c, struct core_ask *ask, uint32_t status, struct str body);
void
__wrap_core_answer_after(
    struct core *c, struct core_ask *ask, uint32_t status, struct str body)
{
	if (sim_bug == BUG_REPLY_EARLY) {
		core_answer(c, ask, status, body);
	} else {
		answering = true;
		__real_core_answer_after(c, ask, status, body);
		answering = false;
	}
}

struct early {
	struct core *core;
	core_effect_fn *fn;
	uint64_t number;
};

static void
run_early(void *owner)
{
	struct early *x = owner;

	x->fn(x->core, x->number);
	free(x);
}

void __real_core_after(struct core *c, core_effect_fn *fn, uint64_t number);
void __wrap_core_after(struct core *c, core_effect_fn *fn, uint64_t number);
void
__wrap_core_after(struct core *c, core_effect_fn *fn, uint64_t number)
{
	struct early *x;

	if (sim_bug != BUG_EFFECT_EARLY || answering) {
		__real_core_after(c, fn, number);
		return;
	}
	x = malloc(sizeof(*x));
	must(x);
	*x = (struct early){ c, fn, number };
	loop_later(c->part.loop, run_early, x);
}

int __real_queue_put(struct queue *q, struct arena *a,
    const struct queue_put *c, struct queue_step *step, struct err *e);
int __wrap_queue_put(struct queue *q, struct arena *a,
    const struct queue_put *c, struct queue_step *step, struct err *e);
int
__wrap_queue_put(struct queue *q, struct arena *a, const struct queue_put *c,
    struct queue_step *step, struct err *e)
{
	struct queue_put free_of = *c;
	struct e2m_task task = *c->task;

	if (sim_bug == BUG_UNMET) {
		task.depends_on = NULL;
		free_of.task = &task;
	}
	return __real_queue_put(q, a, &free_of, step, e);
}

void __real_core_call_started_before(struct core *c, struct core_call *k);
void __wrap_core_call_started_before(struct core *c, struct core_call *k);
void
__wrap_core_call_started_before(struct core *c, struct core_call *k)
{
	if (sim_bug == BUG_TWICE) {
		core_call_start(c, k);
	} else {
		__real_core_call_started_before(c, k);
	}
}

/* A rescue that comes late, and takes the task from whoever has it then. */
static void
rescue(uint64_t task, uint64_t b)
{
	auto_arena a = { 0 };
	struct str id = str_of(sim.tasks[task].id);
	const struct queue_task *t = queue_find(sim.core->queue, id);
	struct queue_touch touch = {
		.task = id,
		.epoch = t ? t->epoch : 0,
		.now = wall_now(),
	};
	struct queue_step step = { 0 };
	struct err e = { 0 };

	(void)b;
	if (queue_lease_lost(sim.core->queue, &a, &touch, &step, &e) == 0) {
		core_queue_step(sim.core, &step, NULL);
	}
}

int __real_queue_lease_lost(struct queue *q, struct arena *a,
    const struct queue_touch *c, struct queue_step *step, struct err *e);
int __wrap_queue_lease_lost(struct queue *q, struct arena *a,
    const struct queue_touch *c, struct queue_step *step, struct err *e);
int
__wrap_queue_lease_lost(struct queue *q, struct arena *a,
    const struct queue_touch *c, struct queue_step *step, struct err *e)
{
	int task = sim_task_of(c->task);

	if (sim_bug == BUG_RESCUE && sim.tasks[task].outside) {
		sim_later(CLOCK_SECOND * 3 / 2, rescue, (uint64_t)task, 0);
	}
	return __real_queue_lease_lost(q, a, c, step, e);
}

void __real_loop_timer_arm(struct loop_timer *t, struct loop *loop,
    struct mono at, loop_fn *fn, void *owner);
void __wrap_loop_timer_arm(struct loop_timer *t, struct loop *loop,
    struct mono at, loop_fn *fn, void *owner);
void
__wrap_loop_timer_arm(struct loop_timer *t, struct loop *loop, struct mono at,
    loop_fn *fn, void *owner)
{
	struct wall over;

	if (sim_bug == BUG_WALL_ONCE && sim.core && t == &sim.core->expiry &&
	    wait_next_due(sim.core->waits, &over) && over.us > wall_now().us) {
		at = mono_after(mono_now(), over.us - wall_now().us);
	}
	__real_loop_timer_arm(t, loop, at, fn, owner);
}

enum tool_said __real_tools_confirm_result(
    const struct json *result, bool failed);
enum tool_said __wrap_tools_confirm_result(
    const struct json *result, bool failed);
enum tool_said
__wrap_tools_confirm_result(const struct json *result, bool failed)
{
	return sim_bug == BUG_DEAF
	           ? TOOL_SAYS_NOT
	           : __real_tools_confirm_result(result, failed);
}

/* --- what people did not allow --- */

void __real_core_call_asked(struct core *c, struct core_run *r,
    uint32_t ordinal, struct str tool, struct str args);
void __wrap_core_call_asked(struct core *c, struct core_run *r,
    uint32_t ordinal, struct str tool, struct str args);
void
__wrap_core_call_asked(struct core *c, struct core_run *r, uint32_t ordinal,
    struct str tool, struct str args)
{
	auto_arena a = { 0 };
	auto_buf canonical = { 0 };
	struct session_call *known =
	    /* NOLINTNEXTLINE(performance-no-int-to-ptr): a bug of ours */
	    (struct session_call *)(uintptr_t)core_call_known(c, r, ordinal);
	struct json *tree;
	struct err e = { 0 };

	if (sim_bug == BUG_ANY_ARGS && known &&
	    json_parse(&a, args, NULL, &tree, &e) == 0) {
		json_canonical(&canonical, tree);
		known->args = digest_of(buf_str(&canonical));
	}
	__real_core_call_asked(c, r, ordinal, tool, args);
}

int __real_wait_consume(struct wait_list *l, struct arena *a,
    const struct wait_consume *c, struct wait_step *step, struct err *e);
int __wrap_wait_consume(struct wait_list *l, struct arena *a,
    const struct wait_consume *c, struct wait_step *step, struct err *e);
int
__wrap_wait_consume(struct wait_list *l, struct arena *a,
    const struct wait_consume *c, struct wait_step *step, struct err *e)
{
	struct wait_consume use = *c;
	const struct wait_item *w = wait_find(l, c->id);

	if (sim_bug == BUG_ANY_ARGS && w) {
		use.digest = w->digest;
	}
	return __real_wait_consume(l, a, &use, step, e);
}

int __real_core_wait_say_to(
    struct core *c, const struct core_word *word, struct err *e);
int __wrap_core_wait_say_to(
    struct core *c, const struct core_word *word, struct err *e);
int
__wrap_core_wait_say_to(
    struct core *c, const struct core_word *word, struct err *e)
{
	struct core_word heard = *word;

	heard.say.yes |= sim_bug == BUG_NO_IS_YES;
	return __real_core_wait_say_to(c, &heard, e);
}

int __real_queue_park(struct queue *q, struct arena *a,
    const struct queue_touch *c, struct queue_step *step, struct err *e);
int __wrap_queue_park(struct queue *q, struct arena *a,
    const struct queue_touch *c, struct queue_step *step, struct err *e);
int
__wrap_queue_park(struct queue *q, struct arena *a, const struct queue_touch *c,
    struct queue_step *step, struct err *e)
{
	if (sim_bug == BUG_STOP_LEAK && str_starts(c->why, STR("stopped"))) {
		return -1;
	}
	return __real_queue_park(q, a, c, step, e);
}

void __real_queue_hold_back(struct queue *q, struct str task, bool back);
void __wrap_queue_hold_back(struct queue *q, struct str task, bool back);
void
__wrap_queue_hold_back(struct queue *q, struct str task, bool back)
{
	if (sim_bug != BUG_NOT_HELD) {
		__real_queue_hold_back(q, task, back);
	}
}

bool __real_names_have(const struct names *n, struct str name);
bool __wrap_names_have(const struct names *n, struct str name);
bool
__wrap_names_have(const struct names *n, struct str name)
{
	return (sim_bug == BUG_HIDDEN && str_eq_z(name, "hidden")) ||
	       __real_names_have(n, name);
}

void __real_policy_request(struct arena *a, const struct policy *p,
    const struct policy_request *r, struct policy_request_decision *d);
void __wrap_policy_request(struct arena *a, const struct policy *p,
    const struct policy_request *r, struct policy_request_decision *d);
void
__wrap_policy_request(struct arena *a, const struct policy *p,
    const struct policy_request *r, struct policy_request_decision *d)
{
	__real_policy_request(a, p, r, d);
	if (sim_bug == BUG_HOST && d->verdict == POLICY_DENY) {
		d->verdict = POLICY_ALLOW;
		d->egress = policy_egress_at(p, 0);
	}
}

/* --- requests that a gate holds --- */

bool __real_core_gate_use(struct core *c, struct core_intent *i);
bool __wrap_core_gate_use(struct core *c, struct core_intent *i);
bool
__wrap_core_gate_use(struct core *c, struct core_intent *i)
{
	return sim_bug == BUG_HELD_TWICE || __real_core_gate_use(c, i);
}

void __real_core_gate_ask(struct core *c, struct core_intent *i,
    const struct policy_request_decision *d);
void __wrap_core_gate_ask(struct core *c, struct core_intent *i,
    const struct policy_request_decision *d);
void
__wrap_core_gate_ask(struct core *c, struct core_intent *i,
    const struct policy_request_decision *d)
{
	if (sim_bug == BUG_HELD_BODY && i->known == WIRE_BODY_READ) {
		i->body_digest = digest_of(STR("amount=1"));
	}
	__real_core_gate_ask(c, i, d);
}

/* NOLINTEND(bugprone-reserved-identifier) */
