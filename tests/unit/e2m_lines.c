/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "e2m/e2m.h"

/* A file of lines: nothing is lost, everything wrong is named by its line. */

#define GOOD "{\"_type\":\"transition\",\"id\":\"a\",\"at\":\"now\"}"

static void
good_lines_stand_beside_bad_ones(void **state)
{
	auto_arena a = { 0 };
	struct e2m_lines l = e2m_parse_lines(&a,
	    STR(GOOD "\n\n  \r\n{\"_type\":\"x\"}\n" GOOD "\nnot json\n"),
	    "q/engineering.jsonl");

	(void)state;
	assert_int_equal(l.count, 4);
	assert_int_equal(l.bad, 2);
	assert_int_equal(l.at[0].number, 1);
	assert_int_equal(l.at[0].problem.len, 0);
	assert_true(str_eq_z(l.at[0].record.as.transition.id, "a"));
	assert_int_equal(l.at[1].number, 4);
	assert_true(str_eq_z(l.at[1].problem,
	    "q/engineering.jsonl:4: _type: expected one of envelope, task, "
	    "transition, not \"x\""));
	assert_true(str_eq_z(l.at[1].raw, "{\"_type\":\"x\"}"));
	assert_int_equal(l.at[2].problem.len, 0);
	assert_true(
	    str_starts(l.at[3].problem, STR("q/engineering.jsonl:6: ")));
	assert_true(str_eq_z(l.at[3].raw, "not json"));
	assert_false(l.at[3].torn);
}

static void
a_torn_last_line_is_named_and_kept(void **state)
{
	auto_arena a = { 0 };
	struct e2m_lines l =
	    e2m_parse_lines(&a, STR(GOOD "\n{\"_type\":\"tra"), "f");

	(void)state;
	assert_int_equal(l.count, 2);
	assert_int_equal(l.bad, 1);
	assert_true(l.at[1].torn);
	assert_true(str_starts(l.at[1].problem, STR("f:2: ")));
	assert_true(str_ends(
	    l.at[1].problem, STR("(the last line has no end: torn?)")));
	l = e2m_parse_lines(&a, STR(GOOD), "f");
	assert_int_equal(l.bad, 0);
	assert_true(l.at[0].torn);
}

static void
an_empty_file_has_no_lines(void **state)
{
	auto_arena a = { 0 };

	(void)state;
	assert_int_equal(e2m_parse_lines(&a, STR(""), "f").count, 0);
	assert_int_equal(e2m_parse_lines(&a, STR("\n\n\n"), "f").count, 0);
}

static void
every_byte_that_is_not_blank_is_in_some_entry(void **state)
{
	auto_arena a = { 0 };
	struct str bytes = STR("x\n" GOOD "\n \t\n{}\n\n\"tail");
	struct e2m_lines l = e2m_parse_lines(&a, bytes, "f");
	size_t kept = 0;
	size_t solid = 0;

	(void)state;
	for (size_t i = 0; i < bytes.len; i++) {
		solid += !str_has(STR(" \t\r\n"), bytes.at[i]);
	}
	for (size_t i = 0; i < l.count; i++) {
		kept += l.at[i].raw.len;
	}
	assert_int_equal(kept, solid);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lines_stand_beside_bad_ones),
		cmocka_unit_test(a_torn_last_line_is_named_and_kept),
		cmocka_unit_test(an_empty_file_has_no_lines),
		cmocka_unit_test(every_byte_that_is_not_blank_is_in_some_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
