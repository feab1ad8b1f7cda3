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

static void
a_store_of_a_newer_version_is_refused(void **state)
{
	(void)state;
	store_close(open_store());
	sql("PRAGMA user_version = 1000");
	opening_is_refused(ERR_INPUT, "newer Handrail");
}

/* What step 1 left behind, with a head in it, grows up. */
static void
an_older_store_is_brought_up_step_by_step(void **state)
{
	(void)state;
	store_close(open_store());
	sql("DROP VIEW book; DROP TABLE tasks; DROP TABLE rows;"
	    "INSERT INTO head VALUES (1, 5, 'restored', NULL, NULL,"
	    " zeroblob(32), x'01'); PRAGMA user_version = 1");

	auto_store store = open_store();
	struct err e = { 0 };
	assert_int_equal(store_last_seq(store), 1);
	begin(store);
	assert_int_equal(put_row(store, "a", "b", 1, &e), 0);
	assert_int_equal(add_head(store, 2, &e), 0);
	commit(store);
}

/* A step that cannot be made leaves the store at the step before. */
static void
a_failed_step_is_undone(void **state)
{
	struct store *store = NULL;
	struct err e = { 0 };

	(void)state;
	store_close(open_store());
	sql("DROP VIEW book; DROP TABLE rows; PRAGMA user_version = 1");
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

static void
each_incarnation_has_the_next_number(void **state)
{
	uint64_t number = 0;

	(void)state;
	for (uint64_t i = 1; i <= 3; i++) {
		auto_store store = open_store();
		struct err e = { 0 };

		assert_int_equal(store_incarnation_next(store, &number, &e), 0);
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
		TEST(no_index_of_the_log_becomes_a_file),
		TEST(a_file_of_another_program_is_refused),
		TEST(a_store_of_a_newer_version_is_refused),
		TEST(an_older_store_is_brought_up_step_by_step),
		TEST(a_failed_step_is_undone),
		TEST(a_damaged_store_is_named_damaged),
		TEST(each_incarnation_has_the_next_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
