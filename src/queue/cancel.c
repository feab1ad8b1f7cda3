/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

#include <stdlib.h>

/*
 * Cancelling by the six transitions: claim + fail, fail, unblock + fail.  The
 * children that nobody works on go first, and theirs before them, so that a
 * bounded step never leaves a child whose parent was forgotten about.
 */

struct visit {
	struct task *task;
	size_t child; /* the next one to look at */
};
struct walk {
	struct visit *path;
	size_t depth;
	size_t room;
};

static int
yield_cancel(struct queue *q, struct queue_step *s, struct arena *a,
    const struct task *t, const struct queue_touch *c, struct err *e)
{
	struct str why = c->why.len > 0 ? c->why : STR("cancelled");
	struct ending end = {
		.task = t,
		.epoch = t->shown.epoch,
		.outcome = E2M_FAIL,
		.next = E2M_FAILED,
		.failure = queue_failure_new(a, "cancelled", why),
		.now = c->now,
		.no_next = true,
	};

	if (t->shown.state == E2M_PENDING) {
		queue_claim_yield(q, s, a, &t->shown,
		    &(struct queue_claim){
		        .owner = STR("operator"), .now = c->now },
		    true);
		end.epoch++;
	} else if (t->shown.state == E2M_BLOCKED) {
		struct queue_change change =
		    queue_change_of(QUEUE_EVENT_UNBLOCK, t, c->now);

		change.why = c->why;
		queue_step_yield(q, s, a, &change);
	} else if (t->shown.hold == QUEUE_OWNED) {
		queue_step_tell(s, a, QUEUE_END, t);
	}
	return queue_end_yield(q, s, a, &end, e);
}

static void
enter(struct walk *w, struct task *t)
{
	w->path = array_grow(w->path, w->depth, &w->room, sizeof(*w->path));
	w->path[w->depth++] = (struct visit){ .task = t };
}

/* The next child that waits; NULL: no more of them. */
static struct task *
waiting_child(struct visit *v)
{
	const struct more *m = v->task->more;

	while (m && v->child < m->children.count) {
		struct task *child = m->children.at[v->child++];

		if (child->shown.hold == QUEUE_WAITING) {
			return child;
		}
	}
	return NULL;
}

int
queue_cancel(struct queue *q, struct arena *a, const struct queue_touch *c,
    struct queue_step *step, struct err *e)
{
	struct task *root = queue_task_need(q, c->task, e);
	struct walk w = { 0 };
	struct queue_step s = { 0 };
	size_t taken = 0;
	int rc = 0;

	if (!root) {
		return -1;
	}
	if (e2m_is_final(root->shown.state)) {
		return err_set(e, ERR_CONFLICT,
		    "the task is %s: there is nothing to cancel",
		    e2m_state_name(root->shown.state));
	}
	enter(&w, root);
	while (rc == 0 && w.depth > 0 && taken < QUEUE_BULK_MAX) {
		struct task *child = waiting_child(&w.path[w.depth - 1]);

		if (child) {
			enter(&w, child);
		} else {
			rc = yield_cancel(
			    q, &s, a, w.path[--w.depth].task, c, e);
			taken++;
		}
	}
	s.more = w.depth > 0;
	free(w.path);
	if (rc) {
		return -1;
	}
	queue_step_done(&s, a, root, s.more ? root->shown.state : E2M_FAILED);
	s.epoch += root->shown.state == E2M_PENDING && !s.more;
	*step = s;
	return 0;
}
