/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many heads at once: their bodies' digests, their leaves and each row of nodes
 * above these are hashed side by side.
 */
#include <string.h>

#include "book/own.h"

#define CHUNK     64 /* heads at once: fewer pairs are left to hash alone */
#define NODE_SIZE (1 + 2 * DIGEST_SIZE)

static void
name_bodies(const struct book_new_head *heads, size_t count)
{
	struct str bodies[CHUNK];
	struct digest digests[CHUNK];
	size_t some = 0;

	for (size_t i = 0; i < count; i++) {
		if (heads[i].body.len > 0) {
			bodies[some++] = heads[i].body;
		}
	}
	digest_many(bodies, some, digests);
	some = 0;
	for (size_t i = 0; i < count; i++) {
		if (heads[i].body.len > 0) {
			head_name_body(heads[i].bytes, digests[some++]);
		}
	}
}

/* Pairs of a row become the row above it; `first` stands before it, if there
 * is one.  Returns how many. */
static size_t
join_row(const struct digest *first, struct digest *row, size_t count)
{
	uint8_t bytes[CHUNK / 2 + 1][NODE_SIZE];
	struct str texts[CHUNK / 2 + 1];
	size_t has = first != NULL;
	size_t pairs = (count + has) / 2;

	for (size_t i = 0; i < pairs; i++) {
		const struct digest *left =
		    has && i == 0 ? first : &row[2 * i - has];

		bytes[i][0] = 1;
		memcpy(bytes[i] + 1, left->bytes, DIGEST_SIZE);
		memcpy(bytes[i] + 1 + DIGEST_SIZE, row[2 * i + 1 - has].bytes,
		    DIGEST_SIZE);
		texts[i] = str_span(bytes[i], NODE_SIZE);
	}
	digest_many(texts, pairs, row);
	return pairs;
}

/* Adding `count` to a binary number, digit by digit: what is odd stays. */
static void
add_leaves(struct book_tree *tree, struct digest *row, size_t count)
{
	uint64_t size = tree->size;

	tree->size += count;
	for (unsigned level = 0; count > 0; level++) {
		bool has = (size >> level) & 1;
		struct digest last = row[count - 1];
		bool odd = (count + has) % 2 == 1;

		count =
		    join_row(has ? &tree->subtree[level] : NULL, row, count);
		if (odd) {
			tree->subtree[level] = last;
		}
	}
}

void
book_tree_add_leaves(
    struct book_tree *tree, const struct digest *leaves, size_t count)
{
	must(count <= BOOK_TREE_SIZE - tree->size);
	while (count > 0) {
		struct digest row[CHUNK];
		size_t some = count < CHUNK ? count : CHUNK;

		memcpy(row, leaves, some * sizeof(*row));
		add_leaves(tree, row, some);
		leaves += some;
		count -= some;
	}
}

void
leaf_hashes(const uint8_t (*leaf)[1 + BOOK_HEAD_SIZE], size_t count,
    struct digest *hashes)
{
	while (count > 0) {
		size_t some = count < CHUNK ? count : CHUNK;
		struct str texts[CHUNK];

		for (size_t i = 0; i < some; i++) {
			texts[i] = str_span(leaf[i], sizeof(leaf[i]));
		}
		digest_many(texts, some, hashes);
		leaf += some;
		hashes += some;
		count -= some;
	}
}

void
book_leaf_many(const uint8_t *heads, size_t count, struct digest *leaves)
{
	uint8_t leaf[CHUNK][1 + BOOK_HEAD_SIZE];

	while (count > 0) {
		size_t some = count < CHUNK ? count : CHUNK;

		for (size_t i = 0; i < some; i++) {
			leaf[i][0] = 0;
			memcpy(leaf[i] + 1, heads, BOOK_HEAD_SIZE);
			heads += BOOK_HEAD_SIZE;
		}
		leaf_hashes(leaf, some, leaves);
		leaves += some;
		count -= some;
	}
}

void
book_bodies_name(const struct book_new_head *heads, size_t count)
{
	for (size_t at = 0; at < count; at += CHUNK) {
		name_bodies(
		    heads + at, count - at < CHUNK ? count - at : CHUNK);
	}
}
