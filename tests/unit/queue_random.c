/* SPDX-License-Identifier: Apache-2.0 */
#include "queue_help.h"

#include <stdlib.h>
#include <string.h>

/*
 * Random commands, many of them wrong or late, against a small model that is
 * written down independently: who owns which task under which epoch.  After
 * each world the log is replayed and must give an equal machine.
 */

#define TASKS    12
#define COMMANDS 400
#define SEEDS    150

struct model {
	bool put;
	uint32_t epoch; /* of the newest claim */
	bool owned;
	unsigned terminals; /* since it was last pending */
	enum e2m_state state;
};

/* A game in which nothing succeeds proves nothing. */
static unsigned claims;
static unsigned finishes;
static unsigned touches;

struct game {
	struct world w;
	struct model tasks[TASKS];
	uint64_t random;
	unsigned keys;
};

static uint32_t
draw(struct game *g, uint32_t below)
{
	g->random ^= g->random << 13;
	g->random ^= g->random >> 7;
	g->random ^= g->random << 17;
	return (uint32_t)((g->random >> 20) % below);
}

static unsigned
index_of(struct game *g, struct str id)
{
	for (unsigned n = 0; n < TASKS; n++) {
		if (str_eq(id, uuid(&g->w, n + 1))) {
			return n;
		}
	}
	fail_msg("a strange id");
	return 0;
}

static void
random_put(struct game *g)
{
	unsigned n = draw(g, TASKS);
	unsigned links[2] = { 1 + draw(g, TASKS), 1 + draw(g, TASKS) };
	struct e2m_task t = task_of(&g->w, n + 1);
	struct queue_step s = { 0 };

	t.ke_fit_score = draw(g, 6);
	if (draw(g, 2)) {
		t.depends_on = ids_of(&g->w, links, 1 + draw(g, 2));
	}
	if (draw(g, 4) == 0) {
		t.blocks = ids_of(&g->w, links, 1);
	}
	if (put(&g->w, &t, &s) == 0) {
		assert_false(g->tasks[n].put);
		g->tasks[n].put = true;
		g->tasks[n].state = E2M_PENDING;
	}
}

static void
random_claim(struct game *g)
{
	struct queue_step s = { 0 };
	struct model *m = NULL;

	if (claim(&g->w, draw(g, 2) ? ME : YOU, &s)) {
		return;
	}
	m = &g->tasks[index_of(g, s.id)];
	claims++;
	assert_false(m->owned); /* never two owners */
	assert_int_equal(s.epoch, m->epoch + 1);
	if (m->state == E2M_PENDING) {
		m->terminals = 0;
	}
	m->epoch = s.epoch;
	m->owned = true;
	m->state = E2M_IN_PROGRESS;
}

static void
random_finish(struct game *g)
{
	static const enum e2m_event outcomes[] = { E2M_COMPLETE, E2M_FAIL,
		E2M_BLOCK };
	unsigned n = draw(g, TASKS);
	struct model *m = &g->tasks[n];
	uint32_t epoch = m->epoch + draw(g, 3) - (m->epoch > 0);
	struct queue_finish c = {
		.task = uuid(&g->w, n + 1),
		.epoch = epoch,
		.outcome = outcomes[draw(g, 3)],
		.failure = failure(&g->w),
		.now = g->w.now,
	};
	struct str before = dump_of(&g->w, g->w.queue);
	struct queue_step s = { 0 };

	if (draw(g, 2)) {
		c.ack_key = arena_printf(&g->w.arena, "k%u", draw(g, 40));
	}
	if (queue_finish(g->w.queue, &g->w.arena, &c, &s, &g->w.e)) {
		assert_true(str_eq(before, dump_of(&g->w, g->w.queue)));
		return;
	}
	if (s.duplicate) {
		assert_int_equal(s.event_count, 0);
		return;
	}
	finishes++;
	assert_true(m->owned && m->epoch == epoch);
	apply_step(&g->w, &s);
	m->owned = false;
	m->state = s.state;
	m->terminals += e2m_is_final(s.state);
	assert_true(m->terminals <= 1);
}

static void
random_touch(struct game *g)
{
	static queue_touch_fn *const commands[] = { queue_unblock, queue_retry,
		queue_cancel, queue_block, queue_park, queue_wake,
		queue_lease_lost };
	unsigned n = draw(g, TASKS);
	unsigned which = draw(g, COUNT(commands));
	struct model *m = &g->tasks[n];
	uint32_t epoch = m->epoch + draw(g, 3) - (m->epoch > 0);
	bool by_owner = which == 4 || which == 6;
	struct str before = dump_of(&g->w, g->w.queue);
	struct queue_step s = { 0 };

	if (touch(&g->w, commands[which], uuid(&g->w, n + 1), epoch, &s)) {
		assert_true(str_eq(before, dump_of(&g->w, g->w.queue)));
		return;
	}
	touches++;
	assert_true(!by_owner || (m->owned && m->epoch == epoch));
	if (m->state == E2M_PENDING) {
		m->terminals = 0;
	}
	m->owned = false;
	m->state = s.state;
	m->epoch = queue_find(g->w.queue, uuid(&g->w, n + 1))->epoch;
	m->terminals += e2m_is_final(s.state);
	assert_true(m->terminals <= 1);
}

static void
compare(struct game *g)
{
	for (unsigned n = 0; n < TASKS; n++) {
		const struct queue_task *t =
		    queue_find(g->w.queue, uuid(&g->w, n + 1));
		const struct model *m = &g->tasks[n];

		assert_int_equal(t != NULL, m->put);
		if (t) {
			assert_int_equal(t->hold == QUEUE_OWNED, m->owned);
			assert_int_equal(t->state, m->state);
			assert_int_equal(t->epoch, m->epoch);
		}
	}
}

static uint64_t last_seed;

static void
play(uint64_t seed)
{
	struct game g = { .random = seed * 0x9e3779b97f4a7c15ULL + 1 };

	last_seed = seed;

	world_init(&g.w);
	for (int i = 0; i < COMMANDS; i++) {
		g.w.now.us += INT64_C(1000) * draw(&g, 1000);
		switch (draw(&g, 8)) {
		case 0:
		case 1:
			random_put(&g);
			break;
		case 2:
		case 3:
		case 4:
			random_claim(&g);
			break;
		case 5:
		case 6:
			random_finish(&g);
			break;
		default:
			random_touch(&g);
			break;
		}
	}
	compare(&g);
	assert_replays(&g.w);
	world_fini(&g.w);
}

static void
no_order_of_commands_breaks_the_machine(void **state)
{
	const char *given = getenv("SEED"); /* NOLINT(concurrency-mt-unsafe) */
	uint64_t one = 0;

	(void)state;
	if (given && str_u64(str_of(given), &one)) {
		play(one);
		return;
	}
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		play(seed);
	}
	assert_true(claims > 1000 && finishes > 500 && touches > 500);
}

static int
say_seed(void **state)
{
	(void)state;
	print_message("# SEED=%llu was the last; %u claims, %u finishes, %u "
	              "others took effect\n",
	    (unsigned long long)last_seed, claims, finishes, touches);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
		    no_order_of_commands_breaks_the_machine, say_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
