/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_VERIFY_H
#define PARTS_VERIFY_H

/* Reads a whole book, of a house that runs or of a file: every head is there,
 * every body is the one its head names or has expired. */

#include "book/book.h"
#include "store/store.h"

struct verify {
	struct store *store;
	uint64_t last; /* up to this head */
	struct book_tree tree;
	uint64_t bodies;
	uint64_t expired;
};

/* Some thousand heads: 1: more to do, 0: done, ERR_DENIED with what is wrong.
 */
int verify_step(struct verify *v, struct err *e) MUST_CHECK;

#endif
