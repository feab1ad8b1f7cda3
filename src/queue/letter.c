/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

/* Letters: in a box until they are acked, in a thread until they are
 * forgotten. */

#include <stdlib.h>

/* A letter that asks for an ack, and one of higher priority, are before. */
#define ACK_KEY      (INT64_C(1) << 61)
#define PRIORITY_KEY (INT64_C(1) << 58)

struct str
queue_letter_key(const struct item *i)
{
	return CONTAINER(i, struct letter, item)->shown.id;
}

struct str
queue_thread_key(const struct item *i)
{
	return CONTAINER(i, struct thread, item)->text;
}

static int64_t
box_key(const struct queue_letter *m)
{
	int64_t at = m->at.us;
	int64_t most = PRIORITY_KEY / 2 - 1;

	at = at > most ? most : at < -most ? -most : at;
	return at - (m->ack_required ? ACK_KEY : 0) -
	       (int64_t)m->priority * PRIORITY_KEY;
}

static bool
letter_first(const struct node *a, const struct node *b)
{
	return str_cmp(LETTER_OF(a)->shown.id, LETTER_OF(b)->shown.id) < 0;
}

struct box *
queue_box_get(struct queue *q, struct str name)
{
	struct box *b = queue_box_find(q, name);

	if (!b) {
		b = arena_alloc(&q->arena, sizeof(*b));
		b->name = arena_str(&q->arena, name);
		b->letters.before = letter_first;
		map_put(&q->boxes, b->name, b);
	}
	return b;
}

struct letter *
queue_letter_get(const struct queue *q, struct str id)
{
	struct item *i = table_get(&q->letters, id);

	return i ? CONTAINER(i, struct letter, item) : NULL;
}

const struct queue_letter *
queue_letter_find(const struct queue *q, struct str id)
{
	const struct letter *m = queue_letter_get(q, id);

	return m ? &m->shown : NULL;
}

size_t
queue_letter_count(const struct queue *q)
{
	return q->mail_count;
}

const struct queue_letter *
queue_letter_at(const struct queue *q, size_t index)
{
	return index < q->mail_count ? &q->mail[index]->shown : NULL;
}

struct thread *
queue_thread_find(const struct queue *q, struct str id)
{
	struct item *i = id.len > 0 ? table_get(&q->threads, id) : NULL;

	return i ? CONTAINER(i, struct thread, item) : NULL;
}

static struct thread *
thread_get(struct queue *q, struct str id)
{
	struct thread *t = queue_thread_find(q, id);

	if (!t) {
		t = calloc(1, sizeof(*t));
		must(t != NULL);
		t->text = queue_text_keep(id);
		table_put(&q->threads, &t->item);
	}
	return t;
}

/* By the number of its event; nearly always at the end. */
static void
join(struct queue *q, struct letter *m)
{
	struct thread *t = NULL;
	struct letter *at = NULL;

	if (m->shown.thread.len == 0) {
		return;
	}
	t = thread_get(q, m->shown.thread);
	at = t->last;
	while (at && at->shown.seq > m->shown.seq) {
		at = at->before;
	}
	m->thread = t;
	m->before = at;
	m->after = at ? at->after : t->first;
	*(at ? &at->after : &t->first) = m;
	*(m->after ? &m->after->before : &t->last) = m;
}

static void
part(struct queue *q, struct letter *m)
{
	struct thread *t = m->thread;

	if (!t) {
		return;
	}
	*(m->before ? &m->before->after : &t->first) = m->after;
	*(m->after ? &m->after->before : &t->last) = m->before;
	if (!t->first) {
		table_drop(&q->threads, &t->item);
		queue_text_free(&t->text);
		free(t);
	}
}

static size_t
texts_of(const struct letter_parts *p)
{
	const struct queue_letter *s = &p->shown;
	size_t len = s->id.len + s->from.len + s->subject.len + s->thread.len +
	             s->reply_to.len + s->task.len + 6;

	for (size_t i = 0; i < p->option_count; i++) {
		len += p->options[i].len + 1;
	}
	return len;
}

static void
keep_texts(struct letter *m, const struct letter_parts *p)
{
	char *at = m->texts;
	struct queue_letter *s = &m->shown;

	s->id = queue_text_put(&at, s->id);
	s->from = queue_text_put(&at, s->from);
	s->subject = queue_text_put(&at, s->subject);
	s->thread = queue_text_put(&at, s->thread);
	s->reply_to = queue_text_put(&at, s->reply_to);
	s->task = queue_text_put(&at, s->task);
	if (p->option_count > 0) {
		m->options = calloc(p->option_count, sizeof(*m->options));
		must(m->options != NULL);
	}
	for (size_t i = 0; i < p->option_count; i++) {
		m->options[i] = queue_text_put(&at, p->options[i]);
	}
	m->option_count = p->option_count;
}

/* When it may be forgotten: after its last event, or after it expired. */
void
queue_letter_end(struct queue *q, struct letter *m)
{
	int64_t end = m->shown.done ? m->updated.us : m->shown.expires.us;

	heap_remove(&m->end);
	if (end != 0) {
		heap_add(&q->letters_ended, end, 0, &m->end);
	}
}

static void
wait_in_box(struct letter *m)
{
	heap_add(&m->box->letters, box_key(&m->shown), 0, &m->node);
	m->box->with_task += m->shown.task.len > 0;
}

/* Where it waits no more: nothing. */
static void
leave_box(struct letter *m)
{
	if (m->node.heap) {
		m->box->with_task -= m->shown.task.len > 0;
		heap_remove(&m->node);
	}
}

struct letter *
queue_letter_new(struct queue *q, const struct letter_parts *p)
{
	struct letter *m = malloc(sizeof(*m) + texts_of(p));

	must(m != NULL);
	*m = (struct letter){ .shown = p->shown, .updated = p->updated };
	m->box = queue_box_get(q, p->shown.to);
	m->broadcast = str_eq_z(p->shown.to, "broadcast");
	keep_texts(m, p);
	m->shown.to = m->box->name;
	m->shown.decision = (struct str){ 0 };
	queue_letter_decide(m, p->shown.decision);
	table_put(&q->letters, &m->item);
	q->mail = array_grow(
	    q->mail, q->mail_count, &q->mail_room, sizeof(struct letter *));
	m->index = (uint32_t)q->mail_count;
	q->mail[q->mail_count++] = m;
	join(q, m);
	m->shown.done = false;
	wait_in_box(m);
	for (size_t i = 0; i < p->reader_count; i++) {
		queue_letter_read(q, m, p->readers[i]);
	}
	queue_letter_end(q, m);
	return m;
}

void
queue_letter_read(struct queue *q, struct letter *m, struct str reader)
{
	m->readers = array_grow(
	    m->readers, m->reader_count, &m->reader_room, sizeof(struct str));
	m->readers[m->reader_count++] = queue_name_keep(q, reader);
	if (!m->broadcast) {
		m->shown.done = true;
		leave_box(m);
	}
}

void
queue_letter_decide(struct letter *m, struct str decision)
{
	if (decision.len > 0) {
		queue_text_free(&m->shown.decision);
		m->shown.decision = queue_text_keep(decision);
	}
}

void
queue_letter_drop(struct queue *q, struct letter *m)
{
	struct letter *last = q->mail[--q->mail_count];

	q->mail[m->index] = last;
	last->index = m->index;
	part(q, m);
	leave_box(m);
	heap_remove(&m->end);
	table_drop(&q->letters, &m->item);
	queue_unsaved_drop(&q->letters_unsaved, &m->unsaved);
	queue_text_free(&m->shown.decision);
	free(m->readers);
	free(m->options);
	free(m);
}

bool
queue_letter_has_read(const struct letter *m, struct str mailbox)
{
	for (size_t i = 0; i < m->reader_count; i++) {
		if (str_eq(m->readers[i], mailbox)) {
			return true;
		}
	}
	return false;
}

const struct queue_letter *
queue_letter_unsaved(const struct queue *q, uint64_t *since)
{
	const struct unsaved *u = q->letters_unsaved.first;
	const struct letter *m = u ? u->owner : NULL;

	*since = u ? u->since : 0;
	return m ? &m->shown : NULL;
}

void
queue_letter_saved(struct queue *q, struct str id)
{
	struct letter *m = queue_letter_get(q, id);

	if (m) {
		queue_unsaved_drop(&q->letters_unsaved, &m->unsaved);
	}
}
