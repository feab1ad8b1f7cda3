/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

static bool
group_valid(struct str group)
{
	return str_eq_z(group, "resolvable") ||
	       str_eq_z(group, "unresolvable") ||
	       str_eq_z(group, "requires_escalation");
}

/* {error_type, class, resolvable, suggested_skill, message}, always whole. */
static int
normal_failure(
    struct arena *a, const struct json *given, struct json **out, struct err *e)
{
	struct json *full = json_new(a, JSON_OBJECT);
	struct str type = { 0 };
	struct str group = { 0 };
	struct str skill = { 0 };
	struct str message = { 0 };

	if (!json_text(given, "error_type", &type) || type.len == 0 ||
	    !json_text(given, "message", &message) ||
	    !json_text(given, "class", &group) || !group_valid(group)) {
		return err_set(e, ERR_INPUT,
		    "a failure needs error_type, message and class "
		    "(resolvable, unresolvable or requires_escalation)");
	}
	(void)json_text(given, "suggested_skill", &skill);
	json_set_str(a, full, "error_type", type);
	json_set_str(a, full, "class", group);
	json_set(a, full, "resolvable",
	    json_new_bool(a, str_eq_z(group, "resolvable")));
	json_set_str(a, full, "suggested_skill", skill);
	json_set_str(a, full, "message", message);
	*out = full;
	return 0;
}

static enum queue_event_kind
kind_of(enum e2m_event outcome)
{
	if (outcome == E2M_COMPLETE) {
		return QUEUE_EVENT_COMPLETE;
	}
	return outcome == E2M_FAIL ? QUEUE_EVENT_FAIL : QUEUE_EVENT_BLOCK;
}

static void
tell_dependants(struct queue_step *s, struct arena *a, const struct task *t)
{
	for (size_t i = 0; i < t->dependant_count; i++) {
		const struct task *d = t->dependants[i];

		if (d->shown.hold == QUEUE_WAITING && d->shown.unmet == 1) {
			queue_step_tell(s, a, QUEUE_READY, d);
		}
	}
}

void
queue_finish_yield(struct queue_step *s, struct arena *a, const struct task *t,
    const struct queue_finish *c, enum e2m_state next)
{
	enum queue_event_kind kind = kind_of(c->outcome);
	struct json *body = queue_step_body(a, kind, t->shown.id, c->now);

	queue_body_add_epoch(a, body, c->epoch);
	json_set_str(a, body, "owner", t->shown.owner);
	queue_body_add_states(a, body, E2M_IN_PROGRESS, next);
	if (c->ack_key.len > 0) {
		json_set_str(a, body, "ack_key", c->ack_key);
	}
	if (c->result) {
		json_set(a, body, "result", json_copy(a, c->result));
	}
	if (c->failure) {
		json_set(a, body, "error", json_copy(a, c->failure));
	}
	queue_step_add(s, a, kind, t, body);
	s->events[s->event_count - 1].epoch = c->epoch;
	if (e2m_is_final(next)) {
		queue_step_tell(s, a, QUEUE_FINAL, t);
	}
	if (next == E2M_COMPLETED) {
		tell_dependants(s, a, t);
	}
}

static bool
same_put(const struct queue_put *a, const struct queue_put *b)
{
	return str_eq(a->task->id, b->task->id) ||
	       (a->key.len > 0 && str_eq(a->key, b->key));
}

/* Two puts of one batch with the same id or key would be judged apart. */
static int
check_batch(const struct queue_finish *c, struct err *e)
{
	bool twice = false;

	if (c->follow_up_count > QUEUE_BATCH_MAX ||
	    c->mail_count > QUEUE_BATCH_MAX) {
		return err_set(e, ERR_LIMIT,
		    "at most %d follow-ups and letters", QUEUE_BATCH_MAX);
	}
	for (size_t i = 0; i < c->follow_up_count; i++) {
		for (size_t j = 0; j < i; j++) {
			twice |= same_put(&c->follow_ups[i], &c->follow_ups[j]);
		}
	}
	return twice ? err_set(e, ERR_INPUT,
	                   "two follow-ups have the same id or key")
	             : 0;
}

static int
judge_batch(struct queue *q, struct arena *a, const struct queue_finish *c,
    struct queue_step *s, struct err *e)
{
	for (size_t i = 0; i < c->follow_up_count; i++) {
		if (queue_put_judge(q, a, &c->follow_ups[i], s, e)) {
			return err_wrap(e, "follow-up %zu", i + 1);
		}
	}
	for (size_t i = 0; i < c->mail_count; i++) {
		if (queue_mail_judge(q, a, &c->mail[i], s, e)) {
			return err_wrap(e, "letter %zu", i + 1);
		}
	}
	s->duplicate = false; /* said of the finish, not of a follow-up */
	return 0;
}

/* The answer that this ack_key got; NULL: none yet. */
static const struct answer *
first_answer(const struct queue *q, struct str ack_key)
{
	return ack_key.len > 0 ? map_get(&q->answers, ack_key) : NULL;
}

static int
repeat_answer(struct arena *a, const struct answer *answer,
    const struct queue_finish *c, struct queue_step *step, struct err *e)
{
	if (!str_eq(answer->task->shown.id, c->task)) {
		return err_set(e, ERR_CONFLICT,
		    "this ack_key belongs to another task's finish");
	}
	*step = (struct queue_step){
		.id = arena_str(a, answer->task->shown.id),
		.epoch = answer->epoch,
		.state = answer->state,
		.duplicate = true,
	};
	return 0;
}

static int
judge_outcome(const struct task *t, const struct queue_finish *c,
    enum e2m_state *next, struct err *e)
{
	must(c->outcome == E2M_COMPLETE || c->outcome == E2M_FAIL ||
	     c->outcome == E2M_BLOCK);
	if (queue_task_need_owned(t, c->epoch, e)) {
		return -1;
	}
	return queue_task_need_transition(t, c->outcome, next, e) ||
	               check_batch(c, e)
	           ? -1
	           : 0;
}

int
queue_finish(struct queue *q, struct arena *a, const struct queue_finish *c,
    struct queue_step *step, struct err *e)
{
	const struct task *t = queue_task_need(q, c->task, e);
	const struct answer *answer = first_answer(q, c->ack_key);
	struct queue_finish whole = *c;
	struct queue_step s = { 0 };
	struct json *failure = NULL;
	enum e2m_state next = E2M_PENDING;

	if (!t) {
		return -1;
	}
	if (c->ack_key.len > QUEUE_ID_MAX) {
		return err_set(e, ERR_LIMIT, "an ack_key has at most %d bytes",
		    QUEUE_ID_MAX);
	}
	if (answer) {
		return repeat_answer(a, answer, c, step, e);
	}
	if (judge_outcome(t, c, &next, e)) {
		return -1;
	}
	if (c->outcome != E2M_COMPLETE &&
	    normal_failure(a, c->failure, &failure, e)) {
		return -1;
	}
	whole.failure = failure;
	whole.result = c->outcome == E2M_COMPLETE ? c->result : NULL;
	queue_step_init(&s, a, 1 + 2 * c->follow_up_count + c->mail_count);
	queue_finish_yield(&s, a, t, &whole, next);
	if (judge_batch(q, a, c, &s, e)) {
		return -1;
	}
	queue_step_done(&s, a, t, next);
	*step = s;
	return 0;
}
