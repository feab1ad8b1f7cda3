/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

/*
 * The smallest rule that would allow a request, as text for gates.toml; it is
 * shown and collected, never applied.  The request is hostile: what goes into
 * the rule is canonical, quoted and bounded.  What no pattern stands for alone
 * (a path with '*' in it, a method with '-') is said to have no rule: one that
 * lets more pass is nobody's to offer.
 */

static bool
is_named(const struct policy *p, struct str name)
{
	for (uint32_t i = 0; i < p->rule_count; i++) {
		if (str_eq(p->rules[i].out.name, name)) {
			return true;
		}
	}
	return false;
}

/* Of the host, and one that no rule has yet; a number fits behind it. */
static struct str
rule_name(struct arena *a, const struct policy *p, struct str host)
{
	auto_buf name = { 0 };
	struct str out;

	for (size_t i = 0; i < host.len && i < 40; i++) {
		char b = host.at[i];
		bool keep = (b >= 'a' && b <= 'z') || (b >= '0' && b <= '9');

		buf_add_byte(&name, (uint8_t)(keep ? b : '_'));
	}
	out = arena_str(a, buf_str(&name));
	for (unsigned n = 2; is_named(p, out); n++) {
		out =
		    arena_printf(a, STR_FMT "_%u", STR_ARG(buf_str(&name)), n);
	}
	return out;
}

static void
add_member(struct buf *out, const char *key, struct str value)
{
	buf_addf(out, ", %s = ", key);
	json_write_string(out, value);
}

/* Path of the repository: what stands before git's own part of it. */
static struct str
repository(struct str path)
{
	static const char *const ends[] = { "/info/refs", "/git-upload-pack",
		"/git-receive-pack" };

	for (size_t i = 0; i < COUNT(ends); i++) {
		struct str end = str_of(ends[i]);

		if (str_ends(path, end)) {
			return str_sub(path, 0, path.len - end.len);
		}
	}
	return path;
}

static struct str
path_of(struct arena *a, const struct policy_request *r)
{
	return r->git == POLICY_GIT_NO ? r->path
	                               : arena_printf(a, STR_FMT "/**",
	                                     STR_ARG(repository(r->path)));
}

static bool
ref_seen(const struct policy_commands *c, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (str_eq(c->at[i].ref, c->at[n].ref)) {
			return true;
		}
	}
	return false;
}

/* Those of a push as one pattern. */
static struct str
refs_of(struct arena *a, const struct policy_commands *c)
{
	auto_buf refs = { 0 };

	for (uint32_t i = 0; i < c->count; i++) {
		if (!ref_seen(c, i)) {
			buf_addf(&refs, "%s" STR_FMT, refs.len > 0 ? "|" : "",
			    STR_ARG(c->at[i].ref));
		}
	}
	return arena_str(a, buf_str(&refs));
}

#define STAR "holds '*', which in a rule is any run of bytes"

static const char *
path_problem(struct arena *a, const struct policy_request *r)
{
	return str_has(r->path, '*') ? STAR
	                             : policy_url_path_problem(path_of(a, r));
}

static const char *
ref_problem(struct str ref)
{
	return str_has(ref, '*')   ? STAR
	       : str_has(ref, '|') ? "holds '|', which in a rule stands "
	                             "between two of them"
	                           : policy_path_problem(ref);
}

/* Of a push: no pattern names all that it names, and nothing else. */
static bool
add_no_refs(struct arena *a, struct buf *out, const struct policy_commands *c)
{
	for (uint32_t i = 0; i < c->count; i++) {
		const char *problem = ref_problem(c->at[i].ref);

		if (problem) {
			buf_addf(out,
			    "nothing: no rule names %s alone, for it %s",
			    err_quote(c->at[i].ref), problem);
			return true;
		}
	}
	if (refs_of(a, c).len > POLICY_PATTERN_MAX) {
		buf_addf(out,
		    "a push of fewer refs: the names of these are longer than "
		    "the %d bytes that a rule has for them",
		    POLICY_PATTERN_MAX);
		return true;
	}
	return false;
}

static bool
deletes(const struct policy_commands *c)
{
	bool found = false;

	for (uint32_t i = 0; i < c->count; i++) {
		found |= c->at[i].deletes;
	}
	return found;
}

/* As the file would have it: what the rule that is offered lets pass. */
static void
make_rule(struct arena *a, const struct policy_request *r, struct rule *out)
{
	const struct policy_commands *c =
	    r->git == POLICY_GIT_PUSH ? r->commands : NULL;

	*out = (struct rule){ .host = { .host = *r->host }, .port = r->port };
	out->out.tunnel = r->tunnel;
	if (!r->tunnel) {
		out->method = r->git == POLICY_GIT_NO ? r->method : STR("");
		out->path = path_of(a, r);
		out->git_fetch = r->git == POLICY_GIT_FETCH;
		out->git_push = r->git == POLICY_GIT_PUSH;
	}
	if (c) {
		out->ref = refs_of(a, c);
		out->may_delete = deletes(c);
	}
	policy_rule_rank(out);
}

/* A file has room for so many of them. */
static bool
add_full(struct buf *out, const struct policy *p, const struct rule *rule)
{
	uint32_t tunnels = 0;

	for (uint32_t i = 0; i < p->rule_count; i++) {
		tunnels += p->rules[i].out.tunnel;
	}
	if (rule->out.tunnel && tunnels >= POLICY_TUNNELS_MAX) {
		buf_addf(out,
		    "nothing: %d rules with protocol = \"tcp\" are the most "
		    "that load; take one out first, or widen one",
		    POLICY_TUNNELS_MAX);
		return true;
	}
	if (p->rule_count >= POLICY_RULES_MAX) {
		buf_addf(out,
		    "nothing: %d egress rules are the most that load; take "
		    "one out first, or widen one",
		    POLICY_RULES_MAX);
		return true;
	}
	return false;
}

/* A file with the rule in it would not load, or its role would not run. */
static bool
add_no_room(struct buf *out, const struct policy *p, const struct rule *rule)
{
	if (add_full(out, p, rule)) {
		return true;
	}
	for (uint32_t i = 0; i < p->gate_count; i++) {
		const char *how = policy_gate_passed(&p->gates[i], rule);

		if (how) {
			buf_addf(out,
			    "nothing: a rule for it would let past "
			    "[gate." STR_FMT
			    "] %s what that holds at this host; widen the gate "
			    "first",
			    STR_ARG(p->gates[i].name), how);
			return true;
		}
	}
	for (uint32_t i = 0; i < p->rule_count; i++) {
		const struct rule *other = &p->rules[i];

		if (policy_rule_compare(rule, other) == 0 &&
		    policy_rule_overlaps(rule, other)) {
			buf_addf(out,
			    "nothing: a rule for it would be as specific as "
			    "[" STR_FMT "] for the same requests; change that",
			    STR_ARG(other->out.label));
			return true;
		}
	}
	return false;
}

static bool
add_no_websocket(struct buf *out, const struct policy_request *r)
{
	bool none = r->websocket && r->git != POLICY_GIT_NO;

	if (none) {
		buf_add_z(out, "nothing: git does not speak WebSocket");
	}
	return none;
}

/* No rule lets it pass and nothing else: why. */
static bool
add_no_rule(struct arena *a, struct buf *out, const struct policy *p,
    const struct policy_request *r)
{
	bool git = r->git != POLICY_GIT_NO;
	const char *problem = r->tunnel ? NULL : path_problem(a, r);
	struct rule rule;

	if (problem) {
		buf_addf(out,
		    "nothing: no rule names this path alone, for %s %s",
		    git ? "what stands for its repository" : "it", problem);
		return true;
	}
	if (!r->tunnel && !git && !policy_is_method(r->method)) {
		buf_addf(out,
		    "nothing: no rule names the method %s, for it is not 1 to "
		    "16 capitals; one without a method lets all others pass as "
		    "well",
		    err_quote(r->method));
		return true;
	}
	if (add_no_websocket(out, r) ||
	    (r->git == POLICY_GIT_PUSH && r->commands &&
	        add_no_refs(a, out, r->commands))) {
		return true;
	}
	make_rule(a, r, &rule);
	return add_no_room(out, p, &rule);
}

static void
add_refs(struct arena *a, struct buf *out, const struct policy_commands *c)
{
	if (c->count > 0) {
		add_member(out, "ref", refs_of(a, c));
	}
	if (deletes(c)) {
		buf_add_z(out, ", delete = true");
	}
}

/* As a rule and a URL write it. */
static struct str
bracketed(struct arena *a, const struct names_host *host)
{
	return host->is_addr && host->addr.family == 6
	           ? arena_printf(a, "[%s]", host->text)
	           : str_of(host->text);
}

/* No lookup leads there: to an address of the inside, nor to localhost. */
static bool
wants_pin(const struct names_host *host)
{
	return host->is_addr ? names_class_opens(
	                           names_addr_class(&host->addr)) != NAMES_OPEN
	                     : names_localhost(host->text);
}

/* An address that only a pin opens is its own pin. */
static void
add_upstream(struct arena *a, struct buf *out, const struct policy_request *r)
{
	if (wants_pin(r->host)) {
		buf_addf(out, "upstream = \"" STR_FMT ":%u\"\n",
		    STR_ARG(r->host->is_addr ? bracketed(a, r->host)
		                             : STR("127.0.0.1")),
		    r->port);
		if (!r->tls && !r->tunnel) {
			buf_add_z(out, "tls = false\n");
		}
	}
}

/* Where the house goes for this host is nothing to tell a sandbox. */
static void
add_pin(struct buf *out, const struct policy_request_decision *d)
{
	if (d->egress && d->egress->pinned) {
		buf_addf(out, "# with upstream, ca and tls of [" STR_FMT "]\n",
		    STR_ARG(d->rule));
	}
}

static void
add_rule(struct arena *a, struct buf *out, const struct policy *p,
    const struct policy_request *r)
{
	struct str host = str_of(r->host->text);

	buf_addf(out, "[egress." STR_FMT "]\nmatch = { host = ",
	    STR_ARG(rule_name(a, p, host)));
	json_write_string(out, bracketed(a, r->host));
	if (r->port != 443) {
		buf_addf(out, ", port = %u", r->port);
	}
	if (r->tunnel) {
		buf_add_z(out, " }\nprotocol = \"tcp\"\n");
		return;
	}
	if (r->git == POLICY_GIT_NO) {
		add_member(out, "method", r->method);
		add_member(out, "path", path_of(a, r));
	} else {
		add_member(out, "path", path_of(a, r));
		add_member(out, "git",
		    r->git == POLICY_GIT_PUSH ? STR("push") : STR("fetch"));
	}
	if (r->git == POLICY_GIT_PUSH && r->commands) {
		add_refs(a, out, r->commands);
	}
	buf_add_z(out, " }\n");
	if (r->websocket) {
		buf_add_z(out, "websocket = true\n");
	}
}

/* No rule that could be written lets it pass: what would instead. */
static bool
add_deed(struct buf *out, const struct policy_request *r)
{
	enum names_class class =
	    r->host->is_addr ? names_addr_class(&r->host->addr) : NAMES_GLOBAL;

	if (names_class_opens(class) == NAMES_NEVER) {
		buf_addf(out,
		    "nothing: %s addresses are never opened, and %s is one",
		    names_class_name(class), r->host->text);
		return true;
	}
	if (!r->tls && !r->tunnel && !wants_pin(r->host)) {
		buf_addf(out,
		    "ask over https: without TLS only a rule with a pinned "
		    "upstream and tls = false lets anything pass to %s",
		    r->host->text);
		return true;
	}
	return false;
}

static void
add_socket(struct buf *out, const struct policy_request *r,
    const struct policy_request_decision *d)
{
	if (add_no_websocket(out, r)) {
		return;
	}
	if (d->egress->token_endpoint.len) {
		buf_add_z(out, "nothing: a token endpoint does not speak "
		               "WebSocket");
		return;
	}
	buf_addf(out, "websocket = true in [" STR_FMT "]", STR_ARG(d->rule));
}

/* Where both its ref and a deletion fail, one more ref would not help. */
static enum policy_reason
reason_of(const struct policy *p, const struct policy_request *r,
    const struct policy_request_decision *d)
{
	bool may = d->reason != POLICY_GIT_REF || !deletes(r->commands);

	for (uint32_t i = 0; !may && i < p->rule_count; i++) {
		may = &p->rules[i].out == d->egress && p->rules[i].may_delete;
	}
	return may ? d->reason : POLICY_GIT_DELETE;
}

void
policy_request_next(struct arena *a, const struct policy *p,
    const struct policy_request *r, struct policy_request_decision *d)
{
	auto_buf out = { 0 };

	switch (reason_of(p, r, d)) {
	case POLICY_CLOSED:
		buf_add_z(
		    &out, "a gates.toml that loads, in the role's folder");
		break;
	case POLICY_PLAIN:
		buf_add_z(&out, "ask over https");
		break;
	case POLICY_ONLY_FOR:
		buf_addf(&out, "call the tool " STR_FMT,
		    STR_ARG(d->egress->only_for[0]));
		break;
	case POLICY_OWN:
		buf_addf(&out, "own_credentials = true in [" STR_FMT "]",
		    STR_ARG(d->rule));
		break;
	case POLICY_WEBSOCKET:
		add_socket(&out, r, d);
		break;
	case POLICY_GIT_REF:
		/* A rule beside it would be as specific, or take what begins
		 * the pushes of this one. */
		if (!add_no_refs(a, &out, r->commands)) {
			json_write_string(
			    &out, arena_printf(a, "|" STR_FMT,
			              STR_ARG(refs_of(a, r->commands))));
			buf_addf(&out, " at the end of ref in [" STR_FMT "]",
			    STR_ARG(d->rule));
		}
		break;
	case POLICY_GIT_FORM:
		buf_add_z(&out, "git's smart HTTP protocol, exactly");
		break;
	case POLICY_PROTOCOL:
		buf_addf(&out, "%s, as [" STR_FMT "] says",
		    r->tunnel ? "ask over http or https"
		              : "a connection that is not read",
		    STR_ARG(d->rule));
		break;
	case POLICY_NO_RULE:
	case POLICY_PORT:
		if (!add_deed(&out, r) && !add_no_rule(a, &out, p, r)) {
			add_rule(a, &out, p, r);
			add_upstream(a, &out, r);
		}
		break;
	case POLICY_GIT:
	case POLICY_METHOD:
	case POLICY_PATH:
	case POLICY_GIT_DELETE:
		if (!add_no_rule(a, &out, p, r)) {
			add_rule(a, &out, p, r);
			add_pin(&out, d);
		}
		break;
	case POLICY_NONE:
	case POLICY_UNMATCHED:
	case POLICY_SURFACE:
		break;
	}
	d->next = arena_str(a, buf_str(&out));
}
