/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

/*
 * The turn of a part: descriptors, timers, signals, children, over libuv
 * (included by this room alone, never its thread pool: a jailed part cannot
 * clone).  The same door works on a virtual clock for simulation.
 *
 * A turn, always in this order: wait (loop_linger); ready descriptors and
 * signals; timers that are due (by deadline, then by order of arming); what was
 * queued with loop_later; the quiet call, if it is due; the turn-end hook, if
 * anything ran. A callback never blocks. What any of these queues for later
 * runs before the loop sleeps again.
 *
 * Watchers are structs embedded in their owner, zeroed before first use.
 * Closing one is cheap, always allowed (also inside its own callback, also
 * twice) and complete: no callback comes after it and the struct may be freed
 * at once.  The owner closes the watcher before it closes the descriptor.
 *
 * A forked child never touches its parent's loop: it makes its own.
 */

#include <sys/types.h>

#include "base/base.h"

struct loop;
struct loop_poll;

#define LOOP_READ  1u
#define LOOP_WRITE 2u

typedef void loop_fn(void *owner);
typedef void loop_io_fn(void *owner, unsigned ready);
typedef void loop_signal_fn(void *owner, int number);
/* killer == 0: it exited with `code`; else that signal ended it. */
typedef void loop_child_fn(void *owner, pid_t pid, int code, int killer);

/* The members are this room's; owners read only fd and pid. */
struct loop_io {
	struct loop *loop; /* NULL: closed */
	struct loop_io *next, *previous;
	struct loop_poll *poll;
	loop_io_fn *ready;
	void *owner;
	unsigned events;
	int fd;
};

struct loop_timer {
	struct loop *loop; /* NULL: not armed */
	loop_fn *fire;
	void *owner;
	struct mono deadline;
	uint64_t order;
	struct mono sorted; /* its place is by this pair, at most that one */
	uint64_t sorted_order;
	size_t place;
};

struct loop_signal {
	struct loop *loop; /* NULL: closed */
	struct loop_poll *poll;
	loop_signal_fn *came;
	void *owner;
	int number;
};

struct loop_child {
	struct loop_io io; /* a pidfd of this room */
	loop_child_fn *ended;
	void *owner;
	pid_t pid;
};

/* --- the loop ----------------------------------------------------------- */

struct loop *loop_new(void);
struct loop *loop_new_virtual(void); /* starts at 1 s, moves by loop_advance */
/* Every watcher and timer must have been closed; NULL is nothing. */
void loop_free(struct loop *loop);
/* Until loop_stop, or until there is nothing left to wait for. */
void loop_run(struct loop *loop);
/* Ends loop_run after this turn (its later calls and hook included). */
void loop_stop(struct loop *loop);
/* One turn; waits at most until `wait_us` from now (0: does not sleep). */
void loop_turn(struct loop *loop, int64_t wait_us);
/* This turn's time: the clock is read once a turn. */
struct mono loop_now(const struct loop *loop);

/*
 * Virtual loops only: runs turns until quiet, then steps the clock from
 * deadline to deadline (one turn each, again until quiet), `us` in all.
 * Descriptors are polled in the order of opening, so that a run repeats.
 */
void loop_advance(struct loop *loop, int64_t us);

/* --- descriptors -------------------------------------------------------- */

/*
 * Level-triggered; sets O_NONBLOCK.  events 0 waits for nothing.  An error or
 * hang-up is reported as every asked-for event: the next read or write says
 * what it is.  ERR_IO if the kernel cannot poll this descriptor.
 */
int loop_io_open(struct loop_io *io, struct loop *loop, int fd, loop_io_fn *f,
    void *owner, struct err *e) MUST_CHECK;
void loop_io_want(struct loop_io *io, unsigned events); /* starts with 0 */
void loop_io_close(struct loop_io *io);                 /* leaves fd open */

/* --- timers, later, the hook -------------------------------------------- */

/*
 * Once, at or after `deadline` (the sleep is rounded up to a millisecond);
 * arming again moves it.  A deadline in the past fires in the next turn.
 */
void loop_timer_arm(struct loop_timer *t, struct loop *loop,
    struct mono deadline, loop_fn *f, void *owner);
void loop_timer_cancel(struct loop_timer *t);

/* At the end of this turn, in order; queued by a later call: the next turn. */
void loop_later(struct loop *loop, loop_fn *f, void *owner);
void loop_later_cancel(struct loop *loop, void *owner); /* all of this owner */

/*
 * At the end of the first turn to come that finds nothing ready, at the latest
 * of the one in which LOOP_QUIET_US have passed: for what is better said of all
 * that the world had to say than of each turn's part.  A bound in turns would
 * be none in time: one of a hundred downloads takes milliseconds.  Until then
 * the loop does not sleep.  One a loop; asked for again before it ran, it is
 * still one, and no later.
 */
#define LOOP_QUIET_US 500
void loop_quiet(struct loop *loop, loop_fn *f, void *owner);

/*
 * A processor that halts is woken slowly, in a virtual machine by its host, in
 * some 40 us.  Where the last sleep was shorter than LOOP_LINGER_US, the next
 * one begins with asking the kernel over and over for as long: whoever answers
 * quickly is heard at once, and a loop that waits for something slow sleeps as
 * ever.  Who waits for the processor meanwhile has it every LOOP_MINE_US;
 * `may`, asked before each sleep, says no where somebody is known to need it.
 */
#define LOOP_LINGER_US 100
#define LOOP_MINE_US   25
typedef bool loop_may_fn(void *owner);
void loop_linger(struct loop *loop, loop_may_fn *may, void *owner);

/*
 * One hook a loop, run once at the end of every turn in which anything ran,
 * after the later calls (core's group commit).  NULL removes it.
 */
void loop_turn_end(struct loop *loop, loop_fn *f, void *owner);

/* --- signals and children ----------------------------------------------- */

int loop_signal_open(struct loop_signal *s, struct loop *loop, int number,
    loop_signal_fn *f, void *owner, struct err *e) MUST_CHECK;
void loop_signal_close(struct loop_signal *s);

/*
 * Waits for a child of this process and reaps it (pidfd, waitid); the watcher
 * is closed when `ended` is called.  Closing it earlier leaves the child
 * unreaped.  ERR_MISSING if there is no such process.
 */
int loop_child_open(struct loop_child *c, struct loop *loop, pid_t pid,
    loop_child_fn *f, void *owner, struct err *e) MUST_CHECK;
void loop_child_close(struct loop_child *c);

#endif
