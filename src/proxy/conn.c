/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/inside.h"

#define LINGER_BYTES ((size_t)1024 * 1024)

void
proxy_conn_shut(struct conn *c)
{
	if (c->link.fd >= 0) {
		/* A reset: what was cut must not look whole. */
		struct sockaddr nobody = { .sa_family = AF_UNSPEC };
		(void)connect(c->link.fd, &nobody, sizeof(nobody));
	}
	loop_timer_cancel(&c->timer);
	proxy_link_close(&c->link);
	c->state = CONN_CLOSED;
}

/* Both sides have said all. */
void
proxy_conn_leave(struct conn *c)
{
	loop_timer_cancel(&c->timer);
	proxy_link_close(&c->link);
	c->state = CONN_CLOSED;
}

static void
request_over(struct conn *c)
{
	proxy_up_free(c->up);
	c->up = NULL;
	if (c->asked) {
		proxy_spare_give(c->proxy, &c->request.arena);
		proxy_request_fini(&c->request);
	}
	c->asked = false;
	free(c->commands);
	c->commands = NULL;
	buf_wipe(&c->held);
	buf_wipe(&c->kept);
	buf_wipe(&c->control);
	proxy_scrub_fini(&c->search);
	proxy_conn_number(c, 0);
}

void
proxy_conn_free(struct conn *c)
{
	if (c->two) {
		proxy_front_end(c);
	}
	if (c->stream) {
		proxy_stream_gone(c);
	}
	loop_later_cancel(c->proxy->setup.loop, c);
	request_over(c);
	loop_timer_cancel(&c->timer);
	proxy_link_close(&c->link);
	http_reader_fini(&c->reader);
	if (c->previous) {
		c->previous->next = c->next;
	} else {
		c->proxy->conns = c->next;
	}
	if (c->next) {
		c->next->previous = c->previous;
	}
	c->proxy->carried--;
	free(c);
}

void
proxy_conn_outcome(
    struct conn *c, enum proxy_end end, unsigned status, const char *text)
{
	struct proxy_setup *s = &c->proxy->setup;
	const char *host =
	    c->asked ? c->request.origin.host.text : c->origin.host.text;
	auto_buf washed = { 0 };
	auto_buf clean = { 0 };
	struct proxy_outcome o = { .id = c->id,
		.end = end,
		.status = status,
		.text = text ? text : "" };
	/* P08: a name that nobody decided about may hold a credential, and so
	 * may what is said of a hello. */
	if (end == PROXY_REFUSED) {
		proxy_own_wash(c->proxy->needles, str_of(host), &washed);
		proxy_own_wash(c->proxy->needles, str_of(o.text), &clean);
		host = buf_z(&washed);
		o.text = buf_z(&clean);
	}
	o.host = host;
	if (c->up) {
		o.up = c->up->sent;
		o.down = c->up->got;
		o.injected = c->up->injected;
		o.scrubbed = c->up->scrub.found;
	}
	if (c->id) {
		o.took_us = loop_now(s->loop).us - c->since.us;
	}
	s->ops->outcome(s->context, &o);
}

/* Nothing of the body is left unread: another request may follow. */
bool
proxy_conn_body_over(struct conn *c)
{
	struct http_event ev = { .kind = HTTP_MORE };
	struct str nothing = { 0 };
	struct err e;
	if (!c->body_done && !http_read(&c->reader, &nothing, &ev, &e)) {
		c->body_done = ev.kind == HTTP_END;
	}
	return c->body_done;
}

void
proxy_conn_answer(struct conn *c, const struct proxy_refusal *r)
{
	must(!c->answered);
	bool keep =
	    proxy_conn_body_over(c) && c->reader.head.keep_alive && !c->close;
	struct buf b = { 0 };
	proxy_answer_write(
	    &b, r, keep, str_eq_z(c->reader.head.method, "HEAD"));
	proxy_link_write(&c->link, buf_str(&b));
	buf_fini(&b);
	c->answered = true;
	c->close = !keep;
	c->state = CONN_ANSWER;
	proxy_conn_arm(c, c->proxy->setup.times.head);
}

/* Nothing more is said on it, but what was said may still be on its way: a
 * reset would take that along. */
void
proxy_conn_end(struct conn *c)
{
	c->close = true;
	c->state = CONN_ANSWER;
	proxy_conn_arm(c, c->proxy->setup.times.stall);
}

/* Refused before there is an intent: one row, one typed answer.  A reason may
 * quote the request. */
static void
refuse_next(
    struct conn *c, unsigned status, const char *reason, const char *next)
{
	struct err said;
	struct proxy_refusal r = { .status = status,
		.error = "refused",
		.reason = said.text,
		.next = next };
	err_set(&said, ERR_DENIED, "%s", reason);
	proxy_clean(c->proxy, &said);
	c->close = true; /* T11: whoever goes astray says no more */
	proxy_conn_outcome(c, PROXY_REFUSED, status, said.text);
	proxy_conn_answer(c, &r);
}

void
proxy_conn_refuse_early(struct conn *c, unsigned status, const char *reason)
{
	refuse_next(c, status, reason, NULL);
}

void
proxy_conn_ask(struct conn *c, uint32_t stale)
{
	struct proxy_setup *s = &c->proxy->setup;
	struct proxy_request *r = &c->request;
	struct proxy_own own = { 0 };
	struct proxy_shown shown = { 0 };

	if (r->own_credentials) {
		proxy_own_take(&own, r);
	}
	if (own.over) {
		proxy_own_wipe(&own);
		proxy_conn_refuse_early(c, 403,
		    "it brings more credentials of its own than are looked "
		    "at");
		return;
	}
	struct proxy_intent i = { .id = ++c->proxy->last_id,
		.own = own.value,
		.own_count = own.count,
		.method = r->method.at,
		.host = r->origin.host.text,
		.port = r->origin.port,
		.tls = r->origin.tls,
		.named = r->origin.named,
		.own_credentials = r->own_credentials,
		.path = proxy_place_masked(&r->arena, r->path).at,
		.query = r->query.at,
		.git = r->git,
		.websocket = r->websocket,
		.stale = stale };
	proxy_body_known(c, &i);
	if (c->shown) {
		proxy_own_whole(&own, r);
		i.own_count = own.count;
		proxy_shown_make(&r->arena, c, &shown);
		i.shown = &shown;
	}
	proxy_conn_number(c, i.id);
	c->since = loop_now(s->loop);
	c->state = CONN_ASKED;
	proxy_conn_arm(c, s->times.decision);
	s->ops->intent(s->context, &i);
	proxy_own_wipe(&own);
}

void
proxy_conn_again(struct conn *c)
{
	uint32_t version = c->up->go.version;
	proxy_conn_outcome(c, PROXY_ANSWERED, 401,
	    "its token was refused: it is asked about once more");
	proxy_up_free(c->up);
	c->up = NULL;
	c->renewed = true;
	proxy_conn_ask(c, version);
}

/* What has left of its body goes first once more. */
void
proxy_conn_anew(struct conn *c)
{
	struct up *u = c->up;
	proxy_conn_outcome(c, PROXY_FAILED, 0,
	    u->untaken ? "the upstream did nothing with it: it is asked about "
	                 "once more"
	               : "its connection was kept and had ended: it is asked "
	                 "about once more");
	must(c->held.len == 0);
	c->held = u->left;
	u->left = (struct buf){ 0 };
	c->spooled = c->body_done && !c->commands &&
	             c->request.head->framing != HTTP_EMPTY;
	c->missed = u->way.born;
	proxy_up_free(u);
	c->up = NULL;
	proxy_conn_ask(c, 0);
}

void
proxy_conn_continue(struct conn *c)
{
	if (c->request.head->expect && !c->continued) {
		proxy_link_write(
		    &c->link, STR("HTTP/1.1 100 Continue\r\n\r\n"));
		c->continued = true;
	}
}

static void
got_head(struct conn *c, const struct http_head *head)
{
	struct err e;
	c->any = true;
	if (head->form == HTTP_AUTHORITY) {
		proxy_conn_connect(c, head);
		return;
	}
	proxy_spare_take(c->proxy, &c->request.arena);
	if (proxy_request_make(&c->request, head, &c->origin, &e)) {
		proxy_conn_refuse_early(c, proxy_status(e.kind), e.text);
		return;
	}
	c->asked = true;
	c->request.two = c->stream != NULL;
	/* P08: core would write it down, and show it to whoever decides. */
	if (proxy_own_check(c->proxy->needles, &c->request, &e)) {
		proxy_conn_refuse_early(c, proxy_status(e.kind), e.text);
		return;
	}
	if (!c->request.commands) {
		proxy_conn_ask(c, 0);
		return;
	}
	c->commands = calloc(1, sizeof(*c->commands));
	must(c->commands);
	proxy_conn_continue(c);
	c->state = CONN_COMMANDS;
	proxy_conn_arm(c, c->proxy->setup.times.head);
}

static bool
head_cut(struct conn *c)
{
	if (!http_reader_idle(&c->reader)) {
		proxy_conn_outcome(
		    c, PROXY_REFUSED, 0, "hung up within a request");
	}
	proxy_conn_leave(c);
	return true;
}

/* T10: SSH and the like are told at their first bytes, not at the end of a
 * head that never comes: a method is a token and a space. */
static bool
may_be_http(struct str in)
{
	size_t n = in.len < PROXY_METHOD_SIZE ? in.len : PROXY_METHOD_SIZE;
	for (size_t i = 0; i < n; i++) {
		char b = in.at[i];
		if (b == ' ') {
			return i > 0;
		}
		if (b < ' ' || b > '~') {
			return false;
		}
	}
	return in.len < PROXY_METHOD_SIZE;
}

static bool
step_head(struct conn *c)
{
	struct http_event ev;
	struct err e;
	bool idle = http_reader_idle(&c->reader);
	struct str in = buf_str(&c->link.in);
	size_t had = in.len;
	if (had == 0) {
		return c->link.ended ? head_cut(c) : false;
	}
	if (idle && !may_be_http(in)) {
		proxy_conn_refuse_early(
		    c, 400, "neither TLS nor HTTP was spoken");
		return true;
	}
	if (http_read(&c->reader, &in, &ev, &e)) {
		proxy_conn_refuse_early(
		    c, c->reader.refusal ? c->reader.refusal : 400, e.text);
		return true;
	}
	proxy_link_used(&c->link, had - in.len);
	if (ev.kind == HTTP_HEAD) {
		got_head(c, ev.head);
		return true;
	}
	if (idle && c->any) {
		proxy_conn_arm(c, c->proxy->setup.times.head);
	}
	return had != in.len;
}

/* A push: its commands are read before anybody is asked. */
static bool
step_commands(struct conn *c)
{
	struct http_event ev;
	struct err e;
	struct str in = buf_str(&c->link.in);
	size_t had = in.len;
	bool known = false;
	int failed = http_read(&c->reader, &in, &ev, &e);
	if (!failed && ev.kind == HTTP_MORE && c->link.ended && in.len == 0) {
		proxy_conn_outcome(
		    c, PROXY_REFUSED, 0, "hung up within a push");
		proxy_conn_shut(c);
		return true;
	}
	if (!failed && ev.kind == HTTP_DATA) {
		buf_add(&c->held, ev.data);
		failed =
		    proxy_commands_read(c->commands, buf_str(&c->held), &e);
	}
	if (!failed && ev.kind == HTTP_END) {
		c->body_done = true;
		if (!c->commands->done) {
			failed = err_set(
			    &e, ERR_INPUT, "push: the commands have no end");
		}
	}
	if (!failed && c->commands->done) {
		failed = proxy_commands_tail(
		    c->commands, buf_str(&c->held), c->body_done, &known, &e);
	}
	if (!failed && known) { /* P08: core is told them */
		failed = proxy_own_body(&c->search, c->proxy->needles,
		    &c->proxy->opening, &c->request, buf_str(&c->held), &e);
	}
	if (failed) {
		refuse_next(c, proxy_status(e.kind), e.text, c->commands->next);
		return true;
	}
	proxy_link_used(&c->link, had - in.len);
	if (known) {
		proxy_conn_ask(c, 0);
		return true;
	}
	return ev.kind != HTTP_MORE;
}

void
proxy_conn_begin(struct conn *c)
{
	c->state = CONN_CARRY;
	c->up->whole = &c->held;
	proxy_up_begin(c->up, proxy_conn_turn, c);
}

static void
next_request(struct conn *c)
{
	request_over(c);
	http_reader_next(&c->reader);
	c->reader.take_connect = !c->tunnel && !c->link.tls;
	c->body_done = false;
	c->continued = false;
	c->answered = false;
	c->renewed = false;
	c->missed = (struct mono){ 0 };
	c->spooled = false;
	c->shown = false;
	c->chunked = false;
	c->state = CONN_HEAD;
	proxy_link_rest(&c->link);
	proxy_conn_arm(c, c->proxy->setup.times.idle);
}

static bool
step_answer(struct conn *c)
{
	proxy_link_send(&c->link);
	if (!proxy_link_flushed(&c->link) || proxy_stream_waits(c)) {
		return false;
	}
	if (c->link.mute) {
		proxy_conn_shut(c);
		return true;
	}
	if (!c->close) {
		next_request(c);
		return true;
	}
	if (c->stream) {
		proxy_conn_leave(c);
		return true;
	}
	if (c->link.tls && tls_state(c->link.tls) != TLS_FAILED) {
		tls_close(c->link.tls);
		proxy_link_fill(&c->link);
		proxy_link_send(&c->link);
	}
	request_over(c);
	(void)shutdown(c->link.fd, SHUT_WR);
	c->state = CONN_LINGER;
	proxy_conn_arm(c, PROXY_LINGER);
	return true;
}

static bool
step_linger(struct conn *c)
{
	size_t n = c->link.in.len;
	c->thrown += n;
	proxy_link_used(&c->link, n);
	if (c->link.ended || c->thrown > LINGER_BYTES) {
		proxy_conn_leave(c);
		return true;
	}
	return n > 0;
}

static bool
step(struct conn *c)
{
	switch (c->state) {
	case CONN_FIRST:
		return proxy_conn_first(c);
	case CONN_SHAKE:
		return proxy_conn_hello(c);
	case CONN_HEAD:
		return step_head(c);
	case CONN_COMMANDS:
		return step_commands(c);
	case CONN_GATHER:
		return proxy_conn_gather(c);
	case CONN_SPOOL:
		return proxy_conn_spooled(c);
	case CONN_CARRY:
		return proxy_conn_carry(c);
	case CONN_TWO:
		return proxy_front_step(c);
	case CONN_PIPE:
		return proxy_conn_pipe(c);
	case CONN_ANSWER:
		return step_answer(c);
	case CONN_LINGER:
		return step_linger(c);
	case CONN_ASKED:
	case CONN_CLOSED:
		return false;
	}
	return false;
}

void
proxy_conn_turn(void *owner)
{
	struct conn *c = owner;
	c->again = true;
	if (c->turning) {
		return;
	}
	c->turning = true;
	proxy_link_fill(&c->link);
	while (c->again) {
		c->again = false;
		c->again = step(c) || c->again;
	}
	c->turning = false;
	if (c->state == CONN_CLOSED) {
		proxy_conn_free(c);
		return;
	}
	proxy_link_settle(&c->link);
	proxy_up_settle(c->up);
}

void
proxy_conn_go(struct conn *c, const struct proxy_go *go)
{
	must(c->state == CONN_ASKED);
	c->up = proxy_up_new(c->proxy, c->id, &c->request, go);
	c->up->asks = true;
	c->up->again = c->missed.us > 0;
	c->up->way.born = c->missed;
	bool changes = proxy_place_in_body(go);

	proxy_body_look(c);
	if (c->up->state != UP_FAILED &&
	    (changes || proxy_own_gathers(c->proxy->needles, &c->request))) {
		const struct proxy_times *t = &c->proxy->setup.times;

		c->spooled = c->spooled && !changes;
		proxy_conn_continue(c);
		c->state = CONN_GATHER;
		proxy_conn_arm(c, changes ? t->head : t->stall);
	} else {
		bool turning = c->turning;

		c->turning = true; /* it may fail at once: c must outlive it */
		proxy_conn_begin(c);
		c->turning = turning;
	}
	proxy_conn_turn(c);
}

void
proxy_conn_refuse(struct conn *c, const struct proxy_refusal *r)
{
	must(c->state == CONN_ASKED);
	proxy_conn_answer(c, r);
	proxy_conn_turn(c);
}

struct conn *
proxy_conn_make(struct proxy *p, const struct proxy_origin *origin)
{
	struct conn *c = calloc(1, sizeof(*c));
	must(c);
	c->proxy = p;
	c->origin = *origin;
	http_reader_request(&c->reader);
	c->next = p->conns;
	if (c->next) {
		c->next->previous = c;
	}
	p->conns = c;
	p->carried++;
	return c;
}

void
proxy_conn_new(struct proxy *p, int fd, const struct proxy_origin *origin)
{
	struct conn *c = proxy_conn_make(p, origin);
	if (proxy_link_open(&c->link, p->setup.loop, fd, proxy_conn_turn, c)) {
		proxy_conn_free(c);
		return;
	}
	proxy_conn_arm(c, p->setup.times.head);
	proxy_conn_turn(c);
}
