/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/postgres.h"

/* A walk of tasks, the last first, as they are after every batch that is under
 * way: what those say is known from memory, and the server's row is asked for
 * where they say only what changed. */

#define TASKS_PAGE 200

struct tasks_walk {
	const struct store_task *like;
	uint64_t limit; /* 0: all */
	uint64_t given;
	struct store_task *own; /* those that a batch speaks of, in order */
	size_t own_count;
	size_t own_room;
	size_t own_given;
	PGresult *there; /* what the server has of them */
	int64_t before;  /* the next page's are older */
	bool done;
	store_task_fn *each;
	void *context;
};

static bool
is_in_a_batch(struct postgres *p, struct str id)
{
	bool found = false;

	for (unsigned i = 0; i <= p->flights && !found; i++) {
		found = batch_task_find(batch_at(p, i), id) != NULL;
	}
	return found;
}

/* The batch `number` is the first that speaks of it. */
static bool
is_first(struct postgres *p, unsigned number, struct str id)
{
	bool first = true;

	for (unsigned i = 0; i < number && first; i++) {
		first = batch_task_find(batch_at(p, i), id) == NULL;
	}
	return first;
}

static bool
is_like(const struct store_task *task, const struct store_task *like)
{
	return (!like->queue.len || str_eq(task->queue, like->queue)) &&
	       (!like->state.len || str_eq(task->state, like->state));
}

static void
add_own(struct tasks_walk *walk, const struct store_task *task)
{
	if (is_like(task, walk->like)) {
		walk->own = array_grow(walk->own, walk->own_count,
		    &walk->own_room, sizeof(*walk->own));
		walk->own[walk->own_count++] = *task;
	}
}

static size_t
gather_batch(struct postgres *p, unsigned i, struct tasks_walk *walk,
    struct params *elements)
{
	const struct batch *b = batch_at(p, i);
	size_t others = 0;

	for (size_t k = 0; k < b->task_count; k++) {
		struct str id = b->tasks[k].task.id;
		struct store_task task = { 0 };

		if (!is_first(p, i, id)) {
			continue;
		}
		if (batch_task_apply(p, id, &task, false)) {
			add_own(walk, &task);
		} else {
			element_text(elements, id);
			others++;
		}
	}
	return others;
}

/* Those that were put in a batch; of the others the names, as an array's
 * elements. */
static size_t
gather_put(struct postgres *p, struct tasks_walk *walk, struct params *elements)
{
	size_t others = 0;

	for (unsigned i = 0; i <= p->flights; i++) {
		others += gather_batch(p, i, walk, elements);
	}
	return others;
}

static int
gather_changed(struct postgres *p, struct tasks_walk *walk, size_t count,
    const struct params *elements, struct err *e)
{
	struct params params = { 0 };
	int rc;

	param_array(&params, TYPE_TEXT, count);
	buf_add(&params.bytes, buf_str(&elements->bytes));
	rc = postgres_ask(p, READ_TASKS_OF, &params, &walk->there, e);
	buf_fini(&params.bytes);
	if (rc) {
		return -1;
	}
	for (int i = 0; i < pq.ntuples(walk->there); i++) {
		struct store_task task = postgres_task_read(walk->there, i);

		must(batch_task_apply(p, task.id, &task, true));
		add_own(walk, &task);
	}
	return 0;
}

static int
last_first(const void *a, const void *b)
{
	const struct store_task *one = a;
	const struct store_task *other = b;

	return ((int64_t)one->number < (int64_t)other->number) -
	       ((int64_t)one->number > (int64_t)other->number);
}

static int
gather_own(struct postgres *p, struct tasks_walk *walk, struct err *e)
{
	struct params elements = { 0 };
	size_t others = gather_put(p, walk, &elements);
	int rc = others ? gather_changed(p, walk, others, &elements, e) : 0;

	buf_fini(&elements.bytes);
	if (walk->own_count) {
		qsort(
		    walk->own, walk->own_count, sizeof(*walk->own), last_first);
	}
	return rc;
}

static int
give(struct tasks_walk *walk, const struct store_task *task, struct err *e)
{
	walk->given++;
	walk->done = walk->limit && walk->given == walk->limit;
	return walk->each(walk->context, task, e);
}

/* Those of ours that are newer than a number. */
static int
give_own(struct tasks_walk *walk, int64_t after, struct err *e)
{
	int rc = 0;

	while (rc == 0 && !walk->done && walk->own_given < walk->own_count &&
	       (int64_t)walk->own[walk->own_given].number > after) {
		rc = give(walk, &walk->own[walk->own_given++], e);
	}
	return rc;
}

static int
give_page(
    struct postgres *p, struct tasks_walk *walk, PGresult *r, struct err *e)
{
	int rc = 0;

	for (int i = 0; rc == 0 && !walk->done && i < pq.ntuples(r); i++) {
		struct store_task task = postgres_task_read(r, i);

		walk->before = (int64_t)task.number;
		rc = give_own(walk, walk->before, e);
		if (rc == 0 && !walk->done && !is_in_a_batch(p, task.id)) {
			rc = give(walk, &task, e);
		}
	}
	return rc;
}

static int
walk_page(struct postgres *p, struct tasks_walk *walk, struct err *e)
{
	struct params params = { 0 };
	auto_result r = NULL;
	uint64_t left = walk->limit - walk->given;
	int rc;

	param_text(&params, walk->like->queue);
	param_text(&params, walk->like->state);
	param_i64(&params, walk->before);
	param_i64(&params,
	    walk->limit && left < TASKS_PAGE ? (int64_t)left : TASKS_PAGE);
	rc = postgres_ask(p, READ_TASKS, &params, &r, e);
	buf_fini(&params.bytes);
	if (rc || give_page(p, walk, r, e)) {
		return -1;
	}
	if (pq.ntuples(r) == 0) {
		rc = give_own(walk, INT64_MIN, e);
		walk->done = true;
	}
	return rc;
}

int
postgres_tasks_walk(struct store *s, const struct store_task *like,
    uint64_t limit, store_task_fn *each, void *context, struct err *e)
{
	struct postgres *p = (struct postgres *)s;
	struct tasks_walk walk = {
		.like = like,
		.limit = limit,
		.before = INT64_MAX,
		.each = each,
		.context = context,
	};
	int rc = gather_own(p, &walk, e);

	while (rc == 0 && !walk.done) {
		rc = walk_page(p, &walk, e);
	}
	auto_result_clear(&walk.there);
	free(walk.own);
	return rc;
}
