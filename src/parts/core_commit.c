/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk's side of a batch: at the end of a turn the forming batch is closed
 * and given to the store; when the store says that it is durable its effects
 * run.  SQLite is done at once, PostgreSQL later: one path.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "parts/core_batch.h"
#include "parts/crash.h"

#define RETRY_US CLOCK_SECOND
#define SLOW_US  (2 * CLOCK_SECOND) /* then it is said, and new work refused */
#define CLOSE_US (10 * CLOCK_SECOND)
#define ROUNDS   64 /* commits in one turn before the loop gets its turn */

static void commit_turn(void *owner);
static void step(struct core *c);

bool
core_unwritten(const struct core *c)
{
	return c->book.forming.writes || c->book.flying.writes;
}

const char *
core_stalled(const struct core *c)
{
	return c->book.stalled;
}

int
core_may_begin(const struct core *c, struct err *e)
{
	if (core_stalled(c)[0]) {
		return err_set(e, ERR_UNAVAILABLE, "%s", core_stalled(c));
	}
	if (store_low(c->book.store)) {
		return err_set(e, ERR_UNAVAILABLE,
		    "the disk is full but for what the tasks need that have "
		    "begun: free space under %s, then ask again",
		    c->state);
	}
	return 0;
}

void
core_deposed(const struct err *e)
{
	log_line(LOG_ERROR, "book",
	    "this house has lost the book: %s; nothing more is written or done "
	    "here, the house ends",
	    e->text);
	exit(err_exit(ERR_CONFLICT));
}

/* --- slow and failed commits --- */

static void
stall(struct core *c, const char *why)
{
	bool before = c->book.stalled[0] != '\0';

	(void)snprintf(c->book.stalled, sizeof(c->book.stalled),
	    "the book cannot be written (%s): nothing is done until it can",
	    why);
	if (!before) {
		log_line(LOG_ERROR, "book", "%s", c->book.stalled);
	}
	core_api_stalled(c);
}

static void
try_again(void *owner)
{
	struct core *c = owner;

	if (c->book.under_way) {
		step(c);
	} else {
		commit_turn(c);
	}
}

static void
look_later(struct core *c)
{
	loop_timer_arm(&c->book.again, c->part.loop,
	    mono_after(loop_now(c->part.loop), RETRY_US), try_again, c);
}

static bool
is_dead(struct core *c)
{
	struct err e = { 0 };

	if (store_begin(c->book.store, &e)) {
		return true;
	}
	store_rollback(c->book.store);
	return false;
}

/* A store that is dead (a failed fsync: nobody knows what is on the disk) does
 * not even begin.  Then this incarnation ends and the next one reads what the
 * disk truly has; nothing of the batch was answered. */
static void
failed(struct core *c, const struct err *e)
{
	if (e->kind == ERR_CONFLICT) {
		core_deposed(e);
	}
	if (is_dead(c)) {
		log_err("book", e);
		log_line(LOG_ERROR, "book",
		    "starting anew from what the disk has kept");
		exit(1);
	}
	auto_buf why = { 0 };

	buf_addf(&why, "%s; free space or mend the disk under %s", e->text,
	    c->state);
	stall(c, buf_z(&why));
	look_later(c);
}

/* --- durable --- */

static void
claim_again(struct core *c, uint64_t number)
{
	(void)number;
	core_claim(c);
}

static void
beat(void *owner)
{
	struct core *c = owner;

	c->book.beat_due = true;
	commit_turn(c);
}

static void
arm_beat(struct core *c)
{
	int64_t us = store_beat_us(c->book.store);

	if (!us && store_low(c->book.store)) {
		us = RETRY_US; /* a begin looks whether there is room again */
	}
	c->book.beat_due = false;
	if (us) {
		loop_timer_arm(&c->book.beat, c->part.loop,
		    mono_after(loop_now(c->part.loop), us), beat, c);
	}
}

/* Of a batch as it is in a busy house. */
#define MEMORY_KEPT ((size_t)512 * 1024)

static void
give_memory_back(struct core *c, struct core_batch *b)
{
	arena_clear_to(&b->memory, MEMORY_KEPT);
	arena_fini(&c->book.spare);
	c->book.spare = b->memory;
}

static void
durable(struct core *c)
{
	struct core_batch done = c->book.flying;

	c->book.flying = (struct core_batch){ 0 }; /* an effect may close one */
	if (c->book.stalled[0]) { /* nothing was claimed meanwhile */
		c->book.stalled[0] = '\0';
		core_after(c, claim_again, 0);
	}
	if (done.last) {
		c->book.durable = done.last;
		c->book.durable_tree = c->book.flying_tree;
	}
	c->book.commits += done.writes != NULL;
	for (struct core_pending *p = done.pending; p; p = p->next) {
		p->fn(c, p->number);
	}
	if (done.last) {
		core_api_events(c);
		core_buddy_changed(c);
	}
	give_memory_back(c, &done);
}

/* --- under way --- */

static void
look(void *owner, unsigned ready)
{
	(void)ready;
	step(owner);
}

static void
watch(struct core *c)
{
	bool for_write = false;
	int fd = store_fd(c->book.store, &for_write);
	struct err e = { 0 };

	c->book.io_fd = fd;
	if (fd >= 0 &&
	    loop_io_open(&c->book.io, c->part.loop, fd, look, c, &e)) {
		log_err("book", &e); /* the timer looks, every second */
	} else if (fd >= 0) {
		loop_io_want(
		    &c->book.io, LOOP_READ | (for_write ? LOOP_WRITE : 0));
	}
	if (!c->book.again.loop) {
		look_later(c);
	}
}

static void
unwatch(struct core *c)
{
	loop_io_close(&c->book.io);
	loop_timer_cancel(&c->book.again);
	c->book.under_way = false;
}

static void
step(struct core *c)
{
	struct err e = { 0 };

	/* The store may close its descriptor: the watcher goes first. */
	loop_io_close(&c->book.io);
	int left = store_commit_step(c->book.store, &e);

	if (left > 0) {
		watch(c);
		if (mono_passed(mono_after(c->book.sent, SLOW_US),
		        loop_now(c->part.loop))) {
			stall(c, store_why(c->book.store));
		}
		return;
	}
	unwatch(c);
	if (left < 0) {
		failed(c, &e);
		return;
	}
	crash_point(CRASH_CORE_AFTER_COMMIT);
	arm_beat(c);
	durable(c); /* the end of this turn sends what formed meanwhile */
}

/* 0: durable, 1: under way, -1. */
static int
send(struct core *c, struct err *e)
{
#ifdef HANDRAIL_BREAK_COMMIT
	/* Only the test that proves the commit matters builds this. */
	(void)core_batch_write;
	return 0;
#endif
	if (core_batch_write(c, &c->book.flying, e)) {
		return -1;
	}
	crash_point(CRASH_CORE_BEFORE_COMMIT);
	c->book.sent = loop_now(c->part.loop);
	int left = store_commit_start(c->book.store, e);

	if (left == 0) {
		crash_point(CRASH_CORE_AFTER_COMMIT);
		arm_beat(c);
	}
	return left;
}

/* The batch that is to be sent: the closed one that failed, or what formed. */
static bool
take_batch(struct core *c)
{
	if (!core_batch_empty(&c->book.flying)) {
		return true;
	}
	if (core_batch_empty(&c->book.forming) && !c->book.beat_due) {
		return false;
	}
	core_batch_close(c);
	return true;
}

static void
commit_turn(void *owner)
{
	struct core *c = owner;
	struct err e = { 0 };

	for (int i = 0; i < ROUNDS; i++) {
		if (c->book.under_way || c->book.again.loop || !take_batch(c)) {
			return;
		}
		if (c->book.flying.writes || c->book.beat_due) {
			int left = send(c, &e);

			if (left > 0) {
				c->book.under_way = true;
				watch(c);
				return;
			}
			if (left < 0) {
				failed(c, &e);
				return;
			}
		}
		durable(c);
	}
	loop_later(c->part.loop, commit_turn, c);
}

void
core_commit_begin(struct core *c)
{
	c->book.io_fd = -1;
	loop_turn_end(c->part.loop, commit_turn, c);
	arm_beat(c);
}

int
core_commit_now(struct core *c, struct err *e)
{
	core_batch_close(c);
	if (core_batch_write(c, &c->book.flying, e) ||
	    store_commit(c->book.store, e)) {
		return -1;
	}
	arm_beat(c);
	durable(c);
	return 0;
}

int
core_bodies_expire(
    struct core *c, int64_t before_day, uint64_t *count, struct err *e)
{
	must(!c->book.under_way);
	if (store_begin(c->book.store, e)) {
		return -1;
	}
	if (store_bodies_expire(c->book.store, before_day, count, e)) {
		store_rollback(c->book.store);
		return -1;
	}
	return store_commit(c->book.store, e);
}

/* There is nobody to carry them out. */
static void
drop_effects(struct core_batch *b)
{
	b->pending = NULL;
	b->pending_last = NULL;
}

void
core_book_close(struct core *c)
{
	struct mono last = mono_after(mono_now(), CLOSE_US);

	if (!c->sandbox) {
		drop_effects(&c->book.flying);
		drop_effects(&c->book.forming);
	}
	commit_turn(c);
	while (c->book.under_way && !mono_passed(last, mono_now())) {
		struct pollfd p = { .fd = c->book.io_fd, .events = POLLIN };

		(void)poll(&p, p.fd >= 0, 100);
		step(c);
		commit_turn(c);
	}
	store_close(c->book.store);
	c->book.store = NULL;
}
