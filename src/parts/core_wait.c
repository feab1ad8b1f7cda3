/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for people: what they say, what expires, what a run's end makes
 * needless.  A decision and the wake-up of its run are one batch.
 */
#include <string.h>

#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_dispatch.h"
#include "parts/core_run.h"
#include "parts/core_worker.h"

#define LOOK_US       CLOCK_MINUTE
#define READ_AGAIN_US CLOCK_SECOND

/* Of the call that it waits for; what is of no call (two phases, a request)
 * nobody waits for, and the run may be parked for another. */
static void
wake(struct core *c, const struct wait_item *w)
{
	struct book_id id;
	const struct session_run *view;
	char task[ID_TEXT];

	if (!w->call || !book_id_parse(w->run, &id)) {
		return;
	}
	view = session_index_find(c->sessions, id);
	if (view) {
		book_id_text(view->task, task);
		core_run_wake_task(c, str_of(task));
	}
}

/* Told again, told to another, or over: a head each. */
static void
due_wait(struct core *c, const struct wait_step *step)
{
	enum book_kind kind = BOOK_WAIT_DECIDED;
	bool again = strcmp(step->what, "reminded") == 0;

	if (again || strcmp(step->what, "escalated") == 0) {
		kind = again ? BOOK_WAIT_REMINDED : BOOK_WAIT_ESCALATED;
	}
	(void)core_wait_step(c, kind, step->id, step->body, NULL);
	const struct wait_item *w = wait_find(c->waits, step->id);

	must(w);
	if (kind == BOOK_WAIT_DECIDED && w->kind == WAIT_DECISION) {
		core_letter_expired(c, w);
	} else if (kind == BOOK_WAIT_DECIDED) {
		core_wait_files_over(c, w);
		wake(c, w);
	} else {
		core_wait_letter(c, w, !again);
		core_notify_wait(c, step->id);
	}
}

static void
expire(void *owner)
{
	struct core *c = owner;
	struct err e = { 0 };

	do {
		auto_arena a = { 0 };
		struct wait_step step = { 0 };
		bool told = e.kind == ERR_IO; /* one line for all of them */

		if (wait_due(c->waits, &a, wall_now(), &step, &e) == 0) {
			due_wait(c, &step);
		} else if (e.kind == ERR_IO && !told) {
			log_err("wait", &e);
		}
	} while (e.kind != ERR_MISSING);
	core_expiry_arm(c);
}

/* Timers are monotonic, and these moments are the wall's, which may jump: it is
 * looked at again before long. */
static void
arm_at(struct core *c, struct loop_timer *timer, struct wall at, loop_fn *fn)
{
	int64_t us = at.us - wall_now().us;

	us = us < 0 ? 0 : us;
	us = us < LOOK_US ? us : LOOK_US;
	loop_timer_arm(timer, c->part.loop,
	    mono_after(mono_now(), us + CLOCK_SECOND / 100), fn, c);
}

void
core_expiry_arm(struct core *c)
{
	struct wall at;

	loop_timer_cancel(&c->expiry);
	if (wait_next_due(c->waits, &at)) {
		arm_at(c, &c->expiry, at, expire);
	}
}

/* --- a person's word --- */

static void
tell(struct core *c, const struct core_mac *job, const struct err *e)
{
	const struct wait_item *w = e ? NULL : wait_find(c->waits, job->say.id);

	if (job->told) {
		job->told(c, job->number, w, e);
	} else if (e) {
		log_err("wait", e);
	}
}

/* Sealed.  Judged once more: another may have been first meanwhile. */
static void
said(struct core *c, struct core_mac *job, enum core_mac_end end)
{
	struct wait_step step = { 0 };
	struct err e = { 0 };

	if (end != CORE_MAC_GOOD) {
		(void)err_set(&e, ERR_UNAVAILABLE,
		    "the vault is away, so nothing is decided: say it again");
		tell(c, job, &e);
		return;
	}
	job->say.mac = job->record.mac[0];
	if (wait_decide(c->waits, &job->arena, &job->say, &step, &e)) {
		tell(c, job, &e);
		return;
	}
	(void)core_wait_step(c, BOOK_WAIT_DECIDED, step.id, step.body, NULL);
	if (job->lasts_us) {
		core_standing_make(c, job);
	}
	if (step.settled) {
		const struct wait_item *w = wait_find(c->waits, step.id);

		core_wait_files_over(c, w);
		wake(c, w);
		if (w->kind == WAIT_DECISION) {
			core_letter_decided(c, w);
		}
	}
	tell(c, job, NULL);
	if (step.settled) {
		core_claim(c); /* who waited goes on with the same commit */
	}
}

static struct core_mac *
job_of(const struct core_word *word)
{
	struct core_mac *job = core_mac_new();
	struct wait_decide *say = &job->say;

	*say = word->say;
	say->id = arena_str(&job->arena, say->id);
	say->principal = arena_str(&job->arena, say->principal);
	say->surface = arena_str(&job->arena, say->surface);
	say->reason = arena_str(&job->arena, say->reason);
	say->value = arena_str(&job->arena, say->value);
	job->lasts_us = word->lasts_us;
	job->number = word->number;
	job->told = word->told;
	job->done = said;
	random_bytes(job->random, sizeof(job->random));
	return job;
}

int
core_wait_say_to(struct core *c, const struct core_word *word, struct err *e)
{
	struct digest sealed;
	struct core_mac *job;

	if (wait_decision(c->waits, &word->say, &sealed, e)) {
		/* It may be over, and the timer has yet to see it. */
		expire(c);
		return -1;
	}
	if (!c->vault_ready) {
		return err_set(e, ERR_UNAVAILABLE,
		    "the vault is away, so nothing is decided: say it again");
	}
	job = job_of(word);
	core_mac_add(job, sealed, NULL);
	if (job->lasts_us) {
		core_mac_add(job, core_standing_sealed(c, job), NULL);
	}
	core_mac_send(c, job);
	return 0;
}

int
core_wait_say(struct core *c, const struct wait_decide *say, struct err *e)
{
	struct core_word word = { .say = *say };

	return core_wait_say_to(c, &word, e);
}

/* --- what becomes due --- */

static void
due(void *owner)
{
	struct core *c = owner;

	core_due_arm(c);
	core_claim(c);
}

void
core_due_arm(struct core *c)
{
	auto_arena a = { 0 };
	struct queue_step step = { 0 };
	struct wall at;

	queue_due(c->queue, &a, wall_now(), &step);
	at = queue_next_due(c->queue);
	loop_timer_cancel(&c->due);
	if (at.us) {
		arm_at(c, &c->due, at, due);
	}
}

static void
claim_again(void *owner)
{
	core_claim(owner);
	core_worker_offer(owner);
}

void
core_claim_later(struct core *c)
{
	loop_timer_arm(&c->claim_again, c->part.loop,
	    mono_after(loop_now(c->part.loop), READ_AGAIN_US), claim_again, c);
}

void
core_waits_cancel(struct core *c, struct str run)
{
	struct wait_mark m;
	uint32_t at = 0;

	while (wait_of_run(c->waits, run, &at, &m)) {
		auto_arena a = { 0 };
		struct wait_step step = { 0 };
		struct err e = { 0 };

		if (m.state == WAIT_OPEN &&
		    wait_cancel(c->waits, &a, str_of(m.id), wall_now(), &step,
		        &e) == 0) {
			(void)core_wait_step(
			    c, BOOK_WAIT_ENDED, str_of(m.id), step.body, NULL);
			core_wait_files_over(
			    c, wait_find(c->waits, str_of(m.id)));
		}
	}
	wait_run_over(c->waits, run);
}

void
core_call_recover(struct core *c)
{
	core_zones_recover(c);
	core_letters_recover(c);
	core_expiry_arm(c);
	core_due_arm(c);
}

/* A call of this run that a person has decided about and that has not gone on.
 */
static const struct session_call *
decided_call(struct core *c, const struct core_run *r)
{
	const struct session_run *view =
	    session_index_find(c->sessions, r->run);

	for (uint32_t i = 0; view && i < view->call_count; i++) {
		if (view->calls[i].state == SESSION_CALL_APPROVED) {
			return &view->calls[i];
		}
	}
	return NULL;
}

bool
core_run_decided(struct core *c, const struct core_run *r)
{
	return decided_call(c, r) != NULL;
}

bool
core_run_fresh_next(struct core *c, const struct core_run *r)
{
	const struct session_call *s = decided_call(c, r);
	const struct tool *t =
	    s ? tools_find(&r->role->catalogue, str_of(s->tool)) : NULL;

	return t && core_tool_fresh(r->role, t);
}
