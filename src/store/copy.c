/* SPDX-License-Identifier: Apache-2.0 */
#include "store/door.h"

#define BATCH (1u << 20) /* bytes, about, of a transaction */

struct copy {
	struct store *from;
	struct store *to;
	size_t bytes; /* in the open transaction */
};

static int
turn(struct copy *copy, size_t bytes, struct err *e)
{
	copy->bytes += bytes;
	if (copy->bytes < BATCH) {
		return 0;
	}
	copy->bytes = 0;
	return store_commit(copy->to, e) || store_begin(copy->to, e) ? -1 : 0;
}

static int
copy_head(void *context, const struct store_head *head, struct err *e)
{
	struct copy *copy = context;
	auto_buf body = { 0 };
	int64_t day = 0;

	if (store_head_add(copy->to, head, e)) {
		return -1;
	}
	if (copy->from->ops->body_get(copy->from, head->seq, &day, &body, e)) {
		return e->kind == ERR_MISSING ? turn(copy, STORE_HEAD_SIZE, e)
		                              : -1;
	}
	if (store_body_add(copy->to, head->seq, day, buf_str(&body), e)) {
		return -1;
	}
	return turn(copy, STORE_HEAD_SIZE + body.len, e);
}

static int
copy_row(void *context, const struct store_row *row, struct err *e)
{
	struct copy *copy = context;

	/* SQLite's place for what owned_set sets. */
	if (str_eq(row->space, STR("meta")) &&
	    str_eq(row->key, STR("incarnation"))) {
		return 0;
	}
	return store_row_put(copy->to, row, e) ||
	               turn(copy, row->key.len + row->value.len, e)
	           ? -1
	           : 0;
}

static int
copy_task(void *context, const struct store_task *task, struct err *e)
{
	struct copy *copy = context;

	return store_task_put(copy->to, task, e) ||
	               turn(copy, task->record.len + task->saved.len, e)
	           ? -1
	           : 0;
}

static int
copy_all(struct copy *copy, struct err *e)
{
	uint64_t times;

	if (store_heads_walk(copy->from, 0, 0, copy_head, copy, e) ||
	    store_rows_walk(copy->from, STR(""), STR(""), copy_row, copy, e) ||
	    copy->from->ops->tasks_all(copy->from, copy_task, copy, e) ||
	    copy->from->ops->owned(copy->from, &times, e)) {
		return -1;
	}
	return times ? copy->to->ops->owned_set(copy->to, times, e) : 0;
}

static int
see_any(void *context, const struct store_row *row, struct err *e)
{
	(void)row;
	*(bool *)context = true;
	return err_set(e, ERR_CONFLICT, "a row");
}

static int
must_be_empty(struct store *to, struct err *e)
{
	bool any = store_last_seq(to) > 0;

	if (!any && store_rows_walk(to, STR(""), STR(""), see_any, &any, e) &&
	    !any) {
		return -1;
	}
	return any ? err_set(e, ERR_CONFLICT,
	                 "the store to copy into is not empty; choose a new "
	                 "one")
	           : 0;
}

int
store_copy(struct store *from, struct store *to, struct err *e)
{
	struct copy copy = { .from = from, .to = to };
	uint64_t incarnation;

	must(!store_in_transaction(from) && from != to);
	if (may_read(from, e) || must_be_empty(to, e) ||
	    store_own(to, "copy", &incarnation, e) || store_begin(to, e)) {
		return -1;
	}
	if (copy_all(&copy, e)) {
		if (to->state != STORE_IDLE) {
			store_rollback(to);
		}
		return -1;
	}
	return store_commit(to, e);
}
