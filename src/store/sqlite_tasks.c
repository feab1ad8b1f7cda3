/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/sqlite.h"

static const char writing[] = "writing a task";

/* wall_text of a moment near the last one: most are of the same day. */
struct str
sqlite_time_text(struct wall t, char text[WALL_TEXT_MAX])
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

static int
write_task(struct sqlite *s, enum statement which,
    const struct store_task *task, struct err *e)
{
	sqlite3_stmt *row = s->statements[which];
	char created_at[WALL_TEXT_MAX];

	bind_number(row, 1, (int64_t)task->number);
	bind_text(row, 2, task->id);
	bind_text(row, 3, task->queue);
	bind_text(row, 4, task->subject);
	bind_text(row, 5, sqlite_time_text(task->created_at, created_at));
	bind_text(row, 6, task->record);
	return write_step(s, which, writing, e);
}

/* What it was put with: mostly once.  A statement that may take the place of
 * another row keeps a copy of each page that it changes. */
static int
add_task(struct sqlite *s, const struct store_task *task, struct err *e)
{
	sqlite_ahead_forget(s, task->number);
	if (write_task(s, STATEMENT_TASK_ADD, task, e)) {
		return -1;
	}
	return sqlite3_changes(s->db) > 0
	           ? 0
	           : write_task(s, STATEMENT_TASK_PUT, task, e);
}

/* What a start loads of it. */
static int
put_live(struct sqlite *s, const struct store_task *task, struct err *e)
{
	sqlite3_stmt *row = s->statements[STATEMENT_LIVE_PUT];
	char updated_at[WALL_TEXT_MAX];

	bind_number(row, 1, (int64_t)task->number);
	bind_text(row, 2, task->id);
	bind_text(row, 3, task->state);
	bind_text(row, 4, task->owner);
	bind_text(row, 5, sqlite_time_text(task->updated_at, updated_at));
	bind_number(row, 6, (int64_t)task->last_seq);
	bind_blob(row, 7, task->saved);
	return write_step(s, STATEMENT_LIVE_PUT, writing, e);
}

static int
drop_live(struct sqlite *s, uint64_t number, struct err *e)
{
	bind_number(s->statements[STATEMENT_LIVE_DROP], 1, (int64_t)number);
	return write_step(s, STATEMENT_LIVE_DROP, writing, e);
}

/* A task that was put before tasks had numbers gets its own. */
static int
give_number(struct sqlite *s, const struct store_task *task, struct err *e)
{
	sqlite3_stmt *row = s->statements[STATEMENT_TASK_NUMBER];

	sqlite_ahead_forget(s, task->number);
	bind_number(row, 1, (int64_t)task->number);
	bind_text(row, 2, task->id);
	return write_step(s, STATEMENT_TASK_NUMBER, writing, e);
}

int
sqlite_task_put(
    struct store *store, const struct store_task *task, struct err *e)
{
	struct sqlite *s = sqlite_of(store);

	if (task->record.len) {
		if (add_task(s, task, e)) {
			return -1;
		}
	} else if (task->ending) {
		return sqlite_end_add(s, task, e);
	} else if (give_number(s, task, e)) {
		return -1;
	}
	if (task->live) {
		return put_live(s, task, e);
	}
	return drop_live(s, task->number, e) ? -1 : sqlite_end_add(s, task, e);
}

/* A read in a transaction sees the ends of its own batch. */
static int
settle(struct sqlite *s, struct err *e)
{
	return s->store.state == STORE_OPEN && sqlite_ends_flush(s, e)
	           ? store_break(&s->store, e)
	           : 0;
}

static int
give_task(sqlite3_stmt *row, store_task_fn *each, void *context, struct err *e)
{
	struct store_task task = {
		.number = (uint64_t)sqlite3_column_int64(row, 0),
		.id = column_text(row, 1),
		.queue = column_text(row, 2),
		.subject = column_text(row, 3),
		.state = column_text(row, 4),
		.owner = column_text(row, 5),
		.record = column_text(row, 8),
		.saved = column_blob(row, 9),
		.last_seq = (uint64_t)sqlite3_column_int64(row, 10),
		.live = sqlite3_column_int64(row, 11) != 0,
	};

	if (!wall_parse(column_text(row, 6), &task.created_at) ||
	    !wall_parse(column_text(row, 7), &task.updated_at)) {
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

	if (settle(s, e)) {
		return -1;
	}
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

	if (settle(s, e)) {
		return -1;
	}
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

/* The statement of ends stands on the first row from this number on; *at is its
 * number, INT64_MAX: there is none.  Most that are live have no end, and many
 * ends are of nobody that is: so each end is sought, and kept until it is
 * passed. */
static int
seek_end(struct sqlite *s, int64_t number, int64_t *at, struct err *e)
{
	sqlite3_stmt *row = s->statements[STATEMENT_LIVE_END];
	int found;

	if (*at >= number) {
		return 0;
	}
	read_end(s, STATEMENT_LIVE_END);
	bind_number(row, 1, number);
	found = read_step(s, STATEMENT_LIVE_END, e);
	*at = found > 0 ? sqlite3_column_int64(row, 0) : INT64_MAX;
	return found < 0 ? -1 : 0;
}

static int
give_live(struct sqlite *s, bool ended, store_task_fn *each, void *context,
    struct err *e)
{
	sqlite3_stmt *row = s->statements[STATEMENT_LIVE];
	sqlite3_stmt *end = s->statements[STATEMENT_LIVE_END];
	struct store_task task = {
		.number = (uint64_t)sqlite3_column_int64(row, 0),
		.id = column_text(row, 1),
		.last_seq = (uint64_t)sqlite3_column_int64(row, 2),
		.live = true,
	};

	if (ended && (uint64_t)sqlite3_column_int64(end, 1) > task.last_seq) {
		task.last_seq = (uint64_t)sqlite3_column_int64(end, 1);
		task.saved = column_blob(end, 2);
	} else {
		task.saved = column_blob(row, 3);
	}
	return each(context, &task, e);
}

static int
walk_live(struct sqlite *s, store_task_fn *each, void *context, struct err *e)
{
	sqlite3_stmt *row = s->statements[STATEMENT_LIVE];
	int64_t end = INT64_MIN;
	int found;

	while ((found = read_step(s, STATEMENT_LIVE, e)) == 1) {
		int64_t number = sqlite3_column_int64(row, 0);

		if (seek_end(s, number, &end, e) ||
		    give_live(s, end == number, each, context, e)) {
			read_end(s, STATEMENT_LIVE);
			return -1;
		}
	}
	return found;
}

int
sqlite_live_walk(
    struct store *store, store_task_fn *each, void *context, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	int done;

	if (settle(s, e)) {
		return -1;
	}
	done = walk_live(s, each, context, e);
	read_end(s, STATEMENT_LIVE_END);
	return done;
}
