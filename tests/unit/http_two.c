/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2: two sessions in memory, messages in and out as text. */
#include "unit/http_two_help.h"

#include <nghttp2/nghttp2.h>

#include "heap_help.h"

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

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
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
	/* CONNECT has no path to be asked for. */
	struct pair p;
	auto_buf connect = { 0 };
	add_headers(&connect, 1, true, STR("\2\7CONNECT\x41\x0ax.test:443"));
	pair_new(&p);
	assert_int_equal(say(&p, STR(PREFACE)), 0);
	assert_int_equal(say(&p, buf_str(&connect)), 0);
	assert_int_equal(p.server.text.len, 0);
	assert_int_equal(p.server.ended, 0);
	assert_int_equal(move(&p), 0);
	assert_int_equal(p.server.closed, 1);
	pair_free(&p);
	/* DATA before HEADERS. */
	pair_new(&p);
	assert_int_equal(say(&p, STR(PREFACE)), 0);
	(void)!say(&p, STR("\0\0\5\0\1\0\0\0\1hello"));
	assert_int_equal(p.server.text.len, 0);
	pair_free(&p);
}

/* nghttp2 takes any three digits. */
static void
a_status_that_is_none_ends_its_stream_alone_H15(void **state)
{
	(void)state;
	static const struct {
		const char *status;
		const char *text; /* NULL: none */
	} rows[] = {
		{ "000", NULL },
		{ "099", NULL },
		{ "200", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
		{ "204", "HTTP/1.1 204 No Content\r\n\r\n" },
		{ "304", "HTTP/1.1 304 Not Modified\r\n\r\n" },
		{ "599", "HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n" },
		{ "600", NULL },
		{ "999", NULL },
	};
	struct pair p;
	uint8_t stream = 1;
	size_t ended = 0;
	pair_new(&p);
	for (size_t i = 0; i < COUNT(rows); i++, stream += 2) {
		auto_buf fields = { 0 };
		auto_buf frames = { 0 };
		buf_add_z(&fields, "\x08\x03");
		buf_add_z(&fields, rows[i].status);
		buf_add(&frames, i == 0 ? STR(SETTINGS) : STR(""));
		add_headers(&frames, stream, true, buf_str(&fields));
		answered(&p, stream, buf_str(&frames));
		ended += rows[i].text != NULL;
		assert_string_equal(
		    buf_z(&p.client.text), rows[i].text ? rows[i].text : "");
		assert_int_equal(p.client.ended, ended);
		assert_int_equal(p.client.closed, i + 1);
	}
	pair_free(&p);
}

static void
an_answer_before_the_real_one_is_no_answer(void **state)
{
	(void)state;
	struct pair p;
	auto_buf frames = { 0 };
	buf_add(&frames, STR(SETTINGS));
	add_headers(&frames, 1, false,
	    STR("\x08\x03"
	        "103\0\1a\1b"));
	add_headers(&frames, 1, false, STR("\x88\0\1c\1d"));
	/* Data, and trailers that say a length: not that of the message. */
	buf_add(&frames, STR("\0\0\2\0\0\0\0\0\1ok"));
	add_headers(&frames, 1, true,
	    STR("\0\x0e"
	        "content-length\1"
	        "2"));
	pair_new(&p);
	answered(&p, 1, buf_str(&frames));
	assert_string_equal(buf_z(&p.client.text),
	    "HTTP/1.1 103 Early Hints\r\na: b\r\n\r\n"
	    "HTTP/1.1 200 OK\r\nc: d\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "2\r\nok\r\n0\r\ncontent-length: 2\r\n\r\n");
	assert_int_equal(p.client.ended, 1);
	pair_free(&p);
}

static void
a_server_may_answer_before_the_real_answer(void **state)
{
	(void)state;
	struct pair p;
	struct err e;
	int32_t stream;
	pair_new(&p);
	assert_int_equal(http_two_ask(p.client.two,
	                     STR("POST / HTTP/1.1\r\nHost: x.test\r\n"
	                         "Content-Length: 2\r\n\r\n"),
	                     true, false, &stream, &e),
	    0);
	assert_int_equal(move(&p), 0);
	assert_int_equal(http_two_answer(p.server.two, stream,
	                     STR("HTTP/1.1 100 Continue\r\n\r\n"), false, &e),
	    0);
	assert_int_equal(move(&p), 0);
	assert_string_equal(
	    buf_z(&p.client.text), "HTTP/1.1 100 Continue\r\n\r\n");
	/* Neither side has ended. */
	http_two_data(p.client.two, stream, STR("ab"));
	http_two_end(p.client.two, stream, STR(""));
	assert_int_equal(move(&p), 0);
	assert_int_equal(p.server.ended, 1);
	assert_int_equal(p.client.ended, 0);
	assert_int_equal(http_two_answer(p.server.two, stream,
	                     STR("HTTP/1.1 204 No Content\r\n\r\n"), false, &e),
	    0);
	assert_int_equal(move(&p), 0);
	assert_true(says(&p.client, "HTTP/1.1 204 No Content\r\n"));
	assert_int_equal(p.client.ended, 1);
	/* The one that would be another protocol is no answer here. */
	assert_int_equal(http_two_answer(p.server.two, stream,
	                     STR("HTTP/1.1 101 \r\nConnection: upgrade\r\n"
	                         "Upgrade: x\r\n\r\n"),
	                     false, &e),
	    -1);
	pair_free(&p);
}

/* RFC 9113 8.7: who asked may ask again. */
static void
what_a_server_did_nothing_for_is_told_apart(void **state)
{
	(void)state;
	static const struct {
		struct str frame;
		size_t closed, untaken;
	} rows[] = {
		{ STR("\0\0\4\3\0\0\0\0\1\0\0\0\7"), 1, 1 },
		{ STR("\0\0\4\3\0\0\0\0\1\0\0\0\x08"), 1, 0 },
		{ STR("\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\0"), 1, 1 },
		{ STR("\0\0\x08\7\0\0\0\0\0\0\0\0\1\0\0\0\0"), 0, 0 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pair p;
		auto_buf frames = { 0 };
		buf_add(&frames, STR(SETTINGS));
		buf_add(&frames, rows[i].frame);
		pair_new(&p);
		answered(&p, 1, buf_str(&frames));
		assert_int_equal(p.client.closed, rows[i].closed);
		assert_int_equal(p.client.untaken, rows[i].untaken);
		pair_free(&p);
	}
}

static void
add_field(struct buf *out, struct str name, struct str value)
{
	buf_add_byte(out, 0);
	buf_add_byte(out, (uint8_t)name.len);
	buf_add(out, name);
	buf_add_byte(out, (uint8_t)value.len);
	buf_add(out, value);
}

/* Old servers look at the first line of it alone. */
static void
the_crumbs_of_a_cookie_are_one_line(void **state)
{
	(void)state;
	struct pair p;
	auto_buf fields = { 0 };
	auto_buf frame = { 0 };
	buf_add(&fields, STR("\x82\x87\x84\x41\x06x.test"));
	add_field(&fields, STR("cookie"), STR("a=b"));
	add_field(&fields, STR("x"), STR("y"));
	add_field(&fields, STR("cookie"), STR("c=d"));
	add_headers(&frame, 1, true, buf_str(&fields));
	pair_new(&p);
	assert_int_equal(say(&p, STR(PREFACE)), 0);
	assert_int_equal(say(&p, buf_str(&frame)), 0);
	assert_string_equal(buf_z(&p.server.text),
	    "GET / HTTP/1.1\r\nHost: x.test\r\nx: y\r\n"
	    "cookie: a=b; c=d\r\n\r\n");
	pair_free(&p);
}

/* The one message that the text is; false: the strict reader refuses it. */
static bool
reads_as(struct str text, const struct str *wanted)
{
	struct http_reader r;
	struct http_event ev;
	struct err e;
	http_reader_request(&r);
	bool read = !http_read(&r, &text, &ev, &e) && ev.kind == HTTP_HEAD;
	if (read) {
		assert_true(str_eq(ev.head->method, wanted[0]));
		assert_true(str_eq(ev.head->target, wanted[1]));
		assert_true(str_eq_nocase(ev.head->authority, wanted[2]));
		assert_int_equal(ev.head->count, 2);
		assert_true(str_eq(ev.head->headers[1].name, wanted[3]));
		assert_true(
		    str_eq(ev.head->headers[1].value, str_trim(wanted[4])));
		assert_int_equal(http_read(&r, &text, &ev, &e), 0);
		assert_int_equal(ev.kind, HTTP_END);
		assert_int_equal(text.len, 0);
	}
	http_reader_fini(&r);
	return read;
}

/* Any byte at any place of a message: it is that message or none. */
static void
no_byte_makes_another_message_of_one_G02(void **state)
{
	(void)state;
	static const struct str fields[] = { STR("aXc"), STR("/aXc"),
		STR("aXc"), STR("aXc"), STR("aXc") };
	for (size_t place = 0; place < COUNT(fields); place++) {
		size_t given = 0;
		for (unsigned byte = 0; byte < 256; byte++) {
			struct str has[] = { STR("GET"), STR("/"), STR("b"),
				STR("d"), STR("e") };
			struct pair p;
			char changed[8];
			auto_buf text = { 0 };
			auto_buf frame = { 0 };
			memcpy(changed, fields[place].at, fields[place].len);
			*strchr(changed, 'X') = (char)byte;
			has[place] = str_span(changed, fields[place].len);
			add_field(&text, STR(":method"), has[0]);
			add_field(&text, STR(":scheme"), STR("https"));
			add_field(&text, STR(":path"), has[1]);
			add_field(&text, STR(":authority"), has[2]);
			add_field(&text, has[3], has[4]);
			add_headers(&frame, 1, true, buf_str(&text));
			pair_new(&p);
			assert_int_equal(say(&p, STR(PREFACE)), 0);
			(void)!say(&p, buf_str(&frame));
			given += reads_as(buf_str(&p.server.text), has);
			pair_free(&p);
		}
		assert_true(given > 36); /* digits, letters of a case */
	}
}

/* Also one that came before our settings were acknowledged. */
static void
nothing_is_pushed(void **state)
{
	(void)state;
	for (int acknowledged = 0; acknowledged < 2; acknowledged++) {
		struct pair p;
		auto_buf frames = { 0 };
		buf_add(&frames, STR(SETTINGS));
		buf_add(&frames,
		    acknowledged ? STR("\0\0\0\4\1\0\0\0\0") : STR(""));
		buf_add(&frames,
		    STR("\0\0\x18\5\4\0\0\0\1\0\0\0\2\x82\x87\x84\x41\x06"
		        "x.test\0\5x-one\1y"));
		add_headers(&frames, 2, true, STR("\x88\0\4two-\1z"));
		add_headers(&frames, 1, true, STR("\x88"));
		pair_new(&p);
		answered(&p, 1, buf_str(&frames));
		assert_string_equal(buf_z(&p.client.text),
		    acknowledged
		        ? ""
		        : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		assert_int_equal(http_two_over(p.client.two), acknowledged);
		pair_free(&p);
	}
}

static void
what_is_no_head_is_not_asked(void **state)
{
	(void)state;
	static const struct str heads[] = { STR(""),
		STR("GET / HTTP/1.1\r\nHost: x.test\r\n"),
		STR("GET / HTTP/1.1\r\nHost: x.test\r\nA b: c\r\n\r\n"),
		STR("GET / HTTP/1.1\r\n\r\n") };
	struct pair p;
	int32_t stream;
	pair_new(&p);
	for (size_t i = 0; i < COUNT(heads); i++) {
		struct err e = { 0 };
		assert_int_equal(http_two_ask(p.client.two, heads[i], false,
		                     false, &stream, &e),
		    -1);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_int_equal(
		    http_two_answer(p.client.two, 1, heads[i], false, &e), -1);
	}
	assert_int_equal(move(&p), 0);
	assert_int_equal(p.server.text.len, 0);
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
assert_field(const nghttp2_nv *nv, int flags, size_t *secrets)
{
	if (!(flags & NGHTTP2_HD_INFLATE_EMIT)) {
		return;
	}
	struct str name = str_span(nv->name, nv->namelen);
	struct str value = str_span(nv->value, nv->valuelen);
	for (size_t i = 0; i < name.len; i++) {
		assert_false(name.at[i] >= 'A' && name.at[i] <= 'Z');
	}
	assert_false(str_eq_z(name, "host"));
	assert_false(str_eq_z(name, "connection"));
	assert_false(str_eq_z(name, "transfer-encoding"));
	if (str_eq_z(name, ":scheme")) {
		assert_true(str_eq_z(value, "https"));
	}
	if (str_has_str(value, STR("0123456789abcdef"))) {
		*secrets += 1;
		assert_true(nv->flags & NGHTTP2_NV_FLAG_NO_INDEX);
	}
}

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
			assert_field(&nv, flags, secrets);
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
		                         "Connection: close\r\n"
		                         "Transfer-Encoding: chunked\r\n"
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
	/* Behind what is written over what was freed. */
	static const char body[] =
	    "................................s3cr3t-canary-0123456789";
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
	/* Nor of a body that was not said. */
	assert_int_equal(http_two_ask(p.client.two,
	                     STR("POST / HTTP/1.1\r\nHost: x.test\r\n\r\n"),
	                     true, true, &stream, &e),
	    0);
	http_two_data(p.client.two, stream, str_of(body));
	assert_true(heap_holds(secret));
	size_t closed = p.client.closed;
	pair_free(&p);
	assert_false(heap_holds(secret));
	/* And nothing is told of what is freed. */
	assert_int_equal(p.client.closed, closed);
}

/* Nor in frames.  Its short code would be longer than itself, so that it stands
 * in them as it is. */
static void
no_frame_of_a_secret_is_left_once_it_was_taken(void **state)
{
	static const char secret[] = "~{|}<^>`~{}|<>^`{~}|<>^`";
	static const char more[40000];
	struct pair p;
	struct err e;
	int32_t stream;
	struct buf up = { 0 };

	(void)state;
	pair_new(&p);
	assert_int_equal(http_two_ask(p.client.two,
	                     STR("POST /a HTTP/1.1\r\nHost: x.test\r\n"
	                         "Authorization: ~{|}<^>`~{}|<>^`{~}|<>^`\r\n"
	                         "\r\n"),
	                     true, true, &stream, &e),
	    0);
	http_two_data(p.client.two, stream, str_span(more, sizeof(more)));
	http_two_take(p.client.two, &up);
	assert_true(str_has_str(buf_str(&up), str_of(secret)));
	assert_true(heap_holds(secret)); /* it is searched */
	buf_wipe(&up);
	assert_false(heap_holds(secret));
	/* A body likewise. */
	static const char body[] = "s3cr3t-canary-0123456789";
	http_two_data(p.client.two, stream, str_of(body));
	http_two_data(p.client.two, stream, str_span(more, 20000));
	http_two_take(p.client.two, &up);
	assert_true(str_has_str(buf_str(&up), str_of(body)));
	buf_wipe(&up);
	pair_free(&p);
	assert_false(heap_holds(body));
}

static const char *const secrets[] = { "~{|}<^>`~{}|<>^`{~}|<>^`",
	"/p4th-canary-0123456789", "cr=mb-canary-0123456789",
	"b0dy-canary-0123456789" };

/* Its head grows field by field. */
static void
say_secrets(struct pair *p)
{
	struct err e;
	int32_t stream;
	struct buf up = { 0 };
	struct buf head = { 0 };

	buf_room(&head, 100000);
	buf_addf(&head,
	    "POST %s HTTP/1.1\r\nHost: x.test\r\nAuthorization: %s\r\n"
	    "Cookie: %s\r\n",
	    secrets[1], secrets[0], secrets[2]);
	for (int i = 0; i < 50; i++) {
		buf_addf(&head, "X-%d: %0100d\r\n", i, i);
	}
	buf_add_z(&head, "\r\n");
	assert_int_equal(http_two_ask(p->client.two, buf_str(&head), true, true,
	                     &stream, &e),
	    0);
	buf_wipe(&head);
	http_two_data(p->client.two, stream, str_of(secrets[3]));
	http_two_take(p->client.two, &up);
	assert_int_equal(http_two_feed(p->server.two, buf_str(&up), &e), 0);
	buf_wipe(&up);
}

static void
expect_none_left(void)
{
	const char *left = NULL;
	for (size_t i = 0; i < COUNT(secrets); i++) {
		if (heap_holds(secrets[i])) {
			left = secrets[i];
		}
	}
	if (left) {
		fail_msg("%s is left", left);
	}
}

static void
no_text_of_a_secret_is_left_once_it_was_given(void **state)
{
	struct pair p;

	(void)state;
	pair_new(&p);
	buf_room(&p.server.text, 100000);
	say_secrets(&p);
	for (size_t i = 0; i < COUNT(secrets); i++) {
		assert_true(says(&p.server, secrets[i]));
		assert_true(heap_holds(secrets[i])); /* it is searched */
	}
	buf_wipe(&p.server.text);
	expect_none_left();
	pair_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_and_its_answer_pass_as_text),
		cmocka_unit_test(
		    messages_that_are_none_are_not_given_out_G01_G02_G04),
		cmocka_unit_test(
		    a_status_that_is_none_ends_its_stream_alone_H15),
		cmocka_unit_test(an_answer_before_the_real_one_is_no_answer),
		cmocka_unit_test(a_server_may_answer_before_the_real_answer),
		cmocka_unit_test(what_a_server_did_nothing_for_is_told_apart),
		cmocka_unit_test(the_crumbs_of_a_cookie_are_one_line),
		cmocka_unit_test(no_byte_makes_another_message_of_one_G02),
		cmocka_unit_test(nothing_is_pushed),
		cmocka_unit_test(what_is_no_head_is_not_asked),
		cmocka_unit_test(no_secret_enters_a_table_G04),
		cmocka_unit_test(a_secret_is_never_indexed_on_the_wire_G04),
		cmocka_unit_test(no_copy_of_a_secret_is_left_once_it_was_said),
		cmocka_unit_test(
		    no_frame_of_a_secret_is_left_once_it_was_taken),
		cmocka_unit_test(no_text_of_a_secret_is_left_once_it_was_given),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
