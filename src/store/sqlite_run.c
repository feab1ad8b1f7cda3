/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite.h"

/* Statements are bound to the caller's bytes, which live until the step. */
void
bind_text(sqlite3_stmt *statement, int at, struct str text)
{
	must(sqlite3_bind_text64(statement, at, text.len ? text.at : "",
	         text.len, SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK);
}

void
bind_blob(sqlite3_stmt *statement, int at, struct str bytes)
{
	must(sqlite3_bind_blob64(statement, at, bytes.len ? bytes.at : "",
	         bytes.len, SQLITE_STATIC) == SQLITE_OK);
}

void
bind_number(sqlite3_stmt *statement, int at, int64_t number)
{
	must(sqlite3_bind_int64(statement, at, number) == SQLITE_OK);
}

struct str
column_text(sqlite3_stmt *statement, int at)
{
	const unsigned char *text = sqlite3_column_text(statement, at);

	return str_span(text, (size_t)sqlite3_column_bytes(statement, at));
}

struct str
column_blob(sqlite3_stmt *statement, int at)
{
	const void *bytes = sqlite3_column_blob(statement, at);

	return str_span(bytes, (size_t)sqlite3_column_bytes(statement, at));
}

static void
reset(struct sqlite *s, enum statement which)
{
	(void)sqlite3_reset(s->statements[which]);
	must(sqlite3_clear_bindings(s->statements[which]) == SQLITE_OK);
}

/* SQLite has undone it by itself after some faults. */
void
sqlite_undo(struct sqlite *s)
{
	if (!sqlite3_get_autocommit(s->db)) {
		(void)sqlite3_step(s->statements[STATEMENT_ROLLBACK]);
		reset(s, STATEMENT_ROLLBACK);
	}
	must(sqlite3_get_autocommit(s->db));
}

int
write_step(
    struct sqlite *s, enum statement which, const char *doing, struct err *e)
{
	int rc = sqlite3_step(s->statements[which]);

	if (rc != SQLITE_DONE) {
		(void)sqlite_fault(s, doing, e);
		reset(s, which);
		return -1;
	}
	reset(s, which);
	return 0;
}

int
read_step(struct sqlite *s, enum statement which, struct err *e)
{
	int rc = sqlite3_step(s->statements[which]);

	if (rc == SQLITE_ROW) {
		return 1;
	}
	if (rc != SQLITE_DONE) {
		(void)sqlite_fault(s, "reading the store", e);
		reset(s, which);
		/* SQLite may have undone the transaction by itself, and a later
		 * write would then stand alone. */
		return store_break(&s->store, e);
	}
	reset(s, which);
	return 0;
}

void
read_end(struct sqlite *s, enum statement which)
{
	reset(s, which);
}

int
sqlite_begin(struct store *store, struct err *e)
{
	struct sqlite *s = sqlite_of(store);

	if (sqlite_flights_may_begin(s, e)) {
		return -1;
	}
	reserve_take(&s->reserve);
	if (write_step(s, STATEMENT_BEGIN, "beginning to write", e)) {
		sqlite_undo(s);
		return -1;
	}
	return 0;
}

void
sqlite_rollback(struct store *store)
{
	struct sqlite *s = sqlite_of(store);

	sqlite_undo(s);
	sqlite_forget(s);
}

/* How often it was owned is the version of a row. */
static const struct store_row owned = {
	.space = { "meta", 4 },
	.key = { "incarnation", 11 },
};

int
sqlite_owned(struct store *store, uint64_t *times, struct err *e)
{
	auto_buf nothing = { 0 };

	*times = 0;
	if (sqlite_row_get(store, owned.space, owned.key, &nothing, times, e)) {
		return e->kind == ERR_MISSING ? 0 : -1;
	}
	return 0;
}

int
sqlite_owned_set(struct store *store, uint64_t times, struct err *e)
{
	struct store_row row = owned;

	row.version = times;
	return sqlite_row_put(store, &row, e);
}

int
sqlite_own(
    struct store *store, const char *node, uint64_t *incarnation, struct err *e)
{
	uint64_t times;

	(void)node; /* the file's lock says who */
	if (store_begin(store, e)) {
		return -1;
	}
	if (sqlite_owned(store, &times, e) ||
	    sqlite_owned_set(store, times + 1, e)) {
		store_rollback(store);
		return -1;
	}
	if (store_commit(store, e)) {
		return -1;
	}
	*incarnation = times + 1;
	return 0;
}

int
sqlite_checkpoint(struct store *store, struct err *e)
{
	struct sqlite *s = sqlite_of(store);

	/* The file of the log is kept: to write over it is faster than to make
	 * it grow. */
	if (sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
	        NULL, NULL) != SQLITE_OK) {
		return sqlite_fault(s, "moving the log into the store", e);
	}
	return 0;
}

/* secure_delete has put zeros over what was dropped, in the pages; the frames
 * of before are still in the log until it is cut. */
int
sqlite_scrub(struct store *store, struct err *e)
{
	struct sqlite *s = sqlite_of(store);

	if (sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
	        NULL, NULL) != SQLITE_OK) {
		return sqlite_fault(s, "cutting the log of the store", e);
	}
	return 0;
}
