/* SPDX-License-Identifier: Apache-2.0 */
#include "store_help.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/*
 * These take the place of libc's for SQLite too: the dynamic linker asks this
 * program first.  The Nth write or sync from now on fails as told.
 */
static int writes_left = -1; /* before one fails; -1: none fails */
static int write_error;
static bool fails_once; /* those behind it are written */
static int syncs_left = -1;
static unsigned faults;

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
ssize_t
pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
	if (writes_left == 0) {
		faults++;
		writes_left = fails_once ? -1 : 0;
		errno = write_error;
		return -1;
	}
	if (writes_left > 0) {
		writes_left--;
	}
	return syscall(SYS_pwrite64, fd, bytes, len, at);
}

int
fdatasync(int fd)
{
	if (syncs_left == 0) {
		faults++;
		errno = EIO;
		return -1;
	}
	if (syncs_left > 0) {
		syncs_left--;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

static void
all_is_well(void)
{
	writes_left = -1;
	fails_once = false;
	syncs_left = -1;
	faults = 0;
}

/* Its frames are more than go into one write (sqlite_file.c). */
#define BODY 500000

/* One batch as core writes them: two heads, a body, a row. */
static int
write_batch(struct store *store, struct err *e)
{
	uint64_t seq = store_last_seq(store) + 1;
	static char body[BODY];
	char value[24];

	(void)snprintf(
	    value, sizeof(value), "%llu", (unsigned long long)seq + 1);
	if (store_begin(store, e)) {
		return -1;
	}
	/* What does not get smaller. */
	random_bytes(body, sizeof(body));
	if (add_head(store, seq, e) ||
	    store_body_add(
	        store, seq, 1, (struct str){ body, sizeof(body) }, e) ||
	    add_head(store, seq + 1, e) ||
	    put_row(store, "last", value, seq, e)) {
		store_rollback(store);
		return -1;
	}
	return store_commit(store, e);
}

/* Whole batches only: as many heads and bodies as the row says. */
static void
expect_whole(struct store *store, uint64_t last)
{
	auto_buf value = { 0 };
	auto_buf body = { 0 };
	struct err e = { 0 };
	uint64_t said = 0;

	assert_int_equal(store_last_seq(store), last);
	assert_int_equal(store_check(store, &e), 0);
	if (last == 0) {
		return;
	}
	assert_int_equal(
	    store_row_get(store, STR("meta"), STR("last"), &value, NULL, &e),
	    0);
	assert_true(str_u64(buf_str(&value), &said));
	assert_int_equal(said, last);
	assert_int_equal(store_body_get(store, last - 1, &body, &e), 0);
	assert_int_equal(body.len, BODY);
}

/* N = 0, 1, 2, … until a run has no call left to fail. */
static void
every_write_may_find_the_disk_full(void **state)
{
	auto_store store = open_store();
	uint64_t last = 0;
	int runs = 0;
	bool failed = true;

	(void)state;
	for (int n = 0; failed; n++) {
		struct err e = { 0 };

		write_error = ENOSPC;
		writes_left = n;
		failed = write_batch(store, &e) != 0;
		assert_int_equal(failed, faults > 0);
		all_is_well();
		if (failed) {
			assert_int_equal(e.kind, ERR_IO);
			assert_non_null(strstr(e.text, "no room left"));
			assert_true(store_low(store));
			runs++;
		} else {
			last += 2;
		}
		expect_whole(store, last);
		/* There is room again: it goes on without being opened anew. */
		assert_int_equal(write_batch(store, &e), 0);
		last += 2;
	}
	assert_true(runs > 3);
	store_close(store);
	store = open_store();
	expect_whole(store, last);
}

static void
every_write_may_fail(void **state)
{
	auto_store store = open_store();
	bool failed = true;

	(void)state;
	for (int n = 0; failed; n++) {
		uint64_t last = store_last_seq(store);
		struct err e = { 0 };

		write_error = EIO;
		writes_left = n;
		failed = write_batch(store, &e) != 0;
		all_is_well();
		if (failed) {
			assert_int_equal(e.kind, ERR_IO);
			assert_non_null(strstr(e.text, path));
		}
		expect_whole(store, failed ? last : last + 2);
	}
}

/* N = 0, 1, 2, … of the writes that move the log into the database: SQLite
 * hears of each, and moves all of it again. */
static void
every_write_of_a_checkpoint_may_fail(int error)
{
	auto_store store = open_store();
	struct err e = { 0 };
	int runs = 0;
	bool failed = true;

	assert_int_equal(write_batch(store, &e), 0);
	assert_int_equal(write_batch(store, &e), 0);
	for (int n = 0; failed; n++) {
		write_error = error;
		writes_left = n;
		fails_once = true;
		failed = store_checkpoint(store, &e) != 0;
		assert_int_equal(failed, faults > 0);
		all_is_well();
		if (failed) {
			assert_int_equal(e.kind, ERR_IO);
			assert_non_null(strstr(e.text, path));
			runs++;
		}
		expect_whole(store, 4);
	}
	assert_true(runs > 3);
	store_close(store);
	store = open_store();
	expect_whole(store, 4);
}

static void
every_write_of_a_checkpoint_may_find_the_disk_full(void **state)
{
	(void)state;
	every_write_of_a_checkpoint_may_fail(ENOSPC);
}

static void
every_write_of_a_checkpoint_may_find_the_disk_broken(void **state)
{
	(void)state;
	every_write_of_a_checkpoint_may_fail(EIO);
}

/* Nobody knows what the disk has: no transaction may follow (DESIGN). */
static void
a_failed_sync_ends_the_store(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };
	struct err again = { 0 };

	(void)state;
	assert_int_equal(write_batch(store, &e), 0);
	syncs_left = 0;
	assert_int_equal(write_batch(store, &e), -1);
	assert_true(faults > 0);
	all_is_well();
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "restart the house"));
	assert_int_equal(store_begin(store, &again), -1);
	assert_string_equal(again.text, e.text);
	assert_int_equal(store_checkpoint(store, &again), -1);
	store_close(store);
	store = open_store();
	assert_true(store_last_seq(store) == 2 || store_last_seq(store) == 4);
	expect_whole(store, store_last_seq(store));
	assert_int_equal(write_batch(store, &e), 0);
}

/* The same from the kernel itself: a file that may not grow. */
static void
a_file_that_may_not_grow_is_a_full_disk(void **state)
{
	auto_store store = open_store();
	struct rlimit old;
	struct rlimit small;
	struct err e = { 0 };
	bool failed = false;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 3000000;
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (int i = 0; i < 100 && !failed; i++) {
		failed = write_batch(store, &e) != 0;
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_true(failed);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "no room left"));
	uint64_t last = store_last_seq(store);
	assert_true(last > 2);
	expect_whole(store, last);
	assert_int_equal(write_batch(store, &e), 0);
	store_close(store);
	store = open_store();
	expect_whole(store, last + 2);
}

/* Each commit is on the disk before it is acknowledged. */
static void
each_commit_is_synced(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i < 20; i++) {
		syncs_left = 1000;
		assert_int_equal(write_batch(store, &e), 0);
		assert_true(syncs_left < 1000);
		all_is_well();
	}
}

static void
opening_survives_a_disk_that_is_full(void **state)
{
	bool failed = true;

	(void)state;
	for (int n = 0; failed; n++) {
		struct store *store = NULL;
		struct err e = { 0 };

		write_error = ENOSPC;
		writes_left = n;
		failed = store_open(path, STORE_CREATE, &store, &e) != 0;
		all_is_well();
		if (failed) {
			assert_int_equal(e.kind, ERR_IO);
		}
		store_close(store);
		store = open_store();
		assert_int_equal(store_check(store, &e), 0);
		store_close(store);
		(void)unlink(path);
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		TEST(every_write_may_find_the_disk_full),
		TEST(every_write_may_fail),
		TEST(every_write_of_a_checkpoint_may_find_the_disk_full),
		TEST(every_write_of_a_checkpoint_may_find_the_disk_broken),
		TEST(a_failed_sync_ends_the_store),
		TEST(a_file_that_may_not_grow_is_a_full_disk),
		TEST(each_commit_is_synced),
		TEST(opening_survives_a_disk_that_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
