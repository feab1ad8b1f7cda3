/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "base/id.h"
#include "base/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT   16
#define BLOCK_FIRST ((size_t)4096)
#define BLOCK_KEPT  ((size_t)32 * 1024)
#define BLOCK_MOST  ((size_t)256 * 1024)

/* The head block is the one being filled; memory is zero past `used`. */
struct arena_block {
	struct arena_block *next;
	size_t used;
	size_t size;
	size_t unused;
	char bytes[] __attribute__((aligned(ALIGNMENT)));
};

void
arena_fini(struct arena *a)
{
	struct arena_block *block = a->head;

	while (block != NULL) {
		struct arena_block *next = block->next;
		free(block);
		block = next;
	}
	*a = (struct arena){ 0 };
}

void
arena_clear(struct arena *a)
{
	arena_clear_to(a, BLOCK_KEPT);
}

void
arena_clear_to(struct arena *a, size_t most)
{
	struct arena_block *kept = a->head;

	for (struct arena_block *b = kept; b != NULL; b = b->next) {
		wipe(b->bytes, b->used);
	}
	if (kept == NULL || kept->size > most) {
		arena_fini(a);
		return;
	}
	struct arena rest = { .head = kept->next };

	arena_fini(&rest);
	kept->used = 0;
	kept->next = NULL;
	*a = (struct arena){ .head = kept };
}

void
auto_arena_fini(struct arena *a)
{
	arena_fini(a);
}

/* A request over a quarter of a block gets one of its own, behind the head, so
 * that the room left in the head is not lost. */
static void *
alloc_slow(struct arena *a, size_t size)
{
	size_t whole = BLOCK_FIRST - sizeof(struct arena_block);

	if (a->head != NULL) {
		whole = a->head->size * 2 + sizeof(struct arena_block);
		if (whole > BLOCK_MOST - sizeof(struct arena_block)) {
			whole = BLOCK_MOST - sizeof(struct arena_block);
		}
	}
	bool alone = a->head != NULL && size > whole / 4;
	size_t room = alone || size > whole ? size : whole;
	struct arena_block *block = calloc(1, sizeof(*block) + room);
	must(block != NULL);
	block->size = room;
	block->used = size;
	if (alone) {
		block->next = a->head->next;
		a->head->next = block;
	} else {
		block->next = a->head;
		a->head = block;
	}
	return block->bytes;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	must(size <= SIZE_MAX / 2);
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	a->used += size;
	struct arena_block *block = a->head;
	if (block != NULL && size <= block->size - block->used) {
		void *at = block->bytes + block->used;
		block->used += size;
		return at;
	}
	return alloc_slow(a, size);
}

void *
arena_array(struct arena *a, size_t count, size_t size)
{
	must(size == 0 || count <= SIZE_MAX / 2 / size);
	return arena_alloc(a, count * size);
}

struct str
arena_str(struct arena *a, struct str s)
{
	return str_span(arena_z(a, s), s.len);
}

const char *
arena_z(struct arena *a, struct str s)
{
	must(s.len < SIZE_MAX / 2);
	char *at = arena_alloc(a, s.len + 1);
	if (s.len > 0) {
		memcpy(at, s.at, s.len);
	}
	return at;
}

struct str
arena_printf(struct arena *a, const char *format, ...)
{
	va_list list;
	va_list again;

	va_start(list, format);
	va_copy(again, list);
	int len = vsnprintf(NULL, 0, format, list);
	must(len >= 0);
	char *at = arena_alloc(a, (size_t)len + 1);
	must(vsnprintf(at, (size_t)len + 1, format, again) == len);
	va_end(again);
	va_end(list);
	return str_span(at, (size_t)len);
}
