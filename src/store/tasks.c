/* SPDX-License-Identifier: Apache-2.0 */
#include "store/own.h"

int
store_task_put(
    struct store *store, const struct store_task *task, struct err *e)
{
	sqlite3_stmt *statement = store->statements[STATEMENT_TASK_PUT];
	char created_at[WALL_TEXT_MAX];
	char updated_at[WALL_TEXT_MAX];

	if (may_write(store, e)) {
		return -1;
	}
	if (task->record.len > STORE_VALUE_MAX) {
		(void)err_set(e, ERR_LIMIT, "a task of %zu bytes, over %u",
		    task->record.len, STORE_VALUE_MAX);
		return break_transaction(store, e);
	}
	wall_text(task->created_at, created_at);
	wall_text(task->updated_at, updated_at);
	bind_text(statement, 1, task->id);
	bind_text(statement, 2, task->queue);
	bind_text(statement, 3, task->subject);
	bind_text(statement, 4, task->state);
	bind_text(statement, 5, task->owner);
	bind_text(statement, 6, str_of(created_at));
	bind_text(statement, 7, str_of(updated_at));
	bind_text(statement, 8, task->record);
	return write_step(store, STATEMENT_TASK_PUT, "writing a task", e);
}

static int
give_task(sqlite3_stmt *row, store_task_fn *each, void *context, struct err *e)
{
	struct store_task task = {
		.id = column_text(row, 0),
		.queue = column_text(row, 1),
		.subject = column_text(row, 2),
		.state = column_text(row, 3),
		.owner = column_text(row, 4),
		.record = column_text(row, 7),
	};

	if (!wall_parse(column_text(row, 5), &task.created_at) ||
	    !wall_parse(column_text(row, 6), &task.updated_at)) {
		return err_set(e, ERR_IO, "the task %s has a time that is none",
		    err_quote(task.id));
	}
	return each(context, &task, e);
}

int
store_tasks_walk(struct store *store, const struct store_task *like,
    uint64_t limit, store_task_fn *each, void *context, struct err *e)
{
	sqlite3_stmt *statement = store->statements[STATEMENT_TASKS];
	int found;

	must(!store->walking && limit <= INT64_MAX);
	if (may_read(store, e)) {
		return -1;
	}
	bind_text(statement, 1, like->queue);
	bind_text(statement, 2, like->state);
	bind_number(statement, 3, limit ? (int64_t)limit : -1);
	store->walking = true;
	while ((found = read_step(store, STATEMENT_TASKS, e)) == 1) {
		if (give_task(statement, each, context, e)) {
			read_end(store, STATEMENT_TASKS);
			found = -1;
			break;
		}
	}
	store->walking = false;
	return found;
}
