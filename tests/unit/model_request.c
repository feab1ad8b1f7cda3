/* SPDX-License-Identifier: Apache-2.0 */
#include "model_help.h"

static const char tools_text[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"shell\"}}]";

static void
writes(struct model_request *r, const char *expected)
{
	auto_arena a = { 0 };
	auto_buf out = { 0 };
	struct json *tools;
	struct err e;

	assert_int_equal(
	    json_parse(&a, str_of(tools_text), NULL, &tools, &e), 0);
	r->tools = tools;
	model_write_request(&out, r);
	assert_string_equal(buf_z(&out), expected);
}

#define TAIL                                                          \
	"],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":" \
	"\"shell\"}}],\"tool_choice\":\"auto\",\"stream\":false"

static void
a_request_is_written_in_one_fixed_order(void **state)
{
	struct model_message user = { NULL, MODEL_USER, STR("hi"), { 0 }, NULL,
		0, NULL };
	struct model_message first = { &user, MODEL_SYSTEM, STR("be"), { 0 },
		NULL, 0, NULL };
	struct model_request r = {
		.model = STR("m"), .max_tokens = 64, .messages = &first
	};

	(void)state;
	writes(&r,
	    "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":"
	    "\"be\"},{\"role\":\"user\",\"content\":\"hi\"}" TAIL
	    ",\"max_tokens\":64}");
	r.max_tokens = 0;
	r.messages = NULL;
	writes(&r, "{\"model\":\"m\",\"messages\":[" TAIL "}");
}

static void
quirk_1_content_is_never_null(void **state)
{
	struct model_call call = { "c00000001", STR("shell"), STR("{\"a\":1}"),
		STR(""), STR("") };
	struct model_message m = {
		.role = MODEL_ASSISTANT, .calls = &call, .call_count = 1
	};
	struct model_request r = { .model = STR("m"), .messages = &m };

	(void)state;
	writes(&r,
	    "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","
	    "\"content\":\"\",\"tool_calls\":[{\"id\":\"c00000001\",\"type\":"
	    "\"function\",\"function\":{\"name\":\"shell\",\"arguments\":"
	    "\"{\\\"a\\\":1}\"}}]}" TAIL "}");
}

static void
quirk_3_reasoning_goes_back_under_the_providers_name(void **state)
{
	struct model_message m = { .role = MODEL_ASSISTANT,
		.content = STR("a"),
		.reasoning = STR("why") };
	struct model_request r = { .model = STR("@cf/zai-org/glm-5.2"),
		.messages = &m };

	(void)state;
	writes(&r,
	    "{\"model\":\"@cf/zai-org/glm-5.2\",\"messages\":[{\"role\":"
	    "\"assistant\",\"content\":\"a\",\"reasoning\":\"why\"}" TAIL "}");
	/* Whoever is not known to want it does not get it. */
	r.model = STR("glm-5.2");
	writes(&r,
	    "{\"model\":\"glm-5.2\",\"messages\":[{\"role\":\"assistant\","
	    "\"content\":\"a\"}" TAIL "}");
}

static void
quirk_14_to_17_nothing_relies_on_streams_or_forced_calls(void **state)
{
	struct model_request r = { .model = STR("m") };
	auto_buf out = { 0 };

	(void)state;
	r.tools = NULL;
	auto_arena a = { 0 };

	r.tools = json_new(&a, JSON_ARRAY);
	model_write_request(&out, &r);
	assert_non_null(strstr(buf_z(&out), "\"stream\":false"));
	assert_non_null(strstr(buf_z(&out), "\"tool_choice\":\"auto\""));
}

static void
a_result_names_its_call(void **state)
{
	struct model_message m = {
		.role = MODEL_TOOL, .content = STR("{}"), .call_id = "c00000001"
	};
	struct model_request r = { .model = STR("m"), .messages = &m };

	(void)state;
	writes(&r,
	    "{\"model\":\"m\",\"messages\":[{\"role\":\"tool\","
	    "\"tool_call_id\":\"c00000001\",\"content\":\"{}\"}" TAIL "}");
}

static void
a_wrong_name_does_not_spoil_the_history(void **state)
{
	static const struct {
		struct str name;
		const char *shown;
	} names[] = {
		{ { "functions.shell", 15 }, "\"functions_shell\"" },
		{ { "", 0 }, "\"unnamed\"" },
		{ { "a\0b", 3 }, "\"a_b\"" },
		{ { "\xc3\xa4", 2 }, "\"__\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct model_call call = { "c00000001", names[i].name,
			STR("{}"), STR(""), STR("") };
		struct model_message m = {
			.role = MODEL_ASSISTANT, .calls = &call, .call_count = 1
		};
		auto_arena a = { 0 };
		auto_buf out = { 0 };
		struct model_request r = { .model = STR("m"),
			.messages = &m,
			.tools = json_new(&a, JSON_ARRAY) };

		model_write_request(&out, &r);
		assert_non_null(strstr(buf_z(&out), names[i].shown));
	}
}

static void
a_long_name_goes_back_cut(void **state)
{
	char name[200];
	struct model_call call = { "c00000001", { name, sizeof(name) },
		STR("{}"), STR(""), STR("") };
	struct model_message m = {
		.role = MODEL_ASSISTANT, .calls = &call, .call_count = 1
	};
	auto_arena a = { 0 };
	auto_buf out = { 0 };
	struct model_request r = { .model = STR("m"),
		.messages = &m,
		.tools = json_new(&a, JSON_ARRAY) };

	(void)state;
	memset(name, 'n', sizeof(name));
	model_write_request(&out, &r);
	const char *at = strstr(buf_z(&out), "\"nnn");

	assert_non_null(at);
	assert_int_equal(strspn(at + 1, "n"), MODEL_NAME_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_written_in_one_fixed_order),
		cmocka_unit_test(quirk_1_content_is_never_null),
		cmocka_unit_test(
		    quirk_3_reasoning_goes_back_under_the_providers_name),
		cmocka_unit_test(
		    quirk_14_to_17_nothing_relies_on_streams_or_forced_calls),
		cmocka_unit_test(a_result_names_its_call),
		cmocka_unit_test(a_wrong_name_does_not_spoil_the_history),
		cmocka_unit_test(a_long_name_goes_back_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
