/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

/*
 * A gate holds a call; what the call does must not be doable without it.  The
 * file alone shows two ways round: a rule for every cell that covers what a
 * gated call's own rule covers, and a rule for every cell that covers the
 * place a gated HTTP tool calls.
 */

struct check {
	struct arena *arena;
	const struct policy *policy;
	const struct policy_house *house;
	struct policy_finding *list;
	size_t count;
	size_t room;
};

static void
add(struct check *k, bool error, struct str text)
{
	if (k->count == k->room) {
		size_t room = k->room ? 2 * k->room : 16;
		struct policy_finding *list =
		    arena_array(k->arena, room, sizeof(*list));

		for (size_t i = 0; i < k->count; i++) {
			list[i] = k->list[i];
		}
		k->list = list;
		k->room = room;
	}
	k->list[k->count++] =
	    (struct policy_finding){ .error = error, .text = text };
}

static const struct policy_tool *
find_tool(const struct check *k, struct str name)
{
	for (size_t i = 0; i < k->house->tool_count; i++) {
		if (str_eq(k->house->tools[i].name, name)) {
			return &k->house->tools[i];
		}
	}
	return NULL;
}

/* Line of the gate that may hold this tool (predicates and identities can let
 * some of its calls pass); 0: the default holds it; false: nothing does. */
static bool
is_gated(const struct check *k, const struct policy_tool *t, uint32_t *line)
{
	for (uint32_t i = 0; i < k->policy->gate_count; i++) {
		const struct gate *g = &k->policy->gates[i];

		if (!g->request &&
		    (g->tool.len == 0 || policy_glob_match(g->tool, t->name)) &&
		    (g->action.len == 0 ||
		        policy_glob_match(g->action, t->action))) {
			*line = g->line;
			return true;
		}
	}
	*line = 0;
	return !str_eq_z(t->action, "read") &&
	       k->policy->unmatched != UNMATCHED_ALLOW;
}

static bool
only_gated(const struct check *k, const struct rule *r, uint32_t *line)
{
	for (uint32_t i = 0; i < r->out.only_for_count; i++) {
		const struct policy_tool *t = find_tool(k, r->out.only_for[i]);

		if (t && !is_gated(k, t, line)) {
			return false;
		}
	}
	return r->out.only_for_count > 0;
}

/* The place of the gate for a sentence; the default has none. */
static struct str
gate_place(const struct check *k, uint32_t line)
{
	return line ? arena_printf(k->arena, "the gate of line %u", line)
	            : STR("[defaults] unmatched");
}

static void
check_pair(struct check *k, const struct rule *open, const struct rule *gated,
    uint32_t gate_line)
{
	struct rule held = *gated;

	held.out.only_for_count = 0; /* the requests, not the cells */
	if (!policy_rule_overlaps(open, &held)) {
		return;
	}
	add(k, true,
	    arena_printf(k->arena,
	        STR_FMT ":%u: [egress." STR_FMT
	                "] lets every cell do what [egress." STR_FMT
	                "] of line %u keeps for a call that " STR_FMT
	                " holds; add only_for or narrow it",
	        STR_ARG(k->policy->file), open->out.line,
	        STR_ARG(open->out.name), STR_ARG(gated->out.name),
	        gated->out.line, STR_ARG(gate_place(k, gate_line))));
}

static bool
covers_tool(const struct rule *r, const struct policy_tool *t)
{
	struct names_host host = { 0 };
	struct err ignored = { 0 };

	if (t->host.len == 0 || r->git_fetch || r->git_push ||
	    names_host_parse(t->host, &host, &ignored)) {
		return false;
	}
	return r->port == t->port && names_pattern_match(&r->host, &host) &&
	       (r->method.len == 0 ||
	           policy_glob_match(r->method, t->method)) &&
	       (r->path.len == 0 || t->path.len == 0 ||
	           policy_path_overlap(r->path, t->path));
}

static void
check_tools(struct check *k, const struct rule *open)
{
	for (size_t i = 0; i < k->house->tool_count; i++) {
		const struct policy_tool *t = &k->house->tools[i];
		uint32_t line = 0;

		if (str_eq_z(t->action, "read") || !covers_tool(open, t) ||
		    !is_gated(k, t, &line)) {
			continue;
		}
		add(k, true,
		    arena_printf(k->arena,
		        STR_FMT ":%u: [egress." STR_FMT
		                "] lets every cell send what the tool " STR_FMT
		                " sends, which " STR_FMT
		                " holds; add only_for or narrow it",
		        STR_ARG(k->policy->file), open->out.line,
		        STR_ARG(open->out.name), STR_ARG(t->name),
		        STR_ARG(gate_place(k, line))));
	}
}

/* By one gate on requests, wholly. */
static bool
is_held(const struct check *k, const struct rule *r)
{
	for (uint32_t i = 0; i < k->policy->gate_count; i++) {
		if (policy_gate_covers(&k->policy->gates[i], r)) {
			return true;
		}
	}
	return false;
}

/* A rule that reaches on both sides of a gate: what is beside the gate's path
 * may mean the same to the origin ("/pay", "/pay/"), and leaves ungated. */
static bool
check_past(struct check *k, const struct rule *r)
{
	size_t before = k->count;

	for (uint32_t i = 0; i < k->policy->gate_count; i++) {
		const struct gate *g = &k->policy->gates[i];
		const char *how = policy_gate_passed(g, r);

		if (!how) {
			continue;
		}
		add(k, true,
		    arena_printf(k->arena,
		        STR_FMT ":%u: [egress." STR_FMT
		                "] lets past [gate." STR_FMT
		                "] of line %u %s what it holds at this host; "
		                "give what is gated a rule of its own, or "
		                "widen the gate",
		        STR_ARG(k->policy->file), r->out.line,
		        STR_ARG(r->out.name), STR_ARG(g->name), g->line, how));
	}
	return k->count > before;
}

/* Likely a name that is not written as in the rule. */
static void
check_idle(struct check *k, const struct gate *g)
{
	for (uint32_t i = 0; i < k->policy->rule_count; i++) {
		if (policy_gate_meets(g, &k->policy->rules[i])) {
			return;
		}
	}
	add(k, false,
	    arena_printf(k->arena,
	        STR_FMT ":%u: [gate." STR_FMT
	                "] holds no request that an egress rule lets out",
	        STR_ARG(k->policy->file), g->line, STR_ARG(g->name)));
}

static void
check_rule(struct check *k, const struct rule *r)
{
	uint32_t line = 0;
	size_t before = k->count;

	for (uint32_t i = 0; i < r->out.only_for_count; i++) {
		if (!find_tool(k, r->out.only_for[i])) {
			add(k, true,
			    arena_printf(k->arena,
			        STR_FMT ":%u: only_for names " STR_FMT
			                ", and the role has no such tool",
			        STR_ARG(k->policy->file), r->out.line,
			        STR_ARG(r->out.only_for[i])));
		}
	}
	/* Held by one gate, it may still pass another, which asks for more. */
	if (check_past(k, r) || !policy_rule_changes(r) || is_held(k, r) ||
	    only_gated(k, r, &line)) {
		return;
	}
	for (uint32_t i = 0; i < k->policy->rule_count; i++) {
		const struct rule *other = &k->policy->rules[i];

		if (other != r && only_gated(k, other, &line)) {
			check_pair(k, r, other, line);
		}
	}
	check_tools(k, r);
	if (k->count == before) {
		add(k, false,
		    arena_printf(k->arena,
		        STR_FMT ":%u: [egress." STR_FMT
		                "] allows requests to %s%s that change things, "
		                "without a gate",
		        STR_ARG(k->policy->file), r->out.line,
		        STR_ARG(r->out.name), r->host.wild ? "*." : "",
		        r->host.host.text));
	}
}

static void
check_escalation(struct check *k, const struct gate *g)
{
	bool known = g->escalate_to.len == 0;

	for (size_t j = 0; j < k->house->operator_count; j++) {
		known |= str_eq(g->escalate_to, k->house->operators[j]);
	}
	if (!known) {
		add(k, true,
		    arena_printf(k->arena,
		        STR_FMT ":%u: [gate." STR_FMT
		                "] escalates to \"" STR_FMT
		                "\", and there is no [operator." STR_FMT "]",
		        STR_ARG(k->policy->file), g->line, STR_ARG(g->name),
		        STR_ARG(g->escalate_to), STR_ARG(g->escalate_to)));
	}
}

static void
check_operators(struct check *k)
{
	for (uint32_t i = 0; i < k->policy->gate_count; i++) {
		const struct gate *g = &k->policy->gates[i];
		bool known = g->named.len == 0;

		for (size_t j = 0; j < k->house->operator_count; j++) {
			known |= str_eq(g->named, k->house->operators[j]);
		}
		check_escalation(k, g);
		if (!known) {
			add(k, true,
			    arena_printf(k->arena,
			        STR_FMT
			        ":%u: [gate." STR_FMT "] requires \"" STR_FMT
			        "\", and there is no [operator." STR_FMT "]",
			        STR_ARG(k->policy->file), g->line,
			        STR_ARG(g->name), STR_ARG(g->named),
			        STR_ARG(g->named)));
		} else if (g->people > k->house->operator_count) {
			add(k, true,
			    arena_printf(k->arena,
			        STR_FMT
			        ":%u: [gate." STR_FMT
			        "] requires %u operators, and the house has "
			        "%zu",
			        STR_ARG(k->policy->file), g->line,
			        STR_ARG(g->name), g->people,
			        k->house->operator_count));
		}
	}
}

/* What a device on a desk cannot show, nobody could say yes to there. */
static void
check_hint(struct check *k, const struct gate *g)
{
	bool shown = false;
	size_t left;
	size_t needed;

	for (uint32_t i = 0; i < g->surface_count; i++) {
		shown |= g->surfaces[i] == POLICY_BUDDY;
	}
	if (!shown || policy_hint_fits(g, k->house->role, &left, &needed)) {
		return;
	}
	add(k, true,
	    arena_printf(k->arena,
	        STR_FMT ":%u: [gate." STR_FMT
	                "] hint: a buddy shows 43 bytes; code, role " STR_FMT
	                " and fixed text leave %zu, and the variables need "
	                "%zu: shorten it, or name a surface without buddy",
	        STR_ARG(k->policy->file), g->line, STR_ARG(g->name),
	        STR_ARG(k->house->role), left, needed));
}

/* --- surfaces --- */

static bool
lives(const struct check *k, enum policy_surface surface)
{
	for (size_t i = 0; i < k->house->surface_count; i++) {
		if (k->house->surfaces[i] == surface) {
			return true;
		}
	}
	return false;
}

/* A gate whose surfaces this node all lacks can never be opened; one of
 * several is only not shown there. */
static void
check_surfaces(struct check *k, const struct gate *g)
{
	const char *lacks = NULL;
	uint32_t living = 0;

	for (uint32_t i = 0; i < g->surface_count; i++) {
		if (lives(k, g->surfaces[i])) {
			living++;
		} else {
			lacks = policy_surface_name(g->surfaces[i]);
		}
	}
	if (living > 0 && (g->any_surface || !lacks)) {
		return;
	}
	add(k, living == 0,
	    arena_printf(k->arena,
	        STR_FMT ":%u: [gate." STR_FMT
	                "] names the surface \"%s\", which "
	                "this node lacks%s",
	        STR_ARG(k->policy->file), g->line, STR_ARG(g->name), lacks,
	        living ? "" : "; nobody could ever say yes"));
}

void
policy_check(struct arena *a, const struct policy *p,
    const struct policy_house *house, const struct policy_finding **findings,
    size_t *count)
{
	struct check k = { .arena = a, .policy = p, .house = house };

	if (house->operators) {
		check_operators(&k);
	}
	for (uint32_t i = 0; house->role.len && i < p->gate_count; i++) {
		check_hint(&k, &p->gates[i]);
	}
	for (uint32_t i = 0; house->surfaces && i < p->gate_count; i++) {
		check_surfaces(&k, &p->gates[i]);
	}
	for (uint32_t i = 0; i < p->rule_count; i++) {
		check_rule(&k, &p->rules[i]);
	}
	for (uint32_t i = 0; p->request_gates && i < p->gate_count; i++) {
		if (p->gates[i].request) {
			check_idle(&k, &p->gates[i]);
		}
	}
	*findings = k.list;
	*count = k.count;
}
