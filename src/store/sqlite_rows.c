/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite.h"

int
sqlite_row_put(struct store *store, const struct store_row *row, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *statement = s->statements[STATEMENT_ROW_PUT];

	bind_text(statement, 1, row->space);
	bind_text(statement, 2, row->key);
	bind_number(statement, 3, (int64_t)row->version);
	bind_blob(statement, 4, row->value);
	if (write_step(s, STATEMENT_ROW_PUT, "writing a row", e)) {
		return -1;
	}
	if (sqlite3_changes64(s->db) == 0) {
		return err_set(e, ERR_CONFLICT,
		    "the row %s of " STR_FMT
		    " has a later version than %llu already",
		    err_quote(row->key), STR_ARG(row->space),
		    (unsigned long long)row->version);
	}
	return 0;
}

int
sqlite_row_get(struct store *store, struct str space, struct str key,
    struct buf *out, uint64_t *version, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *statement = s->statements[STATEMENT_ROW];
	int found;

	bind_text(statement, 1, space);
	bind_text(statement, 2, key);
	found = read_step(s, STATEMENT_ROW, e);
	if (found < 0) {
		return -1;
	}
	if (found == 0) {
		return err_set(e, ERR_MISSING, "there is no " STR_FMT " %s",
		    STR_ARG(space), err_quote(key));
	}
	if (version) {
		*version = (uint64_t)sqlite3_column_int64(statement, 0);
	}
	buf_add(out, column_blob(statement, 1));
	read_end(s, STATEMENT_ROW);
	return 0;
}

int
sqlite_row_delete(
    struct store *store, struct str space, struct str key, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *statement = s->statements[STATEMENT_ROW_DELETE];

	bind_text(statement, 1, space);
	bind_text(statement, 2, key);
	return write_step(s, STATEMENT_ROW_DELETE, "deleting a row", e);
}

/* 1: given, 0: behind the prefix, -1: the reader's end. */
static int
give_row(sqlite3_stmt *statement, struct str prefix, store_row_fn *each,
    void *context, struct err *e)
{
	struct store_row row = {
		.space = column_text(statement, 0),
		.key = column_text(statement, 1),
		.version = (uint64_t)sqlite3_column_int64(statement, 2),
		.value = column_blob(statement, 3),
	};

	if (!str_starts(row.key, prefix)) {
		return 0;
	}
	return each(context, &row, e) ? -1 : 1;
}

int
sqlite_rows_walk(struct store *store, struct str space, struct str prefix,
    store_row_fn *each, void *context, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	enum statement which = space.len ? STATEMENT_ROWS : STATEMENT_ROWS_ALL;
	sqlite3_stmt *statement = s->statements[which];
	int found;

	must(space.len || !prefix.len);
	if (space.len) {
		bind_text(statement, 1, space);
		bind_text(statement, 2, prefix);
	}
	while ((found = read_step(s, which, e)) == 1) {
		int given = give_row(statement, prefix, each, context, e);

		if (given <= 0) {
			read_end(s, which);
			return given;
		}
	}
	return found;
}

int
sqlite_rows_count(
    struct store *store, struct str space, uint64_t *count, struct err *e)
{
	struct sqlite *s = sqlite_of(store);

	bind_text(s->statements[STATEMENT_ROWS_COUNT], 1, space);
	return sqlite_number(s, STATEMENT_ROWS_COUNT, count, e);
}
