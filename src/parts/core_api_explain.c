/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `explain`: what would be decided about a call or a request, by which rule,
 * and what would change it.  Nothing is asked for and nothing leaves.
 */
#include "http/http.h"
#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_egress.h"
#include "parts/core_vault.h"
#include "seal/seal.h"

/* What is answered, for programs and for people. */
struct explained {
	enum policy_verdict verdict;
	enum policy_reason reason; /* of a deny */
	struct str rule;
	struct str credential;
	struct str next;
	struct str refused; /* the vault would not lend it; empty: it would */
	struct buf text;
};

/* The same was allowed for a while. */
static void
explain_granted(const struct core *c, const struct core_role *r,
    const struct tool *t, const struct policy_call *call,
    struct policy_ask *asked, struct buf *text)
{
	const struct wait_grant *g;
	char until[WALL_TEXT_MAX];

	policy_ask_bind(call, asked);
	struct wait_grant_use use = {
		.identity = str_of(r->identity),
		.tool = t->name,
		.contract = t->contract,
		.asked = asked->digest,
		.named = asked->named_args,
		.now = wall_now(),
	};

	g = wait_grant_find(c->grants, &use);
	if (g) {
		wall_text(g->expires, until);
		buf_addf(text,
		    "granted   by " STR_FMT " until %s: it goes without "
		    "asking; `handrail grant revoke %s` ends that\n",
		    STR_ARG(g->by), until, g->id);
	}
}

static int
find_seen(const struct core_role *r, struct str name, const struct tool **t,
    struct err *e)
{
	*t = tools_find(&r->catalogue, name);
	return *t && names_have(&r->seen, name)
	           ? 0
	           : err_set(e, ERR_MISSING,
	                 "%s sees no tool %s; `handrail can %s` names them",
	                 r->identity, err_quote(name), r->identity);
}

static int
explain_call(struct core *c, struct core_ask *ask, struct core_role *r,
    struct explained *x, struct err *e)
{
	struct policy_call_decision d = { 0 };
	struct str name = STR("");
	const struct tool *t;

	(void)json_text(ask->body, "tool", &name);
	if (find_seen(r, name, &t, e)) {
		return -1;
	}
	struct policy_call call = {
		.identity = str_of(r->identity),
		.tool = t->name,
		.action = t->action,
		.args = json_get(ask->body, "args"),
	};

	if (tools_check_args(t, call.args, e)) {
		return err_wrap(e, "the arguments");
	}
	policy_call(&ask->arena, r->policy, &call, &d);
	x->verdict = d.verdict;
	x->reason = d.reason;
	x->rule = d.rule;
	policy_explain_call(&x->text, r->policy, &call);
	if (d.verdict == POLICY_ASK) {
		explain_granted(c, r, t, &call, &d.ask, &x->text);
	}
	return 0;
}

/* What no egress would ever judge has no verdict. */
static int
check_method(const struct policy_request *r, struct err *e)
{
	struct str method = r->method;

	if (!http_method_ok(method)) {
		return err_set(e, ERR_USAGE, "%s is no method of a request",
		    err_quote(method));
	}
	if (str_eq_z(method, "CONNECT")) {
		return err_set(e, ERR_USAGE,
		    "CONNECT only reaches the proxy: explain the request that "
		    "is made through it");
	}
	if (r->websocket && !str_eq_z(method, "GET")) {
		return err_set(e, ERR_USAGE,
		    "a WebSocket is asked for by GET, not by %s",
		    err_quote(method));
	}
	return str_eq_z(method, "TRACE")
	           ? err_set(e, ERR_USAGE, "TRACE is refused before any rule")
	           : 0;
}

/* A rule lets it out, the vault looks on its own: why it would not lend. */
static struct str
not_lent(const struct core *c, struct arena *a,
    const struct policy_inject *inject, const struct core_place *at,
    bool of_house)
{
	const struct core_credential *k =
	    core_credential_find(c, inject->credential);
	const char *unfit = !k             ? "none of that name"
	                    : k->closed[0] ? k->closed
	                                   : core_credential_unfit(c, k);
	const char *misplaced = core_place_problem(c, a, inject, of_house);
	struct seal_binding bound = { 0 };
	struct str rest;
	bool more = true;

	if (unfit) {
		return arena_printf(a, "the vault has %s", unfit);
	}
	if (misplaced) {
		return str_of(misplaced);
	}
	rest = str_of(k->hosts);
	while (more && bound.host_count < SEAL_HOSTS_MAX) {
		more = str_cut(&rest, ' ', &bound.hosts[bound.host_count++]);
	}
	return seal_binding_allows(&bound, str_of(at->host.text), at->port)
	           ? STR("")
	           : arena_printf(a,
	                 "the credential is bound to %s, not to %s:%u",
	                 k->hosts, at->host.text, at->port);
}

/* Where a tunnel is, nothing else is asked, whatever is spoken there. */
static void
decide(struct arena *a, const struct policy *p, struct policy_request *r,
    struct policy_request_decision *d)
{
	struct policy_request tunnel = *r;

	tunnel.tunnel = true;
	tunnel.has_own_credentials = false;
	policy_request(a, p, &tunnel, d);
	if (d->reason == POLICY_NONE || d->reason == POLICY_ONLY_FOR) {
		*r = tunnel;
	}
	policy_request(a, p, r, d);
}

/* A person writes a name as gates.toml does; on the wire it is in ASCII. */
static int
name_in_ascii(struct arena *a, struct str *rest, struct err *e)
{
	struct names_host host;
	bool ascii = true;
	size_t end = 2; /* behind the slashes */

	while (end < rest->len && !strchr("/?#:@", rest->at[end])) {
		ascii = ascii && !(rest->at[end] & 0x80);
		end++;
	}
	if (ascii || !str_starts(*rest, STR("//"))) {
		return 0;
	}
	if (names_host_parse(str_sub(*rest, 2, end - 2), &host, e)) {
		return -1;
	}
	*rest = arena_printf(a, "//%s" STR_FMT, host.text,
	    STR_ARG(str_sub(*rest, end, rest->len)));
	return 0;
}

/* Of wss:// an upgrade is asked for; tcp:// is a connection and no request. */
static int
parse_url(struct core_ask *ask, struct str url, struct core_place *at,
    struct policy_request *r, struct err *e)
{
	struct str rest = url;
	struct str scheme;

	if (str_has(url, '\0')) { /* what is put together would end there */
		return err_set(e, ERR_INPUT, "the URL holds a NUL");
	}
	if (str_cut(&rest, ':', &scheme) &&
	    name_in_ascii(&ask->arena, &rest, e)) {
		return -1;
	}
	r->tunnel = str_eq_z(scheme, "tcp");
	r->websocket = str_eq_z(scheme, "wss") || str_eq_z(scheme, "ws");
	if (r->tunnel || r->websocket) {
		scheme = str_eq_z(scheme, "ws") ? STR("http") : STR("https");
	}
	if (rest.len) {
		url = arena_printf(&ask->arena, STR_FMT ":" STR_FMT,
		    STR_ARG(scheme), STR_ARG(rest));
	}
	if (core_place_parse(&ask->arena, url, at, e)) {
		return -1;
	}
	r->host = &at->host;
	r->port = at->port;
	r->tls = at->tls;
	r->path = at->path;
	r->query = at->query;
	return 0;
}

/* What a cell was given a placeholder for is the house's. */
static void
note_own(void *context, struct str value)
{
	bool *own = context;

	*own = *own || !str_starts(value, STR(CORE_PLACEHOLDER_MARK));
}

static int
explain_url(const struct core *c, struct core_ask *ask, struct core_role *r,
    struct str url, struct explained *x, struct err *e)
{
	struct core_place at;
	struct policy_request request = {
		.identity = str_of(r->identity),
		.method = STR("GET"),
	};
	struct policy_request_decision d = { 0 };
	const struct tool *t = NULL;
	struct err why = { 0 };

	if (parse_url(ask, url, &at, &request, e)) {
		return -1;
	}
	if (core_ask_query(ask, "method", &request.method) &&
	    check_method(&request, e)) {
		return -1;
	}
	if (http_asked_form(&ask->arena, request.method, &request.path,
	        &request.query, e)) {
		return err_wrap(
		    e, "%s is refused before any rule", err_quote(url));
	}
	if (core_ask_query(ask, "from_tool", &request.from_tool) &&
	    find_seen(r, request.from_tool, &t, e)) {
		return -1;
	}
	if (policy_git_request(request.method, request.path, request.query,
	        STR(""), &request.git, &why)) {
		return err_set(e, why.kind,
		    "%s; of a fetch or a push explain what it begins with: GET "
		    "REPOSITORY/info/refs?service=git-upload-pack or "
		    "=git-receive-pack",
		    why.text);
	}
	/* What core asks itself says what the contract of its tool does. */
	if (!t || t->kind != TOOL_HTTP) {
		http_credential_params(
		    request.query, note_own, &request.has_own_credentials);
	}
	decide(&ask->arena, r->policy, &request, &d);
	x->verdict = d.verdict;
	x->reason = d.reason;
	x->rule = d.rule;
	x->next = d.next;
	policy_explain_request(&x->text, r->policy, &request);
	if (d.verdict != POLICY_DENY && d.egress->inject.credential.len) {
		x->credential = d.egress->inject.credential;
		x->refused = not_lent(c, &ask->arena, &d.egress->inject, &at,
		    t && t->kind == TOOL_HTTP);
	}
	if (x->refused.len) {
		buf_addf(
		    &x->text, "refused   " STR_FMT "\n", STR_ARG(x->refused));
	}
	return 0;
}

static void
put(struct json_out *o, const char *key, struct str text)
{
	if (text.len) {
		json_out_str(o, key, text);
	}
}

int
route_explain(struct core *c, struct core_ask *ask, struct err *e)
{
	struct explained x = { 0 };
	auto_buf body = { 0 };
	struct json_out o;
	struct core_role *r;
	struct str url;

	if (core_ask_role(c, ask, &r, e)) {
		return -1;
	}
	if (core_ask_query(ask, "url", &url)
	        ? explain_url(c, ask, r, url, &x, e)
	        : explain_call(c, ask, r, &x, e)) {
		buf_fini(&x.text);
		return -1;
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "identity", r->identity);
	json_out_z(&o, "verdict", policy_verdict_name(x.verdict));
	put(&o, "rule", x.rule);
	if (x.verdict == POLICY_DENY) {
		json_out_z(&o, "reason", policy_reason_name(x.reason));
	}
	put(&o, "credential", x.credential);
	put(&o, "refused", x.refused);
	put(&o, "next", x.next);
	json_out_str(&o, "text", buf_str(&x.text));
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	buf_fini(&x.text);
	return 0;
}
