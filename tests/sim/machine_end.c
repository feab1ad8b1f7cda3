/* SPDX-License-Identifier: Apache-2.0 */
/* The ends of tasks, and all the commands on one of them. */
#include <stdlib.h>
#include <string.h>

#include "sim/machine.h"

static void
move_to(struct m_game *g, struct m_task *t, enum queue_hold hold)
{
	struct m_line *l = &g->m.lines[t->queue];

	l->waiting -= t->hold == QUEUE_WAITING;
	l->running -= t->hold == QUEUE_OWNED;
	t->hold = hold;
	l->waiting += hold == QUEUE_WAITING;
	l->running += hold == QUEUE_OWNED;
	t->updated = g->w.now.us;
}

static bool
in_progress(const struct m_task *t)
{
	return t->hold == QUEUE_OWNED || t->hold == QUEUE_PARKED ||
	       t->hold == QUEUE_LOOSE;
}

static bool
is_final(const struct m_task *t)
{
	return t->hold == QUEUE_COMPLETE || t->hold == QUEUE_FAILED;
}

/* --- series --- */

/* A series goes on with the end of each, once, whatever retries come later. */
static void
series(struct m_game *g, int n, const struct queue_step *s)
{
	const struct m_task before = g->m.tasks[n];
	bool due = (before.every > 0 || before.cron) && !before.rearmed;
	int64_t five = 300 * CLOCK_SECOND;
	struct m_task *t;

	if (!due && s->next.len > 0) {
		m_fault("a series is armed twice, after %s", before.id);
	}
	if (!due) {
		return;
	}
	if (s->next.len == 0) {
		m_fault("the next of the series of %s is not put", before.id);
	}
	t = m_add(g, s->next);
	t->queue = before.queue;
	t->created = g->w.now.us;
	t->updated = t->created;
	t->score = before.score;
	t->urgency = 30;
	t->max_attempts = before.max_attempts;
	t->max_lost = before.max_lost;
	t->base = before.base;
	t->cap = before.cap;
	t->every = before.every;
	t->cron = before.cron;
	if (before.parent >= 0 && g->m.tasks[before.parent].life == M_THERE) {
		t->parent = before.parent;
	}
	t->not_before = before.cron ? (g->w.now.us / five + 1) * five
	                            : g->w.now.us + before.every;
	g->m.lines[t->queue].waiting++;
	g->m.lines[t->queue].puts =
	    g->m.lines[t->queue].minute == g->w.now.us / CLOCK_MINUTE
	        ? g->m.lines[t->queue].puts + 1
	        : 1;
	g->m.lines[t->queue].minute = g->w.now.us / CLOCK_MINUTE;
	g->m.tasks[n].rearmed = true;
	g->m.tasks[n].next = g->m.count - 1;
	m_seen.series++;
}

/* The change of a put has the time that it must wait for. */
static void
check_series(struct m_game *g, const struct queue_step *s)
{
	int n = s->next.len > 0 ? m_find(g, s->next) : -1;
	char at[WALL_TEXT_MAX];

	for (size_t i = 0; i < s->event_count && n >= 0; i++) {
		if (!str_eq(s->events[i].id, s->next)) {
			continue;
		}
		wall_text((struct wall){ g->m.tasks[n].not_before }, at);
		if (!str_has_str(
		        s->events[i].body, arena_printf(&g->w.arena,
		                               "\"not_before\":\"%s\"", at))) {
			m_fault(
			    "the next of the series does not begin at %s", at);
		}
	}
}

/* --- finish --- */

static struct m_ack *
ack_of(struct m_task *t, uint32_t number)
{
	for (int i = 0; i < t->ack_count && t->life == M_THERE; i++) {
		if (t->acks[i].number == number) {
			return &t->acks[i];
		}
	}
	return NULL;
}

static struct m_ack *
find_ack(struct m_game *g, uint32_t number, int *owner)
{
	for (int n = 0; n < g->m.count && number; n++) {
		struct m_ack *ack = ack_of(&g->m.tasks[n], number);

		if (ack) {
			*owner = n;
			return ack;
		}
	}
	return NULL;
}

static void
keep_ack(
    struct m_task *t, uint32_t number, uint32_t epoch, enum e2m_state state)
{
	if (number == 0) {
		return;
	}
	memmove(&t->acks[1], &t->acks[0], sizeof(t->acks[0]) * (M_ACKS - 1));
	t->acks[0] = (struct m_ack){ number, epoch, state };
	t->ack_count += t->ack_count < M_ACKS;
}

static void
check_delay(struct m_game *g, const struct m_task *t, struct wall again,
    uint64_t random)
{
	int64_t bound = t->base ? t->base : CLOCK_SECOND;
	int64_t cap = t->cap ? t->cap : 3600 * CLOCK_SECOND;
	int64_t waits = again.us - g->w.now.us;

	for (uint32_t i = 1; i < t->attempts && bound < cap; i++) {
		bound *= 2;
	}
	bound = bound < cap ? bound : cap;
	bound -= bound % 1000;
	if (waits < 0 || waits > bound || (random == 0 && waits != bound)) {
		m_fault("task %s is tried again after %lld us, its policy says "
		        "at most %lld",
		    t->id, (long long)waits, (long long)bound);
	}
}

static void
ends(struct m_game *g, int n, const struct queue_finish *c, uint32_t ack,
    const struct queue_step *s)
{
	struct m_task *t = &g->m.tasks[n];
	struct str group = STR("");
	bool resolvable;
	bool again;

	(void)json_text(c->failure, "class", &group);
	resolvable = str_eq_z(group, "resolvable");
	again = c->outcome == E2M_FAIL && resolvable &&
	        t->attempts < t->max_attempts;
	t->lost = 0;
	if (c->outcome == E2M_BLOCK) {
		move_to(g, t, QUEUE_STOPPED);
		keep_ack(t, ack, c->epoch, E2M_BLOCKED);
		return;
	}
	if (again != (s->again.us > 0)) {
		m_fault("task %s after %u attempts of %u: it is %stried again",
		    t->id, t->attempts, t->max_attempts, again ? "not " : "");
	}
	if (again) {
		check_delay(g, t, s->again, c->random);
		move_to(g, t, QUEUE_WAITING);
		t->owner = NOBODY;
		t->dead = false;
		t->not_before = s->again.us;
		keep_ack(t, ack, c->epoch, E2M_PENDING);
		m_seen.retries++;
		return;
	}
	t->dead = c->outcome == E2M_FAIL && resolvable && t->max_attempts > 0;
	m_seen.deaths += t->dead;
	move_to(
	    g, t, c->outcome == E2M_COMPLETE ? QUEUE_COMPLETE : QUEUE_FAILED);
	keep_ack(t, ack, c->epoch,
	    c->outcome == E2M_COMPLETE ? E2M_COMPLETED : E2M_FAILED);
	series(g, n, s);
	check_series(g, s);
	m_seen.ended++;
}

static void
follow_up(struct m_game *g, const struct queue_finish *c)
{
	int first = -1;

	if (c->follow_up_count > 0 &&
	    m_put_allowed(g, &c->follow_ups[0], true, &first) && first < 0) {
		m_put_done(g, &c->follow_ups[0]);
	}
}

static bool
finish_allowed(struct m_game *g, const struct queue_finish *c)
{
	int n = m_find(g, c->task);
	int first = -1;

	return n >= 0 && g->m.tasks[n].life == M_THERE &&
	       g->m.tasks[n].hold == QUEUE_OWNED &&
	       g->m.tasks[n].epoch == c->epoch &&
	       (c->follow_up_count == 0 ||
	           m_put_allowed(g, &c->follow_ups[0], true, &first));
}

void
m_after_finish(struct m_game *g, const struct queue_finish *c, uint32_t ack,
    int rc, const struct queue_step *s)
{
	int n = m_find(g, c->task);
	int owner = -1;
	const struct m_ack *known = find_ack(g, ack, &owner);

	if (n >= 0 && g->m.tasks[n].life == M_THERE && known) {
		bool right = rc == 0 && s->duplicate && s->event_count == 0 &&
		             s->state == known->state &&
		             s->epoch == known->epoch;

		if (owner == n ? !right : rc == 0) {
			m_fault("a known ack_key of %s does not get its first "
			        "answer",
			    g->m.tasks[owner].id);
		}
		m_seen.repeated++;
		return;
	}
	if (rc == 0 && !finish_allowed(g, c)) {
		m_fault("task " STR_FMT " is finished under the stale epoch %u",
		    STR_ARG(c->task), c->epoch);
	}
	if (rc && finish_allowed(g, c)) {
		m_fault("an owner's finish is refused: %s", g->w.e.text);
	}
	if (rc) {
		m_seen.stale++;
		return;
	}
	ends(g, n, c, ack, s);
	follow_up(g, c);
	m_say(g, SAID_FINISH, n, c->epoch);
	m_seen.finishes++;
}

/* --- on one task --- */

static bool
touch_allowed(const struct m_task *t, enum m_touch what, uint32_t epoch)
{
	switch (what) {
	case M_UNBLOCK:
		return t->hold == QUEUE_STOPPED;
	case M_RETRY:
	case M_REDRIVE:
		return t->hold == QUEUE_FAILED;
	case M_BLOCK:
		return in_progress(t);
	case M_PARK:
	case M_LOSE:
		return t->hold == QUEUE_OWNED && t->epoch == epoch;
	case M_WAKE:
		return t->hold == QUEUE_PARKED;
	case M_CANCEL:
		return !is_final(t);
	case M_TOUCHES:
		break;
	}
	return false;
}

static void
cancel_one(struct m_game *g, struct m_task *t)
{
	if (t->hold == QUEUE_WAITING) { /* claim and fail */
		t->epoch++;
		t->attempts++;
		t->owner = OPERATOR;
		t->incarnation = 0;
		t->not_before = 0;
	}
	t->lost = 0;
	t->dead = false;
	move_to(g, t, QUEUE_FAILED);
	m_seen.cancels++;
}

/* Its children that nobody works on, and theirs. */
static bool
goes_with(const struct m_task *t, int parent)
{
	return t->life == M_THERE && t->parent == parent &&
	       t->hold == QUEUE_WAITING;
}

static void
cancel_all(struct m_game *g, int root)
{
	int todo[M_TASKS];
	int count = 0;

	todo[count++] = root;
	while (count > 0) {
		int n = todo[--count];

		for (int i = 0; i < g->m.count; i++) {
			bool goes = i != root && goes_with(&g->m.tasks[i], n);

			todo[count] = i;
			count += goes;
			m_seen.children += goes;
		}
		cancel_one(g, &g->m.tasks[n]);
	}
}

static void
check_cancelled(struct m_game *g, int root, const struct queue_step *s)
{
	for (int i = 0; i < g->m.count; i++) {
		const struct m_task *t = &g->m.tasks[i];
		bool told = false;

		for (size_t n = 0; n < s->event_count; n++) {
			told |= s->events[n].kind == QUEUE_EVENT_FAIL &&
			        str_eq_z(s->events[n].id, t->id);
		}
		if (t->life == M_THERE && t->parent == root &&
		    t->hold == QUEUE_WAITING && !told) {
			m_fault("the child %s waits on, its parent is "
			        "cancelled",
			    t->id);
		}
	}
}

static void
lose(struct m_game *g, int n, const struct queue_touch *c,
    const struct queue_step *s)
{
	struct m_task *t = &g->m.tasks[n];
	uint32_t most = t->max_lost ? t->max_lost : QUEUE_LOST_MAX;

	m_seen.leases_lost++;
	if (c->ours || t->lost + 1 < most) {
		t->lost += !c->ours;
		move_to(g, t, QUEUE_LOOSE);
		return;
	}
	t->lost = 0;
	t->dead = true;
	m_seen.deaths++;
	move_to(g, t, QUEUE_FAILED);
	series(g, n, s);
}

static void
touched(struct m_game *g, enum m_touch what, int n, const struct queue_touch *c,
    const struct queue_step *s)
{
	struct m_task *t = &g->m.tasks[n];

	switch (what) {
	case M_UNBLOCK:
	case M_WAKE:
		move_to(g, t, QUEUE_LOOSE);
		break;
	case M_RETRY:
	case M_REDRIVE:
		t->attempts = what == M_REDRIVE ? 0 : t->attempts;
		t->owner = NOBODY;
		t->dead = false;
		t->not_before = 0;
		move_to(g, t, QUEUE_WAITING);
		break;
	case M_BLOCK:
		t->lost = 0;
		move_to(g, t, QUEUE_STOPPED);
		break;
	case M_PARK:
		t->lost = 0;
		move_to(g, t, QUEUE_PARKED);
		break;
	case M_LOSE:
		lose(g, n, c, s);
		break;
	case M_CANCEL:
		check_cancelled(g, n, s);
		cancel_all(g, n);
		break;
	case M_TOUCHES:
		break;
	}
}

void
m_after_touch(struct m_game *g, enum m_touch what, const struct queue_touch *c,
    int rc, const struct queue_step *s)
{
	int n = m_find(g, c->task);
	bool there = n >= 0 && g->m.tasks[n].life == M_THERE;
	bool allowed = there && touch_allowed(&g->m.tasks[n], what, c->epoch);

	if (rc == 0 && !allowed) {
		m_fault("task " STR_FMT "%s", STR_ARG(c->task),
		    what == M_LOSE ? " is taken from its living owner"
		                   : ": a command passes that may not");
	}
	if (rc && allowed) {
		m_fault(
		    "a command that is allowed is refused: %s", g->w.e.text);
	}
	if (rc == 0) {
		touched(g, what, n, c, s);
	}
}

/* A new incarnation voids every lease, and nobody is the worse for it. */
void
m_after_leases(struct m_game *g)
{
	for (int n = 0; n < g->m.count; n++) {
		struct m_task *t = &g->m.tasks[n];

		if (t->life == M_THERE && t->hold == QUEUE_OWNED &&
		    t->incarnation < g->incarnation) {
			move_to(g, t, QUEUE_LOOSE);
		}
	}
}

/* --- what goes and comes back --- */

static bool
waits_for(const struct m_task *t, int n)
{
	for (int d = 0; d < t->depend_count && t->life == M_THERE; d++) {
		if (t->depends[d] == n) {
			return true;
		}
	}
	return false;
}

static bool
is_waited_for(const struct m_game *g, int n)
{
	for (int i = 0; i < g->m.count; i++) {
		if (waits_for(&g->m.tasks[i], n)) {
			return true;
		}
	}
	return false;
}

static void
forget_one(struct m_game *g, int n, struct wall before)
{
	struct m_task *t = &g->m.tasks[n];

	if (t->life != M_THERE || !is_final(t) || t->updated >= before.us ||
	    (t->hold == QUEUE_FAILED && is_waited_for(g, n))) {
		m_fault("task %s is forgotten too early", t->id);
	}
	t->life = M_FORGOTTEN;
	t->key = 0;
	t->ack_count = 0;
	m_seen.forgets++;
}

void
m_after_forget(struct m_game *g, struct wall before, const struct queue_step *s)
{
	for (size_t i = 0; i < s->gone_count; i++) {
		int n = m_find(g, s->gone[i]);

		if (n >= 0) {
			forget_one(g, n, before);
		}
	}
}

void
m_after_recall(struct m_game *g, int n, int rc)
{
	struct m_task *t = &g->m.tasks[n];

	for (int i = 0; i < t->depend_count; i++) {
		const struct m_task *d = &g->m.tasks[t->depends[i]];

		/* It may stand in the form, if it ended after it. */
		if (rc && d->life == M_FORGOTTEN) {
			return;
		}
	}
	if (rc) {
		m_fault("task %s cannot be recalled: %s", t->id, g->w.e.text);
	}
	t->life = M_THERE;
	t->updated = g->w.now.us;
	m_seen.recalls++;
}
