/* SPDX-License-Identifier: Apache-2.0 */
#include "queue_help.h"

#include <stdlib.h>
#include <string.h>

#include "queue/repair.h"

/*
 * Random histories of all commands.  The live machine applies the changes as
 * its commands made them; a second one reads every body.  A store keeps saved
 * forms, taken at random moments, and at random moments the house restarts
 * from them and from the events after the oldest unsaved one.  All three are
 * always equal.
 */

#define TASKS    40
#define LETTERS  20
#define COMMANDS 500
#define SEEDS    120
#define MANY     8000 /* with SOAK=1 */

struct kept { /* a row of the store */
	struct str id;
	struct str form; /* empty: none */
	uint64_t gone;   /* forgotten by this event; 0: not */
	bool letter;
};
struct game {
	struct world w;
	struct queue *reader;
	struct kept rows[4096];
	size_t row_count;
	uint64_t random;
	uint64_t seq; /* of the log: other heads stand between ours */
	uint64_t seqs[20000];
	unsigned tasks;
	unsigned letters;
};

static unsigned seen[QUEUE_EVENT_RECALL + 1], restarts, deaths, series, agains,
    skipped;
static uint64_t last_seed;

/* Each found a fault that the first SEEDS do not. */
static const uint64_t telling[] = { 425, 429, 659, 790 };

static uint64_t
draw_wide(struct game *g)
{
	g->random ^= g->random << 13;
	g->random ^= g->random >> 7;
	g->random ^= g->random << 17;
	return g->random * 0x2545f4914f6cdd1dULL;
}

static uint32_t
draw(struct game *g, uint32_t below)
{
	return (uint32_t)((draw_wide(g) >> 32) % below);
}

static struct kept *
row_of(struct game *g, struct str id, bool letter)
{
	for (size_t i = 0; i < g->row_count; i++) {
		if (g->rows[i].letter == letter && str_eq(g->rows[i].id, id)) {
			return &g->rows[i];
		}
	}
	assert_true(g->row_count < COUNT(g->rows));
	g->rows[g->row_count] = (struct kept){
		.id = arena_str(&g->w.arena, id),
		.letter = letter,
	};
	return &g->rows[g->row_count++];
}

static void
take_step(struct game *g, const struct queue_step *s)
{
	for (size_t i = 0; i < s->event_count; i++) {
		struct err e = { 0 };

		g->seq += 1 + draw(g, 3);
		g->seqs[g->w.logged] = g->seq;
		g->w.log[g->w.logged++] =
		    arena_str(&g->w.arena, s->events[i].body);
		seen[s->events[i].kind]++;
		assert_row(queue_apply_event(
		               g->w.queue, &s->events[i], g->seq, &e) == 0,
		    "live", e.text);
		assert_row(
		    queue_apply(g->reader, s->events[i].body, g->seq, &e) == 0,
		    arena_z(&g->w.arena, s->events[i].body), e.text);
	}
	for (size_t i = 0; i < s->gone_count; i++) {
		struct str id = s->gone[i];
		bool letter = id.len != 36;

		row_of(g, id, letter)->gone = g->seq;
	}
	deaths += s->dead;
	series += s->next.len > 0;
	agains += s->again.us > 0;
}

/* --- the store --- */

static uint64_t
oldest_unsaved(struct game *g)
{
	uint64_t task = 0;
	uint64_t letter = 0;
	bool tasks = queue_unsaved(g->w.queue, &task) != NULL;
	bool letters = queue_letter_unsaved(g->w.queue, &letter) != NULL;

	if (!tasks && !letters) {
		return g->seq + 1;
	}
	return !letters || (tasks && task < letter) ? task : letter;
}

static void
save_task(struct game *g, const struct queue_task *t)
{
	auto_buf form = { 0 };
	struct kept *k = row_of(g, t->id, false);

	queue_task_save(g->w.queue, t, &form);
	k->form = arena_str(&g->w.arena, buf_str(&form));
	k->gone = 0;
	queue_saved(g->w.queue, t->id);
}

static void
save_letter(struct game *g, const struct queue_letter *m)
{
	auto_buf form = { 0 };

	queue_letter_save(g->w.queue, m, &form);
	row_of(g, m->id, true)->form = arena_str(&g->w.arena, buf_str(&form));
	queue_letter_saved(g->w.queue, m->id);
}

static void
random_save(struct game *g)
{
	uint64_t since = 0;

	for (unsigned n = draw(g, 6); n > 0; n--) {
		const struct queue_task *t = queue_unsaved(g->w.queue, &since);
		const struct queue_letter *m =
		    queue_letter_unsaved(g->w.queue, &since);
		const struct queue_task *any =
		    queue_at(g->w.queue, draw(g, TASKS));

		if (t) {
			save_task(g, t);
		}
		if (m && draw(g, 2)) {
			save_letter(g, m);
		}
		if (any && draw(g, 3) == 0) {
			save_task(g, any);
		}
	}
}

/* Whatever was forgotten before the oldest unsaved event is not loaded. */
static void
load_all(struct game *g, struct queue *fresh, uint64_t from)
{
	struct err e = { 0 };
	size_t first = draw(g, (uint32_t)g->row_count + 1);

	for (size_t i = 0; i < g->row_count; i++) {
		const struct kept *k = &g->rows[(first + i) % g->row_count];
		int rc = 0;

		if (k->form.len == 0 || (k->gone != 0 && k->gone < from)) {
			skipped += k->form.len > 0;
			continue;
		}
		rc = k->letter ? queue_letter_load(fresh, k->form, &e)
		               : queue_task_load(fresh, k->form, &e);
		assert_row(rc == 0, "load", e.text);
	}
	assert_row(queue_load_end(fresh, &e) == 0, "load_end", e.text);
}

static void
names_of(struct queue *q)
{
	queue_add_name(q, STR("engineering"));
	queue_add_name(q, STR("finance"));
	queue_add_mailbox(q, STR("engineering-coworker"));
	queue_add_mailbox(q, STR("finance-coworker"));
}

/* Says where two dumps part. */
static void
assert_same(struct game *g, struct str a, struct str b)
{
	size_t i = 0;

	while (i < a.len && i < b.len && a.at[i] == b.at[i]) {
		i++;
	}
	if (!str_eq(a, b)) {
		i = i > 150 ? i - 150 : 0;
		fail_msg("SEED=%llu: a restart differs after seq %llu\n%s\n%s",
		    (unsigned long long)last_seed, (unsigned long long)g->seq,
		    arena_z(&g->w.arena, str_sub(a, i, 250)),
		    arena_z(&g->w.arena, str_sub(b, i, 250)));
	}
}

static void
restart(struct game *g)
{
	struct str before = dump_of(&g->w, g->w.queue);
	uint64_t from = oldest_unsaved(g);
	struct queue *fresh = queue_new(restarts);
	struct err e = { 0 };

	names_of(fresh);
	load_all(g, fresh, from);
	for (size_t i = 0; i < g->w.logged; i++) {
		if (g->seqs[i] >= from) {
			assert_row(queue_apply(
			               fresh, g->w.log[i], g->seqs[i], &e) == 0,
			    arena_z(&g->w.arena, g->w.log[i]), e.text);
		}
	}
	assert_same(g, before, dump_of(&g->w, fresh));
	queue_free(g->w.queue);
	g->w.queue = fresh;
	restarts++;
}

/* --- commands --- */

static struct str
some_task(struct game *g)
{
	const struct queue_task *t =
	    queue_at(g->w.queue, draw(g, TASKS) % (g->tasks + 1));

	return t ? arena_str(&g->w.arena, t->id) : uuid(&g->w, 1);
}

static struct e2m_envelope
letter_of(struct game *g)
{
	static const char *const boxes[] = { "engineering-coworker",
		"finance-coworker", "broadcast", "operator" };
	char at[WALL_TEXT_MAX] = { 0 };
	struct e2m_envelope m = {
		.id = arena_printf(&g->w.arena, "letter-%u", ++g->letters),
		.envelope_type = E2M_TYPE_NOTIFY,
		.from = STR("operator"),
		.to = str_of(boxes[draw(g, 4)]),
		.subject = STR("Look"),
		.state = E2M_MAIL_PENDING,
		.priority = draw(g, 6),
		.ack_required = draw(g, 2) ? E2M_YES : E2M_UNSET,
	};

	wall_text(g->w.now, at);
	m.at = arena_str(&g->w.arena, str_of(at));
	if (draw(g, 3) == 0) {
		m.reply_to = arena_printf(
		    &g->w.arena, "letter-%u", 1 + draw(g, g->letters));
	}
	if (draw(g, 4) == 0) {
		m.thread_id =
		    arena_printf(&g->w.arena, "thread-%u", draw(g, 4));
	}
	if (draw(g, 4) == 0) {
		struct wall expires = { g->w.now.us + 1000000LL * draw(g, 50) };

		wall_text(expires, at);
		m.expires_at = arena_str(&g->w.arena, str_of(at));
	}
	if (draw(g, 3) == 0) {
		struct json *list = json_new(&g->w.arena, JSON_ARRAY);

		json_push(list, json_new_str(&g->w.arena, STR("yes")));
		m.requires_decision = E2M_YES;
		m.decision_options = draw(g, 2) ? list : NULL;
	}
	return m;
}

static void
plan_of(struct game *g, struct queue_put *c)
{
	if (draw(g, 4) == 0) {
		c->not_before.us = g->w.now.us + 1000LL * draw(g, 20000);
	}
	if (draw(g, 3) == 0) {
		c->retry.max_attempts = draw(g, 4);
		c->retry.max_lost = draw(g, 3);
		c->retry.base_us = 1000LL * draw(g, 5000);
	}
	if (draw(g, 6) == 0) {
		c->every.us = 1000000LL * (1 + draw(g, 5));
	} else if (draw(g, 6) == 0) {
		c->every.cron = STR("*/5 * * * *");
	}
	if (draw(g, 4) == 0) {
		c->due.us = g->w.now.us + 3600000000LL * draw(g, 500);
		c->estimated_tenths = draw(g, 100);
	}
	if (draw(g, 4) == 0) {
		c->parent = some_task(g);
	}
	if (draw(g, 3) == 0) {
		c->key = arena_printf(&g->w.arena, "key-%u", draw(g, 60));
	}
}

static void
random_put(struct game *g)
{
	struct e2m_task t = task_of(&g->w, ++g->tasks);
	struct e2m_envelope m = letter_of(g);
	struct queue_claim claim = { .queue = STR("engineering"),
		.owner = STR(ME),
		.incarnation = 1,
		.now = g->w.now };
	struct queue_put c = { .task = &t, .now = g->w.now };
	struct queue_step s = { 0 };

	t.ke_fit_score = draw(g, 6);
	t.queue = draw(g, 2) ? STR("engineering") : STR("finance");
	for (unsigned n = draw(g, 3); n > 0; n--) {
		struct json *list = json_new(&g->w.arena, JSON_ARRAY);

		json_push(list, json_new_str(&g->w.arena, some_task(g)));
		if (draw(g, 3)) {
			t.depends_on = list;
		} else {
			t.blocks = list;
		}
	}
	plan_of(g, &c);
	c.mail = draw(g, 3) == 0 ? &m : NULL;
	c.claim = draw(g, 3) == 0 ? &claim : NULL;
	if (queue_put(g->w.queue, &g->w.arena, &c, &s, &g->w.e) == 0) {
		take_step(g, &s);
	}
}

static void
random_claim(struct game *g)
{
	struct str both[2] = { STR("engineering"), STR("finance") };
	struct queue_claim c = {
		.queues = both,
		.queue_count = 2,
		.max = 1 + draw(g, 3),
		.owner = draw(g, 2) ? STR(ME) : STR(YOU),
		.incarnation = 1 + draw(g, 3),
		.now = g->w.now,
	};
	struct queue_step s = { 0 };
	struct str before = dump_of(&g->w, g->w.queue);

	if (queue_claim(g->w.queue, &g->w.arena, &c, &s, &g->w.e) == 0) {
		assert_true(str_eq(before, dump_of(&g->w, g->w.queue)));
		take_step(g, &s);
	}
}

static struct json *
random_failure(struct game *g)
{
	static const char *const groups[] = { "resolvable", "unresolvable",
		"requires_escalation" };
	struct json *f = json_new(&g->w.arena, JSON_OBJECT);

	json_set_str(&g->w.arena, f, "error_type", STR("test"));
	json_set_str(&g->w.arena, f, "message", STR("it \"broke\"\n"));
	json_set_str(&g->w.arena, f, "class", str_of(groups[draw(g, 4) % 3]));
	return f;
}

static void
random_finish(struct game *g)
{
	static const enum e2m_event outcomes[] = { E2M_COMPLETE, E2M_COMPLETE,
		E2M_FAIL, E2M_FAIL, E2M_BLOCK };
	const struct queue_task *t = queue_find(g->w.queue, some_task(g));
	struct e2m_envelope m = letter_of(g);
	struct e2m_task next = task_of(&g->w, ++g->tasks);
	struct queue_put follow = { .task = &next, .now = g->w.now };
	struct queue_finish c = {
		.outcome = outcomes[draw(g, 5)],
		.failure = random_failure(g),
		.result = random_failure(g),
		.follow_ups = &follow,
		.follow_up_count = draw(g, 4) == 0,
		.mail = &m,
		.mail_count = draw(g, 4) == 0,
		.now = g->w.now,
		.random = draw_wide(g),
	};
	struct queue_step s = { 0 };

	if (!t) {
		return;
	}
	c.task = t->id;
	c.epoch = t->epoch - (draw(g, 8) == 0);
	if (draw(g, 2)) {
		c.ack_key = arena_printf(&g->w.arena, "ack-%u", draw(g, 200));
	}
	if (queue_finish(g->w.queue, &g->w.arena, &c, &s, &g->w.e) == 0) {
		take_step(g, &s);
	}
}

static void
random_touch(struct game *g)
{
	static queue_touch_fn *const commands[] = { queue_unblock, queue_retry,
		queue_redrive, queue_cancel, queue_block, queue_park,
		queue_wake, queue_lease_lost };
	const struct queue_task *t = queue_find(g->w.queue, some_task(g));
	struct queue_touch c = { .now = g->w.now, .random = draw_wide(g) };
	struct queue_step s = { 0 };

	if (!t) {
		return;
	}
	c.task = t->id;
	c.epoch = t->epoch;
	c.why = draw(g, 2) ? STR("because") : STR("");
	queue_touch_fn *command = commands[draw(g, COUNT(commands))];

	if (t->hold == QUEUE_PARKED && draw(g, 2)) {
		command = queue_wake;
	}
	if (command(g->w.queue, &g->w.arena, &c, &s, &g->w.e) == 0) {
		take_step(g, &s);
	}
}

static void
random_mail(struct game *g)
{
	struct e2m_envelope m = letter_of(g);
	struct queue_ack c = {
		.letter = arena_printf(
		    &g->w.arena, "letter-%u", 1 + draw(g, g->letters)),
		.mailbox =
		    draw(g, 2) ? STR("operator") : STR("finance-coworker"),
		.decision = draw(g, 2) ? STR("yes") : STR(""),
		.now = g->w.now,
	};
	struct queue_step s = { 0 };
	int rc = draw(g, 4) == 0
	             ? queue_mail_send(g->w.queue, &g->w.arena, &m, &s, &g->w.e)
	             : queue_mail_ack(g->w.queue, &g->w.arena, &c, &s, &g->w.e);

	if (rc == 0) {
		take_step(g, &s);
	}
}

static void
random_care(struct game *g)
{
	struct wall before = { g->w.now.us - 1000000LL * draw(g, 60) };
	const struct kept *k = NULL;
	struct queue_step s = { 0 };
	int rc = -1;

	switch (draw(g, 4)) {
	case 0:
		rc = queue_forget(
		    g->w.queue, &g->w.arena, before, g->w.now, &s, &g->w.e);
		break;
	case 1:
		rc = queue_leases_lost(
		    g->w.queue, &g->w.arena, 2, g->w.now, &s, &g->w.e);
		break;
	case 2:
		queue_due(g->w.queue, &g->w.arena, g->w.now, &s);
		assert_int_equal(s.event_count, 0);
		break;
	default:
		k = g->row_count > 0 ? &g->rows[draw(g, (uint32_t)g->row_count)]
		                     : NULL;
		if (k && k->gone != 0 && !k->letter && k->form.len > 0 &&
		    k->gone < oldest_unsaved(g)) {
			rc = queue_recall(g->w.queue, &g->w.arena, k->form,
			    g->w.now, &s, &g->w.e);
		}
		break;
	}
	if (rc == 0) {
		take_step(g, &s);
	}
}

static void
random_command(struct game *g)
{
	g->w.now.us += 1000LL * draw(g, 2000) + draw(g, 1000);
	switch (draw(g, 16)) {
	case 0:
	case 1:
	case 2:
		random_put(g);
		break;
	case 3:
	case 4:
	case 5:
		random_claim(g);
		break;
	case 6:
	case 7:
	case 8:
	case 9:
		random_finish(g);
		break;
	case 10:
	case 11:
		random_touch(g);
		break;
	case 12:
		random_mail(g);
		break;
	case 13:
	case 14:
		random_care(g);
		break;
	default:
		random_save(g);
		break;
	}
}

static void
play(uint64_t seed)
{
	struct game *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	g->random = seed * 0x9e3779b97f4a7c15ULL + 1;
	last_seed = seed;
	world_init(&g->w);
	g->reader = queue_new(5);
	for (int i = 0; i < COMMANDS; i++) {
		random_command(g);
		if (draw(g, 60) == 0) {
			restart(g);
		}
	}
	restart(g);
	assert_true(
	    str_eq(dump_of(&g->w, g->w.queue), dump_of(&g->w, g->reader)));
	queue_free(g->reader);
	world_fini(&g->w);
	free(g);
}

static void
live_read_and_restarted_machines_are_equal(void **state)
{
	const char *given = getenv("SEED"); /* NOLINT(concurrency-mt-unsafe) */
	bool soak = getenv("SOAK") != NULL; /* NOLINT(concurrency-mt-unsafe) */
	uint64_t one = 0;

	(void)state;
	if (given && str_u64(str_of(given), &one)) {
		play(one);
		return;
	}
	for (uint64_t seed = 1; seed <= (soak ? MANY : SEEDS); seed++) {
		play(seed);
	}
	for (size_t i = 0; i < COUNT(telling); i++) {
		play(telling[i]);
	}
	for (size_t i = 0; i < COUNT(seen); i++) {
		if (i != QUEUE_EVENT_REFUSED) {
			assert_row(seen[i] > 20,
			    queue_event_word((enum queue_event_kind)i),
			    "too seldom");
		}
	}
	assert_true(deaths > 20 && series > 50 && agains > 50);
	assert_true(restarts > 500 && skipped > 200);
}

static int
say_seed(void **state)
{
	(void)state;
	print_message("# SEED=%llu was the last; %u restarts, %u dead, %u of a "
	              "series, %u tried again, %u forms left out, %u forgets, "
	              "%u recalls\n",
	    (unsigned long long)last_seed, restarts, deaths, series, agains,
	    skipped, seen[QUEUE_EVENT_FORGET], seen[QUEUE_EVENT_RECALL]);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
		    live_read_and_restarted_machines_are_equal, say_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
