/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "book/book.h"
#include "must_help.h"

/* The leaves and roots that Certificate Transparency implementations share. */
static const char *const leaves[] = { "", "00", "10", "2021", "3031",
	"40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f" };

static const char *const roots[] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static struct digest
vector_leaf(size_t i)
{
	uint8_t bytes[16];
	size_t n = strlen(leaves[i]) / 2;

	assert_true(hex_bytes(str_of(leaves[i]), bytes, n));
	return book_leaf(str_span(bytes, n));
}

static void
the_known_roots_are_met(void **state)
{
	struct book_tree tree = { 0 };
	char text[DIGEST_TEXT];

	(void)state;
	for (size_t size = 0; size < COUNT(roots); size++) {
		digest_text(book_tree_root(&tree), text);
		assert_string_equal(text, roots[size]);
		if (size < COUNT(leaves)) {
			book_tree_add(&tree, vector_leaf(size));
		}
	}
}

/* A second way to the same root: fold the leaves row by row, as RFC 9162
 * section 2.1.1 draws them; an odd last node moves up unchanged. */
static struct digest
root_by_rows(const struct digest *from, size_t count)
{
	static struct digest row[512];
	uint8_t pair[1 + 2 * DIGEST_SIZE] = { 1 };

	memcpy(row, from, count * sizeof(*row));
	while (count > 1) {
		for (size_t i = 0; i + 1 < count; i += 2) {
			memcpy(pair + 1, row[i].bytes, DIGEST_SIZE);
			memcpy(pair + 1 + DIGEST_SIZE, row[i + 1].bytes,
			    DIGEST_SIZE);
			row[i / 2] = digest_of(str_span(pair, sizeof(pair)));
		}
		if (count % 2) {
			row[count / 2] = row[count - 1];
		}
		count = (count + 1) / 2;
	}
	return row[0];
}

static void
the_root_is_the_same_by_another_way(void **state)
{
	struct book_tree tree = { 0 };
	struct digest all[300];

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		all[i] = book_leaf(str_span(&i, sizeof(i)));
		book_tree_add(&tree, all[i]);
		assert_true(
		    digest_eq(book_tree_root(&tree), root_by_rows(all, i + 1)));
	}
}

static void
a_leaf_is_never_a_node(void **state)
{
	struct book_tree two = { 0 };
	struct book_tree one = { 0 };
	uint8_t pair[2 * DIGEST_SIZE];

	(void)state;
	book_tree_add(&two, vector_leaf(0));
	book_tree_add(&two, vector_leaf(1));
	memcpy(pair, vector_leaf(0).bytes, DIGEST_SIZE);
	memcpy(pair + DIGEST_SIZE, vector_leaf(1).bytes, DIGEST_SIZE);
	book_tree_add(&one, book_leaf(str_span(pair, sizeof(pair))));
	assert_false(digest_eq(book_tree_root(&one), book_tree_root(&two)));
}

static void
a_saved_tree_grows_on_as_if_never_saved(void **state)
{
	struct book_tree tree = { 0 };

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		struct book_tree back = { 0 };
		struct err e = { 0 };
		auto_buf saved = { 0 };

		book_tree_save(&tree, &saved);
		assert_true(saved.len <= BOOK_FRONTIER_MAX);
		assert_int_equal(book_tree_load(buf_str(&saved), &back, &e), 0);
		book_tree_add(&tree, book_leaf(str_span(&i, sizeof(i))));
		book_tree_add(&back, book_leaf(str_span(&i, sizeof(i))));
		assert_true(
		    digest_eq(book_tree_root(&tree), book_tree_root(&back)));
	}
}

static void
a_saved_tree_of_a_wrong_length_is_refused(void **state)
{
	struct book_tree tree = { 0 };
	struct book_tree back = { 0 };
	struct err e = { 0 };
	auto_buf saved = { 0 };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		book_tree_add(&tree, vector_leaf(i));
	}
	book_tree_save(&tree, &saved);
	for (size_t len = 0; len < saved.len; len++) {
		assert_int_equal(
		    book_tree_load(str_span(saved.at, len), &back, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
	}
	buf_add_byte(&saved, 0);
	assert_int_equal(book_tree_load(buf_str(&saved), &back, &e), -1);
	/* A size beyond any tree, with a length that would fit it. */
	buf_clear(&saved);
	buf_add(&saved, STR("\0\0\0\0\0\0\x02\0"));
	buf_add(&saved, str_span(tree.subtree[0].bytes, DIGEST_SIZE));
	assert_int_equal(book_tree_load(buf_str(&saved), &back, &e), -1);
	assert_int_equal(back.size, 0);
}

static void
grow_beyond_any_tree(void)
{
	struct book_tree full = { .size = BOOK_TREE_SIZE };

	book_tree_add(&full, vector_leaf(0));
}

static void
grow_beyond_any_tree_by_many(void)
{
	struct book_tree full = { .size = BOOK_TREE_SIZE - 1 };
	struct digest two[2] = { vector_leaf(0), vector_leaf(1) };

	book_tree_add_leaves(&full, two, COUNT(two));
}

static void
add_a_block_in_the_middle_of_one(void)
{
	struct book_tree tree = { 0 };

	book_tree_add(&tree, vector_leaf(0));
	book_tree_add_block(&tree, vector_leaf(1));
}

static void
a_tree_that_no_log_has_is_our_own_bug(void **state)
{
	(void)state;
	assert_true(breaks_a_promise(grow_beyond_any_tree));
	assert_true(breaks_a_promise(grow_beyond_any_tree_by_many));
	assert_true(breaks_a_promise(add_a_block_in_the_middle_of_one));
}

static void
leaves_of_many_are_those_of_each(void **state)
{
	static uint8_t heads[70][BOOK_HEAD_SIZE];
	struct digest made[70];

	(void)state;
	for (size_t i = 0; i < 70; i++) {
		memset(heads[i], (int)i, sizeof(heads[i]));
	}
	book_leaf_many(heads[0], 70, made);
	for (size_t i = 0; i < 70; i++) {
		assert_true(digest_eq(
		    made[i], book_leaf(str_span(heads[i], sizeof(heads[i])))));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_known_roots_are_met),
		cmocka_unit_test(the_root_is_the_same_by_another_way),
		cmocka_unit_test(a_leaf_is_never_a_node),
		cmocka_unit_test(a_saved_tree_grows_on_as_if_never_saved),
		cmocka_unit_test(a_saved_tree_of_a_wrong_length_is_refused),
		cmocka_unit_test(a_tree_that_no_log_has_is_our_own_bug),
		cmocka_unit_test(leaves_of_many_are_those_of_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
