/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of a workspace as a property, and what helpers may never do. */
#include "cell_help.h"

#include <grp.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/un.h>
#include <sys/vfs.h>

#define TREES 40

static void
small_tree(const char *folder)
{
	(void)folder;
	(void)umask(022);
	put_text("b", "beta");
	(void)mkdir("a", 0755);
	put_text("a/x", "");
	put_text("a.txt", "alpha");
	(void)!symlink("b", "link");
	(void)mkdir("empty", 0755);
}

static void
the_digest_is_the_one_that_DESIGN_describes(void **state)
{
	static const struct {
		const char *path;
		char type;
		uint32_t mode;
		const char *content;
	} rows[] = {
		{ "a", 'd', 0755, NULL },
		{ "a/x", 'f', 0644, "" },
		{ "a.txt", 'f', 0644, "alpha" },
		{ "b", 'f', 0644, "beta" },
		{ "empty", 'd', 0755, NULL },
		{ "link", 'l', 0777, "b" },
	};
	struct bed *bed = *state;
	struct digest_run run;

	empty(bed);
	as_slot(bed, bed->work, small_tree);
	digest_begin(&run);
	digest_add(&run, STR("handrail workspace 1\n"));
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct str content = str_of(rows[i].content);
		struct digest of = { 0 };
		uint32_t path = (uint32_t)strlen(rows[i].path);
		uint64_t size = content.len;

		if (rows[i].content) {
			of = digest_of(content);
		}
		digest_add(&run, str_span(&path, 4));
		digest_add(&run, str_of(rows[i].path));
		digest_add(&run, str_span(&rows[i].type, 1));
		digest_add(&run, str_span(&rows[i].mode, 4));
		digest_add(&run, str_span(&size, 8));
		digest_add(&run, str_span(of.bytes, DIGEST_SIZE));
	}
	assert_true(digest_eq(digest(bed), digest_end(&run)));
}

static void
rename_it(const char *folder)
{
	(void)folder;
	(void)rename("b", "c");
}

static void
rename_back(const char *folder)
{
	(void)folder;
	(void)rename("c", "b");
}

static void
change_mode(const char *folder)
{
	(void)folder;
	(void)chmod("b", 0755);
}

static void
change_content(const char *folder)
{
	(void)folder;
	put_text("b", "Beta");
	(void)chmod("b", 0644);
}

static void
turn_link(const char *folder)
{
	(void)folder;
	put_text("b", "beta");
	(void)unlink("link");
	(void)!symlink("c", "link");
}

static void
link_to_file(const char *folder)
{
	(void)folder;
	(void)unlink("link");
	put_text("link", "b");
}

static void
add_empty(const char *folder)
{
	(void)folder;
	(void)mkdir("more", 0755);
}

static void
every_change_changes_it_and_none_other(void **state)
{
	static void (*const changes[])(const char *) = { rename_it, change_mode,
		change_content, turn_link, link_to_file, add_empty };
	struct bed *bed = *state;
	struct digest seen[COUNT(changes) + 1];

	empty(bed);
	as_slot(bed, bed->work, small_tree);
	seen[0] = digest(bed);
	assert_true(digest_eq(seen[0], digest(bed)));
	as_slot(bed, bed->work, rename_it);
	as_slot(bed, bed->work, rename_back);
	assert_true(digest_eq(seen[0], digest(bed)));
	for (size_t i = 0; i < COUNT(changes); i++) {
		as_slot(bed, bed->work, changes[i]);
		seen[i + 1] = digest(bed);
		for (size_t k = 0; k <= i; k++) {
			assert_false(digest_eq(seen[k], seen[i + 1]));
		}
		if (i == 0) {
			as_slot(bed, bed->work, rename_back);
		}
	}
	/* The same things made anew, and in another order, are the same. */
	empty(bed);
	as_slot(bed, bed->work, add_empty);
	empty(bed);
	as_slot(bed, bed->work, small_tree);
	assert_true(digest_eq(seen[0], digest(bed)));
}

static unsigned seed;

static void
random_tree(const char *folder)
{
	unsigned s = seed;
	char path[64];

	(void)folder;
	for (int i = 0; i < 12; i++) {
		unsigned shape = (unsigned)rand_r(&s);

		int len = snprintf(path, sizeof(path), "%c%u", "abc"[shape % 3],
		    shape / 3 % 50);
		if (shape & 64) {
			(void)mkdir(path, 0700);
			(void)snprintf(
			    path + len, sizeof(path) - (size_t)len, "/in");
		}
		put_text(path, shape & 128 ? "x" : "y");
	}
}

static void
one_more(const char *folder)
{
	(void)folder;
	put_text("zzz", "new");
}

static void
random_trees_repeat_and_differ(void **state)
{
	struct bed *bed = *state;
	struct digest last = { 0 };

	for (seed = 1; seed <= TREES; seed++) {
		empty(bed);
		as_slot(bed, bed->work, random_tree);
		struct digest first = digest(bed);

		assert_false(digest_eq(first, last));
		empty(bed);
		as_slot(bed, bed->work, random_tree);
		assert_true(digest_eq(first, digest(bed)));
		as_slot(bed, bed->work, one_more);
		assert_false(digest_eq(first, digest(bed)));
		last = first;
	}
}

static char outside[64];

static void
point_outside(const char *folder)
{
	(void)folder;
	(void)!symlink(outside, "out");
	(void)!symlink("/etc/passwd", "passwd");
	(void)mkdir("shut", 0700);
	put_text("shut/file", "x");
	(void)chmod("shut", 0);
}

static void
open_up(const char *folder)
{
	(void)folder;
	(void)chmod("shut", 0700);
}

static void
no_helper_follows_a_link_out(void **state)
{
	struct bed *bed = *state;
	char path[96];
	struct cell_event event;

	(void)strcpy(outside, "/tmp/cell-outside-XXXXXX");
	assert_non_null(mkdtemp(outside));
	assert_int_equal(chmod(outside, 0777), 0);
	(void)snprintf(path, sizeof(path), "%s/kept", outside);
	put_text(path, "1");
	assert_int_equal(chmod(path, 0666), 0);
	empty(bed);
	as_slot(bed, bed->work, point_outside);
	/* What cannot be read cannot be vouched for. */
	assert_false(work(bed, CELL_WORK_DIGEST, bed->work, &event));
	assert_non_null(strstr(event.text, "shut"));
	as_slot(bed, bed->work, open_up);
	struct digest before = digest(bed);

	put_text(path, "2");
	assert_true(digest_eq(before, digest(bed)));
	as_slot(bed, bed->work, point_outside);
	empty(bed);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(outside), 0);
	assert_int_equal(rmdir(bed->work), 0); /* it is empty: shut and all */
	assert_int_equal(mkdir(bed->work, 0700), 0);
	own(bed, bed->work);
}

static void
dig(const char *folder)
{
	(void)folder;
	for (int i = 0; i < 200; i++) {
		if (mkdir("d", 0700) || chdir("d")) {
			_exit(3);
		}
	}
}

static void
dig_wide(const char *folder)
{
	char name[256];

	(void)folder;
	memset(name, 'w', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (int i = 0; i < 40; i++) {
		if (mkdir(name, 0700) || chdir(name)) {
			_exit(3);
		}
		put_text("file", "x");
	}
}

static void
a_bottomless_tree_is_not_digested_but_dropped(void **state)
{
	struct bed *bed = *state;
	struct cell_event event;

	empty(bed);
	as_slot(bed, bed->work, dig);
	assert_false(work(bed, CELL_WORK_DIGEST, bed->work, &event));
	assert_non_null(strstr(event.text, "deeper"));
	empty(bed);
	(void)digest(bed);
	as_slot(bed, bed->work, dig_wide);
	assert_false(work(bed, CELL_WORK_DIGEST, bed->work, &event));
	empty(bed);
	(void)digest(bed);
}

static void
doors(const char *folder)
{
	(void)folder;
	(void)mkdir("deep", 0700);
	(void)mkfifo("deep/pipe", 0600);
}

static void
shut_door(const char *folder)
{
	(void)folder;
	(void)chmod("deep", 0);
}

static void
what_cells_share_is_checked_for_doors_they_can_reach(void **state)
{
	struct bed *bed = *state;
	struct cell_event event;

	empty(bed);
	assert_true(work(bed, CELL_WORK_CHECK, bed->work, &event));
	as_slot(bed, bed->work, doors);
	assert_false(work(bed, CELL_WORK_CHECK, bed->work, &event));
	assert_non_null(strstr(event.text, "\"deep/pipe\" in /usr is a FIFO"));
	as_slot(bed, bed->work, shut_door);
	assert_true(work(bed, CELL_WORK_CHECK, bed->work, &event));
	empty(bed);
}

/* By a slot, with what a look before left in `seen`. */
static bool
looked(struct bed *bed, uint32_t slot, int seen, struct cell_event *event)
{
	int fd = open(bed->work, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct cell *helper;
	struct err e;

	assert_true(fd >= 0);
	assert_int_equal(cell_check(bed->host, slot, fd, seen, &helper, &e), 0);
	(void)close(fd);
	hear(helper, event);
	cell_free(helper);
	return event->kind == CELL_WORKED;
}

static void
mark(int seen)
{
	const struct timespec first[2] = { { 0 } };

	assert_int_equal(futimens(seen, first), 0);
}

static bool
written(int seen)
{
	struct stat st;

	assert_int_equal(fstat(seen, &st), 0);
	return st.st_mtim.tv_sec != 0;
}

/* Nothing is kept of a stamp that could come again: until it is older. */
static void
look_until_kept(struct bed *bed, uint32_t slot, int seen)
{
	struct cell_event event;
	struct stat st = { 0 };

	for (unsigned i = 0; i < 6000 && st.st_size == 0; i++) {
		(void)usleep(10 * 1000);
		assert_true(looked(bed, slot, seen, &event));
		assert_int_equal(fstat(seen, &st), 0);
	}
	assert_true(st.st_size > 0);
	mark(seen);
}

static void
plain_tree(const char *folder)
{
	(void)folder;
	(void)mkdir("deep", 0700);
	(void)mkdir("deep/deeper", 0700);
	(void)mkdir("other", 0700);
	put_text("deep/deeper/plain", "text");
}

static void
one_beside(const char *folder)
{
	(void)folder;
	put_text("deep/deeper/more", "text");
}

static void
hide_door(const char *folder)
{
	(void)folder;
	(void)unlink("deep/deeper/plain");
	(void)mkfifo("deep/deeper/plain", 0600);
}

static void
what_was_in_order_is_listed_again_when_a_folder_changed(void **state)
{
	struct bed *bed = *state;
	struct cell_event event;
	FILE *f = tmpfile();
	int seen = f ? fileno(f) : -1;
	struct statfs fs;
	struct stat st;

	assert_true(seen >= 0);
	if (statfs(bed->work, &fs) || (uint32_t)fs.f_type == TMPFS_MAGIC) {
		(void)fclose(f);
		print_message("# skipped: stamps do not tell of all here\n");
		skip();
	}
	empty(bed);
	assert_int_equal(stat(bed->work, &st), 0);
	assert_int_equal(chmod(bed->work, 0755), 0); /* also another slot's */
	as_slot(bed, bed->work, plain_tree);
	look_until_kept(bed, SLOT, seen);
	assert_true(looked(bed, SLOT, seen, &event));
	assert_false(written(seen));
	as_slot(bed, bed->work, one_beside);
	assert_true(looked(bed, SLOT, seen, &event));
	assert_true(written(seen));
	look_until_kept(bed, SLOT, seen);
	/* Another id may reach more. */
	if (cell_host_ids(bed->host) == CELL_IDS_SLOTS) {
		assert_true(looked(bed, SLOT + 1, seen, &event));
		assert_true(written(seen));
		look_until_kept(bed, SLOT, seen);
	}
	/* So may a group. */
	gid_t more = UID_BASE + SLOT + 2;
	gid_t groups[64];
	int count = getgroups(COUNT(groups), groups);

	if (geteuid() == 0 && count >= 0 && setgroups(1, &more) == 0) {
		assert_true(looked(bed, SLOT, seen, &event));
		assert_int_equal(setgroups((size_t)count, groups), 0);
		assert_true(written(seen));
		look_until_kept(bed, SLOT, seen);
	}
	as_slot(bed, bed->work, hide_door);
	assert_false(looked(bed, SLOT, seen, &event));
	assert_non_null(strstr(event.text, "is a FIFO"));
	assert_false(looked(bed, SLOT, seen, &event));
	assert_int_equal(chmod(bed->work, st.st_mode & 07777), 0);
	(void)fclose(f);
	empty(bed);
}

#define PIT_DEPTH   100
#define DESCRIPTORS 80 /* not enough for it */

static void
deep_door(const char *folder)
{
	(void)folder;
	for (int i = 0; i < PIT_DEPTH; i++) {
		if (mkdir("d", 0700) || chdir("d")) {
			_exit(3);
		}
	}
	(void)mkfifo("door", 0600);
}

static void
what_could_not_be_looked_at_is_not_remembered(void **state)
{
	struct bed *bed = *state;
	struct cell_event event;
	FILE *f = tmpfile();
	int seen = f ? fileno(f) : -1;
	struct rlimit all, few;
	struct statfs fs;
	struct stat st;

	assert_true(seen >= 0);
	if (statfs(bed->work, &fs) || (uint32_t)fs.f_type == TMPFS_MAGIC) {
		(void)fclose(f);
		print_message("# skipped: stamps do not tell of all here\n");
		skip();
	}
	empty(bed);
	as_slot(bed, bed->work, plain_tree);
	look_until_kept(bed, SLOT, seen);
	as_slot(bed, bed->work, deep_door);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = all;
	few.rlim_cur = DESCRIPTORS;
	/* Its stamps are to be old enough to count. */
	(void)usleep(100 * 1000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	bool passed = looked(bed, SLOT, seen, &event);

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	assert_true(passed);
	assert_int_equal(fstat(seen, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_false(looked(bed, SLOT, seen, &event));
	assert_non_null(strstr(event.text, "is a FIFO"));
	(void)fclose(f);
	empty(bed);
}

static void
what_was_remembered_in_part_is_nothing(void **state)
{
	struct bed *bed = *state;
	struct cell_event event;
	FILE *f = tmpfile();
	int seen = f ? fileno(f) : -1;
	struct statfs fs;
	struct stat st;

	assert_true(seen >= 0);
	if (statfs(bed->work, &fs) || (uint32_t)fs.f_type == TMPFS_MAGIC) {
		(void)fclose(f);
		print_message("# skipped: stamps do not tell of all here\n");
		skip();
	}
	empty(bed);
	as_slot(bed, bed->work, plain_tree);
	look_until_kept(bed, SLOT, seen);
	assert_int_equal(fstat(seen, &st), 0);
	for (off_t size = 0; size < st.st_size; size += 7) {
		assert_int_equal(ftruncate(seen, size), 0);
		mark(seen);
		assert_true(looked(bed, SLOT, seen, &event));
		assert_true(written(seen));
	}
	(void)fclose(f);
	empty(bed);
}

static void
ordinary_file(const char *folder)
{
	(void)folder;
	put_text("plain", "text");
	(void)mkfifo("pipe", 0600);
}

static void
remove_pipe(const char *folder)
{
	(void)folder;
	(void)unlink("pipe");
}

/* Its folder goes on to call it a file. */
static void
what_is_mounted_over_a_file_is_what_counts(void **state)
{
	struct bed *bed = *state;
	struct cell_event event;
	char pipe[PATH_MAX];
	char plain[PATH_MAX];

	empty(bed);
	as_slot(bed, bed->work, ordinary_file);
	(void)snprintf(pipe, sizeof(pipe), "%s/pipe", bed->work);
	(void)snprintf(plain, sizeof(plain), "%s/plain", bed->work);
	if (mount(pipe, plain, NULL, MS_BIND, NULL)) {
		print_message("# skipped: nothing can be mounted here\n");
		skip();
	}
	as_slot(bed, bed->work, remove_pipe);
	bool passed = work(bed, CELL_WORK_CHECK, bed->work, &event);

	assert_int_equal(umount2(plain, MNT_DETACH), 0);
	assert_false(passed);
	assert_non_null(strstr(event.text, "\"plain\" in /usr is a FIFO"));
	assert_true(work(bed, CELL_WORK_CHECK, bed->work, &event));
	empty(bed);
}

static void
a_workspace_is_given_whole_to_another_slot(void **state)
{
	struct bed *bed = *state;
	struct cell_event event;
	struct stat st;
	char path[96];

	if (cell_host_ids(bed->host) == CELL_IDS_ONE) {
		print_message("# skipped: one id for all cells here\n");
		skip();
	}
	empty(bed);
	as_slot(bed, bed->work, small_tree);
	assert_int_equal(chown(bed->work, 0, 0), 0);
	own(bed, bed->work);
	(void)snprintf(path, sizeof(path), "%s/link", bed->work);
	int fd = open(bed->work, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct cell *helper;
	struct err e;

	assert_int_equal(
	    cell_work(bed->host, CELL_WORK_OWN, SLOT + 1, fd, &helper, &e), 0);
	expect(helper, CELL_WORKED, &event);
	cell_free(helper);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_uid, UID_BASE + SLOT + 1);
	/* And the old slot cannot even look any more. */
	assert_false(work(bed, CELL_WORK_DIGEST, bed->work, &event));
	assert_int_equal(
	    cell_work(bed->host, CELL_WORK_OWN, 99, fd, &helper, &e), -1);
	(void)close(fd);
	own(bed, bed->work);
}

/* --- measured, while it grows --- */

#define PIECE ((size_t)64 * 1024)

static void
write_piece(const char *path)
{
	static char piece[PIECE];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	memset(piece, 'x', sizeof(piece));
	assert_true(write(fd, piece, sizeof(piece)) == (ssize_t)sizeof(piece));
	(void)close(fd);
}

/* Ten pieces, one of them behind a shut door, and a name more for one. */
static void
ten_pieces(const char *folder)
{
	char name[16];

	(void)folder;
	for (int i = 0; i < 9; i++) {
		(void)snprintf(name, sizeof(name), "piece-%d", i);
		write_piece(name);
	}
	(void)!link("piece-0", "again");
	(void)!link("piece-0", "and-again");
	(void)mkdir("shut", 0700);
	write_piece("shut/piece");
	(void)chmod("shut", 0);
}

static bool
says_within(struct cell *helper, struct cell_event *event, int64_t us)
{
	struct pollfd p = { .fd = cell_fd(helper), .events = POLLIN };

	if (poll(&p, 1, (int)(us / 1000)) == 1) {
		cell_next(helper, event);
		return event->kind != CELL_NOTHING;
	}
	return false;
}

static struct cell *
watched(struct bed *bed, uint64_t limit)
{
	int fd = open(bed->work, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct cell *helper;
	struct err e;

	if (cell_watch(bed->host, SLOT, fd, limit, &helper, &e)) {
		fail_msg("%s", e.text);
	}
	(void)close(fd);
	return helper;
}

static void
a_workspace_that_grows_over_its_bound_is_told(void **state)
{
	struct bed *bed = *state;
	struct cell_event event = { 0 };
	bool shut_too = cell_host_ids(bed->host) == CELL_IDS_SLOTS;

	empty(bed);
	as_slot(bed, bed->work, ten_pieces);
	/* It holds ten and is allowed eleven; whoever looks away sees nine. */
	struct cell *helper = watched(bed, 11 * PIECE + PIECE / 2);

	assert_false(says_within(helper, &event, 2500000));
	as_slot(bed, bed->work, small_tree);
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/more-1", bed->work);
	write_piece(path);
	(void)snprintf(path, sizeof(path), "%s/more-2", bed->work);
	write_piece(path);
	if (!shut_too) { /* nobody may look behind that door here */
		(void)snprintf(path, sizeof(path), "%s/more-3", bed->work);
		write_piece(path);
	}
	assert_true(says_within(helper, &event, 60 * CLOCK_SECOND));
	assert_int_equal(event.kind, CELL_FAILED);
	assert_non_null(strstr(event.text, "[limits] workspace"));
	cell_free(helper);
	/* Until it is killed it measures on. */
	helper = watched(bed, 100 * PIECE);
	assert_false(says_within(helper, &event, 1500000));
	cell_kill(helper);
	assert_true(says_within(helper, &event, 60 * CLOCK_SECOND));
	assert_int_equal(event.kind, CELL_GONE);
	cell_free(helper);
	empty(bed);
}

/* 40 MiB of names; a file may have 65000 on some file systems. */
static void
long_names(const char *folder)
{
	char first[256] = "";
	char name[256];

	(void)folder;
	for (int i = 0; i < 160 * 1024; i++) {
		(void)snprintf(name, sizeof(name), "%0255d", i);
		if (i % 30000 == 0) {
			put_text(name, "");
			memcpy(first, name, sizeof(first));
		} else if (link(first, name)) {
			_exit(3);
		}
	}
}

/* What measures is outside of the cell's own memory. */
static void
names_beyond_a_bound_are_not_kept_but_dropped(void **state)
{
	struct bed *bed = *state;
	struct cell_event event = { 0 };

	empty(bed);
	as_slot(bed, bed->work, long_names);
	struct cell *helper = watched(bed, UINT64_MAX);

	assert_true(says_within(helper, &event, 60 * CLOCK_SECOND));
	assert_int_equal(event.kind, CELL_FAILED);
	assert_int_equal(event.code, ERR_LIMIT);
	assert_non_null(strstr(event.text, "MiB of names"));
	cell_free(helper);
	empty(bed);
	(void)digest(bed);
}

static void
whoever_measures_ends_with_whoever_asked(void **state)
{
	struct bed *bed = *state;
	struct cell_event event = { 0 };
	struct cell *helper = watched(bed, UINT64_MAX);
	struct pollfd dead = { .fd = cell_pidfd(helper), .events = POLLIN };

	assert_false(says_within(helper, &event, 100000));
	assert_int_equal(shutdown(cell_fd(helper), SHUT_RDWR), 0);
	assert_int_equal(poll(&dead, 1, 60000), 1);
	cell_free(helper);
}

/* A fault of its own is none of the bound. */
static void
a_fault_says_whether_it_is_of_the_bound(void **state)
{
	struct bed *bed = *state;
	struct cell_event event;
	char path[96];

	empty(bed);
	(void)snprintf(path, sizeof(path), "%s/door", bed->work);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(work(bed, CELL_WORK_CHECK, bed->work, &event));
	assert_int_equal(event.kind, CELL_FAILED);
	assert_int_equal(event.code, ERR_DENIED);
	empty(bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_digest_is_the_one_that_DESIGN_describes),
		cmocka_unit_test(every_change_changes_it_and_none_other),
		cmocka_unit_test(random_trees_repeat_and_differ),
		cmocka_unit_test(no_helper_follows_a_link_out),
		cmocka_unit_test(a_bottomless_tree_is_not_digested_but_dropped),
		cmocka_unit_test(
		    what_cells_share_is_checked_for_doors_they_can_reach),
		cmocka_unit_test(
		    what_was_in_order_is_listed_again_when_a_folder_changed),
		cmocka_unit_test(what_could_not_be_looked_at_is_not_remembered),
		cmocka_unit_test(what_was_remembered_in_part_is_nothing),
		cmocka_unit_test(what_is_mounted_over_a_file_is_what_counts),
		cmocka_unit_test(a_workspace_is_given_whole_to_another_slot),
		cmocka_unit_test(a_workspace_that_grows_over_its_bound_is_told),
		cmocka_unit_test(whoever_measures_ends_with_whoever_asked),
		cmocka_unit_test(a_fault_says_whether_it_is_of_the_bound),
		cmocka_unit_test(names_beyond_a_bound_are_not_kept_but_dropped),
	};

	return cmocka_run_group_tests(tests, bed_up, bed_down);
}
