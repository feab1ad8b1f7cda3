/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

/*
 * Gates on requests beside the rules that let requests out, by what the file
 * alone shows.  Where it cannot be sure that a gate holds all of a rule, it
 * says no.
 */

bool
policy_changes(struct str method)
{
	return !str_eq_z(method, "GET") && !str_eq_z(method, "HEAD") &&
	       !str_eq_z(method, "OPTIONS");
}

bool
policy_rule_changes(const struct rule *r)
{
	struct str rest = r->method;
	struct str one = { 0 };
	bool more = true;

	if (r->git_fetch || r->git_push) {
		return r->git_push;
	}
	if (rest.len == 0) {
		return true;
	}
	while (more) {
		more = str_cut(&rest, '|', &one);
		if (policy_changes(one)) {
			return true;
		}
	}
	return false;
}

static bool
covers_host(const struct rule *gate, const struct rule *r)
{
	const struct names_host *host = &r->host.host;

	if (!gate->host.host.text[0]) {
		return true;
	}
	if (!r->host.wild) {
		return names_pattern_match(&gate->host, host);
	}
	return gate->host.wild &&
	       (str_eq_z(str_of(gate->host.host.text), host->text) ||
	           names_pattern_match(&gate->host, host));
}

static bool
covers_methods(const struct rule *gate, const struct rule *r)
{
	struct str rest = r->method;
	struct str one = { 0 };
	bool more = true;

	if (gate->method.len == 0) {
		return true;
	}
	if (r->method.len == 0) {
		return false;
	}
	while (more) {
		more = str_cut(&rest, '|', &one);
		if (policy_changes(one) &&
		    !policy_glob_match(gate->method, one)) {
			return false;
		}
	}
	return true;
}

/* "X/" followed by "**" covers what begins with "X/"; a path without '*' is one
 * path, and the gate holds it or not. */
static bool
covers_path(const struct rule *gate, const struct rule *r)
{
	struct str front = gate->path;

	if (gate->path.len == 0 || str_eq(gate->path, r->path)) {
		return true;
	}
	if (r->path.len > 0 && !str_has(r->path, '*')) {
		return policy_path_match(gate->path, r->path);
	}
	if (!str_ends(front, STR("/**"))) {
		return false;
	}
	front = str_sub(front, 0, front.len - 2);
	return !str_has(front, '*') && str_starts(r->path, front);
}

static bool
covers_git(const struct rule *gate, const struct rule *r)
{
	return gate->ref.len == 0 && !gate->may_delete &&
	       ((!gate->git_fetch && !gate->git_push) ||
	           (gate->git_push && r->git_push));
}

bool
policy_gate_covers(const struct gate *g, const struct rule *r)
{
	const struct rule *gate = g->request;

	if (!gate || g->identity.len > 0 || !covers_host(gate, r) ||
	    (gate->port && gate->port != r->port)) {
		return false;
	}
	return r->out.tunnel ||
	       (covers_methods(gate, r) && covers_path(gate, r) &&
	           covers_git(gate, r));
}

static bool
shares_git(const struct rule *gate, const struct rule *r)
{
	return (!gate->git_fetch && !gate->git_push) ||
	       (gate->git_fetch && r->git_fetch) ||
	       (gate->git_push && r->git_push);
}

/* Of one host, by one method, of one service: whatever the port and path. */
static bool
shares(const struct rule *gate, const struct rule *r)
{
	if (gate->host.host.text[0] &&
	    !policy_hosts_overlap(&gate->host, &r->host)) {
		return false;
	}
	return r->out.tunnel ||
	       (policy_methods_overlap(gate->method, r->method) &&
	           shares_git(gate, r));
}

static bool
shares_path(const struct rule *gate, const struct rule *r)
{
	return r->out.tunnel || gate->path.len == 0 || r->path.len == 0 ||
	       policy_path_overlap(gate->path, r->path);
}

bool
policy_gate_meets(const struct gate *g, const struct rule *r)
{
	const struct rule *gate = g->request;

	return gate && shares(gate, r) &&
	       (!gate->port || gate->port == r->port) && shares_path(gate, r);
}

/* A gate that says nothing of methods is about changes; reading beside it is
 * no way round. */
static bool
names_reads(const struct rule *gate)
{
	return gate->method.len > 0 || gate->git_fetch;
}

const char *
policy_gate_passed(const struct gate *g, const struct rule *r)
{
	const struct rule *gate = g->request;

	if (!gate || !shares(gate, r) || !shares_path(gate, r) ||
	    (!policy_rule_changes(r) && !names_reads(gate))) {
		return NULL;
	}
	if (gate->port && gate->port != r->port) {
		return "by another port";
	}
	return r->out.tunnel || covers_path(gate, r)
	           ? NULL
	           : "by a path beside the gate's";
}

bool
policy_held_at(
    struct arena *a, const struct policy *p, size_t n, struct policy_held *out)
{
	static const char *const services[] = { "", "fetch", "push",
		"fetch|push" };
	const struct gate *g = p->gates;
	const struct gate *end = p->gates + p->gate_count;

	for (; g < end && (!g->request || n > 0); g++) {
		n -= g->request != NULL;
	}
	if (g >= end) {
		return false;
	}
	const struct rule *r = g->request;

	*out = (struct policy_held){
		.gate = g->name,
		.line = g->line,
		.host = arena_printf(
		    a, "%s%s", r->host.wild ? "*." : "", r->host.host.text),
		.port = r->port,
		.method = r->method,
		.path = r->path,
		.git = str_of(services[r->git_fetch + 2 * r->git_push]),
		.ref = r->ref,
		.identity = g->identity,
		.people = g->people,
		.named = g->named,
	};
	return true;
}
