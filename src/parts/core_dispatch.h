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
	const struct json *record; /* a task, or the parts of one; its member
	                              `key`, if there, is the key too */
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

/* One text of 1 to QUEUE_ID_MAX bytes, however often it is said; `where`. */
int core_dispatch_key(struct str *key, struct str said, const char *where,
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
 * go on; nothing if it is there, or was never.  -1: the store does not say
 * which. */
int core_dispatch_recall(
    struct core *c, struct str id, struct err *e) MUST_CHECK;
/* The same of all that it names as depends_on. */
int core_dispatch_links(
    struct core *c, const struct e2m_task *task, struct err *e) MUST_CHECK;

/* The records and rows of every task that a step puts (of a finish, the next
 * of a series), in the step's batch. */
void core_dispatch_rows(struct core *c, const struct queue_step *step);

/* --- what a task makes besides itself --- */

struct core_maker {
	const struct core_role *role;
	const struct task_type *type;
	const struct grant *ceiling; /* its own */
	struct str task;
};
/* core_grant.c: the ceiling of what it makes: never more than it has. */
int core_grant_made(struct core *c, const struct core_maker *by,
    struct arena *a, struct grant *out, struct err *e) MUST_CHECK;

/* core_repair.c: what a failure that is not tried again leaves besides its
 * error, for the same finish: the letter to the operator, and where the role
 * names a queue that repairs, a task for it.  What repairs is not itself
 * repaired. */
struct core_repair {
	struct e2m_envelope letter;
	struct core_put put;
	bool has_put;
};
void core_repair_make(struct core *c, const struct core_maker *by,
    struct arena *a, const struct json *error, struct core_repair *out);

#endif
