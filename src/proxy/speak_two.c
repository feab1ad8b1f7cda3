/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/inside.h"

/*
 * An upstream that speaks HTTP/2: one request at a time on its connection, the
 * answer as text, which speak.c reads as any other.
 */

static void
take_text(void *owner, int32_t stream, struct str text)
{
	struct up *u = owner;
	if (stream == u->stream) {
		buf_add(&u->text, text);
	}
}

static void
take_end(void *owner, int32_t stream)
{
	struct up *u = owner;
	u->text_end = u->text_end || stream == u->stream;
}

static void
take_close(void *owner, int32_t stream, bool orderly)
{
	struct up *u = owner;
	(void)orderly;
	u->text_closed = u->text_closed || stream == u->stream;
}

static const struct http_two_ops ops = { take_text, take_end, take_close };

static void
flush(struct up *u)
{
	struct buf frames = { 0 };
	http_two_take(u->two, &frames);
	proxy_link_write(u->link, buf_str(&frames));
	buf_wipe(&frames);
}

void
proxy_two_begin(struct up *u)
{
	u->two = http_two_client(&ops, u);
	flush(u);
}

int
proxy_two_say(
    struct up *u, struct str head, const struct buf *body, struct err *e)
{
	bool any = body || u->request->head->framing != HTTP_EMPTY;
	if (http_two_ask(u->two, head, any, u->injected, &u->stream, e)) {
		return -1;
	}
	if (body) {
		http_two_data(u->two, u->stream, buf_str(body));
		http_two_end(u->two, u->stream, STR(""));
	}
	flush(u);
	return 0;
}

void
proxy_two_body(struct up *u, struct str bytes)
{
	http_two_data(u->two, u->stream, bytes);
	flush(u);
}

void
proxy_two_body_end(struct up *u)
{
	http_two_end(u->two, u->stream, STR(""));
	flush(u);
}

int
proxy_two_fill(struct up *u, struct err *e)
{
	struct str in = buf_str(&u->link->in);
	if (in.len > 0 && u->text.len < PROXY_BUFFER) {
		int failed = http_two_feed(u->two, in, e);
		proxy_link_used(u->link, in.len);
		if (failed) {
			return -1;
		}
	}
	if (u->text.len < LINK_IN) {
		http_two_taken(u->two, u->stream);
	}
	flush(u);
	return 0;
}
