/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bugs of machine_bugs.def: the linker puts these in front of the
 * machine's functions (--wrap), which they call unless theirs is planted.
 */
#include "queue/state.h"
#include "sim/machine.h"

enum machine_bug machine_bug;

/* In the place of a function, with the real one behind it. */
#define WRAP(type, name, parameters)   \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters

static uint32_t
epoch_in_force(const struct queue *q, struct str task)
{
	const struct queue_task *t = queue_find(q, task);

	return t ? t->epoch : 0;
}

WRAP(int, queue_finish,
    (struct queue * q, struct arena *a, const struct queue_finish *c,
        struct queue_step *step, struct err *e))
{
	struct queue_finish any = *c;

	if (machine_bug == MACHINE_EPOCH) {
		any.epoch = epoch_in_force(q, c->task);
	}
	return __real_queue_finish(q, a, &any, step, e);
}

WRAP(int, queue_lease_lost,
    (struct queue * q, struct arena *a, const struct queue_touch *c,
        struct queue_step *step, struct err *e))
{
	struct queue_touch any = *c;

	if (machine_bug == MACHINE_RESCUE) {
		any.epoch = epoch_in_force(q, c->task);
	}
	return __real_queue_lease_lost(q, a, &any, step, e);
}

WRAP(struct queue_event *, queue_step_yield,
    (struct queue * q, struct queue_step *s, struct arena *a,
        const struct queue_change *c))
{
	struct queue_change bad = *c;
	struct put_change put;

	if (machine_bug == MACHINE_ATTEMPTS && c->kind == QUEUE_EVENT_RETRY) {
		bad.redrive = true;
	}
	if (machine_bug == MACHINE_POISON) {
		bad.ours = false;
	}
	if (machine_bug == MACHINE_DELAY && c->put) {
		put = *c->put;
		put.not_before.us = 0;
		bad.put = arena_alloc(a, sizeof(put));
		*bad.put = put;
	}
	return __real_queue_step_yield(q, s, a, &bad);
}

WRAP(int, queue_apply_put,
    (struct queue * q, const struct queue_change *c, uint64_t seq,
        struct err *e))
{
	int rc = __real_queue_apply_put(q, c, seq, e);
	struct task *after = queue_task_find(q, c->put->after);

	if (machine_bug == MACHINE_CRON && after) {
		after->more->rearmed = false;
	}
	return rc;
}

WRAP(bool, queue_every_next,
    (const struct queue *q, const struct queue_every *every, struct wall now,
        struct wall *next))
{
	bool found = __real_queue_every_next(q, every, now, next);

	if (machine_bug == MACHINE_PAUSE) {
		*next = now;
	}
	return found;
}

WRAP(void, queue_limit,
    (struct queue * q, struct str name, const struct queue_limits *limits))
{
	struct queue_limits more = *limits;

	more.max_running += machine_bug == MACHINE_LIMIT && more.max_running;
	__real_queue_limit(q, name, &more);
}

WRAP(void, queue_task_link, (struct task * later, struct task *earlier))
{
	if (machine_bug != MACHINE_UNMET) {
		__real_queue_task_link(later, earlier);
	}
}

static int64_t
upside_down(const struct heap *h, const struct node *n, int64_t key)
{
	const struct task *t = TASK_OF(n);

	/* Nodes of letters are in heaps that no line has. */
	return machine_bug == MACHINE_ORDER && h->before == queue_task_first &&
	               h == &t->line->ready
	           ? -key
	           : key;
}

WRAP(void, heap_add,
    (struct heap * h, int64_t key, uint64_t tie, struct node *n))
{
	__real_heap_add(h, upside_down(h, n, key), tie, n);
}

WRAP(void, heap_move, (struct node * n, int64_t key, uint64_t tie))
{
	__real_heap_move(n, upside_down(n->heap, n, key), tie);
}

WRAP(void, queue_line_served, (struct queue * q, struct line *l))
{
	if (machine_bug != MACHINE_TURNS) {
		__real_queue_line_served(q, l);
	}
}

WRAP(int64_t, queue_retry_delay,
    (const struct queue_retry_policy *p, uint32_t attempts, uint64_t random))
{
	int64_t delay = __real_queue_retry_delay(p, attempts, random);

	return machine_bug == MACHINE_BACKOFF ? 2 * delay + 1000 : delay;
}

WRAP(struct task *, queue_key_find, (const struct queue *q, struct str text))
{
	return machine_bug == MACHINE_KEY ? NULL
	                                  : __real_queue_key_find(q, text);
}

WRAP(struct answer *, queue_answer_find,
    (const struct queue *q, struct str text))
{
	return machine_bug == MACHINE_ACK ? NULL
	                                  : __real_queue_answer_find(q, text);
}

WRAP(void, queue_task_adopt, (struct task * child, struct task *parent))
{
	if (machine_bug != MACHINE_CHILD) {
		__real_queue_task_adopt(child, parent);
	}
}

WRAP(int, queue_forget,
    (struct queue * q, struct arena *a, struct wall before, struct wall now,
        struct queue_step *step, struct err *e))
{
	return __real_queue_forget(
	    q, a, machine_bug == MACHINE_FORGET ? now : before, now, step, e);
}

WRAP(int, queue_task_load, (struct queue * q, struct str saved, struct err *e))
{
	int rc = __real_queue_task_load(q, saved, e);
	auto_arena a = { 0 };
	struct queue_task shown = { 0 };
	struct task *t = NULL;

	if (machine_bug == MACHINE_SAVED && rc == 0 &&
	    queue_task_read(&a, saved, &shown, e) == 0) {
		t = queue_task_find(q, shown.id);
	}
	if (t && t->shown.epoch > 0) {
		t->shown.epoch--;
	}
	return rc;
}

WRAP(const struct queue_task *, queue_unsaved,
    (const struct queue *q, uint64_t *since))
{
	const struct queue_task *t = __real_queue_unsaved(q, since);

	*since += machine_bug == MACHINE_TAIL && t ? 5 : 0;
	return t;
}

WRAP(void, queue_hold_back, (struct queue * q, struct str task, bool back))
{
	if (machine_bug != MACHINE_HELD) {
		__real_queue_hold_back(q, task, back);
	}
}
