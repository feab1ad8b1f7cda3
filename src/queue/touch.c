/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

#include <stdlib.h>

/* The commands on one task that need no more than its name. */

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

int
queue_task_need_owned(const struct task *t, uint32_t epoch, struct err *e)
{
	if (t->shown.hold != QUEUE_OWNED || t->shown.epoch != epoch) {
		return err_set(e, ERR_CONFLICT,
		    "epoch %u of the task is not in force (it is %s, epoch "
		    "%u); nothing was changed",
		    epoch, queue_hold_name(t->shown.hold), t->shown.epoch);
	}
	return 0;
}

struct queue_change
queue_change_of(
    enum queue_event_kind kind, const struct task *t, struct wall now)
{
	return (struct queue_change){
		.kind = kind,
		.id = t->shown.id,
		.at = now,
		.epoch = t->shown.epoch,
		.owner = t->shown.owner,
	};
}

struct json *
queue_failure_new(struct arena *a, const char *type, struct str message)
{
	struct json *f = json_new(a, JSON_OBJECT);

	json_set_str(a, f, "error_type", str_of(type));
	json_set_str(a, f, "class", STR("unresolvable"));
	json_set(a, f, "resolvable", json_new_bool(a, false));
	json_set_str(a, f, "suggested_skill", STR(""));
	json_set_str(a, f, "message", message);
	return f;
}

static void
yield_touch(struct queue *q, struct queue_step *s, struct arena *a,
    const struct task *t, const struct queue_touch *c,
    enum queue_event_kind kind)
{
	struct queue_change change = queue_change_of(kind, t, c->now);

	change.why = c->why;
	change.ours = kind == QUEUE_EVENT_LEASE_LOST && c->ours;
	queue_step_yield(q, s, a, &change);
}

int
queue_unblock(struct queue *q, struct arena *a, const struct queue_touch *c,
    struct queue_step *step, struct err *e)
{
	const struct task *t = queue_task_need(q, c->task, e);
	struct queue_step s = { 0 };
	enum e2m_state next = 0;

	if (!t || e2m_transition(t->shown.state, E2M_UNBLOCK, &next, e)) {
		return -1;
	}
	yield_touch(q, &s, a, t, c, QUEUE_EVENT_UNBLOCK);
	queue_step_tell(&s, a, QUEUE_READY, t);
	queue_step_done(&s, a, t, next);
	*step = s;
	return 0;
}

static int
again(struct queue *q, struct arena *a, const struct queue_touch *c,
    bool redrive, struct queue_step *step, struct err *e)
{
	const struct task *t = queue_task_need(q, c->task, e);
	struct queue_step s = { 0 };
	struct queue_change change = { 0 };
	enum e2m_state next = 0;

	if (!t || e2m_transition(t->shown.state, E2M_RETRY, &next, e)) {
		return -1;
	}
	change = queue_change_of(QUEUE_EVENT_RETRY, t, c->now);
	change.why = c->why;
	change.redrive = redrive;
	queue_step_yield(q, &s, a, &change);
	if (t->shown.unmet == 0) {
		queue_step_tell(&s, a, QUEUE_READY, t);
	}
	queue_step_done(&s, a, t, next);
	*step = s;
	return 0;
}

int
queue_retry(struct queue *q, struct arena *a, const struct queue_touch *c,
    struct queue_step *step, struct err *e)
{
	return again(q, a, c, false, step, e);
}

int
queue_redrive(struct queue *q, struct arena *a, const struct queue_touch *c,
    struct queue_step *step, struct err *e)
{
	return again(q, a, c, true, step, e);
}

int
queue_block(struct queue *q, struct arena *a, const struct queue_touch *c,
    struct queue_step *step, struct err *e)
{
	const struct task *t = queue_task_need(q, c->task, e);
	struct queue_step s = { 0 };
	struct ending end = { .task = t, .outcome = E2M_BLOCK, .now = c->now };

	if (!t || e2m_transition(t->shown.state, E2M_BLOCK, &end.next, e)) {
		return -1;
	}
	if (t->shown.hold == QUEUE_OWNED) {
		queue_step_tell(&s, a, QUEUE_END, t);
	}
	end.epoch = t->shown.epoch;
	end.failure = queue_failure_new(a, "blocked", c->why);
	if (queue_end_yield(q, &s, a, &end, e)) {
		return -1;
	}
	queue_step_done(&s, a, t, end.next);
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
	yield_touch(q, &s, a, t, c, QUEUE_EVENT_PARK);
	queue_step_room(&s, a, t);
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
	yield_touch(q, &s, a, t, c, QUEUE_EVENT_WAKE);
	queue_step_tell(&s, a, QUEUE_READY, t);
	queue_step_done(&s, a, t, t->shown.state);
	*step = s;
	return 0;
}

/* --- lost leases --- */

static uint32_t
lost_max(const struct task *t)
{
	uint32_t most = t->more ? t->more->retry.max_lost : 0;

	return most ? most : QUEUE_LOST_MAX;
}

/* A task that ends every worker it meets must not meet them all. */
static int
yield_poison(struct queue *q, struct queue_step *s, struct arena *a,
    const struct task *t, const struct queue_touch *c, struct err *e)
{
	struct ending end = {
		.task = t,
		.epoch = t->shown.epoch,
		.outcome = E2M_FAIL,
		.next = E2M_FAILED,
		.failure = queue_failure_new(a, "lease_lost",
		    arena_printf(
		        a, "%u leases in a row were lost", t->shown.lost + 1)),
		.now = c->now,
		.random = c->random,
		.dead = true,
	};

	return queue_end_yield(q, s, a, &end, e);
}

static int
yield_lost(struct queue *q, struct queue_step *s, struct arena *a,
    const struct task *t, const struct queue_touch *c, struct err *e)
{
	yield_touch(q, s, a, t, c, QUEUE_EVENT_LEASE_LOST);
	queue_step_tell(s, a, QUEUE_END, t);
	if (!c->ours && t->shown.lost + 1 >= lost_max(t)) {
		return yield_poison(q, s, a, t, c, e);
	}
	queue_step_tell(s, a, QUEUE_READY, t);
	return 0;
}

int
queue_lease_lost(struct queue *q, struct arena *a, const struct queue_touch *c,
    struct queue_step *step, struct err *e)
{
	const struct task *t = queue_task_need(q, c->task, e);
	struct queue_step s = { 0 };

	if (!t || queue_task_need_owned(t, c->epoch, e) ||
	    yield_lost(q, &s, a, t, c, e)) {
		return -1;
	}
	queue_step_done(&s, a, t, s.dead ? E2M_FAILED : t->shown.state);
	*step = s;
	return 0;
}

int
queue_leases_lost(struct queue *q, struct arena *a, uint32_t incarnation,
    struct wall now, struct queue_step *step, struct err *e)
{
	struct node *found[QUEUE_BULK_MAX + 1] = { 0 };
	size_t count = heap_below(&q->owned, incarnation, found, COUNT(found));
	struct queue_touch c = {
		.why = STR("a new incarnation"),
		.now = now,
		.ours = true,
	};
	struct queue_step s = { 0 };

	s.more = count > QUEUE_BULK_MAX;
	for (size_t i = 0; i < count && i < QUEUE_BULK_MAX; i++) {
		if (yield_lost(q, &s, a, TASK_OF(found[i]), &c, e)) {
			return -1;
		}
	}
	s.dead = false;
	*step = s;
	return 0;
}

struct queue_event
queue_refused(struct arena *a, const struct queue_touch *c)
{
	auto_buf body = { 0 };
	struct json_out o = { 0 };
	char at[WALL_TEXT_MAX] = { 0 };
	struct queue_change *change = arena_alloc(a, sizeof(*change));

	wall_text(c->now, at);
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "event", queue_event_word(QUEUE_EVENT_REFUSED));
	json_out_str(&o, "id", c->task);
	json_out_z(&o, "at", at);
	json_out_i64(&o, "epoch", c->epoch);
	json_out_str(&o, "why", c->why);
	json_out_end(&o, '}');
	change->kind = QUEUE_EVENT_REFUSED;
	return (struct queue_event){
		.kind = QUEUE_EVENT_REFUSED,
		.id = arena_str(a, c->task),
		.epoch = c->epoch,
		.body = arena_str(a, buf_str(&body)),
		.change = change,
	};
}
