/* SPDX-License-Identifier: Apache-2.0 */
/* The keywords: what each one's value must be and where it goes.  What the
 * table at the end does not name is refused. */
#include <stdio.h>

#include "schema/compiling.h"

#define DRAFT "https://json-schema.org/draft/2020-12/schema"

/* ---- the values of keywords ---- */

static int
read_list(
    struct compiling *c, const struct json *value, struct schema_list *out)
{
	struct schema_list list = { 0 };

	if (value->type != JSON_ARRAY || value->count == 0) {
		return schema_refuse(c, value, "expected a list of schemas");
	}
	list.at = arena_array(c->arena, value->count, sizeof(struct schema *));
	JSON_EACH(child, value)
	{
		char step[24];

		(void)snprintf(step, sizeof(step), "%zu", list.count);
		if (schema_compile_at(c, child, step, &list.at[list.count]) <
		    0) {
			return -1;
		}
		list.count++;
	}
	*out = list;
	return 0;
}

static int
read_count(
    struct compiling *c, const struct json *value, struct schema_bound *out)
{
	int64_t n = 0;

	if (!json_number_i64(value, &n) || n < 0) {
		return schema_refuse(
		    c, value, "expected a whole number from 0 up");
	}
	out->set = true;
	out->value = (uint64_t)n;
	return 0;
}

static int
read_number(struct compiling *c, const struct json *value, struct str *out)
{
	struct json_decimal d;

	if (value->type != JSON_NUMBER || !number_of(value->text, &d)) {
		return schema_refuse(c, value, "expected a number");
	}
	*out = value->text;
	return 0;
}

/* Does the same text stand in the list before `word`? */
static bool
stands_before(const struct json *list, const struct json *word)
{
	for (const struct json *o = list->first; o != word; o = o->next) {
		if (str_eq(o->text, word->text)) {
			return true;
		}
	}
	return false;
}

static int
read_words(struct compiling *c, const struct json *value)
{
	if (value->type != JSON_ARRAY) {
		return schema_refuse(c, value, "expected a list of names");
	}
	JSON_EACH(word, value)
	{
		if (word->type != JSON_STRING) {
			return schema_refuse(
			    c, word, "expected a name in quotes");
		}
		if (stands_before(value, word)) {
			return schema_refuse(c, word, "%s stands here twice",
			    err_quote(word->text));
		}
	}
	return 0;
}

static int
read_properties(struct compiling *c, const struct json *value,
    struct schema_property **out, size_t *count)
{
	struct schema_property *list;
	size_t n = 0;

	if (value->type != JSON_OBJECT) {
		return schema_refuse(c, value, "expected a table of schemas");
	}
	list = arena_array(c->arena, value->count, sizeof(*list));
	JSON_EACH(child, value)
	{
		list[n].name = child->key;
		if (schema_compile_at(c, child, arena_z(c->arena, child->key),
		        &list[n].schema) < 0) {
			return -1;
		}
		n++;
	}
	*out = list;
	*count = n;
	return 0;
}

/* ---- keywords ---- */

static const struct type_word {
	const char *word;
	unsigned bit;
} type_words[] = {
	{ "null", TYPE_NULL },
	{ "boolean", TYPE_BOOLEAN },
	{ "object", TYPE_OBJECT },
	{ "array", TYPE_ARRAY },
	{ "number", TYPE_NUMBER },
	{ "string", TYPE_STRING },
	{ "integer", TYPE_INTEGER },
};

static int
add_type(struct compiling *c, const struct json *word, unsigned *types)
{
	for (size_t i = 0; i < COUNT(type_words); i++) {
		if (word->type == JSON_STRING &&
		    str_eq_z(word->text, type_words[i].word)) {
			*types |= type_words[i].bit;
			return 0;
		}
	}
	return schema_refuse(c, word,
	    "expected null, boolean, object, array, number, string or "
	    "integer");
}

static int
key_type(struct compiling *c, struct schema *s, const struct json *value)
{
	if (value->type != JSON_ARRAY) {
		return add_type(c, value, &s->types);
	}
	if (value->count == 0) {
		return schema_refuse(c, value, "an empty list allows nothing");
	}
	JSON_EACH(word, value)
	{
		if (add_type(c, word, &s->types) < 0) {
			return -1;
		}
	}
	return 0;
}

static int
key_enum(struct compiling *c, struct schema *s, const struct json *value)
{
	if (value->type != JSON_ARRAY || value->count == 0) {
		return schema_refuse(c, value, "expected a list of values");
	}
	s->choices = value;
	return 0;
}

static int
key_const(struct compiling *c, struct schema *s, const struct json *value)
{
	(void)c;
	s->constant = value;
	return 0;
}

static int
key_properties(struct compiling *c, struct schema *s, const struct json *value)
{
	return read_properties(c, value, &s->properties, &s->property_count);
}

static int
key_required(struct compiling *c, struct schema *s, const struct json *value)
{
	s->required = value;
	return read_words(c, value);
}

static int
key_unique(struct compiling *c, struct schema *s, const struct json *value)
{
	if (value->type != JSON_TRUE && value->type != JSON_FALSE) {
		return schema_refuse(c, value, "expected true or false");
	}
	s->unique = value->type == JSON_TRUE;
	return 0;
}

static int
key_multiple(struct compiling *c, struct schema *s, const struct json *value)
{
	struct json_decimal d;

	if (value->type != JSON_NUMBER || !number_of(value->text, &d) ||
	    d.minus || d.count == 0 || d.count > JSON_DIVISOR_MAX) {
		return schema_refuse(c, value,
		    "expected a number above 0 with at most 15 digits");
	}
	s->multiple = value->text;
	return 0;
}

static int
key_pattern(struct compiling *c, struct schema *s, const struct json *value)
{
	char message[160];
	size_t offset = 0;

	if (value->type != JSON_STRING) {
		return schema_refuse(c, value, "expected a regular expression");
	}
	s->pattern_text = value->text;
	if (!pattern_compile(c->arena, value->text, &s->pattern, &offset,
	        message, sizeof(message))) {
		return schema_refuse(
		    c, value, "at character %zu: %s", offset + 1, message);
	}
	return 0;
}

static int
key_format(struct compiling *c, struct schema *s, const struct json *value)
{
	if (value->type == JSON_STRING && str_eq_z(value->text, "date-time")) {
		s->format = FORMAT_DATE_TIME;
		return 0;
	}
	if (value->type == JSON_STRING && str_eq_z(value->text, "uuid")) {
		s->format = FORMAT_UUID;
		return 0;
	}
	return schema_refuse(c, value,
	    "only the formats date-time and uuid are enforced; say the "
	    "others with \"pattern\"");
}

static struct schema *
find_def(const struct compiling *c, struct str name)
{
	for (size_t i = 0; i < c->def_count; i++) {
		if (str_eq(c->defs[i].name, name)) {
			return c->defs[i].schema;
		}
	}
	return NULL;
}

static int
key_ref(struct compiling *c, struct schema *s, const struct json *value)
{
	struct str text = value->type == JSON_STRING ? value->text : STR("");
	struct str name = str_sub(text, 8, text.len);

	if (str_eq_z(text, "#")) {
		s->ref = c->root_schema;
		return 0;
	}
	if (!str_starts(text, STR("#/$defs/"))) {
		return schema_refuse(c, value,
		    "expected \"#\" or \"#/$defs/NAME\": nothing is "
		    "fetched");
	}
	s->ref = find_def(c, name);
	if (s->ref == NULL) {
		return schema_refuse(
		    c, value, "there is no $defs entry %s", err_quote(name));
	}
	return 0;
}

static int
key_defs(struct compiling *c, struct schema *s, const struct json *value)
{
	(void)s;
	if (json_get(c->root, "$defs") != value) {
		return schema_refuse(c, value, "$defs stands at the top only");
	}
	return 0; /* compiled before the root */
}

static int
key_note(struct compiling *c, struct schema *s, const struct json *value)
{
	(void)c;
	(void)s;
	(void)value;
	return 0;
}

static int
key_dialect(struct compiling *c, struct schema *s, const struct json *value)
{
	(void)s;
	if (value->type == JSON_STRING && str_eq_z(value->text, DRAFT)) {
		return 0;
	}
	return schema_refuse(c, value, "expected " DRAFT);
}

/* Keywords whose value is one of the four common kinds differ by the member
 * alone; the macros write their functions. */
#define KEY(function, read, member)                                          \
	static int function(                                                 \
	    struct compiling *c, struct schema *s, const struct json *value) \
	{                                                                    \
		return read(c, value, &s->member);                           \
	}
KEY(key_min_items, read_count, min_items)
KEY(key_max_items, read_count, max_items)
KEY(key_min_length, read_count, min_length)
KEY(key_max_length, read_count, max_length)
KEY(key_min_properties, read_count, min_properties)
KEY(key_max_properties, read_count, max_properties)
KEY(key_minimum, read_number, minimum)
KEY(key_maximum, read_number, maximum)
KEY(key_above, read_number, above)
KEY(key_below, read_number, below)
KEY(key_prefix, read_list, prefix)
KEY(key_all, read_list, all)
KEY(key_any, read_list, any)
KEY(key_one, read_list, one)
#undef KEY

#define KEY(function, member)                                                \
	static int function(                                                 \
	    struct compiling *c, struct schema *s, const struct json *value) \
	{                                                                    \
		return schema_compile_at(c, value, NULL, &s->member);        \
	}
KEY(key_additional, additional)
KEY(key_items, items)
KEY(key_not, no)
#undef KEY

static const struct keyword {
	const char *name;
	int (*read)(
	    struct compiling *c, struct schema *s, const struct json *value);
} keywords[] = {
	{ "type", key_type },
	{ "enum", key_enum },
	{ "const", key_const },
	{ "properties", key_properties },
	{ "required", key_required },
	{ "additionalProperties", key_additional },
	{ "items", key_items },
	{ "prefixItems", key_prefix },
	{ "minItems", key_min_items },
	{ "maxItems", key_max_items },
	{ "uniqueItems", key_unique },
	{ "minLength", key_min_length },
	{ "maxLength", key_max_length },
	{ "pattern", key_pattern },
	{ "format", key_format },
	{ "minimum", key_minimum },
	{ "maximum", key_maximum },
	{ "exclusiveMinimum", key_above },
	{ "exclusiveMaximum", key_below },
	{ "multipleOf", key_multiple },
	{ "minProperties", key_min_properties },
	{ "maxProperties", key_max_properties },
	{ "allOf", key_all },
	{ "anyOf", key_any },
	{ "oneOf", key_one },
	{ "not", key_not },
	{ "$ref", key_ref },
	{ "$defs", key_defs },
	{ "$schema", key_dialect },
	{ "$comment", key_note },
	{ "title", key_note },
	{ "description", key_note },
	{ "default", key_note },
	{ "examples", key_note },
	{ "deprecated", key_note },
};

int
schema_compile_keyword(
    struct compiling *c, struct schema *s, const struct json *value)
{
	for (size_t i = 0; i < COUNT(keywords); i++) {
		if (str_eq_z(value->key, keywords[i].name)) {
			return keywords[i].read(c, s, value);
		}
	}
	return schema_refuse(
	    c, value, "this keyword is not enforced here, so it is refused");
}
