/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

#include <stdlib.h>

/* Judging a new task. */

/* depends_on or blocks: known tasks, not too many, not itself. */
static int
judge_links(const struct queue *q, const struct e2m_task *t,
    const struct json *links, const char *what, struct err *e)
{
	if (links && links->count > QUEUE_DEPENDS_MAX) {
		return err_set(e, ERR_LIMIT, "%s names more than %d tasks",
		    what, QUEUE_DEPENDS_MAX);
	}
	JSON_EACH(child, links)
	{
		if (child->type != JSON_STRING || str_eq(child->text, t->id)) {
			return err_set(e, ERR_INPUT,
			    "%s must name other tasks by their ids", what);
		}
		if (!queue_task_find(q, child->text)) {
			return err_set(e, ERR_INPUT,
			    "%s names the task %s, which does not exist", what,
			    err_quote(child->text));
		}
	}
	return 0;
}

static bool
has_text(const struct json *list, struct str text)
{
	JSON_EACH(child, list)
	{
		if (str_eq(child->text, text)) {
			return true;
		}
	}
	return false;
}

/* Does anything the new task depends on depend on something it blocks?  The
 * tasks so far have no cycle, so only the new one can close one. */
static bool
closes_cycle(struct queue *q, const struct e2m_task *t)
{
	struct list stack = { 0 };
	bool found = false;

	q->mark++;
	JSON_EACH(child, t->depends_on)
	{
		list_add(&stack, queue_task_find(q, child->text));
	}
	while (stack.count > 0 && !found) {
		struct task *at = stack.at[--stack.count];

		if (at->mark == q->mark) {
			continue;
		}
		at->mark = q->mark;
		found = has_text(t->blocks, at->shown.id);
		for (size_t i = 0; at->more && i < at->more->depends.count;
		     i++) {
			list_add(&stack, at->more->depends.at[i]);
		}
	}
	free(stack.at);
	return found;
}

static int
judge_blocks(struct queue *q, const struct e2m_task *t, struct err *e)
{
	JSON_EACH(child, t->blocks)
	{
		const struct task *other = queue_task_find(q, child->text);

		if (other->shown.hold != QUEUE_WAITING) {
			return err_set(e, ERR_CONFLICT,
			    "blocks names the task %s, which is %s already",
			    err_quote(child->text),
			    e2m_state_name(other->shown.state));
		}
	}
	if (t->blocks && closes_cycle(q, t)) {
		return err_set(e, ERR_INPUT,
		    "depends_on and blocks close a cycle: no task of it could "
		    "ever be claimed");
	}
	return 0;
}

static int
judge_task(struct queue *q, const struct e2m_task *t, struct err *e)
{
	struct wall created = { 0 };
	struct e2m_record r = { .kind = E2M_TASK, .as.task = *t };

	if (e2m_check(&r, e)) {
		return -1;
	}
	if (queue_task_find(q, t->id)) {
		return err_set(e, ERR_CONFLICT, "the task %s exists already",
		    err_quote(t->id));
	}
	if (t->state != E2M_PENDING) {
		return err_set(e, ERR_INPUT,
		    "a new task must be pending, this one is %s",
		    t->state ? e2m_state_name(t->state) : "without a state");
	}
	if (!wall_parse(t->created_at, &created) || created.us < 0) {
		return err_set(e, ERR_INPUT,
		    "created_at %s is no RFC 3339 time",
		    err_quote(t->created_at));
	}
	if (!t->depends_on && !t->blocks) {
		return 0;
	}
	return judge_links(q, t, t->depends_on, "depends_on", e) ||
	               judge_links(q, t, t->blocks, "blocks", e) ||
	               judge_blocks(q, t, e)
	           ? -1
	           : 0;
}

static struct wall
time_of(const struct queue_put *c)
{
	struct wall at = c->now;

	if (at.us == 0) {
		(void)wall_parse(c->task->created_at, &at);
	}
	return queue_ms(at);
}

static int
judge_queue(const struct queue *q, const struct put_case *c, struct err *e)
{
	struct str name = c->put->task->queue;
	const struct line *l = queue_line_find(q, name);
	int64_t minute = time_of(c->put).us / CLOCK_MINUTE;

	if (c->after.len > 0) {
		return 0; /* the queue was there when the series began */
	}
	if (!l || !l->known) {
		return err_set(e, ERR_INPUT,
		    "there is no queue %s; nothing was written",
		    err_quote(name));
	}
	if (c->ours) {
		return 0;
	}
	if (l->limits.max_waiting > 0 && l->waiting >= l->limits.max_waiting) {
		return err_set(e, ERR_LIMIT,
		    "the queue %s has %u tasks waiting, its limit: try later",
		    err_quote(name), l->waiting);
	}
	if (l->limits.puts_per_minute > 0 && l->minute == minute &&
	    l->puts >= l->limits.puts_per_minute) {
		return err_set(e, ERR_LIMIT,
		    "the queue %s takes %u tasks a minute: try later",
		    err_quote(name), l->limits.puts_per_minute);
	}
	return 0;
}

static int
judge_plan(const struct queue *q, const struct queue_put *c, struct err *e)
{
	if (c->parent.len > 0 && !queue_task_find(q, c->parent)) {
		return err_set(e, ERR_INPUT, "the parent %s does not exist",
		    err_quote(c->parent));
	}
	if (c->not_before.us < 0 || c->due.us < 0 || !wall_has_date(c->due) ||
	    c->retry.base_us < 0 || c->retry.cap_us < 0 ||
	    c->estimated_tenths > UINT16_MAX) {
		return err_set(e, ERR_INPUT,
		    "a time, a delay or estimated_hours is out of range");
	}
	return queue_every_check(q, &c->every, e);
}

static struct str
row_text(struct arena *a, const struct e2m_task *t)
{
	auto_buf text = { 0 };
	struct e2m_record r = { .kind = E2M_TASK, .as.task = *t };

	e2m_write(&text, &r);
	return arena_str(a, buf_str(&text));
}

static void
yield(struct queue *q, struct arena *a, const struct put_case *c,
    struct queue_step *s)
{
	const struct queue_put *put = c->put;
	struct put_change *p = arena_alloc(a, sizeof(*p));
	struct queue_change change = {
		.kind = QUEUE_EVENT_PUT,
		.id = put->task->id,
		.at = time_of(put),
		.put = p,
	};

	*p = (struct put_change){
		.task = *put->task,
		.key = put->key,
		.not_before = queue_ms(put->not_before),
		.retry = put->retry,
		.every = put->every,
		.due = queue_ms(put->due),
		.tenths = put->estimated_tenths,
		.parent = put->parent,
		.after = c->after,
	};
	if (put->every.cron.len > 0 || put->every.us > 0) {
		p->row = row_text(a, put->task);
	}
	if (put->mail && put->mail->ack_required == E2M_YES) {
		p->letter = put->mail->id;
	}
	queue_step_yield(q, s, a, &change);
	if (put->not_before.us <= change.at.us) {
		queue_step_effect(s, a,
		    &(struct queue_effect){
		        .kind = QUEUE_READY, .name = put->task->queue });
	}
}

int
queue_put_judge(struct queue *q, struct arena *a, const struct put_case *c,
    struct queue_step *s, struct err *e)
{
	const struct queue_put *put = c->put;
	const struct task *first = NULL;

	if (put->key.len > QUEUE_ID_MAX) {
		return err_set(e, ERR_LIMIT,
		    "an idempotency key has at most %d bytes", QUEUE_ID_MAX);
	}
	first = queue_key_find(q, put->key);
	if (first) {
		s->id = arena_str(a, first->shown.id);
		s->state = first->shown.state;
		s->duplicate = true;
		return 0;
	}
	if (judge_task(q, put->task, e) || judge_queue(q, c, e) ||
	    judge_plan(q, put, e)) {
		return -1;
	}
	yield(q, a, c, s);
	s->id = arena_str(a, put->task->id);
	s->state = E2M_PENDING;
	return put->mail
	           ? queue_mail_judge(q, a, put->mail, put->task->id, s, e)
	           : 0;
}

/* --- hand-off --- */

static bool
is_met(const struct queue *q, const struct json *depends_on)
{
	JSON_EACH(child, depends_on)
	{
		if (queue_task_find(q, child->text)->shown.hold !=
		    QUEUE_COMPLETE) {
			return false;
		}
	}
	return true;
}

/* Somebody waits because there is nothing in its queues: this is the best. */
static bool
is_nothing_else(const struct queue *q, const struct queue_claim *c)
{
	const struct str *names = c->queue_count > 0 ? c->queues : &c->queue;
	size_t count = c->queue_count > 0 ? c->queue_count : 1;

	for (size_t i = 0; i < count; i++) {
		const struct line *l = queue_line_find(q, names[i]);

		if (l && queue_line_best(l, c->owner)) {
			return false;
		}
	}
	return true;
}

static int
hand_off(struct queue *q, struct arena *a, const struct queue_put *c,
    struct queue_step *s, struct err *e)
{
	const struct queue_claim *claim = c->claim;
	const struct line *l = queue_line_find(q, c->task->queue);
	struct queue_task fresh = { .id = c->task->id, .state = E2M_PENDING };

	if (queue_claim_check(claim, e)) {
		return -1;
	}
	queue_mature(q, claim->now);
	if (!queue_claim_serves(claim, c->task->queue) ||
	    queue_ms(c->not_before).us > claim->now.us ||
	    !is_met(q, c->task->depends_on) || !is_nothing_else(q, claim) ||
	    (l->limits.max_running > 0 &&
	        l->running >= l->limits.max_running)) {
		return 0;
	}
	queue_claim_yield(q, s, a, &fresh, claim, false);
	queue_step_claimed(s, a, fresh.id, 1);
	s->epoch = 1;
	s->state = E2M_IN_PROGRESS;
	return 0;
}

int
queue_put(struct queue *q, struct arena *a, const struct queue_put *c,
    struct queue_step *step, struct err *e)
{
	struct queue_step s = { 0 };
	struct put_case given = { .put = c };

	if (queue_put_judge(q, a, &given, &s, e)) {
		return -1;
	}
	if (c->claim && !s.duplicate && hand_off(q, a, c, &s, e)) {
		return -1;
	}
	*step = s;
	return 0;
}
