/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_H
#define PARTS_CORE_H

/*
 * Core: the book, the queue, the runs, the gates, the decisions.  It has no
 * network, no clear secret and no hostile parser but json and schema within
 * bounds.  It starts every effect, after it is written down:
 *
 *   judge a command → append its events → commit (once a loop turn) → effects
 *
 * core_append only adds to the batch of this turn; core_after queues what may
 * happen once that batch is on the disk.  Nothing else may send an effect.
 * Objects are named across a commit or a record by number, never by pointer:
 * they may be gone when the answer comes.
 */

#include "book/book.h"
#include "parts/part.h"
#include "policy/policy.h"
#include "queue/queue.h"
#include "roles/roles.h"
#include "session/session.h"
#include "store/store.h"
#include "tools/tools.h"
#include "wait/wait.h"

enum core_limits {
	CORE_ARGS_MAX = 256 * 1024,       /* bytes of a call's arguments */
	CORE_RESULT_MAX = 1024 * 1024,    /* bytes of a result */
	CORE_MODEL_MAX = 8 * 1024 * 1024, /* bytes of a model body */
	CORE_API_BODY_MAX = 3 * 1024 * 1024,
	CORE_DEATHS_MAX =
	    5, /* of agent or cell without a settled call between */
	CORE_CA_MAX = 1024 * 1024, /* bytes of a CA bundle */
	CORE_GRANT_US = 20 * 1000000,
	CORE_LEASE_US = 30 * 1000000, /* egress closes everything after it */
};

struct core;
struct core_run;
struct core_cell;

typedef void core_effect_fn(struct core *c, uint64_t number);

/* --- core_book.c: the batch and its commit ------------------------------- */

struct core_event {
	enum book_kind kind;
	const char *identity;
	struct str rule;
	const struct core_run *run; /* fills run, task, epoch, role digests */
	struct book_id task;        /* where there is no such object */
	struct book_id run_id;
	uint32_t call;
	struct digest policy;
	struct digest contract;
	struct str body; /* empty: none */
};

/* The next head of the book; its seq.  Views (session, tree) follow at once. */
uint64_t core_append(struct core *c, const struct core_event *event);
/* After the batch is committed, in order. */
void core_after(struct core *c, core_effect_fn *fn, uint64_t number);
/* A row to be written in the same transaction. */
void core_row(struct core *c, const char *space, struct str key,
    struct str value, uint64_t version);
void core_task_row(struct core *c, const struct queue_task *t);
/* Events of the queue and of waits: appended and applied. */
void core_queue_step(
    struct core *c, const struct queue_step *step, const struct core_run *run);
/* `run` and `call` as the wait itself says, the run may have no object now. */
uint64_t core_wait_step(struct core *c, enum book_kind kind, struct str id,
    struct str body, const struct core_run *run);
int core_book_open(struct core *c, const char *path, struct err *e) MUST_CHECK;
/* Rebuilds every view from the log. */
int core_book_replay(struct core *c, struct err *e) MUST_CHECK;
/* Why the disk does not take the batch; empty when all is well. */
const char *core_stalled(const struct core *c);
void core_book_close(struct core *c); /* commits what there is */

struct core_pending; /* an effect waiting for the commit */
struct core_write;   /* a head, body or row of the batch */

struct core_book {
	char path[4096];
	struct store *store;
	struct book_tree tree;
	uint64_t seq;
	uint32_t incarnation;
	struct core_write *writes, *writes_last;
	struct core_pending *pending, *pending_last;
	bool hooked;
	struct loop_timer again;
	char stalled[900];
	uint64_t commits;
	uint64_t commit_us;
};

/* --- core_house.c: what the operator wrote -------------------------------- */

struct core_role {
	char name[IDENTITY_PART];
	char identity[IDENTITY_TEXT];
	char mailbox[IDENTITY_TEXT];
	struct identity who;
	const struct role *role;
	const struct policy *policy;
	struct digest policy_digest;
	struct catalogue catalogue;
	struct names seen; /* tools that this identity may see */
	char closed[400];  /* why, or empty */
};

struct core_operator {
	char name[64];
	uint32_t uid;
	struct digest token;
};

struct core_house {
	struct arena
	    arena; /* never shrinks: runs hold what a reload replaced */
	struct config config;
	struct identity home;
	struct core_role *roles;
	size_t role_count;
	struct core_operator *operators;
	size_t operator_count;
};

int core_house_load(struct core *c, bool first, struct err *e) MUST_CHECK;
struct core_role *core_role_find(struct core *c, struct str any_form);
/* A call of it gets a cell of its own: its contract says so, or an egress rule
 * exists only for it. */
bool core_tool_fresh(const struct core_role *r, const struct tool *t);

/* --- core_vault.c: sealed rows ----------------------------------------------
 */

struct core_credential {
	struct core_credential *next;
	char name[WIRE_CREDENTIAL_MAX];
	char hosts[512];
	uint32_t version;
	uint32_t kind;
	bool archived;
	struct buf row;
};

const struct core_credential *core_credential_find(
    const struct core *c, struct str name);
void core_vault_ready(struct core *c);
int core_vault_load(struct core *c, struct err *e) MUST_CHECK;

/* --- core_cell.c: sandboxes and what runs in them ----------------------------
 */

enum core_cell_phase { CELL_MAKING, CELL_STARTING, CELL_READY, CELL_ENDING };

struct core_exec;

struct core_cell {
	struct core_cell *next;
	uint64_t number;
	uint64_t run; /* number of the run, 0: an operator's sandbox */
	uint64_t api; /* request of an operator's sandbox */
	struct core_role *role;
	uint32_t slot;
	uint32_t epoch;
	enum core_cell_phase phase;
	char only_tool[64]; /* the call this cell exists for, or empty */
	struct core *core;
	struct wire_peer *egress;
	bool asked; /* the sandbox knows of it */
	bool lost;  /* its egress ended, and nobody had asked for it */
	struct core_exec *execs; /* waiting and running */
	struct loop_timer lease;
	struct loop *lease_loop;
	struct mono begun;
};

struct core_exec_result {
	enum wire_exec_end end;
	int code;
	struct buf out;
	struct buf err;
	bool truncated;
	const char *text; /* of WIRE_NOT_STARTED */
	bool lost;        /* its sandbox ended: what it did is not known */
};

/* Called once; result is the callee's to read until it returns. */
typedef void core_exec_done_fn(
    struct core *c, uint64_t number, const struct core_exec_result *result);
/* Output as it comes (operator's sandbox); NULL: collected up to the limit. */
typedef void core_exec_data_fn(
    struct core *c, uint64_t number, int stream, struct str data);

struct core_exec_plan {
	const struct str *argv;
	size_t argc;
	const struct tool_env *env;
	size_t env_count;
	struct str folder;
	struct str input;
	int64_t timeout;
	uint32_t limit;  /* bytes kept of each stream */
	uint64_t number; /* handed to the callbacks */
	core_exec_done_fn *done;
	core_exec_data_fn *data;
};

struct core_cell_plan {
	struct core_role *role;
	uint32_t slot;
	uint64_t run;
	uint64_t api;
	uint32_t epoch;
	struct str only_tool;
	int work_fd; /* borrowed */
};

struct core_cell *core_cell_make(
    struct core *c, const struct core_cell_plan *p);
struct core_cell *core_cell_find(struct core *c, uint64_t number);
void core_cell_exec(
    struct core *c, struct core_cell *cell, const struct core_exec_plan *plan);
/* core_run_cell_ended follows for the cell of a run. */
void core_cell_end(struct core *c, struct core_cell *cell);
/* A vault or resolver that was started again is given to every egress. */
void core_cells_attach(struct core *c, enum part part);
int core_slot_take(struct core *c, uint32_t *slot);
void core_slot_give(struct core *c, uint32_t slot);

/* --- core_run.c: the life of a claimed task ----------------------------------
 */

enum core_run_phase {
	RUN_OPENING, /* workspace, agent */
	RUN_ACTING,
	RUN_CLOSING, /* agent and cell are ending; `then` says what for */
	RUN_PARKED,  /* no process */
};
enum core_run_then { THEN_PARK, THEN_AGAIN, THEN_END, THEN_STOP };

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
	struct names granted;
	uint32_t epoch;
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
	uint32_t deaths;
	bool cell_was_lost; /* the next result says so */
	struct core *core;
	bool owned;   /* the workspace belongs to this slot's id */
	bool settled; /* its outcome is appended: nothing else may be */
	uint32_t bad_results;
	struct mono begun;
	struct loop_timer wall;
};

void core_claim(struct core *c); /* takes what can be taken */
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
void core_run_close(
    struct core *c, struct core_run *r, enum core_run_then then);
void core_run_cell_ended(struct core *c, struct core_run *r, const char *why);
void core_agent_send_result(
    struct core_run *r, uint32_t ordinal, struct str settled);
/* core_work.c: workspaces of ended runs go, also those of an earlier house. */
void core_work_drop(struct core *c, struct str run);
void core_work_sweep(struct core *c);
int core_run_cancel(struct core *c, struct str task, struct err *e) MUST_CHECK;
void core_runs_drain(struct core *c);
void core_sandbox_up(struct core *c);
extern const struct wire_handler core_agent_handlers[];
extern const size_t core_agent_handler_count;

/* --- core_call.c: a tool call
 * ------------------------------------------------- */

void core_call_asked(struct core *c, struct core_run *r, uint32_t ordinal,
    struct str tool, struct str args);
/* Agent and cell are gone, the workspace is digested: ask the person. */
void core_call_park(struct core *c, struct core_run *r);
void core_call_dropped(struct core *c, struct core_run *r);
/* A person's word; wakes the run when it settles the question. */
int core_wait_say(
    struct core *c, const struct wait_decide *say, struct err *e) MUST_CHECK;

/* --- core_egress.c: requests that leave
 * --------------------------------------- */

extern const struct wire_handler core_egress_handlers[];
extern const size_t core_egress_handler_count;

struct core_http {
	struct str rule; /* "model.default" or the egress rule */
	struct str method;
	struct str url;
	struct str headers; /* "Name: value\r\n" lines */
	struct str body;
	struct str credential; /* empty: none */
	enum wire_place place;
	struct str place_name;
	struct str format;
	struct str upstream; /* pin, or empty */
	struct str ca;       /* path, or empty */
	int64_t timeout;
	uint64_t answer_limit;
	const struct core_run *run;
	uint32_t call;
	uint64_t number; /* of whoever asks */
	void (*done)(struct core *c, uint64_t number,
	    const struct wire_http_done *head, struct str body);
};
/* Intent, commit, grant, do; `done` is called once, also for a refusal. */
void core_http_do(struct core *c, const struct core_http *h);
void core_egress_gone(struct core *c, struct core_cell *cell);
void core_own_egress_gone(struct core *c);
/* Core's own requests for this run: nobody is told how they end. */
void core_run_requests_gone(struct core *c, const struct core_run *r);
void core_vault_gone(struct core *c);
/* A URL as policy sees it, for core's own requests and for explain. */
struct core_place {
	struct names_host host;
	uint16_t port;
	bool tls;
	struct str path; /* canonical */
	struct str query;
	bool has_query;
};
int core_place_parse(struct arena *a, struct str url, struct core_place *out,
    struct err *e) MUST_CHECK;

/* --- core_api.c: what clients ask
 * ---------------------------------------------- */

extern const struct wire_handler core_api_handlers[];
extern const size_t core_api_handler_count;
/* The book has grown: whoever waits for events hears of it. */
void core_api_events(struct core *c);
/* The commit failed: whoever waits for it hears so now. */
void core_api_stalled(struct core *c);
void core_api_sandbox_ended(struct core *c, uint64_t api, const char *why);

/* ---------------------------------------------------------------------------------
 */

struct core_agent;
struct core_ask;
struct core_intent;
struct core_call;
struct core_drop;

struct core {
	struct part_self part;
	const char *config_file;
	const char *state;
	bool dev;
	bool ready;
	bool draining;
	int runs_fd;
	struct core_house house;
	struct core_book book;
	struct queue *queue;
	struct session_index *sessions;
	struct wait_list *waits;
	struct wire_peer *api, *vault, *resolver, *sandbox, *egress;
	bool vault_ready;
	struct wire_vault_hello vault_keys;
	struct core_credential *credentials;
	struct core_run *runs;
	struct core_cell *cells;
	struct core_intent *intents;
	struct core_call *calls;
	struct core_ask *asks;  /* of the api, waiting for something */
	struct core_ask *seals; /* of the vault, by id */
	struct core_drop *drops;
	uint8_t *slots;
	uint32_t slot_count;
	uint64_t number; /* the last one given out */
	struct loop_timer expiry;
	struct loop_signal signals[2];
	struct mono began;
};

uint64_t core_number(struct core *c);
/* Reads a body that came as a memfd; -1 with e. */
int core_body(int *fds, size_t nfds, size_t index, size_t limit,
    struct buf *out, struct err *e) MUST_CHECK;
int core_memfd(struct str body); /* sealed; must succeed */
/* Cuts a text to fit a record's field. */
void core_text(char *field, size_t size, const char *text);

#endif
