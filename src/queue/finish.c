/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/repair.h"
#include "queue/state.h"

static bool
group_valid(struct str group)
{
	return str_eq_z(group, "resolvable") ||
	       str_eq_z(group, "unresolvable") ||
	       str_eq_z(group, "requires_escalation");
}

int
queue_failure_check(const struct json *failure, struct err *e)
{
	struct str type = { 0 };
	struct str group = { 0 };
	struct str message = { 0 };

	if (!json_text(failure, "error_type", &type) || type.len == 0 ||
	    !json_text(failure, "message", &message) ||
	    !json_text(failure, "class", &group) || !group_valid(group)) {
		return err_set(e, ERR_INPUT,
		    "a failure needs error_type, message and class "
		    "(resolvable, unresolvable or requires_escalation)");
	}
	return 0;
}

static bool
is_resolvable(const struct json *failure)
{
	struct str group = { 0 };

	return json_text(failure, "class", &group) &&
	       str_eq_z(group, "resolvable");
}

/* {error_type, class, resolvable, suggested_skill, message}, always whole. */
static struct json *
normal_failure(struct arena *a, const struct json *given)
{
	static const char *const keys[] = { "error_type", "class", NULL,
		"suggested_skill", "message" };
	struct json *full = json_new(a, JSON_OBJECT);

	for (size_t i = 0; i < COUNT(keys); i++) {
		struct str text = { 0 };

		if (keys[i]) {
			(void)json_text(given, keys[i], &text);
			json_set_str(a, full, keys[i], text);
		} else {
			json_set(a, full, "resolvable",
			    json_new_bool(a, is_resolvable(given)));
		}
	}
	return full;
}

static void
tell_dependants(struct queue_step *s, struct arena *a, const struct task *t)
{
	for (size_t i = 0; t->more && i < t->more->dependants.count; i++) {
		const struct task *d = t->more->dependants.at[i];

		if (d->shown.hold == QUEUE_WAITING && d->shown.unmet == 1) {
			queue_step_tell(s, a, QUEUE_READY, d);
		}
	}
}

static enum queue_event_kind
kind_of(enum e2m_event outcome)
{
	if (outcome == E2M_COMPLETE) {
		return QUEUE_EVENT_COMPLETE;
	}
	return outcome == E2M_FAIL ? QUEUE_EVENT_FAIL : QUEUE_EVENT_BLOCK;
}

/* --- the next of a series --- */

/* A version 7 UUID (RFC 9562) of this moment; the same random number does for
 * several tasks. */
static struct str
next_id(struct arena *a, const struct ending *end)
{
	uint64_t ms = (uint64_t)(end->now.us / 1000);
	uint64_t mixed = end->random ^ 0x9e3779b97f4a7c15ULL;
	struct str id = end->task->shown.id;

	for (size_t i = 0; i < id.len; i++) {
		mixed = (mixed ^ (unsigned char)id.at[i]) * 0x100000001b3ULL;
		mixed ^= mixed >> 31;
	}
	return arena_printf(a, "%08x-%04x-7%03x-%04x-%012llx",
	    (unsigned)(ms >> 16), (unsigned)(ms & 0xffff),
	    (unsigned)(end->random & 0xfff), 0x8000U | (unsigned)(mixed >> 50),
	    (unsigned long long)(mixed & 0xffffffffffffULL));
}

static int
next_record(struct arena *a, const struct ending *end, struct e2m_task *out,
    struct err *e)
{
	struct json *tree = NULL;
	struct e2m_record r = { 0 };
	char at[WALL_TEXT_MAX] = { 0 };

	if (json_parse(a, end->task->more->template, NULL, &tree, e) ||
	    e2m_from_json(tree, &r, e)) {
		return -1;
	}
	wall_text(end->now, at);
	*out = r.as.task;
	out->id = next_id(a, end);
	out->created_at = arena_str(a, str_of(at));
	out->updated_at = out->created_at;
	out->depends_on = NULL;
	out->blocks = NULL;
	return 0;
}

static int
yield_next(struct queue *q, struct queue_step *s, struct arena *a,
    const struct ending *end, struct err *e)
{
	const struct more *m = end->task->more;
	struct e2m_task *task = arena_alloc(a, sizeof(*task));
	struct queue_put put = { .task = task, .now = end->now };
	struct put_case c = { &put, end->task->shown.id, true };
	struct queue_step inner = *s;

	if (!m || m->rearmed || (m->every.cron.len == 0 && m->every.us == 0)) {
		return 0;
	}
	put.every = m->every;
	put.retry = m->retry;
	put.parent = m->parent ? m->parent_id : STR("");
	if (!queue_every_next(q, &m->every, end->now, &put.not_before)) {
		return 0;
	}
	if (next_record(a, end, task, e) ||
	    queue_put_judge(q, a, &c, &inner, e)) {
		return err_wrap(e, "the next of the series");
	}
	inner.next = inner.id;
	*s = inner;
	return 0;
}

int
queue_end_yield(struct queue *q, struct queue_step *s, struct arena *a,
    const struct ending *end, struct err *e)
{
	const struct task *t = end->task;
	struct queue_change change =
	    queue_change_of(kind_of(end->outcome), t, end->now);

	change.epoch = end->epoch;
	change.from = E2M_IN_PROGRESS;
	change.to = end->next;
	change.ack_key = end->ack_key;
	change.again = end->retry;
	change.dead = end->dead;
	change.result = end->result;
	change.failure = end->failure;
	queue_step_yield(q, s, a, &change);
	queue_step_room(s, a, t);
	s->dead = end->dead;
	if (end->retry) {
		change = queue_change_of(QUEUE_EVENT_RETRY, t, end->now);
		change.epoch = end->epoch;
		change.not_before = queue_ms((struct wall){
		    end->now.us + queue_retry_delay(&t->more->retry,
		                      t->shown.attempts, end->random) });
		s->again = change.not_before;
		queue_step_yield(q, s, a, &change);
		return 0;
	}
	if (!e2m_is_final(end->next)) {
		return 0;
	}
	queue_step_tell(s, a, QUEUE_FINAL, t);
	if (end->next == E2M_COMPLETED) {
		tell_dependants(s, a, t);
	}
	return end->no_next ? 0 : yield_next(q, s, a, end, e);
}

/* --- the command --- */

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
		struct put_case put = { &c->follow_ups[i], { 0 }, true };

		if (queue_put_judge(q, a, &put, s, e)) {
			return err_wrap(e, "follow-up %zu", i + 1);
		}
	}
	for (size_t i = 0; i < c->mail_count; i++) {
		if (queue_mail_judge(q, a, &c->mail[i], STR(""), s, e)) {
			return err_wrap(e, "letter %zu", i + 1);
		}
	}
	s->duplicate = false; /* said of the finish, not of a follow-up */
	return 0;
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

static bool
is_tried_again(const struct task *t, const struct json *failure)
{
	return t->more && t->shown.attempts < t->more->retry.max_attempts &&
	       is_resolvable(failure);
}

bool
queue_would_retry(
    const struct queue *q, struct str task, const struct json *failure)
{
	const struct task *t = queue_task_find(q, task);

	return t && is_tried_again(t, failure);
}

static int
judge_ending(struct arena *a, const struct queue_finish *c, struct ending *end,
    struct err *e)
{
	const struct task *t = end->task;

	must(c->outcome == E2M_COMPLETE || c->outcome == E2M_FAIL ||
	     c->outcome == E2M_BLOCK);
	if (queue_task_need_owned(t, c->epoch, e) ||
	    e2m_transition(t->shown.state, c->outcome, &end->next, e) ||
	    check_batch(c, e)) {
		return -1;
	}
	if (c->outcome == E2M_COMPLETE) {
		end->result = c->result;
		return 0;
	}
	if (queue_failure_check(c->failure, e)) {
		return -1;
	}
	end->failure = normal_failure(a, c->failure);
	end->retry = c->outcome == E2M_FAIL && is_tried_again(t, c->failure);
	end->dead = c->outcome == E2M_FAIL && !end->retry && t->more &&
	            t->more->retry.max_attempts > 0 &&
	            is_resolvable(c->failure);
	return 0;
}

int
queue_finish(struct queue *q, struct arena *a, const struct queue_finish *c,
    struct queue_step *step, struct err *e)
{
	const struct answer *answer = queue_answer_find(q, c->ack_key);
	struct ending end = {
		.task = queue_task_need(q, c->task, e),
		.epoch = c->epoch,
		.outcome = c->outcome,
		.ack_key = c->ack_key,
		.now = c->now,
		.random = c->random,
	};
	struct queue_step s = { 0 };

	if (!end.task) {
		return -1;
	}
	if (c->ack_key.len > QUEUE_ID_MAX) {
		return err_set(e, ERR_LIMIT, "an ack_key has at most %d bytes",
		    QUEUE_ID_MAX);
	}
	if (answer) {
		return repeat_answer(a, answer, c, step, e);
	}
	if (judge_ending(a, c, &end, e) || queue_end_yield(q, &s, a, &end, e) ||
	    judge_batch(q, a, c, &s, e)) {
		return -1;
	}
	queue_step_done(&s, a, end.task, end.retry ? E2M_PENDING : end.next);
	*step = s;
	return 0;
}
