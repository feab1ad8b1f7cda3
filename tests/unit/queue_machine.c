/* SPDX-License-Identifier: Apache-2.0 */
#include "queue_help.h"

#include <string.h>

enum command {
	CLAIM,
	COMPLETE,
	FAIL,
	BLOCK,
	UNBLOCK,
	RETRY,
	CANCEL,
	STOP, /* queue_block */
	PARK,
	WAKE,
	LOST,
	COMMANDS,
};
#define HOLDS 7

static const char *const words[COMMANDS] = { "claim", "complete", "fail",
	"block", "unblock", "retry", "cancel", "stop", "park", "wake", "lost" };

/* One task brought to a hold by the shortest way. */
static struct str
bring(struct world *w, enum queue_hold hold)
{
	struct e2m_task t = task_of(w, 1);
	struct queue_step s = { 0 };

	assert_int_equal(put(w, &t, &s), 0);
	if (hold == QUEUE_WAITING) {
		return t.id;
	}
	assert_int_equal(claim(w, ME, &s), 0);
	switch (hold) {
	case QUEUE_PARKED:
		assert_int_equal(touch(w, queue_park, t.id, 1, &s), 0);
		break;
	case QUEUE_LOOSE:
		assert_int_equal(touch(w, queue_lease_lost, t.id, 1, &s), 0);
		break;
	case QUEUE_STOPPED:
		assert_int_equal(finish(w, t.id, 1, E2M_BLOCK, &s), 0);
		break;
	case QUEUE_COMPLETE:
		assert_int_equal(finish(w, t.id, 1, E2M_COMPLETE, &s), 0);
		break;
	case QUEUE_FAILED:
		assert_int_equal(finish(w, t.id, 1, E2M_FAIL, &s), 0);
		break;
	case QUEUE_WAITING:
	case QUEUE_OWNED:
		break;
	}
	return t.id;
}

static int
command(struct world *w, enum command c, struct str id, uint32_t epoch)
{
	struct queue_step s = { 0 };

	switch (c) {
	case CLAIM:
		return claim(w, ME, &s);
	case COMPLETE:
		return finish(w, id, epoch, E2M_COMPLETE, &s);
	case FAIL:
		return finish(w, id, epoch, E2M_FAIL, &s);
	case BLOCK:
		return finish(w, id, epoch, E2M_BLOCK, &s);
	case UNBLOCK:
		return touch(w, queue_unblock, id, 0, &s);
	case RETRY:
		return touch(w, queue_retry, id, 0, &s);
	case CANCEL:
		return touch(w, queue_cancel, id, 0, &s);
	case STOP:
		return touch(w, queue_block, id, 0, &s);
	case PARK:
		return touch(w, queue_park, id, epoch, &s);
	case WAKE:
		return touch(w, queue_wake, id, 0, &s);
	case LOST:
		return touch(w, queue_lease_lost, id, epoch, &s);
	case COMMANDS:
		break;
	}
	return -1;
}

/* `to` is where the command leads; NULL: refused, and nothing changed. */
static void
assert_leads(enum queue_hold hold, enum command c, const char *to)
{
	struct world w;

	world_init(&w);
	struct str id = bring(&w, hold);
	struct str before = dump_of(&w, w.queue);
	int rc = command(&w, c, id, 1);
	const char *now = queue_hold_name(queue_find(w.queue, id)->hold);
	struct str row =
	    arena_printf(&w.arena, "%s in %s", words[c], queue_hold_name(hold));

	assert_row((rc == 0) == (to != NULL), arena_z(&w.arena, row), now);
	assert_row(!to || strcmp(to, now) == 0, arena_z(&w.arena, row), now);
	assert_row(to || str_eq(before, dump_of(&w, w.queue)),
	    arena_z(&w.arena, row), "refused, and changed something");
	assert_replays(&w);
	world_fini(&w);
}

static void
every_command_in_every_state_does_what_the_table_says(void **state)
{
	static const char *const table[HOLDS][COMMANDS] = {
		[QUEUE_WAITING] = { [CLAIM] = "owned", [CANCEL] = "failed" },
		[QUEUE_OWNED] = { [COMPLETE] = "complete",
		    [FAIL] = "failed",
		    [BLOCK] = "stopped",
		    [CANCEL] = "failed",
		    [STOP] = "stopped",
		    [PARK] = "parked",
		    [LOST] = "loose" },
		[QUEUE_PARKED] = { [CANCEL] = "failed",
		    [STOP] = "stopped",
		    [WAKE] = "loose" },
		[QUEUE_LOOSE] = { [CLAIM] = "owned",
		    [CANCEL] = "failed",
		    [STOP] = "stopped" },
		[QUEUE_STOPPED] = { [UNBLOCK] = "loose", [CANCEL] = "failed" },
		[QUEUE_COMPLETE] = { NULL },
		[QUEUE_FAILED] = { [RETRY] = "waiting" },
	};

	(void)state;
	for (int hold = 0; hold < HOLDS; hold++) {
		for (int c = 0; c < COMMANDS; c++) {
			assert_leads((enum queue_hold)hold, (enum command)c,
			    table[hold][c]);
		}
	}
}

static void
assert_owners_only(enum command c)
{
	static const uint32_t stale[] = { 0, 1, 3, 4 };
	struct world w;
	struct queue_step s = { 0 };

	world_init(&w);
	struct str id = bring(&w, QUEUE_LOOSE);

	assert_int_equal(claim(&w, ME, &s), 0);
	assert_int_equal(s.epoch, 2);
	struct str before = dump_of(&w, w.queue);

	for (size_t i = 0; i < COUNT(stale); i++) {
		assert_int_equal(command(&w, c, id, stale[i]), -1);
		assert_int_equal(w.e.kind, ERR_CONFLICT);
	}
	assert_true(str_eq(before, dump_of(&w, w.queue)));
	world_fini(&w);
}

static void
a_stale_epoch_changes_nothing(void **state)
{
	(void)state;
	assert_owners_only(COMPLETE);
	assert_owners_only(FAIL);
	assert_owners_only(BLOCK);
	assert_owners_only(PARK);
	assert_owners_only(LOST);
}

static void
assert_not_claimed(
    struct world *w, struct str id, uint32_t epoch, const char *owner)
{
	struct str body = arena_printf(&w->arena,
	    "{\"event\":\"claim\",\"id\":\"" STR_FMT
	    "\",\"at\":\"2026-01-01T00:00:00Z\",\"epoch\":%u,"
	    "\"owner\":\"%s\",\"incarnation\":1}",
	    STR_ARG(id), epoch, owner);

	assert_int_equal(queue_apply(w->queue, body, 9, &w->e), -1);
	assert_int_equal(w->e.kind, ERR_CONFLICT);
}

/* The same of a log that somebody wrote by hand. */
static void
a_stale_event_is_not_applied(void **state)
{
	static const char *const events[] = { "complete", "fail", "block",
		"park", "lease_lost", "claim" };
	struct world w;

	(void)state;
	world_init(&w);
	struct str id = bring(&w, QUEUE_OWNED);
	struct str before;

	for (size_t i = 0; i < COUNT(events); i++) {
		struct str body = arena_printf(&w.arena,
		    "{\"event\":\"%s\",\"id\":\"" STR_FMT
		    "\",\"at\":\"2026-01-01T00:00:00Z\",\"epoch\":7,"
		    "\"owner\":\"x\",\"incarnation\":1}",
		    events[i], STR_ARG(id));

		assert_int_equal(queue_apply(w.queue, body, 9, &w.e), -1);
		assert_int_equal(w.e.kind, ERR_CONFLICT);
	}
	struct queue_step step = { 0 };

	assert_int_equal(touch(&w, queue_lease_lost, id, 1, &step), 0);
	before = dump_of(&w, w.queue);
	/* A claim under an old epoch, and one by another identity. */
	assert_not_claimed(&w, id, 1, ME);
	assert_not_claimed(&w, id, 2, YOU);
	assert_int_equal(queue_apply(w.queue, STR("{}"), 9, &w.e), -1);
	assert_int_equal(
	    queue_apply(w.queue, STR("{\"event\":\"burn\"}"), 9, &w.e), -1);
	assert_int_equal(queue_apply(w.queue, STR("{"), 9, &w.e), -1);
	assert_true(str_eq(before, dump_of(&w, w.queue)));
	world_fini(&w);
}

static void
a_refusal_can_be_recorded_and_changes_nothing(void **state)
{
	struct world w;
	struct queue_event v;

	(void)state;
	world_init(&w);
	struct str id = bring(&w, QUEUE_OWNED);
	struct str before = dump_of(&w, w.queue);

	v = queue_refused(&w.arena,
	    &(struct queue_touch){ .task = id, .epoch = 9, .now = w.now });
	assert_int_equal(queue_apply(w.queue, v.body, 1, &w.e), 0);
	assert_true(str_eq(before, dump_of(&w, w.queue)));
	world_fini(&w);
}

static void
the_epoch_grows_with_each_claim_and_is_never_reset(void **state)
{
	struct world w;
	struct queue_step s = { 0 };

	(void)state;
	world_init(&w);
	struct str id = bring(&w, QUEUE_FAILED);

	assert_int_equal(touch(&w, queue_retry, id, 0, &s), 0);
	assert_int_equal(queue_find(w.queue, id)->epoch, 1);
	assert_int_equal(queue_find(w.queue, id)->owner.len, 0);
	assert_int_equal(claim(&w, YOU, &s), 0);
	assert_int_equal(s.epoch, 2);
	assert_int_equal(touch(&w, queue_park, id, 2, &s), 0);
	assert_int_equal(touch(&w, queue_wake, id, 0, &s), 0);
	assert_int_equal(claim(&w, YOU, &s), 0);
	assert_int_equal(s.epoch, 3);
	assert_int_equal(queue_find(w.queue, id)->attempts, 2);
	assert_int_equal(finish(&w, id, 3, E2M_BLOCK, &s), 0);
	assert_int_equal(touch(&w, queue_unblock, id, 0, &s), 0);
	assert_int_equal(claim(&w, YOU, &s), 0);
	assert_int_equal(s.epoch, 4);
	assert_int_equal(queue_find(w.queue, id)->attempts, 2);
	assert_replays(&w);
	world_fini(&w);
}

static void
a_loose_task_goes_back_to_its_own_identity(void **state)
{
	struct world w;
	struct queue_step s = { 0 };

	(void)state;
	world_init(&w);
	(void)bring(&w, QUEUE_LOOSE);
	assert_int_equal(claim(&w, YOU, &s), -1);
	assert_int_equal(w.e.kind, ERR_MISSING);
	assert_int_equal(claim(&w, ME, &s), 0);
	world_fini(&w);
}

static void
a_repeated_finish_gets_the_first_answer(void **state)
{
	struct world w;
	struct queue_step s = { 0 };

	(void)state;
	world_init(&w);
	struct str id = bring(&w, QUEUE_OWNED);
	struct queue_finish c = {
		.task = id,
		.epoch = 1,
		.outcome = E2M_COMPLETE,
		.ack_key = STR("k1"),
		.now = w.now,
	};

	assert_int_equal(queue_finish(w.queue, &w.arena, &c, &s, &w.e), 0);
	apply_step(&w, &s);
	struct str before = dump_of(&w, w.queue);

	c.outcome = E2M_FAIL; /* says something else now: too late */
	c.failure = failure(&w);
	assert_int_equal(queue_finish(w.queue, &w.arena, &c, &s, &w.e), 0);
	assert_true(s.duplicate);
	assert_int_equal(s.event_count, 0);
	assert_int_equal(s.effect_count, 0);
	assert_int_equal(s.state, E2M_COMPLETED);
	assert_int_equal(s.epoch, 1);
	assert_true(str_eq(before, dump_of(&w, w.queue)));

	struct e2m_task other = task_of(&w, 2);

	assert_int_equal(put(&w, &other, &s), 0);
	assert_int_equal(claim(&w, ME, &s), 0);
	c.task = other.id;
	assert_int_equal(queue_finish(w.queue, &w.arena, &c, &s, &w.e), -1);
	assert_int_equal(w.e.kind, ERR_CONFLICT);
	assert_replays(&w);
	world_fini(&w);
}

static void
a_failure_is_written_whole(void **state)
{
	struct world w;
	struct queue_step s = { 0 };
	struct json *bad = NULL;

	(void)state;
	world_init(&w);
	struct str id = bring(&w, QUEUE_OWNED);
	struct queue_finish c = {
		.task = id,
		.epoch = 1,
		.outcome = E2M_FAIL,
		.now = w.now,
	};

	assert_int_equal(queue_finish(w.queue, &w.arena, &c, &s, &w.e), -1);
	bad = json_copy(&w.arena, failure(&w));
	json_set_str(&w.arena, bad, "class", STR("whatever"));
	c.failure = bad;
	assert_int_equal(queue_finish(w.queue, &w.arena, &c, &s, &w.e), -1);
	assert_int_equal(w.e.kind, ERR_INPUT);
	c.failure = failure(&w);
	assert_int_equal(queue_finish(w.queue, &w.arena, &c, &s, &w.e), 0);
	assert_true(str_has_str(s.events[0].body,
	    STR("\"error\":{\"error_type\":\"test\",\"class\":"
	        "\"unresolvable\",\"resolvable\":false,"
	        "\"suggested_skill\":\"\",\"message\":\"it broke\"}")));
	assert_true(str_has_str(s.events[0].body,
	    STR("\"prior_state\":\"in_progress\",\"new_state\":"
	        "\"failed\"")));
	world_fini(&w);
}

static void
a_cancelled_task_ends_its_run_and_says_so(void **state)
{
	struct world w;
	struct queue_step s = { 0 };

	(void)state;
	world_init(&w);
	struct str id = bring(&w, QUEUE_OWNED);

	assert_int_equal(touch(&w, queue_cancel, id, 0, &s), 0);
	assert_int_equal(s.effects[0].kind, QUEUE_END);
	assert_int_equal(s.effects[0].epoch, 1);
	assert_true(
	    str_has_str(s.events[0].body, STR("\"error_type\":\"cancelled\"")));
	world_fini(&w);
	world_init(&w);
	id = bring(&w, QUEUE_WAITING);
	assert_int_equal(touch(&w, queue_cancel, id, 0, &s), 0);
	assert_int_equal(s.event_count, 2);
	assert_int_equal(s.events[0].kind, QUEUE_EVENT_CLAIM);
	assert_int_equal(s.events[1].kind, QUEUE_EVENT_FAIL);
	assert_int_equal(queue_find(w.queue, id)->epoch, 1);
	world_fini(&w);
}

/* Waiting, in its time, or loose: nobody gets it, and all else goes on. */
static void
what_is_held_back_is_not_claimed_until_it_is_let_go(void **state)
{
	struct world w;
	struct queue_step s = { 0 };

	(void)state;
	world_init(&w);
	struct e2m_task t = task_of(&w, 1);

	assert_int_equal(put(&w, &t, &s), 0);
	queue_hold_back(w.queue, t.id, true);
	queue_hold_back(w.queue, t.id, true);
	assert_int_equal(claim(&w, ME, &s), -1);
	assert_null(queue_next(w.queue, t.queue, STR(ME)));
	queue_hold_back(w.queue, t.id, false);
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_int_equal(command(&w, PARK, t.id, s.epoch), 0);
	queue_hold_back(w.queue, t.id, true);
	assert_int_equal(command(&w, WAKE, t.id, 0), 0);
	assert_int_equal(queue_find(w.queue, t.id)->hold, QUEUE_LOOSE);
	assert_int_equal(claim(&w, ME, &s), -1);
	assert_replays(&w);
	queue_hold_back(w.queue, t.id, false);
	assert_int_equal(claim(&w, ME, &s), 0);
	assert_int_equal(s.epoch, 2);
	queue_hold_back(w.queue, t.id, true); /* owned: no heap to leave */
	queue_hold_back(w.queue, STR("nobody"), true);
	assert_int_equal(command(&w, COMPLETE, t.id, 2), 0);
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_is_held_back_is_not_claimed_until_it_is_let_go),
		cmocka_unit_test(
		    every_command_in_every_state_does_what_the_table_says),
		cmocka_unit_test(a_stale_epoch_changes_nothing),
		cmocka_unit_test(a_stale_event_is_not_applied),
		cmocka_unit_test(a_refusal_can_be_recorded_and_changes_nothing),
		cmocka_unit_test(
		    the_epoch_grows_with_each_claim_and_is_never_reset),
		cmocka_unit_test(a_loose_task_goes_back_to_its_own_identity),
		cmocka_unit_test(a_repeated_finish_gets_the_first_answer),
		cmocka_unit_test(a_failure_is_written_whole),
		cmocka_unit_test(a_cancelled_task_ends_its_run_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
