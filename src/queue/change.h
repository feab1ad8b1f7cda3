/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_CHANGE_H
#define QUEUE_CHANGE_H

/*
 * Inside of the room: an event as a struct.  The live path applies it as the
 * command made it; a rebuild reads it from the body.  Both must mean the same,
 * so times are whole milliseconds, as the body writes them.
 */

#include "queue/plan.h"

struct put_change {
	struct e2m_task task; /* borrows what the command was given */
	struct str row;       /* the task as JSON; of a series only */
	struct str key;
	struct wall not_before;
	struct queue_retry_policy retry;
	struct queue_every every;
	struct wall due;
	uint32_t tenths;
	struct str parent;
	struct str after;  /* the one of the series before it */
	struct str letter; /* that came with it and asks for an ack */
};
struct queue_change {
	enum queue_event_kind kind;
	struct str id;
	struct wall at;
	uint32_t epoch;
	struct str owner;
	uint32_t incarnation;
	bool to_cancel;
	bool again; /* a failure that is retried */
	bool dead;
	bool redrive;
	bool ours;           /* a lease that was lost and not by its holder */
	enum e2m_state from; /* for people: from and to, why, result, note */
	enum e2m_state to;
	struct str why;
	struct str ack_key;
	const struct json *result;
	const struct json *failure;
	struct wall not_before;
	struct wall before;     /* of a forget, */
	const struct str *keep; /* and what stays all the same */
	size_t keep_count;
	struct str saved; /* of a recall: the form's bytes */
	struct str reader;
	struct str decision;
	struct str note;
	struct str task; /* that the letter came with */
	struct put_change *put;
	const struct e2m_envelope *mail;
};

struct queue;

void queue_change_write(
    struct queue *q, struct buf *out, const struct queue_change *c);
int queue_change_read(struct arena *a, struct str body,
    struct queue_change *out, struct err *e) MUST_CHECK;
/* Text of a time as every body has it. */
struct str queue_time_text(
    struct queue *q, struct wall t, char text[WALL_TEXT_MAX]);

#endif
