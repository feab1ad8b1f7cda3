/* SPDX-License-Identifier: Apache-2.0 */
/* What a device on a desk shows of a hint: 43 bytes, of which 5 are the
 * wait's code and a space. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_help.h"

#define IDENTITY "linux__server__finance_coworker"

static struct policy_ask
ask_of(struct arena *a, const char *gates, const char *args)
{
	struct policy_call call = {
		.identity = STR(IDENTITY),
		.tool = STR("pay"),
		.action = STR("purchase"),
		.args = json_of(a, args),
	};
	struct policy_call_decision d = { 0 };

	policy_call(a, policy_of(a, gates), &call, &d);
	assert_int_equal(d.verdict, POLICY_ASK);
	return d.ask;
}

#define GATE(hint)                                               \
	"[gate.spend]\ntool = \"pay\"\nrequire = \"operator\"\n" \
	"hint = \"" hint "\"\n"

static void
role_fixed_text_and_the_last_value_come_first(void **state)
{
	static const struct {
		const char *args;
		const char *brief;
		bool cut;
	} rows[] = {
		{ "{\"vendor\":\"ACME\",\"amount\":12}", "finance ACME $12",
		    false },
		{ "{\"vendor\":\"a vendor with a name without end\","
		  "\"amount\":\"1200000.00\"}",
		    "finance a vendor with a n~ $1200000.00", true },
		/* exactly full: 7 + 1 + 24 + 2 + 4 */
		{ "{\"vendor\":\"123456789012345678901234\",\"amount\":1234}",
		    "finance 123456789012345678901234 $1234", false },
		{ "{\"vendor\":\"1234567890123456789012345\",\"amount\":1234}",
		    "finance 12345678901234567890123~ $1234", true },
		/* an amount without end leaves 4 for the vendor */
		{ "{\"vendor\":\"a vendor\",\"amount\":\"111111111111111111111"
		  "1111111111111\"}",
		    "finance a v~ $11111111111111111111111~", true },
		{ "{\"vendor\":\"\\u202e\",\"amount\":1}",
		    "finance \\u{202e} $1", true },
		{ "{\"amount\":1}", "finance (none) $1", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_arena a = { 0 };
		struct policy_ask ask =
		    ask_of(&a, GATE("{{vendor}} ${{amount}}"), rows[i].args);

		assert_string_equal(arena_z(&a, ask.brief), rows[i].brief);
		assert_int_equal(ask.brief_cut, rows[i].cut);
	}
}

static void
a_gate_without_a_hint_shows_tool_and_action(void **state)
{
	auto_arena a = { 0 };
	struct policy_ask ask = ask_of(
	    &a, "[gate.spend]\ntool = \"pay\"\nrequire = \"operator\"\n", "{}");

	(void)state;
	assert_string_equal(arena_z(&a, ask.brief), "finance pay (purchase)");
	assert_false(ask.brief_cut);
}

static void
several_gates_share_the_line_and_a_rest_is_marked(void **state)
{
	auto_arena a = { 0 };
	struct policy_ask ask = ask_of(&a,
	    GATE("pay {{v}}") "[gate.two]\ntool = \"pay\"\n"
	                      "require = \"operator\"\n"
	                      "hint = \"and a second question\"\n",
	    "{\"v\":\"twelve dollars\"}");

	(void)state;
	assert_string_equal(
	    arena_z(&a, ask.brief), "finance pay twelve dollars; and a sec~");
	assert_true(ask.brief_cut);
	assert_false(ask.hint_cut);
}

/* Whatever the values are: it fits, says the role, keeps the last value as far
 * as it can, and is unmarked only if it is the whole hint. */
static void
whatever_the_values_are_the_promise_holds(void **state)
{
	const char *given = getenv("SEED");
	unsigned seed =
	    given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)random_u64();

	(void)state;
	(void)printf("# SEED=%u\n", seed);
	for (int i = 0; i < 2000; i++) {
		auto_arena a = { 0 };
		auto_buf args = { 0 };
		auto_buf whole = { 0 };
		int lens[3];

		for (int n = 0; n < 3; n++) {
			lens[n] = rand_r(&seed) % 46;
		}
		buf_addf(&args,
		    "{\"a\":\"%.*s\",\"b\":\"%.*s\",\"c\":\"%.*s\"}", lens[0],
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", lens[1],
		    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", lens[2],
		    "cccccccccccccccccccccccccccccccccccccccccccccc");
		struct policy_ask ask =
		    ask_of(&a, GATE("{{a}}/{{b}}={{c}}"), buf_z(&args));
		const char *brief = arena_z(&a, ask.brief);
		const char *last = strchr(brief, '=');

		buf_addf(&whole, "finance " STR_FMT, STR_ARG(ask.hint));
		assert_true(ask.brief.len <= POLICY_BRIEF_MAX);
		assert_int_equal(
		    ask.brief_cut, !str_eq(ask.brief, buf_str(&whole)));
		assert_non_null(strchr(brief, '/'));
		assert_non_null(last);
		/* 38 - "finance " - "/=" - 4 - 4 */
		if (lens[2] <= 20) {
			assert_int_equal(strlen(last + 1), lens[2]);
		} else {
			assert_true(strlen(last + 1) >= 20);
		}
	}
}

static void
a_hint_that_cannot_fit_is_an_error_where_a_buddy_shows_it(void **state)
{
	static const struct {
		const char *gate;
		const char *role;
		const char *finding; /* NULL: none */
	} rows[] = {
		{ GATE("{{vendor}} ${{amount}}"), "finance", NULL },
		{ GATE("buy a thing of {{vendor}} for ${{amount}}"), "finance",
		    "gates.toml:1: [gate.spend] hint: a buddy shows 43 bytes; "
		    "code, role finance and fixed text leave 9, and the "
		    "variables need 12: shorten it, or name a surface without "
		    "buddy" },
		{ GATE("buy a thing of {{vendor}} for ${{amount}}") "surface = "
		                                                    "\"web\"\n",
		    "finance", NULL },
		/* unknown role: not measured */
		{ GATE("buy a thing of {{vendor}} for ${{amount}}"), "", NULL },
		{ GATE("123456789012345678901234567890"), "finance", NULL },
		{ GATE("1234567890123456789012345678901"), "finance",
		    "gates.toml:1: [gate.spend] hint: a buddy shows 43 bytes; "
		    "code, role finance and fixed text leave 0, and the "
		    "variables need 0: shorten it, or name a surface without "
		    "buddy" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_arena a = { 0 };
		struct policy_house house = { .role = str_of(rows[i].role) };
		const struct policy_finding *list = NULL;
		size_t count = 0;

		policy_check(
		    &a, policy_of(&a, rows[i].gate), &house, &list, &count);
		assert_row(count == (rows[i].finding ? 1 : 0), rows[i].gate);
		if (count) {
			assert_true(list[0].error);
			assert_string_equal(
			    arena_z(&a, list[0].text), rows[i].finding);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(role_fixed_text_and_the_last_value_come_first),
		cmocka_unit_test(a_gate_without_a_hint_shows_tool_and_action),
		cmocka_unit_test(
		    several_gates_share_the_line_and_a_rest_is_marked),
		cmocka_unit_test(whatever_the_values_are_the_promise_holds),
		cmocka_unit_test(
		    a_hint_that_cannot_fit_is_an_error_where_a_buddy_shows_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
