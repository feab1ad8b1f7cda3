/* SPDX-License-Identifier: Apache-2.0 */
#include "store_help.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

/*
 * A disk that is really full: a tmpfs of 24 MiB in a mount namespace of a child
 * of its own, which needs no power but a user namespace.
 */

#define DISK    "size=24m,mode=0700"
#define SKIPPED 77

static char ballast[112];

static bool
write_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CLOEXEC);
	bool done =
	    fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0) {
		(void)close(fd);
	}
	return done;
}

/* A mount namespace with the disk in it; false where the kernel lets nobody. */
static bool
own_disk(void)
{
	char uids[64];
	char gids[64];

	(void)snprintf(uids, sizeof(uids), "0 %u 1", (unsigned)geteuid());
	(void)snprintf(gids, sizeof(gids), "0 %u 1", (unsigned)getegid());
	if (geteuid() == 0) {
		if (unshare(CLONE_NEWNS)) {
			return false;
		}
	} else if (unshare(CLONE_NEWUSER | CLONE_NEWNS) ||
	           !write_file("/proc/self/uid_map", uids) ||
	           !write_file("/proc/self/setgroups", "deny") ||
	           !write_file("/proc/self/gid_map", gids)) {
		return false;
	}
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("disk", folder, "tmpfs", 0, DISK) == 0;
}

/* Leaves `left` bytes, about, for others. */
static void
fill_disk(size_t left)
{
	static char block[4096];
	int fd = open(ballast, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	must(fd >= 0);
	memset(block, 'x', sizeof(block));
	while (write(fd, block, sizeof(block)) == sizeof(block)) {
	}
	must(errno == ENOSPC);
	if (left) {
		must(!ftruncate(fd, lseek(fd, 0, SEEK_END) - (off_t)left));
	}
	(void)close(fd);
}

/* Heads with a body that does not get smaller; -1 and *e as commit. */
static int
work(struct store *store, size_t len, struct err *e)
{
	uint64_t seq = store_last_seq(store) + 1;
	auto_buf body = { 0 };

	random_bytes(buf_room(&body, len), len);
	buf_grew(&body, len);
	if (store_begin(store, e)) {
		return -1;
	}
	if (add_head(store, seq, e) ||
	    store_body_add(store, seq, 1, buf_str(&body), e)) {
		store_rollback(store);
		return -1;
	}
	return store_commit(store, e);
}

static void
expect_bodies(struct store *store, uint64_t last)
{
	struct err e = { 0 };

	must(store_last_seq(store) == last);
	must(!store_check(store, &e));
	for (uint64_t seq = 1; seq <= last; seq++) {
		auto_buf body = { 0 };

		must(!store_body_get(store, seq, &body, &e));
		must(body.len >= 3000);
	}
}

/* Works until the disk says no; the last head by then. */
static uint64_t
work_until_full(struct store *store)
{
	struct err e = { 0 };

	fill_disk(0);
	while (work(store, 300000, &e) == 0) {
	}
	must(e.kind == ERR_IO && strstr(e.text, "no room left"));
	must(store_low(store));
	return store_last_seq(store);
}

static void
wait_for_room(struct store *store)
{
	struct err e = { 0 };

	for (int i = 0; i < 40 && store_low(store); i++) {
		(void)usleep(50000);
		must(!store_begin(store, &e));
		must(!store_commit(store, &e));
	}
	must(!store_low(store));
}

static void
disk_full_story(void)
{
	struct store *store = open_store();
	struct err e = { 0 };
	uint64_t last;

	must(!store_low(store));
	must(!work(store, 3000, &e));
	last = work_until_full(store);
	/* What was begun can end: the reserve is theirs, and is not taken back
	 * while there is nothing to take. */
	for (int i = 0; i < 200; i++) {
		must(!work(store, 3000, &e));
		must(store_low(store));
	}
	expect_bodies(store, last + 200);
	/* The reserve too has an end; what was acknowledged stays. */
	last = work_until_full(store);
	expect_bodies(store, last);
	/* Room again, and no new open. */
	must(!unlink(ballast));
	must(!work(store, 3000, &e));
	wait_for_room(store);
	expect_bodies(store, last + 1);
	store_close(store);
	store = open_store();
	expect_bodies(store, last + 1);
	must(!store_low(store));
	store_close(store);
}

/* A house that starts on a disk that is full has the reserve of the last. */
static void
full_at_start_story(void)
{
	struct store *store = open_store();
	struct err e = { 0 };

	must(!work(store, 3000, &e));
	store_close(store);
	fill_disk(0);
	store = open_store();
	for (int i = 0; i < 2 && work(store, 3000, &e); i++) {
		must(store_low(store));
	}
	for (int i = 0; i < 100; i++) {
		must(!work(store, 3000, &e));
	}
	expect_bodies(store, store_last_seq(store));
	store_close(store);
}

static void
in_a_child(void (*story)(void))
{
	pid_t child = fork();
	int status = 0;

	assert_true(child >= 0);
	if (child == 0) {
		if (!own_disk()) {
			_exit(SKIPPED);
		}
		story();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
		print_message("# no mount namespace for this user\n");
		skip();
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
a_full_disk_leaves_room_to_finish(void **state)
{
	(void)state;
	in_a_child(disk_full_story);
}

static void
a_full_disk_at_the_start_leaves_room_to_finish(void **state)
{
	(void)state;
	in_a_child(full_at_start_story);
}

static void
the_reserve_is_a_private_file(void **state)
{
	struct stat status;
	char name[128];

	(void)state;
	store_close(open_store());
	(void)snprintf(name, sizeof(name), "%s-reserve", path);
	assert_int_equal(stat(name, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(status.st_size, 8 << 20);
	assert_true(status.st_blocks * 512 >= 8 << 20);
}

static int
make_disk_folder(void **state)
{
	int done = make_folder(state);

	(void)snprintf(ballast, sizeof(ballast), "%s/ballast", folder);
	return done;
}

int
main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, make_disk_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		TEST(a_full_disk_leaves_room_to_finish),
		TEST(a_full_disk_at_the_start_leaves_room_to_finish),
		TEST(the_reserve_is_a_private_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
