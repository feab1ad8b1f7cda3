/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

static const struct gate *
find_gate(const struct policy *p, struct str name)
{
	for (uint32_t i = 0; i < p->gate_count; i++) {
		if (str_eq(p->gates[i].name, name)) {
			return &p->gates[i];
		}
	}
	return NULL;
}

static void
explain_people(struct buf *out, const struct policy_ask *ask)
{
	buf_addf(out, "asks      %u %s", ask->people,
	    ask->people == 1 ? "operator" : "different operators");
	for (uint32_t i = 0; i < ask->named_count; i++) {
		buf_addf(out, "%s" STR_FMT, i == 0 ? ", among them " : " and ",
		    STR_ARG(ask->named[i]));
	}
	buf_add_z(out, "\nshown on  ");
	for (uint32_t i = 0; i < ask->surface_count; i++) {
		buf_addf(out, "%s%s", i == 0 ? "" : ", ",
		    policy_surface_name(ask->surfaces[i]));
	}
	buf_addf(out, "\nhint      " STR_FMT "%s\nexpires   after ",
	    STR_ARG(ask->hint),
	    ask->hint_cut ? "   (a value was cut or escaped)" : "");
	duration_add(out, ask->expires_us);
	if (ask->remind_us) {
		buf_add_z(out, "\nreminds   after ");
		duration_add(out, ask->remind_us);
	}
	if (ask->escalate_us) {
		buf_add_z(out, "\nescalates after ");
		duration_add(out, ask->escalate_us);
		buf_addf(out, " to " STR_FMT "%s" STR_FMT,
		    STR_ARG(ask->escalate_to),
		    ask->escalate_for.len ? ", in the place of " : "",
		    STR_ARG(ask->escalate_for));
	}
	buf_add_z(out, "\n");
}

static void
explain_gates(
    struct buf *out, const struct policy *p, const struct policy_ask *ask)
{
	for (uint32_t i = 0; i < ask->gate_count; i++) {
		const struct gate *g = find_gate(p, ask->gates[i]);

		if (g) {
			buf_addf(out,
			    "gate      [gate." STR_FMT "] " STR_FMT ":%u\n",
			    STR_ARG(g->name), STR_ARG(p->file), g->line);
		}
	}
}

void
policy_explain_call(
    struct buf *out, const struct policy *p, const struct policy_call *c)
{
	auto_arena a = { 0 };
	struct policy_call_decision d = { 0 };

	policy_call(&a, p, c, &d);
	buf_addf(out, "verdict   %s\n", policy_verdict_name(d.verdict));
	if (d.verdict == POLICY_DENY) {
		buf_addf(out, "reason    %s: " STR_FMT "\n",
		    policy_reason_name(d.reason), STR_ARG(d.text));
	}
	if (d.rule.len > 0) {
		buf_addf(out, "rule      " STR_FMT "\n", STR_ARG(d.rule));
	}
	if (d.verdict == POLICY_ASK) {
		explain_gates(out, p, &d.ask);
		explain_people(out, &d.ask);
	}
	if (str_eq_z(d.rule, "read")) {
		buf_add_z(out, "why       no gate matches and the tool only "
		               "reads\n");
	} else if (str_eq_z(d.rule, "defaults.unmatched")) {
		buf_add_z(out, "why       no gate matches; [defaults] "
		               "unmatched decides\n");
	}
}

static void
explain_inject(struct buf *out, const struct policy_inject *i)
{
	if (i->credential.len == 0) {
		buf_add_z(out, "inject    nothing\n");
		return;
	}
	buf_addf(
	    out, "inject    credential " STR_FMT " ", STR_ARG(i->credential));
	if (i->basic.len > 0) {
		buf_addf(out, "as Basic password of " STR_FMT "\n",
		    STR_ARG(i->basic));
	} else if (i->query.len > 0) {
		buf_addf(out, "into parameter " STR_FMT " of the query\n",
		    STR_ARG(i->query));
	} else if (i->json.len > 0) {
		buf_addf(out, "into " STR_FMT " of the JSON body\n",
		    STR_ARG(i->json));
	} else if (i->form.len > 0) {
		buf_addf(out, "into field " STR_FMT " of the form\n",
		    STR_ARG(i->form));
	} else if (i->segment > 0) {
		buf_addf(out, "into part %u of the path\n", i->segment);
	} else {
		buf_addf(out, "into header " STR_FMT " as \"" STR_FMT "\"\n",
		    STR_ARG(i->header), STR_ARG(i->format));
	}
}

static void
explain_placeholder(struct buf *out, const struct policy_inject *i)
{
	if (i->placeholder.len > 0) {
		buf_addf(out,
		    "          in place of the placeholder that the sandbox "
		    "finds in " STR_FMT "\n",
		    STR_ARG(i->placeholder));
	}
}

static void
explain_bounds(struct buf *out, const struct policy_egress *e)
{
	if (e->tunnel) {
		buf_add_z(out, "protocol  tcp, not read\n");
	}
	if (e->websocket) {
		buf_add_z(out, "websocket allowed\n");
	}
	if (e->body_max) {
		buf_addf(out, "body      at most %llu bytes\n",
		    (unsigned long long)e->body_max);
	}
	if (e->answer_max) {
		buf_addf(out, "answer    at most %llu bytes\n",
		    (unsigned long long)e->answer_max);
	}
	if (e->volume_max) {
		buf_addf(out, "volume    at most %llu bytes of a sandbox\n",
		    (unsigned long long)e->volume_max);
	}
	if (e->rate) {
		buf_addf(out, "rate      %u in ", e->rate);
		duration_add(out, e->rate_us);
		buf_add_z(out, "\n");
	}
}

static void
explain_upstream(struct buf *out, const struct policy_egress *e)
{
	char text[NAMES_ADDR_TEXT] = { 0 };

	if (!e->pinned) {
		return;
	}
	names_addr_text(&e->address, text);
	buf_addf(out, "upstream  %s port %u (pinned%s)\n", text, e->port,
	    e->tls ? "" : ", without TLS");
	if (e->ca.len > 0) {
		buf_addf(out, "trust     " STR_FMT " alone\n", STR_ARG(e->ca));
	}
}

static void
explain_only_for(struct buf *out, const struct policy_egress *e)
{
	for (uint32_t i = 0; i < e->only_for_count; i++) {
		buf_addf(out, "%s" STR_FMT "%s",
		    i == 0 ? "only for  the call " : " or ",
		    STR_ARG(e->only_for[i]),
		    i + 1 == e->only_for_count ? "\n" : "");
	}
}

/* What begins a push changes nothing and is not held; what is pushed is. */
static void
explain_push(struct buf *out, struct arena *a, const struct policy *p,
    const struct policy_request *r)
{
	struct policy_request push = *r;
	struct policy_request_decision d = { 0 };
	const struct str end = STR("/info/refs");

	if (r->git != POLICY_GIT_PUSH || !str_ends(r->path, end)) {
		return;
	}
	push.method = STR("POST");
	push.path = arena_printf(a, STR_FMT "/git-receive-pack",
	    STR_ARG(str_sub(r->path, 0, r->path.len - end.len)));
	push.query = STR("");
	policy_request(a, p, &push, &d);
	buf_add_z(out, "push      is decided again by its refs");
	if (d.verdict == POLICY_ASK) {
		buf_add_z(out, ", and asked about\n");
		explain_gates(out, p, &d.ask);
		explain_people(out, &d.ask);
	} else {
		buf_add_z(out, "\n");
	}
}

void
policy_explain_request(
    struct buf *out, const struct policy *p, const struct policy_request *r)
{
	auto_arena a = { 0 };
	struct policy_request_decision d = { 0 };

	policy_request(&a, p, r, &d);
	buf_addf(out, "verdict   %s\n", policy_verdict_name(d.verdict));
	if (d.egress) {
		buf_addf(out, "%s [" STR_FMT "] " STR_FMT ":%u\n",
		    d.verdict != POLICY_DENY ? "rule     " : "closest  ",
		    STR_ARG(d.rule), STR_ARG(p->file), d.egress->line);
	}
	if (d.verdict == POLICY_ASK) {
		explain_gates(out, p, &d.ask);
		explain_people(out, &d.ask);
	}
	if (d.verdict != POLICY_DENY && d.egress) {
		explain_inject(out, &d.egress->inject);
		explain_placeholder(out, &d.egress->inject);
		explain_bounds(out, d.egress);
		explain_upstream(out, d.egress);
		explain_only_for(out, d.egress);
		explain_push(out, &a, p, r);
		return;
	}
	buf_addf(out, "reason    %s: " STR_FMT "\nallowed by\n" STR_FMT "\n",
	    policy_reason_name(d.reason), STR_ARG(d.text), STR_ARG(d.next));
}
