/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <stdlib.h>

#include "loop/inside.h"

#define SETTLE_MAX                                                \
	1000000 /* turns without rest: two owners feed each other \
	         */

struct loop *
loop_make(const struct loop_ops *ops, void *inner)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	must(loop);
	loop->ops = ops;
	loop->inner = inner;
	loop->ios.next = &loop->ios;
	loop->ios.previous = &loop->ios;
	loop->now = ops->clock(loop);
	/* What was done before the first turn ends with a hook, too. */
	loop->ran = true;
	return loop;
}

void
loop_free(struct loop *loop)
{
	if (!loop) {
		return;
	}
	must(!loop->turning);
	must(loop->watchers == 0 && loop->timer_count == 0);
	loop->ops->fini(loop);
	free(loop->timers);
	free(loop->calls);
	free(loop);
}

struct mono
loop_now(const struct loop *loop)
{
	return loop->now;
}

static void
refresh(struct loop *loop)
{
	if (!loop->fresh) {
		loop->now = loop->ops->clock(loop);
		loop->fresh = true;
	}
}

void
loop_wake(struct loop *loop)
{
	refresh(loop);
	loop->ran = true;
}

/* --- later and the hook --- */

void
loop_later(struct loop *loop, loop_fn *f, void *owner)
{
	must(f);
	loop->calls = array_grow(loop->calls, loop->call_count,
	    &loop->call_room, sizeof(struct loop_call));
	loop->calls[loop->call_count++] =
	    (struct loop_call){ .f = f, .owner = owner };
}

void
loop_later_cancel(struct loop *loop, void *owner)
{
	for (size_t i = 0; i < loop->call_count; i++) {
		if (loop->calls[i].owner == owner) {
			loop->calls[i].f = NULL;
		}
	}
}

/* Only those that are there now; callbacks may add, and move the array. */
static void
run_calls(struct loop *loop)
{
	size_t count = loop->call_count;

	for (size_t i = 0; i < count; i++) {
		struct loop_call call = loop->calls[i];

		/* Cancelling from now on is about calls still to come. */
		loop->calls[i].f = NULL;
		if (call.f) {
			loop->ran = true;
			call.f(call.owner);
		}
	}
	loop->call_count -= count;
	for (size_t i = 0; i < loop->call_count; i++) {
		loop->calls[i] = loop->calls[count + i];
	}
}

void
loop_quiet(struct loop *loop, loop_fn *f, void *owner)
{
	struct loop_call call = { .f = f, .owner = owner };

	must(f);
	if (!loop->quiet.f) {
		loop->quiet = call;
		loop->quiet_end = mono_after(loop->now, LOOP_QUIET_US);
	}
	must(loop->quiet.f == f && loop->quiet.owner == owner);
}

/* It may ask for another. */
static void
run_quiet(struct loop *loop, bool was_quiet)
{
	struct loop_call call = loop->quiet;

	if (call.f && (was_quiet || mono_passed(loop->quiet_end,
	                                loop->ops->clock(loop)))) {
		loop->quiet.f = NULL;
		loop->ran = true;
		call.f(call.owner);
	}
}

void
loop_turn_end(struct loop *loop, loop_fn *f, void *owner)
{
	loop->hook = f;
	loop->hook_owner = owner;
}

/* --- turns --- */

static int64_t
sleep_time(struct loop *loop, int64_t wait_us)
{
	const struct loop_timer *first = loop_timer_first(loop);

	if (loop->call_count > 0 || loop->quiet.f || loop->ran ||
	    wait_us <= 0) {
		return 0;
	}
	if (!first) {
		return wait_us;
	}
	int64_t left = first->sorted.us - loop->ops->clock(loop).us;

	return left < 0 ? 0 : left < wait_us ? left : wait_us;
}

void
loop_linger(struct loop *loop, loop_may_fn *may, void *owner)
{
	loop->may_linger = may;
	loop->linger_owner = owner;
}

/* Until something ran, or it is over.  Whoever waits for this processor has it
 * in between: what a cell sends each 90 us would take it from all others. */
static struct mono
linger(struct loop *loop, struct mono now, struct mono end)
{
	struct mono mine = mono_after(now, LOOP_MINE_US);

	do {
		if (mono_passed(mine, now)) {
			(void)sched_yield();
			mine = mono_after(loop->ops->clock(loop), LOOP_MINE_US);
		}
		loop->ops->wait(loop, 0);
		now = loop->ops->clock(loop);
	} while (!loop->ran && !mono_passed(end, now));
	return now;
}

static void
sleep_some(struct loop *loop, int64_t us)
{
	struct mono now = loop->ops->clock(loop);
	struct mono end = mono_after(now, LOOP_LINGER_US);

	if (loop->slept_short) {
		now = linger(loop, now, end);
	}
	if (!loop->ran) {
		loop->ops->wait(loop, us);
		now = loop->ops->clock(loop);
	}
	loop->slept_short = !mono_passed(end, now);
}

void
loop_turn(struct loop *loop, int64_t wait_us)
{
	must(!loop->turning);
	loop->turning = true;
	loop->fresh = false;
	int64_t us = sleep_time(loop, wait_us);

	if (us > LOOP_LINGER_US && loop->may_linger && !loop_is_virtual(loop) &&
	    loop->may_linger(loop->linger_owner)) {
		sleep_some(loop, us);
	} else {
		loop->ops->wait(loop, us);
	}
	refresh(loop);
	loop_timers_fire(loop);
	bool was_quiet = !loop->ran && loop->call_count == 0;

	run_calls(loop);
	run_quiet(loop, was_quiet);
	if (loop->ran && loop->hook) {
		loop->hook(loop->hook_owner);
	}
	loop->busy = loop->ran;
	loop->ran = false;
	loop->turning = false;
}

void
loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

static bool
has_work(const struct loop *loop)
{
	return loop->watchers > 0 || loop->timer_count > 0 ||
	       loop->call_count > 0 || loop->quiet.f;
}

void
loop_settle(struct loop *loop)
{
	size_t turns = 0;

	do {
		must(turns++ < SETTLE_MAX);
		loop_turn(loop, 0);
	} while (!loop->stopped &&
	         (loop->busy || loop->call_count > 0 || loop->quiet.f));
}

/* Virtual time jumps from deadline to deadline, up to `end`. */
static void
jump(struct loop *loop, struct mono end)
{
	const struct loop_timer *first;

	loop_settle(loop);
	while (!loop->stopped && (first = loop_timer_first(loop)) &&
	       mono_passed(first->sorted, end)) {
		loop_virtual_set(loop, first->sorted);
		loop_settle(loop);
	}
}

void
loop_advance(struct loop *loop, int64_t us)
{
	must(us >= 0 && loop_is_virtual(loop));
	struct mono end = mono_after(loop->ops->clock(loop), us);

	loop->stopped = false;
	jump(loop, end);
	if (!loop->stopped) {
		loop_virtual_set(loop, end);
		loop->now = end;
	}
}

void
loop_run(struct loop *loop)
{
	loop->stopped = false;
	if (loop_is_virtual(loop)) {
		jump(loop, (struct mono){ INT64_MAX });
		return;
	}
	while (!loop->stopped && has_work(loop)) {
		loop_turn(loop, INT64_MAX);
	}
}
