/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "e2m/tolerant.h"

/* What others wrote is kept to the byte, and every deviation is told. */

#define TASK(id, state)                                           \
	"{\"_type\":\"task\",\"id\":\"" id                        \
	"\",\"queue\":\"q\",\"subject\":\"s\",\"state\":\"" state \
	"\",\"created_at\":\"t\",\"updated_at\":\"t\"}"           \
	"\n"
#define MOVE(id, event, prior, next)                                       \
	"{\"_type\":\"transition\",\"id\":\"" id                           \
	"\",\"at\":\"t\",\"event\":\"" event "\",\"prior_state\":\"" prior \
	"\",\"new_state\":\"" next "\"}\n"

/* All deviations of a file, one a line. */
static struct str
told(struct arena *a, struct str bytes, enum e2m_place place)
{
	struct e2m_reader r;
	struct e2m_loose l;
	auto_buf out = { 0 };

	e2m_reader_init(&r, bytes, place);
	while (e2m_reader_next(&r, a, &l)) {
		for (size_t i = 0; i < l.deviation_count; i++) {
			struct str text = e2m_deviation_text(
			    a, "f", l.number, &l.deviations[i]);

			buf_addf(&out, STR_FMT "\n", STR_ARG(text));
		}
	}
	e2m_reader_fini(&r);
	return arena_str(a, buf_str(&out));
}

static void
tells(const char *bytes, const char *expected)
{
	auto_arena a = { 0 };

	assert_string_equal(told(&a, str_of(bytes), E2M_ANYWHERE).at, expected);
}

static void
legacy_shapes_are_kept_byte_for_byte(void **state)
{
	static const char *const lines[] = {
		"{\"_type\":\"message\",\"from\":\"x\",\"n\":1.50}",
		"{\"type\":\"outcome\",\"to\":\"b\",\"big\":1e400}",
		"{\"_type\":\"task\",\"z\":[1,{}],\"a\":\"\xc3\xa4\"}",
		"{\"_type\":\"envelope\",\"task_id\":\"t\",\"status\":\"x\"}",
		"{}",
	};
	auto_buf file = { 0 };
	auto_arena a = { 0 };
	struct e2m_reader r;
	struct e2m_loose l;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		buf_addf(&file, "%s\n\n", lines[i]);
	}
	e2m_reader_init(&r, buf_str(&file), E2M_ANYWHERE);
	for (size_t i = 0; i < COUNT(lines); i++) {
		auto_buf tree = { 0 };

		assert_true(e2m_reader_next(&r, &a, &l));
		assert_int_equal(l.number, 2 * i + 1);
		assert_true(str_eq_z(l.raw, lines[i]));
		assert_true(l.deviation_count > 0);
		json_write(&tree, l.tree);
		assert_string_equal(buf_z(&tree), lines[i]);
	}
	assert_false(e2m_reader_next(&r, &a, &l));
	e2m_reader_fini(&r);
}

static void
every_deviation_of_a_line_is_told_not_the_first_only(void **state)
{
	(void)state;
	tells("\n{\"_type\":\"task\",\"id\":\"a\",\"queue\":7,\"subject\":"
	      "\"s\",\"state\":\"cancelled\",\"created_at\":\"t\","
	      "\"domain\":\"x\",\"ke_fit_score\":9,\"a b\":1,\"error\":{}}\n",
	    "f:2: queue: expected a string\n"
	    "f:2: state: expected one of pending, in_progress, completed, "
	    "blocked, failed, not \"cancelled\"\n"
	    "f:2: domain: unknown key in a task\n"
	    "f:2: ke_fit_score: expected a whole number from 1 to 5\n"
	    "f:2: \"a b\": unknown key in a task\n"
	    "f:2: updated_at: is required in a task\n");
}

static void
what_is_well_formed_is_in_the_record(void **state)
{
	auto_arena a = { 0 };
	struct e2m_reader r;
	struct e2m_loose l;

	(void)state;
	e2m_reader_init(&r,
	    STR("{\"_type\":\"task\",\"id\":\"a\",\"state\":\"odd\",\"x\":1,"
	        "\"ke_fit_score\":4,\"error\":{\"message\":\"m\"}}"),
	    E2M_ANYWHERE);
	assert_true(e2m_reader_next(&r, &a, &l));
	assert_true(l.has_record && l.torn);
	assert_int_equal(l.record.as.task.ke_fit_score, 4);
	assert_int_equal(l.record.as.task.state, E2M_no_state);
	assert_non_null(json_get(l.record.as.task.error, "message"));
	e2m_reader_fini(&r);
}

static void
what_is_no_object_is_kept_as_bytes(void **state)
{
	auto_arena a = { 0 };
	struct e2m_reader r;
	struct e2m_loose l;

	(void)state;
	e2m_reader_init(
	    &r, STR("[1]\n{\"a\":1,\"a\":2}\n{\"_ty"), E2M_ANYWHERE);
	for (int i = 0; i < 3; i++) {
		assert_true(e2m_reader_next(&r, &a, &l));
		assert_null(l.tree);
		assert_false(l.has_record);
		assert_int_equal(l.deviation_count, 1);
		assert_int_equal(l.deviations[0].fault, E2M_UNREADABLE);
		assert_null(l.deviations[0].field.at);
	}
	assert_true(str_eq_z(l.raw, "{\"_ty"));
	assert_true(
	    str_ends(l.deviations[0].problem, STR("has no end: torn?)")));
	e2m_reader_fini(&r);
}

static void
a_line_over_the_bound_is_not_parsed(void **state)
{
	auto_arena a = { 0 };
	auto_buf big = { 0 };
	struct e2m_reader r;
	struct e2m_loose l;

	(void)state;
	buf_add_byte(&big, '"');
	memset(buf_room(&big, E2M_LINE_MAX), 'x', E2M_LINE_MAX);
	buf_grew(&big, E2M_LINE_MAX);
	buf_add_z(&big, "\"\n{}");
	e2m_reader_init(&r, buf_str(&big), E2M_ANYWHERE);
	assert_true(e2m_reader_next(&r, &a, &l));
	assert_true(
	    str_eq_z(l.deviations[0].problem, "a line is at most 1 MiB"));
	assert_true(e2m_reader_next(&r, &a, &l));
	assert_int_equal(l.number, 2);
	e2m_reader_fini(&r);
}

static void
a_legal_life_has_no_deviation(void **state)
{
	(void)state;
	tells(TASK("a", "pending") MOVE("a", "claim", "pending", "in_progress")
	          TASK("a", "in_progress") MOVE("a", "block", "in_progress",
	              "blocked") MOVE("a", "unblock", "blocked", "in_progress")
	              MOVE("a", "fail", "in_progress", "failed")
	                  MOVE("a", "retry", "failed", "pending")
	                      MOVE("a", "claim", "pending", "in_progress") MOVE(
	                          "a", "complete", "in_progress", "completed"),
	    "");
}

static void
every_illegal_pair_in_data_is_told_and_survived(void **state)
{
	auto_arena a = { 0 };
	int illegal = 0;

	(void)state;
	for (int s = E2M_PENDING; s <= E2M_FAILED; s++) {
		for (int v = E2M_CLAIM; v <= E2M_RETRY; v++) {
			enum e2m_state next;
			struct err e = { 0 };
			bool legal = e2m_transition((enum e2m_state)s,
			                 (enum e2m_event)v, &next, &e) == 0;
			struct str line = arena_printf(&a,
			    "{\"_type\":\"transition\",\"id\":\"x\","
			    "\"at\":\"t\",\"event\":\"%s\","
			    "\"prior_state\":\"%s\"}",
			    e2m_event_name((enum e2m_event)v),
			    e2m_state_name((enum e2m_state)s));
			struct str expected =
			    legal
			        ? STR("")
			        : arena_printf(&a, "f:1: event: %s\n", e.text);

			assert_string_equal(
			    told(&a, line, E2M_ANYWHERE).at, expected.at);
			illegal += !legal;
		}
	}
	assert_int_equal(illegal, 24);
}

static void
the_lines_before_decide_where_a_line_says_nothing(void **state)
{
	(void)state;
	tells(TASK("a", "pending") "{\"_type\":\"transition\",\"id\":\"a\","
	                           "\"at\":\"t\","
	                           "\"event\":\"complete\"}\n",
	    "f:2: event: illegal: pending --complete--> (allowed from: "
	    "in_progress)\n");
	tells(MOVE("a", "claim", "pending", "in_progress")
	          MOVE("a", "claim", "pending", "in_progress"),
	    "f:2: prior_state: says pending, but the lines before say "
	    "in_progress\n");
	tells(MOVE("a", "claim", "pending", "blocked"),
	    "f:1: new_state: expected in_progress\n");
}

static void
what_is_no_json_is_told_by_its_column(void **state)
{
	(void)state;
	tells("{\"a\":1,\"a\":2}\n{\"b\":\n",
	    "f:1: the line is no JSON: column 12: the key \"a\" stands twice "
	    "in one object\n"
	    "f:2: the line is no JSON: column 6: expected a value, but the "
	    "text ends\n");
	tells("\xef\xbb\xbf{}\n",
	    "f:1: it begins with a byte order mark: save the file as UTF-8 "
	    "without one\n");
	tells("\xff\xfe{}\n",
	    "f:1: it begins as UTF-16 does: save the file as UTF-8\n");
	tells("\xfe\xff{}\n",
	    "f:1: it begins as UTF-16 does: save the file as UTF-8\n");
}

static void
unknown_events_and_states_are_told_and_survived(void **state)
{
	(void)state;
	tells(TASK("a", "pending") MOVE("a", "cancel", "pending", "cancelled")
	          MOVE("a", "note", "superseded", "completed")
	              TASK("a", "completed"),
	    "f:2: event: expected one of claim, complete, block, unblock, "
	    "fail, retry, ack, read, not \"cancel\"\n"
	    "f:2: new_state: \"cancelled\" is no state of a task\n"
	    "f:3: event: expected one of claim, complete, block, unblock, "
	    "fail, retry, ack, read, not \"note\"\n"
	    "f:3: prior_state: \"superseded\" is no state of a task\n");
}

static void
receipts_of_letters_move_no_task(void **state)
{
	(void)state;
	tells("{\"_type\":\"transition\",\"id\":\"m\",\"at\":\"t\",\"event\":"
	      "\"ack\",\"prior_state\":\"pending\",\"new_state\":\"actioned\"}"
	      "\n{\"_type\":\"transition\",\"id\":\"m\",\"at\":\"t\","
	      "\"status\":\"read\",\"new_state\":\"read\"}\n",
	    "");
}

static void
a_letter_in_a_queue_is_told(void **state)
{
	auto_arena a = { 0 };

	(void)state;
	assert_string_equal(
	    told(&a, STR(TASK("a", "pending")), E2M_IN_MAILBOX).at,
	    "f:1: _type: a task does not belong in a mailbox\n");
	assert_string_equal(
	    told(&a, STR(TASK("a", "pending")), E2M_IN_QUEUE).at, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(legacy_shapes_are_kept_byte_for_byte),
		cmocka_unit_test(
		    every_deviation_of_a_line_is_told_not_the_first_only),
		cmocka_unit_test(what_is_well_formed_is_in_the_record),
		cmocka_unit_test(what_is_no_object_is_kept_as_bytes),
		cmocka_unit_test(a_line_over_the_bound_is_not_parsed),
		cmocka_unit_test(a_legal_life_has_no_deviation),
		cmocka_unit_test(
		    every_illegal_pair_in_data_is_told_and_survived),
		cmocka_unit_test(
		    the_lines_before_decide_where_a_line_says_nothing),
		cmocka_unit_test(what_is_no_json_is_told_by_its_column),
		cmocka_unit_test(
		    unknown_events_and_states_are_told_and_survived),
		cmocka_unit_test(receipts_of_letters_move_no_task),
		cmocka_unit_test(a_letter_in_a_queue_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
