/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

#include <string.h>

/*
 * The only place where the state changes.  An event is checked again here,
 * although a command has judged it: a log that breaks the machine was not
 * written by it, and a rebuild must say so.
 */

struct touch { /* the common members of an event on one task */
	struct task *task;
	struct wall at;
	uint32_t epoch;
	const struct json *body;
};
typedef int apply_fn(struct queue *q, const struct touch *v, struct err *e);

static int
illegal(const struct touch *v, const char *word, struct err *e)
{
	return err_set(e, ERR_CONFLICT,
	    "%s under epoch %u cannot follow: the task is %s, epoch %u", word,
	    v->epoch, queue_hold_name(v->task->shown.hold),
	    v->task->shown.epoch);
}

static void
leave(struct task *t)
{
	if (t->place == NO_PLACE) {
		return;
	}
	if (t->shown.hold == QUEUE_LOOSE) {
		queue_loose_remove(t);
	} else {
		queue_ready_remove(t);
	}
}

static void
enter(struct task *t, enum queue_hold hold, enum e2m_state state)
{
	leave(t);
	t->shown.hold = hold;
	t->shown.state = state;
	if (hold == QUEUE_LOOSE) {
		queue_loose_add(t);
	} else if (queue_task_eligible(t)) {
		queue_ready_add(t);
	}
}

static int
apply_claim(struct queue *q, const struct touch *v, struct err *e)
{
	struct task *t = v->task;
	struct queue_task *s = &t->shown;
	struct str owner = { 0 };
	int64_t incarnation = 0;
	bool to_cancel = false;

	(void)json_bool(v->body, "to_cancel", &to_cancel);
	if (!json_text(v->body, "owner", &owner) || owner.len == 0 ||
	    !json_i64(v->body, "incarnation", &incarnation) ||
	    incarnation < 0 || incarnation > UINT32_MAX) {
		return err_set(e, ERR_INPUT, "claim: no owner or incarnation");
	}
	if (v->epoch != s->epoch + 1 ||
	    (s->hold != QUEUE_LOOSE && s->hold != QUEUE_WAITING) ||
	    (s->hold == QUEUE_WAITING && s->unmet > 0 && !to_cancel) ||
	    (s->hold == QUEUE_LOOSE && !str_eq(s->owner, owner))) {
		return illegal(v, "claim", e);
	}
	s->attempts += s->hold == QUEUE_WAITING;
	enter(t, QUEUE_OWNED, E2M_IN_PROGRESS);
	s->epoch = v->epoch;
	s->owner = arena_str(&q->arena, owner);
	s->incarnation = (uint32_t)incarnation;
	return 0;
}

static bool
is_under_way(const struct touch *v)
{
	return v->task->shown.state == E2M_IN_PROGRESS &&
	       v->task->shown.epoch == v->epoch;
}

static int
keep_answer(
    struct queue *q, const struct touch *v, enum e2m_state state, struct err *e)
{
	struct answer *answer = NULL;
	struct str key = { 0 };

	if (!json_text(v->body, "ack_key", &key)) {
		return 0;
	}
	if (map_get(&q->answers, key)) {
		return err_set(e, ERR_CONFLICT, "the ack_key was used before");
	}
	answer = arena_alloc(&q->arena, sizeof(*answer));
	*answer = (struct answer){ v->task, state, v->epoch };
	map_put(&q->answers, arena_str(&q->arena, key), answer);
	return 0;
}

static int
apply_complete(struct queue *q, const struct touch *v, struct err *e)
{
	struct task *t = v->task;

	if (!is_under_way(v) || t->shown.hold != QUEUE_OWNED) {
		return illegal(v, "complete", e);
	}
	if (keep_answer(q, v, E2M_COMPLETED, e)) {
		return -1;
	}
	enter(t, QUEUE_COMPLETE, E2M_COMPLETED);
	for (size_t i = 0; i < t->dependant_count; i++) {
		struct task *d = t->dependants[i];

		must(d->shown.unmet > 0);
		d->shown.unmet--;
		if (queue_task_eligible(d)) {
			queue_ready_add(d);
		}
	}
	return 0;
}

static int
apply_block(struct queue *q, const struct touch *v, struct err *e)
{
	if (!is_under_way(v)) {
		return illegal(v, "block", e);
	}
	if (keep_answer(q, v, E2M_BLOCKED, e)) {
		return -1;
	}
	enter(v->task, QUEUE_STOPPED, E2M_BLOCKED);
	return 0;
}

static int
apply_fail(struct queue *q, const struct touch *v, struct err *e)
{
	if (!is_under_way(v)) {
		return illegal(v, "fail", e);
	}
	if (keep_answer(q, v, E2M_FAILED, e)) {
		return -1;
	}
	enter(v->task, QUEUE_FAILED, E2M_FAILED);
	return 0;
}

static int
apply_unblock(struct queue *q, const struct touch *v, struct err *e)
{
	(void)q;
	if (v->task->shown.hold != QUEUE_STOPPED) {
		return illegal(v, "unblock", e);
	}
	enter(v->task, QUEUE_LOOSE, E2M_IN_PROGRESS);
	return 0;
}

static int
apply_retry(struct queue *q, const struct touch *v, struct err *e)
{
	(void)q;
	if (v->task->shown.hold != QUEUE_FAILED) {
		return illegal(v, "retry", e);
	}
	v->task->shown.owner = STR("");
	enter(v->task, QUEUE_WAITING, E2M_PENDING);
	return 0;
}

static int
apply_park(struct queue *q, const struct touch *v, struct err *e)
{
	(void)q;
	if (!is_under_way(v) || v->task->shown.hold != QUEUE_OWNED) {
		return illegal(v, "park", e);
	}
	enter(v->task, QUEUE_PARKED, E2M_IN_PROGRESS);
	return 0;
}

static int
apply_wake(struct queue *q, const struct touch *v, struct err *e)
{
	(void)q;
	if (v->task->shown.hold != QUEUE_PARKED) {
		return illegal(v, "wake", e);
	}
	enter(v->task, QUEUE_LOOSE, E2M_IN_PROGRESS);
	return 0;
}

static int
apply_lease_lost(struct queue *q, const struct touch *v, struct err *e)
{
	(void)q;
	if (!is_under_way(v) || v->task->shown.hold != QUEUE_OWNED) {
		return illegal(v, "lease_lost", e);
	}
	enter(v->task, QUEUE_LOOSE, E2M_IN_PROGRESS);
	return 0;
}

static apply_fn *const on_task[] = {
	[QUEUE_EVENT_CLAIM] = apply_claim,
	[QUEUE_EVENT_COMPLETE] = apply_complete,
	[QUEUE_EVENT_BLOCK] = apply_block,
	[QUEUE_EVENT_FAIL] = apply_fail,
	[QUEUE_EVENT_UNBLOCK] = apply_unblock,
	[QUEUE_EVENT_RETRY] = apply_retry,
	[QUEUE_EVENT_PARK] = apply_park,
	[QUEUE_EVENT_WAKE] = apply_wake,
	[QUEUE_EVENT_LEASE_LOST] = apply_lease_lost,
	[QUEUE_EVENT_ACK] = NULL,
};

static bool
kind_parse(struct str word, enum queue_event_kind *kind)
{
	for (int k = QUEUE_EVENT_PUT; k <= QUEUE_EVENT_ACK; k++) {
		if (str_eq_z(
		        word, queue_event_word((enum queue_event_kind)k))) {
			*kind = (enum queue_event_kind)k;
			return true;
		}
	}
	return false;
}

static int
apply_touch(struct queue *q, apply_fn *apply, const struct json *body,
    uint64_t seq, struct err *e)
{
	struct touch v = { .body = body };
	struct str id = { 0 };
	struct str at = { 0 };
	int64_t epoch = 0;

	if (!json_text(body, "id", &id) || !json_text(body, "at", &at) ||
	    !wall_parse(at, &v.at) || !json_i64(body, "epoch", &epoch) ||
	    epoch < 0 || epoch > UINT32_MAX) {
		return err_set(e, ERR_INPUT, "an event has no id, at or epoch");
	}
	v.epoch = (uint32_t)epoch;
	v.task = queue_task_find(q, id);
	if (!v.task) {
		return err_set(e, ERR_CONFLICT, "an event is of no task: %s",
		    err_quote(id));
	}
	if (apply(q, &v, e)) {
		return -1;
	}
	v.task->shown.updated = v.at;
	v.task->shown.last_seq = seq;
	return 0;
}

int
queue_apply(struct queue *q, struct str body, uint64_t seq, struct err *e)
{
	auto_arena a = { 0 };
	struct json *tree = NULL;
	struct str word = { 0 };
	enum queue_event_kind kind = QUEUE_EVENT_PUT;

	if (json_parse(&a, body, NULL, &tree, e)) {
		return -1;
	}
	if (!json_text(tree, "event", &word) || !kind_parse(word, &kind)) {
		return err_set(e, ERR_INPUT, "not an event of the queue");
	}
	switch (kind) {
	case QUEUE_EVENT_PUT:
		return queue_apply_put(q, tree, seq, e);
	case QUEUE_EVENT_MAIL:
		return queue_apply_mail(q, tree, seq, e);
	case QUEUE_EVENT_ACK:
		return queue_apply_ack(q, tree, e);
	case QUEUE_EVENT_REFUSED:
		return 0;
	case QUEUE_EVENT_CLAIM:
	case QUEUE_EVENT_COMPLETE:
	case QUEUE_EVENT_BLOCK:
	case QUEUE_EVENT_FAIL:
	case QUEUE_EVENT_UNBLOCK:
	case QUEUE_EVENT_RETRY:
	case QUEUE_EVENT_PARK:
	case QUEUE_EVENT_WAKE:
	case QUEUE_EVENT_LEASE_LOST:
		return apply_touch(q, on_task[kind], tree, seq, e);
	}
	return 0;
}
