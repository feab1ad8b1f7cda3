/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

/* The one total order of claims: DESIGN. */
bool
queue_task_before(const struct task *a, const struct task *b)
{
	if (a->shown.score != b->shown.score) {
		return a->shown.score > b->shown.score;
	}
	if (a->shown.created.us != b->shown.created.us) {
		return a->shown.created.us < b->shown.created.us;
	}
	return str_cmp(a->shown.id, b->shown.id) < 0;
}

static void
set(struct line *l, size_t place, struct task *t)
{
	l->heap[place] = t;
	t->place = place;
}

static void
sift_up(struct line *l, size_t place)
{
	struct task *t = l->heap[place];

	while (place > 0 && queue_task_before(t, l->heap[(place - 1) / 2])) {
		set(l, place, l->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	set(l, place, t);
}

static void
sift_down(struct line *l, size_t place)
{
	struct task *t = l->heap[place];

	for (;;) {
		size_t child = 2 * place + 1;

		if (child >= l->count) {
			break;
		}
		if (child + 1 < l->count &&
		    queue_task_before(l->heap[child + 1], l->heap[child])) {
			child++;
		}
		if (!queue_task_before(l->heap[child], t)) {
			break;
		}
		set(l, place, l->heap[child]);
		place = child;
	}
	set(l, place, t);
}

void
queue_ready_add(struct task *t)
{
	struct line *l = t->line;

	must(t->place == NO_PLACE);
	l->heap =
	    array_grow(l->heap, l->count, &l->room, sizeof(struct task *));
	l->heap[l->count++] = t;
	sift_up(l, l->count - 1);
}

void
queue_ready_remove(struct task *t)
{
	struct line *l = t->line;
	size_t place = t->place;
	struct task *last = l->heap[l->count - 1];

	must(place < l->count && l->heap[place] == t);
	l->count--;
	t->place = NO_PLACE;
	if (last == t) {
		return;
	}
	set(l, place, last);
	sift_up(l, place);
	sift_down(l, last->place);
}

void
queue_loose_add(struct task *t)
{
	struct line *l = t->line;

	must(t->place == NO_PLACE);
	l->loose = array_grow(
	    l->loose, l->loose_count, &l->loose_room, sizeof(struct task *));
	t->place = l->loose_count;
	l->loose[l->loose_count++] = t;
}

void
queue_loose_remove(struct task *t)
{
	struct line *l = t->line;
	struct task *last = l->loose[l->loose_count - 1];

	must(t->place < l->loose_count && l->loose[t->place] == t);
	l->loose[t->place] = last;
	last->place = t->place;
	l->loose_count--;
	t->place = NO_PLACE;
}

/* A loose task goes back to the identity that had it: its calls and approvals
 * are that identity's. */
struct task *
queue_ready_best(const struct line *l, struct str owner)
{
	struct task *best = l->count > 0 ? l->heap[0] : NULL;

	for (size_t i = 0; i < l->loose_count; i++) {
		struct task *t = l->loose[i];

		if (str_eq(t->shown.owner, owner) &&
		    (!best || queue_task_before(t, best))) {
			best = t;
		}
	}
	return best;
}
