/* SPDX-License-Identifier: Apache-2.0 */
#include "names/own.h"

#include <stdlib.h>
#include <string.h>

#define FIRST 0xc6120001u /* 198.18.0.1 */
#define SLOTS ((size_t)2 * NAMES_POOL_MAX)

/* Open addressing; the seed keeps a cell from choosing its collisions. */
struct names_pool {
	uint64_t seed;
	struct arena arena;
	size_t count;
	const char *name[NAMES_POOL_MAX];
	uint16_t slot[SLOTS]; /* index of a name + 1; 0 is free */
};

struct names_pool *
names_pool_new(void)
{
	struct names_pool *p = calloc(1, sizeof(*p));

	must(p);
	p->seed = random_u64() | 1;
	return p;
}

void
names_pool_free(struct names_pool *p)
{
	if (p) {
		arena_fini(&p->arena);
		free(p);
	}
}

static size_t
hash(const struct names_pool *p, const char *name)
{
	uint64_t h = p->seed;

	for (; *name; name++) {
		h = (h ^ (uint8_t)*name) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return (size_t)(h % SLOTS);
}

/* The slot that holds name, or the free one where it belongs. */
static uint16_t *
slot_of(struct names_pool *p, const char *name)
{
	size_t at = hash(p, name);

	while (p->slot[at] && strcmp(p->name[p->slot[at] - 1], name) != 0) {
		at = (at + 1) % SLOTS;
	}
	return &p->slot[at];
}

static struct names_addr
address_of(size_t index)
{
	uint32_t v4 = FIRST + (uint32_t)index;

	return (
	    struct names_addr){ 4, { (uint8_t)(v4 >> 24), (uint8_t)(v4 >> 16),
		                       (uint8_t)(v4 >> 8), (uint8_t)v4 } };
}

int
names_pool_add(struct names_pool *p, const char *name, struct names_addr *out,
    struct err *e)
{
	uint16_t *slot = slot_of(p, name);

	if (!*slot) {
		if (p->count == NAMES_POOL_MAX) {
			return err_set(e, ERR_LIMIT,
			    "this cell has asked for %d names", NAMES_POOL_MAX);
		}
		p->name[p->count++] = arena_z(&p->arena, str_of(name));
		*slot = (uint16_t)p->count;
	}
	*out = address_of(*slot - 1u);
	return 0;
}

bool
names_pool_range(const struct names_addr *a)
{
	return a->family == 4 && a->bytes[0] == 198 &&
	       (a->bytes[1] & 0xfe) == 18;
}

const char *
names_pool_name(const struct names_pool *p, const struct names_addr *a)
{
	if (a->family != 4) {
		return NULL;
	}
	uint32_t v4 = (uint32_t)a->bytes[0] << 24 |
	              (uint32_t)a->bytes[1] << 16 | (uint32_t)a->bytes[2] << 8 |
	              a->bytes[3];
	uint32_t index = v4 - FIRST;

	return index < p->count ? p->name[index] : NULL;
}

size_t
names_pool_count(const struct names_pool *p)
{
	return p->count;
}
