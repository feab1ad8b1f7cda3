/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json/json.h"

static const struct json *
read_text(struct arena *a, const char *text)
{
	struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(a, str_of(text), NULL, &j, &e) < 0) {
		fail_msg("%s", e.text);
	}
	return j;
}

static void
members_are_found_by_key_and_place(void **state)
{
	auto_arena a = { 0 };
	const struct json *j = read_text(
	    &a, "{\"s\":\"t\",\"n\":7,\"b\":false,\"l\":[1,2,3],\"z\":null}");
	struct str text;
	int64_t number;
	bool flag = true;

	(void)state;
	assert_true(json_text(j, "s", &text) && str_eq_z(text, "t"));
	assert_true(json_i64(j, "n", &number) && number == 7);
	assert_true(json_bool(j, "b", &flag) && !flag);
	assert_int_equal(json_get(j, "z")->type, JSON_NULL);
	assert_true(str_eq_z(json_at(json_get(j, "l"), 2)->text, "3"));
	assert_null(json_at(json_get(j, "l"), 3));
	assert_ptr_equal(json_get_str(j, STR("s")), j->first);
}

static void
absence_and_another_type_answer_no(void **state)
{
	auto_arena a = { 0 };
	const struct json *j = read_text(&a, "{\"s\":\"t\",\"n\":7}");
	struct str text = { 0 };
	int64_t number = 1;
	double real = 1;
	bool flag = true;

	(void)state;
	assert_null(json_get(j, "x"));
	assert_null(json_get(NULL, "x"));
	assert_null(json_get(j->first, "x"));
	assert_null(json_at(j, 0));
	assert_null(json_at(NULL, 0));
	assert_false(json_text(j, "n", &text));
	assert_false(json_text(NULL, "n", &text));
	assert_false(json_i64(j, "s", &number));
	assert_false(json_bool(j, "s", &flag));
	assert_false(json_number_double(j->first, &real));
	assert_false(json_number_double(NULL, &real));
	assert_null(text.at);
	assert_true(number == 1 && real > 0.5 && flag);
}

static void
whole_numbers_are_integers_however_written(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} good[] = { { "0", 0 }, { "-0.0e9", 0 }, { "1e3", 1000 },
		{ "1.50e1", 15 }, { "-100e-2", -1 }, { "0.001e3", 1 },
		{ "9223372036854775807", INT64_MAX },
		{ "-9223372036854775808", INT64_MIN },
		{ "0e99999999999999999999", 0 } };
	static const char *const bad[] = { "1.5", "1e-1", "1e19",
		"9223372036854775808", "-9223372036854775809",
		"10000000000000000000", "1e99999999999999999999" };
	auto_arena a = { 0 };
	int64_t value;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(
		    json_number_i64(read_text(&a, good[i].text), &value));
		assert_true(value == good[i].value);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(json_number_i64(read_text(&a, bad[i]), &value));
	}
}

static void
doubles_are_finite(void **state)
{
	auto_arena a = { 0 };
	double value = 0;

	(void)state;
	assert_true(json_number_double(read_text(&a, "-2.5e1"), &value));
	assert_true(value == -25);
	assert_false(json_number_double(read_text(&a, "1e400"), &value));
	assert_true(value == -25);
}

/* RFC 6901 §5. */
static void
pointers_find_what_rfc_6901_says(void **state)
{
	auto_arena a = { 0 };
	const struct json *j = read_text(&a,
	    "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,"
	    "\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}");
	static const struct {
		const char *pointer;
		const char *text;
	} rows[] = { { "/foo/0", "bar" }, { "/foo/1", "baz" }, { "/", "0" },
		{ "/a~1b", "1" }, { "/c%d", "2" }, { "/e^f", "3" },
		{ "/g|h", "4" }, { "/i\\j", "5" }, { "/k\"l", "6" },
		{ "/ ", "7" }, { "/m~0n", "8" } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct json *found =
		    json_pointer(j, str_of(rows[i].pointer));
		assert_non_null(found);
		assert_true(str_eq_z(found->text, rows[i].text));
	}
	assert_ptr_equal(json_pointer(j, STR("")), j);
}

static void
pointers_to_nothing_are_null(void **state)
{
	auto_arena a = { 0 };
	const struct json *j =
	    read_text(&a, "{\"a\":[1,2],\"~\":1,\"x\":{\"\":1}}");
	static const char *const bad[] = { "a", "/a/2", "/a/-", "/a/01", "/a/",
		"/a/+1", "/b", "/a/0/0", "/~", "/~2", "/a/18446744073709551616",
		"/x/y" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_null(json_pointer(j, str_of(bad[i])));
	}
	assert_non_null(json_pointer(j, STR("/x/")));
	assert_null(json_pointer(NULL, STR("/a")));
}

static void
equality_is_by_value(void **state)
{
	static const char *const pairs[][2] = { { "1", "1.0" },
		{ "100", "1e2" }, { "0", "-0.0" }, { "12.5", "1250e-2" },
		{ "10.01", "1001e-2" }, { "\"\\u0041\"", "\"A\"" },
		{ "{\"a\":1,\"b\":[true,null]}",
		    "{\"b\":[true,null],\"a\":1}" },
		{ "[]", "[]" }, { "{}", "{ }" } };
	auto_arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		assert_true(json_equal(
		    read_text(&a, pairs[i][0]), read_text(&a, pairs[i][1])));
	}
}

static void
what_differs_is_not_equal(void **state)
{
	static const char *const pairs[][2] = { { "1", "\"1\"" }, { "1", "-1" },
		{ "9007199254740993", "9007199254740992" },
		{ "1e400", "1e401" }, { "0.1", "0.10000000000000001" },
		{ "10", "1" }, { "[1,2]", "[2,1]" }, { "[1]", "[1,1]" },
		{ "{\"a\":1}", "{\"b\":1}" }, { "{\"a\":1}", "{\"a\":2}" },
		{ "[]", "{}" }, { "null", "false" }, { "[[[1]]]", "[[[2]]]" },
		{ "{\"a\":1,\"b\":2}", "{\"a\":1}" } };
	auto_arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		assert_false(json_equal(
		    read_text(&a, pairs[i][0]), read_text(&a, pairs[i][1])));
	}
	assert_true(json_equal(NULL, NULL));
	assert_false(json_equal(NULL, read_text(&a, "1")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found_by_key_and_place),
		cmocka_unit_test(absence_and_another_type_answer_no),
		cmocka_unit_test(whole_numbers_are_integers_however_written),
		cmocka_unit_test(doubles_are_finite),
		cmocka_unit_test(pointers_find_what_rfc_6901_says),
		cmocka_unit_test(pointers_to_nothing_are_null),
		cmocka_unit_test(equality_is_by_value),
		cmocka_unit_test(what_differs_is_not_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
