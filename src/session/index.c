/* SPDX-License-Identifier: Apache-2.0 */
#include "session/session.h"

#include <stdlib.h>
#include <string.h>

struct session_index {
	struct session_run **all; /* in order of their first head */
	size_t count;
	size_t room;
	size_t *slots; /* run → index in all, plus one; open addressing */
	size_t slot_room;
	uint64_t seed;
};

struct session_index *
session_index_new(uint64_t seed)
{
	struct session_index *x = calloc(1, sizeof(*x));

	must(x != NULL);
	x->seed = seed;
	return x;
}

void
session_index_free(struct session_index *x)
{
	if (!x) {
		return;
	}
	for (size_t i = 0; i < x->count; i++) {
		session_run_fini(x->all[i]);
		free(x->all[i]);
	}
	free(x->all);
	free(x->slots);
	free(x);
}

static size_t *
slot_of(const struct session_index *x, struct book_id run)
{
	uint64_t h = x->seed ^ 0xcbf29ce484222325ULL;
	size_t at = 0;

	for (size_t i = 0; i < sizeof(run.bytes); i++) {
		h = (h ^ run.bytes[i]) * 0x100000001b3ULL;
	}
	h ^= h >> 32;
	at = (size_t)h & (x->slot_room - 1);
	while (x->slots[at] != 0 &&
	       !book_id_eq(x->all[x->slots[at] - 1]->run, run)) {
		at = (at + 1) & (x->slot_room - 1);
	}
	return &x->slots[at];
}

struct session_run *
session_index_find(const struct session_index *x, struct book_id run)
{
	size_t found = x->slot_room ? *slot_of(x, run) : 0;

	return found ? x->all[found - 1] : NULL;
}

struct session_run *
session_index_at(const struct session_index *x, size_t n)
{
	return n < x->count ? x->all[n] : NULL;
}

static void
widen(struct session_index *x)
{
	free(x->slots);
	x->slot_room = x->slot_room ? 2 * x->slot_room : 64;
	x->slots = calloc(x->slot_room, sizeof(*x->slots));
	must(x->slots != NULL);
	for (size_t i = 0; i < x->count; i++) {
		*slot_of(x, x->all[i]->run) = i + 1;
	}
}

static void
add(struct session_index *x, struct session_run *run)
{
	if (x->count == x->room) {
		x->room = x->room ? 2 * x->room : 16;
		x->all =
		    realloc(x->all, x->room * sizeof(struct session_run *));
		must(x->all != NULL);
	}
	x->all[x->count++] = run;
	if (4 * x->count > 3 * x->slot_room) {
		widen(x);
	} else {
		*slot_of(x, run->run) = x->count;
	}
}

int
session_index_apply(struct session_index *x, const struct book_head *head,
    struct str body, struct err *e)
{
	struct session_run *run = NULL;

	if (book_id_eq(head->run, (struct book_id){ 0 })) {
		return 0;
	}
	run = session_index_find(x, head->run);
	if (run) {
		return session_apply(run, head, body, e);
	}
	run = calloc(1, sizeof(*run));
	must(run != NULL);
	if (session_apply(run, head, body, e)) {
		session_run_fini(run);
		free(run);
		return -1;
	}
	add(x, run);
	return 0;
}
