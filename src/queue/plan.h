/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_PLAN_H
#define QUEUE_PLAN_H

/* When a task may be claimed, how often it is tried, when it comes again, and
 * how much a queue takes. */

#include "queue/step.h"

#define QUEUE_LOST_MAX      32  /* lost leases of a task without an outcome */
#define QUEUE_CRON_MAX      128 /* bytes of a cron line */
#define QUEUE_ZONE_MAX      64  /* bytes of a time zone's name */
#define QUEUE_ZONE_FILE_MAX ((size_t)64 * 1024)

struct queue;

/* A failure of class "resolvable" is tried again after
 * random(0 .. min(cap, base * 2^(attempts - 1))) until max_attempts claims
 * have failed; then, or after max_lost lost leases in a row, it is dead. */
struct queue_retry_policy {
	uint32_t max_attempts; /* 0: a failure is never tried again by itself */
	uint32_t max_lost;     /* 0: QUEUE_LOST_MAX */
	int64_t base_us;       /* 0: one second */
	int64_t cap_us;        /* 0: one hour */
};
/* The next one is put by the step that ends this one.  Nothing: both empty. */
struct queue_every {
	struct str cron; /* "m h dom mon dow", Vixie's form; or empty */
	struct str zone; /* IANA name; empty is UTC */
	int64_t us;      /* or: so long after the end of this one */
};

struct queue_limits {         /* 0: no limit */
	uint32_t max_running; /* owned at once */
	uint32_t max_waiting; /* pending at once; a put over it: ERR_LIMIT */
	uint32_t puts_per_minute; /* of a calendar minute; ERR_LIMIT */
	uint32_t weight;          /* share among queues claimed together; 1 */
};
/* Limits come from the configuration and are no part of the state; what the
 * machine puts itself (follow-ups, the next of a series) is not limited. */
void queue_limit(
    struct queue *q, struct str queue_name, const struct queue_limits *limits);

/*
 * Cron, pure.  Five fields: minute hour day month weekday (0 and 7 Sunday);
 * star, numbers, a-b, lists with commas, steps with a slash, names jan..dec
 * and sun..sat.  If day and weekday are both restricted, either suffices.  A
 * local time that the clocks skip is the first minute after the gap; one that
 * comes twice counts the first time only.
 */
struct queue_cron {
	uint64_t minutes;
	uint32_t hours;
	uint32_t days;
	uint16_t months;
	uint8_t weekdays;
	bool either; /* day or weekday */
};
int queue_cron_parse(
    struct str text, struct queue_cron *out, struct err *e) MUST_CHECK;
struct queue_zone;
/* The bytes of a TZif file (RFC 8536), parsed into the arena. */
int queue_zone_parse(struct arena *a, struct str tzif,
    const struct queue_zone **out, struct err *e) MUST_CHECK;
/* Seconds east of UTC at that Unix second; zone NULL is UTC. */
int32_t queue_zone_offset(const struct queue_zone *z, int64_t at);
/* The first time after `now`; false: never (within 12 years). */
bool queue_cron_next(const struct queue_cron *c, const struct queue_zone *z,
    struct wall now, struct wall *next);

/* A zone that `every` may name; a file's bytes handed in at start.  "UTC" is
 * always there.  Twice: the newer one. */
int queue_add_zone(struct queue *q, struct str name, struct str tzif,
    struct err *e) MUST_CHECK;

#endif
