/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/tools.h"

/* The provider's key: which texts hold it and which only speak of it. */

static void
is(const char *text, bool found)
{
	if (tools_has_provider_key(str_of(text)) != found) {
		fail_msg("%s", text);
	}
}

static void
forms_that_assign_are_found(void **state)
{
	static const char *const forms[] = {
		"ANTHROPIC_API_KEY=abc claude",
		"ANTHROPIC_API_KEY= claude",
		"export ANTHROPIC_API_KEY",
		"export ANTHROPIC_API_KEY=x",
		"env A=b ANTHROPIC_API_KEY=x cmd",
		"ANTHROPIC_API_KEY = x",
		"ANTHROPIC_API_KEY+=x",
		"ANTHROPIC_API_KEY ?= x",
		"ANTHROPIC_API_KEY := x",
		"ANTHROPIC_API_KEY: x",
		"\"ANTHROPIC_API_KEY\": \"x\"",
		"os.environ['ANTHROPIC_API_KEY'] = k",
		"setenv(\"ANTHROPIC_API_KEY\", k, 1)",
		"setenv ANTHROPIC_API_KEY x",
		"docker run -e ANTHROPIC_API_KEY img",
		"declare -x ANTHROPIC_API_KEY",
		"read ANTHROPIC_API_KEY",
		"${ANTHROPIC_API_KEY:=x}",
		"${ANTHROPIC_API_KEY=x}",
		"$env:ANTHROPIC_API_KEY = 'x'",
		"a\nANTHROPIC_API_KEY=x",
		"x;ANTHROPIC_API_KEY=x",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		is(forms[i], true);
	}
}

static void
texts_that_only_speak_of_it_pass(void **state)
{
	static const char *const texts[] = {
		"",
		"grep -r ANTHROPIC_API_KEY src",
		"unset ANTHROPIC_API_KEY",
		"echo $ANTHROPIC_API_KEY",
		"[ -z \"$ANTHROPIC_API_KEY\" ]",
		"[ \"$ANTHROPIC_API_KEY\" = \"\" ]",
		"${ANTHROPIC_API_KEY:-none}",
		"if (name == ANTHROPIC_API_KEY)",
		"ANTHROPIC_API_KEY == x",
		"MY_ANTHROPIC_API_KEY=x",
		"ANTHROPIC_API_KEYS=x",
		"ANTHROPIC_API_KEY",
		"the prefix is sk-ant-",
		"sk-ant-short",
		"risk-antlers",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		is(texts[i], false);
	}
}

static void
a_raw_key_is_found_anywhere(void **state)
{
	static const char *const forms[] = {
		"sk-ant-api03-AAAAAAAAAAAAAAAA",
		"curl -H 'x-api-key: sk-ant-oat01-bbbbbbbbbb'",
		"xsk-ant-0123456789",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		assert_true(tools_has_provider_key(str_of(forms[i])));
	}
}

static void
tree_is(const char *text, bool refused)
{
	auto_arena a = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };
	int rc;

	assert_int_equal(json_parse(&a, str_of(text), NULL, &j, &e), 0);
	rc = tools_check_no_provider_key(j, &e);
	assert_int_equal(rc, refused ? -1 : 0);
	if (refused) {
		assert_int_equal(e.kind, ERR_DENIED);
		/* The message never repeats the key. */
		assert_false(str_has_str(str_of(e.text), STR("sk-ant-")));
	}
}

static void
every_key_and_text_of_a_tree_is_looked_at(void **state)
{
	(void)state;
	tree_is("{\"command\":\"ls\"}", false);
	tree_is("{\"command\":\"ANTHROPIC_API_KEY=x ls\"}", true);
	tree_is("{\"env\":{\"ANTHROPIC_API_KEY\":\"\"}}", true);
	tree_is("{\"a\":[1,{\"b\":[\"sk-ant-api03-0123456789\"]}]}", true);
	tree_is("{\"sk-ant-api03-0123456789\":1}", true);
	tree_is("[[],{},null,true,3]", false);
}

static void
a_call_with_it_is_denied_before_its_schema(void **state)
{
	auto_arena a = { 0 };
	struct catalogue c;
	struct json *j = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(tools_parse(&a,
	                     STR("[tool.t]\ndescription = \"d\"\n"
	                         "action = \"run\"\n"
	                         "run = { builtin = \"shell\" }\n"),
	                     "f", &c, &e),
	    0);
	assert_int_equal(json_parse(&a,
	                     STR("{\"command\":\"ANTHROPIC_API_KEY=1 x\","
	                         "\"more\":1}"),
	                     NULL, &j, &e),
	    0);
	assert_int_equal(tools_check_args(&c.at[0], j, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_that_assign_are_found),
		cmocka_unit_test(texts_that_only_speak_of_it_pass),
		cmocka_unit_test(a_raw_key_is_found_anywhere),
		cmocka_unit_test(every_key_and_text_of_a_tree_is_looked_at),
		cmocka_unit_test(a_call_with_it_is_denied_before_its_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
