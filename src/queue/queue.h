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
 *   queue_apply each event            before the next command is judged
 *   commit, then step.effects, then the answer
 *
 * States, events and their bodies: DESIGN.  Order of claims: ke_fit_score
 * downwards (absent is 3), then created_at, then id.  Ageing, weights, retry
 * with back-off, delayed and recurring tasks and ack_required mail ahead of
 * work come later.
 */

#include "queue/mail.h"
#include "queue/step.h"

#define QUEUE_ID_MAX      64 /* bytes of a task or letter id, key, ack_key */
#define QUEUE_NAME_MAX    64 /* of a queue or mailbox */
#define QUEUE_OWNER_MAX   135
#define QUEUE_DEPENDS_MAX 64 /* each of depends_on and blocks */
#define QUEUE_BATCH_MAX   32 /* follow-ups, and letters, of one command */

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

struct queue_put {
	const struct e2m_task *task;     /* state pending, id set */
	const struct e2m_envelope *mail; /* appears together with it, or NULL */
	struct str key;                  /* idempotency key or empty */
};
int queue_put(struct queue *q, struct arena *a, const struct queue_put *c,
    struct queue_step *step, struct err *e) MUST_CHECK;

struct queue_claim {
	struct str queue;
	struct str owner;     /* identity */
	uint32_t incarnation; /* of the node that holds the lease */
	struct wall now;
};
/* ERR_MISSING: nothing to claim now. */
int queue_claim(struct queue *q, struct arena *a, const struct queue_claim *c,
    struct queue_step *step, struct err *e) MUST_CHECK;

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
};
/* A stale epoch is ERR_CONFLICT; record it with queue_refused. */
int queue_finish(struct queue *q, struct arena *a, const struct queue_finish *c,
    struct queue_step *step, struct err *e) MUST_CHECK;

struct queue_touch { /* the commands that need no more than this */
	struct str task;
	uint32_t epoch; /* of park and lease_lost; else 0 */
	struct str why; /* a sentence or empty */
	struct wall now;
};
typedef int queue_touch_fn(struct queue *q, struct arena *a,
    const struct queue_touch *c, struct queue_step *step, struct err *e);
/* blocked → in_progress: its owner can claim it again, under a new epoch. */
MUST_CHECK queue_touch_fn queue_unblock;
/* failed → pending; error and owner cleared. */
MUST_CHECK queue_touch_fn queue_retry;
/* pending, in_progress or blocked → failed, error_type "cancelled". */
MUST_CHECK queue_touch_fn queue_cancel;
/* in_progress, whoever has it → blocked with `why` (a wait that ran out). */
MUST_CHECK queue_touch_fn queue_block;
/* Not transitions: in_progress stays, who works on it changes. */
MUST_CHECK queue_touch_fn queue_park;
MUST_CHECK queue_touch_fn queue_wake;
MUST_CHECK queue_touch_fn queue_lease_lost;
/* The event that says: a command came under an epoch that is not in force.
 * Applying it changes nothing. */
struct queue_event queue_refused(struct arena *a, const struct queue_touch *c);

/* --- state --- */

/* One event in: of a step just yielded, or of the log.  seq is its number in
 * the log (0: not known yet).  ERR_INPUT or ERR_CONFLICT: this log was not
 * written by this machine; nothing changed. */
int queue_apply(
    struct queue *q, struct str body, uint64_t seq, struct err *e) MUST_CHECK;

enum queue_hold { /* who works on it; states.def */
#define HOLD(id, word, e2m_state) QUEUE_##id,
#include "queue/states.def"
#undef HOLD
};
const char *queue_hold_name(enum queue_hold h);

struct queue_task { /* read only for others */
	struct str id;
	struct str queue;
	struct str subject;
	struct str from;
	struct str owner; /* empty: none yet, or cleared by retry */
	enum queue_hold hold;
	enum e2m_state state;
	uint32_t score; /* 1..5 */
	struct wall created;
	struct wall updated;
	uint32_t epoch;       /* of the last claim; 0: never claimed */
	uint32_t incarnation; /* of the last claim */
	uint32_t attempts;    /* claims that began from pending */
	uint32_t unmet;       /* dependencies not completed */
	uint64_t put_seq;     /* where its body is */
	uint64_t last_seq;    /* of its last event */
};
const struct queue_task *queue_find(const struct queue *q, struct str id);
/* In order of being put; NULL past the end. */
const struct queue_task *queue_at(const struct queue *q, size_t index);
/* What queue_claim would take; NULL: nothing. */
const struct queue_task *queue_next(
    const struct queue *q, struct str queue_name, struct str owner);

/*
 * Restart without the whole log.  A task's saved form is written with its row
 * when it is put and at its end, and now and then between (the oldest unsaved
 * first), so that a start loads the saved forms and applies only the events
 * after the oldest unsaved one.  Applying an event that a saved form already
 * has (seq <= its last_seq) is nothing.
 */
void queue_task_save(
    const struct queue *q, const struct queue_task *t, struct buf *out);
/* ERR_INPUT: not a saved form.  In any order; a task twice: the newer seq. */
int queue_task_load(struct queue *q, struct str saved, struct err *e) MUST_CHECK;
void queue_letter_save(
    const struct queue *q, const struct queue_letter *m, struct buf *out);
int queue_letter_load(
    struct queue *q, struct str saved, struct err *e) MUST_CHECK;
/* After all loads, before the first apply: dependencies and heaps. */
int queue_load_end(struct queue *q, struct err *e) MUST_CHECK;
/* The task whose oldest event after its last save is the oldest of all, and the
 * seq of that event; NULL: all are saved. */
const struct queue_task *queue_unsaved(const struct queue *q, uint64_t *since);
void queue_saved(struct queue *q, struct str id); /* as of now */
/* Another head of the book names this task: the trail of a task (store) goes
 * through every head of it, not only through the queue's. */
void queue_saw(struct queue *q, struct str id, uint64_t seq);

/* Every field of the state as canonical JSON (tests compare two machines). */
void queue_dump(const struct queue *q, struct buf *out);

#endif
