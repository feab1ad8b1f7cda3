/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/clear.h"
#include "proxy/inside.h"

#define TOKENS_MAX ((size_t)64 * 1024)

/* The exchange of one allowed request: body up, answer down. */

static void
write_continue(struct conn *c)
{
	if (c->request.head->expect && !c->continued && !c->body_done) {
		proxy_link_write(
		    &c->link, STR("HTTP/1.1 100 Continue\r\n\r\n"));
	}
	c->continued = true;
}

/* It failed: typed when nothing was sent yet, else cut so that it shows. */
static void
failed(struct conn *c)
{
	const struct up *u = c->up;
	struct proxy_refusal r = { .status = proxy_status(u->err.kind),
		.error = u->refused ? "refused" : "unavailable",
		.reason = u->err.text };
	enum proxy_end end = u->refused  ? PROXY_REFUSED
	                     : u->unlent ? PROXY_UNLENT
	                                 : PROXY_FAILED;
	if (!u->refused && r.status < 500) {
		r.status = 502;
	}
	if (u->unlent) {
		r.status = 503;
	}
	proxy_conn_outcome(c, end, r.status, u->err.text);
	if (c->answered) {
		proxy_conn_shut(c);
		return;
	}
	proxy_conn_answer(c, &r);
}

/* The cell broke its own body: nobody can be told what was sent. */
static void
body_broken(struct conn *c, unsigned status, const char *text)
{
	struct proxy_refusal r = {
		.status = status, .error = "refused", .reason = text
	};
	proxy_conn_outcome(c, PROXY_FAILED, status, text);
	c->close = true;
	if (c->answered) {
		proxy_conn_shut(c);
		return;
	}
	proxy_conn_answer(c, &r);
}

/* What was gathered has been looked through. */
static int
body_data(struct conn *c, struct str data, bool looked, struct err *e)
{
	return !looked && proxy_own_body(&c->search, c->proxy->needles,
	                      &c->proxy->opening, &c->request, data, e)
	           ? -1
	           : proxy_up_body(c->up, data, e);
}

/* All of it was looked through: what opened it is for others, however long the
 * answer takes. */
static void
body_ends(struct conn *c)
{
	proxy_scrub_fini(&c->search);
	proxy_up_body_end(c->up);
}

/* One event of the cell's body; true: go on. */
static bool
body_event(struct conn *c)
{
	struct http_event ev;
	struct err e;
	struct str in = buf_str(&c->link.in);
	size_t had = in.len;
	int broken = http_read(&c->reader, &in, &ev, &e);
	if (!broken && ev.kind == HTTP_MORE && c->link.ended) {
		broken = err_set(&e, ERR_INPUT, "the body was cut");
	}
	if (!broken && ev.kind == HTTP_DATA) {
		broken = body_data(c, ev.data, false, &e);
	}
	if (broken) {
		unsigned status = c->reader.refusal;
		body_broken(c, status ? status : proxy_status(e.kind), e.text);
		return false;
	}
	if (ev.kind == HTTP_END) {
		body_ends(c);
		c->body_done = true;
	}
	proxy_link_used(&c->link, had - in.len);
	return ev.kind == HTTP_DATA;
}

static bool
carry_up(struct conn *c)
{
	struct up *u = c->up;
	bool any = false;
	if (c->body_done && c->held.len == 0 && !c->spooled) {
		return false;
	}
	write_continue(c);
	if (c->held.len > 0 || c->spooled) {
		struct err e;
		if (c->held.len > 0 &&
		    body_data(c, buf_str(&c->held), !c->commands, &e)) {
			body_broken(c, proxy_status(e.kind), e.text);
			return true;
		}
		buf_wipe(&c->held);
		c->spooled = false;
		if (c->body_done) {
			body_ends(c);
		}
		any = true;
	}
	while (!c->body_done && proxy_up_room(u) && body_event(c)) {
		any = true;
	}
	proxy_link_send(u->link);
	return any;
}

static int
answer_head(struct conn *c, const struct http_head *head, struct err *e)
{
	struct buf b = { 0 };
	struct up *u = c->up;
	if (head->status == 101) {
		return proxy_conn_switch(c, head, e);
	}
	if (proxy_up_scrub(u, head, false, e)) {
		return -1;
	}
	struct proxy_answer_form form = { .needles = c->proxy->needles,
		.opened = u->scrub.decoder && !u->scrub.beside,
		.close =
		    c->close || !c->body_done || !c->request.head->keep_alive };
	proxy_clear_take(&b);
	int failed = proxy_head_answer(&b, head, c->request.head, &form, e);
	if (!failed) {
		u->scrub.found += form.found;
		c->chunked = form.chunked;
		c->close = form.close;
		proxy_link_write(&c->link, buf_str(&b));
		c->answered = true;
	}
	proxy_clear_give(&b);
	return failed;
}

/* RFC 9110 15.2: what an upstream says before its answer goes on, but 100: of
 * that none was asked for, and who waits for one is told from here.  HTTP/1.0
 * knows no answer but the last. */
static int
answer_before(struct conn *c, const struct http_head *head, struct err *e)
{
	struct proxy_answer_form form = { .needles = c->proxy->needles };
	struct buf b = { 0 };
	if (head->status == 100 || c->request.head->minor == 0) {
		return 0;
	}
	proxy_clear_take(&b);
	int failed = proxy_head_answer(&b, head, c->request.head, &form, e);
	if (!failed) {
		c->up->scrub.found += form.found;
		proxy_link_write(&c->link, buf_str(&b));
	}
	proxy_clear_give(&b);
	return failed;
}

static void
answer_data(void *owner, struct str data)
{
	struct conn *c = owner;
	if (!c->chunked) {
		proxy_link_write(&c->link, data);
		return;
	}
	auto_buf chunk = { 0 };
	http_write_chunk(&chunk, data);
	proxy_link_write(&c->link, buf_str(&chunk));
}

/* gRPC says in them how it went; without credentials, as all else. */
static int
write_trailers(struct conn *c, struct err *e)
{
	auto_buf last = { 0 };
	struct str lines = buf_str(&c->up->reader.trailer);
	buf_add_z(&last, "0\r\n");
	if (proxy_head_trailers(
	        c->proxy->needles, lines, &last, &c->up->scrub.found, e)) {
		return -1;
	}
	if (lines.len == 0) {
		buf_add_z(&last, "\r\n");
	}
	proxy_link_write(&c->link, buf_str(&last));
	return 0;
}

static int
answer_end(struct conn *c, struct err *e)
{
	if (proxy_scrub_end(&c->up->scrub, answer_data, c, e)) {
		return -1;
	}
	if (c->chunked && c->up->two) {
		if (write_trailers(c, e)) {
			return -1;
		}
	} else if (c->chunked) {
		auto_buf last = { 0 };
		http_write_last_chunk(&last);
		proxy_link_write(&c->link, buf_str(&last));
	}
	proxy_conn_outcome(c, PROXY_ANSWERED, c->up->reader.head.status, NULL);
	c->close = c->close || !c->body_done;
	c->state = CONN_ANSWER;
	proxy_conn_arm(c, c->proxy->setup.times.stall);
	return 0;
}

static void
begin_pipe(struct conn *c)
{
	loop_timer_cancel(&c->up->timer);
	c->state = CONN_PIPE;
	proxy_conn_arm(c, c->proxy->setup.times.pipe);
}

/* R04: an answer with tokens is read whole; what goes on is made anew. */
static int
keep_data(struct conn *c, struct str data, struct err *e)
{
	if (data.len > TOKENS_MAX - c->kept.len) {
		return err_set(e, ERR_LIMIT,
		    "the answer of a token endpoint has more than %zu bytes",
		    TOKENS_MAX);
	}
	if (c->kept.len == 0) {
		buf_room(&c->kept, TOKENS_MAX);
	}
	buf_add(&c->kept, data);
	return 0;
}

static void
write_captured(struct conn *c)
{
	struct proxy_setup *s = &c->proxy->setup;
	const struct http_head *head = &c->up->reader.head;
	const struct str *type = http_find(head, "content-type");
	struct proxy_answer answer = { .status = head->status,
		.content_type = type ? *type : STR(""),
		.body = buf_str(&c->kept) };
	auto_buf body = { 0 };
	auto_buf b = { 0 };
	s->ops->captured(s->context, c->id, &c->up->go, &answer, &body);
	buf_wipe(&c->kept);
	c->close = c->close || !c->body_done || !c->request.head->keep_alive;
	http_write_status(&b, head->status);
	http_write_header_z(&b, "Content-Type", "application/json");
	http_write_header_z(&b, "Cache-Control", "no-store");
	if (c->close) {
		http_write_header_z(&b, "Connection", "close");
	}
	http_write_length(&b, body.len);
	http_write_end(&b);
	buf_add(&b, buf_str(&body));
	proxy_link_write(&c->link, buf_str(&b));
	c->answered = true;
}

static int
capture_take(struct conn *c, const struct http_event *ev, struct err *e)
{
	switch (ev->kind) {
	case HTTP_HEAD:
		return ev->head->status == 101 || ev->head->status == 204 ||
		               ev->head->status == 304 ||
		               str_eq_z(c->request.head->method, "HEAD") ||
		               http_find(ev->head, "content-encoding")
		           ? err_set(e, ERR_DENIED,
		                 "a token endpoint answered in a form that is "
		                 "not read")
		           : 0;
	case HTTP_DATA:
		return keep_data(c, ev->data, e);
	case HTTP_END:
		write_captured(c);
		return answer_end(c, e);
	case HTTP_MORE:
	case HTTP_INTERIM:
		break;
	}
	return 0;
}

static int
answer_take(struct conn *c, const struct http_event *ev, struct err *e)
{
	struct up *u = c->up;
	if (u->go.capture) {
		return capture_take(c, ev, e);
	}
	switch (ev->kind) {
	case HTTP_HEAD:
		return answer_head(c, ev->head, e);
	case HTTP_DATA:
		if (proxy_scrub_on(&u->scrub)) {
			return proxy_scrub_take(
			    &u->scrub, ev->data, answer_data, c, e);
		}
		answer_data(c, ev->data);
		return 0;
	case HTTP_END:
		if (u->reader.head.status == 101) {
			begin_pipe(c);
			return 0;
		}
		return answer_end(c, e);
	case HTTP_INTERIM:
		return answer_before(c, ev->head, e);
	case HTTP_MORE:
		break;
	}
	return 0;
}

/* A 401 to a token that could be made anew, and nothing of the request is gone:
 * the whole of it stands in its head. */
static bool
stale(const struct conn *c, const struct http_event *ev)
{
	return ev->kind == HTTP_HEAD && ev->head->status == 401 &&
	       c->up->go.renews && c->up->injected && !c->renewed &&
	       c->request.head->framing == HTTP_EMPTY && c->body_done &&
	       !c->request.websocket;
}

static void
answer_broken(struct up *u, const struct err *e)
{
	struct err why;
	err_set(&why, ERR_UNAVAILABLE, "upstream: %s", e->text);
	proxy_up_fail(u, false, &why);
}

/* R07: what opens to a hundred times its size does so as the cell reads it. */
static bool
answer_open(struct conn *c)
{
	struct up *u = c->up;
	struct err e;
	u->moved = loop_now(c->proxy->setup.loop);
	if (proxy_scrub_go_on(&u->scrub, answer_data, c, &e)) {
		answer_broken(u, &e);
		return false;
	}
	return true;
}

/* One event of the answer; true: go on. */
static bool
answer_event(struct conn *c)
{
	struct up *u = c->up;
	struct http_event ev;
	struct err e;
	if (u->scrub.waits) {
		return answer_open(c);
	}
	int broken = proxy_up_read(u, &ev, &e);
	if (!broken && stale(c, &ev)) {
		proxy_conn_again(c);
		return false;
	}
	if (broken && u->missed) {
		proxy_conn_anew(c);
		return false;
	}
	if (broken || answer_take(c, &ev, &e)) {
		answer_broken(u, &e);
		return false;
	}
	proxy_up_used(u);
	if (ev.kind == HTTP_END) {
		if (c->body_done && c->state == CONN_ANSWER) {
			proxy_up_keep(u);
		}
		return false;
	}
	return ev.kind != HTTP_MORE;
}

static bool
carry_down(struct conn *c)
{
	bool any = false;
	proxy_link_fill(c->up->link);
	while (proxy_link_room(&c->link) && answer_event(c)) {
		any = true;
	}
	proxy_link_send(&c->link);
	return any || c->state != CONN_CARRY || c->up->state != UP_OPEN;
}

void
proxy_conn_abort(struct conn *c, const char *why)
{
	if (c->state == CONN_CARRY || c->state == CONN_GATHER ||
	    c->state == CONN_PIPE) {
		proxy_conn_outcome(c, PROXY_FAILED, 0, why);
	}
	proxy_conn_shut(c);
}

/* Whoever asked is gone; TLS has no half-closed askers. */
static bool
hung_up(const struct conn *c)
{
	return c->link.mute || c->link.why || (c->link.ended && c->link.tls);
}

bool
proxy_conn_carry(struct conn *c)
{
	if (c->up->state == UP_FAILED) {
		failed(c);
		return true;
	}
	if (hung_up(c)) {
		proxy_conn_abort(c, "the cell hung up");
		return true;
	}
	if (c->up->state != UP_OPEN) {
		return proxy_up_step(c->up);
	}
	if (c->request.tunnel) {
		begin_pipe(c);
		return true;
	}
	bool any = carry_up(c);
	if (c->state != CONN_CARRY) {
		return true;
	}
	/* What comes down may open a window for what goes up. */
	bool full = !proxy_up_room(c->up);
	return carry_down(c) || any || (full && proxy_up_room(c->up));
}
