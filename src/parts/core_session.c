/* SPDX-License-Identifier: Apache-2.0 */
/* What the book holds of one run. */
#include "parts/core.h"
#include "parts/core_run.h"

static int
keep_head(void *context, const struct store_head *row, struct err *e)
{
	struct buf *heads = context;

	(void)e;
	buf_add(heads, row->head);
	return 0;
}

void
core_run_heads(struct core *c, struct book_id run, uint64_t after,
    uint64_t limit, struct buf *out)
{
	struct store_heads mine = {
		.from = after + 1,
		.limit = limit,
		.run = run.bytes,
	};
	struct err e = { 0 };

	if (store_heads_walk(c->book.store, &mine, keep_head, out, &e)) {
		log_err("session", &e);
	}
}
