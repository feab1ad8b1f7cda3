/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

struct task *
queue_task_need(const struct queue *q, struct str id, struct err *e)
{
	struct task *t = queue_task_find(q, id);

	if (!t) {
		(void)err_set(
		    e, ERR_MISSING, "there is no task %s", err_quote(id));
	}
	return t;
}

/* Only the owner of the last claim may speak for the task. */
int
queue_task_need_owned(const struct task *t, uint32_t epoch, struct err *e)
{
	if (t->shown.hold != QUEUE_OWNED || t->shown.epoch != epoch) {
		return err_set(e, ERR_CONFLICT,
		    "epoch %u of the task is not in force (it is %s, epoch "
		    "%u); "
		    "nothing was changed",
		    epoch, queue_hold_name(t->shown.hold), t->shown.epoch);
	}
	return 0;
}

int
queue_task_need_transition(const struct task *t, enum e2m_event event,
    enum e2m_state *next, struct err *e)
{
	return e2m_transition(t->shown.state, event, next, e);
}

void
queue_body_add_states(
    struct arena *a, struct json *body, enum e2m_state from, enum e2m_state to)
{
	json_set_str(a, body, "prior_state", str_of(e2m_state_name(from)));
	json_set_str(a, body, "new_state", str_of(e2m_state_name(to)));
}

void
queue_body_add_epoch(struct arena *a, struct json *body, uint32_t epoch)
{
	json_set(a, body, "epoch", json_new_i64(a, epoch));
}

void
queue_step_tell(struct queue_step *s, struct arena *a,
    enum queue_effect_kind kind, const struct task *t)
{
	struct queue_effect f = { .kind = kind };

	if (kind == QUEUE_READY) {
		f.name = t->shown.queue;
	} else {
		f.id = t->shown.id;
		f.epoch = t->shown.epoch;
		f.name = kind == QUEUE_END ? t->shown.owner : STR("");
	}
	queue_step_effect(s, a, &f);
}

void
queue_step_done(struct queue_step *s, struct arena *a, const struct task *t,
    enum e2m_state state)
{
	s->id = arena_str(a, t->shown.id);
	s->epoch = t->shown.epoch;
	s->state = state;
}

/* --- claim --- */

static void
yield_claim(struct queue_step *s, struct arena *a, const struct task *t,
    const struct queue_claim *c, bool to_cancel)
{
	struct json *body =
	    queue_step_body(a, QUEUE_EVENT_CLAIM, t->shown.id, c->now);
	struct queue_event *v = &s->events[s->event_count];

	queue_body_add_epoch(a, body, t->shown.epoch + 1);
	json_set_str(a, body, "owner", c->owner);
	json_set(a, body, "incarnation", json_new_i64(a, c->incarnation));
	queue_body_add_states(a, body, t->shown.state, E2M_IN_PROGRESS);
	if (to_cancel) {
		json_set(a, body, "to_cancel", json_new_bool(a, true));
	}
	queue_step_add(s, a, QUEUE_EVENT_CLAIM, t, body);
	v->epoch = t->shown.epoch + 1;
	v->owner = arena_str(a, c->owner);
}

int
queue_claim(struct queue *q, struct arena *a, const struct queue_claim *c,
    struct queue_step *step, struct err *e)
{
	const struct line *l = queue_line_find(q, c->queue);
	const struct task *t = NULL;
	struct queue_step s = { 0 };

	if (!l || !l->known) {
		return err_set(
		    e, ERR_INPUT, "there is no queue %s", err_quote(c->queue));
	}
	if (c->owner.len == 0 || c->owner.len > QUEUE_OWNER_MAX) {
		return err_set(e, ERR_INPUT,
		    "a claim needs an owner of 1..%d bytes", QUEUE_OWNER_MAX);
	}
	t = queue_ready_best(l, c->owner);
	if (!t) {
		return err_set(e, ERR_MISSING, "nothing to claim in %s",
		    err_quote(c->queue));
	}
	queue_step_init(&s, a, 1);
	yield_claim(&s, a, t, c, false);
	queue_step_done(&s, a, t, E2M_IN_PROGRESS);
	s.epoch = t->shown.epoch + 1;
	*step = s;
	return 0;
}

/* --- the commands on one task --- */

static void
yield_touch(struct queue_step *s, struct arena *a, const struct task *t,
    const struct queue_touch *c, enum queue_event_kind kind)
{
	struct json *body = queue_step_body(a, kind, t->shown.id, c->now);

	queue_body_add_epoch(a, body, t->shown.epoch);
	if (c->why.len > 0) {
		json_set_str(a, body, "why", c->why);
	}
	queue_step_add(s, a, kind, t, body);
}

int
queue_unblock(struct queue *q, struct arena *a, const struct queue_touch *c,
    struct queue_step *step, struct err *e)
{
	const struct task *t = queue_task_need(q, c->task, e);
	struct queue_step s = { 0 };
	enum e2m_state next = 0;

	if (!t || queue_task_need_transition(t, E2M_UNBLOCK, &next, e)) {
		return -1;
	}
	queue_step_init(&s, a, 1);
	yield_touch(&s, a, t, c, QUEUE_EVENT_UNBLOCK);
	queue_step_tell(&s, a, QUEUE_READY, t);
	queue_step_done(&s, a, t, next);
	*step = s;
	return 0;
}

int
queue_retry(struct queue *q, struct arena *a, const struct queue_touch *c,
    struct queue_step *step, struct err *e)
{
	const struct task *t = queue_task_need(q, c->task, e);
	struct queue_step s = { 0 };
	enum e2m_state next = 0;

	if (!t || queue_task_need_transition(t, E2M_RETRY, &next, e)) {
		return -1;
	}
	queue_step_init(&s, a, 1);
	yield_touch(&s, a, t, c, QUEUE_EVENT_RETRY);
	if (t->shown.unmet == 0) {
		queue_step_tell(&s, a, QUEUE_READY, t);
	}
	queue_step_done(&s, a, t, next);
	*step = s;
	return 0;
}

static struct json *
failure_of(struct arena *a, const char *type, struct str message)
{
	struct json *f = json_new(a, JSON_OBJECT);

	json_set_str(a, f, "error_type", str_of(type));
	json_set_str(a, f, "class", STR("unresolvable"));
	json_set(a, f, "resolvable", json_new_bool(a, false));
	json_set_str(a, f, "suggested_skill", STR(""));
	json_set_str(a, f, "message", message);
	return f;
}

/* By the six transitions: claim + fail, fail, unblock + fail. */
int
queue_cancel(struct queue *q, struct arena *a, const struct queue_touch *c,
    struct queue_step *step, struct err *e)
{
	const struct task *t = queue_task_need(q, c->task, e);
	struct queue_finish fail = { .outcome = E2M_FAIL, .now = c->now };
	struct queue_step s = { 0 };

	if (!t) {
		return -1;
	}
	if (e2m_is_final(t->shown.state)) {
		return err_set(e, ERR_CONFLICT,
		    "the task is %s: there is nothing to cancel",
		    e2m_state_name(t->shown.state));
	}
	queue_step_init(&s, a, 2);
	fail.epoch = t->shown.epoch;
	if (t->shown.state == E2M_PENDING) {
		yield_claim(&s, a, t,
		    &(struct queue_claim){
		        .owner = STR("operator"), .now = c->now },
		    true);
		fail.epoch++;
	} else if (t->shown.state == E2M_BLOCKED) {
		yield_touch(&s, a, t, c, QUEUE_EVENT_UNBLOCK);
	} else if (t->shown.hold == QUEUE_OWNED) {
		queue_step_tell(&s, a, QUEUE_END, t);
	}
	fail.failure = failure_of(
	    a, "cancelled", c->why.len > 0 ? c->why : STR("cancelled"));
	queue_finish_yield(&s, a, t, &fail, E2M_FAILED);
	queue_step_done(&s, a, t, E2M_FAILED);
	s.epoch = fail.epoch;
	*step = s;
	return 0;
}

int
queue_block(struct queue *q, struct arena *a, const struct queue_touch *c,
    struct queue_step *step, struct err *e)
{
	const struct task *t = queue_task_need(q, c->task, e);
	struct queue_finish block = { .outcome = E2M_BLOCK, .now = c->now };
	struct queue_step s = { 0 };
	enum e2m_state next = 0;

	if (!t || queue_task_need_transition(t, E2M_BLOCK, &next, e)) {
		return -1;
	}
	queue_step_init(&s, a, 1);
	if (t->shown.hold == QUEUE_OWNED) {
		queue_step_tell(&s, a, QUEUE_END, t);
	}
	block.epoch = t->shown.epoch;
	block.failure = failure_of(a, "blocked", c->why);
	queue_finish_yield(&s, a, t, &block, next);
	queue_step_done(&s, a, t, next);
	*step = s;
	return 0;
}

int
queue_park(struct queue *q, struct arena *a, const struct queue_touch *c,
    struct queue_step *step, struct err *e)
{
	const struct task *t = queue_task_need(q, c->task, e);
	struct queue_step s = { 0 };

	if (!t || queue_task_need_owned(t, c->epoch, e)) {
		return -1;
	}
	queue_step_init(&s, a, 1);
	yield_touch(&s, a, t, c, QUEUE_EVENT_PARK);
	queue_step_done(&s, a, t, t->shown.state);
	*step = s;
	return 0;
}

int
queue_wake(struct queue *q, struct arena *a, const struct queue_touch *c,
    struct queue_step *step, struct err *e)
{
	const struct task *t = queue_task_need(q, c->task, e);
	struct queue_step s = { 0 };

	if (!t) {
		return -1;
	}
	if (t->shown.hold != QUEUE_PARKED) {
		return err_set(e, ERR_CONFLICT,
		    "the task is %s, not parked: there is nothing to wake",
		    queue_hold_name(t->shown.hold));
	}
	queue_step_init(&s, a, 1);
	yield_touch(&s, a, t, c, QUEUE_EVENT_WAKE);
	queue_step_tell(&s, a, QUEUE_READY, t);
	queue_step_done(&s, a, t, t->shown.state);
	*step = s;
	return 0;
}

int
queue_lease_lost(struct queue *q, struct arena *a, const struct queue_touch *c,
    struct queue_step *step, struct err *e)
{
	const struct task *t = queue_task_need(q, c->task, e);
	struct queue_step s = { 0 };

	if (!t || queue_task_need_owned(t, c->epoch, e)) {
		return -1;
	}
	queue_step_init(&s, a, 1);
	yield_touch(&s, a, t, c, QUEUE_EVENT_LEASE_LOST);
	queue_step_tell(&s, a, QUEUE_END, t);
	queue_step_tell(&s, a, QUEUE_READY, t);
	queue_step_done(&s, a, t, t->shown.state);
	*step = s;
	return 0;
}

struct queue_event
queue_refused(struct arena *a, const struct queue_touch *c)
{
	struct queue_step s = { 0 };
	struct json *body =
	    queue_step_body(a, QUEUE_EVENT_REFUSED, c->task, c->now);

	queue_body_add_epoch(a, body, c->epoch);
	json_set_str(a, body, "why", c->why);
	queue_step_init(&s, a, 1);
	queue_step_add(&s, a, QUEUE_EVENT_REFUSED, NULL, body);
	s.events[0].id = arena_str(a, c->task);
	s.events[0].epoch = c->epoch;
	return s.events[0];
}
