/* SPDX-License-Identifier: Apache-2.0 */
#include "json/parts.h"

#include <inttypes.h>

struct json *
json_new(struct arena *a, enum json_type type)
{
	struct json *j = arena_alloc(a, sizeof(*j));

	j->type = type;
	return j;
}

struct json *
json_new_str(struct arena *a, struct str s)
{
	struct json *j = json_new(a, JSON_STRING);

	j->text = arena_str(a, s);
	return j;
}

struct json *
json_new_i64(struct arena *a, int64_t value)
{
	struct json *j = json_new(a, JSON_NUMBER);

	j->text = arena_printf(a, "%" PRId64, value);
	return j;
}

struct json *
json_new_bool(struct arena *a, bool value)
{
	return json_new(a, value ? JSON_TRUE : JSON_FALSE);
}

static struct json *
copy_alone(struct arena *a, const struct json *from)
{
	struct json *j = json_new(a, from->type);

	j->line = from->line;
	j->column = from->column;
	if (from->text.len > 0) {
		j->text = arena_str(a, from->text);
	}
	if (from->key.at != NULL) {
		j->key = arena_str(a, from->key);
	}
	return j;
}

/* The copy is a root: the key that j had as a member does not come along. */
struct json *
json_copy(struct arena *a, const struct json *j)
{
	struct {
		const struct json *next; /* member to copy */
		struct json *into;
	} stack[JSON_DEPTH_MAX];
	size_t depth = 0;
	struct json *root = copy_alone(a, j);

	root->key = (struct str){ 0 };
	stack[depth].next = j->first;
	stack[depth++].into = root;
	while (depth > 0) {
		const struct json *from = stack[depth - 1].next;
		if (from == NULL) {
			depth--;
			continue;
		}
		struct json *made = copy_alone(a, from);
		json_append(stack[depth - 1].into, made);
		stack[depth - 1].next = from->next;
		if (from->first != NULL) {
			must(depth < JSON_DEPTH_MAX);
			stack[depth].next = from->first;
			stack[depth++].into = made;
		}
	}
	return root;
}

struct json *
json_without(struct arena *a, const struct json *object, const char *key)
{
	struct json *rest = json_new(a, JSON_OBJECT);

	if (!object || object->type != JSON_OBJECT) {
		return rest;
	}
	JSON_EACH(member, object)
	{
		if (!str_eq_z(member->key, key)) {
			struct json *copy = json_copy(a, member);

			copy->key = arena_str(a, member->key);
			json_append(rest, copy);
		}
	}
	return rest;
}

struct json *
json_set_key(
    struct arena *a, struct json *object, struct str key, struct json *value)
{
	struct json *before = NULL;
	struct json *old = object->first;

	must(object->type == JSON_OBJECT && value->next == NULL);
	while (old != NULL && !str_eq(old->key, key)) {
		before = old;
		old = old->next;
	}
	if (old == NULL) {
		value->key = arena_str(a, key);
		json_append(object, value);
		return value;
	}
	value->key = old->key;
	value->next = old->next;
	if (before != NULL) {
		before->next = value;
	} else {
		object->first = value;
	}
	if (object->last == old) {
		object->last = value;
	}
	old->next = NULL;
	return value;
}

struct json *
json_set(
    struct arena *a, struct json *object, const char *key, struct json *value)
{
	return json_set_key(a, object, str_of(key), value);
}

struct json *
json_set_str(
    struct arena *a, struct json *object, const char *key, struct str s)
{
	return json_set(a, object, key, json_new_str(a, s));
}

struct json *
json_push(struct json *array, struct json *value)
{
	must(array->type == JSON_ARRAY && value->next == NULL);
	value->key = (struct str){ 0 };
	json_append(array, value);
	return value;
}
