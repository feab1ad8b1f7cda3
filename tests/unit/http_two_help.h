/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_HTTP_TWO_HELP_H
#define TESTS_HTTP_TWO_HELP_H

/* Two sessions of HTTP/2 in memory, and one against bare frames. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/http.h"

struct side {
	struct http_two *two;
	struct buf text;
	int32_t stream;
	size_t ended, closed, untaken;
};

static inline void
take_text(void *owner, int32_t stream, struct str text)
{
	struct side *s = owner;
	s->stream = stream;
	buf_add(&s->text, text);
}

static inline void
take_end(void *owner, int32_t stream)
{
	struct side *s = owner;
	(void)stream;
	s->ended++;
}

static inline void
take_close(void *owner, int32_t stream, bool untaken)
{
	struct side *s = owner;
	(void)stream;
	s->closed++;
	s->untaken += untaken;
}

static const struct http_two_ops ops = { take_text, take_end, take_close };

struct pair {
	struct side client, server;
};

static inline void
pair_new(struct pair *p)
{
	*p = (struct pair){ 0 };
	p->client.two = http_two_client(&ops, &p->client);
	p->server.two = http_two_server(&ops, &p->server);
}

static inline void
pair_free(struct pair *p)
{
	http_two_free(p->client.two);
	http_two_free(p->server.two);
	buf_fini(&p->client.text);
	buf_fini(&p->server.text);
}

/* All that both have to say; -1: one of them is over. */
static inline int
move(struct pair *p)
{
	struct err e;
	bool any = true;
	while (any) {
		auto_buf up = { 0 };
		auto_buf down = { 0 };
		http_two_take(p->client.two, &up);
		http_two_take(p->server.two, &down);
		any = up.len + down.len > 0;
		if ((up.len > 0 &&
		        http_two_feed(p->server.two, buf_str(&up), &e)) ||
		    (down.len > 0 &&
		        http_two_feed(p->client.two, buf_str(&down), &e))) {
			return -1;
		}
	}
	return 0;
}

static inline bool
says(const struct side *s, const char *text)
{
	return str_has_str(buf_str(&s->text), str_of(text));
}

/* What a client of bare frames says. */
static inline int
say(struct pair *p, struct str frames)
{
	struct err e;
	auto_buf out = { 0 };
	http_two_take(p->server.two, &out);
	return http_two_feed(p->server.two, frames, &e);
}

#define SETTINGS "\0\0\0\4\0\0\0\0\0"
#define PREFACE  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"

/* A frame of HEADERS, the last of its block, for that stream. */
static inline void
add_headers(struct buf *out, uint8_t stream, bool end, struct str fields)
{
	uint8_t head[9] = { 0, (uint8_t)(fields.len >> 8), (uint8_t)fields.len,
		1, end ? 5 : 4, 0, 0, 0, stream };
	buf_add(out, str_span(head, sizeof(head)));
	buf_add(out, fields);
}

/* What an upstream answers to GET, by a HEADERS frame and what is behind it. */
static inline void
answered(struct pair *p, uint8_t stream, struct str frames)
{
	struct err e;
	int32_t asked;
	auto_buf said = { 0 };
	assert_int_equal(http_two_ask(p->client.two,
	                     STR("GET / HTTP/1.1\r\nHost: x.test\r\n\r\n"),
	                     false, false, &asked, &e),
	    0);
	assert_int_equal(asked, stream);
	http_two_take(p->client.two, &said);
	buf_clear(&p->client.text);
	assert_int_equal(http_two_feed(p->client.two, frames, &e), 0);
	http_two_take(p->client.two, &said);
}

#endif
