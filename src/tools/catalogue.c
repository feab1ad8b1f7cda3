/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue in use: who sees what, contracts, the model's view. */
#include "tools/inner.h"

const struct tool *
tools_find(const struct catalogue *c, struct str name)
{
	for (size_t i = 0; i < c->count; i++) {
		if (str_eq(c->at[i].name, name)) {
			return &c->at[i];
		}
	}
	return NULL;
}

const struct tool *
tools_request_for(const struct catalogue *c, struct str name)
{
	for (size_t i = 0; i < c->count; i++) {
		if (c->at[i].kind == TOOL_REQUEST &&
		    str_eq(c->at[i].request, name)) {
			return &c->at[i];
		}
	}
	return NULL;
}

static int
check_type(const struct catalogue *c, const struct role *r,
    const struct task_type *t, struct err *e)
{
	for (size_t i = 0; i < t->tools.count; i++) {
		if (tools_find(c, t->tools.at[i]) == NULL) {
			return err_set(e, ERR_INPUT,
			    STR_FMT ":%u:1: [task." STR_FMT
			            "]: the tool " STR_FMT
			            " is not declared in " STR_FMT,
			    STR_ARG(r->file), t->line, STR_ARG(t->name),
			    STR_ARG(t->tools.at[i]), STR_ARG(c->file));
		}
	}
	return 0;
}

int
tools_check_role(const struct catalogue *c, const struct role *r, struct err *e)
{
	for (size_t i = 0; i < r->type_count; i++) {
		if (check_type(c, r, &r->types[i], e) < 0) {
			return -1;
		}
	}
	return 0;
}

static bool
is_visible(const struct tool *t, const struct identity *who,
    const struct names *credentials)
{
	bool matches = false;

	for (size_t i = 0; i < t->identities.count; i++) {
		matches =
		    matches || roles_pattern_matches(t->identities.at[i], who);
	}
	for (size_t i = 0; matches && i < t->credentials.count; i++) {
		matches = names_have(credentials, t->credentials.at[i]);
	}
	return matches;
}

struct names
tools_for(struct arena *a, const struct catalogue *c,
    const struct identity *who, const struct names *credentials)
{
	struct str *list = arena_array(a, c->count, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < c->count; i++) {
		if (is_visible(&c->at[i], who, credentials)) {
			list[n++] = c->at[i].name;
		}
	}
	return (struct names){ list, n };
}

/* ---- contracts ---- */

static void
set_names(struct arena *a, struct json *object, const char *key,
    const char *lead, const struct names *set)
{
	struct json *list = json_set(a, object, key, json_new(a, JSON_ARRAY));

	for (size_t i = 0; i < set->count; i++) {
		struct str text =
		    arena_printf(a, "%s" STR_FMT, lead, STR_ARG(set->at[i]));

		(void)json_push(list, json_new_str(a, text));
	}
}

struct json *
tools_contract_json(struct arena *a, const struct tool *t)
{
	struct json *o = json_new(a, JSON_OBJECT);

	(void)json_set_str(a, o, "name", t->name);
	(void)json_set_str(a, o, "description", t->description);
	(void)json_set_str(a, o, "action", t->action);
	(void)json_set(a, o, "idempotent", json_new_bool(a, t->idempotent));
	set_names(a, o, "identities", "", &t->identities);
	set_names(a, o, "requires", "credential:", &t->credentials);
	if (t->confirm.len > 0) {
		(void)json_set_str(a, o, "confirm", t->confirm);
	}
	(void)json_set(a, o, "timeout_ms", json_new_i64(a, t->timeout / 1000));
	(void)json_set_str(a, o, "cell", t->fresh ? STR("fresh") : STR("run"));
	(void)json_set(a, o, "output_limit", json_new_i64(a, t->output_limit));
	if (t->run != NULL) {
		(void)json_set(a, o, "run", json_copy(a, t->run));
	}
	(void)json_set(a, o, "input", json_copy(a, t->input_json));
	if (t->output_json != NULL) {
		(void)json_set(a, o, "output", json_copy(a, t->output_json));
	}
	return o;
}

void
tools_seal_contract(struct tool *t)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	char hex[DIGEST_TEXT];

	json_canonical(&text, tools_contract_json(&a, t));
	t->contract = digest_of(buf_str(&text));
	digest_text(t->contract, hex);
	must(str_copy(t->version, sizeof(t->version),
	    str_sub(str_of(hex), 0, TOOLS_VERSION - 1)));
}

/* ---- the model's view ---- */

static void
push_function(struct arena *a, struct json *list, const struct tool *t)
{
	struct json *entry = json_push(list, json_new(a, JSON_OBJECT));
	struct json *function;

	(void)json_set_str(a, entry, "type", STR("function"));
	function = json_set(a, entry, "function", json_new(a, JSON_OBJECT));
	(void)json_set_str(a, function, "name", t->name);
	(void)json_set_str(a, function, "description", t->description);
	(void)json_set(a, function, "parameters", json_copy(a, t->input_json));
}

struct json *
tools_model_json(struct arena *a, const struct catalogue *c,
    const struct names *granted, const struct task_type *t)
{
	struct json *list = json_new(a, JSON_ARRAY);

	for (size_t i = 0; i < c->count; i++) {
		if (names_have(granted, c->at[i].name)) {
			push_function(a, list, &c->at[i]);
		}
	}
	push_function(a, list, tools_finish(a, t));
	return list;
}
