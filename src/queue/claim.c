/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

int
queue_claim_check(const struct queue_claim *c, struct err *e)
{
	if (c->owner.len == 0 || c->owner.len > QUEUE_OWNER_MAX) {
		return err_set(e, ERR_INPUT,
		    "a claim needs an owner of 1..%d bytes", QUEUE_OWNER_MAX);
	}
	if (c->max > QUEUE_CLAIM_MAX) {
		return err_set(e, ERR_LIMIT, "a claim takes at most %d tasks",
		    QUEUE_CLAIM_MAX);
	}
	return 0;
}

bool
queue_claim_serves(const struct queue_claim *c, struct str queue_name)
{
	for (size_t i = 0; i < c->queue_count; i++) {
		if (str_eq(c->queues[i], queue_name)) {
			return true;
		}
	}
	return c->queue_count == 0 && str_eq(c->queue, queue_name);
}

void
queue_claim_yield(struct queue *q, struct queue_step *s, struct arena *a,
    const struct queue_task *t, const struct queue_claim *c, bool to_cancel)
{
	struct queue_change change = {
		.kind = QUEUE_EVENT_CLAIM,
		.id = t->id,
		.at = c->now,
		.epoch = t->epoch + 1,
		.owner = c->owner,
		.incarnation = c->incarnation,
		.to_cancel = to_cancel,
		.from = t->state,
		.to = E2M_IN_PROGRESS,
	};

	queue_step_yield(q, s, a, &change);
}

/* What is judged to be taken, and is not the last, is out of its heap until the
 * end of the judgement, and its queue counts as served; then all is as it
 * was. */
struct pick {
	struct queue *q;
	const struct queue_claim *c;
	struct line **lines;
	uint64_t *passes; /* as they were */
	size_t line_count;
	struct task **tasks;
	size_t count;
	uint64_t pass;
};

static int
pick_lines(struct pick *p, struct arena *a, struct err *e)
{
	const struct queue_claim *c = p->c;
	const struct str *names = c->queue_count > 0 ? c->queues : &c->queue;
	size_t count = c->queue_count > 0 ? c->queue_count : 1;

	p->lines = arena_array(a, count, sizeof(struct line *));
	p->passes = arena_array(a, count, sizeof(*p->passes));
	for (size_t i = 0; i < count; i++) {
		struct line *l = queue_line_find(p->q, names[i]);

		if (!l || !l->known) {
			return err_set(e, ERR_INPUT, "there is no queue %s",
			    err_quote(names[i]));
		}
		p->lines[i] = l;
		p->passes[i] = l->pass;
	}
	p->line_count = count;
	p->pass = p->q->pass;
	return 0;
}

static bool
is_full(const struct line *l)
{
	return l->limits.max_running > 0 &&
	       l->running + l->taken >= l->limits.max_running;
}

/* The queue whose turn it is: least served, of equals longest not served. */
static struct line *
next_line(const struct pick *p)
{
	struct line *best = NULL;
	uint64_t least = 0;

	for (size_t i = 0; i < p->line_count; i++) {
		struct line *l = p->lines[i];
		uint64_t pass = queue_line_pass(p->q, l);

		if (is_full(l) || !queue_line_best(l, p->c->owner)) {
			continue;
		}
		if (!best || pass < least ||
		    (pass == least && l->pass < best->pass)) {
			best = l;
			least = pass;
		}
	}
	return best;
}

static void
pick_tasks(struct pick *p, struct arena *a)
{
	size_t max = p->c->max ? p->c->max : 1;
	struct line *l = NULL;

	p->tasks = arena_array(a, max, sizeof(struct task *));
	while (p->count < max && (l = next_line(p))) {
		struct task *t = queue_line_best(l, p->c->owner);

		p->tasks[p->count++] = t;
		if (p->count < max) {
			heap_remove(&t->node);
		}
		l->taken++;
		queue_line_served(p->q, l);
	}
}

static void
put_back(struct pick *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (!p->tasks[i]->node.heap) {
			queue_place(p->q, p->tasks[i]);
		}
		p->tasks[i]->line->taken = 0;
	}
	for (size_t i = 0; i < p->line_count; i++) {
		p->lines[i]->pass = p->passes[i];
	}
	p->q->pass = p->pass;
}

int
queue_claim(struct queue *q, struct arena *a, const struct queue_claim *c,
    struct queue_step *step, struct err *e)
{
	struct pick p = { .q = q, .c = c };
	struct queue_step s = { 0 };

	if (pick_lines(&p, a, e) || queue_claim_check(c, e)) {
		return -1;
	}
	queue_mature(q, c->now);
	pick_tasks(&p, a);
	put_back(&p);
	if (p.count == 0) {
		return err_set(e, ERR_MISSING, "nothing to claim in %s",
		    err_quote(p.lines[0]->name));
	}
	for (size_t i = 0; i < p.count; i++) {
		const struct queue_task *t = &p.tasks[i]->shown;

		queue_claim_yield(q, &s, a, t, c, false);
		queue_step_claimed(&s, a, t->id, t->epoch + 1);
	}
	q->task_last = p.tasks[0]; /* the event is of it */
	s.id = s.claims[0].id;
	s.epoch = s.claims[0].epoch;
	s.state = E2M_IN_PROGRESS;
	*step = s;
	return 0;
}

void
queue_due(
    struct queue *q, struct arena *a, struct wall now, struct queue_step *step)
{
	struct queue_step s = { 0 };

	if (now.us > q->clock.us) {
		q->clock = now;
	}
	while (q->later.count > 0 && q->later.at[0].key <= q->clock.us) {
		struct task *t = TASK_OF(heap_first(&q->later));

		queue_step_tell(&s, a, QUEUE_READY, t);
		queue_place(q, t);
	}
	*step = s;
}

struct wall
queue_next_due(const struct queue *q)
{
	return (struct wall){ q->later.count > 0 ? q->later.at[0].key : 0 };
}
