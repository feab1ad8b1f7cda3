/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

/*
 * Numbers are compared as they are written: no rounding, any length.  An
 * exponent of more than nine digits is no number here.
 */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits with at most one '.', which has a digit on both sides. */
static bool
mantissa_valid(struct str s)
{
	bool dot = false;

	if (s.len == 0 || !is_digit(s.at[0]) || !is_digit(s.at[s.len - 1])) {
		return false;
	}
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '.' && !dot) {
			dot = true;
		} else if (!is_digit(s.at[i])) {
			return false;
		}
	}
	return true;
}

static bool
exponent_parse(struct str s, int64_t *out)
{
	bool sign = s.len > 0 && (s.at[0] == '+' || s.at[0] == '-');
	uint64_t value = 0;

	if (s.len - sign > 9 || !str_u64(str_sub(s, sign, s.len), &value)) {
		return false;
	}
	*out = s.at[0] == '-' ? -(int64_t)value : (int64_t)value;
	return true;
}

bool
policy_decimal_parse(struct str text, struct decimal *out)
{
	struct decimal d = { 0 };
	struct str mantissa = text;
	int64_t exponent = 0;
	int64_t whole = 0;
	size_t first = 0;

	if (mantissa.len > 0 && mantissa.at[0] == '-') {
		d.negative = true;
		mantissa = str_sub(mantissa, 1, mantissa.len);
	}
	for (size_t i = 0; i < mantissa.len; i++) {
		if (mantissa.at[i] != 'e' && mantissa.at[i] != 'E') {
			continue;
		}
		if (!exponent_parse(
		        str_sub(mantissa, i + 1, mantissa.len), &exponent)) {
			return false;
		}
		mantissa.len = i;
	}
	if (!mantissa_valid(mantissa)) {
		return false;
	}
	while (whole < (int64_t)mantissa.len && mantissa.at[whole] != '.') {
		whole++;
	}
	while (first < mantissa.len &&
	       (mantissa.at[first] == '0' || mantissa.at[first] == '.')) {
		first++;
	}
	d.digits = str_sub(mantissa, first, mantissa.len);
	/* The digit before the dot has exponent 0, the one behind it -1. */
	d.exponent = exponent + whole - (int64_t)first -
	             ((int64_t)first < whole ? 1 : 0);
	if (d.digits.len == 0) {
		d = (struct decimal){ 0 };
	}
	*out = d;
	return true;
}

static int
compare_digits(struct str a, struct str b)
{
	size_t i = 0;
	size_t j = 0;

	while (i < a.len || j < b.len) {
		if (i < a.len && a.at[i] == '.') {
			i++;
			continue;
		}
		if (j < b.len && b.at[j] == '.') {
			j++;
			continue;
		}
		int x = i < a.len ? a.at[i++] : '0';
		int y = j < b.len ? b.at[j++] : '0';

		if (x != y) {
			return x < y ? -1 : 1;
		}
	}
	return 0;
}

static int
sign_of(const struct decimal *d)
{
	if (d->digits.len == 0) {
		return 0;
	}
	return d->negative ? -1 : 1;
}

int
policy_decimal_compare(const struct decimal *a, const struct decimal *b)
{
	int x = sign_of(a);
	int y = sign_of(b);

	if (x != y) {
		return x < y ? -1 : 1;
	}
	if (x == 0) {
		return 0;
	}
	if (a->exponent != b->exponent) {
		return a->exponent < b->exponent ? -x : x;
	}
	return x * compare_digits(a->digits, b->digits);
}
