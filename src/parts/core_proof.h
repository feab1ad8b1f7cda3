/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_PROOF_H
#define PARTS_CORE_PROOF_H

/*
 * Proofs out of the book on the disk, and its tree signed by the vault.
 *
 * A proof needs roots of parts of the tree.  Those of whole blocks are kept in
 * memory once they were computed (32 bytes for BOOK_BLOCK heads; heads never
 * change): the first proof after a start reads the whole log, in many turns,
 * every later one a few blocks, and neighbours the same ones once.
 */

#include "parts/core_api.h"

/* False: the route is called again when the blocks are there. */
bool core_proof_ready(
    struct core *c, struct core_ask *ask, core_route_fn *again);
/* The same for core itself: called once, at once or in a later turn; one at a
 * time (must).  failed: why there are none. */
typedef void core_blocks_fn(struct core *c, const struct err *failed);
void core_proof_then(struct core *c, core_blocks_fn *then);
/* With the book: what is kept is forgotten, and no more is read. */
void core_proof_end(struct core *c);
/* Only when they are ready.  `size` is at most what is on the disk. */
int core_prove_leaf(struct core *c, uint64_t seq, uint64_t size,
    struct book_proof *proof, struct err *e) MUST_CHECK;
int core_prove_growth(struct core *c, uint64_t from, uint64_t size,
    struct book_proof *proof, struct err *e) MUST_CHECK;
int core_root_at(struct core *c, uint64_t size, struct digest *root,
    struct err *e) MUST_CHECK;
/* The bytes of a head that is on the disk. */
int core_head_get(
    struct core *c, uint64_t seq, struct buf *bytes, struct err *e) MUST_CHECK;

/* Called once; an empty note: the vault ended first.  The head `checkpoint`
 * is in the batch that forms: what shows the note waits for it. */
typedef void core_signed_fn(struct core *c, uint64_t number,
    const struct book_root *root, struct str note);
int core_sign_tree(struct core *c, core_signed_fn *done, uint64_t number,
    struct err *e) MUST_CHECK;
void core_sign_gone(struct core *c); /* with the vault */

#endif
