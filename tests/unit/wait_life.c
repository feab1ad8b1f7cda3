/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wait/wait.h"

#define ME "linux__server__engineering_coworker"

struct world {
	struct arena arena;
	struct wait_list *list;
	struct str log[200];
	size_t logged;
	struct wall now;
	uint8_t next_id;
	struct err e;
};

/* A row of a table: which one it was that broke. */
static void
assert_row(bool ok, size_t row)
{
	if (!ok) {
		fail_msg("row %zu", row);
	}
}

static const struct str surfaces[] = { { "cli", 3 }, { "web", 3 } };

static void
init(struct world *w)
{
	*w = (struct world){ .now = { 1700000000000000 } };
	w->list = wait_list_new(7);
}

static void
fini(struct world *w)
{
	wait_list_free(w->list);
	arena_fini(&w->arena);
}

static struct str
dump(struct world *w, const struct wait_list *list)
{
	auto_buf b = { 0 };

	wait_write_list(&b, list, true);
	return arena_str(&w->arena, buf_str(&b));
}

static void
apply(struct world *w, const struct wait_step *s)
{
	if (s->body.len == 0) {
		return;
	}
	w->log[w->logged++] = s->body;
	if (wait_apply(w->list, s->body, &w->e)) {
		fail_msg(STR_FMT ": %s", STR_ARG(s->body), w->e.text);
	}
}

static void
assert_replays(struct world *w)
{
	struct wait_list *other = wait_list_new(99);

	for (size_t i = 0; i < w->logged; i++) {
		assert_int_equal(wait_apply(other, w->log[i], &w->e), 0);
	}
	assert_true(str_eq(dump(w, w->list), dump(w, other)));
	wait_list_free(other);
}

static struct wait_subject
subject(uint32_t call)
{
	return (struct wait_subject){
		.identity = STR(ME),
		.tool = STR("git_push"),
		.contract = digest_of(STR("contract")),
		.args = digest_of(STR("{}")),
		.run = STR("00000000-0000-7000-8000-000000000001"),
		.call = call,
		.workspace = digest_of(STR("files")),
	};
}

static struct wait_put
question(uint32_t call)
{
	return (struct wait_put){
		.kind = WAIT_APPROVAL,
		.subject = subject(call),
		.asker = STR(ME),
		.gate = STR("gate.push"),
		.hint = STR("push to main"),
		.people = 1,
		.surfaces = surfaces,
		.surface_count = COUNT(surfaces),
		.expires_us = CLOCK_MINUTE,
	};
}

static int
put(struct world *w, struct wait_put c, struct wait_step *s)
{
	uint8_t random[WAIT_ID_RANDOM] = { ++w->next_id, 2, 3 };

	c.now = w->now;
	if (wait_put(w->list, &w->arena, &c, random, s, &w->e)) {
		return -1;
	}
	apply(w, s);
	return 0;
}

static int
say(struct world *w, struct str id, const char *who, bool yes,
    struct wait_step *s)
{
	struct wait_decide c = {
		.id = id,
		.yes = yes,
		.principal = str_of(who),
		.surface = STR("cli"),
		.reason = yes ? STR("") : STR("not today"),
		.now = w->now,
	};

	if (wait_decide(w->list, &w->arena, &c, s, &w->e)) {
		return -1;
	}
	apply(w, s);
	return 0;
}

static int
consume(struct world *w, struct str id, struct digest d)
{
	struct wait_consume c = { .id = id, .digest = d, .now = w->now };
	struct wait_step s = { 0 };

	if (wait_consume(w->list, &w->arena, &c, &s, &w->e)) {
		return -1;
	}
	apply(w, &s);
	return 0;
}

static struct digest
digest_for(uint32_t call)
{
	struct wait_subject s = subject(call);

	return wait_digest(&s);
}

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
	assert_false(wait_next_expiry(w.list, &at));
	assert_int_equal(put(&w, question(1), &s), 0);
	struct str first = s.id;

	w.now.us += CLOCK_SECOND;
	assert_int_equal(put(&w, question(2), &s), 0);
	struct str second = s.id;

	assert_int_equal(say(&w, second, "alice", true, &s), 0);
	assert_true(wait_next_expiry(w.list, &at));
	assert_int_equal(at.us, 1700000000000000 + CLOCK_MINUTE);
	assert_int_equal(wait_expire(w.list, &w.arena, w.now, &s, &w.e), -1);
	w.now.us += CLOCK_MINUTE;
	assert_int_equal(say(&w, first, "alice", true, &s), -1);
	assert_int_equal(w.e.kind, ERR_CONFLICT);
	assert_int_equal(consume(&w, second, digest_for(2)), -1);
	assert_int_equal(w.e.kind, ERR_DENIED);
	assert_int_equal(wait_expire(w.list, &w.arena, w.now, &s, &w.e), 0);
	assert_true(s.settled && str_eq(s.id, first));
	apply(&w, &s);
	assert_int_equal(wait_expire(w.list, &w.arena, w.now, &s, &w.e), -1);
	assert_int_equal(w.e.kind, ERR_MISSING);
	assert_replays(&w);
	fini(&w);
}

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
		assert_row(wait_apply(w.list, buf_str(&body), &w.e) == -1, i);
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

	assert_int_equal(wait_apply(other, buf_str(&forged), &w.e), -1);
	assert_int_equal(wait_apply(other, put_body, &w.e), 0);
	assert_int_equal(wait_apply(other, put_body, &w.e), -1); /* twice */
	wait_list_free(other);
	assert_true(str_eq(before, dump(&w, w.list)));
	fini(&w);
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
		cmocka_unit_test(the_same_question_waits_once),
		cmocka_unit_test(what_was_denied_stays_denied_for_the_run),
		cmocka_unit_test(at_most_eight_wait_for_a_run),
		cmocka_unit_test(
		    a_question_that_nobody_could_answer_is_refused),
		cmocka_unit_test(a_cancelled_question_takes_no_answer),
		cmocka_unit_test(a_forged_event_is_not_applied),
		cmocka_unit_test(the_inbox_shows_what_is_open_with_its_code),
		cmocka_unit_test(other_kinds_say_their_own_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
