/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call that a person decides: the run parks before anything started, the
 * approval binds to the effect and is used once, in one batch with the start.
 */
#include <string.h>

#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_run.h"

static struct wait_subject
subject_of(const struct core_run *r, const struct core_call *k)
{
	return (struct wait_subject){
		.identity = str_of(r->role->identity),
		.tool = k->name,
		.contract = k->tool->contract,
		.args = k->args_digest,
		.run = str_of(r->run_text),
		.call = k->ordinal,
		.workspace = r->workspace,
	};
}

static void
put_wait(struct core *c, struct core_run *r, struct core_call *k)
{
	const struct policy_ask *ask = &k->decision.ask;
	bool unknown = k->wait == WAIT_UNKNOWN_OUTCOME;
	uint8_t random[WAIT_ID_RANDOM];
	struct wait_step step = { 0 };
	struct err e = { 0 };
	struct str surfaces[POLICY_SURFACES];
	struct wait_put put = {
		.kind = k->wait,
		.subject = subject_of(r, k),
		.asker = str_of(r->role->identity),
		.gate = k->decision.rule,
		.hint = unknown ? STR("started, and its end was not seen")
		                : ask->hint,
		.hint_cut = ask->hint_cut,
		.brief = unknown ? STR("") : ask->brief,
		.brief_cut = ask->brief_cut,
		.people = unknown ? 1 : ask->people,
		.named = ask->named,
		.named_count = ask->named_count,
		.surfaces = surfaces,
		.surface_count = unknown ? 2 : ask->surface_count,
		.now = wall_now(),
		.asked_by = ask->digest,
		.named_args = ask->named_args,
		.expires_us = unknown ? INT64_C(30) * 24 * 3600 * CLOCK_SECOND
		                      : ask->expires_us,
	};

	for (uint32_t i = 0; i < put.surface_count; i++) {
		surfaces[i] = str_of(
		    policy_surface_name(unknown ? (i ? POLICY_WEB : POLICY_CLI)
		                                : ask->surfaces[i]));
	}
	random_bytes(random, sizeof(random));
	if (wait_put(c->waits, &k->arena, &put, random, &step, &e)) {
		r->phase = RUN_OPENING;
		core_run_fail(
		    c, r, "approval_refused", "requires_escalation", e.text);
		return;
	}
	if (!step.duplicate) {
		(void)core_wait_step(c, BOOK_WAIT_PUT, step.id, step.body, r);
	}
	core_run_park(c, r);
}

void
core_call_park(struct core *c, struct core_run *r)
{
	struct core_call *k = core_call_find(c, r->call);

	must(k);
	if (k->wait == WAIT_APPROVAL && !core_call_known(c, r, k->ordinal)) {
		core_call_decide(c, k, "ask", k->decision.rule, STR(""));
	}
	put_wait(c, r, k);
	core_expiry_arm(c);
	core_call_free(c, k);
}

/* The three of the run end first: the workspace must have no writer when it
 * is digested and shown. */
void
core_call_ask_person(struct core *c, struct core_call *k, enum wait_kind kind)
{
	k->wait = kind;
	k->parking = true;
	core_run_close(c, core_run_find(c, k->run), THEN_PARK);
}

void
core_call_dropped(struct core *c, struct core_run *r)
{
	struct core_call *k = core_call_find(c, r->call);

	if (k && (!k->parking || r->then != THEN_PARK)) {
		core_call_free(c, k);
	}
}

void
core_call_use_approval(
    struct core *c, struct core_call *k, const struct session_call *s)
{
	struct core_run *r = core_run_find(c, k->run);
	struct wait_subject subject = subject_of(r, k);
	struct wait_consume use = {
		.id = str_of(s->wait),
		.digest = wait_digest(&subject),
		.now = wall_now(),
	};
	struct wait_step step = { 0 };
	struct err e = { 0 };

	if (wait_consume(c->waits, &k->arena, &use, &step, &e)) {
		core_run_fail(c, r, "approval_refused", "resolvable", e.text);
		return;
	}
	/* One transaction with the start: an approval is used for exactly one.
	 */
	(void)core_wait_step(c, BOOK_WAIT_ENDED, use.id, step.body, r);
	core_call_start(c, k);
}

const struct wait_item *
core_call_denied_before(struct core *c, const struct core_call *k)
{
	const struct core_run *r = core_run_find(c, k->run);
	const struct session_run *view =
	    session_index_find(c->sessions, r->run);
	struct wait_subject subject = subject_of(r, k);
	struct digest effect = wait_effect(&subject);

	for (uint32_t i = 0; view && i < view->call_count; i++) {
		const struct wait_item *w =
		    wait_find(c->waits, str_of(view->calls[i].wait));

		if (w && w->state == WAIT_DENIED &&
		    digest_eq(w->effect, effect)) {
			return w;
		}
	}
	return NULL;
}

void
core_call_settle_denied(
    struct core *c, struct core_call *k, const struct session_call *s)
{
	const struct wait_item *w = wait_find(c->waits, str_of(s->wait));
	struct str why =
	    w && w->reason.len ? w->reason : STR("no reason given");
	struct str by = w && w->by.len ? w->by : STR("the policy");

	if (w && w->state == WAIT_EXPIRED) {
		core_run_block(c, core_run_find(c, k->run), "approval_expired",
		    "nobody decided in time");
		return;
	}
	core_call_settle_error(c, k, "denied", "denied",
	    arena_printf(&k->arena, "denied by " STR_FMT ": " STR_FMT,
	        STR_ARG(by), STR_ARG(why)));
}

static const struct wait_item *
find_unknown(struct core *c, const struct core_run *r, uint32_t ordinal)
{
	const struct wait_item *w;
	const struct wait_item *found = NULL;

	for (size_t i = 0; (w = wait_at(c->waits, i)); i++) {
		if (w->kind == WAIT_UNKNOWN_OUTCOME && w->call == ordinal &&
		    str_eq_z(w->run, r->run_text)) {
			found = w;
		}
	}
	return found;
}

/* It may have happened: nothing that cannot be repeated is repeated. */
void
core_call_started_before(struct core *c, struct core_call *k)
{
	const struct wait_item *w =
	    find_unknown(c, core_run_find(c, k->run), k->ordinal);

	if (k->tool->idempotent) {
		core_call_start(c, k);
	} else if (w &&
	           (w->state == WAIT_APPROVED || w->state == WAIT_DENIED)) {
		bool happened = w->state == WAIT_APPROVED;

		core_call_settle_error(c, k, happened ? "ok" : "failed",
		    happened ? "happened" : "did_not_happen",
		    arena_printf(&k->arena,
		        "a person (" STR_FMT ") says that it %s",
		        STR_ARG(w->by),
		        happened ? "happened" : "did not happen"));
	} else {
		core_call_ask_person(c, k, WAIT_UNKNOWN_OUTCOME);
	}
}
