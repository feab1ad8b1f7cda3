/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue with a planted bug (BUG=word), for sim_queue to notice: the linker
 * puts these in front of the machine (--wrap).
 */
#include <stdlib.h>
#include <string.h>

#include "queue/queue.h"

static bool
is_planted(const char *word)
{
	const char *bug = getenv("BUG"); /* NOLINT(concurrency-mt-unsafe) */

	return bug && strcmp(bug, word) == 0;
}

static uint32_t
epoch_in_force(const struct queue *q, struct str task)
{
	const struct queue_task *t = queue_find(q, task);

	return t ? t->epoch : 0;
}

/* NOLINTBEGIN(bugprone-reserved-identifier): the names of ld --wrap */

/* Whoever names the task may finish it. */
int __real_queue_finish(struct queue *q, struct arena *a,
    const struct queue_finish *c, struct queue_step *step, struct err *e);
int __wrap_queue_finish(struct queue *q, struct arena *a,
    const struct queue_finish *c, struct queue_step *step, struct err *e);
int
__wrap_queue_finish(struct queue *q, struct arena *a,
    const struct queue_finish *c, struct queue_step *step, struct err *e)
{
	struct queue_finish any = *c;

	if (is_planted("no_epoch_check")) {
		any.epoch = epoch_in_force(q, c->task);
	}
	return __real_queue_finish(q, a, &any, step, e);
}

/* NOLINTEND(bugprone-reserved-identifier) */
