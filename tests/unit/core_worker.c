/* SPDX-License-Identifier: Apache-2.0 */
/* Which leases a word of a worker's is about, by core's own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_book_help.h"
#include "parts/core_worker.h"

static struct core_worker worker;
static struct core_lease leases[4];

/* Two of one answer, one of another, and one that came alone. */
static int
set_up(void **state)
{
	static const uint64_t with[] = { 5, 5, 6, 7 };

	(void)state;
	worker = (struct core_worker){ .leases = leases };
	for (size_t n = 0; n < COUNT(leases); n++) {
		leases[n] = (struct core_lease){
			.next = n + 1 < COUNT(leases) ? &leases[n + 1] : NULL,
			.worker = &worker,
			.with = with[n],
			.alone = n == 3,
		};
	}
	return 0;
}

static void
who_names_a_task_has_heard_of_what_came_with_it(void **state)
{
	(void)state;
	core_lease_named(&leases[1]);
	assert_true(leases[0].told);
	assert_true(leases[1].told);
	assert_false(leases[2].told);
	assert_false(leases[3].told);
}

/* A worker that holds thousands ends each without a look at the others. */
static void
a_task_that_came_alone_is_named_alone(void **state)
{
	(void)state;
	leases[0].with = leases[3].with; /* seen if anybody looked */
	core_lease_named(&leases[3]);
	assert_true(leases[3].told);
	assert_false(leases[0].told);
}

static void
what_was_named_once_is_not_looked_for_again(void **state)
{
	(void)state;
	core_lease_named(&leases[0]);
	leases[1].told = false;
	core_lease_named(&leases[0]);
	assert_false(leases[1].told);
}

/* --- who has a session --- */

#define NAME_64 \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde~"

static int
joins(struct core *c, const char *name)
{
	static const struct core_operator who = { .name = "one" };
	struct core_worker *w;
	struct err e = { 0 };

	return core_worker_join(c, &who, str_of(name), CLOCK_MINUTE, &w, &e)
	           ? (int)e.kind
	           : 0;
}

static void
a_worker_has_a_name_that_a_log_can_say(void **state)
{
	static const char *const bad[] = { "", "a b", "a\n", "a\x7f",
		"\xc3\xa4", "a\t" };
	static struct core c;

	(void)state;
	c.part.loop = loop_new_virtual();
	for (size_t n = 0; n < COUNT(bad); n++) {
		assert_int_equal(joins(&c, bad[n]), ERR_INPUT);
	}
	assert_int_equal(joins(&c, NAME_64 "a"), ERR_INPUT);
	assert_int_equal(joins(&c, NAME_64), 0);
	assert_int_equal(joins(&c, "!"), 0);
}

static void
so_many_workers_have_a_session_and_keep_it(void **state)
{
	static struct core c;
	char name[8];

	(void)state;
	c.part.loop = loop_new_virtual();
	for (int n = 0; n < CORE_WORKERS_MAX; n++) {
		(void)snprintf(name, sizeof(name), "w%d", n);
		assert_int_equal(joins(&c, name), 0);
	}
	assert_int_equal(joins(&c, "more"), ERR_LIMIT);
	assert_int_equal(joins(&c, "w0"), 0);
}

/* Else a worker that says it is quicker holds what it has as long as before. */
static void
a_session_is_looked_at_when_its_lease_ends(void **state)
{
	static const int64_t leases_us[] = { CLOCK_MINUTE, CLOCK_SECOND,
		CLOCK_MINUTE };
	static const struct core_operator who = { .name = "one" };
	static struct core c;
	struct core_worker *w;
	struct err e = { 0 };

	(void)state;
	c.part.loop = loop_new_virtual();
	for (size_t n = 0; n < COUNT(leases_us); n++) {
		assert_int_equal(
		    core_worker_join(&c, &who, STR("w"), leases_us[n], &w, &e),
		    0);
		assert_non_null(w->timer.loop);
		assert_true(w->timer.deadline.us <= w->deadline.us);
	}
}

/* --- who is given a task ----------------------------------------------- */

static struct {
	char folder[BOOK_FOLDER];
	struct core core;
	struct core_role role;
	struct role of; /* as it was read */
} house;

static void
put_task(struct core *c)
{
	struct id id = id_new();
	struct e2m_record task = { .kind = E2M_TASK };
	struct queue_put put = { .task = &task.as.task };
	struct queue_step step = { 0 };
	auto_arena a = { 0 };
	auto_buf record = { 0 };
	char now[WALL_TEXT_MAX];
	struct err e = { 0 };

	wall_text(wall_now(), now);
	task.as.task.id = str_of(id.text);
	task.as.task.queue = STR("payer");
	task.as.task.subject = STR("one");
	task.as.task.from = STR("operator");
	task.as.task.state = E2M_PENDING;
	task.as.task.created_at = str_of(now);
	task.as.task.updated_at = str_of(now);
	task.as.task.payload = json_new(&a, JSON_OBJECT);
	if (queue_put(c->queue, &a, &put, &step, &e)) {
		fail_msg("%s", e.text);
	}
	core_queue_step(c, &step, NULL);
	json_write(&record, e2m_to_json(&a, &task));
	core_task_put(c, queue_find(c->queue, step.id), buf_str(&record));
}

static int
open_house(void **state)
{
	struct core *c = &house.core;

	(void)state;
	memset(&house, 0, sizeof(house));
	c->part.loop = loop_new_virtual();
	book_make(c, house.folder);
	queue_add_name(c->queue, STR("payer"));
	house.of.outside = true;
	house.role.role = &house.of;
	core_text(house.role.name, sizeof(house.role.name), "payer");
	core_text(house.role.identity, sizeof(house.role.identity),
	    "linux__server__payer_coworker");
	c->house.roles = &house.role;
	c->house.role_count = 1;
	c->ready = true;
	for (int n = 0; n < 4; n++) {
		put_task(c);
	}
	return 0;
}

static int
close_house(void **state)
{
	(void)state;
	book_remove(&house.core, house.folder);
	return 0;
}

static const struct core_operator one = { .name = "one" };

/* How many of at most two. */
static size_t
claims(void)
{
	static struct arena memory;
	struct core_claimed room[4];
	struct core_claim claim = {
		.ask = 1,
		.arena = &memory,
		.lease_us = CLOCK_MINUTE,
		.queues = { "payer" },
		.queue_count = 1,
		.max = 2,
		.taken = room,
	};
	struct err e = { 0 };

	assert_int_equal(core_worker_join(&house.core, &one, STR("w"),
	                     CLOCK_MINUTE, &claim.worker, &e),
	    0);
	core_worker_claim(&house.core, &claim);
	return claim.taken_count;
}

static void
a_worker_is_given_a_task_by_a_house_that_may_begin_one(void **state)
{
	struct core *c = &house.core;

	(void)state;
	c->ready = false;
	assert_int_equal(claims(), 0);
	c->ready = true;
	c->draining = true;
	assert_int_equal(claims(), 0);
	c->draining = false;
	core_text(c->book.stalled, sizeof(c->book.stalled), "full");
	assert_int_equal(claims(), 0);
	c->book.stalled[0] = '\0';
	core_claim_later(c); /* a record could not be read */
	assert_int_equal(claims(), 0);
	loop_timer_cancel(&c->claim_again);
	core_text(house.role.closed, sizeof(house.role.closed), "broken");
	assert_int_equal(claims(), 0);
	house.role.closed[0] = '\0';
	house.of.outside = false; /* its agents are the house's own */
	assert_int_equal(claims(), 0);
	house.of.outside = true;
	assert_int_equal(claims(), 2);
	assert_int_equal(claims(), 2);
	assert_int_equal(claims(), 0);
}

/* Nobody was there: another may have what it was to hear of, and no more. */
static void
what_nobody_took_is_claimed_again(void **state)
{
	(void)state;
	assert_int_equal(claims(), 2);
	core_worker_unheard(&house.core, 2);
	assert_int_equal(claims(), 2);
	assert_int_equal(claims(), 0);
	core_worker_unheard(&house.core, 1);
	assert_int_equal(claims(), 2);
}

/* As a start finds it. */
static void
stopped(const char *scope)
{
	struct core *c = &house.core;
	auto_buf row = { 0 };
	struct err e = { 0 };

	buf_addf(&row,
	    "{\"scope\":\"%s\",\"by\":\"one\",\"reason\":\"\",\"at\":\"\"}",
	    scope);
	core_row(c, "stop", str_of(scope), buf_str(&row), c->book.seq);
	assert_int_equal(core_commit_now(c, &e), 0);
	c->stops = NULL;
	if (core_stop_load(c, &e)) {
		fail_msg("%s", e.text);
	}
	core_row_drop(c, "stop", str_of(scope));
}

static void
a_stopped_queue_gives_no_worker_a_task(void **state)
{
	(void)state;
	stopped("all");
	assert_int_equal(claims(), 0);
	stopped("role:payer");
	assert_int_equal(claims(), 0);
	stopped("role:other");
	assert_int_equal(claims(), 2);
}

/* --- who is silent ------------------------------------------------------- */

/* Its timer was armed for an end that has moved since: it looks now. */
static struct core_worker *
looks(bool silent)
{
	struct loop *loop = house.core.part.loop;
	struct core_worker *w = core_worker_find(&house.core, &one, STR("w"));
	struct loop_timer *t = &w->timer;

	w->deadline.us = silent ? 0 : INT64_MAX;
	loop_timer_arm(t, loop, loop_now(loop), t->fire, t->owner);
	loop_advance(loop, 0);
	return core_worker_find(&house.core, &one, STR("w"));
}

/* Its disk may be slow: what it is about to hear of has no end yet. */
static void
a_lease_whose_answer_has_not_left_does_not_end(void **state)
{
	struct core_worker *w;

	(void)state;
	assert_int_equal(claims(), 2);
	w = looks(false);
	assert_int_equal(w->held, 2);
	/* Nor is it what is waited for. */
	assert_true(w->timer.deadline.us == w->deadline.us);
	core_lease_heard(w->leases, CLOCK_MINUTE);
	w->leases->until = (struct mono){ 0 };
	assert_int_equal(looks(false)->held, 1);
}

static void
who_waits_for_a_task_keeps_its_session(void **state)
{
	static struct core_claim claim = { .ask = 1 };
	struct core *c = &house.core;
	struct core_worker *w;

	(void)state;
	assert_int_equal(joins(c, "w"), 0);
	claim.worker = core_worker_find(c, &one, STR("w"));
	core_worker_wait(c, &claim);
	w = looks(true);
	assert_ptr_equal(w, claim.worker);
	assert_true(w->deadline.us > 0);
	assert_true(w->timer.deadline.us == w->deadline.us);
	core_worker_wait_end(c, 1);
	assert_null(looks(true));
}

#define LEASES(test) cmocka_unit_test_setup(test, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LEASES(who_names_a_task_has_heard_of_what_came_with_it),
		LEASES(a_task_that_came_alone_is_named_alone),
		LEASES(what_was_named_once_is_not_looked_for_again),
		cmocka_unit_test(a_worker_has_a_name_that_a_log_can_say),
		cmocka_unit_test(so_many_workers_have_a_session_and_keep_it),
		cmocka_unit_test(a_session_is_looked_at_when_its_lease_ends),
		cmocka_unit_test_setup_teardown(
		    a_worker_is_given_a_task_by_a_house_that_may_begin_one,
		    open_house, close_house),
		cmocka_unit_test_setup_teardown(
		    what_nobody_took_is_claimed_again, open_house, close_house),
		cmocka_unit_test_setup_teardown(
		    a_stopped_queue_gives_no_worker_a_task, open_house,
		    close_house),
		cmocka_unit_test_setup_teardown(
		    a_lease_whose_answer_has_not_left_does_not_end, open_house,
		    close_house),
		cmocka_unit_test_setup_teardown(
		    who_waits_for_a_task_keeps_its_session, open_house,
		    close_house),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
