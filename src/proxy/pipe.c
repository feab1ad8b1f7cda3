/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/socket.h>

#include "proxy/inside.h"

/*
 * Bytes both ways for as long as both sides want: a tunnel, which is not read,
 * and a WebSocket, whose frames are.
 */

/* --- WebSocket: the handshake ----------------------------------------------
 */

/* W01, W04: one version, a real key, nothing beside it. */
int
proxy_socket_asked(const struct http_head *head, struct err *e)
{
	const struct str *key = http_find(head, "sec-websocket-key");
	const struct str *version = http_find(head, "sec-websocket-version");
	const struct str *to = http_find(head, "upgrade");
	char accept[HTTP_ACCEPT_SIZE];
	if (!head->upgrade || !to || http_count(head, "upgrade") != 1 ||
	    !str_eq_nocase(*to, STR("websocket"))) {
		return err_set(e, ERR_DENIED, "Upgrade is not allowed");
	}
	if (!str_eq_z(head->method, "GET") || head->framing != HTTP_EMPTY ||
	    !version || !str_eq_z(*version, "13") || !key ||
	    http_count(head, "sec-websocket-key") != 1 ||
	    http_count(head, "sec-websocket-protocol") > 1 ||
	    !http_socket_accept(*key, accept)) {
		return err_set(e, ERR_DENIED,
		    "an upgrade to WebSocket that is not of its form");
	}
	return 0;
}

static bool
offered(const struct http_head *asked, struct str chosen)
{
	const struct str *all = http_find(asked, "sec-websocket-protocol");
	struct str rest = all ? *all : STR("");
	struct str one;
	while (all && http_list_next(&rest, &one)) {
		if (str_eq(one, chosen)) {
			return true;
		}
	}
	return false;
}

static int
check_switch(const struct http_head *asked, const struct http_head *answer,
    char accept[HTTP_ACCEPT_SIZE], struct err *e)
{
	const struct str *said = http_find(answer, "sec-websocket-accept");
	const struct str *chosen = http_find(answer, "sec-websocket-protocol");
	const struct str *to = http_find(answer, "upgrade");
	must(
	    http_socket_accept(*http_find(asked, "sec-websocket-key"), accept));
	if (!to || !str_eq_nocase(*to, STR("websocket")) || !said ||
	    !str_eq_z(*said, accept)) {
		return err_set(e, ERR_DENIED,
		    "the upstream's Sec-WebSocket-Accept does not fit");
	}
	if (http_find(answer, "sec-websocket-extensions") ||
	    (chosen && !offered(asked, *chosen))) {
		return err_set(e, ERR_DENIED,
		    "the upstream chose a subprotocol or an extension that "
		    "was not offered");
	}
	return 0;
}

int
proxy_conn_switch(struct conn *c, const struct http_head *answer, struct err *e)
{
	char accept[HTTP_ACCEPT_SIZE];
	const struct str *chosen = http_find(answer, "sec-websocket-protocol");
	auto_buf b = { 0 };
	if (check_switch(c->request.head, answer, accept, e)) {
		return -1;
	}
	http_write_status(&b, 101);
	http_write_header_z(&b, "Upgrade", "websocket");
	http_write_header_z(&b, "Connection", "Upgrade");
	http_write_header_z(&b, "Sec-WebSocket-Accept", accept);
	if (chosen &&
	    http_write_header(&b, STR("Sec-WebSocket-Protocol"), *chosen, e)) {
		return -1;
	}
	http_write_end(&b);
	proxy_link_write(&c->link, buf_str(&b));
	c->answered = true;
	c->close = true;
	c->from_cell = (struct http_socket){ .masked = true };
	c->from_up = (struct http_socket){ 0 };
	return 0;
}

/* --- bytes -----------------------------------------------------------------
 */

static int
count(uint64_t *sum, size_t n, uint64_t max, struct err *e)
{
	*sum += n;
	return max && *sum > max
	           ? err_set(e, ERR_LIMIT,
	                 "more than the %llu bytes that the rule allows",
	                 (unsigned long long)max)
	           : 0;
}

/* Frames of the cell pass as they are, once they are seen to be frames. */
static int
check_frames(struct http_socket *s, struct str bytes, struct err *e)
{
	bool got = true;
	while (got) {
		struct http_frame f;
		if (http_socket_read(s, &bytes, &got, &f, e)) {
			return -1;
		}
	}
	return 0;
}

static bool
pipe_up(struct conn *c, struct err *e, int *failed)
{
	struct up *u = c->up;
	struct str in = buf_str(&c->link.in);
	if (in.len == 0 || !proxy_link_room(u->link)) {
		return false;
	}
	*failed = count(&u->sent, in.len, u->go.up_max, e) ||
	          proxy_up_count(u, in.len, e) ||
	          (c->request.websocket && check_frames(&c->from_cell, in, e));
	if (*failed) {
		return false;
	}
	proxy_link_write(u->link, in);
	proxy_link_used(&c->link, in.len);
	return true;
}

/* A piece of a message without credentials: a fragment of its own. */
static void
fragment(void *owner, struct str piece)
{
	struct conn *c = owner;
	auto_buf frame = { 0 };
	enum http_opcode opcode = c->message_began    ? HTTP_SOCKET_MORE_OF
	                          : c->from_up.binary ? HTTP_SOCKET_BINARY
	                                              : HTTP_SOCKET_TEXT;
	c->message_began = true;
	http_socket_write(&frame, opcode, false, piece);
	proxy_link_write(&c->link, buf_str(&frame));
}

static int
message_end(struct conn *c, struct err *e)
{
	auto_buf frame = { 0 };
	if (proxy_scrub_end(&c->up->scrub, fragment, c, e)) {
		return -1;
	}
	enum http_opcode opcode = c->message_began    ? HTTP_SOCKET_MORE_OF
	                          : c->from_up.binary ? HTTP_SOCKET_BINARY
	                                              : HTTP_SOCKET_TEXT;
	http_socket_write(&frame, opcode, true, STR(""));
	proxy_link_write(&c->link, buf_str(&frame));
	c->message_began = false;
	return 0;
}

static int
frame_down(struct conn *c, const struct http_frame *f, struct err *e)
{
	struct scrub *s = &c->up->scrub;
	struct http_socket *from = &c->from_up;
	if (from->opcode >= HTTP_SOCKET_CLOSE) {
		buf_add(&c->control, f->bytes);
		if (f->ended) {
			auto_buf frame = { 0 };
			auto_buf text = { 0 };
			(void)proxy_scrub_text(
			    c->proxy->needles, buf_str(&c->control), &text);
			http_socket_write(&frame, from->opcode, true,
			    str_sub(buf_str(&text), 0, HTTP_SOCKET_CONTROL));
			proxy_link_write(&c->link, buf_str(&frame));
			buf_clear(&c->control);
		}
		return 0;
	}
	if (f->began && !c->message_began && s->held.len == 0) {
		s->needles = c->proxy->needles;
		s->cut = from->binary ? "the answer held a credential of this "
		                        "sandbox and was cut"
		                      : NULL;
	}
	if (f->bytes.len > 0 && proxy_scrub(s, f->bytes, fragment, c, e)) {
		return -1;
	}
	return f->ended && from->last ? message_end(c, e) : 0;
}

static int
frames_down(struct conn *c, struct str bytes, struct err *e)
{
	bool got = true;
	while (got) {
		struct http_frame f;
		if (http_socket_read(&c->from_up, &bytes, &got, &f, e) ||
		    (got && frame_down(c, &f, e))) {
			return -1;
		}
	}
	return 0;
}

static bool
pipe_down(struct conn *c, struct err *e, int *failed)
{
	struct up *u = c->up;
	struct str in = buf_str(&u->link->in);
	if (in.len == 0 || !proxy_link_room(&c->link)) {
		return false;
	}
	*failed = count(&u->got, in.len, u->go.down_max, e) ||
	          proxy_up_count(u, in.len, e);
	if (!*failed && c->request.websocket) {
		*failed = frames_down(c, in, e);
	} else if (!*failed) {
		proxy_link_write(&c->link, in);
	}
	proxy_link_used(u->link, in.len);
	return !*failed;
}

/* --- the end ---------------------------------------------------------------
 */

/* What one side has ended, the other hears of, once it has all. */
static void
pass_end(struct link *from, struct link *to, bool *passed)
{
	if (*passed || !from->ended || from->in.len > 0 || to->out.len > 0 ||
	    to->held.len > 0 || to->fd < 0) {
		return;
	}
	*passed = true;
	if (to->tls) {
		tls_close(to->tls);
		proxy_link_fill(to);
		proxy_link_send(to);
	} else {
		(void)shutdown(to->fd, SHUT_WR);
	}
}

static void
say_over(struct conn *c, enum proxy_end end, const char *text)
{
	proxy_conn_outcome(c, end, c->request.websocket ? 101 : 0, text);
}

/* Each has heard the other's end: no reset takes along what was said last. */
static bool
both_ended(const struct conn *c)
{
	return c->end_up && c->end_down && proxy_link_flushed(&c->link) &&
	       proxy_link_flushed(c->up->link);
}

bool
proxy_conn_pipe(struct conn *c)
{
	struct up *u = c->up;
	struct err e;
	int failed = 0;
	bool any = false;
	proxy_link_fill(u->link);
	while (
	    !failed && (pipe_up(c, &e, &failed) || pipe_down(c, &e, &failed))) {
		any = true;
	}
	proxy_link_send(u->link);
	proxy_link_send(&c->link);
	if (failed) {
		proxy_clean(c->proxy, &e);
		say_over(c, PROXY_FAILED, e.text);
		proxy_conn_shut(c);
		return true;
	}
	pass_end(&c->link, u->link, &c->end_up);
	pass_end(u->link, &c->link, &c->end_down);
	if (c->link.mute || u->link->mute) {
		say_over(c, PROXY_ANSWERED, "");
		proxy_conn_shut(c);
		return true;
	}
	if (both_ended(c)) {
		say_over(c, PROXY_ANSWERED, "");
		proxy_conn_leave(c);
		return true;
	}
	if (any) {
		proxy_conn_arm(c, c->proxy->setup.times.pipe);
	} else {
		proxy_link_rest(&c->link);
		proxy_link_rest(u->link);
	}
	return any;
}

/* --- tunnels ----------------------------------------------------------------
 */

void
proxy_tunnels(struct proxy *p, const struct proxy_tunnel *at, size_t count)
{
	must(count <= PROXY_TUNNELS);
	buf_clear(&p->tunnels);
	buf_add(&p->tunnels, str_span(at, count * sizeof(*at)));
}

bool
proxy_is_tunnel(const struct proxy *p, const struct proxy_origin *origin)
{
	const struct proxy_tunnel *at = (const void *)p->tunnels.at;
	size_t count = p->tunnels.len / sizeof(*at);
	for (size_t i = 0; i < count; i++) {
		if (at[i].port == origin->port &&
		    names_pattern_match(&at[i].host, &origin->host)) {
			return true;
		}
	}
	return false;
}

void
proxy_conn_tunnel(struct conn *c)
{
	static const struct http_head nothing;
	struct proxy_setup *s = &c->proxy->setup;
	c->request = (struct proxy_request){ .origin = c->origin,
		.head = &nothing,
		.method = STR(""),
		.path = STR(""),
		.query = STR(""),
		.tunnel = true };
	struct proxy_intent i = { .id = ++c->proxy->last_id,
		.method = "",
		.host = c->origin.host.text,
		.port = c->origin.port,
		.named = c->origin.named,
		.path = "",
		.query = "",
		.tunnel = true };
	struct err e;
	c->asked = true;
	c->close = true;
	c->body_done = true;
	/* P08: as of any request (conn.c); the name alone goes out as well. */
	if (proxy_own_check(c->proxy->needles, &c->request, &e)) {
		proxy_conn_refuse_early(c, proxy_status(e.kind), e.text);
		return;
	}
	proxy_conn_number(c, i.id);
	c->since = loop_now(s->loop);
	c->state = CONN_ASKED;
	proxy_conn_arm(c, s->times.decision);
	s->ops->intent(s->context, &i);
}
