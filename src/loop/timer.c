/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/inside.h"

/*
 * A binary heap by (deadline, order of arming).  Timers know their place, so
 * cancelling needs no search.  One that is armed anew for later keeps its place
 * and is put right when its old time has come: most deadlines are moved again
 * and again and never come.
 */

static bool
before(const struct loop_timer *a, const struct loop_timer *b)
{
	if (a->sorted.us != b->sorted.us) {
		return a->sorted.us < b->sorted.us;
	}
	return a->sorted_order < b->sorted_order;
}

static void
put(struct loop *loop, size_t place, struct loop_timer *t)
{
	loop->timers[place] = t;
	t->place = place;
}

static void
rise(struct loop *loop, struct loop_timer *t)
{
	size_t place = t->place;

	while (place > 0) {
		size_t parent = (place - 1) / 2;

		if (!before(t, loop->timers[parent])) {
			break;
		}
		put(loop, place, loop->timers[parent]);
		place = parent;
	}
	put(loop, place, t);
}

static void
sink(struct loop *loop, struct loop_timer *t)
{
	size_t place = t->place;

	for (;;) {
		size_t child = 2 * place + 1;

		if (child >= loop->timer_count) {
			break;
		}
		if (child + 1 < loop->timer_count &&
		    before(loop->timers[child + 1], loop->timers[child])) {
			child++;
		}
		if (!before(loop->timers[child], t)) {
			break;
		}
		put(loop, place, loop->timers[child]);
		place = child;
	}
	put(loop, place, t);
}

void
loop_timer_arm(struct loop_timer *t, struct loop *loop, struct mono deadline,
    loop_fn *f, void *owner)
{
	must(f);
	if (t->loop == loop && deadline.us >= t->sorted.us &&
	    deadline.us >= loop->now.us) {
		t->fire = f;
		t->owner = owner;
		t->deadline = deadline;
		t->order = loop->order++;
		return;
	}
	loop_timer_cancel(t);
	loop->timers = array_grow(loop->timers, loop->timer_count,
	    &loop->timer_room, sizeof(struct loop_timer *));
	/*
	 * A deadline that has passed counts as now: sorted behind everything
	 * that is already due, a timer that re-arms itself starves nobody.
	 */
	if (deadline.us < loop->now.us) {
		deadline = loop->now;
	}
	*t = (struct loop_timer){
		.loop = loop,
		.fire = f,
		.owner = owner,
		.deadline = deadline,
		.order = loop->order,
		.sorted = deadline,
		.sorted_order = loop->order++,
		.place = loop->timer_count++,
	};
	rise(loop, t);
}

void
loop_timer_cancel(struct loop_timer *t)
{
	struct loop *loop = t->loop;

	if (!loop) {
		return;
	}
	must(t->place < loop->timer_count && loop->timers[t->place] == t);
	struct loop_timer *last = loop->timers[--loop->timer_count];

	if (last != t) {
		last->place = t->place;
		sink(loop, last);
		rise(loop, last);
	}
	t->loop = NULL;
}

const struct loop_timer *
loop_timer_first(const struct loop *loop)
{
	return loop->timer_count > 0 ? loop->timers[0] : NULL;
}

/* Timers armed by these callbacks wait for the next turn. */
void
loop_timers_fire(struct loop *loop)
{
	uint64_t limit = loop->order;

	while (loop->timer_count > 0) {
		struct loop_timer *t = loop->timers[0];

		if (!mono_passed(t->sorted, loop->now)) {
			return;
		}
		if (t->sorted_order != t->order) {
			t->sorted = t->deadline;
			t->sorted_order = t->order;
			sink(loop, t);
			continue;
		}
		if (t->order >= limit) {
			return;
		}
		loop_timer_cancel(t);
		loop->ran = true;
		t->fire(t->owner);
	}
}
