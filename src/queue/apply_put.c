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
}

static void
count_put(struct line *l, struct wall at)
{
	int64_t minute = at.us / CLOCK_MINUTE;

	l->puts = l->minute == minute ? l->puts + 1 : 1;
	l->minute = minute;
}

/* A saved form may have named what was not there when it was loaded. */
static void
link(struct task *later, struct task *earlier)
{
	queue_absent_drop(later, earlier->shown.id);
	queue_task_link(later, earlier);
}

static void
link_earlier(struct queue *q, struct task *t, const struct e2m_task *r)
{
	JSON_EACH(child, r->depends_on)
	{
		struct task *earlier = queue_task_find(q, child->text);

		if (earlier) {
			link(t, earlier);
		}
	}
}

static void
find_parent(struct queue *q, struct task *t)
{
	struct str id = t->more ? t->more->parent_id : STR("");
	struct task *parent = id.len > 0 ? queue_task_find(q, id) : NULL;

	if (parent) {
		queue_task_adopt(t, parent);
	}
}

/* What a put changes of other tasks: it is done again where the new one's
 * saved form is there already, for theirs may be older. */
static void
change_others(
    struct queue *q, struct task *t, const struct put_change *p, uint64_t seq)
{
	struct task *after =
	    p->after.len > 0 ? queue_task_find(q, p->after) : NULL;

	JSON_EACH(child, p->task.blocks)
	{
		struct task *other = queue_task_find(q, child->text);

		if (other) {
			link(other, t);
			queue_task_unsaved(q, other, seq);
			queue_place(q, other);
		}
	}
	if (after) {
		queue_task_more(after)->rearmed = true;
		queue_task_unsaved(q, after, seq);
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

	if (t && seq > 0 && seq <= t->shown.last_seq) {
		link_earlier(q, t, r);
		change_others(q, t, p, seq);
		find_parent(q, t);
		queue_place(q, t);
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
	link_earlier(q, t, r);
	change_others(q, t, p, seq);
	find_parent(q, t);
	queue_place(q, t);
	count_put(t->line, c->at.us ? c->at : like.created);
	queue_task_touched(q, t, seq);
	return 0;
}
