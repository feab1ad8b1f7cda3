/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: a 401 that is asked about again, and endpoints that give new ones. */
#include "proxy_help.h"

#define NO  "HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nwho"
#define YES "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define POST_BODY                                             \
	"POST /a HTTP/1.1\r\nHost: good.test\r\n"             \
	"Content-Type: application/x-www-form-urlencoded\r\n" \
	"Content-Length: 3\r\n\r\na=b"

static void
rig_renewing(struct rig *r, struct end *c, const char *request)
{
	rig_new(r, NULL);
	rig_inject(r);
	r->go.renews = true;
	r->go.version = 4;
	r->origin.answer = NO;
	r->decide = HOLD;
	cell_good(r, c);
	end_say_z(c, request);
	rig_until(r, r->intents == 1);
	assert_int_equal(r->intent.stale, 0);
	proxy_go(r->proxy, r->id, &r->go);
}

static void
rig_end(struct rig *r, struct end *c)
{
	end_close(c);
	rig_free(r);
}

static void
a_401_is_asked_about_and_goes_again_with_what_came(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_renewing(&r, &c, GET_GOOD);
	uint64_t first = r.id;
	rig_until(&r, r.intents == 2);
	assert_int_equal(r.intent.stale, 4);
	assert_int_equal(r.outcomes, 1);
	assert_int_equal(r.outcome.id, first);
	assert_int_equal(r.outcome.status, 401);
	assert_true(r.id != first);
	assert_false(end_got(&c, "401"));
	r.origin.answer = YES;
	r.secret = "another-token-0001";
	r.go.version = 5;
	proxy_go(r.proxy, r.id, &r.go);
	rig_until(&r, r.outcomes == 2);
	rig_turns(&r, 20);
	assert_true(end_got(&c, "hello"));
	assert_false(end_got(&c, "who"));
	assert_true(end_got(
	    &r.origin.at[r.origin.count - 1], "Bearer another-token-0001"));
	rig_end(&r, &c);
}

static void
a_second_401_is_the_answer(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_renewing(&r, &c, GET_GOOD);
	rig_until(&r, r.intents == 2);
	r.go.version = 5;
	proxy_go(r.proxy, r.id, &r.go);
	rig_until(&r, r.outcomes == 2);
	rig_turns(&r, 20);
	assert_true(end_got(&c, "401") && end_got(&c, "who"));
	assert_int_equal(r.intents, 2);
	rig_end(&r, &c);
}

static void
whoever_has_no_new_token_says_why(void **state)
{
	static const struct proxy_refusal no = { .status = 403,
		.error = "denied",
		.rule = "egress.x",
		.reason = "somebody must log in",
		.next = "handrail vault login x" };

	(void)state;
	struct rig r;
	struct end c;
	rig_renewing(&r, &c, GET_GOOD);
	rig_until(&r, r.intents == 2);
	proxy_refuse(r.proxy, r.id, &no);
	rig_turns(&r, 50);
	assert_true(end_got(&c, "somebody must log in"));
	assert_false(end_got(&c, "who"));
	rig_end(&r, &c);
}

static void
a_body_is_never_sent_twice(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_renewing(&r, &c, POST_BODY);
	rig_until(&r, r.outcomes == 1);
	rig_turns(&r, 20);
	assert_true(end_got(&c, "401"));
	assert_int_equal(r.intents, 1);
	rig_end(&r, &c);
}

/* Whatever else it says, the token was taken. */
static void
only_a_401_is_asked_about(void **state)
{
	static const char *const others[] = {
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 407 Proxy\r\nContent-Length: 0\r\n\r\n",
		YES,
	};

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++) {
		struct rig r;
		struct end c;
		rig_renewing(&r, &c, GET_GOOD);
		r.origin.answer = others[i];
		rig_until(&r, r.outcomes == 1);
		rig_turns(&r, 20);
		assert_int_equal(r.outcome.end, PROXY_ANSWERED);
		assert_int_equal(r.intents, 1);
		rig_end(&r, &c);
	}
}

static void
what_cannot_be_made_anew_is_not_asked_about(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_new(&r, NULL);
	rig_inject(&r);
	r.origin.answer = NO;
	cell_good(&r, &c);
	end_say_z(&c, GET_GOOD);
	rig_until(&r, r.outcomes == 1);
	rig_turns(&r, 20);
	assert_true(end_got(&c, "401"));
	assert_int_equal(r.intents, 1);
	rig_end(&r, &c);
}

/* --- token endpoints -------------------------------------------------------
 */

#define TOKENS                                                  \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" \
	"Content-Length: 31\r\n\r\n"                            \
	"{\"access_token\":\"real-token-1\"}"

static void
rig_capturing(
    struct rig *r, struct end *c, const char *answer, const char *request)
{
	rig_new(r, NULL);
	rig_inject(r);
	r->go.place = PROXY_PLACE_TOKEN;
	r->go.name[0] = r->go.format[0] = '\0';
	r->go.capture = true;
	assert_true(str_copy(r->go.mask, 64, STR("hr_placeholder_00")));
	r->secret = "aWQ6cHc=\nclient_secret=s%2Fs";
	r->origin.answer = answer;
	cell_good(r, c);
	end_say_z(c, request);
	rig_until(r, r->outcomes == 1);
	rig_turns(r, 20);
}

static void
tokens_of_an_answer_stay_here_R04(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_capturing(&r, &c, TOKENS, POST_BODY);
	assert_true(end_got(&c, "{\"access_token\":\"hr_placeholder_00\"}"));
	assert_false(end_got(&c, "real-token"));
	assert_non_null(strstr(buf_z(&r.captured), "real-token-1"));
	struct end *up = &r.origin.at[0];
	assert_true(end_got(up, "Authorization: Basic aWQ6cHc=\r\n"));
	assert_true(end_got(up, "\r\n\r\na=b&client_secret=s%2Fs"));
	assert_true(end_got(up, "Content-Length: 23\r\n"));
	rig_end(&r, &c);
}

static void
an_answer_that_cannot_be_read_whole_does_not_pass_R04(void **state)
{
	static const char *const wrong[] = {
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
		"Content-Length: 12\r\n\r\nreal-token-1",
		"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\nreal-token-1",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct rig r;
		struct end c;
		auto_buf answer = { 0 };
		buf_add_z(&answer, wrong[i]);
		for (size_t n = 12; i == 1 && n < 70000; n++) {
			buf_add_byte(&answer, 'x');
		}
		rig_capturing(&r, &c, buf_z(&answer), POST_BODY);
		assert_int_equal(r.outcome.end, PROXY_FAILED);
		assert_false(end_got(&c, "real-token"));
		assert_int_equal(r.captured.len, 0);
		rig_end(&r, &c);
	}
}

static void
a_placeholder_is_not_sent_to_a_token_endpoint(void **state)
{
	(void)state;
	struct rig r;
	struct end c;
	rig_capturing(&r, &c, TOKENS,
	    "POST /a HTTP/1.1\r\nHost: good.test\r\n"
	    "Content-Type: application/x-www-form-urlencoded\r\n"
	    "Content-Length: 18\r\n\r\na=hr_placeholder_0");
	assert_int_equal(r.outcome.end, PROXY_REFUSED);
	assert_false(end_got(&r.origin.at[0], "placeholder"));
	rig_end(&r, &c);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_401_is_asked_about_and_goes_again_with_what_came),
		cmocka_unit_test(a_second_401_is_the_answer),
		cmocka_unit_test(only_a_401_is_asked_about),
		cmocka_unit_test(whoever_has_no_new_token_says_why),
		cmocka_unit_test(a_body_is_never_sent_twice),
		cmocka_unit_test(what_cannot_be_made_anew_is_not_asked_about),
		cmocka_unit_test(tokens_of_an_answer_stay_here_R04),
		cmocka_unit_test(
		    an_answer_that_cannot_be_read_whole_does_not_pass_R04),
		cmocka_unit_test(a_placeholder_is_not_sent_to_a_token_endpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
