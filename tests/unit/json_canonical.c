/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "json/json.h"

static void
assert_canonical(const char *text, const char *want)
{
	auto_arena a = { 0 };
	auto_buf b = { 0 };
	auto_buf again = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(&a, str_of(text), NULL, &j, &e) < 0) {
		fail_msg("%s", e.text);
	}
	json_canonical(&b, j);
	assert_string_equal(buf_z(&b), want);
	/* The canonical form is its own canonical form. */
	assert_int_equal(json_parse(&a, buf_str(&b), NULL, &j, &e), 0);
	json_canonical(&again, j);
	assert_string_equal(buf_z(&again), want);
}

static void
the_example_of_rfc_8785_comes_out(void **state)
{
	(void)state;
	assert_canonical(
	    "{\n  \"numbers\": [333333333.33333329, 1E30, 4.50,\n"
	    "     2e-3, 0.000000000000000000000000001],\n"
	    "  \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c"
	    "\\\\\\\"\\/\",\n  \"literals\": [null, true, false]\n}",
	    "{\"literals\":[null,true,false],"
	    "\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
	    "\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

/* RFC 8785 §3.2.3: U+1F600 stands before U+FB33, as in UTF-16. */
static void
keys_are_sorted_as_utf16(void **state)
{
	(void)state;
	assert_canonical(
	    "{\"\\u20ac\": \"Euro Sign\", \"\\r\": \"Carriage Return\","
	    "\"\\ufb33\": \"Hebrew Letter Dalet With Dagesh\","
	    "\"1\": \"One\", \"\\ud83d\\ude00\": \"Emoji: Grinning Face\","
	    "\"\\u0080\": \"Control\","
	    "\"\\u00f6\": \"Latin Small Letter O With Diaeresis\"}",
	    "{\"\\r\":\"Carriage Return\",\"1\":\"One\","
	    "\"\xc2\x80\":\"Control\","
	    "\"\xc3\xb6\":\"Latin Small Letter O With Diaeresis\","
	    "\"\xe2\x82\xac\":\"Euro Sign\","
	    "\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\","
	    "\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}");
	assert_canonical("{\"b\":1,\"\":2,\"aa\":3,\"a\":4}",
	    "{\"\":2,\"a\":4,\"aa\":3,\"b\":1}");
}

static void
sorting_goes_all_the_way_down_and_arrays_keep_their_order(void **state)
{
	(void)state;
	assert_canonical(
	    "{\"1\": {\"f\": {\"f\": \"hi\",\"F\": 5} ,\"\\n\": 56.0},"
	    "\"10\": { }, \"\": \"empty\", \"a\": { },"
	    "\"111\": [ {\"e\": \"yes\",\"E\": \"no\" }, 3, 1 ],"
	    "\"A\": [ ]}",
	    "{\"\":\"empty\",\"1\":{\"\\n\":56,\"f\":{\"F\":5,\"f\":\"hi\"}},"
	    "\"10\":{},\"111\":[{\"E\":\"no\",\"e\":\"yes\"},3,1],"
	    "\"A\":[],\"a\":{}}");
	assert_canonical("7", "7");
	assert_canonical("[[[]]]", "[[[]]]");
}

/* RFC 8785 appendix B. */
static void
the_numbers_of_rfc_8785_come_out(void **state)
{
	static const struct {
		uint64_t bits;
		const char *text;
	} rows[] = {
		{ 0x0000000000000000, "0" },
		{ 0x8000000000000000, "0" },
		{ 0x0000000000000001, "5e-324" },
		{ 0x8000000000000001, "-5e-324" },
		{ 0x7fefffffffffffff, "1.7976931348623157e+308" },
		{ 0xffefffffffffffff, "-1.7976931348623157e+308" },
		{ 0x4340000000000000, "9007199254740992" },
		{ 0xc340000000000000, "-9007199254740992" },
		{ 0x4430000000000000, "295147905179352830000" },
		{ 0x44b52d02c7e14af5, "9.999999999999997e+22" },
		{ 0x44b52d02c7e14af6, "1e+23" },
		{ 0x44b52d02c7e14af7, "1.0000000000000001e+23" },
		{ 0x444b1ae4d6e2ef4e, "999999999999999700000" },
		{ 0x444b1ae4d6e2ef4f, "999999999999999900000" },
		{ 0x444b1ae4d6e2ef50, "1e+21" },
		{ 0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7" },
		{ 0x3eb0c6f7a0b5ed8d, "0.000001" },
		{ 0x41b3de4355555553, "333333333.3333332" },
		{ 0x41b3de4355555554, "333333333.33333325" },
		{ 0x41b3de4355555555, "333333333.3333333" },
		{ 0x41b3de4355555556, "333333333.3333334" },
		{ 0x41b3de4355555557, "333333333.33333343" },
		{ 0xbecbf647612f3696, "-0.0000033333333333333333" },
		{ 0x43143ff3c1cb0959, "1424953923781206.2" },
		/* A power of two, where the gap below is the smaller. */
		{ 0x3d30000000000000, "5.684341886080802e-14" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[40];
		double value;
		memcpy(&value, &rows[i].bits, sizeof(value));
		assert_true(snprintf(text, sizeof(text), "%.17g", value) > 0);
		assert_canonical(text, rows[i].text);
	}
}

static void
one_number_has_one_form(void **state)
{
	(void)state;
	assert_canonical("[1.0,10e-1,1e0,0.1e1,-0,-0.0]", "[1,1,1,1,0,0]");
	assert_canonical("[1e20,123e-20,-1.5e300,100]",
	    "[100000000000000000000,1.23e-18,-1.5e+300,100]");
}

/* Two calls that differ must not have one digest. */
static void
integers_that_no_double_holds_stay_apart(void **state)
{
	(void)state;
	assert_canonical("[9007199254740992,9007199254740993]",
	    "[9007199254740992,9007199254740993]");
	assert_canonical("[18446744073709551615,-18446744073709551617]",
	    "[18446744073709551615,-18446744073709551617]");
	assert_canonical("[1e400,1E-400]", "[1e400,1E-400]");
	/* 2^68 is held exactly: the RFC's form. */
	assert_canonical("295147905179352825856", "295147905179352830000");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_rfc_8785_comes_out),
		cmocka_unit_test(keys_are_sorted_as_utf16),
		cmocka_unit_test(
		    sorting_goes_all_the_way_down_and_arrays_keep_their_order),
		cmocka_unit_test(the_numbers_of_rfc_8785_come_out),
		cmocka_unit_test(one_number_has_one_form),
		cmocka_unit_test(integers_that_no_double_holds_stay_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
