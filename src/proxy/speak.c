/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "proxy/clear.h"
#include "proxy/inside.h"

/* What is said to an upstream and heard of it, once the way is open. */

struct volume *
proxy_volume_of(struct proxy *p, const struct proxy_go *go)
{
	const char *rule = go->rule;
	struct volume *v = p->volumes;
	if (!go->volume_max) {
		return NULL;
	}
	while (v && strcmp(v->rule, rule) != 0) {
		v = v->next;
	}
	if (!v) {
		v = calloc(1, sizeof(*v));
		must(v && str_copy(v->rule, sizeof(v->rule), str_of(rule)));
		v->next = p->volumes;
		p->volumes = v;
	}
	return v;
}

int
proxy_up_count(struct up *u, size_t bytes, struct err *e)
{
	if (!u->volume) {
		return 0;
	}
	u->volume->used += bytes;
	return u->volume->used > u->go.volume_max
	           ? err_set(e, ERR_LIMIT,
	                 "this sandbox has used up the volume of the rule")
	           : 0;
}

static int
count_up(struct up *u, size_t bytes, struct err *e)
{
	u->sent += bytes;
	if (u->go.up_max && u->sent > u->go.up_max) {
		return err_set(e, ERR_LIMIT,
		    "the body is longer than the %llu bytes that the rule "
		    "allows",
		    (unsigned long long)u->go.up_max);
	}
	return proxy_up_count(u, bytes, e);
}

/* R08: a request without a credential reads what one with it has left. */
static bool
given_one(struct up *u)
{
	struct proxy *p = u->proxy;
	struct str rest = buf_str(&p->given);
	struct str host = str_of(u->request->origin.host.text);
	struct str known;
	size_t count = 0;
	for (; str_cut(&rest, '\0', &known); count++) {
		if (str_eq(known, host)) {
			return true;
		}
	}
	if (count == PROXY_GIVEN) {
		return true;
	}
	if (u->go.place != PROXY_PLACE_NONE) {
		buf_add(&p->given, host);
		buf_add_byte(&p->given, 0);
		return true;
	}
	return false;
}

static void
write_body(struct up *u, struct str bytes)
{
	if (u->two) {
		proxy_two_body(u, bytes);
		return;
	}
	if (u->request->head->framing != HTTP_CHUNKED) {
		proxy_link_write(u->link, bytes);
		return;
	}
	auto_buf chunk = { 0 };
	http_write_chunk(&chunk, bytes);
	proxy_link_write(u->link, buf_str(&chunk));
}

/* Of its body what has left before, and was not taken. */
static void
say_left(struct up *u)
{
	if (u->left.len > 0) {
		write_body(u, buf_str(&u->left));
	}
	if (u->ended) {
		proxy_up_body_end(u);
	}
}

/* A longer body does not go once more: nobody has it any longer. */
static void
keep_left(struct up *u, struct str bytes)
{
	if (bytes.len > UP_LEFT - u->left.len) {
		proxy_up_forget(u);
		return;
	}
	buf_room_wiped(&u->left, bytes.len);
	buf_add(&u->left, bytes);
}

int
proxy_up_say(struct up *u, struct str secret, struct err *e)
{
	struct buf head = { 0 };
	struct needles *needles = u->proxy->needles;
	/* What a token endpoint is asked with goes nowhere else. */
	if (u->go.place != PROXY_PLACE_TOKEN &&
	    proxy_needles_renew(needles, u->go.credential, secret, e)) {
		return -1;
	}
	u->go.trailers =
	    u->two && http_has_token(u->request->head, "te", "trailers");
	u->go.scrub = proxy_needles_count(needles) > 0;
	u->go.whole = given_one(u) || u->go.whole;
	struct buf body = { 0 };
	bool changed = proxy_place_in_body(&u->go);
	proxy_clear_take(&head);
	if ((changed && (count_up(u, u->whole->len, e) ||
	                    proxy_place_body(&body, u->request, &u->go, secret,
	                        buf_str(u->whole), e))) ||
	    proxy_head_write(
	        &head, u->request, &u->go, secret, changed ? &body : NULL, e)) {
		proxy_clear_give(&head);
		buf_wipe(&body);
		return -1;
	}
	u->injected = u->go.place != PROXY_PLACE_NONE;
	u->link->secret = u->injected && !u->link->tls;
	if (u->link->secret) {
		/* One allocation, wiped when sent. */
		buf_room(&u->link->out, head.len + body.len);
	}
	int failed = 0;
	if (u->two) {
		failed =
		    proxy_two_say(u, buf_str(&head), changed ? &body : NULL, e);
	} else {
		proxy_link_write(u->link, buf_str(&head));
		proxy_link_write(u->link, buf_str(&body));
	}
	proxy_clear_give(&head);
	buf_wipe(&body);
	if (changed) {
		buf_wipe(u->whole);
	}
	if (!failed && u->again) {
		say_left(u);
	}
	u->reader.take_upgrade = u->request->websocket;
	u->reader.answer_to_head = str_eq_z(u->request->method, "HEAD");
	return failed;
}

bool
proxy_up_room(struct up *u)
{
	bool room = proxy_link_room(u->link) &&
	            (!u->two || http_two_waiting(u->two, u->stream) <
	                            proxy_link_most());
	u->full = !room;
	return room;
}

int
proxy_up_body(struct up *u, struct str bytes, struct err *e)
{
	u->moved = loop_now(u->proxy->setup.loop);
	if (count_up(u, bytes.len, e)) {
		return -1;
	}
	if (u->keeps) {
		keep_left(u, bytes);
	}
	write_body(u, bytes);
	return 0;
}

void
proxy_up_body_end(struct up *u)
{
	u->ended = true;
	if (u->two) {
		proxy_two_body_end(u);
	} else if (u->request->head->framing == HTTP_CHUNKED) {
		auto_buf last = { 0 };
		http_write_last_chunk(&last);
		proxy_link_write(u->link, buf_str(&last));
	}
}

/* The upstream says nothing more, and no event is left. */
static int
read_end(struct up *u, struct http_event *ev, struct err *e)
{
	if (u->two && u->untaken && http_reader_idle(&u->reader)) {
		return err_set(e, ERR_UNAVAILABLE,
		    "it did nothing with this request (REFUSED_STREAM, or "
		    "GOAWAY before it): ask it once more");
	}
	if (u->two) {
		const char *why = u->link->why;
		return err_set(e, ERR_UNAVAILABLE,
		    "the upstream closed without a whole answer%s%s",
		    why ? ": " : "", why ? why : "");
	}
	if (u->link->why) {
		return err_set(
		    e, ERR_UNAVAILABLE, "the answer: %s", u->link->why);
	}
	if (http_read_eof(&u->reader, ev, e)) {
		return err_wrap(e, "the answer");
	}
	return ev->kind == HTTP_MORE
	           ? err_set(e, ERR_UNAVAILABLE,
	                 "the upstream closed without an answer")
	           : 0;
}

static int
count_down(struct up *u, size_t bytes, struct err *e)
{
	u->got += bytes;
	if (u->go.down_max && u->got > u->go.down_max) {
		return err_set(e, ERR_LIMIT,
		    "it is longer than the %llu bytes that the rule allows",
		    (unsigned long long)u->go.down_max);
	}
	return proxy_up_count(u, bytes, e);
}

int
proxy_up_read(struct up *u, struct http_event *ev, struct err *e)
{
	if (u->two) {
		proxy_two_fill(u);
	}
	struct str in = buf_str(u->two ? &u->text : &u->link->in);
	size_t had = in.len;
	if (http_read(&u->reader, &in, ev, e)) {
		return -1;
	}
	u->taken = had - in.len;
	bool over = u->two ? u->text_end || u->text_closed : u->link->ended;
	if (ev->kind == HTTP_MORE && over) {
		if (proxy_up_again(u)) {
			return 0;
		}
		if (read_end(u, ev, e)) {
			return -1;
		}
	}
	if (ev->kind == HTTP_DATA && count_down(u, ev->data.len, e)) {
		return -1;
	}
	if (u->taken > 0) {
		if (u->keeps) {
			proxy_up_forget(u);
		}
		u->moved = loop_now(u->proxy->setup.loop);
	}
	return 0;
}

int
proxy_up_scrub(
    struct up *u, const struct http_head *answer, bool rewrite, struct err *e)
{
	if (answer->status == 206 && u->go.whole) {
		return err_set(e, ERR_DENIED,
		    "a part (206) was answered, which nobody asked for");
	}
	if (u->go.raw) {
		return 0;
	}
	uint64_t before = u->scrub.found; /* of 1xx */
	int failed = proxy_scrub_begin(
	    &u->scrub, u->proxy->needles, u->opening, answer, rewrite, e);
	u->scrub.found += before;
	return failed;
}

void
proxy_up_used(struct up *u)
{
	if (u->two) {
		proxy_clear_drop(&u->text, u->taken);
		if (!u->text.len) {
			proxy_clear_give(&u->text);
		}
	} else if (u->link) {
		proxy_link_used(u->link, u->taken);
	}
	u->taken = 0;
}

void
proxy_up_keep(struct up *u)
{
	if (u->state == UP_OPEN && u->road) {
		proxy_road_leave(u);
		u->state = UP_DONE;
		loop_timer_cancel(&u->timer);
		return;
	}
	bool clean = u->state == UP_OPEN && u->reader.head.keep_alive &&
	             u->reader.head.framing != HTTP_UNTIL_CLOSE;
	if (!clean) {
		return;
	}
	proxy_link_send(u->link);
	proxy_link_fill(u->link);
	proxy_pool_put(u->proxy, u->link, &u->way);
	u->link = NULL;
	u->state = UP_DONE;
	loop_timer_cancel(&u->timer);
}

void
proxy_up_settle(struct up *u)
{
	if (u && u->link) {
		proxy_link_settle(u->link);
	}
}
