/* SPDX-License-Identifier: Apache-2.0 */
#include "toml/parts.h"

/* One part of a dotted name. */
struct name {
	struct str key;
	struct place place;
};

struct node *
table_find(const struct node *table, struct str key)
{
	JSON_EACH(child, &table->json)
	{
		if (str_eq(child->key, key)) {
			return CONTAINER(child, struct node, json);
		}
	}
	return NULL;
}

static int
refuse_at(const struct reader *r, struct name name, const char *what)
{
	return err_set(r->err, ERR_INPUT, "%s:%u:%u: %s %s", r->file,
	    name.place.line, name.place.column, err_quote(name.key), what);
}

struct node *
table_add(struct reader *r, struct node *parent, struct str key,
    enum json_type type, struct place place)
{
	struct json *into = &parent->json;
	bool deep = parent->depth >= TOML_DEPTH_MAX &&
	            (type == JSON_OBJECT || type == JSON_ARRAY);

	if (deep || ++r->values > TOML_VALUES_MAX) {
		(void)err_set(r->err, ERR_LIMIT, "%s:%u:%u: more than %d %s",
		    r->file, place.line, place.column,
		    deep ? TOML_DEPTH_MAX : TOML_VALUES_MAX,
		    deep ? "levels of tables and arrays" : "values");
		return NULL;
	}
	struct node *made = arena_alloc(r->arena, sizeof(*made));
	made->depth = parent->depth + 1;
	made->json.type = type;
	made->json.line = place.line;
	made->json.column = place.column;
	if (into->type == JSON_OBJECT) {
		made->json.key = key;
	}
	if (into->last != NULL) {
		into->last->next = &made->json;
	} else {
		into->first = &made->json;
	}
	into->last = &made->json;
	into->count++;
	return made;
}

static bool
is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* One part and the white space around it. */
static int
read_name(struct reader *r, struct name *name)
{
	text_skip_space(r);
	name->place = text_place(r);
	if (*r->at == '"' || *r->at == '\'') {
		if (string_read_line(r, &name->key) < 0) {
			return -1;
		}
	} else {
		char *start = r->at;
		while (is_bare(*r->at)) {
			r->at++;
		}
		if (r->at == start) {
			return text_refuse_found(r, "a key");
		}
		name->key = str_span(start, (size_t)(r->at - start));
	}
	text_skip_space(r);
	return 0;
}

static struct node *
add_table(
    struct reader *r, struct node *parent, struct name name, enum origin origin)
{
	struct node *made =
	    table_add(r, parent, name.key, JSON_OBJECT, name.place);

	if (made != NULL) {
		made->origin = origin;
	}
	return made;
}

/* One step of `a.b = …`: only what no header made may be added to; it is from
 * then on as if dots had made it. */
static struct node *
step_by_dots(struct reader *r, struct node *table, struct name name)
{
	struct node *next = table_find(table, name.key);

	if (next == NULL) {
		return add_table(r, table, name, BY_DOTS);
	}
	if (next->json.type != JSON_OBJECT ||
	    (next->origin != BY_DOTS && next->origin != BY_PATH)) {
		(void)refuse_at(r, name,
		    next->json.type == JSON_OBJECT
		        ? "is a table that is already whole"
		        : "is already there and is no table");
		return NULL;
	}
	next->origin = BY_DOTS;
	return next;
}

int
table_read_path(
    struct reader *r, struct node *table, struct node **into, struct str *key)
{
	struct name name;

	if (read_name(r, &name) < 0) {
		return -1;
	}
	while (*r->at == '.') {
		r->at++;
		table = step_by_dots(r, table, name);
		if (table == NULL || read_name(r, &name) < 0) {
			return -1;
		}
	}
	if (table_find(table, name.key) != NULL) {
		return refuse_at(r, name, "is already there");
	}
	*into = table;
	*key = name.key;
	return 0;
}

static struct node *
last_of_series(const struct node *series)
{
	return CONTAINER(series->json.last, struct node, json);
}

/* One step of `[a.b]`: through tables that are not values, and through the
 * last table of a series. */
static struct node *
step_by_path(struct reader *r, struct node *table, struct name name)
{
	struct node *next = table_find(table, name.key);

	if (next == NULL) {
		return add_table(r, table, name, BY_PATH);
	}
	if (next->origin == BY_SERIES) {
		return last_of_series(next);
	}
	if (next->json.type != JSON_OBJECT || next->origin == BY_VALUE) {
		(void)refuse_at(
		    r, name, "is already a value: no table can be added to it");
		return NULL;
	}
	return next;
}

static int
open_table(struct reader *r, struct node *table, struct name name)
{
	struct node *old = table_find(table, name.key);

	if (old == NULL) {
		r->table = add_table(r, table, name, BY_HEADER);
		return r->table == NULL ? -1 : 0;
	}
	if (old->json.type != JSON_OBJECT || old->origin != BY_PATH) {
		return refuse_at(r, name, "is already there");
	}
	old->origin = BY_HEADER;
	r->table = old;
	return 0;
}

static int
open_element(struct reader *r, struct node *table, struct name name)
{
	struct node *series = table_find(table, name.key);

	if (series == NULL) {
		series = table_add(r, table, name.key, JSON_ARRAY, name.place);
		if (series == NULL) {
			return -1;
		}
		series->origin = BY_SERIES;
	} else if (series->origin != BY_SERIES) {
		return refuse_at(
		    r, name, "is already there and is no series of [[tables]]");
	}
	r->table = add_table(r, series, name, BY_HEADER);
	return r->table == NULL ? -1 : 0;
}

int
table_read_header(struct reader *r)
{
	struct node *table = r->root;
	struct name name;
	bool series = r->at[1] == '[';

	r->at += series ? 2 : 1;
	if (read_name(r, &name) < 0) {
		return -1;
	}
	while (*r->at == '.') {
		r->at++;
		table = step_by_path(r, table, name);
		if (table == NULL || read_name(r, &name) < 0) {
			return -1;
		}
	}
	if (r->at[0] != ']' || (series && r->at[1] != ']')) {
		return text_refuse_found(
		    r, series ? "']]' after the name" : "']' after the name");
	}
	r->at += series ? 2 : 1;
	return series ? open_element(r, table, name)
	              : open_table(r, table, name);
}
