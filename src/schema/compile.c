/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A schema is compiled keyword by keyword (keywords.c).  The nesting is bounded
 * by SCHEMA_DEPTH_MAX.
 */
#include <stdarg.h>
#include <stdio.h>

#include "schema/compiling.h"

#define SCHEMAS_MAX 4096 /* in one compilation */

int
schema_refuse(
    struct compiling *c, const struct json *where, const char *format, ...)
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

static int
compile_keyword(struct compiling *c, struct schema *s, const struct json *value)
{
	size_t before = pointer_push(c, value->key);

	if (schema_compile_keyword(c, s, value) < 0) {
		return -1;
	}
	pointer_pop(c, before);
	return 0;
}

static int
compile_into(struct compiling *c, const struct json *j, struct schema *s)
{
	if (j->type == JSON_TRUE || j->type == JSON_FALSE) {
		s->never = j->type == JSON_FALSE;
		return 0;
	}
	if (j->type != JSON_OBJECT) {
		return schema_refuse(c, j, "expected a schema (a table)");
	}
	if (c->depth == SCHEMA_DEPTH_MAX) {
		return schema_refuse(c, j, "nested deeper than 64");
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

int
schema_compile_at(struct compiling *c, const struct json *j, const char *step,
    struct schema **out)
{
	size_t before = c->pointer.len;
	struct schema *s;

	if (step != NULL) {
		before = pointer_push(c, str_of(step));
	}
	if (c->made >= SCHEMAS_MAX) {
		return schema_refuse(c, j, "more than 4096 schemas");
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
		return schema_refuse(c, defs, "expected a table of schemas");
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
			return schema_refuse(c, c->root,
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
