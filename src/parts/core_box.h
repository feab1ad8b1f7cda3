/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_BOX_H
#define PARTS_CORE_BOX_H

/* A chapter of core.h, which includes it: sandboxes and what runs in them. */

enum core_cell_phase { CELL_MAKING, CELL_STARTING, CELL_READY, CELL_ENDING };

struct core_exec;

#define CORE_CAS_GIVEN 8  /* CAs that its egress is known to have */
#define CORE_TAKEN_MAX 16 /* credentials it has tokens of its own of */

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
	/* Of these, by id, the vault has tokens that only this cell may use. */
	char taken[CORE_TAKEN_MAX][WIRE_CREDENTIAL_MAX];
	struct core_exec *execs; /* waiting and running */
	struct loop_timer lease;
	struct loop *lease_loop;
	struct mono begun;
	/* core_denial.c */
	uint32_t denials; /* that may still be written now */
	struct mono denials_at;
	uint64_t unsaid;           /* that were only counted */
	char asks_as[ID_TEXT + 8]; /* of no run: whose waits are these; or "" */
	struct wire_shown
	    *shown;       /* of the next intent; or NULL (core_shown.c) */
	uint32_t intents; /* of it, not refused and not ended */
	struct digest cas[CORE_CAS_GIVEN]; /* core_ca.c */
	uint32_t ca_next;
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
/* The one of `owner` (1 + slot; 0: none) if it is free, else another. */
int core_slot_take(struct core *c, uint32_t owner, uint32_t *slot);
void core_slot_give(struct core *c, uint32_t slot);

#endif
