/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_RECORDS_H
#define WIRE_RECORDS_H

/*
 * What parts say to each other.  Fixed size, no pointers, little-endian hosts
 * only; every char field is NUL-terminated text (the receiver checks with
 * wire_text_ok).  Bigger things ride along as descriptors, named in each
 * comment in their order; a "body" is always a sealed memfd.  Times are
 * CLOCK_MONOTONIC microseconds (one host, so all parts share that clock).
 * `cell` numbers are unique in the life of a house; 0 is core's own egress.
 */

#include "base/base.h"

#define WIRE_CREDENTIAL_MAX 64
#define WIRE_HOST_MAX       256
#define WIRE_SECRET_MAX     2048
#define WIRE_CLIENT_MAX     256 /* an OAuth client's id */
#define WIRE_ROW_MAX        2560
#define WIRE_PEM_MAX        2048
#define WIRE_TEXT_MAX       256
#define WIRE_CHALLENGE_MAX  512

struct wire_ready {
	int32_t pid;
	char text[WIRE_TEXT_MAX]; /* one line for the log; may be empty */
};

/* fds: [channel to that part].  Sent again after a part was restarted. */
struct wire_part_up {
	uint32_t part; /* enum wire_part */
	int32_t pid;
};

/* ---- api ---- */

#include "wire/records_api.h"

struct wire_api_gone {
	uint64_t id;
};

/* ---- buddy ---- */

#include "wire/records_buddy.h"

/* ---- vault ---- */

#include "wire/records_vault.h"

/* ---- resolver ---- */

struct wire_resolve {
	uint64_t id;
	char name[WIRE_HOST_MAX]; /* canonical */
};

#define WIRE_ADDRESSES_MAX 16

struct wire_address {
	uint8_t family; /* 4 or 6 */
	uint8_t bytes[16];
};

struct wire_resolved {
	uint64_t id;
	uint32_t ok;
	uint32_t count;
	struct wire_address addresses[WIRE_ADDRESSES_MAX];
	char text[WIRE_TEXT_MAX];
};

/* ---- sandbox ---- */

enum wire_cell_flags {
	WIRE_CELL_FENCE =
	    1, /* fenced network with an egress; else no network */
	WIRE_CELL_WORKSPACE = 2, /* a workspace descriptor is sent */
};

/* fds: [workspace folder] with WIRE_CELL_WORKSPACE.  Makes the namespaces, the
 * fence with its listeners, and the egress that gets them. */
struct wire_cell_make {
	uint64_t cell;
	uint32_t slot;      /* which of the node's ids this cell runs as */
	uint32_t flags;     /* enum wire_cell_flags */
	uint64_t memory;    /* bytes, 0 = default; of the whole cell */
	uint64_t file_size; /* bytes, 0 = default */
	uint64_t workspace; /* bytes, 0 = not measured */
	uint32_t processes; /* 0 = default */
	uint32_t files;     /* descriptors, 0 = default */
	char hostname[64];
};

/* fds: [core's end of the channel to that cell's egress] when ok and fenced. */
struct wire_cell_made {
	uint64_t cell;
	uint32_t ok;
	char text[WIRE_TEXT_MAX];
};

/* Sent after FENCE_UP: mounts, certificate bundle, narrowing, ready to exec. */
struct wire_cell_start {
	uint64_t cell;
	uint32_t ca_size; /* the cell's CA, PEM; 0 without a fence */
	char ca[WIRE_PEM_MAX];
};

struct wire_cell_started {
	uint64_t cell;
	uint32_t ok;
	char text[WIRE_TEXT_MAX];
};

/* fds: [plan, stdin, stdout, stderr]; plan is a sealed memfd: argc + envc
 * NUL-terminated strings; the three are pipes. */
struct wire_cell_exec {
	uint64_t cell;
	uint64_t exec;
	uint32_t argc;
	uint32_t envc;
	uint64_t timeout; /* us; the process group is killed after it */
	uint64_t own_ca;  /* 1: no tunnel, so no other CA answers it */
	char folder[256]; /* working directory inside the cell */
};

enum wire_exec_end {
	WIRE_EXITED = 1,    /* code is the exit status */
	WIRE_SIGNALLED = 2, /* code is the signal */
	WIRE_TIMED_OUT = 3,
	WIRE_NOT_STARTED = 4, /* text says why */
};

struct wire_cell_executed {
	uint64_t cell;
	uint64_t exec;
	uint32_t end; /* enum wire_exec_end */
	int32_t code;
	uint64_t cpu; /* us, user + system */
	char text[WIRE_TEXT_MAX];
};

struct wire_cell_end {
	uint64_t cell;
};

/* Everything of the cell is gone: processes, mounts, network, its egress. */
struct wire_cell_ended {
	uint64_t cell;
	uint64_t full;            /* its workspace holds more than it may */
	char text[WIRE_TEXT_MAX]; /* empty when it was asked for */
};

struct wire_agent_start {
	uint64_t agent; /* number, unique in the life of a house */
	uint32_t slot;
};

/* fds: [core's end of the channel to the agent] when ok. */
struct wire_agent_started {
	uint64_t agent;
	uint32_t ok;
	int32_t pid;
	char text[WIRE_TEXT_MAX];
};

struct wire_agent_end {
	uint64_t agent;
};

struct wire_agent_ended {
	uint64_t agent;
	char text[WIRE_TEXT_MAX];
};

enum wire_work {
	WIRE_WORK_OWN = 1, /* give the folder to the slot's id */
	WIRE_WORK_DIGEST =
	    2,              /* digest of the tree, by the slot's id, narrowed */
	WIRE_WORK_DROP = 3, /* remove the folder's contents */
};

/* fds: [folder]. */
struct wire_work_ask {
	uint64_t id;
	uint32_t work; /* enum wire_work */
	uint32_t slot;
};

struct wire_work_done {
	uint64_t id;
	uint32_t ok;
	uint8_t digest[32];
	char text[WIRE_TEXT_MAX];
};

/* fds: [tcp4, tcp6, udp4, udp6 listeners and the egress end of core's channel]
 * sent as two packets would race, so the channel comes as the fifth. */
struct wire_egress_fork {
	uint64_t cell;
	uint64_t cookie; /* SO_NETNS_COOKIE that the listeners must show */
	uint32_t slot;
};

/* fds: [pidfd of the new egress]. */
struct wire_egress_forked {
	uint64_t cell;
	uint32_t ok;
	int32_t pid;
	char text[WIRE_TEXT_MAX];
};

struct wire_egress_ended {
	uint64_t cell;
	char text[WIRE_TEXT_MAX];
};

/* ---- egress ---- */

#include "wire/records_egress.h"
#include "wire/records_shown.h"
#include "wire/records_together.h"

/* ---- agent ---- */

/* fds: [body]: JSON, see src/agent/DESIGN. */
struct wire_run_begin {
	uint64_t agent;
};

/* Every earlier event has been replayed; act from here. */
struct wire_run_go {
	uint64_t agent;
};

/* fds: [body]: a chat-completions request without url and credential. */
struct wire_model_ask {
	uint32_t
	    turn; /* 1, 2, …; the same turn asked again is the same request */
};

/* fds: [body] when ok. */
struct wire_model_reply {
	uint32_t turn;
	uint32_t ok;
	uint32_t status;
	uint32_t kind;
	char text[WIRE_TEXT_MAX];
};

/* fds: [arguments, JSON object]. */
struct wire_call_ask {
	uint32_t
	    ordinal; /* 1, 2, …; asked again after a restart: the same call */
	char tool[64];
};

enum wire_call_end {
	WIRE_CALL_OK = 1,     /* body is the result */
	WIRE_CALL_FAILED = 2, /* body is {error, message, …} */
	WIRE_CALL_DENIED = 3, /* the same; a policy or a person said no */
};

/* fds: [body]. */
struct wire_call_result {
	uint32_t ordinal;
	uint32_t end; /* enum wire_call_end */
	char tool[64];
};

enum wire_run_end {
	WIRE_RUN_COMPLETE = 1,
	WIRE_RUN_FAIL = 2,
	WIRE_RUN_BLOCK = 3
};

/* fds: [body]: the typed result, or {error_type, message, …}. */
struct wire_run_done {
	uint32_t end; /* enum wire_run_end */
};

#endif
