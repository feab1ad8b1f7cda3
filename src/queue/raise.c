/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

/*
 * After a restore: claims that were made after the backup are in no log any
 * more, but whoever made them may still be there.  Every task's epoch goes up,
 * also where it was never claimed, by more than such claims can be, so that
 * theirs are stale.
 */

int
queue_raise(struct queue *q, struct arena *a, uint32_t by, struct wall now,
    struct queue_step *step, struct err *e)
{
	struct queue_step s = { 0 };
	struct queue_change change = {
		.kind = QUEUE_EVENT_RAISE,
		.at = now,
		.epoch = by,
	};

	for (size_t i = 0; i < q->all.count; i++) {
		struct task *t = q->all.at[i];

		if (t->shown.epoch > UINT32_MAX - by) {
			return err_set(e, ERR_LIMIT,
			    "the task " STR_FMT " cannot have a higher epoch",
			    STR_ARG(t->shown.id));
		}
	}
	queue_step_yield(q, &s, a, &change);
	*step = s;
	return 0;
}

/* No event of a task: its trail in the book does not go through it.  Whoever
 * appends it saves every task with it. */
int
queue_apply_raise(
    struct queue *q, const struct queue_change *c, uint64_t seq, struct err *e)
{
	(void)seq;
	(void)e;
	for (size_t i = 0; i < q->all.count; i++) {
		struct task *t = q->all.at[i];

		t->shown.epoch += c->epoch;
	}
	return 0;
}
