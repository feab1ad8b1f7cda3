/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_VERIFY_H
#define PARTS_VERIFY_H

/*
 * Reads a whole book, of a house that runs or of a file: every head is there,
 * every body is the one its head names or has expired with its whole day and
 * all days before it (that one is missing is said), and the tree was at each
 * checkpoint in the book what that checkpoint says.  The first event that does
 * not fit is named; where only a root does not fit, the events between the last
 * checkpoint that did and this one.
 *
 * Each head is decoded and hashed once, in the order of the log; the leaves of
 * a step, and each row of nodes above them, are hashed side by side.
 */

#include "book/book.h"
#include "parts/key_change.h"
#include "parts/verify_decisions.h"
#include "store/store.h"

#define VERIFY_LEAVES 16384 /* how far behind its head a checkpoint may be */

struct verify_marks;

struct verify {
	struct store *store;
	uint64_t last;         /* up to this head */
	uint64_t read;         /* heads that were looked at */
	struct book_tree tree; /* behind `read` while a step runs */
	uint64_t bodies;
	uint64_t expired;
	uint64_t oldest;    /* of the bodies that are there: of the first day */
	int64_t oldest_day; /* where oldest is not 0 */
	uint64_t checkpoints;       /* of the book that fitted */
	uint64_t unchecked;         /* those that were too far behind */
	struct book_root against;   /* whoever asks gave it; size 0: none */
	struct book_root published; /* by this house; size 0: none */
	const char *published_in;   /* where that stands */
	uint64_t good;              /* size of the newest tree that fitted */
	/* NULL: what a checkpoint says is compared, its signature is not */
	const struct book_signer *signer;
	book_verify_fn *verify;
	/* the key in force there, as the book says; empty: it does not yet */
	char in_force[KEY_LINE_MAX];
	bool known; /* the signer's key was in force */
	struct verify_marks *marks;
	struct decisions *decisions; /* NULL: nothing is decided again */
};

/* Some thousand heads: 1: more to do, 0: done, ERR_DENIED with what is wrong.
 */
int verify_step(struct verify *v, struct err *e) MUST_CHECK;
/* All steps up to the store's last head, and verify_fini. */
int verify_all(struct verify *v, struct err *e) MUST_CHECK;
void verify_fini(struct verify *v);

#endif
