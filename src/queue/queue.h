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

#include "e2m/e2m.h"
#include "json/json.h"

#define QUEUE_ID_MAX      64 /* bytes of a task or letter id, key, ack_key */
#define QUEUE_NAME_MAX    64 /* of a queue or mailbox */
#define QUEUE_OWNER_MAX   135
#define QUEUE_DEPENDS_MAX 64  /* each of depends_on and blocks */
#define QUEUE_BATCH_MAX   32  /* follow-ups, and letters, of one command */
#define QUEUE_READERS_MAX 256 /* acknowledgements of one broadcast */

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

/* --- what a command yields --------------------------------------------------
 */

enum queue_event_kind {
#define QUEUE_EVENT(id, word, head) QUEUE_EVENT_##id,
#include "queue/events.def"
#undef QUEUE_EVENT
};
const char *queue_event_head(enum queue_event_kind k); /* book kind's name */
const char *queue_event_word(enum queue_event_kind k); /* "event" in the body */

struct queue_event {
	enum queue_event_kind kind;
	struct str id; /* of the task or letter */
	uint32_t epoch;
	struct str owner; /* identity, or empty */
	struct str body;  /* JSON, all that queue_apply needs */
};
enum queue_effect_kind {
	QUEUE_READY, /* name: look whether this queue has a task to claim */
	QUEUE_END,   /* id, epoch, name: end the run of this owner */
	QUEUE_MAIL,  /* name: this mailbox has a new letter */
	QUEUE_FINAL, /* id: completed or failed */
};
struct queue_effect {
	enum queue_effect_kind kind;
	struct str id;
	struct str name;
	uint32_t epoch;
};
struct queue_step { /* lives in the arena of the command */
	struct queue_event *events;
	size_t event_count;
	struct queue_effect *effects;
	size_t effect_count;
	struct str id;  /* the task or letter; of a duplicate put the first */
	uint32_t epoch; /* of a claim, an unblock */
	bool duplicate; /* said before: no events, the first answer */
	enum e2m_state state; /* of the task after the step */
};

/* --- commands: 0 with a step, or -1 and nothing
 * ------------------------------- */

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

/* mail.c: letters.  Envelope state is pending, `to` a mailbox or "broadcast".
 */
int queue_mail_send(struct queue *q, struct arena *a,
    const struct e2m_envelope *m, struct queue_step *step,
    struct err *e) MUST_CHECK;
struct queue_ack {
	struct str mailbox; /* the reader's; a broadcast is acked per reader */
	struct str letter;
	struct str note;
	struct wall now;
};
/* Acked twice is a duplicate, not an error. */
int queue_mail_ack(struct queue *q, struct arena *a, const struct queue_ack *c,
    struct queue_step *step, struct err *e) MUST_CHECK;

/* --- state
 * -------------------------------------------------------------------- */

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

struct queue_letter {
	struct str id;
	struct str to;
	struct str from;
	struct str subject;
	enum e2m_type type;
	bool ack_required;
	uint32_t priority;
	struct wall at;
	struct wall expires; /* us 0: never */
	uint64_t seq;
};
/* Pending letters of a mailbox with broadcasts, ack_required first, then
 * priority, age, id.  Does not consume.  At most max; returns how many. */
size_t queue_mail_receive(const struct queue *q, struct str mailbox,
    struct wall now, const struct queue_letter **out, size_t max);

/* Every field of the state as canonical JSON (tests compare two machines). */
void queue_dump(const struct queue *q, struct buf *out);

#endif
