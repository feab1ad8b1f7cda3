/* SPDX-License-Identifier: Apache-2.0 */
#include "wait_help.h"

static void
the_same_question_waits_once(void **state)
{
	struct world w;
	struct wait_step s = { 0 };

	(void)state;
	init(&w);
	assert_int_equal(put(&w, question(1), &s), 0);
	struct str id = s.id;

	assert_int_equal(put(&w, question(1), &s), 0);
	assert_true(s.duplicate);
	assert_true(str_eq(s.id, id));
	assert_int_equal(w.logged, 1);
	fini(&w);
}

static void
what_was_denied_stays_denied_for_the_run(void **state)
{
	struct world w;
	struct wait_step s = { 0 };
	struct wait_put c = question(2);

	(void)state;
	init(&w);
	assert_int_equal(put(&w, question(1), &s), 0);
	assert_int_equal(say(&w, s.id, "alice", false, &s), 0);
	assert_int_equal(put(&w, c, &s), -1); /* as call 2 of the run */
	assert_int_equal(w.e.kind, ERR_DENIED);
	c.subject.args = digest_of(STR("{\"other\":1}"));
	assert_int_equal(put(&w, c, &s), 0);
	c = question(1);
	c.subject.run = STR("00000000-0000-7000-8000-000000000002");
	assert_int_equal(put(&w, c, &s), 0);
	fini(&w);
}

/* L08 */
static void
at_most_eight_wait_for_a_run(void **state)
{
	struct world w;
	struct wait_step s = { 0 };
	struct wait_put c = question(9);

	(void)state;
	init(&w);
	for (uint32_t n = 1; n <= WAIT_PER_RUN; n++) {
		assert_int_equal(put(&w, question(n), &s), 0);
	}
	struct str last = s.id;

	assert_int_equal(put(&w, question(9), &s), -1);
	assert_int_equal(w.e.kind, ERR_LIMIT);
	assert_int_equal(put(&w, question(8), &s), 0); /* the same again */
	c.subject.run = STR("00000000-0000-7000-8000-000000000002");
	assert_int_equal(put(&w, c, &s), 0);
	assert_int_equal(say(&w, last, "alice", true, &s), 0);
	assert_int_equal(put(&w, question(9), &s), 0);
	fini(&w);
}

/* What hostile code asks for fills no place of the run's own calls. */
static void
requests_of_a_cell_are_counted_apart_from_calls(void **state)
{
	struct world w;
	struct wait_step s = { 0 };
	struct wait_put c = question(1);

	(void)state;
	init(&w);
	c.subject.tool = STR("http:POST");
	for (uint32_t n = 0; n < WAIT_PER_RUN; n++) {
		c.subject.args.bytes[0]++;
		assert_int_equal(put(&w, c, &s), 0);
	}
	c.subject.args.bytes[0]++;
	assert_int_equal(put(&w, c, &s), -1);
	assert_int_equal(w.e.kind, ERR_LIMIT);
	for (uint32_t n = 1; n <= WAIT_PER_RUN; n++) {
		assert_int_equal(put(&w, question(n), &s), 0);
	}
	assert_int_equal(put(&w, question(9), &s), -1);
	assert_int_equal(w.e.kind, ERR_LIMIT);
	fini(&w);
}

static void
a_question_that_nobody_could_answer_is_refused(void **state)
{
	struct world w;
	struct wait_step s = { 0 };
	struct wait_put bad[8];

	(void)state;
	init(&w);
	for (size_t i = 0; i < COUNT(bad); i++) {
		bad[i] = question(1);
	}
	bad[0].people = 0;
	bad[1].surface_count = 0;
	bad[2].expires_us = 0;
	bad[3].asker = STR("");
	bad[4].hint = STR("a\x1b[2Jb");
	bad[5].named = surfaces;
	bad[5].named_count = 2;
	bad[6].subject.tool = STR("git push");
	bad[7].expires_us = INT64_MAX;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_row(put(&w, bad[i], &s) == -1, i);
	}
	fini(&w);
}

static void
a_cancelled_question_takes_no_answer(void **state)
{
	struct world w;
	struct wait_step s = { 0 };

	(void)state;
	init(&w);
	assert_int_equal(put(&w, question(1), &s), 0);
	struct str id = s.id;

	assert_int_equal(wait_cancel(w.list, &w.arena, id, w.now, &s, &w.e), 0);
	apply(&w, &s);
	assert_false(s.settled);
	assert_int_equal(say(&w, id, "alice", true, &s), -1);
	assert_int_equal(
	    wait_cancel(w.list, &w.arena, id, w.now, &s, &w.e), -1);
	assert_replays(&w);
	fini(&w);
}

/* A log that no command could have written. */
static void
a_forged_event_is_not_applied(void **state)
{
	struct world w;
	struct wait_step s = { 0 };

	(void)state;
	init(&w);
	struct wait_put c = question(1);

	c.people = 2;
	assert_int_equal(put(&w, c, &s), 0);
	struct str before = dump(&w, w.list);
	const char *const bodies[] = {
		"{\"event\":\"consumed\",\"id\":\"%s\",\"at_us\":1}",
		"{\"event\":\"decided\",\"id\":\"%s\",\"at_us\":1,\"answer\":"
		"\"approve\",\"by\":\"a\",\"surface\":\"cli\"}",
		"{\"event\":\"decided\",\"id\":\"%s\",\"at_us\":1,\"answer\":"
		"\"maybe\",\"by\":\"a\",\"surface\":\"cli\"}",
		"{\"event\":\"decided\",\"id\":\"%s\",\"at_us\":1,\"answer\":"
		"\"deny\",\"by\":\"\",\"surface\":\"cli\"}",
		"{\"event\":\"burned\",\"id\":\"%s\",\"at_us\":1}",
		"{\"event\":\"expired\",\"id\":\"x%s\",\"at_us\":1}",
		"{\"event\":\"expired\",\"id\":\"%s\"}",
	};

	for (size_t i = 0; i < COUNT(bodies); i++) {
		auto_buf body = { 0 };
		struct str rest = str_of(bodies[i]);
		struct str head = { 0 };

		(void)str_cut(&rest, '%', &head);
		buf_add(&body, head);
		buf_add(&body, s.id);
		buf_add(&body, str_sub(rest, 1, rest.len));
		assert_row(
		    wait_apply(w.list, 0, buf_str(&body), &w.e) == -1, i);
	}
	/* Another subject under the old digest. */
	auto_buf forged = { 0 };
	struct str put_body = w.log[0];

	for (size_t i = 0; i < put_body.len; i++) {
		bool here =
		    str_eq(str_sub(put_body, i, 10), STR("\"git_push\""));

		buf_add(&forged,
		    here ? STR("\"git_pull\"") : str_sub(put_body, i, 1));
		i += here ? 9 : 0;
	}
	struct wait_list *other = wait_list_new(1);

	assert_int_equal(wait_apply(other, 0, buf_str(&forged), &w.e), -1);
	assert_int_equal(wait_apply(other, 0, put_body, &w.e), 0);
	assert_int_equal(wait_apply(other, 0, put_body, &w.e), -1); /* twice */
	wait_list_free(other);
	assert_true(str_eq(before, dump(&w, w.list)));
	fini(&w);
}

static void
the_name_of_a_permission_file_leads_nowhere_else(void **state)
{
	static const char *const good[] = { "a", "Z", "0", "-", "_", "nda-v3",
		"a.b", "a.b.c", "x.json", "a-" };
	static const char *const bad[] = { "", ".", "..", ".a", "a..b", "a..",
		"../a", "a/b", "/a", "a\\b", "a b", "a\n", "\xc3\xa9", "a:b",
		"a%2f", "~a", "a*", "a\x01" };
	char text[WAIT_FILE_MAX + 2];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_row(wait_file_name_ok(str_of(good[i])), i);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_row(!wait_file_name_ok(str_of(bad[i])), i);
	}
	assert_false(wait_file_name_ok(str_span("a\0b", 3)));
	memset(text, 'a', sizeof(text));
	assert_true(wait_file_name_ok(str_span(text, WAIT_FILE_MAX)));
	assert_false(wait_file_name_ok(str_span(text, WAIT_FILE_MAX + 1)));
}

static void
the_inbox_shows_what_is_open_with_its_code(void **state)
{
	struct world w;
	struct wait_step s = { 0 };
	auto_buf inbox = { 0 };
	char code[WAIT_CODE_TEXT] = { 0 };

	(void)state;
	init(&w);
	assert_int_equal(put(&w, question(1), &s), 0);
	struct str id = s.id;

	assert_int_equal(put(&w, question(2), &s), 0);
	assert_int_equal(say(&w, s.id, "alice", true, &s), 0);
	wait_write_list(&inbox, w.list, false);
	wait_code(digest_for(1), code);
	assert_int_equal(strlen(code), 4);
	assert_true(str_has_str(buf_str(&inbox), id));
	assert_true(str_has_str(buf_str(&inbox), str_of(code)));
	assert_false(str_has_str(buf_str(&inbox), s.id));
	fini(&w);
}

static void
a_brief_hint_is_kept_and_an_older_book_has_none(void **state)
{
	struct world w;
	struct wait_step s = { 0 };
	struct wait_put c = question(1);
	struct wait_list *older = wait_list_new(5);
	struct str rest;
	struct str head;

	(void)state;
	init(&w);
	c.brief = STR("engineering push to ma~");
	c.brief_cut = true;
	assert_int_equal(put(&w, c, &s), 0);
	const struct wait_item *i = wait_find(w.list, s.id);

	assert_true(str_eq(i->brief, c.brief));
	assert_true(i->brief_cut);
	rest = w.log[0];
	assert_true(str_has_str(rest, STR("\"brief\":")));
	size_t at = 0;

	while (!str_starts(str_sub(rest, at, rest.len), STR("\"brief\":"))) {
		at++;
	}
	head = str_sub(rest, 0, at);
	rest = str_sub(rest, at, rest.len);
	while (!str_starts(rest, STR("\"people\":"))) {
		rest = str_sub(rest, 1, rest.len);
	}
	assert_int_equal(wait_apply(older, 0,
	                     arena_printf(&w.arena, STR_FMT STR_FMT,
	                         STR_ARG(head), STR_ARG(rest)),
	                     &w.e),
	    0);
	assert_int_equal(wait_find(older, s.id)->brief.len, 0);
	assert_false(wait_find(older, s.id)->brief_cut);
	wait_list_free(older);
	c = question(2);
	c.brief = STR("123456789012345678901234567890123456789");
	assert_int_equal(put(&w, c, &s), -1);
	c.brief = STR("a\nb");
	assert_int_equal(put(&w, c, &s), -1);
	fini(&w);
}

static void
other_kinds_say_their_own_words(void **state)
{
	struct world w;
	struct wait_step s = { 0 };
	struct wait_put c = question(1);

	(void)state;
	init(&w);
	c.kind = WAIT_UNKNOWN_OUTCOME;
	assert_int_equal(put(&w, c, &s), 0);
	assert_int_equal(say(&w, s.id, "alice", false, &s), 0);
	assert_true(str_has_str(s.body, STR("\"answer\":\"did_not\"")));
	/* It says nothing of a later approval of the same effect. */
	assert_int_equal(put(&w, question(1), &s), 0);
	assert_replays(&w);
	fini(&w);
}

/* Whoever lets a stopped run go on asks this, without reading a text. */
static void
a_mark_says_whether_a_call_waits_for_it(void **state)
{
	struct world w;
	struct wait_step s = { 0 };
	struct wait_mark m;
	struct wait_put c = question(0);
	uint32_t at = 0;

	(void)state;
	init(&w);
	assert_int_equal(put(&w, question(3), &s), 0);
	assert_int_equal(put(&w, c, &s), 0);
	assert_true(wait_of_run(w.list, c.subject.run, &at, &m));
	assert_string_equal(m.id, s.id.at);
	assert_false(m.of_call);
	assert_true(wait_of_run(w.list, c.subject.run, &at, &m));
	assert_true(m.of_call);
	fini(&w);
}

static void
an_id_that_is_cut_is_none(void **state)
{
	(void)state;
	assert_true(wait_id_ok(STR("w-abcdefghijklmnop2345")));
	assert_false(wait_id_ok(STR("w-abcdefghijklmnop234")));
	assert_false(wait_id_ok(STR("w-abcdefghijklmnop23456")));
	assert_false(wait_id_ok(STR("g-abcdefghijklmnop2345")));
	assert_false(wait_id_ok(STR("w-abcdefghijklmnop2341")));
	assert_false(wait_id_ok(STR("")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_question_waits_once),
		cmocka_unit_test(what_was_denied_stays_denied_for_the_run),
		cmocka_unit_test(at_most_eight_wait_for_a_run),
		cmocka_unit_test(
		    requests_of_a_cell_are_counted_apart_from_calls),
		cmocka_unit_test(
		    a_question_that_nobody_could_answer_is_refused),
		cmocka_unit_test(a_cancelled_question_takes_no_answer),
		cmocka_unit_test(a_forged_event_is_not_applied),
		cmocka_unit_test(
		    the_name_of_a_permission_file_leads_nowhere_else),
		cmocka_unit_test(the_inbox_shows_what_is_open_with_its_code),
		cmocka_unit_test(
		    a_brief_hint_is_kept_and_an_older_book_has_none),
		cmocka_unit_test(other_kinds_say_their_own_words),
		cmocka_unit_test(a_mark_says_whether_a_call_waits_for_it),
		cmocka_unit_test(an_id_that_is_cut_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
