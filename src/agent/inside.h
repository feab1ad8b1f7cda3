/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_INSIDE_H
#define AGENT_INSIDE_H

/* Inside this room: the machine, and the acts of its brains. */

#include "agent/agent.h"
#include "model/model.h"
#include "json/json.h"

#define RUNBOOK_ATTEMPTS 3
#define BRAIN_FAULTS     2 /* times that a failed request is sent again */
#define BRAIN_NUDGES     1
#define BRAIN_WARN       3 /* the same call, without a new one between */
#define BRAIN_LOOP       5

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

/* A call that was made, for the loop that makes no progress. */
struct seen {
	struct seen *next;
	struct str name;
	struct str args; /* canonical */
	uint32_t count;
};

struct brain {
	struct str model;
	int64_t max_tokens;
	struct model_message *first;
	struct model_message *last;
	size_t said;                       /* bytes of all messages */
	struct model_reply reply;          /* of the event under judgement */
	struct model_failure failure;      /* the same, when it failed */
	const struct model_message *dealt; /* the reply whose calls run */
	size_t at;                         /* the call under way */
	uint32_t calls;                    /* ids given so far */
	uint32_t faults;                   /* in a row */
	uint32_t nudges;                   /* in a row */
	struct seen *seen;
	uint32_t repeats; /* of the call under way */
};

struct agent {
	struct arena arena;
	struct arena event; /* of the event under judgement */
	const struct json *begin;
	enum state state;
	uint32_t ordinal; /* of the last call asked for */
	uint32_t turn;    /* of the last model request */
	char tool[AGENT_TOOL_MAX];
	struct buf args; /* of the call asked for */
	int64_t wait_us; /* before what it asks for now */

	/* The event under judgement, for the acts. */
	const struct json *result;
	enum agent_call_end result_end;

	enum agent_end end;
	const char *error_type;
	struct buf message;

	struct runbook runbook;
	struct brain brain;
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

/* brain.c */
int brain_check(struct agent *a, struct err *e) MUST_CHECK;
enum input brain_judge_reply(
    struct agent *a, const struct agent_model_event *event);
enum input brain_judge_result(const struct agent *a);
act_fn brain_begin;
act_fn brain_think;
act_fn brain_hear;
act_fn brain_nudge;
act_fn brain_again;
act_fn brain_smaller;
act_fn brain_call;
act_fn brain_tell_wrong;
act_fn brain_keep;

/* stop.c: how a model's run ends without a result. */
act_fn brain_stalled;
act_fn brain_refused;
act_fn brain_fault;
act_fn brain_full;
act_fn brain_loops;

/* history.c: what was said, and making it shorter. */
void history_begin(struct agent *a);
void history_say(struct agent *a, enum model_role role, struct str text);
void history_hear(struct agent *a, const struct model_reply *reply);
void history_result(struct agent *a, const struct model_call *call,
    struct str result, struct str note);
bool history_fits(const struct agent *a);
bool history_can_shrink(const struct agent *a);
void history_shrink(struct agent *a);

#endif
