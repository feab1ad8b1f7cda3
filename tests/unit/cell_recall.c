/* SPDX-License-Identifier: Apache-2.0 */
/* What counts as the same file as the last time: each thing that tells two
 * apart, one by one, and a memo that makes no sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "cell/inside.h"

#define LONG_AGO 1000000L

static const struct timespec today = { .tv_sec = 2 * LONG_AGO };

static struct stat
a_file(uint64_t inode)
{
	return (struct stat){
		.st_ino = inode,
		.st_mode = S_IFREG | 0644,
		.st_size = 5,
		.st_ctim = { LONG_AGO, 7 },
		.st_mtim = { LONG_AGO, 7 },
	};
}

static struct digest
content_of(uint64_t inode)
{
	return digest_of(str_span(&inode, sizeof(inode)));
}

static struct reading
reading_of(const struct stat *st, struct timespec began)
{
	return (struct reading){
		.began = began,
		.before = *st,
		.after = *st,
		.size = (uint64_t)st->st_size,
		.content = content_of(st->st_ino),
	};
}

static int
new_memo(void)
{
	int memo = memfd_create("memo", MFD_CLOEXEC);

	assert_true(memo >= 0);
	return memo;
}

static void
save(struct recall *r)
{
	struct trace none = { .broken = true };
	struct err e;

	assert_int_equal(recall_save(r, &none, (struct digest){ 0 }, &e), 0);
	recall_fini(r);
}

/* A memo of files 1 … count. */
static int
memo_of(uint64_t count)
{
	int memo = new_memo();
	struct recall r;

	recall_begin(&r, memo);
	for (uint64_t i = 1; i <= count; i++) {
		struct stat st = a_file(i);
		struct reading of = reading_of(&st, today);

		recall_keep(&r, &of);
	}
	save(&r);
	return memo;
}

static bool
knows(int memo, const struct stat *st)
{
	struct digest content = { 0 };
	struct recall r;

	recall_begin(&r, memo);
	bool found = recall_find(&r, st, &content);

	recall_fini(&r);
	assert_true(!found || digest_eq(content, content_of(st->st_ino)));
	return found;
}

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
whatever_differs_makes_it_another_file(void **state)
{
	int memo = memo_of(3);
	struct stat st = a_file(2);
	struct stat other[8];

	(void)state;
	assert_true(knows(memo, &st));
	for (size_t i = 0; i < COUNT(other); i++) {
		other[i] = st;
	}
	other[0].st_ino = 4;
	other[1].st_size++;
	other[2].st_ctim.tv_sec++;
	other[3].st_ctim.tv_nsec++;
	other[4].st_mtim.tv_sec--;
	other[5].st_mtim.tv_nsec--;
	other[6].st_mode = S_IFREG | 0755;
	other[7].st_mode = S_IFLNK | 0644;
	for (size_t i = 0; i < COUNT(other); i++) {
		if (knows(memo, &other[i])) {
			fail_msg("difference %zu is not seen", i);
		}
	}
	/* What does not count. */
	st.st_nlink = 2;
	st.st_uid = 7;
	st.st_atim.tv_sec = 1;
	assert_true(knows(memo, &st));
	(void)close(memo);
}

static bool
keeps(const struct reading *of)
{
	int memo = new_memo();
	struct recall r;

	recall_begin(&r, memo);
	recall_keep(&r, of);
	save(&r);
	bool known = knows(memo, &of->before) || knows(memo, &of->after);

	(void)close(memo);
	return known;
}

static void
what_changed_while_it_was_read_is_not_kept(void **state)
{
	struct stat st = a_file(1);
	struct reading of = reading_of(&st, today);

	(void)state;
	assert_true(keeps(&of));
	of.after.st_ctim.tv_nsec++;
	assert_false(keeps(&of));
	of.after = of.before;
	of.size--;
	assert_false(keeps(&of));
}

/* A change that comes now could bear the stamp that is there. */
static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
a_stamp_that_can_come_again_does_not_count(void **state)
{
	static const struct {
		struct timespec changed, now;
		bool settled;
	} rows[] = {
		{ { 100, 1 }, { 100, 1 }, false },
		{ { 100, 1 }, { 100, 10000001 }, false },
		{ { 100, 1 }, { 100, 20000001 }, false },
		{ { 100, 1 }, { 100, 20000002 }, true },
		{ { 100, 999999999 }, { 101, 0 }, false },
		{ { 100, 999999999 }, { 101, 20000000 }, true },
		/* Whole seconds only: its file system has no more. */
		{ { 100, 0 }, { 100, 999999999 }, false },
		{ { 100, 0 }, { 101, 999999999 }, false },
		{ { 100, 0 }, { 102, 0 }, false },
		{ { 100, 0 }, { 102, 1 }, true },
		/* From the future: the clock was set back. */
		{ { 200, 1 }, { 100, 1 }, false },
		{ { INT64_MAX, 1 }, { 100, 1 }, false },
		{ { INT64_MIN, 1 }, { 100, 1 }, false },
		{ { INT64_MIN, 1 }, { -2, 1 }, true },
	};
	struct stat st = a_file(1);
	struct reading of = reading_of(&st, st.st_ctim);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (recall_settled(rows[i].changed, rows[i].now) !=
		    rows[i].settled) {
			fail_msg("row %zu", i);
		}
	}
	assert_false(keeps(&of));
}

/* Meets the files in this order; each is known or read.  How many were read. */
static unsigned
meet(int memo, const uint64_t *inodes, size_t count)
{
	struct recall r;
	unsigned read = 0;

	recall_begin(&r, memo);
	for (size_t i = 0; i < count; i++) {
		struct stat st = a_file(inodes[i]);
		struct reading of = reading_of(&st, today);
		struct digest found;

		if (recall_find(&r, &st, &found)) {
			assert_true(digest_eq(found, of.content));
		} else {
			recall_keep(&r, &of);
			read++;
		}
	}
	save(&r);
	return read;
}

/* In any order, with what came and what went: only what is new is read, and
 * the memo is of exactly what was met. */
static bool
is_among(const uint64_t inodes[6], uint64_t inode)
{
	bool met = false;

	for (size_t k = 0; k < 6; k++) {
		met |= inodes[k] == inode;
	}
	return met;
}

static void
only_what_is_new_is_read_in_any_order(void **state)
{
	static const uint64_t orders[][6] = {
		{ 1, 2, 3, 4, 5, 6 },
		{ 6, 5, 4, 3, 2, 1 },
		{ 1, 2, 7, 3, 4, 5 }, /* one more */
		{ 1, 7, 7, 5, 4, 3 }, /* two names of one */
		{ 8, 1, 1, 1, 9, 1 },
		{ 1, 9, 8, 2, 3, 4 },
	};
	static const unsigned read[] = { 6, 0, 1, 0, 2, 3 };
	int memo = new_memo();

	(void)state;
	for (size_t i = 0; i < COUNT(orders); i++) {
		assert_int_equal(meet(memo, orders[i], 6), read[i]);
		assert_int_equal(meet(memo, orders[i], 6), 0);
		for (uint64_t inode = 1; inode < 10; inode++) {
			struct stat st = a_file(inode);

			assert_int_equal(
			    knows(memo, &st), is_among(orders[i], inode));
		}
	}
	/* Fewer, and from the front on the same. */
	assert_int_equal(meet(memo, orders[5], 2), 0);
	struct stat gone = a_file(8);

	assert_false(knows(memo, &gone));
	(void)close(memo);
}

/* Else each of a hundred thousand names would be looked for among all. */
static void
a_file_of_many_names_is_indexed_once(void **state)
{
	int memo = new_memo();
	struct stat many = a_file(7);
	struct stat other = a_file(8);
	struct stat strange = a_file(9);
	struct reading of = reading_of(&many, today);
	struct reading last = reading_of(&other, today);
	struct digest content;
	struct recall r;
	size_t used = 0;

	(void)state;
	recall_begin(&r, memo);
	for (int i = 0; i < 1000; i++) {
		recall_keep(&r, &of);
	}
	recall_keep(&r, &last);
	save(&r);
	recall_begin(&r, memo);
	assert_int_equal(r.count, 1001);
	assert_false(recall_find(&r, &strange, &content));
	for (size_t i = 0; i < (size_t)1 << r.bits; i++) {
		used += r.slots[i] != 0;
	}
	assert_int_equal(used, 2);
	assert_true(recall_find(&r, &other, &content));
	assert_true(digest_eq(content, last.content));
	assert_true(recall_find(&r, &many, &content));
	assert_true(digest_eq(content, of.content));
	recall_fini(&r);
	(void)close(memo);
}

static void
a_memo_of_any_other_size_is_none(void **state)
{
	const off_t head = sizeof(struct memo_head);
	const off_t one = sizeof(struct known);
	const off_t sizes[] = { 0, 1, head - 1, head, head + one - 1,
		head + one + 1, head + 2 * one,
		head + (off_t)(MEMO_FILES_MAX + 1) * one };
	struct stat st = a_file(1);

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		int memo = memo_of(1);

		assert_true(knows(memo, &st));
		assert_int_equal(ftruncate(memo, sizes[i]), 0);
		assert_false(knows(memo, &st));
		(void)close(memo);
	}
	assert_false(knows(-1, &st));
}

/* Many, of one row of inodes, as a folder has them; no more than the bound. */
static void
more_files_than_the_bound_are_read_each_time(void **state)
{
	int memo = memo_of(MEMO_FILES_MAX + 3);
	struct stat in = a_file(MEMO_FILES_MAX);
	struct stat out = a_file(MEMO_FILES_MAX + 1);

	(void)state;
	assert_true(knows(memo, &in));
	assert_false(knows(memo, &out));
	(void)close(memo);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_differs_makes_it_another_file),
		cmocka_unit_test(what_changed_while_it_was_read_is_not_kept),
		cmocka_unit_test(a_stamp_that_can_come_again_does_not_count),
		cmocka_unit_test(only_what_is_new_is_read_in_any_order),
		cmocka_unit_test(a_file_of_many_names_is_indexed_once),
		cmocka_unit_test(a_memo_of_any_other_size_is_none),
		cmocka_unit_test(more_files_than_the_bound_are_read_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
