/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check: one function a group of keywords, each run for each value.  The
 * work is bounded by SCHEMA_STEPS_MAX and SCHEMA_CHECK_DEPTH; a bound that is
 * reached is an error, never "it fits".
 */
#include <stdarg.h>
#include <stdio.h>

#include "schema/checking.h"

static int check_value(
    struct checking *k, const struct schema *s, const struct json *v);

static const char *
path_text(struct checking *k)
{
	return k->path.len == 0 ? "value" : buf_z(&k->path);
}

int
schema_wrong(struct checking *k, const char *format, ...)
{
	char text[280];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	return err_set(k->e, ERR_INPUT, "%s: %s", path_text(k), text);
}

int
schema_over_bound(struct checking *k, const char *what)
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

/* ---- lists and objects ---- */

/* 1 when an equal item stands before this one, -1 over the bound. */
static int
stands_before(
    struct checking *k, const struct json *list, const struct json *item)
{
	for (const struct json *o = list->first; o != item; o = o->next) {
		if (++k->steps > SCHEMA_STEPS_MAX) {
			return schema_over_bound(k, "too much to compare");
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
			           : schema_wrong(k,
			                 "item %zu stands here twice", index);
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
		return schema_wrong(k, "expected at least %ju items",
		    (uintmax_t)s->min_items.value);
	}
	if (s->max_items.set && v->count > s->max_items.value) {
		return schema_wrong(k, "expected at most %ju items",
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
			return schema_wrong(
			    k, "no member of that name is allowed");
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
			return schema_wrong(k, "is required");
		}
	}
	if (s->min_properties.set && v->count < s->min_properties.value) {
		return schema_wrong(k, "expected at least %ju members",
		    (uintmax_t)s->min_properties.value);
	}
	if (s->max_properties.set && v->count > s->max_properties.value) {
		return schema_wrong(k, "expected at most %ju members",
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
		return schema_wrong(
		    k, "fits none of the %zu forms allowed here", list->count);
	}
	return exactly && found > 1
	           ? schema_wrong(
	                 k, "fits %zu forms, and must fit one only", found)
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
		return schema_wrong(k, "is of a form that is not allowed here");
	}
	return k->over ? -1 : 0;
}

static int
check_value(struct checking *k, const struct schema *s, const struct json *v)
{
	static schema_check_fn *const groups[] = {
		schema_check_type,
		schema_check_choice,
		schema_check_string,
		schema_check_number,
		check_array,
		check_object,
		check_several,
	};

	if (++k->steps > SCHEMA_STEPS_MAX) {
		return schema_over_bound(k, "too large to check");
	}
	if (++k->depth > SCHEMA_CHECK_DEPTH) {
		return schema_over_bound(k, "nested too deep to check");
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
