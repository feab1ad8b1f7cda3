/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "json/json.h"

static void
assert_reads(struct str text, const char *written)
{
	auto_arena a = { 0 };
	auto_buf b = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(&a, text, NULL, &j, &e) < 0) {
		fail_msg("%s", e.text);
	}
	json_write(&b, j);
	assert_string_equal(buf_z(&b), written);
}

static void
assert_refused(struct str text, const char *reason)
{
	auto_arena a = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	assert_int_equal(json_parse(&a, text, NULL, &j, &e), -1);
	assert_null(j);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_string_equal(e.text, reason);
}

static void
every_kind_of_value_is_read(void **state)
{
	(void)state;
	assert_reads(STR("null"), "null");
	assert_reads(STR(" \t\r\n true\n"), "true");
	assert_reads(STR("false"), "false");
	assert_reads(STR("\"\""), "\"\"");
	assert_reads(STR("[]"), "[]");
	assert_reads(STR("[ ]"), "[]");
	assert_reads(STR("{ }"), "{}");
	assert_reads(
	    STR("[[],{},[{\"a\" : [ 1 , 2]}]]"), "[[],{},[{\"a\":[1,2]}]]");
	assert_reads(STR("{\"b\":1,\"a\":2}"), "{\"b\":1,\"a\":2}");
}

static void
numbers_keep_their_text(void **state)
{
	static const char *const good[] = { "0", "-0", "1.50", "1E400",
		"-12.0e+05", "123456789012345678901234567890", "1e-9999" };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_reads(str_of(good[i]), good[i]);
	}
}

static void
other_spellings_of_numbers_are_refused(void **state)
{
	static const char *const bad[] = { "01", "+1", ".5", "1.", "1.e5", "-",
		"1e", "1e+", "0x1", "1_0", "NaN", "Infinity", "-a", "--1",
		"1.5.5", "00" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		auto_arena a = { 0 };
		struct json *j = NULL;
		struct err e = { 0 };
		assert_int_equal(
		    json_parse(&a, str_of(bad[i]), NULL, &j, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
	}
}

static void
strings_are_unescaped_and_may_hold_nul(void **state)
{
	auto_arena a = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    json_parse(&a,
	        STR("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00E9\\u20ac"
	            "\\ud83d\\uDE00 \xc3\xa9\x7f\""),
	        NULL, &j, &e),
	    0);
	assert_true(str_eq(j->text, STR("a\"\\/\b\f\n\r\t\0\xc3\xa9\xe2\x82\xac"
	                                "\xf0\x9f\x98\x80 \xc3\xa9\x7f")));
}

static void
the_tree_does_not_hang_on_the_text(void **state)
{
	auto_arena a = { 0 };
	char text[] = "{\"key\":[\"value\",12]}";
	struct json *j = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(json_parse(&a, str_of(text), NULL, &j, &e), 0);
	memset(text, 'x', sizeof(text));
	assert_true(str_eq_z(j->first->key, "key"));
	assert_true(str_eq_z(j->first->first->text, "value"));
	assert_true(str_eq_z(j->first->last->text, "12"));
}

static void
every_value_knows_its_line_and_column(void **state)
{
	auto_arena a = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    json_parse(
	        &a, STR("{\n  \"a\": 1,\r\n\"b\":\n [true]}"), NULL, &j, &e),
	    0);
	assert_int_equal(j->line, 1);
	assert_int_equal(j->column, 1);
	assert_int_equal(json_get(j, "a")->line, 2);
	assert_int_equal(json_get(j, "a")->column, 8);
	assert_int_equal(json_get(j, "b")->line, 4);
	assert_int_equal(json_get(j, "b")->column, 2);
	assert_int_equal(json_get(j, "b")->first->column, 3);
}

static void
what_is_wrong_is_said_with_its_place(void **state)
{
	(void)state;
	assert_refused(
	    STR(""), "line 1, column 1: expected a value, but the text ends");
	assert_refused(
	    STR("[1,\n]"), "line 2, column 1: expected a value, not \"]\"");
	assert_refused(STR("{\"a\":1,}"),
	    "line 1, column 8: expected a key in quotes, not \"}\"");
	assert_refused(STR("{\"a\" 1}"),
	    "line 1, column 6: expected ':' after the key, not \"1\"");
	assert_refused(
	    STR("[1 2]"), "line 1, column 4: expected ',' or ']', not \"2\"");
	assert_refused(
	    STR("[1}"), "line 1, column 3: expected ',' or ']', not \"}\"");
	assert_refused(STR("{\"a\":[1]"),
	    "line 1, column 9: expected ',' or '}', but the text ends");
	assert_refused(
	    STR("nul"), "line 1, column 1: expected a value, not \"n\"");
	assert_refused(
	    STR("'a'"), "line 1, column 1: expected a value, not \"'\"");
	assert_refused(STR("{a:1}"),
	    "line 1, column 2: expected a key in quotes, not \"a\"");
	assert_refused(STR("[1]//x"),
	    "line 1, column 4: expected nothing more, not \"/\"");
	assert_refused(STR("1\0"),
	    "line 1, column 2: expected nothing more, not \"\\x00\"");
	assert_refused(STR("\xef\xbb\xbf{}"),
	    "line 1, column 1: expected a value, not \"\\xef\\xbb\\xbf\"");
	assert_refused(STR("[\xc2\xa0]"),
	    "line 1, column 2: expected a value, not \"\\xc2\\xa0\"");
}

static void
bad_strings_are_refused(void **state)
{
	(void)state;
	assert_refused(STR("\"a"),
	    "line 1, column 3: expected a closing quote, but the text ends");
	assert_refused(
	    STR("\"a\\"), "line 1, column 3: no such escape in a string");
	assert_refused(
	    STR("\"\\x41\""), "line 1, column 2: no such escape in a string");
	assert_refused(STR("\"\\u12g4\""),
	    "line 1, column 4: expected four hex digits after \\u");
	assert_refused(STR("\"\\u12"),
	    "line 1, column 4: expected four hex digits after \\u");
	assert_refused(STR("\"a\tb\""),
	    "line 1, column 3: a control byte in a string must be escaped");
	assert_refused(STR("\"a\0b\""),
	    "line 1, column 3: a control byte in a string must be escaped");
	assert_refused(
	    STR("\"\xff\""), "line 1, column 2: these bytes are not UTF-8");
	assert_refused(STR("\"\xed\xa0\x80\""),
	    "line 1, column 2: these bytes are not UTF-8");
	assert_refused(
	    STR("\"\xc3\""), "line 1, column 2: these bytes are not UTF-8");
	assert_refused(STR("{\"\xc0\x80\":1}"),
	    "line 1, column 3: these bytes are not UTF-8");
}

static void
half_a_surrogate_pair_is_refused(void **state)
{
	static const char *const bad[] = { "\"\\ud800\"", "\"\\udc00\"",
		"\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\ud800\"",
		"\"\\ud800\\u0041\"", "\"\\udc00\\ud800\"", "\"\\udbff\\u",
		"\"\\udbff\\" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_refused(str_of(bad[i]),
		    "line 1, column 4: half of a surrogate pair is no "
		    "character");
	}
}

static void
a_key_stands_once_in_an_object(void **state)
{
	auto_buf many = { 0 };

	(void)state;
	assert_refused(STR("{\"a\":1,\"b\":2,\"\\u0061\":3}"),
	    "line 1, column 23: the key \"a\" stands twice in one object");
	assert_refused(STR("[{\"\":1,\"\":2}]"),
	    "line 1, column 11: the key \"\" stands twice in one object");
	assert_reads(STR("{\"a\":{\"a\":1}}"), "{\"a\":{\"a\":1}}");
	buf_add_byte(&many, '{');
	for (int i = 0; i < 40; i++) {
		buf_addf(&many, "\"k%d\":%d,\n", i, i);
	}
	buf_add_z(&many, "\"k7\":0}");
	assert_refused(buf_str(&many),
	    "line 41, column 6: the key \"k7\" stands twice in one object");
}

static void
a_large_hostile_object_is_read_in_good_time(void **state)
{
	auto_arena a = { 0 };
	auto_buf many = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	(void)state;
	buf_add_z(&many, "{\"first\":0");
	for (int i = 0; i < 150000; i++) {
		buf_addf(&many, ",\"k%d\":0", i);
	}
	buf_add_z(&many, "}");
	struct mono start = mono_now();
	assert_int_equal(json_parse(&a, buf_str(&many), NULL, &j, &e), 0);
	assert_true(json_equal(j, json_copy(&a, j)));
	/* Comparing each with each would take a minute. */
	assert_true(mono_now().us - start.us < 10 * CLOCK_SECOND);
}

static void
assert_limit(
    struct str text, const struct json_limits *limits, const char *reason)
{
	auto_arena a = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	assert_int_equal(json_parse(&a, text, limits, &j, &e), -1);
	assert_null(j);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_string_equal(e.text, reason);
}

static void
every_bound_holds_and_its_last_value_is_allowed(void **state)
{
	struct json_limits limits = { .bytes = 9, .depth = 2, .nodes = 4 };
	auto_arena a = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(json_parse(&a, STR("[[1,2]]  "), &limits, &j, &e), 0);
	assert_limit(STR("[[1,2]]   "), &limits,
	    "the JSON text has 10 bytes; the limit is 9");
	assert_limit(STR("[[[1]]]"), &limits,
	    "line 1, column 4: more than 2 levels of nesting");
	assert_limit(
	    STR("[1,2,3,4]"), &limits, "line 1, column 8: more than 4 values");
	assert_limit(STR("[[],[],{}"), &(struct json_limits){ 99, 9, 3 },
	    "line 1, column 8: more than 3 values");
}

static void
the_default_depth_is_64(void **state)
{
	char text[131] = "";

	(void)state;
	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	assert_reads(str_of(text), text);
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	assert_limit(str_of(text), NULL,
	    "line 1, column 66: more than 64 levels of nesting");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_value_is_read),
		cmocka_unit_test(numbers_keep_their_text),
		cmocka_unit_test(other_spellings_of_numbers_are_refused),
		cmocka_unit_test(strings_are_unescaped_and_may_hold_nul),
		cmocka_unit_test(the_tree_does_not_hang_on_the_text),
		cmocka_unit_test(every_value_knows_its_line_and_column),
		cmocka_unit_test(what_is_wrong_is_said_with_its_place),
		cmocka_unit_test(bad_strings_are_refused),
		cmocka_unit_test(half_a_surrogate_pair_is_refused),
		cmocka_unit_test(a_key_stands_once_in_an_object),
		cmocka_unit_test(a_large_hostile_object_is_read_in_good_time),
		cmocka_unit_test(
		    every_bound_holds_and_its_last_value_is_allowed),
		cmocka_unit_test(the_default_depth_is_64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
