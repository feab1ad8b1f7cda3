/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of one value alone: its type, its choices, texts and numbers. */
#include <stdio.h>

#include "schema/checking.h"

/* ---- any value ---- */

static unsigned
types_of(const struct json *v)
{
	struct json_decimal d;

	switch (v->type) {
	case JSON_NULL:
		return TYPE_NULL;
	case JSON_FALSE:
	case JSON_TRUE:
		return TYPE_BOOLEAN;
	case JSON_NUMBER:
		return number_of(v->text, &d) && d.power >= 0
		           ? TYPE_NUMBER | TYPE_INTEGER
		           : TYPE_NUMBER;
	case JSON_ARRAY:
		return TYPE_ARRAY;
	case JSON_OBJECT:
		return TYPE_OBJECT;
	case JSON_STRING:
	case JSON_DATETIME:
		return TYPE_STRING;
	}
	return 0;
}

static const char *
types_text(unsigned types, char text[120])
{
	static const char *const words[] = { "null", "a boolean", "an object",
		"a list", "a number", "a string", "a whole number" };
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < COUNT(words); i++) {
		if ((types & (1U << i)) == 0) {
			continue;
		}
		types &= ~(1U << i);
		len += (size_t)snprintf(text + len, 120 - len, "%s%s",
		    len == 0     ? ""
		    : types == 0 ? " or "
		                 : ", ",
		    words[i]);
	}
	return text;
}

int
schema_check_type(
    struct checking *k, const struct schema *s, const struct json *v)
{
	unsigned types = types_of(v);
	char expected[120];
	char got[120];

	if (s->never) {
		return schema_wrong(k, "nothing is allowed here");
	}
	if (s->types == 0 || (s->types & types) != 0) {
		return 0;
	}
	if ((types & TYPE_INTEGER) != 0) {
		types = TYPE_NUMBER;
	}
	return schema_wrong(k, "expected %s, got %s",
	    types_text(s->types, expected), types_text(types, got));
}

/* The schema's own words, while they are few and short. */
static void
choices_text(const struct json *choices, struct buf *b)
{
	JSON_EACH(choice, choices)
	{
		if (b->len > 0) {
			buf_add_z(b, ", ");
		}
		json_write(b, choice);
		if (b->len > 160) {
			buf_clear(b);
			buf_addf(b, "%u values", choices->count);
			return;
		}
	}
}

int
schema_check_choice(
    struct checking *k, const struct schema *s, const struct json *v)
{
	auto_buf text = { 0 };

	if (s->constant != NULL && !json_equal(s->constant, v)) {
		json_write(&text, s->constant);
		return schema_wrong(k, "expected %.160s", buf_z(&text));
	}
	if (s->choices == NULL) {
		return 0;
	}
	JSON_EACH(choice, s->choices)
	{
		k->steps++;
		if (json_equal(choice, v)) {
			return 0;
		}
	}
	choices_text(s->choices, &text);
	return schema_wrong(k, "expected one of %s", buf_z(&text));
}

/* ---- strings and numbers ---- */

static uint64_t
count_characters(struct str text)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		n += ((unsigned char)text.at[i] & 0xc0) != 0x80;
	}
	return n;
}

static int
check_pattern(struct checking *k, const struct schema *s, const struct json *v)
{
	switch (pattern_match(s->pattern, v->text)) {
	case PATTERN_YES:
		return 0;
	case PATTERN_NO:
		return schema_wrong(k, "expected text that matches %.200s",
		    err_quote(s->pattern_text));
	case PATTERN_LIMIT:
		break;
	}
	return schema_over_bound(k, "the pattern needs too long for this text");
}

int
schema_check_string(
    struct checking *k, const struct schema *s, const struct json *v)
{
	uint64_t n;
	struct wall t;

	if (v->type != JSON_STRING && v->type != JSON_DATETIME) {
		return 0;
	}
	n = count_characters(v->text);
	if (s->min_length.set && n < s->min_length.value) {
		return schema_wrong(k, "expected at least %ju characters",
		    (uintmax_t)s->min_length.value);
	}
	if (s->max_length.set && n > s->max_length.value) {
		return schema_wrong(k, "expected at most %ju characters",
		    (uintmax_t)s->max_length.value);
	}
	if (s->format == FORMAT_DATE_TIME && !wall_parse(v->text, &t)) {
		return schema_wrong(
		    k, "expected a date and time as in RFC 3339");
	}
	if (s->format == FORMAT_UUID && !id_valid(v->text)) {
		return schema_wrong(k, "expected a UUID");
	}
	return s->pattern != NULL ? check_pattern(k, s, v) : 0;
}

static bool
holds(struct str bound, const struct json_decimal *d, int lowest, int highest)
{
	struct json_decimal b;
	int order;

	if (bound.at == NULL) {
		return true;
	}
	must(number_of(bound, &b));
	order = json_decimal_compare(d, &b);
	return order >= lowest && order <= highest;
}

int
schema_check_number(
    struct checking *k, const struct schema *s, const struct json *v)
{
	struct json_decimal d;
	struct json_decimal divisor;

	if (v->type != JSON_NUMBER) {
		return 0;
	}
	if (!number_of(v->text, &d)) {
		return schema_wrong(k, "this number cannot be compared");
	}
	if (!holds(s->minimum, &d, 0, 1)) {
		return schema_wrong(
		    k, "expected at least " STR_FMT, STR_ARG(s->minimum));
	}
	if (!holds(s->maximum, &d, -1, 0)) {
		return schema_wrong(
		    k, "expected at most " STR_FMT, STR_ARG(s->maximum));
	}
	if (!holds(s->above, &d, 1, 1)) {
		return schema_wrong(
		    k, "expected more than " STR_FMT, STR_ARG(s->above));
	}
	if (!holds(s->below, &d, -1, -1)) {
		return schema_wrong(
		    k, "expected less than " STR_FMT, STR_ARG(s->below));
	}
	if (s->multiple.at == NULL) {
		return 0;
	}
	must(number_of(s->multiple, &divisor));
	return json_decimal_divides(&divisor, &d)
	           ? 0
	           : schema_wrong(k, "expected a multiple of " STR_FMT,
	                 STR_ARG(s->multiple));
}
