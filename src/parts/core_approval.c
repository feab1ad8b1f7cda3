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
	const struct tool *t = k->pair ? k->pair : k->tool;

	return (struct wait_subject){
		.identity = str_of(r->role->identity),
		.tool = t->name,
		.contract = t->contract,
		.args = k->args_digest,
		.run = str_of(r->run_text),
		/* Of two phases: whichever call of it comes. */
		.call = k->pair || k->resuming ? 0 : k->ordinal,
		.workspace = r->workspace,
	};
}

/* Where no gate says how: a person of the house, here or on the web. */
static void
fill_plain(struct wait_put *put, struct str surfaces[])
{
	put->people = 1;
	put->expires_us = INT64_C(30) * 24 * 3600 * CLOCK_SECOND;
	surfaces[0] = str_of(policy_surface_name(POLICY_CLI));
	surfaces[1] = str_of(policy_surface_name(POLICY_WEB));
	put->surface_count = 2;
}

/* As the gates say.  A permission file has an id that nobody can know before
 * it is asked about. */
void
core_ask_fill(struct arena *a, const struct policy_ask *ask,
    struct str file_name, struct wait_put *put, struct str surfaces[])
{
	uint8_t id[16];
	char text[2 * sizeof(id) + 1];

	put->hint = ask->hint;
	put->hint_cut = ask->hint_cut;
	put->brief = ask->brief;
	put->brief_cut = ask->brief_cut;
	put->people = ask->people;
	put->named = ask->named;
	put->named_count = ask->named_count;
	put->remind_us = ask->remind_us;
	put->escalate_us = ask->escalate_us;
	put->escalate_to = ask->escalate_to;
	put->escalate_for = ask->escalate_for;
	put->expires_us = ask->expires_us;
	put->surface_count = ask->surface_count;
	for (uint32_t i = 0; i < ask->surface_count; i++) {
		surfaces[i] = str_of(policy_surface_name(ask->surfaces[i]));
		if (ask->surfaces[i] == POLICY_FILE) {
			random_bytes(id, sizeof(id));
			hex_text(id, sizeof(id), text);
			put->file = arena_str(a, str_of(text));
			put->file_name =
			    wait_file_name_ok(file_name) ? file_name : STR("");
		}
	}
}

/* The same call may be allowed for a while (core_grant_standing.c). */
static void
fill_gates(struct core_call *k, struct wait_put *put, struct str surfaces[])
{
	const struct policy_ask *ask = &k->decision.ask;
	struct str name = STR("");

	(void)json_text(k->args, "name", &name);
	core_ask_fill(&k->arena, ask, name, put, surfaces);
	put->asked_by = ask->digest;
	put->named_args = ask->named_args;
}

static void
put_wait(struct core *c, struct core_run *r, struct core_call *k)
{
	uint8_t random[WAIT_ID_RANDOM];
	struct wait_step step = { 0 };
	struct err e = { 0 };
	struct str surfaces[POLICY_SURFACES];
	struct str options[WAIT_OPTIONS_MAX];
	struct wait_put put = {
		.kind = k->wait,
		.subject = subject_of(r, k),
		.asker = str_of(r->role->identity),
		.gate = k->decision.rule,
		.surfaces = surfaces,
		.now = wall_now(),
	};

	fill_plain(&put, surfaces);
	if (k->wait == WAIT_APPROVAL) {
		fill_gates(k, &put, surfaces);
	} else if (k->wait == WAIT_UNKNOWN_OUTCOME) {
		put.hint = STR("started, and its end was not seen");
	} else {
		core_question_fill(k, &put, options);
	}
	random_bytes(random, sizeof(random));
	if (wait_put(c->waits, &k->arena, &put, random, &step, &e)) {
		if (k->pair) {
			core_request_settle(c, r, k, STR(""), &e);
			return;
		}
		r->phase = RUN_OPENING;
		core_run_fail(
		    c, r, "approval_refused", "requires_escalation", e.text);
		return;
	}
	if (!step.duplicate) {
		(void)core_wait_step(c, BOOK_WAIT_PUT, step.id, step.body, r);
		core_wait_files_put(c, wait_find(c->waits, step.id));
	}
	if (k->pair) {
		core_request_settle(c, r, k, step.id, NULL);
	} else {
		core_run_park(c, r);
	}
}

/* Nothing waits for this run: it only had to stand still. */
void
core_run_pause(struct core *c, struct core_run *r)
{
	core_run_park(c, r);
	core_run_wake_task(c, str_of(r->task_text));
}

void
core_call_park(struct core *c, struct core_run *r)
{
	struct core_call *k = core_call_find(c, r->call);

	must(k);
	const struct session_call *s = core_call_known(c, r, k->ordinal);

	/* Approved, and not believed: it is asked about anew. */
	if (k->wait == WAIT_APPROVAL && !k->pair && !k->resuming &&
	    (!s || s->state == SESSION_CALL_NONE ||
	        s->state == SESSION_CALL_APPROVED)) {
		core_call_decide(c, k, "ask", k->decision.rule, STR(""));
	}
	if (k->resuming) {
		core_run_pause(c, r);
	} else {
		put_wait(c, r, k);
	}
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

/* --- what was decided --- */

/* The call that a check was about, if it still waits for it. */
static struct core_call *
checked(struct core *c, const struct core_mac *job)
{
	struct core_call *k = core_call_find(c, job->number);
	struct core_run *r = k ? core_run_find(c, k->run) : NULL;

	return r && r->phase == RUN_ACTING && !r->settled ? k : NULL;
}

/* A word in the book that the vault has not sealed: it was put there, or
 * changed.  It is on record, and nobody has said anything. */
void
core_word_refuse(struct core *c, const struct core_mac *job)
{
	auto_arena a = { 0 };
	struct wait_step step = { 0 };
	struct err e = { 0 };

	if (wait_refuse(c->waits, &a, job->id, wall_now(), &step, &e)) {
		log_err("wait", &e);
		return;
	}
	(void)core_wait_step(
	    c, BOOK_DECISION_REFUSED, step.id, step.body, NULL);
	log_line(LOG_ERROR, "wait",
	    "the decision about " STR_FMT " is not one that this house's vault "
	    "has sealed: it does not count, a person is asked again; look at "
	    "`handrail audit verify`",
	    STR_ARG(step.id));
}

static void
approval_checked(struct core *c, struct core_mac *job, enum core_mac_end end)
{
	struct core_call *k = checked(c, job);
	struct core_run *r = k ? core_run_find(c, k->run) : NULL;
	struct wait_step step = { 0 };
	struct err e = { 0 };

	if (!k) {
		return;
	}
	if (end != CORE_MAC_GOOD) {
		core_word_refuse(c, job);
		k->resuming = false;
		core_call_ask_again(c, k);
		return;
	}
	struct wait_subject subject = subject_of(r, k);
	struct wait_consume use = {
		.id = job->id,
		.digest = wait_digest(&subject),
		.now = wall_now(),
	};

	if (wait_consume(c->waits, &k->arena, &use, &step, &e)) {
		if (k->resuming) {
			core_call_refuse(c, k, "changed", STR("contract"),
			    arena_printf(&k->arena,
			        "error: %s; request it again", e.text));
			return;
		}
		core_run_fail(c, r, "approval_refused", "resolvable", e.text);
		return;
	}
	/* One transaction with the start: an approval is used for exactly one.
	 */
	(void)core_wait_step(c, BOOK_WAIT_ENDED, use.id, step.body, r);
	core_call_start(c, k);
}

void
core_call_use_approval(
    struct core *c, struct core_call *k, const struct session_call *s)
{
	const struct wait_item *w = wait_find(c->waits, str_of(s->wait));

	k->resuming = w && w->call == 0;
	if (w && w->state == WAIT_APPROVED) {
		core_mac_check(c, w, approval_checked, k->number);
	} else if (w && w->state == WAIT_REFUSED) {
		core_call_ask_again(c, k);
	} else {
		core_run_fail(c, core_run_find(c, k->run), "approval_refused",
		    "resolvable",
		    w ? "the approval is not there to be used"
		      : "the approval cannot be read");
	}
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

static void
settle_no(struct core *c, struct core_call *k, const struct wait_item *w)
{
	struct str why =
	    w && w->reason.len ? w->reason : STR("no reason given");
	struct str by = w && w->by.len ? w->by : STR("the policy");

	core_call_settle_error(c, k, "denied", "denied",
	    arena_printf(&k->arena, "denied by " STR_FMT ": " STR_FMT,
	        STR_ARG(by), STR_ARG(why)));
}

/* A no that nobody said is on record as such, and is a no all the same. */
static void
denial_checked(struct core *c, struct core_mac *job, enum core_mac_end end)
{
	struct core_call *k = checked(c, job);

	if (k && end == CORE_MAC_GOOD) {
		settle_no(c, k, wait_find(c->waits, job->id));
	} else if (k) {
		core_word_refuse(c, job);
		core_call_settle_error(c, k, "denied", "denied",
		    STR("the book holds a no that this house's vault has not "
		        "sealed; ask again"));
	}
}

void
core_call_settle_denied(
    struct core *c, struct core_call *k, const struct session_call *s)
{
	const struct wait_item *w = wait_find(c->waits, str_of(s->wait));

	if (w && w->state == WAIT_EXPIRED) {
		core_run_block(c, core_run_find(c, k->run), "approval_expired",
		    "nobody decided in time");
	} else if (w && w->state == WAIT_DENIED) {
		core_mac_check(c, w, denial_checked, k->number);
	} else {
		settle_no(c, k, w);
	}
}

/* --- answers about a call that are no leave --- */

/* The newest that still counts. */
static const struct wait_item *
find_answer(struct core *c, const struct core_run *r, enum wait_kind kind,
    uint32_t ordinal)
{
	struct wait_mark m;
	uint32_t at = 0;

	while (wait_of_run(c->waits, str_of(r->run_text), &at, &m)) {
		const struct wait_item *w =
		    m.kind == kind ? wait_find(c->waits, str_of(m.id)) : NULL;

		if (w && w->call == ordinal && w->state != WAIT_REFUSED &&
		    w->state != WAIT_CANCELLED) {
			return w;
		}
	}
	return NULL;
}

static void
settle_unknown(struct core *c, struct core_call *k, const struct wait_item *w)
{
	bool happened = w->state == WAIT_APPROVED;

	core_call_settle_error(c, k, happened ? "ok" : "failed",
	    happened ? "happened" : "did_not_happen",
	    arena_printf(&k->arena, "a person (" STR_FMT ") says that it %s",
	        STR_ARG(w->by), happened ? "happened" : "did not happen"));
}

static void
answer_checked(struct core *c, struct core_mac *job, enum core_mac_end end)
{
	struct core_call *k = checked(c, job);
	const struct wait_item *w = k ? wait_find(c->waits, job->id) : NULL;

	if (!k) {
		return;
	}
	if (end != CORE_MAC_GOOD || !w) {
		enum wait_kind kind = w ? w->kind : WAIT_UNKNOWN_OUTCOME;

		core_word_refuse(c, job);
		core_call_ask_person(c, k, kind);
		return;
	}
	if (w->kind == WAIT_UNKNOWN_OUTCOME) {
		settle_unknown(c, k, w);
	} else {
		core_call_answered(c, k, w);
	}
}

void
core_call_ask_answer(struct core *c, struct core_call *k, enum wait_kind kind)
{
	struct core_run *r = core_run_find(c, k->run);
	const struct wait_item *w = find_answer(c, r, kind, k->ordinal);

	if (w && (w->state == WAIT_APPROVED || w->state == WAIT_DENIED)) {
		core_mac_check(c, w, answer_checked, k->number);
	} else if (w && w->state == WAIT_EXPIRED &&
	           kind != WAIT_UNKNOWN_OUTCOME) {
		core_call_settle_error(
		    c, k, "failed", "timeout", STR("nobody answered in time"));
	} else {
		core_call_ask_person(c, k, kind);
	}
}

/* It may have happened: nothing that cannot be repeated is repeated. */
void
core_call_started_before(struct core *c, struct core_call *k)
{
	if (k->tool->kind == TOOL_REQUEST) {
		core_request_start(c, k); /* it asks nobody twice */
	} else if (k->tool->kind == TOOL_QUESTION) {
		core_call_ask_answer(c, k, WAIT_QUESTION);
	} else if (k->tool->kind == TOOL_CLIENT) {
		core_call_ask_answer(c, k, WAIT_CLIENT_RESULT);
	} else if (k->tool->idempotent) {
		core_call_start(c, k);
	} else if (find_answer(c, core_run_find(c, k->run),
	               WAIT_UNKNOWN_OUTCOME, k->ordinal) ||
	           !core_call_confirm(c, k)) {
		core_call_ask_answer(c, k, WAIT_UNKNOWN_OUTCOME);
	}
}
