/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_MAIL_H
#define QUEUE_MAIL_H

/* Letters: the other half of the same machine and of the same log. */

#include "queue/step.h"

#define QUEUE_READERS_MAX 256 /* acknowledgements of one broadcast */
#define QUEUE_OPTIONS_MAX 16  /* decision_options of one letter */
#define QUEUE_OPTION_MAX  64  /* bytes of one */

struct queue;

/* A new letter: its state is pending, `to` is a mailbox or "broadcast".  A
 * reply without thread_id joins the thread of the letter it replies to. */
int queue_mail_send(struct queue *q, struct arena *a,
    const struct e2m_envelope *m, struct queue_step *step,
    struct err *e) MUST_CHECK;
struct queue_ack {
	struct str mailbox; /* the reader's; a broadcast is acked per reader */
	struct str letter;
	struct str note;
	struct str decision; /* of a letter that requires one: an option of it,
	                        or any text if it names none */
	struct wall now;
};
/* Acked twice is a duplicate, not an error. */
int queue_mail_ack(struct queue *q, struct arena *a, const struct queue_ack *c,
    struct queue_step *step, struct err *e) MUST_CHECK;

struct queue_letter { /* read only for others */
	struct str id;
	struct str to;
	struct str from;
	struct str subject;
	struct str thread; /* thread_id, or of the letter it replies to */
	struct str reply_to;
	struct str task;     /* the task that came with it, or empty */
	struct str decision; /* what was decided, or empty */
	enum e2m_type type;
	bool ack_required;
	bool requires_decision;
	bool done; /* acked; a broadcast never is */
	uint32_t priority;
	struct wall at;
	struct wall expires; /* us 0: never */
	uint64_t seq;        /* where its body is */
	uint64_t last_seq;   /* of its last event */
};
/* Pending letters of a mailbox with broadcasts, ack_required first, then
 * priority, age, id.  Does not consume; an expired one is archived and no
 * longer shown.  At most max; returns how many.  Looks at no letter that was
 * acked, and at few behind the last shown. */
size_t queue_mail_receive(const struct queue *q, struct str mailbox,
    struct wall now, const struct queue_letter **out, size_t max);
/* How many are in that box alone, expired ones that are still there included;
 * but none that came with a task: those have their queue's bound. */
size_t queue_mail_waiting(const struct queue *q, struct str mailbox);
/* The letters of a thread in order of being sent; the first `max`. */
size_t queue_mail_thread(const struct queue *q, struct str thread,
    const struct queue_letter **out, size_t max);
const struct queue_letter *queue_letter_find(
    const struct queue *q, struct str id);
/* Every letter of the memory, in no order; NULL: no such index.  A step adds at
 * the end, and puts the last in the place of one that goes: who looks from the
 * end to the beginning misses none that was there. */
size_t queue_letter_count(const struct queue *q);
const struct queue_letter *queue_letter_at(const struct queue *q, size_t index);

#endif
