/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call that started and whose end nobody saw, where its contract names a read
 * that tells whether it happened (`confirm`).  The read is asked with the same
 * arguments, on record before and after: it did not happen, so the call starts
 * once more; it did, so the call settles; it cannot say, so a person does.  For
 * as long as it is asked the call under way is the read's: name, plan, limits.
 */
#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_cell.h"
#include "parts/core_run.h"

static void
append(struct core *c, const struct core_call *k, enum book_kind kind,
    const char *says, struct str why)
{
	const struct tool *read = k->tool;
	auto_buf body = { 0 };
	struct json_out o;
	struct core_event event = {
		.kind = kind,
		.run = core_run_find(c, k->run),
		.rule = read->name,
		.call = k->ordinal,
		.contract = read->contract,
	};

	core_text_keep_tool(c, read);
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_str(&o, "tool", k->asked->name);
	json_out_str(&o, "read", read->name);
	if (says) {
		json_out_z(&o, "says", says);
		json_out_str(&o, "why", why);
	}
	json_out_end(&o, '}');
	event.body = buf_str(&body);
	(void)core_append(c, &event);
}

/* --- what it says --- */

/* An approval is used up by one start, and what the read says is the cell's own
 * word: what a person allowed, or would be asked about now, starts again only
 * if a person says so. */
static bool
may_start(struct core *c, struct core_call *k)
{
	const struct core_run *r = core_run_find(c, k->run);
	const struct session_call *s = core_call_known(c, r, k->ordinal);
	struct policy_call call = {
		.identity = str_of(r->role->identity),
		.tool = k->name,
		.action = k->tool->action,
		.args = k->args,
	};

	policy_call(&k->arena, r->role->policy, &call, &k->decision);
	return s && !s->wait[0] && k->decision.verdict == POLICY_ALLOW;
}

static void
told(struct core *c, struct core_call *k, enum tool_said said, struct str why)
{
	static const char *const words[] = {
		[TOOL_SAYS_NOTHING] = "nothing",
		[TOOL_SAYS_HAPPENED] = "happened",
		[TOOL_SAYS_NOT] = "did_not_happen",
	};
	struct str read = k->name;

	append(c, k, BOOK_CALL_CONFIRM_TOLD, words[said], why);
	k->tool = k->asked;
	k->name = k->asked->name;
	k->asked = NULL;
	switch (said) {
	case TOOL_SAYS_HAPPENED:
		core_call_settle_error(c, k, "ok", "happened",
		    arena_printf(&k->arena,
		        STR_FMT " says that it happened; its result was lost",
		        STR_ARG(read)));
		return;
	case TOOL_SAYS_NOT:
		if (may_start(c, k)) {
			core_call_start(c, k);
			return;
		}
		break;
	case TOOL_SAYS_NOTHING:
		break;
	}
	core_call_ask_answer(c, k, WAIT_UNKNOWN_OUTCOME);
}

/* NULL: it is no more, or its run has ended or goes another way. */
static struct core_call *
still_asked(struct core *c, uint64_t number)
{
	struct core_call *k = core_call_find(c, number);
	struct core_run *r = k ? core_run_find(c, k->run) : NULL;

	return r && k->asked && r->phase == RUN_ACTING && !r->settled ? k
	                                                              : NULL;
}

static void
exec_said(
    struct core *c, uint64_t number, const struct core_exec_result *result)
{
	struct core_call *k = still_asked(c, number);
	struct json *value = NULL;
	struct err e = { 0 };
	bool failed = false;

	if (!k || result->lost) {
		return; /* asked and not told: it is asked again */
	}
	struct tool_exit x = {
		.status = result->end == WIRE_EXITED ? result->code : 128,
		.out = buf_str(&result->out),
		.err = buf_str(&result->err),
		.truncated = result->truncated,
	};

	if (tools_exec_result(&k->arena, k->tool, &x, &value, &failed, &e)) {
		told(c, k, TOOL_SAYS_NOTHING,
		    arena_str(&k->arena, str_of(e.text)));
		return;
	}
	told(c, k, tools_confirm_result(value, failed),
	    failed ? arena_printf(&k->arena, "it ended with %d", x.status)
	           : STR(""));
}

static void
http_said(struct core *c, uint64_t number, const struct wire_http_done *head,
    struct str body)
{
	struct core_call *k = still_asked(c, number);

	(void)body;
	if (!k) {
		return;
	}
	if (!head->ok) {
		told(c, k, TOOL_SAYS_NOTHING,
		    arena_str(&k->arena, str_of(head->text)));
		return;
	}
	told(c, k, tools_confirm_status(head->status),
	    arena_printf(&k->arena, "status %u", (unsigned)head->status));
}

/* --- asking --- */

static void
in_cell(struct core *c, struct core_call *k)
{
	struct core_cell *cell =
	    core_run_cell(c, core_run_find(c, k->run), STR(""));
	if (!cell) {
		told(c, k, TOOL_SAYS_NOTHING,
		    STR("the run has no cell for it now"));
		return;
	}
	core_call_exec(c, cell, k, exec_said);
}

static void
ask(struct core *c, uint64_t number)
{
	struct core_call *k = still_asked(c, number);

	if (k && k->tool->kind == TOOL_HTTP) {
		core_http_tool(c, k, http_said);
	} else if (k) {
		in_cell(c, k);
	}
}

/* It is an effect like any other: of a tool that this run was given and this
 * identity sees, and that no gate holds. */
static bool
may_ask(struct core *c, struct core_call *k, const struct tool *read)
{
	struct core_run *r = core_run_find(c, k->run);
	struct policy_call call = {
		.identity = str_of(r->role->identity),
		.args = k->args,
	};
	struct policy_call_decision d = { 0 };
	struct err e = { 0 };

	if (!read || !names_have(&r->granted, read->name) ||
	    !names_have(&r->role->seen, read->name) ||
	    core_tool_fresh(r->role, read)) {
		return false;
	}
	call.tool = read->name;
	call.action = read->action;
	policy_call(&k->arena, r->role->policy, &call, &d);
	return d.verdict == POLICY_ALLOW &&
	       tools_check_args(read, k->args, &e) == 0 &&
	       tools_expand(&k->arena, read, k->args, &k->plan, &e) == 0;
}

bool
core_call_confirm(struct core *c, struct core_call *k)
{
	const struct core_run *r = core_run_find(c, k->run);
	const struct tool *read =
	    k->tool->confirm.len
	        ? tools_find(&r->role->catalogue, k->tool->confirm)
	        : NULL;

	if (!may_ask(c, k, read)) {
		return false;
	}
	k->asked = k->tool;
	k->tool = read;
	k->name = read->name;
	append(c, k, BOOK_CALL_CONFIRM_ASKED, NULL, STR(""));
	core_after(c, ask, k->number);
	return true;
}
