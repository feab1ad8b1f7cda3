/* SPDX-License-Identifier: Apache-2.0 */
#include "session/session.h"

#include <stdlib.h>

struct session_index {
	struct session_run **all; /* in order of their first head */
	size_t count;
	size_t room;
	size_t ended;
	struct map runs; /* the bytes of an id → struct session_run */
};

struct session_index *
session_index_new(uint64_t seed)
{
	struct session_index *x = calloc(1, sizeof(*x));

	must(x != NULL);
	x->runs.seed = seed;
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
	map_fini(&x->runs);
	free(x);
}

struct session_run *
session_index_find(const struct session_index *x, struct book_id run)
{
	return map_get(&x->runs, str_span(run.bytes, sizeof(run.bytes)));
}

struct session_run *
session_index_at(const struct session_index *x, size_t n)
{
	return n < x->count ? x->all[n] : NULL;
}

/* What is left of `all`, in the same order. */
static void
forget_ended(struct session_index *x)
{
	size_t left = 0;
	size_t drop = x->ended - SESSION_ENDED_MAX;
	uint64_t seed = x->runs.seed;

	map_fini(&x->runs);
	x->runs.seed = seed;
	for (size_t i = 0; i < x->count; i++) {
		struct session_run *run = x->all[i];

		if (run->ended && drop > 0) {
			drop--;
			session_run_fini(run);
			free(run);
			continue;
		}
		x->all[left++] = run;
		map_put(&x->runs,
		    str_span(run->run.bytes, sizeof(run->run.bytes)), run);
	}
	x->count = left;
	x->ended = SESSION_ENDED_MAX;
}

static void
add(struct session_index *x, struct session_run *run)
{
	map_put(
	    &x->runs, str_span(run->run.bytes, sizeof(run->run.bytes)), run);
	x->all = array_grow(
	    x->all, x->count, &x->room, sizeof(struct session_run *));
	x->all[x->count++] = run;
}

static int
apply(struct session_index *x, struct session_run *run,
    const struct book_head *head, struct str body, struct err *e)
{
	bool before = run->ended;

	if (session_apply(run, head, body, e)) {
		return -1;
	}
	x->ended += run->ended && !before;
	return 0;
}

/* What may come after a run has ended, and its view has gone, begins none. */
static bool
begins_no_view(const struct book_head *head)
{
	return head->kind == BOOK_CELL_ENDED ||
	       head->kind == BOOK_REQUEST_OUTCOME ||
	       head->kind == BOOK_MODEL_REPLY;
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
		return apply(x, run, head, body, e);
	}
	if (begins_no_view(head)) {
		return 0;
	}
	if (x->ended >= (size_t)2 * SESSION_ENDED_MAX) {
		forget_ended(x);
	}
	run = calloc(1, sizeof(*run));
	must(run != NULL);
	if (apply(x, run, head, body, e)) {
		session_run_fini(run);
		free(run);
		return -1;
	}
	add(x, run);
	return 0;
}
