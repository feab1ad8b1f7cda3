/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into a task and what comes out: schemas, and the runbook. */
#include "roles/inner.h"

static const char runbook_schema[] =
    "{\"type\":\"array\",\"minItems\":1,\"maxItems\":256,\"items\":{"
    "\"type\":\"object\",\"required\":[\"id\",\"tool\"],"
    "\"additionalProperties\":false,\"properties\":{"
    "\"id\":{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9_]{0,63}$\"},"
    "\"tool\":{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9_]{0,62}$\"},"
    "\"args\":{\"type\":\"object\"},"
    "\"on_error\":{\"enum\":[\"stop\",\"continue\",\"retry\"]}}}}";

/* ---- schemas of a task type ---- */

struct json *
table_schema(struct arena *a, const char *file, const char *which,
    const struct json *written, struct err *e)
{
	struct json *schema;
	const struct json *type = json_get(written, "type");

	if (written == NULL) {
		schema = json_new(a, JSON_OBJECT);
	} else if (written->type == JSON_OBJECT) {
		schema = json_copy(a, written);
	} else {
		(void)table_err(file, written, e,
		    "%s: expected a JSON Schema (a table)", which);
		return NULL;
	}
	if (type != NULL &&
	    (type->type != JSON_STRING || !str_eq_z(type->text, "object"))) {
		(void)table_err(
		    file, type, e, "%s: its type is \"object\"", which);
		return NULL;
	}
	if (type == NULL) {
		(void)json_set_str(a, schema, "type", STR("object"));
	}
	return schema;
}

static struct json *
member_of(
    struct arena *a, struct json *object, const char *key, enum json_type type)
{
	for (struct json *child = object->first; child; child = child->next) {
		if (str_eq_z(child->key, key)) {
			return child->type == type ? child : NULL;
		}
	}
	return json_set(a, object, key, json_new(a, type));
}

static int
add_runbook(struct arena *a, const char *file, const struct json *where,
    struct json *schema, struct err *e)
{
	struct json *properties =
	    member_of(a, schema, "properties", JSON_OBJECT);
	struct json *required = member_of(a, schema, "required", JSON_ARRAY);
	struct json *fixed = NULL;

	if (properties == NULL || required == NULL) {
		return table_err(file, where, e,
		    "input: properties is a table and required a list");
	}
	if (json_get(properties, "runbook") != NULL) {
		return table_err(file, where, e,
		    "input.properties.runbook: brain = \"runbook\" brings "
		    "its own; leave it out");
	}
	must(json_parse(a, str_of(runbook_schema), NULL, &fixed, e) == 0);
	(void)json_set(a, properties, "runbook", fixed);
	JSON_EACH(name, required)
	{
		if (name->type == JSON_STRING &&
		    str_eq_z(name->text, "runbook")) {
			return 0;
		}
	}
	(void)json_push(required, json_new_str(a, STR("runbook")));
	return 0;
}

static int
compile(struct arena *a, const char *file, const struct json *schema,
    const struct schema **out, struct err *e)
{
	struct schema *s = NULL;

	if (schema_compile(a, schema, file, &s, e) < 0) {
		return -1;
	}
	*out = s;
	return 0;
}

int
roles_compile_type(struct arena *a, const char *file, const struct json *where,
    struct task_type *t, struct err *e)
{
	struct json *input = table_schema(a, file, "input", t->input_json, e);
	struct json *output;

	if (input == NULL) {
		return -1;
	}
	output = table_schema(a, file, "output", t->output_json, e);
	if (output == NULL) {
		return -1;
	}
	if (t->brain == BRAIN_RUNBOOK &&
	    add_runbook(a, file, where, input, e) < 0) {
		return -1;
	}
	t->input_json = input;
	t->output_json = output;
	if (compile(a, file, input, &t->input, e) < 0) {
		return -1;
	}
	return compile(a, file, output, &t->output, e);
}

int
roles_check_payload(
    const struct task_type *t, const struct json *payload, struct err *e)
{
	static const struct json nothing = { .type = JSON_OBJECT };
	const struct json *value = payload != NULL ? payload : &nothing;

	if (schema_check(t->input, value, e) < 0) {
		return err_wrap(e, "payload");
	}
	if (t->brain != BRAIN_RUNBOOK) {
		return 0;
	}
	return roles_runbook_check(t, json_get(value, "runbook"), e) < 0
	           ? err_wrap(e, "payload")
	           : 0;
}

int
roles_check_result(
    const struct task_type *t, const struct json *result, struct err *e)
{
	static const struct json nothing = { .type = JSON_OBJECT };

	if (schema_check(t->output, result ? result : &nothing, e) < 0) {
		return err_wrap(e, "result");
	}
	return 0;
}

/* ---- runbook ---- */

static size_t
count_while(struct str s, size_t from, bool upper)
{
	size_t n = from;

	while (n < s.len) {
		char c = s.at[n];
		bool low = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		           c == '_';

		if (!low && !(upper && c >= 'A' && c <= 'Z')) {
			break;
		}
		n++;
	}
	return n;
}

/* Is there "${id.field}" at `from`?  Its length, or 0. */
static size_t
reference_at(struct str s, size_t from, struct str *id, struct str *path)
{
	size_t at = from + 2;
	size_t end = count_while(s, at, false);
	size_t field;

	if (end == at || s.at[at] < 'a' || s.at[at] > 'z') {
		return 0;
	}
	*id = str_sub(s, at, end - at);
	field = end + 1;
	while (end < s.len && s.at[end] == '.') {
		size_t next = count_while(s, end + 1, true);

		if (next == end + 1) {
			return 0;
		}
		end = next;
	}
	if (end < field || end >= s.len || s.at[end] != '}') {
		return 0;
	}
	*path = str_sub(s, field, end - field);
	return end + 1 - from;
}

bool
roles_next_reference(
    struct str *rest, struct str *before, struct str *id, struct str *path)
{
	for (size_t i = 0; i + 1 < rest->len; i++) {
		size_t len = 0;

		if (rest->at[i] == '$' && rest->at[i + 1] == '{') {
			len = reference_at(*rest, i, id, path);
		}
		if (len > 0) {
			*before = str_sub(*rest, 0, i);
			*rest = str_sub(*rest, i + len, rest->len);
			return true;
		}
	}
	return false;
}

static bool
is_earlier(const struct json *runbook, const struct json *step, struct str id)
{
	struct str other;

	for (const struct json *s = runbook->first; s != step; s = s->next) {
		if (json_text(s, "id", &other) && str_eq(other, id)) {
			return true;
		}
	}
	return false;
}

static int
check_text(const struct json *runbook, const struct json *step, size_t index,
    struct str text, struct err *e)
{
	struct str before;
	struct str id;
	struct str path;

	while (roles_next_reference(&text, &before, &id, &path)) {
		if (!is_earlier(runbook, step, id)) {
			return err_set(e, ERR_INPUT,
			    "runbook[%zu].args: ${" STR_FMT
			    ".…} names no earlier step",
			    index, STR_ARG(str_utf8_cut(id, 64)));
		}
	}
	return 0;
}

static int
check_references(const struct json *runbook, const struct json *step,
    size_t index, struct err *e)
{
	struct tree_walk walk = { .root = json_get(step, "args") };

	for (const struct json *j; (j = tree_next(&walk));) {
		if (j->type == JSON_STRING &&
		    check_text(runbook, step, index, j->text, e) < 0) {
			return -1;
		}
	}
	return walk.over ? err_set(e, ERR_LIMIT,
	                       "runbook[%zu].args: nested too deep", index)
	                 : 0;
}

static int
check_step(const struct task_type *t, const struct json *runbook,
    const struct json *step, size_t index, struct err *e)
{
	struct str id = { 0 };
	struct str tool = { 0 };
	bool finish;

	if (!json_text(step, "id", &id) || !json_text(step, "tool", &tool)) {
		return err_set(e, ERR_INPUT,
		    "runbook[%zu]: expected an id and a tool", index);
	}
	finish = str_eq_z(tool, "finish");
	if (is_earlier(runbook, step, id)) {
		return err_set(e, ERR_INPUT,
		    "runbook[%zu].id: %s is the id of an earlier step", index,
		    err_quote(id));
	}
	if (!finish && !names_have(&t->tools, tool)) {
		return err_set(e, ERR_INPUT,
		    "runbook[%zu].tool: %s is not a tool of the type " STR_FMT,
		    index, err_quote(tool), STR_ARG(t->name));
	}
	if (finish && step->next != NULL) {
		return err_set(e, ERR_INPUT,
		    "runbook[%zu].tool: finish stands last; the steps behind "
		    "it would never run",
		    index);
	}
	return check_references(runbook, step, index, e);
}

int
roles_runbook_check(
    const struct task_type *t, const struct json *runbook, struct err *e)
{
	size_t index = 0;

	if (runbook == NULL || runbook->type != JSON_ARRAY ||
	    runbook->count == 0 || runbook->count > ROLES_RUNBOOK_MAX) {
		return err_set(
		    e, ERR_INPUT, "runbook: expected a list of 1 to 256 steps");
	}
	JSON_EACH(step, runbook)
	{
		if (check_step(t, runbook, step, index++, e) < 0) {
			return -1;
		}
	}
	return 0;
}
