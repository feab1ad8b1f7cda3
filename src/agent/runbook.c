/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The brain `runbook`: the steps in their order.  A step that fails, or whose
 * references name what is not there, does what its on_error says; what a person
 * or a policy denied is not tried again.
 */
#include <string.h>

#include "agent/inside.h"

enum on_error { ON_ERROR_STOP, ON_ERROR_CONTINUE, ON_ERROR_RETRY };

static enum on_error
on_error(const struct json *step)
{
	struct str word = STR("stop");

	(void)json_text(step, "on_error", &word);
	return str_eq_z(word, "continue") ? ON_ERROR_CONTINUE
	       : str_eq_z(word, "retry")  ? ON_ERROR_RETRY
	                                  : ON_ERROR_STOP;
}

static struct str
word_of(const struct json *step, const char *key)
{
	struct str word = STR("");

	(void)json_text(step, key, &word);
	return word;
}

int
runbook_check(const struct json *runbook, struct err *e)
{
	size_t index = 0;

	if (!runbook || runbook->type != JSON_ARRAY || !runbook->count) {
		return err_set(e, ERR_INPUT, "runbook: expected its steps");
	}
	JSON_EACH(step, runbook)
	{
		const struct json *args = json_get(step, "args");

		if (!word_of(step, "id").len || !word_of(step, "tool").len ||
		    (args && args->type != JSON_OBJECT)) {
			return err_set(e, ERR_INPUT,
			    "runbook[%zu]: expected id, tool, args", index);
		}
		index++;
	}
	return 0;
}

/* --- choosing a step -------------------------------------------------------
 */

static void
keep(struct agent *a, const struct json *value)
{
	struct outcome *o = arena_alloc(&a->arena, sizeof(*o));

	*o = (struct outcome){
		.next = a->runbook.outcomes,
		.id = word_of(a->runbook.step, "id"),
		.value = value,
	};
	a->runbook.outcomes = o;
}

static int
prepare(struct agent *a, struct err *e)
{
	static const struct json none = { .type = JSON_OBJECT };
	const struct json *step = a->runbook.step;
	const struct json *args = json_get(step, "args");

	if (!str_copy(a->tool, sizeof(a->tool), word_of(step, "tool"))) {
		return err_set(e, ERR_INPUT, "the tool's name is over %d bytes",
		    AGENT_TOOL_MAX - 1);
	}
	buf_clear(&a->args);
	return expand_args(
	    args ? args : &none, a->runbook.outcomes, &a->args, e);
}

enum input
runbook_pick(struct agent *a)
{
	const struct json *step = a->runbook.step;
	struct err e = { 0 };

	a->runbook.attempts = 0;
	if (!step) {
		return INPUT_STEPS_SPENT;
	}
	if (prepare(a, &e) == 0) {
		return INPUT_STEP_READY;
	}
	if (on_error(step) == ON_ERROR_CONTINUE) {
		struct json *value = json_new(&a->arena, JSON_OBJECT);

		(void)json_set_str(&a->arena, value, "error", STR("reference"));
		(void)json_set_str(&a->arena, value, "message", str_of(e.text));
		keep(a, value);
		return INPUT_STEP_SKIPPED;
	}
	agent_give_up(a, "reference", "step %s (%s): %s",
	    err_quote(word_of(step, "id")), err_quote(word_of(step, "tool")),
	    e.text);
	return INPUT_STEP_WRONG;
}

enum input
runbook_next(struct agent *a)
{
	a->runbook.step = a->runbook.step->next;
	return runbook_pick(a);
}

enum input
runbook_no_result(struct agent *a)
{
	agent_give_up(a, "no_result",
	    "the runbook's last step is done and none of them was finish; add "
	    "a last step with the tool finish and the result as its args");
	return INPUT_NOTHING;
}

/* --- its call ----------------------------------------------------------------
 */

/* A part that was started again is back by the second, most of the world's
 * short faults are over by the third. */
enum input
runbook_ask(struct agent *a)
{
	static const int64_t waits_us[RUNBOOK_ATTEMPTS] = { 0, CLOCK_SECOND / 2,
		2 * CLOCK_SECOND };

	a->wait_us = waits_us[a->runbook.attempts];
	a->runbook.attempts++;
	a->ordinal++;
	return INPUT_NOTHING;
}

enum input
runbook_judge(const struct agent *a)
{
	const struct json *step = a->runbook.step;

	if (a->result_end == AGENT_CALL_OK) {
		return strcmp(a->tool, "finish") == 0 ? INPUT_FINISHED
		                                      : INPUT_CALL_OK;
	}
	if (on_error(step) == ON_ERROR_CONTINUE) {
		return INPUT_CALL_GO_ON;
	}
	if (on_error(step) == ON_ERROR_RETRY &&
	    a->result_end == AGENT_CALL_FAILED &&
	    a->runbook.attempts < RUNBOOK_ATTEMPTS) {
		return INPUT_CALL_AGAIN;
	}
	return INPUT_CALL_STOP;
}

/* A later step may name it; too much rather than too little counts. */
static bool
is_named_later(const struct agent *a)
{
	const struct json *step = a->runbook.step;
	auto_buf name = { 0 };

	buf_addf(&name, "${" STR_FMT ".", STR_ARG(word_of(step, "id")));
	while ((step = step->next)) {
		auto_buf text = { 0 };

		if (json_get(step, "args")) {
			json_write(&text, json_get(step, "args"));
		}
		if (str_has_str(buf_str(&text), buf_str(&name))) {
			return true;
		}
	}
	return false;
}

enum input
runbook_keep(struct agent *a)
{
	if (is_named_later(a)) {
		keep(a, json_copy(&a->arena, a->result));
	}
	return runbook_next(a);
}

enum input
runbook_stop(struct agent *a)
{
	const struct json *step = a->runbook.step;
	bool denied = a->result_end == AGENT_CALL_DENIED;
	uint32_t attempts = a->runbook.attempts;
	struct str why = agent_explain(&a->arena, a->result);

	if (attempts > 1) {
		agent_give_up(a, "step_failed",
		    "step %s (%s) failed %u times, the last time: " STR_FMT,
		    err_quote(word_of(step, "id")), a->tool, attempts,
		    STR_ARG(why));
	} else {
		agent_give_up(a, denied ? "denied" : "step_failed",
		    "step %s (%s) %s: " STR_FMT, err_quote(word_of(step, "id")),
		    a->tool, denied ? "was denied" : "failed", STR_ARG(why));
	}
	return INPUT_NOTHING;
}
