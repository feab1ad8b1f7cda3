/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2: heads and bodies that no client of this house would write. */
#include "proxy_two_help.h"

static void
add_field(struct buf *out, const char *name, const char *value)
{
	buf_add_byte(out, 0x10); /* a literal that is never indexed */
	buf_add_byte(out, (uint8_t)strlen(name));
	buf_add_z(out, name);
	buf_add_byte(out, (uint8_t)strlen(value));
	buf_add_z(out, value);
}

static void
add_head(struct buf *frames, uint8_t stream, const char *const field[][2])
{
	auto_buf fields = { 0 };
	for (size_t i = 0; field[i][0]; i++) {
		add_field(&fields, field[i][0], field[i][1]);
	}
	uint8_t head[9] = { 0, 0, (uint8_t)fields.len, 1, 5, 0, 0, 0, stream };
	buf_add(frames, str_span(head, sizeof(head)));
	buf_add(frames, buf_str(&fields));
}

#define ODD_FIELDS 6
#define ASKED_BY(scheme, method, path, authority)                        \
	{ ":method", method }, { ":scheme", scheme }, { ":path", path }, \
	{                                                                \
		":authority", authority                                  \
	}
#define ASKED(method, path, authority) \
	ASKED_BY("https", method, path, authority)

/* Whatever odd form names a target, nothing is asked for it. */
static void
heads_of_an_odd_form_ask_for_nothing_G01_G02(void **state)
{
	(void)state;
	static const char *const odd[][ODD_FIELDS][2] = {
		{ { ":method", "CONNECT" }, { ":authority", "good.test:22" } },
		{ ASKED("GET", "*", GOOD) },
		{ ASKED("OPTIONS", "*", GOOD) },
		{ ASKED("GET", "https://good.test/", GOOD) },
		{ ASKED("GET", "/ HTTP/1.1\r\nX: y", GOOD) },
		{ ASKED("GET", "/", "u@good.test") },
		{ ASKED("GET", "/", "good.test:22") },
		{ ASKED_BY("", "GET", "/", GOOD) },
		{ ASKED("GET", "/", GOOD), { "host", "evil.test" } },
		{ ASKED("GET", "/", GOOD), { "connection", "upgrade" } },
		{ ASKED("GET", "/", GOOD), { "content-length", "1" } },
		{ ASKED("GET", "/", GOOD), { "X-Large", "1" } },
		{ ASKED("GET", "/", GOOD), { "transfer-encoding", "chunked" } },
	};
	static const char *const plain[][2] = {
		ASKED("GET", "/plain", "GOOD.test:443"), { NULL, NULL }
	};
	struct world w;
	auto_buf frames = { 0 };
	world_new(&w, true);
	buf_add(&frames, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
	buf_add(&frames, STR("\0\0\0\4\0\0\0\0\0"));
	for (size_t i = 0; i < COUNT(odd); i++) {
		add_head(&frames, (uint8_t)(2 * i + 1), odd[i]);
	}
	add_head(&frames, 2 * COUNT(odd) + 1, plain);
	http_two_free(w.cell.two);
	w.cell.two = NULL;
	end_say(&w.c, buf_str(&frames));
	world_until(&w, says(&w.origin, "GET /plain HTTP/1.1\r\n"));
	assert_true(says(&w.origin, "Host: good.test\r\n"));
	rig_turns(&w.r, 20);
	assert_int_equal(w.r.intents, 1);
	assert_int_equal(w.r.origin.count, 1);
	world_free(&w);
}

/* One head in bare frames. */
static void
ask_bare(struct world *w, const char *const field[][2])
{
	auto_buf frames = { 0 };
	buf_add(&frames, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
	buf_add(&frames, STR("\0\0\0\4\0\0\0\0\0"));
	add_head(&frames, 1, field);
	http_two_free(w->cell.two);
	w->cell.two = NULL;
	end_say(&w->c, buf_str(&frames));
}

static void
assert_head_refused(struct world *w, unsigned status, const char *why)
{
	assert_refused_early(&w->r, why);
	assert_int_equal(w->r.outcome.status, status);
	world_until(w, end_got(&w->c, why));
	assert_int_equal(w->r.origin.count, 0);
}

static void
assert_head_goes(struct world *w)
{
	world_until(
	    w, says(&w->origin, "GET /plain HTTP/1.1\r\nHost: good.test\r\n"));
}

/* What is asked for over TLS is https, and is said to be. */
static void
a_scheme_that_is_not_the_connections_is_refused_G01_T02(void **state)
{
	(void)state;
	static const struct {
		const char *fields[ODD_FIELDS][2];
		unsigned status; /* 0: it goes */
		const char *why;
	} rows[] = {
		{ { ASKED_BY("http", "GET", "/plain", GOOD) }, 403,
		    "http:// inside TLS is not accepted; ask for https://" },
		{ { ASKED_BY("http", "GET", "/plain", "good.test:80") }, 403,
		    "http:// inside TLS is not accepted; ask for https://" },
		{ { ASKED_BY("Http", "GET", "/plain", GOOD) }, 403,
		    "http:// inside TLS is not accepted; ask for https://" },
		{ { ASKED_BY("ws", "GET", "/plain", GOOD) }, 400,
		    "malformed request target" },
		{ { ASKED_BY("ws", "GET", "//evil.test/", GOOD) }, 400,
		    "malformed request target" },
		{ { ASKED_BY("h", "GET", "https://good.test/", GOOD) }, 400,
		    "malformed request target" },
		{ { ASKED_BY("https", "GET", "/plain", GOOD) }, 0, NULL },
		{ { ASKED_BY("HTTPS", "GET", "/plain", GOOD) }, 0, NULL },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct world w;
		world_new(&w, true);
		ask_bare(&w, rows[i].fields);
		if (rows[i].status) {
			assert_head_refused(&w, rows[i].status, rows[i].why);
		} else {
			assert_head_goes(&w);
		}
		world_free(&w);
	}
}

/* --- HEAD -------------------------------------------------------------------
 */

#define HEAD_OF(host) "HEAD /a HTTP/1.1\r\nHost: " host "\r\n\r\n"

/* Neither by core nor before it is asked; and its place is free at once. */
static void
a_refused_head_has_its_place_no_longer(void **state)
{
	(void)state;
	static const char *const heads[] = { HEAD_OF(GOOD),
		HEAD_OF("evil.test") };
	struct world w;
	world_new(&w, true);
	w.r.proxy->setup.times.head = 3600 * CLOCK_SECOND;
	w.r.decide = REFUSE;
	for (size_t i = 0; i < COUNT(heads); i++) {
		buf_clear(&w.cell.text);
		(void)ask(&w, heads[i], false);
		world_until(&w, w.cell.closed == i + 1);
		assert_int_equal(w.cell.ended, i + 1);
		assert_true(
		    str_starts(buf_str(&w.cell.text), STR("HTTP/1.1 403 ")));
		assert_false(says(&w.cell, "{\"error\""));
		world_until(&w, proxy_carried(w.r.proxy) == 1);
	}
	world_free(&w);
}

/* Only what the upstream has said of the length is said. */
static void
no_length_is_made_up_for_a_head(void **state)
{
	(void)state;
	static const struct {
		struct str answer;
		const char *length;
	} rows[] = {
		{ STR("HTTP/1.1 200 OK\r\n\r\n"), NULL },
		{ STR("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
		    "content-length: 5\r\n" },
	};
	struct world w;
	struct err e;
	world_new(&w, true);
	for (size_t i = 0; i < COUNT(rows); i++) {
		buf_clear(&w.cell.text);
		(void)ask(&w, HEAD_OF(GOOD), false);
		world_until(&w, w.origin.ended == i + 1);
		assert_int_equal(http_two_answer(w.origin.two, w.origin.stream,
		                     rows[i].answer, false, &e),
		    0);
		world_until(&w, w.cell.ended == i + 1);
		assert_int_equal(
		    says(&w.cell, "ength"), rows[i].length != NULL);
		assert_true(!rows[i].length || says(&w.cell, rows[i].length));
	}
	world_free(&w);
}

/* --- 1xx --------------------------------------------------------------------
 */

#define EXPECTING                                  \
	"POST /up HTTP/1.1\r\nHost: good.test\r\n" \
	"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"

static void
who_waits_for_a_hundred_is_told_to_go_on_H11(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	w.r.decide = HOLD;
	int32_t s = ask(&w, EXPECTING, true);
	world_until(&w, w.r.intents == 1);
	rig_turns(&w.r, 20);
	assert_int_equal(w.cell.text.len, 0);
	w.r.decide = GO;
	proxy_go(w.r.proxy, w.r.id, &w.r.go);
	world_until(&w, w.cell.text.len > 0);
	assert_string_equal(
	    buf_z(&w.cell.text), "HTTP/1.1 100 Continue\r\n\r\n");
	http_two_data(w.cell.two, s, STR("hello"));
	http_two_end(w.cell.two, s, STR(""));
	world_until(&w, w.origin.ended == 1);
	assert_false(says(&w.origin, "xpect"));
	assert_true(says(&w.origin, "\r\n\r\nhello"));
	answer(&w, 1, "done");
	world_until(&w, w.cell.ended == 1);
	assert_true(
	    says(&w.cell, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
	assert_true(says(&w.cell, "done"));
	world_until(&w, w.r.outcomes == 1);
	assert_int_equal(w.r.outcome.up, 5);
	world_free(&w);
}

/* A body that a person must see is waited for before the decision. */
static void
who_waits_for_a_hundred_can_be_shown_to_a_person(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	w.r.spool = true;
	int32_t s = ask(&w, EXPECTING, true);
	world_until(&w, says(&w.cell, "HTTP/1.1 100 Continue\r\n\r\n"));
	assert_int_equal(w.r.origin.count, 0);
	http_two_data(w.cell.two, s, STR("hello"));
	http_two_end(w.cell.two, s, STR(""));
	world_until(&w, w.origin.ended == 1);
	assert_int_equal(w.r.intents, 2);
	assert_int_equal(w.r.intent.body_size, 5);
	answer(&w, 1, "done");
	world_until(&w, w.cell.ended == 1);
	assert_false(
	    says(&w.cell, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100"));
	world_free(&w);
}

static void
who_is_refused_is_not_told_to_go_on_H11(void **state)
{
	(void)state;
	struct world w;
	world_new(&w, true);
	w.r.decide = REFUSE;
	(void)ask(&w, EXPECTING, true);
	world_until(&w, says(&w.cell, "}\n"));
	assert_true(str_starts(
	    buf_str(&w.cell.text), STR("HTTP/1.1 403 Forbidden\r\n")));
	assert_int_equal(w.r.origin.count, 0);
	world_free(&w);
}

/* --- heads as large as any ---------------------------------------------------
 */

/* So many lines of so many bytes each, with their ends. */
static void
add_lines(struct buf *b, size_t count, size_t size)
{
	for (size_t i = 0; i < count; i++) {
		size_t end = b->len + size - 2;
		buf_addf(b, "X-%zu: ", i);
		while (b->len < end) {
			buf_add_byte(b, 'v');
		}
		buf_add_z(b, "\r\n");
	}
}

/* What is written anew has a few lines more than what was read: none of it is
 * too much, for HTTP/2 as little as for HTTP/1.1. */
static void
an_answer_of_as_many_lines_as_are_read_passes_H16(void **state)
{
	(void)state;
	static const struct {
		const char *first;
		size_t lines, size;
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\n", 100, 16 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", 99, 16 },
		{ "HTTP/1.1 200 OK\r\n", 99, (HTTP_HEAD_MAX - 19) / 99 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct world w;
		auto_buf said = { 0 };
		world_new(&w, false);
		w.r.origin.answer = NULL;
		(void)ask(&w, GET_TWO, false);
		world_until(
		    &w, w.r.origin.count == 1 && w.r.origin.at[0].got.len > 0);
		buf_add_z(&said, rows[i].first);
		add_lines(&said, rows[i].lines, rows[i].size);
		buf_add_z(&said, "\r\nhello");
		end_say(&w.r.origin.at[0], buf_str(&said));
		world_until(&w, says(&w.cell, "hello") || w.cell.closed);
		assert_true(says(&w.cell, "HTTP/1.1 200 OK\r\n"));
		assert_true(says(&w.cell, "\r\nx-98: v"));
		assert_true(says(&w.cell, "hello"));
		world_free(&w);
	}
}

static void
a_request_of_as_many_lines_as_are_read_passes_H16(void **state)
{
	(void)state;
	struct world w;
	auto_buf head = { 0 };
	world_new(&w, true);
	buf_add_z(&head, "GET /a HTTP/1.1\r\nHost: good.test\r\n");
	add_lines(&head, HTTP_HEADERS_MAX - 1, 16);
	buf_add_z(&head, "\r\n");
	(void)ask(&w, buf_z(&head), false);
	world_until(&w, w.origin.ended + w.cell.closed > 0);
	assert_true(says(&w.origin, "\r\nx-98: v"));
	assert_true(says(&w.origin, "authorization: Bearer " SECRET "\r\n"));
	world_free(&w);
}

/* --- bodies -----------------------------------------------------------------
 */

/* Its bytes wait for each other, but not for a frame behind them. */
static void
a_body_in_frames_of_a_byte_passes_G03(void **state)
{
	(void)state;
	enum { BYTES = 30000 };
	struct world w;
	auto_buf frames = { 0 };
	size_t came = 0;
	world_new(&w, false);
	w.r.origin.answer = NULL;
	int32_t s =
	    ask(&w, "POST /a HTTP/1.1\r\nHost: good.test\r\n\r\n", true);
	for (int i = 0; i < BYTES; i++) {
		buf_add(&frames, STR("\0\0\1\0\0\0\0\0\1~"));
	}
	world_until(&w, w.r.origin.count == 1);
	end_say(&w.c, buf_str(&frames));
	struct end *o = &w.r.origin.at[0];
	for (size_t at = 0; came < BYTES;) {
		world_until(&w, o->got.len > at);
		for (; at < o->got.len; at++) {
			came += o->got.at[at] == '~';
		}
	}
	http_two_end(w.cell.two, s, STR(""));
	world_until(&w, end_got(o, "\r\n0\r\n\r\n"));
	end_say_z(o, "HTTP/1.1 204 No Content\r\n\r\n");
	world_until(&w, w.r.outcomes == 1);
	assert_int_equal(w.r.outcome.up, BYTES);
	world_free(&w);
}

/* RFC 9113 8.1: that is no reason to throw an answer away. */
static void
an_upstream_that_wants_no_more_has_answered(void **state)
{
	(void)state;
	struct world w;
	static const char part[1000];
	world_new(&w, true);
	int32_t s = ask(&w,
	    "POST /a HTTP/1.1\r\nHost: good.test\r\n"
	    "Content-Length: 200000\r\n\r\n",
	    true);
	http_two_data(w.cell.two, s, str_span(part, sizeof(part)));
	world_until(&w, says(&w.origin, "POST /a"));
	answer(&w, 1, "enough");
	two_step(&w.origin);
	end_say(w.origin.x, STR("\0\0\4\3\0\0\0\0\1\0\0\0\0"));
	world_until(&w, w.cell.ended == 1);
	assert_true(says(&w.cell, "HTTP/1.1 200 "));
	assert_true(says(&w.cell, "enough"));
	assert_int_equal(w.r.outcome.end, PROXY_ANSWERED);
	world_free(&w);
}

/* The answer to the last request: with that field in its head, or behind its
 * body; what the upstream speaks writes both in small letters. */
static void
answer_with(struct world *w, const char *field, bool behind)
{
	struct err e;
	auto_buf head = { 0 };
	buf_addf(&head,
	    "HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n",
	    behind ? "" : field);
	assert_int_equal(http_two_answer(w->origin.two, w->origin.stream,
	                     buf_str(&head), true, &e),
	    0);
	http_two_data(w->origin.two, w->origin.stream, STR("body"));
	http_two_end(
	    w->origin.two, w->origin.stream, behind ? str_of(field) : STR(""));
}

static void
no_name_of_a_field_is_a_credential_R01(void **state)
{
	(void)state;
	static const struct {
		const char *field;
		bool passes;
	} rows[] = {
		{ "X-Mixed-CASE-Canary-77: 1\r\n", false },
		{ "Mixed-CASE-Canary-7: 1\r\n", true },
	};
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		bool passes = rows[i / 2].passes;
		struct world w;
		world_new(&w, true);
		w.r.secret = "Mixed-CASE-Canary-77";
		(void)ask(&w, GET_TWO, false);
		world_until(&w, w.origin.ended == 1);
		answer_with(&w, rows[i / 2].field, i % 2);
		world_until(&w, w.r.outcomes == 1 && w.cell.closed == 1);
		assert_int_equal(says(&w.cell, "mixed-case-canary"), passes);
		assert_int_equal(
		    w.r.outcome.end, passes ? PROXY_ANSWERED : PROXY_FAILED);
		/* Of an answer that has begun nobody takes it for whole. */
		assert_int_equal(w.cell.ended, passes || !(i % 2));
		world_free(&w);
	}
}

/* One in the middle of its answer, one in the middle of its body, and one whose
 * credential the vault has not given yet. */
static void
another_policy_cuts_each_stream_of_the_old_one_W03(void **state)
{
	(void)state;
	struct world w;
	struct digest other = { { 7 } };
	struct err e;
	world_new(&w, true);
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.origin.ended == 1);
	assert_int_equal(
	    http_two_answer(w.origin.two, w.origin.stream,
	        STR("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	            "Transfer-Encoding: chunked\r\n\r\n"),
	        true, &e),
	    0);
	http_two_data(w.origin.two, w.origin.stream, STR("begun"));
	world_until(&w, says(&w.cell, "begun"));
	int32_t up = ask(&w,
	    "POST /a HTTP/1.1\r\nHost: good.test\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n",
	    true);
	http_two_data(w.cell.two, up, STR("half"));
	world_until(&w, says(&w.origin, "half"));
	w.r.vault_waits = true;
	(void)ask(&w, GET_OF("/late"), false);
	world_until(&w, w.r.redeems == 3);
	proxy_policy(w.r.proxy, &w.r.go.policy);
	assert_int_equal(w.r.outcomes, 0);
	proxy_policy(w.r.proxy, &other);
	world_until(&w, w.r.outcomes == 3 && w.cell.closed == 3);
	assert_int_equal(w.r.outcome.end, PROXY_FAILED);
	assert_int_equal(w.cell.ended, 0);
	assert_false(says(&w.origin, "/late"));
	world_until(&w, w.r.origin.at[0].gone);
	/* What the new one allows goes at once, over one of its own. */
	w.r.go.policy = other;
	(void)ask(&w, GET_TWO, false);
	world_until(&w, w.r.origin.count == 2 && w.r.redeems == 4);
	world_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_upstream_that_wants_no_more_has_answered),
		cmocka_unit_test(heads_of_an_odd_form_ask_for_nothing_G01_G02),
		cmocka_unit_test(
		    a_scheme_that_is_not_the_connections_is_refused_G01_T02),
		cmocka_unit_test(a_refused_head_has_its_place_no_longer),
		cmocka_unit_test(no_length_is_made_up_for_a_head),
		cmocka_unit_test(who_waits_for_a_hundred_is_told_to_go_on_H11),
		cmocka_unit_test(
		    who_waits_for_a_hundred_can_be_shown_to_a_person),
		cmocka_unit_test(who_is_refused_is_not_told_to_go_on_H11),
		cmocka_unit_test(a_body_in_frames_of_a_byte_passes_G03),
		cmocka_unit_test(
		    an_answer_of_as_many_lines_as_are_read_passes_H16),
		cmocka_unit_test(
		    a_request_of_as_many_lines_as_are_read_passes_H16),
		cmocka_unit_test(no_name_of_a_field_is_a_credential_R01),
		cmocka_unit_test(
		    another_policy_cuts_each_stream_of_the_old_one_W03),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
