/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes about decisions: what waits, what a person says, what would happen.
 */
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_call.h"

int
route_waits(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf list = { 0 };
	auto_buf body = { 0 };
	struct str all = STR("");

	(void)e;
	(void)core_ask_query(ask, "all", &all);
	wait_write_list(&list, c->waits, str_eq_z(all, "1"));
	buf_addf(&body, "{\"waits\":" STR_FMT "}", STR_ARG(buf_str(&list)));
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

/* `remember`: how long the same need not be asked again; 0: not said. */
static int
read_remember(struct core *c, const struct core_ask *ask,
    const struct wait_decide *say, int64_t *lasts_us, struct err *e)
{
	struct str text;

	*lasts_us = 0;
	if (!json_get(ask->body, "remember")) {
		return 0;
	}
	if (!say->yes || !json_text(ask->body, "remember", &text) ||
	    !duration_parse(text, lasts_us)) {
		return err_set(e, ERR_INPUT,
		    "remember goes with an approval and is a time like \"8h\"");
	}
	return core_standing_may(c, say, *lasts_us, e);
}

int
route_decide(struct core *c, struct core_ask *ask, struct err *e)
{
	struct wait_decide say = {
		.id = ask->part,
		.principal = str_of(ask->operator_->name),
		.surface = STR("cli"),
		.now = wall_now(),
	};
	struct str decision = STR("");
	auto_buf body = { 0 };
	const struct wait_item *w;
	int64_t lasts_us;

	(void)json_text(ask->body, "decision", &decision);
	(void)json_text(ask->body, "reason", &say.reason);
	say.yes =
	    str_eq_z(decision, "approve") || str_eq_z(decision, "happened");
	if (!say.yes && !str_eq_z(decision, "deny") &&
	    !str_eq_z(decision, "did_not")) {
		return err_set(e, ERR_INPUT,
		    "decision must be approve or deny (happened or did_not for "
		    "an unknown outcome)");
	}
	w = wait_find(c->waits, ask->part);
	if (w && (w->kind == WAIT_UNKNOWN_OUTCOME) !=
	             (str_eq_z(decision, "happened") ||
	                 str_eq_z(decision, "did_not"))) {
		return err_set(e, ERR_INPUT,
		    w->kind == WAIT_UNKNOWN_OUTCOME
		        ? "nobody asks for leave here, it may have happened: "
		          "`handrail task resolve %s --happened` or --did-not"
		        : "%s asks for leave: approve or deny it",
		    w->id);
	}
	if (read_remember(c, ask, &say, &lasts_us, e) ||
	    core_wait_say(c, &say, e)) {
		return -1;
	}
	if (lasts_us) {
		core_standing_make(c, &say, lasts_us);
	}
	w = wait_find(c->waits, ask->part);
	buf_addf(&body,
	    "{\"id\":\"%s\",\"state\":\"%s\",\"tool\":\"" STR_FMT
	    "\",\"people\":%u,\"said\":%u}",
	    w->id, wait_state_name(w->state), STR_ARG(w->tool), w->people,
	    w->yes_count);
	core_answer_after(c, ask, 200, buf_str(&body));
	return 0;
}

/* --- what would happen --- */

static void
write_effects(struct json_out *o, const struct core_role *r)
{
	json_out_array(o, "egress");
	for (size_t i = 0; i < policy_egress_count(r->policy); i++) {
		const struct policy_egress *x = policy_egress_at(r->policy, i);

		json_out_object(o, NULL);
		json_out_str(o, "rule", x->name);
		json_out_str(o, "host", x->match_host);
		json_out_i64(o, "port", x->match_port);
		json_out_str(o, "credential", x->inject.credential);
		json_out_bool(o, "pinned", x->pinned);
		json_out_array(o, "only_for");
		for (uint32_t n = 0; n < x->only_for_count; n++) {
			json_out_str(o, NULL, x->only_for[n]);
		}
		json_out_end(o, ']');
		json_out_end(o, '}');
	}
	json_out_end(o, ']');
}

int
route_can(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf body = { 0 };
	struct json_out o;
	struct core_role *r;

	if (core_ask_role(c, ask, &r, e)) {
		return -1;
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "identity", r->identity);
	json_out_array(&o, "tools");
	for (size_t i = 0; i < r->seen.count; i++) {
		const struct tool *t = tools_find(&r->catalogue, r->seen.at[i]);
		struct policy_call call = {
			.identity = str_of(r->identity),
			.tool = t->name,
			.action = t->action,
		};
		struct policy_call_decision d = { 0 };

		policy_call(&ask->arena, r->policy, &call, &d);
		json_out_object(&o, NULL);
		json_out_str(&o, "tool", t->name);
		json_out_str(&o, "action", t->action);
		json_out_z(&o, "verdict", policy_verdict_name(d.verdict));
		json_out_str(&o, "rule", d.rule);
		json_out_bool(&o, "fresh", core_tool_fresh(r, t));
		json_out_end(&o, '}');
	}
	json_out_end(&o, ']');
	write_effects(&o, r);
	core_standing_write(c, &o, r->identity);
	json_out_str(&o, "policy", policy_text(r->policy));
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

static int
explain_call(
    struct core_ask *ask, struct core_role *r, struct buf *text, struct err *e)
{
	struct str name = STR("");
	const struct tool *t;

	(void)json_text(ask->body, "tool", &name);
	t = tools_find(&r->catalogue, name);
	if (!t || !names_have(&r->seen, name)) {
		return err_set(e, ERR_MISSING,
		    "%s sees no tool %s; `handrail can %s` names them",
		    r->identity, err_quote(name), r->identity);
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
	return 0;
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

	if (core_place_parse(&ask->arena, url, &at, e)) {
		return -1;
	}
	(void)core_ask_query(ask, "method", &request.method);
	(void)core_ask_query(ask, "from_tool", &request.from_tool);
	request.host = &at.host;
	request.port = at.port;
	request.tls = at.tls;
	request.path = at.path;
	if (policy_git_request(
	        request.method, at.path, at.query, STR(""), &request.git, e)) {
		return -1;
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
	        : explain_call(ask, r, &text, e)) {
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
