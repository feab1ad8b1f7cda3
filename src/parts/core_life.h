/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_LIFE_H
#define PARTS_CORE_LIFE_H

/* A chapter of core.h, which includes it: the life of a claimed task. */

struct core_operator;

enum core_run_phase {
	RUN_OPENING, /* workspace, agent */
	RUN_ACTING,
	RUN_CLOSING, /* agent and cell are ending; `then` says what for */
	RUN_PARKED,  /* no process */
};
enum core_run_then { THEN_PARK, THEN_AGAIN, THEN_END, THEN_STOP };

/* NOLINTNEXTLINE(*.Padding): what belongs together stands so */
struct core_run {
	struct core_run *next;
	uint64_t number;
	struct book_id run;
	struct book_id task;
	char run_text[ID_TEXT];
	char task_text[ID_TEXT];
	struct core_role *role;
	const struct task_type *type;
	const struct tool *finish;
	struct arena arena;
	const struct json *record; /* the task as it was put */
	struct grant ceiling;      /* of a task that another one made */
	struct names granted;      /* tools */
	uint32_t epoch;
	uint64_t claim; /* number of its newest */
	uint32_t slot;
	bool has_slot;
	enum core_run_phase phase;
	enum core_run_then then;
	int work_fd;
	struct digest workspace; /* when parked or resumed; else zero */
	uint64_t agent;          /* 0: none */
	struct wire_peer *agent_peer;
	bool agent_ending;
	uint64_t cell;          /* 0: none */
	uint32_t busy;          /* ordinal of the call under way, 0: none */
	uint64_t call;          /* its number in core_call.c */
	uint32_t model_turn;    /* asked and not answered, 0: none */
	uint32_t model_replied; /* the last turn that the book has a reply of */
	struct buf reply;       /* the event that waits for its commit */
	uint32_t deaths;        /* since a call was settled */
	char died_of[WIRE_TEXT_MAX]; /* the last time */
	bool cell_was_lost;          /* the next result says so */
	bool forked;                 /* and that its workspace is empty */
	struct core *core;
	uint32_t owner; /* 1 + the slot whose id has the workspace; 0: none */
	bool working;   /* sandbox does something with the workspace */
	bool settled;   /* its outcome is appended: nothing else may be */
	bool resting;   /* after a death: core_death.c */
	uint32_t bad_results;
	struct mono begun;
	struct loop_timer wall;
	struct loop_timer rest;
};

void core_claim(struct core *c); /* takes what can be taken */
/* core_wait.c: one timer for whatever becomes due in the queue. */
void core_due_arm(struct core *c);
/* A record could not be read: claims a second from now, and so do workers, who
 * do not before that. */
void core_claim_later(struct core *c);
struct core_run *core_run_find(struct core *c, uint64_t number);
struct core_run *core_run_of_task(struct core *c, struct str task);
struct core_run *core_run_by_id(struct core *c, struct book_id run);
void core_run_recover(struct core *c);
/* One outcome: appended with everything that goes with it. */
void core_run_complete(
    struct core *c, struct core_run *r, const struct json *result);
void core_run_fail(struct core *c, struct core_run *r, const char *error_type,
    const char *class, const char *message);
void core_run_block(struct core *c, struct core_run *r, const char *error_type,
    const char *message);
struct core_failure {
	const char *error_type;
	const char *class; /* resolvable, unresolvable, requires_escalation */
	const char *message;
};
/* As a result says it; skill: what may mend it, or "". */
struct json *core_failure_json(
    struct arena *a, const struct core_failure *f, struct str skill);
void core_run_close(
    struct core *c, struct core_run *r, enum core_run_then then);
void core_run_cell_ended(
    struct core *c, struct core_run *r, const char *why, bool full);
void core_agent_send_result(
    struct core_run *r, uint32_t ordinal, struct str settled);
/* core_work.c: workspaces of ended runs go, also those of an earlier house. */
void core_work_drop(struct core *c, struct str run);
void core_work_sweep(struct core *c);
int core_run_cancel(struct core *c, struct str task,
    const struct core_operator *who, struct err *e) MUST_CHECK;
void core_runs_drain(struct core *c);
void core_sandbox_up(struct core *c);
extern const struct wire_handler core_agent_handlers[];
extern const size_t core_agent_handler_count;

#endif
