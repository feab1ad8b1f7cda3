/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOK_LATE_H
#define BOOK_LATE_H

/* A chapter of book.h, which includes it. */

/* A tree that is asked for less often than it grows: heads that were added wait
 * until there are enough of them to be hashed side by side, or until somebody
 * asks.  Nobody can tell it from a tree that grew head by head. */
#define BOOK_LATE 128 /* heads that wait at most */
struct book_late {
	struct book_tree tree; /* of the heads before those that wait */
	size_t waiting;
	uint8_t leaf[BOOK_LATE][1 + BOOK_HEAD_SIZE]; /* 0x00 ‖ head */
};

void book_late_add(struct book_late *l, const uint8_t head[BOOK_HEAD_SIZE]);
/* All that were added. */
uint64_t book_late_size(const struct book_late *l);
/* For a moment when nobody waits: hashes them if they are many. */
void book_late_settle(struct book_late *l);
/* Of all that were added; until the next is. */
const struct book_tree *book_late_tree(struct book_late *l);

#endif
