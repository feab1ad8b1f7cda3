/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

#include "json/json.h"

/* Which one it was that broke. */
static void
check(bool ok, const char *a, const char *b)
{
	if (!ok) {
		fail_msg("%s and %s", a, b);
	}
}

static struct json_decimal
decimal(const char *text)
{
	struct json_decimal d;

	check(json_decimal_of(str_of(text), &d), text, "no number");
	return d;
}

static int
compare(const char *a, const char *b)
{
	struct json_decimal x = decimal(a);
	struct json_decimal y = decimal(b);

	assert_int_equal(
	    json_decimal_compare(&x, &y), -json_decimal_compare(&y, &x));
	return json_decimal_compare(&x, &y);
}

static bool
divides(const char *divisor, const char *value)
{
	struct json_decimal d = decimal(divisor);
	struct json_decimal v = decimal(value);

	return json_decimal_divides(&d, &v);
}

static void
numbers_compare_as_they_are_written(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		int order;
	} rows[] = {
		{ "1", "1.0", 0 },
		{ "100", "1e2", 0 },
		{ "100.00", "0.1E+3", 0 },
		{ "0.001", "1e-3", 0 },
		{ "-0", "0", 0 },
		{ "0e999", "0.000", 0 },
		{ "0", "0.001", -1 },
		{ "0", "-1e9", 1 },
		{ "-1", "1", -1 },
		{ "-2", "-1", -1 },
		{ "-1.5", "-1.25", -1 },
		{ "12", "2", 1 },
		{ "1.2", "12", -1 },
		{ "123", "12", 1 },
		{ "1.20", "1.2", 0 },
		{ "9.99", "10", -1 },
		{ "10.1", "10.01", 1 },
		{ "1.0000000000000000000001", "1", 1 },
		{ "9007199254740993", "9007199254740992", 1 },
		{ "1e999999", "1e999998", 1 },
		{ "1e999999999", "0.1e999999999", 1 },
		{ "1e-999999999", "0", 1 },
		{ "0010", "10", 0 },
		{ "0.1e1", "1", 0 },
		{ "1000000000000000000000000000001",
		    "1000000000000000000000000000000", 1 },
		{ "0.1", "0.10000000000000000000000001", -1 },
		{ "99.999", "100", -1 },
		{ "-5", "4", -1 },
		{ "5e-3", "0.05", -1 },
		{ "1e999999999", "9", 1 },
		{ "12.5", "12.50001", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		check(compare(rows[i].a, rows[i].b) == rows[i].order, rows[i].a,
		    rows[i].b);
	}
}

/* value / 10^places, in one of four ways to write it. */
static void
write_decimal(char text[40], int64_t value, int places, int way)
{
	int64_t scale = 1;
	int64_t size = value < 0 ? -value : value;

	for (int i = 0; i < places; i++) {
		scale *= 10;
	}
	const char *sign = value < 0 ? "-" : "";

	if (way == 0) {
		(void)snprintf(
		    text, 40, "%s%" PRId64 "e-%d", sign, size, places);
	} else if (way == 1 || places == 0) {
		(void)snprintf(
		    text, 40, "%s%" PRId64 "00E%+d", sign, size, -places - 2);
	} else {
		(void)snprintf(text, 40, "%s%" PRId64 ".%0*" PRId64 "%s", sign,
		    size / scale, places, size % scale, way == 2 ? "" : "00");
	}
}

static void
every_way_to_write_it_has_the_same_order(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		char x[40];
		char y[40];
		random = random * 6364136223846793005ULL + 1442695040888963407;
		int64_t a = (int64_t)(random >> 40) % 2100 - 1000;
		int64_t b = (int64_t)(random >> 20 & 0xfffff) % 2100 - 1000;
		int places = (int)(random >> 60) % 4;

		write_decimal(x, a, places, (int)(random >> 58) & 3);
		write_decimal(y, b, places, (int)(random >> 56) & 3);
		check(compare(x, y) == (a > b) - (a < b), x, y);
		check(b == 0 || divides(y, x) == (a % b == 0), x, y);
	}
}

static void
multiples_are_exact(void **state)
{
	(void)state;
	assert_true(divides("0.01", "19.99"));
	assert_false(divides("0.01", "19.999"));
	assert_true(divides("0.1", "3e400"));
	assert_true(divides("3", "111111111111111111111111111111"));
	assert_false(divides("3", "111111111111111111111111111112"));
	assert_true(divides("7", "-49"));
	assert_true(divides("7", "0"));
	assert_true(divides("1000", "5e3"));
	assert_false(divides("1000", "500"));
	assert_true(divides("1e-999999999", "1e999999999"));
	assert_false(divides("3", "1e999999999"));
	assert_true(divides("999999999999999", "999999999999999e9"));
	assert_false(divides("999999999999999", "999999999999998e9"));
}

static void
what_is_taken_apart_is_what_was_written(void **state)
{
	struct json_decimal d = decimal("-0012.3400e2");

	(void)state;
	assert_true(d.minus && !d.far);
	assert_true(str_eq(d.digits, STR("12.34")));
	assert_int_equal(d.count, 4);
	assert_true(d.power == 0);
	d = decimal("-0.00e7");
	assert_false(d.minus);
	assert_int_equal(d.count, 0);
	assert_true(d.power == 0);
	assert_true(decimal("1.5").power < 0);
	assert_true(decimal("1.5e1").power == 0);
}

static void
an_exponent_too_far_is_said(void **state)
{
	(void)state;
	assert_false(decimal("1e999999999").far);
	assert_false(decimal("1e-999999999").far);
	assert_true(decimal("1e1000000000").far);
	assert_true(decimal("1e-1000000000").far);
	assert_true(decimal("0e99999999999999999999999999").far);
	assert_int_equal(
	    compare("1e99999999999999999999999999", "1e999999999"), 1);
	assert_int_equal(
	    compare("1e-99999999999999999999999999", "1e-999999999"), -1);
}

static void
what_is_no_number_is_refused(void **state)
{
	static const char *const rows[] = { "", "-", "--1", "+1", "1.", ".5",
		"1.e2", "1e", "1e+", "1e5e5", "1e+-2", "1.2.3", "1 ", " 1",
		"0x1", "inf", "nan", "-inf", "1,5", "1_000", "e5" };
	struct json_decimal d = { .count = 77 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		check(!json_decimal_of(str_of(rows[i]), &d), rows[i], "taken");
	}
	assert_false(json_decimal_of(STR("1\0"), &d));
	assert_int_equal(d.count, 77);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_compare_as_they_are_written),
		cmocka_unit_test(every_way_to_write_it_has_the_same_order),
		cmocka_unit_test(multiples_are_exact),
		cmocka_unit_test(what_is_taken_apart_is_what_was_written),
		cmocka_unit_test(an_exponent_too_far_is_said),
		cmocka_unit_test(what_is_no_number_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
