/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

/*
 * The only place where the state changes.  An event is checked again here,
 * although a command has judged it: a log that breaks the machine was not
 * written by it, and a rebuild must say so.
 */

typedef int touch_fn(struct queue *q, struct task *t,
    const struct queue_change *c, struct err *e);

static int
illegal(const struct task *t, const struct queue_change *c, struct err *e)
{
	return err_set(e, ERR_CONFLICT,
	    "%s under epoch %u cannot follow: the task is %s, epoch %u",
	    queue_event_word(c->kind), c->epoch, queue_hold_name(t->shown.hold),
	    t->shown.epoch);
}

static int
apply_claim(struct queue *q, struct task *t, const struct queue_change *c,
    struct err *e)
{
	struct queue_task *s = &t->shown;

	if (c->epoch != s->epoch + 1 ||
	    (s->hold != QUEUE_LOOSE && s->hold != QUEUE_WAITING) ||
	    (s->hold == QUEUE_WAITING && s->unmet > 0 && !c->to_cancel) ||
	    (s->hold == QUEUE_LOOSE && !str_eq(s->owner, c->owner))) {
		return illegal(t, c, e);
	}
	s->attempts += s->hold == QUEUE_WAITING;
	s->epoch = c->epoch;
	s->owner = queue_name_keep(q, c->owner);
	s->incarnation = c->incarnation;
	s->not_before.us = 0;
	queue_hold(q, t, QUEUE_OWNED);
	queue_line_served(q, t->line);
	return 0;
}

static bool
is_under_way(const struct task *t, const struct queue_change *c)
{
	return t->shown.state == E2M_IN_PROGRESS && t->shown.epoch == c->epoch;
}

static int
keep_answer(struct queue *q, struct task *t, const struct queue_change *c,
    enum e2m_state state, struct err *e)
{
	if (c->ack_key.len == 0) {
		return 0;
	}
	if (queue_answer_find(q, c->ack_key)) {
		return err_set(e, ERR_CONFLICT, "the ack_key was used before");
	}
	queue_answer_add(q, t, c->ack_key, state, c->epoch);
	return 0;
}

static int
apply_complete(struct queue *q, struct task *t, const struct queue_change *c,
    struct err *e)
{
	if (!is_under_way(t, c) || t->shown.hold != QUEUE_OWNED) {
		return illegal(t, c, e);
	}
	if (keep_answer(q, t, c, E2M_COMPLETED, e)) {
		return -1;
	}
	t->shown.lost = 0;
	t->shown.updated = c->at;
	queue_hold(q, t, QUEUE_COMPLETE);
	return 0;
}

static int
apply_block(struct queue *q, struct task *t, const struct queue_change *c,
    struct err *e)
{
	if (!is_under_way(t, c)) {
		return illegal(t, c, e);
	}
	if (keep_answer(q, t, c, E2M_BLOCKED, e)) {
		return -1;
	}
	t->shown.lost = 0;
	queue_hold(q, t, QUEUE_STOPPED);
	return 0;
}

static int
apply_fail(struct queue *q, struct task *t, const struct queue_change *c,
    struct err *e)
{
	if (!is_under_way(t, c)) {
		return illegal(t, c, e);
	}
	if (keep_answer(q, t, c, c->again ? E2M_PENDING : E2M_FAILED, e)) {
		return -1;
	}
	t->shown.lost = 0;
	q->dead += c->dead;
	t->shown.dead = c->dead;
	t->shown.updated = c->at;
	queue_hold(q, t, QUEUE_FAILED);
	return 0;
}

static int
apply_unblock(struct queue *q, struct task *t, const struct queue_change *c,
    struct err *e)
{
	if (t->shown.hold != QUEUE_STOPPED) {
		return illegal(t, c, e);
	}
	queue_hold(q, t, QUEUE_LOOSE);
	return 0;
}

static int
apply_retry(struct queue *q, struct task *t, const struct queue_change *c,
    struct err *e)
{
	if (t->shown.hold != QUEUE_FAILED) {
		return illegal(t, c, e);
	}
	t->shown.owner = STR("");
	q->dead -= t->shown.dead;
	t->shown.dead = false;
	t->shown.not_before = c->not_before;
	if (c->redrive) {
		t->shown.attempts = 0;
	}
	queue_hold(q, t, QUEUE_WAITING);
	return 0;
}

static int
apply_park(struct queue *q, struct task *t, const struct queue_change *c,
    struct err *e)
{
	if (!is_under_way(t, c) || t->shown.hold != QUEUE_OWNED) {
		return illegal(t, c, e);
	}
	t->shown.lost = 0;
	queue_hold(q, t, QUEUE_PARKED);
	return 0;
}

static int
apply_wake(struct queue *q, struct task *t, const struct queue_change *c,
    struct err *e)
{
	if (t->shown.hold != QUEUE_PARKED) {
		return illegal(t, c, e);
	}
	queue_hold(q, t, QUEUE_LOOSE);
	return 0;
}

static int
apply_lease_lost(struct queue *q, struct task *t, const struct queue_change *c,
    struct err *e)
{
	if (!is_under_way(t, c) || t->shown.hold != QUEUE_OWNED) {
		return illegal(t, c, e);
	}
	t->shown.lost += !c->ours;
	queue_hold(q, t, QUEUE_LOOSE);
	return 0;
}

static touch_fn *const on_task[] = {
	[QUEUE_EVENT_CLAIM] = apply_claim,
	[QUEUE_EVENT_COMPLETE] = apply_complete,
	[QUEUE_EVENT_BLOCK] = apply_block,
	[QUEUE_EVENT_FAIL] = apply_fail,
	[QUEUE_EVENT_UNBLOCK] = apply_unblock,
	[QUEUE_EVENT_RETRY] = apply_retry,
	[QUEUE_EVENT_PARK] = apply_park,
	[QUEUE_EVENT_WAKE] = apply_wake,
	[QUEUE_EVENT_LEASE_LOST] = apply_lease_lost,
};

static int
apply_touch(
    struct queue *q, const struct queue_change *c, uint64_t seq, struct err *e)
{
	struct task *t = queue_task_find(q, c->id);

	if (!t) {
		return err_set(e, ERR_CONFLICT, "an event is of no task: %s",
		    err_quote(c->id));
	}
	if (seq > 0 && seq <= t->shown.last_seq) {
		return 0;
	}
	if (on_task[c->kind](q, t, c, e)) {
		return -1;
	}
	if (t->shown.hold == QUEUE_COMPLETE) {
		queue_task_release(q, t, seq);
	}
	t->shown.updated = c->at;
	queue_task_touched(q, t, seq);
	return 0;
}

static int
apply(
    struct queue *q, const struct queue_change *c, uint64_t seq, struct err *e)
{
	q->in_use = true;
	switch (c->kind) {
	case QUEUE_EVENT_PUT:
		return queue_apply_put(q, c, seq, e);
	case QUEUE_EVENT_MAIL:
		return queue_apply_mail(q, c, seq, e);
	case QUEUE_EVENT_ACK:
		return queue_apply_ack(q, c, seq, e);
	case QUEUE_EVENT_FORGET:
		return queue_apply_forget(q, c, seq, e);
	case QUEUE_EVENT_RECALL:
		return queue_apply_recall(q, c, seq, e);
	case QUEUE_EVENT_RAISE:
		return queue_apply_raise(q, c, seq, e);
	case QUEUE_EVENT_REFUSED:
		return 0;
	case QUEUE_EVENT_CLAIM:
	case QUEUE_EVENT_COMPLETE:
	case QUEUE_EVENT_FAIL:
	case QUEUE_EVENT_BLOCK:
	case QUEUE_EVENT_UNBLOCK:
	case QUEUE_EVENT_RETRY:
	case QUEUE_EVENT_PARK:
	case QUEUE_EVENT_WAKE:
	case QUEUE_EVENT_LEASE_LOST:
		return apply_touch(q, c, seq, e);
	}
	return 0;
}

int
queue_apply(struct queue *q, struct str body, uint64_t seq, struct err *e)
{
	auto_arena a = { 0 };
	struct queue_change c = { 0 };

	return queue_change_read(&a, body, &c, e) ? -1 : apply(q, &c, seq, e);
}

int
queue_apply_event(struct queue *q, const struct queue_event *event,
    uint64_t seq, struct err *e)
{
	must(event->change != NULL);
	return apply(q, event->change, seq, e);
}
