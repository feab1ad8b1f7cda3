/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

#define METHODS_MAX 16

/* A09: "10.0.0.0/8", "::1/128". */
static bool
is_network(struct str text)
{
	struct str address = { 0 };
	struct names_addr a;

	return str_cut(&text, '/', &address) && names_addr_parse(address, &a);
}

static int
compile_host(struct compile *c, const struct json *match, struct rule *r)
{
	const struct json *value = json_get(match, "host");
	struct err why = { 0 };

	if (!value || value->type != JSON_STRING) {
		return policy_refuse(c, value ? value : match,
		    "the rule has no host: a name, \"*.suffix\" or an address");
	}
	if (is_network(value->text)) {
		return policy_refuse(c, value,
		    "host: a network is never opened as a range; name a host, "
		    "or pin one address with upstream");
	}
	if (names_pattern_parse(value->text, &r->host, &why)) {
		return policy_refuse(c, value, "host: %s", why.text);
	}
	r->out.match_host = value->text;
	if (r->host.host.is_addr && names_class_opens(names_addr_class(
	                                &r->host.host.addr)) == NAMES_NEVER) {
		return policy_refuse(c, value,
		    "host: %s addresses are never opened",
		    names_class_name(names_addr_class(&r->host.host.addr)));
	}
	return 0;
}

static int
compile_port(struct compile *c, const struct json *match, struct rule *r)
{
	const struct json *value = json_get(match, "port");
	int64_t port = 0;

	r->port = 443;
	r->out.match_port = r->port;
	if (!value) {
		return 0;
	}
	if (!json_number_i64(value, &port) || port < 1 || port > 65535) {
		return policy_refuse(
		    c, value, "port must be a number from 1 to 65535");
	}
	r->port = (uint16_t)port;
	r->out.match_port = r->port;
	return 0;
}

bool
policy_is_method(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < 'A' || s.at[i] > 'Z') {
			return false;
		}
	}
	return s.len > 0 && s.len <= 16;
}

static int
compile_method(struct compile *c, const struct json *match, struct rule *r)
{
	struct str rest = { 0 };
	struct str one = { 0 };
	bool more = true;
	size_t count = 0;

	if (!json_get(match, "method")) {
		return 0;
	}
	if (policy_compile_text(c, match, "method", &r->method)) {
		return -1;
	}
	for (rest = r->method; more; count++) {
		more = str_cut(&rest, '|', &one);
		if (!policy_is_method(one) || count == METHODS_MAX) {
			return policy_refuse(c, json_get(match, "method"),
			    "method must be upper-case names like "
			    "\"GET|POST\"");
		}
	}
	return 0;
}

static int
compile_path(struct compile *c, const struct json *match, struct rule *r)
{
	const char *problem = NULL;

	if (policy_compile_text(c, match, "path", &r->path)) {
		return -1;
	}
	if (r->path.len == 0) {
		return 0;
	}
	problem = policy_url_path_problem(r->path);
	return problem ? policy_refuse(c, json_get(match, "path"), "path %s %s",
	                     err_quote(r->path), problem)
	               : 0;
}

static int
compile_ref(struct compile *c, const struct json *match, struct rule *r)
{
	struct str rest = { 0 };
	struct str one = { 0 };
	bool more = true;

	if (policy_compile_text(c, match, "ref", &r->ref)) {
		return -1;
	}
	if (r->ref.len == 0) {
		return 0;
	}
	for (rest = r->ref; more;) {
		const char *problem = NULL;

		more = str_cut(&rest, '|', &one);
		problem = policy_path_problem(one);
		if (!problem && !str_starts(one, STR("refs/"))) {
			problem = "does not begin with \"refs/\"";
		}
		if (problem) {
			return policy_refuse(c, json_get(match, "ref"),
			    "ref %s %s", err_quote(one), problem);
		}
	}
	return 0;
}

static int
compile_git(struct compile *c, const struct json *match, struct rule *r)
{
	const struct json *value = json_get(match, "git");
	const struct json *only = json_get(match, "ref");
	const struct json *may_delete = json_get(match, "delete");
	struct str word = { 0 };

	if (policy_compile_text(c, match, "git", &word) ||
	    compile_ref(c, match, r)) {
		return -1;
	}
	r->git_fetch = str_eq_z(word, "fetch") ||
	               str_eq_z(word, "fetch|push") ||
	               str_eq_z(word, "push|fetch");
	r->git_push = str_eq_z(word, "push") || str_eq_z(word, "fetch|push") ||
	              str_eq_z(word, "push|fetch");
	if (value && !r->git_fetch && !r->git_push) {
		return policy_refuse(c, value,
		    "git must be \"fetch\", \"push\" or \"fetch|push\"");
	}
	if (value && r->method.len > 0) {
		return policy_refuse(c, json_get(match, "method"),
		    "method says nothing beside git, which fixes it");
	}
	if (!only) {
		only = may_delete;
	}
	if (only && !r->git_push) {
		return policy_refuse(c, only,
		    "\"" STR_FMT "\" stands only beside git = \"push\"",
		    STR_ARG(only->key));
	}
	if (may_delete && !json_bool(match, "delete", &r->may_delete)) {
		return policy_refuse(
		    c, may_delete, "delete must be true or false");
	}
	return 0;
}

int
policy_compile_rule_match(
    struct compile *c, const struct json *match, struct rule *r)
{
	return policy_compile_keys(c, match,
	           "host|port|method|path|git|ref|delete",
	           "match of an egress rule") ||
	               compile_host(c, match, r) || compile_port(c, match, r) ||
	               compile_method(c, match, r) ||
	               compile_path(c, match, r) || compile_git(c, match, r)
	           ? -1
	           : 0;
}

/* --- of a gate on requests --- */

#define GATE_KEYS "identity|host|port|method|path|git|ref|delete"

int
policy_compile_gate_request(
    struct compile *c, const struct json *match, struct gate *g)
{
	struct rule *r = arena_alloc(c->arena, sizeof(*r));
	const struct json *gone = json_get(match, "delete");

	if (policy_compile_keys(
	        c, match, GATE_KEYS, "match of a gate on requests") ||
	    (json_get(match, "host") && compile_host(c, match, r)) ||
	    (json_get(match, "port") && compile_port(c, match, r)) ||
	    compile_method(c, match, r) || compile_path(c, match, r) ||
	    compile_git(c, match, r)) {
		return -1;
	}
	if (gone && !r->may_delete) {
		return policy_refuse(c, gone,
		    "delete of a gate can only be true: a push that deletes");
	}
	g->request = r;
	return 0;
}
