/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_help.h"

static const struct policy_tool tools[] = {
	{ .name = { "shell", 5 }, .action = { "exec", 4 } },
	{ .name = { "git_push", 8 }, .action = { "push", 4 } },
	{ .name = { "publish", 7 },
	    .action = { "publish", 7 },
	    .host = { "pub.good.test", 13 },
	    .port = 443,
	    .method = { "POST", 4 } },
	{ .name = { "look", 4 },
	    .action = { "read", 4 },
	    .host = { "look.good.test", 14 },
	    .port = 443,
	    .method = { "POST", 4 } },
};
static const struct str operators[] = { { "alice", 5 } };

static size_t
check(struct arena *a, const char *text, const struct policy_finding **list)
{
	struct policy_house house = {
		.tools = tools,
		.tool_count = COUNT(tools),
		.operators = operators,
		.operator_count = COUNT(operators),
	};
	size_t count = 0;

	policy_check(a, policy_of(a, text), &house, list, &count);
	return count;
}

static void
assert_finding(
    const char *text, bool error, const char *first, const char *second)
{
	auto_arena a = { 0 };
	const struct policy_finding *list = NULL;
	size_t count = check(&a, text, &list);

	if (count != 1 || list[0].error != error ||
	    !str_has_str(list[0].text, str_of(first)) ||
	    !str_has_str(list[0].text, str_of(second))) {
		fail_msg("%zu findings: " STR_FMT, count,
		    STR_ARG(count ? list[0].text : STR("")));
	}
}

#define OPEN  "[defaults]\nunmatched = \"allow\"\n"
#define GATED OPEN "[gate.push]\ntool = \"git_push\"\nrequire = \"operator\"\n"
#define PUSH                                                                 \
	"[egress.push]\nmatch = { host = \"git.good.test\", git = \"push\" " \
	"}\nonly_for = [\"git_push\"]\n"

static void
a_sound_policy_has_no_findings(void **state)
{
	auto_arena a = { 0 };
	const struct policy_finding *list = NULL;

	(void)state;
	assert_int_equal(check(&a,
	                     GATED PUSH "[egress.clone]\nmatch = { host = "
	                                "\"git.good.test\", git = \"fetch\" "
	                                "}\n[egress.r]\nmatch = { host = "
	                                "\"r.good.test\", method = \"GET\" }\n",
	                     &list),
	    0);
}

static void
a_way_round_a_gated_call_names_both_lines(void **state)
{
	(void)state;
	assert_finding(GATED PUSH "[egress.any]\nmatch = { host = "
	                          "\"*.good.test\", git = \"fetch|push\" }\n",
	    true, "gates.toml:9: [egress.any]",
	    "[egress.push] of line 6 keeps for a call that the gate of line 3");
	assert_finding(OPEN
	    "[gate.p]\ntool = \"publish\"\nrequire = \"operator\"\n"
	    "[egress.open]\nmatch = { host = \"pub.good.test\" }\n",
	    true, "gates.toml:6: [egress.open]",
	    "the tool publish sends, which the gate of line 3 holds");
	assert_finding("[egress.open]\nmatch = { host = \"pub.good.test\" }\n",
	    true, "the tool publish sends", "[defaults] unmatched holds");
}

static void
a_rule_of_every_path_goes_round_one_of_some(void **state)
{
	(void)state;
	assert_finding(GATED
	    "[egress.push]\nmatch = { host = \"git.good.test\", git = "
	    "\"push\", path = \"/team/**\" }\nonly_for = [\"git_push\"]\n"
	    "[egress.any]\nmatch = { host = \"git.good.test\", git = "
	    "\"push\" }\n",
	    true, "gates.toml:9: [egress.any]", "[egress.push] of line 6");
	assert_finding(GATED PUSH
	    "[egress.team]\nmatch = { host = \"git.good.test\", git = "
	    "\"push\", path = \"/team/**\" }\n",
	    true, "gates.toml:9: [egress.team]", "[egress.push] of line 6");
	assert_finding(GATED
	    "[egress.post]\nmatch = { host = \"git.good.test\", method = "
	    "\"POST\" }\nonly_for = [\"git_push\"]\n"
	    "[egress.any]\nmatch = { host = \"git.good.test\" }\n",
	    true, "gates.toml:9: [egress.any]", "[egress.post] of line 6");
}

/* Which tools a gate holds, and which rules do what the tool publish does. */
static void
a_way_round_leads_where_a_gated_tool_leads(void **state)
{
	static const struct {
		const char *gate, *rule;
		bool error;
	} rows[] = {
		{ "action = \"publish\"", "", true },
		{ "action = \"buy\"", "", false },
		{ "tool = \"publish\", action = \"pub*\"", "", true },
		{ "tool = \"publish\", action = \"buy\"", "", false },
		{ "tool = \"look\"", "", false },
		{ "tool = \"publish\"", ", port = 8443", false },
		{ "tool = \"publish\"", ", method = \"PUT\"", false },
		{ "tool = \"publish\"", ", method = \"GET|POST\"", true },
		{ "tool = \"publish\"", ", path = \"/x\"", true },
		{ "tool = \"publish\"", ", git = \"push\"", false },
		{ "tool = \"publish\"", ", git = \"fetch|push\"", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_arena a = { 0 };
		struct str text = arena_printf(&a,
		    OPEN "[gate.g]\nmatch = { %s }\nrequire = \"operator\"\n"
		         "[egress.e]\nmatch = { host = \"pub.good.test\"%s }\n",
		    rows[i].gate, rows[i].rule);

		assert_finding(arena_z(&a, text), rows[i].error,
		    "gates.toml:6: [egress.e]",
		    rows[i].error ? "the tool publish sends"
		                  : "without a gate");
	}
	assert_finding(OPEN
	    "[gate.p]\ntool = \"publish\"\nrequire = \"operator\"\n"
	    "[egress.open]\nmatch = { host = \"*.good.test\" }\n",
	    true, "[egress.open]", "the tool publish sends");
	assert_finding(OPEN
	    "[gate.p]\ntool = \"publish\"\nrequire = \"operator\"\n"
	    "[egress.open]\nmatch = { host = \"a.good.test\" }\n",
	    false, "[egress.open]", "without a gate");
}

static void
a_rule_apart_from_a_gated_one_is_no_way_round(void **state)
{
	static const char *const apart[] = {
		"host = \"w.good.test\", git = \"push\"",
		"host = \"git.good.test\"",
		"host = \"git.good.test\", git = \"push\", port = 8443",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(apart); i++) {
		auto_arena a = { 0 };

		assert_finding(
		    arena_z(&a, arena_printf(&a,
		                    GATED PUSH "[egress.w]\nmatch = { %s }\n",
		                    apart[i])),
		    false, "gates.toml:9: [egress.w]", "without a gate");
	}
	/* What only reads is held by no gate. */
	assert_finding(OPEN
	    "[gate.l]\ntool = \"look\"\nrequire = \"operator\"\n"
	    "[egress.w]\nmatch = { host = \"look.good.test\" }\n",
	    false, "gates.toml:6: [egress.w]", "without a gate");
}

/* Only the default holds the second of the calls; reads it lets pass. */
static void
what_only_the_default_holds_is_said_so(void **state)
{
	(void)state;
	assert_finding(
	    "[gate.push]\ntool = \"git_push\"\nrequire = \"operator\"\n"
	    "[egress.push]\nmatch = { host = \"git.good.test\", git = "
	    "\"push\" }\nonly_for = [\"git_push\", \"shell\"]\n"
	    "[egress.any]\nmatch = { host = \"*.good.test\", git = \"push\" "
	    "}\n",
	    true, "gates.toml:7: [egress.any]", "[defaults] unmatched holds");
	assert_finding("[egress.l]\nmatch = { host = \"l.good.test\" }\n"
	               "only_for = [\"look\"]\n",
	    false, "gates.toml:1: [egress.l]", "without a gate");
}

/* The cell of a call that nothing holds is no better than every cell. */
static void
a_way_round_by_an_ungated_call_is_one_too(void **state)
{
	(void)state;
	assert_finding(GATED PUSH
	    "[egress.any]\nmatch = { host = \"*.good.test\", git = \"push\" }"
	    "\nonly_for = [\"look\"]\n",
	    true, "gates.toml:9: [egress.any]", "[egress.push] of line 6");
}

static void
a_host_that_may_be_changed_without_a_gate_is_listed(void **state)
{
	(void)state;
	assert_finding(OPEN "[egress.w]\nmatch = { host = \"w.good.test\", "
	                    "method = \"GET|PUT\" }\n",
	    false, "gates.toml:3: [egress.w]", "requests to w.good.test that");
	assert_finding(OPEN "[egress.w]\nmatch = { host = \"*.good.test\" }\n",
	    false, "without a gate", "requests to *.good.test that");
	assert_finding(
	    OPEN PUSH, false, "gates.toml:3: [egress.push]", "without a gate");
}

#define HOLD(match) "[gate.h]\nmatch = { " match " }\nrequire = \"operator\"\n"
#define WRITES(more) \
	OPEN "[egress.w]\nmatch = { host = \"w.good.test\"" more " }\n"

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
a_gate_on_requests_holds_a_rule_for_every_cell(void **state)
{
	auto_arena a = { 0 };
	const struct policy_finding *list = NULL;
	static const char *const sound[] = {
		WRITES(", method = \"GET|PUT\"")
		    HOLD("host = \"w.good.test\", method = \"PUT\""),
		WRITES("") HOLD("host = \"*.good.test\""),
		WRITES(", path = \"/pay/a\"")
		    HOLD("host = \"w.good.test\", path = \"/pay/**\""),
		GATED PUSH HOLD("git = \"push\"") "[egress.any]\nmatch = { "
		                                  "host = \"*.good.test\", "
		                                  "git = \"push\" }\n",
		/* Two rules that are apart, one of them gated: said so. */
		WRITES(", path = \"/pay\"") HOLD(
		    "host = \"w.good.test\", path = \"/pay\"") "[egress.r]"
		                                               "\nmatch = { "
		                                               "host = "
		                                               "\"w.good."
		                                               "test\", method "
		                                               "= \"GET\" }\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(sound); i++) {
		if (check(&a, sound[i], &list)) {
			fail_msg(
			    "%s: " STR_FMT, sound[i], STR_ARG(list[0].text));
		}
	}
}

static void
what_a_rule_lets_past_a_gate_on_requests_is_found(void **state)
{
	(void)state;
	assert_finding(WRITES(", path = \"/pay/**\"")
	                   HOLD("host = \"w.good.test\", path = \"/pay/*\""),
	    true, "gates.toml:3: [egress.w] lets past [gate.h] of line 5",
	    "by a path beside the gate's");
	assert_finding(WRITES("") HOLD("host = \"w.good.test\", method = "
	                               "\"POST\", path = \"/pay/**\""),
	    true, "gates.toml:3: [egress.w]", "rule of its own");
	assert_finding(
	    WRITES(", port = 80") HOLD(
	        "host = \"w.good.test\", port = 443") "[egress.x]\nmatch = { "
	                                              "host = \"w.good.test\" "
	                                              "}\n",
	    true, "gates.toml:3: [egress.w]", "by another port");
	/* Held wholly by one gate, and beside the path of another; reads, where
	 * the gate names them. */
	assert_finding(
	    WRITES("") HOLD("host = \"w.good.test\"") "[gate.two]\nmatch = { "
	                                              "host = "
	                                              "\"w.good.test\", "
	                                              "path = \"/pay\" "
	                                              "}\nrequire = "
	                                              "\"operator\"\n",
	    true, "gates.toml:3: [egress.w] lets past [gate.two]",
	    "by a path beside the gate's");
	assert_finding(WRITES(", method = \"GET\"")
	                   HOLD("host = \"w.good.test\", method = \"GET\", "
	                        "path = \"/secret\""),
	    true, "gates.toml:3: [egress.w] lets past [gate.h]",
	    "by a path beside the gate's");
	assert_finding("[egress.f]\nmatch = { host = \"git.good.test\", git = "
	               "\"fetch\" }\n" HOLD("git = \"fetch\", path = "
	                                    "\"/secret/**\""),
	    true, "gates.toml:1: [egress.f] lets past [gate.h]",
	    "by a path beside the gate's");
	/* Other methods are no way past, and are listed. */
	assert_finding(WRITES("")
	                   HOLD("host = \"w.good.test\", method = \"POST\""),
	    false, "gates.toml:3: [egress.w]", "without a gate");
	assert_finding(WRITES(", method = \"GET\"")
	                   HOLD("host = \"v.good.test\""),
	    false, "gates.toml:5: [gate.h]", "holds no request");
}

/* A gate that holds some of what a rule lets out is none of the rule. */
static void
a_gate_on_some_of_the_requests_holds_no_rule(void **state)
{
	static const char *const gates[] = {
		HOLD("host = \"git.good.test\", git = \"push\", ref = "
		     "\"refs/heads/main\""),
		HOLD("host = \"git.good.test\", git = \"push\", delete = "
		     "true"),
		HOLD("host = \"git.good.test\", git = \"push\", identity = "
		     "\"cloud__*\""),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(gates); i++) {
		auto_arena a = { 0 };
		struct str text = arena_printf(&a, OPEN "%s" PUSH, gates[i]);

		assert_finding(arena_z(&a, text), false,
		    "gates.toml:6: [egress.push]", "without a gate");
	}
}

static void
names_must_exist(void **state)
{
	(void)state;
	assert_finding("[gate.g]\ntool = \"t\"\nrequire = \"bob\"\n", true,
	    "gates.toml:1: [gate.g]", "no [operator.bob]");
	assert_finding("[gate.g]\ntool = \"t\"\nrequire = \"two_operators\"\n",
	    true, "gates.toml:1: [gate.g]", "the house has 1");
	assert_finding("[gate.g]\ntool = \"t\"\nrequire = \"operator\"\n"
	               "escalate_to = \"bob\"\n",
	    true, "gates.toml:1: [gate.g] escalates to \"bob\"",
	    "no [operator.bob]");
	assert_finding("[egress.r]\nmatch = { host = \"r.good.test\", method "
	               "= \"GET\" }\nonly_for = [\"nothing\"]\n",
	    true, "gates.toml:1: only_for", "no such tool");
	assert_finding(OPEN "[egress.r]\nmatch = { host = \"r.good.test\" }\n"
	                    "only_for = [\"nothing\"]\n",
	    true, "gates.toml:3: only_for", "no such tool");
}

static void
names_that_exist_are_no_finding(void **state)
{
	auto_arena a = { 0 };
	const struct policy_finding *list = NULL;

	(void)state;
	assert_int_equal(check(&a,
	                     "[gate.s]\ntool = \"shell\"\nrequire = \"alice\"\n"
	                     "[gate.t]\ntool = \"t\"\nrequire = \"operator\"\n"
	                     "escalate_to = \"alice\"\n"
	                     "[egress.s]\nmatch = { host = \"s.good.test\" }\n"
	                     "only_for = [\"shell\"]\n",
	                     &list),
	    0);
}

/* The list grows, and keeps what stands in it. */
static void
every_finding_is_told(void **state)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	const struct policy_finding *list = NULL;

	(void)state;
	for (int i = 10; i < 80; i++) {
		buf_addf(
		    &text, "[gate.g%d]\ntool = \"t\"\nrequire = \"bob\"\n", i);
	}
	assert_int_equal(check(&a, buf_z(&text), &list), 70);
	for (int i = 10; i < 80; i++) {
		struct str name = arena_printf(&a, "[gate.g%d]", i);

		assert_row(
		    str_has_str(list[i - 10].text, name) && list[i - 10].error,
		    arena_z(&a, name));
	}
}

static void
without_a_house_gates_are_not_held_against_operators(void **state)
{
	auto_arena a = { 0 };
	const struct policy_finding *list = NULL;
	const char *two = OPEN "[gate.push]\ntool = \"git_push\"\n"
	                       "require = \"two_operators\"\n";
	struct policy_house house = {
		.tools = tools,
		.tool_count = COUNT(tools),
	};
	size_t count = 0;

	(void)state;
	policy_check(&a, policy_of(&a, two), &house, &list, &count);
	assert_int_equal(count, 0);
	assert_finding(two, true, "requires 2 operators", "the house has 1");
}

/* --- surfaces of this node --- */

static size_t
check_node(struct arena *a, const char *surface,
    const enum policy_surface *here, const struct policy_finding **list)
{
	struct policy_house house = {
		.operators = operators,
		.operator_count = COUNT(operators),
		.surfaces = here,
		.surface_count = 2,
	};
	struct str text = arena_printf(
	    a, "[gate.g]\ntool = \"t\"\nrequire = \"operator\"\n%s", surface);
	size_t count = 0;

	policy_check(a, policy_of(a, arena_z(a, text)), &house, list, &count);
	return count;
}

static void
a_surface_that_this_node_lacks_is_named(void **state)
{
	static const enum policy_surface desk[] = { POLICY_CLI, POLICY_BUDDY };
	static const enum policy_surface none[] = { POLICY_FILE, POLICY_FILE };
	static const struct {
		const char *surface, *lacks;
		bool error;
	} rows[] = {
		{ "", NULL, false },
		{ "surface = \"any\"\n", NULL, false },
		{ "surface = \"cli\"\n", NULL, false },
		{ "surface = \"buddy | cli\"\n", NULL, false },
		{ "surface = \"web | cli\"\n", "\"web\"", false },
		{ "surface = \"web\"\n", "\"web\"", true },
		{ "surface = [\"file\", \"web\"]\n", "\"web\"", true },
	};
	auto_arena every = { 0 };
	const struct policy_finding *any = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_arena a = { 0 };
		const struct policy_finding *list = NULL;
		size_t count = check_node(&a, rows[i].surface, desk, &list);

		assert_row(count == (rows[i].lacks != NULL), rows[i].surface);
		assert_row(
		    !count ||
		        (list[0].error == rows[i].error &&
		            str_has_str(list[0].text, str_of(rows[i].lacks)) &&
		            str_has_str(list[0].text, STR("nobody could")) ==
		                rows[i].error),
		    rows[i].surface);
	}
	assert_int_equal(check_node(&every, "", none, &any), 1);
	assert_true(any[0].error);
}

/* --- where a tool leads --- */

static void
the_place_of_an_http_tool_is_read_from_its_url(void **state)
{
	static const struct {
		const char *url, *host, *path;
		uint16_t port;
	} rows[] = {
		{ "https://a.test/v1/{{id}}/x?q={{q}}", "a.test", "/v1/*/x",
		    443 },
		{ "https://a.test", "a.test", "", 443 },
		{ "http://a.test:8080/{{a}}-{{b}}", "a.test", "/*-*", 8080 },
		{ "https://A.Test:8443?q=1", "a.test", "", 8443 },
		{ "https://[FD00::7]/x", "[fd00::7]", "/x", 443 },
		{ "http://[fd00::7]:81/x", "[fd00::7]", "/x", 81 },
		/* judged as another text than this: any path */
		{ "https://a.test/%61dmin", "a.test", "", 443 },
		{ "https://a.test/a/../b", "a.test", "", 443 },
		{ "https://a.test/{{a}}{{b}}", "a.test", "/**", 443 },
		{ "https://a.test:/x", "", "", 0 },
		{ "https://{{host}}/x", "", "", 0 },
		{ "ftp://a.test/", "", "", 0 },
		{ "https://a.test:99999/", "", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_arena a = { 0 };
		struct policy_tool t = { 0 };

		policy_tool_place(&a, &t, STR("POST"), str_of(rows[i].url));
		assert_row(str_eq_z(t.host, rows[i].host) &&
		               str_eq_z(t.path, rows[i].path) &&
		               t.port == rows[i].port,
		    rows[i].url);
	}
}

static void
a_rule_for_another_path_of_the_same_host_is_no_way_round(void **state)
{
	static const struct {
		const char *path;
		bool error;
	} rows[] = { { ", path = \"/send/**\"", true },
		{ ", path = \"/send/*/now\"", true },
		{ ", path = \"/other/**\"", false },
		{ ", path = \"/send/x/later\"", false },
		{ ", path = \"/**\"", true }, { "", true } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_arena a = { 0 };
		struct policy_tool t = { .name = STR("send"),
			.action = STR("send") };
		struct policy_house house = { .tools = &t, .tool_count = 1 };
		const struct policy_finding *list = NULL;
		size_t count = 0;
		struct str text = arena_printf(&a,
		    OPEN
		    "[gate.s]\ntool = \"send\"\nrequire = \"operator\"\n"
		    "[egress.e]\nmatch = { host = \"a.good.test\", method = "
		    "\"POST\"%s }\n",
		    rows[i].path);

		policy_tool_place(&a, &t, STR("POST"),
		    STR("https://a.good.test/send/{{to}}/now"));
		policy_check(&a, policy_of(&a, arena_z(&a, text)), &house,
		    &list, &count);
		assert_int_equal(count, 1);
		assert_row(list[0].error == rows[i].error, rows[i].path);
	}
}

/* The rule's host as it is written there, and as the tool's URL has it. */
static void
a_rule_for_the_address_of_a_gated_tool_is_a_way_round(void **state)
{
	auto_arena a = { 0 };
	struct policy_tool t = { .name = STR("send"), .action = STR("send") };
	struct policy_house house = { .tools = &t, .tool_count = 1 };
	const struct policy_finding *list = NULL;
	size_t count = 0;

	(void)state;
	policy_tool_place(
	    &a, &t, STR("POST"), STR("https://[fd00:0::7]:8443/%73end"));
	policy_check(&a,
	    policy_of(&a,
	        OPEN "[gate.s]\ntool = \"send\"\nrequire = \"operator\"\n"
	             "[egress.e]\nmatch = { host = \"[fd00::7]\", port = 8443,"
	             " method = \"POST\", path = \"/send\" }\n"
	             "upstream = \"[fd00::7]:8443\"\n"),
	    &house, &list, &count);
	assert_int_equal(count, 1);
	assert_true(list[0].error);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_surface_that_this_node_lacks_is_named),
		cmocka_unit_test(
		    the_place_of_an_http_tool_is_read_from_its_url),
		cmocka_unit_test(
		    a_rule_for_another_path_of_the_same_host_is_no_way_round),
		cmocka_unit_test(
		    a_rule_for_the_address_of_a_gated_tool_is_a_way_round),
		cmocka_unit_test(a_sound_policy_has_no_findings),
		cmocka_unit_test(a_way_round_a_gated_call_names_both_lines),
		cmocka_unit_test(a_rule_of_every_path_goes_round_one_of_some),
		cmocka_unit_test(a_way_round_by_an_ungated_call_is_one_too),
		cmocka_unit_test(a_way_round_leads_where_a_gated_tool_leads),
		cmocka_unit_test(a_rule_apart_from_a_gated_one_is_no_way_round),
		cmocka_unit_test(what_only_the_default_holds_is_said_so),
		cmocka_unit_test(
		    a_host_that_may_be_changed_without_a_gate_is_listed),
		cmocka_unit_test(
		    a_gate_on_requests_holds_a_rule_for_every_cell),
		cmocka_unit_test(
		    what_a_rule_lets_past_a_gate_on_requests_is_found),
		cmocka_unit_test(a_gate_on_some_of_the_requests_holds_no_rule),
		cmocka_unit_test(names_must_exist),
		cmocka_unit_test(names_that_exist_are_no_finding),
		cmocka_unit_test(every_finding_is_told),
		cmocka_unit_test(
		    without_a_house_gates_are_not_held_against_operators),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
