/* SPDX-License-Identifier: Apache-2.0 */
/* 1xx: what an upstream says before its answer (RFC 9110 15.2). */
#include "proxy_two_help.h"

#define BEFORE                                                \
	"HTTP/1.1 100 Continue\r\nX: stays\r\n\r\n"           \
	"HTTP/1.1 102 Processing\r\n\r\n"                     \
	"HTTP/1.1 103 Early Hints\r\nLink: <" SECRET ">\r\n"  \
	"Connection: x-hop\r\nX-Hop: stays\r\nX-On: goes\r\n" \
	"Content-Length: 0\r\n\r\n"
#define WASHED                            \
	"HTTP/1.1 102 Processing\r\n\r\n" \
	"HTTP/1.1 103 Early Hints\r\n"    \
	"Link: <" SCRUB_REMOVED ">\r\nX-On: goes\r\n\r\n"
#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

/* What the cell hears of that answer to its request. */
static void
assert_heard(const char *asked, const char *answer, const char *heard)
{
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.origin.answer = answer;
	cell_good(&r, &c);
	end_say_z(&c, asked);
	rig_until(&r, r.outcomes == 1 && c.got.len >= strlen(heard));
	if (!str_eq_z(buf_str(&c.got), heard)) {
		fail_msg("%s", buf_z(&c.got));
	}
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	assert_int_equal(r.outcome.status, 200);
	end_close(&c);
	rig_free(&r);
}

static void
it_goes_on_washed_as_any_head_R01(void **state)
{
	(void)state;
	assert_heard(GET_GOOD, BEFORE HELLO, WASHED HELLO);
	assert_heard("HEAD / HTTP/1.1\r\nHost: good.test\r\n\r\n",
	    BEFORE "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
	    WASHED "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
	/* That version has no such answers. */
	assert_heard("GET / HTTP/1.0\r\nHost: good.test\r\n\r\n", BEFORE HELLO,
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
	    "Connection: close\r\n\r\nhello");
}

static void
what_was_found_in_it_is_counted_with_the_rest(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.origin.answer = BEFORE "HTTP/1.1 200 OK\r\nX: " SECRET "\r\n"
	                         "Content-Length: 0\r\n\r\n";
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, r.outcomes == 1);
	assert_int_equal(r.outcome.scrubbed, 2);
	end_close(&c);
	rig_free(&r);
}

/* It comes when it is said, not with the answer. */
static void
it_does_not_wait_for_the_answer(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.origin.answer = BEFORE;
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, c.got.len >= strlen(WASHED));
	assert_true(str_eq_z(buf_str(&c.got), WASHED));
	assert_int_equal(r.outcomes, 0);
	/* A cell that heard something is not served by another connection. */
	end_close(&r.origin.at[0]);
	rig_until(&r, r.outcomes == 1);
	assert_int_equal(r.outcome.end, PROXY_FAILED);
	assert_int_equal(r.origin.count, 1);
	rig_until(&r, end_got(&c, WASHED "HTTP/1.1 502 Bad Gateway\r\n"));
	end_close(&c);
	rig_free(&r);
}

/* Heads of 103 at the beginning, which go. */
static size_t
cut_hints(struct str *text)
{
	size_t seen = 0;
	for (; str_starts(*text, STR("HTTP/1.1 103 ")); seen++) {
		size_t end = 0;
		while (!str_starts(
		    str_sub(*text, end, text->len), STR("\r\n\r\n"))) {
			end++;
		}
		*text = str_sub(*text, end + 4, text->len);
	}
	return seen;
}

static void
more_of_it_than_that_is_no_answer_H15(void **state)
{
	(void)state;
	auto_buf many = { 0 };
	auto_buf large = { 0 };
	for (int i = 0; i <= HTTP_INTERIM_MAX; i++) {
		buf_add_z(&many, "HTTP/1.1 103 Early Hints\r\n\r\n");
		buf_addf(&large,
		    "HTTP/1.1 103 Early Hints\r\nLink: %020000d\r\n\r\n", i);
	}
	const char *floods[] = { buf_z(&many), buf_z(&large),
		"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 103 Early Hints\r\nX-" SECRET ": y\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
		"Upgrade: x\r\n\r\n" };
	static const size_t passed[] = { HTTP_INTERIM_MAX, 3, 0, 0, 0 };
	for (size_t i = 0; i < COUNT(floods); i++) {
		struct rig r;
		struct end c;
		rig_new(&r, NULL);
		rig_inject(&r);
		r.origin.answer = floods[i];
		cell_good(&r, &c);
		end_say_z(&c, GET_GOOD);
		rig_until(&r, end_got(&c, "}\n"));
		assert_int_equal(r.outcome.end, PROXY_FAILED);
		struct str rest = buf_str(&c.got);
		assert_int_equal(cut_hints(&rest), passed[i]);
		assert_true(str_starts(rest, STR("HTTP/1.1 502 ")));
		end_close(&c);
		rig_free(&r);
	}
}

/* What a cell sends goes on behind it. */
static void
an_upload_goes_on_behind_it(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.origin.answer = NULL;
	cell_good(&r, &c);
	end_say_z(&c, "POST /a HTTP/1.1\r\nHost: good.test\r\n"
	              "Content-Length: 5\r\n\r\nhel");
	rig_until(
	    &r, r.origin.count == 1 && end_got(&r.origin.at[0], "\r\n\r\nhel"));
	end_say_z(&r.origin.at[0], BEFORE);
	rig_until(&r, end_got(&c, WASHED));
	end_say_z(&c, "lo");
	rig_until(&r, end_got(&r.origin.at[0], "\r\n\r\nhello"));
	end_say_z(&r.origin.at[0], HELLO);
	rig_until(&r, r.outcomes == 1 && end_got(&c, HELLO));
	assert_true(str_eq_z(buf_str(&c.got), WASHED HELLO));
	assert_int_equal(r.outcome.end, PROXY_ANSWERED);
	end_close(&c);
	rig_free(&r);
}

/* It is of no request: the next does not hear it, nor go that way. */
static void
what_comes_behind_the_answer_is_of_nobody_H15(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.origin.answer = HELLO BEFORE;
	cell_good(&r, &c);
	for (size_t n = 1; n <= 2; n++) {
		buf_clear(&c.got);
		end_say_z(&c, GET_GOOD);
		rig_until(&r, r.outcomes == n && end_got(&c, "hello"));
		assert_true(str_eq_z(buf_str(&c.got), HELLO));
		assert_int_equal(r.origin.count, n);
	}
	end_close(&c);
	rig_free(&r);
}

/* Both exchanges of it may say some, and it is asked about once more. */
static void
a_token_may_be_refused_behind_it(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.go.renews = true;
	r.go.version = 4;
	r.decide = HOLD;
	r.origin.answer =
	    BEFORE "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, r.intents == 1);
	proxy_go(r.proxy, r.id, &r.go);
	rig_until(&r, r.intents == 2);
	assert_int_equal(r.outcome.status, 401);
	assert_int_equal(r.outcome.scrubbed, 1);
	rig_until(&r, str_eq_z(buf_str(&c.got), WASHED));
	r.origin.answer = BEFORE HELLO;
	r.go.version = 5;
	proxy_go(r.proxy, r.id, &r.go);
	rig_until(&r, r.outcomes == 2 && end_got(&c, "hello"));
	assert_true(str_eq_z(buf_str(&c.got), WASHED WASHED HELLO));
	assert_int_equal(r.outcome.status, 200);
	end_close(&c);
	rig_free(&r);
}

/* --- HTTP/2 -----------------------------------------------------------------
 */

static void
say_before(struct world *w, const char *head)
{
	struct err e;
	assert_int_equal(http_two_answer(w->origin.two, w->origin.stream,
	                     str_of(head), false, &e),
	    0);
}

static void
over_two_it_goes_on_likewise(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.origin.ended == 1);
	say_before(&w, "HTTP/1.1 100 Continue\r\n\r\n");
	say_before(
	    &w, "HTTP/1.1 103 Early Hints\r\nLink: <" SECRET ">\r\n\r\n");
	world_until(&w, w.cell.text.len > 0);
	assert_string_equal(buf_z(&w.cell.text),
	    "HTTP/1.1 103 Early Hints\r\nlink: <" SCRUB_REMOVED ">\r\n\r\n");
	assert_int_equal(w.r.outcomes, 0);
	answer(&w, 1, "done");
	world_until(&w, w.cell.ended == 1);
	assert_true(says(&w.cell, ">\r\n\r\nHTTP/1.1 200 OK\r\n"));
	assert_true(says(&w.cell, "done"));
	world_until(&w, w.r.outcomes == 1);
	assert_int_equal(w.r.outcome.scrubbed, 1);
	world_free(&w);
}

/* Frames of HEADERS. */
static size_t
heads_in(struct str frames)
{
	size_t heads = 0;
	while (frames.len >= 9) {
		const uint8_t *at = (const uint8_t *)frames.at;
		size_t size = (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2];
		heads += at[3] == 1;
		frames = str_sub(frames, 9 + size, frames.len);
	}
	return heads;
}

/* An answer, and before it all that may be said. */
static void
say_many(struct world *w, bool two)
{
	const char *more = "HTTP/1.1 102 Processing\r\n\r\n";
	for (int i = 0; two && i < HTTP_INTERIM_MAX; i++) {
		say_before(w, more);
	}
	for (int i = 0; !two && i < HTTP_INTERIM_MAX; i++) {
		end_say_z(&w->r.origin.at[0], more);
	}
	if (two) {
		answer(w, 1, "there");
	} else {
		end_say_z(&w->r.origin.at[0], HELLO);
	}
}

/* As many as an upstream may say, of either version, behind the one that is
 * said from here. */
static void
over_two_as_many_go_on_as_may_come(void **state)
{
	(void)state;
	for (int two = 0; two < 2; two++) {
		struct world w;
		world_new(&w, two);
		w.r.origin.answer = NULL;
		int32_t s = ask(&w,
		    "POST /up HTTP/1.1\r\nHost: good.test\r\n"
		    "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
		    true);
		world_until(&w, says(&w.cell, "HTTP/1.1 100 Continue\r\n"));
		http_two_data(w.cell.two, s, STR("hello"));
		http_two_end(w.cell.two, s, STR(""));
		world_until(&w, two ? w.origin.ended == 1
		                    : end_got(&w.r.origin.at[0], "hello"));
		/* That many are too many for a session of our own. */
		http_two_free(w.cell.two);
		w.cell.two = NULL;
		say_many(&w, two);
		world_until(&w, w.r.outcomes == 1);
		assert_int_equal(w.r.outcome.end, PROXY_ANSWERED);
		world_until(
		    &w, heads_in(buf_str(&w.c.got)) == HTTP_INTERIM_MAX + 1);
		world_free(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_goes_on_washed_as_any_head_R01),
		cmocka_unit_test(what_was_found_in_it_is_counted_with_the_rest),
		cmocka_unit_test(it_does_not_wait_for_the_answer),
		cmocka_unit_test(more_of_it_than_that_is_no_answer_H15),
		cmocka_unit_test(an_upload_goes_on_behind_it),
		cmocka_unit_test(what_comes_behind_the_answer_is_of_nobody_H15),
		cmocka_unit_test(a_token_may_be_refused_behind_it),
		cmocka_unit_test(over_two_it_goes_on_likewise),
		cmocka_unit_test(over_two_as_many_go_on_as_may_come),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
