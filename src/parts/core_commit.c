/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk's side of a batch: at the end of a turn the forming batch is closed
 * and given to the store; when the store says that it is durable its effects
 * run.  SQLite is done at once or when the disk is, PostgreSQL when the server
 * is: one path.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts/core_batch.h"
#include "parts/core_egress.h"
#include "parts/core_proof.h"
#include "parts/crash.h"

#define RETRY_US CLOCK_SECOND
#define SLOW_US  (2 * CLOCK_SECOND) /* then it is said, and new work refused */
#define CLOSE_US (10 * CLOCK_SECOND)
#define ROUNDS   64 /* commits in one turn before the loop gets its turn */
/* Behind a batch in flight another is sent when it has so many heads, or when
 * so much time has passed: the server works on one after the other, and a small
 * one costs it nearly what a large one does. */
#define FULL_HEADS 128
#define FULL_US    (2 * CLOCK_SECOND / 1000)

static void commit_turn(void *owner);
static void step(struct core *c);

bool
core_unwritten(const struct core *c)
{
	bool unwritten = c->book.forming.writes != NULL;

	for (unsigned i = 0; i < c->book.flight_count && !unwritten; i++) {
		unwritten = c->book.flights[i].writes != NULL;
	}
	return unwritten;
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

	if (c->book.given) {
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

/* Most are answers: they go together. */
static void
run_effects(struct core *c, const struct core_batch *done)
{
	struct wire_peer *api = c->api;

	if (api) {
		wire_gather(api);
	}
	for (struct core_pending *p = done->pending; p; p = p->next) {
		p->fn(c, p->number);
	}
	if (api && api == c->api) {
		wire_let_go(api);
	}
}

/* Its leaves are made when there are many, or when somebody asks for the tree;
 * the effects of this batch do not wait for them. */
static void
add_to_tree(struct core *c, const struct core_batch *done)
{
	for (const struct core_write *w = done->writes; w; w = w->next) {
		if (w->kind == CORE_WRITE_HEAD) {
			book_late_add(&c->book.tree, w->bytes);
		}
	}
}

static void
durable(struct core *c)
{
	struct core_batch done = c->book.flights[0];

	/* An effect may close one. */
	c->book.flight_count--;
	memmove(c->book.flights, c->book.flights + 1,
	    c->book.flight_count * sizeof(done));
	if (c->book.stalled[0]) { /* nothing was claimed meanwhile */
		c->book.stalled[0] = '\0';
		log_line(LOG_INFO, "book", "the book is written again");
		core_after(c, claim_again, 0);
	}
	if (done.last) {
		c->book.durable = done.last;
		add_to_tree(c, &done);
	}
	c->book.commits += done.writes != NULL;
	run_effects(c, &done);
	core_going_send(c);
	if (done.last) {
		core_api_events(c);
		core_buddy_changed(c);
		wait_fold(c->waits, c->book.durable);
	}
	give_memory_back(c, &done);
}

/* --- under way --- */

static void
look(void *owner, unsigned ready)
{
	struct core *c = owner;

	(void)ready;
	if (c->book.given) {
		step(c);
	} else { /* word of what was durable before: the next step takes it */
		loop_io_close(&c->book.io);
	}
}

/* A descriptor that lasts is watched on: a watcher costs the kernel six calls,
 * as much as the rest of a commit. */
static void
watch(struct core *c)
{
	bool for_write = false;
	int fd = store_fd(c->book.store, &for_write);
	struct err e = { 0 };

	c->book.io_fd = fd;
	if (fd >= 0 && !c->book.io.loop &&
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

/* The store may close its descriptor: the watcher goes first. */
static void
unwatch(struct core *c)
{
	if (!store_fd_lasts(c->book.store)) {
		loop_io_close(&c->book.io);
	}
}

/* The store has the oldest on the disk. */
static void
landed(struct core *c)
{
	crash_point(CRASH_CORE_AFTER_COMMIT);
	arm_beat(c);
	c->book.given--;
	durable(c);
}

static void
step(struct core *c)
{
	struct err e = { 0 };
	int left = 0;

	unwatch(c);
	while (left == 0 && c->book.given) {
		left = store_commit_step(c->book.store, &e);
		if (left == 0) {
			landed(c);
		}
	}
	if (left > 0) {
		watch(c);
		if (mono_passed(mono_after(c->book.flights[0].sent, SLOW_US),
		        loop_now(c->part.loop))) {
			const char *why = store_why(c->book.store);

			stall(c, *why ? why : "its server does not answer");
		}
		return;
	}
	loop_timer_cancel(&c->book.again);
	if (left < 0) {
		c->book.given = 0;
		failed(c, &e);
	}
	/* The end of this turn sends what formed meanwhile. */
}

/* 0: durable, 1: under way, -1. */
static int
send(struct core *c, struct err *e)
{
#ifdef HANDRAIL_BREAK_COMMIT
	/* Only the test that proves the commit matters builds this. */
	(void)core_batch_write;
	c->book.given++;
	return 0;
#endif
	struct core_batch *b = &c->book.flights[c->book.given];

	if (core_batch_write(c, b, e)) {
		return -1;
	}
	crash_point(CRASH_CORE_BEFORE_COMMIT);
	b->sent = loop_now(c->part.loop);
	int left = store_commit_start(c->book.store, e);

	c->book.given = left < 0 ? 0 : c->book.given + 1;
	return left;
}

static void
is_full(void *owner)
{
	(void)owner; /* the end of this turn looks */
}

/* Whether what forms is sent behind what is in flight. */
static bool
worth_sending(struct core *c)
{
	struct mono due =
	    mono_after(c->book.flights[c->book.given - 1].sent, FULL_US);

	if (c->book.seq - c->book.closed >= FULL_HEADS ||
	    mono_passed(due, loop_now(c->part.loop))) {
		return true;
	}
	if (!c->book.full.loop) {
		loop_timer_arm(&c->book.full, c->part.loop, due, is_full, c);
	}
	return false;
}

/* Lazy heads alone wait for company, not for long. */
static bool
waits_for_company(struct core *c)
{
	struct mono now = loop_now(c->part.loop);

	if (!c->book.lazy_due.us) {
		c->book.lazy_due = mono_after(now, CORE_LAZY_US);
		loop_timer_arm(
		    &c->book.lazy, c->part.loop, c->book.lazy_due, is_full, c);
	}
	return !mono_passed(c->book.lazy_due, now);
}

/* Of several requests that are under way more is about to be said.  Who waits
 * for this processor speaks first, once, and what he says is of the same
 * commit, which costs core what twenty requests do.  Where nobody waits for it,
 * the call comes back at once. */
static bool
gives_way(struct core *c)
{
	bool several = c->intents && c->intents->next;

	c->book.gave_way = several && !c->book.gave_way;
	if (c->book.gave_way) {
		part_give_processor(&c->book.gives_at);
		loop_later(c->part.loop, is_full, c);
	}
	return c->book.gave_way;
}

static bool
may_wait(struct core *c)
{
	const struct core_batch *b = &c->book.forming;

	if (c->book.beat_due || c->book.closing) {
		return false;
	}
	return b->urgent || b->pending ? gives_way(c) : waits_for_company(c);
}

/* The batch that is to be sent: a closed one that failed, or what formed.
 * Effects without writes, and heartbeats, wait until nothing is in flight. */
static bool
take_batch(struct core *c)
{
	if (c->book.given < c->book.flight_count) {
		return true;
	}
	if (c->book.given) {
		if (!c->book.forming.writes || c->book.alone ||
		    c->book.given == STORE_FLIGHTS_MAX || !worth_sending(c)) {
			return false;
		}
	} else if ((core_batch_empty(&c->book.forming) && !c->book.beat_due) ||
	           may_wait(c)) {
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
		if ((c->book.again.loop && !c->book.given) || !take_batch(c)) {
			return;
		}
		if (!c->book.flights[c->book.given].writes &&
		    !c->book.beat_due) {
			durable(c);
			continue;
		}
		unsigned ahead = c->book.given;
		int left = send(c, &e);

		if (left < 0 && ahead && c->book.given) {
			return; /* again when those before it are through */
		}
		if (left < 0) {
			failed(c, &e);
			return;
		}
		if (left == 0) {
			landed(c);
		} else {
			unwatch(c);
			watch(c);
		}
		/* The disk works, or its effects are out. */
		book_late_settle(&c->book.tree);
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
	must(!c->book.flight_count);
	core_batch_close(c);
	if (core_batch_write(c, &c->book.flights[0], e) ||
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
	must(!c->book.given);
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
		for (unsigned i = 0; i < c->book.flight_count; i++) {
			drop_effects(&c->book.flights[i]);
		}
		drop_effects(&c->book.forming);
	}
	c->book.closing = true;
	/* After a failure the next try is a moment away, and there is none. */
	if (!c->book.given) {
		loop_timer_cancel(&c->book.again);
	}
	commit_turn(c);
	while (c->book.given && !mono_passed(last, mono_now())) {
		struct pollfd p = { .fd = c->book.io_fd, .events = POLLIN };

		(void)poll(&p, p.fd >= 0, 100);
		step(c);
		commit_turn(c);
	}
	if (core_unwritten(c)) {
		log_line(LOG_ERROR, "book",
		    "the house ends, and what it did since the book could not "
		    "be written is not in it");
	}
	core_proof_end(c);
	loop_io_close(&c->book.io);
	store_close(c->book.store);
	c->book.store = NULL;
}
