/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "book/book.h"

#define SIZES 200
/* A tree is cut at the largest power of two below its size: one just above 128
 * has every case of a larger one, and each more costs its size squared. */
#define EVERY (getenv("SOAK") ? SIZES : 132)

static struct digest leaf[SIZES];
static struct book_root roots[SIZES + 1];
static unsigned leaves_read;

static int
read_leaf(void *context, uint64_t index, struct digest *out, struct err *e)
{
	(void)context;
	leaves_read++;
	if (index >= SIZES) {
		return err_set(e, ERR_MISSING, "no such leaf");
	}
	*out = leaf[index];
	return 0;
}

static const struct book_leaves leaves = { .read = read_leaf };

static int
plant(void **state)
{
	struct book_tree tree = { 0 };

	(void)state;
	for (size_t i = 0; i < SIZES; i++) {
		roots[i].size = i;
		roots[i].root = book_tree_root(&tree);
		leaf[i] = book_leaf(str_span(&i, sizeof(i)));
		book_tree_add(&tree, leaf[i]);
	}
	roots[SIZES].size = SIZES;
	roots[SIZES].root = book_tree_root(&tree);
	return 0;
}

static void
every_leaf_of_every_tree_is_proved(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (uint64_t size = 1; size <= EVERY; size++) {
		for (uint64_t index = 0; index < size; index++) {
			struct book_proof proof;

			leaves_read = 0;
			assert_int_equal(
			    book_prove_leaf(leaves, index, size, &proof, &e),
			    0);
			assert_int_equal(leaves_read, size - 1);
			assert_int_equal(book_check_leaf(leaf[index], index,
			                     &roots[size], &proof, &e),
			    0);
		}
	}
}

static void
every_growth_is_proved(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (uint64_t size = 0; size <= EVERY; size++) {
		for (uint64_t old = 0; old <= size; old++) {
			struct book_proof proof;

			assert_int_equal(
			    book_prove_growth(leaves, old, size, &proof, &e),
			    0);
			assert_int_equal(book_check_growth(&roots[old],
			                     &roots[size], &proof, &e),
			    0);
		}
	}
}

static void
flip(struct digest *d, unsigned bit)
{
	d->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static bool
leaf_holds(uint64_t index, const struct book_root *root,
    const struct book_proof *proof, struct digest hash)
{
	struct err e = { 0 };
	int rc = book_check_leaf(hash, index, root, proof, &e);

	assert_true(rc == 0 || e.kind == ERR_DENIED);
	return rc == 0;
}

static bool
growth_holds(const struct book_root *old, const struct book_root *root,
    const struct book_proof *proof)
{
	struct err e = { 0 };
	int rc = book_check_growth(old, root, proof, &e);

	assert_true(rc == 0 || e.kind == ERR_DENIED);
	return rc == 0;
}

/* Every bit of every node, of the leaf and of the root, for some trees. */
static void
flip_all_of_leaf(uint64_t index, struct book_root root, struct book_proof proof)
{
	struct digest hash = leaf[index];

	for (unsigned bit = 0; bit < 256 * proof.count; bit++) {
		flip(&proof.node[bit / 256], bit % 256);
		assert_false(leaf_holds(index, &root, &proof, hash));
		flip(&proof.node[bit / 256], bit % 256);
	}
	for (unsigned bit = 0; bit < 256; bit++) {
		flip(&hash, bit);
		assert_false(leaf_holds(index, &root, &proof, hash));
		flip(&hash, bit);
		flip(&root.root, bit);
		assert_false(leaf_holds(index, &root, &proof, hash));
		flip(&root.root, bit);
	}
	assert_true(leaf_holds(index, &root, &proof, hash));
}

static void
a_flipped_bit_in_a_proof_of_a_leaf_is_found(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (uint64_t size = 1; size <= SIZES; size += 7) {
		uint64_t index = random_u64() % size;
		struct book_proof proof;

		assert_int_equal(
		    book_prove_leaf(leaves, index, size, &proof, &e), 0);
		flip_all_of_leaf(index, roots[size], proof);
	}
}

static void
flip_all_of_growth(
    struct book_root old, struct book_root root, struct book_proof proof)
{
	for (unsigned bit = 0; bit < 256 * proof.count; bit++) {
		flip(&proof.node[bit / 256], bit % 256);
		assert_false(growth_holds(&old, &root, &proof));
		flip(&proof.node[bit / 256], bit % 256);
	}
	for (unsigned bit = 0; bit < 256; bit++) {
		flip(&old.root, bit);
		assert_false(growth_holds(&old, &root, &proof));
		flip(&old.root, bit);
		flip(&root.root, bit);
		assert_false(growth_holds(&old, &root, &proof));
		flip(&root.root, bit);
	}
	assert_true(growth_holds(&old, &root, &proof));
}

static void
a_flipped_bit_in_a_proof_of_growth_is_found(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (uint64_t size = 2; size <= SIZES; size += 7) {
		uint64_t old = 1 + random_u64() % (size - 1);
		struct book_proof proof;

		assert_int_equal(
		    book_prove_growth(leaves, old, size, &proof, &e), 0);
		flip_all_of_growth(roots[old], roots[size], proof);
	}
}

/* Not only the hashes: another place, another size, a node more or fewer. */
static void
a_proof_holds_for_its_own_place_only(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (uint64_t size = 2; size <= 66; size++) {
		uint64_t index = random_u64() % size;
		struct book_proof proof;
		struct book_proof other;

		assert_int_equal(
		    book_prove_leaf(leaves, index, size, &proof, &e), 0);
		for (uint64_t wrong = 0; wrong < size + 70; wrong++) {
			assert_int_equal(
			    wrong == index, leaf_holds(wrong, &roots[size],
			                        &proof, leaf[index]));
		}
		other = proof;
		other.count--;
		assert_false(
		    leaf_holds(index, &roots[size], &other, leaf[index]));
		other.count = proof.count + 1;
		assert_int_equal(book_check_leaf(leaf[index], index,
		                     &roots[size], &other, &e),
		    -1);
		assert_string_equal(e.text, "the proof is too long");
		other.count = BOOK_PROOF_MAX + 1;
		assert_false(
		    leaf_holds(index, &roots[size], &other, leaf[index]));
	}
}

static void
try_other_sizes(uint64_t old, uint64_t size, const struct book_proof *proof)
{
	for (uint64_t wrong = 1; wrong < size; wrong++) {
		struct book_root claim = { wrong, roots[old].root };

		assert_int_equal(wrong == old,
		    growth_holds(&roots[wrong], &roots[size], proof));
		/* What binds a root to its size is the signature over both:
		 * a larger claim with the same root is not found here. */
		if (wrong < old) {
			assert_false(growth_holds(&claim, &roots[size], proof));
		}
	}
}

static void
a_growth_holds_for_its_own_sizes_only(void **state)
{
	struct err e = { 0 };

	(void)state;
	for (uint64_t size = 3; size <= 66; size++) {
		uint64_t old = 1 + random_u64() % (size - 1);
		struct book_proof proof;
		struct book_proof other;

		assert_int_equal(
		    book_prove_growth(leaves, old, size, &proof, &e), 0);
		try_other_sizes(old, size, &proof);
		other = proof;
		other.count--;
		assert_false(growth_holds(&roots[old], &roots[size], &other));
		other.count = proof.count + 1;
		assert_false(growth_holds(&roots[old], &roots[size], &other));
		/* Shrinking is no growth. */
		assert_false(growth_holds(&roots[size], &roots[old], &proof));
	}
}

static void
an_equal_size_with_another_root_is_refused(void **state)
{
	struct book_proof none = { 0 };
	struct book_root forged = roots[9];

	(void)state;
	flip(&forged.root, 0);
	assert_true(growth_holds(&roots[9], &roots[9], &none));
	assert_false(growth_holds(&forged, &roots[9], &none));
	assert_true(growth_holds(&roots[0], &roots[9], &none));
	/* Nothing is to be shown, and nothing may be. */
	none.count = 1;
	assert_false(growth_holds(&roots[9], &roots[9], &none));
	assert_false(growth_holds(&roots[0], &roots[9], &none));
	none.count = 0;
	forged.size = 0;
	assert_false(growth_holds(&forged, &roots[9], &none));
	/* The newer tree under the claim of an older, larger size. */
	forged.size = 8;
	forged.root = roots[4].root;
	assert_false(growth_holds(&forged, &roots[4], &none));
}

/* The hashes of two leaves are right in the upper corner of a tree, whatever
 * its size is said to be: sizes that no tree has are refused first. */
static void
a_size_beyond_any_tree_is_refused(void **state)
{
	const struct book_proof left = { 1, { leaf[0] } };
	const struct book_proof right = { 1, { leaf[1] } };

	(void)state;
	for (unsigned bit = 1; bit < 64; bit++) {
		uint64_t half = UINT64_C(1) << bit;
		struct book_root root = { half + 1, roots[2].root };
		struct book_root old = { half, leaf[0] };

		assert_int_equal(
		    leaf_holds(half, &root, &left, leaf[1]), bit < 48);
		assert_int_equal(growth_holds(&old, &root, &right), bit < 48);
	}
}

/* RFC 6962 section 2.1.3 gives these by name for a tree of seven leaves. */
static void
the_examples_of_the_rfc_have_their_lengths(void **state)
{
	static const struct {
		uint64_t index;
		unsigned count;
	} audit[] = { { 0, 3 }, { 3, 3 }, { 4, 3 }, { 6, 2 } };
	static const struct {
		uint64_t old;
		unsigned count;
	} growth[] = { { 3, 4 }, { 4, 1 }, { 6, 3 } };
	struct book_proof proof;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(audit); i++) {
		assert_int_equal(
		    book_prove_leaf(leaves, audit[i].index, 7, &proof, &e), 0);
		assert_int_equal(proof.count, audit[i].count);
	}
	for (size_t i = 0; i < COUNT(growth); i++) {
		assert_int_equal(
		    book_prove_growth(leaves, growth[i].old, 7, &proof, &e), 0);
		assert_int_equal(proof.count, growth[i].count);
	}
	/* PROOF(3, D[7]) starts with the third leaf itself, then the fourth. */
	assert_int_equal(book_prove_growth(leaves, 3, 7, &proof, &e), 0);
	assert_true(digest_eq(proof.node[0], leaf[2]));
	assert_true(digest_eq(proof.node[1], leaf[3]));
}

static void
a_proof_of_what_is_not_there_is_refused(void **state)
{
	struct book_proof proof;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(book_prove_leaf(leaves, 0, 0, &proof, &e), -1);
	assert_int_equal(book_prove_leaf(leaves, 5, 5, &proof, &e), -1);
	assert_int_equal(book_prove_growth(leaves, 6, 5, &proof, &e), -1);
	assert_int_equal(
	    book_prove_leaf(leaves, 0, UINT64_MAX, &proof, &e), -1);
	assert_int_equal(
	    book_prove_growth(leaves, UINT64_MAX, UINT64_MAX, &proof, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	/* A leaf that cannot be read ends the proof with its reader's words. */
	assert_int_equal(book_prove_leaf(leaves, 0, SIZES + 1, &proof, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
}

/* A long log: leaf n is the hash of n, whole blocks are known by their root. */
static int
long_leaf(void *context, uint64_t index, struct digest *out, struct err *e)
{
	(void)context;
	(void)e;
	leaves_read++;
	*out = book_leaf(str_span(&index, sizeof(index)));
	return 0;
}

static int
long_block(void *context, uint64_t index, struct digest *out, struct err *e)
{
	struct book_tree tree = { 0 };
	unsigned before = leaves_read;

	assert_int_equal(index % BOOK_BLOCK, 0);
	for (uint64_t i = index; i < index + BOOK_BLOCK; i++) {
		struct digest one;

		assert_int_equal(long_leaf(context, i, &one, e), 0);
		book_tree_add(&tree, one);
	}
	leaves_read = before;
	*out = book_tree_root(&tree);
	return 0;
}

static bool
same_proof(const struct book_proof *a, const struct book_proof *b)
{
	return a->count == b->count &&
	       memcmp(a->node, b->node, a->count * sizeof(a->node[0])) == 0;
}

static void
known_blocks_give_the_same_proofs_and_spare_reading(void **state)
{
	static const uint64_t places[] = { 0, 1023, 1024, 2500, 5000 };
	const struct book_leaves slow = { .read = long_leaf };
	const struct book_leaves fast = { long_leaf, long_block, NULL };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		struct book_proof a;
		struct book_proof b;

		assert_int_equal(
		    book_prove_leaf(slow, places[i], 5001, &a, &e), 0);
		leaves_read = 0;
		assert_int_equal(
		    book_prove_leaf(fast, places[i], 5001, &b, &e), 0);
		assert_true(leaves_read < 2 * BOOK_BLOCK);
		assert_true(same_proof(&a, &b));
		assert_int_equal(
		    book_prove_growth(slow, places[i], 5001, &a, &e), 0);
		assert_int_equal(
		    book_prove_growth(fast, places[i], 5001, &b, &e), 0);
		assert_true(same_proof(&a, &b));
	}
}

/* A proof comes from outside: its count is not believed. */
static void
a_count_over_its_bound_is_refused(void **state)
{
	struct book_proof proof = { .count = BOOK_PROOF_MAX + 1 };
	struct book_root old = { .size = 3 };
	struct book_root root = { .size = BOOK_TREE_SIZE };
	struct book_leaves none = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(book_check_leaf(old.root, 1, &root, &proof, &e), -1);
	assert_string_equal(e.text, "no such leaf in this tree");
	assert_int_equal(book_check_growth(&old, &root, &proof, &e), -1);
	assert_string_equal(e.text, "the newer tree is smaller");
	assert_int_equal(
	    book_prove_leaf(none, 1, BOOK_TREE_SIZE + 1, &proof, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_int_equal(
	    book_prove_growth(none, 1, BOOK_TREE_SIZE + 1, &proof, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_leaf_of_every_tree_is_proved),
		cmocka_unit_test(every_growth_is_proved),
		cmocka_unit_test(a_flipped_bit_in_a_proof_of_a_leaf_is_found),
		cmocka_unit_test(a_flipped_bit_in_a_proof_of_growth_is_found),
		cmocka_unit_test(a_proof_holds_for_its_own_place_only),
		cmocka_unit_test(a_growth_holds_for_its_own_sizes_only),
		cmocka_unit_test(an_equal_size_with_another_root_is_refused),
		cmocka_unit_test(a_size_beyond_any_tree_is_refused),
		cmocka_unit_test(the_examples_of_the_rfc_have_their_lengths),
		cmocka_unit_test(a_proof_of_what_is_not_there_is_refused),
		cmocka_unit_test(
		    known_blocks_give_the_same_proofs_and_spare_reading),
		cmocka_unit_test(a_count_over_its_bound_is_refused),
	};

	return cmocka_run_group_tests(tests, plant, NULL);
}
