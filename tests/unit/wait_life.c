/* SPDX-License-Identifier: Apache-2.0 */
#include "wait_help.h"

static void
a_yes_lets_exactly_this_happen_once(void **state)
{
	struct world w;
	struct wait_step s = { 0 };

	(void)state;
	init(&w);
	assert_int_equal(put(&w, question(1), &s), 0);
	struct str id = s.id;

	assert_int_equal(id.len, WAIT_ID_TEXT - 1);
	assert_true(id.len <= 39 && str_starts(id, STR("w-")));
	assert_int_equal(consume(&w, id, digest_for(1)), -1); /* not yet */
	assert_int_equal(say(&w, id, "alice", true, &s), 0);
	assert_true(s.settled);
	assert_int_equal(s.state, WAIT_APPROVED);
	assert_int_equal(consume(&w, id, digest_for(2)), -1);
	assert_int_equal(w.e.kind, ERR_DENIED);
	assert_int_equal(consume(&w, id, digest_for(1)), 0);
	assert_int_equal(consume(&w, id, digest_for(1)), -1); /* twice */
	assert_int_equal(w.e.kind, ERR_DENIED);
	assert_replays(&w);
	fini(&w);
}

static void
every_part_of_the_subject_is_bound(void **state)
{
	struct wait_subject base = subject(1);
	struct wait_subject other[7];
	struct digest d = wait_digest(&base);

	(void)state;
	for (size_t i = 0; i < COUNT(other); i++) {
		other[i] = base;
	}
	other[0].identity = STR("cloud__docker_mcp__engineering_coworker");
	other[1].tool = STR("git_pushx");
	other[2].contract.bytes[31] ^= 1;
	other[3].args.bytes[0] ^= 1;
	other[4].run = STR("00000000-0000-7000-8000-000000000002");
	other[5].call = 2;
	other[6].workspace.bytes[5] ^= 1;
	for (size_t i = 0; i < COUNT(other); i++) {
		assert_row(!digest_eq(d, wait_digest(&other[i])), i);
	}
	/* The effect is the same whatever its ordinal and workspace. */
	assert_true(digest_eq(wait_effect(&base), wait_effect(&other[5])));
	assert_true(digest_eq(wait_effect(&base), wait_effect(&other[6])));
	assert_false(digest_eq(wait_effect(&base), wait_effect(&other[3])));
	/* No bytes move from one text to the next. */
	other[0] = base;
	other[0].identity = STR(ME "g");
	other[0].tool = STR("it_push");
	assert_false(digest_eq(d, wait_digest(&other[0])));
}

static void
the_first_answer_stands_and_the_rest_are_told(void **state)
{
	struct world w;
	struct wait_step s = { 0 };

	(void)state;
	init(&w);
	assert_int_equal(put(&w, question(1), &s), 0);
	struct str id = s.id;

	assert_int_equal(say(&w, id, "alice", false, &s), 0);
	assert_int_equal(s.state, WAIT_DENIED);
	assert_int_equal(say(&w, id, "bob", true, &s), -1);
	assert_int_equal(w.e.kind, ERR_CONFLICT);
	assert_non_null(strstr(w.e.text, "already denied by alice on cli"));
	assert_int_equal(consume(&w, id, digest_for(1)), -1);
	assert_true(str_eq(wait_find(w.list, id)->reason, STR("not today")));
	assert_replays(&w);
	fini(&w);
}

static void
only_a_person_who_does_not_ask_decides(void **state)
{
	static const char *const nobody[] = { "", ME,
		"cloud__docker_mcp__finance_coworker", "carol" };
	struct world w;
	struct wait_step s = { 0 };
	struct wait_put c = question(1);

	(void)state;
	init(&w);
	c.asker = STR("carol");
	assert_int_equal(put(&w, c, &s), 0);
	struct str id = s.id;

	for (size_t i = 0; i < COUNT(nobody); i++) {
		assert_int_equal(say(&w, id, nobody[i], true, &s), -1);
		assert_int_equal(w.e.kind, ERR_DENIED);
		assert_int_equal(say(&w, id, nobody[i], false, &s), -1);
	}
	assert_int_equal(wait_find(w.list, id)->state, WAIT_OPEN);
	assert_int_equal(say(&w, id, "alice", true, &s), 0);
	fini(&w);
}

static void
an_answer_counts_only_from_a_named_surface(void **state)
{
	struct world w;
	struct wait_step s = { 0 };

	(void)state;
	init(&w);
	assert_int_equal(put(&w, question(1), &s), 0);
	struct wait_decide c = {
		.id = s.id,
		.yes = true,
		.principal = STR("alice"),
		.surface = STR("file"),
		.now = w.now,
	};

	assert_int_equal(wait_decide(w.list, &w.arena, &c, &s, &w.e), -1);
	assert_int_equal(w.e.kind, ERR_DENIED);
	c.surface = STR("web");
	assert_int_equal(wait_decide(w.list, &w.arena, &c, &s, &w.e), 0);
	fini(&w);
}

static void
two_people_are_two_names(void **state)
{
	struct world w;
	struct wait_step s = { 0 };
	struct wait_put c = question(1);

	(void)state;
	init(&w);
	c.people = 2;
	assert_int_equal(put(&w, c, &s), 0);
	struct str id = s.id;

	assert_int_equal(say(&w, id, "alice", true, &s), 0);
	assert_int_equal(s.state, WAIT_OPEN);
	assert_false(s.settled);
	assert_int_equal(consume(&w, id, digest_for(1)), -1);
	assert_int_equal(say(&w, id, "alice", true, &s), -1);
	assert_int_equal(w.e.kind, ERR_CONFLICT);
	assert_int_equal(say(&w, id, "bob", true, &s), 0);
	assert_true(s.settled);
	assert_int_equal(consume(&w, id, digest_for(1)), 0);
	assert_replays(&w);
	fini(&w);
}

static void
one_no_is_enough_for_all(void **state)
{
	struct world w;
	struct wait_step s = { 0 };
	struct wait_put c = question(1);

	(void)state;
	init(&w);
	c.people = 2;
	assert_int_equal(put(&w, c, &s), 0);
	struct str id = s.id;

	assert_int_equal(say(&w, id, "alice", true, &s), 0);
	assert_int_equal(say(&w, id, "bob", false, &s), 0);
	assert_int_equal(s.state, WAIT_DENIED);
	fini(&w);
}

static void
a_named_person_must_be_among_them(void **state)
{
	static const struct str named[] = { { "bob", 3 } };
	struct world w;
	struct wait_step s = { 0 };
	struct wait_put c = question(1);

	(void)state;
	init(&w);
	c.named = named;
	c.named_count = 1;
	assert_int_equal(put(&w, c, &s), 0);
	struct str id = s.id;

	assert_int_equal(say(&w, id, "alice", true, &s), -1);
	assert_int_equal(w.e.kind, ERR_DENIED);
	assert_int_equal(say(&w, id, "bob", true, &s), 0);
	c = question(2);
	c.named = named;
	c.named_count = 1;
	c.people = 2;
	assert_int_equal(put(&w, c, &s), 0);
	id = s.id;
	assert_int_equal(say(&w, id, "alice", true, &s), 0);
	assert_int_equal(say(&w, id, "carol", true, &s), -1);
	assert_int_equal(say(&w, id, "bob", true, &s), 0);
	assert_int_equal(s.state, WAIT_APPROVED);
	assert_replays(&w);
	fini(&w);
}

static void
time_ends_a_question_and_an_approval(void **state)
{
	struct world w;
	struct wait_step s = { 0 };
	struct wall at = { 0 };

	(void)state;
	init(&w);
	assert_false(wait_next_due(w.list, &at));
	assert_int_equal(put(&w, question(1), &s), 0);
	struct str first = s.id;

	w.now.us += CLOCK_SECOND;
	assert_int_equal(put(&w, question(2), &s), 0);
	struct str second = s.id;

	assert_int_equal(say(&w, second, "alice", true, &s), 0);
	assert_true(wait_next_due(w.list, &at));
	assert_int_equal(at.us, 1700000000000000 + CLOCK_MINUTE);
	assert_int_equal(wait_due(w.list, &w.arena, w.now, &s, &w.e), -1);
	w.now.us += CLOCK_MINUTE;
	assert_int_equal(say(&w, first, "alice", true, &s), -1);
	assert_int_equal(w.e.kind, ERR_CONFLICT);
	assert_int_equal(consume(&w, second, digest_for(2)), -1);
	assert_int_equal(w.e.kind, ERR_DENIED);
	assert_int_equal(wait_due(w.list, &w.arena, w.now, &s, &w.e), 0);
	assert_true(s.settled && str_eq(s.id, first));
	apply(&w, &s);
	assert_int_equal(wait_due(w.list, &w.arena, w.now, &s, &w.e), -1);
	assert_int_equal(w.e.kind, ERR_MISSING);
	assert_replays(&w);
	fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_yes_lets_exactly_this_happen_once),
		cmocka_unit_test(every_part_of_the_subject_is_bound),
		cmocka_unit_test(the_first_answer_stands_and_the_rest_are_told),
		cmocka_unit_test(only_a_person_who_does_not_ask_decides),
		cmocka_unit_test(an_answer_counts_only_from_a_named_surface),
		cmocka_unit_test(two_people_are_two_names),
		cmocka_unit_test(one_no_is_enough_for_all),
		cmocka_unit_test(a_named_person_must_be_among_them),
		cmocka_unit_test(time_ends_a_question_and_an_approval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
