/* SPDX-License-Identifier: Apache-2.0 */
/* Every byte at every place of a message: what may stand there is said here
 * once more, by hand. */
#include "unit/http_help.h"

#include <string.h>

#define WORDS     "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define SUBDELIMS "!$&'()*+,;="

/* before, the byte, behind. */
static struct str
around(struct buf *b, const char *before, int byte, const char *behind)
{
	buf_clear(b);
	buf_add_z(b, before);
	buf_add_byte(b, (uint8_t)byte);
	buf_add_z(b, behind);
	return buf_str(b);
}

static bool
is_read(struct str bytes)
{
	struct http_reader r;
	struct told t = { 0 };
	http_reader_request(&r);
	tell(&t, &r, bytes, bytes.len);
	bool read = t.refusal == 0 && str_ends(buf_str(&t.story), STR("end\n"));
	told_fini(&t);
	http_reader_fini(&r);
	return read;
}

typedef bool taker(struct buf *b, int byte);

static void
is_as(bool taken, bool wanted, int byte)
{
	if (taken != wanted) {
		fail_msg("byte 0x%02x %s", byte, wanted ? "no" : "taken");
	}
}

static void
only_these(taker *takes, const char *bytes)
{
	for (int byte = 0; byte < 256; byte++) {
		auto_buf b = { 0 };
		is_as(takes(&b, byte), byte && strchr(bytes, byte), byte);
	}
}

static bool
in_a_host(struct buf *b, int byte)
{
	return is_read(
	    around(b, "GET / HTTP/1.1\r\nHost: a", byte, "b\r\n\r\n"));
}

static bool
in_an_address(struct buf *b, int byte)
{
	return is_read(
	    around(b, "GET / HTTP/1.1\r\nHost: [a", byte, "b]:1\r\n\r\n"));
}

static bool
in_a_port(struct buf *b, int byte)
{
	return is_read(
	    around(b, "GET / HTTP/1.1\r\nHost: a:1", byte, "\r\n\r\n"));
}

static void
N02_a_host_holds_no_byte_of_another_part(void **state)
{
	(void)state;
	only_these(in_a_host, WORDS "-._");
	only_these(in_an_address, "0123456789ABCDEFabcdef:.");
	only_these(in_a_port, "0123456789\t "); /* blanks behind a value */
}

static bool
in_a_method(struct buf *b, int byte)
{
	return is_read(around(b, "G", byte, "T / HTTP/1.1\r\nHost: a\r\n\r\n"));
}

static bool
in_a_name_read(struct buf *b, int byte)
{
	return is_read(
	    around(b, "GET / HTTP/1.1\r\nHost: a\r\nX", byte, "y: 1\r\n\r\n"));
}

static bool
in_a_name_written(struct buf *b, int byte)
{
	struct err e;
	auto_buf out = { 0 };
	return !http_write_header(&out, around(b, "X", byte, "y"), STR(""), &e);
}

static void
H03_H13_methods_and_names_are_tokens(void **state)
{
	static const char tokens[] = WORDS "!#$%&'*+-.^_`|~";
	(void)state;
	only_these(in_a_method, tokens);
	only_these(in_a_name_read, WORDS "!#$%&'*+-.^_`|~:"); /* its end */
	only_these(in_a_name_written, tokens);
}

static bool
in_a_target(struct buf *b, int byte)
{
	return is_read(
	    around(b, "GET /a", byte, "b HTTP/1.1\r\nHost: a\r\n\r\n"));
}

static bool
in_a_url(struct buf *b, int byte)
{
	struct http_url u;
	struct err e;
	return !http_url_parse(around(b, "http://a/b", byte, "c"), &u, &e);
}

static bool
in_a_target_written(struct buf *b, int byte)
{
	struct err e;
	auto_buf out = { 0 };
	return !http_write_request(
	    &out, STR("GET"), around(b, "/a", byte, "b"), &e);
}

static bool
in_a_path(struct buf *b, int byte)
{
	auto_arena a = { 0 };
	struct err e;
	struct str out;
	return !http_path_canonical(
	    &a, around(b, "/a", byte, "b"), false, &out, &e);
}

static bool
in_a_query(struct buf *b, int byte)
{
	auto_arena a = { 0 };
	struct err e;
	struct str out;
	return !http_query_canonical(&a, around(b, "a", byte, "gb"), &out, &e);
}

static void
H12_a_target_holds_no_byte_that_ends_it(void **state)
{
	(void)state;
	only_these(in_a_target, WORDS SUBDELIMS "\"%-./:<>?@[]^_`{|}~");
	only_these(in_a_url, WORDS SUBDELIMS "\"%-./:<>?@[]^_`{|}~");
	only_these(
	    in_a_target_written, WORDS SUBDELIMS "\"#%-./:<>?@[\\]^_`{|}~");
	only_these(in_a_path, WORDS SUBDELIMS "-./:@_~");
	only_these(in_a_query, WORDS SUBDELIMS "-./:?@[]^_`{|}~");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(N02_a_host_holds_no_byte_of_another_part),
		cmocka_unit_test(H03_H13_methods_and_names_are_tokens),
		cmocka_unit_test(H12_a_target_holds_no_byte_that_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
