/* SPDX-License-Identifier: Apache-2.0 */
#include "model_help.h"

static void
means(uint32_t status, const char *body, enum model_next next,
    enum model_cause cause)
{
	struct read r = answer(status, body);

	if (!r.failed || r.why.next != next || r.why.cause != cause) {
		fail_msg("%u %s: next %d cause %d", status, body, r.why.next,
		    r.why.cause);
	}
	assert_int_equal(r.why.status, status);
	arena_fini(&r.arena);
}

static void
says(const char *body, const char *message)
{
	struct read r = answer(400, body);

	assert_true(r.failed);
	equals(r.why.message, message);
	arena_fini(&r.arena);
}

static void
all_shapes_of_an_error_give_their_message(void **state)
{
	(void)state;
	says("{\"success\":false,\"errors\":[{\"code\":5007,\"message\":\"no "
	     "such model\"}],\"result\":null,\"messages\":[]}",
	    "no such model");
	says("{\"error\":{\"message\":\"bad\",\"type\":\"t\",\"code\":\"c\"}}",
	    "bad");
	says("{\"error\":\"just text\"}", "just text");
	says("{\"object\":\"error\",\"message\":\"flat\",\"code\":1}", "flat");
	says("not json", "not json");
	says("{\"else\":1}", "{\"else\":1}");
	says("", "");
}

static void
a_message_is_printable_and_short(void **state)
{
	auto_buf body = { 0 };
	struct read r;

	(void)state;
	says("{\"error\":\"a\\u001b[31m\\nb\\u00e4\"}", "a [31m b??");
	for (int i = 0; i < 1000; i++) {
		buf_add_z(&body, "word ");
	}
	r = answer(500, buf_z(&body));
	assert_int_equal(r.why.message.len, MODEL_MESSAGE_MAX);
	arena_fini(&r.arena);
}

#define CF(code)                                                               \
	"{\"success\":false,\"errors\":[{\"code\":" code ",\"message\":\"m\"}" \
	"]}"

static void
codes_of_workers_ai_decide_before_the_status(void **state)
{
	(void)state;
	means(429, CF("3036"), MODEL_FINAL, MODEL_BUSY);
	means(429, CF("3040"), MODEL_RETRY, MODEL_BUSY);
	means(408, CF("3007"), MODEL_RETRY, MODEL_BROKEN);
	means(408, CF("3008"), MODEL_RETRY, MODEL_BROKEN);
	means(413, CF("3006"), MODEL_COMPACT, MODEL_WRONG);
	means(400, CF("5007"), MODEL_FINAL, MODEL_WRONG);
	means(400, CF("5004"), MODEL_FINAL, MODEL_WRONG);
	means(400, CF("3003"), MODEL_FINAL, MODEL_WRONG);
	means(403, CF("5018"), MODEL_FINAL, MODEL_REFUSED);
	means(403, CF("5016"), MODEL_FINAL, MODEL_REFUSED);
	means(403, CF("3023"), MODEL_FINAL, MODEL_REFUSED);
	means(403, CF("3041"), MODEL_FINAL, MODEL_REFUSED);
	means(405, CF("5019"), MODEL_FINAL, MODEL_WRONG);
	means(405, CF("5005"), MODEL_FINAL, MODEL_WRONG);
	means(404, CF("3042"), MODEL_FINAL, MODEL_WRONG);
	/* At HTTP 200, and as text, they say the same. */
	means(200, CF("3036"), MODEL_FINAL, MODEL_BUSY);
	means(200, CF("\"3036\""), MODEL_FINAL, MODEL_BUSY);
	means(429, "{\"error\":{\"message\":\"m\",\"code\":3036}}", MODEL_FINAL,
	    MODEL_BUSY);
}

static void
a_status_says_what_follows(void **state)
{
	(void)state;
	means(200, "{}", MODEL_RETRY, MODEL_NONSENSE);
	means(301, "", MODEL_FINAL, MODEL_WRONG);
	means(400, "", MODEL_FINAL, MODEL_WRONG);
	means(401, "", MODEL_FINAL, MODEL_REFUSED);
	means(402, "", MODEL_FINAL, MODEL_REFUSED);
	means(403, "", MODEL_FINAL, MODEL_REFUSED);
	means(404, "", MODEL_FINAL, MODEL_WRONG);
	means(408, "", MODEL_RETRY, MODEL_BROKEN);
	means(409, "", MODEL_RETRY, MODEL_BROKEN);
	means(413, "", MODEL_COMPACT, MODEL_WRONG);
	means(422, "", MODEL_FINAL, MODEL_WRONG);
	means(429, "", MODEL_RETRY, MODEL_BUSY);
	means(500, "", MODEL_RETRY, MODEL_BROKEN);
	means(503, "{\"error\":\"x\"}", MODEL_RETRY, MODEL_BROKEN);
	means(529, "", MODEL_RETRY, MODEL_BROKEN);
	/* A reply under an error's status is none. */
	means(500, MESSAGE("\"content\":\"x\""), MODEL_RETRY, MODEL_BROKEN);
	means(404, MESSAGE("\"content\":\"x\""), MODEL_FINAL, MODEL_WRONG);
}

static void
a_context_that_is_too_long_asks_for_less(void **state)
{
	(void)state;
	means(400,
	    "{\"error\":{\"message\":\"m\",\"code\":\"context_length_exceeded"
	    "\"}}",
	    MODEL_COMPACT, MODEL_WRONG);
	means(400,
	    "{\"error\":{\"message\":\"m\",\"type\":"
	    "\"exceed_context_size_error\",\"code\":400}}",
	    MODEL_COMPACT, MODEL_WRONG);
	means(400,
	    "{\"error\":{\"message\":\"This model's Maximum Context is "
	    "8192\"}}",
	    MODEL_COMPACT, MODEL_WRONG);
	means(500, "{\"error\":\"prompt is too long: 9 tokens\"}",
	    MODEL_COMPACT, MODEL_WRONG);
}

static void
no_answer_is_tried_again_where_that_may_help(void **state)
{
	static const struct {
		enum err_kind kind;
		enum model_next next;
	} kinds[] = {
		{ ERR_UNAVAILABLE, MODEL_RETRY },
		{ ERR_TIMEOUT, MODEL_RETRY },
		{ ERR_IO, MODEL_RETRY },
		{ ERR_DENIED, MODEL_FINAL },
		{ ERR_LIMIT, MODEL_FINAL },
		{ ERR_INPUT, MODEL_RETRY },
		{ ERR_NONE, MODEL_FINAL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		auto_arena a = { 0 };
		struct model_answer answer = { .kind = kinds[i].kind,
			.text = STR("why\n") };
		struct model_reply reply;
		struct model_failure why;

		assert_int_equal(
		    model_read_answer(&a, &answer, 1, &reply, &why), -1);
		assert_int_equal(why.next, kinds[i].next);
		bool came =
		    kinds[i].kind == ERR_INPUT || kinds[i].kind == ERR_LIMIT;

		assert_int_equal(
		    why.cause, came ? MODEL_NONSENSE : MODEL_UNREACHABLE);
		assert_int_equal(why.status, 0);
		equals(why.message, "why ");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_shapes_of_an_error_give_their_message),
		cmocka_unit_test(a_message_is_printable_and_short),
		cmocka_unit_test(codes_of_workers_ai_decide_before_the_status),
		cmocka_unit_test(a_status_says_what_follows),
		cmocka_unit_test(a_context_that_is_too_long_asks_for_less),
		cmocka_unit_test(no_answer_is_tried_again_where_that_may_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
