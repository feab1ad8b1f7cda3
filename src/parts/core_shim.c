/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/core_shim.h"

static int
keep_head(void *context, const struct store_head *row, struct err *e)
{
	struct buf *heads = context;

	(void)e;
	buf_add(heads, row->head);
	return 0;
}

int
core_run_heads(struct core *c, struct book_id run, uint64_t after,
    struct buf *heads, struct err *e)
{
	struct store_heads mine = { .from = after + 1, .run = run.bytes };

	if (!session_index_find(c->sessions, run)) {
		return err_set(e, ERR_MISSING, "there is no such run");
	}
	return store_heads_walk(c->book.store, &mine, keep_head, heads, e);
}

int
core_body_get(struct core *c, uint64_t seq, struct buf *out, struct err *e)
{
	return store_body_get(c->book.store, seq, out, e);
}

int
core_task_record(
    struct core *c, struct str task, struct buf *out, struct err *e)
{
	return store_row_get(c->book.store, STR("task"), task, out, NULL, e);
}

void
core_task_put(struct core *c, const struct queue_task *t, struct str record)
{
	core_row(c, "task", t->id, record, 1);
	core_task_row(c, t);
}
