/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_ROAD_H
#define PROXY_ROAD_H

/* HTTP/2 upstream: road.c, speak_two.c. */

#include "proxy/up.h"

/* One connection, many exchanges; none: it is kept for others. */
struct road {
	struct road *next;
	struct proxy *proxy;
	struct link *link;
	struct http_two *two;
	struct up_way way;
	struct up *users;
	size_t count;      /* of users */
	bool closing;      /* takes no more */
	struct mono since; /* the last has left */
	struct loop_timer timer;
};

void proxy_road_begin(struct up *u); /* on the link that it has made */
/* On one that is there, unused for at most idle_max; false: none. */
bool proxy_road_take(struct up *u, int64_t idle_max);
bool proxy_road_open(struct up *u); /* it may still begin its stream */
void proxy_road_leave(struct up *u);
/* False: nobody makes one that has a place for it, or that it was woken for
 * spoke HTTP/1.1. */
bool proxy_road_wait(struct up *u);
void proxy_road_wake(struct up *u); /* who waits for this one */
void proxy_road_fill(struct up *u);
void proxy_road_flush(struct up *u);
void proxy_roads_policy(struct proxy *p, const struct digest *policy);
void proxy_roads_close(struct proxy *p);

int proxy_two_say(struct up *u, struct str head, const struct buf *body,
    struct err *e) MUST_CHECK;
void proxy_two_body(struct up *u, struct str bytes);
void proxy_two_body_end(struct up *u);
void proxy_two_fill(struct up *u);

#endif
