/* SPDX-License-Identifier: Apache-2.0 */
#include "session/session.h"

#include <stdlib.h>

struct session_index {
	struct session_run **all; /* in order of their first head */
	size_t count;
	size_t room;
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

static void
add(struct session_index *x, struct session_run *run)
{
	map_put(
	    &x->runs, str_span(run->run.bytes, sizeof(run->run.bytes)), run);
	x->all = array_grow(
	    x->all, x->count, &x->room, sizeof(struct session_run *));
	x->all[x->count++] = run;
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
