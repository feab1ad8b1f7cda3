/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "proxy/clear.h"
#include "proxy/inside.h"

/*
 * HTTP/2 upstream: a road is one connection with its session, and each exchange
 * on it a stream of its own.  Invariants: an exchange is in its road's list
 * from road_join to road_leave; a road without exchanges is kept as long as any
 * connection (pool.c) and no longer; what a road learns for others is told to
 * them from the loop, never from inside one of them.
 */

static void
road_free(struct road *r)
{
	struct proxy *p = r->proxy;
	must(!r->users);
	loop_later_cancel(p->setup.loop, r);
	loop_timer_cancel(&r->timer);
	for (struct road **at = &p->roads; *at; at = &(*at)->next) {
		if (*at == r) {
			*at = r->next;
			break;
		}
	}
	http_two_free(r->two);
	proxy_link_free(r->link);
	free(r);
}

static bool
road_dead(const struct road *r)
{
	return r->link->ended || r->link->mute || http_two_over(r->two);
}

/* Answers to pings and settings wait in the session while the upstream reads
 * nothing: there they are counted, and too many of them end it (G03). */
static void
road_flush(struct road *r)
{
	struct buf frames = { 0 };
	if (!proxy_link_room(r->link)) {
		return;
	}
	http_two_take(r->two, &frames);
	proxy_link_write(r->link, buf_str(&frames));
	buf_wipe(&frames);
}

static void
over(void *owner)
{
	road_free(owner);
}

static void
idle_over(void *owner)
{
	struct road *r = owner;
	struct proxy *p = r->proxy;
	road_free(r);
	proxy_spares_rest(p);
}

/* Nobody is on it: it waits for the next, if there may be one. */
static void
road_rest(struct road *r)
{
	struct proxy *p = r->proxy;
	struct loop *loop = p->setup.loop;
	if (r->closing || road_dead(r) || !http_two_takes(r->two, 0)) {
		loop_later_cancel(loop, r);
		loop_later(loop, over, r);
		return;
	}
	road_flush(r);
	proxy_link_rest(r->link);
	proxy_link_settle(r->link);
	loop_timer_arm(&r->timer, loop,
	    mono_after(loop_now(loop), p->setup.times.kept), idle_over, r);
}

/* --- what comes ------------------------------------------------------------
 */

static struct up *
user_of(const struct road *r, int32_t stream)
{
	struct up *u = r->users;
	while (u && u->stream != stream) {
		u = u->beside;
	}
	return u;
}

static void
take_text(void *owner, int32_t stream, struct str text)
{
	struct up *u = user_of(owner, stream);
	if (u) {
		proxy_clear_take(&u->text);
		proxy_clear_add(&u->text, text);
		u->stirred = true;
	}
}

static void
take_end(void *owner, int32_t stream)
{
	struct up *u = user_of(owner, stream);
	if (u) {
		u->text_end = true;
		u->stirred = true;
	}
}

static void
take_close(void *owner, int32_t stream, bool untaken)
{
	struct up *u = user_of(owner, stream);
	if (u) {
		u->untaken = untaken;
		u->text_closed = true;
		u->stirred = true;
	}
}

static const struct http_two_ops ops = { take_text, take_end, take_close };

/* Bytes of the upstream go to whom they are for; false: there were none. */
static bool
road_feed(struct road *r)
{
	struct err e;
	proxy_link_fill(r->link);
	bool any = r->link->in.len > 0;
	while (r->link->in.len > 0) {
		struct str in = buf_str(&r->link->in);
		/* A session that failed says so by being over. */
		int over = http_two_feed(r->two, in, &e);
		(void)over;
		proxy_link_used(r->link, in.len);
	}
	if (road_dead(r)) {
		for (struct up *u = r->users; u; u = u->beside) {
			u->stirred = u->stirred || !u->text_closed;
			u->text_closed = true;
		}
	}
	return any;
}

static struct up *
next_stirred(const struct road *r)
{
	struct up *u = r->users;
	while (u && !u->stirred) {
		u = u->beside;
	}
	return u;
}

/* Room for what goes up: by a window that opened or a socket that was emptied.
 */
static void
wake_writers(struct road *r)
{
	for (struct up *u = r->users; u; u = u->beside) {
		if (u->full && proxy_up_room(u)) {
			u->stirred = true;
		}
	}
}

/* A turn of one may end others, and the road: it is looked at anew each time,
 * and freed from the loop alone. */
static void
road_turn(void *owner)
{
	struct road *r = owner;
	struct up *u;
	(void)road_feed(r);
	road_flush(r);
	proxy_link_send(r->link);
	wake_writers(r);
	while ((u = next_stirred(r))) {
		u->stirred = false;
		u->turn(u->owner);
	}
	if (!r->users) {
		road_rest(r);
		return;
	}
	road_flush(r);
	proxy_link_settle(r->link);
}

static void
turn_soon(struct road *r)
{
	struct loop *loop = r->proxy->setup.loop;
	loop_later_cancel(loop, r);
	loop_later(loop, road_turn, r);
}

/* --- who uses it -----------------------------------------------------------
 */

static void
road_join(struct road *r, struct up *u)
{
	loop_timer_cancel(&r->timer);
	if (!r->users) { /* a turn of others stays planned */
		loop_later_cancel(r->proxy->setup.loop, r);
	}
	u->beside = r->users;
	r->users = u;
	r->count++;
	u->road = r;
	u->two = r->two;
	u->link = r->link;
	u->stream = -1;
}

void
proxy_road_leave(struct up *u)
{
	struct road *r = u->road;
	for (struct up **at = &r->users; *at; at = &(*at)->beside) {
		if (*at == u) {
			*at = u->beside;
			break;
		}
	}
	r->count--;
	r->since = loop_now(r->proxy->setup.loop);
	if (u->stream > 0 && !u->text_closed) {
		http_two_reset(r->two, u->stream);
	}
	u->road = NULL;
	u->two = NULL;
	u->link = NULL;
	u->stream = -1;
	u->text_end = false;
	u->text_closed = false;
	u->untaken = false;
	u->stirred = false;
	proxy_clear_give(&u->text);
	turn_soon(r);
}

/* What one of them reads may have been for others as well: text, an end, or a
 * window, of which nothing tells but a turn of the road. */
void
proxy_road_fill(struct up *u)
{
	struct road *r = u->road;
	bool any = road_feed(r);
	u->stirred = false;
	if (any || next_stirred(r)) {
		turn_soon(r);
	}
}

/* GOAWAY may have come since it joined: nothing of it has left, whatever it is,
 * and so it can go another way. */
bool
proxy_road_open(struct up *u)
{
	proxy_road_fill(u);
	return !road_dead(u->road) && http_two_takes(u->two, 0);
}

void
proxy_road_flush(struct up *u)
{
	road_flush(u->road);
}

void
proxy_road_begin(struct up *u)
{
	struct proxy *p = u->proxy;
	struct road *r = calloc(1, sizeof(*r));
	must(r);
	*r = (struct road){
		.next = p->roads, .proxy = p, .link = u->link, .way = u->way
	};
	p->roads = r;
	r->two = http_two_client(&ops, r);
	r->link->turn = road_turn;
	r->link->owner = r;
	road_join(r, u);
	road_flush(r);
	proxy_road_wake(u);
}

/* As a kept connection: of equal way, open, young, its address still allowed.
 */
static bool
road_fits(const struct road *r, const struct up *u)
{
	const struct proxy *p = u->proxy;
	struct mono now = loop_now(p->setup.loop);
	struct err e;
	return !r->closing && !road_dead(r) &&
	       !(u->again && r->way.born.us <= u->way.born.us) &&
	       proxy_way_eq(&r->way, &u->way) &&
	       !mono_passed(mono_after(r->way.born, PROXY_KEPT_LIFE), now) &&
	       (u->way.pinned ||
	           names_addr_check(&r->way.at, &p->setup.own, NULL, &e) == 0);
}

bool
proxy_road_take(struct up *u, int64_t idle_max)
{
	struct proxy *p = u->proxy;
	struct mono now = loop_now(p->setup.loop);
	for (struct road *r = p->roads; r; r = r->next) {
		bool rested = !r->users &&
		              mono_passed(mono_after(r->since, idle_max), now);
		if (!rested && http_two_takes(r->two, r->count) &&
		    road_fits(r, u)) {
			u->way = r->way;
			road_join(r, u);
			return true;
		}
	}
	return false;
}

/* --- who waits for one that is being made ----------------------------------
 */

static struct up *
up_at(struct conn *c)
{
	return c->state == CONN_CARRY ? c->up : NULL;
}

static bool
making(const struct up *u)
{
	return u->state == UP_RESOLVE || u->state == UP_DIAL ||
	       u->state == UP_SHAKE;
}

/* How many a road takes whose upstream has shown that it speaks HTTP/2, for
 * there is one, full; 0: none. */
static size_t
shown(const struct up *u)
{
	for (const struct road *r = u->proxy->roads; r; r = r->next) {
		if (http_two_takes(r->two, 0) &&
		    !http_two_takes(r->two, r->count) && road_fits(r, u)) {
			return r->count;
		}
	}
	return 0;
}

/* No more wait than those that are being made will take: the rest makes some
 * beside them. */
bool
proxy_road_wait(struct up *u)
{
	size_t takes = shown(u);
	size_t places = 0;
	size_t waiting = 0;
	if (u->woken && !takes) {
		return false;
	}
	for (struct conn *c = u->proxy->conns; c; c = c->next) {
		const struct up *other = up_at(c);
		if (other && other != u && other->request->two &&
		    proxy_way_eq(&other->way, &u->way)) {
			waiting += other->state == UP_WAIT && !other->woken;
			places += making(other)
			              ? (takes ? takes : HTTP_TWO_STREAMS) - 1
			              : 0;
		}
	}
	if (waiting >= places) {
		return false;
	}
	u->state = UP_WAIT;
	u->woken = false;
	return true;
}

/* This one is made, or will not be: whoever waited looks again. */
void
proxy_road_wake(struct up *u)
{
	for (struct conn *c = u->proxy->conns; c; c = c->next) {
		struct up *other = up_at(c);
		if (other && other->state == UP_WAIT &&
		    proxy_way_eq(&other->way, &u->way)) {
			struct loop *loop = u->proxy->setup.loop;
			other->woken = true;
			loop_later_cancel(loop, other->owner);
			loop_later(loop, other->turn, other->owner);
		}
	}
}

/* --- ends ------------------------------------------------------------------
 */

void
proxy_roads_policy(struct proxy *p, const struct digest *policy)
{
	for (struct road *r = p->roads; r; r = r->next) {
		if (!digest_eq(r->way.policy, *policy)) {
			r->closing = true;
			turn_soon(r);
		}
	}
}

void
proxy_roads_close(struct proxy *p)
{
	struct road *next;
	for (struct road *r = p->roads; r; r = next) {
		next = r->next;
		r->closing = true;
		if (!r->users) {
			road_free(r);
		}
	}
}
