/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/form.h"

#include <stdlib.h>

/* Reading the saved forms.  A form comes from our own store; a broken one must
 * still end as an err and never as a wrong state. */

static void
take_head(struct cut *c, struct head *h)
{
	struct queue_task *s = &h->shown;
	uint8_t hold = 0;
	uint32_t tenths = 0;

	s->put_seq = form_take_number(c);
	s->last_seq = form_take_number(c);
	s->id = form_take_text(c);
	s->queue = form_take_text(c);
	s->subject = form_take_text(c);
	s->from = form_take_text(c);
	s->owner = form_take_text(c);
	hold = form_take_byte(c);
	h->flags = form_take_byte(c);
	s->score = form_take_byte(c);
	h->urgency = form_take_byte(c);
	tenths = form_take_u32(c);
	s->epoch = form_take_u32(c);
	s->incarnation = form_take_u32(c);
	s->attempts = form_take_u32(c);
	s->lost = form_take_u32(c);
	s->created = form_take_time(c);
	s->updated = form_take_time(c);
	s->not_before = form_take_time(c);
	c->bad |= hold > QUEUE_FAILED || s->id.len == 0 || s->queue.len == 0 ||
	          tenths > UINT16_MAX || s->score < 1 || s->score > 5;
	s->hold = hold <= QUEUE_FAILED ? hold : 0;
	s->dead = h->flags & FORM_DEAD;
	h->tenths = (uint16_t)tenths;
}

void
form_skip_to_links(struct cut *c)
{
	uint64_t count = 0;

	for (int i = 0; i < 5; i++) {
		(void)form_take_text(c);
	}
	(void)form_take_us(c);
	(void)form_take_u32(c);
	(void)form_take_u32(c);
	(void)form_take_us(c);
	(void)form_take_us(c);
	count = form_take_number(c);
	for (uint64_t i = 0; i < count && !c->bad; i++) {
		(void)form_take_text(c);
		c->bad |= form_take_byte(c) > E2M_FAILED;
		(void)form_take_u32(c);
	}
}

/* Looks once without keeping anything: is it whole? */
static void
skip_more(struct cut *c)
{
	uint64_t count = 0;

	form_skip_to_links(c);
	count = form_take_number(c);
	for (uint64_t i = 0; i < count && !c->bad; i++) {
		(void)form_take_text(c);
	}
}

int
form_check(struct str saved, struct head *h, struct cut *more, struct err *e)
{
	struct cut c = form_cut(saved, FORM_TASK);

	take_head(&c, h);
	*more = c;
	if (h->flags & FORM_MORE) {
		skip_more(&c);
	}
	return c.bad || c.at != c.end
	           ? err_set(e, ERR_INPUT, "not the saved form of a task")
	           : 0;
}

static struct str
keep_text(struct str s)
{
	return s.len > 0 ? queue_text_keep(s) : (struct str){ 0 };
}

/* A key or ack_key that two forms have was forgotten with the older one. */
static void
load_key(struct queue *q, struct task *t, struct str key)
{
	struct task *other = queue_key_find(q, key);

	if (key.len == 0 ||
	    (other && other->shown.last_seq > t->shown.last_seq)) {
		return;
	}
	if (other) {
		queue_key_drop(q, other->more);
	}
	queue_key_add(q, t, key);
}

static bool
is_ours(struct queue *q, const struct task *t, struct str ack_key)
{
	struct answer *other = queue_answer_find(q, ack_key);

	if (ack_key.len == 0 ||
	    (other && other->task->shown.last_seq >= t->shown.last_seq)) {
		return false;
	}
	if (other) {
		queue_answer_drop(q, other);
	}
	return true;
}

/* The newest answer stands first, and is added last. */
static int
load_answers(struct queue *q, struct task *t, struct cut *c, struct err *e)
{
	struct {
		struct str text;
		enum e2m_state state;
		uint32_t epoch;
	} list[QUEUE_ANSWERS_MAX] = { 0 };
	uint64_t count = form_take_number(c);

	if (count > COUNT(list)) {
		return err_set(e, ERR_INPUT, "a form has too many answers");
	}
	for (size_t i = 0; i < count; i++) {
		list[i].text = form_take_text(c);
		list[i].state = form_take_byte(c);
		list[i].epoch = form_take_u32(c);
	}
	for (size_t i = count; i > 0; i--) {
		if (is_ours(q, t, list[i - 1].text)) {
			queue_answer_add(q, t, list[i - 1].text,
			    list[i - 1].state, list[i - 1].epoch);
		}
	}
	return 0;
}

static int
load_more(struct queue *q, struct task *t, struct cut *c, struct err *e)
{
	struct more *m = queue_task_more(t);
	struct str key = { 0 };

	m->parent_id = keep_text(form_take_text(c));
	key = form_take_text(c);
	m->template = keep_text(form_take_text(c));
	m->every.cron = keep_text(form_take_text(c));
	m->every.zone = queue_name_keep(q, form_take_text(c));
	m->every.us = form_take_us(c);
	m->retry.max_attempts = form_take_u32(c);
	m->retry.max_lost = form_take_u32(c);
	m->retry.base_us = form_take_us(c);
	m->retry.cap_us = form_take_us(c);
	load_key(q, t, key);
	return load_answers(q, t, c, e);
}

/* Not yet linked to anything. */
static void
form_unload(struct queue *q, struct task *t)
{
	for (size_t i = 0; i < q->loaded_count; i++) {
		if (q->loaded[i].task == t) {
			q->loaded[i] = q->loaded[--q->loaded_count];
			break;
		}
	}
	q->all.at[t->index] = q->all.at[--q->all.count];
	q->all.at[t->index]->index = t->index;
	q->disorder = true;
	queue_task_free(q, t);
}

int
form_load(struct queue *q, const struct head *h, struct cut *more,
    struct loaded *out, struct err *e)
{
	struct queue_task shown = h->shown;
	struct task *t = NULL;

	shown.state = queue_hold_state(shown.hold); /* counted as it is made */
	t = queue_task_new(q, &shown);
	t->urgency = h->urgency;
	t->tenths = h->tenths;
	t->mail_waits = h->flags & FORM_MAIL_WAITS;
	*out = (struct loaded){ .task = t };
	if (!(h->flags & FORM_MORE)) {
		return 0;
	}
	if (load_more(q, t, more, e)) {
		form_unload(q, t);
		return -1;
	}
	t->more->rearmed = h->flags & FORM_REARMED;
	out->links = str_span(more->at, (size_t)(more->end - more->at));
	return 0;
}

static void
link_later(struct queue *q, const struct loaded *l)
{
	q->loaded = array_grow(
	    q->loaded, q->loaded_count, &q->loaded_room, sizeof(*q->loaded));
	q->loaded[q->loaded_count++] = (struct loaded){
		.task = l->task,
		.links = arena_str(&q->load_arena, l->links),
	};
}

/* Most name no others: they stand in their heaps at once.  Whoever is linked
 * to one of them later moves it. */
int
queue_task_load(struct queue *q, struct str saved, struct err *e)
{
	struct head h = { 0 };
	struct cut more = { 0 };
	struct loaded l = { 0 };
	struct task *t = NULL;

	if (form_check(saved, &h, &more, e)) {
		return -1;
	}
	t = queue_task_find(q, h.shown.id);
	if (t && h.shown.last_seq <= t->shown.last_seq) {
		return 0;
	}
	if (t && q->in_use) {
		return err_set(e, ERR_CONFLICT, "the task %s is in use already",
		    err_quote(h.shown.id));
	}
	if (t) {
		form_unload(q, t);
	}
	if (form_load(q, &h, &more, &l, e)) {
		return -1;
	}
	if (l.task->more) {
		link_later(q, &l);
	} else {
		queue_place(q, l.task);
	}
	return 0;
}

/* What it waits for and is not there is put by an event still to be applied;
 * if none comes, the task is never claimed.  What is complete is named by a
 * form that was not saved anew since: it must be, before that is forgotten. */
void
form_link(struct queue *q, const struct loaded *l)
{
	struct cut c = { l->links.at, form_end(l->links), false };
	struct more *m = l->task->more;
	uint64_t count = l->links.len > 0 ? form_take_number(&c) : 0;
	struct task *parent = NULL;

	for (uint64_t i = 0; i < count; i++) {
		struct str id = form_take_text(&c);
		struct task *earlier = queue_task_find(q, id);

		if (earlier) {
			queue_task_link(l->task, earlier);
		} else {
			queue_absent_add(l->task, id);
		}
		if (earlier && earlier->shown.hold == QUEUE_COMPLETE &&
		    !q->in_use) {
			queue_task_unsaved(q, l->task, earlier->shown.last_seq);
		}
	}
	parent =
	    m && m->parent_id.len > 0 ? queue_task_find(q, m->parent_id) : NULL;
	if (parent) {
		queue_task_adopt(l->task, parent);
	}
}

int
queue_load_end(struct queue *q, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < q->loaded_count; i++) {
		form_link(q, &q->loaded[i]);
	}
	for (size_t i = 0; i < q->loaded_count; i++) {
		queue_place(q, q->loaded[i].task);
	}
	q->in_use = true;
	free(q->loaded);
	q->loaded = NULL;
	q->loaded_count = 0;
	q->loaded_room = 0;
	arena_fini(&q->load_arena);
	return 0;
}
