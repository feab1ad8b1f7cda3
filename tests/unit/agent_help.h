/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_AGENT_HELP_H
#define UNIT_AGENT_HELP_H

/* A run without a house: begin it, look at what it asks, answer. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "json/json.h"

#define HEAD                                                             \
	"{\"run\":\"r1\",\"task\":{\"subject\":\"mend it\",\"payload\":" \
	"{\"prompt\":\"please\",\"repo\":\"r\"}},\"type\":\"fix\","      \
	"\"identity\":\"engineering\",\"budget\":{\"turns\":9,\"calls\":9},"
#define TOOL(name)                                                    \
	"{\"type\":\"function\",\"function\":{\"name\":\"" name "\"," \
	"\"parameters\":{\"type\":\"object\"}}}"
#define RUNBOOK(steps) \
	HEAD "\"brain\":\"runbook\",\"runbook\":[" steps "],\"tools\":[]}"
#define MODEL_AS(model)                                               \
	HEAD "\"brain\":\"model\",\"model\":\"" model "\","           \
	     "\"max_tokens\":512,\"tools\":[" TOOL("shell") "," TOOL( \
	         "finish") "]}"
#define MODEL MODEL_AS("small")

/* With the case in a list that did it. */
static inline void
unexpected(const char *text)
{
	fail_msg("%s", text);
}

static inline struct agent *
born(const char *begin)
{
	struct agent *a;
	struct err e = { 0 };

	if (agent_new(str_of(begin), &a, &e)) {
		fail_msg("%s", e.text);
	}
	return a;
}

static inline const char *
body_of(const struct agent *a, struct buf *body)
{
	buf_clear(body);
	agent_write_body(a, body);
	return buf_z(body);
}

static inline void
wants(const struct agent *a, enum agent_want want)
{
	auto_buf body = { 0 };

	if (agent_asks(a).want != want) {
		fail_msg(
		    "wants %d: %s", (int)agent_asks(a).want, body_of(a, &body));
	}
}

static inline void
asks_call(
    const struct agent *a, uint32_t ordinal, const char *tool, const char *args)
{
	auto_buf body = { 0 };

	wants(a, AGENT_CALL);
	assert_int_equal(agent_asks(a).number, ordinal);
	assert_string_equal(agent_asks(a).tool, tool);
	assert_string_equal(body_of(a, &body), args);
}

static inline void
asks_model(const struct agent *a, uint32_t turn)
{
	wants(a, AGENT_MODEL);
	assert_int_equal(agent_asks(a).number, turn);
}

/* It gave up with this type, and the message has these words. */
static inline void
gave_up(const struct agent *a, const char *type, const char *words)
{
	auto_arena arena = { 0 };
	auto_buf body = { 0 };
	struct json *tree;
	struct str text;
	struct err e;

	wants(a, AGENT_DONE);
	assert_int_equal(
	    json_parse(&arena, str_of(body_of(a, &body)), NULL, &tree, &e), 0);
	assert_true(json_text(tree, "error_type", &text));
	if (!str_eq_z(text, type)) {
		fail_msg("%s", body.at);
	}
	assert_true(json_text(tree, "message", &text));
	if (!str_has_str(text, str_of(words))) {
		fail_msg("%s", body.at);
	}
}

static inline void
result(struct agent *a, enum agent_call_end end, const char *body)
{
	struct agent_ask ask = agent_asks(a);
	struct agent_call_event event = {
		.ordinal = ask.number,
		.end = end,
		.tool = str_of(ask.tool),
		.body = str_of(body),
	};
	struct err e = { 0 };

	wants(a, AGENT_CALL);
	if (agent_take_call(a, &event, &e)) {
		fail_msg("%s", e.text);
	}
}

static inline void
reply_status(struct agent *a, uint32_t status, const char *body)
{
	struct agent_model_event event = {
		.turn = agent_asks(a).number,
		.ok = true,
		.status = status,
		.text = STR(""),
		.body = str_of(body),
	};
	struct err e = { 0 };

	wants(a, AGENT_MODEL);
	if (agent_take_model(a, &event, &e)) {
		fail_msg("%s", e.text);
	}
}

static inline void
reply(struct agent *a, const char *body)
{
	reply_status(a, 200, body);
}

static inline void
no_reply(struct agent *a, enum err_kind kind, const char *text)
{
	struct agent_model_event event = {
		.turn = agent_asks(a).number,
		.kind = kind,
		.text = str_of(text),
		.body = STR(""),
	};
	struct err e = { 0 };

	assert_int_equal(agent_take_model(a, &event, &e), 0);
}

#define SAYS(text)                                                        \
	"{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":" \
	"\"" text "\"},\"finish_reason\":\"stop\"}]}"
#define CALL_OF(name, args)                                                  \
	"{\"id\":\"x\",\"type\":\"function\",\"function\":{\"name\":\"" name \
	"\",\"arguments\":\"" args "\"}}"
#define CALLS(list)                                                       \
	"{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":" \
	"null,\"tool_calls\":[" list "]},\"finish_reason\":\"tool_calls\"}]}"

#endif
