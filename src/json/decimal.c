/* SPDX-License-Identifier: Apache-2.0 */
#include "json/parts.h"

#define EXPONENT_CUT 1000000000000LL /* far above JSON_EXPONENT_MAX */

static struct str
take_digits(struct str *rest)
{
	size_t n = 0;

	while (n < rest->len && rest->at[n] >= '0' && rest->at[n] <= '9') {
		n++;
	}
	struct str digits = str_sub(*rest, 0, n);
	*rest = str_sub(*rest, n, rest->len);
	return digits;
}

static bool
take_char(struct str *rest, char c)
{
	if (rest->len == 0 || rest->at[0] != c) {
		return false;
	}
	*rest = str_sub(*rest, 1, rest->len);
	return true;
}

/* "e-12"; a size that no text of ours can reach is cut off. */
static bool
take_exponent(struct str *rest, int64_t *out)
{
	*out = 0;
	if (!take_char(rest, 'e') && !take_char(rest, 'E')) {
		return true;
	}
	bool minus = take_char(rest, '-');
	if (!minus) {
		(void)take_char(rest, '+');
	}
	struct str digits = take_digits(rest);
	if (digits.len == 0) {
		return false;
	}
	int64_t value = 0;
	for (size_t i = 0; i < digits.len && value < EXPONENT_CUT; i++) {
		value = value * 10 + (digits.at[i] - '0');
	}
	*out = minus ? -value : value;
	return true;
}

static bool
is_padding(char c)
{
	return c == '0' || c == '.';
}

bool
json_decimal_of(struct str text, struct json_decimal *out)
{
	struct json_decimal d = { 0 };
	struct str rest = text;
	struct str fraction = { 0 };
	int64_t exponent;

	d.minus = take_char(&rest, '-');
	struct str all = rest;
	struct str whole = take_digits(&rest);
	bool dot = take_char(&rest, '.');
	if (dot) {
		fraction = take_digits(&rest);
	}
	if (whole.len == 0 || (dot && fraction.len == 0)) {
		return false;
	}
	all.len = (size_t)(rest.at - all.at);
	if (!take_exponent(&rest, &exponent) || rest.len != 0) {
		return false;
	}
	d.power = exponent - (int64_t)fraction.len;
	while (all.len > 0 && is_padding(all.at[0])) {
		all = str_sub(all, 1, all.len);
	}
	while (all.len > 0 && is_padding(all.at[all.len - 1])) {
		d.power += all.at[--all.len] == '0';
	}
	/* Zero is one number, whatever its sign and power. */
	if (all.len == 0) {
		d = (struct json_decimal){ 0 };
	}
	d.digits = all;
	d.count = all.len - str_has(all, '.');
	d.far = exponent > JSON_EXPONENT_MAX || exponent < -JSON_EXPONENT_MAX;
	*out = d;
	return true;
}

int
json_decimal_next(const struct json_decimal *d, size_t *i)
{
	if (*i < d->digits.len && d->digits.at[*i] == '.') {
		(*i)++;
	}
	return *i < d->digits.len ? d->digits.at[(*i)++] - '0' : -1;
}

/* Neither is zero.  An end comes before every digit: none of the digits behind
 * it are all zero. */
static int
compare_sizes(const struct json_decimal *a, const struct json_decimal *b)
{
	int64_t left_point = a->power + (int64_t)a->count;
	int64_t right_point = b->power + (int64_t)b->count;
	size_t left = 0;
	size_t right = 0;

	if (left_point != right_point) {
		return left_point < right_point ? -1 : 1;
	}
	for (;;) {
		int x = json_decimal_next(a, &left);
		int y = json_decimal_next(b, &right);

		if (x != y) {
			return x < y ? -1 : 1;
		}
		if (x < 0) {
			return 0;
		}
	}
}

static int
sign_of(const struct json_decimal *d)
{
	if (d->count == 0) {
		return 0;
	}
	return d->minus ? -1 : 1;
}

int
json_decimal_compare(const struct json_decimal *a, const struct json_decimal *b)
{
	int x = sign_of(a);
	int y = sign_of(b);

	if (x != y) {
		return x < y ? -1 : 1;
	}
	return x == 0 ? 0 : x * compare_sizes(a, b);
}

static uint64_t
multiply_mod(uint64_t a, uint64_t b, uint64_t m)
{
	return (uint64_t)((unsigned __int128)a * b % m);
}

/*
 * value = D × 10^e and divisor = M × 10^f, D and M without last zeros.  For
 * e < f the quotient would need D to end in a zero, so the answer is no; else
 * it is D × 10^(e-f) mod M.
 */
bool
json_decimal_divides(
    const struct json_decimal *divisor, const struct json_decimal *d)
{
	uint64_t modulus = 0;
	uint64_t left = 0;
	size_t i = 0;

	must(divisor->count <= JSON_DIVISOR_MAX);
	for (int digit; (digit = json_decimal_next(divisor, &i)) >= 0;) {
		modulus = modulus * 10 + (uint64_t)digit;
	}
	must(modulus > 0);
	if (d->count == 0) {
		return true;
	}
	if (d->power < divisor->power) {
		return false;
	}
	i = 0;
	for (int digit; (digit = json_decimal_next(d, &i)) >= 0;) {
		left = (left * 10 + (uint64_t)digit) % modulus;
	}
	uint64_t power = 10 % modulus;
	for (int64_t n = d->power - divisor->power; n > 0; n >>= 1) {
		if (n & 1) {
			left = multiply_mod(left, power, modulus);
		}
		power = multiply_mod(power, power, modulus);
	}
	return left == 0;
}
