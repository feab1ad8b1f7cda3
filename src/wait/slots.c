/* SPDX-License-Identifier: Apache-2.0 */
#include "wait/table.h"

#include <stdlib.h>
#include <string.h>

/*
 * Three indices over the slots: by id (open addressing), by run (the newest of
 * each, from there back), and a heap by the time of what is due.  They grow by
 * little, so that little of them is empty.
 */

#define OVER_MAX 4096 /* waits of ended runs, at most twice that */

struct slot *
wait_slot(const struct wait_list *w, uint32_t n)
{
	must(n < w->count);
	return &w->blocks[n / SLOT_BLOCK][n % SLOT_BLOCK];
}

uint64_t
wait_run_tag(const struct wait_list *w, struct str run)
{
	struct digest_run sum = { 0 };
	struct digest d;
	uint64_t tag;

	digest_begin(&sum);
	wait_add_number(&sum, w->seed);
	wait_add_text(&sum, run);
	d = digest_end(&sum);
	memcpy(&tag, d.bytes, sizeof(tag));
	return tag;
}

/* --- by id --- */

static uint32_t
id_start(const struct wait_list *w, const uint8_t id[SLOT_ID])
{
	uint64_t bits;

	memcpy(&bits, id, sizeof(bits)); /* random already */
	return (uint32_t)((bits ^ w->seed) % w->id_room);
}

bool
wait_slot_find(
    const struct wait_list *w, const uint8_t id[SLOT_ID], uint32_t *n)
{
	uint32_t at = w->id_room ? id_start(w, id) : 0;

	for (; w->id_room && w->ids[at]; at = (at + 1) % w->id_room) {
		if (memcmp(wait_slot(w, w->ids[at] - 1)->id, id, SLOT_ID) ==
		    0) {
			*n = w->ids[at] - 1;
			return true;
		}
	}
	return false;
}

static void
id_set(struct wait_list *w, uint32_t n)
{
	uint32_t at = id_start(w, wait_slot(w, n)->id);

	while (w->ids[at]) {
		at = (at + 1) % w->id_room;
	}
	w->ids[at] = n + 1;
}

static uint32_t
run_at(const struct wait_list *w, uint64_t tag)
{
	uint32_t at = (uint32_t)(tag % w->run_room);

	while (w->runs[at] && wait_slot(w, w->runs[at] - 1)->run != tag) {
		at = (at + 1) % w->run_room;
	}
	return at;
}

uint32_t
wait_slot_of_run(const struct wait_list *w, uint64_t tag)
{
	return w->run_room ? w->runs[run_at(w, tag)] : 0;
}

static void
run_set(struct wait_list *w, uint32_t n)
{
	struct slot *s = wait_slot(w, n);
	uint32_t at = run_at(w, s->run);

	s->older = w->runs[at];
	w->run_count += s->older == 0;
	w->runs[at] = n + 1;
}

static uint32_t *
table(uint32_t *old, uint32_t room)
{
	free(old);
	old = calloc(room, sizeof(*old));
	must(old);
	return old;
}

/* Room for one more in each; a table is never more than 9/10 full. */
static void
indices_grow(struct wait_list *w)
{
	uint32_t newest = 0;

	if ((uint64_t)(w->count + 1) * 10 > (uint64_t)w->id_room * 9) {
		w->id_room = w->id_room + w->id_room / 4 + 16;
		w->ids = table(w->ids, w->id_room);
		for (uint32_t n = 0; n < w->count; n++) {
			id_set(w, n);
		}
	}
	if ((uint64_t)(w->run_count + 1) * 10 <= (uint64_t)w->run_room * 9) {
		return;
	}
	w->run_room = w->run_room + w->run_room / 4 + 16;
	w->runs = table(w->runs, w->run_room);
	w->run_count = 0;
	for (newest = 0; newest < w->count; newest++) {
		run_set(w, newest);
	}
}

/* --- by time --- */

static uint64_t
when(const struct wait_list *w, uint32_t n)
{
	return wait_slot(w, n)->when;
}

static void
heap_set(struct wait_list *w, uint32_t place, uint32_t n)
{
	w->heap[place] = n;
	wait_slot(w, n)->place = place;
}

static void
sift(struct wait_list *w, uint32_t place)
{
	uint32_t n = w->heap[place];

	while (place > 0 && when(w, n) < when(w, w->heap[(place - 1) / 2])) {
		heap_set(w, place, w->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	for (;;) {
		uint32_t child = 2 * place + 1;

		if (child >= w->heap_count) {
			break;
		}
		if (child + 1 < w->heap_count &&
		    when(w, w->heap[child + 1]) < when(w, w->heap[child])) {
			child++;
		}
		if (when(w, w->heap[child]) >= when(w, n)) {
			break;
		}
		heap_set(w, place, w->heap[child]);
		place = child;
	}
	heap_set(w, place, n);
}

static void
heap_add(struct wait_list *w, uint32_t n)
{
	if (w->heap_count == w->heap_room) {
		w->heap_room += w->heap_room / 8 + 16;
		w->heap = realloc(w->heap, w->heap_room * sizeof(*w->heap));
		must(w->heap);
	}
	w->heap[w->heap_count] = n;
	sift(w, w->heap_count++);
}

static void
heap_remove(struct wait_list *w, uint32_t n)
{
	struct slot *s = wait_slot(w, n);
	uint32_t place = s->place;
	uint32_t last;

	if (place == NO_PLACE) {
		return;
	}
	must(place < w->heap_count && w->heap[place] == n);
	last = w->heap[--w->heap_count];
	s->place = NO_PLACE;
	if (last != n) {
		heap_set(w, place, last);
		sift(w, place);
	}
}

/* --- changing --- */

static void
push(struct wait_list *w, const struct slot *s)
{
	if (w->count % SLOT_BLOCK == 0) {
		size_t used = w->count / SLOT_BLOCK;

		w->blocks = array_grow(
		    w->blocks, used, &w->block_room, sizeof(struct slot *));
		w->blocks[used] = calloc(SLOT_BLOCK, sizeof(struct slot));
		must(w->blocks[used]);
	}
	w->count++;
	must(w->count < NO_PLACE - 1);
	*wait_slot(w, w->count - 1) = *s;
}

uint32_t
wait_slot_add(struct wait_list *w, const struct slot *s)
{
	uint32_t n = w->count;
	bool is_open = s->state == WAIT_OPEN;

	indices_grow(w);
	push(w, s);
	wait_slot(w, n)->place = NO_PLACE;
	id_set(w, n);
	run_set(w, n);
	w->open += is_open;
	w->over += s->over;
	w->last_seq = s->seq > w->last_seq ? s->seq : w->last_seq;
	if (is_open) {
		heap_add(w, n);
	}
	return n;
}

void
wait_slot_due(struct wait_list *w, uint32_t n, uint64_t when)
{
	struct slot *s = wait_slot(w, n);

	must(s->place != NO_PLACE);
	s->when = when;
	sift(w, s->place);
}

void
wait_slot_close(
    struct wait_list *w, uint32_t n, enum wait_state state, uint64_t seq)
{
	struct slot *s = wait_slot(w, n);

	heap_remove(w, n);
	w->open -= s->state == WAIT_OPEN;
	s->state = state & 15;
	s->when = seq;
}

void
wait_run_over(struct wait_list *w, struct str run)
{
	uint32_t next = wait_slot_of_run(w, wait_run_tag(w, run));

	while (next) {
		struct slot *s = wait_slot(w, next - 1);

		w->over += !s->over && s->state != WAIT_OPEN;
		s->over |= s->state != WAIT_OPEN;
		next = s->older;
	}
	wait_slots_shed(w);
}

/* Built anew without them: indices of slots change, ids and seqs do not. */
void
wait_slots_shed(struct wait_list *w)
{
	struct wait_list old = *w;
	uint32_t drop = w->over > 2 * OVER_MAX ? w->over - OVER_MAX : 0;
	uint32_t *to;

	if (!drop) {
		return;
	}
	*w = (struct wait_list){
		.seed = old.seed,
		.warm = old.warm,
		.last_seq = old.last_seq,
	};
	to = malloc(old.count * sizeof(*to));
	must(to);
	for (uint32_t n = 0; n < old.count; n++) {
		const struct slot *s = wait_slot(&old, n);
		bool goes = drop && s->over;

		drop -= goes;
		to[n] = goes ? NO_PLACE : wait_slot_add(w, s);
	}
	wait_items_renumber(w, to);
	free(to);
	for (uint32_t n = 0; n < old.count; n += SLOT_BLOCK) {
		free(old.blocks[n / SLOT_BLOCK]);
	}
	free(old.blocks);
	free(old.heap);
	free(old.ids);
	free(old.runs);
}
