/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_WORKER_H
#define PARTS_CORE_WORKER_H

/*
 * Programs of the operator's that work on a queue themselves ([queue] served =
 * "worker"): they claim over HTTP, hold a task under an epoch, and finish it.
 *
 * A lease belongs to the worker's session, a name under one operator's token,
 * and not to a task: whatever the session asks renews it for all that it is
 * known to hold, and so does the answer that hands it a task.  A session silent
 * for its lease loses everything (task_lease_lost), and is forgotten unless it
 * waits for a task.  Nobody knows whether an answer that left was heard, so
 * until the session names a task of that answer, or a beat has told it what it
 * holds, those tasks have but the lease that they were handed over with: else a
 * worker that is started again under its old name would keep from everybody
 * what it does not know of.
 * The monotonic clock decides that; the epoch decides who may finish.
 * Sessions live in memory: a new incarnation voids every lease.
 */

#include "parts/core.h"

#define CORE_WORKER_LEASE_US (10 * CLOCK_SECOND)
#define CORE_WORKER_NAME_MAX 64
#define CORE_WORKERS_MAX     1024
#define CORE_CLAIM_MAX       64 /* tasks of one claim */
#define CORE_QUEUES_MAX      32 /* named in one claim */

struct core_worker;

struct core_lease {                    /* a task that a worker holds */
	struct core_lease *next, **at; /* of its worker; what points to it */
	struct core_lease *next_alike; /* of its slot by task */
	struct core_worker *worker;
	struct core_role *role;
	const struct task_type *type; /* NULL until its record was read */
	uint64_t ask; /* its answer has not left yet: this question's; else 0 */
	uint64_t with;     /* the question whose answer hands it over */
	struct mono until; /* the end of it, while its holder may not know */
	bool told;         /* its holder knows: it has the session's own end */
	bool alone;        /* no other comes with that answer */
	uint32_t epoch;
	char task[ID_TEXT];
};

struct core_worker {
	struct core_worker *next;
	struct core *core;
	char name[CORE_WORKER_NAME_MAX + 1];
	const struct core_operator *operator_;
	struct core_lease *leases;
	size_t held;
	int64_t lease_us;
	struct mono deadline;
	struct loop_timer timer; /* at an earlier deadline or at this one */
};

/* The session of this name, made if need be, its lease renewed.  ERR_INPUT: no
 * name; ERR_LIMIT: too many. */
int core_worker_join(struct core *c, const struct core_operator *who,
    struct str name, int64_t lease_us, struct core_worker **out,
    struct err *e) MUST_CHECK;
/* NULL: there is none, or its lease ran out. */
struct core_worker *core_worker_find(
    struct core *c, const struct core_operator *who, struct str name);

/* What a question wants to claim, and what it has got; in its arena. */
struct core_claimed {
	char task[ID_TEXT];
	uint32_t epoch;
};
struct core_claim {
	struct core_claim *next; /* of those that wait */
	uint64_t ask;
	struct arena *arena;        /* of the question */
	struct core_worker *worker; /* until it is answered */
	int64_t lease_us;
	const char *queues[CORE_QUEUES_MAX];
	size_t queue_count;
	size_t max;
	struct core_claimed *taken; /* room for max */
	size_t taken_count;
};
/* Claims now, in this turn's batch.  The leases name the ask until the answer
 * has left. */
void core_worker_claim(struct core *c, struct core_claim *claim);
/* The role of a queue that workers serve; NULL: there is none. */
struct core_role *core_worker_role(struct core *c, struct str queue);
/* Waits for a task, first come first served. */
void core_worker_wait(struct core *c, struct core_claim *claim);
void core_worker_wait_end(struct core *c, uint64_t ask);
/* Whoever waits may claim now, in this turn's batch. */
void core_worker_offer(struct core *c);
/* The same at the end of this turn and before its commit, so that a task goes
 * to whoever waits in the commit that puts it. */
void core_worker_offer_later(struct core *c);

struct core_lease *core_lease_find(const struct core *c, struct str task);
void core_lease_drop(struct core *c, struct core_lease *lease); /* settled */
/* Its record cannot be read now: the task goes back, its attempt not counted,
 * and no worker claims before core_claim_later does. */
void core_lease_unread(struct core *c, struct core_lease *lease);
/* The answer that says so leaves: it holds for lease_us from now. */
void core_lease_heard(struct core_lease *lease, int64_t lease_us);
/* It named this one: it has heard of all that came with it. */
void core_lease_named(struct core_lease *lease);
/* A beat tells it all that it holds. */
void core_worker_told(struct core_worker *w);
/* Nobody is there to hear the answer: what it claimed can be claimed again. */
void core_worker_unheard(struct core *c, uint64_t ask);

/* core_follow.c: adds to a finish what it puts besides: `list` of follow-ups
 * (or NULL), and of a failure that is not tried again the operator's letter and
 * the task that repairs. */
#define CORE_FOLLOW_MAX (QUEUE_BATCH_MAX - 1) /* and as many letters */
int core_follow(struct core *c, struct arena *a, const struct core_lease *lease,
    const struct json *list, struct queue_finish *f, struct err *e) MUST_CHECK;

/* Its record is damaged: the task fails, as one of a run does. */
void core_lease_damaged(
    struct core *c, struct core_lease *lease, const struct err *why);

/* core_api_work.c: the tasks of this question are claimed. */
void core_work_claimed(struct core *c, uint64_t number);

#endif
