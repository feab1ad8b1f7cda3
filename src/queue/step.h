/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_STEP_H
#define QUEUE_STEP_H

/* What a command yields: events to append, effects to perform after the
 * commit, and the answer. */

#include "e2m/e2m.h"

enum queue_event_kind {
#define QUEUE_EVENT(id, word, head) QUEUE_EVENT_##id,
#include "queue/events.def"
#undef QUEUE_EVENT
};
const char *queue_event_head(enum queue_event_kind k); /* book kind's name */
const char *queue_event_word(enum queue_event_kind k); /* "event" in the body */

struct queue_change; /* the body, already read: of this room alone */

struct queue_event {
	enum queue_event_kind kind;
	struct str id; /* of the task or letter; empty: of neither */
	uint32_t epoch;
	struct str owner; /* identity, or empty */
	struct str queue; /* of a put; else the task knows it */
	struct str body;  /* JSON, all that queue_apply needs */
	const struct queue_change *change; /* for queue_apply_event */
};
enum queue_effect_kind {
	QUEUE_READY, /* name: look whether this queue has a task to claim */
	QUEUE_END,   /* id, epoch, name: end the run of this owner */
	QUEUE_MAIL,  /* name: this mailbox has a new letter */
	QUEUE_FINAL, /* id: completed or failed, and stays so */
};
struct queue_effect {
	enum queue_effect_kind kind;
	struct str id;
	struct str name;
	uint32_t epoch;
};
struct queue_claimed {
	struct str id;
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
	bool more;      /* of a bounded command: say it again for the rest */
	bool dead;      /* failed for good: a dead letter (queue_redrive) */
	enum e2m_state state;   /* of the task after the step */
	struct wall again;      /* of a failure that is retried: when */
	struct str next;        /* of a recurring task: the next one's id */
	const struct str *gone; /* of forget: tasks and letters */
	size_t gone_count;
	const struct queue_claimed *claims; /* of a claim, a handed-off put */
	size_t claim_count;
};

#endif
