/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2: what one side may make the other keep or do. */
#include "unit/http_two_help.h"

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

/* Heads are under no window: what nobody has read yet is bounded by number. */
static void
answers_that_are_none_yet_are_bounded_G03(void **state)
{
	(void)state;
	struct pair p;
	auto_buf frames = { 0 };
	buf_add(&frames, STR(SETTINGS));
	for (size_t i = 0; i < 100; i++) {
		add_headers(&frames, 1, false,
		    STR("\x08\x03"
		        "103"));
	}
	pair_new(&p);
	answered(&p, 1, buf_str(&frames));
	struct str one = STR("HTTP/1.1 103 Early Hints\r\n\r\n");
	assert_int_equal(p.client.text.len, HTTP_INTERIM_MAX * one.len);
	assert_true(str_starts(buf_str(&p.client.text), one));
	assert_int_equal(p.client.closed, 1);
	pair_free(&p);
}

/* Nor are they each as long as a head may be. */
static void
answers_that_are_none_yet_are_bounded_together_G03(void **state)
{
	(void)state;
	struct pair p;
	auto_buf fields = { 0 };
	auto_buf again = { 0 };
	auto_buf frames = { 0 };
	buf_add(&fields, STR("\x08\x03"
	                     "103\x40\x01q\x7f\xa1\x1e"));
	memset(buf_room(&fields, 4000), 'q', 4000);
	buf_grew(&fields, 4000);
	buf_add(&again, STR("\x08\x03"
	                    "103"));
	for (int i = 0; i < 4; i++) {
		buf_add_byte(&again, 0x80 | 62);
	}
	pair_new(&p);
	buf_add(&frames, STR(SETTINGS));
	add_headers(&frames, 1, false, buf_str(&fields));
	for (int i = 1; i < HTTP_INTERIM_MAX; i++) {
		add_headers(&frames, 1, false, buf_str(&again));
	}
	answered(&p, 1, buf_str(&frames));
	assert_true(p.client.text.len > HTTP_HEAD_MAX - 20000);
	assert_true(p.client.text.len <= HTTP_HEAD_MAX);
	assert_int_equal(p.client.closed, 1);
	pair_free(&p);
}

static void
no_more_streams_than_that_at_once_G03(void **state)
{
	(void)state;
	struct pair p;
	auto_buf frames = { 0 };
	for (uint8_t i = 0; i < HTTP_TWO_STREAMS + 8; i++) {
		add_headers(&frames, (uint8_t)(2 * i + 1), true,
		    STR("\x82\x87\x84\x41\x06x.test"));
	}
	pair_new(&p);
	assert_int_equal(say(&p, STR(PREFACE)), 0);
	assert_int_equal(say(&p, buf_str(&frames)), 0);
	assert_int_equal(p.server.ended, HTTP_TWO_STREAMS);
	pair_free(&p);
}

static void
as_many_are_asked_for_as_both_allow(void **state)
{
	(void)state;
	struct pair p;
	struct err e;
	pair_new(&p);
	assert_true(http_two_takes(p.client.two, HTTP_TWO_STREAMS - 1));
	assert_false(http_two_takes(p.client.two, HTTP_TWO_STREAMS));
	assert_int_equal(http_two_feed(p.client.two,
	                     STR("\0\0\6\4\0\0\0\0\0\0\3\0\0\0\2"), &e),
	    0); /* two at once */
	assert_true(http_two_takes(p.client.two, 1));
	assert_false(http_two_takes(p.client.two, 2));
	assert_int_equal(http_two_feed(p.client.two,
	                     STR("\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\0"), &e),
	    0); /* GOAWAY */
	assert_false(http_two_takes(p.client.two, 0));
	pair_free(&p);
}

static void
a_session_that_failed_stays_over(void **state)
{
	(void)state;
	struct pair p;
	struct err e;
	pair_new(&p);
	assert_int_equal(
	    http_two_feed(p.server.two, STR("GET / HTTP/1.1\r\n\r\n     "), &e),
	    -1);
	assert_true(http_two_over(p.server.two));
	assert_int_equal(http_two_feed(p.server.two, STR(PREFACE), &e), -1);
	assert_int_equal(http_two_feed(p.server.two, STR(""), &e), -1);
	/* One that may be asked no more: 17 settings in a frame. */
	auto_buf many = { 0 };
	buf_add(&many, STR("\0\0\x66\4\0\0\0\0\0"));
	for (int i = 0; i < 17; i++) {
		buf_add(&many, STR("\0\3\0\0\0\2"));
	}
	auto_buf said = { 0 };
	http_two_take(p.client.two, &said);
	(void)!http_two_feed(p.client.two, buf_str(&many), &e);
	http_two_take(p.client.two, &said);
	assert_true(http_two_over(p.client.two));
	assert_false(http_two_takes(p.client.two, 0));
	pair_free(&p);
}

/* The window of all streams is not used up by one that is gone. */
static void
what_nobody_took_of_a_stream_is_given_back_with_it(void **state)
{
	(void)state;
	struct pair p;
	struct err e;
	auto_buf big = { 0 };
	memset(buf_room(&big, 60000), 'a', 60000);
	buf_grew(&big, 60000);
	pair_new(&p);
	for (int time = 0; time < 3; time++) {
		int32_t stream;
		buf_clear(&p.server.text);
		assert_int_equal(http_two_ask(p.client.two,
		                     STR("POST / HTTP/1.1\r\nHost: x.test\r\n"
		                         "Content-Length: 70000\r\n\r\n"),
		                     true, false, &stream, &e),
		    0);
		http_two_data(p.client.two, stream, buf_str(&big));
		assert_int_equal(move(&p), 0);
		assert_true(p.server.text.len > 60000);
		http_two_reset(p.server.two, stream);
		assert_int_equal(move(&p), 0);
	}
	pair_free(&p);
}

#define STOP "\0\0\4\3\0\0\0\0\1\0\0\0\0" /* RST_STREAM, NO_ERROR */

/* A POST that has not ended, in bare frames, and its answer. */
static void
answer_early(struct pair *p, const char *head, bool body, const char *trailers)
{
	struct err e;
	auto_buf frames = { 0 };
	add_headers(&frames, 1, false, STR("\x83\x87\x84\x41\x06x.test"));
	pair_new(p);
	assert_int_equal(say(p, STR(PREFACE)), 0);
	assert_int_equal(say(p, buf_str(&frames)), 0);
	assert_int_equal(say(p, STR("\0\0\5\0\0\0\0\0\1hello")), 0);
	assert_int_equal(
	    http_two_answer(p->server.two, 1, str_of(head), body, &e), 0);
	if (body) {
		http_two_data(p->server.two, 1, STR("enough"));
	}
	if (body && trailers) {
		http_two_end(p->server.two, 1, str_of(trailers));
	}
}

static bool
stops(struct pair *p)
{
	auto_buf said = { 0 };
	http_two_take(p->server.two, &said);
	return str_has_str(buf_str(&said), STR(STOP));
}

/* RFC 9113 8.1, once it has read its answer: it has been let say more than a
 * window behind it.  What comes all the same is thrown away, and costs the
 * others nothing of their window. */
static void
who_has_its_answer_is_told_to_say_no_more(void **state)
{
	(void)state;
	static const char large[16384];
	static const struct {
		const char *head;
		bool body;
		const char *trailers, *last;
	} rows[] = {
		{ "HTTP/1.1 413 \r\nContent-Length: 6\r\n\r\n", true, "",
		    "enough" },
		{ "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n", true,
		    "a: b\r\n", "b" },
		{ "HTTP/1.1 204 \r\n\r\n", false, "", "\x89" },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pair p;
		struct err e;
		auto_buf said = { 0 };
		auto_buf data = { 0 };
		auto_buf next = { 0 };
		answer_early(&p, rows[i].head, rows[i].body, rows[i].trailers);
		http_two_take(p.server.two, &said);
		assert_true(str_ends(buf_str(&said), str_of(rows[i].last)));
		buf_add(&data, STR("\0\x40\0\0\0\0\0\0\1"));
		buf_add(&data, str_span(large, sizeof(large)));
		http_two_taken(p.server.two, 1);
		for (size_t n = 0; n < 4; n++) {
			assert_false(stops(&p));
			assert_int_equal(p.server.closed, 0);
			assert_int_equal(
			    http_two_feed(p.server.two, buf_str(&data), &e), 0);
			http_two_taken(p.server.two, 1);
		}
		assert_true(stops(&p));
		assert_int_equal(p.server.closed, 1);
		size_t text = p.server.text.len;
		for (size_t n = 0; n < (size_t)20 * HTTP_TWO_WINDOW;
		     n += 16384) {
			assert_int_equal(say(&p, buf_str(&data)), 0);
		}
		assert_int_equal(p.server.text.len, text);
		add_headers(&next, 3, true, STR("\x82\x87\x84\x41\x06x.test"));
		assert_int_equal(
		    http_two_feed(p.server.two, buf_str(&next), &e), 0);
		assert_true(p.server.text.len > text);
		pair_free(&p);
	}
}

/* An answer that has not ended is no reason. */
static void
who_is_still_answered_may_go_on(void **state)
{
	(void)state;
	static const char large[16384];
	struct pair p;
	struct err e;
	auto_buf data = { 0 };
	answer_early(&p, "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n",
	    true, NULL);
	buf_add(&data, STR("\0\x40\0\0\0\0\0\0\1"));
	buf_add(&data, str_span(large, sizeof(large)));
	for (size_t n = 0; n < 20; n++) {
		http_two_taken(p.server.two, 1);
		assert_false(stops(&p));
		assert_int_equal(
		    http_two_feed(p.server.two, buf_str(&data), &e), 0);
	}
	assert_int_equal(p.server.closed, 0);
	pair_free(&p);
}

static void
who_has_said_all_is_told_nothing(void **state)
{
	(void)state;
	struct pair p;
	struct err e;
	auto_buf said = { 0 };
	answer_early(&p, "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n",
	    true, "");
	assert_int_equal(
	    http_two_feed(p.server.two, STR("\0\0\0\0\1\0\0\0\1"), &e), 0);
	http_two_take(p.server.two, &said);
	assert_true(str_has_str(buf_str(&said), STR("enough")));
	assert_false(str_has_str(buf_str(&said), STR(STOP)));
	assert_int_equal(p.server.closed, 1);
	pair_free(&p);
}

enum { BYTES = 60000 };

/* Bytes of a body that has not ended, from a number on, each in a frame. */
static void
say_bytes(struct pair *p, size_t from, size_t count)
{
	auto_buf frames = { 0 };
	for (size_t i = from; i < from + count; i++) {
		buf_add(&frames, STR("\0\0\1\0\0\0\0\0\1"));
		buf_add_byte(&frames, (uint8_t)('a' + i % 26));
	}
	assert_int_equal(say(p, buf_str(&frames)), 0);
}

static void
assert_bytes_came(struct str text, size_t count)
{
	struct http_reader r;
	struct http_event ev = { .kind = HTTP_MORE };
	struct err e;
	size_t came = 0;
	http_reader_request(&r);
	while (ev.kind != HTTP_END) {
		assert_int_equal(http_read(&r, &text, &ev, &e), 0);
		assert_int_not_equal(ev.kind, HTTP_MORE);
		for (size_t i = 0; ev.kind == HTTP_DATA && i < ev.data.len;
		     i++, came++) {
			assert_int_equal(ev.data.at[i], 'a' + came % 26);
		}
	}
	assert_int_equal(came, count);
	http_reader_fini(&r);
}

/* Of that stream, in what it says now. */
static bool
opens_window(struct pair *p)
{
	auto_buf said = { 0 };
	http_two_take(p->server.two, &said);
	return str_has_str(buf_str(&said), STR("\0\0\4\x08\0\0\0\0\1"));
}

/* Six bytes of text for each would be many times the window. */
static void
a_byte_in_a_frame_of_its_own_costs_no_more_G03(void **state)
{
	(void)state;
	struct pair p;
	auto_buf frames = { 0 };
	add_headers(&frames, 1, false, STR("\x83\x87\x84\x41\x06x.test"));
	pair_new(&p);
	assert_int_equal(say(&p, STR(PREFACE)), 0);
	assert_int_equal(say(&p, buf_str(&frames)), 0);
	for (size_t time = 0; time < 4; time++) {
		size_t had = p.server.text.len;
		say_bytes(&p, time * BYTES, BYTES);
		assert_in_range(p.server.text.len - had, 4000, 6000);
		http_two_taken(p.server.two, 1);
		assert_in_range(p.server.text.len - had, BYTES, BYTES + 6000);
		/* Whose window opens when it is taken as well. */
		assert_false(opens_window(&p));
		http_two_taken(p.server.two, 1);
		assert_true(opens_window(&p));
	}
	/* What its owner has not taken does not stand behind its end. */
	say_bytes(&p, (size_t)4 * BYTES, BYTES);
	assert_int_equal(say(&p, STR("\0\0\0\0\1\0\0\0\1")), 0);
	assert_int_equal(p.server.ended, 1);
	assert_bytes_came(buf_str(&p.server.text), (size_t)5 * BYTES);
	pair_free(&p);
}

/* More of them than a message has fields. */
static void
trailers_are_bounded_and_said_once(void **state)
{
	(void)state;
	struct pair p;
	struct err e;
	int32_t stream;
	auto_buf lines = { 0 };
	pair_new(&p);
	for (int i = 0; i < 2 * HTTP_HEADERS_MAX; i++) {
		buf_addf(&lines, "a%d:b\r\n", i);
	}
	assert_int_equal(http_two_ask(p.client.two,
	                     STR("POST / HTTP/1.1\r\nHost: x.test\r\n"
	                         "Transfer-Encoding: chunked\r\n\r\n"),
	                     true, false, &stream, &e),
	    0);
	http_two_end(p.client.two, stream, buf_str(&lines));
	http_two_end(p.client.two, stream, STR("again: 1\r\n"));
	assert_int_equal(move(&p), 0);
	assert_int_equal(p.server.ended, 1);
	assert_true(says(&p.server, "0\r\na0: b\r\n"));
	assert_true(says(&p.server, "a99: b\r\n\r\n"));
	assert_int_equal(http_two_ask(p.client.two,
	                     STR("POST / HTTP/1.1\r\nHost: x.test\r\n"
	                         "Transfer-Encoding: chunked\r\n\r\n"),
	                     true, false, &stream, &e),
	    0);
	http_two_end(p.client.two, stream, STR("once: 1\r\n"));
	http_two_end(p.client.two, stream, STR("again: 1\r\n"));
	assert_int_equal(move(&p), 0);
	assert_true(says(&p.server, "0\r\nonce: 1\r\n\r\n"));
	pair_free(&p);
}

static void
floods_end_the_session_G03(void **state)
{
	(void)state;
	static const struct {
		size_t most;
		struct str first, frame;
	} floods[] = {
		/* SETTINGS and PING, that must be acknowledged */
		{ 102, STR(""), STR("\0\0\0\4\0\0\0\0\0") },
		{ 102, STR(""), STR("\0\0\x08\6\0\0\0\0\0pingpong") },
		/* DATA of nothing, behind a POST */
		{ 1001, STR("\0\0\x0b\1\4\0\0\0\1\x83\x87\x84\x41\x06x.test"),
		    STR("\0\0\0\0\0\0\0\0\1") },
		/* the same, in frames that are padded */
		{ 1001, STR("\0\0\x0b\1\4\0\0\0\1\x83\x87\x84\x41\x06x.test"),
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
		assert_in_range(n, 2, floods[i].most);
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

/* A head that ends in a frame of its own has no body all the same. */
static void
an_answer_without_a_body_may_end_behind_its_head(void **state)
{
	(void)state;
	struct pair p;
	auto_buf frames = { 0 };
	buf_add(&frames, STR(SETTINGS));
	add_headers(&frames, 1, false, STR("\x89")); /* 204 */
	buf_add(&frames, STR("\0\0\0\0\1\0\0\0\1"));
	pair_new(&p);
	answered(&p, 1, buf_str(&frames));
	assert_true(str_eq_z(
	    buf_str(&p.client.text), "HTTP/1.1 204 No Content\r\n\r\n"));
	assert_int_equal(p.client.ended, 1);
	buf_clear(&frames);
	add_headers(&frames, 3, false, STR("\x8b")); /* 304 */
	buf_add(&frames, STR("\0\0\0\0\1\0\0\0\3"));
	answered(&p, 3, buf_str(&frames));
	assert_true(str_eq_z(
	    buf_str(&p.client.text), "HTTP/1.1 304 Not Modified\r\n\r\n"));
	assert_int_equal(p.client.ended, 2);
	/* And gets none. */
	buf_clear(&frames);
	add_headers(&frames, 5, false, STR("\x89"));
	buf_add(&frames, STR("\0\0\1\0\1\0\0\0\5x"));
	answered(&p, 5, buf_str(&frames));
	assert_int_equal(p.client.ended, 2);
	assert_int_equal(p.client.closed, 3);
	pair_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_that_is_not_opened_stops_the_sender),
		cmocka_unit_test(fields_out_of_a_table_are_bounded_G03),
		cmocka_unit_test(answers_that_are_none_yet_are_bounded_G03),
		cmocka_unit_test(
		    answers_that_are_none_yet_are_bounded_together_G03),
		cmocka_unit_test(no_more_streams_than_that_at_once_G03),
		cmocka_unit_test(as_many_are_asked_for_as_both_allow),
		cmocka_unit_test(a_session_that_failed_stays_over),
		cmocka_unit_test(
		    what_nobody_took_of_a_stream_is_given_back_with_it),
		cmocka_unit_test(who_has_its_answer_is_told_to_say_no_more),
		cmocka_unit_test(who_is_still_answered_may_go_on),
		cmocka_unit_test(who_has_said_all_is_told_nothing),
		cmocka_unit_test(
		    a_byte_in_a_frame_of_its_own_costs_no_more_G03),
		cmocka_unit_test(trailers_are_bounded_and_said_once),
		cmocka_unit_test(floods_end_the_session_G03),
		cmocka_unit_test(rapid_resets_end_the_session_G03),
		cmocka_unit_test(
		    an_answer_without_a_body_may_end_behind_its_head),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
