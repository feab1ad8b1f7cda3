/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_OWN_H
#define PROXY_OWN_H

/* The credentials that a cell put into a request itself. */

#include "proxy/head.h"
#include "proxy/scrub.h"

struct proxy_own {
	struct buf value[PROXY_OWN_MAX + 1];
	size_t count;
	bool over; /* there are more */
};

/* The caller wipes them. */
void proxy_own_take(struct proxy_own *own, const struct proxy_request *r);
/* One more, of a request that a person decides about: the digest of all headers
 * that bring some, as they are.  Their values are not all: which name or scheme
 * a value stands behind changes what is asked for, and one that is longer than
 * any of the vault's has no mark. */
void proxy_own_whole(struct proxy_own *own, const struct proxy_request *r);
/* "name: ", in small letters (shown.c). */
void proxy_name_add(struct buf *lines, struct str name);
void proxy_own_wipe(struct proxy_own *own);
/* P08: does its head hold what was put into an earlier request, in any form
 * that answers are searched for? */
int proxy_own_check(const struct needles *n, const struct proxy_request *r,
    struct err *e) MUST_CHECK;
/* The same of a piece of its body, opened where it is compressed: before the
 * piece is passed on.  Of one that is found at least the end does not leave. */
int proxy_own_body(struct scrub *s, const struct needles *n,
    struct compress_memory *memory, const struct proxy_request *r,
    struct str piece, struct err *e) MUST_CHECK;
/* What is said of a request that nobody decided about, without what was lent:
 * it quotes names, in their form, and what it quotes may be cut within one.
 * `out` is empty before. */
void proxy_own_wash(const struct needles *n, struct str text, struct buf *out);
/* Such a body is read whole, so that nothing of its request leaves either. */
bool proxy_own_gathers(const struct needles *n, const struct proxy_request *r);

#endif
