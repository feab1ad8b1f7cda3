/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/form.h"

#include <stdlib.h>

/* Reading the saved forms.  A form comes from our own store; a broken one must
 * still end as an err and never as a wrong state. */

struct cut { /* what is left of the bytes; `bad` stays once it is set */
	const char *at;
	const char *end;
	bool bad;
};

static uint8_t
take_byte(struct cut *c)
{
	if (c->at == c->end) {
		c->bad = true;
		return 0;
	}
	return (uint8_t)*c->at++;
}

static uint64_t
take_number(struct cut *c)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = take_byte(c);

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			return value;
		}
	}
	c->bad = true;
	return 0;
}

static uint32_t
take_u32(struct cut *c)
{
	uint64_t value = take_number(c);

	c->bad |= value > UINT32_MAX;
	return (uint32_t)value;
}

static int64_t
take_us(struct cut *c)
{
	uint64_t value = take_number(c);

	c->bad |= value > INT64_MAX;
	return (int64_t)(value & INT64_MAX);
}

static struct wall
take_time(struct cut *c)
{
	uint64_t value = take_number(c);

	return (struct wall){ (int64_t)(value >> 1 ^ (0 - (value & 1))) };
}

static struct str
take_text(struct cut *c)
{
	uint64_t len = take_number(c);
	struct str s = { 0 };

	if (len > (uint64_t)(c->end - c->at)) {
		c->bad = true;
		return s;
	}
	s = str_span(c->at, len);
	c->at += len;
	return s;
}

static struct cut
cut_of(struct str saved, uint8_t kind)
{
	struct cut c = { saved.at, saved.at + saved.len, false };

	c.bad |= take_byte(&c) != kind;
	c.bad |= take_byte(&c) != FORM_VERSION;
	return c;
}

struct head { /* of a task's form */
	struct queue_task shown;
	uint8_t flags;
	uint8_t urgency;
	uint16_t tenths;
};

static void
take_head(struct cut *c, struct head *h)
{
	struct queue_task *s = &h->shown;
	uint8_t hold = 0;
	uint32_t tenths = 0;

	s->put_seq = take_number(c);
	s->last_seq = take_number(c);
	s->id = take_text(c);
	s->queue = take_text(c);
	s->subject = take_text(c);
	s->from = take_text(c);
	s->owner = take_text(c);
	hold = take_byte(c);
	h->flags = take_byte(c);
	s->score = take_byte(c);
	h->urgency = take_byte(c);
	tenths = take_u32(c);
	s->epoch = take_u32(c);
	s->incarnation = take_u32(c);
	s->attempts = take_u32(c);
	s->lost = take_u32(c);
	s->created = take_time(c);
	s->updated = take_time(c);
	s->not_before = take_time(c);
	c->bad |= hold > QUEUE_FAILED || s->id.len == 0 || s->queue.len == 0 ||
	          tenths > UINT16_MAX || s->score < 1 || s->score > 5;
	s->hold = hold <= QUEUE_FAILED ? hold : 0;
	s->dead = h->flags & FORM_DEAD;
	h->tenths = (uint16_t)tenths;
}

static void
skip_to_links(struct cut *c)
{
	uint64_t count = 0;

	for (int i = 0; i < 5; i++) {
		(void)take_text(c);
	}
	(void)take_us(c);
	(void)take_u32(c);
	(void)take_u32(c);
	(void)take_us(c);
	(void)take_us(c);
	count = take_number(c);
	for (uint64_t i = 0; i < count && !c->bad; i++) {
		(void)take_text(c);
		c->bad |= take_byte(c) > E2M_FAILED;
		(void)take_u32(c);
	}
}

/* Looks once without keeping anything: is it whole? */
static void
skip_more(struct cut *c)
{
	uint64_t count = 0;

	skip_to_links(c);
	count = take_number(c);
	for (uint64_t i = 0; i < count && !c->bad; i++) {
		(void)take_text(c);
	}
}

static int
check_form(struct str saved, struct head *h, struct cut *more, struct err *e)
{
	struct cut c = cut_of(saved, FORM_TASK);

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
	uint64_t count = take_number(c);

	if (count > COUNT(list)) {
		return err_set(e, ERR_INPUT, "a form has too many answers");
	}
	for (size_t i = 0; i < count; i++) {
		list[i].text = take_text(c);
		list[i].state = take_byte(c);
		list[i].epoch = take_u32(c);
		if (queue_answer_find(q, list[i].text)) {
			return err_set(
			    e, ERR_CONFLICT, "two forms have the same ack_key");
		}
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

	m->parent_id = keep_text(take_text(c));
	key = take_text(c);
	m->template = keep_text(take_text(c));
	m->every.cron = keep_text(take_text(c));
	m->every.zone = queue_name_keep(q, take_text(c));
	m->every.us = take_us(c);
	m->retry.max_attempts = take_u32(c);
	m->retry.max_lost = take_u32(c);
	m->retry.base_us = take_us(c);
	m->retry.cap_us = take_us(c);
	load_key(q, t, key);
	return load_answers(q, t, c, e);
}

/* Not yet linked to anything. */
static void
drop_loaded(struct queue *q, struct task *t)
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

static bool
is_loaded(const struct queue *q, const struct task *t)
{
	for (size_t i = 0; i < q->loaded_count; i++) {
		if (q->loaded[i].task == t) {
			return true;
		}
	}
	return false;
}

static int
load_task(struct queue *q, const struct head *h, struct cut *more,
    struct arena *a, struct err *e)
{
	struct task *t = queue_task_new(q, &h->shown);
	struct loaded *l = NULL;

	queue_hold(q, t, h->shown.hold);
	heap_remove(&t->node); /* placed once it is linked */
	t->urgency = h->urgency;
	t->tenths = h->tenths;
	t->mail_waits = h->flags & FORM_MAIL_WAITS;
	q->loaded = array_grow(
	    q->loaded, q->loaded_count, &q->loaded_room, sizeof(*q->loaded));
	l = &q->loaded[q->loaded_count++];
	*l = (struct loaded){ .task = t };
	if (!(h->flags & FORM_MORE)) {
		return 0;
	}
	if (load_more(q, t, more, e)) {
		drop_loaded(q, t);
		return -1;
	}
	t->more->rearmed = h->flags & FORM_REARMED;
	l->links =
	    arena_str(a, str_span(more->at, (size_t)(more->end - more->at)));
	return 0;
}

int
queue_task_load(struct queue *q, struct str saved, struct err *e)
{
	struct head h = { 0 };
	struct cut more = { 0 };
	struct task *t = NULL;

	if (check_form(saved, &h, &more, e)) {
		return -1;
	}
	t = queue_task_find(q, h.shown.id);
	if (t && h.shown.last_seq <= t->shown.last_seq) {
		return 0;
	}
	if (t && !is_loaded(q, t)) {
		return err_set(e, ERR_CONFLICT, "the task %s is in use already",
		    err_quote(h.shown.id));
	}
	if (t) {
		drop_loaded(q, t);
	}
	return load_task(q, &h, &more, &q->load_arena, e);
}

/* What it waits for and is not there is put by an event still to be applied;
 * if none comes, the task is never claimed. */
static void
link_loaded(struct queue *q, const struct loaded *l)
{
	struct cut c = { l->links.at, l->links.at + l->links.len, false };
	struct more *m = l->task->more;
	uint64_t count = l->links.len > 0 ? take_number(&c) : 0;
	struct task *parent = NULL;

	for (uint64_t i = 0; i < count; i++) {
		struct str id = take_text(&c);
		struct task *earlier = queue_task_find(q, id);

		if (earlier) {
			queue_task_link(l->task, earlier);
		} else {
			m->absent++;
			l->task->shown.unmet++;
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
		link_loaded(q, &q->loaded[i]);
	}
	for (size_t i = 0; i < q->loaded_count; i++) {
		struct task *t = q->loaded[i].task;

		t->key = queue_order_key(t);
		queue_place(q, t);
	}
	free(q->loaded);
	q->loaded = NULL;
	q->loaded_count = 0;
	q->loaded_room = 0;
	arena_fini(&q->load_arena);
	return 0;
}

/* --- back from the store --- */

static bool
may_come(const struct queue *q, const struct cut *more, uint8_t flags)
{
	struct cut c = *more;
	uint64_t count = 0;

	if (flags & FORM_MORE) {
		skip_to_links(&c);
		count = take_number(&c);
	}
	for (uint64_t i = 0; i < count; i++) {
		if (!queue_task_find(q, take_text(&c))) {
			return false;
		}
	}
	return true;
}

int
queue_recall(struct queue *q, struct arena *a, struct str saved,
    struct wall now, struct queue_step *step, struct err *e)
{
	struct head h = { 0 };
	struct cut more = { 0 };
	struct queue_step s = { 0 };
	struct queue_change change = { .kind = QUEUE_EVENT_RECALL, .at = now };

	if (check_form(saved, &h, &more, e)) {
		return -1;
	}
	if (queue_task_find(q, h.shown.id)) {
		return err_set(e, ERR_CONFLICT, "the task %s is not forgotten",
		    err_quote(h.shown.id));
	}
	if (h.shown.hold != QUEUE_COMPLETE && h.shown.hold != QUEUE_FAILED) {
		return err_set(e, ERR_CONFLICT,
		    "the task %s did not end: it was never forgotten",
		    err_quote(h.shown.id));
	}
	if (!may_come(q, &more, h.flags)) {
		return err_set(e, ERR_CONFLICT,
		    "the task %s depends on one that is forgotten and not "
		    "complete: recall that one first",
		    err_quote(h.shown.id));
	}
	change.id = arena_str(a, h.shown.id);
	change.saved = arena_str(a, saved);
	queue_step_yield(q, &s, a, &change);
	s.id = change.id;
	s.epoch = h.shown.epoch;
	s.state = h.shown.hold == QUEUE_COMPLETE ? E2M_COMPLETED : E2M_FAILED;
	*step = s;
	return 0;
}

int
queue_apply_recall(
    struct queue *q, const struct queue_change *c, uint64_t seq, struct err *e)
{
	auto_arena a = { 0 };
	struct head h = { 0 };
	struct cut more = { 0 };
	struct loaded l = { 0 };
	struct task *t = queue_task_find(q, c->id);

	if (t && seq > 0 && seq <= t->shown.last_seq) {
		return 0;
	}
	if (check_form(c->saved, &h, &more, e)) {
		return -1;
	}
	if (t || q->loaded_count > 0 || !str_eq(h.shown.id, c->id)) {
		return err_set(e, ERR_CONFLICT, "recall: the task is there");
	}
	if (load_task(q, &h, &more, &a, e)) {
		return -1;
	}
	l = q->loaded[0];
	link_loaded(q, &l);
	q->loaded_count = 0;
	t = l.task;
	if (t->more) {
		queue_said_drop(q, t->more);
	}
	t->key = queue_order_key(t);
	t->shown.updated = c->at;
	queue_place(q, t);
	queue_task_touched(q, t, seq);
	return 0;
}

/* --- letters --- */

#define TEXTS_MAX (QUEUE_OPTIONS_MAX + QUEUE_READERS_MAX)

static size_t
take_list(struct cut *c, struct str *list, size_t most)
{
	uint64_t count = take_number(c);

	c->bad |= count > most;
	for (size_t i = 0; i < count && !c->bad; i++) {
		list[i] = take_text(c);
	}
	return c->bad ? 0 : (size_t)count;
}

static void
take_letter(struct cut *c, struct letter_parts *p, struct str *texts)
{
	struct queue_letter *s = &p->shown;
	uint8_t flags = 0;

	s->seq = take_number(c);
	s->last_seq = take_number(c);
	s->id = take_text(c);
	s->to = take_text(c);
	s->from = take_text(c);
	s->subject = take_text(c);
	s->thread = take_text(c);
	s->reply_to = take_text(c);
	s->task = take_text(c);
	s->decision = take_text(c);
	s->type = take_byte(c);
	flags = take_byte(c);
	s->ack_required = flags & FORM_ACK;
	s->requires_decision = flags & FORM_DECIDE;
	s->priority = take_byte(c);
	s->at = take_time(c);
	p->updated = take_time(c);
	s->expires = take_time(c);
	p->options = texts;
	p->option_count = take_list(c, texts, QUEUE_OPTIONS_MAX);
	p->readers = texts + p->option_count;
	p->reader_count =
	    take_list(c, texts + p->option_count, QUEUE_READERS_MAX);
	c->bad |= s->id.len == 0 || s->to.len == 0 || s->priority > 5 ||
	          s->type > E2M_TYPE_OPERATOR;
}

int
queue_letter_load(struct queue *q, struct str saved, struct err *e)
{
	struct cut c = cut_of(saved, FORM_LETTER);
	struct letter_parts parts = { 0 };
	struct str texts[TEXTS_MAX] = { 0 };
	struct letter *m = NULL;

	take_letter(&c, &parts, texts);
	if (c.bad || c.at != c.end) {
		return err_set(e, ERR_INPUT, "not the saved form of a letter");
	}
	m = queue_letter_get(q, parts.shown.id);
	if (m && parts.shown.last_seq <= m->shown.last_seq) {
		return 0;
	}
	if (m) {
		queue_letter_drop(q, m);
	}
	(void)queue_letter_new(q, &parts);
	return 0;
}
