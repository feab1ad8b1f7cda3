/* SPDX-License-Identifier: Apache-2.0 */
#include "queue_help.h"

/* After a restore: whoever claimed before is stale, the rest stays as it is. */

static void
raise_by(struct world *w, uint32_t by)
{
	struct queue_step s = { 0 };

	assert_int_equal(
	    queue_raise(w->queue, &w->arena, by, w->now, &s, &w->e), 0);
	assert_int_equal(s.event_count, 1);
	apply_step(w, &s);
}

static void
a_claim_of_before_the_raise_is_stale(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct e2m_task t;

	(void)state;
	world_init(&w);
	t = task_of(&w, 1);
	assert_int_equal(put(&w, &t, &s), 0);
	assert_int_equal(claim(&w, "linux__server__a", &s), 0);
	assert_int_equal(s.epoch, 1);
	raise_by(&w, 1000);
	assert_int_equal(queue_find(w.queue, t.id)->epoch, 1001);
	assert_int_equal(finish(&w, t.id, 1, E2M_FAIL, &s), -1);
	assert_int_equal(w.e.kind, ERR_CONFLICT);
	assert_int_equal(touch(&w, queue_lease_lost, t.id, 1001, &s), 0);
	assert_int_equal(claim(&w, "linux__server__a", &s), 0);
	assert_int_equal(s.epoch, 1002);
	assert_replays(&w);
	world_fini(&w);
}

static void
also_a_task_that_was_never_claimed_is_raised(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct e2m_task t;

	(void)state;
	world_init(&w);
	t = task_of(&w, 1);
	assert_int_equal(put(&w, &t, &s), 0);
	raise_by(&w, 1000);
	assert_int_equal(claim(&w, "linux__server__a", &s), 0);
	assert_int_equal(s.epoch, 1001);
	assert_int_equal(
	    queue_raise(w.queue, &w.arena, UINT32_MAX, w.now, &s, &w.e), -1);
	assert_int_equal(w.e.kind, ERR_LIMIT);
	assert_replays(&w);
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claim_of_before_the_raise_is_stale),
		cmocka_unit_test(also_a_task_that_was_never_claimed_is_raised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
