/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

/*
 * One run, as a pure state machine over its events: core tells the task, then
 * every event so far, then the agent asks for one thing at a time.  No clock,
 * no randomness, no descriptor: the same events give the same asks with the
 * same numbers, so that a run goes on where the book says it was.
 *
 * Two brains: `runbook` (a fixed list of calls) and `model` (chat completions).
 * DESIGN has the task's form, the states and what every failure becomes.
 */

#include "base/base.h"

#define AGENT_BEGIN_MAX  (8U << 20)   /* bytes of the task as core tells it */
#define AGENT_RESULT_MAX (16U << 20)  /* bytes of a call's result */
#define AGENT_REPLY_MAX  (8U << 20)   /* bytes of a model's reply */
#define AGENT_ARGS_MAX   (256U << 10) /* bytes of a call's arguments */
#define AGENT_TOOL_MAX   64           /* bytes of a tool's name and its NUL */

enum agent_want {
	AGENT_CALL,  /* call `tool` with the body as its arguments */
	AGENT_MODEL, /* send the body to the model */
	AGENT_DONE,  /* the run is over: the body is {error_type, message} */
	AGENT_REST,  /* finished: core ends the run by itself */
};

enum agent_end { AGENT_FAIL, AGENT_BLOCK };

/* What it waits for now; stands until an event answers it. */
struct agent_ask {
	enum agent_want want;
	uint32_t number;    /* ordinal of a call, turn of a model */
	enum agent_end end; /* of AGENT_DONE */
	int64_t wait_us;    /* not before: the back-off of a repetition */
	const char *tool;   /* of AGENT_CALL */
};

enum agent_call_end { AGENT_CALL_OK, AGENT_CALL_FAILED, AGENT_CALL_DENIED };

struct agent_call_event {
	uint32_t ordinal;
	enum agent_call_end end;
	struct str tool;
	struct str body; /* JSON */
};

struct agent_model_event {
	uint32_t turn;
	bool ok;            /* an answer came; else kind and text say why not */
	uint32_t status;    /* HTTP */
	enum err_kind kind; /* when not ok */
	struct str text;
	struct str body;
};

struct agent;

/* `begin` is copied.  ERR_INPUT or ERR_LIMIT: not the form of DESIGN. */
int agent_new(struct str begin, struct agent **out, struct err *e) MUST_CHECK;
void agent_free(struct agent *a); /* NULL is nothing */

struct agent_ask agent_asks(const struct agent *a);
/* The bytes that go with it, always JSON; nothing for AGENT_REST. */
void agent_write_body(const struct agent *a, struct buf *out);

/*
 * An event, replayed or new.  One that does not answer what the agent asks
 * (another number, another tool) means that the agent of before and this one
 * differ: it gives up with `agent_diverged`.  -1 (ERR_INPUT, ERR_LIMIT) only
 * for bytes that core never sends; the agent is then not used again.
 */
int agent_take_call(struct agent *a, const struct agent_call_event *event,
    struct err *e) MUST_CHECK;
int agent_take_model(struct agent *a, const struct agent_model_event *event,
    struct err *e) MUST_CHECK;

#endif
