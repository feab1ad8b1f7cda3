/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_help.h"

/* What the next request would say, and how often. */
static size_t
says(const struct agent *a, const char *words)
{
	auto_buf body = { 0 };
	const char *at = body_of(a, &body);
	size_t count = 0;

	while ((at = strstr(at, words))) {
		count++;
		at += strlen(words);
	}
	return count;
}

/* --- asking ----------------------------------------------------------------
 */

static void
the_first_request_tells_the_task(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	asks_model(a, 1);
	assert_int_equal(agent_asks(a).wait_us, 0);
	assert_int_equal(says(a, "{\"model\":\"small\",\"messages\":["), 1);
	assert_int_equal(says(a, "\"role\":\"system\""), 1);
	assert_int_equal(says(a, "Task: mend it\\nType: fix\\n"), 1);
	assert_int_equal(says(a, "\\nplease\\n"), 1);
	assert_int_equal(says(a, "{\\\"repo\\\":\\\"r\\\"}"), 1);
	assert_int_equal(says(a, "\"name\":\"finish\""), 1);
	assert_int_equal(says(a, "\"max_tokens\":512"), 1);
	agent_free(a);
}

static void
a_transcript_runs_to_its_finish(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	reply(a, CALLS(CALL_OF("shell", "{\\\"command\\\":\\\"make\\\"}")));
	asks_call(a, 1, "shell", "{\"command\":\"make\"}");
	result(a, AGENT_CALL_OK, "{\"exit\":0}");
	asks_model(a, 2);
	assert_int_equal(says(a, "\"tool_call_id\":\"c00000001\""), 1);
	assert_int_equal(says(a, "\"id\":\"c00000001\""), 1);
	assert_int_equal(says(a, "{\\\"exit\\\":0}"), 1);
	reply(a, CALLS(CALL_OF("finish", "{\\\"n\\\":1}")));
	asks_call(a, 2, "finish", "{\"n\":1}");
	result(a, AGENT_CALL_OK, "{\"n\":1}");
	wants(a, AGENT_REST);
	agent_free(a);
}

static void
calls_of_one_reply_run_one_after_the_other(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	reply(a, CALLS(CALL_OF("shell", "{\\\"a\\\":1}") "," CALL_OF(
	             "shell", "{\\\"a\\\":2}")));
	asks_call(a, 1, "shell", "{\"a\":1}");
	result(a, AGENT_CALL_OK, "{\"r\":1}");
	asks_call(a, 2, "shell", "{\"a\":2}");
	result(a, AGENT_CALL_OK, "{\"r\":2}");
	asks_model(a, 2);
	assert_int_equal(says(a, "\"tool_call_id\":\"c00000001\",\"content\":"
	                         "\"{\\\"r\\\":1}\"},{\"role\":\"tool\","
	                         "\"tool_call_id\":\"c00000002\""),
	    1);
	agent_free(a);
}

static void
a_failed_or_denied_call_is_told_to_the_model(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	reply(a, CALLS(CALL_OF("shell", "{}") "," CALL_OF(
	             "shell", "{\\\"a\\\":2}")));
	result(a, AGENT_CALL_FAILED,
	    "{\"error\":\"unknown_tool\",\"message\":\"it has: shell\"}");
	result(a, AGENT_CALL_DENIED, "{\"error\":\"denied\"}");
	asks_model(a, 2);
	assert_int_equal(says(a, "it has: shell"), 1);
	assert_int_equal(says(a, "{\\\"error\\\":\\\"denied\\\"}"), 1);
	agent_free(a);
}

static void
a_finish_that_is_refused_goes_back_to_the_model(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	reply(a, CALLS(CALL_OF("finish", "{}")));
	result(a, AGENT_CALL_FAILED,
	    "{\"error\":\"input\",\"message\":\"n is missing\"}");
	asks_model(a, 2);
	assert_int_equal(says(a, "n is missing"), 1);
	agent_free(a);
}

static void
wrong_arguments_are_told_and_never_asked_for(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	reply(a, CALLS(CALL_OF("shell", "{\\\"a\\\":1,}") "," CALL_OF(
	             "shell", "{\\\"a\\\":2}")));
	asks_call(a, 1, "shell", "{\"a\":2}");
	result(a, AGENT_CALL_OK, "{}");
	asks_model(a, 2);
	assert_int_equal(
	    says(a, "the arguments are not valid JSON: line 1, column 8"), 1);
	/* In the history they are well formed. */
	assert_int_equal(says(a, "\"arguments\":\"{}\""), 1);
	agent_free(a);
}

static void
a_tool_name_that_no_record_holds_is_told(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	reply(
	    a, CALLS(CALL_OF("x12345678901234567890123456789012345678901234567"
	                     "8901234567890123456789",
	           "{}") "," CALL_OF("a\\u0000b", "{}") "," CALL_OF("", "{}")));
	asks_model(a, 2);
	assert_int_equal(says(a, "there is no tool of that name"), 2);
	assert_int_equal(says(a, "the call names no tool"), 1);
	assert_int_equal(says(a, "\"name\":\"unnamed\""), 1);
	agent_free(a);
}

/* --- silence, loops --------------------------------------------------------
 */

static void
a_silent_model_is_nudged_once_then_stopped(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	reply(a, SAYS("all is well"));
	asks_model(a, 2);
	assert_int_equal(says(a, "called no tool"), 1);
	assert_int_equal(says(a, "\"role\":\"assistant\",\"content\":\"all is"
	                         " well\""),
	    1);
	reply(a, SAYS(" All is done: caf\xc3\xa9, \\n\\t42. "));
	gave_up(
	    a, "stalled", "Its last words: All is done: caf\xc3\xa9, \n\t42.");
	agent_free(a);
}

/* In whole characters, and within what core takes of a message. */
static void
the_last_words_of_a_silent_model_are_cut(void **state)
{
	struct agent *a = born(MODEL);
	auto_arena arena = { 0 };
	auto_buf long_words = { 0 };
	auto_buf body = { 0 };
	struct json *tree;
	struct str text;
	struct err e;

	(void)state;
	buf_add_z(&long_words, "{\"choices\":[{\"message\":{\"content\":\"x");
	for (int i = 0; i < 4000; i++) {
		buf_add_z(&long_words, "\xc3\xa9");
	}
	buf_add_z(&long_words, "\"}}]}");
	reply(a, SAYS("all is well"));
	reply(a, buf_z(&long_words));
	gave_up(a, "stalled", "Its last words: x\xc3\xa9\xc3\xa9");
	assert_int_equal(
	    json_parse(&arena, str_of(body_of(a, &body)), NULL, &tree, &e), 0);
	assert_true(json_text(tree, "message", &text));
	assert_in_range(text.len, 3000, 4000);
	assert_true(str_is_utf8(text));
	agent_free(a);
}

static void
a_silent_model_whose_words_were_cut_is_told_as_such(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	reply(a, SAYS("all is well"));
	asks_model(a, 2);
	reply(a, "{\"choices\":[{\"message\":{\"role\":\"assistant\","
	         "\"content\":\"by\"},\"finish_reason\":\"length\"}]}");
	gave_up(a, "stalled", "its reply was cut, raise max_tokens");
	agent_free(a);
}

static void
an_empty_reply_leaves_no_empty_message(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	reply(a, SAYS(""));
	asks_model(a, 2);
	assert_int_equal(says(a, "\"role\":\"assistant\""), 0);
	assert_int_equal(says(a, "called no tool"), 1);
	agent_free(a);
}

static void
a_call_after_a_nudge_earns_another_nudge(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	reply(a, SAYS("hm"));
	reply(a, CALLS(CALL_OF("shell", "{}")));
	result(a, AGENT_CALL_OK, "{}");
	reply(a, SAYS("hm"));
	asks_model(a, 4);
	agent_free(a);
}

static void
the_same_call_is_warned_at_three_and_stopped_at_five(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	for (uint32_t i = 1; i <= 4; i++) {
		/* Members in another order are the same call. */
		reply(a,
		    i % 2
		        ? CALLS(CALL_OF("shell", "{\\\"a\\\":1,\\\"b\\\":2}"))
		        : CALLS(CALL_OF("shell", "{\\\"b\\\":2,\\\"a\\\":1}")));
		result(a, AGENT_CALL_OK, "{}");
		asks_model(a, i + 1);
		assert_int_equal(
		    says(a, "Note: this is the same call"), i < 3 ? 0 : i - 2);
	}
	reply(a, CALLS(CALL_OF("shell", "{\\\"a\\\":1,\\\"b\\\":2}")));
	gave_up(a, "loop", "the same call 5 times");
	agent_free(a);
}

static void
two_calls_in_turn_are_a_loop_too(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	/* The first A is forgotten when B is new: A, B, then five in turn. */
	for (uint32_t i = 0; i < 9; i++) {
		reply(a, i % 2 ? CALLS(CALL_OF("shell", "{\\\"b\\\":1}"))
		               : CALLS(CALL_OF("shell", "{\\\"a\\\":1}")));
		result(a, AGENT_CALL_OK, "{}");
	}
	reply(a, CALLS(CALL_OF("shell", "{\\\"b\\\":1}")));
	gave_up(a, "loop", "the same call 5 times");
	agent_free(a);
}

static void
a_test_repeated_between_new_edits_is_no_loop(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	for (uint32_t i = 0; i < 12; i++) {
		auto_buf edit = { 0 };

		buf_addf(&edit,
		    CALLS(CALL_OF("shell", "{\\\"edit\\\":%u}") "," CALL_OF(
		        "shell", "{\\\"test\\\":1}")),
		    i);
		reply(a, buf_z(&edit));
		result(a, AGENT_CALL_OK, "{}");
		result(a, AGENT_CALL_OK, "{}");
		asks_model(a, i + 2);
	}
	assert_int_equal(says(a, "Note: this is the same call"), 0);
	agent_free(a);
}

static void
wrong_arguments_again_and_again_are_a_loop(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		reply(a, CALLS(CALL_OF("shell", "{a")));
		asks_model(a, i + 2);
	}
	reply(a, CALLS(CALL_OF("shell", "{a")));
	gave_up(a, "loop", "\"shell\" \"the arguments are not valid JSON: ");
	agent_free(a);
}

/* --- failures --------------------------------------------------------------
 */

static void
a_busy_model_is_asked_again_twice_with_the_same_content(void **state)
{
	struct agent *a = born(MODEL);
	auto_buf first = { 0 };
	auto_buf again = { 0 };

	(void)state;
	(void)body_of(a, &first);
	reply_status(a, 429, "{\"error\":{\"message\":\"slow down\"}}");
	asks_model(a, 2);
	assert_true(agent_asks(a).wait_us == CLOCK_SECOND);
	assert_string_equal(body_of(a, &again), buf_z(&first));
	reply_status(a, 503, "no");
	asks_model(a, 3);
	assert_true(agent_asks(a).wait_us == 4 * CLOCK_SECOND);
	assert_string_equal(body_of(a, &again), buf_z(&first));
	reply_status(a, 500, "{\"error\":\"boom\\u0007\"}");
	gave_up(a, "model_error", "failed (HTTP 500): boom ; look at the log");
	agent_free(a);
}

static void
a_reply_gives_the_next_request_its_own_attempts(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	reply_status(a, 500, "");
	reply_status(a, 500, "");
	reply(a, CALLS(CALL_OF("shell", "{}")));
	result(a, AGENT_CALL_OK, "{}");
	asks_model(a, 4);
	assert_true(agent_asks(a).wait_us == 0);
	reply_status(a, 500, "");
	asks_model(a, 5);
	assert_true(agent_asks(a).wait_us == CLOCK_SECOND);
	agent_free(a);
}

static void
an_unreachable_model_is_told_with_what_to_do(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	no_reply(a, ERR_UNAVAILABLE, "127.0.0.1:1: connection refused");
	no_reply(a, ERR_UNAVAILABLE, "127.0.0.1:1: connection refused");
	no_reply(a, ERR_UNAVAILABLE, "127.0.0.1:1: connection refused");
	gave_up(a, "model_unreachable",
	    "the model \"small\" could not be reached: 127.0.0.1:1: connection "
	    "refused; check its url in handrail.toml");
	agent_free(a);
}

static void
a_denied_request_is_not_tried_again(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	no_reply(a, ERR_DENIED, "no rule");
	gave_up(a, "model_unreachable", "no rule");
	agent_free(a);
}

static void
a_wrong_credential_is_told_with_what_to_do(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	reply_status(a, 401, "{\"error\":{\"message\":\"bad key\"}}");
	gave_up(a, "model_error",
	    "refused us (HTTP 401): bad key; check its credential in the "
	    "vault");
	agent_free(a);
}

static void
nonsense_is_told_with_what_to_do(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	reply(a, "<html>hello</html>");
	reply(a, "<html>hello</html>");
	reply(a, "<html>hello</html>");
	gave_up(a, "model_error",
	    "answered with something that is no chat completion (HTTP 200): "
	    "<html>hello</html>; check its url");
	agent_free(a);
}

static void
a_filtered_reply_ends_the_run(void **state)
{
	struct agent *a = born(MODEL);

	(void)state;
	reply(a, "{\"choices\":[{\"message\":{\"content\":null},"
	         "\"finish_reason\":\"content_filter\"}]}");
	gave_up(a, "refused", "content filter");
	agent_free(a);
}

/* --- room ------------------------------------------------------------------
 */

#define TOO_LONG \
	"{\"error\":{\"message\":\"x\",\"code\":\"context_length_exceeded\"}}"

static void
make_calls(struct agent *a, uint32_t count, const char *text)
{
	for (uint32_t i = 0; i < count; i++) {
		auto_buf call = { 0 };

		buf_addf(&call, CALLS(CALL_OF("shell", "{\\\"a\\\":%u}")), i);
		reply(a, buf_z(&call));
		result(a, AGENT_CALL_OK, text);
	}
}

static void
long_text(struct buf *text, size_t size, char quote)
{
	memset(buf_room(text, size), 'x', size);
	buf_grew(text, size);
	text->at[0] = text->at[size - 1] = quote;
	(void)buf_z(text);
}

static void
a_context_too_long_is_made_smaller_and_asked_again(void **state)
{
	struct agent *a = born(MODEL);
	auto_buf text = { 0 };

	(void)state;
	long_text(&text, 5000, '"');
	make_calls(a, 6, text.at);
	asks_model(a, 7);
	reply_status(a, 400, TOO_LONG);
	asks_model(a, 8);
	assert_int_equal(says(a, "[a result of 5000 bytes, left out"), 2);
	reply_status(a, 413, "");
	asks_model(a, 9);
	assert_int_equal(says(a, "4000 bytes left out to save room"), 4);
	/* A call still has its result, each of them. */
	assert_int_equal(says(a, "\"role\":\"tool\""), 6);
	reply_status(a, 400, TOO_LONG);
	gave_up(a, "context_full", "in smaller pieces");
	agent_free(a);
}

static void
one_huge_result_is_shown_in_part(void **state)
{
	struct agent *a = born(MODEL);
	auto_buf text = { 0 };
	auto_buf body = { 0 };

	(void)state;
	long_text(&text, 1000000, '"');
	make_calls(a, 1, text.at);
	assert_int_equal(says(a, "bytes left out …]"), 1);
	assert_true(strlen(body_of(a, &body)) < 200000);
	agent_free(a);
}

static void
a_request_stays_within_what_core_takes(void **state)
{
	struct agent *a = born(MODEL);
	auto_buf text = { 0 };
	auto_buf body = { 0 };

	(void)state;
	long_text(&text, 120000, '"');
	for (uint32_t i = 0; i < 40; i++) {
		auto_buf call = { 0 };

		buf_addf(&call, CALLS(CALL_OF("shell", "{\\\"b\\\":%u}")), i);
		reply(a, buf_z(&call));
		result(a, AGENT_CALL_OK, text.at);
		assert_true(strlen(body_of(a, &body)) < AGENT_REPLY_MAX / 4);
	}
	agent_free(a);
}

static void
replies_that_never_end_fill_the_context(void **state)
{
	struct agent *a = born(MODEL);
	auto_buf text = { 0 };
	auto_buf call = { 0 };

	(void)state;
	long_text(&text, 200000, 'y');
	for (uint32_t i = 0; i < 20 && agent_asks(a).want == AGENT_MODEL; i++) {
		buf_clear(&call);
		buf_addf(&call,
		    CALLS(CALL_OF("shell", "{\\\"b%u\\\":\\\"%s\\\"}")), i,
		    text.at);
		reply(a, buf_z(&call));
		result(a, AGENT_CALL_OK, "{}");
	}
	gave_up(a, "context_full", "in smaller pieces");
	agent_free(a);
}

static void
arguments_over_their_bound_are_told(void **state)
{
	struct agent *a = born(MODEL);
	auto_buf text = { 0 };
	auto_buf call = { 0 };

	(void)state;
	long_text(&text, 300000, 'y');
	buf_addf(
	    &call, CALLS(CALL_OF("shell", "{\\\"b\\\":\\\"%s\\\"}")), text.at);
	reply(a, buf_z(&call));
	asks_model(a, 2);
	assert_int_equal(says(a, "the arguments are over 256 KiB"), 1);
	agent_free(a);
}

static void
an_event_that_answers_nothing_is_a_divergence(void **state)
{
	struct agent_model_event other = { .turn = 2,
		.ok = true,
		.status = 200,
		.text = STR(""),
		.body = STR("{}") };
	struct agent_call_event call = {
		.ordinal = 0, .tool = STR(""), .body = STR("{}")
	};
	struct agent *a = born(MODEL);
	struct err e;

	(void)state;
	assert_int_equal(agent_take_model(a, &other, &e), 0);
	gave_up(a, "agent_diverged", "never asked for");
	assert_int_equal(agent_asks(a).end, AGENT_BLOCK);
	agent_free(a);

	a = born(MODEL);
	assert_int_equal(agent_take_call(a, &call, &e), 0);
	gave_up(a, "agent_diverged", "never asked for");
	agent_free(a);

	a = born(MODEL);
	reply(a, CALLS(CALL_OF("shell", "{}")));
	assert_int_equal(agent_take_model(a, &other, &e), 0);
	gave_up(a, "agent_diverged", "never asked for");
	agent_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_request_tells_the_task),
		cmocka_unit_test(a_transcript_runs_to_its_finish),
		cmocka_unit_test(calls_of_one_reply_run_one_after_the_other),
		cmocka_unit_test(a_failed_or_denied_call_is_told_to_the_model),
		cmocka_unit_test(
		    a_finish_that_is_refused_goes_back_to_the_model),
		cmocka_unit_test(wrong_arguments_are_told_and_never_asked_for),
		cmocka_unit_test(a_tool_name_that_no_record_holds_is_told),
		cmocka_unit_test(a_silent_model_is_nudged_once_then_stopped),
		cmocka_unit_test(the_last_words_of_a_silent_model_are_cut),
		cmocka_unit_test(
		    a_silent_model_whose_words_were_cut_is_told_as_such),
		cmocka_unit_test(an_empty_reply_leaves_no_empty_message),
		cmocka_unit_test(a_call_after_a_nudge_earns_another_nudge),
		cmocka_unit_test(
		    the_same_call_is_warned_at_three_and_stopped_at_five),
		cmocka_unit_test(two_calls_in_turn_are_a_loop_too),
		cmocka_unit_test(a_test_repeated_between_new_edits_is_no_loop),
		cmocka_unit_test(wrong_arguments_again_and_again_are_a_loop),
		cmocka_unit_test(
		    a_busy_model_is_asked_again_twice_with_the_same_content),
		cmocka_unit_test(
		    a_reply_gives_the_next_request_its_own_attempts),
		cmocka_unit_test(an_unreachable_model_is_told_with_what_to_do),
		cmocka_unit_test(a_denied_request_is_not_tried_again),
		cmocka_unit_test(a_wrong_credential_is_told_with_what_to_do),
		cmocka_unit_test(nonsense_is_told_with_what_to_do),
		cmocka_unit_test(a_filtered_reply_ends_the_run),
		cmocka_unit_test(
		    a_context_too_long_is_made_smaller_and_asked_again),
		cmocka_unit_test(one_huge_result_is_shown_in_part),
		cmocka_unit_test(a_request_stays_within_what_core_takes),
		cmocka_unit_test(replies_that_never_end_fill_the_context),
		cmocka_unit_test(arguments_over_their_bound_are_told),
		cmocka_unit_test(an_event_that_answers_nothing_is_a_divergence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
