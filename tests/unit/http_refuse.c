/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/http_help.h"

#include <string.h>

/* What comes behind a refusal is not looked at. */
static void
assert_over(struct http_reader *r)
{
	struct str in = STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	struct http_event ev;
	struct err e;

	assert_int_equal(http_read(r, &in, &ev, &e), -1);
	assert_int_equal(http_read_eof(r, &ev, &e), -1);
	assert_false(http_reader_idle(r));
}

/* Every case is tried whole and byte by byte: the same status both times. */
static void
refused_as(bool is_response, struct str bytes, unsigned status)
{
	for (size_t k = 0; k < 2; k++) {
		struct http_reader r;
		struct told t = { 0 };

		if (is_response) {
			http_reader_response(&r);
		} else {
			http_reader_request(&r);
		}
		tell(&t, &r, bytes, k ? 1 : bytes.len);
		if (t.refusal != status) {
			print_error("not refused as %u but %u: %s\n", status,
			    t.refusal, err_quote(bytes));
		}
		assert_int_equal(t.refusal, status);
		assert_int_equal(
		    t.kind, status == 413 || status == 414 || status == 431
		                ? ERR_LIMIT
		                : ERR_INPUT);
		assert_over(&r);
		told_fini(&t);
		http_reader_fini(&r);
	}
}

static void
request_refused(const char *lines, unsigned status)
{
	auto_buf b = { 0 };

	buf_add_z(&b, "POST / HTTP/1.1\r\nHost: a\r\n");
	buf_add_z(&b, lines);
	refused_as(false, buf_str(&b), status);
}

static void
H01_two_content_lengths_are_refused(void **state)
{
	(void)state;
	request_refused("Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400);
	request_refused("Content-Length: 5\r\ncontent-length: 5\r\n\r\n", 400);
	request_refused("Content-Length: 5,6\r\n\r\n", 400);
	request_refused("Content-Length: 5, 5\r\n\r\n", 400);
}

static void
H01_length_and_chunked_together_are_refused(void **state)
{
	(void)state;
	request_refused(
	    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
	request_refused(
	    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400);
}

static void
H01_a_length_is_plain_digits(void **state)
{
	static const char *const values[] = { "+5", "-5", "5 5", "0x5", "5a",
		"", "05", "00", "5;", "5.0", "\"5\"" };

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		auto_buf b = { 0 };

		buf_addf(&b, "Content-Length: %s\r\n\r\n", values[i]);
		request_refused(buf_z(&b), 400);
	}
	request_refused("Content-Length: 18446744073709551616\r\n\r\n", 413);
	request_refused("Content-Length: 99999999999999999999999\r\n\r\n", 413);
}

static void
H02_every_other_transfer_encoding_is_refused(void **state)
{
	static const char *const lines[] = {
		"Transfer-Encoding: chunked, identity\r\n\r\n",
		"Transfer-Encoding: gzip, chunked\r\n\r\n",
		"Transfer-Encoding: xchunked\r\n\r\n",
		"Transfer-Encoding: chunkedx\r\n\r\n",
		"Transfer-Encoding: \"chunked\"\r\n\r\n",
		"Transfer-Encoding: identity\r\n\r\n",
		"Transfer-Encoding:\r\n\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
		"Transfer-Encoding: x\r\nTransfer-encoding: chunked\r\n\r\n",
		"Transfer-Encoding : chunked\r\n\r\n",
		"Transfer-Encoding\t: chunked\r\n\r\n",
		"Transfer-Encoding: chun\vked\r\n\r\n",
		"Transfer-Encoding:\r\n chunked\r\n\r\n",
		"X: y\r\n\tTransfer-Encoding: chunked\r\n\r\n",
		"Transfer-Encoding: chunked;q=1\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		request_refused(lines[i], 400);
	}
	refused_as(false,
	    STR("POST / HTTP/1.1\r\nHost: a\r\n"
	        "Transfer-Encoding: chunked\0\r\n\r\n"),
	    400);
	refused_as(false,
	    STR("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

static void
H03_malformed_lines_are_refused(void **state)
{
	static const struct str cases[] = {
		STR("GET / HTTP/1.1\nHost: a\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a\r\n\n"),
		STR("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
		STR("GET / HTTP/1.1\n\rHost: a\n\r\n\r"),
		STR("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n"),
		STR("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a\r\nna me: x\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a\r\nname\x0b: x\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a\r\nx: \x7f\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a\r\nx: a\0b\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a\r\nx: \xff\xfe\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a\r\nx: \xc0\xae\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a\r\nn\xc3\xa9: x\r\n\r\n"),
		STR("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		STR("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		STR("\r\n\r\n"),
		STR("GET  HTTP/1.1\r\nHost: a\r\n\r\n"),
		STR("GETSGETSGETSGETSGETSGETSGETSGETSG / HTTP/1.1\r\n"
		    "Host: a\r\n\r\n"), /* 33 bytes of method */
		STR("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
		STR("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
		STR("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
		STR(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		STR("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
		STR("G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
		STR("GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
		STR("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"),
		STR("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n"),
		STR("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		refused_as(false, cases[i], 400);
	}
}

static void
chunked_refused(struct str body, unsigned status)
{
	auto_buf b = { 0 };

	buf_add_z(&b,
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	buf_add(&b, body);
	refused_as(false, buf_str(&b), status);
}

/* Whether an answer is read whose header has these two bytes in its value, of
 * which eight are looked at at once. */
static bool
is_value(uint8_t one, uint8_t two)
{
	char text[] = "HTTP/1.1 200 OK\r\nX: abcdefghij\r\n\r\n";
	struct http_reader r;
	struct told t = { 0 };
	char *value = strstr(text, "abc");

	value[4] = (char)one;
	value[5] = (char)two;
	http_reader_response(&r);
	tell(&t, &r, str_span(text, sizeof(text) - 1), sizeof(text) - 1);
	bool read = !t.refusal;

	told_fini(&t);
	http_reader_fini(&r);
	return read;
}

static void
H03_no_control_but_a_tab_is_in_a_value(void **state)
{
	(void)state;
	for (unsigned one = 0; one < 256; one++) {
		for (unsigned two = 0; two < 256; two++) {
			bool control =
			    (one < 0x20 && one != '\t') || one == 0x7f ||
			    (two < 0x20 && two != '\t') || two == 0x7f;

			assert_int_equal(
			    is_value((uint8_t)one, (uint8_t)two), !control);
		}
	}
}

static void
H04_malformed_chunks_are_refused(void **state)
{
	static const struct str cases[] = {
		STR("00000000000000001\r\nx\r\n0\r\n\r\n"),
		STR("-1\r\nx\r\n0\r\n\r\n"),
		STR("+1\r\nx\r\n0\r\n\r\n"),
		STR(" 1\r\nx\r\n0\r\n\r\n"),
		STR("1 \r\nx\r\n0\r\n\r\n"),
		STR("1 \nx\r\n0\r\n\r\n"),
		STR("1\n\nx\r\n0\r\n\r\n"),
		STR("0x1\r\nx\r\n0\r\n\r\n"),
		STR("\r\nx\r\n0\r\n\r\n"),
		STR(";a=b\r\nx\r\n0\r\n\r\n"),
		STR("\r\n\r\n"), /* no digit is not the last chunk */
		STR(";a=b\r\n\r\n"),
		STR("1\nx\r\n0\r\n\r\n"),
		STR("1\rx"),
		STR("1;a\nb\r\nx\r\n0\r\n\r\n"),
		STR("1;a\0b\r\nx\r\n0\r\n\r\n"),
		STR("1\r\nxy\r\n0\r\n\r\n"),
		STR("1\r\nx\n0\r\n\r\n"),
		STR("1\r\nx0\r\n\r\n"),
		STR("0\r\nno colon\r\n\r\n"),
		STR("0\r\nA: b\n\r\n"),
		STR("0\r\n\n"),
		STR("0\r\n folded\r\n\r\n"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		chunked_refused(cases[i], 400);
	}
}

static void
H04_a_flood_of_extensions_is_refused(void **state)
{
	auto_buf one = { 0 };
	auto_buf many = { 0 };

	(void)state;
	buf_add_z(&one, "1;");
	for (int i = 0; i < 300; i++) {
		buf_add_z(&one, "a");
	}
	buf_add_z(&one, "\r\n");
	chunked_refused(buf_str(&one), 400);
	for (int i = 0; i < 50; i++) {
		buf_addf(&many, "1;%0100d\r\nx\r\n", i);
	}
	chunked_refused(buf_str(&many), 400);
}

static void
H04_trailers_that_steer_are_refused(void **state)
{
	static const char *const names[] = { "Connection", "Keep-Alive",
		"Proxy-Connection", "TE", "Trailer", "Transfer-Encoding",
		"Upgrade", "HTTP2-Settings", "Expect", "Proxy-Authorization",
		"Proxy-Authenticate", "Proxy-Authentication-Info",
		"X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override",
		"X-Original-URL", "X-Rewrite-URL", "HOST", "Content-Length",
		"Content-Encoding", "Content-Type", "Content-Range",
		"Authorization", "Cookie", "Set-Cookie",
		/* as CGI and its heirs read them */
		"Content_Length", "transfer_Encoding" };
	static const char *const others[] = { "Via", "Forwarded", "X-Real-IP",
		"Client-IP", "True-Client-IP", "X-Sum" };
	auto_buf flood = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		auto_buf b = { 0 };

		buf_addf(&b, "0\r\n%s: 1\r\n\r\n", names[i]);
		chunked_refused(buf_str(&b), 400);
	}
	for (size_t i = 0; i < COUNT(others); i++) {
		struct http_reader r;
		struct told t = { 0 };
		auto_buf b = { 0 };

		buf_addf(&b,
		    "POST / HTTP/1.1\r\nHost: a\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n0\r\n%s: 1\r\n\r\n",
		    others[i]);
		http_reader_request(&r);
		tell(&t, &r, buf_str(&b), b.len);
		assert_int_equal(t.refusal, 0);
		told_fini(&t);
		http_reader_fini(&r);
	}
	buf_add_z(&flood, "0\r\n");
	for (int i = 0; i < 1000; i++) {
		buf_addf(&flood, "A%d: xxxxxx\r\n", i);
	}
	chunked_refused(buf_str(&flood), 431);
}

static void
H05_other_versions_are_refused(void **state)
{
	static const struct {
		struct str bytes;
		unsigned status;
	} cases[] = {
		{ STR("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505 },
		{ STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505 },
		{ STR("GET / HTTP/0.9\r\nHost: a\r\n\r\n"), 505 },
		{ STR("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 505 },
		{ STR("GET / HTTP/1.1x\r\nHost: a\r\n\r\n"), 400 },
		{ STR("GET / HTTP/11\r\nHost: a\r\n\r\n"), 400 },
		{ STR("GET / HTTP/1.01\r\nHost: a\r\n\r\n"), 400 },
		{ STR("GET / HTTP/x.1\r\nHost: a\r\n\r\n"), 400 },
		{ STR("GET / HTTP/1.x\r\nHost: a\r\n\r\n"), 400 },
		{ STR("GET / HTTP/1-1\r\nHost: a\r\n\r\n"), 400 },
		{ STR("GET / ABCDE2.0\r\nHost: a\r\n\r\n"), 400 },
		{ STR("GET / http/1.1\r\nHost: a\r\n\r\n"), 400 },
		{ STR("GET /\r\n\r\n"), 400 },
		{ STR("GET / \r\n\r\n"), 400 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		refused_as(false, cases[i].bytes, cases[i].status);
	}
}

static void
H11_an_unknown_expectation_is_refused(void **state)
{
	(void)state;
	request_refused("Expect: 200-ok\r\n\r\n", 417);
	request_refused(
	    "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", 417);
}

static void
H13_trace_and_unexpected_connect_are_refused(void **state)
{
	(void)state;
	refused_as(false, STR("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
	refused_as(
	    false, STR("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"), 405);
}

static void
H14_unasked_protocol_changes_are_refused(void **state)
{
	(void)state;
	request_refused("Connection: Upgrade, HTTP2-Settings\r\n"
	                "Upgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
	    400);
	request_refused("Upgrade: websocket, H2C\r\n\r\n", 400);
	refused_as(true,
	    STR("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
	        "Upgrade: websocket\r\n\r\n"),
	    400);
}

static void
H14_a_switch_says_to_what(void **state)
{
	static const struct {
		struct str bytes;
		bool read;
	} rows[] = {
		{ STR("HTTP/1.1 101 x\r\nConnection: upgrade\r\n"
		      "Upgrade: websocket\r\n\r\n"),
		    true },
		{ STR("HTTP/1.1 101 x\r\n\r\n"), false },
		{ STR("HTTP/1.1 101 x\r\nConnection: upgrade\r\n\r\n"), false },
		{ STR("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n"), false },
		{ STR("HTTP/1.0 101 x\r\nConnection: upgrade\r\n"
		      "Upgrade: websocket\r\n\r\n"),
		    false },
		{ STR("HTTP/1.1 101 x\r\nConnection: upgrade\r\n"
		      "Upgrade: websocket\r\nContent-Length: 1\r\n\r\n"),
		    false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_reader r;
		struct told t = { 0 };

		http_reader_response(&r);
		r.take_upgrade = true;
		tell(&t, &r, rows[i].bytes, rows[i].bytes.len);
		assert_int_equal(t.refusal, rows[i].read ? 0 : 400);
		told_fini(&t);
		http_reader_fini(&r);
	}
}

static void
H15_dishonest_responses_are_refused(void **state)
{
	static const struct str cases[] = {
		STR("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
		    "Content-Length: 2\r\n\r\n"),
		STR("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n"),
		STR("HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\n\r\n"),
		STR("HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n"),
		STR("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n"),
		STR("HTTP/1.1 100 Go\r\nContent-Length: 5\r\n\r\n"),
		STR("HTTP/1.1 20 OK\r\n\r\n"),
		STR("HTTP/1.1 2000 OK\r\n\r\n"),
		STR("HTTP/1.1 0200 OK\r\n\r\n"),
		STR("HTTP/1.1 099 OK\r\n\r\n"),
		STR("HTTP/1.1 2x0 OK\r\n\r\n"),
		STR("HTTP/1.1 600 OK\r\n\r\n"),
		STR("HTTP/1.1 +20 OK\r\n\r\n"),
		STR("HTTP/1.1  200 OK\r\n\r\n"),
		STR("HTTP/1.1\r\n\r\n"),
		STR("HTTP/1.1 200 a\0b\r\n\r\n"),
		STR("ICY 200 OK\r\n\r\n"),
		STR("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"),
		STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
		STR("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
	};
	auto_buf flood = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		refused_as(true, cases[i], 400);
	}
	for (int i = 0; i < HTTP_INTERIM_MAX; i++) {
		buf_add_z(&flood, "HTTP/1.1 103 Early Hints\r\n\r\n");
	}
	buf_add_z(&flood, "HTTP/1.1 103 Early Hints\r\n\r\n");
	refused_as(true, buf_str(&flood), 400);
	/* They are of the head that follows, and so are their bytes. */
	buf_clear(&flood);
	buf_addf(&flood,
	    "HTTP/1.1 103 Early Hints\r\nA: %065000d\r\n\r\n"
	    "HTTP/1.1 200 OK\r\nB: %0500d\r\n\r\n",
	    1, 1);
	refused_as(true, buf_str(&flood), 431);
	buf_clear(&flood);
	buf_addf(&flood,
	    "HTTP/1.1 103 Early Hints\r\nA: %065502d\r\n\r\n"
	    "HTTP/1.1 200 OK\r\n",
	    1);
	refused_as(true, buf_str(&flood), 431);
}

static void
H16_everything_is_bounded(void **state)
{
	auto_buf line = { 0 };
	auto_buf many = { 0 };
	auto_buf target = { 0 };
	auto_buf endless = { 0 };

	(void)state;
	buf_add_z(&line, "A: ");
	for (int i = 0; i < 70000; i++) {
		buf_add_byte(&line, 'x');
	}
	request_refused(buf_z(&line), 431);
	for (int i = 0; i < 100; i++) {
		buf_addf(&many, "A%d: b\r\n", i);
	}
	request_refused(buf_z(&many), 431);
	buf_add_z(&target, "GET /");
	for (int i = 0; i < HTTP_TARGET_MAX; i++) {
		buf_add_byte(&target, 'x');
	}
	buf_add_z(&target, " HTTP/1.1\r\nHost: a\r\n\r\n");
	refused_as(false, buf_str(&target), 414);
	for (int i = 0; i < 9000; i++) {
		buf_add_byte(&endless, 'G');
	}
	refused_as(false, buf_str(&endless), 414);
}

static void
H16_a_body_over_the_owners_limit_is_refused(void **state)
{
	static const struct str cases[] = {
		STR("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n"),
		STR("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
		    "\r\n\r\n6\r\n123456\r\n5\r\n12345\r\n0\r\n\r\n"),
		STR("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
		    "\r\n\r\n1\r\n1\r\nffffffffffffffff\r\n"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http_reader r;
		struct told t = { 0 };

		http_reader_request(&r);
		r.body_max = 10;
		tell(&t, &r, cases[i], cases[i].len);
		assert_int_equal(t.refusal, 413);
		assert_int_equal(t.kind, ERR_LIMIT);
		assert_true(t.body.len <= 10);
		told_fini(&t);
		http_reader_fini(&r);
	}
	/* One that lasts until the close says no length beforehand: in
	 * whatever pieces it comes, as much of it is given. */
	for (size_t piece = 1; piece <= 64; piece *= 8) {
		struct str answer = STR("HTTP/1.1 200 OK\r\n\r\n12345678901");
		struct http_reader r;
		struct told t = { 0 };

		http_reader_response(&r);
		r.body_max = 10;
		tell(&t, &r, answer, piece);
		assert_int_equal(t.refusal, 413);
		assert_int_equal(t.body.len, 10);
		told_fini(&t);
		http_reader_fini(&r);
	}
}

static void
N14_host_and_target_must_agree(void **state)
{
	static const struct str cases[] = {
		STR("GET / HTTP/1.1\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost:\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a:x\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a:\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: [evil.test]:1\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: [[::1]]\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: a%2e\r\n\r\n"),
		STR("GET http://good.test/ HTTP/1.1\r\nHost: "
		    "evil.test\r\n\r\n"),
		STR("GET http://good.test/ HTTP/1.1\r\nHost: good.test:81\r\n"
		    "\r\n"),
		STR("GET http://good.test:81/ HTTP/1.1\r\nHost: good.test\r\n"
		    "\r\n"),
		STR("GET http://good.test/ HTTP/1.1\r\n\r\n"),
		STR("GET ftp://good.test/ HTTP/1.1\r\nHost: good.test\r\n\r\n"),
		STR("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: []\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: []:80\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: [::1]80\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: [::1]:\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: [::1]:x\r\n\r\n"),
		STR("GET / HTTP/1.1\r\nHost: [[::1]]\r\n\r\n"),
		STR("GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
		STR("GET good.test HTTP/1.1\r\nHost: good.test\r\n\r\n"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		refused_as(false, cases[i], 400);
	}
}

static void
N08_userinfo_in_a_target_is_refused(void **state)
{
	(void)state;
	refused_as(false,
	    STR("GET http://good.test@evil.test/ HTTP/1.1\r\n"
	        "Host: evil.test\r\n\r\n"),
	    400);
	refused_as(false,
	    STR("GET http://good.test:80@evil/ HTTP/1.1\r\nHost: evil\r\n"
	        "\r\n"),
	    400);
	refused_as(
	    false, STR("GET / HTTP/1.1\r\nHost: u@evil.test\r\n\r\n"), 400);
	/* Without a Host that it would have to be the same as. */
	refused_as(false,
	    STR("GET http://good.test@evil.test/ HTTP/1.0\r\n\r\n"), 400);
}

static void
N01_N11_connect_targets_are_exact(void **state)
{
	static const struct str cases[] = {
		STR("CONNECT evil.test\0.good.test:443 HTTP/1.1\r\n"
		    "Host: good.test\r\n\r\n"),
		STR("CONNECT good.test HTTP/1.1\r\nHost: good.test\r\n\r\n"),
		STR("CONNECT good.test: HTTP/1.1\r\nHost: good.test\r\n\r\n"),
		STR("CONNECT good.test@evil.test:443 HTTP/1.0\r\n\r\n"),
		STR("CONNECT good.test HTTP/1.0\r\n\r\n"),
		STR("CONNECT good.test:0 HTTP/1.1\r\nHost: good.test\r\n\r\n"),
		STR("CONNECT good.test:65536 HTTP/1.1\r\nHost: good.test\r\n"
		    "\r\n"),
		STR("CONNECT good.test:007 HTTP/1.1\r\nHost: "
		    "good.test\r\n\r\n"),
		STR("CONNECT good.test:443 HTTP/1.1\r\nHost: good.test:22\r\n"
		    "\r\n"),
		STR("CONNECT good.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n"
		    "\r\n"),
		STR("CONNECT http://good.test/ HTTP/1.1\r\nHost: good.test\r\n"
		    "\r\n"),
		STR("CONNECT good.test:443 HTTP/1.1\r\nHost: good.test:443\r\n"
		    "Content-Length: 4\r\n\r\nabcd"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http_reader r;
		struct told t = { 0 };

		http_reader_request(&r);
		r.take_connect = true;
		tell(&t, &r, cases[i], cases[i].len);
		assert_int_equal(t.refusal, 400);
		told_fini(&t);
		http_reader_fini(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(H01_two_content_lengths_are_refused),
		cmocka_unit_test(H01_length_and_chunked_together_are_refused),
		cmocka_unit_test(H01_a_length_is_plain_digits),
		cmocka_unit_test(H02_every_other_transfer_encoding_is_refused),
		cmocka_unit_test(H03_malformed_lines_are_refused),
		cmocka_unit_test(H03_no_control_but_a_tab_is_in_a_value),
		cmocka_unit_test(H04_malformed_chunks_are_refused),
		cmocka_unit_test(H04_a_flood_of_extensions_is_refused),
		cmocka_unit_test(H04_trailers_that_steer_are_refused),
		cmocka_unit_test(H05_other_versions_are_refused),
		cmocka_unit_test(H11_an_unknown_expectation_is_refused),
		cmocka_unit_test(H13_trace_and_unexpected_connect_are_refused),
		cmocka_unit_test(H14_unasked_protocol_changes_are_refused),
		cmocka_unit_test(H14_a_switch_says_to_what),
		cmocka_unit_test(H15_dishonest_responses_are_refused),
		cmocka_unit_test(H16_everything_is_bounded),
		cmocka_unit_test(H16_a_body_over_the_owners_limit_is_refused),
		cmocka_unit_test(N14_host_and_target_must_agree),
		cmocka_unit_test(N08_userinfo_in_a_target_is_refused),
		cmocka_unit_test(N01_N11_connect_targets_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
