/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

/* Tasks: one piece of memory each, and little more for the few that need it. */

#include <stdlib.h>
#include <string.h>

struct str
queue_task_key(const struct item *i)
{
	return CONTAINER(i, struct task, item)->shown.id;
}

void
list_add(struct list *l, struct task *t)
{
	l->at = array_grow(l->at, l->count, &l->room, sizeof(struct task *));
	l->at[l->count++] = t;
}

void
list_drop(struct list *l, const struct task *t)
{
	for (size_t i = 0; i < l->count; i++) {
		if (l->at[i] == t) {
			l->at[i] = l->at[--l->count];
			return;
		}
	}
}

/* A command, its event and its row ask for the same one, one after the other.
 * Which was last is no part of the state, so a reader may note it. */
struct task *
queue_task_find(const struct queue *shown, struct str id)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): no part of the state */
	struct queue *q = (struct queue *)(uintptr_t)shown;
	struct item *i = NULL;

	if (q->task_last && str_eq(q->task_last->shown.id, id)) {
		return q->task_last;
	}
	i = table_get(&q->tasks, id);
	if (!i) {
		return NULL;
	}
	q->task_last = CONTAINER(i, struct task, item);
	return q->task_last;
}

struct str
queue_text_put(char **at, struct str s)
{
	char *here = *at;

	if (s.len > 0) {
		memcpy(here, s.at, s.len);
	}
	here[s.len] = '\0';
	*at += s.len + 1;
	return str_span(here, s.len);
}

/* Copies what `like` says; it is in the table and in `all`, not yet placed. */
struct task *
queue_task_new(struct queue *q, const struct queue_task *like)
{
	size_t texts = like->id.len + like->subject.len + like->from.len + 3;
	struct task *t = malloc(sizeof(*t) + texts);
	char *at = NULL;

	must(t != NULL && q->all.count < UINT32_MAX);
	*t = (struct task){ .shown = *like };
	at = t->texts;
	t->line = queue_line_get(q, like->queue);
	t->shown.id = queue_text_put(&at, like->id);
	t->shown.subject = queue_text_put(&at, like->subject);
	t->shown.from = queue_text_put(&at, like->from);
	t->shown.queue = t->line->name;
	t->shown.owner = queue_name_keep(q, like->owner);
	t->line->waiting += like->hold == QUEUE_WAITING;
	t->line->running += like->hold == QUEUE_OWNED;
	q->states[like->state]++;
	q->dead += like->dead;
	t->index = (uint32_t)q->all.count;
	table_put(&q->tasks, &t->item);
	if (q->all.count > 0 &&
	    q->all.at[q->all.count - 1]->shown.put_seq > like->put_seq) {
		q->disorder = true;
	}
	list_add(&q->all, t);
	return t;
}

struct more *
queue_task_more(struct task *t)
{
	if (!t->more) {
		t->more = calloc(1, sizeof(*t->more));
		must(t->more != NULL);
	}
	return t->more;
}

static void
free_more(struct queue *q, struct more *m)
{
	queue_said_drop(q, m);
	for (size_t i = 0; i < m->absent_count; i++) {
		queue_text_free(&m->absent[i]);
	}
	free(m->absent);
	free(m->depends.at);
	free(m->dependants.at);
	free(m->children.at);
	queue_text_free(&m->parent_id);
	queue_text_free(&m->template);
	queue_text_free(&m->every.cron);
	free(m);
}

/* It is out of `all` already. */
void
queue_task_free(struct queue *q, struct task *t)
{
	heap_remove(&t->node);
	table_drop(&q->tasks, &t->item);
	q->task_last = q->task_last == t ? NULL : q->task_last;
	t->line->waiting -= t->shown.hold == QUEUE_WAITING;
	t->line->running -= t->shown.hold == QUEUE_OWNED;
	q->states[t->shown.state]--;
	q->dead -= t->shown.dead;
	queue_unsaved_drop(&q->unsaved, &t->unsaved);
	if (t->more) {
		free_more(q, t->more);
	}
	free(t);
}

struct str
queue_text_keep(struct str s)
{
	char *at = malloc(s.len + 1);
	char *end = at;

	must(at != NULL);
	return queue_text_put(&end, s);
}

void
queue_text_free(struct str *s)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): a copy of our own */
	free((char *)(uintptr_t)s->at);
	*s = (struct str){ 0 };
}

/* --- links --- */

/* Only what is not complete yet is linked: complete stays complete. */
void
queue_task_link(struct task *later, struct task *earlier)
{
	struct more *m = queue_task_more(later);

	if (earlier->shown.hold == QUEUE_COMPLETE) {
		return;
	}
	for (size_t i = 0; i < m->depends.count; i++) {
		if (m->depends.at[i] == earlier) {
			return;
		}
	}
	list_add(&m->depends, earlier);
	list_add(&queue_task_more(earlier)->dependants, later);
	earlier->more->unblock += later->urgency;
	later->shown.unmet++;
	queue_order_changed(earlier);
}

/* It is complete: whoever waited for it waits for one less, and is saved anew,
 * for its form names what may be forgotten from now on. */
void
queue_task_release(struct queue *q, struct task *t, uint64_t seq)
{
	struct more *m = t->more;

	for (size_t i = 0; m && i < m->dependants.count; i++) {
		struct task *d = m->dependants.at[i];

		must(d->shown.unmet > 0);
		list_drop(&d->more->depends, t);
		d->shown.unmet--;
		queue_task_unsaved(q, d, seq);
		if (d->shown.hold == QUEUE_WAITING) {
			queue_place(q, d);
		}
	}
	if (m) {
		m->dependants.count = 0;
		m->unblock = 0;
		queue_order_changed(t);
	}
}

/* It waits for a task that is not in the memory: a saved form named it. */
void
queue_absent_add(struct task *t, struct str id)
{
	struct more *m = queue_task_more(t);

	m->absent = array_grow(
	    m->absent, m->absent_count, &m->absent_room, sizeof(struct str));
	m->absent[m->absent_count++] = queue_text_keep(id);
	t->shown.unmet++;
}

void
queue_absent_drop(struct task *t, struct str id)
{
	struct more *m = t->more;

	for (size_t i = 0; m && i < m->absent_count; i++) {
		if (str_eq(m->absent[i], id)) {
			queue_text_free(&m->absent[i]);
			m->absent[i] = m->absent[--m->absent_count];
			t->shown.unmet--;
			return;
		}
	}
}

void
queue_task_adopt(struct task *child, struct task *parent)
{
	if (!queue_task_more(child)->parent) {
		child->more->parent = parent;
		list_add(&queue_task_more(parent)->children, child);
	}
}

/* Out of everybody's lists.  What depends on it, and its children, wait for its
 * recall. */
void
queue_task_unlink(struct task *t)
{
	struct more *m = t->more;

	for (size_t i = 0; m && i < m->depends.count; i++) {
		struct task *earlier = m->depends.at[i];

		list_drop(&earlier->more->dependants, t);
		earlier->more->unblock -= t->urgency;
		queue_order_changed(earlier);
	}
	for (size_t i = 0; m && i < m->dependants.count; i++) {
		list_drop(&m->dependants.at[i]->more->depends, t);
		m->dependants.at[i]->shown.unmet--;
		queue_absent_add(m->dependants.at[i], t->shown.id);
	}
	for (size_t i = 0; m && i < m->children.count; i++) {
		m->children.at[i]->more->parent = NULL;
	}
	if (m && m->parent) {
		list_drop(&m->parent->more->children, t);
	}
}
