/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOOP_INSIDE_H
#define LOOP_INSIDE_H

/* What the files of this room share; no other room includes it. */

#include "loop/loop.h"

/* Where time and readiness come from: the kernel by libuv, or a test. */
struct loop_ops {
	/* Dispatches what is ready; sleeps at most that long. */
	void (*wait)(struct loop *loop, int64_t us);
	struct mono (*clock)(struct loop *loop);
	int (*io_open)(struct loop_io *io, struct err *e);
	void (*io_want)(struct loop_io *io);
	void (*io_close)(struct loop_io *io);
	int (*signal_open)(struct loop_signal *s, struct err *e);
	void (*signal_close)(struct loop_signal *s);
	void (*fini)(struct loop *loop);
};

struct loop_call {
	loop_fn *f; /* NULL: cancelled */
	void *owner;
};

/*
 * 1. timers[0..timer_count) is a heap by (sorted, sorted_order), which are at
 *    most (deadline, order); timers[i]->place is i.
 * 2. now is valid in a turn once fresh is set; dispatching sets it.
 * 3. ran: something ran since the hook did; then the loop does not sleep.
 */
struct loop {
	const struct loop_ops *ops;
	void *inner; /* of the ops */
	struct mono now;
	bool fresh;
	bool ran;
	bool busy; /* the last turn ran something */
	bool turning;
	bool stopped;

	struct loop_timer **timers;
	size_t timer_count;
	size_t timer_room;
	uint64_t order;

	struct loop_call *calls;
	size_t call_count;
	size_t call_room;

	loop_may_fn *may_linger;
	void *linger_owner;
	bool slept_short;

	struct loop_call quiet;
	struct mono quiet_end; /* it waits no longer */

	loop_fn *hook;
	void *hook_owner;

	struct loop_io ios; /* ring in order of opening */
	size_t watchers;    /* open descriptors and signals */
};

struct loop *loop_make(const struct loop_ops *ops, void *inner);
/* Before any callback: something runs, and the clock is read. */
void loop_wake(struct loop *loop);
/* Runs turns that do not sleep until one in which nothing ran. */
void loop_settle(struct loop *loop);

/* timer.c */
const struct loop_timer *loop_timer_first(const struct loop *loop);
void loop_timers_fire(struct loop *loop);

/* virtual.c: lets time jump to that moment */
void loop_virtual_set(struct loop *loop, struct mono t);
bool loop_is_virtual(const struct loop *loop);

#endif
