/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2: what a stream or a session that ends says of what became of it. */
#include "http_two_help.h"

#define GET    "GET / HTTP/1.1\r\nHost: x.test\r\n\r\n"
#define RST(c) STR("\0\0\4\3\0\0\0\0\1\0\0\0" c) /* of stream 1 */

static void
ask(struct pair *p)
{
	struct err e;
	int32_t stream;
	pair_new(p);
	assert_int_equal(
	    http_two_ask(p->client.two, STR(GET), false, false, &stream, &e),
	    0);
	assert_int_equal(stream, 1);
	assert_int_equal(move(p), 0);
	assert_true(says(&p->server, "GET / HTTP/1.1\r\n"));
}

static bool
said(struct http_two *two, struct str frame)
{
	auto_buf out = { 0 };
	http_two_take(two, &out);
	return str_has_str(buf_str(&out), frame);
}

/* Of a server: none of them may be taken for the end of an answer. */
static void
a_reset_says_what_became_of_the_request(void **state)
{
	(void)state;
	struct pair p;
	ask(&p);
	http_two_reset(p.client.two, 1);
	assert_true(said(p.client.two, RST("\x08"))); /* CANCEL */
	pair_free(&p);
	ask(&p);
	http_two_reset(p.server.two, 1);
	assert_true(said(p.server.two, RST("\2"))); /* INTERNAL_ERROR */
	pair_free(&p);
	ask(&p);
	http_two_refuse(p.server.two, 1);
	assert_true(said(p.server.two, RST("\7"))); /* REFUSED_STREAM */
	pair_free(&p);
}

static void
only_what_was_refused_was_not_taken(void **state)
{
	(void)state;
	struct pair p;
	ask(&p);
	http_two_reset(p.server.two, 1);
	assert_int_equal(move(&p), 0);
	assert_int_equal(p.client.closed, 1);
	assert_int_equal(p.client.untaken, 0);
	pair_free(&p);
	ask(&p);
	http_two_refuse(p.server.two, 1);
	assert_int_equal(move(&p), 0);
	assert_int_equal(p.client.closed, 1);
	assert_int_equal(p.client.untaken, 1);
	pair_free(&p);
}

/* RFC 9113 8.1.1. */
static void
an_answer_that_is_none_is_said_to_be(void **state)
{
	(void)state;
	struct pair p;
	struct err e;
	auto_buf frames = { 0 };
	buf_add(&frames, STR(SETTINGS));
	add_headers(&frames, 1, false,
	    STR("\x08\3"
	        "999"));
	ask(&p);
	assert_int_equal(http_two_feed(p.client.two, buf_str(&frames), &e), 0);
	assert_true(said(p.client.two, RST("\1"))); /* PROTOCOL_ERROR */
	pair_free(&p);
}

/* RFC 9113 8.1: it is told so late, for it must have read its answer, and not
 * before the answer has left. */
static void
whoever_does_not_end_behind_its_answer_is_stopped(void **state)
{
	(void)state;
	static const struct {
		const char *head;
		bool body;
	} rows[] = {
		{ "HTTP/1.1 413 \r\nContent-Length: 6\r\n\r\n", true },
		{ "HTTP/1.1 204 \r\n\r\n", false },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pair p;
		struct err e;
		auto_buf frames = { 0 };
		add_headers(
		    &frames, 1, false, STR("\x83\x87\x84\x41\x06x.test"));
		pair_new(&p);
		assert_int_equal(say(&p, STR(PREFACE)), 0);
		assert_int_equal(say(&p, buf_str(&frames)), 0);
		assert_false(http_two_stop(p.server.two));
		assert_int_equal(http_two_answer(p.server.two, 1,
		                     str_of(rows[i].head), rows[i].body, &e),
		    0);
		if (rows[i].body) {
			http_two_data(p.server.two, 1, STR("enough"));
			assert_false(http_two_stop(p.server.two));
			assert_false(said(p.server.two, RST("\0")));
		}
		http_two_end(p.server.two, 1, STR(""));
		assert_true(http_two_stop(p.server.two));
		assert_true(http_two_stop(p.server.two));
		assert_false(said(p.server.two, RST("\0"))); /* it leaves */
		assert_true(http_two_stop(p.server.two));
		assert_false(said(p.server.two, RST("\0")));
		assert_false(http_two_stop(p.server.two));
		assert_true(said(p.server.two, RST("\0")));
		assert_int_equal(p.server.closed, 1);
		assert_false(http_two_stop(p.server.two));
		pair_free(&p);
	}
}

/* What was on its way meanwhile. */
static void
a_server_that_leaves_says_what_it_has_not_begun(void **state)
{
	(void)state;
	struct pair p;
	struct err e;
	int32_t stream;
	auto_buf late = { 0 };
	ask(&p);
	assert_int_equal(http_two_answer(p.server.two, 1,
	                     STR("HTTP/1.1 204 No Content\r\n\r\n"), false, &e),
	    0);
	assert_int_equal(move(&p), 0);
	assert_int_equal(p.client.ended, 1);
	assert_int_equal(
	    http_two_ask(p.client.two, STR(GET), false, false, &stream, &e), 0);
	http_two_take(p.client.two, &late);
	assert_true(late.len > 0);
	http_two_leave(p.server.two);
	assert_int_equal(move(&p), 0);
	assert_true(http_two_over(p.server.two));
	assert_int_equal(p.client.closed, 2);
	assert_int_equal(p.client.untaken, 1);
	assert_false(http_two_takes(p.client.two, 0));
	pair_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reset_says_what_became_of_the_request),
		cmocka_unit_test(only_what_was_refused_was_not_taken),
		cmocka_unit_test(an_answer_that_is_none_is_said_to_be),
		cmocka_unit_test(
		    whoever_does_not_end_behind_its_answer_is_stopped),
		cmocka_unit_test(
		    a_server_that_leaves_says_what_it_has_not_begun),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
