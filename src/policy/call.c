/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

#define HINT_ALL_MAX 1000 /* bytes of the hints of all gates together */

static const char *const verdict_names[] = { "deny", "allow", "ask" };
static const char *const reason_names[] = {
	"none",
#define REASON(id, word, sentence) word,
#include "policy/reasons.def"
#undef REASON
};
static const char *const reason_sentences[] = {
	"",
#define REASON(id, word, sentence) sentence,
#include "policy/reasons.def"
#undef REASON
};

const char *
policy_verdict_name(enum policy_verdict v)
{
	return verdict_names[v];
}

const char *
policy_reason_name(enum policy_reason r)
{
	return reason_names[r];
}

const char *
policy_reason_sentence(enum policy_reason r)
{
	return reason_sentences[r];
}

/* What every gate agrees to, in the order of the first. */
static void
keep_common(struct policy_ask *ask, const struct gate *g)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < ask->surface_count; i++) {
		bool common = false;

		for (uint32_t j = 0; j < g->surface_count; j++) {
			common |= ask->surfaces[i] == g->surfaces[j];
		}
		if (common) {
			ask->surfaces[kept++] = ask->surfaces[i];
		}
	}
	ask->surface_count = kept;
}

static void
add_named(struct policy_ask *ask, struct str *named, struct str name)
{
	for (uint32_t i = 0; i < ask->named_count; i++) {
		if (str_eq(named[i], name)) {
			return;
		}
	}
	named[ask->named_count++] = name;
}

/* The soonest reminder; the first escalation, in the place of whom its own
 * gate names.  Neither may come when it is over. */
static void
keep_soonest(struct policy_ask *ask, const struct gate *g)
{
	if (g->remind_us &&
	    (!ask->remind_us || g->remind_us < ask->remind_us)) {
		ask->remind_us = g->remind_us;
	}
	if (g->escalate_us && !ask->escalate_us) {
		ask->escalate_us = g->escalate_us;
		ask->escalate_to = g->escalate_to;
		ask->escalate_for = g->named;
	}
}

static void
keep_before_the_end(struct policy_ask *ask)
{
	if (ask->remind_us >= ask->expires_us) {
		ask->remind_us = 0;
	}
	if (ask->escalate_us >= ask->expires_us) {
		ask->escalate_us = 0;
		ask->escalate_to = ask->escalate_for = STR("");
	}
}

/* False: it did not fit, and nothing more does. */
static bool
add_hint(struct buf *hint, const struct gate *g, const struct policy_call *c,
    bool *cut)
{
	size_t before = hint->len;

	if (before > 0) {
		buf_add_z(hint, "; ");
	}
	policy_hint_render(hint, g, c, cut);
	if (hint->len > HINT_ALL_MAX) {
		hint->len = before;
		buf_add_byte(hint, '~');
		*cut = true;
		return false;
	}
	return true;
}

void
policy_join(struct arena *a, const struct gate *const *gates, uint32_t count,
    const struct policy_call *c, struct policy_ask *ask)
{
	struct str *names = arena_array(a, count, sizeof(*names));
	struct str *named = arena_array(a, count, sizeof(*named));
	const struct gate **from =
	    arena_array(a, count, sizeof(const struct gate *));
	auto_buf hint = { 0 };
	bool full = false;

	for (uint32_t i = 0; i < count; i++) {
		from[i] = gates[i];
	}
	*ask = (struct policy_ask){ .gates = names, .named = named };
	ask->from = from;
	ask->expires_us = gates[0]->expires_us;
	ask->surface_count = gates[0]->surface_count;
	for (uint32_t i = 0; i < gates[0]->surface_count; i++) {
		ask->surfaces[i] = gates[0]->surfaces[i];
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct gate *g = gates[i];

		names[ask->gate_count++] = g->name;
		ask->people = g->people > ask->people ? g->people : ask->people;
		if (g->named.len > 0) {
			add_named(ask, named, g->named);
		}
		keep_common(ask, g);
		keep_soonest(ask, g);
		if (g->expires_us < ask->expires_us) {
			ask->expires_us = g->expires_us;
		}
		full = full || !add_hint(&hint, g, c, &ask->hint_cut);
	}
	keep_before_the_end(ask);
	if (ask->named_count > ask->people) {
		ask->people = ask->named_count;
	}
	ask->hint = arena_str(a, buf_str(&hint));
	policy_hint_brief(a, count == 1 ? gates[0] : NULL, c, ask);
}

static void
deny(struct policy_call_decision *d, enum policy_reason reason, struct str rule)
{
	*d = (struct policy_call_decision){
		.verdict = POLICY_DENY,
		.reason = reason,
		.rule = rule,
		.text = str_of(policy_reason_sentence(reason)),
	};
}

static void
decide_unmatched(struct arena *a, const struct policy *p,
    const struct policy_call *c, struct policy_call_decision *d)
{
	static const struct gate unmatched = {
		.name = { "unmatched", 9 },
		.people = 1,
		.surfaces = { POLICY_BUDDY, POLICY_WEB, POLICY_CLI },
		.surface_count = 3,
		.expires_us = INT64_C(1440) * CLOCK_MINUTE,
	};
	const struct gate *gate = &unmatched;

	if (str_eq_z(c->action, "read")) {
		*d = (struct policy_call_decision){
			.verdict = POLICY_ALLOW,
			.rule = STR("read"),
		};
		return;
	}
	if (p->unmatched == UNMATCHED_DENY) {
		deny(d, POLICY_UNMATCHED, STR("defaults.unmatched"));
		return;
	}
	*d = (struct policy_call_decision){
		.verdict = POLICY_ALLOW,
		.rule = STR("defaults.unmatched"),
	};
	if (p->unmatched == UNMATCHED_ASK) {
		d->verdict = POLICY_ASK;
		policy_join(a, &gate, 1, c, &d->ask);
	}
}

void
policy_call(struct arena *a, const struct policy *p,
    const struct policy_call *c, struct policy_call_decision *d)
{
	uint32_t found[POLICY_RULES_MAX];
	const struct gate **matching = NULL;
	uint32_t possible;
	uint32_t count = 0;

	if (p->closed) {
		deny(d, POLICY_CLOSED, STR(""));
		d->text = p->why;
		return;
	}
	possible = policy_index_find(p, c->tool, found);
	matching = arena_array(a, possible, sizeof(const struct gate *));
	for (uint32_t i = 0; i < possible; i++) {
		const struct gate *g = &p->gates[found[i]];

		if (policy_gate_matches(g, c)) {
			matching[count++] = g;
		}
	}
	if (count == 0) {
		decide_unmatched(a, p, c, d);
		return;
	}
	*d = (struct policy_call_decision){ .verdict = POLICY_ASK };
	d->rule = arena_printf(a, "gate." STR_FMT, STR_ARG(matching[0]->name));
	policy_join(a, matching, count, c, &d->ask);
	if (d->ask.surface_count == 0) {
		deny(d, POLICY_SURFACE, d->rule);
	}
}
