/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_HEAP_H
#define QUEUE_HEAP_H

/*
 * Inside of the room: heaps and tables over what is embedded in a task or
 * letter, so that each can leave them by itself.
 */

#include "base/base.h"

struct heap;

struct node {              /* in at most one heap */
	struct heap *heap; /* NULL: in none */
	uint32_t place;
};
typedef bool node_before_fn(const struct node *a, const struct node *b);

struct heap_slot {
	int64_t key;  /* here, so that most comparisons touch no task */
	uint64_t tie; /* of two with the same key; 0: it says nothing */
	struct node *node;
};
#define HEAP_CHILDREN 4
struct heap { /* zeroed is empty */
	struct heap_slot *at;
	size_t count;
	size_t room;
	node_before_fn *before; /* where slots say nothing; NULL: any */
};
void heap_fini(struct heap *h);
void heap_add(struct heap *h, int64_t key, uint64_t tie, struct node *n);
void heap_remove(struct node *n); /* from the heap it is in; none: nothing */
/* With this key from now on. */
void heap_move(struct node *n, int64_t key, uint64_t tie);
struct node *heap_first(const struct heap *h); /* NULL: empty */
int64_t heap_key(const struct node *n);
/* Those with a smaller key, in no order; at most max.  Returns how many. */
size_t heap_below(
    const struct heap *h, int64_t key, struct node **out, size_t max);

struct item { /* in one table */
	uint32_t hash;
};
typedef struct str item_key_fn(const struct item *i);
struct table {
	uint32_t *hashes; /* 0: the place is free */
	struct item **items;
	size_t count;
	size_t room; /* 0, or a power of two */
	uint64_t seed;
	item_key_fn *key;
};
void table_fini(struct table *t); /* frees no item */
struct item *table_get(const struct table *t, struct str key);
void table_put(struct table *t, struct item *i); /* its key is not there yet */
void table_drop(struct table *t, struct item *i);

#endif
