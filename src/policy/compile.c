/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

#include <string.h>

static bool
listed(const char *keys, struct str key)
{
	struct str rest = str_of(keys);
	struct str one = { 0 };
	bool more = true;

	while (more) {
		more = str_cut(&rest, '|', &one);
		if (one.len > 0 && str_eq(one, key)) {
			return true;
		}
	}
	return false;
}

int
policy_compile_keys(struct compile *c, const struct json *table,
    const char *keys, const char *what)
{
	if (table->type != JSON_OBJECT) {
		return policy_refuse(c, table, "%s must be a table", what);
	}
	JSON_EACH(child, table)
	{
		if (!listed(keys, child->key)) {
			return policy_refuse(c, child,
			    "unknown key %s in %s; it knows %s",
			    err_quote(child->key), what, keys);
		}
	}
	return 0;
}

int
policy_compile_text(struct compile *c, const struct json *table,
    const char *key, struct str *out)
{
	const struct json *value = json_get(table, key);

	if (!value) {
		return 0;
	}
	if (value->type != JSON_STRING || value->text.len == 0) {
		return policy_refuse(
		    c, value, "%s must be a text that is not empty", key);
	}
	*out = value->text;
	return 0;
}

static bool
name_valid(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char b = name.at[i];

		if (!(b >= 'a' && b <= 'z') && !(b >= 'A' && b <= 'Z') &&
		    !(b >= '0' && b <= '9') && b != '_' && b != '-') {
			return false;
		}
	}
	return name.len > 0 && name.len <= 48;
}

static int
compile_defaults(struct compile *c, const struct json *table)
{
	struct str word = STR("ask");

	if (policy_compile_keys(c, table, "unmatched", "[defaults]") ||
	    policy_compile_text(c, table, "unmatched", &word)) {
		return -1;
	}
	if (str_eq_z(word, "ask")) {
		c->policy->unmatched = UNMATCHED_ASK;
	} else if (str_eq_z(word, "allow")) {
		c->policy->unmatched = UNMATCHED_ALLOW;
	} else if (str_eq_z(word, "deny")) {
		c->policy->unmatched = UNMATCHED_DENY;
	} else {
		return policy_refuse(c, json_get(table, "unmatched"),
		    "unmatched must be \"ask\", \"allow\" or \"deny\"");
	}
	return 0;
}

/* The named tables of [gate] or [egress]: how many, and are they well named. */
static int
count_tables(struct compile *c, const struct json *group, const char *what,
    uint32_t *count)
{
	if (group->type != JSON_OBJECT) {
		return policy_refuse(
		    c, group, "%s must be tables: [%s.NAME]", what, what);
	}
	if (group->count > POLICY_RULES_MAX) {
		return policy_refuse(
		    c, group, "more than %d %s rules", POLICY_RULES_MAX, what);
	}
	JSON_EACH(child, group)
	{
		if (child->type != JSON_OBJECT) {
			return policy_refuse(c, child,
			    "[%s] holds tables only: write [%s.NAME]", what,
			    what);
		}
		if (!name_valid(child->key)) {
			return policy_refuse(c, child,
			    "the name %s must be 1..48 letters, digits, "
			    "'_' or '-'",
			    err_quote(child->key));
		}
	}
	*count = group->count;
	return 0;
}

static int
compile_gates(struct compile *c, const struct json *group)
{
	struct policy *p = c->policy;
	uint32_t n = 0;

	if (count_tables(c, group, "gate", &n)) {
		return -1;
	}
	p->gates = arena_array(c->arena, n, sizeof(*p->gates));
	JSON_EACH(child, group)
	{
		struct gate *g = &p->gates[p->gate_count];

		if (policy_compile_gate(c, child, g)) {
			return -1;
		}
		p->request_gates += g->request != NULL;
		p->gate_count++;
	}
	return 0;
}

static int
compile_rules(struct compile *c, const struct json *group)
{
	struct policy *p = c->policy;
	uint32_t n = 0;
	uint32_t tunnels = 0;

	if (count_tables(c, group, "egress", &n)) {
		return -1;
	}
	p->rules = arena_array(c->arena, n, sizeof(*p->rules));
	JSON_EACH(child, group)
	{
		struct rule *r = &p->rules[p->rule_count];

		if (policy_compile_rule(c, child, r)) {
			return -1;
		}
		policy_rule_rank(r);
		p->rule_count++;
		tunnels += r->out.tunnel;
		if (tunnels > POLICY_TUNNELS_MAX) {
			return policy_refuse(c, child,
			    "more than %d rules with protocol = \"tcp\"",
			    POLICY_TUNNELS_MAX);
		}
	}
	return policy_rules_order(c);
}

static int
compile_top(struct compile *c, const struct json *top)
{
	const struct json *defaults = json_get(top, "defaults");
	const struct json *gates = json_get(top, "gate");
	const struct json *rules = json_get(top, "egress");

	if (policy_compile_keys(c, top, "defaults|gate|egress", "gates.toml")) {
		return -1;
	}
	if (defaults && compile_defaults(c, defaults)) {
		return -1;
	}
	if (gates && compile_gates(c, gates)) {
		return -1;
	}
	policy_index_make(c->arena, c->policy);
	return rules ? compile_rules(c, rules) : 0;
}

int
policy_parse(struct arena *a, struct str text, const char *file,
    const struct policy **out, struct err *e)
{
	struct policy *p = arena_alloc(a, sizeof(*p));
	struct compile c = { .arena = a, .policy = p, .file = file, .e = e };
	struct json *top = NULL;
	const char *slash = strrchr(file, '/');

	if (text.len > POLICY_FILE_MAX) {
		return err_set(e, ERR_LIMIT, "%s: larger than 1 MiB", file);
	}
	p->text = arena_str(a, text);
	p->file = arena_str(a, str_of(file));
	p->digest = digest_of(text);
	c.folder = slash ? str_span(file, (size_t)(slash - file) + 1) : STR("");
	if (toml_parse(a, p->text, file, &top, e) || compile_top(&c, top)) {
		return -1;
	}
	*out = p;
	return 0;
}

const struct policy *
policy_closed(struct arena *a, struct str why)
{
	struct policy *p = arena_alloc(a, sizeof(*p));

	p->closed = true;
	p->why = arena_str(a, why);
	p->digest = digest_of(STR(""));
	return p;
}

int
policy_load(
    struct arena *a, const char *path, const struct policy **out, struct err *e)
{
	auto_buf text = { 0 };
	struct err why = { 0 };

	if (file_read_written(path, POLICY_FILE_MAX, &text, &why) == 0) {
		return policy_parse(a, buf_str(&text), path, out, e);
	}
	if (why.kind != ERR_MISSING) {
		*e = why;
		return -1;
	}
	*out = policy_closed(
	    a, arena_printf(a, "there is no %s", err_quote(str_of(path))));
	return 0;
}

bool
policy_is_closed(const struct policy *p)
{
	return p->closed;
}

struct digest
policy_digest(const struct policy *p)
{
	return p->digest;
}

struct str
policy_text(const struct policy *p)
{
	return p->text;
}

size_t
policy_egress_count(const struct policy *p)
{
	return p->rule_count;
}

bool
policy_exists_for(const struct policy_egress *e, struct str tool)
{
	return policy_exists_in(e, tool);
}

const struct policy_egress *
policy_egress_at(const struct policy *p, size_t n)
{
	return n < p->rule_count ? &p->rules[n].out : NULL;
}
