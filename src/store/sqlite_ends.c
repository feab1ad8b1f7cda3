/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/sqlite.h"

/*
 * Ends of tasks: a row each, some of them in one statement, for what a
 * statement costs besides its rows is as much as they do.  They are written at
 * the latest with the commit, and before anything reads them.
 */

static const char writing[] = "writing the end of a task";

static void
bind_end(const struct ends *ends, size_t i, sqlite3_stmt *row, int first)
{
	const struct end *end = &ends->at[i];
	struct str texts = buf_str(&ends->bytes);
	size_t at = end->at;

	bind_number(row, first, (int64_t)end->number);
	bind_text(row, first + 1, str_sub(texts, at, end->state));
	at += end->state;
	bind_text(row, first + 2, str_sub(texts, at, end->owner));
	at += end->owner;
	bind_text(row, first + 3, str_of(end->updated_at));
	bind_number(row, first + 4, (int64_t)end->last_seq);
	bind_blob(row, first + 5, str_sub(texts, at, end->saved));
}

static int
write_all(struct sqlite *s, struct err *e)
{
	sqlite3_stmt *many = s->statements[STATEMENT_ENDS_PUT];
	sqlite3_stmt *one = s->statements[STATEMENT_END_PUT];

	if (s->ends.count == SQLITE_ENDS) {
		for (size_t i = 0; i < SQLITE_ENDS; i++) {
			bind_end(&s->ends, i, many, 1 + 6 * (int)i);
		}
		return write_step(s, STATEMENT_ENDS_PUT, writing, e);
	}
	for (size_t i = 0; i < s->ends.count; i++) {
		bind_end(&s->ends, i, one, 1);
		if (write_step(s, STATEMENT_END_PUT, writing, e)) {
			return -1;
		}
	}
	return 0;
}

void
sqlite_ends_forget(struct sqlite *s)
{
	s->ends.count = 0;
	buf_clear(&s->ends.bytes);
}

int
sqlite_ends_flush(struct sqlite *s, struct err *e)
{
	int failed = s->ends.count > 0 ? write_all(s, e) : 0;

	sqlite_ends_forget(s);
	return failed;
}

int
sqlite_end_add(struct sqlite *s, const struct store_task *task, struct err *e)
{
	struct ends *ends = &s->ends;
	struct end *end = &ends->at[ends->count++];

	*end = (struct end){
		.number = task->number,
		.last_seq = task->last_seq,
		.at = ends->bytes.len,
		.state = task->state.len,
		.owner = task->owner.len,
		.saved = task->saved.len,
	};
	sqlite_time_text(task->updated_at, end->updated_at);
	buf_add(&ends->bytes, task->state);
	buf_add(&ends->bytes, task->owner);
	buf_add(&ends->bytes, task->saved);
	return ends->count == SQLITE_ENDS ? sqlite_ends_flush(s, e) : 0;
}
