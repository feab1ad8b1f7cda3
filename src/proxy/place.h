/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_PLACE_H
#define PROXY_PLACE_H

/*
 * Where a credential goes into a request, besides a header (head.c).  Two ways:
 * it is put there, or it takes the place of a placeholder that the cell holds
 * in its stead.  A placeholder anywhere else in a head refuses the request.
 */

#include "proxy/head.h"

#define PLACE_MARK     "hr_placeholder_"
#define PLACE_BODY_MAX ((size_t)256 * 1024) /* of a body that is changed */

void proxy_percent_open(struct buf *out, struct str text);
/* Does text hold a placeholder, as it is or percent-encoded, once or twice? */
bool proxy_place_marked(struct str text);
/* A header value likewise, Basic credentials opened too. */
bool proxy_place_marked_value(struct str value);
/* May the go's placeholder stand where it stands, and does none elsewhere? */
int proxy_place_check(const struct proxy_request *r, const struct proxy_go *go,
    struct err *e) MUST_CHECK;

bool proxy_place_in_body(const struct proxy_go *go);
/* Path and query as they are sent: the caller wipes target. */
int proxy_place_target(struct buf *target, const struct proxy_request *r,
    const struct proxy_go *go, struct str secret, struct err *e) MUST_CHECK;
/* The value of a header that holds the go's placeholder. */
int proxy_place_value(struct buf *out, struct str value,
    const struct proxy_go *go, struct str secret, struct err *e) MUST_CHECK;
/* The body as it is sent: the caller wipes out. */
int proxy_place_body(struct buf *out, const struct proxy_request *r,
    const struct proxy_go *go, struct str secret, struct str body,
    struct err *e) MUST_CHECK;
/* path with every placeholder made unreadable: what may be written down. */
struct str proxy_place_masked(struct arena *a, struct str path);

#endif
