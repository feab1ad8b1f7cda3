/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

static char folder[] = "/tmp/handrail-base-XXXXXX";

static const char *
in_folder(struct buf *b, const char *name)
{
	buf_clear(b);
	buf_addf(b, "%s/%s", folder, name);
	return buf_z(b);
}

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
remove_folder(void **state)
{
	static const char *const names[] = { "one", "dir/deep", "dir", "" };
	auto_buf path = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		(void)remove(in_folder(&path, names[i]));
	}
	return 0;
}

static int
count_entries(void)
{
	DIR *d = opendir(folder);
	int count = 0;

	assert_non_null(d);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while (readdir(d) != NULL) {
		count++;
	}
	(void)closedir(d);
	return count - 2;
}

static void
what_is_written_is_read_with_its_mode_and_nothing_is_left(void **state)
{
	auto_buf path = { 0 };
	auto_buf out = { 0 };
	struct err e = { 0 };
	struct stat found;
	const char *one = in_folder(&path, "one");

	(void)state;
	(void)umask(077);
	assert_int_equal(file_write_atomic(one, STR("first"), 0600, &e), 0);
	assert_int_equal(file_write_atomic(one, STR("se\0cond"), 0640, &e), 0);
	assert_int_equal(stat(one, &found), 0);
	assert_int_equal(found.st_mode & 07777, 0640);
	buf_add_z(&out, "kept ");
	assert_int_equal(file_read(one, 7, &out, &e), 0);
	assert_true(str_eq(buf_str(&out), STR("kept se\0cond")));
	assert_int_equal(count_entries(), 1);
}

static void
a_file_over_the_limit_is_refused_and_not_half_read(void **state)
{
	auto_buf path = { 0 };
	auto_buf out = { 0 };
	auto_buf large = { 0 };
	struct err e = { 0 };
	const char *one = in_folder(&path, "one");

	(void)state;
	memset(buf_room(&large, 100000), 'x', 100000);
	buf_grew(&large, 100000);
	assert_int_equal(file_write_atomic(one, buf_str(&large), 0600, &e), 0);
	assert_int_equal(file_read(one, 99999, &out, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_int_equal(out.len, 0);
	assert_int_equal(file_read(one, 100000, &out, &e), 0);
	assert_true(str_eq(buf_str(&out), buf_str(&large)));
}

static void
absence_is_told_apart_from_failure(void **state)
{
	auto_buf path = { 0 };
	auto_buf out = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_read(in_folder(&path, "none"), 10, &out, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
	assert_true(str_has_str(str_of(e.text), STR("/none: No such file")));
	assert_int_equal(file_read(folder, 10, &out, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_int_equal(
	    file_write_atomic(in_folder(&path, "none/x"), STR("x"), 0600, &e),
	    -1);
	assert_int_equal(e.kind, ERR_IO);
}

static void
folders_are_made_all_the_way_and_left_as_they_are(void **state)
{
	auto_buf path = { 0 };
	struct err e = { 0 };
	struct stat found;

	(void)state;
	const char *deep = in_folder(&path, "dir/deep/");
	assert_int_equal(file_mkdirs(deep, 0700, &e), 0);
	assert_int_equal(file_mkdirs(deep, 0755, &e), 0);
	assert_int_equal(stat(deep, &found), 0);
	assert_int_equal(found.st_mode & 07777, 0700);
	assert_int_equal(file_mkdirs(in_folder(&path, "one"), 0700, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_int_equal(file_mkdirs("", 0700, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
}

static void
taking_a_descriptor_leaves_none_behind(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int taken = take_fd(&fd);

	(void)state;
	assert_true(taken >= 0);
	assert_int_equal(fd, -1);
	auto_close_fd(&fd);
	auto_close_fd(&taken);
	assert_int_equal(taken, -1);
}

static int
read_with(unsigned mode, uid_t owner,
    int (*read)(const char *, size_t, struct buf *, struct err *),
    struct err *e)
{
	auto_buf path = { 0 };
	auto_buf out = { 0 };
	const char *one = in_folder(&path, "one");

	*e = (struct err){ 0 };
	assert_int_equal(file_write_atomic(one, STR("secret"), mode, e), 0);
	assert_int_equal(chown(one, owner, (gid_t)-1), 0);
	int result = read(one, 100, &out, e);

	assert_int_equal(out.len, result ? 0 : 6);
	return result;
}

static void
a_secret_that_is_open_to_others_is_refused(void **state)
{
	static const unsigned open_modes[] = { 0640, 0620, 0610, 0604, 0602,
		0601, 0440, 0444, 0644, 0666, 0777 };
	static const unsigned own_modes[] = { 0600, 0400, 0700 };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(open_modes); i++) {
		assert_int_equal(
		    read_with(open_modes[i], geteuid(), file_read_secret, &e),
		    -1);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_non_null(strstr(e.text, "chmod 600 /tmp/"));
	}
	for (size_t i = 0; i < COUNT(own_modes); i++) {
		assert_int_equal(
		    read_with(own_modes[i], geteuid(), file_read_secret, &e),
		    0);
	}
}

#define NOBODY 65534 /* of Debian */

/* The group's bits say nothing of an owner: a chgrp would not help him. */
static void
who_may_not_read_hears_what_would_help(void **state)
{
	auto_buf path = { 0 };
	auto_buf says = { 0 };
	struct err e = { 0 };
	const char *mine = in_folder(&path, "unread");
	bool root = geteuid() == 0;

	(void)state;
	assert_int_equal(file_write_atomic(mine, STR("x"), 0200, &e), 0);
	/* Nothing is closed to root, so here he is not. */
	assert_int_equal(root ? chmod(folder, 0711) : 0, 0);
	assert_int_equal(root ? chown(mine, NOBODY, (gid_t)-1) : 0, 0);
	assert_int_equal(root ? setresuid(NOBODY, NOBODY, 0) : 0, 0);
	buf_addf(&says, "`chmod u+rX %s`", mine);
	int owned = file_refused(mine, &e);
	bool own = strstr(e.text, buf_z(&says)) != NULL;
	/* Another's, which is root's. */
	int foreign = file_refused("/etc/shadow", &e);
	bool others = strstr(e.text, "`chgrp ") && !strstr(e.text, "u+rX");
	/* Where the bits let him, it is not they. */
	int shown = file_refused("/", &e);
	bool closed = strstr(e.text, "is closed to this program") != NULL;
	assert_int_equal(root ? setresuid(0, 0, 0) : 0, 0);
	assert_int_equal(owned + foreign + shown, -3);
	assert_true(own && others && closed);
	(void)unlink(mine);
}

/* The bit of an ACL's mask, and no other; of root's files, and no other's. */
static void
a_credential_of_systemd_may_have_the_mask_of_its_acl(void **state)
{
	static const unsigned open_modes[] = { 0444, 0460, 0450, 0644, 0404 };
	struct err e = { 0 };

	(void)state;
	if (geteuid() != 0) {
		print_message("# only root makes root's files\n");
		skip();
	}
	assert_int_equal(read_with(0440, 0, file_read_handed, &e), 0);
	assert_int_equal(read_with(0400, 0, file_read_handed, &e), 0);
	assert_int_equal(read_with(0400, 1000, file_read_handed, &e), 0);
	assert_int_equal(read_with(0440, 1000, file_read_handed, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	for (size_t i = 0; i < COUNT(open_modes); i++) {
		assert_int_equal(
		    read_with(open_modes[i], 0, file_read_handed, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
	}
}

static void
a_pipe_that_is_given_keeps_nothing_and_is_read_as_a_secret(void **state)
{
	auto_buf path = { 0 };
	auto_buf out = { 0 };
	struct err e = { 0 };
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	auto_close int in = ends[0];

	assert_int_equal(fchmod(in, 0666), 0);
	assert_int_equal(write(ends[1], "secret", 6), 6);
	(void)close(ends[1]);
	buf_addf(&path, "/proc/self/fd/%d", in);
	assert_int_equal(
	    file_read_given_secret(buf_z(&path), 100, &out, &e), 0);
	assert_true(str_eq(buf_str(&out), STR("secret")));
	assert_int_equal(file_read_secret("/nowhere/x", 100, &out, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
}

/* Nobody writes to it: opened as a file is, it would be waited for. */
static void
what_is_no_file_is_refused_at_once(void **state)
{
	static int (*const reads[])(
	    const char *, size_t, struct buf *, struct err *) = { file_read,
		file_read_written, file_read_secret, file_read_handed };
	auto_buf path = { 0 };
	auto_buf out = { 0 };
	struct err e = { 0 };
	const char *one = in_folder(&path, "fifo");

	(void)state;
	assert_int_equal(mkfifo(one, 0600), 0);
	for (size_t i = 0; i < COUNT(reads); i++) {
		assert_int_equal(reads[i](one, 10, &out, &e), -1);
		assert_int_equal(e.kind, ERR_IO);
		assert_true(str_has_str(
		    str_of(e.text), STR("/fifo is a pipe and not read")));
		assert_int_equal(reads[i](folder, 10, &out, &e), -1);
		assert_true(str_has_str(str_of(e.text), STR("is a folder")));
		assert_int_equal(reads[i]("/dev/zero", 10, &out, &e), -1);
		assert_true(str_has_str(str_of(e.text), STR("is a device")));
	}
	assert_int_equal(unlink(one), 0);
}

static void
a_sealed_memfd_is_read_and_cannot_change(void **state)
{
	struct err e = { 0 };
	auto_buf out = { 0 };
	auto_close int fd = memfd_sealed("test", STR("bo\0dy"), &e);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(memfd_read(fd, 5, &out, &e), 0);
	assert_true(str_eq(buf_str(&out), STR("bo\0dy")));
	buf_clear(&out);
	assert_int_equal(file_read_fd(fd, 5, &out, &e), 0);
	assert_int_equal(out.len, 5);
	assert_int_equal(memfd_read(fd, 4, &out, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_int_equal(out.len, 5);
}

static void
what_is_not_sealed_or_no_memfd_is_refused(void **state)
{
	struct err e = { 0 };
	auto_buf out = { 0 };
	auto_close int open_one = memfd_create("t", MFD_ALLOW_SEALING);
	auto_close int other = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(memfd_read(open_one, 5, &out, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_int_equal(fcntl(open_one, F_ADD_SEALS,
	                     F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
	    0);
	assert_int_equal(memfd_read(open_one, 5, &out, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_int_equal(memfd_read(other, 5, &out, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_is_written_is_read_with_its_mode_and_nothing_is_left),
		cmocka_unit_test(
		    a_file_over_the_limit_is_refused_and_not_half_read),
		cmocka_unit_test(absence_is_told_apart_from_failure),
		cmocka_unit_test(
		    folders_are_made_all_the_way_and_left_as_they_are),
		cmocka_unit_test(taking_a_descriptor_leaves_none_behind),
		cmocka_unit_test(who_may_not_read_hears_what_would_help),
		cmocka_unit_test(a_secret_that_is_open_to_others_is_refused),
		cmocka_unit_test(
		    a_credential_of_systemd_may_have_the_mask_of_its_acl),
		cmocka_unit_test(
		    a_pipe_that_is_given_keeps_nothing_and_is_read_as_a_secret),
		cmocka_unit_test(what_is_no_file_is_refused_at_once),
		cmocka_unit_test(a_sealed_memfd_is_read_and_cannot_change),
		cmocka_unit_test(what_is_not_sealed_or_no_memfd_is_refused),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
