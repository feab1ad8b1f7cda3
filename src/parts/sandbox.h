/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_SANDBOX_H
#define PARTS_SANDBOX_H

/*
 * The parent of every cell and agent and of the egress zygote.  It executes
 * core's typed plans and reads nothing that a cell could have written but the
 * fixed notes of its pid 1 (src/cell/DESIGN).
 *
 *     argv    --libexec DIR --uid-base N --slots N --seen FILE
 *
 * It starts `DIR/egress --mode zygote --uid-base N --slots N` with one channel
 * as fd 3.  A cell ends whole: its processes, mounts and limits, then its
 * egress; CELL_ENDED is sent when the last of them is gone.
 */

#include "cell/cell.h"
#include "parts/part.h"

#define SANDBOX_MAKE_US  (10 * CLOCK_SECOND) /* until CELL_MADE */
#define SANDBOX_START_US (60 * CLOCK_SECOND) /* a big workspace is checked */
#define SANDBOX_LAST_US  (2 * CLOCK_SECOND)  /* for an egress, to end */
#define SANDBOX_REAP_US  (5 * 1000LL)
#define SANDBOX_REAPS    400
#define SANDBOX_CHECKS   5 /* of /usr, where the helper was ended */

enum cell_phase {
	PHASE_MAKING, /* namespaces, fence, egress */
	PHASE_MADE,
	PHASE_STARTING,
	PHASE_READY,
	PHASE_ENDING,
};

struct sandbox_cell {
	struct sandbox_cell *next;
	struct sandbox *sandbox;
	struct cell *cell;
	uint64_t number;
	uint32_t slot;
	enum cell_phase phase;
	bool fenced;
	bool asked_egress; /* no answer yet */
	int core_end;      /* core's channel to its egress, until CELL_MADE */
	int egress;        /* pidfd; -1: none */
	bool egress_gone;
	int work;             /* its workspace, until it is measured; -1 */
	uint64_t workspace;   /* bytes that it may hold; 0: not measured */
	struct cell *watcher; /* measures it */
	struct loop_io watching;
	bool full;
	unsigned reaps;
	struct loop_io notes;
	struct loop_io death;
	struct loop_io egress_death;
	struct loop_timer limit;
	char why[WIRE_TEXT_MAX];
};

struct sandbox_agent {
	struct sandbox_agent *next;
	struct sandbox *sandbox;
	struct cell *cell;
	uint64_t number;
	int channel; /* core's end until it has it */
	bool started;
	bool asked; /* its end */
	struct loop_io notes;
	struct loop_io death;
	char why[WIRE_TEXT_MAX];
};

struct sandbox_work {
	struct sandbox_work *next;
	struct sandbox *sandbox;
	struct cell *cell;
	uint64_t id;
	bool check; /* our own: nobody hears of it unless it fails */
	struct loop_io notes;
};

struct sandbox {
	struct part_self part;
	struct cell_host *host;
	struct wire_peer *zygote;
	pid_t zygote_pid;
	struct sandbox_cell *cells;
	struct sandbox_agent *agents;
	struct sandbox_work *works;
	unsigned checks; /* of /usr, that were ended before their word */
	int seen; /* what was in order there the last time; -1: nothing */
	char unsafe[WIRE_TEXT_MAX]; /* what cells share holds a door: why */
};

void sandbox_text(char field[WIRE_TEXT_MAX], const char *text);

/* sandbox_cell.c */
wire_take_fn sandbox_cell_make;
wire_take_fn sandbox_cell_start;
wire_take_fn sandbox_cell_exec;
wire_take_fn sandbox_cell_end;
struct sandbox_cell *sandbox_cell_find(struct sandbox *s, uint64_t number);
/* From any phase; the first reason is kept, NULL: it was asked for. */
void sandbox_cell_stop(struct sandbox_cell *c, const char *why);
void sandbox_cell_made(struct sandbox_cell *c);

/* sandbox_egress.c */
int sandbox_zygote_start(struct sandbox *s, const char *libexec, uint64_t base,
    uint64_t slots, int *channel, struct err *e) MUST_CHECK;
int sandbox_zygote_join(
    struct sandbox *s, int channel, struct err *e) MUST_CHECK;
void sandbox_egress_ask(
    struct sandbox_cell *c, const struct cell_event *fenced);
void sandbox_egress_kill(struct sandbox_cell *c);
/* It says what it has answered and goes; who does not in time is killed. */
void sandbox_egress_end(struct sandbox_cell *c);

/* sandbox_agent.c: agents and workspace helpers */
wire_take_fn sandbox_agent_start;
wire_take_fn sandbox_agent_end;
wire_take_fn sandbox_work_ask;
/* Looks through what all cells share, in the background, once. */
void sandbox_check(struct sandbox *s);

#endif
