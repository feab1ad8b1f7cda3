/* SPDX-License-Identifier: Apache-2.0 */
#include "book/book.h"
#include "book/own.h"

/*
 * RFC 6962 defines proofs by recursion over D[lo:hi].  Here the recursion is a
 * walk from the root down, which meets the nodes in the opposite order; they
 * are turned around at the end.
 */

/* The largest power of two smaller than n, n > 1. */
static uint64_t
split_of(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* Root of the leaves [from, to): a tree's root depends on its leaves alone. */
static int
range_root(struct book_leaves leaves, uint64_t from, uint64_t to,
    struct digest *root, struct err *e)
{
	struct book_tree tree = { 0 };
	uint64_t index = from;

	while (index < to) {
		bool whole = leaves.block && index % BOOK_BLOCK == 0 &&
		             to - index >= BOOK_BLOCK;
		struct digest one;

		if (whole ? leaves.block(leaves.context, index, &one, e)
		          : leaves.read(leaves.context, index, &one, e)) {
			return -1;
		}
		if (whole) {
			book_tree_add_block(&tree, one);
			index += BOOK_BLOCK;
		} else {
			book_tree_add(&tree, one);
			index++;
		}
	}
	*root = book_tree_root(&tree);
	return 0;
}

static int
add_range(struct book_leaves leaves, uint64_t from, uint64_t to,
    struct book_proof *proof, struct err *e)
{
	must(proof->count < BOOK_PROOF_MAX);
	if (range_root(leaves, from, to, &proof->node[proof->count], e)) {
		return -1;
	}
	proof->count++;
	return 0;
}

static void
turn_around(struct book_proof *proof)
{
	for (unsigned i = 0; i < proof->count / 2; i++) {
		struct digest kept = proof->node[i];

		proof->node[i] = proof->node[proof->count - 1 - i];
		proof->node[proof->count - 1 - i] = kept;
	}
}

int
book_prove_leaf(struct book_leaves leaves, uint64_t index, uint64_t size,
    struct book_proof *proof, struct err *e)
{
	struct book_proof made = { 0 };
	uint64_t lo = 0;
	uint64_t hi = size;

	if (size > BOOK_TREE_SIZE || index >= size) {
		return err_set(e, ERR_INPUT, "a tree of %llu has no leaf %llu",
		    (unsigned long long)size, (unsigned long long)index);
	}
	while (hi - lo > 1) {
		uint64_t middle = lo + split_of(hi - lo);
		bool left = index < middle;

		if (add_range(leaves, left ? middle : lo, left ? hi : middle,
		        &made, e)) {
			return -1;
		}
		lo = left ? lo : middle;
		hi = left ? middle : hi;
	}
	turn_around(&made);
	*proof = made;
	return 0;
}

int
book_prove_growth(struct book_leaves leaves, uint64_t old_size, uint64_t size,
    struct book_proof *proof, struct err *e)
{
	struct book_proof made = { 0 };
	uint64_t lo = 0;
	uint64_t hi = size;

	if (size > BOOK_TREE_SIZE || old_size > size) {
		return err_set(e, ERR_INPUT,
		    "a tree of %llu cannot have grown from %llu",
		    (unsigned long long)size, (unsigned long long)old_size);
	}
	/* Everything contains the empty tree and itself: nothing to show. */
	if (old_size == 0) {
		hi = 0;
	}
	while (old_size < hi) {
		uint64_t middle = lo + split_of(hi - lo);
		bool left = old_size <= middle;

		if (add_range(leaves, left ? middle : lo, left ? hi : middle,
		        &made, e)) {
			return -1;
		}
		lo = left ? lo : middle;
		hi = left ? middle : hi;
	}
	/* [0, old_size) itself is known to who asks; a later part is not. */
	if (lo > 0 && add_range(leaves, lo, hi, &made, e)) {
		return -1;
	}
	turn_around(&made);
	*proof = made;
	return 0;
}

/* One step up in both trees: `at` is the node's place in its row, `last` the
 * row's last place.  Skips the rows in which a right-most node stands alone. */
static void
climb(uint64_t *at, uint64_t *last)
{
	while (!(*at & 1) && *at != 0) {
		*at >>= 1;
		*last >>= 1;
	}
}

/* RFC 9162 section 2.1.3.2. */
int
book_check_leaf(struct digest leaf, uint64_t index,
    const struct book_root *root, const struct book_proof *proof, struct err *e)
{
	struct digest hash = leaf;
	uint64_t at = index;
	uint64_t last = root->size - 1;

	if (index >= root->size || root->size > BOOK_TREE_SIZE ||
	    proof->count > BOOK_PROOF_MAX) {
		return err_set(e, ERR_DENIED, "no such leaf in this tree");
	}
	for (unsigned i = 0; i < proof->count; i++) {
		if (last == 0) {
			return err_set(e, ERR_DENIED, "the proof is too long");
		}
		if ((at & 1) || at == last) {
			hash = node_hash(proof->node[i], hash);
			climb(&at, &last);
		} else {
			hash = node_hash(hash, proof->node[i]);
		}
		at >>= 1;
		last >>= 1;
	}
	if (last != 0) {
		return err_set(e, ERR_DENIED, "the proof is too short");
	}
	if (!digest_eq(hash, root->root)) {
		return err_set(e, ERR_DENIED,
		    "the proof does not lead to the root of this tree");
	}
	return 0;
}

static int
check_trivial(const struct book_root *old, const struct book_root *root,
    const struct book_proof *proof, struct err *e)
{
	struct digest same = old->size ? root->root : digest_of(STR(""));

	if (proof->count != 0 || !digest_eq(old->root, same)) {
		return err_set(e, ERR_DENIED,
		    "two trees of equal size, or of none, differ");
	}
	return 0;
}

/* RFC 9162 section 2.1.4.2, steps 5 to 7; `seed` is the first node. */
static int
check_path(const struct book_root *old, const struct book_root *root,
    struct digest seed, const struct book_proof *proof, struct err *e)
{
	bool whole = (old->size & (old->size - 1)) == 0;
	struct digest first = seed;
	struct digest second = seed;
	uint64_t at = old->size - 1;
	uint64_t last = root->size - 1;

	while (at & 1) {
		at >>= 1;
		last >>= 1;
	}
	for (unsigned i = whole ? 0 : 1; i < proof->count; i++) {
		if (last == 0) {
			return err_set(e, ERR_DENIED, "the proof is too long");
		}
		if ((at & 1) || at == last) {
			first = node_hash(proof->node[i], first);
			second = node_hash(proof->node[i], second);
			climb(&at, &last);
		} else {
			second = node_hash(second, proof->node[i]);
		}
		at >>= 1;
		last >>= 1;
	}
	if (last != 0) {
		return err_set(e, ERR_DENIED, "the proof is too short");
	}
	if (!digest_eq(first, old->root)) {
		return err_set(e, ERR_DENIED,
		    "the proof does not lead to the root of the older tree");
	}
	if (!digest_eq(second, root->root)) {
		return err_set(e, ERR_DENIED,
		    "the proof does not lead to the root of the newer tree");
	}
	return 0;
}

int
book_check_growth(const struct book_root *old, const struct book_root *root,
    const struct book_proof *proof, struct err *e)
{
	if (old->size > root->size || root->size > BOOK_TREE_SIZE ||
	    proof->count > BOOK_PROOF_MAX) {
		return err_set(e, ERR_DENIED, "the newer tree is smaller");
	}
	if (old->size == 0 || old->size == root->size) {
		return check_trivial(old, root, proof, e);
	}
	/* A full older tree is a node of the newer one: its root is where the
	 * path starts, and the proof does not repeat it. */
	if ((old->size & (old->size - 1)) == 0) {
		return check_path(old, root, old->root, proof, e);
	}
	if (proof->count == 0) {
		return err_set(e, ERR_DENIED, "the proof is too short");
	}
	return check_path(old, root, proof->node[0], proof, e);
}
