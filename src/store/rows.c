/* SPDX-License-Identifier: Apache-2.0 */
#include "store/door.h"

#define SPACE_MAX 32

static int
row_fits(const struct store_row *row, struct err *e)
{
	if (row->key.len < 1 || row->key.len > STORE_KEY_MAX) {
		return err_set(e, ERR_LIMIT,
		    "a key of %zu bytes; it has 1 to %d", row->key.len,
		    STORE_KEY_MAX);
	}
	if (row->value.len > STORE_VALUE_MAX) {
		return err_set(e, ERR_LIMIT, "a value of %zu bytes, over %u",
		    row->value.len, STORE_VALUE_MAX);
	}
	return 0;
}

int
store_row_put(struct store *store, const struct store_row *row, struct err *e)
{
	must(row->space.len > 0 && row->space.len <= SPACE_MAX);
	must(row->version <= INT64_MAX);
	if (may_write(store, e)) {
		return -1;
	}
	if (row_fits(row, e)) {
		return store_break(store, e);
	}
	return wrote(store, store->ops->row_put(store, row, e), e);
}

int
store_row_get(struct store *store, struct str space, struct str key,
    struct buf *out, uint64_t *version, struct err *e)
{
	return may_read(store, e)
	           ? -1
	           : store->ops->row_get(store, space, key, out, version, e);
}

int
store_row_delete(
    struct store *store, struct str space, struct str key, struct err *e)
{
	if (may_write(store, e)) {
		return -1;
	}
	return wrote(store, store->ops->row_delete(store, space, key, e), e);
}

int
store_rows_walk(struct store *store, struct str space, struct str prefix,
    store_row_fn *each, void *context, struct err *e)
{
	int done;

	must(!store->walking);
	if (may_read(store, e)) {
		return -1;
	}
	store->walking = true;
	done = store->ops->rows_walk(store, space, prefix, each, context, e);
	store->walking = false;
	return done;
}

int
store_rows_count(
    struct store *store, struct str space, uint64_t *count, struct err *e)
{
	return may_read(store, e)
	           ? -1
	           : store->ops->rows_count(store, space, count, e);
}

int
store_task_put(
    struct store *store, const struct store_task *task, struct err *e)
{
	must(task->number > 0);
	must(task->last_seq <= INT64_MAX && (task->live || !task->ending));
	if (may_write(store, e)) {
		return -1;
	}
	if (task->record.len > STORE_VALUE_MAX ||
	    task->saved.len > STORE_VALUE_MAX) {
		(void)err_set(e, ERR_LIMIT, "a task of %zu bytes, over %u",
		    task->record.len + task->saved.len, STORE_VALUE_MAX);
		return store_break(store, e);
	}
	return wrote(store, store->ops->task_put(store, task, e), e);
}

int
store_task_get(struct store *store, struct str id, store_task_fn *each,
    void *context, struct err *e)
{
	return may_read(store, e)
	           ? -1
	           : store->ops->task_get(store, id, each, context, e);
}

static int
keep_record(void *context, const struct store_task *task, struct err *e)
{
	(void)e;
	buf_add(context, task->record);
	return 0;
}

int
store_task_record(struct store *store, uint64_t number, struct str id,
    struct buf *out, struct err *e)
{
	struct err missing = { 0 };

	if (may_read(store, e)) {
		return -1;
	}
	if (store->ops->task_record) {
		if (store->ops->task_record(store, number, id, out, &missing) ==
		    0) {
			return 0;
		}
		if (missing.kind != ERR_MISSING) {
			*e = missing;
			return -1;
		}
	}
	return store->ops->task_get(store, id, keep_record, out, e);
}

int
store_tasks_walk(struct store *store, const struct store_task *like,
    uint64_t limit, store_task_fn *each, void *context, struct err *e)
{
	int done;

	must(!store->walking && limit <= INT64_MAX);
	if (may_read(store, e)) {
		return -1;
	}
	store->walking = true;
	done = store->ops->tasks_walk(store, like, limit, each, context, e);
	store->walking = false;
	return done;
}

int
store_live_walk(
    struct store *store, store_task_fn *each, void *context, struct err *e)
{
	int done;

	must(!store->walking);
	if (may_read(store, e)) {
		return -1;
	}
	store->walking = true;
	done = store->ops->live_walk(store, each, context, e);
	store->walking = false;
	return done;
}

int
store_inbox_walk(struct store *store, uint64_t limit, store_inbox_fn *each,
    void *context, struct err *e)
{
	int done;

	must(!store->walking && limit <= INT64_MAX);
	if (may_read(store, e)) {
		return -1;
	}
	store->walking = true;
	done = store->ops->inbox_walk(store, limit, each, context, e);
	store->walking = false;
	return done;
}

int
store_inbox_drop(struct store *store, uint64_t number, struct err *e)
{
	if (may_write(store, e)) {
		return -1;
	}
	return wrote(store, store->ops->inbox_drop(store, number, e), e);
}

int
store_inbox_fd(const struct store *store)
{
	return store->ops->inbox_fd(store);
}

void
store_inbox_bell(struct store *store)
{
	store->ops->inbox_bell(store);
}
