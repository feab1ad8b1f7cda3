/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_CLEAR_H
#define PROXY_CLEAR_H

/*
 * Bytes in clear.  Most messages come and go within one turn: a few buffers of
 * one size serve all links by turns, warm, so that a link that waits holds none
 * and the heap is not cut anew for each.  Invariant: a buffer of that size is
 * zero behind its end, whoever made it; so what may be one is made shorter by
 * these functions alone.
 */

#include "base/base.h"

#define CLEAR_SIZE ((size_t)17 * 1024) /* a record's text behind a little */

/* One of them, empty, where b has no memory. */
void proxy_clear_take(struct buf *b);
void proxy_clear_give(struct buf *b); /* wiped; b has no memory then */
void proxy_clear_drop(struct buf *b, size_t front);
/* Room for as many bytes more; what grows leaves no copy behind. */
void proxy_clear_room(struct buf *b, size_t more);
void proxy_clear_add(struct buf *b, struct str bytes);
void proxy_clear_rest(void); /* those that nobody has go back to the system */

#endif
