/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The brain `model`: ask it, run the calls of its reply one after the other,
 * tell it every result, until it calls finish.  Its words decide nothing; what
 * it may do is judged by core, call by call.
 */
#include "agent/inside.h"

#include <stdio.h>
#include <string.h>

#define FIRST_WAIT_US CLOCK_SECOND /* then four times as long */

static const char nudge[] =
    "Your last reply called no tool, so nothing happened. Go on with a tool "
    "call. When the task is done, call finish with its result as the "
    "arguments.";

int
brain_check(struct agent *a, struct err *e)
{
	const struct json *tools = json_get(a->begin, "tools");

	if (!json_text(a->begin, "model", &a->brain.model) ||
	    !a->brain.model.len || !tools || tools->type != JSON_ARRAY) {
		return err_set(e, ERR_INPUT, "expected a model and its tools");
	}
	(void)json_i64(a->begin, "max_tokens", &a->brain.max_tokens);
	return 0;
}

/* --- asking ----------------------------------------------------------------
 */

enum input
brain_begin(struct agent *a)
{
	history_begin(a);
	arena_fini(&a->event);
	return brain_think(a);
}

enum input
brain_think(struct agent *a)
{
	while (!history_fits(a) && history_can_shrink(a)) {
		history_shrink(a);
	}
	if (!history_fits(a)) {
		return INPUT_THOUGHTS_FULL;
	}
	a->turn++;
	return INPUT_NOTHING;
}

enum input
brain_nudge(struct agent *a)
{
	struct brain *b = &a->brain;

	b->faults = 0;
	b->nudges++;
	history_hear(a, &b->reply);
	history_say(a, MODEL_USER, str_of(nudge));
	return brain_think(a);
}

enum input
brain_again(struct agent *a)
{
	struct brain *b = &a->brain;
	int64_t wait = FIRST_WAIT_US;

	for (uint32_t i = 0; i < b->faults; i++) {
		wait *= 4;
	}
	b->faults++;
	a->turn++;
	a->wait_us = wait;
	return INPUT_NOTHING;
}

enum input
brain_smaller(struct agent *a)
{
	history_shrink(a);
	return brain_think(a);
}

/* --- hearing -----------------------------------------------------------------
 */

static enum input
judge_failure(const struct agent *a)
{
	const struct brain *b = &a->brain;

	switch (b->failure.next) {
	case MODEL_RETRY:
		return b->faults < BRAIN_FAULTS ? INPUT_FAULT_AGAIN
		                                : INPUT_FAULT_FINAL;
	case MODEL_COMPACT:
		return history_can_shrink(a) ? INPUT_FAULT_SMALLER
		                             : INPUT_FAULT_FINAL;
	case MODEL_FINAL:
		break;
	}
	return INPUT_FAULT_FINAL;
}

enum input
brain_judge_reply(struct agent *a, const struct agent_model_event *event)
{
	struct brain *b = &a->brain;
	struct model_answer answer = {
		.ok = event->ok,
		.status = event->status,
		.kind = event->kind,
		.text = event->text,
		.body = event->body,
		.sent = b->said,
	};

	if (model_read_answer(
	        &a->event, &answer, b->calls + 1, &b->reply, &b->failure)) {
		return judge_failure(a);
	}
	if (b->reply.call_count) {
		return INPUT_REPLY_CALLS;
	}
	if (b->reply.refused) {
		return INPUT_REPLY_REFUSED;
	}
	return b->nudges < BRAIN_NUDGES ? INPUT_REPLY_SILENT
	                                : INPUT_REPLY_SILENT_AGAIN;
}

/*
 * How often this call was made since the last call that had never been made
 * before: a new call is progress, the old ones in a circle are none.
 */
static uint32_t
count_repeats(struct agent *a, const struct model_call *call)
{
	struct str args = call->problem.len ? call->problem : call->canonical;
	struct brain *b = &a->brain;

	for (struct seen *s = b->seen; s; s = s->next) {
		if (str_eq(s->name, call->name) && str_eq(s->args, args)) {
			return ++s->count;
		}
	}
	struct seen *new = arena_alloc(&a->arena, sizeof(*new));

	for (struct seen *s = b->seen; s; s = s->next) {
		s->count = 0;
	}
	*new = (struct seen){ b->seen, call->name, args, 1 };
	b->seen = new;
	return 1;
}

static const struct model_call *
call_of(const struct agent *a)
{
	return &a->brain.dealt->calls[a->brain.at];
}

static enum input
deal(struct agent *a)
{
	struct brain *b = &a->brain;
	const struct model_call *call;

	if (b->at == b->dealt->call_count) {
		return INPUT_CALLS_SPENT;
	}
	call = call_of(a);
	b->repeats = count_repeats(a, call);
	if (b->repeats >= BRAIN_LOOP) {
		return INPUT_CALL_LOOPS;
	}
	if (call->problem.len || call->arguments.len > AGENT_ARGS_MAX ||
	    !str_copy(a->tool, sizeof(a->tool), call->name)) {
		return INPUT_CALL_WRONG;
	}
	return INPUT_CALL_READY;
}

enum input
brain_hear(struct agent *a)
{
	struct brain *b = &a->brain;

	b->faults = 0;
	b->nudges = 0;
	history_hear(a, &b->reply);
	b->calls += (uint32_t)b->reply.call_count;
	b->dealt = b->last;
	b->at = 0;
	return deal(a);
}

/* --- its calls ---------------------------------------------------------------
 */

enum input
brain_call(struct agent *a)
{
	buf_clear(&a->args);
	buf_add(&a->args, call_of(a)->arguments);
	a->ordinal++;
	return INPUT_NOTHING;
}

/* The note that goes with the result of a call made again and again. */
static struct str
warning(struct agent *a)
{
	if (a->brain.repeats < BRAIN_WARN) {
		return STR("");
	}
	return arena_printf(&a->event,
	    "Note: this is the same call for the %uth time, with nothing new "
	    "in between. At the %uth the task is stopped. Do something else, "
	    "or "
	    "call finish.",
	    a->brain.repeats, BRAIN_LOOP);
}

enum input
brain_tell_wrong(struct agent *a)
{
	const struct model_call *call = call_of(a);
	auto_buf text = { 0 };
	struct json_out o;

	json_out_init(&o, &text);
	json_out_object(&o, NULL);
	json_out_z(&o, "error", "input");
	if (call->problem.len) {
		json_out_str(&o, "message", call->problem);
	} else if (call->arguments.len > AGENT_ARGS_MAX) {
		json_out_z(&o, "message", "the arguments are over 256 KiB");
	} else {
		json_out_z(&o, "message", "there is no tool of that name");
	}
	json_out_end(&o, '}');
	history_result(a, call, buf_str(&text), warning(a));
	a->brain.at++;
	return deal(a);
}

enum input
brain_judge_result(const struct agent *a)
{
	if (a->result_end != AGENT_CALL_OK) {
		return INPUT_CALL_TOLD;
	}
	return strcmp(a->tool, "finish") == 0 ? INPUT_FINISHED : INPUT_CALL_OK;
}

enum input
brain_keep(struct agent *a)
{
	auto_buf text = { 0 };

	json_write(&text, a->result);
	history_result(a, call_of(a), buf_str(&text), warning(a));
	a->brain.at++;
	return deal(a);
}
