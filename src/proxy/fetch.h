/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_FETCH_H
#define PROXY_FETCH_H

/* A request of the house: fetch.c. */

#include "proxy/up.h"

struct fetch {
	struct fetch *next, *previous;
	struct proxy *proxy;
	bool turning;
	bool again;
	bool over;     /* fetched was called */
	bool too_long; /* the answer, for its limit */
	bool body_done;
	uint64_t id;
	uint64_t limit;
	struct buf bytes;    /* the request as it would have come from a cell */
	size_t at;           /* bytes of it read */
	struct scrub search; /* of its body, for what it must not bring */
	struct buf whole;    /* its body, where the credential goes into it */
	struct http_reader reader;
	struct proxy_request request;
	struct compress_memory
	    opening; /* its own: no other is refused for it */
	struct up *up;
	unsigned status;
	char content_type[128], challenge[512], retry_after[64];
	struct buf answer;
	struct loop_timer timer;
};

void proxy_fetch_turn(void *owner);
void proxy_fetch_abort(struct fetch *f, const char *why);
void proxy_fetch_free(struct fetch *f);

#endif
