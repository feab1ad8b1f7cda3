/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_INSIDE_H
#define AGENT_INSIDE_H

/* Inside this room: the machine, and the acts of its brains. */

#include "agent/agent.h"
#include "json/json.h"

#define RUNBOOK_ATTEMPTS 3

enum state {
#define STATE(name, want) STATE_##name,
#include "agent/states.def"
#undef STATE
	STATE_COUNT,
};

enum input {
	INPUT_NOTHING,
#define INPUT(name) INPUT_##name,
#include "agent/inputs.def"
#undef INPUT
};

typedef enum input act_fn(struct agent *a);

/* What a runbook's step gave; its id is what references name. */
struct outcome {
	struct outcome *next;
	struct str id;
	const struct json *value;
};

struct runbook {
	const struct json *step; /* NULL: behind the last one */
	struct outcome *outcomes;
	uint32_t attempts; /* of this step */
};

struct agent {
	struct arena arena;
	const struct json *begin;
	enum state state;
	uint32_t ordinal; /* of the last call asked for */
	uint32_t turn;    /* of the last model request */
	char tool[AGENT_TOOL_MAX];
	struct buf args; /* of the call asked for */

	/* The event under judgement, for the acts. */
	const struct json *result;
	enum agent_call_end result_end;

	enum agent_end end;
	const char *error_type;
	struct buf message;

	struct runbook runbook;
};

/* machine.c */
void agent_give_up(struct agent *a, const char *error_type, const char *format,
    ...) __attribute__((format(printf, 3, 4)));
/* A result in one line, for the message of a failure. */
struct str agent_explain(struct arena *a, const struct json *result);
act_fn agent_diverged;

/* runbook.c */
int runbook_check(const struct json *runbook, struct err *e) MUST_CHECK;
enum input runbook_judge(const struct agent *a);
act_fn runbook_pick;
act_fn runbook_next;
act_fn runbook_ask;
act_fn runbook_keep;
act_fn runbook_stop;
act_fn runbook_no_result;

/* expand.c: arguments with their references filled in, as JSON text. */
int expand_args(const struct json *args, const struct outcome *outcomes,
    struct buf *out, struct err *e) MUST_CHECK;

#endif
