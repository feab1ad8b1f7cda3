/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite.h"
#include "store/sqlite_file.h"

/* https://sqlite.org/pragma.html; the lock mode comes before anything that
 * reads, so that the WAL index never becomes a file (DESIGN). */
static const char before_reading[] = "PRAGMA locking_mode = EXCLUSIVE;"
                                     "PRAGMA temp_store = MEMORY;"
                                     "PRAGMA cell_size_check = ON;"
                                     "PRAGMA cache_size = -2000;";
/* EXTRA is FULL once there is a WAL.  Before, it makes sure of the removal of
 * the journal under which the file became one with a WAL: a power cut could
 * bring that back, and it would undo all that followed. */
static const char before_writing[] = "PRAGMA synchronous = EXTRA;"
                                     "PRAGMA secure_delete = ON;"
                                     "PRAGMA journal_size_limit = 67108864;";

static const char *const statement_sql[STATEMENTS] = {
#define STATEMENT(name, sql) [STATEMENT_##name] = (sql),
#include "store/statements.def"
#undef STATEMENT
};

/* errno of the last failure on one of the two files; SQLite keeps it there and
 * gives no other way to it (sqlite3_system_errno reads a later errno). */
static int
last_errno(const struct sqlite *s, int which_file)
{
	sqlite3_file *file = NULL;
	int why = 0;

	if (sqlite3_file_control(s->db, "main", which_file, &file) ==
	        SQLITE_OK &&
	    file && file->pMethods) {
		(void)file->pMethods->xFileControl(
		    file, SQLITE_FCNTL_LAST_ERRNO, &why);
	}
	return why;
}

static int
fault_errno(const struct sqlite *s)
{
	int why = last_errno(s, SQLITE_FCNTL_JOURNAL_POINTER);

	return why ? why : last_errno(s, SQLITE_FCNTL_FILE_POINTER);
}

static bool
no_room(const struct sqlite *s, int code)
{
	int why = fault_errno(s);

	return (code & 0xff) == SQLITE_FULL ||
	       (code == SQLITE_IOERR_WRITE && (why == EDQUOT || why == EFBIG));
}

/* As after a copy by root: the part that keeps the book has an id of its own.
 */
static int
not_let(const char *path, struct err *e)
{
	unsigned user = geteuid();
	const char *slash = strrchr(path, '/');

	return err_set(e, ERR_IO,
	    "%s: user %u may not open it; if it is this house's book, give it "
	    "back: `chown -R %u:%u %.*s`",
	    path, user, user, (unsigned)getegid(),
	    slash ? (int)(slash - path) : 1, slash ? path : ".");
}

static int
fault_by_code(
    const struct sqlite *s, int code, const char *doing, struct err *e)
{
	const char *path = s->store.where.at;
	const char *said = err_quote(str_of(sqlite3_errmsg(s->db)));

	if (no_room(s, code)) {
		return err_set(e, ERR_IO,
		    "%s: there is no room left for %s; make room and try "
		    "again, what was acknowledged is safe",
		    doing, path);
	}
	if ((code & 0xff) == SQLITE_CANTOPEN &&
	    sqlite3_system_errno(s->db) == EACCES) {
		return not_let(path, e);
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
		    doing, path, said, code, fault_errno(s));
	}
}

int
sqlite_unconfirmed(struct sqlite *s, const char *doing, struct err *e)
{
	(void)err_set(e, ERR_IO,
	    "%s: the disk of %s did not confirm a write; restart the house, it "
	    "then reads what is truly there",
	    doing, s->store.where.at);
	s->store.state = STORE_DEAD;
	s->store.fault = *e;
	return -1;
}

int
sqlite_fault(struct sqlite *s, const char *doing, struct err *e)
{
	int code = sqlite3_extended_errcode(s->db);

	must((code & 0xff) != SQLITE_NOMEM && (code & 0xff) != SQLITE_MISUSE);
	(void)fault_by_code(s, code, doing, e);
	if (no_room(s, code)) {
		reserve_give(&s->reserve);
	}
	if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) {
		return sqlite_unconfirmed(s, doing, e);
	}
	return -1;
}

int
sqlite_run(struct sqlite *s, const char *sql, const char *doing, struct err *e)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		return sqlite_fault(s, doing, e);
	}
	return 0;
}

int
sqlite_number(
    struct sqlite *s, enum statement which, uint64_t *number, struct err *e)
{
	int found = read_step(s, which, e);

	if (found < 0) {
		return -1;
	}
	must(found == 1);
	*number = (uint64_t)sqlite3_column_int64(s->statements[which], 0);
	read_end(s, which);
	return 0;
}

/* For the questions that come before the statements can be prepared. */
int
sqlite_ask(struct sqlite *s, const char *sql, struct buf *answer, struct err *e)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(statement);
	}
	if (rc != SQLITE_ROW) {
		(void)sqlite_fault(s, "opening the store", e);
		(void)sqlite3_finalize(statement);
		return -1;
	}
	buf_clear(answer);
	buf_add(answer, column_text(statement, 0));
	(void)sqlite3_finalize(statement);
	return 0;
}

int
sqlite_prepare(struct sqlite *s, enum statement which, struct err *e)
{
	if (!s->statements[which] &&
	    sqlite3_prepare_v3(s->db, statement_sql[which], -1,
	        SQLITE_PREPARE_PERSISTENT, &s->statements[which],
	        NULL) != SQLITE_OK) {
		return sqlite_fault(s, "opening the store", e);
	}
	return 0;
}

static int
prepare_statements(struct sqlite *s, struct err *e)
{
	for (size_t i = 0; i < STATEMENTS; i++) {
		if (sqlite_prepare(s, (enum statement)i, e)) {
			return -1;
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

/* One thread, and nobody asks how much memory SQLite has; it takes no locks
 * then.  Too late for it (a test's own use of SQLite) is no harm. */
static void
configure(void)
{
	static bool done;

	if (!done) {
		(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
		(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
		done = true;
	}
}

static int
open_file(struct sqlite *s, const char *path, struct err *e)
{
	int rc = sqlite3_open_v2(path, &s->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
	    sqlite_file_vfs());

	must(s->db);
	if (rc != SQLITE_OK) {
		return sqlite_fault(s, "opening the store", e);
	}
	must(sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) ==
	     SQLITE_OK);
	must(sqlite3_db_config(
	         s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) == SQLITE_OK);
	(void)sqlite3_limit(
	    s->db, SQLITE_LIMIT_LENGTH, (int)(STORE_BODY_MAX + (1u << 20)));
	return 0;
}

static const char opening[] = "opening the store";

/* Only to look: no step is made, and the end leaves the WAL where it is. */
static int
enter_to_read(struct sqlite *s, int64_t step, struct err *e)
{
	if (step != sqlite_last_step()) {
		return err_set(e, ERR_INPUT,
		    "%s was written by an older Handrail (step %lld, this one "
		    "writes %d); start a house on it once",
		    s->store.where.at, (long long)step, sqlite_last_step());
	}
	must(sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
	         NULL) == SQLITE_OK);
	return sqlite_run(s, "PRAGMA query_only = ON", opening, e);
}

static int
enter_to_write(struct sqlite *s, int64_t step, struct err *e)
{
	auto_buf answer = { 0 };

	if (sqlite_run(s, before_writing, opening, e) ||
	    sqlite_ask(s, "PRAGMA journal_mode = WAL", &answer, e)) {
		return -1;
	}
	if (!str_eq_z(buf_str(&answer), "wal")) {
		return err_set(e, ERR_IO,
		    "%s: its file system cannot keep a write-ahead log",
		    s->store.where.at);
	}
	return sqlite_steps(s, step, e);
}

/* Opened behind the lock, and closed when that is given up: closing a
 * descriptor drops this process's locks on its file. */
static void
begin_early(struct sqlite *s)
{
	sqlite3_file *file = NULL;

	s->database = open(sqlite3_db_filename(s->db, "main"),
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	must(sqlite3_file_control(s->db, "main", SQLITE_FCNTL_FILE_POINTER,
	         (void *)&file) == SQLITE_OK);
	sqlite_file_begin(file, s->database);
}

static int
enter(struct sqlite *s, struct err *e)
{
	int64_t step;

	if (sqlite_run(s, before_reading, opening, e) ||
	    sqlite_shape(s, &step, e) ||
	    (s->store.read_only ? enter_to_read(s, step, e)
	                        : enter_to_write(s, step, e)) ||
	    prepare_statements(s, e) || sqlite_load_log(s, e)) {
		return -1;
	}
	if (!s->store.read_only) {
		sqlite_flights_open(s);
		begin_early(s);
	}
	return 0;
}

static void
sqlite_close(struct store *store)
{
	struct sqlite *s = sqlite_of(store);

	later_close(&s->flights.later);
	for (size_t i = 0; i < STATEMENTS; i++) {
		(void)sqlite3_finalize(s->statements[i]);
	}
	must(sqlite3_close(s->db) == SQLITE_OK);
	auto_close_fd(&s->database);
	sqlite_log_fini(s);
	reserve_close(&s->reserve);
	buf_fini(&s->store.where);
	free(s);
}

static const char *
reason(const struct store *store)
{
	return store->flights ? "the disk has not confirmed what was written"
	                      : "";
}

static int64_t
no_end(const struct store *s)
{
	(void)s;
	return INT64_MAX;
}

static int64_t
no_beat(const struct store *store)
{
	(void)store;
	return 0;
}

static int
no_inbox(struct store *store, uint64_t limit, store_inbox_fn *each,
    void *context, struct err *e)
{
	(void)store;
	(void)limit;
	(void)each;
	(void)context;
	(void)e;
	return 0;
}

static int
no_inbox_drop(struct store *store, uint64_t number, struct err *e)
{
	(void)number;
	return err_set(e, ERR_MISSING, "%s has no inbox", store->where.at);
}

static int
no_inbox_fd(const struct store *store)
{
	(void)store;
	return -1;
}

static void
no_bell(struct store *store)
{
	(void)store;
}

static bool
is_low(const struct store *store)
{
	return ((const struct sqlite *)store)->reserve.low;
}

static const struct store_ops ops = {
	.close = sqlite_close,
	.own = sqlite_own,
	.owned = sqlite_owned,
	.owned_set = sqlite_owned_set,
	.begin = sqlite_begin,
	.commit = sqlite_commit,
	.step = sqlite_step,
	.fd = sqlite_fd,
	.fd_lasts = true,
	.why = reason,
	.beat_us = no_beat,
	.lease_left_us = no_end,
	.rollback = sqlite_rollback,
	.checkpoint = sqlite_checkpoint,
	.scrub = sqlite_scrub,
	.check = sqlite_check,
	.head_add = sqlite_head_add,
	.body_add = sqlite_body_add,
	.heads_walk = sqlite_heads_walk,
	.head_get = sqlite_head_get,
	.body_get = sqlite_body_get,
	.bodies_last = sqlite_bodies_last,
	.bodies_expire = sqlite_bodies_expire,
	.row_put = sqlite_row_put,
	.row_get = sqlite_row_get,
	.row_delete = sqlite_row_delete,
	.rows_walk = sqlite_rows_walk,
	.rows_count = sqlite_rows_count,
	.task_put = sqlite_task_put,
	.task_get = sqlite_task_get,
	.task_record = sqlite_task_record,
	.tasks_walk = sqlite_tasks_walk,
	.tasks_all = sqlite_tasks_all,
	.live_walk = sqlite_live_walk,
	.inbox_walk = no_inbox,
	.inbox_drop = no_inbox_drop,
	.inbox_fd = no_inbox_fd,
	.inbox_bell = no_bell,
	.low = is_low,
	.backup_start = sqlite_backup_start,
	.backup_step = sqlite_backup_step,
	.backup_free = sqlite_backup_free,
};

struct sqlite *
sqlite_of(struct store *store)
{
	must(store->ops == &ops);
	return CONTAINER(store, struct sqlite, store);
}

int
sqlite_store_open(
    const char *path, unsigned flags, struct store **store, struct err *e)
{
	struct sqlite *made;

	configure();
	if ((flags & STORE_CREATE) && make_file(path, e)) {
		return -1;
	}
	if (access(path, F_OK)) {
		return err_set(e, ERR_MISSING, "there is no store at %s", path);
	}
	made = calloc(1, sizeof(*made));
	must(made);
	made->store.ops = &ops;
	made->store.read_only = (flags & STORE_READ) != 0;
	buf_add_z(&made->store.where, path);
	(void)buf_z(&made->store.where);
	made->words = pack_words_new();
	made->reserve.fd = -1;
	made->database = -1;
	if (open_file(made, path, e) || enter(made, e)) {
		sqlite_close(&made->store);
		return -1;
	}
	if (!made->store.read_only) {
		reserve_open(&made->reserve, path);
	}
	*store = &made->store;
	return 0;
}
