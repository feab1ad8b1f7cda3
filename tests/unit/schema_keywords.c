/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/schema.h"

/* Each keyword by its smallest pair of cases: what fits and what does not. */

static struct json *
parse(struct arena *a, const char *text)
{
	struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(a, str_of(text), NULL, &j, &e) < 0) {
		fail_msg("%s: %s", text, e.text);
	}
	return j;
}

static struct schema *
compile(struct arena *a, const char *text)
{
	struct schema *s = NULL;
	struct err e = { 0 };

	if (schema_compile(a, parse(a, text), "test", &s, &e) < 0) {
		fail_msg("%s: %s", text, e.text);
	}
	return s;
}

static void
fits(const char *schema, const char *value)
{
	auto_arena a = { 0 };
	struct err e = { 0 };

	if (schema_check(compile(&a, schema), parse(&a, value), &e) < 0) {
		fail_msg("%s refuses %s: %s", schema, value, e.text);
	}
}

static void
refuses(const char *schema, const char *value, const char *message)
{
	auto_arena a = { 0 };
	struct err e = { 0 };

	if (schema_check(compile(&a, schema), parse(&a, value), &e) == 0) {
		fail_msg("%s takes %s", schema, value);
	}
	assert_int_equal(e.kind, ERR_INPUT);
	assert_string_equal(e.text, message);
}

static void
a_type_is_one_of_seven_or_a_list(void **state)
{
	(void)state;
	fits("{\"type\":\"null\"}", "null");
	fits("{\"type\":\"boolean\"}", "false");
	fits("{\"type\":\"object\"}", "{}");
	fits("{\"type\":\"array\"}", "[]");
	fits("{\"type\":\"number\"}", "1.5");
	fits("{\"type\":\"string\"}", "\"\"");
	fits("{\"type\":[\"string\",\"null\"]}", "null");
	refuses("{\"type\":\"string\"}", "1",
	    "value: expected a string, got a number");
	refuses("{\"type\":[\"string\",\"null\",\"object\"]}", "true",
	    "value: expected null, an object or a string, got a boolean");
}

static void
an_integer_is_a_value_not_a_spelling(void **state)
{
	(void)state;
	fits("{\"type\":\"integer\"}", "3");
	fits("{\"type\":\"integer\"}", "3.0");
	fits("{\"type\":\"integer\"}", "1.5e1");
	fits("{\"type\":\"integer\"}", "0e-5");
	fits("{\"type\":\"integer\"}", "10e-1");
	refuses("{\"type\":\"integer\"}", "3.5",
	    "value: expected a whole number, got a number");
	refuses("{\"type\":\"integer\"}", "1e-1",
	    "value: expected a whole number, got a number");
}

static void
enum_and_const_compare_values(void **state)
{
	(void)state;
	fits("{\"enum\":[\"a\",{\"b\":[1]}]}", "{\"b\":[1]}");
	fits("{\"const\":{\"x\":1,\"y\":2}}", "{\"y\":2,\"x\":1}");
	refuses("{\"enum\":[\"stop\",\"continue\"]}", "\"go\"",
	    "value: expected one of \"stop\", \"continue\"");
	refuses("{\"const\":7}", "8", "value: expected 7");
}

static void
members_are_checked_by_name(void **state)
{
	const char *closed = "{\"properties\":{\"a\":{\"type\":\"string\"}},"
	                     "\"required\":[\"a\"],"
	                     "\"additionalProperties\":false}";

	(void)state;
	fits(closed, "{\"a\":\"x\"}");
	refuses(closed, "{}", "a: is required");
	refuses(closed, "{\"a\":1}", "a: expected a string, got a number");
	refuses(closed, "{\"a\":\"x\",\"b\":1}",
	    "b: no member of that name is allowed");
	fits("{\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"b\":1}");
	refuses("{\"additionalProperties\":{\"type\":\"number\"}}",
	    "{\"b\":\"\"}", "b: expected a number, got a string");
}

static void
items_follow_their_prefix(void **state)
{
	const char *pair = "{\"prefixItems\":[{\"type\":\"string\"}],"
	                   "\"items\":{\"type\":\"integer\"}}";

	(void)state;
	fits(pair, "[\"a\",1,2]");
	fits(pair, "[]");
	refuses(pair, "[1]", "[0]: expected a string, got a number");
	refuses(pair, "[\"a\",\"b\"]",
	    "[1]: expected a whole number, got a string");
	refuses("{\"prefixItems\":[true],\"items\":false}", "[1,2]",
	    "[1]: nothing is allowed here");
}

static void
sizes_have_two_ends(void **state)
{
	(void)state;
	fits("{\"minItems\":1,\"maxItems\":2}", "[1]");
	refuses("{\"minItems\":1}", "[]", "value: expected at least 1 items");
	refuses("{\"maxItems\":1}", "[1,2]", "value: expected at most 1 items");
	fits("{\"minProperties\":1,\"maxProperties\":1}", "{\"a\":1}");
	refuses("{\"minProperties\":1}", "{}",
	    "value: expected at least 1 members");
	refuses("{\"maxProperties\":0}", "{\"a\":1}",
	    "value: expected at most 0 members");
	refuses("{\"minLength\":3}", "\"ab\"",
	    "value: expected at least 3 characters");
	refuses("{\"maxLength\":1}", "\"ab\"",
	    "value: expected at most 1 characters");
}

static void
length_counts_characters_not_bytes(void **state)
{
	(void)state;
	fits("{\"maxLength\":2}", "\"\xc3\xa9\xe2\x82\xac\"");
	fits("{\"minLength\":1,\"maxLength\":1}", "\"\\ud83d\\ude00\"");
}

static void
unique_items_compare_by_value(void **state)
{
	(void)state;
	fits("{\"uniqueItems\":true}", "[1,\"1\",[1],{\"a\":1}]");
	refuses("{\"uniqueItems\":true}",
	    "[{\"a\":1,\"b\":2},3,{\"b\":2,\"a\":1}]",
	    "value: item 2 stands here twice");
	fits("{\"uniqueItems\":false}", "[1,1]");
}

static void
numbers_are_compared_without_rounding(void **state)
{
	(void)state;
	fits("{\"maximum\":9007199254740993}", "9007199254740993");
	refuses("{\"maximum\":9007199254740992}", "9007199254740993",
	    "value: expected at most 9007199254740992");
	refuses("{\"minimum\":0.1}", "0.09999999999999999999999999",
	    "value: expected at least 0.1");
	fits("{\"minimum\":0.1}", "1e-1");
	fits("{\"exclusiveMinimum\":-1}", "-0.99999999999999999999");
	refuses("{\"exclusiveMinimum\":-1}", "-1.0",
	    "value: expected more than -1");
	refuses("{\"exclusiveMaximum\":100}", "1e2",
	    "value: expected less than 100");
	fits("{\"maximum\":1e300}", "9.99e299");
	fits("{\"minimum\":0}", "-0.0");
	fits("{\"minimum\":0}", "1e999999999");
	refuses("{\"minimum\":0}", "1e1000000000",
	    "value: this number cannot be compared");
}

static void
multiples_are_exact(void **state)
{
	(void)state;
	fits("{\"multipleOf\":0.01}", "0.07");
	fits("{\"multipleOf\":0.1}", "1e30");
	fits("{\"multipleOf\":3}", "123456789012345678901234567890");
	fits("{\"multipleOf\":7}", "7e100000");
	fits("{\"multipleOf\":5}", "0");
	refuses("{\"multipleOf\":0.01}", "0.075",
	    "value: expected a multiple of 0.01");
	refuses("{\"multipleOf\":3}", "123456789012345678901234567891",
	    "value: expected a multiple of 3");
	refuses(
	    "{\"multipleOf\":100}", "10", "value: expected a multiple of 100");
	fits("{\"multipleOf\":2.5}", "-7.5");
}

static void
patterns_are_searched_as_ecma_does(void **state)
{
	(void)state;
	fits("{\"pattern\":\"b\"}", "\"abc\"");
	refuses("{\"pattern\":\"^b\"}", "\"abc\"",
	    "value: expected text that matches \"^b\"");
	refuses("{\"pattern\":\"^a$\"}", "\"a\\n\"",
	    "value: expected text that matches \"^a$\"");
	refuses("{\"pattern\":\"^\\\\d$\"}", "\"\xd9\xa3\"",
	    "value: expected text that matches \"^\\\\d$\"");
	fits("{\"pattern\":\"^\\\\u0041$\"}", "\"A\"");
	fits("{\"pattern\":\"^.$\"}", "\"\xe2\x82\xac\"");
	fits("{\"pattern\":\"^usr_[a-z0-9]+$\"}", "\"usr_1\"");
}

static void
formats_that_are_taken_are_enforced(void **state)
{
	(void)state;
	fits("{\"format\":\"date-time\"}", "\"2026-07-01T09:00:00Z\"");
	refuses("{\"format\":\"date-time\"}", "\"today\"",
	    "value: expected a date and time as in RFC 3339");
	fits("{\"format\":\"uuid\"}",
	    "\"0198b5f2-7a53-7cc4-8f11-2b0c1d9f6a10\"");
	refuses("{\"format\":\"uuid\"}", "\"x\"", "value: expected a UUID");
}

static void
several_schemas_combine(void **state)
{
	(void)state;
	fits("{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":3}]}", "3");
	refuses("{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":3}]}", "2",
	    "value: fits none of the 2 forms allowed here");
	refuses("{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "2",
	    "value: fits 2 forms, and must fit one only");
	fits("{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "1");
	refuses("{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}", "3",
	    "value: expected at most 2");
	refuses("{\"not\":{\"type\":\"null\"}}", "null",
	    "value: is of a form that is not allowed here");
	fits("{\"not\":{\"type\":\"null\"}}", "1");
	/* A miss inside a branch leaves no trace in the path. */
	refuses("{\"anyOf\":[{\"properties\":{\"a\":{\"type\":\"null\"}}}],"
	        "\"type\":\"object\"}",
	    "{\"a\":1}", "value: fits none of the 1 forms allowed here");
}

static void
references_lead_to_definitions(void **state)
{
	const char *tree = "{\"$defs\":{\"n\":{\"type\":\"object\","
	                   "\"properties\":{\"next\":{\"$ref\":\"#/$defs/n\"},"
	                   "\"v\":{\"type\":\"integer\"}}}},"
	                   "\"$ref\":\"#/$defs/n\"}";

	(void)state;
	fits(tree, "{\"v\":1,\"next\":{\"v\":2,\"next\":{}}}");
	refuses(tree, "{\"next\":{\"next\":{\"v\":\"x\"}}}",
	    "next.next.v: expected a whole number, got a string");
	fits("{\"properties\":{\"in\":{\"$ref\":\"#\"}},"
	     "\"additionalProperties\":false}",
	    "{\"in\":{\"in\":{}}}");
}

static void
the_path_names_the_place(void **state)
{
	(void)state;
	refuses("{\"properties\":{\"items\":{\"items\":{\"properties\":"
	        "{\"name\":{\"type\":\"string\"}}}}}}",
	    "{\"items\":[{},{},{\"name\":0}]}",
	    "items[2].name: expected a string, got a number");
	refuses("{\"additionalProperties\":false}", "{\"a b\\u001b[\":1}",
	    "[\"a b\\x1b[\"]: no member of that name is allowed");
}

static void
boolean_schemas_allow_all_or_nothing(void **state)
{
	(void)state;
	fits("true", "1");
	refuses("false", "1", "value: nothing is allowed here");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_type_is_one_of_seven_or_a_list),
		cmocka_unit_test(an_integer_is_a_value_not_a_spelling),
		cmocka_unit_test(enum_and_const_compare_values),
		cmocka_unit_test(members_are_checked_by_name),
		cmocka_unit_test(items_follow_their_prefix),
		cmocka_unit_test(sizes_have_two_ends),
		cmocka_unit_test(length_counts_characters_not_bytes),
		cmocka_unit_test(unique_items_compare_by_value),
		cmocka_unit_test(numbers_are_compared_without_rounding),
		cmocka_unit_test(multiples_are_exact),
		cmocka_unit_test(patterns_are_searched_as_ecma_does),
		cmocka_unit_test(formats_that_are_taken_are_enforced),
		cmocka_unit_test(several_schemas_combine),
		cmocka_unit_test(references_lead_to_definitions),
		cmocka_unit_test(the_path_names_the_place),
		cmocka_unit_test(boolean_schemas_allow_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
