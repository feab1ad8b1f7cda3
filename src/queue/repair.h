/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_REPAIR_H
#define QUEUE_REPAIR_H

/*
 * A failure is never dropped: what a failed or blocked task leaves besides its
 * error, made for the caller to pass in the same finish.  Not for a failure
 * that is tried again (queue_would_retry).
 */

#include "queue/queue.h"

struct queue_repair {
	const struct queue_task *task;
	const struct json *failure; /* as of queue_finish */
	struct str queue;           /* who repairs; empty is "engineering" */
	struct str task_id;         /* of the new task, a UUID */
	struct str letter_id;       /* of the operator's letter, a UUID */
	struct wall now;
};
/* A task: ke_fit_score 4, an evaluator, payload {task, error}. */
void queue_repair_task(
    struct arena *a, const struct queue_repair *r, struct e2m_task *out);
/* A letter to the operator: escalate; requires_decision if the class is
 * requires_escalation, with the options retry and drop. */
void queue_repair_letter(
    struct arena *a, const struct queue_repair *r, struct e2m_envelope *out);
/* May this failure be kept: {error_type, class, message}? */
int queue_failure_check(const struct json *failure, struct err *e) MUST_CHECK;

#endif
