/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_TASK_H
#define QUEUE_TASK_H

/* The state of tasks, to be read. */

#include "queue/step.h"

struct queue;

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
	enum queue_hold hold : 8;
	enum e2m_state state : 8;
	bool dead;            /* failed, and given up by its policy */
	uint8_t score;        /* 1..5 */
	uint32_t epoch;       /* of the last claim; 0: never claimed */
	uint32_t incarnation; /* of the last claim */
	uint32_t attempts;    /* claims that began from pending */
	uint32_t lost;        /* leases since its last outcome */
	uint32_t unmet;       /* dependencies not completed */
	struct wall created;
	struct wall updated;
	struct wall not_before; /* us 0: at once */
	uint64_t put_seq;       /* where its body is */
	uint64_t last_seq;      /* of its last event */
};
const struct queue_task *queue_find(const struct queue *q, struct str id);
/* The task that made it; NULL: none did, or it was forgotten. */
const struct queue_task *queue_parent(const struct queue *q, struct str id);
/* In order of being put; NULL past the end.  queue_forget moves them up. */
const struct queue_task *queue_at(const struct queue *q, size_t index);
/* What queue_claim would take; NULL: nothing. */
const struct queue_task *queue_next(
    const struct queue *q, struct str queue_name, struct str owner);
struct queue_count {
	uint32_t ready;   /* can be claimed now */
	uint32_t waiting; /* pending in all */
	uint32_t running; /* owned */
};
struct queue_count queue_count(const struct queue *q, struct str queue_name);
struct queue_totals { /* of all that are in the memory */
	uint32_t states[E2M_FAILED + 1];
	uint32_t delayed; /* pending, and only their time is to come */
	uint32_t dead;
};
struct queue_totals queue_totals(const struct queue *q);

/* Every field of the state as canonical JSON (tests compare two machines). */
void queue_dump(const struct queue *q, struct buf *out);

#endif
