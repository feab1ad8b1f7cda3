/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "book/book.h"

/* A tree whose heads wait, against one that hashes each at once. */

#define MOST ((size_t)3 * BOOK_LATE)

static void
add(struct book_late *late, struct book_tree *tree)
{
	struct book_head head = {
		.seq = tree->size + 1,
		.time = { 1795456800000000 },
		.kind = BOOK_TASK_PUT,
	};
	uint8_t bytes[BOOK_HEAD_SIZE];

	book_head_encode(&head, bytes);
	book_late_add(late, bytes);
	book_tree_add(tree, book_leaf(str_span(bytes, sizeof(bytes))));
}

static void
assert_same_tree(const struct book_tree *tree, const struct book_tree *alone)
{
	auto_buf saved = { 0 };
	auto_buf other = { 0 };

	book_tree_save(tree, &saved);
	book_tree_save(alone, &other);
	assert_int_equal(tree->size, alone->size);
	assert_int_equal(saved.len, other.len);
	assert_memory_equal(saved.at, other.at, saved.len);
}

static void
ask_every(size_t every)
{
	static struct book_late late;
	struct book_tree tree = { 0 };

	memset(&late, 0, sizeof(late));
	for (size_t i = 1; i <= MOST; i++) {
		add(&late, &tree);
		assert_int_equal(book_late_size(&late), i);
		if (i % every == 0) {
			assert_same_tree(book_late_tree(&late), &tree);
		}
	}
	assert_same_tree(book_late_tree(&late), &tree);
}

static void
it_is_the_tree_of_its_heads_whenever_it_is_asked_for(void **state)
{
	(void)state;
	for (size_t every = 1; every <= MOST; every += every / 8 + 1) {
		ask_every(every);
	}
}

static void
it_goes_on_from_a_tree_that_was_saved(void **state)
{
	static struct book_late late;
	struct book_tree tree = { 0 };

	(void)state;
	for (size_t i = 0; i < BOOK_LATE / 2 + 3; i++) {
		add(&late, &tree);
	}
	memset(&late, 0, sizeof(late));
	late.tree = tree;
	add(&late, &tree);
	add(&late, &tree);
	assert_int_equal(book_late_size(&late), tree.size);
	assert_same_tree(book_late_tree(&late), &tree);
}

static void
few_heads_go_on_waiting_when_it_settles(void **state)
{
	static struct book_late late;
	struct book_tree tree = { 0 };
	size_t waited = 0;

	(void)state;
	for (size_t i = 0; i < MOST; i++) {
		size_t before = late.waiting;

		add(&late, &tree);
		book_late_settle(&late);
		waited = before > waited ? before : waited;
		assert_int_equal(book_late_size(&late), tree.size);
	}
	/* So many that the lanes are full, and none was lost when they went. */
	assert_in_range(waited, 32, BOOK_LATE - 1);
	assert_in_range(late.tree.size, MOST - BOOK_LATE, MOST);
	assert_same_tree(book_late_tree(&late), &tree);
	assert_int_equal(late.waiting, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    it_is_the_tree_of_its_heads_whenever_it_is_asked_for),
		cmocka_unit_test(it_goes_on_from_a_tree_that_was_saved),
		cmocka_unit_test(few_heads_go_on_waiting_when_it_settles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
