/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

#define EXPIRES_DEFAULT (INT64_C(1440) * CLOCK_MINUTE)
#define CALL_KEYS       "tool|action|identity|server|args"

static const char *const call_keys[] = { "tool", "action", "server", "args" };
static const char *const request_keys[] = { "host", "port", "method", "path",
	"git", "ref", "delete" };
static const char *const surface_names[POLICY_SURFACES] = { "buddy", "web",
	"cli", "file" };

const char *
policy_surface_name(enum policy_surface s)
{
	return surface_names[s];
}

static const struct json *
first_of(const struct json *table, const char *const *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct json *found = json_get(table, keys[i]);

		if (found) {
			return found;
		}
	}
	return NULL;
}

/* Call or request?  Both in one gate could never match anything; identity is a
 * key of either. */
static int
check_kind(struct compile *c, const struct json *match, bool *on_requests)
{
	const struct json *call = first_of(match, call_keys, COUNT(call_keys));
	const struct json *request =
	    first_of(match, request_keys, COUNT(request_keys));

	if (call && request) {
		return policy_refuse(c, request,
		    "\"" STR_FMT "\" is a key of requests and \"" STR_FMT
		    "\" one of calls; a gate stands on one or the other",
		    STR_ARG(request->key), STR_ARG(call->key));
	}
	*on_requests = request != NULL;
	return 0;
}

static int
compile_pattern(struct compile *c, const struct json *table, const char *key,
    struct str *out)
{
	if (policy_compile_text(c, table, key, out)) {
		return -1;
	}
	if (out->len > 0 && !policy_glob_valid(*out)) {
		return policy_refuse(c, json_get(table, key),
		    "%s must be at most 512 printable bytes, without an empty "
		    "alternative between '|'",
		    key);
	}
	return 0;
}

static int
compile_match(struct compile *c, const struct json *match, struct gate *g)
{
	const struct json *args = NULL;
	bool on_requests = false;

	if (match->type != JSON_OBJECT) {
		return policy_refuse(c, match, "match must be a table");
	}
	if (check_kind(c, match, &on_requests)) {
		return -1;
	}
	if (on_requests) {
		return compile_pattern(c, match, "identity", &g->identity) ||
		               policy_compile_gate_request(c, match, g)
		           ? -1
		           : 0;
	}
	if (policy_compile_keys(c, match, CALL_KEYS, "match of a gate")) {
		return -1;
	}
	if (match->count == 0) {
		return policy_refuse(c, match,
		    "match is empty; for every call write tool = \"*\"");
	}
	args = json_get(match, "args");
	if (args && policy_compile_predicates(c, args, g)) {
		return -1;
	}
	return compile_pattern(c, match, "tool", &g->tool) ||
	               compile_pattern(c, match, "action", &g->action) ||
	               compile_pattern(c, match, "server", &g->server) ||
	               compile_pattern(c, match, "identity", &g->identity)
	           ? -1
	           : 0;
}

/* An operator's name, in the form that handrail.toml takes. */
static int
check_name(struct compile *c, const struct json *value, const char *key,
    struct str word)
{
	for (size_t i = 0; i < word.len; i++) {
		char b = word.at[i];

		if (!(b >= 'a' && b <= 'z') && !(b >= '0' && b <= '9') &&
		    b != '_' && b != '-' && b != '.') {
			return policy_refuse(c, value,
			    key[0] == 'r'
			        ? "%s %s is neither \"operator\" nor "
			          "\"two_operators\" nor an operator's name"
			        : "%s %s is no operator's name",
			    key, err_quote(word));
		}
	}
	return word.len > 0 && word.len <= 64
	           ? 0
	           : policy_refuse(
	                 c, value, "%s: a name has 1 to 64 bytes", key);
}

static int
compile_require(struct compile *c, const struct json *table, struct gate *g)
{
	const struct json *value = json_get(table, "require");
	struct str word = { 0 };

	if (!value) {
		return policy_refuse(c, table,
		    "the gate has no require: \"operator\", \"two_operators\" "
		    "or an operator's name");
	}
	if (policy_compile_text(c, table, "require", &word)) {
		return -1;
	}
	g->people = 1;
	if (str_eq_z(word, "two_operators")) {
		g->people = 2;
		return 0;
	}
	if (str_eq_z(word, "operator")) {
		return 0;
	}
	g->named = word;
	return check_name(c, value, "require", word);
}

static bool
surface_parse(struct str word, enum policy_surface *surface)
{
	for (int i = 0; i < POLICY_SURFACES; i++) {
		if (str_eq_z(word, surface_names[i])) {
			*surface = (enum policy_surface)i;
			return true;
		}
	}
	return false;
}

static int
add_surface(
    struct compile *c, const struct json *at, struct str word, struct gate *g)
{
	enum policy_surface surface = POLICY_BUDDY;

	if (at->type != JSON_STRING || !surface_parse(word, &surface)) {
		return policy_refuse(c, at,
		    "unknown surface %s; there are buddy, web, cli, file and "
		    "any",
		    err_quote(word));
	}
	for (uint32_t i = 0; i < g->surface_count; i++) {
		if (g->surfaces[i] == surface) {
			return policy_refuse(c, at,
			    "surface names \"" STR_FMT "\" twice",
			    STR_ARG(word));
		}
	}
	g->surfaces[g->surface_count++] = surface;
	return 0;
}

static int
add_alternatives(struct compile *c, const struct json *value, struct gate *g)
{
	struct str rest = value->text;
	struct str one = { 0 };
	bool more = true;

	while (more) {
		more = str_cut(&rest, '|', &one);
		if (add_surface(c, value, str_trim(one), g)) {
			return -1;
		}
	}
	return 0;
}

/* "buddy | web", ["buddy", "web"] or "any" (which never means file). */
static int
compile_surface(struct compile *c, const struct json *table, struct gate *g)
{
	const struct json *value = json_get(table, "surface");

	if (!value ||
	    (value->type == JSON_STRING && str_eq_z(value->text, "any"))) {
		g->surfaces[0] = POLICY_BUDDY;
		g->surfaces[1] = POLICY_WEB;
		g->surfaces[2] = POLICY_CLI;
		g->surface_count = 3;
		g->any_surface = true;
		return 0;
	}
	if (value->type == JSON_STRING) {
		return add_alternatives(c, value, g);
	}
	if (value->type != JSON_ARRAY || value->count == 0) {
		return policy_refuse(
		    c, value, "surface must be a text like \"buddy | web\"");
	}
	JSON_EACH(child, value)
	{
		if (add_surface(c, child, child->text, g)) {
			return -1;
		}
	}
	return 0;
}

static int
compile_time(struct compile *c, const struct json *table, const char *key,
    int64_t max, int64_t *out)
{
	struct str text = { 0 };

	if (policy_compile_text(c, table, key, &text)) {
		return -1;
	}
	if (text.len == 0) {
		return 0;
	}
	if (!duration_parse(text, out) || *out < CLOCK_SECOND) {
		return policy_refuse(c, json_get(table, key),
		    "%s must be a time like \"20m\", at least 1s", key);
	}
	return *out < max ? 0
	                  : policy_refuse(c, json_get(table, key),
	                        "%s must come before the gate expires", key);
}

/* Who may decide after a time in the place of who is named, or of nobody. */
static int
compile_escalation(struct compile *c, const struct json *table, struct gate *g)
{
	const struct json *value = json_get(table, "escalate_to");

	if (policy_compile_text(c, table, "escalate_to", &g->escalate_to) ||
	    compile_time(
	        c, table, "escalate_after", g->expires_us, &g->escalate_us)) {
		return -1;
	}
	if (!value) {
		return g->escalate_us
		           ? policy_refuse(c, json_get(table, "escalate_after"),
		                 "escalate_after goes with escalate_to")
		           : 0;
	}
	if (check_name(c, value, "escalate_to", g->escalate_to)) {
		return -1;
	}
	if (str_eq(g->escalate_to, g->named)) {
		return policy_refuse(
		    c, value, "escalate_to names who is required anyway");
	}
	g->escalate_us = g->escalate_us ? g->escalate_us : g->expires_us / 2;
	return 0;
}

static int
compile_times(struct compile *c, const struct json *table, struct gate *g)
{
	struct str on_timeout = STR("deny");

	g->expires_us = EXPIRES_DEFAULT;
	if (compile_time(c, table, "expires", INT64_MAX, &g->expires_us) ||
	    policy_compile_text(c, table, "on_timeout", &on_timeout) ||
	    compile_time(c, table, "remind", g->expires_us, &g->remind_us)) {
		return -1;
	}
	if (!str_eq_z(on_timeout, "deny")) {
		return policy_refuse(c, json_get(table, "on_timeout"),
		    "on_timeout can only be \"deny\"");
	}
	return compile_escalation(c, table, g);
}

/* Of a request nobody has arguments: what a hint may show is this. */
static int
check_request_hint(struct compile *c, const struct json *table, struct gate *g)
{
	struct str rest = g->hint;
	struct str name = { 0 };

	if (!g->hint.len) {
		g->hint = g->request->git_push
		              ? STR("push {{ref}} {{host}}{{path}}")
		              : STR("{{method}} {{host}}{{path}}");
		return 0;
	}
	while (policy_hint_next(&rest, &name)) {
		if (!str_eq_z(name, "method") && !str_eq_z(name, "host") &&
		    !str_eq_z(name, "port") && !str_eq_z(name, "path") &&
		    !str_eq_z(name, "ref")) {
			return policy_refuse(c, json_get(table, "hint"),
			    "hint: of a request there are method, host, port, "
			    "path and ref, and no %s",
			    err_quote(name));
		}
	}
	return 0;
}

static void
write_digest(const struct json *table, struct gate *g)
{
	auto_buf text = { 0 };

	json_canonical(&text, table);
	g->digest = digest_of(buf_str(&text));
}

int
policy_compile_gate(struct compile *c, const struct json *table, struct gate *g)
{
	const struct json *match = json_get(table, "match");
	const struct json *tool = json_get(table, "tool");

	g->name = table->key;
	g->line = table->line;
	if (policy_compile_keys(c, table,
	        "match|tool|require|surface|hint|expires|on_timeout|"
	        "remind|escalate_to|escalate_after",
	        "a gate")) {
		return -1;
	}
	if (match && tool) {
		return policy_refuse(c, tool,
		    "the gate has both match and a tool of the older form; "
		    "write match = { tool = … } only");
	}
	if (!match && !tool) {
		return policy_refuse(
		    c, table, "the gate has no match: what is it for?");
	}
	if (match ? compile_match(c, match, g)
	          : compile_pattern(c, table, "tool", &g->tool)) {
		return -1;
	}
	if (compile_require(c, table, g) || compile_surface(c, table, g) ||
	    policy_compile_hint(c, table, g) || compile_times(c, table, g) ||
	    (g->request && check_request_hint(c, table, g))) {
		return -1;
	}
	write_digest(table, g);
	return 0;
}
