/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "book/own.h"

#define MANY 64 /* lanes and rows of pairs are full enough from here on */

static void
grow(struct book_late *l)
{
	struct digest leaves[BOOK_LATE];

	leaf_hashes(l->leaf, l->waiting, leaves);
	book_tree_add_leaves(&l->tree, leaves, l->waiting);
	l->waiting = 0;
}

void
book_late_add(struct book_late *l, const uint8_t head[BOOK_HEAD_SIZE])
{
	if (l->waiting == BOOK_LATE) {
		grow(l);
	}
	uint8_t *leaf = l->leaf[l->waiting++];

	leaf[0] = 0;
	memcpy(leaf + 1, head, BOOK_HEAD_SIZE);
}

uint64_t
book_late_size(const struct book_late *l)
{
	return l->tree.size + l->waiting;
}

void
book_late_settle(struct book_late *l)
{
	if (l->waiting >= MANY) {
		grow(l);
	}
}

const struct book_tree *
book_late_tree(struct book_late *l)
{
	if (l->waiting > 0) {
		grow(l);
	}
	return &l->tree;
}
