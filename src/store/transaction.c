/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/own.h"

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
bind_id(sqlite3_stmt *statement, int at, const uint8_t *id)
{
	if (id) {
		bind_blob(statement, at, str_span(id, STORE_ID_SIZE));
	} else {
		must(sqlite3_bind_null(statement, at) == SQLITE_OK);
	}
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

const uint8_t *
column_id(sqlite3_stmt *statement, int at, size_t size)
{
	struct str bytes = column_blob(statement, at);

	return bytes.len == size ? (const uint8_t *)bytes.at : NULL;
}

static void
reset(struct store *store, enum statement which)
{
	(void)sqlite3_reset(store->statements[which]);
	must(sqlite3_clear_bindings(store->statements[which]) == SQLITE_OK);
}

int
may_read(struct store *store, struct err *e)
{
	if (store->state == STATE_BROKEN || store->state == STATE_DEAD) {
		*e = store->fault;
		return -1;
	}
	return 0;
}

int
may_write(struct store *store, struct err *e)
{
	must(store->state != STATE_IDLE);
	must(!store->walking);
	return may_read(store, e);
}

/* SQLite has undone it by itself after some faults. */
static void
undo(struct store *store)
{
	if (!sqlite3_get_autocommit(store->db)) {
		(void)sqlite3_step(store->statements[STATEMENT_ROLLBACK]);
		reset(store, STATEMENT_ROLLBACK);
	}
	must(sqlite3_get_autocommit(store->db));
	store->last = store->committed;
}

int
break_transaction(struct store *store, const struct err *e)
{
	undo(store);
	if (store->state == STATE_OPEN) {
		store->state = STATE_BROKEN;
		store->fault = *e;
	}
	return -1;
}

int
write_step(
    struct store *store, enum statement which, const char *doing, struct err *e)
{
	int rc = sqlite3_step(store->statements[which]);

	if (rc != SQLITE_DONE) {
		(void)sqlite_fault(store, doing, e);
		reset(store, which);
		return break_transaction(store, e);
	}
	reset(store, which);
	return 0;
}

int
read_step(struct store *store, enum statement which, struct err *e)
{
	int rc = sqlite3_step(store->statements[which]);

	if (rc == SQLITE_ROW) {
		return 1;
	}
	if (rc != SQLITE_DONE) {
		(void)sqlite_fault(store, "reading the store", e);
		reset(store, which);
		/* SQLite may have undone the transaction by itself, and a later
		 * write would then stand alone. */
		return store->state == STATE_OPEN ? break_transaction(store, e)
		                                  : -1;
	}
	reset(store, which);
	return 0;
}

void
read_end(struct store *store, enum statement which)
{
	reset(store, which);
}

int
store_begin(struct store *store, struct err *e)
{
	must(store->state == STATE_IDLE || store->state == STATE_DEAD);
	must(!store->walking);
	if (may_read(store, e)) {
		return -1;
	}
	if (sqlite3_step(store->statements[STATEMENT_BEGIN]) != SQLITE_DONE) {
		(void)sqlite_fault(store, "beginning to write", e);
		reset(store, STATEMENT_BEGIN);
		undo(store);
		return -1;
	}
	reset(store, STATEMENT_BEGIN);
	store->state = STATE_OPEN;
	return 0;
}

int
store_commit(struct store *store, struct err *e)
{
	must(!store->walking);
	must(store->state != STATE_IDLE);
	if (store->state != STATE_OPEN) {
		*e = store->fault;
		store_rollback(store);
		return -1;
	}
	if (write_step(store, STATEMENT_COMMIT, "writing to the store", e)) {
		store_rollback(store);
		return -1;
	}
	store->committed = store->last;
	store->state = STATE_IDLE;
	return 0;
}

void
store_rollback(struct store *store)
{
	must(store->state != STATE_IDLE);
	must(!store->walking);
	undo(store);
	if (store->state != STATE_DEAD) {
		store->state = STATE_IDLE;
	}
}

bool
store_in_transaction(const struct store *store)
{
	return store->state == STATE_OPEN || store->state == STATE_BROKEN;
}

static int
count_up(struct store *store, uint64_t *incarnation, struct err *e)
{
	struct store_row row = {
		.space = STR("meta"),
		.key = STR("incarnation"),
	};
	auto_buf nothing = { 0 };

	if (store_row_get(
	        store, row.space, row.key, &nothing, &row.version, e) &&
	    e->kind != ERR_MISSING) {
		return -1;
	}
	row.version++;
	*incarnation = row.version;
	return store_row_put(store, &row, e);
}

int
store_incarnation_next(
    struct store *store, uint64_t *incarnation, struct err *e)
{
	uint64_t next = 0;

	if (store_begin(store, e)) {
		return -1;
	}
	if (count_up(store, &next, e)) {
		store_rollback(store);
		return -1;
	}
	if (store_commit(store, e)) {
		return -1;
	}
	*incarnation = next;
	return 0;
}

int
store_checkpoint(struct store *store, struct err *e)
{
	must(store->state != STATE_OPEN && store->state != STATE_BROKEN);
	must(!store->walking);
	if (may_read(store, e)) {
		return -1;
	}
	if (sqlite3_wal_checkpoint_v2(store->db, NULL,
	        SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) != SQLITE_OK) {
		return sqlite_fault(store, "moving the log into the store", e);
	}
	return 0;
}
