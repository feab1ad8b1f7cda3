/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/bytes.h"
#include "book/book.h"
#include "book/own.h"

struct digest
book_leaf(struct str head)
{
	struct digest_run run;

	digest_begin(&run);
	digest_add(&run, STR("\0"));
	digest_add(&run, head);
	return digest_end(&run);
}

struct digest
node_hash(struct digest left, struct digest right)
{
	uint8_t bytes[1 + 2 * DIGEST_SIZE];

	bytes[0] = 1;
	memcpy(bytes + 1, left.bytes, DIGEST_SIZE);
	memcpy(bytes + 1 + DIGEST_SIZE, right.bytes, DIGEST_SIZE);
	return digest_of(str_span(bytes, sizeof(bytes)));
}

/* The root of 2^from leaves; the size is a multiple of so many. */
static void
add_at(struct book_tree *tree, unsigned from, struct digest root)
{
	struct digest carry = root;
	unsigned level = from;

	must(tree->size < BOOK_TREE_SIZE);
	while ((tree->size >> level) & 1) {
		carry = node_hash(tree->subtree[level], carry);
		level++;
	}
	tree->subtree[level] = carry;
	tree->size += UINT64_C(1) << from;
}

void
book_tree_add(struct book_tree *tree, struct digest leaf)
{
	add_at(tree, 0, leaf);
}

void
book_tree_add_block(struct book_tree *tree, struct digest root)
{
	must(tree->size % BOOK_BLOCK == 0);
	add_at(tree, (unsigned)__builtin_ctz(BOOK_BLOCK), root);
}

struct digest
book_tree_root(const struct book_tree *tree)
{
	struct digest root = digest_of(STR(""));
	bool any = false;

	for (unsigned level = 0; tree->size >> level; level++) {
		if (!((tree->size >> level) & 1)) {
			continue;
		}
		root = any ? node_hash(tree->subtree[level], root)
		           : tree->subtree[level];
		any = true;
	}
	return root;
}

void
book_tree_save(const struct book_tree *tree, struct buf *out)
{
	uint8_t size[sizeof(uint64_t)];

	put_u64(size, tree->size);
	buf_add(out, str_span(size, sizeof(size)));
	for (int level = 48; level >= 0; level--) {
		if ((tree->size >> level) & 1) {
			buf_add(out,
			    str_span(tree->subtree[level].bytes, DIGEST_SIZE));
		}
	}
}

int
book_tree_load(struct str saved, struct book_tree *tree, struct err *e)
{
	struct book_tree read = { 0 };
	size_t at = sizeof(uint64_t);

	if (saved.len < at) {
		return err_set(e, ERR_INPUT, "a saved tree is too short");
	}
	read.size = get_u64((const uint8_t *)saved.at);
	if (read.size > BOOK_TREE_SIZE ||
	    saved.len !=
	        at + (size_t)__builtin_popcountll(read.size) * DIGEST_SIZE) {
		return err_set(e, ERR_INPUT,
		    "a saved tree has not the length of its size");
	}
	for (int level = 48; level >= 0; level--) {
		if ((read.size >> level) & 1) {
			memcpy(read.subtree[level].bytes, saved.at + at,
			    DIGEST_SIZE);
			at += DIGEST_SIZE;
		}
	}
	*tree = read;
	return 0;
}
