/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check: one function a group of keywords, each run for each value.  The
 * work is bounded by SCHEMA_STEPS_MAX and SCHEMA_CHECK_DEPTH; a bound that is
 * reached is an error, never "it fits".
 */
#include <stdarg.h>
#include <stdio.h>

#include "schema/inner.h"

struct checking {
	struct buf path;
	uint64_t steps;
	uint32_t depth;
	bool over; /* a bound was reached: no branch may forgive it */
	struct err *e;
};

static int check_value(
    struct checking *k, const struct schema *s, const struct json *v);

static const char *
path_text(struct checking *k)
{
	return k->path.len == 0 ? "value" : buf_z(&k->path);
}

static int wrong(struct checking *k, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int
wrong(struct checking *k, const char *format, ...)
{
	char text[280];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	return err_set(k->e, ERR_INPUT, "%s: %s", path_text(k), text);
}

static int
over_bound(struct checking *k, const char *what)
{
	k->over = true;
	return err_set(k->e, ERR_LIMIT, "%s: %s", path_text(k), what);
}

static bool
plain_name(struct str key)
{
	for (size_t i = 0; i < key.len; i++) {
		char c = key.at[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '_' && c != '-') {
			return false;
		}
	}
	return key.len > 0 && key.len <= 80;
}

static size_t
path_push_key(struct checking *k, struct str key)
{
	size_t before = k->path.len;

	if (!plain_name(key)) {
		buf_addf(&k->path, "[%s]", err_quote(key));
		return before;
	}
	if (before > 0) {
		buf_add_byte(&k->path, '.');
	}
	buf_add(&k->path, key);
	return before;
}

static size_t
path_push_index(struct checking *k, size_t index)
{
	size_t before = k->path.len;

	buf_addf(&k->path, "[%zu]", index);
	return before;
}

/* ---- any value ---- */

static unsigned
types_of(const struct json *v)
{
	struct decimal d;

	switch (v->type) {
	case JSON_NULL:
		return TYPE_NULL;
	case JSON_FALSE:
	case JSON_TRUE:
		return TYPE_BOOLEAN;
	case JSON_NUMBER:
		return decimal_parse(v->text, &d) && decimal_is_integer(&d)
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

static int
check_type(struct checking *k, const struct schema *s, const struct json *v)
{
	unsigned types = types_of(v);
	char expected[120];
	char got[120];

	if (s->never) {
		return wrong(k, "nothing is allowed here");
	}
	if (s->types == 0 || (s->types & types) != 0) {
		return 0;
	}
	if ((types & TYPE_INTEGER) != 0) {
		types = TYPE_NUMBER;
	}
	return wrong(k, "expected %s, got %s", types_text(s->types, expected),
	    types_text(types, got));
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

static int
check_choice(struct checking *k, const struct schema *s, const struct json *v)
{
	auto_buf text = { 0 };

	if (s->constant != NULL && !json_equal(s->constant, v)) {
		json_write(&text, s->constant);
		return wrong(k, "expected %.160s", buf_z(&text));
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
	return wrong(k, "expected one of %s", buf_z(&text));
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
		return wrong(k, "expected text that matches %.200s",
		    err_quote(s->pattern_text));
	case PATTERN_LIMIT:
		break;
	}
	return over_bound(k, "the pattern needs too long for this text");
}

static int
check_string(struct checking *k, const struct schema *s, const struct json *v)
{
	uint64_t n;
	struct wall t;

	if (v->type != JSON_STRING && v->type != JSON_DATETIME) {
		return 0;
	}
	n = count_characters(v->text);
	if (s->min_length.set && n < s->min_length.value) {
		return wrong(k, "expected at least %ju characters",
		    (uintmax_t)s->min_length.value);
	}
	if (s->max_length.set && n > s->max_length.value) {
		return wrong(k, "expected at most %ju characters",
		    (uintmax_t)s->max_length.value);
	}
	if (s->format == FORMAT_DATE_TIME && !wall_parse(v->text, &t)) {
		return wrong(k, "expected a date and time as in RFC 3339");
	}
	if (s->format == FORMAT_UUID && !id_valid(v->text)) {
		return wrong(k, "expected a UUID");
	}
	return s->pattern != NULL ? check_pattern(k, s, v) : 0;
}

static bool
holds(struct str bound, const struct decimal *d, int lowest, int highest)
{
	struct decimal b;
	int order;

	if (bound.at == NULL) {
		return true;
	}
	must(decimal_parse(bound, &b));
	order = decimal_compare(d, &b);
	return order >= lowest && order <= highest;
}

static int
check_number(struct checking *k, const struct schema *s, const struct json *v)
{
	struct decimal d;
	struct decimal divisor;

	if (v->type != JSON_NUMBER) {
		return 0;
	}
	if (!decimal_parse(v->text, &d)) {
		return wrong(k, "this number cannot be compared");
	}
	if (!holds(s->minimum, &d, 0, 1)) {
		return wrong(
		    k, "expected at least " STR_FMT, STR_ARG(s->minimum));
	}
	if (!holds(s->maximum, &d, -1, 0)) {
		return wrong(
		    k, "expected at most " STR_FMT, STR_ARG(s->maximum));
	}
	if (!holds(s->above, &d, 1, 1)) {
		return wrong(
		    k, "expected more than " STR_FMT, STR_ARG(s->above));
	}
	if (!holds(s->below, &d, -1, -1)) {
		return wrong(
		    k, "expected less than " STR_FMT, STR_ARG(s->below));
	}
	if (s->multiple.at == NULL) {
		return 0;
	}
	must(decimal_parse(s->multiple, &divisor));
	return decimal_is_multiple(&d, &divisor)
	           ? 0
	           : wrong(k, "expected a multiple of " STR_FMT,
	                 STR_ARG(s->multiple));
}

/* ---- lists and objects ---- */

/* 1 when an equal item stands before this one, -1 over the bound. */
static int
stands_before(
    struct checking *k, const struct json *list, const struct json *item)
{
	for (const struct json *o = list->first; o != item; o = o->next) {
		if (++k->steps > SCHEMA_STEPS_MAX) {
			return over_bound(k, "too much to compare");
		}
		if (json_equal(o, item)) {
			return 1;
		}
	}
	return 0;
}

static int
check_unique(struct checking *k, const struct json *v)
{
	size_t index = 0;

	JSON_EACH(item, v)
	{
		int twice = stands_before(k, v, item);

		if (twice != 0) {
			return twice < 0
			           ? -1
			           : wrong(k, "item %zu stands here twice",
			                 index);
		}
		index++;
	}
	return 0;
}

static int
check_array(struct checking *k, const struct schema *s, const struct json *v)
{
	size_t index = 0;

	if (v->type != JSON_ARRAY) {
		return 0;
	}
	if (s->min_items.set && v->count < s->min_items.value) {
		return wrong(k, "expected at least %ju items",
		    (uintmax_t)s->min_items.value);
	}
	if (s->max_items.set && v->count > s->max_items.value) {
		return wrong(k, "expected at most %ju items",
		    (uintmax_t)s->max_items.value);
	}
	JSON_EACH(item, v)
	{
		const struct schema *inner =
		    index < s->prefix.count ? s->prefix.at[index] : s->items;
		size_t before = path_push_index(k, index++);

		if (inner != NULL && check_value(k, inner, item) < 0) {
			return -1;
		}
		k->path.len = before;
	}
	return s->unique ? check_unique(k, v) : 0;
}

static const struct schema *
schema_for(const struct schema *s, struct str key)
{
	for (size_t i = 0; i < s->property_count; i++) {
		if (str_eq(s->properties[i].name, key)) {
			return s->properties[i].schema;
		}
	}
	return s->additional;
}

static int
check_members(struct checking *k, const struct schema *s, const struct json *v)
{
	JSON_EACH(member, v)
	{
		const struct schema *inner = schema_for(s, member->key);
		size_t before = path_push_key(k, member->key);

		k->steps += s->property_count;
		if (inner != NULL && inner == s->additional && inner->never) {
			return wrong(k, "no member of that name is allowed");
		}
		if (inner != NULL && check_value(k, inner, member) < 0) {
			return -1;
		}
		k->path.len = before;
	}
	return 0;
}

static int
check_object(struct checking *k, const struct schema *s, const struct json *v)
{
	if (v->type != JSON_OBJECT) {
		return 0;
	}
	JSON_EACH(name, s->required)
	{
		if (json_get_str(v, name->text) == NULL) {
			(void)path_push_key(k, name->text);
			return wrong(k, "is required");
		}
	}
	if (s->min_properties.set && v->count < s->min_properties.value) {
		return wrong(k, "expected at least %ju members",
		    (uintmax_t)s->min_properties.value);
	}
	if (s->max_properties.set && v->count > s->max_properties.value) {
		return wrong(k, "expected at most %ju members",
		    (uintmax_t)s->max_properties.value);
	}
	return check_members(k, s, v);
}

/* ---- several schemas at once ---- */

/* Does v fit?  The path and the error of a miss are forgotten. */
static bool
fits(struct checking *k, const struct schema *s, const struct json *v)
{
	size_t before = k->path.len;
	uint32_t depth = k->depth;
	bool fit = check_value(k, s, v) == 0;

	k->path.len = before;
	k->depth = depth;
	return fit;
}

static int
check_counted(struct checking *k, const struct schema_list *list,
    const struct json *v, bool exactly)
{
	size_t found = 0;

	for (size_t i = 0; i < list->count && !k->over; i++) {
		found += fits(k, list->at[i], v);
		if (found > 0 && !exactly) {
			break;
		}
	}
	if (k->over) {
		return -1;
	}
	if (found == 0) {
		return wrong(
		    k, "fits none of the %zu forms allowed here", list->count);
	}
	return exactly && found > 1
	           ? wrong(k, "fits %zu forms, and must fit one only", found)
	           : 0;
}

static int
check_several(struct checking *k, const struct schema *s, const struct json *v)
{
	if (s->ref != NULL && check_value(k, s->ref, v) < 0) {
		return -1;
	}
	for (size_t i = 0; i < s->all.count; i++) {
		if (check_value(k, s->all.at[i], v) < 0) {
			return -1;
		}
	}
	if (s->any.count > 0 && check_counted(k, &s->any, v, false) < 0) {
		return -1;
	}
	if (s->one.count > 0 && check_counted(k, &s->one, v, true) < 0) {
		return -1;
	}
	if (s->no == NULL) {
		return 0;
	}
	if (fits(k, s->no, v)) {
		return wrong(k, "is of a form that is not allowed here");
	}
	return k->over ? -1 : 0;
}

static int
check_value(struct checking *k, const struct schema *s, const struct json *v)
{
	static int (*const groups[])(
	    struct checking *, const struct schema *, const struct json *) = {
		check_type,
		check_choice,
		check_string,
		check_number,
		check_array,
		check_object,
		check_several,
	};

	if (++k->steps > SCHEMA_STEPS_MAX) {
		return over_bound(k, "too large to check");
	}
	if (++k->depth > SCHEMA_CHECK_DEPTH) {
		return over_bound(k, "nested too deep to check");
	}
	for (size_t i = 0; i < COUNT(groups); i++) {
		if (groups[i](k, s, v) < 0) {
			return -1;
		}
	}
	k->depth--;
	return 0;
}

int
schema_check(const struct schema *s, const struct json *value, struct err *e)
{
	struct err why = { 0 };
	struct checking k = { .e = &why };
	int rc = check_value(&k, s, value);

	if (rc < 0) {
		*e = why;
	}
	buf_fini(&k.path);
	return rc;
}
