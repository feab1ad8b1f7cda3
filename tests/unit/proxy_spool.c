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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
