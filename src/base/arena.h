/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

/*
 * Memory that vanishes together: a request, a turn, a configuration.
 * A function whose first parameter is an arena returns what lives in it.
 * Zeroed is a valid empty arena.
 */

#include "base/str.h"

struct arena_block;

struct arena {
	struct arena_block *head;
	size_t used; /* bytes handed out, for limits */
};

void arena_fini(struct arena *a);
/* Empty again, and all of it wiped; a block that is not large is kept for what
 * follows. */
void arena_clear(struct arena *a);
/* The same; a block of up to `most` bytes is kept. */
void arena_clear_to(struct arena *a, size_t most);
void *arena_alloc(struct arena *a, size_t size); /* zeroed, 16-byte aligned */
void *arena_array(struct arena *a, size_t count, size_t size); /* checked */
struct str arena_str(struct arena *a, struct str s); /* copy, NUL after it */
const char *arena_z(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void auto_arena_fini(struct arena *a);
#define auto_arena __attribute__((cleanup(auto_arena_fini))) struct arena

#endif
