/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_help.h"

/* What people read of a decision, to the letter. */

static void
assert_call(const char *policy, const char *action, const char *text)
{
	auto_arena a = { 0 };
	auto_buf out = { 0 };
	struct policy_call c = { .identity = STR("linux__server__x"),
		.tool = STR("pay"),
		.action = str_of(action),
		.args = json_of(&a, "{\"n\":1}") };

	policy_explain_call(&out,
	    policy ? policy_of(&a, policy)
	           : policy_closed(&a, STR("it did not load")),
	    &c);
	if (!str_eq_z(buf_str(&out), text)) {
		fail_msg("%s\n  not %s", buf_z(&out), text);
	}
}

#define ANY "shown on  buddy, web, cli\n"

static void
a_call_is_explained(void **state)
{
	static const struct {
		const char *policy, *action, *text;
	} rows[] = {
		{ NULL, "read",
		    "verdict   deny\nreason    closed: it did not load\n" },
		{ "", "read",
		    "verdict   allow\nrule      read\n"
		    "why       no gate matches and the tool only reads\n" },
		{ "[defaults]\nunmatched = \"allow\"\n", "buy",
		    "verdict   allow\nrule      defaults.unmatched\n"
		    "why       no gate matches; [defaults] unmatched "
		    "decides\n" },
		{ "[defaults]\nunmatched = \"deny\"\n", "buy",
		    "verdict   deny\n"
		    "reason    unmatched: no gate names this call and the "
		    "default is deny\n"
		    "rule      defaults.unmatched\n"
		    "why       no gate matches; [defaults] unmatched "
		    "decides\n" },
		{ "", "buy",
		    "verdict   ask\nrule      defaults.unmatched\n"
		    "asks      1 operator\n" ANY "hint      pay (buy)\n"
		    "expires   after 1d\n"
		    "why       no gate matches; [defaults] unmatched "
		    "decides\n" },
		{ "[gate.a]\ntool = \"pay\"\nrequire = \"operator\"\n"
		  "surface = \"web\"\nhint = \"n={{n}}\"\nexpires = \"20m\"\n",
		    "buy",
		    "verdict   ask\nrule      gate.a\n"
		    "gate      [gate.a] gates.toml:1\n"
		    "asks      1 operator\nshown on  web\nhint      n=1\n"
		    "expires   after 20m\n" },
		{ "[gate.x]\ntool = \"x\"\nrequire = \"operator\"\n"
		  "[gate.a]\ntool = \"pay\"\nrequire = \"anna\"\n"
		  "remind = \"10m\"\nescalate_to = \"carl\"\n"
		  "escalate_after = \"2h\"\n"
		  "[gate.b]\ntool = \"*\"\nrequire = \"bert\"\n",
		    "buy",
		    "verdict   ask\nrule      gate.a\n"
		    "gate      [gate.a] gates.toml:4\n"
		    "gate      [gate.b] gates.toml:10\n"
		    "asks      2 different operators, among them anna and "
		    "bert\n" ANY "hint      pay (buy); pay (buy)\n"
		    "expires   after 1d\nreminds   after 10m\n"
		    "escalates after 2h to carl, in the place of anna\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_call(rows[i].policy, rows[i].action, rows[i].text);
	}
	/* A gate that stands in nobody's place. */
	assert_call("[gate.a]\ntool = \"pay\"\nrequire = \"two_operators\"\n"
	            "escalate_to = \"carl\"\n",
	    "buy",
	    "verdict   ask\nrule      gate.a\ngate      [gate.a] "
	    "gates.toml:1\n"
	    "asks      2 different operators\n" ANY "hint      pay (buy)\n"
	    "expires   after 1d\nescalates after 12h to carl\n");
	assert_call("[gate.a]\ntool = \"pay\"\nrequire = \"operator\"\n", "b\n",
	    "verdict   ask\nrule      gate.a\ngate      [gate.a] "
	    "gates.toml:1\n"
	    "asks      1 operator\n" ANY
	    "hint      pay (b\\u{a})   (a value was cut or escaped)\n"
	    "expires   after 1d\n");
}

static void
assert_request(const char *policy, struct policy_request r, const char *text)
{
	auto_arena a = { 0 };
	auto_buf out = { 0 };
	struct names_host host = { 0 };
	struct err e = { 0 };

	assert_int_equal(names_host_parse(STR("a.test"), &host, &e), 0);
	r.host = &host;
	r.port = 443;
	r.tls = !r.tunnel;
	r.method = STR("GET");
	r.path = r.path.len ? r.path : STR("/");
	policy_explain_request(&out, policy_of(&a, policy), &r);
	if (!str_eq_z(buf_str(&out), text)) {
		fail_msg("%s\n  not %s", buf_z(&out), text);
	}
}

#define RULE    "[egress.a]\nmatch = { host = \"a.test\" }\n"
#define ALLOWED "verdict   allow\nrule      [egress.a] gates.toml:1\n"
#define NOTHING "inject    nothing\n"

static void
what_a_rule_does_is_explained(void **state)
{
	static const struct {
		const char *lines, *text;
	} rows[] = {
		{ "", NOTHING },
		{ "inject = { credential = \"c\", header = \"K\", format = "
		  "\"x {{secret}}\" }",
		    "inject    credential c into header K as \"x "
		    "{{secret}}\"\n" },
		{ "inject = { credential = \"c\", basic = \"u\" }",
		    "inject    credential c as Basic password of u\n" },
		{ "inject = { credential = \"c\", query = \"k\" }",
		    "inject    credential c into parameter k of the query\n" },
		{ "inject = { credential = \"c\", json = \"/k\" }",
		    "inject    credential c into /k of the JSON body\n" },
		{ "inject = { credential = \"c\", form = \"k\" }",
		    "inject    credential c into field k of the form\n" },
		{ "inject = { credential = \"c\", segment = 1 }",
		    "inject    credential c into part 1 of the path\n" },
		{ "inject = { credential = \"c\", basic = \"u\", placeholder "
		  "= \"V\" }",
		    "inject    credential c as Basic password of u\n"
		    "          in place of the placeholder that the sandbox "
		    "finds in V\n" },
		{ "websocket = true\nbody_max = 1\nanswer_max = 2\n"
		  "volume_max = 3\nrate = \"1/2m\"",
		    NOTHING "websocket allowed\nbody      at most 1 bytes\n"
		            "answer    at most 2 bytes\n"
		            "volume    at most 3 bytes of a sandbox\n"
		            "rate      1 in 2m\n" },
		{ "upstream = \"10.0.0.1:80\"\ntls = false",
		    NOTHING "upstream  10.0.0.1 port 80 (pinned, without "
		            "TLS)\n" },
		{ "upstream = \"10.0.0.1:443\"\nca = \"/c\"",
		    NOTHING "upstream  10.0.0.1 port 443 (pinned)\n"
		            "trust     /c alone\n" },
		{ "only_for = [\"t\"]", NOTHING "only for  the call t\n" },
		{ "only_for = [\"s\", \"t\", \"u\"]",
		    NOTHING "only for  the call s or t or u\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_arena a = { 0 };

		assert_request(
		    arena_z(&a, arena_printf(&a, RULE "%s\n", rows[i].lines)),
		    (struct policy_request){ .from_tool = STR("t") },
		    arena_z(&a, arena_printf(&a, ALLOWED "%s", rows[i].text)));
	}
	assert_request(RULE "protocol = \"tcp\"\n",
	    (struct policy_request){ .tunnel = true },
	    ALLOWED NOTHING "protocol  tcp, not read\n");
}

#define HELD(match)                                                 \
	"[gate.g]\nmatch = { " match " }\nrequire = \"operator\"\n" \
	"surface = \"web\"\n"
#define ASKED(at, hint)                                                \
	"gate      [gate.g] gates.toml:" at "\nasks      1 operator\n" \
	"shown on  web\nhint      " hint "\nexpires   after 1d\n"
#define PUSH "[egress.a]\nmatch = { host = \"a.test\", git = \"push\" }\n"
#define BEGINS                                                           \
	{                                                                \
		.git = POLICY_GIT_PUSH, .path = STR("/r.git/info/refs"), \
		.query = STR("service=git-receive-pack")                 \
	}

static void
what_is_asked_or_denied_is_explained(void **state)
{
	static const struct {
		const char *policy, *text;
		struct policy_request r;
	} rows[] = {
		{ RULE HELD("host = \"a.test\""),
		    "verdict   ask\nrule      [egress.a] gates.toml:1\n" ASKED(
		        "3", "GET a.test/") NOTHING,
		    { .tls = true } },
		{ PUSH,
		    ALLOWED NOTHING "push      is decided again by its refs\n",
		    BEGINS },
		{ PUSH HELD("git = \"push\""),
		    ALLOWED NOTHING
		    "push      is decided again by its refs, and asked "
		    "about\n" ASKED("3", "push  a.test/r.git/git-receive-pack"),
		    BEGINS },
		{ "[egress.a]\nmatch = { host = \"a.test\", git = \"fetch\" "
		  "}\n" HELD("git = \"push\""),
		    ALLOWED NOTHING,
		    { .git = POLICY_GIT_FETCH,
		        .path = STR("/r.git/info/refs"),
		        .query = STR("service=git-upload-pack") } },
		{ "[egress.a]\nmatch = { host = \"a.test\", path = \"/x\" }\n",
		    "verdict   deny\nclosest   [egress.a] gates.toml:1\n"
		    "reason    path: the rule does not allow this path\n"
		    "allowed by\n[egress.a_test]\nmatch = { host = "
		    "\"a.test\", method = \"GET\", path = \"/\" }\n\n",
		    { .tls = true } },
		{ "",
		    "verdict   deny\n"
		    "reason    no_rule: no egress rule names this host\n"
		    "allowed by\n[egress.a_test]\nmatch = { host = "
		    "\"a.test\", method = \"GET\", path = \"/\" }\n\n",
		    { .tls = true } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_request(rows[i].policy, rows[i].r, rows[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_explained),
		cmocka_unit_test(what_a_rule_does_is_explained),
		cmocka_unit_test(what_is_asked_or_denied_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
