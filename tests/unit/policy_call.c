/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ME "linux__server__finance_coworker"

static struct policy_call_decision
decide(struct arena *a, const char *policy, const char *tool,
    const char *action, const char *args)
{
	struct policy_call_decision d = { 0 };
	struct policy_call c = {
		.identity = STR(ME),
		.tool = str_of(tool),
		.action = str_of(action),
		.args = args ? json_of(a, args) : NULL,
	};

	policy_call(a, policy_of(a, policy), &c, &d);
	return d;
}

#define SPEND                                                \
	"[gate.spend]\nmatch = { tool = \"*\", action = "    \
	"\"purchase|subscribe\" }\nrequire = \"operator\"\n" \
	"hint = \"{{vendor}} ${{amount}}\"\n"

static void
a_matching_gate_asks(void **state)
{
	auto_arena a = { 0 };
	struct policy_call_decision d = decide(&a, SPEND, "buy", "purchase",
	    "{\"vendor\":\"ACME\",\"amount\":12.50}");

	(void)state;
	assert_int_equal(d.verdict, POLICY_ASK);
	assert_true(str_eq(d.rule, STR("gate.spend")));
	assert_true(str_eq(d.ask.hint, STR("ACME $12.50")));
	assert_false(d.ask.hint_cut);
	assert_int_equal(d.ask.people, 1);
	assert_int_equal(d.ask.surface_count, 3);
	assert_int_equal(d.ask.surfaces[0], POLICY_BUDDY);
	assert_int_equal(d.ask.surfaces[1], POLICY_WEB);
	assert_int_equal(d.ask.surfaces[2], POLICY_CLI);
	assert_int_equal(d.ask.expires_us, INT64_C(1440) * CLOCK_MINUTE);
}

static void
near_misses_fall_to_the_default(void **state)
{
	static const char *const misses[] = { "purchase_x", "Purchase", "",
		"purchase\n", "xpurchase" };
	auto_arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(misses); i++) {
		struct policy_call_decision d =
		    decide(&a, SPEND, "buy", misses[i], "{}");

		assert_int_equal(d.verdict, POLICY_ASK);
		assert_true(str_eq(d.rule, STR("defaults.unmatched")));
	}
}

static void
unmatched_reads_pass_and_the_rest_is_as_the_default_says(void **state)
{
	auto_arena a = { 0 };

	(void)state;
	assert_int_equal(
	    decide(&a, "", "t", "read", "{}").verdict, POLICY_ALLOW);
	assert_int_equal(
	    decide(&a, "", "t", "write", "{}").verdict, POLICY_ASK);
	assert_int_equal(
	    decide(&a, "", "t", "reading", "{}").verdict, POLICY_ASK);
	assert_int_equal(decide(&a, "[defaults]\nunmatched = \"allow\"\n", "t",
	                     "write", "{}")
	                     .verdict,
	    POLICY_ALLOW);
	struct policy_call_decision d = decide(
	    &a, "[defaults]\nunmatched = \"deny\"\n", "t", "write", "{}");

	assert_int_equal(d.verdict, POLICY_DENY);
	assert_int_equal(d.reason, POLICY_UNMATCHED);
	assert_int_equal(
	    decide(&a, "[defaults]\nunmatched = \"deny\"\n", "t", "read", "{}")
	        .verdict,
	    POLICY_ALLOW);
}

static void
a_gate_holds_reads_too(void **state)
{
	auto_arena a = { 0 };

	(void)state;
	assert_int_equal(
	    decide(&a, "[gate.g]\ntool = \"look\"\nrequire = \"operator\"\n",
	        "look", "read", "{}")
	        .verdict,
	    POLICY_ASK);
}

static void
a_gate_can_name_an_identity(void **state)
{
	auto_arena a = { 0 };
	const char *other =
	    "[defaults]\nunmatched = \"allow\"\n[gate.g]\nmatch = { identity "
	    "= \"cloud__*\" }\nrequire = \"operator\"\n";
	const char *mine =
	    "[defaults]\nunmatched = \"allow\"\n[gate.g]\nmatch = { identity "
	    "= \"cloud__*|linux__*\" }\nrequire = \"operator\"\n";

	(void)state;
	assert_int_equal(
	    decide(&a, other, "t", "w", "{}").verdict, POLICY_ALLOW);
	assert_int_equal(decide(&a, mine, "t", "w", "{}").verdict, POLICY_ASK);
}

static enum policy_verdict
with_args(const char *predicate, const char *args)
{
	auto_arena a = { 0 };
	char text[300] = { 0 };

	(void)snprintf(text, sizeof(text),
	    "[defaults]\nunmatched = \"allow\"\n[gate.g]\n"
	    "match = { tool = \"*\", %s }\nrequire = \"operator\"\n",
	    predicate);
	return decide(&a, text, "t", "w", args).verdict;
}

static void
predicates_compare_arguments(void **state)
{
	static const struct {
		const char *predicate;
		const char *args;
		bool asks;
	} rows[] = {
		{ "args.n = \"> 100\"", "{\"n\":100}", false },
		{ "args.n = \"> 100\"", "{\"n\":100.01}", true },
		{ "args.n = \">= 100\"", "{\"n\":1e2}", true },
		{ "args.n = \"< 100\"", "{\"n\":99}", true },
		{ "args.n = \"< 100\"", "{\"n\":100}", false },
		{ "args.n = \"<=100\"", "{\"n\":101}", false },
		{ "args.n = \"<=100\"", "{\"n\":100}", true },
		{ "args.n = \"!= 5\"", "{\"n\":5.0}", false },
		{ "args.n = \"!= 5\"", "{\"n\":6}", true },
		{ "args.n = \"== 5\"", "{\"n\":6}", false },
		{ "args.n = 5", "{\"n\":5}", true },
		{ "args.n = 5", "{\"n\":6}", false },
		{ "args.b = \"main|release/*\"", "{\"b\":\"main\"}", true },
		{ "args.b = \"main|release/*\"", "{\"b\":\"release/1\"}",
		    true },
		{ "args.b = \"main|release/*\"", "{\"b\":\"agent/x\"}", false },
		{ "args.b = \"main\"", "{\"b\":\"main2\"}", false },
		{ "args.f = true", "{\"f\":true}", true },
		{ "args.f = true", "{\"f\":false}", false },
		{ "args.f = false", "{\"f\":false}", true },
		{ "args.f = false", "{\"f\":true}", false },
		{ "args.a.b = \"x\"", "{\"a\":{\"b\":\"x\"}}", true },
		{ "args.a.b = \"x\"", "{\"a\":{\"b\":\"y\"}}", false },
		{ "args = { n = \"> 1\", b = \"x\" }", "{\"n\":2,\"b\":\"x\"}",
		    true },
		{ "args = { n = \"> 1\", b = \"x\" }", "{\"n\":2,\"b\":\"y\"}",
		    false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_arena a = { 0 };
		bool asks =
		    with_args(rows[i].predicate, rows[i].args) == POLICY_ASK;

		assert_row(asks == rows[i].asks,
		    arena_z(&a, arena_printf(&a, "%s on %s", rows[i].predicate,
		                    rows[i].args)));
	}
}

static void
what_a_predicate_cannot_judge_matches(void **state)
{
	static const char *const args[] = { "{}", "{\"n\":null}",
		"{\"n\":\"1\"}", "{\"n\":true}", "{\"n\":[1]}",
		"{\"n\":{\"n\":1}}", "{\"n\":1e1234567890123}",
		"{\"n\":-1e1234567890}", "{\"n\":1e-1000000000}" };

	(void)state;
	for (size_t i = 0; i < COUNT(args); i++) {
		assert_row(
		    with_args("args.n = \"> 100\"", args[i]) == POLICY_ASK,
		    args[i]);
	}
	assert_int_equal(with_args("args.n = \"x\"", "{\"n\":1}"), POLICY_ASK);
	assert_int_equal(with_args("args.n = true", "{\"n\":1}"), POLICY_ASK);
	assert_int_equal(with_args("args.n = \"x\"", NULL), POLICY_ASK);
	assert_int_equal(
	    with_args("args.a.b = \"x\"", "{\"a\":\"y\"}"), POLICY_ASK);
	/* Of 64 KiB it can be judged, of a byte more it cannot. */
	auto_buf text = { 0 };

	for (size_t size = 65536; size <= 65537; size++) {
		buf_clear(&text);
		buf_add_z(&text, "{\"n\":\"");
		for (size_t i = 0; i < size; i++) {
			buf_add_byte(&text, 'y');
		}
		buf_add_z(&text, "\"}");
		assert_int_equal(with_args("args.n = \"x\"", buf_z(&text)),
		    size > 65536 ? POLICY_ASK : POLICY_ALLOW);
	}
}

static void
several_gates_ask_together(void **state)
{
	auto_arena a = { 0 };
	struct policy_call_decision d = decide(&a,
	    "[gate.a]\ntool = \"t\"\nrequire = \"alice\"\nhint = \"A\"\n"
	    "surface = \"web | cli\"\nexpires = \"1h\"\n"
	    "[gate.b]\ntool = \"t\"\nrequire = \"bob\"\nhint = \"B\"\n"
	    "surface = [\"cli\", \"buddy\"]\n"
	    "[gate.c]\ntool = \"t\"\nrequire = \"operator\"\nhint = \"C\"\n",
	    "t", "w", "{}");

	(void)state;
	assert_int_equal(d.verdict, POLICY_ASK);
	assert_int_equal(d.ask.gate_count, 3);
	assert_int_equal(d.ask.people, 2);
	assert_int_equal(d.ask.named_count, 2);
	assert_int_equal(d.ask.surface_count, 1);
	assert_int_equal(d.ask.surfaces[0], POLICY_CLI);
	assert_int_equal(d.ask.expires_us, 60 * CLOCK_MINUTE);
	assert_true(str_eq(d.ask.hint, STR("A; B; C")));
}

/* One person named by two gates is one person, who can say yes to both. */
static void
a_person_named_twice_is_asked_once(void **state)
{
	auto_arena a = { 0 };
	struct policy_call_decision d = decide(&a,
	    "[gate.a]\ntool = \"t\"\nrequire = \"anna\"\n"
	    "[gate.b]\ntool = \"*\"\nrequire = \"anna\"\n",
	    "t", "w", "{}");

	(void)state;
	assert_int_equal(d.verdict, POLICY_ASK);
	assert_int_equal(d.ask.named_count, 1);
	assert_int_equal(d.ask.people, 1);
}

/* A pattern of one byte is a pattern. */
static void
one_byte_of_a_key_narrows_a_gate(void **state)
{
	static const char *const keys[] = { "tool = \"u\"", "action = \"u\"",
		"identity = \"u\"", "server = \"u\"" };

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		auto_arena a = { 0 };
		struct str text = arena_printf(&a,
		    "[defaults]\nunmatched = \"allow\"\n[gate.g]\n"
		    "match = { %s }\nrequire = \"operator\"\n",
		    keys[i]);

		assert_row(
		    decide(&a, arena_z(&a, text), "t", "w", "{}").verdict ==
		        POLICY_ALLOW,
		    keys[i]);
	}
}

static void
of_gates_the_most_people_are_asked(void **state)
{
	static const char *const gates[] = {
		"[gate.a]\ntool = \"t\"\nrequire = \"two_operators\"\n"
		"[gate.b]\ntool = \"t\"\nrequire = \"operator\"\n",
		"[gate.a]\ntool = \"t\"\nrequire = \"operator\"\n"
		"[gate.b]\ntool = \"t\"\nrequire = \"two_operators\"\n",
	};
	auto_arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(gates); i++) {
		assert_row(decide(&a, gates[i], "t", "w", "{}").ask.people == 2,
		    gates[i]);
	}
}

static void
gates_without_a_common_surface_deny(void **state)
{
	auto_arena a = { 0 };
	struct policy_call_decision d = decide(&a,
	    "[gate.a]\ntool = \"t\"\nrequire = \"operator\"\n"
	    "surface = \"web\"\n"
	    "[gate.b]\ntool = \"t\"\nrequire = \"operator\"\n"
	    "surface = \"file\"\n",
	    "t", "w", "{}");

	(void)state;
	assert_int_equal(d.verdict, POLICY_DENY);
	assert_int_equal(d.reason, POLICY_SURFACE);
}

/* I12 */
static void
a_hint_shows_only_printable_bounded_values(void **state)
{
	static const struct {
		const char *args;
		const char *hint;
		bool cut;
	} rows[] = {
		{ "{\"v\":\"ACME\"}", "<ACME> 1", false },
		{ "{\"v\":\"a\\nb\"}", "<a\\u{a}b> 1", true },
		{ "{\"v\":\"\\u202e\"}", "<\\u{202e}> 1", true },
		{ "{\"v\":\"\\u0430\"}", "<\\u{430}> 1", true },
		{ "{\"v\":\"\\\\u{430}\"}", "<\\u{5c}u{430}> 1", true },
		{ "{\"v\":"
		  "\"0123456789012345678901234567890123456789012345678\"}",
		    "<012345678901234567890123456789012345678901234567~> 1",
		    true },
		{ "{\"v\":\"0123456789012345678901234567890123456789"
		  "01234567890123456789\"}",
		    "<012345678901234567890123456789012345678901234567~> 1",
		    true },
		{ "{\"v\":\"~ \\u007f\"}", "<~ \\u{7f}> 1", true },
		{ "{\"v\":\"\\u00c0\"}", "<\\u{c0}> 1", true },
		{ "{\"v\":\"\\u0800\"}", "<\\u{800}> 1", true },
		{ "{\"v\":\"\\ud800\\udc00\"}", "<\\u{10000}> 1", true },
		{ "{\"v\":\"\\udbff\\udfff\"}", "<\\u{10ffff}> 1", true },
		{ "{\"v\":\"~ !\"}", "<~ !> 1", false },
		{ "{\"v\":12.50}", "<12.50> 1", false },
		{ "{\"v\":true}", "<true> 1", false },
		{ "{\"v\":null}", "<(none)> 1", false },
		{ "{}", "<(none)> 1", false },
		{ "{\"v\":[1,\"x\"]}", "<[1,\"x\"]> 1", false },
		{ "{\"v\":{\"d\":1}}", "<{\"d\":1}> 1", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_arena a = { 0 };
		struct policy_call_decision d = decide(&a,
		    "[gate.g]\ntool = \"t\"\nrequire = \"operator\"\n"
		    "hint = \"<{{ v }}> 1\"\n",
		    "t", "w", rows[i].args);

		assert_string_equal(arena_z(&a, d.ask.hint), rows[i].hint);
		assert_int_equal(d.ask.hint_cut, rows[i].cut);
	}
}

static void
the_whole_hint_is_bounded_however_many_gates_match(void **state)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		buf_addf(&text,
		    "[gate.g%d]\ntool = \"t\"\nrequire = \"operator\"\n"
		    "hint = \"{{v}}{{v}}{{v}}\"\n",
		    i);
	}
	struct policy_call_decision d = decide(&a, buf_z(&text), "t", "w",
	    "{\"v\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}");

	assert_int_equal(d.ask.gate_count, 100);
	assert_true(d.ask.hint.len <= 1024);
	assert_true(d.ask.hint_cut);
	assert_int_equal(d.ask.hint.at[d.ask.hint.len - 1], '~');
}

static void
explain_names_the_gate_and_its_line(void **state)
{
	auto_arena a = { 0 };
	auto_buf out = { 0 };
	struct policy_call c = { .identity = STR(ME),
		.tool = STR("buy"),
		.action = STR("purchase"),
		.args = json_of(&a, "{\"vendor\":\"ACME\",\"amount\":1}") };

	(void)state;
	policy_explain_call(&out, policy_of(&a, SPEND), &c);
	assert_true(str_has_str(buf_str(&out), STR("verdict   ask\n")));
	assert_true(
	    str_has_str(buf_str(&out), STR("[gate.spend] gates.toml:1\n")));
	assert_true(str_has_str(buf_str(&out), STR("ACME $1")));
	assert_true(str_has_str(buf_str(&out), STR("\nexpires   after 1d\n")));
}

static void
explain_says_times_as_gates_toml_does(void **state)
{
	auto_arena a = { 0 };
	auto_buf out = { 0 };
	struct policy_call c = { .identity = STR(ME), .tool = STR("t") };

	(void)state;
	policy_explain_call(&out,
	    policy_of(&a,
	        "[gate.a]\nmatch = { tool = \"t\" }\nrequire = \"anna\"\n"
	        "expires = \"1h30m\"\nremind = \"10m\"\n"
	        "escalate_to = \"ben\"\nescalate_after = \"45m\"\n"),
	    &c);
	assert_true(str_has_str(buf_str(&out),
	    STR("\nexpires   after 1h30m\nreminds   after 10m\nescalates after "
	        "45m to ben")));
}

static enum policy_verdict
from_server(const char *pattern, const char *server)
{
	auto_arena a = { 0 };
	struct policy_call_decision d = { 0 };
	struct policy_call c = {
		.identity = STR(ME),
		.tool = STR("git_push"),
		.action = STR("read"),
		.server = str_of(server),
	};
	struct str text = arena_printf(&a,
	    "[gate.g]\nmatch = { server = \"%s\" }\nrequire = "
	    "\"operator\"\n",
	    pattern);

	policy_call(&a, policy_of(&a, arena_z(&a, text)), &c, &d);
	return d.verdict;
}

static void
a_gate_can_name_a_server_and_never_means_a_tool_of_our_own(void **state)
{
	(void)state;
	assert_int_equal(from_server("git", "git"), POLICY_ASK);
	assert_int_equal(from_server("hub|git*", "gitlab"), POLICY_ASK);
	assert_int_equal(from_server("git", "git2"), POLICY_ALLOW);
	assert_int_equal(from_server("git", "Git"), POLICY_ALLOW);
	assert_int_equal(from_server("*", "x"), POLICY_ASK);
	assert_int_equal(from_server("*", ""), POLICY_ALLOW);
}

/* --- what a standing grant binds --- */

static struct policy_ask
ask_of(struct arena *a, const char *gates, const char *args)
{
	struct policy_call_decision d = { 0 };
	struct policy_call c = {
		.identity = STR("linux__server__finance_coworker"),
		.tool = STR("pay"),
		.action = STR("purchase"),
		.args = json_of(a, args),
	};

	policy_call(a, policy_of(a, gates), &c, &d);
	assert_int_equal(d.verdict, POLICY_ASK);
	policy_ask_bind(&c, &d.ask);
	return d.ask;
}

#define PAY                                                                    \
	"[gate.pay]\nmatch = { tool = \"pay\", args = { amount = \"> 100\" } " \
	"}\n"                                                                  \
	"require = \"operator\"\nhint = \"{{whom}} {{amount}}\"\n"

static void
a_grant_binds_what_the_gates_look_at_or_show(void **state)
{
	static const struct {
		const char *gates, *one, *other;
		bool same;
	} rows[] = {
		{ PAY, "{\"amount\":500,\"whom\":\"anna\",\"note\":\"a\"}",
		    "{\"note\":\"b\",\"whom\":\"anna\",\"amount\":5e2}", true },
		{ PAY, "{\"amount\":500,\"whom\":\"anna\"}",
		    "{\"amount\":501,\"whom\":\"anna\"}", false },
		{ PAY, "{\"amount\":500,\"whom\":\"anna\"}",
		    "{\"amount\":500,\"whom\":\"bert\"}", false },
		{ PAY, "{\"amount\":500}", "{\"amount\":500,\"whom\":null}",
		    false },
		{ PAY, "{\"whom\":\"anna\"}",
		    "{\"amount\":null,"
		    "\"whom\":\"anna\"}",
		    false },
		{ PAY, "{\"amount\":\"500\",\"whom\":\"\"}",
		    "{\"amount\":500,\"whom\":\"\"}", false },
		{ "[gate.pay]\nmatch = { args = { n = 1 } }\nrequire = "
		  "\"operator\"\nhint = \"{{whom}} {{iban}}\"\n",
		    "{\"n\":1,\"whom\":\"anna\",\"iban\":\"a\"}",
		    "{\"n\":1,\"whom\":\"anna\",\"iban\":\"b\"}", false },
		/* It looks at none: all of them. */
		{ "[gate.a]\ntool = \"pay\"\nrequire = \"operator\"\n",
		    "{\"amount\":500,\"note\":\"a\"}",
		    "{\"amount\":500,\"note\":\"b\"}", false },
		{ "[gate.a]\ntool = \"pay\"\nrequire = \"operator\"\n" PAY,
		    "{\"amount\":500,\"note\":\"a\"}",
		    "{\"amount\":500,\"note\":\"b\"}", false },
		{ "", "{\"amount\":500,\"note\":\"a\"}",
		    "{\"amount\":500,\"note\":\"b\"}", false },
		/* Which key it is cannot be mistaken. */
		{ "[gate.a]\nmatch = { args = { a = { b = \"*\" } } }\n"
		  "require = \"operator\"\n",
		    "{\"a\":{\"b\":\"x\"}}", "{\"a.b\":\"x\"}", false },
		{ "[gate.a]\nmatch = { args = { a = { b = \"*\" }, ab = "
		  "\"*\" } }\nrequire = \"operator\"\n",
		    "{\"a\":{\"b\":\"x\"},\"ab\":\"anna\"}",
		    "{\"a\":{\"b\":\"x\"},\"ab\":\"bert\"}", false },
		{ "[gate.a]\nmatch = { args = { \"a\\u0000b\" = \"*\", "
		  "\"a\\u0000c\" = \"*\" } }\nrequire = \"operator\"\n",
		    "{\"a\\u0000b\":\"x\",\"a\\u0000c\":\"anna\"}",
		    "{\"a\\u0000b\":\"x\",\"a\\u0000c\":\"bert\"}", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_arena a = { 0 };
		struct policy_ask one = ask_of(&a, rows[i].gates, rows[i].one);
		struct policy_ask other =
		    ask_of(&a, rows[i].gates, rows[i].other);

		assert_true(digest_eq(one.digest, other.digest));
		assert_row(
		    digest_eq(one.named_args, other.named_args) == rows[i].same,
		    rows[i].other);
	}
}

static void
gates_that_no_longer_ask_the_same_have_another_digest(void **state)
{
	static const char *const others[] = {
		"[gate.pay]\nmatch = { tool = \"pay\", args = { amount = \"> "
		"99\" } }\nrequire = \"operator\"\nhint = \"{{whom}} "
		"{{amount}}\"\n",
		"[gate.pay]\nmatch = { tool = \"pay\", args = { amount = \"> "
		"100\" } }\nrequire = \"anna\"\nhint = \"{{whom}} "
		"{{amount}}\"\n",
		"[gate.buy]\nmatch = { tool = \"pay\", args = { amount = \"> "
		"100\" } }\nrequire = \"operator\"\nhint = \"{{whom}} "
		"{{amount}}\"\n",
		PAY "surface = \"cli\"\n",
		PAY "expires = \"5m\"\n",
		PAY "[gate.more]\ntool = \"pay\"\nrequire = \"operator\"\n",
		"",
	};
	const char *args = "{\"amount\":500,\"whom\":\"anna\"}";
	auto_arena a = { 0 };
	struct policy_ask as_it_was = ask_of(&a, PAY, args);
	struct policy_ask laid_out = ask_of(&a,
	    "# the same\n[gate.other]\ntool = \"ship\"\nrequire = "
	    "\"operator\"\n[gate.pay]\nhint='{{whom}} {{amount}}'\n"
	    "require='operator'\nmatch.args.amount='> 100'\n"
	    "match.tool='pay'\n",
	    args);

	(void)state;
	assert_true(digest_eq(as_it_was.digest, laid_out.digest));
	assert_true(digest_eq(as_it_was.named_args, laid_out.named_args));
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_row(!digest_eq(as_it_was.digest,
		               ask_of(&a, others[i], args).digest),
		    others[i]);
	}
}

/* --- many gates --- */

static uint64_t
next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* What the index leaves out cannot match: beside the patterns tried one by one,
 * in the file's order. */
static bool
one_matches(struct str patterns, struct str tool)
{
	struct str rest = patterns;
	struct str one;
	bool more = true;
	bool matches = false;

	while (more) {
		more = str_cut(&rest, '|', &one);
		matches |= str_glob(one, tool);
	}
	return matches;
}

/* used[i] is the tool of gate.gI. */
static void
assert_asked(const struct policy_call_decision *d, const struct str *used,
    uint32_t count, struct str tool)
{
	uint32_t asked = 0;

	for (uint32_t i = 0; i < count; i++) {
		char name[16];

		if (one_matches(used[i], tool)) {
			(void)snprintf(name, sizeof(name), "g%u", i);
			assert_true(asked < d->ask.gate_count);
			assert_true(str_eq_z(d->ask.gates[asked++], name));
		}
	}
	assert_int_equal(asked, d->ask.gate_count);
}

static void
of_many_gates_all_that_match_are_asked_in_order(void **state)
{
	static const char *const patterns[] = { "a", "b", "ab", "a|b", "b|b",
		"*", "a*", "ab*", "*b|c", "c|d|e", "a*|c", "aa" };
	static const char *const tools[] = { "a", "b", "ab", "c", "d", "e",
		"aa", "none" };
	const char *given = getenv("SEED");
	uint64_t seed =
	    given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) | 1;

	(void)state;
	print_message("# SEED=%llu\n", (unsigned long long)seed);
	for (int round = 0; round < 100; round++) {
		auto_arena a = { 0 };
		auto_buf text = { 0 };
		struct str used[60];
		uint32_t count = (uint32_t)(next(&seed) % COUNT(used));

		for (uint32_t i = 0; i < count; i++) {
			used[i] =
			    str_of(patterns[next(&seed) % COUNT(patterns)]);
			buf_addf(&text,
			    "[gate.g%u]\ntool = \"" STR_FMT
			    "\"\nrequire = \"operator\"\n",
			    i, STR_ARG(used[i]));
		}
		for (size_t t = 0; t < COUNT(tools); t++) {
			struct policy_call_decision d =
			    decide(&a, buf_z(&text), tools[t], "read", "{}");

			assert_asked(&d, used, count, str_of(tools[t]));
		}
	}
}

/* Of several gates: the soonest reminder, and the first escalation, which
 * stands in for the person of its own gate. */
static void
reminders_and_escalations_are_joined(void **state)
{
	auto_arena a = { 0 };
	const struct policy *p = policy_of(&a,
	    "[gate.a]\ntool = \"t|v\"\nrequire = \"anna\"\nremind = \"30m\"\n"
	    "escalate_to = \"bert\"\nexpires = \"4h\"\n"
	    "[gate.b]\ntool = \"t|u|w\"\nrequire = \"carl\"\nremind = \"10m\"\n"
	    "escalate_to = \"dora\"\nescalate_after = \"1h\"\n"
	    "expires = \"3h\"\n"
	    "[gate.c]\ntool = \"u|v\"\nrequire = \"operator\"\n"
	    "expires = \"30m\"\n"
	    "[gate.d]\ntool = \"w\"\nrequire = \"e\"\nremind = \"20m\"\n");
	struct policy_call call = { .identity = STR("linux__server__x"),
		.tool = STR("t"),
		.action = STR("pay") };
	struct policy_call_decision d = { 0 };

	(void)state;
	policy_call(&a, p, &call, &d);
	assert_int_equal(d.verdict, POLICY_ASK);
	assert_int_equal(d.ask.people, 2);
	assert_int_equal(d.ask.remind_us, 10 * CLOCK_MINUTE);
	assert_int_equal(d.ask.escalate_us, 120 * CLOCK_MINUTE);
	assert_true(str_eq_z(d.ask.escalate_to, "bert"));
	assert_true(str_eq_z(d.ask.escalate_for, "anna"));
	/* What would come after the end does not come. */
	call.tool = STR("v");
	policy_call(&a, p, &call, &d);
	assert_int_equal(d.ask.expires_us, 30 * CLOCK_MINUTE);
	assert_int_equal(d.ask.remind_us, 0);
	call.tool = STR("w");
	policy_call(&a, p, &call, &d);
	assert_int_equal(d.ask.remind_us, 10 * CLOCK_MINUTE);
	call.tool = STR("u");
	policy_call(&a, p, &call, &d);
	assert_int_equal(d.ask.expires_us, 30 * CLOCK_MINUTE);
	assert_int_equal(d.ask.remind_us, 10 * CLOCK_MINUTE);
	assert_int_equal(d.ask.escalate_us, 0);
	assert_int_equal(d.ask.escalate_to.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reminders_and_escalations_are_joined),
		cmocka_unit_test(
		    of_many_gates_all_that_match_are_asked_in_order),
		cmocka_unit_test(
		    a_gate_can_name_a_server_and_never_means_a_tool_of_our_own),
		cmocka_unit_test(a_grant_binds_what_the_gates_look_at_or_show),
		cmocka_unit_test(
		    gates_that_no_longer_ask_the_same_have_another_digest),
		cmocka_unit_test(a_matching_gate_asks),
		cmocka_unit_test(near_misses_fall_to_the_default),
		cmocka_unit_test(
		    unmatched_reads_pass_and_the_rest_is_as_the_default_says),
		cmocka_unit_test(a_gate_holds_reads_too),
		cmocka_unit_test(a_gate_can_name_an_identity),
		cmocka_unit_test(predicates_compare_arguments),
		cmocka_unit_test(what_a_predicate_cannot_judge_matches),
		cmocka_unit_test(several_gates_ask_together),
		cmocka_unit_test(a_person_named_twice_is_asked_once),
		cmocka_unit_test(one_byte_of_a_key_narrows_a_gate),
		cmocka_unit_test(of_gates_the_most_people_are_asked),
		cmocka_unit_test(gates_without_a_common_surface_deny),
		cmocka_unit_test(a_hint_shows_only_printable_bounded_values),
		cmocka_unit_test(
		    the_whole_hint_is_bounded_however_many_gates_match),
		cmocka_unit_test(explain_names_the_gate_and_its_line),
		cmocka_unit_test(explain_says_times_as_gates_toml_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
