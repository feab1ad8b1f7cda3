/* SPDX-License-Identifier: Apache-2.0 */
/* One test for each thing that providers do; the numbers are those of the list
 * of quirks that the room answers for. */
#include "model_help.h"

static void
a_plain_reply_is_its_text(void **state)
{
	struct read r = answer(
	    200, MESSAGE("\"role\":\"assistant\",\"content\":\"hello\""));

	(void)state;
	assert_false(r.failed);
	equals(r.reply.content, "hello");
	equals(r.reply.reasoning, "");
	assert_int_equal(r.reply.call_count, 0);
	arena_fini(&r.arena);
}

static void
content_may_be_null_absent_or_a_list_of_parts(void **state)
{
	static const char *const forms[] = {
		MESSAGE("\"content\":null"),
		MESSAGE("\"role\":\"assistant\""),
		MESSAGE("\"content\":[]"),
	};
	struct read r;

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		r = answer(200, forms[i]);
		assert_false(r.failed);
		equals(r.reply.content, "");
		arena_fini(&r.arena);
	}
	r = answer(200,
	    MESSAGE("\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":"
	            "\"image\"},{\"type\":\"text\",\"text\":\"b\"}]"));
	equals(r.reply.content, "ab");
	arena_fini(&r.arena);
}

/* --- 2: reasoning ------------------------------------------------------------
 */

static void
quirk_2_reasoning_is_kept_apart_under_either_name(void **state)
{
	struct read r = answer(
	    200, MESSAGE("\"content\":\"a\",\"reasoning_content\":\"r\""));

	(void)state;
	equals(r.reply.content, "a");
	equals(r.reply.reasoning, "r");
	arena_fini(&r.arena);
	r = answer(200, MESSAGE("\"content\":\"a\",\"reasoning\":\"r\""));
	equals(r.reply.content, "a");
	equals(r.reply.reasoning, "r");
	arena_fini(&r.arena);
}

static void
quirk_2_thinking_in_the_content_is_reasoning(void **state)
{
	struct read r =
	    answer(200, MESSAGE("\"content\":\"\\n<think>hm</think>\\n\\na\""));

	(void)state;
	equals(r.reply.content, "a");
	equals(r.reply.reasoning, "hm");
	arena_fini(&r.arena);
	/* The opening tag stood in the prompt. */
	r = answer(200, MESSAGE("\"content\":\"hm</think>a\""));
	equals(r.reply.content, "a");
	equals(r.reply.reasoning, "hm");
	arena_fini(&r.arena);
	/* It never came to an end. */
	r = answer(200, MESSAGE("\"content\":\"<think>hm\""));
	equals(r.reply.content, "");
	equals(r.reply.reasoning, "hm");
	arena_fini(&r.arena);
	r = answer(200,
	    MESSAGE("\"content\":\"<think>b</think>a\",\"reasoning\":\"c\""));
	equals(r.reply.content, "a");
	equals(r.reply.reasoning, "c\nb");
	arena_fini(&r.arena);
}

static void
quirk_2_a_call_found_in_reasoning_is_no_call(void **state)
{
	static const char *const texts[] = {
		MESSAGE("\"content\":\"\",\"reasoning_content\":\"<tool_call>"
		        "shell {\\\"command\\\":\\\"ls\\\"}</tool_call>\""),
		MESSAGE("\"content\":\"<think><tool_call>{\\\"name\\\":"
		        "\\\"shell\\\"}</tool_call></think>\""),
		MESSAGE("\"content\":\"\",\"reasoning\":\"{\\\"tool_calls\\\":["
		        "{\\\"name\\\":\\\"shell\\\"}]}\""),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct read r = answer(200, texts[i]);

		assert_false(r.failed);
		assert_int_equal(r.reply.call_count, 0);
		equals(r.reply.content, "");
		arena_fini(&r.arena);
	}
}

/* --- 4, 5: other dialects
 * ------------------------------------------------------ */

static void
quirk_4_the_native_answer_of_workers_ai_is_read(void **state)
{
	static const char *const forms[] = {
		"{\"response\":\"t\",\"tool_calls\":[{\"name\":\"shell\","
		"\"arguments\":{\"b\":1,\"a\":2}}],\"usage\":{"
		"\"prompt_tokens\":9,\"completion_tokens\":4}}",
		"{\"result\":{\"response\":\"t\",\"tool_calls\":[{\"name\":"
		"\"shell\",\"arguments\":{\"b\":1,\"a\":2}}],\"usage\":{"
		"\"prompt_tokens\":9,\"completion_tokens\":4}},\"success\":"
		"true,\"errors\":[],\"messages\":[]}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		struct read r = answer(200, forms[i]);

		assert_false(r.failed);
		equals(r.reply.content, "t");
		assert_int_equal(r.reply.call_count, 1);
		equals(r.reply.calls[0].name, "shell");
		equals(r.reply.calls[0].arguments, "{\"b\":1,\"a\":2}");
		assert_int_equal(r.reply.usage.in, 9);
		arena_fini(&r.arena);
	}
	struct read r = answer(200,
	    "{\"result\":" MESSAGE("\"content\":\"x\"") ",\"success\":true}");

	assert_false(r.failed);
	equals(r.reply.content, "x");
	arena_fini(&r.arena);
}

static void
quirk_5_arguments_as_an_object_are_accepted(void **state)
{
	struct read r = answer(200, ARGUMENTS("{\"b\":1.0,\"a\":{\"c\":[]}}"));

	(void)state;
	equals(r.reply.calls[0].problem, "");
	equals(r.reply.calls[0].arguments, "{\"b\":1.0,\"a\":{\"c\":[]}}");
	equals(r.reply.calls[0].canonical, "{\"a\":{\"c\":[]},\"b\":1}");
	arena_fini(&r.arena);
}

static void
arguments_that_are_not_there_are_none(void **state)
{
	static const char *const forms[] = {
		ONE_FUNCTION("\"name\":\"shell\""),
		ARGUMENTS("null"),
		ARGUMENTS("\"\""),
		ARGUMENTS("\"{}\""),
		ARGUMENTS("{}"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		struct read r = answer(200, forms[i]);

		assert_int_equal(r.reply.call_count, 1);
		equals(r.reply.calls[0].problem, "");
		equals(r.reply.calls[0].arguments, "{}");
		arena_fini(&r.arena);
	}
}

static void
the_old_form_of_one_call_is_read(void **state)
{
	struct read r = answer(200,
	    MESSAGE("\"content\":null,\"function_call\":{\"name\":\"shell\","
	            "\"arguments\":\"{\\\"a\\\":1}\"}"));

	(void)state;
	assert_int_equal(r.reply.call_count, 1);
	equals(r.reply.calls[0].arguments, "{\"a\":1}");
	arena_fini(&r.arena);
}

/* --- 9, 13, 19, 21: what is a call
 * ---------------------------------------------- */

static void
quirk_9_and_21_a_name_is_taken_as_it_stands(void **state)
{
	static const char *const names[] = { "run_in", "Shell",
		"functions.shell", "shell " };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		auto_buf text = { 0 };

		buf_addf(&text, ONE_FUNCTION("\"name\":\"%s\""), names[i]);
		struct read r = answer(200, buf_z(&text));

		equals(r.reply.calls[0].name, names[i]);
		equals(r.reply.calls[0].problem, "");
		arena_fini(&r.arena);
	}
}

static void
a_call_without_a_name_is_a_problem(void **state)
{
	static const char *const forms[] = {
		ONE_FUNCTION("\"arguments\":\"{}\""),
		ONE_FUNCTION("\"name\":\"\",\"arguments\":\"{}\""),
		ONE_FUNCTION("\"name\":7,\"arguments\":\"{}\""),
		MESSAGE("\"tool_calls\":[{}]"),
		MESSAGE("\"tool_calls\":[3]"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		struct read r = answer(200, forms[i]);

		assert_int_equal(r.reply.call_count, 1);
		equals(r.reply.calls[0].problem, "the call names no tool");
		arena_fini(&r.arena);
	}
}

static void
quirk_13_calls_count_by_presence_not_by_the_finish_reason(void **state)
{
	static const char *const reasons[] = { "\"stop\"", "null",
		"\"tool_calls\"", "\"function_call\"", "7" };

	(void)state;
	for (size_t i = 0; i < COUNT(reasons); i++) {
		auto_buf text = { 0 };

		buf_addf(&text,
		    "{\"choices\":[{\"finish_reason\":%s,\"message\":{"
		    "\"tool_calls\":[{\"function\":{\"name\":\"shell\"}}]}}]}",
		    reasons[i]);
		struct read r = answer(200, buf_z(&text));

		assert_int_equal(r.reply.call_count, 1);
		equals(r.reply.calls[0].problem, "");
		arena_fini(&r.arena);
	}
	struct read r = answer(200,
	    "{\"choices\":[{\"finish_reason\":\"tool_calls\",\"message\":{"
	    "\"content\":\"x\",\"tool_calls\":null}}]}");

	assert_int_equal(r.reply.call_count, 0);
	arena_fini(&r.arena);
}

static void
a_reply_cut_at_its_length_runs_no_call(void **state)
{
	struct read r = answer(200,
	    "{\"choices\":[{\"finish_reason\":\"length\",\"message\":{"
	    "\"tool_calls\":[{\"function\":{\"name\":\"shell\",\"arguments\":"
	    "\"{\\\"a\\\":1}\"}}]}}]}");

	(void)state;
	assert_true(r.reply.cut);
	assert_int_equal(r.reply.call_count, 1);
	assert_true(r.reply.calls[0].problem.len > 0);
	equals(r.reply.calls[0].arguments, "{}");
	arena_fini(&r.arena);
}

static void
a_filtered_reply_says_so(void **state)
{
	struct read r = answer(200,
	    "{\"choices\":[{\"finish_reason\":\"content_filter\",\"message\":{"
	    "\"content\":\"\"}}]}");

	(void)state;
	assert_true(r.reply.refused);
	arena_fini(&r.arena);
}

static void
quirk_19_a_call_written_as_text_is_text(void **state)
{
	struct read r = answer(200,
	    MESSAGE("\"content\":\"{\\\"name\\\":\\\"shell\\\",\\\"arguments\\"
	            "\":{}}\""));

	(void)state;
	assert_int_equal(r.reply.call_count, 0);
	equals(r.reply.content, "{\"name\":\"shell\",\"arguments\":{}}");
	arena_fini(&r.arena);
	r = answer(
	    200, MESSAGE("\"content\":\"<tool_call>{\\\"name\\\":\\\"shell\\\"}"
	                 "</tool_call>\""));
	assert_int_equal(r.reply.call_count, 0);
	arena_fini(&r.arena);
}

/* --- 20, 22, 26: arguments
 * ------------------------------------------------------- */

static void
quirk_20_arguments_are_never_mended(void **state)
{
	static const char *const wrong[] = {
		"```json\\n{}\\n```",         /* a fence */
		"{\\\"a\\\":1,}",             /* a comma too many */
		"{'a':1}",                    /* single quotes */
		"{\\\"a\\\":",                /* cut */
		"{\\\"a\\\":1}{\\\"b\\\":2}", /* two in a row */
		"{} {}",
		"{a:1}",
		"{\\\"a\\\":1,\\\"a\\\":2}",
		"{\\\"a\\\":NaN}",
		"{\\\"a\\\":01}",
		"shell",
		"[",
		"{\\\"a\\\":\\\"\\n\\\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		auto_buf text = { 0 };

		buf_addf(&text, ARGUMENTS("\"%s\""), wrong[i]);
		struct read r = answer(200, buf_z(&text));

		if (r.failed || r.reply.call_count != 1 ||
		    !str_has_str(r.reply.calls[0].problem,
		        STR("the arguments are not valid JSON: line 1"))) {
			unexpected(wrong[i]);
		}
		equals(r.reply.calls[0].arguments, "{}");
		arena_fini(&r.arena);
	}
}

static void
quirk_20_the_problem_names_the_place_and_the_text(void **state)
{
	struct read r = answer(200, ARGUMENTS("\"{\\\"a\\\":1,}\""));

	(void)state;
	assert_true(str_has_str(r.reply.calls[0].problem, STR("column 8")));
	assert_true(
	    str_ends(r.reply.calls[0].problem, STR("they were: {\"a\":1,}")));
	arena_fini(&r.arena);
}

static void
quirk_22_arguments_must_be_an_object(void **state)
{
	static const char *const wrong[] = { "[1]", "7", "true", "\"[1]\"",
		"\"7\"", "\"\\\"x\\\"\"", "\"null\"" };

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		auto_buf text = { 0 };

		buf_addf(&text, ARGUMENTS("%s"), wrong[i]);
		struct read r = answer(200, buf_z(&text));

		equals(r.reply.calls[0].problem,
		    "the arguments must be a JSON object");
		equals(r.reply.calls[0].arguments, "{}");
		arena_fini(&r.arena);
	}
}

static void
quirk_26_absurd_arguments_stay_within_bounds(void **state)
{
	auto_buf deep = { 0 };
	struct read r;

	(void)state;
	buf_add_z(&deep, "{\\\"a\\\":");
	for (int i = 0; i < 100; i++) {
		buf_add_z(&deep, "[");
	}
	auto_buf text = { 0 };

	buf_addf(&text, ARGUMENTS("\"%s\""), buf_z(&deep));
	r = answer(200, buf_z(&text));
	assert_true(r.reply.calls[0].problem.len > 0);
	arena_fini(&r.arena);
	/* Numbers and characters that only look dangerous are data. */
	r = answer(200,
	    ARGUMENTS("\"{\\\"a\\\":1e400,\\\"b\\\":\\\"\\\\u0000\\\"}\""));
	equals(r.reply.calls[0].problem, "");
	equals(r.reply.calls[0].arguments, "{\"a\":1e400,\"b\":\"\\u0000\"}");
	arena_fini(&r.arena);
}

static void
quirk_26_an_answer_nested_too_deep_is_nonsense(void **state)
{
	auto_buf text = { 0 };
	struct read r;

	(void)state;
	buf_add_z(&text, "{\"choices\":");
	for (int i = 0; i < 100000; i++) {
		buf_add_z(&text, "[");
	}
	r = answer(200, buf_z(&text));
	assert_true(r.failed);
	assert_int_equal(r.why.cause, MODEL_NONSENSE);
	arena_fini(&r.arena);
}

static void
more_calls_than_a_reply_may_have_are_nonsense(void **state)
{
	auto_buf text = { 0 };
	struct read r;

	(void)state;
	buf_add_z(&text, "{\"choices\":[{\"message\":{\"tool_calls\":[");
	for (int i = 0; i < MODEL_CALLS_MAX; i++) {
		buf_addf(&text, "%s{\"name\":\"a\"}", i ? "," : "");
	}
	size_t here = text.len;

	buf_add_z(&text, "]}}]}");
	r = answer(200, buf_z(&text));
	assert_int_equal(r.reply.call_count, MODEL_CALLS_MAX);
	arena_fini(&r.arena);
	text.len = here;
	buf_add_z(&text, ",{\"name\":\"a\"}]}}]}");
	r = answer(200, buf_z(&text));
	assert_true(r.failed);
	assert_int_equal(r.why.cause, MODEL_NONSENSE);
	arena_fini(&r.arena);
}

/* --- 25, 27, 28
 * ------------------------------------------------------------------ */

static void
quirk_25_calls_get_our_own_ids(void **state)
{
	struct read r = answer(200,
	    MESSAGE("\"tool_calls\":[{\"id\":\"same\",\"name\":\"a\"},"
	            "{\"id\":\"same\",\"name\":\"b\"},null,{\"name\":\"c\"}]"));

	(void)state;
	assert_int_equal(r.reply.call_count, 3);
	assert_string_equal(r.reply.calls[0].id, "c00000007");
	assert_string_equal(r.reply.calls[1].id, "c00000008");
	assert_string_equal(r.reply.calls[2].id, "c00000009");
	equals(r.reply.calls[2].name, "c");
	arena_fini(&r.arena);
}

static void
quirk_27_usage_that_is_missing_is_estimated(void **state)
{
	struct read r = answer_sized(200,
	    "{\"choices\":[{\"message\":{\"content\":\"x\"}}],\"usage\":{"
	    "\"prompt_tokens\":9,\"completion_tokens\":4,"
	    "\"prompt_tokens_details\":{\"cached_tokens\":5}}}",
	    400);

	(void)state;
	assert_int_equal(r.reply.usage.in, 9);
	assert_int_equal(r.reply.usage.out, 4);
	assert_int_equal(r.reply.usage.cached, 5);
	assert_false(r.reply.usage.estimated);
	arena_fini(&r.arena);
	static const char *const without[] = {
		"{\"choices\":[{\"message\":{\"content\":\"xxxxxx\"}}]}",
		"{\"choices\":[{\"message\":{}}],\"usage\":null}     ",
		"{\"choices\":[{\"message\":{}}],\"usage\":{}}",
		("{\"choices\":[{\"message\":{}}],\"usage\":{\"prompt_tokens\":"
		 "-1,\"completion_tokens\":1}}"),
	};

	for (size_t i = 0; i < COUNT(without); i++) {
		r = answer_sized(200, without[i], 400);
		assert_true(r.reply.usage.estimated);
		assert_int_equal(r.reply.usage.in, 100);
		assert_int_equal(r.reply.usage.out, strlen(without[i]) / 4);
		assert_int_equal(r.reply.usage.cached, 0);
		arena_fini(&r.arena);
	}
}

static void
quirk_28_an_answer_without_choices_is_an_error(void **state)
{
	static const char *const forms[] = {
		"{\"object\":\"error\",\"message\":\"no\",\"code\":40303}",
		"{\"object\":\"error\",\"choices\":[{\"message\":{}}]}",
		"{}",
		"[]",
		"null",
		"7",
		"{\"choices\":[]}",
		"{\"choices\":[{}]}",
		"{\"choices\":[null]}",
		"{\"choices\":{}}",
		"{\"choices\":[{\"message\":\"x\"}]}",
		"{\"choices\":[],\"response\":\"x\"}",
		"{\"error\":{},\"choices\":[{\"message\":{}}]}",
		"{\"success\":false,\"result\":{\"response\":\"x\"}}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		struct read r = answer(200, forms[i]);

		if (!r.failed) {
			unexpected(forms[i]);
		}
		assert_int_equal(r.why.cause, MODEL_NONSENSE);
		assert_int_equal(r.why.next, MODEL_RETRY);
		arena_fini(&r.arena);
	}
}

static void
an_error_that_is_null_is_none(void **state)
{
	struct read r = answer(200,
	    "{\"error\":null,\"choices\":[{\"message\":{\"content\":\"x\"}}]}");

	(void)state;
	assert_false(r.failed);
	arena_fini(&r.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_reply_is_its_text),
		cmocka_unit_test(content_may_be_null_absent_or_a_list_of_parts),
		cmocka_unit_test(
		    quirk_2_reasoning_is_kept_apart_under_either_name),
		cmocka_unit_test(quirk_2_thinking_in_the_content_is_reasoning),
		cmocka_unit_test(quirk_2_a_call_found_in_reasoning_is_no_call),
		cmocka_unit_test(
		    quirk_4_the_native_answer_of_workers_ai_is_read),
		cmocka_unit_test(quirk_5_arguments_as_an_object_are_accepted),
		cmocka_unit_test(arguments_that_are_not_there_are_none),
		cmocka_unit_test(the_old_form_of_one_call_is_read),
		cmocka_unit_test(quirk_9_and_21_a_name_is_taken_as_it_stands),
		cmocka_unit_test(a_call_without_a_name_is_a_problem),
		cmocka_unit_test(
		    quirk_13_calls_count_by_presence_not_by_the_finish_reason),
		cmocka_unit_test(a_reply_cut_at_its_length_runs_no_call),
		cmocka_unit_test(a_filtered_reply_says_so),
		cmocka_unit_test(quirk_19_a_call_written_as_text_is_text),
		cmocka_unit_test(quirk_20_arguments_are_never_mended),
		cmocka_unit_test(
		    quirk_20_the_problem_names_the_place_and_the_text),
		cmocka_unit_test(quirk_22_arguments_must_be_an_object),
		cmocka_unit_test(quirk_26_absurd_arguments_stay_within_bounds),
		cmocka_unit_test(
		    quirk_26_an_answer_nested_too_deep_is_nonsense),
		cmocka_unit_test(more_calls_than_a_reply_may_have_are_nonsense),
		cmocka_unit_test(quirk_25_calls_get_our_own_ids),
		cmocka_unit_test(quirk_27_usage_that_is_missing_is_estimated),
		cmocka_unit_test(
		    quirk_28_an_answer_without_choices_is_an_error),
		cmocka_unit_test(an_error_that_is_null_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
