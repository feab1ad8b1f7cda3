/* SPDX-License-Identifier: Apache-2.0 */
#include "queue_help.h"

/* Loading saved forms: into a machine that has nothing in it yet. */

static void
put_here(struct world *w, const struct e2m_task *t)
{
	struct queue_put c = { .task = t, .now = w->now };
	struct queue_step s = { 0 };

	assert_int_equal(queue_put(w->queue, &w->arena, &c, &s, &w->e), 0);
	apply_step(w, &s);
}

static void
claim_from(struct world *w, const char *queue_name)
{
	struct queue_claim c = { .queue = str_of(queue_name),
		.owner = STR(ME),
		.incarnation = 1,
		.now = w->now };
	struct queue_step s = { 0 };

	assert_int_equal(queue_claim(w->queue, &w->arena, &c, &s, &w->e), 0);
	apply_step(w, &s);
}

static struct str
form_of(struct world *w, unsigned n)
{
	auto_buf form = { 0 };

	queue_task_save(w->queue, queue_find(w->queue, uuid(w, n)), &form);
	return arena_str(&w->arena, buf_str(&form));
}

static void
load(struct queue *q, struct str form)
{
	struct err e = { 0 };

	assert_int_equal(queue_task_load(q, form, &e), 0);
}

static void
of_two_forms_the_newer_stands(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	struct e2m_task one = task_of(&w, 1);

	put_here(&w, &one);
	struct str older = form_of(&w, 1);

	claim_from(&w, "engineering");
	struct str newer = form_of(&w, 1);

	for (int turn = 0; turn < 2; turn++) {
		struct queue *fresh = queue_new(3);

		load(fresh, turn ? newer : older);
		load(fresh, turn ? older : newer);
		assert_int_equal(queue_load_end(fresh, &w.e), 0);
		assert_int_equal(
		    queue_find(fresh, uuid(&w, 1))->hold, QUEUE_OWNED);
		assert_int_equal(
		    queue_count(fresh, STR("engineering")).waiting, 0);
		assert_int_equal(
		    queue_count(fresh, STR("engineering")).ready, 0);
		assert_int_equal(
		    queue_count(fresh, STR("engineering")).running, 1);
		queue_free(fresh);
	}
	world_fini(&w);
}

/* As a form holds it: the sign lowest, seven bits a byte, the low ones first.
 */
static void
add_time(struct buf *out, int64_t us)
{
	uint64_t left = (uint64_t)us << 1 ^ (us < 0 ? UINT64_MAX : 0);

	for (; left >= 0x80; left >>= 7) {
		buf_add_byte(out, (uint8_t)(left | 0x80));
	}
	buf_add_byte(out, (uint8_t)left);
}

/* The form with another moment in which the task was created. */
static int
load_created(struct queue *q, struct str form, int64_t was, int64_t us)
{
	struct err e = { 0 };
	auto_buf old = { 0 };
	auto_buf other = { 0 };
	size_t at = 0;

	add_time(&old, was);
	while (!str_starts(str_sub(form, at, form.len), buf_str(&old))) {
		at++;
	}
	buf_add(&other, str_sub(form, 0, at));
	add_time(&other, us);
	buf_add(&other, str_sub(form, at + old.len, form.len));
	return queue_task_load(q, buf_str(&other), &e) ? (int)e.kind : 0;
}

static void
a_moment_that_no_date_can_say_is_no_form(void **state)
{
	static const struct {
		int64_t us;
		int kind;
	} cases[] = {
		{ -62167219200000000, ERR_NONE }, /* 0000-01-01 */
		{ -62167219200000001, ERR_INPUT },
		{ 253402300799999999, ERR_NONE }, /* 9999-12-31 */
		{ 253402300800000000, ERR_INPUT },
		{ INT64_MAX, ERR_INPUT },
		{ INT64_MIN, ERR_INPUT },
	};
	struct world w;

	(void)state;
	world_init(&w);
	struct e2m_task one = task_of(&w, 1);

	put_here(&w, &one);
	int64_t was = queue_find(w.queue, uuid(&w, 1))->created.us;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct queue *fresh = queue_new(3);

		assert_int_equal(
		    load_created(fresh, form_of(&w, 1), was, cases[i].us),
		    cases[i].kind);
		queue_free(fresh);
	}
	world_fini(&w);
}

static void
what_is_in_use_is_not_replaced(void **state)
{
	struct world w;
	struct queue *fresh = queue_new(3);

	(void)state;
	world_init(&w);
	struct e2m_task one = task_of(&w, 1);

	put_here(&w, &one);
	struct str older = form_of(&w, 1);

	claim_from(&w, "engineering");
	load(fresh, older);
	assert_int_equal(queue_load_end(fresh, &w.e), 0);
	assert_int_equal(queue_task_load(fresh, form_of(&w, 1), &w.e), -1);
	assert_int_equal(w.e.kind, ERR_CONFLICT);
	assert_int_equal(queue_find(fresh, uuid(&w, 1))->epoch, 0);
	queue_free(fresh);

	/* What an event made is in use, too. */
	fresh = queue_new(4);
	assert_int_equal(queue_apply(fresh, w.log[0], 1, &w.e), 0);
	assert_int_equal(queue_task_load(fresh, form_of(&w, 1), &w.e), -1);
	assert_int_equal(w.e.kind, ERR_CONFLICT);
	queue_free(fresh);
	world_fini(&w);
}

/* Links of what comes later move what stands in its heap already. */
static void
a_task_is_placed_by_whoever_waits_for_it(void **state)
{
	static const unsigned first[] = { 1 };
	struct world w;
	struct queue *fresh = queue_new(3);

	(void)state;
	world_init(&w);
	struct e2m_task two = task_of(&w, 2);

	w.now.us += 1000;
	struct e2m_task one = task_of(&w, 1);
	struct e2m_task three = task_of(&w, 3);

	put_here(&w, &one);
	put_here(&w, &two);
	struct str alone = form_of(&w, 1);

	three.depends_on = ids_of(&w, first, 1);
	put_here(&w, &three);
	/* The older one would be first. */
	load(fresh, form_of(&w, 3));
	load(fresh, form_of(&w, 2));
	load(fresh, alone);
	assert_int_equal(queue_load_end(fresh, &w.e), 0);
	assert_int_equal(queue_count(fresh, STR("engineering")).ready, 2);
	assert_true(str_eq(dump_of(&w, w.queue), dump_of(&w, fresh)));
	assert_true(
	    str_eq(queue_next(fresh, STR("engineering"), STR(ME))->id, one.id));
	queue_free(fresh);
	world_fini(&w);
}

static void
tasks_of_two_queues_stay_apart(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (unsigned n = 1; n <= 6; n++) {
		struct e2m_task t = task_of(&w, n);

		t.queue = n % 3 ? STR("engineering") : STR("finance");
		put_here(&w, &t);
	}
	assert_int_equal(queue_count(w.queue, STR("engineering")).ready, 4);
	assert_int_equal(queue_count(w.queue, STR("finance")).ready, 2);
	claim_from(&w, "finance");
	assert_int_equal(queue_count(w.queue, STR("finance")).running, 1);
	assert_int_equal(queue_count(w.queue, STR("engineering")).running, 0);
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_two_forms_the_newer_stands),
		cmocka_unit_test(a_moment_that_no_date_can_say_is_no_form),
		cmocka_unit_test(what_is_in_use_is_not_replaced),
		cmocka_unit_test(a_task_is_placed_by_whoever_waits_for_it),
		cmocka_unit_test(tasks_of_two_queues_stay_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
