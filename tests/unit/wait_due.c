/* SPDX-License-Identifier: Apache-2.0 */
#include "wait_help.h"

static const struct str anna = { "anna", 4 };

static struct wait_put
patient(uint32_t call)
{
	struct wait_put c = question(call);

	c.remind_us = 10 * CLOCK_SECOND;
	c.escalate_us = 20 * CLOCK_SECOND;
	c.escalate_to = STR("bert");
	c.escalate_for = anna;
	c.named = &anna;
	c.named_count = 1;
	c.expires_us = 60 * CLOCK_SECOND;
	return c;
}

static const char *
due(struct world *w, int64_t after)
{
	struct wall now = { w->now.us + after };
	struct wait_step s = { 0 };

	if (wait_due(w->list, &w->arena, now, &s, &w->e)) {
		return "nothing";
	}
	apply(w, &s);
	return s.what;
}

static void
it_is_told_again_told_to_another_and_over_each_once(void **state)
{
	struct world w;
	struct wait_step s = { 0 };
	struct wall at = { 0 };

	(void)state;
	init(&w);
	assert_int_equal(put(&w, patient(1), &s), 0);
	assert_true(wait_next_due(w.list, &at));
	assert_int_equal(at.us - w.now.us, 10 * CLOCK_SECOND);
	assert_string_equal(due(&w, 9 * CLOCK_SECOND), "nothing");
	assert_string_equal(due(&w, 10 * CLOCK_SECOND), "reminded");
	assert_string_equal(due(&w, 19 * CLOCK_SECOND), "nothing");
	assert_true(wait_next_due(w.list, &at));
	assert_int_equal(at.us - w.now.us, 20 * CLOCK_SECOND);
	assert_string_equal(due(&w, 20 * CLOCK_SECOND), "escalated");
	assert_string_equal(due(&w, 59 * CLOCK_SECOND), "nothing");
	assert_string_equal(due(&w, 60 * CLOCK_SECOND), "expired");
	assert_string_equal(due(&w, 90 * CLOCK_SECOND), "nothing");
	assert_int_equal(wait_find(w.list, s.id)->state, WAIT_EXPIRED);
	assert_replays(&w);
	fini(&w);
}

static void
a_clock_that_jumps_to_the_end_only_ends_it(void **state)
{
	struct world w;
	struct wait_step s = { 0 };

	(void)state;
	init(&w);
	assert_int_equal(put(&w, patient(1), &s), 0);
	assert_string_equal(due(&w, 61 * CLOCK_SECOND), "expired");
	assert_string_equal(due(&w, 61 * CLOCK_SECOND), "nothing");
	fini(&w);
}

static void
only_after_its_time_another_decides_in_the_named_ones_place(void **state)
{
	struct world w;
	struct wait_step s = { 0 };

	(void)state;
	init(&w);
	assert_int_equal(put(&w, patient(1), &s), 0);
	struct str id = s.id;

	assert_int_equal(say(&w, id, "bert", true, &s), -1);
	assert_int_equal(w.e.kind, ERR_DENIED);
	assert_string_equal(due(&w, 10 * CLOCK_SECOND), "reminded");
	assert_int_equal(say(&w, id, "bert", true, &s), -1);
	assert_string_equal(due(&w, 20 * CLOCK_SECOND), "escalated");
	assert_int_equal(say(&w, id, "carl", true, &s), -1);
	assert_int_equal(say(&w, id, "bert", true, &s), 0);
	assert_int_equal(s.state, WAIT_APPROVED);
	assert_int_equal(consume(&w, id, digest_for(1)), 0);
	assert_replays(&w);
	fini(&w);
}

static void
the_named_one_still_decides_after_it_was_told_to_another(void **state)
{
	struct world w;
	struct wait_step s = { 0 };

	(void)state;
	init(&w);
	assert_int_equal(put(&w, patient(1), &s), 0);
	(void)due(&w, 10 * CLOCK_SECOND);
	(void)due(&w, 20 * CLOCK_SECOND);
	assert_int_equal(say(&w, s.id, "anna", true, &s), 0);
	assert_int_equal(s.state, WAIT_APPROVED);
	fini(&w);
}

/* Two people, one of them named: whoever stands in takes the named one's seat
 * and no other. */
static void
of_two_the_one_who_stands_in_is_not_both(void **state)
{
	struct world w;
	struct wait_step s = { 0 };
	struct wait_put c = patient(1);

	(void)state;
	init(&w);
	c.people = 2;
	assert_int_equal(put(&w, c, &s), 0);
	struct str id = s.id;

	(void)due(&w, 10 * CLOCK_SECOND);
	(void)due(&w, 20 * CLOCK_SECOND);
	assert_int_equal(say(&w, id, "bert", true, &s), 0);
	assert_int_equal(s.state, WAIT_OPEN);
	assert_int_equal(say(&w, id, "bert", true, &s), -1);
	assert_int_equal(say(&w, id, "anna", true, &s), -1);
	assert_int_equal(w.e.kind, ERR_CONFLICT);
	assert_int_equal(say(&w, id, "carl", true, &s), 0);
	assert_int_equal(s.state, WAIT_APPROVED);
	assert_replays(&w);
	fini(&w);
}

static void
of_two_the_free_seat_is_only_one(void **state)
{
	struct world w;
	struct wait_step s = { 0 };
	struct wait_put c = patient(1);

	(void)state;
	init(&w);
	c.people = 2;
	assert_int_equal(put(&w, c, &s), 0);
	struct str id = s.id;

	assert_int_equal(say(&w, id, "carl", true, &s), 0);
	assert_int_equal(say(&w, id, "dora", true, &s), -1);
	assert_int_equal(say(&w, id, "bert", true, &s), -1);
	(void)due(&w, 10 * CLOCK_SECOND);
	(void)due(&w, 20 * CLOCK_SECOND);
	assert_int_equal(say(&w, id, "dora", true, &s), -1);
	assert_int_equal(say(&w, id, "bert", true, &s), 0);
	assert_int_equal(s.state, WAIT_APPROVED);
	fini(&w);
}

static void
a_reminder_after_the_end_or_to_nobody_is_refused(void **state)
{
	struct world w;
	struct wait_step s = { 0 };
	struct wait_put bad[4] = { patient(1), patient(1), patient(1),
		patient(1) };

	(void)state;
	init(&w);
	bad[0].remind_us = 61 * CLOCK_SECOND;
	bad[1].escalate_us = 61 * CLOCK_SECOND;
	bad[2].escalate_to = STR("");
	bad[3].remind_us = -1;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_row(put(&w, bad[i], &s) == -1, i);
	}
	fini(&w);
}

static void
an_answer_is_one_of_those_to_choose_from(void **state)
{
	static const struct str options[] = { { "red", 3 }, { "green", 5 } };
	struct world w;
	struct wait_step s = { 0 };
	struct wait_put c = question(1);
	struct wait_decide say = {
		.yes = true,
		.principal = STR("alice"),
		.surface = STR("cli"),
	};

	(void)state;
	init(&w);
	c.kind = WAIT_QUESTION;
	c.options = options;
	c.option_count = COUNT(options);
	assert_int_equal(put(&w, c, &s), 0);
	say.id = s.id;
	say.now = w.now;
	assert_int_equal(wait_decide(w.list, &w.arena, &say, &s, &w.e), -1);
	say.value = STR("blue");
	assert_int_equal(wait_decide(w.list, &w.arena, &say, &s, &w.e), -1);
	assert_int_equal(w.e.kind, ERR_INPUT);
	say.value = STR("green");
	assert_int_equal(wait_decide(w.list, &w.arena, &say, &s, &w.e), 0);
	apply(&w, &s);
	assert_true(str_eq_z(wait_find(w.list, say.id)->value, "green"));
	assert_replays(&w);
	fini(&w);
}

static void
a_letter_takes_one_of_its_options_and_cannot_be_declined(void **state)
{
	static const struct str options[] = { STR("retry"), STR("drop") };
	struct world w;
	struct wait_step s = { 0 };
	struct wait_put c = question(1);
	struct wait_decide say = {
		.principal = STR("alice"),
		.surface = STR("cli"),
		.reason = STR("no"),
	};

	(void)state;
	init(&w);
	c.kind = WAIT_DECISION;
	c.options = options;
	c.option_count = COUNT(options);
	assert_int_equal(put(&w, c, &s), 0);
	say.id = s.id;
	say.now = w.now;
	assert_int_equal(wait_decide(w.list, &w.arena, &say, &s, &w.e), -1);
	assert_int_equal(w.e.kind, ERR_INPUT);
	say.yes = true;
	say.value = STR("later");
	assert_int_equal(wait_decide(w.list, &w.arena, &say, &s, &w.e), -1);
	say.value = STR("drop");
	assert_int_equal(wait_decide(w.list, &w.arena, &say, &s, &w.e), 0);
	apply(&w, &s);
	assert_true(str_eq_z(wait_find(w.list, say.id)->value, "drop"));
	assert_replays(&w);
	fini(&w);
}

static void
an_approval_takes_no_value(void **state)
{
	struct world w;
	struct wait_step s = { 0 };
	struct wait_decide say = {
		.yes = true,
		.principal = STR("alice"),
		.surface = STR("cli"),
		.value = STR("{}"),
	};

	(void)state;
	init(&w);
	assert_int_equal(put(&w, question(1), &s), 0);
	say.id = s.id;
	say.now = w.now;
	assert_int_equal(wait_decide(w.list, &w.arena, &say, &s, &w.e), -1);
	fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    it_is_told_again_told_to_another_and_over_each_once),
		cmocka_unit_test(a_clock_that_jumps_to_the_end_only_ends_it),
		cmocka_unit_test(
		    only_after_its_time_another_decides_in_the_named_ones_place),
		cmocka_unit_test(
		    the_named_one_still_decides_after_it_was_told_to_another),
		cmocka_unit_test(of_two_the_one_who_stands_in_is_not_both),
		cmocka_unit_test(of_two_the_free_seat_is_only_one),
		cmocka_unit_test(
		    a_reminder_after_the_end_or_to_nobody_is_refused),
		cmocka_unit_test(an_answer_is_one_of_those_to_choose_from),
		cmocka_unit_test(
		    a_letter_takes_one_of_its_options_and_cannot_be_declined),
		cmocka_unit_test(an_approval_takes_no_value),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
