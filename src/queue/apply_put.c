/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

#define SCORE_DEFAULT 3

/* A new task becomes part of the state. */

/* The first of the list that is not there; NULL: all are. */
static const struct json *
find_unknown(const struct queue *q, const struct json *list)
{
	JSON_EACH(child, list)
	{
		if (!queue_task_find(q, child->text)) {
			return child;
		}
	}
	return NULL;
}

static int
check(const struct queue *q, const struct put_change *p, struct wall *created,
    struct err *e)
{
	const struct e2m_task *t = &p->task;
	const struct json *unknown = find_unknown(q, t->depends_on);

	if (t->id.len == 0 || !wall_parse(t->created_at, created)) {
		return err_set(e, ERR_INPUT, "put: the task has no id or time");
	}
	if (queue_task_find(q, t->id) || queue_key_find(q, p->key)) {
		return err_set(e, ERR_CONFLICT, "put: the task %s is there",
		    err_quote(t->id));
	}
	if (!unknown) {
		unknown = find_unknown(q, t->blocks);
	}
	if (unknown) {
		return err_set(e, ERR_CONFLICT, "put: the task %s is not there",
		    err_quote(unknown->text));
	}
	return 0;
}

static bool
has_more(const struct put_change *p)
{
	return p->retry.max_attempts > 0 || p->retry.max_lost > 0 ||
	       p->every.cron.len > 0 || p->every.us > 0 || p->parent.len > 0;
}

static void
add_more(struct queue *q, struct task *t, const struct put_change *p)
{
	struct more *m = queue_task_more(t);
	struct task *parent = queue_task_find(q, p->parent);

	m->retry = p->retry;
	if (p->retry.max_attempts == 0 && p->retry.max_lost == 0) {
		m->retry = (struct queue_retry_policy){ 0 };
	}
	m->every.us = p->every.us;
	if (p->every.cron.len > 0) {
		m->every.cron = queue_text_keep(p->every.cron);
		m->every.zone = queue_name_keep(q, p->every.zone);
	}
	if (p->row.len > 0) {
		m->template = queue_text_keep(p->row);
	}
	if (p->parent.len > 0) {
		m->parent_id = queue_text_keep(p->parent);
	}
	if (parent) {
		queue_task_adopt(t, parent);
	}
}

static void
count_put(struct line *l, struct wall at)
{
	int64_t minute = at.us / CLOCK_MINUTE;

	l->puts = l->minute == minute ? l->puts + 1 : 1;
	l->minute = minute;
}

static void
link_all(struct queue *q, struct task *t, const struct e2m_task *r)
{
	JSON_EACH(child, r->depends_on)
	{
		queue_task_link(t, queue_task_find(q, child->text));
	}
	JSON_EACH(child, r->blocks)
	{
		struct task *other = queue_task_find(q, child->text);

		queue_task_link(other, t);
		queue_task_unsaved(q, other, t->shown.put_seq);
		if (other->shown.hold == QUEUE_WAITING) {
			queue_place(q, other);
		}
	}
}

int
queue_apply_put(
    struct queue *q, const struct queue_change *c, uint64_t seq, struct err *e)
{
	const struct put_change *p = c->put;
	const struct e2m_task *r = &p->task;
	struct task *t = queue_task_find(q, r->id);
	struct queue_task like = { 0 };
	struct task *after = NULL;

	if (t && seq > 0 && seq <= t->shown.last_seq) {
		return 0;
	}
	if (check(q, p, &like.created, e)) {
		return -1;
	}
	like.id = r->id;
	like.queue = r->queue;
	like.subject = r->subject;
	like.from = r->from;
	like.hold = QUEUE_WAITING;
	like.state = E2M_PENDING;
	like.score =
	    (uint8_t)(r->ke_fit_score ? r->ke_fit_score : SCORE_DEFAULT);
	like.updated = like.created;
	like.not_before = p->not_before;
	like.put_seq = seq;
	t = queue_task_new(q, &like);
	t->urgency = queue_order_urgency(p->due, like.created);
	t->tenths = (uint16_t)p->tenths;
	t->mail_waits = p->letter.len > 0;
	if (p->key.len > 0) {
		queue_key_add(q, t, p->key);
	}
	if (has_more(p)) {
		add_more(q, t, p);
	}
	link_all(q, t, r);
	t->key = queue_order_key(t);
	queue_place(q, t);
	count_put(t->line, c->at.us ? c->at : like.created);
	after = p->after.len > 0 ? queue_task_find(q, p->after) : NULL;
	if (after) {
		queue_task_more(after)->rearmed = true;
		queue_task_unsaved(q, after, seq);
	}
	queue_task_touched(q, t, seq);
	return 0;
}
