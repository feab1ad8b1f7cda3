/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/bytes.h"
#include "store/sqlite.h"

#define APPLICATION 0x48524c31 /* "HRL1" */
#define BATCH       256        /* heads of a packed row that a step makes */
#define AT_TASK     48         /* of a head of the book's format 1 */

static const char preparing[] = "preparing the store";

static const struct {
	int number;
	const char *sql;
	int (*code)(struct sqlite *s, struct err *e);
} steps[] = {
#define STORE_STEP(number, sql)       { number, sql, NULL },
#define STORE_STEP_CODE(number, code) { number, NULL, code },
#include "store/steps.def"
#undef STORE_STEP
#undef STORE_STEP_CODE
};

int
sqlite_last_step(void)
{
	return steps[COUNT(steps) - 1].number;
}

static int
ask_number(struct sqlite *s, const char *sql, int64_t *number, struct err *e)
{
	auto_buf answer = { 0 };

	if (sqlite_ask(s, sql, &answer, e)) {
		return -1;
	}
	must(str_i64(buf_str(&answer), number));
	return 0;
}

int
sqlite_shape(struct sqlite *s, int64_t *step, struct err *e)
{
	int64_t application;
	int64_t objects;

	if (ask_number(s, "PRAGMA application_id", &application, e) ||
	    ask_number(s, "PRAGMA user_version", step, e) ||
	    ask_number(s, "SELECT count(*) FROM sqlite_schema", &objects, e)) {
		return -1;
	}
	if (application == 0 && *step == 0 && objects == 0 &&
	    !s->store.read_only) {
		return 0;
	}
	if (application != APPLICATION || *step < 1) {
		return err_set(e, ERR_INPUT,
		    "%s is not a store of Handrail; choose another path",
		    s->store.where.at);
	}
	if (*step > sqlite_last_step()) {
		return err_set(e, ERR_INPUT,
		    "%s was written by a newer Handrail (step %lld, this one "
		    "knows %d); install that version",
		    s->store.where.at, (long long)*step, sqlite_last_step());
	}
	return 0;
}

static int
fill_step(struct sqlite *s, size_t i, struct err *e)
{
	auto_buf mark = { 0 };

	buf_addf(&mark,
	    "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
	    APPLICATION, steps[i].number);
	if (steps[i].code ? steps[i].code(s, e)
	                  : sqlite_run(s, steps[i].sql, preparing, e)) {
		return -1;
	}
	return sqlite_run(s, buf_z(&mark), preparing, e);
}

static int
do_step(struct sqlite *s, size_t i, struct err *e)
{
	if (sqlite_run(s, "BEGIN IMMEDIATE", preparing, e)) {
		return -1;
	}
	if (fill_step(s, i, e) == 0) {
		return 0;
	}
	if (!sqlite3_get_autocommit(s->db)) {
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	}
	return -1;
}

int
sqlite_steps(struct sqlite *s, int64_t done, struct err *e)
{
	for (size_t i = 0; i < COUNT(steps); i++) {
		if (steps[i].number > done && do_step(s, i, e)) {
			return -1;
		}
	}
	return 0;
}

static const char packed_tables[] =
    "DROP VIEW IF EXISTS book;"
    "ALTER TABLE body RENAME TO body_old;"
    "DROP INDEX body_day;"
    "CREATE TABLE log ("
    " first INTEGER PRIMARY KEY, count INTEGER NOT NULL, heads BLOB NOT NULL"
    ") STRICT;"
    "CREATE TABLE word ("
    " number INTEGER PRIMARY KEY, bytes BLOB NOT NULL"
    ") STRICT;"
    "CREATE TABLE body ("
    " first INTEGER PRIMARY KEY, day INTEGER NOT NULL,"
    " count INTEGER NOT NULL, bodies BLOB NOT NULL"
    ") STRICT;"
    "CREATE INDEX body_day ON body (day);"
    "CREATE TRIGGER log_stays BEFORE UPDATE ON log BEGIN"
    " SELECT RAISE(ABORT, 'heads are never changed'); END;"
    "CREATE TRIGGER log_remains BEFORE DELETE ON log BEGIN"
    " SELECT RAISE(ABORT, 'heads are never deleted'); END;"
    "CREATE TRIGGER word_stays BEFORE UPDATE ON word BEGIN"
    " SELECT RAISE(ABORT, 'words of heads are never changed'); END;"
    "CREATE TRIGGER word_remains BEFORE DELETE ON word BEGIN"
    " SELECT RAISE(ABORT, 'words of heads are never deleted'); END;";

/* The newest head of each task so far: what a trail continues. */
struct tails {
	struct map by_task;
	struct arena arena;
};

static uint64_t
follow_tail(struct tails *tails, const uint8_t *task, uint64_t seq)
{
	struct str key = str_span(task, STORE_ID_SIZE);
	uint64_t *tail = map_get(&tails->by_task, key);
	uint64_t before = 0;
	bool none = true;

	for (size_t i = 0; i < STORE_ID_SIZE; i++) {
		none &= task[i] == 0;
	}
	if (none) {
		return 0;
	}
	if (tail) {
		before = *tail;
	} else {
		tail = arena_alloc(&tails->arena, sizeof(*tail));
		map_put(&tails->by_task, arena_str(&tails->arena, key), tail);
	}
	*tail = seq;
	return before;
}

static int
move_head(
    struct sqlite *s, sqlite3_stmt *row, struct tails *tails, struct err *e)
{
	struct str head = column_blob(row, 1);
	struct store_head moved = {
		.seq = (uint64_t)sqlite3_column_int64(row, 0),
		.head = (const uint8_t *)head.at,
	};

	if (head.len != STORE_HEAD_SIZE || moved.seq != s->store.last + 1) {
		return err_set(e, ERR_IO,
		    "%s: head %llu is damaged; restore it from a backup",
		    s->store.where.at, (unsigned long long)moved.seq);
	}
	moved.before = follow_tail(tails, moved.head + AT_TASK, moved.seq);
	if (sqlite_head_add(&s->store, &moved, e)) {
		return -1;
	}
	s->store.last = moved.seq;
	if (sqlite3_column_type(row, 2) != SQLITE_NULL &&
	    sqlite_body_add(&s->store, moved.seq, sqlite3_column_int64(row, 2),
	        column_blob(row, 3), e)) {
		return -1;
	}
	return moved.seq % BATCH == 0 ? sqlite_flush(s, e) : 0;
}

static int
move_heads(struct sqlite *s, sqlite3_stmt *rows, struct err *e)
{
	struct tails tails = { 0 };
	int done = 0;
	int rc = SQLITE_ROW;

	while (done == 0 && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
		done = move_head(s, rows, &tails, e);
	}
	map_fini(&tails.by_task);
	arena_fini(&tails.arena);
	if (done == 0 && rc != SQLITE_DONE) {
		done = sqlite_fault(s, preparing, e);
	}
	return done ? -1 : sqlite_flush(s, e);
}

/* It writes by today's statements: a later step that changes these tables
 * gives this one statements of its own. */
int
sqlite_step_pack(struct sqlite *s, struct err *e)
{
	static const enum statement needed[] = { STATEMENT_LOG_ADD,
		STATEMENT_WORD_ADD, STATEMENT_BODY_ADD };
	sqlite3_stmt *rows = NULL;
	int done;

	if (sqlite_run(s, packed_tables, preparing, e)) {
		return -1;
	}
	for (size_t i = 0; i < COUNT(needed); i++) {
		if (sqlite_prepare(s, needed[i], e)) {
			return -1;
		}
	}
	if (sqlite3_prepare_v2(s->db,
	        "SELECT h.seq, h.head, b.day, b.bytes FROM head h"
	        " LEFT JOIN body_old b ON b.seq = h.seq ORDER BY h.seq",
	        -1, &rows, NULL) != SQLITE_OK) {
		return sqlite_fault(s, preparing, e);
	}
	s->store.last = 0;
	done = move_heads(s, rows, e);
	(void)sqlite3_finalize(rows);
	return done ? -1
	            : sqlite_run(s, "DROP TABLE head; DROP TABLE body_old",
	                  preparing, e);
}
