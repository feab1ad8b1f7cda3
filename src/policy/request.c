/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

bool
policy_exists_in(const struct policy_egress *e, struct str tool)
{
	for (uint32_t i = 0; i < e->only_for_count; i++) {
		if (str_eq(e->only_for[i], tool)) {
			return true;
		}
	}
	return e->only_for_count == 0;
}

static bool
git_allows(const struct rule *r, enum policy_git git)
{
	switch (git) {
	case POLICY_GIT_FETCH:
		return r->git_fetch;
	case POLICY_GIT_PUSH:
		return r->git_push;
	case POLICY_GIT_NO:
		break;
	}
	return !r->git_fetch && !r->git_push;
}

/* Every ref of the push, or none is known yet. */
static enum policy_reason
check_refs(const struct rule *r, const struct policy_commands *commands)
{
	for (uint32_t i = 0; commands && i < commands->count; i++) {
		if (r->ref.len > 0 &&
		    !policy_ref_match(r->ref, commands->at[i].ref)) {
			return POLICY_GIT_REF;
		}
	}
	for (uint32_t i = 0; commands && i < commands->count; i++) {
		if (commands->at[i].deletes && !r->may_delete) {
			return POLICY_GIT_DELETE;
		}
	}
	return POLICY_NONE;
}

/* The first check that fails, in the order of reasons.def. */
static enum policy_reason
check_rule(const struct rule *r, const struct policy_request *q)
{
	enum policy_reason refs = POLICY_NONE;

	if (!names_pattern_match(&r->host, q->host)) {
		return POLICY_NO_RULE;
	}
	if (r->port != q->port) {
		return POLICY_PORT;
	}
	if (r->out.tunnel != q->tunnel) {
		return POLICY_PROTOCOL;
	}
	if (q->tunnel) {
		return policy_exists_in(&r->out, q->from_tool)
		           ? POLICY_NONE
		           : POLICY_ONLY_FOR;
	}
	if (!q->tls && r->out.tls) {
		return POLICY_PLAIN;
	}
	if (!git_allows(r, q->git)) {
		return POLICY_GIT;
	}
	if (r->method.len > 0 && !policy_glob_match(r->method, q->method)) {
		return POLICY_METHOD;
	}
	if (r->path.len > 0 && !policy_path_match(r->path, q->path)) {
		return POLICY_PATH;
	}
	refs = q->git == POLICY_GIT_PUSH ? check_refs(r, q->commands)
	                                 : POLICY_NONE;
	if (refs != POLICY_NONE) {
		return refs;
	}
	return policy_exists_in(&r->out, q->from_tool) ? POLICY_NONE
	                                               : POLICY_ONLY_FOR;
}

/* The rules are sorted: the first that passes is the most specific.  Else
 * *reason is that of the rule that came furthest. */
static const struct rule *
choose(const struct policy *p, const struct policy_request *q,
    enum policy_reason *reason)
{
	const struct rule *closest = NULL;

	*reason = POLICY_NO_RULE;
	for (uint32_t i = 0; i < p->rule_count; i++) {
		const struct rule *r = &p->rules[i];
		enum policy_reason failed = check_rule(r, q);

		if (failed == POLICY_NONE) {
			*reason = POLICY_NONE;
			return r;
		}
		if (failed > *reason) {
			*reason = failed;
			closest = r;
		}
	}
	return closest;
}

/* R08: whatever else the rule matches, its host knows what it was given. */
static bool
given_one(const struct policy *p, const struct names_host *host)
{
	for (uint32_t i = 0; i < p->rule_count; i++) {
		const struct rule *r = &p->rules[i];

		if ((r->out.inject.credential.len ||
		        r->out.token_endpoint.len) &&
		    names_pattern_match(&r->host, host)) {
			return true;
		}
	}
	return false;
}

void
policy_request(struct arena *a, const struct policy *p,
    const struct policy_request *r, struct policy_request_decision *d)
{
	enum policy_reason reason = POLICY_CLOSED;
	const struct rule *rule = p->closed ? NULL : choose(p, r, &reason);

	*d = (struct policy_request_decision){ .reason = reason };
	if (rule) {
		d->egress = &rule->out;
		d->rule = rule->out.label;
	}
	must(rule != NULL || reason != POLICY_NONE);
	if (reason == POLICY_NONE && r->has_own_credentials &&
	    !rule->out.own_credentials) {
		d->reason = POLICY_OWN;
	}
	if (reason == POLICY_NONE && r->websocket && !rule->out.websocket) {
		d->reason = POLICY_WEBSOCKET;
	}
	if (!r->tunnel && (r->path.len > POLICY_PATH_MAX || r->path.len == 0 ||
	                      r->path.at[0] != '/')) {
		d->reason = POLICY_PATH;
	}
	if (d->reason == POLICY_NONE && !r->tunnel &&
	    !policy_git_agrees(r->method, r->path, r->query, r->git)) {
		d->reason = POLICY_GIT_FORM;
	}
	if (d->reason == POLICY_NONE) {
		d->verdict = POLICY_ALLOW;
		d->whole = given_one(p, r->host);
		policy_hold(a, p, r, d);
		return;
	}
	d->text =
	    p->closed ? p->why : str_of(policy_reason_sentence(d->reason));
	policy_request_next(a, p, r, d);
}
