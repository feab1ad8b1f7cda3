/* SPDX-License-Identifier: Apache-2.0 */
#include "queue_help.h"

#include <stdlib.h>
#include <string.h>

static void
claims_follow_one_total_order(void **state)
{
	/* n, score, seconds later; in the order they must be claimed. */
	static const struct {
		unsigned n;
		uint32_t score;
		int64_t later;
	} order[] = { { 9, 5, 3 }, { 8, 4, 0 }, { 1, 0, 0 }, { 2, 3, 0 },
		{ 4, 3, 1 }, { 3, 3, 2 }, { 7, 2, 0 }, { 6, 1, 0 } };
	struct world w;
	struct queue_step s = { 0 };

	(void)state;
	world_init(&w);
	for (size_t i = 0; i < COUNT(order); i++) {
		size_t at = (i * 5 + 3) % COUNT(order);
		struct wall now = w.now;

		w.now.us += order[at].later * CLOCK_SECOND;
		struct e2m_task t = task_of(&w, order[at].n);

		w.now = now;
		t.ke_fit_score = order[at].score;
		assert_int_equal(put(&w, &t, &s), 0);
	}
	for (size_t i = 0; i < COUNT(order); i++) {
		assert_int_equal(claim(&w, ME, &s), 0);
		assert_true(str_eq(s.id, uuid(&w, order[i].n)));
	}
	assert_int_equal(claim(&w, ME, &s), -1);
	world_fini(&w);
}

/* A task of the crowd: where it stands, when it was made, how it is called. */
struct one {
	int64_t stands;
	int64_t created;
	char id[ID_TEXT];
};

static int
by_order(const void *a, const void *b)
{
	const struct one *x = a;
	const struct one *y = b;

	if (x->stands != y->stands) {
		return x->stands < y->stands ? -1 : 1;
	}
	if (x->created != y->created) {
		return x->created < y->created ? -1 : 1;
	}
	return strcmp(x->id, y->id);
}

static uint64_t
roll(uint64_t *dice, uint64_t sides)
{
	*dice = *dice * 6364136223846793005ULL + 1442695040888963407ULL;
	return (*dice >> 33) % sides;
}

/* Ids as ours and as nobody makes them: of a near time and of the last, in
 * upper case, of another version. */
static void
name_one(struct one *one, uint64_t *dice)
{
	uint64_t ms = (uint64_t)one->created / 1000 + roll(dice, 3);

	if (roll(dice, 2) == 0) {
		ms = (1ULL << 48) - 1 - roll(dice, 3);
	}
	(void)snprintf(one->id, sizeof(one->id), "%08x-%04x-7ab%x-8000-%012x",
	    (unsigned)(ms >> 16), (unsigned)(ms & 0xffff),
	    (unsigned)roll(dice, 16), (unsigned)roll(dice, UINT32_MAX));
	if (roll(dice, 3) == 0) {
		one->id[15] = 'A';
	}
	if (roll(dice, 3) == 0) {
		one->id[14] = '4';
	}
}

/* What one step of ke_fit_score is worth here (DESIGN): two hours, and five and
 * a half points of impact. */
#define STEP (2LL * 3600 * CLOCK_SECOND + 198 * CLOCK_SECOND)

/* Many stand at one place, some for their age and some for their worth. */
static void
whatever_a_place_is_shared_by_the_order_is_total(void **state)
{
	static struct one crowd[500];
	uint64_t dice = random_u64();
	struct world w;
	struct queue_step s = { 0 };

	(void)state;
	print_message("# seed %llu\n", (unsigned long long)dice);
	world_init(&w);
	int64_t began = w.now.us;

	for (size_t i = 0; i < COUNT(crowd); i++) {
		uint32_t score = 1 + (uint32_t)roll(&dice, 4);

		crowd[i].stands = began + (int64_t)roll(&dice, 2) * 1000;
		crowd[i].created = crowd[i].stands + (int64_t)score * STEP;
		name_one(&crowd[i], &dice);
		w.now.us = crowd[i].created;
		struct e2m_task t = task_of(&w, 0);

		t.id = str_of(crowd[i].id);
		t.ke_fit_score = score;
		assert_int_equal(put(&w, &t, &s), 0);
	}
	qsort(crowd, COUNT(crowd), sizeof(crowd[0]), by_order);
	for (size_t i = 0; i < COUNT(crowd); i++) {
		assert_int_equal(claim(&w, ME, &s), 0);
		assert_true(str_eq_z(s.id, crowd[i].id));
	}
	world_fini(&w);
}

static void
an_unmet_task_is_never_claimed(void **state)
{
	struct world w;
	struct queue_step s = { 0 };

	(void)state;
	world_init(&w);
	struct e2m_task first = task_of(&w, 2);
	struct e2m_task second = task_of(&w, 1);

	second.ke_fit_score = 5;
	second.depends_on = ids_of(&w, (unsigned[]){ 2 }, 1);
	assert_int_equal(put(&w, &second, &s), -1); /* unknown yet */
	assert_int_equal(w.e.kind, ERR_INPUT);
	assert_int_equal(put(&w, &first, &s), 0);
	assert_int_equal(put(&w, &second, &s), 0);
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_true(str_eq(s.id, first.id));
	struct queue_step none = { 0 };

	assert_int_equal(claim(&w, ME, &none), -1);
	assert_int_equal(finish(&w, first.id, 1, E2M_FAIL, &s), 0);
	assert_int_equal(claim(&w, ME, &none), -1);
	assert_int_equal(touch(&w, queue_retry, first.id, 0, &s), 0);
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_int_equal(finish(&w, first.id, 2, E2M_COMPLETE, &s), 0);
	assert_int_equal(s.effects[1].kind, QUEUE_READY);
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_true(str_eq(s.id, second.id));
	assert_replays(&w);
	world_fini(&w);
}

static void
blocks_holds_a_task_that_waits_already(void **state)
{
	struct world w;
	struct queue_step s = { 0 };

	(void)state;
	world_init(&w);
	struct e2m_task late = task_of(&w, 1);
	struct e2m_task early = task_of(&w, 2);

	early.blocks = ids_of(&w, (unsigned[]){ 1 }, 1);
	assert_int_equal(put(&w, &late, &s), 0);
	assert_int_equal(put(&w, &early, &s), 0);
	assert_int_equal(queue_find(w.queue, late.id)->unmet, 1);
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_true(str_eq(s.id, early.id));
	assert_int_equal(claim(&w, ME, &s), -1);
	assert_replays(&w);
	world_fini(&w);
}

static void
a_cycle_is_refused(void **state)
{
	struct world w;
	struct queue_step s = { 0 };

	(void)state;
	world_init(&w);
	struct e2m_task a = task_of(&w, 1);
	struct e2m_task b = task_of(&w, 2);
	struct e2m_task c = task_of(&w, 3);

	b.depends_on = ids_of(&w, (unsigned[]){ 1 }, 1);
	c.depends_on = ids_of(&w, (unsigned[]){ 2 }, 1);
	c.blocks = ids_of(&w, (unsigned[]){ 1 }, 1);
	assert_int_equal(put(&w, &a, &s), 0);
	assert_int_equal(put(&w, &b, &s), 0);
	struct str before = dump_of(&w, w.queue);

	assert_int_equal(put(&w, &c, &s), -1); /* 1 after 3 after 2 after 1 */
	assert_int_equal(w.e.kind, ERR_INPUT);
	c.blocks = ids_of(&w, (unsigned[]){ 2 }, 1);
	assert_int_equal(put(&w, &c, &s), -1);
	c.blocks = NULL;
	c.depends_on = ids_of(&w, (unsigned[]){ 3 }, 1);
	assert_int_equal(put(&w, &c, &s), -1);
	assert_true(str_eq(before, dump_of(&w, w.queue)));
	world_fini(&w);
}

static void
an_unknown_queue_or_mailbox_writes_nothing(void **state)
{
	struct world w;
	struct queue_step s = { .event_count = 77 };

	(void)state;
	world_init(&w);
	struct str before = dump_of(&w, w.queue);
	struct e2m_task t = task_of(&w, 1);
	struct e2m_envelope m = {
		.id = STR("m1"),
		.envelope_type = E2M_TYPE_TASK,
		.from = STR("operator"),
		.to = STR("nobody"),
		.subject = STR("Fix it"),
		.at = t.created_at,
		.state = E2M_MAIL_PENDING,
	};
	struct queue_put c = { .task = &t, .mail = &m };

	assert_int_equal(queue_put(w.queue, &w.arena, &c, &s, &w.e), -1);
	assert_int_equal(s.event_count, 77);
	m.to = STR("engineering-coworker");
	t.queue = STR("astrology");
	assert_int_equal(queue_put(w.queue, &w.arena, &c, &s, &w.e), -1);
	assert_int_equal(s.event_count, 77);
	assert_true(str_eq(before, dump_of(&w, w.queue)));
	t.queue = STR("engineering");
	assert_int_equal(queue_put(w.queue, &w.arena, &c, &s, &w.e), 0);
	assert_int_equal(s.event_count, 2); /* task and mail together */
	assert_int_equal(s.events[0].kind, QUEUE_EVENT_PUT);
	assert_int_equal(s.events[1].kind, QUEUE_EVENT_MAIL);
	apply_step(&w, &s);
	assert_replays(&w);
	world_fini(&w);
}

static void
a_key_said_twice_gives_the_first_task(void **state)
{
	struct world w;
	struct queue_step s = { 0 };

	(void)state;
	world_init(&w);
	struct e2m_task t = task_of(&w, 1);
	struct e2m_task again = task_of(&w, 2);
	struct queue_put c = { .task = &t, .key = STR("once") };

	assert_int_equal(queue_put(w.queue, &w.arena, &c, &s, &w.e), 0);
	apply_step(&w, &s);
	c.task = &again;
	assert_int_equal(queue_put(w.queue, &w.arena, &c, &s, &w.e), 0);
	assert_true(s.duplicate);
	assert_int_equal(s.event_count, 0);
	assert_true(str_eq(s.id, t.id));
	assert_null(queue_find(w.queue, again.id));
	c.task = &t;
	c.key = STR("");
	assert_int_equal(queue_put(w.queue, &w.arena, &c, &s, &w.e), -1);
	assert_int_equal(w.e.kind, ERR_CONFLICT);
	assert_replays(&w);
	world_fini(&w);
}

static void
a_bad_task_is_refused(void **state)
{
	struct world w;
	struct queue_step s = { 0 };

	(void)state;
	world_init(&w);
	struct e2m_task t = task_of(&w, 1);

	t.state = E2M_COMPLETED;
	assert_int_equal(put(&w, &t, &s), -1);
	t = task_of(&w, 1);
	t.id = STR("not-a-uuid");
	assert_int_equal(put(&w, &t, &s), -1);
	t = task_of(&w, 1);
	t.created_at = STR("now");
	assert_int_equal(put(&w, &t, &s), -1);
	t = task_of(&w, 1);
	struct json *many = json_new(&w.arena, JSON_ARRAY);

	struct e2m_task known = task_of(&w, 2);

	assert_int_equal(put(&w, &known, &s), 0);
	for (int i = 0; i <= QUEUE_DEPENDS_MAX; i++) {
		json_push(many, json_new_str(&w.arena, uuid(&w, 2)));
	}
	t.depends_on = many;
	assert_int_equal(put(&w, &t, &s), -1);
	assert_int_equal(w.e.kind, ERR_LIMIT);
	assert_int_equal(w.logged, 1);
	world_fini(&w);
}

/* The outcome, what follows from it and the letters: all or nothing. */
static void
a_finish_with_follow_ups_is_one_step(void **state)
{
	struct world w;
	struct queue_step s = { 0 };

	(void)state;
	world_init(&w);
	struct e2m_task t = task_of(&w, 1);
	struct e2m_task next = task_of(&w, 2);
	struct e2m_task bad = task_of(&w, 3);
	struct queue_put puts[] = { { .task = &next }, { .task = &bad } };
	struct e2m_envelope m = {
		.id = STR("m1"),
		.envelope_type = E2M_TYPE_RESULT,
		.from = STR("engineering-coworker"),
		.to = STR("operator"),
		.subject = STR("Done"),
		.at = t.created_at,
		.state = E2M_MAIL_PENDING,
	};
	struct queue_finish c = {
		.task = t.id,
		.epoch = 1,
		.outcome = E2M_COMPLETE,
		.follow_ups = puts,
		.follow_up_count = 2,
		.mail = &m,
		.mail_count = 1,
		.now = w.now,
	};

	assert_int_equal(put(&w, &t, &s), 0);
	assert_int_equal(claim(&w, ME, &s), 0);
	struct str before = dump_of(&w, w.queue);

	bad.queue = STR("astrology");
	assert_int_equal(queue_finish(w.queue, &w.arena, &c, &s, &w.e), -1);
	assert_true(str_eq(before, dump_of(&w, w.queue)));
	bad = task_of(&w, 2);
	assert_int_equal(queue_finish(w.queue, &w.arena, &c, &s, &w.e), -1);
	bad = task_of(&w, 3);
	next.depends_on = ids_of(&w, (unsigned[]){ 1 }, 1);
	assert_int_equal(queue_finish(w.queue, &w.arena, &c, &s, &w.e), 0);
	assert_int_equal(s.event_count, 4);
	apply_step(&w, &s);
	assert_int_equal(queue_find(w.queue, next.id)->unmet, 0);
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_replays(&w);
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claims_follow_one_total_order),
		cmocka_unit_test(
		    whatever_a_place_is_shared_by_the_order_is_total),
		cmocka_unit_test(an_unmet_task_is_never_claimed),
		cmocka_unit_test(blocks_holds_a_task_that_waits_already),
		cmocka_unit_test(a_cycle_is_refused),
		cmocka_unit_test(an_unknown_queue_or_mailbox_writes_nothing),
		cmocka_unit_test(a_key_said_twice_gives_the_first_task),
		cmocka_unit_test(a_bad_task_is_refused),
		cmocka_unit_test(a_finish_with_follow_ups_is_one_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
