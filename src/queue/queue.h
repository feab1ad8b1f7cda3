/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

/*
 * Tasks and mail as a pure state machine (no I/O, no clock of its own):
 * a command is judged against the state and yields a step, which is events to
 * append and effects to perform after the commit, or an err and nothing.  The
 * state changes only in queue_apply, by one event, on the live path and in a
 * rebuild alike; a rebuild from the events gives an equal state.
 *
 *   queue_finish(q, …, &step, e)      judge
 *   store: append step.events         one transaction
 *   queue_apply_event each            before the next command is judged
 *   commit, then step.effects, then the answer
 *
 * States, the order of claims, events and their bodies: DESIGN.  `random` of a
 * command is 64 random bits of the caller; 0 is allowed and gives no jitter.
 */

#include "queue/mail.h"
#include "queue/plan.h"
#include "queue/save.h"
#include "queue/step.h"
#include "queue/task.h"

#define QUEUE_ID_MAX      64 /* bytes of a task or letter id, key, ack_key */
#define QUEUE_NAME_MAX    64 /* of a queue or mailbox */
#define QUEUE_OWNER_MAX   135
#define QUEUE_DEPENDS_MAX 64  /* each of depends_on and blocks */
#define QUEUE_BATCH_MAX   32  /* follow-ups, and letters, of one command */
#define QUEUE_CLAIM_MAX   256 /* tasks of one claim */
#define QUEUE_BULK_MAX    256 /* tasks of one step of a bounded command */
#define QUEUE_ANSWERS_MAX 8   /* ack_keys remembered of one task */

struct queue;

/* seed keeps ids made by others from colliding on purpose. */
struct queue *queue_new(uint64_t seed);
void queue_free(struct queue *q); /* NULL is nothing */
/* Roles limit the names: a queue or mailbox not added is refused and nothing
 * is written.  Replay does not look at them.  "operator" and "broadcast" are
 * always mailboxes.  Twice is nothing. */
void queue_add_name(struct queue *q, struct str queue_name);
void queue_add_mailbox(struct queue *q, struct str mailbox);
bool queue_has_name(const struct queue *q, struct str queue_name);
bool queue_has_mailbox(const struct queue *q, struct str mailbox);

/* --- commands: 0 with a step, or -1 and nothing --- */

struct queue_claim {
	struct str queue;         /* this one, or */
	const struct str *queues; /* of these, in turn by their weights */
	size_t queue_count;
	size_t max;           /* tasks; 0 is one */
	struct str owner;     /* identity */
	uint32_t incarnation; /* of the node that holds the lease */
	struct wall now;
};
/* ERR_MISSING: nothing to claim now.  Several tasks: step.claims. */
int queue_claim(struct queue *q, struct arena *a, const struct queue_claim *c,
    struct queue_step *step, struct err *e) MUST_CHECK;

struct queue_put {
	const struct e2m_task *task;     /* state pending, id set */
	const struct e2m_envelope *mail; /* appears together with it, or NULL */
	struct str key;  /* idempotency key or empty; lives as its task does,
	                    at least the time of queue_forget after its end */
	struct wall now; /* 0: the task's created_at */
	struct wall not_before; /* 0: at once */
	struct queue_retry_policy retry;
	struct queue_every every;
	struct wall due;           /* 0: no due date */
	uint32_t estimated_tenths; /* hours * 10; 0: unknown */
	struct str parent; /* a known task: cancelling it cancels this one */
	const struct queue_claim *claim; /* somebody waits: if this task may be
	                     claimed and is next, step.claims has it */
};
int queue_put(struct queue *q, struct arena *a, const struct queue_put *c,
    struct queue_step *step, struct err *e) MUST_CHECK;
/* not_before, retry, every, due_date, estimated_hours from the task's
 * payload.handrail (DESIGN) into *c; absent: untouched. */
int queue_put_read(struct queue_put *c, struct err *e) MUST_CHECK;

struct queue_finish {
	struct str task;
	uint32_t epoch;
	enum e2m_event outcome;     /* COMPLETE, FAIL or BLOCK */
	const struct json *result;  /* object; of a completion */
	const struct json *failure; /* object: DESIGN; of FAIL and BLOCK */
	struct str ack_key;         /* or empty */
	const struct queue_put *follow_ups;
	size_t follow_up_count;
	const struct e2m_envelope *mail;
	size_t mail_count;
	struct wall now;
	uint64_t random;
};
/* A stale epoch is ERR_CONFLICT; record it with queue_refused. */
int queue_finish(struct queue *q, struct arena *a, const struct queue_finish *c,
    struct queue_step *step, struct err *e) MUST_CHECK;
/* Would queue_finish of FAIL try it again?  Then it needs no repair. */
bool queue_would_retry(
    const struct queue *q, struct str task, const struct json *failure);

struct queue_touch { /* the commands that need no more than this */
	struct str task;
	uint32_t epoch; /* of park and lease_lost; else 0 */
	struct str why; /* a sentence or empty */
	struct wall now;
	uint64_t random; /* of cancel and lease_lost */
	bool ours; /* of lease_lost: not its holder was lost; does not count */
};
typedef int queue_touch_fn(struct queue *q, struct arena *a,
    const struct queue_touch *c, struct queue_step *step, struct err *e);
/* blocked → in_progress: its owner can claim it again, under a new epoch. */
MUST_CHECK queue_touch_fn queue_unblock;
/* failed → pending; error and owner cleared. */
MUST_CHECK queue_touch_fn queue_retry;
/* The same with attempts 0 and its lost leases forgotten. */
MUST_CHECK queue_touch_fn queue_redrive;
/* pending, in_progress or blocked → failed, error_type "cancelled"; its
 * children that wait are cancelled before it.  step.more: say it again. */
MUST_CHECK queue_touch_fn queue_cancel;
/* in_progress, whoever has it → blocked with `why` (a wait that ran out). */
MUST_CHECK queue_touch_fn queue_block;
/* Not transitions: in_progress stays, who works on it changes. */
MUST_CHECK queue_touch_fn queue_park;
MUST_CHECK queue_touch_fn queue_wake;
/* After max_lost of them in a row the task is dead. */
MUST_CHECK queue_touch_fn queue_lease_lost;
/* The event that says: a command came under an epoch that is not in force.
 * Applying it changes nothing. */
struct queue_event queue_refused(struct arena *a, const struct queue_touch *c);
/* Every owned task of an incarnation before this one loses its lease, by no
 * fault of its holder; at most QUEUE_BULK_MAX a step. */
int queue_leases_lost(struct queue *q, struct arena *a, uint32_t incarnation,
    struct wall now, struct queue_step *step, struct err *e) MUST_CHECK;

/* Held back: it stays what it is, and nothing claims it until it is let go.  No
 * event: why is the caller's to write down, and to say again after a load or a
 * recall. */
void queue_hold_back(struct queue *q, struct str id, bool back);

/* Whatever has become due by now can be claimed; effects, and no events: on
 * which side of its time a task stands is not state.  A claim does it too. */
void queue_due(
    struct queue *q, struct arena *a, struct wall now, struct queue_step *step);
/* When queue_due has something to do; us 0: never. */
struct wall queue_next_due(const struct queue *q);

/* Final tasks and done or expired letters not touched since `before` leave the
 * memory (not the store): their keys and answers with them.  A failed task that
 * others wait for stays, and what is not saved.  No event if there is nothing.
 * The forms of step.gone may be left out of a load once nothing is unsaved from
 * before this event (queue_unsaved, queue_letter_unsaved). */
int queue_forget(struct queue *q, struct arena *a, struct wall before,
    struct wall now, struct queue_step *step, struct err *e) MUST_CHECK;
/* Back from its saved form, to be retried or depended upon; its key and answers
 * stay forgotten.  The row is left out of a load until it is saved anew. */
int queue_recall(struct queue *q, struct arena *a, struct str saved,
    struct wall now, struct queue_step *step, struct err *e) MUST_CHECK;

/* --- state; reading it: queue/task.h --- */

/* One event in: of a step just yielded, or of the log.  seq is its number in
 * the log (0: not known yet).  ERR_INPUT or ERR_CONFLICT: this log was not
 * written by this machine; nothing changed. */
int queue_apply(
    struct queue *q, struct str body, uint64_t seq, struct err *e) MUST_CHECK;
/* The same without reading the body again: an event of a step of this queue. */
int queue_apply_event(struct queue *q, const struct queue_event *event,
    uint64_t seq, struct err *e) MUST_CHECK;

#endif
