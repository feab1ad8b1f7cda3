/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/sqlite.h"

/* wall_text of a moment near the last one: most are of the same day. */
static struct str
time_text(struct wall t, char text[WALL_TEXT_MAX])
{
	static int64_t day = INT64_MIN;
	static char start[WALL_TEXT_MAX];
	int64_t ms = t.us / 1000;
	int64_t in_day = ms % 86400000;

	if (t.us < 0) {
		wall_text(t, text);
		return str_of(text);
	}
	if (ms - in_day != day) {
		wall_text(t, start);
		day = ms - in_day;
	}
	memcpy(text, start, sizeof(start));
	for (int i = 0; i < 9; i++) {
		static const uint8_t at[] = { 22, 21, 20, 18, 17, 15, 14, 12,
			11 };
		static const uint8_t base[] = { 10, 10, 10, 10, 6, 10, 6, 10,
			10 };

		text[at[i]] = (char)('0' + in_day % base[i]);
		in_day /= base[i];
	}
	return str_of(text);
}

int
sqlite_task_put(
    struct store *store, const struct store_task *task, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *statement = s->statements[STATEMENT_TASK_PUT];
	char created_at[WALL_TEXT_MAX];
	char updated_at[WALL_TEXT_MAX];

	bind_text(statement, 1, task->id);
	bind_text(statement, 2, task->queue);
	bind_text(statement, 3, task->subject);
	bind_text(statement, 4, task->state);
	bind_text(statement, 5, task->owner);
	bind_text(statement, 6, time_text(task->created_at, created_at));
	bind_text(statement, 7, time_text(task->updated_at, updated_at));
	bind_text(statement, 8, task->record);
	bind_blob(statement, 9, task->saved);
	bind_number(statement, 10, (int64_t)task->last_seq);
	bind_number(statement, 11, task->live);
	return write_step(s, STATEMENT_TASK_PUT, "writing a task", e);
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
		.saved = column_blob(row, 8),
		.last_seq = (uint64_t)sqlite3_column_int64(row, 9),
		.live = sqlite3_column_int64(row, 10) != 0,
	};

	if (!wall_parse(column_text(row, 5), &task.created_at) ||
	    !wall_parse(column_text(row, 6), &task.updated_at)) {
		return err_set(e, ERR_IO, "the task %s has a time that is none",
		    err_quote(task.id));
	}
	return each(context, &task, e);
}

int
sqlite_task_get(struct store *store, struct str id, store_task_fn *each,
    void *context, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *statement = s->statements[STATEMENT_TASK];
	int found;

	bind_text(statement, 1, id);
	found = read_step(s, STATEMENT_TASK, e);
	if (found <= 0) {
		return found < 0 ? -1
		                 : err_set(e, ERR_MISSING,
		                       "there is no task %s", err_quote(id));
	}
	found = give_task(statement, each, context, e);
	read_end(s, STATEMENT_TASK);
	return found;
}

static int
give_tasks(struct sqlite *s, enum statement which, store_task_fn *each,
    void *context, struct err *e)
{
	int found;

	while ((found = read_step(s, which, e)) == 1) {
		if (give_task(s->statements[which], each, context, e)) {
			read_end(s, which);
			return -1;
		}
	}
	return found;
}

int
sqlite_tasks_walk(struct store *store, const struct store_task *like,
    uint64_t limit, store_task_fn *each, void *context, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *statement = s->statements[STATEMENT_TASKS];

	bind_text(statement, 1, like->queue);
	bind_text(statement, 2, like->state);
	bind_number(statement, 3, limit ? (int64_t)limit : -1);
	return give_tasks(s, STATEMENT_TASKS, each, context, e);
}

int
sqlite_tasks_all(
    struct store *store, store_task_fn *each, void *context, struct err *e)
{
	return give_tasks(
	    sqlite_of(store), STATEMENT_TASKS_OLD, each, context, e);
}

int
sqlite_live_walk(
    struct store *store, store_task_fn *each, void *context, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *row = s->statements[STATEMENT_LIVE];
	int found;

	while ((found = read_step(s, STATEMENT_LIVE, e)) == 1) {
		struct store_task task = {
			.id = column_text(row, 0),
			.last_seq = (uint64_t)sqlite3_column_int64(row, 1),
			.saved = column_blob(row, 2),
			.live = true,
		};

		if (each(context, &task, e)) {
			read_end(s, STATEMENT_LIVE);
			return -1;
		}
	}
	return found;
}
