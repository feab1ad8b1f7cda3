/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "loop/loop.h"

/* Timers, later calls and the hook, on the virtual clock and on the real one.
 */

struct diary {
	struct loop *loop;
	struct buf text;
	struct loop_timer a, b, c;
	int left;
};

static void
note(struct diary *d, char c)
{
	buf_add_byte(&d->text, (uint8_t)c);
}

static void
note_a(void *owner)
{
	note(owner, 'a');
}

static void
note_b(void *owner)
{
	note(owner, 'b');
}

static void
note_c(void *owner)
{
	note(owner, 'c');
}

static void
note_end(void *owner)
{
	note(owner, '.');
}

static void
expect(struct diary *d, const char *text)
{
	assert_string_equal(buf_z(&d->text), text);
	buf_clear(&d->text);
}

static int
open_virtual(void **state)
{
	struct diary *d = test_calloc(1, sizeof(*d));

	d->loop = loop_new_virtual();
	*state = d;
	return 0;
}

static int
close_virtual(void **state)
{
	struct diary *d = *state;

	loop_free(d->loop);
	buf_fini(&d->text);
	test_free(d);
	return 0;
}

static void
arm(struct diary *d, struct loop_timer *t, int64_t us, loop_fn *f)
{
	loop_timer_arm(t, d->loop, mono_after(loop_now(d->loop), us), f, d);
}

static void
timers_fire_by_deadline_then_by_order_of_arming(void **state)
{
	struct diary *d = *state;

	arm(d, &d->b, 20, note_b);
	arm(d, &d->c, 20, note_c);
	arm(d, &d->a, 10, note_a);
	loop_advance(d->loop, 9);
	expect(d, "");
	loop_advance(d->loop, 1);
	expect(d, "a");
	loop_advance(d->loop, 100);
	expect(d, "bc");
}

static void
virtual_time_moves_only_by_advance(void **state)
{
	struct diary *d = *state;
	struct mono start = loop_now(d->loop);

	loop_turn(d->loop, 1000);
	assert_int_equal(loop_now(d->loop).us, start.us);
	loop_advance(d->loop, 250);
	assert_int_equal(loop_now(d->loop).us, start.us + 250);
}

static void
a_timer_is_moved_by_arming_and_gone_by_cancelling(void **state)
{
	struct diary *d = *state;

	arm(d, &d->a, 10, note_a);
	arm(d, &d->b, 15, note_b);
	arm(d, &d->a, 30, note_a);
	loop_timer_cancel(&d->b);
	loop_timer_cancel(&d->b);
	loop_advance(d->loop, 29);
	expect(d, "");
	loop_advance(d->loop, 1);
	expect(d, "a");
}

static void
again(void *owner)
{
	struct diary *d = owner;

	note(d, 'a');
	if (--d->left > 0) {
		loop_timer_arm(&d->a, d->loop, (struct mono){ 0 }, again, d);
	}
}

/* Its place is put right when its old time has come: it counts as armed when it
 * was moved all the same. */
static void
a_timer_that_was_moved_fires_in_the_order_of_arming(void **state)
{
	struct diary *d = *state;

	arm(d, &d->a, 100, note_a);
	arm(d, &d->b, 300, note_b);
	arm(d, &d->a, 300, note_a);
	arm(d, &d->c, 300, note_c);
	loop_advance(d->loop, 299);
	expect(d, "");
	loop_advance(d->loop, 1);
	expect(d, "bac");
}

static void
a_timer_that_rearms_itself_in_the_past_starves_nobody(void **state)
{
	struct diary *d = *state;

	d->left = 3;
	loop_turn_end(d->loop, note_end, d);
	loop_advance(d->loop, 0);
	expect(d, ".");
	arm(d, &d->a, 5, again);
	arm(d, &d->b, 5, note_b);
	loop_advance(d->loop, 5);
	expect(d, "ab.a.a.");
}

#define MANY 200

/* Arms all, and now and then cancels one, in an order without order. */
static size_t
shuffle(struct diary *d, struct loop_timer timers[MANY])
{
	uint32_t seed = 1;
	size_t armed = 0;

	for (size_t i = 0; i < (size_t)4 * MANY; i++) {
		seed = seed * 1103515245u + 12345u;
		arm(d, &timers[i % MANY], (seed >> 16) % 500, note_a);
		if (seed & 0x8000) {
			loop_timer_cancel(&timers[seed % MANY]);
		}
	}
	for (size_t i = 0; i < MANY; i++) {
		armed += timers[i].loop != NULL;
	}
	return armed;
}

static void
none_is_late(const struct diary *d, const struct loop_timer timers[MANY])
{
	int64_t now = loop_now(d->loop).us;

	for (size_t i = 0; i < MANY; i++) {
		assert_true(!timers[i].loop || timers[i].deadline.us > now);
	}
}

static void
many_timers_stay_in_order(void **state)
{
	struct diary *d = *state;
	struct loop_timer timers[MANY] = { 0 };
	size_t armed = shuffle(d, timers);

	assert_in_range(armed, MANY / 4, MANY);
	for (int t = 0; t <= 500; t++) {
		loop_advance(d->loop, t > 0);
		none_is_late(d, timers);
	}
	assert_int_equal(d->text.len, armed);
}

struct crowd;

struct one {
	struct crowd *crowd;
	struct loop_timer timer;
	struct mono deadline;
	uint64_t order;
	bool armed;
};

struct crowd {
	struct loop *loop;
	struct one ones[MANY];
	uint64_t order;
	uint32_t seed;
	size_t fired;
};

static uint32_t
drawn(struct crowd *c, uint32_t below)
{
	c->seed = c->seed * 1103515245u + 12345u;
	return (c->seed >> 16) % below;
}

static void stir(struct crowd *c);

/* None that is armed comes before it, and it is its time. */
static void
fire_in_order(void *owner)
{
	struct one *o = owner;
	struct crowd *c = o->crowd;

	assert_true(o->armed);
	o->armed = false;
	assert_int_equal(loop_now(c->loop).us, o->deadline.us);
	for (size_t i = 0; i < MANY; i++) {
		const struct one *other = &c->ones[i];

		assert_true(!other->armed ||
		            other->deadline.us > o->deadline.us ||
		            (other->deadline.us == o->deadline.us &&
		                other->order > o->order));
	}
	if (++c->fired < (size_t)20 * MANY) {
		stir(c);
	}
}

/* Some are armed, put off, put on or cancelled; times are often the same, and
 * one that has passed counts as now. */
static void
stir(struct crowd *c)
{
	for (int i = 0; i < 3; i++) {
		struct one *o = &c->ones[drawn(c, MANY)];

		if (drawn(c, 5) == 0) {
			loop_timer_cancel(&o->timer);
			o->armed = false;
			continue;
		}
		o->crowd = c;
		o->armed = true;
		o->order = c->order++;
		struct mono now = loop_now(c->loop);
		struct mono asked = mono_after(now, (int)drawn(c, 50) - 10);
		o->deadline = asked.us < now.us ? now : asked;
		loop_timer_arm(&o->timer, c->loop, asked, fire_in_order, o);
	}
}

static void
timers_that_others_move_and_cancel_fire_in_order(void **state)
{
	struct diary *d = *state;
	struct crowd *c = test_calloc(1, sizeof(*c));
	struct mono start = loop_now(d->loop);

	c->loop = d->loop;
	c->seed = 1;
	stir(c);
	while (c->fired < (size_t)20 * MANY) {
		loop_advance(c->loop, 7);
		stir(c);
	}
	loop_advance(c->loop, 40);
	for (size_t i = 0; i < MANY; i++) {
		assert_false(c->ones[i].armed);
		assert_null(c->ones[i].timer.loop);
	}
	assert_true(loop_now(c->loop).us > start.us);
	test_free(c);
}

static void
later_later(void *owner)
{
	struct diary *d = owner;

	note(d, '1');
	loop_later(d->loop, note_b, d);
}

static void
later_calls_run_in_order_and_their_own_in_the_next_turn(void **state)
{
	struct diary *d = *state;

	loop_turn_end(d->loop, note_end, d);
	loop_later(d->loop, later_later, d);
	loop_later(d->loop, note_c, d);
	loop_turn(d->loop, 1000);
	expect(d, "1c.");
	loop_turn(d->loop, 1000);
	expect(d, "b.");
	loop_turn(d->loop, 1000);
	expect(d, "");
}

static void
a_cancelled_later_call_does_not_run(void **state)
{
	struct diary *d = *state;
	struct diary other = { .loop = d->loop };

	loop_later(d->loop, note_a, &other);
	loop_later(d->loop, note_b, d);
	loop_later_cancel(d->loop, &other);
	loop_advance(d->loop, 0);
	expect(d, "b");
	assert_int_equal(other.text.len, 0);
}

static void
commit(void *owner)
{
	struct diary *d = owner;

	note(d, '.');
	if (d->left-- > 0) {
		loop_later(d->loop, note_a, d);
	}
}

static void
what_the_hook_queues_is_not_forgotten(void **state)
{
	struct diary *d = *state;

	d->left = 1;
	loop_turn_end(d->loop, commit, d);
	loop_advance(d->loop, 0);
	expect(d, ".a.");
	loop_advance(d->loop, 10);
	expect(d, "");
}

static void
the_hook_follows_every_turn_in_which_something_ran(void **state)
{
	struct diary *d = *state;

	loop_turn_end(d->loop, note_end, d);
	loop_advance(d->loop, 0);
	expect(d, "."); /* for what was done before the first turn */
	arm(d, &d->a, 10, note_a);
	arm(d, &d->b, 10, note_b);
	arm(d, &d->c, 20, note_c);
	loop_advance(d->loop, 1000);
	expect(d, "ab.c.");
}

static void
stop(void *owner)
{
	struct diary *d = owner;

	note(d, '!');
	loop_stop(d->loop);
}

static void
a_virtual_run_jumps_until_it_is_stopped(void **state)
{
	struct diary *d = *state;

	arm(d, &d->a, CLOCK_MINUTE, note_a);
	arm(d, &d->b, 2 * CLOCK_MINUTE, stop);
	arm(d, &d->c, 3 * CLOCK_MINUTE, note_c);
	loop_run(d->loop);
	expect(d, "a!");
	loop_run(d->loop);
	expect(d, "c");
}

static void
arm_b_again(void *owner)
{
	struct diary *d = owner;

	note(d, 'a');
	loop_timer_arm(&d->b, d->loop, d->b.deadline, note_b, d);
}

static void
what_is_armed_again_holds_up_nothing_that_is_due(void **state)
{
	struct diary real = { .loop = loop_new() };

	(void)state;
	arm(&real, &real.a, 1, arm_b_again);
	arm(&real, &real.b, 2, note_b);
	arm(&real, &real.c, 3, note_c);
	(void)usleep(2000);
	loop_turn(real.loop, 0);
	expect(&real, "ac");
	loop_turn(real.loop, 0);
	expect(&real, "b");
	loop_free(real.loop);
	buf_fini(&real.text);
}

static void
the_real_clock_fires_not_before_its_deadline(void **state)
{
	struct diary d = { .loop = loop_new() };
	struct mono start = mono_now();

	(void)state;
	loop_turn_end(d.loop, note_end, &d);
	loop_turn(d.loop, 0);
	expect(&d, ".");
	loop_timer_arm(&d.a, d.loop, mono_after(start, 5500), note_a, &d);
	loop_timer_arm(&d.b, d.loop, mono_after(start, 2500), note_b, &d);
	loop_run(d.loop);
	assert_true(mono_passed(mono_after(start, 5500), mono_now()));
	assert_true(mono_passed(mono_after(start, 5500), loop_now(d.loop)));
	/* On a busy machine both may be due in one turn. */
	assert_true(str_eq(buf_str(&d.text), STR("b.a.")) ||
	            str_eq(buf_str(&d.text), STR("ba.")));
	buf_fini(&d.text);
	loop_free(d.loop);
}

static void
a_turn_without_events_sleeps_no_longer_than_asked(void **state)
{
	struct loop *loop = loop_new();
	int64_t least = CLOCK_MINUTE;

	(void)state;
	loop_turn(loop, 0);
	/* One of several: a machine may stand still during any of them. */
	for (int i = 0; i < 20 && least >= CLOCK_SECOND; i++) {
		struct mono start = mono_now();

		loop_turn(loop, 3000);
		int64_t us = mono_now().us - start.us;

		least = us < least ? us : least;
	}
	assert_in_range(least, 1000, CLOCK_SECOND - 1);
	loop_free(loop);
}

static void
a_run_with_nothing_to_wait_for_returns(void **state)
{
	struct diary d = { .loop = loop_new() };

	(void)state;
	loop_later(d.loop, note_a, &d);
	loop_run(d.loop);
	expect(&d, "a");
	buf_fini(&d.text);
	loop_free(d.loop);
}

#define VIRTUAL(f) \
	cmocka_unit_test_setup_teardown(f, open_virtual, close_virtual)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		VIRTUAL(timers_fire_by_deadline_then_by_order_of_arming),
		VIRTUAL(virtual_time_moves_only_by_advance),
		VIRTUAL(a_timer_is_moved_by_arming_and_gone_by_cancelling),
		VIRTUAL(a_timer_that_was_moved_fires_in_the_order_of_arming),
		VIRTUAL(a_timer_that_rearms_itself_in_the_past_starves_nobody),
		VIRTUAL(many_timers_stay_in_order),
		VIRTUAL(timers_that_others_move_and_cancel_fire_in_order),
		VIRTUAL(
		    later_calls_run_in_order_and_their_own_in_the_next_turn),
		VIRTUAL(a_cancelled_later_call_does_not_run),
		VIRTUAL(what_the_hook_queues_is_not_forgotten),
		VIRTUAL(the_hook_follows_every_turn_in_which_something_ran),
		VIRTUAL(a_virtual_run_jumps_until_it_is_stopped),
		cmocka_unit_test(
		    what_is_armed_again_holds_up_nothing_that_is_due),
		cmocka_unit_test(the_real_clock_fires_not_before_its_deadline),
		cmocka_unit_test(
		    a_turn_without_events_sleeps_no_longer_than_asked),
		cmocka_unit_test(a_run_with_nothing_to_wait_for_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
