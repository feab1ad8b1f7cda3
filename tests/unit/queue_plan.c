/* SPDX-License-Identifier: Apache-2.0 */
#include "queue_help.h"

#include "queue/repair.h"

/* Order, retries, dead letters, times, series, limits, hand-off, batches,
 * cancelling and forgetting. */

#define HOUR (3600LL * CLOCK_SECOND)

static int
put_plan(struct world *w, unsigned n, const struct queue_put *like,
    struct queue_step *s)
{
	struct e2m_task t = task_of(w, n);
	struct queue_put c = *like;

	if (c.task) {
		t.queue = c.task->queue;
		t.ke_fit_score = c.task->ke_fit_score;
	}
	c.task = &t;
	c.now = w->now;
	if (queue_put(w->queue, &w->arena, &c, s, &w->e)) {
		return -1;
	}
	apply_step(w, s);
	return 0;
}

static const struct json *
failure_of(struct world *w, const char *group)
{
	struct json *f = json_new(&w->arena, JSON_OBJECT);

	json_set_str(&w->arena, f, "error_type", STR("test"));
	json_set_str(&w->arena, f, "message", STR("it broke"));
	json_set_str(&w->arena, f, "class", str_of(group));
	return f;
}

static int
fails(struct world *w, struct str task, uint32_t epoch, const char *group,
    uint64_t random, struct queue_step *s)
{
	struct queue_finish c = {
		.task = task,
		.epoch = epoch,
		.outcome = E2M_FAIL,
		.failure = failure_of(w, group),
		.now = w->now,
		.random = random,
	};

	if (queue_finish(w->queue, &w->arena, &c, s, &w->e)) {
		return -1;
	}
	apply_step(w, s);
	return 0;
}

/* Of two tasks put at the same moment, or `apart` later: who comes first? */
struct order_row {
	const char *name;
	uint32_t score[2];
	int due_days[2]; /* 0: none */
	uint32_t tenths[2];
	int64_t apart; /* the second is so much younger */
	unsigned first;
};

static const struct order_row orders[] = {
	{ "same: the id", { 3, 3 }, { 0, 0 }, { 0, 0 }, 0, 1 },
	{ "the older", { 3, 3 }, { 0, 0 }, { 0, 0 }, CLOCK_SECOND, 1 },
	{ "the score", { 2, 3 }, { 0, 0 }, { 0, 0 }, 0, 2 },
	{ "a score before all weights", { 2, 3 }, { 1, 20 }, { 1, 0 }, 0, 2 },
	{ "the nearer due date", { 3, 3 }, { 20, 2 }, { 0, 0 }, 0, 2 },
	{ "a due date over none", { 3, 3 }, { 0, 10 }, { 0, 0 }, 0, 2 },
	{ "less work", { 3, 3 }, { 0, 0 }, { 400, 20 }, 0, 2 },
	{ "the score over an hour of age", { 2, 3 }, { 0, 0 }, { 0, 0 }, HOUR,
	    2 },
	{ "three hours of age over a step", { 2, 3 }, { 0, 0 }, { 0, 0 },
	    3 * HOUR, 1 },
	{ "nine hours of age over all steps", { 1, 5 }, { 0, 0 }, { 0, 0 },
	    9 * HOUR, 1 },
};

static void
tasks_are_claimed_in_the_one_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(orders); i++) {
		const struct order_row *r = &orders[i];
		struct world w;
		struct queue_step s = { 0 };

		world_init(&w);
		for (unsigned n = 0; n < 2; n++) {
			struct e2m_task like = { .queue = STR("engineering"),
				.ke_fit_score = r->score[n] };
			struct queue_put c = { .task = &like,
				.estimated_tenths = r->tenths[n] };

			w.now.us += n ? r->apart : 0;
			c.due.us = r->due_days[n]
			               ? w.now.us + r->due_days[n] * 24LL * HOUR
			               : 0;
			assert_int_equal(put_plan(&w, n + 1, &c, &s), 0);
		}
		assert_int_equal(claim(&w, ME, &s), 0);
		assert_row(
		    str_eq(s.id, uuid(&w, r->first)), r->name, "the other");
		assert_replays(&w);
		world_fini(&w);
	}
}

static void
a_task_that_unblocks_urgent_ones_goes_ahead(void **state)
{
	struct world w;
	struct queue_step s = { 0 };

	(void)state;
	world_init(&w);
	assert_int_equal(put_plan(&w, 1, &(struct queue_put){ 0 }, &s), 0);
	assert_int_equal(put_plan(&w, 2, &(struct queue_put){ 0 }, &s), 0);
	struct e2m_task later = task_of(&w, 3);
	struct queue_put c = { .task = &later,
		.due = { w.now.us + 24 * HOUR } };

	later.depends_on = ids_of(&w, (unsigned[]){ 2 }, 1);
	assert_int_equal(queue_put(w.queue, &w.arena, &c, &s, &w.e), 0);
	apply_step(&w, &s);
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_true(str_eq(s.id, uuid(&w, 2)));
	world_fini(&w);
}

/* A poor task with a letter that asks for an ack, beside a good one. */
static void
put_with_letter(struct world *w, struct queue_ack *ack)
{
	struct queue_step s = { 0 };
	struct e2m_task best = { .queue = STR("engineering"),
		.ke_fit_score = 5 };
	struct e2m_task poor = { .queue = STR("engineering"),
		.ke_fit_score = 1 };
	struct e2m_envelope m = {
		.id = STR("letter"),
		.envelope_type = E2M_TYPE_TASK,
		.from = STR("operator"),
		.to = STR("engineering-coworker"),
		.subject = STR("Now"),
		.at = STR("2023-11-14T22:13:20Z"),
		.state = E2M_MAIL_PENDING,
		.ack_required = E2M_YES,
	};

	assert_int_equal(
	    put_plan(w, 1, &(struct queue_put){ .task = &best }, &s), 0);
	assert_int_equal(
	    put_plan(
	        w, 2, &(struct queue_put){ .task = &poor, .mail = &m }, &s),
	    0);
	*ack = (struct queue_ack){
		.letter = m.id, .mailbox = m.to, .now = w->now
	};
}

static void
assert_next(struct world *w, unsigned number)
{
	assert_true(
	    str_eq(queue_next(w->queue, STR("engineering"), STR(ME))->id,
	        uuid(w, number)));
}

static void
mail_that_waits_for_an_ack_puts_its_task_first(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct queue_ack ack;

	(void)state;
	world_init(&w);
	put_with_letter(&w, &ack);
	assert_next(&w, 2);
	assert_int_equal(queue_mail_ack(w.queue, &w.arena, &ack, &s, &w.e), 0);
	apply_step(&w, &s);
	assert_next(&w, 1);
	assert_replays(&w);
	world_fini(&w);
}

/* The second is finished and forgotten, and comes back. */
static void
forget_and_recall(struct world *w, const struct queue_ack *ack)
{
	struct queue_step s = { 0 };
	auto_buf form = { 0 };

	assert_int_equal(claim(w, ME, &s), 0);
	assert_int_equal(finish(w, uuid(w, 2), 1, E2M_FAIL, &s), 0);
	w->now.us += HOUR;
	queue_task_save(w->queue, queue_find(w->queue, uuid(w, 2)), &form);
	queue_saved(w->queue, uuid(w, 2));
	assert_int_equal(
	    queue_forget(w->queue, &w->arena, w->now, w->now, &s, &w->e), 0);
	apply_step(w, &s);
	assert_null(queue_find(w->queue, uuid(w, 2)));
	if (ack) {
		assert_int_equal(
		    queue_mail_ack(w->queue, &w->arena, ack, &s, &w->e), 0);
		apply_step(w, &s);
	}
	assert_int_equal(queue_recall(w->queue, &w->arena, buf_str(&form),
	                     w->now, &s, &w->e),
	    0);
	apply_step(w, &s);
	assert_int_equal(touch(w, queue_retry, uuid(w, 2), 0, &s), 0);
}

static void
mail_that_is_acked_meanwhile_puts_no_recalled_task_first(void **state)
{
	(void)state;
	for (int acked = 0; acked < 2; acked++) {
		struct world w;
		struct queue_ack ack;

		world_init(&w);
		put_with_letter(&w, &ack);
		forget_and_recall(&w, acked ? &ack : NULL);
		assert_next(&w, acked ? 1 : 2);
		assert_replays(&w);
		world_fini(&w);
	}
}

/* A better task a minute, one claim a minute: without ageing never. */
static void
nobody_starves(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct e2m_task poor = { .queue = STR("engineering"),
		.ke_fit_score = 1 };
	struct e2m_task best = { .queue = STR("engineering"),
		.ke_fit_score = 5 };
	unsigned claims = 0;

	(void)state;
	world_init(&w);
	assert_int_equal(
	    put_plan(&w, 1, &(struct queue_put){ .task = &poor }, &s), 0);
	do {
		w.now.us += CLOCK_MINUTE;
		assert_int_equal(put_plan(&w, 2 + claims,
		                     &(struct queue_put){ .task = &best }, &s),
		    0);
		assert_int_equal(claim(&w, ME, &s), 0);
		claims++;
	} while (!str_eq(s.id, uuid(&w, 1)) && claims < 24 * 60);
	assert_in_range(claims, 7 * 60, 10 * 60);
	world_fini(&w);
}

static void
a_resolvable_failure_is_tried_again_then_dead(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct queue_put c = { .retry = { .max_attempts = 3,
		                   .base_us = 4 * CLOCK_SECOND,
		                   .cap_us = 6 * CLOCK_SECOND } };
	static const int64_t bounds[] = { 4, 6 };

	(void)state;
	world_init(&w);
	assert_int_equal(put_plan(&w, 1, &c, &s), 0);
	for (uint32_t epoch = 1; epoch <= 2; epoch++) {
		assert_int_equal(claim(&w, ME, &s), 0);
		assert_true(queue_would_retry(
		    w.queue, s.id, failure_of(&w, "resolvable")));
		assert_false(queue_would_retry(
		    w.queue, s.id, failure_of(&w, "unresolvable")));
		assert_int_equal(
		    fails(&w, s.id, epoch, "resolvable", 0, &s), 0);
		assert_int_equal(s.state, E2M_PENDING);
		assert_false(s.dead);
		assert_int_equal(
		    s.again.us, w.now.us + bounds[epoch - 1] * CLOCK_SECOND);
		assert_int_equal(queue_next_due(w.queue).us, s.again.us);
		struct queue_step none = { 0 };

		assert_int_equal(claim(&w, ME, &none), -1);
		w.now.us = s.again.us - 1000;
		assert_int_equal(claim(&w, ME, &none), -1);
		w.now.us += 1000;
		queue_due(w.queue, &w.arena, w.now, &none);
		assert_int_equal(none.effect_count, 1);
		assert_int_equal(none.event_count, 0);
	}
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_int_equal(fails(&w, s.id, 3, "resolvable", 0, &s), 0);
	assert_true(s.dead && s.state == E2M_FAILED);
	assert_true(queue_find(w.queue, uuid(&w, 1))->dead);
	assert_int_equal(touch(&w, queue_redrive, uuid(&w, 1), 0, &s), 0);
	assert_int_equal(queue_find(w.queue, uuid(&w, 1))->attempts, 0);
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_int_equal(s.epoch, 4);
	assert_replays(&w);
	world_fini(&w);
}

static void
the_jitter_is_full_and_within_its_bound(void **state)
{
	uint64_t seed = 88172645463325252ULL;
	int64_t least = INT64_MAX;
	int64_t most = 0;

	(void)state;
	print_message("# seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 200; i++) {
		struct world w;
		struct queue_step s = { 0 };
		struct queue_put c = { .retry = { .max_attempts = 2,
			                   .base_us = 10 * CLOCK_SECOND } };

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		world_init(&w);
		assert_int_equal(put_plan(&w, 1, &c, &s), 0);
		assert_int_equal(claim(&w, ME, &s), 0);
		assert_int_equal(fails(&w, s.id, 1, "resolvable", seed, &s), 0);
		int64_t delay = s.again.us - w.now.us;

		assert_in_range(delay, 0, 10 * CLOCK_SECOND);
		least = delay < least ? delay : least;
		most = delay > most ? delay : most;
		world_fini(&w);
	}
	assert_true(least < CLOCK_SECOND && most > 9 * CLOCK_SECOND);
}

static void
a_task_that_loses_every_lease_is_dead(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct queue_put c = { .retry = { .max_lost = 3 } };

	(void)state;
	world_init(&w);
	assert_int_equal(put_plan(&w, 1, &c, &s), 0);
	for (uint32_t epoch = 1; epoch <= 3; epoch++) {
		assert_int_equal(claim(&w, ME, &s), 0);
		assert_int_equal(
		    touch(&w, queue_lease_lost, s.id, epoch, &s), 0);
		assert_int_equal(s.dead, epoch == 3);
	}
	assert_int_equal(queue_find(w.queue, uuid(&w, 1))->state, E2M_FAILED);
	assert_replays(&w);
	world_fini(&w);
}

/* However often the house ends, and whoever it could not tell. */
static void
a_task_does_not_die_of_losses_that_are_ours(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct queue_put c = { .retry = { .max_lost = 3 } };
	struct queue_touch unheard = { .ours = true };

	(void)state;
	world_init(&w);
	assert_int_equal(put_plan(&w, 1, &c, &s), 0);
	for (uint32_t epoch = 1; epoch <= 40; epoch++) {
		assert_int_equal(claim(&w, ME, &s), 0);
		unheard.task = s.id;
		unheard.epoch = epoch;
		unheard.now = w.now;
		assert_int_equal(epoch % 2 ? queue_leases_lost(w.queue,
		                                 &w.arena, 2, w.now, &s, &w.e)
		                           : queue_lease_lost(w.queue, &w.arena,
		                                 &unheard, &s, &w.e),
		    0);
		apply_step(&w, &s);
		assert_int_equal(queue_find(w.queue, uuid(&w, 1))->lost, 0);
	}
	assert_int_equal(queue_find(w.queue, uuid(&w, 1))->hold, QUEUE_LOOSE);
	assert_replays(&w);
	world_fini(&w);
}

static void
a_delayed_task_waits_for_its_time(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct queue_put c = { .not_before = { 1700000000000000 + HOUR } };

	(void)state;
	world_init(&w);
	assert_int_equal(put_plan(&w, 1, &c, &s), 0);
	assert_int_equal(s.effect_count, 0);
	assert_int_equal(claim(&w, ME, &s), -1);
	w.now.us += HOUR;
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_replays(&w);
	world_fini(&w);
}

static void
a_series_goes_on_when_one_ends_and_stops_when_cancelled(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct queue_put c = { .every = { .cron = STR("*/5 * * * *") } };
	struct str id = { 0 };

	(void)state;
	world_init(&w);
	assert_int_equal(put_plan(&w, 1, &c, &s), 0);
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_int_equal(finish(&w, s.id, 1, E2M_COMPLETE, &s), 0);
	assert_int_equal(s.event_count, 2); /* the end and the next one */
	id = s.next;
	assert_int_equal(queue_find(w.queue, id)->not_before.us,
	    1700000000000000 + 100 * CLOCK_SECOND); /* 22:15:00 */
	assert_int_equal(claim(&w, ME, &s), -1);
	w.now.us += 100 * CLOCK_SECOND;
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_true(str_eq(s.id, id));
	assert_int_equal(finish(&w, id, 1, E2M_FAIL, &s), 0);
	assert_true(s.next.len > 0);
	struct str third = s.next;

	/* The failed one is retried: the series has gone on already. */
	assert_int_equal(touch(&w, queue_retry, id, 0, &s), 0);
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_int_equal(finish(&w, id, 2, E2M_COMPLETE, &s), 0);
	assert_int_equal(s.next.len, 0);
	assert_int_equal(touch(&w, queue_cancel, third, 0, &s), 0);
	assert_int_equal(s.next.len, 0);
	assert_replays(&w);
	world_fini(&w);
}

static void
limits_hold_back_claims_and_puts(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct queue_limits limits = {
		.max_running = 1, .max_waiting = 3, .puts_per_minute = 4
	};

	(void)state;
	world_init(&w);
	queue_limit(w.queue, STR("engineering"), &limits);
	for (unsigned n = 1; n <= 3; n++) {
		assert_int_equal(
		    put_plan(&w, n, &(struct queue_put){ 0 }, &s), 0);
	}
	assert_int_equal(put_plan(&w, 9, &(struct queue_put){ 0 }, &s), -1);
	assert_int_equal(w.e.kind, ERR_LIMIT);
	assert_int_equal(claim(&w, ME, &s), 0);
	struct str first = s.id;

	assert_int_equal(claim(&w, ME, &s), -1);
	assert_int_equal(put_plan(&w, 4, &(struct queue_put){ 0 }, &s), 0);
	assert_int_equal(finish(&w, first, 1, E2M_COMPLETE, &s), 0);
	assert_int_equal(s.effects[0].kind, QUEUE_READY);
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_int_equal(put_plan(&w, 5, &(struct queue_put){ 0 }, &s), -1);
	w.now.us += CLOCK_MINUTE;
	assert_int_equal(put_plan(&w, 5, &(struct queue_put){ 0 }, &s), 0);
	world_fini(&w);
}

static void
a_waiting_worker_gets_the_task_in_the_puts_own_step(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct queue_claim waits = {
		.queue = STR("engineering"), .owner = STR(ME), .incarnation = 1
	};

	(void)state;
	world_init(&w);
	waits.now = w.now;
	struct queue_put c = { .claim = &waits };

	assert_int_equal(put_plan(&w, 1, &c, &s), 0);
	assert_int_equal(s.event_count, 2);
	assert_int_equal(s.claim_count, 1);
	assert_int_equal(s.claims[0].epoch, 1);
	assert_int_equal(queue_find(w.queue, uuid(&w, 1))->hold, QUEUE_OWNED);
	c.not_before.us = w.now.us + HOUR;
	assert_int_equal(put_plan(&w, 2, &c, &s), 0);
	assert_int_equal(s.claim_count, 0);
	assert_int_equal(put_plan(&w, 3, &(struct queue_put){ 0 }, &s), 0);
	c.not_before.us = 0;
	assert_int_equal(put_plan(&w, 4, &c, &s), 0);
	assert_int_equal(s.claim_count, 0); /* 3 was there before */
	assert_replays(&w);
	world_fini(&w);
}

static void
a_claim_of_many_queues_takes_turns_by_weight(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct str both[] = { STR("engineering"), STR("finance") };
	struct e2m_task finance = { .queue = STR("finance") };
	struct queue_limits heavy = { .weight = 3 };
	struct queue_claim c = {
		.queues = both, .queue_count = 2, .max = 16, .owner = STR(ME)
	};
	unsigned of_finance = 0;

	(void)state;
	world_init(&w);
	c.now = w.now;
	queue_limit(w.queue, STR("engineering"), &heavy);
	for (unsigned n = 0; n < 100; n += 2) {
		assert_int_equal(
		    put_plan(&w, n + 1, &(struct queue_put){ 0 }, &s), 0);
		assert_int_equal(
		    put_plan(
		        &w, n + 2, &(struct queue_put){ .task = &finance }, &s),
		    0);
	}
	for (int round = 0; round < 2; round++) {
		assert_int_equal(
		    queue_claim(w.queue, &w.arena, &c, &s, &w.e), 0);
		assert_int_equal(s.claim_count, 16);
		apply_step(&w, &s);
		for (size_t i = 0; i < s.claim_count; i++) {
			const struct queue_task *t =
			    queue_find(w.queue, s.claims[i].id);

			assert_int_equal(t->hold, QUEUE_OWNED);
			of_finance += str_eq_z(t->queue, "finance");
		}
	}
	assert_in_range(of_finance, 8, 9);
	assert_replays(&w);
	world_fini(&w);
}

static void
cancelling_a_parent_cancels_the_children_that_wait(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct queue_put c = { 0 };

	(void)state;
	world_init(&w);
	assert_int_equal(put_plan(&w, 1, &c, &s), 0);
	c.parent = uuid(&w, 99);
	assert_int_equal(put_plan(&w, 2, &c, &s), -1); /* no such parent */
	c.parent = uuid(&w, 1);
	assert_int_equal(put_plan(&w, 2, &c, &s), 0);
	assert_int_equal(put_plan(&w, 3, &c, &s), 0);
	c.parent = uuid(&w, 2);
	assert_int_equal(put_plan(&w, 4, &c, &s), 0);
	assert_int_equal(claim(&w, ME, &s), 0); /* 1 */
	assert_int_equal(claim(&w, ME, &s), 0); /* 2 is worked on */
	assert_int_equal(touch(&w, queue_cancel, uuid(&w, 1), 0, &s), 0);
	assert_false(s.more);
	assert_int_equal(queue_find(w.queue, uuid(&w, 1))->state, E2M_FAILED);
	assert_int_equal(queue_find(w.queue, uuid(&w, 2))->hold, QUEUE_OWNED);
	assert_int_equal(queue_find(w.queue, uuid(&w, 3))->state, E2M_FAILED);
	assert_int_equal(queue_find(w.queue, uuid(&w, 4))->state, E2M_PENDING);
	assert_replays(&w);
	world_fini(&w);
}

static void
many_children_are_cancelled_in_bounded_steps(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct queue_put c = { 0 };
	int steps = 0;

	(void)state;
	world_init(&w);
	assert_int_equal(put_plan(&w, 1, &c, &s), 0);
	c.parent = uuid(&w, 1);
	for (unsigned n = 2; n < 602; n++) {
		assert_int_equal(put_plan(&w, n, &c, &s), 0);
	}
	do {
		assert_int_equal(
		    touch(&w, queue_cancel, uuid(&w, 1), 0, &s), 0);
		assert_true(s.event_count <= 2UL * QUEUE_BULK_MAX);
		steps++;
	} while (s.more);
	assert_int_equal(steps, 3);
	assert_int_equal(queue_count(w.queue, STR("engineering")).waiting, 0);
	assert_replays(&w);
	world_fini(&w);
}

static void
a_new_incarnation_frees_what_older_ones_held(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct queue_claim c = { .queue = STR("engineering"),
		.max = QUEUE_CLAIM_MAX,
		.owner = STR(ME) };
	int steps = 0;

	(void)state;
	world_init(&w);
	c.now = w.now;
	for (unsigned n = 1; n <= 400; n++) {
		assert_int_equal(
		    put_plan(&w, n, &(struct queue_put){ 0 }, &s), 0);
	}
	for (c.incarnation = 1; c.incarnation <= 2; c.incarnation++) {
		c.max = c.incarnation == 1 ? 256 : 100;
		assert_int_equal(
		    queue_claim(w.queue, &w.arena, &c, &s, &w.e), 0);
		apply_step(&w, &s);
	}
	do {
		assert_int_equal(
		    queue_leases_lost(w.queue, &w.arena, 3, w.now, &s, &w.e),
		    0);
		apply_step(&w, &s);
		steps++;
	} while (s.more);
	assert_int_equal(steps, 2);
	assert_int_equal(queue_count(w.queue, STR("engineering")).running, 0);
	assert_int_equal(
	    queue_leases_lost(w.queue, &w.arena, 3, w.now, &s, &w.e), 0);
	assert_int_equal(s.event_count, 0);
	assert_replays(&w);
	world_fini(&w);
}

static void
what_ended_is_forgotten_and_can_be_recalled(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct queue_put c = { .key = STR("once") };
	auto_buf form = { 0 };

	(void)state;
	world_init(&w);
	assert_int_equal(put_plan(&w, 1, &c, &s), 0);
	assert_int_equal(put_plan(&w, 2, &(struct queue_put){ 0 }, &s), 0);
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_int_equal(finish(&w, s.id, 1, E2M_FAIL, &s), 0);
	w.now.us += HOUR;
	assert_int_equal(
	    queue_forget(w.queue, &w.arena, w.now, w.now, &s, &w.e), 0);
	assert_int_equal(s.event_count, 0); /* not saved */
	queue_task_save(w.queue, queue_find(w.queue, uuid(&w, 1)), &form);
	queue_saved(w.queue, uuid(&w, 1));
	assert_int_equal(
	    queue_forget(w.queue, &w.arena, w.now, w.now, &s, &w.e), 0);
	assert_int_equal(s.gone_count, 1);
	apply_step(&w, &s);
	assert_null(queue_find(w.queue, uuid(&w, 1)));
	assert_non_null(queue_find(w.queue, uuid(&w, 2)));
	assert_int_equal(put_plan(&w, 3, &c, &s), 0); /* the key is free */
	assert_false(s.duplicate);
	assert_int_equal(
	    queue_recall(w.queue, &w.arena, buf_str(&form), w.now, &s, &w.e),
	    0);
	apply_step(&w, &s);
	assert_int_equal(touch(&w, queue_retry, uuid(&w, 1), 0, &s), 0);
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_true(str_eq(s.id, uuid(&w, 1)));
	assert_int_equal(s.epoch, 2);
	assert_replays(&w);
	world_fini(&w);
}

static void
a_payload_may_say_when_and_how_often(void **state)
{
	static const char text[] =
	    "{\"handrail\":{\"not_before\":\"2026-01-01T00:00:00Z\","
	    "\"due_date\":\"2026-02-01\",\"estimated_hours\":1.5,"
	    "\"retry\":{\"max_attempts\":4,\"base\":\"2s\",\"cap\":\"1m\"},"
	    "\"every\":{\"cron\":\"0 9 * * *\",\"zone\":\"UTC\"}}}";
	struct world w;
	struct json *payload = NULL;

	(void)state;
	world_init(&w);
	struct e2m_task t = task_of(&w, 1);
	struct queue_put c = { .task = &t };

	assert_int_equal(
	    json_parse(&w.arena, str_of(text), NULL, &payload, &w.e), 0);
	t.payload = payload;
	assert_int_equal(queue_put_read(&c, &w.e), 0);
	assert_int_equal(c.not_before.us, 1767225600000000);
	assert_int_equal(c.due.us, 1767225600000000 + 32LL * 24 * HOUR);
	assert_int_equal(c.estimated_tenths, 15);
	assert_int_equal(c.retry.max_attempts, 4);
	assert_int_equal(c.retry.base_us, 2 * CLOCK_SECOND);
	assert_true(str_eq_z(c.every.cron, "0 9 * * *"));
	world_fini(&w);
}

/* The end of that day is of the year 10000, and an event could not write it. */
static void
the_last_day_is_no_due_date(void **state)
{
	static const char *const texts[] = {
		"{\"handrail\":{\"due_date\":\"9999-12-30\"}}",
		"{\"handrail\":{\"due_date\":\"9999-12-31T23:59:59Z\"}}",
		"{\"handrail\":{\"due_date\":\"9999-12-31\"}}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct world w;
		struct queue_step s = { 0 };
		struct json *payload = NULL;

		world_init(&w);
		struct e2m_task t = task_of(&w, 1);
		struct queue_put c = { .task = &t };

		assert_int_equal(json_parse(&w.arena, str_of(texts[i]), NULL,
		                     &payload, &w.e),
		    0);
		t.payload = payload;
		assert_int_equal(queue_put_read(&c, &w.e), 0);
		assert_int_equal(
		    put_plan(&w, 1, &c, &s), i + 1 < COUNT(texts) ? 0 : -1);
		world_fini(&w);
	}
}

static void
a_failure_leaves_a_repair_and_a_letter(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct e2m_task task = { 0 };
	struct e2m_envelope letter = { 0 };

	(void)state;
	world_init(&w);
	assert_int_equal(put_plan(&w, 1, &(struct queue_put){ 0 }, &s), 0);
	assert_int_equal(claim(&w, ME, &s), 0);
	struct queue_repair r = {
		.task = queue_find(w.queue, s.id),
		.failure = failure_of(&w, "requires_escalation"),
		.task_id = uuid(&w, 2),
		.letter_id = uuid(&w, 3),
		.now = w.now,
	};

	queue_repair_task(&w.arena, &r, &task);
	queue_repair_letter(&w.arena, &r, &letter);
	assert_int_equal(e2m_check_operator(&letter, &w.e), 0);
	assert_int_equal(letter.requires_decision, E2M_YES);
	assert_int_equal(task.ke_fit_score, 4);
	assert_non_null(task.evaluator);
	struct queue_put follow = { .task = &task };
	struct queue_finish c = {
		.task = s.id,
		.epoch = 1,
		.outcome = E2M_FAIL,
		.failure = r.failure,
		.follow_ups = &follow,
		.follow_up_count = 1,
		.mail = &letter,
		.mail_count = 1,
		.now = w.now,
	};

	assert_int_equal(queue_finish(w.queue, &w.arena, &c, &s, &w.e), 0);
	assert_int_equal(s.event_count, 3);
	apply_step(&w, &s);
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_true(str_eq(s.id, uuid(&w, 2)));
	assert_replays(&w);
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tasks_are_claimed_in_the_one_order),
		cmocka_unit_test(a_task_that_unblocks_urgent_ones_goes_ahead),
		cmocka_unit_test(
		    mail_that_waits_for_an_ack_puts_its_task_first),
		cmocka_unit_test(
		    mail_that_is_acked_meanwhile_puts_no_recalled_task_first),
		cmocka_unit_test(nobody_starves),
		cmocka_unit_test(a_resolvable_failure_is_tried_again_then_dead),
		cmocka_unit_test(the_jitter_is_full_and_within_its_bound),
		cmocka_unit_test(a_task_that_loses_every_lease_is_dead),
		cmocka_unit_test(a_task_does_not_die_of_losses_that_are_ours),
		cmocka_unit_test(a_delayed_task_waits_for_its_time),
		cmocka_unit_test(
		    a_series_goes_on_when_one_ends_and_stops_when_cancelled),
		cmocka_unit_test(limits_hold_back_claims_and_puts),
		cmocka_unit_test(
		    a_waiting_worker_gets_the_task_in_the_puts_own_step),
		cmocka_unit_test(a_claim_of_many_queues_takes_turns_by_weight),
		cmocka_unit_test(
		    cancelling_a_parent_cancels_the_children_that_wait),
		cmocka_unit_test(many_children_are_cancelled_in_bounded_steps),
		cmocka_unit_test(a_new_incarnation_frees_what_older_ones_held),
		cmocka_unit_test(what_ended_is_forgotten_and_can_be_recalled),
		cmocka_unit_test(a_payload_may_say_when_and_how_often),
		cmocka_unit_test(the_last_day_is_no_due_date),
		cmocka_unit_test(a_failure_leaves_a_repair_and_a_letter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
