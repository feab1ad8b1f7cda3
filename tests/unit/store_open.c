/* SPDX-License-Identifier: Apache-2.0 */
#include "store_help.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void
sql(const char *text)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
opening_is_refused(enum err_kind kind, const char *word)
{
	struct store *store = NULL;
	struct err e = { 0 };

	assert_int_equal(store_open(path, 0, &store, &e), -1);
	assert_int_equal(e.kind, kind);
	assert_non_null(strstr(e.text, word));
	assert_null(store);
}

static void
a_new_store_is_empty_and_private(void **state)
{
	auto_store store = open_store();
	struct stat status;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(store_last_seq(store), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(store_check(store, &e), 0);
}

static void
an_absent_store_is_not_made_unasked(void **state)
{
	(void)state;
	opening_is_refused(ERR_MISSING, "no store");
	assert_int_equal(access(path, F_OK), -1);
}

static void
a_store_in_no_folder_is_refused(void **state)
{
	struct store *store = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    store_open("/nowhere/at/all.db", STORE_CREATE, &store, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
}

/* Exit code of a child that tries to open the store that we hold. */
static int
open_in_a_child(void)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		struct store *store = NULL;
		struct err e = { 0 };
		int rc = store_open(path, STORE_CREATE, &store, &e);

		_exit(
		    rc == 0 ? 0
		    : e.kind == ERR_CONFLICT && strstr(e.text, "another house")
		        ? 5
		        : 1);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
a_second_opener_is_told_of_the_first(void **state)
{
	struct store *store = open_store();

	(void)state;
	assert_int_equal(open_in_a_child(), 5);
	begin(store);
	assert_int_equal(open_in_a_child(), 5);
	commit(store);
	assert_int_equal(open_in_a_child(), 5);
	store_close(store);
	assert_int_equal(open_in_a_child(), 0);
}

/* What the kernel tells others; a child of ours knows it from SQLite, too. */
static bool
is_locked_for_others(void)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		int fd = open(path, O_RDWR | O_CLOEXEC);
		struct flock lock = { .l_type = F_WRLCK };

		_exit(fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 &&
		      lock.l_type != F_UNLCK);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

/* A descriptor of the file that it closed would drop the lock (fcntl(2)). */
static void
a_second_opener_of_the_same_process_does_not_drop_the_lock(void **state)
{
	struct store *store = open_store();
	struct store *second = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(store_open(path, 0, &second, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_true(is_locked_for_others());
	store_close(store);
	assert_false(is_locked_for_others());
}

/* The index of the log would be shared memory of two connections. */
static void
no_index_of_the_log_becomes_a_file(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };
	char name[128];

	(void)state;
	begin(store);
	assert_int_equal(add_head(store, 1, &e), 0);
	commit(store);
	(void)snprintf(name, sizeof(name), "%s-wal", path);
	assert_int_equal(access(name, F_OK), 0);
	(void)snprintf(name, sizeof(name), "%s-shm", path);
	assert_int_equal(access(name, F_OK), -1);
}

static void
a_file_of_another_program_is_refused(void **state)
{
	(void)state;
	sql("CREATE TABLE theirs (x); PRAGMA user_version = 2;");
	opening_is_refused(ERR_INPUT, "not a store of Handrail");
	assert_int_equal(unlink(path), 0);

	struct err e = { 0 };
	assert_int_equal(
	    file_write_atomic(path,
	        STR("[egress]\nthis is a configuration, not a database, and it "
	            "is "
	            "longer than the first hundred bytes that are looked at\n"),
	        0600, &e),
	    0);
	opening_is_refused(ERR_INPUT, "not a store of Handrail");
}

/* SQLite says what stands in the file, and a person reads that on a terminal.
 */
static void
no_byte_of_a_damaged_file_reaches_a_terminal(void **state)
{
	struct store *store = open_store();
	struct err e = { 0 };

	(void)state;
	store_close(store);
	sql("PRAGMA writable_schema = ON; UPDATE sqlite_master SET "
	    "sql = 'CREATE NOTHING', name = 'x' || char(27) || '[31m' || "
	    "char(10) || 'y' WHERE rowid = (SELECT min(rowid) FROM "
	    "sqlite_master)");
	assert_int_equal(store_open(path, 0, &store, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "is damaged"));
	assert_non_null(strstr(e.text, "[31m"));
	assert_null(strchr(e.text, 27));
	assert_null(strchr(e.text, '\n'));
}

static void
a_store_of_a_newer_version_is_refused(void **state)
{
	(void)state;
	store_close(open_store());
	sql("PRAGMA user_version = 1000");
	opening_is_refused(ERR_INPUT, "newer Handrail");
}

static const char *const old_steps[] = {
#define STORE_STEP(number, sql)       [number] = (sql),
#define STORE_STEP_CODE(number, code) [number] = NULL,
#include "store/steps.def"
#undef STORE_STEP
#undef STORE_STEP_CODE
};

/* A store as a program that knew the steps up to `last` (3 at most) made it,
 * by their own SQL. */
static sqlite3 *
old_store(int last)
{
	sqlite3 *db = NULL;
	char mark[96];

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (int i = 1; i <= last; i++) {
		assert_int_equal(
		    sqlite3_exec(db, old_steps[i], NULL, NULL, NULL),
		    SQLITE_OK);
	}
	(void)snprintf(mark, sizeof(mark),
	    "PRAGMA application_id = 0x48524c31; PRAGMA user_version = %d",
	    last);
	assert_int_equal(sqlite3_exec(db, mark, NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static void
old_row(sqlite3 *db, const char *text, uint64_t seq, struct str bytes)
{
	sqlite3_stmt *row = NULL;

	assert_int_equal(
	    sqlite3_prepare_v2(db, text, -1, &row, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_bind_int64(row, 1, (int64_t)seq), SQLITE_OK);
	assert_int_equal(
	    sqlite3_bind_blob64(row, 2, bytes.at, bytes.len, SQLITE_STATIC),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(row), SQLITE_DONE);
	assert_int_equal(sqlite3_finalize(row), SQLITE_OK);
}

/* Every head but the last of three has a body. */
static void
old_heads(sqlite3 *db, uint64_t count)
{
	assert_int_equal(
	    sqlite3_exec(db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
	for (uint64_t seq = 1; seq <= count; seq++) {
		uint8_t head[STORE_HEAD_SIZE];
		char body[32];

		head_bytes(seq, head);
		old_row(db,
		    "INSERT INTO head VALUES (?1, 5, 'restored', NULL, NULL,"
		    " zeroblob(32), ?2)",
		    seq, str_span(head, sizeof(head)));
		(void)snprintf(
		    body, sizeof(body), "body %llu", (unsigned long long)seq);
		if (seq % 3) {
			old_row(db,
			    "INSERT INTO body VALUES (?1, ?1 / 100, ?2)", seq,
			    str_of(body));
		}
	}
	assert_int_equal(
	    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
}

static int
expect_old_head(void *context, const struct store_head *head, struct err *e)
{
	auto_buf body = { 0 };
	char told[32];

	expect_head(head);
	(void)snprintf(
	    told, sizeof(told), "body %llu", (unsigned long long)head->seq);
	if (head->seq % 3) {
		assert_int_equal(
		    store_body_get(context, head->seq, &body, e), 0);
		assert_string_equal(buf_z(&body), told);
	} else {
		assert_int_equal(
		    store_body_get(context, head->seq, &body, e), -1);
		assert_int_equal(e->kind, ERR_MISSING);
	}
	return 0;
}

/* The trail of a task is found out as well. */
static void
an_older_store_is_brought_up_step_by_step(void **state)
{
	(void)state;
	for (int step = 1; step <= 3; step++) {
		sqlite3 *db = old_store(step);
		uint64_t count = 0;
		struct err e = { 0 };

		old_heads(db, 700);
		assert_int_equal(sqlite3_close(db), SQLITE_OK);

		struct store *store = open_store();
		assert_int_equal(store_last_seq(store), 700);
		assert_int_equal(
		    store_heads_walk(store, 0, 0, expect_old_head, store, &e),
		    0);
		assert_int_equal(store_check(store, &e), 0);
		begin(store);
		assert_int_equal(put_row(store, "a", "b", 1, &e), 0);
		assert_int_equal(add_head(store, 701, &e), 0);
		assert_int_equal(store_bodies_expire(store, 7, &count, &e), 0);
		commit(store);
		assert_int_equal(count, 467 - 1);
		store_close(store);
		store = open_store();
		assert_int_equal(store_last_seq(store), 701);
		store_close(store);
		assert_int_equal(unlink(path), 0);
	}
}

/* Its bodies lie by the index of step 5; a clock went back twice. */
static void
bodies_of_an_older_store_expire_by_their_day(void **state)
{
	static const int64_t days[] = { 7, 7, 8, 7, 7, 6, 8 };
	struct store *store = open_store();
	uint64_t count = 0;
	struct err e = { 0 };

	(void)state;
	for (uint64_t seq = 1; seq <= COUNT(days); seq++) {
		begin(store);
		assert_int_equal(add_head(store, seq, &e), 0);
		assert_int_equal(
		    store_body_add(store, seq, days[seq - 1], STR("x"), &e), 0);
		commit(store);
	}
	store_close(store);
	sql("DROP TABLE body_span; CREATE INDEX body_day ON body (day);"
	    "PRAGMA user_version = 5");
	store = open_store();
	assert_int_equal(store_check(store, &e), 0);
	begin(store);
	assert_int_equal(store_bodies_expire(store, 7, &count, &e), 0);
	assert_int_equal(count, 1);
	assert_int_equal(store_bodies_expire(store, 8, &count, &e), 0);
	assert_int_equal(count, 4);
	commit(store);
	for (uint64_t seq = 1; seq <= COUNT(days); seq++) {
		auto_buf body = { 0 };

		assert_int_equal(store_body_get(store, seq, &body, &e),
		    days[seq - 1] == 8 ? 0 : -1);
	}
	assert_int_equal(store_check(store, &e), 0);
	store_close(store);
}

static int
count_row(void *context, int columns, char **texts, char **names)
{
	(void)names;
	assert_int_equal(columns, 1);
	*(int *)context = (int)strtol(texts[0], NULL, 10);
	return SQLITE_OK;
}

static int
number(const char *text)
{
	sqlite3 *db = NULL;
	int answer = -1;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db, text, count_row, &answer, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return answer;
}

/* A batch of one head, with a body of this day, that is read and so written. */
static void
add_batch(struct store *store, uint64_t seq, int64_t day)
{
	auto_buf body = { 0 };
	struct err e = { 0 };

	begin(store);
	assert_int_equal(add_head(store, seq, &e), 0);
	assert_int_equal(store_body_add(store, seq, day, STR("x"), &e), 0);
	assert_int_equal(store_body_get(store, seq, &body, &e), 0);
}

/* Neither a start nor a batch that was undone is another day. */
static void
a_span_begins_only_where_the_day_changes(void **state)
{
	static const int64_t days[] = { 7, 7, 8, 8, 7, 7 };

	(void)state;
	for (uint64_t seq = 1; seq <= COUNT(days); seq++) {
		auto_store store = open_store();

		add_batch(store, seq, days[seq - 1]);
		store_rollback(store);
		add_batch(store, seq, days[seq - 1]);
		commit(store);
	}
	assert_int_equal(number("SELECT count(*) FROM body_span"), 3);
	assert_int_equal(
	    number("SELECT count(*) FROM body_span WHERE (first, day) IN"
	           " (VALUES (1, 7), (3, 8), (5, 7))"),
	    3);
}

static int
tell_task(void *context, const struct store_task *task, struct err *e)
{
	(void)e;
	buf_addf(context, "%lld " STR_FMT " " STR_FMT " " STR_FMT " %d, ",
	    (long long)task->number, STR_ARG(task->id), STR_ARG(task->state),
	    STR_ARG(task->record), task->live);
	return 0;
}

static void
expect_tasks(struct store *store, const char *expected)
{
	struct store_task any = { 0 };
	auto_buf told = { 0 };
	struct err e = { 0 };

	assert_int_equal(
	    store_tasks_walk(store, &any, 0, tell_task, &told, &e), 0);
	assert_string_equal(buf_z(&told), expected);
}

/* They come before all others, until somebody knows which head put them. */
static void
tasks_of_an_older_store_get_their_number(void **state)
{
	sqlite3 *db = old_store(3);
	struct store_task task = {
		.number = 7,
		.id = STR("one"),
		.state = STR("completed"),
		.last_seq = 9,
		.live = true,
	};
	struct err e = { 0 };

	(void)state;
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	sql("INSERT INTO tasks VALUES ('one', 'q', 's', 'pending', 'o',"
	    " '2026-11-26T11:40:00.000Z', '2026-11-26T11:41:00.000Z', '{1}'),"
	    " ('two', 'q', 's', 'failed', 'o', '2026-11-26T11:50:00.000Z',"
	    " '2026-11-26T11:51:00.000Z', '{2}')");

	auto_store store = open_store();

	expect_tasks(store, "-1 two failed {2} 0, -2 one pending {1} 0, ");
	begin(store);
	assert_int_equal(store_task_put(store, &task, &e), 0);
	commit(store);
	expect_tasks(store, "7 one completed {1} 1, -1 two failed {2} 0, ");
}

/* Step 4 packed its log, and its bodies lie by the index that it made. */
static void
a_store_of_a_packed_log_is_brought_up_and_loses_nothing(void **state)
{
	struct store *store = open_store();
	uint64_t count = 0;
	struct err e = { 0 };

	(void)state;
	for (uint64_t seq = 1; seq <= 700; seq++) {
		char text[32];

		begin(store);
		assert_int_equal(add_head(store, seq, &e), 0);
		(void)snprintf(text, sizeof(text), "body %u", (unsigned)seq);
		if (seq % 3) {
			assert_int_equal(
			    store_body_add(store, seq, (int64_t)(seq / 100),
			        str_of(text), &e),
			    0);
		}
		commit(store);
	}
	store_close(store);
	sql("DROP VIEW tasks; DROP TABLE task; DROP TABLE task_live;"
	    "DROP TABLE task_end; DROP TABLE body_span;"
	    "CREATE INDEX body_day ON body (day)");
	sql(old_steps[3]);
	sql("DROP VIEW book; PRAGMA user_version = 4; INSERT INTO tasks VALUES"
	    " ('one', 'q', 's', 'failed', 'o', '2026-11-26T11:40:00.000Z',"
	    " '2026-11-26T11:41:00.000Z', '{1}')");
	store = open_store();
	assert_int_equal(store_last_seq(store), 700);
	assert_int_equal(
	    store_heads_walk(store, 0, 0, expect_old_head, store, &e), 0);
	expect_tasks(store, "-1 one failed {1} 0, ");
	assert_int_equal(store_check(store, &e), 0);
	begin(store);
	assert_int_equal(add_head(store, 701, &e), 0);
	assert_int_equal(store_bodies_expire(store, 7, &count, &e), 0);
	commit(store);
	assert_int_equal(count, 467 - 1);
	assert_int_equal(store_check(store, &e), 0);
	store_close(store);
	store = open_store();
	assert_int_equal(store_last_seq(store), 701);
	store_close(store);
	assert_int_equal(number("PRAGMA user_version"), COUNT(old_steps) - 1);
}

static void
an_old_store_that_is_damaged_stays_as_it_is(void **state)
{
	sqlite3 *db = old_store(3);

	(void)state;
	old_heads(db, 300);
	old_row(db,
	    "INSERT INTO head VALUES (?1, 5, 'restored', NULL, NULL,"
	    " zeroblob(32), ?2)",
	    301, STR("short"));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	opening_is_refused(ERR_IO, "head 301");
	sql("SELECT head FROM head; SELECT bytes FROM body; "
	    "SELECT at FROM book");
}

static void
an_old_store_is_not_brought_up_by_a_look(void **state)
{
	struct store *store = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(sqlite3_close(old_store(3)), SQLITE_OK);
	assert_int_equal(store_open(path, STORE_READ, &store, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_non_null(strstr(e.text, "older Handrail"));
	sql("SELECT at FROM book");
}

static int
nothing_seen(void *context, const struct store_head *head, struct err *e)
{
	(void)e;
	expect_head(head);
	++*(uint64_t *)context;
	return 0;
}

/* A process that commits one head and ends without closing. */
static void
leave_a_log(void)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		struct store *store = open_store();
		struct err e = { 0 };

		begin(store);
		must(!add_head(store, 1, &e));
		commit(store);
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Bytes and log are as they were, whatever was looked at. */
static void
a_look_changes_nothing(void **state)
{
	struct store *store = NULL;
	auto_buf before = { 0 };
	auto_buf after = { 0 };
	uint64_t count = 0;
	struct err e = { 0 };
	char wal[128];

	(void)state;
	leave_a_log();
	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	assert_int_equal(file_read(path, 1 << 24, &before, &e), 0);
	assert_int_equal(file_read(wal, 1 << 24, &before, &e), 0);
	assert_int_equal(store_open(path, STORE_READ, &store, &e), 0);
	assert_int_equal(
	    store_heads_walk(store, 0, 0, nothing_seen, &count, &e), 0);
	assert_int_equal(count, 1);
	assert_int_equal(store_check(store, &e), 0);
	store_close(store);
	assert_int_equal(file_read(path, 1 << 24, &after, &e), 0);
	assert_int_equal(file_read(wal, 1 << 24, &after, &e), 0);
	assert_true(str_eq(buf_str(&before), buf_str(&after)));
	store = NULL;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_open(path, STORE_READ, &store, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
}

/* A step that cannot be made leaves the store at the step before. */
static void
a_failed_step_is_undone(void **state)
{
	struct store *store = NULL;
	struct err e = { 0 };
	sqlite3 *db = old_store(1);

	(void)state;
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	sql("CREATE TABLE tasks (theirs)");
	/* Step 2 succeeds, step 3 finds its table there already. */
	assert_int_equal(store_open(path, 0, &store, &e), -1);
	sql("DROP TABLE tasks");
	store_close(open_store());
}

static void
a_damaged_store_is_named_damaged(void **state)
{
	struct store *store = open_store();
	struct err e = { 0 };

	(void)state;
	begin(store);
	for (uint64_t seq = 1; seq <= 200; seq++) {
		assert_int_equal(add_head(store, seq, &e), 0);
	}
	commit(store);
	store_close(store);

	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	off_t end = lseek(fd, 0, SEEK_END);
	for (off_t at = 8192; at < end; at += 4096) {
		assert_int_equal(
		    pwrite(fd, "\xff\xff\xff\xff\xff\xff", 6, at), 6);
	}
	assert_int_equal(close(fd), 0);

	store = NULL;
	if (store_open(path, 0, &store, &e) == 0) {
		assert_int_equal(store_check(store, &e), -1);
	}
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "damaged"));
	store_close(store);
}

/* A head of another identity each time. */
static void
add_named(struct store *store, uint64_t seq, const char *name)
{
	uint8_t bytes[STORE_HEAD_SIZE];
	struct store_head head = { .seq = seq, .head = bytes };
	struct err e = { 0 };

	head_bytes(seq, bytes);
	memset(bytes + 200, 0, 96);
	copy_text(bytes + 200, name);
	assert_int_equal(store_head_add(store, &head, &e), 0);
}

static int
same_name(void *context, const struct store_head *head, struct err *e)
{
	(void)e;
	assert_string_equal(head->head + 200, context);
	return 0;
}

static void
expect_named(struct store *store, uint64_t seq, const char *name)
{
	struct err e = { 0 };

	assert_int_equal(
	    store_head_get(store, seq, same_name, (void *)name, &e), 0);
}

/* Neither its words nor what was read of it outlive a batch that is undone. */
static void
an_undone_batch_leaves_no_word_behind(void **state)
{
	struct store *store = open_store();
	struct err e = { 0 };

	(void)state;
	begin(store);
	for (uint64_t seq = 1; seq <= 3; seq++) {
		assert_int_equal(add_head(store, seq, &e), 0);
	}
	commit(store);
	begin(store);
	add_named(store, 4, "undone");
	expect_named(store, 4, "undone");
	store_rollback(store);
	begin(store);
	add_named(store, 4, "kept");
	commit(store);
	expect_named(store, 4, "kept");
	begin(store);
	add_named(store, 5, "undone");
	commit(store);
	store_close(store);
	store = open_store();
	expect_named(store, 4, "kept");
	expect_named(store, 5, "undone");
	assert_int_equal(store_check(store, &e), 0);
	store_close(store);
}

/* Three batches of two heads; of the second one a body is left. */
static void
make_three_batches(void)
{
	auto_store store = open_store();
	uint64_t count;
	struct err e = { 0 };

	for (uint64_t seq = 1; seq <= 6; seq += 2) {
		begin(store);
		assert_int_equal(add_head(store, seq, &e), 0);
		assert_int_equal(add_head(store, seq + 1, &e), 0);
		assert_int_equal(
		    store_body_add(store, seq + 1, seq == 3, STR("x"), &e), 0);
		commit(store);
	}
	begin(store);
	assert_int_equal(store_bodies_expire(store, 1, &count, &e), 0);
	commit(store);
	assert_int_equal(count, 2);
	assert_int_equal(store_check(store, &e), 0);
}

static void
check_says(const char *word)
{
	auto_store store = open_store();
	struct err e = { 0 };

	assert_int_equal(store_check(store, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, word));
}

/* Whoever edits the file can do what the triggers forbid. */
static void
a_log_with_a_gap_is_named(void **state)
{
	static const char *const edits[][2] = {
		{ "DROP TRIGGER log_remains; DELETE FROM log WHERE first = 3",
		    "after 2 are missing" },
		{ "DROP TRIGGER log_stays;"
		  "UPDATE log SET count = 9 WHERE first = 3",
		    "from 3 on are 2, not 9" },
		{ "UPDATE body SET count = 9", "as they were" },
		{ "UPDATE body SET first = 900", "as they were" },
		{ "UPDATE body SET day = 9", "as they were" },
		{ "DELETE FROM body_span", "as they were" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(edits); i++) {
		make_three_batches();
		sql(edits[i][0]);
		check_says(edits[i][1]);
		assert_int_equal(unlink(path), 0);
	}
}

static void
each_incarnation_has_the_next_number(void **state)
{
	uint64_t number = 0;

	(void)state;
	for (uint64_t i = 1; i <= 3; i++) {
		auto_store store = open_store();
		struct err e = { 0 };

		assert_int_equal(store_own(store, "node", &number, &e), 0);
		assert_int_equal(number, i);
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		TEST(a_new_store_is_empty_and_private),
		TEST(an_absent_store_is_not_made_unasked),
		TEST(a_store_in_no_folder_is_refused),
		TEST(a_second_opener_is_told_of_the_first),
		TEST(
		    a_second_opener_of_the_same_process_does_not_drop_the_lock),
		TEST(no_index_of_the_log_becomes_a_file),
		TEST(a_file_of_another_program_is_refused),
		TEST(no_byte_of_a_damaged_file_reaches_a_terminal),
		TEST(a_store_of_a_newer_version_is_refused),
		TEST(an_older_store_is_brought_up_step_by_step),
		TEST(bodies_of_an_older_store_expire_by_their_day),
		TEST(a_span_begins_only_where_the_day_changes),
		TEST(tasks_of_an_older_store_get_their_number),
		TEST(a_store_of_a_packed_log_is_brought_up_and_loses_nothing),
		TEST(an_old_store_that_is_damaged_stays_as_it_is),
		TEST(an_old_store_is_not_brought_up_by_a_look),
		TEST(a_look_changes_nothing),
		TEST(a_failed_step_is_undone),
		TEST(a_damaged_store_is_named_damaged),
		TEST(an_undone_batch_leaves_no_word_behind),
		TEST(a_log_with_a_gap_is_named),
		TEST(each_incarnation_has_the_next_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
