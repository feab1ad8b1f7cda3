/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket: the key's answer, frames in any cut, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/socket.h"

static void
the_key_of_the_rfc_has_its_answer(void **state)
{
	(void)state;
	char accept[HTTP_ACCEPT_SIZE];
	assert_true(
	    http_socket_accept(STR("dGhlIHNhbXBsZSBub25jZQ=="), accept));
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	assert_false(http_socket_accept(STR("dGhlIHNhbXBsZQ=="), accept));
	assert_false(
	    http_socket_accept(STR("dGhlIHNhbXBsZSBub25jZQ=!"), accept));
	assert_false(http_socket_accept(STR(""), accept));
	/* Sixteen bytes, and not as they are written. */
	assert_false(http_socket_accept(STR("dGhlIHNhbXBsZSBub25jZQ"), accept));
	/* As long as a key, and not of sixteen bytes. */
	assert_false(
	    http_socket_accept(STR("dGhlIHNhbXBsZSBub25jZXMu"), accept));
}

/* All payload of the frames in text, in pieces of cut; -1: not WebSocket. */
static int
read_piece(
    struct http_socket *s, struct str in, struct buf *payload, struct err *e)
{
	bool got = true;
	while (got) {
		struct http_frame f;
		if (http_socket_read(s, &in, &got, &f, e)) {
			return -1;
		}
		if (got) {
			buf_add(payload, f.bytes);
			buf_add_z(payload, f.ended ? "|" : "");
		}
	}
	assert_int_equal(in.len, 0);
	return 0;
}

static int
read_all(struct str text, bool masked, size_t cut, struct buf *payload,
    struct err *e)
{
	struct http_socket s = { .masked = masked };
	struct buf kept = { 0 };
	int failed = 0;
	for (size_t at = 0; !failed && at < text.len; at += cut) {
		failed = read_piece(&s, str_sub(text, at, cut), payload, e);
	}
	buf_fini(&kept);
	return failed;
}

static void
frames_are_read_in_any_cut(void **state)
{
	(void)state;
	auto_buf text = { 0 };
	auto_buf big = { 0 };
	auto_buf expected = { 0 };
	for (size_t i = 0; i < 70000; i++) {
		buf_add_byte(&big, (uint8_t)('a' + i % 26));
	}
	http_socket_write(&text, HTTP_SOCKET_TEXT, false, STR("one"));
	http_socket_write(&text, HTTP_SOCKET_PING, true, STR("p"));
	http_socket_write(&text, HTTP_SOCKET_MORE_OF, true, STR(""));
	http_socket_write(
	    &text, HTTP_SOCKET_BINARY, true, str_sub(buf_str(&big), 0, 300));
	http_socket_write(&text, HTTP_SOCKET_TEXT, true, buf_str(&big));
	http_socket_write(&text, HTTP_SOCKET_CLOSE, true, STR(""));
	buf_add_z(&expected, "one|p||");
	buf_add(&expected, str_sub(buf_str(&big), 0, 300));
	buf_add_z(&expected, "|");
	buf_add(&expected, buf_str(&big));
	buf_add_z(&expected, "||");
	for (size_t cut = 1; cut < 100000; cut = cut * 7 + 1) {
		auto_buf payload = { 0 };
		struct err e;
		assert_int_equal(
		    read_all(buf_str(&text), false, cut, &payload, &e), 0);
		assert_true(str_eq(buf_str(&payload), buf_str(&expected)));
	}
}

/* Seven bits say 125; what is above that stands behind them. */
static void
every_length_is_read_as_it_was_written(void **state)
{
	static const size_t lengths[] = { 0, 1, 125, 126, 127, 65535, 65536 };
	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		auto_buf payload = { 0 };
		auto_buf text = { 0 };
		auto_buf read = { 0 };
		struct err e;
		memset(buf_room(&payload, lengths[i] + 1), 'a', lengths[i]);
		buf_grew(&payload, lengths[i]);
		http_socket_write(
		    &text, HTTP_SOCKET_TEXT, true, buf_str(&payload));
		assert_int_equal(
		    read_all(buf_str(&text), false, text.len, &read, &e), 0);
		buf_add_z(&payload, "|");
		assert_true(str_eq(buf_str(&read), buf_str(&payload)));
	}
}

/* A message is what its first frame said, whatever came between. */
static void
a_message_in_pieces_stays_what_it_was(void **state)
{
	(void)state;
	static const struct {
		struct str frame;
		bool within, binary;
	} rows[] = {
		{ STR("\x02\x01"
		      "a"),
		    true, true },
		{ STR("\x89\x00"), true, true }, /* a ping */
		{ STR("\x00\x01"
		      "b"),
		    true, true },
		{ STR("\x80\x00"), false, true },
		{ STR("\x01\x00"), true, false },
		{ STR("\x80\x00"), false, false },
	};
	struct http_socket s = { 0 };
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct str in = rows[i].frame;
		bool got = true;
		while (got) {
			struct http_frame f;
			struct err e;
			assert_int_equal(
			    http_socket_read(&s, &in, &got, &f, &e), 0);
		}
		assert_int_equal(in.len, 0);
		assert_int_equal(s.within, rows[i].within);
		assert_int_equal(s.binary, rows[i].binary);
	}
}

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
what_is_no_frame_is_refused_W02(void **state)
{
	(void)state;
	static const struct {
		bool masked;
		struct str text;
	} rows[] = {
		{ false, STR("\xc1\x00") }, /* RSV1 */
		{ false, STR("\x83\x00") }, /* opcode 3 */
		{ false, STR("\x8b\x00") }, /* opcode 11 */
		{ false, STR("\x81\x81"
		             "mask!") }, /* masked by a server */
		{ true, STR("\x81\x01"
		            "a") },                 /* a client without */
		{ false, STR("\x89\x7e\x00\x7e") }, /* ping of 126 */
		{ false, STR("\x09\x00") },         /* ping in pieces */
		{ false, STR("\x80\x00") },         /* no beginning */
		{ false, STR("\x01\x00\x81\x00") }, /* two beginnings */
		{ false, STR("\x81\x7e\x00\x05") }, /* 5 in two bytes */
		{ false, STR("\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff") },
		{ false, STR("\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00") },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t cut = 1; cut < 20; cut += 6) {
			auto_buf payload = { 0 };
			struct err e;
			if (!read_all(rows[i].text, rows[i].masked, cut,
			        &payload, &e)) {
				fail_msg("row %zu passed", i);
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_of_the_rfc_has_its_answer),
		cmocka_unit_test(frames_are_read_in_any_cut),
		cmocka_unit_test(every_length_is_read_as_it_was_written),
		cmocka_unit_test(a_message_in_pieces_stays_what_it_was),
		cmocka_unit_test(what_is_no_frame_is_refused_W02),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
