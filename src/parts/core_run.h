/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_RUN_H
#define PARTS_CORE_RUN_H

/* What core_run.c, core_agent.c and core_call.c share about a run. */

#include "parts/core.h"

const struct task_type *core_task_type(
    const struct core_role *role, struct str name);
struct core_cell *core_run_cell(
    struct core *c, struct core_run *r, struct str only_tool);
void core_run_free(struct core *c, struct core_run *r);
/* core_death.c: its agent or cell has ended, and nobody asked for that: it goes
 * on with new ones, a few times.  Spent: it has failed instead. */
void core_run_died(struct core *c, struct core_run *r, const char *why);
bool core_run_spent(struct core *c, struct core_run *r);
void core_run_again(struct core *c, struct core_run *r);
/* One of those that act for it is gone: it is closed once all are. */
void core_run_left(struct core *c, struct core_run *r);
void core_run_park(struct core *c, struct core_run *r);
void core_run_pause(struct core *c, struct core_run *r); /* and goes on */
void core_run_wake_task(struct core *c, struct str task);
wire_take_fn core_work_done;
/* core_work.c: was that the answer to a drop? */
bool core_work_dropped(struct core *c, uint64_t number);
wire_take_fn core_agent_ended;

/* core_grant.c: what a run may, now: its ceiling out of its record, and its
 * tools; the ceiling of a task that it makes; a request that its own policy
 * allowed, put to those who made it. */
int core_grant_load(
    struct core *c, struct core_run *r, struct err *e) MUST_CHECK;
void core_grant_renew(struct core *c, struct core_run *r);
struct core_maker core_run_maker(const struct core_run *r);
int core_grant_child(struct core *c, const struct core_run *r, struct arena *a,
    struct grant *out, struct err *e) MUST_CHECK;
void core_grant_request(struct core *c, const struct core_run *r,
    struct arena *a, const struct policy_request *request,
    struct policy_request_decision *d);

/* core_budget.c: what earlier claims of this run used up, from the book, and
 * the timer over what is left of its wall-clock budget. */
int core_run_budget(
    struct core *c, struct core_run *r, struct err *e) MUST_CHECK;

/* core_fork.c: what a run's first head says besides: what it may, so that a
 * fork has no more, and of a fork its origin.  Then the history that it begins
 * with, in the same batch; a run that cannot have it fails. */
struct core_history {
	struct arena arena;
	bool is_fork; /* else: nothing besides */
	struct str origin;
	struct core_carried_event *first;
	struct err lost; /* why it cannot be had */
};
void core_history_read(
    struct core *c, struct str record, struct core_history *h);
void core_run_origin(struct core *c, struct core_run *r, struct json_out *o);
void core_run_history(
    struct core *c, struct core_run *r, const struct core_history *h);
/* The event that a carried head holds; its kind, or BOOK_KIND_NONE. */
enum book_kind core_carried(
    struct arena *a, struct str body, const struct json **event);

/* core_claim.c: what a claim needs of the store, read before anything of it is
 * written.  False: the store cannot be asked now.  Nothing is known of the
 * task, which is claimed once it is. */
struct core_needed {
	struct buf record;
	struct err unread; /* else why there is no record */
	struct core_history history;
};
bool core_claim_read(struct core *c, struct str task, struct core_needed *out);
void core_needed_fini(struct core_needed *n);
#define auto_needed \
	__attribute__((cleanup(core_needed_fini))) struct core_needed
int core_claim_load(struct core *c, struct core_run *r,
    const struct core_needed *needed, struct err *e) MUST_CHECK;
/* The run that the book knows for this task and has not ended; else a new id.
 */
bool core_claim_earlier(struct core *c, struct core_run *r);

/* core_agent.c */
wire_take_fn core_agent_started;
/* Once it has started and nobody works at its run's workspace any more. */
void core_agent_go(struct core_run *r);

/* core_call.c */
/* A person has decided about this run's call: the workspace must be digested
 * before anything can write to it. */
bool core_run_decided(struct core *c, const struct core_run *r);
/* The next call that will run is one for a fresh cell. */
bool core_run_fresh_next(struct core *c, const struct core_run *r);
void core_call_cell_ended(struct core *c, struct core_run *r);
void core_waits_cancel(struct core *c, struct str run);
void core_call_recover(struct core *c);

/* core.c: the house may close when nothing acts any more. */
void core_drained(struct core *c);

#endif
