/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/schema.h"

/* What is refused when a schema is loaded, and what bounds a check. */

static struct json *
parse(struct arena *a, struct str text)
{
	struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(a, text, NULL, &j, &e) < 0) {
		fail_msg("%s", e.text);
	}
	return j;
}

static void
load_refused(const char *text, const char *message)
{
	auto_arena a = { 0 };
	struct schema *s = NULL;
	struct err e = { 0 };

	assert_int_equal(
	    schema_compile(&a, parse(&a, str_of(text)), "f.json", &s, &e), -1);
	assert_null(s);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_string_equal(e.text, message);
}

static bool
is_unknown(const char *word)
{
	auto_arena a = { 0 };
	struct schema *s = NULL;
	struct err e = { 0 };
	struct str text = arena_printf(&a, "{\"%s\":{}}", word);

	return schema_compile(&a, parse(&a, text), "f", &s, &e) < 0 &&
	       str_has_str(str_of(e.text), STR("not enforced"));
}

static void
a_keyword_that_is_not_enforced_is_refused_with_its_place(void **state)
{
	static const char *const words[] = { "patternProperties",
		"propertyNames", "dependentRequired", "dependentSchemas", "if",
		"then", "else", "contains", "unevaluatedItems",
		"unevaluatedProperties", "contentEncoding", "$anchor",
		"$dynamicRef", "$id", "definitions", "requird" };

	(void)state;
	load_refused("{\"properties\":\n {\"a\":\n  {\"patern\":1}}}",
	    "f.json:3:13: /properties/a/patern: this keyword is not enforced "
	    "here, so it is refused");
	for (size_t i = 0; i < COUNT(words); i++) {
		assert_true(is_unknown(words[i]));
	}
}

static void
a_keyword_with_a_wrong_value_is_refused(void **state)
{
	(void)state;
	load_refused("{\"type\":\"strin\"}",
	    "f.json:1:9: /type: expected null, boolean, object, array, "
	    "number, string or integer");
	load_refused(
	    "{\"type\":[]}", "f.json:1:9: /type: an empty list allows nothing");
	load_refused("{\"required\":[\"a\",\"a\"]}",
	    "f.json:1:18: /required: \"a\" stands here twice");
	load_refused("{\"minItems\":-1}",
	    "f.json:1:13: /minItems: expected a whole number from 0 up");
	load_refused("{\"multipleOf\":0}",
	    "f.json:1:15: /multipleOf: expected a number above 0 with at most "
	    "15 digits");
	load_refused("{\"multipleOf\":1234567890123456}",
	    "f.json:1:15: /multipleOf: expected a number above 0 with at most "
	    "15 digits");
	load_refused("{\"format\":\"email\"}",
	    "f.json:1:11: /format: only the formats date-time and uuid are "
	    "enforced; say the others with \"pattern\"");
	load_refused("{\"anyOf\":[]}",
	    "f.json:1:10: /anyOf: expected a list of schemas");
	load_refused("{\"properties\":{\"a/b~\":3}}",
	    "f.json:1:23: /properties/a~1b~0: expected a schema (a table)");
	load_refused(
	    "{\"$schema\":\"http://json-schema.org/draft-07/schema#\"}",
	    "f.json:1:12: /$schema: expected "
	    "https://json-schema.org/draft/2020-12/schema");
}

static void
a_pattern_that_does_not_compile_is_refused(void **state)
{
	auto_arena a = { 0 };
	struct schema *s = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    schema_compile(
	        &a, parse(&a, STR("{\"pattern\":\"a(\"}")), "f", &s, &e),
	    -1);
	assert_true(str_starts(
	    str_of(e.text), STR("f:1:12: /pattern: at character 3: ")));
	load_refused("{\"pattern\":\"(*LIMIT_MATCH=9999999)a\"}",
	    "f.json:1:12: /pattern: at character 1: verbs and callouts are "
	    "not ECMA");
}

static void
references_stay_inside_and_end(void **state)
{
	(void)state;
	load_refused("{\"$ref\":\"https://example.org/s.json\"}",
	    "f.json:1:9: /$ref: expected \"#\" or \"#/$defs/NAME\": nothing "
	    "is fetched");
	load_refused("{\"$ref\":\"#/$defs/x\"}",
	    "f.json:1:9: /$ref: there is no $defs entry \"x\"");
	load_refused("{\"$ref\":\"#\"}",
	    "f.json:1:1: a chain of references comes back to itself or is "
	    "longer than 64");
	load_refused("{\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/b\"}]},"
	             "\"b\":{\"not\":{\"$ref\":\"#/$defs/a\"}}}}",
	    "f.json:1:1: a chain of references comes back to itself or is "
	    "longer than 64");
	load_refused("{\"properties\":{\"a\":{\"$defs\":{}}}}",
	    "f.json:1:29: /properties/a/$defs: $defs stands at the top only");
}

static void
check_over(const char *schema, struct str value)
{
	auto_arena a = { 0 };
	struct schema *s = NULL;
	struct err e = { 0 };

	if (schema_compile(&a, parse(&a, str_of(schema)), "f", &s, &e) < 0) {
		fail_msg("%s", e.text);
	}
	assert_int_equal(schema_check(s, parse(&a, value), &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
}

static void
a_pattern_that_explodes_is_a_refusal(void **state)
{
	auto_buf text = { 0 };

	(void)state;
	buf_add_byte(&text, '"');
	for (int i = 0; i < 60; i++) {
		buf_add_byte(&text, 'a');
	}
	buf_add_z(&text, "!\"");
	check_over("{\"pattern\":\"^(a+)+$\"}", buf_str(&text));
	/* Nor may a branch forgive it. */
	check_over("{\"not\":{\"pattern\":\"^(a+)+$\"}}", buf_str(&text));
	check_over(
	    "{\"anyOf\":[{\"pattern\":\"^(a+)+$\"},true]}", buf_str(&text));
}

static void
work_that_doubles_with_each_level_is_bounded(void **state)
{
	auto_buf schema = { 0 };

	(void)state;
	buf_add_z(&schema, "{\"$defs\":{");
	for (int i = 0; i < 30; i++) {
		buf_addf(&schema,
		    "\"d%d\":{\"oneOf\":[{\"$ref\":\"#/$defs/d%d\"},"
		    "{\"$ref\":\"#/$defs/d%d\"}]},",
		    i, i + 1, i + 1);
	}
	buf_add_z(&schema, "\"d30\":false},\"$ref\":\"#/$defs/d0\"}");
	check_over(buf_z(&schema), STR("1"));
}

static void
unique_items_are_bounded(void **state)
{
	auto_buf list = { 0 };

	(void)state;
	buf_add_z(&list, "[0");
	for (int i = 1; i < 3000; i++) {
		buf_addf(&list, ",%d", i);
	}
	buf_add_byte(&list, ']');
	check_over("{\"uniqueItems\":true}", buf_str(&list));
}

/* The work of one comparison does not grow with the value. */
static void
a_number_without_end_is_not_compared(void **state)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	struct schema *s = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    schema_compile(&a, parse(&a, STR("{\"minimum\":0}")), "f", &s, &e),
	    0);
	buf_add_byte(&text, '1');
	for (int i = 1; i < 4096; i++) {
		buf_add_byte(&text, '0');
	}
	assert_int_equal(schema_check(s, parse(&a, buf_str(&text)), &e), 0);
	for (int i = 0; i < 100; i++) {
		buf_add_byte(&text, '0');
	}
	assert_int_equal(schema_check(s, parse(&a, buf_str(&text)), &e), -1);
	assert_string_equal(e.text, "value: this number cannot be compared");
}

static void
a_schema_is_not_nested_without_end(void **state)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	struct json_limits deep = json_limits_default;
	struct json *j = NULL;
	struct schema *s = NULL;
	struct err e = { 0 };

	(void)state;
	deep.depth = 64;
	for (int i = 0; i < 63; i++) {
		buf_add_z(&text, "{\"not\":");
	}
	buf_add_z(&text, "{}");
	for (int i = 0; i < 63; i++) {
		buf_add_byte(&text, '}');
	}
	assert_int_equal(json_parse(&a, buf_str(&text), &deep, &j, &e), 0);
	assert_int_equal(schema_compile(&a, j, "f", &s, &e), 0);
	/* One more, made in memory. */
	struct json *outer = json_new(&a, JSON_OBJECT);
	struct json *more = json_new(&a, JSON_OBJECT);

	(void)json_set(&a, outer, "not", j);
	(void)json_set(&a, more, "not", outer);
	assert_int_equal(schema_compile(&a, more, "f", &s, &e), -1);
	assert_true(str_ends(str_of(e.text), STR("nested deeper than 64")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_keyword_that_is_not_enforced_is_refused_with_its_place),
		cmocka_unit_test(a_keyword_with_a_wrong_value_is_refused),
		cmocka_unit_test(a_pattern_that_does_not_compile_is_refused),
		cmocka_unit_test(references_stay_inside_and_end),
		cmocka_unit_test(a_pattern_that_explodes_is_a_refusal),
		cmocka_unit_test(work_that_doubles_with_each_level_is_bounded),
		cmocka_unit_test(unique_items_are_bounded),
		cmocka_unit_test(a_number_without_end_is_not_compared),
		cmocka_unit_test(a_schema_is_not_nested_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
