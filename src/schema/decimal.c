/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/inner.h"

#define DIGITS_MAX   4096
#define EXPONENT_MAX 1000000000

static size_t
count_digits(struct str s)
{
	size_t n = 0;

	while (n < s.len && s.at[n] >= '0' && s.at[n] <= '9') {
		n++;
	}
	return n;
}

static char
digit_at(const struct decimal *d, size_t i)
{
	i += d->first;
	if (i < d->whole_len || d->rest == NULL) {
		return d->whole[i];
	}
	return d->rest[i - d->whole_len];
}

/* "e+12"; an absent exponent is 0. */
static bool
parse_exponent(struct str s, int64_t *exponent)
{
	bool negative = false;
	uint64_t value = 0;

	*exponent = 0;
	if (s.len == 0) {
		return true;
	}
	if (s.at[0] != 'e' && s.at[0] != 'E') {
		return false;
	}
	s = str_sub(s, 1, s.len);
	if (s.len > 0 && (s.at[0] == '+' || s.at[0] == '-')) {
		negative = s.at[0] == '-';
		s = str_sub(s, 1, s.len);
	}
	if (!str_u64(s, &value) || value >= EXPONENT_MAX) {
		return false;
	}
	*exponent = negative ? -(int64_t)value : (int64_t)value;
	return true;
}

static void
trim_zeros(struct decimal *d, size_t digits)
{
	size_t end = digits;

	d->first = 0;
	while (d->first < digits && digit_at(d, 0) == '0') {
		d->first++;
	}
	while (end > d->first && digit_at(d, end - 1 - d->first) == '0') {
		end--;
	}
	d->count = end - d->first;
}

bool
decimal_parse(struct str text, struct decimal *d)
{
	struct decimal r = { 0 };
	int64_t exponent = 0;
	size_t rest_len = 0;

	if (text.len > 0 && text.at[0] == '-') {
		r.negative = true;
		text = str_sub(text, 1, text.len);
	}
	r.whole = text.at;
	r.whole_len = count_digits(text);
	text = str_sub(text, r.whole_len, text.len);
	if (text.len > 0 && text.at[0] == '.') {
		text = str_sub(text, 1, text.len);
		rest_len = count_digits(text);
		if (rest_len == 0) {
			return false;
		}
		r.rest = text.at;
		text = str_sub(text, rest_len, text.len);
	}
	if (r.whole_len == 0 || r.whole_len + rest_len > DIGITS_MAX ||
	    !parse_exponent(text, &exponent)) {
		return false;
	}
	trim_zeros(&r, r.whole_len + rest_len);
	r.point = (int64_t)r.whole_len - (int64_t)r.first + exponent;
	if (r.count == 0) {
		r.negative = false;
		r.point = 0;
	}
	*d = r;
	return true;
}

static int
compare_size(const struct decimal *a, const struct decimal *b)
{
	size_t n = a->count < b->count ? a->count : b->count;

	if (a->count == 0 || b->count == 0) {
		return (a->count > 0) - (b->count > 0);
	}
	if (a->point != b->point) {
		return a->point < b->point ? -1 : 1;
	}
	for (size_t i = 0; i < n; i++) {
		char x = digit_at(a, i);
		char y = digit_at(b, i);

		if (x != y) {
			return x < y ? -1 : 1;
		}
	}
	return (a->count > n) - (b->count > n);
}

int
decimal_compare(const struct decimal *a, const struct decimal *b)
{
	if (a->negative != b->negative) {
		return a->negative ? -1 : 1;
	}
	return a->negative ? compare_size(b, a) : compare_size(a, b);
}

bool
decimal_is_integer(const struct decimal *d)
{
	return d->count == 0 || (int64_t)d->count <= d->point;
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
decimal_is_multiple(const struct decimal *d, const struct decimal *divisor)
{
	int64_t e = d->point - (int64_t)d->count;
	int64_t f = divisor->point - (int64_t)divisor->count;
	uint64_t modulus = 0;
	uint64_t left = 0;
	uint64_t power = 10;

	must(divisor->count > 0 && divisor->count <= SCHEMA_DIVISOR_MAX);
	if (d->count == 0) {
		return true;
	}
	if (e < f) {
		return false;
	}
	for (size_t i = 0; i < divisor->count; i++) {
		modulus = modulus * 10 + (uint64_t)(digit_at(divisor, i) - '0');
	}
	for (size_t i = 0; i < d->count; i++) {
		left = (left * 10 + (uint64_t)(digit_at(d, i) - '0')) % modulus;
	}
	power %= modulus;
	for (int64_t n = e - f; n > 0; n >>= 1) {
		if (n & 1) {
			left = multiply_mod(left, power, modulus);
		}
		power = multiply_mod(power, power, modulus);
	}
	return left == 0;
}

bool
schema_compare_numbers(struct str a, struct str b, int *order)
{
	struct decimal x;
	struct decimal y;

	if (!decimal_parse(a, &x) || !decimal_parse(b, &y)) {
		return false;
	}
	*order = decimal_compare(&x, &y);
	return true;
}
