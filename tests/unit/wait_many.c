/* SPDX-License-Identifier: Apache-2.0 */
#include "wait_help.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define MANY 100000

/* Bodies by seq, as a store has them. */
struct shelf {
	struct arena arena;
	struct str *at;
	size_t room;
	uint64_t reads;
};

static int
load(void *context, uint64_t seq, struct buf *body, struct err *e)
{
	struct shelf *s = context;

	s->reads++;
	if (seq >= s->room || !s->at[seq].len) {
		return err_set(e, ERR_MISSING, "expired");
	}
	buf_add(body, s->at[seq]);
	return 0;
}

static void
keep(struct shelf *s, uint64_t seq, struct str body)
{
	must(seq < s->room);
	s->at[seq] = arena_str(&s->arena, body);
}

static struct shelf
shelf_new(size_t room)
{
	struct shelf s = { .room = room };

	s.at = calloc(room, sizeof(*s.at));
	must(s.at);
	return s;
}

static void
shelf_fini(struct shelf *s)
{
	arena_fini(&s->arena);
	free(s->at);
}

static struct str
ask(struct wait_list *w, struct shelf *s, struct arena *a, uint64_t seq,
    struct wait_put c)
{
	uint8_t random[WAIT_ID_RANDOM] = { 0 };
	struct wait_step step = { 0 };
	struct err e = { 0 };
	uint64_t mixed = seq * UINT64_C(0x9e3779b97f4a7c15);

	memcpy(random, &mixed, sizeof(mixed));
	memcpy(random + 8, &seq, 4);
	c.now.us = 1700000000000000;
	if (wait_put(w, a, &c, random, &step, &e) ||
	    wait_apply(w, seq, step.body, &e)) {
		fail_msg("%s", e.text);
	}
	keep(s, seq, step.body);
	return step.id;
}

static struct wait_put
question_of(struct arena *a, uint64_t n)
{
	struct wait_put c = question(1);

	c.subject.run = arena_printf(
	    a, "00000000-0000-7000-8000-%012llx", (unsigned long long)n);
	c.expires_us = (int64_t)(n * 7919 % 100000 + 1) * CLOCK_SECOND;
	return c;
}

static size_t
in_use(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void
a_hundred_thousand_that_wait_have_64_bytes_each(void **state)
{
	struct shelf s = shelf_new(MANY + 1);
	struct wait_list *w = wait_list_new(7);
	size_t before;
	size_t grown = 0;

	(void)state;
	wait_list_store(w, load, &s);
	for (uint64_t n = 1; n <= MANY; n++) {
		auto_arena a = { 0 };

		(void)ask(w, &s, &a, n, question_of(&a, n));
		if (n % 1000 == 0) {
			wait_fold(w, n);
			size_t each = n >= 20000 ? wait_memory(w) / n : 0;

			grown = each > grown ? each : grown;
		}
	}
	before = in_use();
	printf("# %zu bytes a wait, at most %zu while it grew\n",
	    wait_memory(w) / MANY, grown);
	assert_true(wait_memory(w) <= (size_t)64 * MANY);
	assert_true(grown <= 64);
	assert_int_equal(wait_open_count(w), MANY);
	/* That sum is what the heap has indeed for them. */
	wait_list_free(w);
#if !defined(__SANITIZE_ADDRESS__) && !defined(HANDRAIL_SANITIZED)
	if (before > in_use()) {
		assert_true(before - in_use() <= (size_t)66 * MANY);
	}
#endif
	shelf_fini(&s);
}

static void
a_page_reads_what_it_shows_and_the_next_goes_on(void **state)
{
	struct shelf s = shelf_new(1001);
	struct wait_list *w = wait_list_new(7);
	uint64_t after = 0;
	size_t seen = 0;
	size_t pages = 0;

	(void)state;
	wait_list_store(w, load, &s);
	for (uint64_t n = 1; n <= 1000; n++) {
		auto_arena a = { 0 };

		(void)ask(w, &s, &a, n, question_of(&a, n));
	}
	wait_fold(w, 1000);
	do {
		struct wait_page page = { .after = after, .limit = 30 };
		auto_arena a = { 0 };
		auto_buf out = { 0 };
		struct json *tree;
		struct err e = { 0 };

		s.reads = 0;
		after = wait_write_page(&out, w, &page);
		assert_true(s.reads <= 30);
		assert_int_equal(
		    json_parse(&a, buf_str(&out), NULL, &tree, &e), 0);
		seen += tree->count;
		pages++;
		wait_fold(w, 1000);
	} while (after);
	assert_int_equal(seen, 1000);
	assert_int_equal(pages, 34);
	wait_list_free(w);
	shelf_fini(&s);
}

/* Many of them, given up and read again between any two steps, are what they
 * are when all of them stay in the memory. */
static void
what_was_given_up_is_read_again_as_it_was(void **state)
{
	struct shelf s = shelf_new(4001);
	struct wait_list *small = wait_list_new(7);
	struct wait_list *whole = wait_list_new(8);
	uint64_t seq = 0;

	(void)state;
	wait_list_store(small, load, &s);
	for (uint64_t n = 1; n <= 300; n++) {
		auto_arena a = { 0 };
		struct wait_put c = question_of(&a, n % 60);
		struct wait_step step = { 0 };
		struct err e = { 0 };

		c.subject.call = (uint32_t)n;
		c.subject.args =
		    digest_of(arena_printf(&a, "%llu", (unsigned long long)n));
		c.remind_us = CLOCK_SECOND / 2;
		c.people = n % 7 == 0 ? 2 : 1;
		struct str id = ask(small, &s, &a, ++seq, c);

		assert_int_equal(wait_apply(whole, seq, s.at[seq], &e), 0);
		struct wait_decide say = { .id = id,
			.yes = n % 3 != 0,
			.principal = STR("alice"),
			.surface = STR("cli"),
			.reason = STR("why not"),
			.now = { 1700000000000000 } };

		if (n % 4 == 0) {
			struct wall now = { 1700000000700000 };

			assert_int_equal(
			    wait_due(small, &a, now, &step, &e), 0);
		} else if (n % 5 != 0) {
			assert_int_equal(
			    wait_decide(small, &a, &say, &step, &e), 0);
		}
		if (step.body.len) {
			keep(&s, ++seq, step.body);
			assert_int_equal(
			    wait_apply(small, seq, s.at[seq], &e), 0);
			assert_int_equal(
			    wait_apply(whole, seq, s.at[seq], &e), 0);
		}
		wait_fold(small, seq);
	}
	auto_buf a = { 0 };
	auto_buf b = { 0 };

	s.reads = 0;
	wait_write_list(&a, small, true);
	assert_true(s.reads > 200);
	wait_write_list(&b, whole, true);
	assert_true(str_eq(buf_str(&a), buf_str(&b)));
	wait_list_free(small);
	wait_list_free(whole);
	shelf_fini(&s);
}

static void
what_is_not_on_the_disk_stays_in_the_memory(void **state)
{
	struct shelf s = shelf_new(201);
	struct wait_list *w = wait_list_new(7);
	auto_arena a = { 0 };
	struct str id = { 0 };

	(void)state;
	wait_list_store(w, load, &s);
	for (uint64_t n = 1; n <= 200; n++) {
		id = ask(w, &s, &a, n, question_of(&a, n));
	}
	s.at[200] = STR("");
	wait_fold(w, 199);
	assert_non_null(wait_find(w, id));
	assert_int_equal(s.reads, 0);
	wait_fold(w, 200); /* few are warm: they stay */
	assert_non_null(wait_find(w, id));
	wait_list_free(w);
	shelf_fini(&s);
}

/* A yes is at hand until its run is over, and then no longer. */
static void
a_yes_leaves_the_memory_with_its_run(void **state)
{
	struct shelf s = shelf_new(401);
	struct wait_list *w = wait_list_new(7);
	auto_arena a = { 0 };
	struct str first = { 0 };
	uint64_t seq = 0;

	(void)state;
	wait_list_store(w, load, &s);
	for (uint64_t n = 1; n <= 200; n++) {
		struct wait_put c = question_of(&a, n);
		struct wait_step step = { 0 };
		struct err e = { 0 };
		struct wait_decide say = {
			.id = ask(w, &s, &a, ++seq, c),
			.yes = true,
			.principal = STR("alice"),
			.surface = STR("cli"),
			.now = { 1700000000000000 },
		};

		assert_int_equal(wait_decide(w, &a, &say, &step, &e), 0);
		keep(&s, ++seq, step.body);
		assert_int_equal(wait_apply(w, seq, step.body, &e), 0);
		first = n == 1 ? say.id : first;
	}
	wait_fold(w, seq);
	assert_int_equal(wait_find(w, first)->state, WAIT_APPROVED);
	assert_int_equal(s.reads, 0);
	for (uint64_t n = 1; n <= 200; n++) {
		wait_run_over(w, question_of(&a, n).subject.run);
	}
	wait_fold(w, seq);
	assert_int_equal(wait_find(w, first)->state, WAIT_APPROVED);
	assert_true(str_eq_z(wait_find(w, first)->by, "alice"));
	assert_int_equal(s.reads, 2);
	wait_list_free(w);
	shelf_fini(&s);
}

/* The book's text of a wait was changed into that of another. */
static void
a_text_that_is_not_of_this_wait_is_not_believed(void **state)
{
	struct shelf s = shelf_new(201);
	struct wait_list *w = wait_list_new(7);
	auto_arena a = { 0 };
	struct str first = { 0 };

	(void)state;
	wait_list_store(w, load, &s);
	for (uint64_t n = 1; n <= 200; n++) {
		struct str id = ask(w, &s, &a, n, question_of(&a, n));

		first = n == 1 ? id : first;
	}
	wait_fold(w, 200);
	s.at[1] = s.at[2];
	assert_null(wait_find(w, first));
	s.at[1] = STR("");
	assert_null(wait_find(w, first));
	wait_list_free(w);
	shelf_fini(&s);
}

/* The book's text of the first that is due is gone, and comes back. */
static void
one_that_cannot_be_read_holds_up_nobody_else(void **state)
{
	struct shelf s = shelf_new(401);
	struct wait_list *w = wait_list_new(7);
	struct wall now = { 1700000000000000 };
	struct wall at = { 0 };
	struct err e = { 0 };
	size_t over = 0;
	size_t unread = 0;
	auto_arena a = { 0 };
	struct str lost;
	struct wait_step step = { 0 };

	(void)state;
	wait_list_store(w, load, &s);
	struct wait_put first = question_of(&a, 1);

	first.expires_us = CLOCK_SECOND;
	struct str id = ask(w, &s, &a, 1, first);

	for (uint64_t n = 2; n <= 200; n++) {
		(void)ask(w, &s, &a, n, question_of(&a, n));
	}
	wait_fold(w, 200);
	lost = s.at[1];
	s.at[1] = STR("");
	now.us += 48LL * 60 * CLOCK_MINUTE;
	do {
		if (wait_due(w, &a, now, &step, &e) == 0) {
			assert_false(str_eq(step.id, id));
			assert_int_equal(
			    wait_apply(w, 200 + ++over, step.body, &e), 0);
		} else if (e.kind == ERR_IO) {
			assert_true(++unread < 10);
		}
	} while (e.kind != ERR_MISSING);
	assert_int_equal(unread, 1);
	assert_int_equal(over, 199);
	/* Nothing is due for a while: no timer goes off again and again. */
	assert_true(wait_next_due(w, &at));
	assert_int_equal(at.us - now.us, CLOCK_MINUTE);
	s.at[1] = lost;
	assert_int_equal(wait_due(w, &a, at, &step, &e), 0);
	assert_true(str_eq(step.id, id));
	assert_string_equal(step.what, "expired");
	wait_list_free(w);
	shelf_fini(&s);
}

static void
waits_of_ended_runs_are_forgotten_at_last(void **state)
{
	struct shelf s = shelf_new(60001);
	struct wait_list *w = wait_list_new(7);
	struct wait_mark m = { 0 };
	uint64_t seq = 0;
	size_t count = 0;
	auto_arena all = { 0 };
	struct str last = { 0 };

	(void)state;
	wait_list_store(w, load, &s);
	struct str first = ask(w, &s, &all, ++seq, question_of(&all, 1));

	for (uint64_t n = 2; n <= 20000; n++) {
		auto_arena a = { 0 };
		struct wait_put c = question_of(&a, n);
		struct wait_step step = { 0 };
		struct err e = { 0 };
		struct str id = ask(w, &s, &a, ++seq, c);

		assert_int_equal(
		    wait_cancel(w, &a, id, (struct wall){ 1700000000000000 },
		        &step, &e),
		    0);
		keep(&s, ++seq, step.body);
		assert_int_equal(wait_apply(w, seq, step.body, &e), 0);
		wait_run_over(w, c.subject.run);
		wait_fold(w, seq);
		last = n == 20000 ? arena_str(&all, id) : last;
	}
	while (wait_next(w, m.seq, &m)) {
		count++;
	}
	assert_true(count <= 8200 && count > 4000);
	assert_non_null(wait_find(w, first));
	assert_int_equal(wait_find(w, last)->state, WAIT_CANCELLED);
	assert_int_equal(wait_open_count(w), 1);
	wait_list_free(w);
	shelf_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_hundred_thousand_that_wait_have_64_bytes_each),
		cmocka_unit_test(
		    a_page_reads_what_it_shows_and_the_next_goes_on),
		cmocka_unit_test(what_was_given_up_is_read_again_as_it_was),
		cmocka_unit_test(what_is_not_on_the_disk_stays_in_the_memory),
		cmocka_unit_test(a_yes_leaves_the_memory_with_its_run),
		cmocka_unit_test(
		    a_text_that_is_not_of_this_wait_is_not_believed),
		cmocka_unit_test(one_that_cannot_be_read_holds_up_nobody_else),
		cmocka_unit_test(waits_of_ended_runs_are_forgotten_at_last),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
