/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include "base/must.h"

#include <stdlib.h>

void
map_fini(struct map *m)
{
	free(m->slots);
	*m = (struct map){ 0 };
}

/* FNV-1a from the seed, then mixed with it. */
static uint64_t
hash(uint64_t seed, struct str key)
{
	uint64_t h = seed ^ 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < key.len; i++) {
		h = (h ^ (unsigned char)key.at[i]) * 0x100000001b3ULL;
		h ^= h >> 29;
	}
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ULL ^ (seed | 1);
	return h ^ h >> 31;
}

/* Where the key stands, or the free slot where it belongs. */
static struct map_slot *
slot_of(const struct map *m, struct str key)
{
	size_t i = (size_t)hash(m->seed, key) & (m->room - 1);

	while (m->slots[i].value && !str_eq(m->slots[i].key, key)) {
		i = (i + 1) & (m->room - 1);
	}
	return &m->slots[i];
}

void *
map_get(const struct map *m, struct str key)
{
	return m->room ? slot_of(m, key)->value : NULL;
}

static void
widen(struct map *m)
{
	struct map old = *m;

	m->room = old.room ? 2 * old.room : 64;
	m->slots = calloc(m->room, sizeof(*m->slots));
	must(m->slots != NULL);
	for (size_t i = 0; i < old.room; i++) {
		if (old.slots[i].value) {
			*slot_of(m, old.slots[i].key) = old.slots[i];
		}
	}
	free(old.slots);
}

void
map_put(struct map *m, struct str key, void *value)
{
	struct map_slot *slot = NULL;

	if (4 * (m->count + 1) > 3 * m->room) {
		widen(m);
	}
	slot = slot_of(m, key);
	must(slot->value == NULL && value != NULL);
	*slot = (struct map_slot){ .key = key, .value = value };
	m->count++;
}

void *
array_grow(void *at, size_t count, size_t *room, size_t size)
{
	if (count < *room) {
		return at;
	}
	*room = *room ? 2 * *room : 8;
	at = reallocarray(at, *room, size);
	must(at != NULL);
	return at;
}
