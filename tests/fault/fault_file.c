/* SPDX-License-Identifier: Apache-2.0 */
#include "fault/wrap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD STR("the old bytes")
#define NEW STR("the new bytes, a few more of them")

#define MANY 64 /* calls that no run of these tests makes */

struct place {
	char folder[64];
	char path[80];
};

static int
up(void **state)
{
	static struct place p;

	(void)snprintf(p.folder, sizeof(p.folder), "/tmp/fault.XXXXXX");
	if (!mkdtemp(p.folder)) {
		return -1;
	}
	(void)snprintf(p.path, sizeof(p.path), "%s/file", p.folder);
	*state = &p;
	return 0;
}

static int
down(void **state)
{
	struct place *p = *state;

	(void)fault_done();
	fault_crumbs(false);
	(void)unlink(p->path);
	return rmdir(p->folder); /* anything left over is seen here */
}

static size_t
entries(const char *path)
{
	DIR *folder = opendir(path);
	size_t count = 0;

	assert_non_null(folder);
	while (readdir(folder)) { /* NOLINT(concurrency-mt-unsafe) */
		count++;
	}
	(void)closedir(folder);
	return count - 2;
}

static void
must_hold(const struct place *p, struct str bytes)
{
	auto_buf found = { 0 };
	struct err e;

	assert_int_equal(file_read(p->path, 1024, &found, &e), 0);
	assert_true(str_eq(buf_str(&found), bytes));
}

static void
a_file_is_the_old_one_or_the_new_one(void **state)
{
	struct place *p = *state;
	size_t before = fault_descriptors();
	struct err e;

	for (int n = 0;; n++) {
		assert_true(n < MANY);
		assert_int_equal(file_write_atomic(p->path, OLD, 0600, &e), 0);
		fault_from(n, n % 2 ? EIO : ENOSPC, NULL);
		int rc = file_write_atomic(p->path, NEW, 0600, &e);
		bool failed = fault_done();

		assert_int_equal(rc, failed ? -1 : 0);
		assert_int_equal(entries(p->folder), 1);
		assert_int_equal(fault_descriptors(), before);
		if (!failed) {
			/* folder, file, mode, write, sync, rename, sync */
			assert_int_equal(n, 7);
			must_hold(p, NEW);
			return;
		}
		assert_int_equal(e.kind, ERR_IO);
		/* The last one comes after the name is in place. */
		must_hold(p, n == 6 ? NEW : OLD);
	}
}

static void
an_interrupted_call_is_made_again(void **state)
{
	struct place *p = *state;
	auto_buf bytes = { 0 };
	struct err e;

	fault_from(0, EINTR, "write");
	assert_int_equal(file_write_atomic(p->path, NEW, 0600, &e), 0);
	assert_true(fault_done());
	fault_from(0, EINTR, "read");
	assert_int_equal(file_read(p->path, 1024, &bytes, &e), 0);
	assert_true(fault_done());
	assert_true(str_eq(buf_str(&bytes), NEW));
	auto_close int fd = memfd_sealed("m", NEW, &e);
	bytes.len = 0;
	fault_from(0, EINTR, "pread64");
	assert_int_equal(memfd_read(fd, 1024, &bytes, &e), 0);
	assert_true(fault_done());
	assert_true(str_eq(buf_str(&bytes), NEW));
}

static void
a_byte_at_a_time_is_enough(void **state)
{
	struct place *p = *state;
	auto_buf bytes = { 0 };
	struct err e;

	fault_crumbs(true);
	assert_int_equal(file_write_atomic(p->path, NEW, 0600, &e), 0);
	must_hold(p, NEW);
	auto_close int fd = memfd_sealed("m", NEW, &e);
	assert_int_equal(memfd_read(fd, 1024, &bytes, &e), 0);
	assert_true(str_eq(buf_str(&bytes), NEW));
}

static void
a_failed_read_gives_nothing(void **state)
{
	struct place *p = *state;
	size_t before = fault_descriptors();
	struct err e;

	assert_int_equal(file_write_atomic(p->path, NEW, 0600, &e), 0);
	fault_crumbs(true);
	for (int n = 0;; n++) {
		auto_buf bytes = { 0 };

		assert_true(n < MANY);
		buf_add(&bytes, OLD);
		fault_from(n, EIO, NULL);
		int rc = file_read(p->path, 1024, &bytes, &e);
		bool failed = fault_done();

		assert_int_equal(rc, failed ? -1 : 0);
		assert_int_equal(fault_descriptors(), before);
		if (!failed) {
			assert_true(n > (int)NEW.len);
			return;
		}
		assert_true(str_eq(buf_str(&bytes), OLD));
	}
}

static void
an_anonymous_file_is_whole_or_absent(void **state)
{
	size_t before = fault_descriptors();
	struct err e;

	(void)state;
	for (int n = 0;; n++) {
		auto_buf bytes = { 0 };

		assert_true(n < MANY);
		fault_from(n, EIO, NULL);
		int fd = memfd_sealed("m", NEW, &e);
		int rc = fd < 0 ? -1 : memfd_read(fd, 1024, &bytes, &e);
		bool failed = fault_done();

		if (fd >= 0) {
			assert_true(fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE);
			(void)close(fd);
		}
		assert_int_equal(fault_descriptors(), before);
		assert_int_equal(rc, failed ? -1 : 0);
		assert_true(str_eq(buf_str(&bytes), failed ? STR("") : NEW));
		if (!failed) {
			assert_true(n >= 6);
			return;
		}
	}
}

static void
folders_can_be_made_after_a_failure(void **state)
{
	struct place *p = *state;
	char deep[128];
	struct err e;
	int n = 0;

	(void)snprintf(deep, sizeof(deep), "%s/a/b", p->folder);
	for (;; n++) {
		assert_true(n < MANY);
		fault_from(n, ENOSPC, NULL);
		int rc = file_mkdirs(deep, 0700, &e);

		if (!fault_done()) {
			assert_int_equal(rc, 0);
			break;
		}
		assert_int_equal(rc, -1);
	}
	assert_true(n >= 3);
	assert_int_equal(rmdir(deep), 0);
	*strrchr(deep, '/') = 0;
	assert_int_equal(rmdir(deep), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_file_is_the_old_one_or_the_new_one, up, down),
		cmocka_unit_test_setup_teardown(
		    an_interrupted_call_is_made_again, up, down),
		cmocka_unit_test_setup_teardown(
		    a_byte_at_a_time_is_enough, up, down),
		cmocka_unit_test_setup_teardown(
		    a_failed_read_gives_nothing, up, down),
		cmocka_unit_test_setup_teardown(
		    an_anonymous_file_is_whole_or_absent, up, down),
		cmocka_unit_test_setup_teardown(
		    folders_can_be_made_after_a_failure, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
