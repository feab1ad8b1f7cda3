/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a claimed task: claim → workspace → agent → acting → outcome.
 * A run that waits for a person is parked: no process, its workspace without
 * a writer.  Whatever dies (agent, cell, egress), the three end together and
 * the run begins again under a new epoch, from the book.
 */
#include "parts/core_run.h"
#include "parts/core_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts/core.h"
#include "parts/core_egress.h"
#include "parts/crash.h"

struct core_run *
core_run_find(struct core *c, uint64_t number)
{
	for (struct core_run *r = number ? c->runs : NULL; r; r = r->next) {
		if (r->number == number) {
			return r;
		}
	}
	return NULL;
}

struct core_run *
core_run_of_task(struct core *c, struct str task)
{
	for (struct core_run *r = c->runs; r; r = r->next) {
		if (str_eq_z(task, r->task_text)) {
			return r;
		}
	}
	return NULL;
}

struct core_run *
core_run_by_id(struct core *c, struct book_id run)
{
	for (struct core_run *r = c->runs; r; r = r->next) {
		if (book_id_eq(r->run, run)) {
			return r;
		}
	}
	return NULL;
}

void
core_run_free(struct core *c, struct core_run *r)
{
	for (struct core_run **at = &c->runs; *at; at = &(*at)->next) {
		if (*at == r) {
			*at = r->next;
			break;
		}
	}
	loop_timer_cancel(&r->wall);
	loop_timer_cancel(&r->rest);
	if (r->has_slot) {
		core_slot_give(c, r->slot);
	}
	if (r->work_fd >= 0) {
		(void)close(r->work_fd);
	}
	wire_peer_free(r->agent_peer);
	buf_fini(&r->reply);
	arena_fini(&r->arena);
	free(r);
}

/* --- making a run of a task --- */

static struct core_run *
new_run(struct core *c, struct core_role *role, struct str task)
{
	struct core_run *r = calloc(1, sizeof(*r));

	must(r);
	r->number = core_number(c);
	r->role = role;
	r->work_fd = -1;
	must(str_copy(r->task_text, sizeof(r->task_text), task));
	must(book_id_parse(task, &r->task));
	r->next = c->runs;
	c->runs = r;
	return r;
}

static void begin(struct core *c, uint64_t claim);
static void make_cell(struct core *c, struct core_run *r);

static void
run_started(struct core *c, struct core_run *r)
{
	auto_buf body = { 0 };
	struct json_out o;

	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "task", r->task_text);
	json_out_str(&o, "type", r->type ? r->type->name : STR(""));
	core_run_origin(c, r, &o);
	json_out_end(&o, '}');
	struct core_event event = {
		.kind = BOOK_RUN_STARTED,
		.run = r,
		.body = buf_str(&body),
	};

	(void)core_append(c, &event);
	core_row(c, "run", str_of(r->run_text), str_of(r->task_text), 1);
}

/* It was ended and is tried again, and the run of before has processes still,
 * or its slot: when they are gone, core_claim comes again. */
static bool
is_leaving(struct core *c, const struct queue_task *t)
{
	const struct core_run *r = core_run_of_task(c, t->id);

	return r && (r->phase != RUN_PARKED || r->settled || r->has_slot);
}

/* The one that it had, if that is free: its files need not be given to another
 * id, which would stamp each of them, and the digest would read each again. */
static int
take_slot(struct core *c, const struct queue_task *t, uint32_t *slot)
{
	const struct core_run *r = core_run_of_task(c, t->id);

	return core_slot_take(c, r ? r->owner : 0, slot);
}

static bool
owns_workspace(const struct core_run *r)
{
	return r->owner == r->slot + 1;
}

/* One claim; false: there is nothing (more) to claim in this role. */
static bool
claim_one(struct core *c, struct core_role *role)
{
	auto_arena a = { 0 };
	struct queue_claim claim = {
		.queue = str_of(role->name),
		.owner = str_of(role->identity),
		.incarnation = c->book.incarnation,
		.now = wall_now(),
	};
	const struct queue_task *t =
	    queue_next(c->queue, claim.queue, claim.owner);
	struct queue_step step = { 0 };
	auto_needed needed = { 0 };
	struct err e = { 0 };
	uint32_t slot;

	if (!t || is_leaving(c, t) || take_slot(c, t, &slot)) {
		return false;
	}
	if (!core_claim_read(c, t->id, &needed) ||
	    queue_claim(c->queue, &a, &claim, &step, &e)) {
		core_slot_give(c, slot);
		return false;
	}
	struct core_run *r = core_run_of_task(c, step.id);

	if (r) {
		must(r->phase == RUN_PARKED && !r->has_slot);
	} else {
		r = new_run(c, role, step.id);
	}
	r->slot = slot;
	r->has_slot = true;
	r->epoch = step.epoch;
	r->phase = RUN_OPENING;
	r->begun = loop_now(c->part.loop);
	bool earlier = r->run_text[0] ? true : core_claim_earlier(c, r);

	r->cell_was_lost = earlier;
	r->role = role; /* as it is in force now */
	int unloaded = core_claim_load(c, r, &needed, &e);

	core_queue_step(c, &step, r);
	if (!earlier) {
		run_started(c, r);
		core_run_history(c, r, &needed.history);
	}
	if (r->settled) {
		return true;
	}
	if (unloaded) {
		core_run_fail(
		    c, r, "schema_validation", "requires_escalation", e.text);
		return true;
	}
	r->claim = core_number(c);
	core_after(c, begin, r->claim);
	if (owns_workspace(r)) {
		make_cell(c, r); /* its head is of this batch */
	}
	return true;
}

static bool
can_run(const struct core *c)
{
	return c->ready && !c->draining && c->sandbox && c->vault_ready &&
	       c->egress && !c->book.stalled[0];
}

void
core_claim(struct core *c)
{
	core_worker_offer_later(c);
	for (size_t i = 0; i < c->house.role_count; i++) {
		struct core_role *role = &c->house.roles[i];

		while (can_run(c) && !role->closed[0] && !role->role->outside &&
		       !core_stop_role(c, role->name) && claim_one(c, role)) {
		}
	}
}

/* --- opening: workspace, then agent and cell --- */

static int
open_workspace(struct core *c, struct core_run *r, struct err *e)
{
	auto_buf path = { 0 };

	buf_addf(&path, "%s/work", r->run_text);
	if ((mkdirat(c->runs_fd, r->run_text, 0711) && errno != EEXIST) ||
	    (mkdirat(c->runs_fd, buf_z(&path), 0700) && errno != EEXIST)) {
		return err_sys(
		    e, "cannot make the workspace runs/%s", buf_z(&path));
	}
	r->work_fd = openat(c->runs_fd, buf_z(&path),
	    O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return r->work_fd < 0 ? err_sys(e, "cannot open the workspace runs/%s",
	                            buf_z(&path))
	                      : 0;
}

static void
ask_work(struct core *c, struct core_run *r, enum wire_work work)
{
	struct wire_work_ask ask = {
		.id = r->number,
		.work = work,
		.slot = r->slot,
	};
	int fd = fcntl(r->work_fd, F_DUPFD_CLOEXEC, 3);

	must(fd >= 0);
	r->working = true;
	wire_send(c->sandbox, WIRE_WORK_ASK, &ask, &fd, 1);
}

static void
make_cell(struct core *c, struct core_run *r)
{
	if (!core_run_fresh_next(c, r)) {
		(void)core_run_cell(c, r, STR(""));
	}
}

/* The workspace is its slot's: the digest, if a person has decided about that,
 * and meanwhile agent and cell, which write nothing before the go. */
static void
start(struct core *c, struct core_run *r)
{
	struct wire_agent_start agent = {
		.agent = core_number(c),
		.slot = r->slot,
	};

	if (core_run_decided(c, r)) {
		ask_work(c, r, WIRE_WORK_DIGEST);
	}
	r->agent = agent.agent;
	wire_send(c->sandbox, WIRE_AGENT_START, &agent, NULL, 0);
	make_cell(c, r);
}

/* A claim that was given back and made anew before it was on the disk, is not
 * begun: the new one is, once that is there. */
static struct core_run *
claimed_by(struct core *c, uint64_t claim)
{
	struct core_run *r = c->runs;

	while (r && r->claim != claim) {
		r = r->next;
	}
	return r && r->phase == RUN_OPENING ? r : NULL;
}

static void
begin(struct core *c, uint64_t claim)
{
	struct core_run *r = claimed_by(c, claim);
	struct err e = { 0 };

	if (!r) {
		return;
	}
	crash_point(CRASH_CORE_RUN_BEGIN);
	r->core = c;
	if (r->work_fd < 0 && open_workspace(c, r, &e)) {
		core_run_fail(c, r, "workspace", "resolvable", e.text);
		return;
	}
	if (core_run_budget(c, r, &e)) {
		log_err("budget", &e);
		core_run_died(c, r, e.text);
		return;
	}
	if (owns_workspace(r)) {
		start(c, r);
	} else {
		r->owner = 0; /* a walk that is cut short leaves two */
		ask_work(c, r, WIRE_WORK_OWN);
	}
}

/* The cell of this run for this tool; an older one of another kind ends first.
 * NULL: not yet, core_run_cell_ended calls again. */
struct core_cell *
core_run_cell(struct core *c, struct core_run *r, struct str only_tool)
{
	struct core_cell *cell = core_cell_find(c, r->cell);

	if (cell && cell->phase != CELL_ENDING &&
	    str_eq_z(only_tool, cell->only_tool)) {
		return cell;
	}
	if (cell) {
		core_cell_end(c, cell);
		return NULL;
	}
	struct core_cell_plan plan = {
		.role = r->role,
		.slot = r->slot,
		.run = r->number,
		.epoch = r->epoch,
		.only_tool = only_tool,
	};

	cell = core_cell_make(c, &plan);
	r->cell = cell->number;
	return cell;
}

void
core_work_done(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_work_done *done = record;
	struct core_run *r = core_run_find(c, done->id);

	(void)peer;
	(void)fds;
	(void)nfds;
	if (core_work_dropped(c, done->id) || !r) {
		return;
	}
	r->working = false;
	if (r->settled && r->phase != RUN_CLOSING) {
		return; /* end_run comes */
	}
	if (r->phase == RUN_CLOSING && (r->then != THEN_PARK || r->settled)) {
		core_run_left(c, r); /* cancelled or stopped meanwhile */
		return;
	}
	if (!done->ok && !r->settled) {
		r->phase = RUN_OPENING; /* nothing of it stands */
		core_run_fail(c, r, "workspace", "resolvable",
		    wire_text_ok(done->text, sizeof(done->text))
		        ? done->text
		        : "the workspace cannot be used");
		return;
	}
	if (r->phase == RUN_CLOSING) {
		memcpy(r->workspace.bytes, done->digest, DIGEST_SIZE);
		core_call_park(c, r);
	} else if (r->phase == RUN_OPENING && !owns_workspace(r)) {
		r->owner = r->slot + 1;
		start(c, r);
	} else if (r->phase == RUN_OPENING) {
		memcpy(r->workspace.bytes, done->digest, DIGEST_SIZE);
		core_agent_go(r);
	}
}

/* --- closing --- */

static void
leave_slot(struct core *c, struct core_run *r)
{
	r->phase = RUN_PARKED;
	core_slot_give(c, r->slot);
	r->has_slot = false;
}

static void
closed(struct core *c, struct core_run *r)
{
	core_call_dropped(c, r);
	wire_peer_free(r->agent_peer);
	r->agent_peer = NULL;
	loop_timer_cancel(&r->wall);
	r->model_turn = 0;
	buf_fini(&r->reply);
	core_run_requests_gone(c, r);
	if (r->settled && r->then < THEN_END) {
		/* Its outcome is not on the disk yet; then end_run comes. */
		leave_slot(c, r);
		return;
	}
	switch (r->then) {
	case THEN_PARK:
		ask_work(c, r, WIRE_WORK_DIGEST);
		return;
	case THEN_AGAIN:
		if (!core_run_spent(c, r)) {
			leave_slot(c, r);
			core_run_again(c, r);
		}
		return;
	case THEN_STOP:
		leave_slot(c, r); /* the next house claims it, or who resumes */
		core_drained(c);
		core_claim(c);
		return;
	case THEN_END:
		break;
	}
	core_work_drop(c, str_of(r->run_text));
	core_run_free(c, r);
	core_drained(c);
	core_claim(c);
}

void
core_run_left(struct core *c, struct core_run *r)
{
	if (r->phase == RUN_CLOSING && !r->agent && !r->cell && !r->working &&
	    !r->resting) {
		closed(c, r);
	}
}

void
core_run_close(struct core *c, struct core_run *r, enum core_run_then then)
{
	struct core_cell *cell = core_cell_find(c, r->cell);

	if (r->phase == RUN_CLOSING) {
		r->then = then > r->then ? then : r->then;
		return;
	}
	r->phase = RUN_CLOSING;
	r->then = then;
	core_call_dropped(c, r);
	if (cell) {
		core_cell_end(c, cell);
	} else {
		r->cell = 0;
	}
	if (r->agent && !r->agent_ending) {
		struct wire_agent_end end = { .agent = r->agent };

		r->agent_ending = true;
		wire_send(c->sandbox, WIRE_AGENT_END, &end, NULL, 0);
	}
	core_run_left(c, r);
}

void
core_run_cell_ended(
    struct core *c, struct core_run *r, const char *why, bool full)
{
	r->cell = 0;
	if (r->phase == RUN_CLOSING) {
		core_run_left(c, r);
		return;
	}
	if (full && !r->settled) { /* another cell would end of it again */
		core_run_fail(c, r, "workspace_full", "resolvable", why);
		return;
	}
	if (why[0]) { /* nobody asked for it */
		log_line(
		    LOG_WARN, "cell", "of run %s ended: %s", r->run_text, why);
		core_run_died(c, r, why);
		return;
	}
	core_call_cell_ended(c, r);
}
