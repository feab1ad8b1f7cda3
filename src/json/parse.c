/* SPDX-License-Identifier: Apache-2.0 */
#include "json/parts.h"
#include "json/scan.h"

#define FEW_MEMBERS 16

const struct json_limits json_limits_default = {
	.bytes = (size_t)4 * 1024 * 1024,
	.depth = 64,
	.nodes = 200000,
};

static int
read_word(
    struct parser *p, struct json *j, struct str word, enum json_type type)
{
	struct str rest = str_span(p->at, (size_t)(p->end - p->at));

	if (!str_starts(rest, word)) {
		return json_refuse_found(p, "a value");
	}
	p->at += word.len;
	j->type = type;
	return 0;
}

/* A container is opened only: its members follow. */
static int
read_value(struct parser *p, struct json *j)
{
	j->line = p->line;
	j->column = (uint32_t)(p->at - p->line_start) + 1;
	switch (*p->at) {
	case '"':
		j->type = JSON_STRING;
		return json_read_string(p, &j->text);
	case '{':
		p->at++;
		j->type = JSON_OBJECT;
		return 0;
	case '[':
		p->at++;
		j->type = JSON_ARRAY;
		return 0;
	case 't':
		return read_word(p, j, STR("true"), JSON_TRUE);
	case 'f':
		return read_word(p, j, STR("false"), JSON_FALSE);
	case 'n':
		return read_word(p, j, STR("null"), JSON_NULL);
	default:
		if (*p->at != '-' && !json_is_digit(*p->at)) {
			return json_refuse_found(p, "a value");
		}
		return json_read_number(p, j);
	}
}

static int
read_key(struct parser *p, struct str *key)
{
	if (*p->at != '"') {
		return json_refuse_found(p, "a key in quotes");
	}
	if (json_read_string(p, key) < 0) {
		return -1;
	}
	json_skip_space(p);
	if (*p->at != ':') {
		return json_refuse_found(p, "':' after the key");
	}
	p->at++;
	json_skip_space(p);
	return 0;
}

/* Reads a value, with its key where the open container is an object. */
static struct json *
read_member(struct parser *p, struct json *open)
{
	struct json *j = arena_alloc(p->arena, sizeof(*j));

	json_skip_space(p);
	if (++p->nodes > p->limits->nodes) {
		(void)json_refuse_limit(p, "values", p->limits->nodes);
		return NULL;
	}
	if (open != NULL && open->type == JSON_OBJECT &&
	    read_key(p, &j->key) < 0) {
		return NULL;
	}
	if (read_value(p, j) < 0) {
		return NULL;
	}
	if (open != NULL) {
		json_append(open, j);
	}
	return j;
}

static int
refuse_twice(const struct parser *p, const struct json *second)
{
	return err_set(p->err, ERR_INPUT,
	    "line %u, column %u: the key %s stands twice in one object",
	    second->line, second->column, err_quote(second->key));
}

/* Many members are sorted first: a hostile object costs n log n. */
static int
check_many_keys(const struct parser *p, const struct json *object)
{
	auto_free const struct json **members = json_members(object, true);

	for (uint32_t i = 1; i < object->count; i++) {
		if (str_eq(members[i - 1]->key, members[i]->key)) {
			return refuse_twice(p, members[i]);
		}
	}
	return 0;
}

static int
check_keys(const struct parser *p, const struct json *object)
{
	if (object->count > FEW_MEMBERS) {
		return check_many_keys(p, object);
	}
	for (const struct json *j = object->first; j != NULL; j = j->next) {
		const struct json *other = object->first;
		while (other != j && !str_eq(other->key, j->key)) {
			other = other->next;
		}
		if (other != j) {
			return refuse_twice(p, j);
		}
	}
	return 0;
}

/*
 * While a container is open its `next`, not yet needed, is the container
 * around it: no other stack is kept.
 */
static int
open_container(struct parser *p, struct json **open, struct json *j)
{
	if (++p->depth > p->limits->depth) {
		return json_refuse_limit(
		    p, "levels of nesting", p->limits->depth);
	}
	j->next = *open;
	*open = j;
	return 0;
}

static int
close_container(struct parser *p, struct json **open)
{
	struct json *j = *open;

	if (j->type == JSON_OBJECT && check_keys(p, j) < 0) {
		return -1;
	}
	p->at++;
	p->depth--;
	*open = j->next;
	j->next = NULL;
	return 0;
}

/* Behind a value: closes what closes here.  1 if another member follows, 0 at
 * the end of the text. */
static int
after_value(struct parser *p, struct json **open)
{
	for (;;) {
		json_skip_space(p);
		if (*open == NULL) {
			return p->at == p->end
			           ? 0
			           : json_refuse_found(p, "nothing more");
		}
		if (*p->at == ',') {
			p->at++;
			return 1;
		}
		bool object = (*open)->type == JSON_OBJECT;
		if (*p->at != (object ? '}' : ']')) {
			return json_refuse_found(
			    p, object ? "',' or '}'" : "',' or ']'");
		}
		if (close_container(p, open) < 0) {
			return -1;
		}
	}
}

/* 1 if a first member follows: the container was opened and is not empty. */
static int
enter_container(struct parser *p, struct json **open, struct json *j)
{
	if (open_container(p, open, j) < 0) {
		return -1;
	}
	json_skip_space(p);
	return *p->at != (j->type == JSON_OBJECT ? '}' : ']');
}

static int
parse_text(struct parser *p, struct json **out)
{
	struct json *open = NULL;
	struct json *root = NULL;
	int more = 1;

	while (more > 0) {
		struct json *j = read_member(p, open);
		if (j == NULL) {
			return -1;
		}
		root = root == NULL ? j : root;
		more = json_is_container(j) ? enter_container(p, &open, j) : 0;
		if (more == 0) {
			more = after_value(p, &open);
		}
	}
	if (more == 0) {
		*out = root;
	}
	return more;
}

int
json_parse(struct arena *a, struct str text, const struct json_limits *limits,
    struct json **out, struct err *e)
{
	if (limits == NULL) {
		limits = &json_limits_default;
	}
	must(limits->depth <= JSON_DEPTH_MAX);
	if (text.len > limits->bytes) {
		return err_set(e, ERR_LIMIT,
		    "the JSON text has %zu bytes; the limit is %zu", text.len,
		    limits->bytes);
	}
	char *copy = arena_alloc(a, text.len + 1);
	if (text.len > 0) {
		memcpy(copy, text.at, text.len);
	}
	struct parser p = {
		.at = copy,
		.end = copy + text.len,
		.line_start = copy,
		.arena = a,
		.limits = limits,
		.err = e,
		.line = 1,
	};
	return parse_text(&p, out);
}
