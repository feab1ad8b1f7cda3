/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of workers, the leases they hold, and who waits for a task.
 *
 * Invariants: (1) a lease stands for a task that the queue calls owned under
 * its epoch, until the queue is told otherwise; what the queue then refuses is
 * only a lease that somebody else has ended (a cancel), and is dropped; (2) a
 * session's timer is armed at its deadline or before it, and at the end of
 * every lease of its own or before that.
 */
#include "parts/core_worker.h"

#include <stdlib.h>
#include <string.h>

#include "parts/core_token.h"

#define SLOTS 4096

struct core_workers {
	struct core_worker *all;
	size_t count;
	struct core_claim *waiting, **waiting_last;
	bool offering;
	struct core_lease *slots[SLOTS];
};

static struct core_workers *
workers_of(struct core *c)
{
	if (!c->workers) {
		c->workers = calloc(1, sizeof(*c->workers));
		must(c->workers);
		c->workers->waiting_last = &c->workers->waiting;
	}
	return c->workers;
}

/* --- leases --- */

/* Ids are UUIDs; whoever chooses them so that they meet here is an operator. */
static size_t
slot_of(struct str task)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < task.len; i++) {
		h = (h ^ (unsigned char)task.at[i]) * 0x100000001b3ULL;
	}
	return (size_t)(h ^ h >> 32) % SLOTS;
}

struct core_lease *
core_lease_find(const struct core *c, struct str task)
{
	struct core_lease *lease =
	    c->workers ? c->workers->slots[slot_of(task)] : NULL;

	while (lease && !str_eq_z(task, lease->task)) {
		lease = lease->next_alike;
	}
	return lease;
}

static void
add_lease(struct core *c, const struct core_claim *claim,
    struct core_role *role, const struct core_claimed *got)
{
	struct core_lease *lease = calloc(1, sizeof(*lease));
	struct core_worker *w = claim->worker;
	struct core_lease **slot =
	    &c->workers->slots[slot_of(str_of(got->task))];

	must(lease);
	memcpy(lease->task, got->task, sizeof(lease->task));
	lease->worker = w;
	lease->role = role;
	lease->epoch = got->epoch;
	lease->ask = claim->ask;
	lease->with = claim->ask;
	lease->alone = claim->max == 1;
	lease->next_alike = *slot;
	*slot = lease;
	lease->next = w->leases;
	lease->at = &w->leases;
	if (w->leases) {
		w->leases->at = &lease->next;
	}
	w->leases = lease;
	w->held++;
}

void
core_lease_drop(struct core *c, struct core_lease *lease)
{
	struct core_lease **alike =
	    &c->workers->slots[slot_of(str_of(lease->task))];

	while (*alike != lease) {
		alike = &(*alike)->next_alike;
	}
	*alike = lease->next_alike;
	*lease->at = lease->next;
	if (lease->next) {
		lease->next->at = lease->at;
	}
	lease->worker->held--;
	free(lease);
}

/* ours: it never had a holder. */
static void
lose(struct core *c, struct core_lease *lease, const char *why, bool ours)
{
	auto_arena a = { 0 };
	struct queue_touch touch = {
		.task = str_of(lease->task),
		.epoch = lease->epoch,
		.why = str_of(why),
		.now = wall_now(),
		.ours = ours,
	};
	struct queue_step step = { 0 };
	struct err e = { 0 };

	if (queue_lease_lost(c->queue, &a, &touch, &step, &e) == 0) {
		core_queue_step(c, &step, NULL);
		core_worker_offer_later(c);
	}
	core_lease_drop(c, lease);
}

static void
lose_unheard(struct core *c, struct core_worker *w, uint64_t ask)
{
	struct core_lease *next;

	for (struct core_lease *l = w->leases; l; l = next) {
		next = l->next;
		if (l->ask == ask) {
			lose(c, l, "nobody was there to take it", true);
		}
	}
}

void
core_lease_unread(struct core *c, struct core_lease *lease)
{
	core_claim_later(c);
	lose(c, lease, "its record cannot be read", true);
}

void
core_worker_unheard(struct core *c, uint64_t ask)
{
	for (struct core_worker *w = workers_of(c)->all; w; w = w->next) {
		lose_unheard(c, w, ask);
	}
}

/* --- sessions --- */

struct core_worker *
core_worker_find(
    struct core *c, const struct core_operator *who, struct str name)
{
	struct core_worker *w = workers_of(c)->all;

	while (w && (!str_eq_z(name, w->name) ||
	                strcmp(w->operator_->name, who->name) != 0)) {
		w = w->next;
	}
	return w;
}

static bool
is_waiting(const struct core *c, const struct core_worker *w)
{
	const struct core_claim *k = c->workers->waiting;

	while (k && k->worker != w) {
		k = k->next;
	}
	return k != NULL;
}

static void
lose_all(struct core *c, struct core_worker *w)
{
	log_line(LOG_WARN, "worker",
	    "%s was silent for its lease and loses %zu tasks", w->name,
	    w->held);
	while (w->leases) {
		/* NOLINTNEXTLINE(*-unix.Malloc): each leaves the list */
		lose(
		    c, w->leases, "the worker was silent for its lease", false);
	}
}

static bool
is_over(const struct core_lease *l)
{
	return !l->told && !l->ask && mono_passed(l->until, mono_now());
}

static void
lose_untold(struct core *c, struct core_worker *w)
{
	struct core_lease *next;

	for (struct core_lease *l = w->leases; l; l = next) {
		next = l->next;
		if (is_over(l)) {
			lose(c, l,
			    "the worker has not said in its lease that it "
			    "knows of it",
			    false);
		}
	}
}

static void
end_session(struct core *c, struct core_worker *w)
{
	struct core_worker **at = &c->workers->all;

	while (*at != w) {
		at = &(*at)->next;
	}
	*at = w->next;
	c->workers->count--;
	loop_timer_cancel(&w->timer);
	free(w);
}

static void watch(struct core_worker *w);

static void
look(void *owner)
{
	struct core_worker *w = owner;

	if (!mono_passed(w->deadline, mono_now())) {
		lose_untold(w->core, w);
		watch(w);
		return;
	}
	if (w->leases) {
		lose_all(w->core, w);
	}
	if (is_waiting(w->core, w)) {
		/* Its question stands, and is renewed when it is answered. */
		w->deadline = mono_after(mono_now(), w->lease_us);
		watch(w);
	} else {
		end_session(w->core, w);
	}
}

static void
watch(struct core_worker *w)
{
	struct mono when = w->deadline;

	for (const struct core_lease *l = w->leases; l; l = l->next) {
		if (!l->told && !l->ask && l->until.us < when.us) {
			when = l->until;
		}
	}
	loop_timer_arm(&w->timer, w->core->part.loop, when, look, w);
}

/* A deadline that moves away leaves its timer: it looks again then. */
static void
renew(struct core_worker *w, int64_t lease_us)
{
	bool sooner = lease_us < w->lease_us;

	w->lease_us = lease_us;
	w->deadline = mono_after(mono_now(), lease_us);
	if (sooner || !w->timer.loop) {
		watch(w);
	}
}

/* A lease is counted from when the worker may hear of it, not from when it
 * asked. */
void
core_lease_heard(struct core_lease *lease, int64_t lease_us)
{
	renew(lease->worker, lease_us);
	lease->ask = 0;
	lease->until = lease->worker->deadline;
}

void
core_lease_named(struct core_lease *lease)
{
	struct core_lease *l =
	    lease->told || lease->alone ? NULL : lease->worker->leases;

	lease->told = true;
	for (; l; l = l->next) { /* once for each answer */
		l->told |= l->with == lease->with;
	}
}

void
core_worker_told(struct core_worker *w)
{
	for (struct core_lease *l = w->leases; l; l = l->next) {
		l->told = true;
	}
}

static bool
is_name(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (name.at[i] <= ' ' || name.at[i] > '~') {
			return false;
		}
	}
	return name.len > 0 && name.len <= CORE_WORKER_NAME_MAX;
}

int
core_worker_join(struct core *c, const struct core_operator *who,
    struct str name, int64_t lease_us, struct core_worker **out, struct err *e)
{
	struct core_workers *all = workers_of(c);
	struct core_worker *w;

	if (!is_name(name)) {
		return err_set(e, ERR_INPUT,
		    "worker: a name of 1 to %d printable characters without "
		    "spaces, one for each process that works",
		    CORE_WORKER_NAME_MAX);
	}
	w = core_worker_find(c, who, name);
	if (!w) {
		if (all->count >= CORE_WORKERS_MAX) {
			return err_set(e, ERR_LIMIT,
			    "%d workers have a session; let some end",
			    CORE_WORKERS_MAX);
		}
		w = calloc(1, sizeof(*w));
		must(w && str_copy(w->name, sizeof(w->name), name));
		w->core = c;
		w->operator_ = who;
		w->next = all->all;
		all->all = w;
		all->count++;
	}
	renew(w, lease_us);
	*out = w;
	return 0;
}

/* --- claiming --- */

struct core_role *
core_worker_role(struct core *c, struct str queue)
{
	for (size_t i = 0; i < c->house.role_count; i++) {
		struct core_role *r = &c->house.roles[i];

		if (r->role->outside && str_eq_z(queue, r->name)) {
			return r;
		}
	}
	return NULL;
}

/* One task of this queue; false: nothing there now. */
static bool
claim_of(struct core *c, struct core_claim *claim, const char *queue)
{
	struct core_role *role = core_worker_role(c, str_of(queue));
	struct core_claimed *got = &claim->taken[claim->taken_count];
	struct queue_step step = { 0 };
	struct err e = { 0 };

	if (!role || role->closed[0] || core_stop_role(c, role->name)) {
		return false;
	}
	struct queue_claim command = {
		.queue = str_of(role->name),
		.owner = str_of(role->identity),
		.incarnation = c->book.incarnation,
		.now = wall_now(),
	};

	if (queue_claim(c->queue, claim->arena, &command, &step, &e)) {
		return false;
	}
	must(str_copy(got->task, sizeof(got->task), step.id));
	got->epoch = step.epoch;
	core_queue_step(c, &step, NULL);
	add_lease(c, claim, role, got);
	claim->taken_count++;
	return true;
}

/* One of each queue in turn, from the first that was named. */
void
core_worker_claim(struct core *c, struct core_claim *claim)
{
	size_t idle = 0;

	if (!c->ready || c->draining || core_stalled(c)[0] ||
	    c->claim_again.loop) {
		return;
	}
	for (size_t i = 0;
	     claim->taken_count < claim->max && idle < claim->queue_count;
	     i = (i + 1) % claim->queue_count) {
		idle = claim_of(c, claim, claim->queues[i]) ? 0 : idle + 1;
	}
}

void
core_worker_wait(struct core *c, struct core_claim *claim)
{
	struct core_workers *all = workers_of(c);

	claim->next = NULL;
	*all->waiting_last = claim;
	all->waiting_last = &claim->next;
}

void
core_worker_wait_end(struct core *c, uint64_t ask)
{
	struct core_workers *all = workers_of(c);
	struct core_claim **at = &all->waiting;

	while (*at && (*at)->ask != ask) {
		at = &(*at)->next;
	}
	if (*at) {
		*at = (*at)->next;
	}
	while (*at) {
		at = &(*at)->next;
	}
	all->waiting_last = at;
}

void
core_worker_offer(struct core *c)
{
	struct core_claim *next;

	for (struct core_claim *k = workers_of(c)->waiting; k; k = next) {
		next = k->next;
		if (core_token_revoked(k->worker->operator_)) {
			continue; /* its patience ends */
		}
		core_worker_claim(c, k);
		if (k->taken_count) {
			renew(k->worker, k->lease_us);
			core_work_claimed(c, k->ask);
		}
	}
}

static void
offer_now(void *owner)
{
	struct core *c = owner;

	c->workers->offering = false;
	core_worker_offer(c);
}

void
core_worker_offer_later(struct core *c)
{
	struct core_workers *all = workers_of(c);

	if (all->waiting && !all->offering) {
		all->offering = true;
		loop_later(c->part.loop, offer_now, c);
	}
}
