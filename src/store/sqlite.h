/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_OWN_H
#define STORE_OWN_H

/* For the files of this room only. */

#include <sqlite3.h>

#include "store/store.h"

enum statement {
#define STATEMENT(name, sql) STATEMENT_##name,
#include "store/statements.def"
#undef STATEMENT
	STATEMENTS
};

enum state {
	STATE_IDLE,
	STATE_OPEN,
	STATE_BROKEN, /* undone; waits for its commit or rollback */
	STATE_DEAD,   /* an fsync failed */
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	enum state state;
	struct err fault;   /* why it is broken or dead */
	uint64_t last;      /* seq of the last head, own batch included */
	uint64_t committed; /* the same without it */
	bool walking;
	struct buf path;
};

/* What SQLite just said, as an error with a sentence; returns -1. */
int sqlite_fault(struct store *store, const char *doing, struct err *e);
/* Runs SQL that gives no rows. */
int sqlite_run(struct store *store, const char *sql, const char *doing,
    struct err *e) MUST_CHECK;
/* One number from a statement that gives one row. */
int sqlite_number(struct store *store, enum statement which, uint64_t *number,
    struct err *e) MUST_CHECK;

void bind_text(sqlite3_stmt *statement, int at, struct str text);
void bind_blob(sqlite3_stmt *statement, int at, struct str bytes);
void bind_id(sqlite3_stmt *statement, int at, const uint8_t *id);
void bind_number(sqlite3_stmt *statement, int at, int64_t number);
struct str column_text(sqlite3_stmt *statement, int at);
struct str column_blob(sqlite3_stmt *statement, int at);
const uint8_t *column_id(sqlite3_stmt *statement, int at, size_t size);

/* The front door of every read and every write: -1 if the store is broken or
 * dead.  A write must stand in a transaction and not in a walk. */
int may_read(struct store *store, struct err *e) MUST_CHECK;
int may_write(struct store *store, struct err *e) MUST_CHECK;
/* Undoes the transaction because of *e; returns -1. */
int break_transaction(struct store *store, const struct err *e);
/* Steps a bound statement that gives no rows, and resets it; a fault breaks the
 * transaction. */
int write_step(struct store *store, enum statement which, const char *doing,
    struct err *e) MUST_CHECK;
/* Steps a bound read: 1 a row is there, 0 no more (reset), -1 fault (reset). */
int read_step(
    struct store *store, enum statement which, struct err *e) MUST_CHECK;
void read_end(struct store *store, enum statement which);

#endif
