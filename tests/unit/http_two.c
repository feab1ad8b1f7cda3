/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2: two sessions in memory, messages in and out as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include "heap_help.h"
#include "http/http.h"

struct side {
	struct http_two *two;
	struct buf text;
	int32_t stream;
	size_t ended, closed;
};

static void
take_text(void *owner, int32_t stream, struct str text)
{
	struct side *s = owner;
	s->stream = stream;
	buf_add(&s->text, text);
}

static void
take_end(void *owner, int32_t stream)
{
	struct side *s = owner;
	(void)stream;
	s->ended++;
}

static void
take_close(void *owner, int32_t stream)
{
	struct side *s = owner;
	(void)stream;
	s->closed++;
}

static const struct http_two_ops ops = { take_text, take_end, take_close };

struct pair {
	struct side client, server;
};

static void
pair_new(struct pair *p)
{
	*p = (struct pair){ 0 };
	p->client.two = http_two_client(&ops, &p->client);
	p->server.two = http_two_server(&ops, &p->server);
}

static void
pair_free(struct pair *p)
{
	http_two_free(p->client.two);
	http_two_free(p->server.two);
	buf_fini(&p->client.text);
	buf_fini(&p->server.text);
}

/* All that both have to say; -1: one of them is over. */
static int
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

static bool
says(const struct side *s, const char *text)
{
	return str_has_str(buf_str(&s->text), str_of(text));
}

static void
a_request_and_its_answer_pass_as_text(void **state)
{
	(void)state;
	struct pair p;
	struct err e;
	int32_t stream;
	pair_new(&p);
	assert_int_equal(http_two_ask(p.client.two,
	                     STR("POST /a?b HTTP/1.1\r\nHost: x.test\r\n"
	                         "X-One: 1\r\nTransfer-Encoding: chunked"
	                         "\r\n\r\n"),
	                     true, true, &stream, &e),
	    0);
	http_two_data(p.client.two, stream, STR("hello"));
	http_two_end(p.client.two, stream, STR(""));
	assert_int_equal(move(&p), 0);
	assert_true(str_eq_z(buf_str(&p.server.text),
	    "POST /a?b HTTP/1.1\r\nHost: x.test\r\nx-one: 1\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
	assert_int_equal(p.server.ended, 1);
	assert_int_equal(http_two_answer(p.server.two, p.server.stream,
	                     STR("HTTP/1.1 200 OK\r\nX-Two: 2\r\n"
	                         "Transfer-Encoding: chunked\r\n\r\n"),
	                     true, &e),
	    0);
	http_two_data(p.server.two, p.server.stream, STR("there"));
	http_two_end(p.server.two, p.server.stream,
	    STR("grpc-status: 0\r\ngrpc-message: fine\r\n\r\n"));
	assert_int_equal(move(&p), 0);
	assert_true(says(&p.client, "HTTP/1.1 200 OK\r\nx-two: 2\r\n"));
	assert_true(says(&p.client, "5\r\nthere\r\n0\r\ngrpc-status: 0\r\n"
	                            "grpc-message: fine\r\n\r\n"));
	assert_int_equal(p.client.ended, 1);
	assert_int_equal(p.client.closed, 1);
	assert_int_equal(p.server.closed, 1);
	pair_free(&p);
}

static void
a_window_that_is_not_opened_stops_the_sender(void **state)
{
	(void)state;
	struct pair p;
	struct err e;
	int32_t stream;
	auto_buf big = { 0 };
	memset(buf_room(&big, 200000), 'a', 200000);
	buf_grew(&big, 200000);
	pair_new(&p);
	assert_int_equal(http_two_ask(p.client.two,
	                     STR("POST / HTTP/1.1\r\nHost: x.test\r\n"
	                         "Content-Length: 200000\r\n\r\n"),
	                     true, false, &stream, &e),
	    0);
	http_two_data(p.client.two, stream, buf_str(&big));
	http_two_end(p.client.two, stream, STR(""));
	assert_int_equal(move(&p), 0);
	assert_true(p.server.text.len < HTTP_TWO_WINDOW + 200);
	assert_true(http_two_waiting(p.client.two, stream) > 130000);
	while (!p.server.ended) {
		http_two_taken(p.server.two, p.server.stream);
		assert_int_equal(move(&p), 0);
	}
	assert_true(p.server.text.len > 200000);
	pair_free(&p);
}

/* What a client of bare frames says. */
static int
say(struct pair *p, struct str frames)
{
	struct err e;
	auto_buf out = { 0 };
	http_two_take(p->server.two, &out);
	return http_two_feed(p->server.two, frames, &e);
}

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"

static void
messages_that_are_none_are_not_given_out_G01_G02_G04(void **state)
{
	(void)state;
	/* Literal fields without indexing: 0, length, name, length, value. */
	static const struct {
		struct str fields;
		bool given;
		bool bare; /* no :authority before them */
	} rows[] = {
		{ STR(""), true, false },
		{ STR("\0\1a\1b"), true, false },
		{ STR("\0\4host\6x.test"), true, false },
		{ STR("\0\4host\6y.test"), false, false },
		{ STR("\0\4host\6x.test\0\4host\6x.test"), false, false },
		{ STR("\0\4host\6x.test"), true, true },
		{ STR("\0\4host\6x.test\0\4host\6y.test"), false, true },
		{ STR(""), false, true },
		{ STR("\0\1A\1b"), false, false },
		{ STR("\0\1a\1b\0\5:path\1/"), false, false },
		{ STR("\0\5:path\1/"), false, false }, /* a second one */
		{ STR("\0\x0a"
		      "connection\1x"),
		    false, false },
		{ STR("\0\x11"
		      "transfer-encoding\7chunked"),
		    false, false },
		{ STR("\0\2te\4gzip"), false, false },
		{ STR("\0\1a\4b\r\nc"), false, false },
		{ STR("\0\1a\3b\0c"), false, false },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pair p;
		auto_buf frame = { 0 };
		struct str line = STR("\x82\x87\x84\x41\x06x.test");
		line.len = rows[i].bare ? 3 : line.len;
		buf_add(&frame, STR("\0\0"));
		buf_add_byte(&frame, (uint8_t)(line.len + rows[i].fields.len));
		buf_add(&frame, STR("\1\5\0\0\0\1"));
		buf_add(&frame, line);
		buf_add(&frame, rows[i].fields);
		pair_new(&p);
		assert_int_equal(say(&p, STR(PREFACE)), 0);
		(void)!say(&p, buf_str(&frame));
		if ((p.server.text.len > 0) != rows[i].given ||
		    (rows[i].given && !says(&p.server, "Host: x.test\r\n"))) {
			fail_msg("row %zu: %s", i, buf_z(&p.server.text));
		}
		pair_free(&p);
	}
	/* DATA before HEADERS. */
	struct pair p;
	pair_new(&p);
	assert_int_equal(say(&p, STR(PREFACE)), 0);
	(void)!say(&p, STR("\0\0\5\0\1\0\0\0\1hello"));
	assert_int_equal(p.server.text.len, 0);
	pair_free(&p);
}

/* A frame of HEADERS, the last of its block, for that stream. */
static void
add_headers(struct buf *out, uint8_t stream, bool end, struct str fields)
{
	uint8_t head[9] = { 0, (uint8_t)(fields.len >> 8), (uint8_t)fields.len,
		1, end ? 5 : 4, 0, 0, 0, stream };
	buf_add(out, str_span(head, sizeof(head)));
	buf_add(out, fields);
}

/* 4,000 bytes are put in the table of HPACK, and said again by one each. */
static void
fields_out_of_a_table_are_bounded_G03(void **state)
{
	(void)state;
	struct pair p;
	auto_buf fields = { 0 };
	auto_buf frames = { 0 };
	buf_add(&fields, STR("\x82\x87\x84\x41\x06x.test"));
	buf_add(&fields, STR("\x40\x01q\x7f\xa1\x1e"));
	memset(buf_room(&fields, 4000), 'q', 4000);
	buf_grew(&fields, 4000);
	for (size_t i = 0; i < 30; i++) {
		buf_add_byte(&fields, 0x80 | 62);
	}
	add_headers(&frames, 1, true, buf_str(&fields));
	add_headers(&frames, 3, true, STR("\x82\x87\x84\x41\x06x.test"));
	pair_new(&p);
	assert_int_equal(say(&p, STR(PREFACE)), 0);
	assert_int_equal(say(&p, buf_str(&frames)), 0);
	assert_true(str_eq_z(
	    buf_str(&p.server.text), "GET / HTTP/1.1\r\nHost: x.test\r\n\r\n"));
	assert_int_equal(p.server.stream, 3);
	pair_free(&p);
}

/* nghttp2 takes any three digits. */
static void
a_status_that_is_none_ends_its_stream_alone_H15(void **state)
{
	(void)state;
	static const struct {
		const char *status;
		bool given;
	} rows[] = { { "000", false }, { "099", false }, { "200", true },
		{ "599", true }, { "600", false }, { "999", false } };
	struct pair p;
	uint8_t stream = 1;
	pair_new(&p);
	for (size_t i = 0; i < COUNT(rows); i++, stream += 2) {
		struct err e;
		int32_t asked;
		auto_buf fields = { 0 };
		auto_buf frames = { 0 };
		buf_add_z(&fields, "\x08\x03");
		buf_add_z(&fields, rows[i].status);
		buf_add(&frames, i == 0 ? STR("\0\0\0\4\0\0\0\0\0") : STR(""));
		add_headers(&frames, stream, true, buf_str(&fields));
		assert_int_equal(http_two_ask(p.client.two,
		                     STR("GET / HTTP/1.1\r\n"
		                         "Host: x.test\r\n\r\n"),
		                     false, false, &asked, &e),
		    0);
		assert_int_equal(asked, stream);
		auto_buf said = { 0 };
		http_two_take(p.client.two, &said);
		buf_clear(&p.client.text);
		assert_int_equal(
		    http_two_feed(p.client.two, buf_str(&frames), &e), 0);
		http_two_take(p.client.two, &said);
		assert_int_equal(p.client.text.len > 0, rows[i].given);
		assert_int_equal(p.client.closed, i + 1);
	}
	pair_free(&p);
}

static void
floods_end_the_session_G03(void **state)
{
	(void)state;
	static const struct {
		struct str first, frame;
	} floods[] = {
		{ STR(""), STR("\0\0\0\4\0\0\0\0\0") },           /* SETTINGS */
		{ STR(""), STR("\0\0\x08\6\0\0\0\0\0pingpong") }, /* PING */
		/* DATA of nothing, behind a POST */
		{ STR("\0\0\x0b\1\4\0\0\0\1\x83\x87\x84\x41\x06x.test"),
		    STR("\0\0\0\0\0\0\0\0\1") },
		/* the same, in frames that are padded */
		{ STR("\0\0\x0b\1\4\0\0\0\1\x83\x87\x84\x41\x06x.test"),
		    STR("\0\0\3\0\x08\0\0\0\1\2\0\0") },
	};
	for (size_t i = 0; i < COUNT(floods); i++) {
		struct pair p;
		struct err e;
		size_t n = 0;
		pair_new(&p);
		assert_int_equal(say(&p, STR(PREFACE)), 0);
		assert_int_equal(say(&p, floods[i].first), 0);
		/* It reads nothing of what is answered. */
		while (n < 100000 &&
		       !http_two_feed(p.server.two, floods[i].frame, &e)) {
			n++;
		}
		assert_true(n > 1 && n < 100000);
		pair_free(&p);
	}
}

static void
rapid_resets_end_the_session_G03(void **state)
{
	(void)state;
	struct pair p;
	struct err e;
	pair_new(&p);
	int failed = 0;
	for (size_t n = 0; n < 5000 && !failed; n++) {
		int32_t stream;
		failed = http_two_ask(p.client.two,
		    STR("GET / HTTP/1.1\r\nHost: x.test\r\n\r\n"), false, false,
		    &stream, &e);
		if (!failed) {
			auto_buf up = { 0 };
			http_two_take(p.client.two, &up);
			http_two_reset(p.client.two, stream);
			http_two_take(p.client.two, &up);
			failed = http_two_feed(p.server.two, buf_str(&up), &e);
			auto_buf down = { 0 };
			http_two_take(p.server.two, &down);
			failed =
			    failed || http_two_over(p.server.two) ||
			    http_two_feed(p.client.two, buf_str(&down), &e);
		}
	}
	assert_true(failed);
	pair_free(&p);
}

/* The bytes of a secret field must not shorten when it is said again. */
static void
no_secret_enters_a_table_G04(void **state)
{
	(void)state;
	size_t sizes[2][2];
	for (int secret = 0; secret < 2; secret++) {
		struct pair p;
		pair_new(&p);
		assert_int_equal(move(&p), 0);
		for (int time = 0; time < 2; time++) {
			struct err e;
			int32_t stream;
			auto_buf up = { 0 };
			assert_int_equal(
			    http_two_ask(p.client.two,
			        STR("GET / HTTP/1.1\r\nHost: x.test\r\n"
			            "Authorization: Bearer "
			            "0123456789abcdef0123456789\r\n\r\n"),
			        false, secret, &stream, &e),
			    0);
			http_two_take(p.client.two, &up);
			sizes[secret][time] = up.len;
		}
		pair_free(&p);
	}
	assert_true(sizes[0][1] < sizes[0][0]);
	assert_int_equal(sizes[1][1], sizes[1][0]);
}

/* Frames as they are on the wire, by a decoder of our own: no field of it, nor
 * any other, stays in a table. */
static void
decode_heads(struct str wire, nghttp2_hd_inflater *inflater, size_t *secrets)
{
	wire = str_sub(wire, NGHTTP2_CLIENT_MAGIC_LEN, wire.len);
	while (wire.len >= 9) {
		const uint8_t *at = (const uint8_t *)wire.at;
		size_t size = (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2];
		struct str block = str_sub(wire, 9, size);
		wire = str_sub(wire, 9 + size, wire.len);
		while (at[3] == NGHTTP2_HEADERS && block.len > 0) {
			nghttp2_nv nv;
			int flags = 0;
			ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv,
			    &flags, (const uint8_t *)block.at, block.len, 1);
			assert_true(n > 0);
			block = str_sub(block, (size_t)n, block.len);
			if (!(flags & NGHTTP2_HD_INFLATE_EMIT)) {
				continue;
			}
			if (str_has_str(str_span(nv.value, nv.valuelen),
			        STR("0123456789abcdef"))) {
				*secrets += 1;
				assert_true(
				    nv.flags & NGHTTP2_NV_FLAG_NO_INDEX);
			}
		}
		if (at[3] == NGHTTP2_HEADERS) {
			(void)nghttp2_hd_inflate_end_headers(inflater);
		}
	}
}

static void
a_secret_is_never_indexed_on_the_wire_G04(void **state)
{
	(void)state;
	struct pair p;
	struct err e;
	int32_t stream;
	auto_buf up = { 0 };
	nghttp2_hd_inflater *inflater;
	size_t secrets = 0;
	assert_int_equal(nghttp2_hd_inflate_new(&inflater), 0);
	size_t fixed = nghttp2_hd_inflate_get_num_table_entries(inflater);
	pair_new(&p);
	for (int time = 0; time < 3; time++) {
		assert_int_equal(http_two_ask(p.client.two,
		                     STR("GET /a HTTP/1.1\r\nHost: x.test\r\n"
		                         "Authorization: Bearer "
		                         "0123456789abcdef\r\n\r\n"),
		                     false, true, &stream, &e),
		    0);
	}
	http_two_take(p.client.two, &up);
	decode_heads(buf_str(&up), inflater, &secrets);
	assert_int_equal(secrets, 3);
	assert_int_equal(
	    nghttp2_hd_inflate_get_num_table_entries(inflater), fixed);
	nghttp2_hd_inflate_del(inflater);
	pair_free(&p);
}

/* Frames hold it in the short codes of HPACK, which are not looked for. */
static void
no_copy_of_a_secret_is_left_once_it_was_said(void **state)
{
	static const char secret[] = "s3cr3t-canary-0123456789";
	static const char head[] =
	    "GET /a HTTP/1.1\r\nHost: x.test\r\n"
	    "Authorization: Bearer s3cr3t-canary-0123456789\r\n"
	    "Accept: application/json, text/plain, text/html, */*\r\n"
	    "User-Agent: one-with-a-name-that-makes-the-head-grow/1.0\r\n"
	    "X-More: a value that makes it grow once more, and again\r\n"
	    "\r\n";
	struct pair p;
	struct err e;
	int32_t stream;
	auto_buf up = { 0 };

	(void)state;
	pair_new(&p);
	assert_int_equal(
	    http_two_ask(p.client.two, str_of(head), false, true, &stream, &e),
	    0);
	assert_true(heap_holds(secret)); /* until it is framed */
	http_two_take(p.client.two, &up);
	assert_false(heap_holds(secret));
	pair_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_and_its_answer_pass_as_text),
		cmocka_unit_test(a_window_that_is_not_opened_stops_the_sender),
		cmocka_unit_test(
		    messages_that_are_none_are_not_given_out_G01_G02_G04),
		cmocka_unit_test(fields_out_of_a_table_are_bounded_G03),
		cmocka_unit_test(
		    a_status_that_is_none_ends_its_stream_alone_H15),
		cmocka_unit_test(floods_end_the_session_G03),
		cmocka_unit_test(rapid_resets_end_the_session_G03),
		cmocka_unit_test(no_secret_enters_a_table_G04),
		cmocka_unit_test(a_secret_is_never_indexed_on_the_wire_G04),
		cmocka_unit_test(no_copy_of_a_secret_is_left_once_it_was_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
