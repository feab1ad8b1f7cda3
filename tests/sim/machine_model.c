/* SPDX-License-Identifier: Apache-2.0 */
/* The order, the limits, the links: DESIGN, in other words than the code's. */
#include <stdlib.h>
#include <string.h>

#include "sim/machine.h"

#define HOUR (3600 * CLOCK_SECOND)

const char *const m_people[PERSONS] = { "", ME, YOU, "operator" };
const char *const m_queues[M_QUEUES] = { "engineering", "finance" };

int
m_find(const struct m_game *g, struct str id)
{
	for (int n = g->m.count - 1; n >= 0; n--) {
		if (str_eq_z(id, g->m.tasks[n].id)) {
			return n;
		}
	}
	return -1;
}

static int
person_of(struct str name)
{
	for (int p = ME_; p < PERSONS; p++) {
		if (str_eq_z(name, m_people[p])) {
			return p;
		}
	}
	return NOBODY;
}

static int
queue_of(struct str name)
{
	for (int n = 0; n < M_QUEUES; n++) {
		if (str_eq_z(name, m_queues[n])) {
			return n;
		}
	}
	return -1;
}

/* --- order --- */

static bool
depends_on(const struct m_task *t, int n)
{
	for (int i = 0; i < t->depend_count; i++) {
		if (t->depends[i] == n) {
			return true;
		}
	}
	return false;
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Where it stands: a time, the smallest first. */
static int64_t
place_of(const struct model *m, const struct m_task *t)
{
	int n = (int)(t - m->tasks);
	int64_t factor = t->queue == 0 ? 11 : 10; /* engineering, finance */
	int64_t impact = least(1000, t->score * 20 * factor);
	int64_t effort = t->tenths ? least(1000, impact * 50 / t->tenths) : 500;
	int64_t sum = 0;
	int64_t waiters = 0;
	int64_t total;

	for (int i = 0; i < m->count && t->hold != QUEUE_COMPLETE; i++) {
		const struct m_task *d = &m->tasks[i];

		if (d->life == M_THERE && depends_on(d, n)) {
			sum += d->urgency;
			waiters++;
		}
	}
	total = (300 * t->urgency + 25 * impact +
	            20 * (waiters ? sum * 10 / waiters : 0) + 15 * effort) /
	        100;
	return t->created - (t->letter ? 12 * HOUR : 0) - t->score * 2 * HOUR -
	       total * 36 * CLOCK_SECOND / 10;
}

static bool
stands_before(
    const struct model *m, const struct m_task *a, const struct m_task *b)
{
	int64_t x = place_of(m, a);
	int64_t y = place_of(m, b);

	if (x != y) {
		return x < y;
	}
	return a->created != b->created ? a->created < b->created
	                                : strcmp(a->id, b->id) < 0;
}

bool
m_met(const struct model *m, const struct m_task *t)
{
	for (int i = 0; i < t->depend_count; i++) {
		if (m->tasks[t->depends[i]].hold != QUEUE_COMPLETE) {
			return false;
		}
	}
	return true;
}

static const char *
why_not(const struct m_game *g, const struct m_task *t, enum person owner)
{
	if (t->life != M_THERE) {
		return "is not there";
	}
	if (t->hold != QUEUE_WAITING && t->hold != QUEUE_LOOSE) {
		return "is not to be had";
	}
	if (t->held) {
		return "is held back";
	}
	if (t->hold == QUEUE_LOOSE) {
		return t->owner == owner ? NULL : "is another identity's";
	}
	if (!m_met(&g->m, t)) {
		return "depends on what is not complete";
	}
	return t->not_before > g->clock ? "is claimed before its time" : NULL;
}

static bool
names_queue(const struct queue_claim *c, unsigned queue)
{
	for (size_t i = 0; i < c->queue_count; i++) {
		if (str_eq_z(c->queues[i], m_queues[queue])) {
			return true;
		}
	}
	return false;
}

static bool
is_full(const struct m_game *g, unsigned queue)
{
	return g->limits[queue].max_running > 0 &&
	       g->m.lines[queue].running >= g->limits[queue].max_running;
}

static bool
any_in(const struct m_game *g, unsigned queue, enum person owner)
{
	for (int i = 0; i < g->m.count; i++) {
		if (g->m.tasks[i].queue == queue &&
		    !why_not(g, &g->m.tasks[i], owner)) {
			return true;
		}
	}
	return false;
}

bool
m_any_claimable(
    const struct m_game *g, const struct queue_claim *c, bool even_full)
{
	enum person owner = (enum person)person_of(c->owner);

	for (unsigned n = 0; n < M_QUEUES; n++) {
		if (names_queue(c, n) && (even_full || !is_full(g, n)) &&
		    any_in(g, n, owner)) {
			return true;
		}
	}
	return false;
}

/* --- claims --- */

/* With weights a and b the first is passed over at most b/a times in a row, and
 * once more where turns begin anew. */
static void
check_turn(struct m_game *g, const struct queue_claim *c, unsigned served)
{
	enum person owner = (enum person)person_of(c->owner);
	unsigned other = 1 - served;
	unsigned mine = g->limits[other].weight ? g->limits[other].weight : 1;
	unsigned its = g->limits[served].weight ? g->limits[served].weight : 1;
	struct m_line *l = &g->m.lines[other];

	g->m.lines[served].passed_over = 0;
	if (!names_queue(c, other) || is_full(g, other) ||
	    !any_in(g, other, owner)) {
		l->passed_over = 0;
		return;
	}
	if (++l->passed_over > 2 * ((its + mine - 1) / mine) + 2) {
		m_fault("queue %s starves: %u claims took from the other one",
		    m_queues[other], l->passed_over);
	}
}

static void
check_order(struct m_game *g, const struct m_task *t, enum person owner)
{
	for (int i = 0; i < g->m.count; i++) {
		const struct m_task *u = &g->m.tasks[i];

		if (u == t || u->queue != t->queue || why_not(g, u, owner)) {
			continue;
		}
		if (t->created - u->created >= 21 * HOUR) {
			m_fault("task %s starves: %s is 21 hours younger and "
			        "stood before it",
			    u->id, t->id);
		}
		if (stands_before(&g->m, u, t)) {
			m_fault("task %s is claimed and %s stood before it",
			    t->id, u->id);
		}
	}
}

void
m_take(struct m_game *g, int n, const struct queue_claim *c, uint32_t epoch)
{
	struct m_task *t = &g->m.tasks[n];

	if (epoch != t->epoch + 1) {
		m_fault("task %s is given under epoch %u after %u", t->id,
		    epoch, t->epoch);
	}
	g->m.lines[t->queue].waiting -= t->hold == QUEUE_WAITING;
	g->m.lines[t->queue].running++;
	t->attempts += t->hold == QUEUE_WAITING;
	t->hold = QUEUE_OWNED;
	t->owner = (enum person)person_of(c->owner);
	t->epoch = epoch;
	t->incarnation = c->incarnation;
	t->not_before = 0;
	t->updated = c->now.us;
	must(g->lease_count < M_LEASES);
	g->leases[g->lease_count++] = (struct m_lease){
		.task = n,
		.epoch = epoch,
		.owner = t->owner,
		.until = g->mono + M_LEASE,
		.ack = ++g->acks,
	};
	m_say(g, SAID_CLAIM, n, epoch);
	m_seen.claims++;
}

void
m_after_claim(struct m_game *g, const struct queue_claim *c, int rc,
    const struct queue_step *s)
{
	enum person owner = (enum person)person_of(c->owner);
	size_t count = rc ? 0 : s->claim_count;

	g->clock = c->now.us > g->clock ? c->now.us : g->clock;
	for (size_t i = 0; i < count; i++) {
		int n = m_find(g, s->claims[i].id);
		struct m_task *t = n < 0 ? NULL : &g->m.tasks[n];
		const char *why = t ? why_not(g, t, owner) : "was never put";

		if (why || !names_queue(c, t->queue)) {
			m_fault("task " STR_FMT " is claimed and %s",
			    STR_ARG(s->claims[i].id),
			    why ? why : "is of no queue that was named");
		}
		if (is_full(g, t->queue)) {
			m_fault("%s has more owned tasks than its limit",
			    m_queues[t->queue]);
		}
		check_order(g, t, owner);
		check_turn(g, c, t->queue);
		m_take(g, n, c, s->claims[i].epoch);
	}
	if (count < (c->max ? c->max : 1) && m_any_claimable(g, c, false)) {
		m_fault("a claim leaves what it could have had");
	}
	m_seen.full += rc && m_any_claimable(g, c, true);
}

/* --- puts --- */

struct m_task *
m_add(struct m_game *g, struct str id)
{
	struct m_task *t = &g->m.tasks[g->m.count];

	if (m_find(g, id) >= 0) {
		m_fault("task " STR_FMT " is put twice", STR_ARG(id));
	}
	must(g->m.count < M_TASKS && str_copy(t->id, sizeof(t->id), id));
	g->m.count++;
	t->life = M_THERE;
	t->hold = QUEUE_WAITING;
	t->parent = -1;
	t->next = -1;
	g->m.lines[t->queue].waiting += 0;
	return t;
}

static void
add_depend(struct m_task *t, int n)
{
	if (!depends_on(t, n)) {
		must(t->depend_count < M_DEPENDS);
		t->depends[t->depend_count++] = n;
	}
}

static bool
all_there(const struct m_game *g, const struct json *list)
{
	JSON_EACH(child, list)
	{
		int n = m_find(g, child->text);

		if (n < 0 || g->m.tasks[n].life != M_THERE) {
			return false;
		}
	}
	return true;
}

/* Is b among all that a waits for, or a itself? */
static bool
leads_to(const struct model *m, int a, int b)
{
	bool seen[M_TASKS] = { 0 };
	int todo[M_TASKS];
	int count = 0;

	todo[count++] = a;
	seen[a] = true;
	while (count > 0) {
		const struct m_task *t = &m->tasks[todo[--count]];

		if (t == &m->tasks[b]) {
			return true;
		}
		for (int i = 0; i < t->depend_count; i++) {
			int behind = t->depends[i];

			/* One that was seen gives its place to the next. */
			todo[count] = behind;
			count += !seen[behind];
			seen[behind] = true;
		}
	}
	return false;
}

static bool
closes_circle(const struct m_game *g, const struct e2m_task *t)
{
	bool circle = false;

	JSON_EACH(before, t->depends_on)
	{
		JSON_EACH(behind, t->blocks)
		{
			circle =
			    circle || leads_to(&g->m, m_find(g, before->text),
			                  m_find(g, behind->text));
		}
	}
	return circle;
}

static bool
blocks_may(const struct m_game *g, const struct e2m_task *t)
{
	JSON_EACH(child, t->blocks)
	{
		if (g->m.tasks[m_find(g, child->text)].hold != QUEUE_WAITING) {
			return false;
		}
	}
	return !closes_circle(g, t);
}

static uint32_t
key_of(struct str key)
{
	uint64_t number = 0;

	(void)(key.len > 4 && str_u64(str_sub(key, 4, key.len), &number));
	return (uint32_t)number;
}

static bool
is_over_limit(const struct m_game *g, const struct queue_put *c, int queue)
{
	const struct queue_limits *l = &g->limits[queue];
	const struct m_line *line = &g->m.lines[queue];

	return (l->max_waiting > 0 && line->waiting >= l->max_waiting) ||
	       (l->puts_per_minute > 0 &&
	           line->minute == c->now.us / CLOCK_MINUTE &&
	           line->puts >= l->puts_per_minute);
}

bool
m_put_allowed(
    const struct m_game *g, const struct queue_put *c, bool ours, int *first)
{
	const struct e2m_task *t = c->task;
	int queue = queue_of(t->queue);
	int same = m_find(g, t->id);
	int parent = m_find(g, c->parent);

	*first = -1;
	for (int i = 0; i < g->m.count && c->key.len > 0; i++) {
		if (g->m.tasks[i].life == M_THERE &&
		    g->m.tasks[i].key == key_of(c->key)) {
			*first = i;
			return true;
		}
	}
	if (queue < 0 || (same >= 0 && g->m.tasks[same].life == M_THERE) ||
	    (c->parent.len > 0 &&
	        (parent < 0 || g->m.tasks[parent].life != M_THERE)) ||
	    !all_there(g, t->depends_on) || !all_there(g, t->blocks) ||
	    !blocks_may(g, t)) {
		return false;
	}
	return ours || !is_over_limit(g, c, queue);
}

/* DESIGN and platform.md 2.4. */
static int64_t
urgency_of(int64_t due, int64_t created)
{
	static const struct {
		int64_t days, urgency;
	} steps[] = { { 0, 100 }, { 1, 95 }, { 3, 80 }, { 7, 60 }, { 14, 40 } };

	for (size_t i = 0; i < COUNT(steps) && due != 0; i++) {
		if (due - created < steps[i].days * M_DAY) {
			return steps[i].urgency;
		}
	}
	return due ? 20 : 30;
}

void
m_put_done(struct m_game *g, const struct queue_put *c)
{
	struct m_task *t = m_add(g, c->task->id);
	struct m_line *l;
	int64_t minute = c->now.us / CLOCK_MINUTE;
	struct wall created = { 0 };

	must(wall_parse(c->task->created_at, &created));
	t->queue = (unsigned)queue_of(c->task->queue);
	l = &g->m.lines[t->queue];
	l->waiting++;
	l->puts = l->minute == minute ? l->puts + 1 : 1;
	l->minute = minute;
	t->created = created.us;
	t->updated = created.us;
	t->score = c->task->ke_fit_score ? c->task->ke_fit_score : 3;
	t->urgency = urgency_of(c->due.us, created.us);
	t->tenths = c->estimated_tenths;
	t->not_before = c->not_before.us;
	t->letter = c->mail && c->mail->ack_required == E2M_YES;
	t->max_attempts = c->retry.max_attempts;
	t->max_lost = c->retry.max_lost;
	t->base = c->retry.base_us;
	t->cap = c->retry.cap_us;
	t->every = c->every.us;
	t->cron = c->every.cron.len > 0;
	t->key = key_of(c->key);
	t->parent = c->parent.len > 0 ? m_find(g, c->parent) : -1;
	JSON_EACH(child, c->task->depends_on)
	{
		add_depend(t, m_find(g, child->text));
	}
	JSON_EACH(child, c->task->blocks)
	{
		add_depend(
		    &g->m.tasks[m_find(g, child->text)], (int)(t - g->m.tasks));
	}
	m_seen.puts++;
}

void
m_after_put(struct m_game *g, const struct queue_put *c, bool ours, int rc,
    const struct queue_step *s)
{
	int first = -1;
	bool allowed = m_put_allowed(g, c, ours, &first);
	bool limits = !ours && g->limits[0].puts_per_minute > 0;

	if (first >= 0 &&
	    (rc || !s->duplicate || !str_eq_z(s->id, g->m.tasks[first].id))) {
		m_fault("a known idempotency key is put again");
	}
	if (!rc && !allowed) {
		m_fault("a put passes a limit, or what it may not name");
	}
	if (rc && allowed && !(limits && g->restarted)) {
		m_fault("a put that is allowed is refused: %s", g->w.e.text);
	}
	if (rc || first >= 0) {
		m_seen.refused += rc != 0;
		return;
	}
	m_put_done(g, c);
	m_say(g, SAID_PUT, g->m.count - 1, 0);
}

/* --- the machine beside the model --- */

static void
compare_one(struct m_game *g, const struct m_task *t, const char *when)
{
	const struct queue_task *q = queue_find(g->w.queue, str_of(t->id));

	if ((q != NULL) != (t->life == M_THERE)) {
		m_fault("%s: task %s is %s", when, t->id,
		    q ? "there again" : "lost");
	}
	if (!q) {
		return;
	}
	if (q->hold != t->hold || q->epoch != t->epoch) {
		m_fault("%s: task %s is %s under epoch %u, not %s under %u",
		    when, t->id, queue_hold_name(q->hold), q->epoch,
		    queue_hold_name(t->hold), t->epoch);
	}
	if (q->attempts != t->attempts || q->lost != t->lost ||
	    q->dead != t->dead) {
		m_fault("%s: task %s has %u attempts, %u lost leases%s, not "
		        "%u, %u%s",
		    when, t->id, q->attempts, q->lost, q->dead ? ", dead" : "",
		    t->attempts, t->lost, t->dead ? ", dead" : "");
	}
	if (q->not_before.us != t->not_before ||
	    (q->unmet == 0) != m_met(&g->m, t) ||
	    (t->owner != OPERATOR && !str_eq_z(q->owner, m_people[t->owner]))) {
		m_fault("%s: task %s has another time, owner or unmet "
		        "dependency (it depends on %u)",
		    when, t->id, q->unmet);
	}
}

void
m_compare(struct m_game *g, const char *when)
{
	for (int n = 0; n < g->m.count; n++) {
		compare_one(g, &g->m.tasks[n], when);
	}
}
