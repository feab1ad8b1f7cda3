/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

#include <stdlib.h>

/* Reading mail. */

/* Where to look next in a box: places of its heap, the best of them first. */
struct front {
	const struct heap *heap;
	size_t *places;
	size_t count;
	size_t room;
};

static bool
slot_first(const struct heap_slot *a, const struct heap_slot *b)
{
	return a->key != b->key ? a->key < b->key
	                        : str_cmp(LETTER_OF(a->node)->shown.id,
	                              LETTER_OF(b->node)->shown.id) < 0;
}

/* A small heap over places of the large one. */
static void
front_add(struct front *f, size_t place)
{
	size_t at = f->count++;

	f->places =
	    array_grow(f->places, f->count - 1, &f->room, sizeof(*f->places));
	while (at > 0 && slot_first(&f->heap->at[place],
	                     &f->heap->at[f->places[(at - 1) / 2]])) {
		f->places[at] = f->places[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	f->places[at] = place;
}

static size_t
front_take(struct front *f)
{
	size_t best = f->places[0];
	size_t last = f->places[--f->count];
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= f->count) {
			break;
		}
		if (child + 1 < f->count &&
		    slot_first(&f->heap->at[f->places[child + 1]],
		        &f->heap->at[f->places[child]])) {
			child++;
		}
		if (!slot_first(
		        &f->heap->at[f->places[child]], &f->heap->at[last])) {
			break;
		}
		f->places[at] = f->places[child];
		at = child;
	}
	f->places[at] = last;
	return best;
}

/* The next letter of the box that the reader has not seen to. */
static const struct heap_slot *
front_next(struct front *f, struct str mailbox, struct wall now)
{
	while (f->count > 0) {
		size_t place = front_take(f);
		const struct heap_slot *slot = &f->heap->at[place];
		const struct letter *m = LETTER_OF(slot->node);

		for (size_t i = HEAP_CHILDREN * place + 1;
		     i <= HEAP_CHILDREN * (place + 1) && i < f->heap->count;
		     i++) {
			front_add(f, i);
		}
		if ((m->shown.expires.us == 0 ||
		        now.us < m->shown.expires.us) &&
		    !queue_letter_has_read(m, mailbox)) {
			return slot;
		}
	}
	return NULL;
}

static void
front_init(struct front *f, const struct box *b)
{
	static const struct heap none = { 0 };

	f->heap = b ? &b->letters : &none;
	if (f->heap->count > 0) {
		front_add(f, 0);
	}
}

size_t
queue_mail_receive(const struct queue *q, struct str mailbox, struct wall now,
    const struct queue_letter **out, size_t max)
{
	bool all = str_eq_z(mailbox, "broadcast");
	struct front own = { 0 };
	struct front every = { 0 };
	const struct heap_slot *a = NULL;
	const struct heap_slot *b = NULL;
	size_t count = 0;

	front_init(&own, queue_box_find(q, mailbox));
	front_init(&every, all ? NULL : queue_box_find(q, STR("broadcast")));
	a = front_next(&own, mailbox, now);
	b = front_next(&every, mailbox, now);
	while (count < max && (a || b)) {
		bool first = a && (!b || slot_first(a, b));

		out[count++] = &LETTER_OF((first ? a : b)->node)->shown;
		if (first) {
			a = front_next(&own, mailbox, now);
		} else {
			b = front_next(&every, mailbox, now);
		}
	}
	free(own.places);
	free(every.places);
	return count;
}

size_t
queue_mail_thread(const struct queue *q, struct str thread,
    const struct queue_letter **out, size_t max)
{
	const struct thread *t = queue_thread_find(q, thread);
	const struct letter *root = queue_letter_get(q, thread);
	size_t count = 0;

	if (root && !root->thread && max > 0) {
		out[count++] = &root->shown; /* what the first reply is to */
	}
	for (const struct letter *m = t ? t->first : NULL; m && count < max;
	     m = m->after) {
		out[count++] = &m->shown;
	}
	return count;
}
