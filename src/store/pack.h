/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_PACK_H
#define STORE_PACK_H

/*
 * The packed log: the heads of one batch as one blob, its bodies of one day as
 * another.  Pure.  A head of 384 bytes becomes some 60: ids and digests that
 * repeat (identity, rule, policy, contract, role) are numbers of a table
 * `word`, zero fields are left out, times and epochs are differences.  Any 384
 * bytes come back as they were; what is no head of format 1 is kept as it is.
 * Formats, byte by byte: DESIGN.
 */

#include "store/store.h"

#define STORE_WORD_MAX   256
#define STORE_WORDS_MAX  65536 /* later ones are written out in the heads */
#define STORE_BODIES_MAX (1u << 20) /* bytes of a row of more than one body */

struct pack_words; /* number ↔ bytes; grows, is never reordered */
struct pack_words *pack_words_new(void);
void pack_words_free(struct pack_words *w); /* NULL is nothing */
/* The next row of the table `word`, when it is read at the open: its number is
 * the count so far, its bytes are not there yet, else ERR_IO. */
int pack_words_add(struct pack_words *w, uint32_t number, struct str bytes,
    struct err *e) MUST_CHECK;
/* Words from `number` on: what this batch has added and must be written with
 * it.  After a rollback they are forgotten. */
uint32_t pack_words_count(const struct pack_words *w);
struct str pack_words_at(const struct pack_words *w, uint32_t number);
void pack_words_forget(struct pack_words *w, uint32_t count);
/* For pack.c: made if need be; false when there are STORE_WORDS_MAX. */
bool pack_words_number(
    struct pack_words *w, struct str bytes, uint32_t *number);

struct pack_head {
	uint64_t before;
	uint8_t head[STORE_HEAD_SIZE];
};
/* first is the seq of the first; the blob says how many. */
void pack_heads(struct pack_words *w, uint64_t first,
    const struct pack_head *heads, size_t count, struct buf *out);
/* Each in order with its seq; -1 ends it. */
typedef int pack_head_fn(
    void *context, uint64_t seq, const struct pack_head *head, struct err *e);
/* ERR_IO for what pack_heads would not write; heads before the fault were
 * given by then. */
int unpack_heads(const struct pack_words *w, uint64_t first, struct str blob,
    pack_head_fn *each, void *context, struct err *e) MUST_CHECK;

struct pack_body {
	uint64_t seq; /* ascending, from `first` on */
	struct str bytes;
};
/* zstd over all of them when that is smaller. */
void pack_bodies(uint64_t first, const struct pack_body *bodies, size_t count,
    struct buf *out);
/* The blob opened: what unpack_body reads.  Replaces what content held. */
int unpack_bodies(
    struct str blob, struct buf *content, struct err *e) MUST_CHECK;
/* The one body of this seq, borrowed from content; ERR_MISSING. */
int unpack_body(uint64_t first, struct str content, uint64_t seq,
    struct str *bytes, struct err *e) MUST_CHECK;
/* Bodies in it and the last seq; ERR_IO if anything does not add up. */
int unpack_body_check(uint64_t first, struct str content, uint64_t *count,
    uint64_t *last, struct err *e) MUST_CHECK;

#endif
