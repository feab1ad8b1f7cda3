/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

/*
 * Predicates on arguments narrow a gate, so whatever a predicate cannot judge
 * (absent, null, of another type, enormous) counts as matching: the gate holds.
 */

#define TEXT_MAX ((size_t)64 * 1024) /* a longer argument is not judged */

static const struct {
	const char *text;
	enum predicate_op op;
} operators[] = {
	{ ">=", PREDICATE_MORE_EQUAL },
	{ "<=", PREDICATE_LESS_EQUAL },
	{ "==", PREDICATE_EQUAL },
	{ "!=", PREDICATE_NOT_EQUAL },
	{ ">", PREDICATE_MORE },
	{ "<", PREDICATE_LESS },
	{ "=", PREDICATE_EQUAL },
};

/* Any length and no rounding, but the exponent is not too far. */
static bool
number_of(struct str text, struct json_decimal *d)
{
	return json_decimal_of(text, d) && !d->far;
}

static int
compile_string(struct compile *c, const struct json *value, struct predicate *p)
{
	struct str text = str_trim(value->text);

	for (size_t i = 0; i < COUNT(operators); i++) {
		struct str sign = str_of(operators[i].text);

		if (!str_starts(text, sign)) {
			continue;
		}
		p->op = operators[i].op;
		text = str_trim(str_sub(text, sign.len, text.len));
		if (!number_of(text, &p->number)) {
			return policy_refuse(c, value,
			    "%s compares with something that is not a "
			    "decimal number",
			    err_quote(value->text));
		}
		return 0;
	}
	p->op = PREDICATE_GLOB;
	p->pattern = value->text;
	if (value->text.len == 0 || !policy_glob_valid(value->text)) {
		return policy_refuse(c, value,
		    "an argument's pattern is 1..512 printable bytes, without "
		    "an empty alternative between '|'");
	}
	return 0;
}

static int
compile_value(struct compile *c, const struct json *value, struct predicate *p)
{
	switch (value->type) {
	case JSON_STRING:
		return compile_string(c, value, p);
	case JSON_TRUE:
	case JSON_FALSE:
		p->op = PREDICATE_BOOL;
		p->flag = value->type == JSON_TRUE;
		return 0;
	case JSON_NUMBER:
		p->op = PREDICATE_EQUAL;
		if (number_of(value->text, &p->number)) {
			return 0;
		}
		break;
	case JSON_NULL:
	case JSON_ARRAY:
	case JSON_OBJECT:
	case JSON_DATETIME:
		break;
	}
	return policy_refuse(c, value,
	    "an argument is compared with a text, a decimal number, true or "
	    "false");
}

/* The place in the nested tables: at[n] is the member at depth n. */
struct walk {
	const struct json *at[ARGS_DEPTH_MAX];
	uint32_t depth;
};

static int
walk_down(struct compile *c, struct walk *w)
{
	const struct json *table = w->at[w->depth];

	if (w->depth + 1 == ARGS_DEPTH_MAX || table->count == 0) {
		return policy_refuse(c, table,
		    "args: tables hold something and nest at most 4 deep");
	}
	w->at[++w->depth] = table->first;
	return 0;
}

/* To the next member, upwards where a table ends; false behind the last. */
static bool
walk_on(struct walk *w)
{
	w->at[w->depth] = w->at[w->depth]->next;
	while (!w->at[w->depth]) {
		if (w->depth == 0) {
			return false;
		}
		w->depth--;
		w->at[w->depth] = w->at[w->depth]->next;
	}
	return true;
}

static int
add_predicate(struct compile *c, const struct walk *w, struct gate *g)
{
	struct predicate *p = &g->predicates[g->predicate_count];

	if (g->predicate_count == PREDICATES_MAX) {
		return policy_refuse(c, w->at[w->depth],
		    "args: at most 32 predicates in a gate");
	}
	g->predicate_count++;
	for (uint32_t i = 0; i <= w->depth; i++) {
		p->path[i] = w->at[i]->key;
	}
	p->depth = w->depth + 1;
	return compile_value(c, w->at[w->depth], p);
}

int
policy_compile_predicates(
    struct compile *c, const struct json *args, struct gate *g)
{
	struct walk w = { 0 };
	bool more = true;

	if (args->type != JSON_OBJECT || args->count == 0) {
		return policy_refuse(c, args,
		    "args must be a table like { amount = \"> 100\" }");
	}
	g->predicates =
	    arena_array(c->arena, PREDICATES_MAX, sizeof(*g->predicates));
	w.at[0] = args->first;
	while (more) {
		bool table = w.at[w.depth]->type == JSON_OBJECT;

		if (table ? walk_down(c, &w) : add_predicate(c, &w, g)) {
			return -1;
		}
		more = table || walk_on(&w);
	}
	return 0;
}

static bool
number_matches(const struct predicate *p, const struct json *value)
{
	struct json_decimal d = { 0 };
	int order = 0;

	if (value->type != JSON_NUMBER || !number_of(value->text, &d)) {
		return true;
	}
	order = json_decimal_compare(&d, &p->number);
	switch (p->op) {
	case PREDICATE_LESS:
		return order < 0;
	case PREDICATE_LESS_EQUAL:
		return order <= 0;
	case PREDICATE_EQUAL:
		return order == 0;
	case PREDICATE_NOT_EQUAL:
		return order != 0;
	case PREDICATE_MORE_EQUAL:
		return order >= 0;
	case PREDICATE_MORE:
		return order > 0;
	case PREDICATE_GLOB:
	case PREDICATE_BOOL:
		break;
	}
	return true;
}

static bool
predicate_matches(const struct predicate *p, const struct json *args)
{
	const struct json *value = args;

	for (uint32_t i = 0; i < p->depth; i++) {
		value = json_get_str(value, p->path[i]);
	}
	if (!value) {
		return true;
	}
	if (p->op == PREDICATE_GLOB) {
		return value->type != JSON_STRING ||
		       value->text.len > TEXT_MAX ||
		       policy_glob_match(p->pattern, value->text);
	}
	if (p->op == PREDICATE_BOOL) {
		return value->type != (p->flag ? JSON_FALSE : JSON_TRUE);
	}
	return number_matches(p, value);
}

bool
policy_gate_matches(const struct gate *g, const struct policy_call *c)
{
	if ((g->tool.len > 0 && !policy_glob_match(g->tool, c->tool)) ||
	    (g->action.len > 0 && !policy_glob_match(g->action, c->action)) ||
	    (g->identity.len > 0 &&
	        !policy_glob_match(g->identity, c->identity)) ||
	    (g->server.len > 0 &&
	        (c->server.len == 0 ||
	            !policy_glob_match(g->server, c->server)))) {
		return false;
	}
	for (uint32_t i = 0; i < g->predicate_count; i++) {
		if (!predicate_matches(&g->predicates[i], c->args)) {
			return false;
		}
	}
	return true;
}
