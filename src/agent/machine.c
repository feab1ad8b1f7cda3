/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: events are judged, the table says what follows. */
#include "agent/inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define EXPLAIN_MAX 1000 /* bytes of a result in a message */

struct move {
	enum state state;
	enum input input;
	enum state next;
	act_fn *act;
};

static const struct move moves[] = {
#define MOVE(state, input, next, act) \
	{ STATE_##state, INPUT_##input, STATE_##next, act },
#include "agent/moves.def"
#undef MOVE
};

static const enum agent_want wants[] = {
#define STATE(name, want) want,
#include "agent/states.def"
#undef STATE
};

static const struct move *
find_move(enum state state, enum input input)
{
	const struct move *m = moves;

	while (m->state != state || m->input != input) {
		must(++m < moves + COUNT(moves));
	}
	return m;
}

static void
feed(struct agent *a, enum input input)
{
	a->wait_us = 0; /* unless it repeats what failed */
	while (input != INPUT_NOTHING) {
		const struct move *m = find_move(a->state, input);

		a->state = m->next;
		input = m->act ? m->act(a) : INPUT_NOTHING;
	}
}

/* --- giving up ---------------------------------------------------------------
 */

void
agent_give_up(struct agent *a, const char *error_type, const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	must(vasprintf(&text, format, args) >= 0);
	va_end(args);
	a->error_type = error_type;
	buf_clear(&a->message);
	buf_add_z(&a->message, text);
	free(text);
}

enum input
agent_diverged(struct agent *a)
{
	a->end = AGENT_BLOCK;
	agent_give_up(a, "agent_diverged",
	    "the book holds an event that this agent never asked for; was the "
	    "house upgraded while the task ran? Dispatch the task again");
	return INPUT_NOTHING;
}

struct str
agent_explain(struct arena *a, const struct json *result)
{
	auto_buf text = { 0 };
	struct str error = STR("");
	struct str message;

	if (json_text(result, "message", &message)) {
		(void)json_text(result, "error", &error);
		buf_addf(&text, STR_FMT "%s" STR_FMT, STR_ARG(error),
		    error.len ? ": " : "", STR_ARG(message));
	} else {
		json_write(&text, result);
	}
	return arena_str(a, str_utf8_cut(buf_str(&text), EXPLAIN_MAX));
}

/* --- from outside
 * -------------------------------------------------------------- */

static int
start(struct agent *a, struct err *e)
{
	struct str brain = STR("");

	(void)json_text(a->begin, "brain", &brain);
	if (str_eq_z(brain, "runbook")) {
		const struct json *runbook = json_get(a->begin, "runbook");

		if (runbook_check(runbook, e)) {
			return -1;
		}
		a->runbook.step = runbook->first;
		feed(a, INPUT_RUNBOOK);
		return 0;
	}
	if (str_eq_z(brain, "model")) {
		if (brain_check(a, e)) {
			return -1;
		}
		feed(a, INPUT_MODEL);
		return 0;
	}
	return err_set(e, ERR_INPUT, "brain: %s is none", err_quote(brain));
}

int
agent_new(struct str begin, struct agent **out, struct err *e)
{
	static const struct json_limits limits = {
		.bytes = AGENT_BEGIN_MAX,
		.depth = 64,
		.nodes = 200000,
	};
	struct agent *a = calloc(1, sizeof(*a));
	struct json *tree;

	must(a);
	if (json_parse(
	        &a->arena, arena_str(&a->arena, begin), &limits, &tree, e)) {
		agent_free(a);
		return err_wrap(e, "the task as core tells it");
	}
	a->begin = tree;
	if (start(a, e)) {
		agent_free(a);
		return err_wrap(e, "the task as core tells it");
	}
	*out = a;
	return 0;
}

void
agent_free(struct agent *a)
{
	if (a) {
		buf_fini(&a->args);
		buf_fini(&a->message);
		arena_fini(&a->event);
		arena_fini(&a->arena);
		free(a);
	}
}

struct agent_ask
agent_asks(const struct agent *a)
{
	struct agent_ask ask = { .want = wants[a->state],
		.wait_us = a->wait_us };

	if (ask.want == AGENT_CALL) {
		ask.number = a->ordinal;
		ask.tool = a->tool;
	} else if (ask.want == AGENT_MODEL) {
		ask.number = a->turn;
	} else if (ask.want == AGENT_DONE) {
		ask.end = a->end;
	}
	return ask;
}

void
agent_write_body(const struct agent *a, struct buf *out)
{
	struct model_request request = {
		.model = a->brain.model,
		.max_tokens = a->brain.max_tokens,
		.tools = json_get(a->begin, "tools"),
		.messages = a->brain.first,
	};
	struct json_out o;

	switch (wants[a->state]) {
	case AGENT_CALL:
		buf_add(out, buf_str(&a->args));
		break;
	case AGENT_DONE:
		json_out_init(&o, out);
		json_out_object(&o, NULL);
		json_out_z(&o, "error_type", a->error_type);
		json_out_str(&o, "message", buf_str(&a->message));
		json_out_end(&o, '}');
		break;
	case AGENT_MODEL:
		model_write_request(out, &request);
		break;
	case AGENT_REST:
		break;
	}
}

int
agent_take_call(
    struct agent *a, const struct agent_call_event *event, struct err *e)
{
	static const struct json_limits limits = {
		.bytes = AGENT_RESULT_MAX,
		.depth = 128,
		.nodes = 500000,
	};
	bool model = a->state == STATE_ACT;
	struct json *tree;

	if (json_parse(&a->event, arena_str(&a->event, event->body), &limits,
	        &tree, e)) {
		return err_wrap(e, "the result of call %u", event->ordinal);
	}
	a->result = tree;
	a->result_end = event->end;
	if (wants[a->state] != AGENT_CALL || event->ordinal != a->ordinal ||
	    !str_eq_z(event->tool, a->tool)) {
		feed(a, INPUT_STRANGE);
	} else {
		feed(a, model ? brain_judge_result(a) : runbook_judge(a));
	}
	arena_fini(&a->event);
	return 0;
}

int
agent_take_model(
    struct agent *a, const struct agent_model_event *event, struct err *e)
{
	if (event->body.len > AGENT_REPLY_MAX) {
		return err_set(
		    e, ERR_LIMIT, "a reply of %zu bytes", event->body.len);
	}
	if (wants[a->state] != AGENT_MODEL || event->turn != a->turn) {
		feed(a, INPUT_STRANGE);
	} else {
		feed(a, brain_judge_reply(a, event));
	}
	arena_fini(&a->event);
	return 0;
}
