/* SPDX-License-Identifier: Apache-2.0 */
#include "toml/parts.h"

#include <inttypes.h>

#define FRACTION_MOST 9

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '+' || c == '-' || c == '_' ||
	       c == '.' || c == ':';
}

/* Digits as a pattern: 'd' is one digit, all else stands for itself. */
static bool
begins_like(struct str s, const char *pattern)
{
	struct str want = str_of(pattern);

	if (s.len < want.len) {
		return false;
	}
	for (size_t i = 0; i < want.len; i++) {
		bool same = want.at[i] == 'd' ? is_digit(s.at[i])
		                              : s.at[i] == want.at[i];
		if (!same) {
			return false;
		}
	}
	return true;
}

/* The run of bytes that may be a number, date or word; one blank may stand
 * between date and time. */
static struct str
take_word(struct reader *r)
{
	char *start = r->at;
	struct str all = str_span(start, (size_t)(r->end - start));

	while (is_word(*r->at)) {
		r->at++;
	}
	if (r->at - start == 10 && begins_like(all, "dddd-dd-dd") &&
	    begins_like(str_sub(all, 10, 4), " dd:")) {
		r->at++;
		while (is_word(*r->at)) {
			r->at++;
		}
	}
	return str_span(start, (size_t)(r->at - start));
}

/* Digits with an underscore between any two, appended without them. */
static bool
take_digits(struct str *rest, struct buf *to)
{
	bool digit = false;

	while (rest->len > 0) {
		char c = rest->at[0];
		if (is_digit(c)) {
			buf_add_byte(to, (uint8_t)c);
		} else if (c != '_' || !digit) {
			break;
		}
		digit = c != '_';
		*rest = str_sub(*rest, 1, rest->len);
	}
	return digit;
}

static bool
take_one_of(struct str *rest, const char *set, struct buf *to)
{
	if (rest->len == 0 || rest->at[0] == 0 ||
	    !str_has(str_of(set), rest->at[0])) {
		return false;
	}
	if (to != NULL) {
		buf_add_byte(to, (uint8_t)rest->at[0]);
	}
	*rest = str_sub(*rest, 1, rest->len);
	return true;
}

/* The sign: a plus is not kept. */
static void
take_sign(struct str *rest, struct buf *to)
{
	if (!take_one_of(rest, "+", NULL)) {
		(void)take_one_of(rest, "-", to);
	}
}

/* A decimal integer or float into text; *whole is false for a float. */
static bool
take_decimal(struct str word, struct buf *text, bool *whole)
{
	*whole = true;
	take_sign(&word, text);
	if (str_eq_z(word, "inf") || str_eq_z(word, "nan")) {
		*whole = false;
		buf_add(text, word);
		return true;
	}
	bool zero = word.len > 1 && word.at[0] == '0';
	if (zero && (is_digit(word.at[1]) || word.at[1] == '_')) {
		return false;
	}
	if (!take_digits(&word, text)) {
		return false;
	}
	if (take_one_of(&word, ".", text)) {
		*whole = false;
		if (!take_digits(&word, text)) {
			return false;
		}
	}
	if (take_one_of(&word, "eE", text)) {
		*whole = false;
		take_sign(&word, text);
		if (!take_digits(&word, text)) {
			return false;
		}
	}
	return word.len == 0;
}

/* Behind 0x, 0o or 0b; *large where only the size is wrong. */
static bool
based_value(struct str digits, uint64_t base, int64_t *out, bool *large)
{
	uint64_t value = 0;
	bool digit = false;

	*large = false;
	for (size_t i = 0; i < digits.len; i++) {
		char c = digits.at[i];
		if (c == '_' && digit) {
			digit = false;
			continue;
		}
		/* No digit at all is -1, above every base. */
		uint64_t next = (uint64_t)hex_digit(c);
		if (next >= base) {
			return false;
		}
		digit = true;
		*large = *large || value > ((uint64_t)INT64_MAX - next) / base;
		value = value * base + next;
	}
	*out = *large ? 0 : (int64_t)value;
	return digit;
}

static int
refuse_word(struct reader *r, struct str word, const char *what)
{
	const char *shown = err_quote(word);

	r->at -= word.len;
	struct place place = text_place(r);
	return err_set(r->err, ERR_INPUT, "%s:%u:%u: %s %s", r->file,
	    place.line, place.column, shown, what);
}

static int
read_number(struct reader *r, struct str word, struct json *j)
{
	static const char too_large[] = "does not fit in 64 bits";
	static const char not_one[] = "is not a value (a string is quoted)";
	auto_buf text = { 0 };
	uint64_t base = 0;
	int64_t value = 0;
	bool large;
	bool whole;

	j->type = JSON_NUMBER;
	if (word.len > 2 && word.at[0] == '0') {
		char mark = word.at[1];
		base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
	}
	if (base != 0) {
		struct str digits = str_sub(word, 2, word.len);
		if (!based_value(digits, base, &value, &large)) {
			return refuse_word(r, word, not_one);
		}
	} else if (!take_decimal(word, &text, &whole)) {
		return refuse_word(r, word, not_one);
	} else if (!whole) {
		j->text = arena_str(r->arena, buf_str(&text));
		return 0;
	} else {
		large = !str_i64(buf_str(&text), &value);
	}
	if (large) {
		return refuse_word(r, word, too_large);
	}
	j->text = arena_printf(r->arena, "%" PRId64, value);
	return 0;
}

/* The word with T and Z as RFC 3339 writes them, and no finer than can be
 * read: more digits of a fraction are cut off, as TOML asks. */
static void
add_normal(struct buf *to, struct str word)
{
	size_t fraction = 0;
	bool after_dot = false;

	for (size_t i = 0; i < word.len; i++) {
		char c = word.at[i];
		after_dot = c == '.' || (after_dot && is_digit(c));
		fraction = after_dot && c != '.' ? fraction + 1 : 0;
		if (fraction > FRACTION_MOST) {
			continue;
		}
		if (c == 't' || c == ' ') {
			c = 'T';
		} else if (c == 'z') {
			c = 'Z';
		}
		buf_add_byte(to, (uint8_t)c);
	}
}

/* The four kinds are checked as one: what is missing is put there. */
static int
read_datetime(struct reader *r, struct str word, struct json *j)
{
	auto_buf full = { 0 };
	auto_buf text = { 0 };
	struct wall unused;

	add_normal(&text, word);
	struct str normal = buf_str(&text);
	bool time_only = begins_like(normal, "dd:");
	if (time_only) {
		buf_add_z(&full, "1970-01-01T");
	}
	buf_add(&full, normal);
	if (!time_only && normal.len == 10) {
		buf_add_z(&full, "T00:00:00");
	}
	struct str time = str_sub(buf_str(&full), 10, full.len);
	bool offset =
	    str_has(time, 'Z') || str_has(time, '+') || str_has(time, '-');
	if (!offset) {
		buf_add_byte(&full, 'Z');
	}
	if ((time_only && offset) || !wall_parse(buf_str(&full), &unused)) {
		return refuse_word(r, word, "is not a date or time");
	}
	j->type = JSON_DATETIME;
	j->text = arena_str(r->arena, normal);
	return 0;
}

int
scalar_read(struct reader *r, struct json *j)
{
	struct str word = take_word(r);

	if (word.len == 0) {
		return text_refuse_found(r, "a value");
	}
	if (str_eq_z(word, "true") || str_eq_z(word, "false")) {
		j->type = word.at[0] == 't' ? JSON_TRUE : JSON_FALSE;
		return 0;
	}
	if (begins_like(word, "dddd-") || begins_like(word, "dd:")) {
		return read_datetime(r, word, j);
	}
	return read_number(r, word, j);
}
