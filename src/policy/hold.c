/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

/*
 * Gates on requests.  A rule lets a request out, a gate holds what a rule has
 * let out: so a gate matches where a rule with the same keys might, and holds
 * what it cannot look into (the bytes of a tunnel).
 */

static bool
updates(const struct rule *gate, const struct policy_commands *commands)
{
	for (uint32_t i = 0; i < commands->count; i++) {
		const struct policy_command *one = &commands->at[i];

		if ((gate->ref.len == 0 ||
		        policy_ref_match(gate->ref, one->ref)) &&
		    (!gate->may_delete || one->deletes)) {
			return true;
		}
	}
	return false;
}

/* A push changes something where it names refs; what it asks before that
 * (info/refs, an empty push) changes nothing and is not held by `git`. */
static bool
holds_git(const struct rule *gate, const struct policy_request *q)
{
	switch (q->git) {
	case POLICY_GIT_FETCH:
		return gate->git_fetch;
	case POLICY_GIT_PUSH:
		return gate->git_push && str_eq_z(q->method, "POST") &&
		       (!q->commands || updates(gate, q->commands));
	case POLICY_GIT_NO:
		break;
	}
	return false;
}

bool
policy_gate_holds(const struct gate *g, const struct policy_request *q)
{
	const struct rule *r = g->request;

	if (!r ||
	    (g->identity.len > 0 &&
	        !policy_glob_match(g->identity, q->identity)) ||
	    (r->host.host.text[0] && !names_pattern_match(&r->host, q->host)) ||
	    (r->port && r->port != q->port)) {
		return false;
	}
	if (q->tunnel) {
		return true;
	}
	if ((r->git_fetch || r->git_push) && !holds_git(r, q)) {
		return false;
	}
	return (r->method.len == 0 ||
	           policy_glob_match(r->method, q->method)) &&
	       (r->path.len == 0 || policy_path_match(r->path, q->path));
}

/* What a hint may show of it. */
static const struct json *
shown(struct arena *a, const struct policy_request *q)
{
	struct json *args = json_new(a, JSON_OBJECT);
	auto_buf refs = { 0 };

	for (uint32_t i = 0; q->commands && i < q->commands->count; i++) {
		buf_addf(&refs, "%s" STR_FMT, i == 0 ? "" : " ",
		    STR_ARG(q->commands->at[i].ref));
	}
	(void)json_set_str(a, args, "method",
	    q->tunnel ? STR("tcp") : arena_str(a, q->method));
	(void)json_set_str(
	    a, args, "host", arena_str(a, str_of(q->host->text)));
	(void)json_set_str(a, args, "port", arena_printf(a, "%u", q->port));
	(void)json_set_str(a, args, "path", arena_str(a, q->path));
	(void)json_set_str(a, args, "ref", arena_str(a, buf_str(&refs)));
	return args;
}

static void
ask(struct arena *a, const struct policy_request *q,
    const struct gate *const *gates, uint32_t count,
    struct policy_request_decision *d)
{
	struct policy_call about = {
		.identity = q->identity,
		.tool = q->method,
		.action = STR("request"),
		.args = shown(a, q),
	};

	d->verdict = POLICY_ASK;
	d->gate = arena_printf(a, "gate." STR_FMT, STR_ARG(gates[0]->name));
	policy_join(a, gates, count, &about, &d->ask);
	policy_ask_bind(&about, &d->ask);
	if (d->ask.surface_count > 0) {
		return;
	}
	d->verdict = POLICY_DENY;
	d->reason = POLICY_SURFACE;
	d->rule = d->gate;
	d->text = str_of(policy_reason_sentence(d->reason));
	d->next = STR("let the gates of this request share a surface");
}

void
policy_hold(struct arena *a, const struct policy *p,
    const struct policy_request *r, struct policy_request_decision *d)
{
	const struct gate **held = NULL;
	uint32_t count = 0;

	/* One effect, one question: what may leave only for a call that a
	 * person has allowed was asked about there. */
	if (!p->request_gates ||
	    (r->call_approved && d->egress->only_for_count > 0)) {
		return;
	}
	held = arena_array(a, p->request_gates, sizeof(*held));
	for (uint32_t i = 0; i < p->gate_count; i++) {
		if (policy_gate_holds(&p->gates[i], r)) {
			held[count++] = &p->gates[i];
		}
	}
	if (count > 0) {
		ask(a, r, held, count, d);
	}
}

void
policy_request_both(struct arena *a, const struct policy_request *r,
    struct policy_request_decision *d, const struct policy_ask *more)
{
	uint32_t had = d->verdict == POLICY_ASK ? d->ask.gate_count : 0;
	const struct gate **all =
	    arena_array(a, had + more->gate_count, sizeof(*all));
	uint32_t count = 0;

	must(d->verdict != POLICY_DENY && more->gate_count > 0);
	for (uint32_t i = 0; i < had; i++) {
		all[count++] = d->ask.from[i];
	}
	for (uint32_t i = 0; i < more->gate_count; i++) {
		all[count++] = more->from[i];
	}
	ask(a, r, all, count, d);
}
