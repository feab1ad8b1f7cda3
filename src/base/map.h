/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

/*
 * Text → pointer.  Zeroed is a valid empty map; it grows and never shrinks,
 * and owns neither keys nor values.  Where keys come from outside, `seed` is
 * set to a secret random number before the first put, so that nobody can
 * choose keys that all meet in one slot.
 */

#include "base/err.h"

struct map_slot {
	struct str key;
	void *value; /* NULL: free */
};

struct map {
	struct map_slot *slots;
	size_t count;
	size_t room; /* 0, or a power of two */
	uint64_t seed;
};

void map_fini(struct map *m); /* frees; leaves it empty, without its seed */
void *map_get(const struct map *m, struct str key); /* NULL: absent */
/* The key's bytes stay where they are as long as the map lives; the key is
 * not there yet, and value is not NULL (must). */
void map_put(struct map *m, struct str key, void *value);

/* For an array from the heap, NULL at first: `at`, moved if need be, with room
 * for one element of `size` bytes more than count. */
void *array_grow(void *at, size_t count, size_t *room, size_t size) MUST_CHECK;

#endif
