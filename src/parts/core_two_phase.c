/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two phases: one tool asks for leave, another does it.  The same approval as
 * any other, put by the first call and used by the second: bound to the second
 * tool, its contract, these arguments and the workspace as it was, used once.
 * What is approved is content that nobody could write to while it was read, and
 * what is done is looked at in the same way before it is done.
 */
#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_run.h"

#define RULE STR("contract")

void
core_request_start(struct core *c, struct core_call *k)
{
	struct core_run *r = core_run_find(c, k->run);
	const struct tool *pair =
	    names_have(&r->granted, k->tool->request)
	        ? tools_find(&r->role->catalogue, k->tool->request)
	        : NULL;
	struct err e = { 0 };

	if (!pair || tools_check_args(pair, k->args, &e)) {
		core_call_settle_error(c, k, "failed", "input",
		    pair ? arena_str(&k->arena, str_of(e.text))
		         : STR("this task has not the tool that is requested"));
		return;
	}
	struct policy_call call = {
		.identity = str_of(r->role->identity),
		.tool = pair->name,
		.action = pair->action,
		.args = k->args,
	};

	policy_call(&k->arena, r->role->policy, &call, &k->decision);
	if (k->decision.verdict == POLICY_DENY) {
		core_call_settle_error(
		    c, k, "denied", "denied", k->decision.text);
		return;
	}
	if (k->decision.verdict == POLICY_ALLOW) {
		struct json *result = json_new(&k->arena, JSON_OBJECT);

		(void)json_set_str(
		    &k->arena, result, "status", STR("approved"));
		(void)json_set_str(&k->arena, result, "text",
		    STR("approved: no gate asks about it"));
		core_call_settle(c, k, "ok", result);
		return;
	}
	policy_ask_bind(&call, &k->decision.ask);
	k->pair = pair;
	core_call_ask_person(c, k, WAIT_APPROVAL);
}

void
core_request_settle(struct core *c, struct core_run *r, struct core_call *k,
    struct str id, const struct err *e)
{
	const struct wait_item *w = e ? NULL : wait_find(c->waits, id);
	struct json *result = json_new(&k->arena, JSON_OBJECT);

	if (!w) {
		core_call_settle_error(c, k,
		    e && e->kind == ERR_DENIED ? "denied" : "failed",
		    e && e->kind == ERR_DENIED ? "denied" : "not_asked",
		    arena_str(&k->arena,
		        e ? str_of(e->text) : STR("it cannot be read")));
	} else {
		(void)json_set_str(&k->arena, result, "status", STR("pending"));
		(void)json_set_str(&k->arena, result, "wait", id);
		(void)json_set_str(
		    &k->arena, result, "gate_id", w->file.len ? w->file : id);
		(void)json_set_str(&k->arena, result, "text",
		    arena_printf(&k->arena,
		        "pending: an operator decides about %s", w->code));
		core_call_settle(c, k, "ok", result);
	}
	core_run_pause(c, r);
}

/* --- the second phase --- */

/* The newest request of exactly this. */
static const struct wait_item *
find_request(
    struct core *c, const struct core_run *r, const struct core_call *k)
{
	struct wait_mark m;
	uint32_t at = 0;

	while (wait_of_run(c->waits, str_of(r->run_text), &at, &m)) {
		const struct wait_item *w =
		    m.kind == WAIT_APPROVAL ? wait_find(c->waits, str_of(m.id))
		                            : NULL;

		if (w && w->call == 0 && str_eq(w->tool, k->name) &&
		    digest_eq(w->contract, k->tool->contract) &&
		    digest_eq(w->args, k->args_digest)) {
			return w;
		}
	}
	return NULL;
}

static void
go_on(struct core *c, struct core_call *k, const struct wait_item *w)
{
	k->resuming = true; /* its head names the approval */
	k->wait = WAIT_APPROVAL;
	core_call_decide(c, k, "ask", str_of(w->id), STR(""));
	core_call_ask_person(c, k, WAIT_APPROVAL);
}

void
core_requested_judge(struct core *c, struct core_call *k)
{
	struct core_run *r = core_run_find(c, k->run);
	const struct tool *asks =
	    tools_request_for(&r->role->catalogue, k->name);
	const struct wait_item *w = find_request(c, r, k);

	if (!w) {
		core_call_refuse(c, k, "not_requested", RULE,
		    arena_printf(&k->arena,
		        "error: nobody has requested exactly this: "
		        "call " STR_FMT " with these arguments first",
		        STR_ARG(asks->name)));
		return;
	}
	switch (w->state) {
	case WAIT_APPROVED:
		go_on(c, k, w);
		return;
	case WAIT_OPEN:
		core_call_refuse(c, k, "pending", RULE,
		    arena_printf(&k->arena,
		        "pending: nobody has decided about %s yet", w->code));
		return;
	case WAIT_DENIED:
		core_call_refuse(c, k, "denied", RULE,
		    arena_printf(&k->arena, "denied: by " STR_FMT ": " STR_FMT,
		        STR_ARG(w->by),
		        STR_ARG(w->reason.len ? w->reason
		                              : STR("no reason given"))));
		return;
	case WAIT_CONSUMED:
	case WAIT_EXPIRED:
	case WAIT_CANCELLED:
	case WAIT_REFUSED:
		break;
	}
	core_call_refuse(c, k, "not_requested", RULE,
	    arena_printf(&k->arena,
	        "error: the request is %s; call " STR_FMT " again",
	        wait_state_name(w->state), STR_ARG(asks->name)));
}
