/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

#include <stdlib.h>

/* Bytes that every text it matches has: no '*', and no "**" with its '/' where
 * it may be no segment at all.  What matches less never has fewer. */
static uint32_t
literals(struct str pattern)
{
	struct str one = { 0 };
	uint32_t n = 0;
	bool more = true;

	while (more) {
		more = str_cut(&pattern, '/', &one);
		if (more && str_eq_z(one, "**")) {
			continue;
		}
		for (size_t i = 0; i < one.len; i++) {
			n += one.at[i] != '*';
		}
		n += more; /* its '/' */
	}
	return n;
}

/* Of the alternatives the one that asks least. */
static uint32_t
ref_literals(struct str ref)
{
	struct str one = { 0 };
	uint32_t least = UINT32_MAX;
	bool more = true;

	while (more) {
		more = str_cut(&ref, '|', &one);
		least = literals(one) < least ? literals(one) : least;
	}
	return least;
}

static uint32_t
alternatives(struct str pattern)
{
	uint32_t n = 1;

	for (size_t i = 0; i < pattern.len; i++) {
		n += pattern.at[i] == '|';
	}
	return n;
}

static uint32_t
path_form(struct str path)
{
	if (path.len == 0) {
		return 0;
	}
	if (str_has_str(path, STR("**"))) {
		return 1;
	}
	return str_has(path, '*') ? 2 : 3;
}

/* Compared from the front; the larger is the more specific.  DESIGN. */
void
policy_rule_rank(struct rule *r)
{
	uint32_t *k = r->rank;

	k[0] = r->host.wild ? 0 : 1;
	k[1] = (uint32_t)str_of(r->host.host.text).len;
	k[2] = (uint32_t)(r->git_fetch != r->git_push) +
	       (r->git_fetch || r->git_push);
	k[3] = r->out.only_for_count > 0;
	k[4] = r->path.len == 0 ? 0 : 1 + literals(r->path);
	k[5] = path_form(r->path);
	k[6] = r->ref.len == 0 ? 0 : 1 + ref_literals(r->ref);
	k[7] = r->method.len == 0 ? 0 : 100 - alternatives(r->method);
	k[8] = r->may_delete ? 0 : 1;
}

int
policy_rule_compare(const struct rule *a, const struct rule *b)
{
	for (size_t i = 0; i < RANKS; i++) {
		if (a->rank[i] != b->rank[i]) {
			return a->rank[i] > b->rank[i] ? -1 : 1;
		}
	}
	return 0;
}

bool
policy_methods_overlap(struct str a, struct str b)
{
	struct str rest = a;
	struct str one = { 0 };
	bool more = true;

	if (a.len == 0 || b.len == 0) {
		return true;
	}
	while (more) {
		more = str_cut(&rest, '|', &one);
		if (policy_glob_match(b, one)) {
			return true;
		}
	}
	return false;
}

bool
policy_hosts_overlap(
    const struct names_pattern *a, const struct names_pattern *b)
{
	struct str x = str_of(a->host.text);
	struct str y = str_of(b->host.text);

	if (a->wild && b->wild) {
		return str_eq(x, y) || names_pattern_match(a, &b->host) ||
		       names_pattern_match(b, &a->host);
	}
	if (!a->wild && !b->wild) {
		return str_eq(x, y);
	}
	return a->wild ? names_pattern_match(a, &b->host)
	               : names_pattern_match(b, &a->host);
}

/* Is there a cell in which both exist? */
static bool
cells_overlap(const struct policy_egress *a, const struct policy_egress *b)
{
	bool common = a->only_for_count == 0 || b->only_for_count == 0;

	for (uint32_t i = 0; !common && i < a->only_for_count; i++) {
		common = policy_exists_in(b, a->only_for[i]);
	}
	return common;
}

/* Refs are left out: at a push's first request none is known yet. */
bool
policy_rule_overlaps(const struct rule *a, const struct rule *b)
{
	bool a_git = a->git_fetch || a->git_push;
	bool b_git = b->git_fetch || b->git_push;

	if (a->port != b->port || !policy_hosts_overlap(&a->host, &b->host) ||
	    !policy_methods_overlap(a->method, b->method) ||
	    !cells_overlap(&a->out, &b->out)) {
		return false;
	}
	if (a_git != b_git || (a_git && !(a->git_fetch && b->git_fetch) &&
	                          !(a->git_push && b->git_push))) {
		return false;
	}
	return a->path.len == 0 || b->path.len == 0 ||
	       policy_path_overlap(a->path, b->path);
}

/* A connection is a tunnel or it is read: it cannot be both. */
static bool
tunnel_hides(const struct rule *a, const struct rule *b)
{
	return a->out.tunnel != b->out.tunnel && a->port == b->port &&
	       policy_hosts_overlap(&a->host, &b->host) &&
	       cells_overlap(&a->out, &b->out);
}

/* A rule that shares connections with rule n and is of the other protocol. */
static const struct rule *
find_hidden(const struct policy *p, uint32_t n)
{
	for (uint32_t j = n + 1; j < p->rule_count; j++) {
		if (tunnel_hides(&p->rules[n], &p->rules[j])) {
			return &p->rules[j];
		}
	}
	return NULL;
}

static int
by_rank(const void *a, const void *b)
{
	const struct rule *x = a;
	const struct rule *y = b;
	int order = policy_rule_compare(x, y);

	if (order != 0) {
		return order;
	}
	if (x->out.line != y->out.line) {
		return x->out.line < y->out.line ? -1 : 1;
	}
	return str_cmp(x->out.name, y->out.name);
}

/* A later rule of the same rank that shares a request with rule n, or NULL. */
static const struct rule *
find_tie(const struct policy *p, uint32_t n)
{
	for (uint32_t j = n + 1; j < p->rule_count; j++) {
		if (policy_rule_compare(&p->rules[n], &p->rules[j]) != 0) {
			return NULL;
		}
		if (policy_rule_overlaps(&p->rules[n], &p->rules[j])) {
			return &p->rules[j];
		}
	}
	return NULL;
}

int
policy_rules_order(struct compile *c)
{
	struct policy *p = c->policy;

	if (p->rule_count > 1) {
		qsort(p->rules, p->rule_count, sizeof(*p->rules), by_rank);
	}
	for (uint32_t i = 0; i < p->rule_count; i++) {
		const struct rule *a = &p->rules[i];
		const struct rule *b = find_tie(p, i);
		const struct rule *hidden = find_hidden(p, i);

		if (hidden) {
			return err_set(c->e, ERR_INPUT,
			    "%s:%u:1: [egress." STR_FMT "] and [egress." STR_FMT
			    "] of line %u share a host and port, and one of "
			    "them is a tunnel, which is not read",
			    c->file, hidden->out.line,
			    STR_ARG(hidden->out.name), STR_ARG(a->out.name),
			    a->out.line);
		}
		if (b) {
			return err_set(c->e, ERR_INPUT,
			    "%s:%u:1: [egress." STR_FMT "] and [egress." STR_FMT
			    "] of line %u are equally specific for the same "
			    "requests; make them one or narrow one",
			    c->file, b->out.line, STR_ARG(b->out.name),
			    STR_ARG(a->out.name), a->out.line);
		}
	}
	return 0;
}
