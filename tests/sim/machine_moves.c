/* SPDX-License-Identifier: Apache-2.0 */
/* What clients, workers, operators and the house do, at random. */
#include <stdlib.h>

#include "sim/machine.h"

static struct str
some_task(struct m_game *g)
{
	int n = g->m.count ? (int)m_draw(g, (uint32_t)g->m.count) : -1;

	return n < 0 ? uuid(&g->w, 9999)
	             : arena_str(&g->w.arena, str_of(g->m.tasks[n].id));
}

/* --- clients --- */

static struct e2m_envelope
letter_of(struct m_game *g, struct str at)
{
	return (struct e2m_envelope){
		.id = arena_printf(&g->w.arena, "letter-%u", ++g->letters),
		.envelope_type = E2M_TYPE_NOTIFY,
		.from = STR("operator"),
		.to = STR("engineering-coworker"),
		.subject = STR("Look"),
		.state = E2M_MAIL_PENDING,
		.ack_required = m_draw(g, 2) ? E2M_YES : E2M_UNSET,
		.at = at,
	};
}

/* The model counts no more than this before one task. */
static bool
has_room_before(const struct m_game *g, const struct json *list)
{
	int n = m_find(g, list->first->text);

	return n < 0 || g->m.tasks[n].depend_count < M_DEPENDS - 3;
}

static void
links_of(struct m_game *g, struct e2m_task *t)
{
	for (uint32_t n = m_draw(g, 3); n > 0; n--) {
		struct json *list = json_new(&g->w.arena, JSON_ARRAY);

		json_push(list, json_new_str(&g->w.arena, some_task(g)));
		if (m_draw(g, 3)) {
			t->depends_on = list;
		} else if (has_room_before(g, list)) {
			t->blocks = list;
		}
	}
}

static void
plan_of(struct m_game *g, struct queue_put *c)
{
	if (m_draw(g, 4) == 0) {
		c->not_before.us = g->w.now.us + 1000LL * m_draw(g, 60000);
	}
	if (m_draw(g, 2)) {
		c->retry.max_attempts = 1 + m_draw(g, 4);
		c->retry.max_lost = m_draw(g, 5);
		c->retry.base_us = 1000LL * m_draw(g, 5000);
	}
	if (m_draw(g, 6) == 0) {
		c->every.us = CLOCK_SECOND * (1 + m_draw(g, 60));
	} else if (m_draw(g, 8) == 0) {
		c->every.cron = STR("*/5 * * * *");
	}
	if (m_draw(g, 3) == 0) {
		c->due.us = g->w.now.us + M_DAY / 8 * m_draw(g, 150);
		c->estimated_tenths = m_draw(g, 100);
	}
	if (m_draw(g, 3) == 0) {
		c->parent = some_task(g);
	}
	if (m_draw(g, 3) == 0) {
		c->key = arena_printf(&g->w.arena, "key-%u", 1 + m_draw(g, 30));
	}
}

static void
put_of(struct m_game *g, struct e2m_task *t, struct queue_put *c)
{
	*t = task_of(&g->w, ++g->puts);
	t->ke_fit_score = m_draw(g, 6);
	t->queue = str_of(m_queues[m_draw(g, M_QUEUES)]);
	if (m_draw(g, 30) == 0) {
		t->id = some_task(g);
		if (m_find(g, t->id) >= 0 &&
		    g->m.tasks[m_find(g, t->id)].life == M_FORGOTTEN) {
			t->id = uuid(&g->w, g->puts); /* core knows better */
		}
	}
	*c = (struct queue_put){ .task = t, .now = g->w.now };
	links_of(g, t);
	plan_of(g, c);
}

static struct queue_claim
claim_of(struct m_game *g)
{
	static const struct str both[] = { { "engineering", 11 },
		{ "finance", 7 } };
	uint32_t which = m_draw(g, 4);

	return (struct queue_claim){
		.queues = which == 1 ? &both[1] : both,
		.queue_count = which < 2 ? 1 : 2,
		.max = m_draw(g, 5),
		.owner = str_of(m_people[ME_ + m_draw(g, 2)]),
		.incarnation = g->incarnation,
		.now = g->w.now,
	};
}

/* Whoever waits gets what is put if there is nothing else for it. */
static void
hand_off(struct m_game *g, const struct queue_put *c, bool nothing_else,
    const struct queue_step *s)
{
	const struct queue_claim *k = c->claim;
	struct m_task *t = &g->m.tasks[g->m.count - 1];
	bool served = false;
	bool full =
	    g->limits[t->queue].max_running > 0 &&
	    g->m.lines[t->queue].running >= g->limits[t->queue].max_running;

	for (size_t i = 0; i < k->queue_count; i++) {
		served |= str_eq(k->queues[i], c->task->queue);
	}
	g->clock = k->now.us > g->clock ? k->now.us : g->clock;
	served = served && c->not_before.us <= k->now.us && m_met(&g->m, t) &&
	         nothing_else && !full;
	if (served != (s->claim_count == 1)) {
		m_fault("a task that somebody waits for is %shanded off",
		    served ? "not " : "");
	}
	if (served) {
		m_take(g, g->m.count - 1, k, s->claims[0].epoch);
		m_seen.hand_offs++;
	}
}

static void
put_one(struct m_game *g)
{
	struct e2m_task t;
	struct queue_put c;
	struct queue_claim k = claim_of(g);
	struct queue_step s = { 0 };
	struct e2m_envelope m;
	bool nothing_else;
	int rc;

	if (g->m.count >= M_TASKS - 24) {
		return;
	}
	put_of(g, &t, &c);
	m = letter_of(g, t.created_at);
	c.mail = m_draw(g, 3) == 0 ? &m : NULL;
	c.claim = m_draw(g, 4) == 0 ? &k : NULL;
	if (c.claim) {
		g->clock = g->w.now.us > g->clock ? g->w.now.us : g->clock;
		queue_due(g->w.queue, &g->w.arena, g->w.now, &s);
	}
	nothing_else = !m_any_claimable(g, &k, true);
	rc = queue_put(g->w.queue, &g->w.arena, &c, &s, &g->w.e);
	m_after_put(g, &c, false, rc, &s);
	if (rc == 0 && !s.duplicate) {
		if (c.claim) {
			hand_off(g, &c, nothing_else, &s);
		}
		m_apply(g, &s);
	}
}

/* The ack of the letter that came with a task. */
static void
ack_one(struct m_game *g)
{
	struct str id = arena_printf(&g->w.arena, "letter-%u",
	    1 + m_draw(g, g->letters ? g->letters : 1));
	const struct queue_letter *m = queue_letter_find(g->w.queue, id);
	struct queue_ack c = { .letter = id,
		.mailbox = STR("engineering-coworker"),
		.now = g->w.now };
	struct queue_step s = { 0 };
	int n = m ? m_find(g, m->task) : -1;

	if (m && queue_mail_ack(g->w.queue, &g->w.arena, &c, &s, &g->w.e)) {
		m_fault("an ack is refused: %s", g->w.e.text);
	}
	if (m) {
		m_apply(g, &s);
	}
	if (n >= 0) {
		g->m.tasks[n].letter = false;
	}
}

/* --- workers --- */

static void
claim_some(struct m_game *g)
{
	struct queue_claim c = claim_of(g);
	struct queue_step s = { 0 };
	int rc;

	if (g->lease_count > M_LEASES - 8) {
		return;
	}
	rc = queue_claim(g->w.queue, &g->w.arena, &c, &s, &g->w.e);
	m_after_claim(g, &c, rc, &s);
	if (rc == 0) {
		m_apply(g, &s);
	}
}

static struct json *
failure_of(struct m_game *g)
{
	struct json *f = json_new(&g->w.arena, JSON_OBJECT);

	json_set_str(&g->w.arena, f, "error_type", STR("test"));
	json_set_str(&g->w.arena, f, "message", STR("it broke"));
	json_set_str(&g->w.arena, f, "class",
	    m_draw(g, 3) ? STR("resolvable") : STR("unresolvable"));
	return f;
}

static void
finish_lease(struct m_game *g, struct m_lease *l)
{
	static const enum e2m_event outcomes[] = { E2M_COMPLETE, E2M_COMPLETE,
		E2M_FAIL, E2M_FAIL, E2M_BLOCK };
	struct e2m_task t;
	struct queue_put follow;
	struct queue_finish c = {
		.task = str_of(g->m.tasks[l->task].id),
		.epoch = l->epoch,
		.outcome = outcomes[m_draw(g, 5)],
		.result = failure_of(g),
		.failure = failure_of(g),
		.follow_ups = &follow,
		.now = g->w.now,
		.random = m_draw(g, 2) ? m_draw_wide(g) : 0,
	};
	uint32_t ack = m_draw(g, 4) ? l->ack : 0;
	struct queue_step s = { 0 };
	int rc;

	if (m_draw(g, 5) == 0 && g->m.count < M_TASKS - 24) {
		put_of(g, &t, &follow);
		t.depends_on = NULL;
		t.blocks = NULL;
		c.follow_up_count = 1;
	}
	if (ack) {
		c.ack_key = arena_printf(&g->w.arena, "ack-%u", ack);
	}
	rc = queue_finish(g->w.queue, &g->w.arena, &c, &s, &g->w.e);
	m_after_finish(g, &c, ack, rc, &s);
	if (rc == 0) {
		m_apply(g, &s);
	}
}

static struct m_lease *
some_lease(struct m_game *g)
{
	size_t recent = g->lease_count < 12 ? g->lease_count : 12;
	struct m_lease *l = NULL;

	if (recent > 0) {
		l = &g->leases[g->lease_count - 1 -
		               m_draw(g, (uint32_t)recent)];
	}
	return l && (l->told || machine_bug == MACHINE_REPLY) ? l : NULL;
}

static void
work(struct m_game *g)
{
	struct m_lease *l = some_lease(g);

	if (!l) {
		return;
	}
	switch (m_draw(g, 8)) {
	case 0:
		l->silent = true;
		break;
	case 1:
		if (!l->silent && l->until != INT64_MAX) {
			l->until = g->mono + M_LEASE;
		}
		break;
	default:
		finish_lease(g, l);
		break;
	}
}

/* --- operators, and the house --- */

static void
touch_one(struct m_game *g, enum m_touch what, struct queue_touch *c)
{
	static queue_touch_fn *const commands[M_TOUCHES] = {
		[M_UNBLOCK] = queue_unblock,
		[M_RETRY] = queue_retry,
		[M_REDRIVE] = queue_redrive,
		[M_BLOCK] = queue_block,
		[M_PARK] = queue_park,
		[M_WAKE] = queue_wake,
		[M_LOSE] = queue_lease_lost,
		[M_CANCEL] = queue_cancel,
	};
	struct queue_step s = { 0 };
	int rc;

	c->now = g->w.now;
	c->why = STR("because");
	rc = commands[what](g->w.queue, &g->w.arena, c, &s, &g->w.e);
	m_after_touch(g, what, c, rc, &s);
	if (rc == 0) {
		m_apply(g, &s);
	}
}

static void
touch_some(struct m_game *g)
{
	static const enum m_touch often[] = { M_UNBLOCK, M_UNBLOCK, M_RETRY,
		M_RETRY, M_REDRIVE, M_BLOCK, M_PARK, M_PARK, M_WAKE, M_WAKE,
		M_WAKE, M_CANCEL };
	enum m_touch what = often[m_draw(g, COUNT(often))];
	struct str id = some_task(g);
	int n = m_find(g, id);
	struct queue_touch c = { .task = id, .random = m_draw_wide(g) };

	if (n >= 0) {
		c.epoch = g->m.tasks[n].epoch - (m_draw(g, 6) == 0);
	}
	if (g->m.count < M_TASKS - 24 || what != M_RETRY) {
		touch_one(g, what, &c);
	}
}

/* Whoever was silent for its lease loses what it was given, and no more. */
static void
expire(struct m_game *g)
{
	for (size_t i = 0; i < g->lease_count; i++) {
		struct m_lease *l = &g->leases[i];
		struct queue_touch c = {
			.task = str_of(g->m.tasks[l->task].id),
			.epoch = l->epoch,
			.random = m_draw_wide(g),
			.ours = m_draw(g, 6) == 0,
		};

		if (g->mono >= l->until) {
			l->until = INT64_MAX;
			touch_one(g, M_LOSE, &c);
		}
	}
}

static void
forget(struct m_game *g)
{
	struct wall before = { g->w.now.us - 1000LL * m_draw(g, 60000) };
	struct queue_step s = { 0 };

	if (queue_forget(
	        g->w.queue, &g->w.arena, before, g->w.now, &s, &g->w.e)) {
		m_fault("forget: %s", g->w.e.text);
	}
	m_after_forget(g, before, &s);
	m_apply(g, &s);
}

static void
recall(struct m_game *g)
{
	int n = g->m.count ? (int)m_draw(g, (uint32_t)g->m.count) : -1;
	struct queue_step s = { 0 };
	const struct m_row *r;
	int rc;

	if (n < 0 || g->m.tasks[n].life != M_FORGOTTEN) {
		return;
	}
	r = m_row_of(g, str_of(g->m.tasks[n].id), false);
	if (r->form_now.len == 0) {
		return;
	}
	rc = queue_recall(
	    g->w.queue, &g->w.arena, r->form_now, g->w.now, &s, &g->w.e);
	m_after_recall(g, n, rc);
	if (rc == 0) {
		m_apply(g, &s);
		queue_hold_back(
		    g->w.queue, str_of(g->m.tasks[n].id), g->m.tasks[n].held);
	}
}

static void
stop_or_resume(struct m_game *g)
{
	int n = m_find(g, some_task(g));

	if (n >= 0 && g->m.tasks[n].life == M_THERE) {
		bool held = !g->m.tasks[n].held && !g->calm;

		g->m.tasks[n].held = held;
		queue_hold_back(g->w.queue, str_of(g->m.tasks[n].id), held);
		m_seen.held += held;
	}
}

static void
care(struct m_game *g)
{
	struct queue_step s = { 0 };

	switch (m_draw(g, 10)) {
	case 0:
	case 1:
		forget(g);
		break;
	case 2:
	case 3:
		recall(g);
		break;
	case 4:
		stop_or_resume(g);
		break;
	case 5:
		ack_one(g);
		break;
	case 6:
		queue_due(g->w.queue, &g->w.arena, g->w.now, &s);
		g->clock = g->w.now.us > g->clock ? g->w.now.us : g->clock;
		break;
	default:
		m_save_some(g);
		break;
	}
}

/* --- time --- */

static void
time_goes_on(struct m_game *g)
{
	int64_t us = 1000LL * m_draw(g, 2000);

	g->mono += us;
	g->w.now.us += us;
	if (m_draw(g, 40) == 0) {
		int64_t hours = (int64_t)m_draw(g, 60) - 24;

		g->w.now.us += hours * 3600 * CLOCK_SECOND;
		m_seen.jumps++;
	}
}

void
m_move(struct m_game *g)
{
	static void (*const moves[])(struct m_game *) = { put_one, put_one,
		put_one, claim_some, claim_some, claim_some, work, work, work,
		work, touch_some, touch_some, care, care };

	time_goes_on(g);
	expire(g);
	moves[m_draw(g, COUNT(moves))](g);
	m_seen.commands++;
	m_compare(g, "after a command");
	if (m_draw(g, 3) == 0) {
		m_commit(g);
	}
	if (m_draw(g, 50) == 0) {
		m_seen.crashes += g->w.logged > g->disk_logged;
		m_restart(g);
	}
}

/* --- the storm is over --- */

static void
let_go(struct m_game *g)
{
	for (int n = 0; n < g->m.count; n++) {
		struct m_task *t = &g->m.tasks[n];
		struct queue_touch c = { .task = str_of(t->id),
			.epoch = t->epoch };

		if (t->life != M_THERE) {
			continue;
		}
		t->held = false;
		queue_hold_back(g->w.queue, c.task, false);
		if (t->hold == QUEUE_STOPPED) {
			touch_one(g, M_UNBLOCK, &c);
		} else if (t->hold == QUEUE_PARKED) {
			touch_one(g, M_WAKE, &c);
		} else if (t->hold == QUEUE_OWNED) {
			c.ours = true;
			touch_one(g, M_LOSE, &c);
		}
	}
}

static void
complete_all(struct m_game *g)
{
	for (int n = 0, count = g->m.count; n < count; n++) {
		const struct m_task *t = &g->m.tasks[n];
		struct queue_step s = { 0 };
		struct queue_finish c = { .task = str_of(t->id),
			.epoch = t->epoch,
			.outcome = E2M_COMPLETE,
			.now = g->w.now };

		if (t->life != M_THERE || t->hold != QUEUE_OWNED) {
			continue;
		}
		int rc = queue_finish(g->w.queue, &g->w.arena, &c, &s, &g->w.e);

		m_after_finish(g, &c, 0, rc, &s);
		m_apply(g, &s);
	}
}

static void
end_series(struct m_game *g)
{
	for (int n = 0; n < g->m.count; n++) {
		const struct m_task *t = &g->m.tasks[n];
		struct queue_touch c = { .task = str_of(t->id) };

		if (t->life == M_THERE && (t->every > 0 || t->cron) &&
		    t->hold != QUEUE_COMPLETE && t->hold != QUEUE_FAILED) {
			touch_one(g, M_CANCEL, &c);
		}
	}
}

static void
claim_all(struct m_game *g, enum person owner)
{
	struct str both[] = { STR("engineering"), STR("finance") };
	struct queue_claim c = { .queues = both,
		.queue_count = 2,
		.max = 8,
		.owner = str_of(m_people[owner]),
		.incarnation = g->incarnation,
		.now = g->w.now };
	struct queue_step s = { 0 };
	int rc = queue_claim(g->w.queue, &g->w.arena, &c, &s, &g->w.e);

	g->lease_count = 0;
	g->told_count = 0;
	m_after_claim(g, &c, rc, &s);
	if (rc == 0) {
		m_apply(g, &s);
	}
}

/* Everything can be claimed, and is completed; what waits for ever does so for
 * a failed one. */
void
m_calm_down(struct m_game *g)
{
	g->calm = true;
	g->w.now.us = g->clock > g->w.now.us ? g->clock : g->w.now.us;
	let_go(g);
	end_series(g);
	for (int idle = 0; idle < 20; idle++) { /* the clock fell many days */
		unsigned ends = m_seen.ended;

		g->w.now.us += M_DAY;
		claim_all(g, ME_);
		claim_all(g, YOU_);
		complete_all(g);
		idle = ends == m_seen.ended ? idle : 0;
	}
	m_compare(g, "at the end");
	for (int n = 0; n < g->m.count; n++) {
		const struct m_task *t = &g->m.tasks[n];

		if (t->life == M_THERE && t->hold != QUEUE_COMPLETE &&
		    t->hold != QUEUE_FAILED &&
		    (t->hold != QUEUE_WAITING || m_met(&g->m, t))) {
			m_fault("task %s never ends: it is %s", t->id,
			    queue_hold_name(t->hold));
		}
	}
}
