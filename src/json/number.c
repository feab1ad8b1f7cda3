/* SPDX-License-Identifier: Apache-2.0 */
#include "json/parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
json_number_i64(const struct json *number, int64_t *out)
{
	struct json_decimal d;
	int64_t value = 0;
	size_t i = 0;

	if (number == NULL || number->type != JSON_NUMBER) {
		return false;
	}
	if (!json_decimal_of(number->text, &d) || d.power < 0 || d.power > 18) {
		return false;
	}
	/* Gathered below zero, where the range is one larger. */
	for (int digit; (digit = json_decimal_next(&d, &i)) >= 0;) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, digit, &value)) {
			return false;
		}
	}
	for (; d.power > 0; d.power--) {
		if (__builtin_mul_overflow(value, 10, &value)) {
			return false;
		}
	}
	if (!d.minus && value == INT64_MIN) {
		return false;
	}
	*out = d.minus ? value : -value;
	return true;
}

bool
json_number_double(const struct json *number, double *out)
{
	auto_buf text = { 0 };
	struct json_decimal d;

	if (number == NULL || number->type != JSON_NUMBER ||
	    !json_decimal_of(number->text, &d)) {
		return false;
	}
	buf_add(&text, number->text);
	double value = strtod(buf_z(&text), NULL);
	if (!isfinite(value)) {
		return false;
	}
	*out = value;
	return true;
}

/* digits e power, as ES6 6.1.6.1.20: `point` is where the decimal point stands
 * from the first digit. */
static void
put_digits(char *text, const char *digits, int point)
{
	int count = (int)strlen(digits);
	int wrote;

	if (count <= point && point <= 21) {
		wrote = snprintf(text, JSON_ES6_MAX, "%s%.*s", digits,
		    point - count, "000000000000000000000");
	} else if (0 < point && point <= 21) {
		wrote = snprintf(text, JSON_ES6_MAX, "%.*s.%s", point, digits,
		    digits + point);
	} else if (-6 < point && point <= 0) {
		wrote = snprintf(
		    text, JSON_ES6_MAX, "0.%.*s%s", -point, "000000", digits);
	} else {
		wrote = snprintf(text, JSON_ES6_MAX, "%c%s%se%+d", digits[0],
		    count > 1 ? "." : "", digits + 1, point - 1);
	}
	must(wrote > 0 && wrote < JSON_ES6_MAX);
}

/* One more in the last place; false where that carries into a new digit. */
static bool
count_up(char *digits)
{
	size_t i = strlen(digits);

	while (i > 0 && digits[i - 1] == '9') {
		digits[--i] = '0';
	}
	if (i == 0) {
		return false;
	}
	digits[i - 1]++;
	return true;
}

static bool
reads_back(const char *digits, int exponent, double value)
{
	char text[48];
	int wrote = snprintf(text, sizeof(text), "%c.%se%d", digits[0],
	    digits[1] ? digits + 1 : "0", exponent);

	must(wrote > 0 && wrote < (int)sizeof(text));
	return strtod(text, NULL) == value;
}

/*
 * The fewest digits that read back as the same number; of equally few the
 * nearest.  At a power of two the gap below is half the gap above: there the
 * nearest may read back as the neighbour while one more in the last place
 * does not.
 */
static void
shortest(double value, char digits[20], int *exponent)
{
	for (int precision = 0; precision <= 16; precision++) {
		char text[32];
		int wrote =
		    snprintf(text, sizeof(text), "%.*e", precision, value);
		must(wrote > 0 && wrote < (int)sizeof(text));
		char *mark = strchr(text, 'e');
		must(mark != NULL);
		*exponent = (int)strtol(mark + 1, NULL, 10);
		*mark = 0;
		digits[0] = text[0];
		memcpy(digits + 1, precision > 0 ? text + 2 : "",
		    (size_t)precision + 1);
		if (reads_back(digits, *exponent, value)) {
			return;
		}
		if (count_up(digits) && reads_back(digits, *exponent, value)) {
			return;
		}
	}
	must_fail("17 digits name every double", __FILE__, __LINE__);
}

void
json_es6_number(double value, char text[JSON_ES6_MAX])
{
	char digits[20];
	int exponent;

	must(isfinite(value));
	if (value == 0) {
		memcpy(text, "0", 2);
		return;
	}
	if (value < 0) {
		*text++ = '-';
	}
	shortest(fabs(value), digits, &exponent);
	size_t len = strlen(digits);
	while (len > 1 && digits[len - 1] == '0') {
		digits[--len] = 0;
	}
	put_digits(text, digits, exponent + 1);
}
