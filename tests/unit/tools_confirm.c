/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/tools.h"

#define CALL "run = { exec = [\"x\"] }\n"
#define SAYS                                 \
	"output.required = [\"happened\"]\n" \
	"output.properties.happened = { type = \"boolean\" }\n"

/* What a call whose `confirm` is that read loads with; "": it loads. */
static void
loads(const char *call, const char *read, const char *message)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	auto_buf wanted = { 0 };
	struct catalogue c = { 0 };
	struct err e = { 0 };

	buf_addf(&text,
	    "[tool.t]\nconfirm = \"r\"\ndescription = \"d\"\n"
	    "action = \"push\"\n%s[tool.r]\ndescription = \"d\"\n"
	    "action = \"read\"\n%s",
	    call, read);
	if (message[0]) {
		buf_addf(&wanted, "server.toml:2:11: confirm: %s", message);
	}
	if (tools_parse(&a, buf_str(&text), "server.toml", &c, &e) == 0) {
		assert_string_equal("", message);
	}
	assert_string_equal(e.text, buf_z(&wanted));
}

static void
a_confirm_is_a_read_that_can_tell(void **state)
{
	static const char other[] =
	    "expected a tool that runs a command in the run's cell (exec) or "
	    "asks a server (http)";
	static const char silent[] =
	    "its output must require `happened`, a boolean";

	(void)state;
	loads(CALL, CALL SAYS, "");
	loads(CALL,
	    "run = { http = { method = \"GET\", url = \"https://a.example/\" } "
	    "}\n",
	    "");
	loads(CALL,
	    "run = { http = { method = \"HEAD\", url = \"https://a.example/\" "
	    "} "
	    "}\n",
	    "");
	loads(CALL,
	    "run = { http = { method = \"POST\", url = \"https://a.example/\" "
	    "} "
	    "}\n",
	    "its request must be a GET or a HEAD: it only asks");
	loads("run = { client = true }\n", CALL SAYS,
	    "only of a tool that is carried out here can the end be unseen");
	loads(CALL, "run = { client = true }\n", other);
	loads("cell = \"fresh\"\n" CALL, CALL SAYS, "");
	loads(CALL, "cell = \"fresh\"\n" CALL SAYS, other);
	loads(CALL, CALL SAYS "input.properties.more = { type = \"string\" }\n",
	    "expected a tool of the same input: it is called with the same "
	    "arguments");
	loads(CALL, CALL, silent);
	loads(CALL,
	    CALL "output.required = [\"happened\"]\n"
	         "output.properties.happened = { type = \"string\" }\n",
	    silent);
	loads(CALL,
	    CALL "output.properties.happened = { type = \"boolean\" }\n",
	    silent);
}

static void
what_it_says_is_yes_or_no_or_nothing(void **state)
{
	static const struct {
		const char *result;
		bool failed;
		enum tool_said said;
	} rows[] = {
		{ "{\"happened\":true}", false, TOOL_SAYS_HAPPENED },
		{ "{\"happened\":false}", false, TOOL_SAYS_NOT },
		{ "{\"happened\":false}", true, TOOL_SAYS_NOTHING },
		{ "{\"happened\":true}", true, TOOL_SAYS_NOTHING },
		{ "{\"happened\":0}", false, TOOL_SAYS_NOTHING },
		{ "{\"happened\":\"false\"}", false, TOOL_SAYS_NOTHING },
		{ "{}", false, TOOL_SAYS_NOTHING },
		{ "[]", false, TOOL_SAYS_NOTHING },
	};
	auto_arena a = { 0 };
	struct err e = { 0 };
	struct json *tree;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(
		    json_parse(&a, str_of(rows[i].result), NULL, &tree, &e), 0);
		assert_int_equal(
		    tools_confirm_result(tree, rows[i].failed), rows[i].said);
	}
}

static void
a_server_says_it_by_its_status(void **state)
{
	(void)state;
	for (unsigned status = 100; status < 600; status++) {
		enum tool_said said = tools_confirm_status(status);

		assert_int_equal(
		    said == TOOL_SAYS_HAPPENED, status >= 200 && status <= 299);
		assert_int_equal(
		    said == TOOL_SAYS_NOT, status == 404 || status == 410);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_confirm_is_a_read_that_can_tell),
		cmocka_unit_test(what_it_says_is_yes_or_no_or_nothing),
		cmocka_unit_test(a_server_says_it_by_its_status),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
