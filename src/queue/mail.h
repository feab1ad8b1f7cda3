/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_MAIL_H
#define QUEUE_MAIL_H

/* Letters: the other half of the same machine and of the same log. */

#include "queue/step.h"

#define QUEUE_READERS_MAX 256 /* acknowledgements of one broadcast */

struct queue;

/* A new letter: its state is pending, `to` is a mailbox or "broadcast". */
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

#endif
