/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/heap.h"

#include <stdlib.h>
#include <string.h>

void
heap_fini(struct heap *h)
{
	free(h->at);
	*h = (struct heap){ 0 };
}

static bool
is_before(
    const struct heap *h, const struct heap_slot *a, const struct heap_slot *b)
{
	if (a->key != b->key) {
		return a->key < b->key;
	}
	if (a->tie != b->tie && a->tie && b->tie) {
		return a->tie < b->tie;
	}
	return h->before && h->before(a->node, b->node);
}

static void
set(struct heap *h, size_t place, struct heap_slot slot)
{
	h->at[place] = slot;
	slot.node->place = (uint32_t)place;
}

static void
sift_up(struct heap *h, size_t place)
{
	struct heap_slot slot = h->at[place];

	while (place > 0) {
		size_t above = (place - 1) / HEAP_CHILDREN;

		if (!is_before(h, &slot, &h->at[above])) {
			break;
		}
		set(h, place, h->at[above]);
		place = above;
	}
	set(h, place, slot);
}

/* The best child of a place; count: it has none. */
static size_t
best_child(const struct heap *h, size_t place)
{
	size_t first = HEAP_CHILDREN * place + 1;
	size_t best = first < h->count ? first : h->count;

	for (size_t i = first + 1; i < first + HEAP_CHILDREN && i < h->count;
	     i++) {
		if (is_before(h, &h->at[i], &h->at[best])) {
			best = i;
		}
	}
	return best;
}

/* The children of the children stand beside each other: they are on their way
 * while the children are compared.  Inline, for gcc drops a call that does
 * nothing else. */
static inline __attribute__((always_inline)) void
fetch_below(const struct heap *h, size_t place)
{
	size_t first = HEAP_CHILDREN * (HEAP_CHILDREN * place + 1) + 1;
	size_t end = first + (size_t)HEAP_CHILDREN * HEAP_CHILDREN;

	for (size_t i = first; i < end && i < h->count; i += 2) {
		__builtin_prefetch(&h->at[i]); /* a line has two at least */
	}
}

static void
sift_down(struct heap *h, size_t place)
{
	struct heap_slot slot = h->at[place];

	for (;;) {
		size_t child = 0;

		fetch_below(h, place);
		child = best_child(h, place);
		if (child == h->count || !is_before(h, &h->at[child], &slot)) {
			break;
		}
		set(h, place, h->at[child]);
		place = child;
	}
	set(h, place, slot);
}

void
heap_add(struct heap *h, int64_t key, uint64_t tie, struct node *n)
{
	must(n->heap == NULL && h->count < UINT32_MAX);
	h->at = array_grow(h->at, h->count, &h->room, sizeof(struct heap_slot));
	h->at[h->count] = (struct heap_slot){ key, tie, n };
	n->heap = h;
	sift_up(h, h->count++);
}

void
heap_remove(struct node *n)
{
	struct heap *h = n->heap;
	struct heap_slot last = { 0 };

	if (!h) {
		return;
	}
	must(n->place < h->count && h->at[n->place].node == n);
	last = h->at[--h->count];
	n->heap = NULL;
	if (last.node != n) {
		set(h, n->place, last);
		sift_up(h, n->place);
		sift_down(h, last.node->place);
	}
}

void
heap_move(struct node *n, int64_t key, uint64_t tie)
{
	struct heap *h = n->heap;

	h->at[n->place].key = key;
	h->at[n->place].tie = tie;
	sift_up(h, n->place);
	sift_down(h, n->place);
}

struct node *
heap_first(const struct heap *h)
{
	return h->count > 0 ? h->at[0].node : NULL;
}

int64_t
heap_key(const struct node *n)
{
	return n->heap->at[n->place].key;
}

/* What was found is its own list of where to look below. */
size_t
heap_below(const struct heap *h, int64_t key, struct node **out, size_t max)
{
	size_t count = 0;

	if (h->count == 0 || max == 0 || h->at[0].key >= key) {
		return 0;
	}
	out[count++] = h->at[0].node;
	for (size_t i = 0; i < count; i++) {
		size_t child = HEAP_CHILDREN * (size_t)out[i]->place + 1;
		size_t end = child + HEAP_CHILDREN;

		/* What is not below gives its place to the next. */
		for (; child < end && child < h->count && count < max;
		     child++) {
			out[count] = h->at[child].node;
			count += h->at[child].key < key;
		}
	}
	return count;
}

/* --- tables --- */

/*
 * Open addressing: the hashes stand beside each other, so that a look for what
 * is not there, and widening, touch no item.
 */

void
table_fini(struct table *t)
{
	free(t->hashes);
	free((void *)t->items);
	t->hashes = NULL;
	t->items = NULL;
	t->count = 0;
	t->room = 0;
}

/* Eight bytes a turn; the seed keeps others from choosing collisions.  Never
 * 0, which is a free place. */
static uint32_t
hash(uint64_t seed, struct str key)
{
	uint64_t h = seed ^ (key.len * 0x9e3779b97f4a7c15ULL);
	size_t i = 0;

	for (; i + 8 <= key.len; i += 8) {
		uint64_t part = 0;

		memcpy(&part, key.at + i, sizeof(part));
		h = (h ^ part) * 0xff51afd7ed558ccdULL;
		h ^= h >> 32 ^ seed;
	}
	for (; i < key.len; i++) {
		h = (h ^ (unsigned char)key.at[i]) * 0x100000001b3ULL;
	}
	h ^= h >> 29;
	h *= 0x9e3779b97f4a7c15ULL ^ (seed | 1);
	return (uint32_t)(h >> 32) ? (uint32_t)(h >> 32) : 1;
}

struct item *
table_get(const struct table *t, struct str key)
{
	uint32_t h = hash(t->seed, key);
	size_t mask = t->room - 1;

	if (t->count == 0) {
		return NULL;
	}
	for (size_t n = h & mask; t->hashes[n]; n = (n + 1) & mask) {
		if (t->hashes[n] == h && str_eq(t->key(t->items[n]), key)) {
			return t->items[n];
		}
	}
	return NULL;
}

static void
place(struct table *t, uint32_t h, struct item *i)
{
	size_t mask = t->room - 1;
	size_t n = h & mask;

	while (t->hashes[n]) {
		n = (n + 1) & mask;
	}
	t->hashes[n] = h;
	t->items[n] = i;
}

static void
widen(struct table *t)
{
	struct table old = *t;

	t->room = t->room ? 2 * t->room : 64;
	t->hashes = calloc(t->room, sizeof(*t->hashes));
	t->items = calloc(t->room, sizeof(struct item *));
	must(t->hashes != NULL && t->items != NULL);
	for (size_t n = 0; n < old.room; n++) {
		if (old.hashes[n]) {
			place(t, old.hashes[n], old.items[n]);
		}
	}
	free(old.hashes);
	free((void *)old.items);
}

void
table_put(struct table *t, struct item *i)
{
	if (t->count >= t->room / 8 * 7) {
		widen(t);
	}
	i->hash = hash(t->seed, t->key(i));
	place(t, i->hash, i);
	t->count++;
}

/* What stands behind it moves up, unless it is nearer to its own place. */
void
table_drop(struct table *t, struct item *i)
{
	size_t mask = t->room - 1;
	size_t free_at = i->hash & mask;

	while (t->items[free_at] != i) {
		must(t->hashes[free_at] != 0);
		free_at = (free_at + 1) & mask;
	}
	for (size_t n = (free_at + 1) & mask; t->hashes[n];
	     n = (n + 1) & mask) {
		if (((n - t->hashes[n]) & mask) >= ((n - free_at) & mask)) {
			t->hashes[free_at] = t->hashes[n];
			t->items[free_at] = t->items[n];
			free_at = n;
		}
	}
	t->hashes[free_at] = 0;
	t->items[free_at] = NULL;
	t->count--;
}
