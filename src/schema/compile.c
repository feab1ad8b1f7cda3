/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A schema is compiled keyword by keyword from one table; what the table does
 * not name is refused.  The nesting is bounded by SCHEMA_DEPTH_MAX.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "schema/inner.h"

#define SCHEMAS_MAX 4096 /* in one compilation */
#define DRAFT       "https://json-schema.org/draft/2020-12/schema"

struct compiling {
	struct arena *arena;
	const char *name;
	const struct json *root;
	struct schema *root_schema;
	struct schema_property *defs;
	size_t def_count;
	struct schema *newest;
	uint32_t made;
	uint32_t depth;
	struct buf pointer; /* of the value at work, RFC 6901 */
	struct err *e;
};

static int compile_at(struct compiling *c, const struct json *j,
    const char *step, struct schema **out);

static int refuse(struct compiling *c, const struct json *where,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

static int
refuse(struct compiling *c, const struct json *where, const char *format, ...)
{
	char text[300];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (where->line == 0) {
		return err_set(c->e, ERR_INPUT, "%s: %s%s%s", c->name,
		    buf_z(&c->pointer), c->pointer.len > 0 ? ": " : "", text);
	}
	return err_set(c->e, ERR_INPUT, "%s:%u:%u: %s%s%s", c->name,
	    where->line, where->column, buf_z(&c->pointer),
	    c->pointer.len > 0 ? ": " : "", text);
}

/* Adds "/step" and returns the length to go back to. */
static size_t
pointer_push(struct compiling *c, struct str step)
{
	size_t before = c->pointer.len;

	buf_add_byte(&c->pointer, '/');
	for (size_t i = 0; i < step.len; i++) {
		unsigned char ch = (unsigned char)step.at[i];

		if (ch == '~') {
			buf_add_z(&c->pointer, "~0");
		} else if (ch == '/') {
			buf_add_z(&c->pointer, "~1");
		} else if (ch < ' ' || ch == 0x7f) {
			buf_add_byte(&c->pointer, '?');
		} else {
			buf_add_byte(&c->pointer, ch);
		}
	}
	return before;
}

static void
pointer_pop(struct compiling *c, size_t before)
{
	c->pointer.len = before;
}

/* ---- the values of keywords ---- */

static int
read_list(
    struct compiling *c, const struct json *value, struct schema_list *out)
{
	struct schema_list list = { 0 };

	if (value->type != JSON_ARRAY || value->count == 0) {
		return refuse(c, value, "expected a list of schemas");
	}
	list.at = arena_array(c->arena, value->count, sizeof(struct schema *));
	JSON_EACH(child, value)
	{
		char step[24];

		(void)snprintf(step, sizeof(step), "%zu", list.count);
		if (compile_at(c, child, step, &list.at[list.count]) < 0) {
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
		return refuse(c, value, "expected a whole number from 0 up");
	}
	out->set = true;
	out->value = (uint64_t)n;
	return 0;
}

static int
read_number(struct compiling *c, const struct json *value, struct str *out)
{
	struct decimal d;

	if (value->type != JSON_NUMBER || !decimal_parse(value->text, &d)) {
		return refuse(c, value, "expected a number");
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
		return refuse(c, value, "expected a list of names");
	}
	JSON_EACH(word, value)
	{
		if (word->type != JSON_STRING) {
			return refuse(c, word, "expected a name in quotes");
		}
		if (stands_before(value, word)) {
			return refuse(c, word, "%s stands here twice",
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
		return refuse(c, value, "expected a table of schemas");
	}
	list = arena_array(c->arena, value->count, sizeof(*list));
	JSON_EACH(child, value)
	{
		list[n].name = child->key;
		if (compile_at(c, child, arena_z(c->arena, child->key),
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
	return refuse(c, word,
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
		return refuse(c, value, "an empty list allows nothing");
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
		return refuse(c, value, "expected a list of values");
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
		return refuse(c, value, "expected true or false");
	}
	s->unique = value->type == JSON_TRUE;
	return 0;
}

static int
key_multiple(struct compiling *c, struct schema *s, const struct json *value)
{
	struct decimal d;

	if (value->type != JSON_NUMBER || !decimal_parse(value->text, &d) ||
	    d.negative || d.count == 0 || d.count > SCHEMA_DIVISOR_MAX) {
		return refuse(c, value,
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
		return refuse(c, value, "expected a regular expression");
	}
	s->pattern_text = value->text;
	if (!pattern_compile(c->arena, value->text, &s->pattern, &offset,
	        message, sizeof(message))) {
		return refuse(
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
	return refuse(c, value,
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
		return refuse(c, value,
		    "expected \"#\" or \"#/$defs/NAME\": nothing is "
		    "fetched");
	}
	s->ref = find_def(c, name);
	if (s->ref == NULL) {
		return refuse(
		    c, value, "there is no $defs entry %s", err_quote(name));
	}
	return 0;
}

static int
key_defs(struct compiling *c, struct schema *s, const struct json *value)
{
	(void)s;
	if (json_get(c->root, "$defs") != value) {
		return refuse(c, value, "$defs stands at the top only");
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
	return refuse(c, value, "expected " DRAFT);
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
		return compile_at(c, value, NULL, &s->member);               \
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

static int
compile_keyword(struct compiling *c, struct schema *s, const struct json *value)
{
	size_t before = pointer_push(c, value->key);

	for (size_t i = 0; i < COUNT(keywords); i++) {
		if (!str_eq_z(value->key, keywords[i].name)) {
			continue;
		}
		if (keywords[i].read(c, s, value) < 0) {
			return -1;
		}
		pointer_pop(c, before);
		return 0;
	}
	return refuse(
	    c, value, "this keyword is not enforced here, so it is refused");
}

static int
compile_into(struct compiling *c, const struct json *j, struct schema *s)
{
	if (j->type == JSON_TRUE || j->type == JSON_FALSE) {
		s->never = j->type == JSON_FALSE;
		return 0;
	}
	if (j->type != JSON_OBJECT) {
		return refuse(c, j, "expected a schema (a table)");
	}
	if (c->depth == SCHEMA_DEPTH_MAX) {
		return refuse(c, j, "nested deeper than 64");
	}
	c->depth++;
	JSON_EACH(value, j)
	{
		if (compile_keyword(c, s, value) < 0) {
			return -1;
		}
	}
	c->depth--;
	return 0;
}

static struct schema *
make_schema(struct compiling *c)
{
	struct schema *s = arena_alloc(c->arena, sizeof(*s));

	s->older = c->newest;
	c->newest = s;
	c->made++;
	return s;
}

static int
compile_at(struct compiling *c, const struct json *j, const char *step,
    struct schema **out)
{
	size_t before = c->pointer.len;
	struct schema *s;

	if (step != NULL) {
		before = pointer_push(c, str_of(step));
	}
	if (c->made >= SCHEMAS_MAX) {
		return refuse(c, j, "more than 4096 schemas");
	}
	s = make_schema(c);
	if (compile_into(c, j, s) < 0) {
		return -1;
	}
	pointer_pop(c, before);
	*out = s;
	return 0;
}

static int
compile_defs(struct compiling *c)
{
	const struct json *defs = json_get(c->root, "$defs");
	size_t before = pointer_push(c, STR("$defs"));
	size_t n = 0;

	if (defs == NULL) {
		pointer_pop(c, before);
		return 0;
	}
	if (defs->type != JSON_OBJECT || defs->count > SCHEMAS_MAX) {
		return refuse(c, defs, "expected a table of schemas");
	}
	/* Named before they are compiled: they may refer to each other. */
	c->defs = arena_array(c->arena, defs->count, sizeof(*c->defs));
	JSON_EACH(def, defs)
	{
		c->defs[c->def_count].name = def->key;
		c->defs[c->def_count++].schema = make_schema(c);
	}
	JSON_EACH(def, defs)
	{
		size_t inside = pointer_push(c, def->key);

		if (compile_into(c, def, c->defs[n++].schema) < 0) {
			return -1;
		}
		pointer_pop(c, inside);
	}
	pointer_pop(c, before);
	return 0;
}

static uint32_t
list_height(const struct schema_list *list)
{
	uint32_t height = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (list->at[i]->height + 1 > height) {
			height = list->at[i]->height + 1;
		}
	}
	return height;
}

static uint32_t
height_now(const struct schema *s)
{
	uint32_t height = list_height(&s->all);
	uint32_t others[] = {
		list_height(&s->any),
		list_height(&s->one),
		s->no ? s->no->height + 1 : 0,
		s->ref ? s->ref->height + 1 : 0,
	};

	for (size_t i = 0; i < COUNT(others); i++) {
		height = others[i] > height ? others[i] : height;
	}
	return height;
}

/* One round over all schemas; says whether a height still grew. */
static bool
grow_heights(struct compiling *c, uint32_t *highest)
{
	bool grew = false;

	for (struct schema *s = c->newest; s; s = s->older) {
		uint32_t height = height_now(s);

		grew = grew || height != s->height;
		*highest = height > *highest ? height : *highest;
		s->height = height;
	}
	return grew;
}

/* A schema may come back to itself through properties or items, because each
 * round goes into the value; a chain of $ref, allOf, anyOf, oneOf and not that
 * does would never end: its height grows without bound. */
static int
check_heights(struct compiling *c)
{
	uint32_t highest = 0;

	while (grow_heights(c, &highest)) {
		if (highest > SCHEMA_DEPTH_MAX) {
			return refuse(c, c->root,
			    "a chain of references comes back to itself or "
			    "is longer than 64");
		}
	}
	return 0;
}

int
schema_compile(struct arena *a, const struct json *root, const char *name,
    struct schema **out, struct err *e)
{
	struct compiling c = { .arena = a, .name = name, .root = root, .e = e };
	int rc = -1;

	c.root_schema = make_schema(&c);
	if (compile_defs(&c) == 0 &&
	    compile_into(&c, root, c.root_schema) == 0 &&
	    check_heights(&c) == 0) {
		*out = c.root_schema;
		rc = 0;
	}
	buf_fini(&c.pointer);
	return rc;
}
