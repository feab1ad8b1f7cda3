/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/inside.h"
#include "agent_help.h"

#define STEP(id, tool, args) \
	"{\"id\":\"" id "\",\"tool\":\"" tool "\",\"args\":" args "}"
#define STEP_ON(id, tool, args, on)                               \
	"{\"id\":\"" id "\",\"tool\":\"" tool "\",\"args\":" args \
	",\"on_error\":\"" on "\"}"

/* --- references ------------------------------------------------------------
 */

/* What the second step asks, after the first one gave `value`. */
static void
expands(const char *args, const char *value, const char *expected)
{
	auto_buf begin = { 0 };

	buf_addf(&begin,
	    HEAD "\"brain\":\"runbook\",\"tools\":[],\"runbook\":[" STEP(
	        "a", "one", "{}") ",{\"id\":\"b\",\"tool\":\"two\","
	                          "\"args\":%s}]}",
	    args);
	struct agent *a = born(buf_z(&begin));

	asks_call(a, 1, "one", "{}");
	result(a, AGENT_CALL_OK, value);
	if (expected) {
		asks_call(a, 2, "two", expected);
	} else {
		gave_up(a, "reference", "${a.");
	}
	agent_free(a);
}

static void
a_whole_reference_keeps_its_type(void **state)
{
	(void)state;
	expands("{\"x\":\"${a.n}\"}", "{\"n\":1.50}", "{\"x\":1.50}");
	expands("{\"x\":\"${a.n}\"}", "{\"n\":true}", "{\"x\":true}");
	expands("{\"x\":\"${a.n}\"}", "{\"n\":null}", "{\"x\":null}");
	expands("{\"x\":\"${a.n}\"}", "{\"n\":\"t\"}", "{\"x\":\"t\"}");
	expands(
	    "{\"x\":\"${a.n}\"}", "{\"n\":{\"y\":[1]}}", "{\"x\":{\"y\":[1]}}");
}

static void
an_embedded_reference_becomes_text(void **state)
{
	(void)state;
	expands("{\"x\":\"v${a.n}w\"}", "{\"n\":7}", "{\"x\":\"v7w\"}");
	expands(
	    "{\"x\":\"v${a.n}w\"}", "{\"n\":\"t\\\"\"}", "{\"x\":\"vt\\\"w\"}");
	expands("{\"x\":\"${a.n}${a.n}\"}", "{\"n\":[1,\"2\"]}",
	    "{\"x\":\"[1,\\\"2\\\"][1,\\\"2\\\"]\"}");
}

static void
a_reference_goes_deeper_and_into_lists(void **state)
{
	(void)state;
	expands(
	    "{\"x\":\"${a.n.Deep.0}\"}", "{\"n\":{\"Deep\":[5]}}", "{\"x\":5}");
	expands("{\"l\":[{\"k\":[\"${a.n}\",2]},[],{}],\"m\":{}}", "{\"n\":1}",
	    "{\"l\":[{\"k\":[1,2]},[],{}],\"m\":{}}");
}

static void
what_only_looks_like_a_reference_is_text(void **state)
{
	(void)state;
	expands("{\"x\":\"${a} ${A.b} ${a.} ${a.n $ {a.n} ${\"}", "{\"n\":1}",
	    "{\"x\":\"${a} ${A.b} ${a.} ${a.n $ {a.n} ${\"}");
}

static void
what_a_result_says_is_not_expanded_again(void **state)
{
	(void)state;
	expands("{\"x\":\"a ${a.n}\"}", "{\"n\":\"${a.m}\",\"m\":\"no\"}",
	    "{\"x\":\"a ${a.m}\"}");
}

static void
a_missing_field_is_an_error_of_the_step(void **state)
{
	(void)state;
	expands("{\"x\":\"${a.m}\"}", "{\"n\":1}", NULL);
	expands("{\"x\":\"${a.n.m}\"}", "{\"n\":1}", NULL);
	expands("{\"x\":\"${a.n.1}\"}", "{\"n\":[0]}", NULL);
	expands("{\"x\":\"${a.n.x}\"}", "{\"n\":[0]}", NULL);
	expands("{\"x\":\"${a.n}\"}", "[]", NULL);
}

static void
arguments_cannot_grow_without_bound(void **state)
{
	auto_buf value = { 0 };
	auto_buf args = { 0 };

	(void)state;
	buf_add_z(&value, "{\"n\":\"");
	for (int i = 0; i < 3000; i++) {
		buf_add_z(&value, "0123456789");
	}
	buf_add_z(&value, "\"}");
	buf_add_z(&args, "{\"x\":[");
	for (int i = 0; i < 9; i++) {
		buf_addf(&args, "%s\"${a.n}\"", i ? "," : "");
	}
	buf_add_z(&args, "]}");
	auto_buf begin = { 0 };

	buf_addf(&begin,
	    HEAD "\"brain\":\"runbook\",\"tools\":[],\"runbook\":[" STEP(
	        "a", "one", "{}") ",{\"id\":\"b\",\"tool\":\"two\","
	                          "\"args\":%s}]}",
	    buf_z(&args));
	struct agent *a = born(buf_z(&begin));

	result(a, AGENT_CALL_OK, buf_z(&value));
	gave_up(a, "reference", "over 262144 bytes");
	agent_free(a);
}

static void
arguments_nested_too_deep_are_an_error(void **state)
{
	auto_arena a = { 0 };
	struct json *inner = json_new(&a, JSON_ARRAY);
	struct err e = { 0 };

	(void)state;
	(void)json_push(inner, json_new_i64(&a, 1));
	for (int depth = 1; depth <= 80; depth++) {
		struct json *outer = json_new(&a, JSON_ARRAY);
		auto_buf out = { 0 };

		assert_int_equal(
		    expand_args(inner, NULL, &out, &e), depth <= 64 ? 0 : -1);
		(void)json_push(outer, inner);
		inner = outer;
	}
	assert_int_equal(e.kind, ERR_LIMIT);
}

/* --- on_error ----------------------------------------------------------------
 */

static void
a_failed_step_with_stop_ends_the_run(void **state)
{
	struct agent *a =
	    born(RUNBOOK(STEP("a", "one", "{}") "," STEP("b", "finish", "{}")));

	(void)state;
	result(a, AGENT_CALL_FAILED,
	    "{\"error\":\"timeout\",\"message\":\"too slow\"}");
	gave_up(a, "step_failed", "step \"a\" (one) failed: timeout: too slow");
	agent_free(a);
}

static void
a_failed_step_with_continue_goes_on(void **state)
{
	struct agent *a = born(RUNBOOK(STEP_ON("a", "one", "{}",
	    "continue") "," STEP("b", "finish", "{\"exit\":\"${a.exit}\"}")));

	(void)state;
	result(a, AGENT_CALL_FAILED, "{\"exit\":2}");
	asks_call(a, 2, "finish", "{\"exit\":2}");
	agent_free(a);
}

static void
a_denied_step_with_continue_goes_on(void **state)
{
	struct agent *a = born(RUNBOOK(STEP_ON("a", "one", "{}",
	    "continue") "," STEP("b", "finish", "{\"why\":\"${a.message}\"}")));

	(void)state;
	result(
	    a, AGENT_CALL_DENIED, "{\"error\":\"denied\",\"message\":\"no\"}");
	asks_call(a, 2, "finish", "{\"why\":\"no\"}");
	agent_free(a);
}

static void
a_failed_step_is_tried_three_times_with_new_ordinals(void **state)
{
	struct agent *a = born(RUNBOOK(STEP_ON(
	    "a", "one", "{\"x\":1}", "retry") "," STEP("b", "finish", "{}")));

	(void)state;
	asks_call(a, 1, "one", "{\"x\":1}");
	assert_true(agent_asks(a).wait_us == 0);
	result(a, AGENT_CALL_FAILED, "{}");
	asks_call(a, 2, "one", "{\"x\":1}");
	assert_true(agent_asks(a).wait_us == CLOCK_SECOND / 2);
	result(a, AGENT_CALL_FAILED, "{}");
	asks_call(a, 3, "one", "{\"x\":1}");
	assert_true(agent_asks(a).wait_us == 2 * CLOCK_SECOND);
	result(a, AGENT_CALL_FAILED, "{\"exit\":9}");
	gave_up(
	    a, "step_failed", "failed 3 times, the last time: {\"exit\":9}");
	agent_free(a);
}

static void
a_denied_step_is_not_tried_again(void **state)
{
	struct agent *a = born(RUNBOOK(
	    STEP_ON("a", "one", "{}", "retry") "," STEP("b", "finish", "{}")));

	(void)state;
	result(a, AGENT_CALL_DENIED,
	    "{\"error\":\"denied\",\"message\":\"by kim: no\"}");
	gave_up(a, "denied", "step \"a\" (one) was denied: denied: by kim: no");
	agent_free(a);
}

static void
a_retried_step_that_passes_goes_on(void **state)
{
	struct agent *a = born(
	    RUNBOOK(STEP_ON("a", "one", "{}", "retry") "," STEP_ON("b", "one",
	        "{}", "retry") "," STEP("c", "finish", "{\"n\":\"${a.n}\"}")));

	(void)state;
	result(a, AGENT_CALL_FAILED, "{}");
	result(a, AGENT_CALL_FAILED, "{}");
	result(a, AGENT_CALL_OK, "{\"n\":1}");
	/* The next step has its own attempts, and does not wait. */
	assert_true(agent_asks(a).wait_us == 0);
	result(a, AGENT_CALL_FAILED, "{}");
	result(a, AGENT_CALL_OK, "{}");
	asks_call(a, 6, "finish", "{\"n\":1}");
	agent_free(a);
}

static void
a_wrong_reference_with_continue_skips_the_step(void **state)
{
	struct agent *a = born(RUNBOOK(STEP_ON("a", "one", "{}",
	    "continue") "," STEP_ON("b", "two", "{\"x\":\"${a.n}\"}",
	    "continue") "," STEP("c", "finish", "{\"e\":\"${b.error}\"}")));

	(void)state;
	result(a, AGENT_CALL_FAILED, "{\"error\":\"timeout\"}");
	/* No ordinal was spent on it; what names it sees why. */
	asks_call(a, 2, "finish", "{\"e\":\"reference\"}");
	agent_free(a);
}

static void
a_wrong_reference_is_not_retried(void **state)
{
	struct agent *a = born(RUNBOOK(STEP("a", "one", "{}") "," STEP_ON(
	    "b", "two", "{\"x\":\"${a.n}\"}", "retry")));

	(void)state;
	result(a, AGENT_CALL_OK, "{}");
	gave_up(a, "reference", "step \"b\" (\"two\"): ${a.n}");
	agent_free(a);
}

/* --- ends --------------------------------------------------------------------
 */

static void
a_finish_that_is_taken_ends_the_asking(void **state)
{
	struct agent *a = born(RUNBOOK(STEP("a", "finish", "{\"n\":1}")));

	(void)state;
	asks_call(a, 1, "finish", "{\"n\":1}");
	result(a, AGENT_CALL_OK, "{\"n\":1}");
	assert_int_equal(agent_asks(a).want, AGENT_REST);
	agent_free(a);
}

static void
a_runbook_without_finish_has_no_result(void **state)
{
	struct agent *a = born(RUNBOOK(STEP("a", "one", "{}")));

	(void)state;
	result(a, AGENT_CALL_OK, "{}");
	gave_up(a, "no_result", "add a last step with the tool finish");
	agent_free(a);
}

static void
send(struct agent *a, uint32_t ordinal, const char *tool)
{
	struct agent_call_event event = {
		.ordinal = ordinal,
		.tool = str_of(tool),
		.body = STR("{}"),
	};
	struct err e;

	assert_int_equal(agent_take_call(a, &event, &e), 0);
}

static void
an_event_that_answers_nothing_is_a_divergence(void **state)
{
	static const char runbook[] =
	    RUNBOOK(STEP("a", "one", "{}") "," STEP("b", "finish", "{}"));
	struct agent_model_event reply = {
		.turn = 1, .ok = true, .text = STR(""), .body = STR("{}")
	};
	struct agent *a = born(runbook);
	struct err e;

	(void)state;
	send(a, 2, "one");
	gave_up(a, "agent_diverged", "never asked for");
	assert_int_equal(agent_asks(a).end, AGENT_BLOCK);
	send(a, 1, "one"); /* nothing mends it */
	gave_up(a, "agent_diverged", "never asked for");
	agent_free(a);

	a = born(runbook);
	send(a, 1, "two");
	gave_up(a, "agent_diverged", "never asked for");
	agent_free(a);

	a = born(runbook);
	assert_int_equal(agent_take_model(a, &reply, &e), 0);
	gave_up(a, "agent_diverged", "never asked for");
	agent_free(a);

	a = born(runbook);
	send(a, 1, "one");
	send(a, 2, "finish");
	assert_int_equal(agent_asks(a).want, AGENT_REST);
	send(a, 2, "finish");
	gave_up(a, "agent_diverged", "never asked for");
	agent_free(a);
}

static void
a_task_that_is_not_of_its_form_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"[]",
		"{}",
		"{\"brain\":\"runbook\"}",
		"{\"brain\":\"other\"}",
		RUNBOOK(""),
		RUNBOOK("{\"id\":\"a\"}"),
		RUNBOOK("{\"tool\":\"a\"}"),
		RUNBOOK(STEP("a", "one", "[]")),
		"{\"brain\":\"model\"}",
		"{\"brain\":\"model\",\"model\":\"m\"}",
		"{\"brain\":\"model\",\"model\":\"\",\"tools\":[]}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct agent *a = NULL;
		struct err e = { 0 };

		if (!agent_new(str_of(wrong[i]), &a, &e)) {
			unexpected(wrong[i]);
		}
		assert_null(a);
		assert_true(e.text[0]);
	}
}

static void
a_tool_name_that_no_record_holds_fails_its_step(void **state)
{
	struct agent *a = born(RUNBOOK(STEP("a",
	    "x123456789012345678901234567890123456789012345678901234567890"
	    "123",
	    "{}")));

	(void)state;
	gave_up(a, "reference", "over 63 bytes");
	agent_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_reference_keeps_its_type),
		cmocka_unit_test(an_embedded_reference_becomes_text),
		cmocka_unit_test(a_reference_goes_deeper_and_into_lists),
		cmocka_unit_test(what_only_looks_like_a_reference_is_text),
		cmocka_unit_test(what_a_result_says_is_not_expanded_again),
		cmocka_unit_test(a_missing_field_is_an_error_of_the_step),
		cmocka_unit_test(arguments_cannot_grow_without_bound),
		cmocka_unit_test(arguments_nested_too_deep_are_an_error),
		cmocka_unit_test(a_failed_step_with_stop_ends_the_run),
		cmocka_unit_test(a_failed_step_with_continue_goes_on),
		cmocka_unit_test(a_denied_step_with_continue_goes_on),
		cmocka_unit_test(
		    a_failed_step_is_tried_three_times_with_new_ordinals),
		cmocka_unit_test(a_denied_step_is_not_tried_again),
		cmocka_unit_test(a_retried_step_that_passes_goes_on),
		cmocka_unit_test(
		    a_wrong_reference_with_continue_skips_the_step),
		cmocka_unit_test(a_wrong_reference_is_not_retried),
		cmocka_unit_test(a_finish_that_is_taken_ends_the_asking),
		cmocka_unit_test(a_runbook_without_finish_has_no_result),
		cmocka_unit_test(an_event_that_answers_nothing_is_a_divergence),
		cmocka_unit_test(a_task_that_is_not_of_its_form_is_refused),
		cmocka_unit_test(
		    a_tool_name_that_no_record_holds_fails_its_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
