/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/save.h"
#include "queue/state.h"

#include <stdlib.h>

/* What ended long ago leaves the memory: all that ended before a moment, but
 * for those that the event names.  A replay cannot judge that anew, for it
 * loads others as they became later. */

/* A failed task that others wait for may be retried for them. */
static bool
may_go(const struct task *t)
{
	return t->shown.hold == QUEUE_COMPLETE || !t->more ||
	       t->more->dependants.count == 0;
}

/* All of the heap below the time; the caller frees. */
static struct node **
find_old(const struct heap *h, struct wall before, size_t *count)
{
	struct node **list = calloc(h->count + 1, sizeof(struct node *));

	must(list != NULL);
	*count = heap_below(h, before.us, list, h->count);
	return list;
}

struct old {
	struct node **tasks;
	size_t task_count;
	struct node **letters;
	size_t letter_count;
};

static struct old
old_of(const struct queue *q, struct wall before)
{
	struct old old = { 0 };

	old.tasks = find_old(&q->ended, before, &old.task_count);
	old.letters = find_old(&q->letters_ended, before, &old.letter_count);
	return old;
}

static void
old_free(struct old *old)
{
	free(old->tasks);
	free(old->letters);
}

#define ENDED_LETTER(n) CONTAINER(n, struct letter, end)

/* What the store does not have yet stays, and whatever ended after it: its
 * events would be applied again without it. */
static struct wall
saved_before(const struct queue *q, struct wall before)
{
	struct old old = old_of(q, before);

	for (size_t i = 0; i < old.task_count; i++) {
		const struct task *t = TASK_OF(old.tasks[i]);

		if (t->unsaved && t->shown.updated.us < before.us) {
			before = t->shown.updated;
		}
	}
	for (size_t i = 0; i < old.letter_count; i++) {
		const struct letter *m = ENDED_LETTER(old.letters[i]);

		if (m->unsaved && heap_key(&m->end) < before.us) {
			before.us = heap_key(&m->end);
		}
	}
	old_free(&old);
	return queue_ms(before);
}

int
queue_forget(struct queue *q, struct arena *a, struct wall before,
    struct wall now, struct queue_step *step, struct err *e)
{
	struct old old = { 0 };
	struct queue_step s = { 0 };
	struct str *gone = NULL;
	struct str *keep = NULL;
	struct queue_change change = {
		.kind = QUEUE_EVENT_FORGET,
		.at = now,
	};

	if (before.us > now.us) {
		return err_set(
		    e, ERR_INPUT, "what has not ended yet cannot be forgotten");
	}
	change.before = saved_before(q, queue_ms(before));
	old = old_of(q, change.before);
	gone = arena_array(
	    a, old.task_count + old.letter_count + 1, sizeof(*gone));
	keep = arena_array(a, old.task_count + 1, sizeof(*keep));
	for (size_t i = 0; i < old.task_count; i++) {
		const struct task *t = TASK_OF(old.tasks[i]);
		struct str id = arena_str(a, t->shown.id);

		if (may_go(t)) {
			gone[s.gone_count++] = id;
		} else {
			keep[change.keep_count++] = id;
		}
	}
	change.keep = keep;
	for (size_t i = 0; i < old.letter_count; i++) {
		gone[s.gone_count++] =
		    arena_str(a, ENDED_LETTER(old.letters[i])->shown.id);
	}
	old_free(&old);
	s.gone = gone;
	if (s.gone_count > 0) {
		queue_step_yield(q, &s, a, &change);
	}
	*step = s;
	return 0;
}

/* The others move up, in their order. */
static void
close_gaps(struct list *all)
{
	size_t count = 0;

	while (count < all->count && all->at[count]) {
		count++;
	}
	for (size_t i = count; i < all->count; i++) {
		if (all->at[i]) {
			all->at[count] = all->at[i];
			all->at[count]->index = (uint32_t)count;
			count++;
		}
	}
	all->count = count;
}

int
queue_apply_forget(
    struct queue *q, const struct queue_change *c, uint64_t seq, struct err *e)
{
	struct old old = old_of(q, c->before);

	(void)e;
	q->mark++;
	for (size_t i = 0; i < c->keep_count; i++) {
		struct task *t = queue_task_find(q, c->keep[i]);

		if (t) {
			t->mark = q->mark;
		}
	}
	for (size_t i = 0; i < old.task_count; i++) {
		struct task *t = TASK_OF(old.tasks[i]);

		if (t->mark != q->mark &&
		    (seq == 0 || seq > t->shown.last_seq)) {
			q->all.at[t->index] = NULL;
			queue_task_unlink(t);
			queue_task_free(q, t);
		}
	}
	if (old.task_count > 0) {
		close_gaps(&q->all);
	}
	for (size_t i = 0; i < old.letter_count; i++) {
		struct letter *m = ENDED_LETTER(old.letters[i]);

		if (seq == 0 || seq > m->shown.last_seq) {
			queue_letter_drop(q, m);
		}
	}
	old_free(&old);
	return 0;
}
