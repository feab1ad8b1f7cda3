/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

/*
 * Predicates on arguments narrow a gate, so whatever a predicate cannot judge
 * (absent, null, of another type, enormous) counts as matching: the gate holds.
 */

#define TEXT_MAX (64 * 1024) /* a longer argument is not judged */

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
		if (!policy_decimal_parse(text, &p->number)) {
			return policy_compile_fail(c, value,
			    "%s compares with something that is not a "
			    "decimal number",
			    err_quote(value->text));
		}
		return 0;
	}
	p->op = PREDICATE_GLOB;
	p->pattern = value->text;
	if (value->text.len == 0 || !policy_glob_valid(value->text)) {
		return policy_compile_fail(c, value,
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
		if (policy_decimal_parse(value->text, &p->number)) {
			return 0;
		}
		break;
	case JSON_NULL:
	case JSON_ARRAY:
	case JSON_OBJECT:
	case JSON_DATETIME:
		break;
	}
	return policy_compile_fail(c, value,
	    "an argument is compared with a text, a decimal number, true or "
	    "false");
}

/* Walks the nested tables depth first; stack[n] is the place at depth n. */
int
policy_compile_predicates(
    struct compile *c, const struct json *args, struct gate *g)
{
	const struct json *stack[ARGS_DEPTH_MAX] = { 0 };
	uint32_t depth = 0;

	if (args->type != JSON_OBJECT || args->count == 0) {
		return policy_compile_fail(c, args,
		    "args must be a table like { amount = \"> 100\" }");
	}
	g->predicates =
	    arena_array(c->arena, PREDICATES_MAX, sizeof(*g->predicates));
	stack[0] = args->first;
	for (;;) {
		const struct json *at = stack[depth];

		if (!at) {
			if (depth == 0) {
				return 0;
			}
			depth--;
			stack[depth] = stack[depth]->next;
			continue;
		}
		if (at->type == JSON_OBJECT) {
			if (depth + 1 == ARGS_DEPTH_MAX || at->count == 0) {
				return policy_compile_fail(c, at,
				    "args: tables hold something and nest at "
				    "most 4 deep");
			}
			stack[++depth] = at->first;
			continue;
		}
		if (g->predicate_count == PREDICATES_MAX) {
			return policy_compile_fail(
			    c, at, "args: at most 32 predicates in a gate");
		}
		struct predicate *p = &g->predicates[g->predicate_count++];

		for (uint32_t i = 0; i <= depth; i++) {
			p->path[i] = stack[i]->key;
		}
		p->depth = depth + 1;
		if (compile_value(c, at, p)) {
			return -1;
		}
		stack[depth] = at->next;
	}
}

static bool
number_matches(const struct predicate *p, const struct json *value)
{
	struct decimal d = { 0 };
	int order = 0;

	if (value->type != JSON_NUMBER ||
	    !policy_decimal_parse(value->text, &d)) {
		return true;
	}
	order = policy_decimal_compare(&d, &p->number);
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
	        !policy_glob_match(g->identity, c->identity))) {
		return false;
	}
	for (uint32_t i = 0; i < g->predicate_count; i++) {
		if (!predicate_matches(&g->predicates[i], c->args)) {
			return false;
		}
	}
	return true;
}
