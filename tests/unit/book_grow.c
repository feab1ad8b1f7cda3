/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "book/book.h"

/* A batch of heads against the same heads one by one. */

#define MOST 200

static struct book_head
head_of(uint64_t seq)
{
	return (struct book_head){
		.seq = seq,
		.time = { 1795456800000000 },
		.kind = BOOK_TASK_PUT,
		.incarnation = 7,
	};
}

static struct str
body_of(uint64_t seq, char text[BOOK_HEAD_SIZE])
{
	memset(text, (int)('a' + seq % 26), BOOK_HEAD_SIZE);
	return str_span(text, seq * 37 % BOOK_HEAD_SIZE);
}

static void
add_alone(struct book_tree *tree, uint64_t seq, uint8_t bytes[BOOK_HEAD_SIZE])
{
	struct book_head head = head_of(seq);
	char text[BOOK_HEAD_SIZE];
	struct str body = body_of(seq, text);

	if (body.len > 0) {
		book_head_body(&head, body);
	}
	book_head_encode(&head, bytes);
	book_tree_add(tree, book_leaf(str_span(bytes, BOOK_HEAD_SIZE)));
}

/* From tree->size on; what was encoded goes to bytes. */
static void
add_together(
    struct book_tree *tree, size_t count, uint8_t bytes[MOST][BOOK_HEAD_SIZE])
{
	static char texts[MOST][BOOK_HEAD_SIZE];
	struct book_new_head heads[MOST];
	struct digest leaves[MOST];

	for (size_t i = 0; i < count; i++) {
		uint64_t seq = tree->size + i + 1;
		struct book_head head = head_of(seq);

		heads[i].bytes = bytes[i];
		heads[i].body = body_of(seq, texts[i]);
		if (heads[i].body.len > 0) {
			book_head_body_later(&head, heads[i].body);
		}
		book_head_encode(&head, bytes[i]);
	}
	book_bodies_name(heads, count);
	book_leaf_many(bytes[0], count, leaves);
	book_tree_add_leaves(tree, leaves, count);
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
assert_same(size_t before, size_t count)
{
	static uint8_t bytes[MOST][BOOK_HEAD_SIZE];
	uint8_t one[BOOK_HEAD_SIZE];
	struct book_tree tree = { 0 };
	struct book_tree alone = { 0 };

	for (size_t i = 0; i < before; i++) {
		add_alone(&tree, i + 1, one);
	}
	alone = tree;
	add_together(&tree, count, bytes);
	for (size_t i = 0; i < count; i++) {
		add_alone(&alone, before + i + 1, one);
		assert_memory_equal(bytes[i], one, sizeof(one));
	}
	assert_int_equal(tree.size, before + count);
	assert_same_tree(&tree, &alone);
}

static void
a_batch_makes_the_tree_that_its_heads_make(void **state)
{
	(void)state;
	for (size_t before = 0; before < 36; before++) {
		for (size_t count = 0; count < 70; count++) {
			assert_same(before, count);
		}
	}
}

static void
a_batch_may_be_of_any_size(void **state)
{
	(void)state;
	assert_same(255, MOST);
	assert_same(1, MOST - 1);
	assert_same(63, 97);
}

static void
assert_added_alike(const struct digest *leaves, size_t before, size_t count)
{
	struct book_tree tree = { 0 };
	struct book_tree alone = { 0 };

	for (size_t i = 0; i < before + count; i++) {
		book_tree_add(&alone, leaves[i]);
		if (i < before) {
			book_tree_add(&tree, leaves[i]);
		}
	}
	book_tree_add_leaves(&tree, leaves + before, count);
	assert_same_tree(&tree, &alone);
}

static void
leaves_of_many_make_the_tree_that_each_makes(void **state)
{
	struct digest leaves[MOST];

	(void)state;
	for (size_t i = 0; i < MOST; i++) {
		leaves[i] = digest_of(str_span(&i, sizeof(i)));
	}
	for (size_t before = 0; before < 130; before += 13) {
		for (size_t count = 0; before + count <= MOST; count++) {
			assert_added_alike(leaves, before, count);
		}
	}
}

/* A digest that is there already stays. */
static void
a_head_that_names_its_body_keeps_it(void **state)
{
	uint8_t bytes[3][BOOK_HEAD_SIZE];
	struct book_new_head heads[3];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct book_head head = head_of(i + 1);

		book_head_body(&head, STR("{}"));
		book_head_encode(&head, bytes[i]);
		heads[i] = (struct book_new_head){ .bytes = bytes[i] };
	}
	book_bodies_name(heads, 3);
	for (size_t i = 0; i < 3; i++) {
		struct book_head head = { 0 };
		struct err e = { 0 };

		assert_int_equal(
		    book_head_decode(
		        str_span(bytes[i], BOOK_HEAD_SIZE), &head, &e),
		    0);
		assert_true(digest_eq(head.body, digest_of(STR("{}"))));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_makes_the_tree_that_its_heads_make),
		cmocka_unit_test(a_batch_may_be_of_any_size),
		cmocka_unit_test(leaves_of_many_make_the_tree_that_each_makes),
		cmocka_unit_test(a_head_that_names_its_body_keeps_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
