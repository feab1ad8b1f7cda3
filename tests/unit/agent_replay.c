/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run may be cut at every event: a new agent that is given the events so far
 * asks for exactly the same next thing, byte for byte.
 */
#include "agent_help.h"

#define EVENTS_MAX 64

/* What one event was, and what the agent asked for after it. */
struct moment {
	struct agent_ask ask;
	char tool[AGENT_TOOL_MAX];
	char *body;
};

struct event {
	bool model;
	struct agent_call_event call;
	struct agent_model_event reply;
};

struct world {
	const char *begin;
	const struct event *script;
	size_t count;
};

static void
take(struct agent *a, const struct event *event)
{
	struct agent_ask ask = agent_asks(a);
	struct err e = { 0 };

	if (event->model) {
		struct agent_model_event reply = event->reply;

		reply.turn = ask.number;
		assert_int_equal(agent_take_model(a, &reply, &e), 0);
	} else {
		struct agent_call_event call = event->call;

		call.ordinal = ask.number;
		call.tool = str_of(ask.tool);
		assert_int_equal(agent_take_call(a, &call, &e), 0);
	}
}

static void
remember(const struct agent *a, struct moment *m)
{
	auto_buf body = { 0 };

	m->ask = agent_asks(a);
	m->body = strdup(body_of(a, &body));
	assert_non_null(m->body);
	(void)str_copy(m->tool, sizeof(m->tool), str_of(m->ask.tool));
}

static void
same(const struct agent *a, const struct moment *m)
{
	struct agent_ask ask = agent_asks(a);
	auto_buf body = { 0 };

	assert_int_equal(ask.want, m->ask.want);
	assert_int_equal(ask.number, m->ask.number);
	assert_int_equal(ask.end, m->ask.end);
	assert_true(ask.wait_us == m->ask.wait_us);
	assert_string_equal(ask.tool ? ask.tool : "", m->tool);
	assert_string_equal(body_of(a, &body), m->body);
}

static void
survives_every_cut(const struct world *w)
{
	struct moment moments[EVENTS_MAX] = { 0 };
	struct agent *a = born(w->begin);

	assert_true(w->count < EVENTS_MAX);
	remember(a, &moments[0]);
	for (size_t i = 0; i < w->count; i++) {
		take(a, &w->script[i]);
		remember(a, &moments[i + 1]);
	}
	agent_free(a);
	for (size_t cut = 0; cut <= w->count; cut++) {
		a = born(w->begin);
		for (size_t i = 0; i < cut; i++) {
			take(a, &w->script[i]);
		}
		same(a, &moments[cut]);
		/* And it goes on as the first one did. */
		for (size_t i = cut; i < w->count; i++) {
			take(a, &w->script[i]);
			same(a, &moments[i + 1]);
		}
		agent_free(a);
	}
	for (size_t i = 0; i <= w->count; i++) {
		free(moments[i].body);
	}
}

#define DONE(how, text)                                           \
	{                                                         \
		false, { 0, AGENT_CALL_##how, { 0 }, STR(text) }, \
		{                                                 \
			0                                         \
		}                                                 \
	}
#define REPLY(code, text)                                           \
	{                                                           \
		true, { 0 },                                        \
		{                                                   \
			0, true, code, ERR_NONE, STR(""), STR(text) \
		}                                                   \
	}
#define LOST(why)                                                   \
	{                                                           \
		true, { 0 },                                        \
		{                                                   \
			0, false, 0, ERR_TIMEOUT, STR(why), STR("") \
		}                                                   \
	}

static void
a_runbook_cut_at_every_event_goes_on(void **state)
{
	static const struct event script[] = {
		DONE(OK, "{\"n\":1,\"l\":[1,{\"x\":\"y\"}]}"),
		DONE(FAILED, "{\"error\":\"timeout\"}"),
		DONE(FAILED, "{\"exit\":1}"),
		DONE(OK, "{\"m\":2}"),
		DONE(DENIED, "{\"error\":\"denied\"}"),
		DONE(OK, "{}"),
	};
	struct world w = {
		RUNBOOK("{\"id\":\"a\",\"tool\":\"one\"},"
		        "{\"id\":\"b\",\"tool\":\"two\",\"args\":{\"x\":"
		        "\"${a.l.1}\"},\"on_error\":\"retry\"},"
		        "{\"id\":\"c\",\"tool\":\"three\",\"args\":{\"x\":"
		        "\"${b.m} ${a.n}\"},\"on_error\":\"continue\"},"
		        "{\"id\":\"d\",\"tool\":\"skipped\",\"args\":{\"x\":"
		        "\"${c.no}\"},\"on_error\":\"continue\"},"
		        "{\"id\":\"e\",\"tool\":\"finish\",\"args\":{\"x\":"
		        "\"${c.error}\",\"y\":\"${d.error}\"}}"),
		script,
		COUNT(script),
	};

	(void)state;
	survives_every_cut(&w);
}

static void
a_runbook_that_fails_gives_up_again(void **state)
{
	static const struct event script[] = {
		DONE(OK, "{}"),
		DONE(FAILED, "{\"error\":\"timeout\",\"message\":\"slow\"}"),
	};
	struct world w = {
		RUNBOOK("{\"id\":\"a\",\"tool\":\"one\"},"
		        "{\"id\":\"b\",\"tool\":\"two\"}"),
		script,
		COUNT(script),
	};

	(void)state;
	survives_every_cut(&w);
}

static void
a_model_cut_at_every_event_goes_on(void **state)
{
	static const struct event script[] = {
		LOST("no route"),
		REPLY(429, "{\"errors\":[{\"code\":3040,\"message\":\"full\"}],"
		           "\"success\":false}"),
		REPLY(200,
		    CALLS(CALL_OF("shell", "{\\\"a\\\":1}") "," CALL_OF(
		        "shell", "{,") "," CALL_OF("shell", "{\\\"a\\\":2}"))),
		DONE(OK, "{\"out\":\"text\"}"),
		DONE(FAILED, "{\"exit\":2}"),
		REPLY(200, SAYS("thinking about it")),
		REPLY(200, CALLS(CALL_OF("shell", "{\\\"a\\\":1}"))),
		DONE(OK, "{\"out\":\"text\"}"),
		REPLY(200, CALLS(CALL_OF("shell", "{\\\"a\\\":1}"))),
		DONE(OK, "{\"out\":\"text\"}"),
		REPLY(400, "{\"error\":{\"message\":\"context length\"}}"),
	};
	static const struct event to_the_end[] = {
		REPLY(200, "{\"result\":{\"response\":\"\",\"tool_calls\":[{"
		           "\"name\":\"shell\",\"arguments\":{\"b\":[1]}}]}}"),
		DONE(DENIED, "{\"error\":\"denied\"}"),
		REPLY(200, CALLS(CALL_OF("finish", "{\\\"n\\\":0}"))),
		DONE(FAILED, "{\"error\":\"input\"}"),
		REPLY(200, CALLS(CALL_OF("finish", "{\\\"n\\\":1}"))),
		DONE(OK, "{\"n\":1}"),
	};
	struct world w = { MODEL_AS("@cf/small"), script, COUNT(script) };

	(void)state;
	survives_every_cut(&w);
	w.script = to_the_end;
	w.count = COUNT(to_the_end);
	survives_every_cut(&w);
}

static void
a_model_that_stalls_gives_up_again(void **state)
{
	static const struct event script[] = {
		REPLY(200, SAYS("<think>hm</think>well")),
		REPLY(200, SAYS("")),
	};
	struct world w = { MODEL, script, COUNT(script) };

	(void)state;
	survives_every_cut(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_runbook_cut_at_every_event_goes_on),
		cmocka_unit_test(a_runbook_that_fails_gives_up_again),
		cmocka_unit_test(a_model_cut_at_every_event_goes_on),
		cmocka_unit_test(a_model_that_stalls_gives_up_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
