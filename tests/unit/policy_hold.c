/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_help.h"

#include <stdio.h>

/* Gates on requests: which they hold, what they ask, how one goes past them. */

#define RULES                                                              \
	"[egress.pay]\nmatch = { host = \"pay.good.test\" }\n"             \
	"[egress.all]\nmatch = { host = \"*.good.test\", port = 8443 }\n"  \
	"[egress.git]\nmatch = { host = \"git.good.test\", git = "         \
	"\"fetch|push\", delete = true }\n"                                \
	"[egress.tcp]\nmatch = { host = \"db.good.test\", port = 5432 }\n" \
	"protocol = \"tcp\"\n"                                             \
	"[egress.only]\nmatch = { host = \"pay.good.test\", path = "       \
	"\"/only/**\" }\nonly_for = [\"pay\"]\n"
#define GATE(match) \
	RULES "[gate.g]\nmatch = { " match " }\nrequire = \"operator\"\n"

struct row {
	const char *match;
	const char *host, *method, *path;
	uint16_t port;
	bool held;
};

static enum policy_verdict
verdict(const char *text, const struct policy_request *r,
    struct policy_request_decision *d)
{
	static struct arena a;

	policy_request(&a, policy_of(&a, text), r, d);
	return d->verdict;
}

static struct policy_request
request(const char *host, const char *method, const char *path)
{
	static struct names_host parsed;
	struct err e = { 0 };

	assert_int_equal(names_host_parse(str_of(host), &parsed, &e), 0);
	return (struct policy_request){
		.identity = STR("linux__server__finance_coworker"),
		.host = &parsed,
		.port = 443,
		.tls = true,
		.method = str_of(method),
		.path = str_of(path),
	};
}

static const struct row rows[] = {
	{ "host = \"pay.good.test\"", "pay.good.test", "GET", "/", 443, true },
	{ "host = \"pay.good.test\"", "pay.good.test", "GET", "/", 8443, true },
	{ "host = \"pay.good.test\", port = 443", "pay.good.test", "GET", "/",
	    8443, false },
	{ "host = \"*.good.test\"", "pay.good.test", "GET", "/", 443, true },
	{ "host = \"ay.good.test\"", "pay.good.test", "GET", "/", 443, false },
	{ "host = \"pay.good.tes\"", "pay.good.test", "GET", "/", 443, false },
	{ "host = \"PAY.good.test\"", "pay.good.test", "GET", "/", 443, true },
	{ "method = \"POST|PUT\"", "pay.good.test", "PUT", "/", 443, true },
	{ "method = \"POST|PUT\"", "pay.good.test", "POSTS", "/", 443, false },
	{ "method = \"POST\"", "pay.good.test", "post", "/", 443, false },
	{ "path = \"/pay\"", "pay.good.test", "GET", "/pay", 443, true },
	{ "path = \"/pay\"", "pay.good.test", "GET", "/pay/", 443, false },
	{ "path = \"/pay\"", "pay.good.test", "GET", "/Pay", 443, false },
	{ "path = \"/pay\"", "pay.good.test", "GET", "/pays", 443, false },
	{ "path = \"/pay/**\"", "pay.good.test", "GET", "/pay/a/b", 443, true },
	{ "path = \"/pay/**\"", "pay.good.test", "GET", "/pay", 443, false },
	{ "path = \"/*/pay\"", "pay.good.test", "GET", "/v1/pay", 443, true },
	{ "port = 443, identity = \"linux__*\"", "pay.good.test", "GET", "/",
	    443, true },
	{ "port = 443, identity = \"cloud__*\"", "pay.good.test", "GET", "/",
	    443, false },
	{ "git = \"push\"", "pay.good.test", "POST", "/", 443, false },
};

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
a_gate_holds_what_its_whole_match_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *w = &rows[i];
		struct policy_request r = request(w->host, w->method, w->path);
		struct policy_request_decision d;
		char text[2048];

		(void)snprintf(text, sizeof(text),
		    RULES "[gate.g]\nmatch = { %s }\nrequire = \"operator\"\n",
		    w->match);
		r.port = w->port;
		if ((verdict(text, &r, &d) == POLICY_ASK) != w->held ||
		    (!w->held && d.verdict != POLICY_ALLOW)) {
			fail_msg("%s: %s %s:%u%s: %s", w->match, w->method,
			    w->host, w->port, w->path,
			    policy_verdict_name(d.verdict));
		}
	}
}

/* A gate lets nothing out: what no rule allows is denied as before. */
static void
a_gate_opens_nothing(void **state)
{
	struct policy_request r = request("evil.test", "POST", "/");
	struct policy_request_decision d;

	(void)state;
	assert_int_equal(
	    verdict(GATE("method = \"POST\""), &r, &d), POLICY_DENY);
	assert_int_equal(d.reason, POLICY_NO_RULE);
}

static void
what_cannot_be_looked_into_is_held(void **state)
{
	struct policy_request r = request("db.good.test", "", "");
	struct policy_request_decision d;

	(void)state;
	r.port = 5432;
	r.tunnel = true;
	assert_int_equal(verdict(GATE("host = \"db.good.test\", method = "
	                              "\"POST\", path = \"/x\""),
	                     &r, &d),
	    POLICY_ASK);
	assert_true(str_eq_z(d.ask.hint, "tcp db.good.test"));
	assert_int_equal(
	    verdict(GATE("host = \"db.good.test\", port = 443"), &r, &d),
	    POLICY_ALLOW);
}

static void
push(struct policy_commands *c, const char *ref, bool deletes)
{
	c->at[c->count++] =
	    (struct policy_command){ .ref = str_of(ref), .deletes = deletes };
}

static void
a_push_is_held_where_it_names_refs_by_any_of_them(void **state)
{
	struct policy_commands none = { 0 };
	struct policy_commands two = { 0 };
	struct policy_request r =
	    request("git.good.test", "POST", "/r.git/git-receive-pack");
	struct policy_request ask =
	    request("git.good.test", "GET", "/r.git/info/refs");
	struct policy_request_decision d;
	const char *any = GATE("git = \"push\"");
	const char *main_ = GATE("git = \"push\", ref = \"refs/heads/main\"");
	const char *gone = GATE("git = \"push\", delete = true");

	(void)state;
	push(&two, "refs/heads/agent/x", false);
	push(&two, "refs/heads/main", false);
	r.git = ask.git = POLICY_GIT_PUSH;
	assert_int_equal(verdict(any, &ask, &d), POLICY_ALLOW);
	r.commands = &none;
	assert_int_equal(verdict(any, &r, &d), POLICY_ALLOW);
	r.commands = &two;
	assert_int_equal(verdict(any, &r, &d), POLICY_ASK);
	assert_int_equal(verdict(main_, &r, &d), POLICY_ASK);
	assert_int_equal(verdict(gone, &r, &d), POLICY_ALLOW);
	two.at[0].deletes = true;
	assert_int_equal(verdict(gone, &r, &d), POLICY_ASK);
	/* The deletion must be of a ref that the gate names. */
	assert_int_equal(verdict(GATE("git = \"push\", delete = true, ref = "
	                              "\"refs/heads/main\""),
	                     &r, &d),
	    POLICY_ALLOW);
	two.count = 1;
	assert_int_equal(verdict(main_, &r, &d), POLICY_ALLOW);
	/* Nobody knows them, as when a person asks what would happen. */
	r.commands = NULL;
	assert_int_equal(verdict(main_, &r, &d), POLICY_ASK);
	/* A gate on what reads holds no push, and nothing that is not git's. */
	assert_int_equal(
	    verdict(GATE("git = \"fetch\""), &r, &d), POLICY_ALLOW);
	r = request("pay.good.test", "POST", "/");
	assert_int_equal(
	    verdict(GATE("git = \"fetch\""), &r, &d), POLICY_ALLOW);
}

/* Each of what a request is, and every ref, is shown and bound. */
static void
whatever_differs_is_another_question(void **state)
{
	const char *text =
	    GATE("path = \"/**\"") "hint = \"{{method}} {{host}} "
	                           "{{port}} {{path}} {{ref}}\"\n"
	                           "[gate.call]\ntool = \"*\"\nrequire "
	                           "= \"operator\"\n"
	                           "[egress.pay2]\nmatch = { host = "
	                           "\"pay2.good.test\" }\n";
	static const struct {
		const char *host, *method, *path, *hint;
		uint16_t port;
		uint32_t refs;
	} asked[] = {
		{ "pay.good.test", "POST", "/a", "POST pay.good.test 443 /a ",
		    443, 0 },
		{ "pay2.good.test", "POST", "/a", "POST pay2.good.test 443 /a ",
		    443, 0 },
		{ "pay.good.test", "PUT", "/a", "PUT pay.good.test 443 /a ",
		    443, 0 },
		{ "pay.good.test", "POST", "/b", "POST pay.good.test 443 /b ",
		    443, 0 },
		{ "pay.good.test", "POST", "/a", "POST pay.good.test 8443 /a ",
		    8443, 0 },
		{ "git.good.test", "POST", "/git-receive-pack",
		    "POST git.good.test 443 /git-receive-pack refs/a", 443, 1 },
		{ "git.good.test", "POST", "/git-receive-pack",
		    "POST git.good.test 443 /git-receive-pack refs/a refs/b",
		    443, 2 },
	};
	struct digest seen[COUNT(asked)];
	struct policy_commands c = { 0 };

	(void)state;
	push(&c, "refs/a", false);
	push(&c, "refs/b", false);
	for (size_t i = 0; i < COUNT(asked); i++) {
		struct policy_request r =
		    request(asked[i].host, asked[i].method, asked[i].path);
		struct policy_request_decision d;

		c.count = asked[i].refs;
		r.port = asked[i].port;
		r.git = c.count ? POLICY_GIT_PUSH : POLICY_GIT_NO;
		r.commands = c.count ? &c : NULL;
		assert_int_equal(verdict(text, &r, &d), POLICY_ASK);
		assert_row(str_eq_z(d.ask.hint, asked[i].hint), asked[i].hint);
		seen[i] = d.ask.named_args;
		for (size_t n = 0; n < i; n++) {
			assert_row(!digest_eq(seen[n], seen[i]), asked[i].hint);
		}
	}
}

static void
what_a_request_asks_shows_what_it_is(void **state)
{
	struct policy_request r =
	    request("pay.good.test", "POST", "/v1/pay/anna");
	struct policy_request_decision d;

	(void)state;
	assert_int_equal(
	    verdict(GATE("host = \"pay.good.test\""), &r, &d), POLICY_ASK);
	assert_true(str_eq_z(d.rule, "egress.pay"));
	assert_true(str_eq_z(d.gate, "gate.g"));
	assert_true(str_eq_z(d.ask.hint, "POST pay.good.test/v1/pay/anna"));
	assert_false(d.ask.hint_cut);
	assert_true(
	    str_eq_z(d.ask.brief, "finance POST pay.good.test/v1/pay/anna"));
	assert_false(d.ask.brief_cut);
	assert_int_equal(d.ask.people, 1);
	assert_false(digest_is_zero(d.ask.digest));
	assert_int_equal(
	    verdict(GATE("host = \"pay.good.test\"") "hint = \"{{method}} of "
	                                             "{{path}}\"\n",
	        &r, &d),
	    POLICY_ASK);
	assert_true(str_eq_z(d.ask.hint, "POST of /v1/pay/anna"));
}

static void
several_gates_must_all_be_satisfied(void **state)
{
	struct policy_request r = request("pay.good.test", "POST", "/pay");
	struct policy_request_decision d;
	const char *two = GATE(
	    "host = \"pay.good.test\"") "surface = \"cli | web\"\n"
	                                "[gate.b]\nmatch = { path = \"/pay\" "
	                                "}\n"
	                                "require = \"two_operators\"\nsurface "
	                                "= \"web\"\n";
	const char *apart =
	    GATE("host = \"pay.good.test\"") "surface = \"cli\"\n"
	                                     "[gate.b]\nmatch = { path = "
	                                     "\"/pay\" }\n"
	                                     "require = \"operator\"\nsurface "
	                                     "= \"web\"\n";

	(void)state;
	assert_int_equal(verdict(two, &r, &d), POLICY_ASK);
	assert_int_equal(d.ask.gate_count, 2);
	assert_int_equal(d.ask.people, 2);
	assert_int_equal(d.ask.surface_count, 1);
	assert_int_equal(d.ask.surfaces[0], POLICY_WEB);
	assert_int_equal(verdict(apart, &r, &d), POLICY_DENY);
	assert_int_equal(d.reason, POLICY_SURFACE);
	assert_true(str_eq_z(d.rule, "gate.g"));
	assert_true(str_has_str(d.text, STR("no common surface")));
	assert_true(str_has_str(d.next, STR("share a surface")));
}

/* One effect, one question; and only where somebody answered it. */
static void
a_call_that_was_allowed_covers_the_rule_that_is_its_own(void **state)
{
	const char *text = GATE("host = \"pay.good.test\"");
	struct policy_request r = request("pay.good.test", "POST", "/only/x");
	struct policy_request_decision d;

	(void)state;
	r.from_tool = STR("pay");
	assert_int_equal(verdict(text, &r, &d), POLICY_ASK);
	r.call_approved = true;
	assert_int_equal(verdict(text, &r, &d), POLICY_ALLOW);
	r.path = STR("/other");
	assert_int_equal(verdict(text, &r, &d), POLICY_ASK);
}

static void
what_another_policy_asks_is_asked_too(void **state)
{
	auto_arena a = { 0 };
	struct policy_request r = request("pay.good.test", "POST", "/pay");
	struct policy_request_decision own = { 0 };
	struct policy_request_decision theirs = { 0 };
	struct digest before;

	(void)state;
	policy_request(&a, policy_of(&a, RULES), &r, &own);
	assert_int_equal(own.verdict, POLICY_ALLOW);
	policy_request(&a,
	    policy_of(&a,
	        RULES "[gate.h]\nmatch = { port = 443 }\nrequire = \"bert\"\n"),
	    &r, &theirs);
	policy_request_both(&a, &r, &own, &theirs.ask);
	assert_int_equal(own.verdict, POLICY_ASK);
	assert_true(str_eq_z(own.gate, "gate.h"));
	before = own.ask.digest;
	policy_request(&a,
	    policy_of(&a, GATE("port = 443") "surface = \"cli\"\n"), &r,
	    &theirs);
	policy_request_both(&a, &r, &own, &theirs.ask);
	assert_int_equal(own.ask.gate_count, 2);
	assert_int_equal(own.ask.named_count, 1);
	assert_int_equal(own.ask.surface_count, 1);
	assert_false(digest_eq(before, own.ask.digest));
}

static void
the_gates_as_they_are_written_are_part_of_the_question(void **state)
{
	struct policy_request r = request("pay.good.test", "POST", "/pay");
	struct policy_request_decision one;
	struct policy_request_decision two;

	(void)state;
	(void)verdict(GATE("host = \"pay.good.test\""), &r, &one);
	(void)verdict("\n" GATE("host   = \"pay.good.test\""), &r, &two);
	assert_true(digest_eq(one.ask.digest, two.ask.digest));
	(void)verdict(
	    GATE("host = \"pay.good.test\"") "expires = \"2h\"\n", &r, &two);
	assert_false(digest_eq(one.ask.digest, two.ask.digest));
}

static void
explain_shows_rule_and_gate(void **state)
{
	auto_arena a = { 0 };
	auto_buf out = { 0 };
	struct policy_request r = request("pay.good.test", "POST", "/pay");

	(void)state;
	policy_explain_request(
	    &out, policy_of(&a, GATE("host = \"pay.good.test\"")), &r);
	for (size_t i = 0; i < 4; i++) {
		static const char *const lines[] = { "verdict   ask\n",
			"rule      [egress.pay] gates.toml:1\n",
			"gate      [gate.g] gates.toml:13\n",
			"hint      POST pay.good.test/pay\n" };

		assert_row(
		    str_has_str(buf_str(&out), str_of(lines[i])), lines[i]);
	}
}

static void
gates_on_requests_hold_no_calls(void **state)
{
	auto_arena a = { 0 };
	struct policy_call call = { .identity = STR("linux__server__x"),
		.tool = STR("POST"),
		.action = STR("read") };
	struct policy_call_decision d = { 0 };

	(void)state;
	policy_call(
	    &a, policy_of(&a, GATE("host = \"pay.good.test\"")), &call, &d);
	assert_int_equal(d.verdict, POLICY_ALLOW);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gate_holds_what_its_whole_match_says),
		cmocka_unit_test(a_gate_opens_nothing),
		cmocka_unit_test(what_cannot_be_looked_into_is_held),
		cmocka_unit_test(
		    a_push_is_held_where_it_names_refs_by_any_of_them),
		cmocka_unit_test(whatever_differs_is_another_question),
		cmocka_unit_test(what_a_request_asks_shows_what_it_is),
		cmocka_unit_test(several_gates_must_all_be_satisfied),
		cmocka_unit_test(
		    a_call_that_was_allowed_covers_the_rule_that_is_its_own),
		cmocka_unit_test(what_another_policy_asks_is_asked_too),
		cmocka_unit_test(
		    the_gates_as_they_are_written_are_part_of_the_question),
		cmocka_unit_test(explain_shows_rule_and_gate),
		cmocka_unit_test(gates_on_requests_hold_no_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
