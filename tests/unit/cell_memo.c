/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A digest that remembers the last one, on real files, against one that is
 * made here and remembers nothing.  Whatever was done to the folder between:
 * both must agree, and what was not changed must not be read.
 */
#include "cell_help.h"

#include <fts.h>
#include <linux/magic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <time.h>

#include "cell/inside.h"

#define FILES 24
#define STEPS 60

/* --- the same digest, without a memory ---------------------------------- */

static int
by_bytes(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void
add_entry(struct digest_run *run, const char *path, const struct stat *st,
    const char *type, const struct buf *content)
{
	uint32_t length = (uint32_t)strlen(path);
	uint32_t mode = st->st_mode & 07777;
	uint64_t size = content->len;
	struct digest of = { 0 };

	if (*type != 'd') {
		of = digest_of(buf_str(content));
	}
	digest_add(run, str_span(&length, sizeof(length)));
	digest_add(run, str_of(path));
	digest_add(run, str_span(type, 1));
	digest_add(run, str_span(&mode, sizeof(mode)));
	digest_add(run, str_span(&size, sizeof(size)));
	digest_add(run, str_span(of.bytes, DIGEST_SIZE));
}

static struct digest
truth(const char *folder)
{
	char top[64];
	char *const tops[] = { top, NULL };

	assert_true(str_copy(top, sizeof(top), str_of(folder)));
	FTS *walk = fts_open(tops, FTS_PHYSICAL | FTS_NOCHDIR, by_bytes);
	struct digest_run run;
	struct err e;

	assert_non_null(walk);
	digest_begin(&run);
	digest_add(&run, STR("handrail workspace 1\n"));
	for (FTSENT *f; (f = fts_read(walk));) {
		auto_buf content = { 0 };
		const char *type = f->fts_info == FTS_D   ? "d"
		                   : f->fts_info == FTS_F ? "f"
		                                          : "l";

		if (f->fts_level == 0 || f->fts_info == FTS_DP) {
			continue;
		}
		if (f->fts_info == FTS_F) {
			assert_int_equal(
			    file_read(f->fts_accpath, 1 << 27, &content, &e),
			    0);
		} else if (f->fts_info == FTS_SL) {
			ssize_t got = readlink(f->fts_accpath,
			    buf_room(&content, PATH_MAX), PATH_MAX);

			assert_true(got > 0);
			buf_grew(&content, (size_t)got);
		} else {
			assert_int_equal(f->fts_info, FTS_D);
		}
		add_entry(&run, f->fts_path + strlen(folder) + 1, f->fts_statp,
		    type, &content);
	}
	(void)fts_close(walk);
	return digest_end(&run);
}

/* How many files were read for it. */
static uint64_t
checked(struct bed *bed, const char *folder)
{
	struct cell_event event;

	if (!work(bed, CELL_WORK_DIGEST, folder, &event)) {
		fail_msg("%s", event.text);
	}
	if (!digest_eq(event.digest, truth(folder))) {
		fail_msg("not what is there");
	}
	return event.read;
}

/* --- the ground ---------------------------------------------------------- */

static bool
is_on(const char *folder, uint32_t type)
{
	struct statfs fs;

	return statfs(folder, &fs) == 0 && (uint32_t)fs.f_type == type;
}

static void
need_stamps(const struct bed *bed)
{
	char path[96];
	struct stat st;

	if (!is_on(bed->work, EXT4_SUPER_MAGIC) &&
	    !is_on(bed->work, XFS_SUPER_MAGIC) &&
	    !is_on(bed->work, BTRFS_SUPER_MAGIC)) {
		print_message("# skipped: /tmp is on a file system of which "
		              "nothing is remembered\n");
		skip();
	}
	(void)snprintf(path, sizeof(path), "%s/stamped", bed->work);
	put_text(path, "");
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(unlink(path), 0);
	if (st.st_ctim.tv_nsec == 0) {
		print_message("# skipped: /tmp has stamps of whole seconds\n");
		skip();
	}
}

/* Until no change can bear a stamp that a file here has. */
static void
settle(void)
{
	const struct timespec rest = { .tv_nsec = 45000000 };

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, NULL);
}

static void
some_files(const char *folder)
{
	char path[32];

	(void)folder;
	(void)umask(022);
	(void)mkdir("d", 0755);
	for (int i = 0; i < FILES; i++) {
		(void)snprintf(path, sizeof(path), i % 2 ? "d/%d" : "%d", i);
		put_text(path, "some text");
	}
	(void)!symlink("0", "link");
}

/* Files that are all known. */
static void
known_files(struct bed *bed)
{
	need_stamps(bed);
	empty(bed);
	as_slot(bed, bed->work, some_files);
	settle();
	assert_int_equal(checked(bed, bed->work), FILES);
	assert_int_equal(checked(bed, bed->work), 0);
}

static void
what_is_as_it_was_is_not_read_again(void **state)
{
	struct bed *bed = *state;

	known_files(bed);
	assert_int_equal(checked(bed, bed->work), 0);
}

/* --- every way to change a file ------------------------------------------- */

static void
put_back(const char *path, const struct stat *st)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };

	if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW)) {
		_exit(4);
	}
}

static struct stat
look(const char *path)
{
	struct stat st;

	if (lstat(path, &st)) {
		_exit(5);
	}
	return st;
}

static void
write_at(const char *path, const char *text, off_t at)
{
	struct stat st = look(path);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	(void)!pwrite(fd, text, strlen(text), at);
	(void)close(fd);
	put_back(path, &st);
}

static void
one_byte(const char *folder)
{
	(void)folder;
	write_at("d/7", "T", 5);
}

static void
one_byte_more(const char *folder)
{
	(void)folder;
	write_at("d/7", "!", 9);
}

static void
one_byte_less(const char *folder)
{
	struct stat st = look("d/7");

	(void)folder;
	(void)!truncate("d/7", 8);
	put_back("d/7", &st);
}

static void
another_in_its_place(const char *folder)
{
	struct stat st = look("d/7");

	(void)folder;
	put_text("d/new", "some test");
	put_back("d/new", &st);
	(void)rename("d/new", "d/7");
}

static void
exchanged(const char *folder)
{
	(void)folder;
	write_at("8", "SOME", 0);
	(void)renameat2(AT_FDCWD, "8", AT_FDCWD, "d/7", RENAME_EXCHANGE);
}

static void
by_its_other_name(const char *folder)
{
	(void)folder;
	(void)!link("d/7", "other");
	write_at("other", "TEXT", 5);
	(void)unlink("other");
}

static void
hole(const char *folder)
{
	struct stat st = look("d/7");
	int fd = open("d/7", O_WRONLY | O_CLOEXEC);

	(void)folder;
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1, 3)) {
		write_at("d/7", "\0\0\0", 1);
	}
	(void)close(fd);
	put_back("d/7", &st);
}

/* Read first: the page is there, and only then written. */
static void
by_mapping(const char *folder)
{
	int fd = open("d/7", O_RDWR | O_CLOEXEC);
	volatile char *page =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	(void)folder;
	if (page == MAP_FAILED || page[0] == '\0') {
		_exit(6);
	}
	page[0] ^= 1;
	_exit(0);
}

static void
only_its_mode(const char *folder)
{
	(void)folder;
	(void)chmod("d/7", 0755);
}

static void
a_link_instead(const char *folder)
{
	(void)folder;
	(void)unlink("d/7");
	(void)!symlink("8", "d/7");
}

static void
away(const char *folder)
{
	(void)folder;
	(void)unlink("d/7");
}

struct change {
	void (*act)(const char *);
	uint64_t read; /* files, at most */
};

static void
change_is_seen(struct bed *bed, const struct change *change)
{
	known_files(bed);
	struct digest before = digest(bed);

	as_slot(bed, bed->work, change->act);
	settle();
	assert_true(checked(bed, bed->work) <= change->read);
	assert_false(digest_eq(before, digest(bed)));
	assert_int_equal(checked(bed, bed->work), 0);
}

static void
every_change_is_seen_and_nothing_else_is_read(void **state)
{
	static const struct change changes[] = { { one_byte, 1 },
		{ one_byte_more, 1 }, { one_byte_less, 1 },
		{ another_in_its_place, 1 }, { exchanged, 2 },
		{ by_its_other_name, 1 }, { hole, 1 }, { by_mapping, 1 },
		{ only_its_mode, 1 }, { a_link_instead, 0 }, { away, 0 } };

	for (size_t i = 0; i < COUNT(changes); i++) {
		print_message("# change %zu\n", i);
		change_is_seen(*state, &changes[i]);
	}
}

static void
turned_around(const char *folder)
{
	(void)folder;
	(void)rename("d", "e");
}

/* The digest is of paths; what is known is of files. */
static void
files_that_moved_with_their_folder_are_not_read(void **state)
{
	struct bed *bed = *state;

	known_files(bed);
	as_slot(bed, bed->work, turned_around);
	assert_int_equal(checked(bed, bed->work), 0);
}

/* --- any of them, in any order ----------------------------------------------
 */

static unsigned seed;

static void
random_change(const char *folder)
{
	unsigned s = seed;
	unsigned file = (unsigned)rand_r(&s) % FILES;
	unsigned other = (unsigned)rand_r(&s) % FILES;
	char path[32], to[32], text[16];
	struct stat st;

	(void)folder;
	(void)umask(022);
	(void)snprintf(path, sizeof(path), file % 2 ? "d/%u" : "%u", file);
	(void)snprintf(to, sizeof(to), other % 2 ? "d/%u" : "%u", other);
	(void)snprintf(text, sizeof(text), "%u", (unsigned)rand_r(&s) % 1000);
	bool there = lstat(path, &st) == 0 && S_ISREG(st.st_mode);

	switch (rand_r(&s) % 9) {
	case 0:
		put_text(path, text);
		break;
	case 1:
		(void)unlink(path);
		break;
	case 2:
		(void)rename(path, to);
		break;
	case 3:
		(void)!link(path, to);
		break;
	case 4:
		(void)!symlink(path, to);
		break;
	case 5:
		(void)chmod(path, 0755);
		break;
	case 6:
		(void)!truncate(path, rand_r(&s) % 12);
		break;
	default:
		if (there) {
			write_at(path, text, rand_r(&s) % 4);
		}
	}
}

static void
after_any_changes_it_is_the_one_without_a_memory(void **state)
{
	struct bed *bed = *state;
	uint64_t read = 0;
	unsigned first = (unsigned)time(NULL);

	print_message("# seed %u\n", first);
	known_files(bed);
	for (seed = first; seed < first + STEPS; seed++) {
		as_slot(bed, bed->work, random_change);
		if (seed % 3 == 0) {
			settle();
		}
		read += checked(bed, bed->work);
	}
	/* One change is of two files at most, and each is read again until its
	 * stamp has settled, three steps later. */
	assert_in_range(read, 1, (uintmax_t)STEPS * 8);
	empty(bed);
}

/* --- when nothing is remembered ---------------------------------------------
 */

/* What a command mapped it may write for ever, under one stamp. */
static int
hold_mapping(void)
{
	int fd = open("/work/d/7", O_RDWR | O_CLOEXEC);
	char *page =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char go;

	if (page == MAP_FAILED) {
		return 1;
	}
	page[0] = 'S';
	(void)!write(STDOUT_FILENO, "1", 1);
	while (read(STDIN_FILENO, &go, 1) == 1) {
		page[0]++;
		(void)!write(STDOUT_FILENO, "2", 1);
	}
	return 0;
}

static void
say(struct pipes p, const char *word)
{
	char got = 0;

	if (word) {
		assert_int_equal(write(p.in, word, 1), 1);
	}
	assert_int_equal(read(p.out, &got, 1), 1);
}

static void
while_a_command_lives_all_is_read(void **state)
{
	static const char *const words[] = { "/work/probe", "hold", NULL };
	struct bed *bed = *state;
	struct cell_plan plan = { 0 };
	char path[96];

	known_files(bed);
	(void)snprintf(path, sizeof(path), "%s/probe", bed->work);
	copy_self(path);
	struct cell *cell = make(bed, &plan);

	start(cell, "");
	/* Nothing of the cell's has run: what is known is believed. */
	assert_int_equal(checked(bed, bed->work), 1);
	struct pipes p = launch(cell, words, 0);

	say(p, NULL);
	settle();
	assert_int_equal(checked(bed, bed->work), FILES + 1);
	say(p, "x");
	assert_int_equal(checked(bed, bed->work), FILES + 1);
	say(p, "x");
	cell_free(cell);
	(void)close(p.in);
	(void)close(p.out);
	/* The stamp is as old as its first byte, and it was read since. */
	uint64_t read = checked(bed, bed->work);

	assert_in_range(read, 1, 2);
	assert_int_equal(checked(bed, bed->work), 0);
	empty(bed);
}

/* What was read before its first write is of no worth behind it. */
static void
a_digest_that_a_command_ran_into_leaves_nothing(void **state)
{
	static const char *const words[] = { "/work/probe", "hold", NULL };
	struct bed *bed = *state;
	struct cell_plan plan = { 0 };
	struct cell_event event;
	struct cell *helper;
	char path[96];
	struct err e;

	known_files(bed);
	(void)snprintf(path, sizeof(path), "%s/probe", bed->work);
	copy_self(path);
	struct cell *cell = make(bed, &plan);

	start(cell, "");
	int fd = open(bed->work, O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(
	    cell_work(bed->host, CELL_WORK_DIGEST, SLOT, fd, &helper, &e), 0);
	(void)close(fd);
	struct pipes p = launch(cell, words, 0);

	say(p, NULL);
	expect(helper, CELL_WORKED, &event);
	cell_free(helper);
	say(p, "x");
	cell_free(cell);
	(void)close(p.in);
	(void)close(p.out);
	settle();
	assert_int_equal(checked(bed, bed->work), FILES + 1);
	assert_int_equal(checked(bed, bed->work), 0);
	empty(bed);
}

static void
a_folder_in_memory_is_always_read(void **state)
{
	struct bed *bed = *state;
	char folder[] = "/dev/shm/cell-memo-XXXXXX";

	if (!is_on("/dev/shm", TMPFS_MAGIC) || !mkdtemp(folder)) {
		print_message("# skipped: /dev/shm is no tmpfs\n");
		skip();
	}
	own(bed, folder);
	as_slot(bed, folder, some_files);
	settle();
	assert_int_equal(checked(bed, folder), FILES);
	/* There no stamp tells of it. */
	as_slot(bed, folder, by_mapping);
	assert_int_equal(checked(bed, folder), FILES);
	struct cell_event event;

	assert_true(work(bed, CELL_WORK_DROP, folder, &event));
	assert_int_equal(rmdir(folder), 0);
}

static size_t
memos_held(const struct bed *bed)
{
	size_t count = 0;

	for (const struct memo *m = bed->host->memos.first; m; m = m->next) {
		count++;
	}
	return count;
}

/* A helper that is asked and has not answered yet. */
static struct cell
asked(struct bed *bed, const char *folder, int *memo)
{
	int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct cell helper = { .host = bed->host };

	*memo = memo_lend(&helper, fd);
	(void)close(fd);
	return helper;
}

static void
remember(struct bed *bed, const char *folder, size_t bytes)
{
	int memo;
	struct cell helper = asked(bed, folder, &memo);

	assert_true(memo >= 0);
	assert_int_equal(ftruncate(memo, (off_t)bytes), 0);
	memo_back(&helper, true);
}

/* What the kernel says when the clock was set: its timer can be read. */
static void
a_clock_that_was_set_forgets_all(void **state)
{
	struct bed *bed = *state;
	struct memos *m = &bed->host->memos;
	const uint64_t once = 1;
	int memo;

	known_files(bed);
	int kernels = m->clock;

	m->clock = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(m->clock >= 0);
	assert_int_equal(checked(bed, bed->work), 0);
	assert_int_equal(write(m->clock, &once, sizeof(once)), sizeof(once));
	assert_int_equal(checked(bed, bed->work), FILES);
	assert_int_equal(checked(bed, bed->work), 0);
	/* While a helper reads: also what is known of others. */
	remember(bed, "/tmp", 80);
	struct cell one = asked(bed, bed->work, &memo);

	assert_int_equal(write(m->clock, &once, sizeof(once)), sizeof(once));
	memo_back(&one, true);
	assert_int_equal(memos_held(bed), 0);
	auto_close_fd(&m->clock);
	/* Who cannot be told remembers nothing. */
	assert_int_equal(checked(bed, bed->work), FILES);
	assert_int_equal(checked(bed, bed->work), FILES);
	m->clock = kernels;
}

/* By a nanosecond, the least that is a step. */
static bool
set_clock(long ns)
{
	struct timex step = {
		.modes = ADJ_SETOFFSET | ADJ_NANO,
		.time = { .tv_sec = ns < 0 ? -1 : 0,
		    .tv_usec = ns < 0 ? 1000000000 + ns : ns },
	};

	return adjtimex(&step) >= 0;
}

/* It is everybody's clock: other houses and tests would notice. */
static void
the_kernel_tells_of_a_clock_that_was_set(void **state)
{
	struct bed *bed = *state;

	if (!getenv("SOAK")) {
		print_message("# skipped: sets the clock, with SOAK=1 only\n");
		skip();
	}
	known_files(bed);
	if (!set_clock(1)) {
		print_message("# skipped: the clock is not ours to set\n");
		skip();
	}
	/* There and back again is no less a step. */
	assert_true(set_clock(-1));
	assert_int_equal(checked(bed, bed->work), FILES);
	assert_int_equal(checked(bed, bed->work), 0);
	assert_true(set_clock(1));
	assert_int_equal(checked(bed, bed->work), FILES);
	assert_true(set_clock(-1));
}

/* --- what is held ------------------------------------------------------------
 */

static void
what_is_known_of_a_workspace_goes_with_it(void **state)
{
	struct bed *bed = *state;

	known_files(bed);
	assert_int_equal(memos_held(bed), 1);
	empty(bed);
	assert_int_equal(memos_held(bed), 0);
	/* Of nothing there is nothing to remember. */
	(void)digest(bed);
	assert_int_equal(memos_held(bed), 0);
}

static void
two_helpers_never_have_the_same_memo(void **state)
{
	struct bed *bed = *state;
	int first, second;

	known_files(bed);
	struct cell one = asked(bed, bed->work, &first);
	struct cell two = asked(bed, bed->work, &second);

	assert_true(first >= 0);
	assert_int_equal(second, -1);
	assert_int_equal(checked(bed, bed->work), FILES);
	memo_back(&two, true);
	memo_back(&one, true);
	assert_int_equal(checked(bed, bed->work), 0);
	/* Who does not say that it worked may have written half of it. */
	one = asked(bed, bed->work, &first);
	memo_back(&one, false);
	assert_int_equal(checked(bed, bed->work), FILES);
	/* Dropped, or the clock set, while it is out. */
	one = asked(bed, bed->work, &first);
	empty(bed);
	memo_back(&one, true);
	assert_int_equal(memos_held(bed), 0);
}

static void
a_cell_that_could_not_be_ended_ends_all_remembering(void **state)
{
	struct bed *bed = *state;
	struct cell *cell = calloc(1, sizeof(*cell));

	known_files(bed);
	*cell = (struct cell){
		.host = bed->host,
		.pidfd = -1,
		.control = -1,
		.ran = true,
	};
	bed->host->cells = cell;
	bed->host->living++;
	cell_free(cell); /* it is not reaped */
	assert_null(bed->host->cells);
	assert_int_equal(checked(bed, bed->work), FILES);
	assert_int_equal(checked(bed, bed->work), FILES);
	bed->host->memos.never = false;
}

static bool
remembered(struct bed *bed, const char *folder)
{
	int memo;
	struct cell helper = asked(bed, folder, &memo);
	struct stat st;

	assert_true(memo >= 0);
	assert_int_equal(fstat(memo, &st), 0);
	memo_back(&helper, true); /* an empty one goes */
	return st.st_size > 0;
}

static void
what_was_used_longest_ago_is_forgotten_first(void **state)
{
	struct bed *bed = *state;
	char paths[MEMOS_MAX + 2][32];

	need_stamps(bed);
	empty(bed);
	assert_int_equal(chdir(bed->work), 0);
	for (size_t i = 0; i < COUNT(paths); i++) {
		(void)snprintf(paths[i], sizeof(paths[i]), "%zu", i);
		assert_int_equal(mkdir(paths[i], 0700), 0);
		remember(bed, paths[i], 80);
		assert_true(remembered(bed, paths[0]));
	}
	assert_int_equal(memos_held(bed), MEMOS_MAX);
	assert_false(remembered(bed, paths[1]));
	assert_false(remembered(bed, paths[2]));
	assert_true(remembered(bed, paths[3]));
	/* And no more bytes than the bound. */
	remember(bed, paths[4], MEMO_BYTES_MAX - 160);
	assert_int_equal(memos_held(bed), 3);
	assert_true(remembered(bed, paths[4]));
	assert_true(remembered(bed, paths[3]));
	assert_true(remembered(bed, paths[0]));
	remember(bed, paths[5], MEMO_BYTES_MAX);
	assert_int_equal(memos_held(bed), 1);
	remember(bed, paths[5], MEMO_BYTES_MAX + 1);
	assert_int_equal(memos_held(bed), 0);
	for (size_t i = 0; i < COUNT(paths); i++) {
		assert_int_equal(rmdir(paths[i]), 0);
	}
	assert_int_equal(chdir("/"), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_as_it_was_is_not_read_again),
		cmocka_unit_test(every_change_is_seen_and_nothing_else_is_read),
		cmocka_unit_test(
		    files_that_moved_with_their_folder_are_not_read),
		cmocka_unit_test(
		    after_any_changes_it_is_the_one_without_a_memory),
		cmocka_unit_test(while_a_command_lives_all_is_read),
		cmocka_unit_test(
		    a_digest_that_a_command_ran_into_leaves_nothing),
		cmocka_unit_test(a_folder_in_memory_is_always_read),
		cmocka_unit_test(a_clock_that_was_set_forgets_all),
		cmocka_unit_test(the_kernel_tells_of_a_clock_that_was_set),
		cmocka_unit_test(what_is_known_of_a_workspace_goes_with_it),
		cmocka_unit_test(two_helpers_never_have_the_same_memo),
		cmocka_unit_test(
		    a_cell_that_could_not_be_ended_ends_all_remembering),
		cmocka_unit_test(what_was_used_longest_ago_is_forgotten_first),
	};

	if (argc > 1) {
		return strcmp(argv[1], "hold") == 0 ? hold_mapping() : 2;
	}
	return cmocka_run_group_tests(tests, bed_up, bed_down);
}
