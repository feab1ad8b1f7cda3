/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_DISPATCH_H
#define PARTS_CORE_DISPATCH_H

/*
 * One strict door for every new task, whoever makes it: a client, the inbox, a
 * run, a follow-up, a fork.  The queue and its role exist and are open, the
 * record is e2m's, the payload is of its type and holds no provider's key, the
 * ceiling of whoever made it is written with it.  All or nothing: judged first,
 * then task, letter and record in one batch.
 *
 * payload.handrail is Handrail's own part of a record: when and how often
 * (queue's DESIGN), and, written here only, `grant` and `fork`.
 */

#include "parts/core.h"

struct core_dispatch {
	const struct json *record; /* a task, or the parts of one */
	struct str from;           /* when the record does not say */
	struct str key;            /* idempotency key or empty */
	struct str parent;         /* its cancel is this one's too; or empty */
	const struct grant *ceiling; /* NULL: a person put it */
	const struct json *fork;     /* {run, at}, or NULL */
};
struct core_put { /* judged; lives in the arena */
	struct core_role *role;
	struct e2m_record task;
	struct e2m_record mail;
	struct queue_put put; /* points into the two */
};
/* Not moved afterwards. */
int core_dispatch_judge(struct core *c, struct arena *a,
    const struct core_dispatch *d, struct core_put *out,
    struct err *e) MUST_CHECK;

struct core_dispatched {
	struct core_role *role;
	struct str id; /* of a duplicate the first one's */
	bool duplicate;
};
int core_dispatch(struct core *c, struct arena *a,
    const struct core_dispatch *d, struct core_dispatched *out,
    struct err *e) MUST_CHECK;

/* core_zone.c: the time zone that a series names, read from the system now and
 * again at every start; the first time of a cron line, where the record says
 * none. */
int core_zone_use(
    struct core *c, struct queue_put *put, struct err *e) MUST_CHECK;
void core_zones_recover(struct core *c);

/* A task that ended long ago, back into the memory, to be depended upon or to
 * go on; nothing if it is there, or was never. */
void core_dispatch_recall(struct core *c, struct str id);

/* The records and rows of every task that a step puts (of a finish, the next
 * of a series), in the step's batch. */
void core_dispatch_rows(struct core *c, const struct queue_step *step);

#endif
