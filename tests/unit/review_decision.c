/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_help.h"

#include <stdio.h>
#include <string.h>

#include "review/review.h"

#define WHO STR("linux__server__payer_coworker")

static const char gates[] =
    "[defaults]\n"
    "unmatched = \"allow\"\n"
    "[gate.pay]\n"
    "match = { tool = \"pay\", args.amount = \"> 5\" }\n"
    "require = \"operator\"\n"
    "[egress.api]\n"
    "match = { host = \"api.good.test\" }\n"
    "[egress.forge]\n"
    "match = { host = \"git.good.test\", git = \"push\", "
    "ref = \"refs/heads/agent/*\" }\n"
    "[egress.raw]\n"
    "match = { host = \"db.good.test\", port = 5432 }\n"
    "protocol = \"tcp\"\n"
    "only_for = [\"dump\"]\n";

static enum review_end
again_with(const char *policy, enum book_kind kind, const char *rule,
    const char *body, struct review *r)
{
	static struct arena a;
	struct json *tree = NULL;
	struct err e = { 0 };

	arena_fini(&a);
	if (body && json_parse(&a, str_of(body), NULL, &tree, &e)) {
		fail_msg("%s", e.text);
	}
	return review_decision(
	    &a, policy_of(&a, policy), kind, WHO, str_of(rule), tree, r);
}

static enum review_end
again(enum book_kind kind, const char *rule, const char *body)
{
	struct review r;

	return again_with(gates, kind, rule, body, &r);
}

/* A call_decided as session writes it; the digest is of its arguments. */
static const char *
call_of(
    const char *verdict, const char *tool, const char *args, const char *more)
{
	static char text[2000];
	char hex[DIGEST_TEXT];

	digest_text(digest_of(str_of(args)), hex);
	assert_true(snprintf(text, sizeof(text),
	                "{\"verdict\":\"%s\",\"tool\":\"%s\",\"args\":\"%s\","
	                "\"action\":\"write\",\"arguments\":%s%s}",
	                verdict, tool, hex, args, more) < (int)sizeof(text));
	return text;
}

static void
a_call_is_decided_as_it_was(void **state)
{
	(void)state;
	assert_int_equal(
	    again(BOOK_CALL_DECIDED, "defaults.unmatched",
	        call_of("allow", "shell", "{\"command\":\"ls\"}", "")),
	    REVIEW_SAME);
	assert_int_equal(again(BOOK_CALL_DECIDED, "gate.pay",
	                     call_of("ask", "pay", "{\"amount\":7}", "")),
	    REVIEW_SAME);
	assert_int_equal(again(BOOK_CALL_DECIDED, "defaults.unmatched",
	                     call_of("allow", "pay", "{\"amount\":7}", "")),
	    REVIEW_DIFFERS);
	assert_int_equal(again(BOOK_CALL_DECIDED, "gate.pay",
	                     call_of("ask", "pay", "{\"amount\":5}", "")),
	    REVIEW_DIFFERS);
}

static void
what_people_and_grants_said_is_not_the_policys_word(void **state)
{
	(void)state;
	assert_int_equal(again(BOOK_CALL_DECIDED, "g-0123456789",
	                     call_of("allow", "pay", "{\"amount\":7}",
	                         ",\"why\":\"gate.pay\"")),
	    REVIEW_SAME);
	assert_int_equal(again(BOOK_CALL_DECIDED, "gate.pay",
	                     call_of("deny", "pay", "{\"amount\":7}",
	                         ",\"why\":\"denied by ada: no\"")),
	    REVIEW_SAME);
	assert_int_equal(again(BOOK_CALL_DECIDED, "schema",
	                     call_of("deny", "pay", "{\"amount\":7}", "")),
	    REVIEW_NOT_ASKED);
	assert_int_equal(again(BOOK_CALL_DECIDED, "builtin.finish",
	                     call_of("allow", "finish", "{}", "")),
	    REVIEW_NOT_ASKED);
}

/* What stands in no table of checks is no check, whatever it decided. */
static void
a_rule_that_is_no_check_is_told(void **state)
{
	static const struct {
		const char *verdict, *tool, *rule, *more;
	} calls[] = {
		{ "allow", "pay", "egress", "" },
		{ "allow", "pay", "whoever", "" },
		{ "allow", "pay", "gates.pay", "" },
		/* Checks that only refuse, or let go one tool alone. */
		{ "allow", "pay", "schema", "" },
		{ "allow", "pay", "catalogue", "" },
		{ "allow", "pay", "contract", "" },
		{ "allow", "finish", "builtin.finish.wrong", "" },
		{ "allow", "pay", "builtin.finish", "" },
		{ "deny", "finish", "builtin.finish", "" },
		{ "allow", "pay", "w-0123456789", "" },
	};
	struct review r;

	(void)state;
	for (size_t i = 0; i < COUNT(calls); i++) {
		const char *body = call_of(calls[i].verdict, calls[i].tool,
		    "{\"amount\":7}", calls[i].more);

		assert_int_equal(again_with(gates, BOOK_CALL_DECIDED,
		                     calls[i].rule, body, &r),
		    REVIEW_BROKEN);
		assert_true(r.text.len > 0 && str_eq_z(r.what, calls[i].tool));
	}
	/* A person's no is a no: it cannot stand for an allow. */
	assert_int_equal(again(BOOK_CALL_DECIDED, "gate.pay",
	                     call_of("allow", "pay", "{\"amount\":7}",
	                         ",\"why\":\"denied by ada: no\"")),
	    REVIEW_DIFFERS);
	assert_int_equal(again(BOOK_CALL_DECIDED, "w-0123456789",
	                     call_of("ask", "pay", "{\"amount\":7}", "")),
	    REVIEW_SAME);
	for (size_t i = 0; i < 4; i++) {
		static const char *const rules[] = { "schema", "catalogue",
			"contract", "builtin.finish.wrong" };

		assert_int_equal(
		    again(BOOK_CALL_DECIDED, rules[i],
		        call_of("deny", "pay", "{\"amount\":7}", "")),
		    REVIEW_NOT_ASKED);
	}
}

#define UNASKED "{\"method\":\"GET\",\"host\":\"api.good.test\"}"

static void
a_request_without_the_policys_word_is_told(void **state)
{
	static const char *const own[] = { "model.default", "vault.there",
		"audit.publish", "audit.witness", "notify" };
	static const char *const refusals[] = { "", "egress", "vault" };
	static const char *const others[] = { "egress.api", "gate.pay",
		"models", "audit", "whoever" };

	(void)state;
	for (size_t i = 0; i < COUNT(own); i++) {
		assert_true(review_house_rule(str_of(own[i])));
		assert_int_equal(again(BOOK_REQUEST_INTENT, own[i], UNASKED),
		    REVIEW_NOT_ASKED);
	}
	for (size_t i = 0; i < COUNT(refusals); i++) {
		assert_int_equal(
		    again(BOOK_REQUEST_DENIED, refusals[i], UNASKED),
		    REVIEW_NOT_ASKED);
		assert_int_equal(
		    again(BOOK_REQUEST_INTENT, refusals[i], UNASKED),
		    REVIEW_BROKEN);
	}
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_false(review_house_rule(str_of(others[i])));
		assert_int_equal(again(BOOK_REQUEST_INTENT, others[i], UNASKED),
		    REVIEW_BROKEN);
		assert_int_equal(again(BOOK_REQUEST_DENIED, others[i], UNASKED),
		    REVIEW_BROKEN);
	}
}

static void
arguments_that_are_not_of_their_digest_are_told(void **state)
{
	struct review r;
	char text[2000];
	const char *body = call_of("ask", "pay", "{\"amount\":7}", "");
	char *amount;

	(void)state;
	assert_true(str_copy(text, sizeof(text), str_of(body)));
	amount = strstr(text, ":7");
	assert_non_null(amount);
	amount[1] = '9';
	assert_int_equal(
	    again_with(gates, BOOK_CALL_DECIDED, "gate.pay", text, &r),
	    REVIEW_BROKEN);
	assert_true(r.text.len > 0);
	/* Nor is a digest that is none, or is not there. */
	assert_int_equal(
	    again(BOOK_CALL_DECIDED, "gate.pay",
	        "{\"verdict\":\"ask\",\"tool\":\"pay\",\"args\":\"no digest\","
	        "\"action\":\"write\",\"arguments\":{\"amount\":7}}"),
	    REVIEW_BROKEN);
	assert_int_equal(
	    again(BOOK_CALL_DECIDED, "gate.pay",
	        "{\"verdict\":\"ask\",\"tool\":\"pay\",\"action\":\"write\","
	        "\"arguments\":{\"amount\":7}}"),
	    REVIEW_BROKEN);
}

static void
what_the_book_does_not_hold_is_not_judged(void **state)
{
	(void)state;
	assert_int_equal(
	    again(BOOK_CALL_DECIDED, "gate.pay", NULL), REVIEW_NOT_HELD);
	assert_int_equal(again(BOOK_CALL_DECIDED, "gate.pay",
	                     "{\"verdict\":\"ask\",\"tool\":\"pay\"}"),
	    REVIEW_NOT_HELD);
	assert_int_equal(
	    again(BOOK_REQUEST_DENIED, "egress", "{\"host\":\"x\"}"),
	    REVIEW_NOT_HELD);
}

#define REQUEST(policy, method, host, port, path)                      \
	"{\"policy\":\"" policy "\",\"tls\":true,\"method\":\"" method \
	"\",\"host\":\"" host "\",\"port\":" port ",\"path\":\"" path "\""

static void
a_request_is_decided_as_it_was(void **state)
{
	struct review r;

	(void)state;
	assert_int_equal(
	    again_with(gates, BOOK_REQUEST_INTENT, "egress.api",
	        REQUEST("allow", "GET", "api.good.test", "443", "/a") "}", &r),
	    REVIEW_SAME);
	assert_true(str_eq_z(r.rule, "egress.api"));
	assert_true(str_eq_z(r.what, "GET api.good.test:443/a"));
	assert_int_equal(
	    again(BOOK_REQUEST_DENIED, "",
	        REQUEST("deny", "GET", "bad.test", "443", "/a") "}"),
	    REVIEW_SAME);
	assert_int_equal(
	    again(BOOK_REQUEST_INTENT, "egress.api",
	        REQUEST("allow", "GET", "bad.test", "443", "/a") "}"),
	    REVIEW_DIFFERS);
	assert_int_equal(
	    again(BOOK_REQUEST_DENIED, "",
	        REQUEST("deny", "GET", "api.good.test", "443", "/a") "}"),
	    REVIEW_DIFFERS);
	assert_int_equal(again(BOOK_REQUEST_INTENT, "egress.api",
	                     REQUEST("allow", "GET", "", "443", "/a") "}"),
	    REVIEW_BROKEN);
	/* What it brought itself, or asked for, is part of it. */
	assert_int_equal(again(BOOK_REQUEST_INTENT, "egress.api",
	                     REQUEST("allow", "GET", "api.good.test", "443",
	                         "/a") ",\"own_credentials\":true}"),
	    REVIEW_DIFFERS);
	assert_int_equal(again(BOOK_REQUEST_INTENT, "egress.api",
	                     REQUEST("allow", "GET", "api.good.test", "443",
	                         "/a") ",\"protocol\":\"websocket\"}"),
	    REVIEW_DIFFERS);
	/* What the policy refused was let go. */
	assert_int_equal(
	    again(BOOK_REQUEST_INTENT, "egress.api",
	        REQUEST("deny", "GET", "bad.test", "443", "/a") "}"),
	    REVIEW_BROKEN);
}

#define PUSH                                             \
	REQUEST("allow", "POST", "git.good.test", "443", \
	    "/r.git/git-receive-pack")                   \
	",\"git\":\"push\""

static void
a_push_is_decided_by_every_ref_and_by_what_it_deletes(void **state)
{
	(void)state;
	assert_int_equal(
	    again(BOOK_REQUEST_INTENT, "egress.forge",
	        PUSH ",\"refs\":[\"refs/heads/agent/a\"],\"deletes\":[]}"),
	    REVIEW_SAME);
	assert_int_equal(
	    again(BOOK_REQUEST_INTENT, "egress.forge",
	        PUSH ",\"refs\":[\"refs/heads/agent/a\",\"refs/heads/main\"],"
	             "\"deletes\":[]}"),
	    REVIEW_DIFFERS);
	assert_int_equal(again(BOOK_REQUEST_INTENT, "egress.forge",
	                     PUSH ",\"refs\":[\"refs/heads/agent/a\"],"
	                          "\"deletes\":[\"refs/heads/agent/a\"]}"),
	    REVIEW_DIFFERS);
}

/* A book is read by whoever doubts it. */
static void
more_refs_than_a_push_may_have_are_none(void **state)
{
	(void)state;
	for (int more = 0; more < 2; more++) {
		auto_buf body = { 0 };

		buf_add_z(&body, PUSH ",\"refs\":[\"refs/heads/agent/a\"");
		for (int n = 1; n < POLICY_COMMANDS_MAX + more; n++) {
			buf_addf(&body, ",\"refs/heads/agent/%d\"", n);
		}
		buf_add_z(&body, "]}");
		assert_int_equal(
		    again(BOOK_REQUEST_INTENT, "egress.forge", buf_z(&body)),
		    more ? REVIEW_BROKEN : REVIEW_SAME);
	}
}

static const char held[] =
    "[egress.pay]\n"
    "match = { host = \"pay.good.test\" }\n"
    "only_for = [\"pay\"]\n"
    "[gate.pay]\n"
    "match = { host = \"pay.good.test\", method = \"POST\" }\n"
    "require = \"operator\"\n";

#define PAY(said)                                             \
	REQUEST(said, "POST", "pay.good.test", "443", "/pay") \
	",\"from_tool\":\"pay\""

static void
a_request_that_a_gate_held_is_decided_again(void **state)
{
	struct review r;

	(void)state;
	assert_int_equal(again_with(held, BOOK_REQUEST_ASKED, "gate.pay",
	                     PAY("ask") "}", &r),
	    REVIEW_SAME);
	assert_true(str_eq_z(r.rule, "gate.pay"));
	assert_int_equal(again_with(held, BOOK_REQUEST_DENIED, "gate.pay",
	                     PAY("ask") "}", &r),
	    REVIEW_SAME);
	assert_int_equal(again_with(held, BOOK_REQUEST_INTENT, "egress.pay",
	                     PAY("ask") ",\"wait\":\"w-x\"}", &r),
	    REVIEW_SAME);
	assert_int_equal(again_with(held, BOOK_REQUEST_INTENT, "egress.pay",
	                     PAY("ask") "}", &r),
	    REVIEW_BROKEN);
	assert_int_equal(again_with(held, BOOK_REQUEST_INTENT, "egress.pay",
	                     PAY("allow") "}", &r),
	    REVIEW_DIFFERS);
	assert_int_equal(r.now, POLICY_ASK);
	/* Its call was asked about. */
	assert_int_equal(again_with(held, BOOK_REQUEST_INTENT, "egress.pay",
	                     PAY("allow") ",\"call_approved\":true}", &r),
	    REVIEW_SAME);
}

static void
a_tunnel_is_decided_by_the_tool_that_asked(void **state)
{
	(void)state;
	assert_int_equal(
	    again(BOOK_REQUEST_INTENT, "egress.raw",
	        REQUEST("allow", "", "db.good.test", "5432",
	            "") ",\"protocol\":\"tcp\",\"from_tool\":\"dump\"}"),
	    REVIEW_SAME);
	assert_int_equal(again(BOOK_REQUEST_INTENT, "egress.raw",
	                     REQUEST("allow", "", "db.good.test", "5432",
	                         "") ",\"protocol\":\"tcp\"}"),
	    REVIEW_DIFFERS);
}

static void
a_closed_role_denies_by_a_text_that_is_empty(void **state)
{
	struct review r;

	(void)state;
	assert_int_equal(again_with("", BOOK_CALL_DECIDED, "",
	                     call_of("deny", "pay", "{\"amount\":7}", ""), &r),
	    REVIEW_SAME);
	assert_int_equal(again_with("", BOOK_CALL_DECIDED, "defaults.unmatched",
	                     call_of("allow", "pay", "{\"amount\":7}", ""), &r),
	    REVIEW_DIFFERS);
}

static void
other_heads_are_no_decisions(void **state)
{
	(void)state;
	assert_false(review_is_decision(BOOK_CALL_SETTLED));
	assert_true(review_is_decision(BOOK_REQUEST_DENIED));
	assert_true(review_is_decision(BOOK_REQUEST_ASKED));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_decided_as_it_was),
		cmocka_unit_test(
		    what_people_and_grants_said_is_not_the_policys_word),
		cmocka_unit_test(a_rule_that_is_no_check_is_told),
		cmocka_unit_test(a_request_without_the_policys_word_is_told),
		cmocka_unit_test(
		    arguments_that_are_not_of_their_digest_are_told),
		cmocka_unit_test(what_the_book_does_not_hold_is_not_judged),
		cmocka_unit_test(a_request_is_decided_as_it_was),
		cmocka_unit_test(
		    a_push_is_decided_by_every_ref_and_by_what_it_deletes),
		cmocka_unit_test(more_refs_than_a_push_may_have_are_none),
		cmocka_unit_test(a_request_that_a_gate_held_is_decided_again),
		cmocka_unit_test(a_tunnel_is_decided_by_the_tool_that_asked),
		cmocka_unit_test(a_closed_role_denies_by_a_text_that_is_empty),
		cmocka_unit_test(other_heads_are_no_decisions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
