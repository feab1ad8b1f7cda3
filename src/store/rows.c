/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/own.h"

#define SPACE_MAX 32

static int
row_sizes(const struct store_row *row, struct err *e)
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
	sqlite3_stmt *statement = store->statements[STATEMENT_ROW_PUT];

	must(row->space.len > 0 && row->space.len <= SPACE_MAX);
	must(row->version <= INT64_MAX);
	if (may_write(store, e)) {
		return -1;
	}
	if (row_sizes(row, e)) {
		return break_transaction(store, e);
	}
	bind_text(statement, 1, row->space);
	bind_text(statement, 2, row->key);
	bind_number(statement, 3, (int64_t)row->version);
	bind_blob(statement, 4, row->value);
	if (write_step(store, STATEMENT_ROW_PUT, "writing a row", e)) {
		return -1;
	}
	if (sqlite3_changes64(store->db) == 0) {
		(void)err_set(e, ERR_CONFLICT,
		    "the row %s of " STR_FMT
		    " has a later version than %llu already",
		    err_quote(row->key), STR_ARG(row->space),
		    (unsigned long long)row->version);
		return break_transaction(store, e);
	}
	return 0;
}

int
store_row_get(struct store *store, struct str space, struct str key,
    struct buf *out, uint64_t *version, struct err *e)
{
	sqlite3_stmt *statement = store->statements[STATEMENT_ROW];
	int found;

	if (may_read(store, e)) {
		return -1;
	}
	bind_text(statement, 1, space);
	bind_text(statement, 2, key);
	found = read_step(store, STATEMENT_ROW, e);
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
	read_end(store, STATEMENT_ROW);
	return 0;
}

int
store_row_delete(
    struct store *store, struct str space, struct str key, struct err *e)
{
	sqlite3_stmt *statement = store->statements[STATEMENT_ROW_DELETE];

	if (may_write(store, e)) {
		return -1;
	}
	bind_text(statement, 1, space);
	bind_text(statement, 2, key);
	if (write_step(store, STATEMENT_ROW_DELETE, "deleting a row", e)) {
		return -1;
	}
	if (sqlite3_changes64(store->db) == 0) {
		return err_set(e, ERR_MISSING, "there is no " STR_FMT " %s",
		    STR_ARG(space), err_quote(key));
	}
	return 0;
}

int
store_rows_walk(struct store *store, struct str space, struct str prefix,
    store_row_fn *each, void *context, struct err *e)
{
	sqlite3_stmt *statement = store->statements[STATEMENT_ROWS];
	int found;

	must(!store->walking);
	if (may_read(store, e)) {
		return -1;
	}
	bind_text(statement, 1, space);
	bind_text(statement, 2, prefix);
	store->walking = true;
	while ((found = read_step(store, STATEMENT_ROWS, e)) == 1) {
		struct store_row row = {
			.space = space,
			.key = column_text(statement, 0),
			.version = (uint64_t)sqlite3_column_int64(statement, 1),
			.value = column_blob(statement, 2),
		};

		if (!str_starts(row.key, prefix)) {
			read_end(store, STATEMENT_ROWS);
			found = 0;
			break;
		}
		if (each(context, &row, e)) {
			read_end(store, STATEMENT_ROWS);
			found = -1;
			break;
		}
	}
	store->walking = false;
	return found;
}

int
store_rows_count(
    struct store *store, struct str space, uint64_t *count, struct err *e)
{
	if (may_read(store, e)) {
		return -1;
	}
	bind_text(store->statements[STATEMENT_ROWS_COUNT], 1, space);
	return sqlite_number(store, STATEMENT_ROWS_COUNT, count, e);
}
