/* SPDX-License-Identifier: Apache-2.0 */
/* A body that must be known before anybody decides about its request. */
#include "proxy_help.h"

#define HEAD(line) line " HTTP/1.1\r\nHost: good.test\r\n"
#define OK_ANSWER  "HTTP/1.1 200 "

static void
open_rig(struct rig *r, struct end *c)
{
	rig_new(r, NULL);
	rig_pin(r);
	r->spool = true;
	cell_good(r, c);
}

static void
close_rig(struct rig *r, struct end *c)
{
	end_close(c);
	rig_free(r);
}

/* Asked about twice, the second time with its digest; then sent as it came. */
static void
a_body_is_known_before_it_is_decided_about(void **state)
{
	static const struct {
		const char *asked, *body, *sent;
	} rows[] = {
		{ HEAD("POST /a") "Content-Length: 5\r\n\r\nhello", "hello",
		    "\r\n\r\nhello" },
		{ HEAD("POST /a") "Transfer-Encoding: chunked\r\n\r\n"
		                  "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
		    "hello", "\r\n\r\n5\r\nhello\r\n0\r\n\r\n" },
		{ HEAD("POST /a") "Transfer-Encoding: chunked\r\n\r\n"
		                  "0\r\n\r\n",
		    "", "\r\n\r\n0\r\n\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rig r;
		struct end c;

		open_rig(&r, &c);
		end_say_z(&c, rows[i].asked);
		rig_until(&r, end_got(&c, OK_ANSWER));
		assert_int_equal(r.intents, 2);
		assert_int_equal(r.intent.body, PROXY_BODY_READ);
		assert_int_equal(r.intent.body_size, strlen(rows[i].body));
		assert_true(digest_eq(
		    r.intent.body_digest, digest_of(str_of(rows[i].body))));
		rig_until(&r, end_got(&r.origin.at[0], rows[i].sent));
		rig_until(&r, r.outcomes == 1);
		assert_int_equal(r.outcome.end, PROXY_ANSWERED);
		assert_int_equal(r.outcome.id, r.id);
		/* The next request of the connection is another one. */
		end_say_z(&c, GET_GOOD);
		rig_until(&r, r.outcomes == 2);
		assert_int_equal(r.intents, 3);
		assert_int_equal(r.intent.body, PROXY_BODY_NONE);
		close_rig(&r, &c);
	}
}

static void
nothing_of_it_leaves_while_it_waits_or_when_it_is_refused(void **state)
{
	struct rig r;
	struct end c;

	(void)state;
	open_rig(&r, &c);
	r.decide = REFUSE;
	end_say_z(&c, HEAD("POST /a") "Content-Length: 5\r\n\r\nhe");
	rig_until(&r, r.intents == 1);
	assert_origin_untouched(&r);
	end_say_z(&c, "llo");
	rig_until(&r, end_got(&c, "HTTP/1.1 403 "));
	assert_int_equal(r.intents, 2);
	assert_origin_untouched(&r);
	/* All of it was read: the connection serves on. */
	r.decide = GO;
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, OK_ANSWER));
	close_rig(&r, &c);
}

static void
who_waits_for_a_100_is_told_to_go_on(void **state)
{
	struct rig r;
	struct end c;

	(void)state;
	open_rig(&r, &c);
	end_say_z(&c, HEAD("POST /a") "Content-Length: 5\r\n"
	                              "Expect: 100-continue\r\n\r\n");
	rig_until(&r, end_got(&c, "HTTP/1.1 100 Continue\r\n\r\n"));
	assert_origin_untouched(&r);
	end_say_z(&c, "hello");
	rig_until(&r, end_got(&c, OK_ANSWER));
	assert_int_equal(r.intents, 2);
	close_rig(&r, &c);
}

static void
a_body_over_the_bound_or_cut_is_refused_unsent(void **state)
{
	auto_buf much = { 0 };
	struct rig r;
	struct end c;

	(void)state;
	buf_addf(&much, HEAD("POST /a") "Content-Length: %zu\r\n\r\n",
	    PROXY_SPOOL + 1);
	for (size_t i = 0; i <= PROXY_SPOOL; i++) {
		buf_add_byte(&much, 'x');
	}
	open_rig(&r, &c);
	end_say(&c, buf_str(&much));
	rig_until(&r, end_got(&c, "HTTP/1.1 413 "));
	assert_int_equal(r.intents, 1);
	assert_int_equal(r.outcome.id, 0);
	assert_non_null(strstr(r.outcome.text, "a person who decides"));
	assert_origin_untouched(&r);
	close_rig(&r, &c);

	open_rig(&r, &c);
	end_say_z(&c, HEAD("POST /a") "Content-Length: 5\r\n\r\nhe");
	rig_until(&r, r.intents == 1);
	proxy_link_close(&c.link);
	rig_until(&r, r.outcomes == 1);
	assert_int_equal(r.outcome.id, 0);
	assert_int_equal(r.intents, 1);
	assert_origin_untouched(&r);
	close_rig(&r, &c);
}

/* Its body is read already when a credential has to go into it. */
static void
a_body_that_was_read_takes_a_credential(void **state)
{
	struct rig r;
	struct end c;

	(void)state;
	open_rig(&r, &c);
	rig_inject(&r);
	r.go.place = PROXY_PLACE_JSON;
	assert_true(str_copy(r.go.name, 64, STR("/k")));
	assert_true(str_copy(r.go.format, 256, STR("{{secret}}")));
	end_say_z(&c, HEAD("POST /a") "Content-Type: application/json\r\n"
	                              "Content-Length: 2\r\n\r\n{}");
	rig_until(&r, end_got(&c, OK_ANSWER));
	assert_int_equal(r.intents, 2);
	assert_true(end_got(&r.origin.at[0], "{\"k\":\"" SECRET "\"}"));
	close_rig(&r, &c);
}

/* What a person allowed is not sent again, not even where a request that
 * changes nothing would be. */
static void
what_goes_once_is_not_sent_again(void **state)
{
	struct rig r;
	struct end c;

	(void)state;
	for (int once = 0; once < 2; once++) {
		open_rig(&r, &c);
		end_say_z(&c, GET_GOOD);
		rig_until(&r, r.outcomes == 1);
		r.go.once = once;
		r.origin.answer = NULL; /* it hangs up in its stead */
		end_say_z(&c, GET_GOOD);
		rig_until(&r, r.intents == 2);
		rig_until(&r, r.origin.at[0].seen < r.origin.at[0].got.len);
		r.origin.answer =
		    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
		r.origin.at[0].seen = r.origin.at[0].got.len;
		proxy_link_close(&r.origin.at[0].link);
		rig_until(&r, r.outcomes == 2);
		assert_int_equal(
		    r.outcome.end, once ? PROXY_FAILED : PROXY_ANSWERED);
		assert_int_equal(r.origin.count, once ? 1 : 2);
		close_rig(&r, &c);
	}
}

#define MARK "hr_placeholder_0123456789abcdef0123456789abcdef"

static void
ask_shown(struct rig *r, struct end *c, const char *request)
{
	open_rig(r, c);
	r->show = true;
	r->decide = REFUSE;
	end_say_z(c, request);
	rig_until(r, end_got(c, "}\n"));
	assert_int_equal(r->intents, 2);
	assert_true(r->intent.shown);
	assert_origin_untouched(r);
}

/* Sorted, without what is new at each try, and without a credential. */
static void
a_person_is_shown_what_is_bound_and_no_credential(void **state)
{
	struct rig r;
	struct end c;

	(void)state;
	ask_shown(&r, &c,
	    HEAD("POST /a?to=anna&api_key=mine&n=" MARK
	         "&token=") "X-Order: 2\r\nCookie: mine=1\r\nDate: now\r\n"
	                    "Accept-Language: de\r\nX-B3-TraceId: 7\r\nVia: "
	                    "1.1 x\r\n"
	                    "Content-Type: text/x\r\nX-ORDER:  1 "
	                    "\r\nX-Mark: " MARK
	                    "\r\nX-Private: 1\r\nConnection: x-private\r\n"
	                    "Authorization: Bearer mine\r\nAcceptance: yes\r\n"
	                    "Content-Length: 51\r\n\r\nto " MARK "!");
	assert_string_equal(r.intent.shown_query,
	    "to=anna&api_key=...&n=hr_placeholder_"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx&token=");
	assert_string_equal(r.intent.lines,
	    "acceptance: yes\ncontent-type: text/x\n"
	    "x-mark: hr_placeholder_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
	    "x-order: 2\nx-order: 1\n");
	assert_true(
	    digest_eq(r.intent.headers, digest_of(str_of(r.intent.lines))));
	assert_string_equal(r.intent.start,
	    "to hr_placeholder_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx!");
	assert_false(r.intent.lines_cut || r.intent.body_cut);
	close_rig(&r, &c);
}

static void
what_is_too_long_to_be_shown_is_cut_and_bound_whole(void **state)
{
	struct digest first = { 0 };

	(void)state;
	for (int n = 0; n < 2; n++) {
		auto_buf text = { 0 };
		struct rig r;
		struct end c;

		buf_addf(&text, HEAD("POST /a") "X-Long: %02000d%d\r\n", 0, n);
		buf_addf(&text, "Content-Length: 1025\r\n\r\n%01025d", 0);
		buf_add_byte(&text, 0);
		ask_shown(&r, &c, text.at);
		assert_int_equal(strlen(r.intent.lines), PROXY_SHOWN_LINES);
		assert_int_equal(strlen(r.intent.start), PROXY_SHOWN_BODY);
		assert_true(r.intent.lines_cut && r.intent.body_cut);
		assert_false(n && digest_eq(first, r.intent.headers));
		first = r.intent.headers;
		close_rig(&r, &c);
	}
}

/* Dots take no more room than what they stand for: nothing is pushed out. */
static void
a_query_is_shown_to_its_end(void **state)
{
	auto_buf text = { 0 };
	struct rig r;
	struct end c;

	(void)state;
	buf_add_z(&text, "GET /a?");
	for (int n = 0; n < PROXY_OWN_MAX; n++) {
		buf_add_z(&text, "sig=a&");
	}
	buf_addf(&text, "x=%0520d&to=me&much=5", 0);
	buf_add_z(&text, " HTTP/1.1\r\nHost: good.test\r\n\r\n");
	ask_shown(&r, &c, buf_z(&text));
	assert_true(
	    str_ends(str_of(r.intent.shown_query), STR("00&to=me&much=5")));
	assert_true(str_starts(str_of(r.intent.shown_query), STR("sig=.&")));
	close_rig(&r, &c);
}

static void
ask_with(const char *own, char (*values)[1024])
{
	static struct rig r; /* who asks three times has no room for three */
	auto_buf text = { 0 };
	struct end c;

	buf_addf(&text, HEAD("GET /a") "%s\r\n\r\n", own);
	ask_shown(&r, &c, buf_z(&text));
	memcpy(*values, r.intent.values, sizeof(*values));
	close_rig(&r, &c);
}

/* Their values alone do not say what is brought: names and schemes go along. */
static void
what_it_brings_is_bound_as_it_stands_there(void **state)
{
	static const char *const pairs[][2] = {
		{ "Cookie: from=anna; to=bert", "Cookie: to=anna; from=bert" },
		{ "Cookie: a=; b=c", "Cookie: d=; b=c" },
		{ "Authorization: Bearer one", "Authorization: Token one" },
		{ "Api-Key: one\r\nJob-Token: two",
		    "Job-Token: one\r\nApi-Key: two" },
		{ "Cookie: a=b\r\nApi-Key: c",
		    "Cookie: a=b\r\nApi-Key: c\r\nConnection: cookie" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		char was[1024], again[1024], other[1024];
		auto_buf same = { 0 };

		buf_addf(&same, "User-Agent: a/%zu\r\n%s", i, pairs[i][0]);
		ask_with(pairs[i][0], &was);
		ask_with(buf_z(&same), &again);
		ask_with(pairs[i][1], &other);
		assert_memory_equal(was, again, sizeof(was));
		assert_memory_not_equal(was, other, sizeof(was));
	}
}

/* As many as may be brought may be asked about by a person, too. */
static void
all_that_may_be_brought_is_bound(void **state)
{
	auto_buf own = { 0 };
	char values[1024];

	(void)state;
	buf_add_z(&own, "Cookie: ");
	for (size_t n = 0; n < PROXY_OWN_MAX; n++) {
		buf_addf(&own, "%sa%zu=b", n ? "; " : "", n);
	}
	ask_with(buf_z(&own), &values);
	assert_true(str_starts(str_of(values), STR("b|b|b|b|b|b|b|b|b|b|")));
}

/* Nothing is read for it, and what follows is another request. */
static void
what_has_no_body_is_shown_too(void **state)
{
	struct rig r;
	struct end c;

	(void)state;
	ask_shown(&r, &c, HEAD("DELETE /a") "If-Match: v1\r\n\r\n");
	assert_int_equal(r.intent.body, PROXY_BODY_NONE);
	assert_string_equal(r.intent.lines, "if-match: v1\n");
	r.show = false;
	r.decide = GO;
	end_say_z(&c, GET_GOOD);
	rig_until(&r, end_got(&c, OK_ANSWER));
	assert_false(r.intent.shown);
	close_rig(&r, &c);
}

#define MANY (PROXY_WHOLE / PROXY_SPOOL + 8)

/* Each says all but the last byte of the longest that is shown. */
static void
bodies_that_are_read_whole_are_bounded_together(void **state)
{
	struct rig r;
	static struct end c[MANY];
	size_t refused = 0;
	auto_buf asked = { 0 };

	(void)state;
	buf_addf(
	    &asked, HEAD("POST /a") "Content-Length: %zu\r\n\r\n", PROXY_SPOOL);
	memset(buf_room(&asked, PROXY_SPOOL - 1), 'b', PROXY_SPOOL - 1);
	buf_grew(&asked, PROXY_SPOOL - 1);
	rig_new(&r, NULL);
	rig_pin(&r);
	r.spool = true;
	for (size_t i = 0; i < MANY; i++) {
		cell_good(&r, &c[i]);
		end_say(&c[i], buf_str(&asked));
		rig_until(&r, end_got(&c[i], "\r\n\r\n") ||
		                  r.proxy->conns->held.len == PROXY_SPOOL - 1);
		refused += end_got(&c[i], "HTTP/1.1 503 ") &&
		           end_got(&c[i], "ask again when some of them");
	}
	assert_in_range(refused, 7, 9);
	assert_int_equal(r.outcomes, refused);
	/* Who was there before is served, and makes room. */
	for (size_t i = 0; i < MANY - 9; i++) {
		end_say_z(&c[i], "b");
		rig_until(&r, end_got(&c[i], "HTTP/1.1 200 "));
	}
	end_close(&c[MANY - 1]);
	cell_good(&r, &c[MANY - 1]);
	end_say(&c[MANY - 1], buf_str(&asked));
	end_say_z(&c[MANY - 1], "b");
	rig_until(&r, end_got(&c[MANY - 1], "HTTP/1.1 200 "));
	for (size_t i = 0; i < MANY; i++) {
		end_close(&c[i]);
	}
	rig_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_is_known_before_it_is_decided_about),
		cmocka_unit_test(
		    nothing_of_it_leaves_while_it_waits_or_when_it_is_refused),
		cmocka_unit_test(who_waits_for_a_100_is_told_to_go_on),
		cmocka_unit_test(
		    a_body_over_the_bound_or_cut_is_refused_unsent),
		cmocka_unit_test(a_body_that_was_read_takes_a_credential),
		cmocka_unit_test(what_goes_once_is_not_sent_again),
		cmocka_unit_test(
		    a_person_is_shown_what_is_bound_and_no_credential),
		cmocka_unit_test(
		    what_is_too_long_to_be_shown_is_cut_and_bound_whole),
		cmocka_unit_test(a_query_is_shown_to_its_end),
		cmocka_unit_test(what_it_brings_is_bound_as_it_stands_there),
		cmocka_unit_test(all_that_may_be_brought_is_bound),
		cmocka_unit_test(what_has_no_body_is_shown_too),
		cmocka_unit_test(
		    bodies_that_are_read_whole_are_bounded_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
