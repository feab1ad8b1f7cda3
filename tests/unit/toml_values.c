/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "toml/toml.h"

static void
assert_reads(struct str text, const char *as_json)
{
	auto_arena a = { 0 };
	auto_buf b = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	if (toml_parse(&a, text, "t.toml", &j, &e) < 0) {
		fail_msg("%s", e.text);
	}
	json_write(&b, j);
	assert_string_equal(buf_z(&b), as_json);
}

/* The value alone, as `v = …`. */
static void
assert_value(const char *value, const char *as_json)
{
	auto_buf text = { 0 };
	auto_buf want = { 0 };

	buf_addf(&text, "v = %s\n", value);
	buf_addf(&want, "{\"v\":%s}", as_json);
	assert_reads(buf_str(&text), buf_z(&want));
}

static void
assert_refused(struct str text, const char *reason)
{
	auto_arena a = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	assert_int_equal(toml_parse(&a, text, "t.toml", &j, &e), -1);
	assert_null(j);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_string_equal(e.text, reason);
}

static void
assert_no_value(const char *value)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	buf_addf(&text, "v = %s\n", value);
	if (toml_parse(&a, buf_str(&text), "t.toml", &j, &e) == 0) {
		fail_msg("taken: %s", value);
	}
	assert_int_equal(e.kind, ERR_INPUT);
	assert_true(str_starts(str_of(e.text), STR("t.toml:")));
}

static void
integers_become_decimal_whatever_their_base(void **state)
{
	static const char *const rows[][2] = { { "0", "0" }, { "+99", "99" },
		{ "-17", "-17" }, { "-0", "0" }, { "1_000", "1000" },
		{ "5_349_221", "5349221" }, { "0xDEAD_beef", "3735928559" },
		{ "0x00ff", "255" }, { "0o755", "493" },
		{ "0b1101_0110", "214" },
		{ "9223372036854775807", "9223372036854775807" },
		{ "-9223372036854775808", "-9223372036854775808" },
		{ "0x7fffffffffffffff", "9223372036854775807" } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_value(rows[i][0], rows[i][1]);
	}
}

static void
other_spellings_of_integers_are_refused(void **state)
{
	static const char *const bad[] = { "01", "+01", "-00", "0_1", "_1",
		"1_", "1__0", "++1", "+-1", "1-", "0x", "0xg", "0x_1", "0x1_",
		"+0x1", "-0b1", "0o8", "0b2", "0X1", "1 2", "0b", "1a", "abc" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_no_value(bad[i]);
	}
	assert_refused(STR("v = 9223372036854775808"),
	    "t.toml:1:5: \"9223372036854775808\" does not fit in 64 bits");
	assert_refused(STR("v = 0x8000000000000000"),
	    "t.toml:1:5: \"0x8000000000000000\" does not fit in 64 bits");
	assert_refused(STR("v = 0xfffffffffffffffffffffff"),
	    "t.toml:1:5: \"0xfffffffffffffffffffffff\" does not fit in 64 "
	    "bits");
}

static void
floats_lose_plus_and_underscores_only(void **state)
{
	static const char *const rows[][2] = { { "+1.0", "1.0" },
		{ "3.1415", "3.1415" }, { "-0.01", "-0.01" },
		{ "5e+22", "5e22" }, { "1e06", "1e06" }, { "-2E-2", "-2E-2" },
		{ "6.626e-34", "6.626e-34" },
		{ "224_617.445_991_228", "224617.445991228" }, { "0.0", "0.0" },
		{ "1e1_0", "1e10" }, { "inf", "null" }, { "+inf", "null" },
		{ "-nan", "null" } };
	static const char *const bad[] = { ".7", "7.", "3.e+20", "1._5", "1_.5",
		"1.5_", "1e", "1e_1", "1e1.5", "01.5", "00e1", "Inf", "NAN",
		"infinity", "+nan1", "1.2.3", "1e1_" };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_value(rows[i][0], rows[i][1]);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_no_value(bad[i]);
	}
}

static void
no_reader_of_numbers_takes_inf(void **state)
{
	auto_arena a = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };
	double real;
	int64_t whole;

	(void)state;
	assert_int_equal(toml_parse(&a, STR("v=-inf"), "t", &j, &e), 0);
	assert_true(str_eq_z(j->first->text, "-inf"));
	assert_false(json_number_double(j->first, &real));
	assert_false(json_number_i64(j->first, &whole));
}

static void
booleans_are_two_words(void **state)
{
	(void)state;
	assert_value("true", "true");
	assert_value("false", "false");
	assert_no_value("True");
	assert_no_value("truefalse");
	assert_no_value("yes");
	assert_no_value("null");
	assert_no_value("");
	assert_no_value("# nothing");
}

static void
all_four_kinds_of_time_are_read(void **state)
{
	static const char *const rows[][2] = { { "1979-05-27T07:32:00Z",
		                                   "1979-05-27T07:32:00Z" },
		{ "1979-05-27t00:32:00z", "1979-05-27T00:32:00Z" },
		{ "1979-05-27 00:32:00.999999-07:00",
		    "1979-05-27T00:32:00.999999-07:00" },
		{ "1979-05-27T07:32:00.5", "1979-05-27T07:32:00.5" },
		{ "1979-05-27 # date", "1979-05-27" },
		{ "07:32:00", "07:32:00" },
		{ "00:32:00.12345678987", "00:32:00.123456789" },
		{ "2000-02-29", "2000-02-29" },
		{ "1979-05-27T07:32:00.12345678987+01:00",
		    "1979-05-27T07:32:00.123456789+01:00" } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_buf want = { 0 };
		buf_addf(&want, "\"%s\"", rows[i][1]);
		assert_value(rows[i][0], buf_z(&want));
	}
}

static void
impossible_times_are_refused(void **state)
{
	static const char *const bad[] = { "1979-02-29", "1979-13-01",
		"1979-00-10", "1979-5-27", "24:00:00", "07:60:00", "07:32",
		"07:32:61", "07:32:00Z", "07:32:00+01:00", "07:32:00.",
		"1979-05-27T07:32Z", "1979-05-27T", "1979-05-27  07:32:00",
		"1979-05-27T07:32:00+25:00", "1979-05-27Z",
		"1979-05-27T07:32:00-0700", "79-05-27", "1979-05-27+01:00" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_no_value(bad[i]);
	}
	assert_refused(STR("v = 1979-02-30"),
	    "t.toml:1:5: \"1979-02-30\" is not a date or time");
}

static void
all_four_kinds_of_string_are_read(void **state)
{
	(void)state;
	assert_value("\"\"", "\"\"");
	assert_value("''", "\"\"");
	assert_value(
	    "\"a\\b\\t\\n\\f\\r\\\"\\\\z\"", "\"a\\b\\t\\n\\f\\r\\\"\\\\z\"");
	assert_value("\"\\u00e9\\U0001F600\"", "\"\xc3\xa9\xf0\x9f\x98\x80\"");
	assert_value(
	    "'C:\\new\\u0041 \"x\"'", "\"C:\\\\new\\\\u0041 \\\"x\\\"\"");
	assert_value("\"# no\\tcomment\tx\"", "\"# no\\tcomment\\tx\"");
	assert_value("\"\"\"\na\r\nb\"\"\"", "\"a\\r\\nb\"");
	assert_value("\"\"\"\r\na \\  \n\n   b\\\n\"\"\"", "\"a b\"");
	assert_value("\"\"\"a\"b\"\"c\"\"\"", "\"a\\\"b\\\"\\\"c\"");
	assert_value("\"\"\"\"a\"\"\"\"\"", "\"\\\"a\\\"\\\"\"");
	assert_value("\"\"\"\\\"\"\"\"", "\"\\\"\"");
	assert_value("'''\n\\n'a''b''''", "\"\\\\n'a''b'\"");
	assert_value("\"\"\"\"\"\"", "\"\"");
	assert_value("''''''", "\"\"");
}

static void
bad_strings_are_refused_with_the_place(void **state)
{
	static const char *const bad[] = { "\"a", "'a", "\"\"\"a\"\"", "'''a''",
		"\"\\x41\"", "\"\\e\"", "\"\\ \"", "\"\\u12g4\"",
		"\"\\U00110000\"", "\"\\ud800\"", "\"\\U0000dfff\"",
		"\"a\x7f\"", "'a\x01'", "\"a\rb\"", "\"\"\"a\rb\"\"\"",
		"'''\x1f'''", "\"\"\"\\ x\n\"\"\"", "\"a\" \"b\"",
		"\"\"\"\"\"\"\"\"\"", "\"\\" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_no_value(bad[i]);
	}
	assert_refused(STR("a = \"x\ny\""),
	    "t.toml:1:7: the string does not end on its line (three quotes "
	    "begin a string of many lines)");
	assert_refused(
	    STR("a = '''x\n\n"), "t.toml:3:1: the string has no end");
	assert_refused(STR("a = \"C:\\new\\dir\""),
	    "t.toml:1:12: no such escape in a string (a backslash is \\\\; "
	    "between single quotes it stands for itself)");
	assert_refused(
	    STR("a = \"x\0\""), "t.toml:1:7: a control byte in a string");
}

static void
arrays_may_span_lines_and_mix_types(void **state)
{
	(void)state;
	assert_value("[]", "[]");
	assert_value(
	    "[ 1, 'a', [true], {b = 2}, ]", "[1,\"a\",[true],{\"b\":2}]");
	assert_value("[ # c\n\n 1 # d\n , # e\n 2\n]", "[1,2]");
	assert_value("[[[]],[[1],[]]]", "[[[]],[[1],[]]]");
	assert_no_value("[,]");
	assert_no_value("[1,,2]");
	assert_no_value("[1 2]");
	assert_no_value("[1");
	assert_no_value("[1}");
	assert_no_value("1]");
}

static void
comments_and_line_ends_are_strict(void **state)
{
	(void)state;
	assert_reads(STR(""), "{}");
	assert_reads(
	    STR("\xef\xbb\xbf# bom\r\na=1\r\n\t \n# \xc3\xbc"), "{\"a\":1}");
	assert_reads(STR("a=1#c"), "{\"a\":1}");
	assert_refused(STR("a=1 b=2"),
	    "t.toml:1:5: expected the end of the line, found \"b\"");
	assert_refused(STR("a=1\rb=2"),
	    "t.toml:1:4: expected the end of the line, found \"\\r\"");
	assert_refused(
	    STR("# a\x01"), "t.toml:1:4: a control byte in a comment");
	assert_refused(
	    STR("# a\rb"), "t.toml:1:4: a control byte in a comment");
	assert_refused(
	    STR("# a\0b"), "t.toml:1:4: a control byte in a comment");
	assert_refused(
	    STR("a=1\n# \xff"), "t.toml:2:3: these bytes are not UTF-8");
	assert_refused(
	    STR("\xff\xfe"), "t.toml:1:1: these bytes are not UTF-8");
	assert_refused(
	    STR("a=1\n\0"), "t.toml:2:1: expected a key, found \"\\x00\"");
}

static void
every_value_knows_its_place(void **state)
{
	auto_arena a = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(toml_parse(&a,
	                     STR("a = 1\n[ t . u ]\n  b.c = [\n 'x',\n 2]\n"
	                         "m = \"\"\"\n\n\"\"\"\nz = true\n"),
	                     "t", &j, &e),
	    0);
	const struct json *t = json_get(j, "t");
	const struct json *u = json_get(t, "u");
	const struct json *list = json_pointer(u, STR("/b/c"));
	assert_true(j->first->line == 1 && j->first->column == 5);
	assert_true(t->line == 2 && t->column == 3);
	assert_true(u->line == 2 && u->column == 7);
	assert_true(json_get(u, "b")->line == 3);
	assert_true(list->line == 3 && list->column == 9);
	assert_true(list->first->line == 4 && list->first->column == 2);
	assert_true(list->last->line == 5);
	assert_true(json_get(u, "z")->line == 9);
	assert_int_equal(toml_refuse(&e, "f", u, "no key %s", "x"), -1);
	assert_string_equal(e.text, "f:2:7: no key x");
	assert_int_equal(e.kind, ERR_INPUT);
}

static void
assert_limit(struct str text, const char *reason)
{
	auto_arena a = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	assert_int_equal(toml_parse(&a, text, "t", &j, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_string_equal(e.text, reason);
}

static void
every_bound_holds(void **state)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	(void)state;
	buf_add_z(&text, "a=[");
	for (int i = 0; i < TOML_VALUES_MAX - 1; i++) {
		buf_add_z(&text, "1,");
	}
	buf_add_z(&text, "]");
	assert_int_equal(toml_parse(&a, buf_str(&text), "t", &j, &e), 0);
	buf_add_z(&text, "\nb=1");
	assert_limit(buf_str(&text), "t:2:3: more than 20000 values");
	buf_clear(&text);
	buf_addf(&text, "a=%.*s1%.*s", 63,
	    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	    63,
	    "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
	assert_int_equal(toml_parse(&a, buf_str(&text), "t", &j, &e), 0);
	buf_clear(&text);
	for (int i = 0; i < 64; i++) {
		buf_add_z(&text, "a.");
	}
	buf_add_z(&text, "a=1");
	assert_limit(buf_str(&text),
	    "t:1:127: more than 64 levels of tables and arrays");
	buf_clear(&text);
	memset(buf_room(&text, TOML_BYTES_MAX + 1), '\n', TOML_BYTES_MAX + 1);
	buf_grew(&text, TOML_BYTES_MAX);
	assert_int_equal(toml_parse(&a, buf_str(&text), "t", &j, &e), 0);
	buf_grew(&text, 1);
	assert_limit(buf_str(&text),
	    "t:1:1: the file has 1048577 bytes; the limit is 1048576");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_become_decimal_whatever_their_base),
		cmocka_unit_test(other_spellings_of_integers_are_refused),
		cmocka_unit_test(floats_lose_plus_and_underscores_only),
		cmocka_unit_test(no_reader_of_numbers_takes_inf),
		cmocka_unit_test(booleans_are_two_words),
		cmocka_unit_test(all_four_kinds_of_time_are_read),
		cmocka_unit_test(impossible_times_are_refused),
		cmocka_unit_test(all_four_kinds_of_string_are_read),
		cmocka_unit_test(bad_strings_are_refused_with_the_place),
		cmocka_unit_test(arrays_may_span_lines_and_mix_types),
		cmocka_unit_test(comments_and_line_ends_are_strict),
		cmocka_unit_test(every_value_knows_its_place),
		cmocka_unit_test(every_bound_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
