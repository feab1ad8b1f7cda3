/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tool call: schema → catalogue of the identity → gate → decided, started,
 * settled, each committed before what it announces.  What the book already
 * knows of a call (after a crash, after an approval) decides how it goes on:
 *
 *   none      judge it
 *   decided   it was allowed and did not start: start it
 *   approved  use the approval up and start it
 *   started   it may have happened: again only if the contract is idempotent
 *   denied    settle it as denied
 *   settled   the same answer again
 */
#include "parts/core_call.h"

#include <stdlib.h>
#include <string.h>

#include "parts/core.h"
#include "parts/core_run.h"
#include "parts/crash.h"

#define BAD_RESULTS_MAX 3

struct core_call *
core_call_find(struct core *c, uint64_t number)
{
	struct core_call *k = number ? c->calls : NULL;

	while (k && k->number != number) {
		k = k->next;
	}
	return k;
}

void
core_call_free(struct core *c, struct core_call *k)
{
	struct core_run *r = core_run_find(c, k->run);

	for (struct core_call **at = &c->calls; *at; at = &(*at)->next) {
		if (*at == k) {
			*at = k->next;
			break;
		}
	}
	if (r && r->call == k->number) {
		r->call = 0;
		r->busy = 0;
	}
	buf_fini(&k->answer);
	arena_fini(&k->arena);
	free(k);
}

const struct session_call *
core_call_known(struct core *c, const struct core_run *r, uint32_t ordinal)
{
	const struct session_run *view =
	    session_index_find(c->sessions, r->run);

	return view ? session_call(view, ordinal) : NULL;
}

static void
append(struct core *c, struct core_call *k, enum book_kind kind,
    struct str rule, struct str body)
{
	struct core_run *r = core_run_find(c, k->run);
	struct core_event event = {
		.kind = kind,
		.run = r,
		.rule = rule,
		.call = k->ordinal,
		.body = body,
	};

	if (k->tool) {
		core_text_keep_tool(c, k->tool);
		event.contract = k->tool->contract;
	}
	(void)core_append(c, &event);
}

void
core_call_decide(struct core *c, struct core_call *k, const char *verdict,
    struct str rule, struct str why)
{
	auto_buf body = { 0 };
	struct session_decided d = {
		.verdict = str_of(verdict),
		.tool = k->name,
		.args = k->args_digest,
		.why = why,
		.rule = rule,
		.wait = k->resuming ? rule : STR(""),
	};

	if (k->tool) {
		d.contract = k->tool->contract;
		d.action = k->tool->action;
		d.arguments = k->args;
	}
	session_write_decided(&body, &d);
	append(c, k, BOOK_CALL_DECIDED, rule, buf_str(&body));
}

/* --- settling --- */

static void
send_settled(struct core *c, uint64_t number)
{
	struct core_call *k = core_call_find(c, number);
	struct core_run *r = k ? core_run_find(c, k->run) : NULL;

	if (!k) {
		return;
	}
	crash_point(CRASH_CORE_CALL_SETTLED);
	if (r && r->phase == RUN_ACTING) {
		core_agent_send_result(r, k->ordinal, buf_str(&k->answer));
	}
	core_call_free(c, k);
}

void
core_call_settle(struct core *c, struct core_call *k, const char *end,
    const struct json *result)
{
	struct core_run *r = core_run_find(c, k->run);
	struct json_out o;

	buf_clear(&k->answer);
	json_out_init(&o, &k->answer);
	json_out_object(&o, NULL);
	json_out_z(&o, "end", end);
	json_out_str(&o, "tool", k->name);
	json_out_value(&o, "result", result);
	json_out_i64(&o, "took_us", loop_now(c->part.loop).us - k->begun.us);
	json_out_end(&o, '}');
	append(c, k, BOOK_CALL_SETTLED, str_of(end), buf_str(&k->answer));
	r->deaths = 0;
	core_after(c, send_settled, k->number);
}

void
core_call_settle_error(struct core *c, struct core_call *k, const char *end,
    const char *error, struct str message)
{
	struct json *result = json_new(&k->arena, JSON_OBJECT);

	(void)json_set_str(&k->arena, result, "error", str_of(error));
	(void)json_set_str(&k->arena, result, "message", message);
	core_call_settle(c, k, end, result);
}

void
core_call_refuse(struct core *c, struct core_call *k, const char *error,
    struct str rule, struct str message)
{
	bool denied = strcmp(error, "denied") == 0;

	core_call_decide(c, k, "deny", rule, str_utf8_cut(message, 1000));
	core_call_settle_error(
	    c, k, denied ? "denied" : "failed", error, message);
}

/* --- starting --- */

static void
exec_done(
    struct core *c, uint64_t number, const struct core_exec_result *result)
{
	struct core_call *k = core_call_find(c, number);
	struct core_run *r = k ? core_run_find(c, k->run) : NULL;
	struct json *value;
	struct err e = { 0 };
	bool failed;

	if (!k || !r || r->phase != RUN_ACTING || r->settled || result->lost) {
		return; /* started and not settled: the book knows */
	}
	crash_point(CRASH_CORE_CALL_DONE);
	if (result->end == WIRE_NOT_STARTED) {
		core_call_settle_error(c, k, "failed", "not_started",
		    arena_str(&k->arena, str_of(result->text)));
		return;
	}
	if (result->end == WIRE_TIMED_OUT) {
		core_call_settle_error(c, k, "failed", "timeout",
		    arena_printf(&k->arena,
		        "the command did not end within %lld s",
		        (long long)(k->tool->timeout / CLOCK_SECOND)));
		return;
	}
	struct tool_exit x = {
		.status = result->end == WIRE_SIGNALLED ? 128 + result->code
		                                        : result->code,
		.out = buf_str(&result->out),
		.err = buf_str(&result->err),
		.truncated = result->truncated,
	};

	if (tools_exec_result(&k->arena, k->tool, &x, &value, &failed, &e)) {
		core_call_settle_error(c, k, "failed", "schema_validation",
		    arena_str(&k->arena, str_of(e.text)));
		return;
	}
	if (r->cell_was_lost && !core_tool_fresh(r->role, k->tool) &&
	    value->type == JSON_OBJECT) {
		(void)json_set_str(&k->arena, value, "sandbox",
		    r->forked ? STR("a fork: its workspace is empty, earlier "
		                    "processes and /tmp are gone")
		              : STR("started anew: earlier processes and /tmp "
		                    "are gone"));
		r->cell_was_lost = false;
		r->forked = false;
	}
	core_call_settle(c, k, failed ? "failed" : "ok", value);
}

static void
exec_in_cell(struct core *c, struct core_call *k)
{
	struct core_run *r = core_run_find(c, k->run);
	bool fresh = core_tool_fresh(r->role, k->tool);
	struct str only = fresh ? k->tool->name : STR("");
	struct core_cell *cell = core_run_cell(c, r, only);

	if (!cell) {
		r->cell_was_lost = true;
		return; /* core_call_cell_ended comes back here */
	}
	k->sent = true;
	core_call_exec(c, cell, k, exec_done);
}

void
core_call_cell_ended(struct core *c, struct core_run *r)
{
	struct core_call *k = core_call_find(c, r->call);

	if (k && k->started && !k->sent && r->phase == RUN_ACTING) {
		exec_in_cell(c, k);
	}
}

static void
http_done(struct core *c, uint64_t number, const struct wire_http_done *head,
    struct str body)
{
	struct core_call *k = core_call_find(c, number);
	struct core_run *r = k ? core_run_find(c, k->run) : NULL;
	struct json *value;

	if (!k || !r || r->phase != RUN_ACTING || r->settled) {
		return;
	}
	if (!head->ok) {
		core_call_settle_error(c, k, "failed",
		    err_name((enum err_kind)head->kind),
		    arena_str(&k->arena, str_of(head->text)));
		return;
	}
	auto_buf text = { 0 };

	core_utf8(&text, body);
	value = json_new(&k->arena, JSON_OBJECT);
	(void)json_set(
	    &k->arena, value, "status", json_new_i64(&k->arena, head->status));
	(void)json_set_str(
	    &k->arena, value, "content_type", str_of(head->content_type));
	(void)json_set_str(&k->arena, value, "body", buf_str(&text));
	core_call_settle(c, k, head->status < 400 ? "ok" : "failed", value);
}

static void
effect(struct core *c, uint64_t number)
{
	struct core_call *k = core_call_find(c, number);
	struct core_run *r = k ? core_run_find(c, k->run) : NULL;

	if (!k || !r || r->phase != RUN_ACTING || r->settled) {
		return;
	}
	crash_point(CRASH_CORE_CALL_STARTED);
	if (k->tool->kind == TOOL_HTTP) {
		core_http_tool(c, k, http_done);
	} else {
		exec_in_cell(c, k);
	}
}

void
core_call_start(struct core *c, struct core_call *k)
{
	struct err e = { 0 };

	if (tools_expand(&k->arena, k->tool, k->args, &k->plan, &e)) {
		core_run_fail(c, core_run_find(c, k->run), "contract_changed",
		    "requires_escalation", e.text);
		return;
	}
	append(c, k, BOOK_CALL_STARTED, STR(""), STR(""));
	k->started = true;
	if (k->tool->kind == TOOL_DISPATCH) {
		core_call_dispatch(c, k);
	} else if (k->tool->kind == TOOL_REQUEST) {
		core_request_start(c, k);
	} else if (k->tool->kind == TOOL_QUESTION) {
		core_call_ask_answer(c, k, WAIT_QUESTION);
	} else if (k->tool->kind == TOOL_CLIENT) {
		core_call_ask_answer(c, k, WAIT_CLIENT_RESULT);
	} else {
		core_after(c, effect, k->number);
	}
}

/* --- judging --- */

static void
finish_task(struct core *c, struct core_call *k)
{
	struct core_run *r = core_run_find(c, k->run);
	struct err e = { 0 };

	if (tools_check_args(k->tool, k->args, &e) ||
	    roles_check_result(r->type, k->args, &e)) {
		if (++r->bad_results >= BAD_RESULTS_MAX ||
		    r->type->brain == BRAIN_RUNBOOK) {
			core_run_fail(
			    c, r, "schema_validation", "resolvable", e.text);
			return;
		}
		core_call_refuse(c, k, "input", STR(CORE_BAD_RESULT),
		    arena_printf(&k->arena, "the result is not of its type: %s",
		        e.text));
		return;
	}
	core_call_decide(c, k, "allow", STR("builtin.finish"), STR(""));
	append(c, k, BOOK_CALL_STARTED, STR(""), STR(""));
	core_call_settle(c, k, "ok", k->args);
	core_run_complete(c, r, k->args);
}

/* Of a role that does not load there is none, whatever the task may call. */
static struct str
unknown_tool(struct core_call *k, const struct core_run *r)
{
	auto_buf names = { 0 };

	if (r->role->closed[0]) {
		return arena_printf(&k->arena,
		    "the role %s is closed: no tool of it can be called until "
		    "its files load; `handrail role list` says what is wrong",
		    r->role->name);
	}
	for (size_t i = 0; i < r->granted.count; i++) {
		buf_addf(&names, STR_FMT ", ", STR_ARG(r->granted.at[i]));
	}
	return arena_printf(&k->arena,
	    "there is no tool %s for this task; it has: " STR_FMT "finish",
	    err_quote(k->name), STR_ARG(buf_str(&names)));
}

/* As long as the vault looks, the grant may end: it is looked for once more. */
static void
grant_checked(struct core *c, struct core_mac *job, enum core_mac_end end)
{
	struct core_call *k = core_call_find(c, job->number);
	struct core_run *r = k ? core_run_find(c, k->run) : NULL;
	const struct wait_grant *grant;

	if (end != CORE_MAC_GOOD) {
		core_standing_refuse(c, job->id);
	}
	if (!r || r->phase != RUN_ACTING || r->settled) {
		return;
	}
	if (!digest_eq(k->judged_by, r->role->policy_digest)) {
		core_call_judge(c, k); /* the role was read anew meanwhile */
		return;
	}
	grant = core_standing_find(c, k);
	if (grant && end == CORE_MAC_GOOD && str_eq_z(job->id, grant->id)) {
		core_call_decide(
		    c, k, "allow", str_of(grant->id), k->decision.rule);
		core_call_start(c, k);
	} else {
		core_call_ask_person(c, k, WAIT_APPROVAL);
	}
}

void
core_call_judge(struct core *c, struct core_call *k)
{
	struct core_run *r = core_run_find(c, k->run);
	struct policy_call call = {
		.identity = str_of(r->role->identity),
		.tool = k->name,
		.action = k->tool->action,
		.args = k->args,
	};
	const struct wait_grant *grant = NULL;
	const struct wait_item *w;
	struct err e = { 0 };

	if (tools_check_args(k->tool, k->args, &e) ||
	    tools_expand(&k->arena, k->tool, k->args, &k->plan, &e)) {
		core_call_refuse(c, k,
		    e.kind == ERR_DENIED ? "denied" : "input", STR("schema"),
		    arena_str(&k->arena, str_of(e.text)));
		return;
	}
	k->judged_by = r->role->policy_digest;
	policy_call(&k->arena, r->role->policy, &call, &k->decision);
	switch (k->decision.verdict) {
	case POLICY_DENY:
		core_call_refuse(
		    c, k, "denied", k->decision.rule, k->decision.text);
		return;
	case POLICY_ASK:
	case POLICY_ALLOW:
		break;
	}
	if ((w = core_call_denied_before(c, k))) {
		core_call_refuse(c, k, "denied", w->gate,
		    arena_printf(&k->arena,
		        "denied by " STR_FMT ": " STR_FMT
		        "; the same call stays denied for this run",
		        STR_ARG(w->by),
		        STR_ARG(w->reason.len ? w->reason
		                              : STR("no reason given"))));
		return;
	}
	if (k->decision.verdict == POLICY_ASK &&
	    tools_request_for(&r->role->catalogue, k->name)) {
		core_requested_judge(c, k);
		return;
	}
	if (k->decision.verdict == POLICY_ASK) {
		policy_ask_bind(&call, &k->decision.ask);
		grant = core_standing_find(c, k);
		if (grant) {
			core_standing_check(c, grant, grant_checked, k->number);
		} else {
			core_call_ask_person(c, k, WAIT_APPROVAL);
		}
		return;
	}
	core_call_decide(c, k, "allow", k->decision.rule, STR(""));
	core_call_start(c, k);
}

/* The policy of today decides anew; what it allows now without a person was
 * asked about when this call was made, and is not done behind that. */
void
core_call_ask_again(struct core *c, struct core_call *k)
{
	struct core_run *r = core_run_find(c, k->run);
	struct policy_call call = {
		.identity = str_of(r->role->identity),
		.tool = k->name,
		.action = k->tool->action,
		.args = k->args,
	};

	policy_call(&k->arena, r->role->policy, &call, &k->decision);
	if (k->decision.verdict == POLICY_ASK) {
		policy_ask_bind(&call, &k->decision.ask);
		core_call_ask_person(c, k, WAIT_APPROVAL);
	} else if (k->decision.verdict == POLICY_DENY) {
		core_call_refuse(
		    c, k, "denied", k->decision.rule, k->decision.text);
	} else {
		core_run_fail(c, r, "approval_refused", "resolvable",
		    "its approval was not believed, and no gate asks any more: "
		    "dispatch it again");
	}
}

static void
go_on(struct core *c, struct core_call *k, const struct session_call *s)
{
	struct core_run *r = core_run_find(c, k->run);

	if (!digest_eq(s->args, k->args_digest) ||
	    !str_eq_z(k->name, s->tool)) {
		core_run_fail(c, r, "agent_diverged", "requires_escalation",
		    "asked again, the agent named another call");
		return;
	}
	switch (s->state) {
	case SESSION_CALL_NONE:
		core_call_judge(c, k);
		return;
	case SESSION_CALL_DECIDED:
		core_call_start(c, k);
		return;
	case SESSION_CALL_APPROVED:
		core_call_use_approval(c, k, s);
		return;
	case SESSION_CALL_DENIED:
		core_call_settle_denied(c, k, s);
		return;
	case SESSION_CALL_ASKED:
		core_run_fail(c, r, "approval_lost", "resolvable",
		    "the run went on before a person had decided");
		return;
	case SESSION_CALL_STARTED:
		core_call_started_before(c, k);
		return;
	case SESSION_CALL_SETTLED:
		break; /* replayed already: an agent that asks again diverged */
	}
	core_run_fail(c, r, "agent_diverged", "requires_escalation",
	    "the agent asked again for a call that it has the result of");
}

static int
read_args(struct core_call *k, struct str text, struct err *e)
{
	static const struct json_limits limits = {
		.bytes = CORE_ARGS_MAX,
		.depth = 32,
		.nodes = 20000,
	};
	struct json *tree;
	auto_buf canonical = { 0 };

	if (!text.len) {
		return err_set(e, ERR_LIMIT, "the arguments are over %d bytes",
		    CORE_ARGS_MAX);
	}
	if (json_parse(
	        &k->arena, arena_str(&k->arena, text), &limits, &tree, e)) {
		return -1;
	}
	if (tree->type != JSON_OBJECT) {
		return err_set(
		    e, ERR_INPUT, "the arguments must be a JSON object");
	}
	k->args = tree;
	json_canonical(&canonical, tree);
	k->args_digest = digest_of(buf_str(&canonical));
	return 0;
}

void
core_call_asked(struct core *c, struct core_run *r, uint32_t ordinal,
    struct str tool, struct str args)
{
	struct core_call *k = calloc(1, sizeof(*k));
	const struct session_call *s = core_call_known(c, r, ordinal);
	struct err e = { 0 };

	must(k);
	k->number = core_number(c);
	k->run = r->number;
	k->ordinal = ordinal;
	k->begun = loop_now(c->part.loop);
	k->name = arena_str(&k->arena, tool);
	k->next = c->calls;
	c->calls = k;
	r->call = k->number;
	r->busy = ordinal;
	k->args_digest = digest_of(args);
	if (str_eq_z(tool, "finish")) {
		k->tool = r->finish;
	} else if (names_have(&r->granted, tool)) {
		k->tool = tools_find(&r->role->catalogue, tool);
	}
	bool wrong = read_args(k, args, &e) != 0;

	if (s && s->state != SESSION_CALL_NONE && k->tool && !wrong) {
		go_on(c, k, s);
	} else if (s && s->state != SESSION_CALL_NONE) {
		core_run_fail(c, r, "agent_diverged", "requires_escalation",
		    "asked again, the agent named another call, or one that "
		    "is no more");
	} else if (!k->tool) {
		core_call_refuse(
		    c, k, "unknown_tool", STR("catalogue"), unknown_tool(k, r));
	} else if (wrong) {
		core_call_refuse(c, k, "input", STR("schema"),
		    arena_str(&k->arena, str_of(e.text)));
	} else if (k->tool == r->finish) {
		finish_task(c, k);
	} else {
		core_call_judge(c, k);
	}
}
