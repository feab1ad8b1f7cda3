/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `explain`: what would be decided about a call or a request, by which rule,
 * and what would change it.  Nothing is asked for and nothing leaves.
 */
#include "http/http.h"
#include "parts/core.h"
#include "parts/core_api.h"

/* The same was allowed for a while. */
static void
explain_granted(const struct core *c, struct core_ask *ask,
    const struct core_role *r, const struct tool *t,
    const struct policy_call *call, struct buf *text)
{
	struct policy_call_decision d = { 0 };
	const struct wait_grant *g;
	char until[WALL_TEXT_MAX];

	policy_call(&ask->arena, r->policy, call, &d);
	if (d.verdict != POLICY_ASK) {
		return;
	}
	policy_ask_bind(call, &d.ask);
	struct wait_grant_use use = {
		.identity = str_of(r->identity),
		.tool = t->name,
		.contract = t->contract,
		.asked = d.ask.digest,
		.named = d.ask.named_args,
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
    struct buf *text, struct err *e)
{
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
	policy_explain_call(text, r->policy, &call);
	explain_granted(c, ask, r, t, &call, text);
	return 0;
}

/* What no egress would ever judge has no verdict. */
static int
check_method(struct str method, struct err *e)
{
	if (!http_method_ok(method)) {
		return err_set(e, ERR_USAGE, "%s is no method of a request",
		    err_quote(method));
	}
	if (str_eq_z(method, "CONNECT")) {
		return err_set(e, ERR_USAGE,
		    "CONNECT only reaches the proxy: explain the request that "
		    "is made through it");
	}
	return str_eq_z(method, "TRACE")
	           ? err_set(e, ERR_USAGE, "TRACE is refused before any rule")
	           : 0;
}

static int
explain_url(struct core_ask *ask, struct core_role *r, struct str url,
    struct buf *text, struct err *e)
{
	struct core_place at;
	struct policy_request request = {
		.identity = str_of(r->identity),
		.method = STR("GET"),
	};
	const struct tool *t;
	struct err why = { 0 };

	if (core_place_parse(&ask->arena, url, &at, e)) {
		return -1;
	}
	if (core_ask_query(ask, "method", &request.method) &&
	    check_method(request.method, e)) {
		return -1;
	}
	if (core_ask_query(ask, "from_tool", &request.from_tool) &&
	    find_seen(r, request.from_tool, &t, e)) {
		return -1;
	}
	request.host = &at.host;
	request.port = at.port;
	request.tls = at.tls;
	request.path = at.path;
	request.query = at.query;
	if (policy_git_request(request.method, at.path, at.query, STR(""),
	        &request.git, &why)) {
		return err_set(e, why.kind,
		    "%s; of a fetch or a push explain what it begins with: GET "
		    "REPOSITORY/info/refs?service=git-upload-pack or "
		    "=git-receive-pack",
		    why.text);
	}
	policy_explain_request(text, r->policy, &request);
	return 0;
}

int
route_explain(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf text = { 0 };
	auto_buf body = { 0 };
	struct json_out o;
	struct core_role *r;
	struct str url;

	if (core_ask_role(c, ask, &r, e)) {
		return -1;
	}
	if (core_ask_query(ask, "url", &url)
	        ? explain_url(ask, r, url, &text, e)
	        : explain_call(c, ask, r, &text, e)) {
		return -1;
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "identity", r->identity);
	json_out_str(&o, "text", buf_str(&text));
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}
