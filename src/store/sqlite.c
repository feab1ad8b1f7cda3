/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/own.h"

#define APPLICATION 0x48524c31 /* "HRL1" */

/* https://sqlite.org/pragma.html; the lock mode comes before anything that
 * reads, so that the WAL index never becomes a file (DESIGN). */
static const char before_reading[] = "PRAGMA locking_mode = EXCLUSIVE;"
                                     "PRAGMA temp_store = MEMORY;"
                                     "PRAGMA cell_size_check = ON;"
                                     "PRAGMA cache_size = -2000;";
static const char before_writing[] = "PRAGMA synchronous = FULL;"
                                     "PRAGMA secure_delete = ON;"
                                     "PRAGMA wal_autocheckpoint = 1000;"
                                     "PRAGMA journal_size_limit = 16777216;";

static const char *const statement_sql[STATEMENTS] = {
#define STATEMENT(name, sql) [STATEMENT_##name] = (sql),
#include "store/statements.def"
#undef STATEMENT
};

static const struct {
	int number;
	const char *sql;
} steps[] = {
#define STORE_STEP(number, sql) { number, sql },
#include "store/steps.def"
#undef STORE_STEP
};

/* errno of the last failure on one of the two files; SQLite keeps it there and
 * gives no other way to it (sqlite3_system_errno reads a later errno). */
static int
last_errno(const struct store *store, int which_file)
{
	sqlite3_file *file = NULL;
	int why = 0;

	if (sqlite3_file_control(store->db, "main", which_file, &file) ==
	        SQLITE_OK &&
	    file && file->pMethods) {
		(void)file->pMethods->xFileControl(
		    file, SQLITE_FCNTL_LAST_ERRNO, &why);
	}
	return why;
}

static int
fault_errno(const struct store *store)
{
	int why = last_errno(store, SQLITE_FCNTL_JOURNAL_POINTER);

	return why ? why : last_errno(store, SQLITE_FCNTL_FILE_POINTER);
}

static bool
no_room(const struct store *store, int code)
{
	int why = fault_errno(store);

	return (code & 0xff) == SQLITE_FULL ||
	       (code == SQLITE_IOERR_WRITE && (why == EDQUOT || why == EFBIG));
}

static int
fault_by_code(
    const struct store *store, int code, const char *doing, struct err *e)
{
	const char *path = store->path.at;
	const char *said = sqlite3_errmsg(store->db);

	if (no_room(store, code)) {
		return err_set(e, ERR_IO,
		    "%s: there is no room left for %s; make room and try "
		    "again, what was acknowledged is safe",
		    doing, path);
	}
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(e, ERR_CONFLICT,
		    "%s is in use by another house; stop that one or choose "
		    "another state folder",
		    path);
	case SQLITE_CORRUPT:
		return err_set(e, ERR_IO,
		    "%s: %s is damaged (%s); restore it from a backup", doing,
		    path, said);
	case SQLITE_NOTADB:
		return err_set(e, ERR_INPUT,
		    "%s is not a store of Handrail; choose another path", path);
	case SQLITE_CONSTRAINT:
		return err_set(e, ERR_CONFLICT, "%s: %s", doing, said);
	case SQLITE_TOOBIG:
		return err_set(e, ERR_LIMIT, "%s: %s", doing, said);
	default:
		return err_set(e, ERR_IO, "%s: %s: %s (SQLite %d, errno %d)",
		    doing, path, said, code, fault_errno(store));
	}
}

int
sqlite_fault(struct store *store, const char *doing, struct err *e)
{
	int code = sqlite3_extended_errcode(store->db);

	must((code & 0xff) != SQLITE_NOMEM && (code & 0xff) != SQLITE_MISUSE);
	(void)fault_by_code(store, code, doing, e);
	if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) {
		(void)err_set(e, ERR_IO,
		    "%s: the disk of %s did not confirm a write; restart the "
		    "house, it then reads what is truly there",
		    doing, store->path.at);
		store->state = STATE_DEAD;
		store->fault = *e;
	}
	return -1;
}

int
sqlite_run(
    struct store *store, const char *sql, const char *doing, struct err *e)
{
	if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		return sqlite_fault(store, doing, e);
	}
	return 0;
}

int
sqlite_number(
    struct store *store, enum statement which, uint64_t *number, struct err *e)
{
	int found = read_step(store, which, e);

	if (found < 0) {
		return -1;
	}
	must(found == 1);
	*number = (uint64_t)sqlite3_column_int64(store->statements[which], 0);
	read_end(store, which);
	return 0;
}

/* For the questions that come before the statements can be prepared. */
static int
ask(struct store *store, const char *sql, struct buf *answer, struct err *e)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(statement);
	}
	if (rc != SQLITE_ROW) {
		(void)sqlite_fault(store, "opening the store", e);
		(void)sqlite3_finalize(statement);
		return -1;
	}
	buf_clear(answer);
	buf_add(answer, column_text(statement, 0));
	(void)sqlite3_finalize(statement);
	return 0;
}

static int
ask_number(struct store *store, const char *sql, int64_t *number, struct err *e)
{
	auto_buf answer = { 0 };

	if (ask(store, sql, &answer, e)) {
		return -1;
	}
	must(str_i64(buf_str(&answer), number));
	return 0;
}

/* Number of the last step that was made; nothing was written yet. */
static int
read_shape(struct store *store, int64_t *step, struct err *e)
{
	int64_t application;
	int64_t objects;

	if (ask_number(store, "PRAGMA application_id", &application, e) ||
	    ask_number(store, "PRAGMA user_version", step, e) ||
	    ask_number(
	        store, "SELECT count(*) FROM sqlite_schema", &objects, e)) {
		return -1;
	}
	if (application == 0 && *step == 0 && objects == 0) {
		return 0;
	}
	if (application != APPLICATION || *step < 1) {
		return err_set(e, ERR_INPUT,
		    "%s is not a store of Handrail; choose another path",
		    store->path.at);
	}
	if (*step > steps[COUNT(steps) - 1].number) {
		return err_set(e, ERR_INPUT,
		    "%s was written by a newer Handrail (step %lld, this one "
		    "knows %d); install that version",
		    store->path.at, (long long)*step,
		    steps[COUNT(steps) - 1].number);
	}
	return 0;
}

static int
make_step(struct store *store, size_t i, struct err *e)
{
	auto_buf sql = { 0 };

	buf_addf(&sql,
	    "BEGIN IMMEDIATE; %s; PRAGMA application_id = %d; "
	    "PRAGMA user_version = %d; COMMIT",
	    steps[i].sql, APPLICATION, steps[i].number);
	if (sqlite_run(store, buf_z(&sql), "preparing the store", e)) {
		if (!sqlite3_get_autocommit(store->db)) {
			(void)sqlite3_exec(
			    store->db, "ROLLBACK", NULL, NULL, NULL);
		}
		return -1;
	}
	return 0;
}

static int
make_steps(struct store *store, int64_t done, struct err *e)
{
	for (size_t i = 0; i < COUNT(steps); i++) {
		if (steps[i].number > done && make_step(store, i, e)) {
			return -1;
		}
	}
	return 0;
}

static int
prepare_statements(struct store *store, struct err *e)
{
	for (size_t i = 0; i < STATEMENTS; i++) {
		if (sqlite3_prepare_v3(store->db, statement_sql[i], -1,
		        SQLITE_PREPARE_PERSISTENT, &store->statements[i],
		        NULL) != SQLITE_OK) {
			return sqlite_fault(store, "opening the store", e);
		}
	}
	return 0;
}

/* SQLite would make it readable for everybody.  Only a file that is new is
 * opened here: closing a descriptor drops this process's locks on its file. */
static int
make_file(const char *path, struct err *e)
{
	auto_close int fd =
	    open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno != EEXIST) {
		return err_sys(e, "cannot make the store %s", path);
	}
	return 0;
}

static int
open_file(struct store *store, const char *path, struct err *e)
{
	int rc = sqlite3_open_v2(path, &store->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
	    NULL);

	must(store->db);
	if (rc != SQLITE_OK) {
		return sqlite_fault(store, "opening the store", e);
	}
	must(sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) ==
	     SQLITE_OK);
	must(sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0,
	         NULL) == SQLITE_OK);
	(void)sqlite3_limit(
	    store->db, SQLITE_LIMIT_LENGTH, (int)(STORE_BODY_MAX + (1u << 20)));
	return 0;
}

static int
enter(struct store *store, struct err *e)
{
	auto_buf answer = { 0 };
	int64_t step;

	if (sqlite_run(store, before_reading, "opening the store", e) ||
	    read_shape(store, &step, e) ||
	    ask(store, "PRAGMA journal_mode = WAL", &answer, e)) {
		return -1;
	}
	if (!str_eq_z(buf_str(&answer), "wal")) {
		return err_set(e, ERR_IO,
		    "%s: its file system cannot keep a write-ahead log",
		    store->path.at);
	}
	if (sqlite_run(store, before_writing, "opening the store", e) ||
	    make_steps(store, step, e) || prepare_statements(store, e) ||
	    sqlite_number(store, STATEMENT_LAST, &store->last, e)) {
		return -1;
	}
	store->committed = store->last;
	return 0;
}

int
store_open(
    const char *path, unsigned flags, struct store **store, struct err *e)
{
	auto_store made = NULL;

	if ((flags & STORE_CREATE) && make_file(path, e)) {
		return -1;
	}
	if (access(path, F_OK)) {
		return err_set(e, ERR_MISSING, "there is no store at %s", path);
	}
	made = calloc(1, sizeof(*made));
	must(made);
	buf_add_z(&made->path, path);
	(void)buf_z(&made->path);
	if (open_file(made, path, e) || enter(made, e)) {
		return -1;
	}
	*store = made;
	made = NULL;
	return 0;
}

void
store_close(struct store *store)
{
	if (!store) {
		return;
	}
	must(!store->walking);
	if (store->state == STATE_OPEN) {
		store_rollback(store);
	}
	for (size_t i = 0; i < STATEMENTS; i++) {
		(void)sqlite3_finalize(store->statements[i]);
	}
	must(sqlite3_close(store->db) == SQLITE_OK);
	buf_fini(&store->path);
	free(store);
}

void
auto_store_close(struct store **store)
{
	store_close(*store);
}

int
store_check(struct store *store, struct err *e)
{
	auto_buf answer = { 0 };
	uint64_t heads;

	if (may_read(store, e) ||
	    ask(store, "PRAGMA integrity_check(1)", &answer, e) ||
	    sqlite_number(store, STATEMENT_COUNT_HEADS, &heads, e)) {
		return -1;
	}
	if (!str_eq_z(buf_str(&answer), "ok")) {
		return err_set(e, ERR_IO, "%s is damaged: %s", store->path.at,
		    err_quote(buf_str(&answer)));
	}
	if (heads != store->last) {
		return err_set(e, ERR_IO,
		    "%s has %llu heads but the last is number %llu",
		    store->path.at, (unsigned long long)heads,
		    (unsigned long long)store->last);
	}
	return 0;
}
