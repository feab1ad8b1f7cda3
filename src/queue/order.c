/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

/*
 * The one total order of claims (DESIGN) as a number that does not change
 * while a task waits: its age, moved ahead by what it is worth.  So what is
 * worth less still comes before whatever is put long enough after it.
 */

#define HOUR_US    (3600 * CLOCK_SECOND)
#define MAIL_US    (12 * HOUR_US) /* more than all the rest together */
#define SCORE_US   (2 * HOUR_US)  /* a step of ke_fit_score */
#define TENTH_US   3600000LL      /* a tenth of a point; 100 points an hour */
#define FULL       1000           /* tenths */
#define STAMP_MOST (1LL << 47)    /* 398 days, by the stamps of ids */
#define PASS_WHOLE 5040           /* of a queue of weight 1 */

/* Of platform.md 2.4, by whole days; none is 30. */
uint8_t
queue_order_urgency(struct wall due, struct wall now)
{
	int64_t left = due.us - now.us;
	int64_t day = 24 * HOUR_US;

	if (due.us == 0) {
		return 30;
	}
	if (left < 0) {
		return 100;
	}
	if (left < day) {
		return 95;
	}
	if (left < 3 * day) {
		return 80;
	}
	if (left < 7 * day) {
		return 60;
	}
	return left < 14 * day ? 40 : 20;
}

static int64_t
share_of(struct str queue_name)
{
	if (str_eq_z(queue_name, "product-management")) {
		return 12;
	}
	if (str_eq_z(queue_name, "engineering")) {
		return 11;
	}
	return str_eq_z(queue_name, "design") ? 9 : 10;
}

static int64_t
at_most_full(int64_t tenths)
{
	return tenths < FULL ? tenths : FULL;
}

/* urgency .30, impact .25, dependency_unblock .20, effort .15, in tenths of a
 * point; staleness is the age itself. */
static int64_t
total_of(const struct task *t)
{
	int64_t impact = at_most_full(
	    (int64_t)t->shown.score * 20 * share_of(t->shown.queue));
	int64_t effort =
	    t->tenths ? at_most_full(impact * 50 / t->tenths) : FULL / 2;
	int64_t unblock = 0;

	if (t->more && t->more->dependants.count > 0) {
		unblock = (int64_t)t->more->unblock * 10 /
		          (int64_t)t->more->dependants.count;
	}
	return (30LL * 10 * (int64_t)t->urgency + 25 * impact + 20 * unblock +
	           15 * effort) /
	       100;
}

/* What a tie holds above the stamp. */
_Static_assert(
    (MAIL_US + 5 * SCORE_US) / TENTH_US + FULL < INT64_MAX / STAMP_MOST,
    "a tie has room for what a task is worth");

static int64_t
worth_of(const struct task *t)
{
	return (t->mail_waits ? MAIL_US : 0) + t->shown.score * SCORE_US +
	       total_of(t) * TENTH_US;
}

int64_t
queue_order_key(const struct task *t)
{
	return t->shown.created.us - worth_of(t);
}

/*
 * Of two with the same key, the one created first is the one worth less.  Of
 * two created in the same moment, their ids decide: by the stamp, counted from
 * that moment.  0: the id has none, or one of another year.
 */
uint64_t
queue_order_tie(const struct task *t)
{
	int64_t created = t->shown.created.us / 1000 * ID_STAMPS_MS;
	uint64_t stamp = 0;
	int64_t apart = 0;

	if (!id_stamp(t->shown.id, &stamp)) {
		return 0;
	}
	apart = (int64_t)stamp - created;
	if (apart <= -STAMP_MOST || apart >= STAMP_MOST) {
		return 0;
	}
	return (uint64_t)(worth_of(t) / TENTH_US) * 2 * STAMP_MOST +
	       (uint64_t)(apart + STAMP_MOST);
}

void
queue_order_changed(struct task *t)
{
	const struct heap *h = t->node.heap;

	if (h && (t->shown.hold == QUEUE_LOOSE || h == &t->line->ready)) {
		heap_move(&t->node, queue_order_key(t), queue_order_tie(t));
	}
}

/* Of two with the same key that their ties do not tell apart. */
bool
queue_task_first(const struct node *a, const struct node *b)
{
	const struct queue_task *x = &TASK_OF(a)->shown;
	const struct queue_task *y = &TASK_OF(b)->shown;

	if (x->created.us != y->created.us) {
		return x->created.us < y->created.us;
	}
	return str_cmp(x->id, y->id) < 0;
}

struct seat *
queue_seat_find(const struct line *l, struct str owner)
{
	for (size_t i = 0; i < l->seat_count; i++) {
		if (str_eq(l->seats[i]->owner, owner)) {
			return l->seats[i];
		}
	}
	return NULL;
}

static struct seat *
seat_get(struct queue *q, struct line *l, struct str owner)
{
	struct seat *s = queue_seat_find(l, owner);

	if (!s) {
		s = arena_alloc(&q->arena, sizeof(*s));
		s->owner = queue_name_keep(q, owner);
		s->loose.before = queue_task_first;
		l->seats = array_grow(l->seats, l->seat_count, &l->seat_room,
		    sizeof(struct seat *));
		l->seats[l->seat_count++] = s;
	}
	return s;
}

static void
place_waiting(struct queue *q, struct task *t)
{
	if (t->shown.unmet > 0 || t->held_back) {
		return;
	}
	if (t->shown.not_before.us > q->clock.us) {
		heap_add(&q->later, t->shown.not_before.us, 0, &t->node);
	} else {
		heap_add(&t->line->ready, queue_order_key(t),
		    queue_order_tie(t), &t->node);
	}
}

void
queue_place(struct queue *q, struct task *t)
{
	heap_remove(&t->node);
	switch (t->shown.hold) {
	case QUEUE_WAITING:
		place_waiting(q, t);
		break;
	case QUEUE_LOOSE:
		if (!t->held_back) {
			heap_add(&seat_get(q, t->line, t->shown.owner)->loose,
			    queue_order_key(t), queue_order_tie(t), &t->node);
		}
		break;
	case QUEUE_OWNED:
		heap_add(&q->owned, t->shown.incarnation, 0, &t->node);
		break;
	case QUEUE_COMPLETE:
	case QUEUE_FAILED:
		heap_add(&q->ended, t->shown.updated.us, 0, &t->node);
		break;
	case QUEUE_PARKED:
	case QUEUE_STOPPED:
		break;
	}
}

void
queue_hold_back(struct queue *q, struct str id, bool back)
{
	struct task *t = queue_task_find(q, id);

	if (t && t->held_back != back) {
		t->held_back = back;
		queue_place(q, t);
	}
}

static const enum e2m_state states[] = {
#define HOLD(id, word, e2m_state) [QUEUE_##id] = (e2m_state),
#include "queue/states.def"
#undef HOLD
};

enum e2m_state
queue_hold_state(enum queue_hold hold)
{
	return states[hold];
}

void
queue_hold(struct queue *q, struct task *t, enum queue_hold hold)
{
	struct line *l = t->line;

	l->waiting -= t->shown.hold == QUEUE_WAITING;
	l->running -= t->shown.hold == QUEUE_OWNED;
	q->states[t->shown.state]--;
	q->states[states[hold]]++;
	t->shown.hold = hold;
	t->shown.state = states[hold];
	l->waiting += hold == QUEUE_WAITING;
	l->running += hold == QUEUE_OWNED;
	queue_place(q, t);
}

/* A loose task goes back to the identity that had it: its calls and approvals
 * are that identity's. */
struct task *
queue_line_best(const struct line *l, struct str owner)
{
	const struct seat *s = queue_seat_find(l, owner);
	struct node *ready = heap_first(&l->ready);
	struct node *loose = s ? heap_first(&s->loose) : NULL;

	if (!loose || !ready) {
		ready = ready ? ready : loose;
		return ready ? TASK_OF(ready) : NULL;
	}
	if (heap_key(loose) != heap_key(ready)) {
		return TASK_OF(
		    heap_key(loose) < heap_key(ready) ? loose : ready);
	}
	return TASK_OF(queue_task_first(loose, ready) ? loose : ready);
}

/* Time goes on: what waited for it waits for a claim now. */
void
queue_mature(struct queue *q, struct wall now)
{
	if (now.us > q->clock.us) {
		q->clock = now;
	}
	while (q->later.count > 0 && q->later.at[0].key <= q->clock.us) {
		queue_place(q, TASK_OF(heap_first(&q->later)));
	}
}

/* A queue that had nothing for a while does not save up turns. */
uint64_t
queue_line_pass(const struct queue *q, const struct line *l)
{
	return l->pass > q->pass ? l->pass : q->pass;
}

void
queue_line_served(struct queue *q, struct line *l)
{
	uint32_t weight = l->limits.weight ? l->limits.weight : 1;

	q->pass = queue_line_pass(q, l);
	l->pass = q->pass + (weight < PASS_WHOLE ? PASS_WHOLE / weight : 1);
}
