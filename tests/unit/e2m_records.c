/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "e2m/e2m.h"

/* Records in and out, and what the strict reader refuses. */

#define ENVELOPE                                                             \
	"{\"_type\":\"envelope\",\"id\":\"m-1\",\"envelope_type\":\"task\"," \
	"\"from\":\"product-manager\",\"to\":\"engineering-coworker\","      \
	"\"subject\":\"Fix the export\",\"at\":\"2026-07-01T09:00:00Z\","    \
	"\"state\":\"pending\""
#define TASK                                                                   \
	"{\"_type\":\"task\",\"id\":\"0198b5f2-7a53-7cc4-8f11-2b0c1d9f6a10\"," \
	"\"queue\":\"engineering\",\"subject\":\"Fix the export\","            \
	"\"state\":\"pending\",\"created_at\":\"2026-07-01T09:00:00Z\","       \
	"\"updated_at\":\"2026-07-01T09:00:00Z\""
#define TRANSITION                                         \
	"{\"_type\":\"transition\","                       \
	"\"id\":\"0198b5f2-7a53-7cc4-8f11-2b0c1d9f6a10\"," \
	"\"at\":\"2026-07-01T09:05:00Z\""

static const char *const whole[] = {
	ENVELOPE "}",
	ENVELOPE ",\"priority\":4,\"thread_id\":\"t\",\"reply_to\":\"m-0\","
	         "\"payload\":{\"task_id\":\"x\",\"n\":1.50},"
	         "\"requires_decision\":false,"
	         "\"decision_options\":[\"yes\",\"no\"],\"ack_required\":true,"
	         "\"expires_at\":\"2026-07-02T09:00:00Z\"}",
	TASK "}",
	TASK
	",\"from\":\"operator\",\"ke_fit_score\":5,\"owner\":\"me\","
	"\"depends_on\":[\"a\"],\"blocks\":[],\"payload\":{\"repo\":\"r\"},"
	"\"result\":{},\"error\":\"why\","
	"\"evaluator\":{\"pass_if\":[\"done\"],\"fail_if\":[]}}",
	TASK ",\"error\":{\"error_type\":\"cancelled\",\"resolvable\":false}}",
	TRANSITION "}",
	TRANSITION ",\"event\":\"claim\",\"prior_state\":\"pending\","
	           "\"new_state\":\"in_progress\",\"owner\":\"me\"}",
	TRANSITION ",\"event\":\"ack\",\"status\":\"acked\","
	           "\"acked_by\":\"me\",\"read_by\":\"you\",\"note\":\"\","
	           "\"error\":\"x\"}",
};

static void
round_trip(const char *text)
{
	auto_arena a = { 0 };
	auto_buf line = { 0 };
	struct e2m_record r;
	struct err e = { 0 };

	if (e2m_parse_line(&a, str_of(text), &r, &e) < 0) {
		fail_msg("%s: %s", text, e.text);
	}
	e2m_write_line(&line, &r);
	line.len--; /* the newline */
	assert_string_equal(buf_z(&line), text);
	buf_clear(&line);
	json_write(&line, e2m_to_json(&a, &r));
	assert_string_equal(buf_z(&line), text);
}

static void
what_is_read_is_written_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(whole); i++) {
		round_trip(whole[i]);
	}
}

static void
refuses(const char *text, const char *message)
{
	auto_arena a = { 0 };
	struct e2m_record r = { .kind = E2M_TRANSITION };
	struct err e = { 0 };

	assert_int_equal(e2m_parse_line(&a, str_of(text), &r, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_string_equal(e.text, message);
	assert_null(r.as.transition.id.at);
}

static void
an_unknown_key_is_refused_by_name(void **state)
{
	(void)state;
	refuses(TASK ",\"domain\":\"x\"}", "\"domain\": unknown key in a task");
	refuses(ENVELOPE ",\"task_id\":\"x\"}",
	    "\"task_id\": unknown key in an envelope");
	refuses(TRANSITION ",\"acked_at\":\"x\"}",
	    "\"acked_at\": unknown key in a transition");
	refuses(TASK ",\"evaluator\":{\"pass_if\":[\"a\"],\"warn_if\":[]}}",
	    "evaluator: unknown key \"warn_if\"");
}

static void
a_bad_word_names_the_words(void **state)
{
	(void)state;
	refuses("{\"_type\":\"message\"}",
	    "_type: expected one of envelope, task, transition, not "
	    "\"message\"");
	refuses("{}",
	    "_type: expected one of envelope, task, transition, but there is "
	    "none");
	refuses("[]", "a record is one JSON object a line");
	refuses("{\"_type\":\"task\",\"state\":\"cancelled\"}",
	    "state: expected one of pending, in_progress, completed, blocked, "
	    "failed, not \"cancelled\"");
	refuses("{\"_type\":5}",
	    "_type: expected one of envelope, task, transition, not what is no "
	    "string");
	refuses("{\"_type\":\"task\",\"state\":7}",
	    "state: expected one of pending, in_progress, completed, blocked, "
	    "failed, not what is no string");
	refuses("{\"_type\":\"envelope\",\"envelope_type\":\"ping\"}",
	    "envelope_type: expected one of task, ack, result, escalate, "
	    "notify, summary, operator, not \"ping\"");
	refuses(TRANSITION ",\"event\":\"cancel\"}",
	    "event: expected one of claim, complete, block, unblock, fail, "
	    "retry, ack, read, not \"cancel\"");
}

static void
ratings_are_one_to_five(void **state)
{
	static const char *const bad[] = { "0", "6", "-1", "1.5", "\"3\"",
		"null", "99999999999999999999" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		auto_arena a = { 0 };
		struct str text =
		    arena_printf(&a, TASK ",\"ke_fit_score\":%s}", bad[i]);

		refuses(text.at,
		    "ke_fit_score: expected a whole number from 1 to 5");
		text = arena_printf(&a, ENVELOPE ",\"priority\":%s}", bad[i]);
		refuses(
		    text.at, "priority: expected a whole number from 1 to 5");
	}
}

static void
a_wrong_type_names_the_field(void **state)
{
	(void)state;
	refuses("{\"_type\":\"task\",\"id\":1}", "id: expected a string");
	refuses(TASK ",\"payload\":[]}", "payload: expected an object");
	refuses(TASK ",\"depends_on\":[1]}",
	    "depends_on: expected a list of strings");
	refuses(TASK ",\"error\":7}",
	    "error: expected a string or a failure object");
	refuses(TASK ",\"evaluator\":{\"pass_if\":[]}}",
	    "evaluator.pass_if: expected at least one condition");
	refuses(TASK ",\"evaluator\":{\"fail_if\":\"x\"}}",
	    "evaluator.fail_if: expected a list of strings");
	refuses(ENVELOPE ",\"ack_required\":1}",
	    "ack_required: expected true or false");
}

/* The line without one member: everything from `"key":` to the comma. */
static struct str
without(struct arena *a, const char *line, const char *key)
{
	struct json *object = NULL;
	struct json *copy = json_new(a, JSON_OBJECT);
	auto_buf text = { 0 };
	struct err e = { 0 };

	assert_int_equal(json_parse(a, str_of(line), NULL, &object, &e), 0);
	JSON_EACH(member, object)
	{
		if (!str_eq_z(member->key, key)) {
			(void)json_set(a, copy, arena_z(a, member->key),
			    json_copy(a, member));
		}
	}
	json_write(&text, copy);
	return arena_str(a, buf_str(&text));
}

static void
every_required_field_is_required(void **state)
{
	static const struct {
		const char *line;
		const char *type;
		const char *keys[8];
	} cases[] = {
		{ ENVELOPE "}", "an envelope",
		    { "id", "envelope_type", "from", "to", "subject", "at",
		        "state" } },
		{ TASK "}", "a task",
		    { "id", "queue", "subject", "state", "created_at",
		        "updated_at" } },
		{ TRANSITION "}", "a transition", { "id", "at" } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (const char *const *key = cases[i].keys; *key; key++) {
			auto_arena a = { 0 };
			struct str message = arena_printf(
			    &a, "%s: is required in %s", *key, cases[i].type);

			refuses(
			    without(&a, cases[i].line, *key).at, message.at);
		}
	}
}

static void
hostile_json_is_an_error(void **state)
{
	static const char *const bad[] = { "", "nul", "{\"a\":1,\"a\":2}",
		"{\"_type\":\"\\ud800\"}", "{\"_type\":\"\xff\"}",
		"{\"_type\":\"task\"} x" };
	auto_buf deep = { 0 };
	auto_buf big = { 0 };
	auto_arena a = { 0 };
	struct e2m_record r;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(
		    e2m_parse_line(&a, str_of(bad[i]), &r, &e), -1);
	}
	for (int i = 0; i < 100000; i++) {
		buf_add_byte(&deep, '[');
	}
	assert_int_equal(e2m_parse_line(&a, buf_str(&deep), &r, &e), -1);
	memset(buf_room(&big, E2M_LINE_MAX), ' ', E2M_LINE_MAX);
	buf_grew(&big, E2M_LINE_MAX);
	assert_int_equal(e2m_parse_line(&a, buf_str(&big), &r, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
}

/* ---- what we make ourselves ---- */

static struct e2m_record
our_task(struct arena *a)
{
	struct e2m_record r;

	e2m_task_init(a, wall_now(), &r);
	r.as.task.queue = STR("engineering");
	r.as.task.subject = STR("Fix it");
	return r;
}

static void
check_refuses(const struct e2m_record *r, const char *message)
{
	struct err e = { 0 };

	assert_int_equal(e2m_check(r, &e), -1);
	assert_string_equal(e.text, message);
}

static void
a_new_task_passes_and_each_fault_is_found(void **state)
{
	auto_arena a = { 0 };
	struct e2m_record r = our_task(&a);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(e2m_check(&r, &e), 0);
	assert_int_equal(r.as.task.state, E2M_PENDING);
	assert_true(id_valid(r.as.task.id));
	r.as.task.id = STR("fin-1");
	check_refuses(&r, "id: expected a UUID");
	r = our_task(&a);
	r.as.task.subject = STR("two\nlines");
	check_refuses(
	    &r, "subject: expected one line without control characters");
	r = our_task(&a);
	r.as.task.subject = STR("");
	check_refuses(&r, "subject: expected 1 to 200 bytes");
	r = our_task(&a);
	r.as.task.queue = (struct str){ 0 };
	check_refuses(&r, "queue: is required in a task");
	r = our_task(&a);
	r.as.task.created_at = STR("now");
	check_refuses(
	    &r, "created_at: expected a time as in 2026-07-01T09:00:00Z");
	r = our_task(&a);
	r.as.task.ke_fit_score = 6;
	check_refuses(&r, "ke_fit_score: expected a whole number from 1 to 5");
	r = our_task(&a);
	r.as.task.payload = json_new(&a, JSON_ARRAY);
	check_refuses(&r, "payload: expected an object");
}

static void
only_legal_transitions_are_written(void **state)
{
	auto_arena a = { 0 };
	struct e2m_record r;
	struct err e = { 0 };

	(void)state;
	e2m_transition_init(&a, wall_now(), STR("t"), &r);
	r.as.transition.event = E2M_BLOCK;
	r.as.transition.prior_state = STR("pending");
	r.as.transition.new_state = STR("blocked");
	check_refuses(
	    &r, "illegal: pending --block--> (allowed from: in_progress)");
	r.as.transition.prior_state = STR("in_progress");
	assert_int_equal(e2m_check(&r, &e), 0);
	r.as.transition.new_state = STR("failed");
	check_refuses(&r, "new_state: expected blocked");
	r.as.transition.prior_state = STR("superseded");
	check_refuses(&r, "prior_state: expected a state of a task");
	r.as.transition.event = E2M_ACK;
	assert_int_equal(e2m_check(&r, &e), 0);
}

static void
the_operators_envelope_is_narrower(void **state)
{
	auto_arena a = { 0 };
	struct e2m_record r;
	struct e2m_envelope *m = &r.as.envelope;
	struct err e = { 0 };

	(void)state;
	e2m_envelope_init(&a, wall_now(), &r);
	assert_int_equal(m->priority, 3);
	assert_int_equal(m->state, E2M_MAIL_PENDING);
	m->envelope_type = E2M_TYPE_OPERATOR;
	m->from = STR("finance-coworker");
	m->to = STR("operator");
	m->subject = STR("May I?");
	check_refuses(&r, "requires_decision: is required for the operator");
	m->requires_decision = E2M_NO;
	assert_int_equal(e2m_check(&r, &e), 0);
	m->to = STR("me");
	check_refuses(&r, "to: expected operator");
	m->to = STR("operator");
	m->envelope_type = E2M_TYPE_ESCALATE;
	assert_int_equal(e2m_check_operator(m, &e), 0);
	m->envelope_type = E2M_TYPE_NOTIFY;
	assert_int_equal(e2m_check_operator(m, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_written_again),
		cmocka_unit_test(an_unknown_key_is_refused_by_name),
		cmocka_unit_test(a_bad_word_names_the_words),
		cmocka_unit_test(ratings_are_one_to_five),
		cmocka_unit_test(a_wrong_type_names_the_field),
		cmocka_unit_test(every_required_field_is_required),
		cmocka_unit_test(hostile_json_is_an_error),
		cmocka_unit_test(a_new_task_passes_and_each_fault_is_found),
		cmocka_unit_test(only_legal_transitions_are_written),
		cmocka_unit_test(the_operators_envelope_is_narrower),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
