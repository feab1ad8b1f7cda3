/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/inside.h"

#define LOOK (5 * CLOCK_SECOND) /* at an open one, whether it is lost */

static const struct proxy_times *
times(const struct up *u)
{
	return &u->proxy->setup.times;
}

static void
disconnect(struct up *u)
{
	if (u->road) {
		proxy_road_leave(u);
	}
	proxy_link_free(u->link);
	u->link = NULL;
	u->reused = false;
	http_reader_fini(&u->reader);
	http_reader_response(&u->reader);
}

/* Others may be waiting for the way that this one makes. */
static void
stop_making(struct up *u)
{
	bool making = u->state == UP_RESOLVE || u->state == UP_DIAL ||
	              u->state == UP_SHAKE;
	if (making && u->request->two) {
		proxy_road_wake(u);
	}
}

void
proxy_up_fail(struct up *u, bool refused, const struct err *e)
{
	if (u->state == UP_FAILED) {
		return;
	}
	stop_making(u);
	u->state = UP_FAILED;
	u->refused = refused;
	u->err = *e;
	proxy_clean(u->proxy, &u->err);
	loop_timer_cancel(&u->timer);
	proxy_up_forget(u);
	buf_wipe(&u->secret);
	disconnect(u);
}

static void
fail(struct up *u, enum err_kind kind, const char *what, const char *why)
{
	struct err e;
	err_set(&e, kind, "%s: %s", what, why);
	proxy_up_fail(u, false, &e);
}

static void late(void *owner);

static void
arm(struct up *u, int64_t us)
{
	struct loop *loop = u->proxy->setup.loop;
	u->moved = loop_now(loop);
	loop_timer_arm(&u->timer, loop, mono_after(u->moved, us), late, u);
}

/* One address; false: it cannot even be tried. */
static bool
dial_one(struct up *u, const struct names_addr *a)
{
	struct sockaddr_storage at;
	uint16_t port = u->go.pinned ? u->go.pin_port : u->request->origin.port;
	socklen_t size = names_addr_write(a, port, &at);
	int fd =
	    socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return false;
	}
	int one = 1;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
	    (connect(fd, (struct sockaddr *)&at, size) &&
	        errno != EINPROGRESS)) {
		close(fd);
		return false;
	}
	u->link = calloc(1, sizeof(*u->link));
	must(u->link);
	if (proxy_link_open(
	        u->link, u->proxy->setup.loop, fd, u->turn, u->owner)) {
		return false;
	}
	u->way.at = *a;
	u->way.born = loop_now(u->proxy->setup.loop);
	u->link->dialing = true;
	proxy_link_settle(u->link);
	return true;
}

static void
dial_next(struct up *u, const char *why)
{
	disconnect(u);
	while (u->next < u->count) {
		u->state = UP_DIAL;
		if (dial_one(u, &u->at[u->next++])) {
			arm(u, times(u)->dial);
			return;
		}
		why = strerrordesc_np(errno);
		disconnect(u);
	}
	fail(u, ERR_UNAVAILABLE, "connecting upstream", why);
}

/* Now and then it is looked at whether it is lost. */
static void
look_after(struct up *u)
{
	struct loop *loop = u->proxy->setup.loop;
	int64_t us = times(u)->stall - (loop_now(loop).us - u->moved.us);
	loop_timer_arm(&u->timer, loop,
	    mono_after(loop_now(loop), us < LOOK ? us : LOOK), late, u);
}

static void
opened(struct up *u)
{
	u->state = UP_OPEN;
	u->moved = loop_now(u->proxy->setup.loop);
	look_after(u);
}

static void
late(void *owner)
{
	struct up *u = owner;
	struct loop *loop = u->proxy->setup.loop;
	switch (u->state) {
	case UP_WAIT:
		u->woken = true;
		break;
	case UP_RESOLVE:
		fail(u, ERR_TIMEOUT, "resolving", "no answer in time");
		break;
	case UP_DIAL:
		dial_next(u, "no answer in time");
		break;
	case UP_SHAKE:
		fail(u, ERR_TIMEOUT, "TLS upstream", "no answer in time");
		break;
	case UP_REDEEM:
		fail(u, ERR_TIMEOUT, "credential", "the vault did not answer");
		break;
	case UP_OPEN:
		if (loop_now(loop).us - u->moved.us >= times(u)->stall) {
			fail(u, ERR_TIMEOUT, "upstream",
			    "nothing moved in time");
			break;
		}
		look_after(u);
		if (!proxy_link_lost(u->link)) {
			return;
		}
		break;
	case UP_FAILED:
	case UP_DONE:
		return;
	}
	u->turn(u->owner);
}

/* What a kept connection must have in common with this request. */
static void
way_of(struct up *u, const struct proxy_go *go)
{
	struct up_way *w = &u->way;
	*w = (struct up_way){ .port = u->request->origin.port,
		.tls = go->tls,
		.two = u->request->two,
		.pinned = go->pinned,
		.at = go->pin,
		.at_port = go->pin_port,
		.ca = go->ca.len ? digest_of(go->ca) : go->given,
		.policy = go->policy,
		.version = go->place == PROXY_PLACE_NONE ? 0 : go->version };
	must(str_copy(
	    w->host, sizeof(w->host), str_of(u->request->origin.host.text)));
	if (go->place != PROXY_PLACE_NONE) {
		memcpy(w->credential, go->credential, sizeof(w->credential));
	}
}

struct up *
proxy_up_new(struct proxy *p, uint64_t id, const struct proxy_request *request,
    const struct proxy_go *go)
{
	struct up *u = proxy_spare_up(p);
	u->proxy = p;
	u->opening = &p->opening;
	u->id = id;
	u->request = request;
	u->go = *go;
	u->go.ca = (struct str){ 0 };
	way_of(u, go);
	u->volume = proxy_volume_of(p, go);
	http_reader_response(&u->reader);
	proxy_spare_take(p, &u->reader.arena);
	struct err e;
	if (proxy_go_check(request, go, &e) ||
	    proxy_own_check(p->needles, request, &e)) {
		proxy_up_fail(u, true, &e);
	} else if (!digest_is_zero(u->way.ca) &&
	           proxy_trust_take(p, u->way.ca, go->ca, &u->trust, &e)) {
		proxy_up_fail(u, false, &e);
	}
	return u;
}

void
proxy_up_free(struct up *u)
{
	if (!u) {
		return;
	}
	loop_timer_cancel(&u->timer);
	stop_making(u);
	if (u->road) {
		proxy_road_leave(u);
	}
	proxy_link_free(u->link);
	proxy_spare_give(u->proxy, &u->reader.arena);
	http_reader_fini(&u->reader);
	proxy_up_forget(u);
	buf_wipe(&u->secret);
	proxy_scrub_fini(&u->scrub);
	proxy_trust_give(u->trust);
	proxy_spare_up_give(u->proxy, u);
}

/* A01…A10: an address that was looked up or written by the cell. */
static bool
may_dial(const struct up *u, const struct names_addr *a, struct err *e)
{
	return names_addr_check(a, &u->proxy->setup.own, NULL, e) == 0 &&
	       names_addr_elsewhere(a, e) == 0;
}

/* A value is lent for one sending: by the next it may be another's turn, or its
 * end.  With one a request goes once more if its owner asks about it anew. */
static bool
repeats(const struct up *u)
{
	return !u->go.once && (u->asks || u->go.place == PROXY_PLACE_NONE);
}

/* A safe request that got no answer can be asked again; any other must find
 * the connection fresh, since nobody could say what became of it.  What a
 * person allowed goes once, and is none. */
static bool
safe(const struct up *u)
{
	struct str m = u->request->method;
	return repeats(u) && u->request->head->framing == HTTP_EMPTY &&
	       (str_eq_z(m, "GET") || str_eq_z(m, "HEAD") ||
	           str_eq_z(m, "OPTIONS"));
}

static void
find_way(struct up *u)
{
	const struct names_host *host = &u->request->origin.host;
	struct err e;
	u->count = 0;
	u->next = 0;
	if (u->go.pinned) {
		u->at[0] = u->go.pin;
		u->count = 1;
		dial_next(u, "no address");
		return;
	}
	if (host->is_addr) {
		if (!may_dial(u, &host->addr, &e)) {
			proxy_up_fail(u, true, &e);
			return;
		}
		u->at[0] = host->addr;
		u->count = 1;
		dial_next(u, "no address");
		return;
	}
	u->state = UP_RESOLVE;
	arm(u, times(u)->decision);
	u->proxy->setup.ops->resolve(
	    u->proxy->setup.context, u->id, host->text);
}

static void verified(struct up *u);

/* However often it is woken, for so long in all. */
static bool
waits(struct up *u)
{
	bool first = !u->woken;
	if ((!first && !u->timer.loop) || !proxy_road_wait(u)) {
		return false;
	}
	if (first) {
		arm(u, times(u)->dial);
	}
	return true;
}

static void
find_kept(struct up *u)
{
	int64_t idle = safe(u) ? u->proxy->setup.times.kept : PROXY_KEPT_UNSAFE;
	bool two = u->request->two && u->go.tls;
	if (two && proxy_road_take(u, idle)) {
		u->reused = true;
		verified(u);
		return;
	}
	u->link = u->again ? NULL : proxy_pool_take(u->proxy, &u->way, idle);
	if (u->link) {
		u->reused = true;
		u->link->turn = u->turn;
		u->link->owner = u->owner;
		verified(u);
	} else if (!two || !waits(u)) {
		find_way(u);
	}
}

void
proxy_up_begin(struct up *u, loop_fn *turn, void *owner)
{
	u->turn = turn;
	u->owner = owner;
	if (u->state == UP_FAILED) {
		return;
	}
	if (u->request->tunnel || u->request->websocket) {
		find_way(u);
		return;
	}
	find_kept(u);
}

/* Over a connection that was kept a safe one may meet its end; over HTTP/2 an
 * upstream may say of any that it did nothing for it.  Once, all in all. */
static bool
may_go_again(const struct up *u)
{
	return !u->again &&
	       ((u->reused && safe(u)) ||
	           (u->two && repeats(u) && !proxy_place_in_body(&u->go)));
}

void
proxy_up_forget(struct up *u)
{
	u->keeps = false;
	buf_wipe(&u->left);
}

bool
proxy_up_again(struct up *u)
{
	u->missed = u->keeps && http_reader_idle(&u->reader) &&
	            (u->untaken || (u->reused && safe(u)));
	if (!u->missed || u->go.place != PROXY_PLACE_NONE) {
		return false;
	}
	u->missed = false;
	u->again = true;
	disconnect(u);
	/* Of all that were on that way one makes the next. */
	u->state = UP_WAIT;
	u->woken = false;
	u->woken = !proxy_road_wait(u);
	arm(u, times(u)->dial);
	return true;
}

void
proxy_up_resolved(
    struct up *u, const struct names_found *found, const struct err *e)
{
	if (u->state != UP_RESOLVE || u->count > 0) {
		return;
	}
	if (!found) {
		struct err wrapped = *e;
		err_wrap(&wrapped, "resolving");
		proxy_up_fail(u, false, &wrapped);
		return;
	}
	struct err last;
	err_set(&last, ERR_DENIED, "no address");
	for (size_t i = 0; i < found->count; i++) {
		if (may_dial(u, &found->at[i], &last)) {
			u->at[u->count++] = found->at[i];
		}
	}
	if (u->count == 0) {
		proxy_up_fail(u, true, &last);
		return;
	}
	dial_next(u, "no address");
}

static void
open_with(struct up *u, struct str secret)
{
	struct err e;
	u->keeps = may_go_again(u);
	int failed = proxy_up_say(u, secret, &e);
	buf_wipe(&u->secret);
	if (failed) {
		proxy_up_fail(u, true, &e);
		return;
	}
	if (!u->keeps) {
		proxy_up_forget(u);
	}
	proxy_link_settle(u->link);
	opened(u);
}

/* It must not have spoken before it was asked: H15. */
static void
ready_to_ask(struct up *u)
{
	if (u->request->tunnel) {
		opened(u);
		return;
	}
	proxy_link_poll(u->link);
	if (u->two ? proxy_road_open(u) : proxy_link_silent(u->link)) {
		open_with(u, buf_str(&u->secret));
	} else if (u->reused) {
		disconnect(u);
		find_way(u);
	} else {
		fail(u, ERR_UNAVAILABLE, "upstream",
		    u->link->ended ? "it hung up before it was asked"
		    : u->two       ? "it takes no request"
		                   : "it spoke before it was asked");
	}
}

void
proxy_up_credential(struct up *u, struct str secret, const struct err *e)
{
	if (u->state != UP_REDEEM) {
		return;
	}
	if (!secret.at) {
		struct err wrapped = *e;
		u->unlent = e->kind == ERR_UNAVAILABLE;
		err_wrap(&wrapped, "credential");
		proxy_up_fail(u, false, &wrapped);
		return;
	}
	buf_room(&u->secret, secret.len);
	buf_add(&u->secret, secret);
	ready_to_ask(u);
}

static void
verified(struct up *u)
{
	if (u->go.place == PROXY_PLACE_NONE || u->secret.len > 0) {
		ready_to_ask(u);
		return;
	}
	u->state = UP_REDEEM;
	arm(u, times(u)->decision);
	u->proxy->setup.ops->redeem(u->proxy->setup.context, u->id, u->go.grant,
	    u->request->origin.host.text, u->request->origin.port);
}

static bool
step_dial(struct up *u)
{
	if (u->link->dialing) {
		return false;
	}
	if (u->link->ended) {
		dial_next(u, u->link->why ? u->link->why : "refused");
		return true;
	}
	if (!u->go.tls) {
		verified(u);
		return true;
	}
	struct tls_trust *t =
	    u->trust ? u->trust->trust : u->proxy->setup.roots;
	const char *host = u->request->origin.host.text;
	proxy_link_secure(u->link, u->request->two
	                               ? tls_connect_two(t, host, false)
	                               : tls_connect(t, host));
	proxy_link_settle(u->link);
	u->state = UP_SHAKE;
	arm(u, times(u)->dial);
	return true;
}

static bool
step_shake(struct up *u)
{
	proxy_link_fill(u->link);
	switch (tls_state(u->link->tls)) {
	case TLS_SHAKING:
		proxy_link_settle(u->link);
		if (u->link->ended) {
			fail(u, ERR_UNAVAILABLE, "TLS upstream", "it hung up");
			return true;
		}
		return false;
	case TLS_OPEN:
		if (tls_two(u->link->tls)) {
			proxy_road_begin(u);
		} else if (u->request->two) {
			proxy_road_wake(u);
		}
		verified(u);
		return true;
	case TLS_ENDED:
		fail(u, ERR_UNAVAILABLE, "TLS upstream", "it hung up");
		return true;
	case TLS_FAILED:
		/* The alert, as far as the socket takes it. */
		proxy_link_send(u->link);
		fail(u, ERR_UNAVAILABLE, "TLS upstream",
		    tls_error(u->link->tls)->text);
		return true;
	}
	return false;
}

bool
proxy_up_step(struct up *u)
{
	switch (u->state) {
	case UP_WAIT:
		if (u->woken) {
			find_kept(u);
		}
		return u->state != UP_WAIT;
	case UP_DIAL:
		return step_dial(u);
	case UP_SHAKE:
		return step_shake(u);
	case UP_RESOLVE:
	case UP_REDEEM:
	case UP_OPEN:
	case UP_FAILED:
	case UP_DONE:
		return false;
	}
	return false;
}
