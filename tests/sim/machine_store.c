/* SPDX-License-Identifier: Apache-2.0 */
/* What is on the disk, what was answered, and a start from it. */
#include <stdlib.h>
#include <string.h>

#include "sim/machine.h"

struct m_row *
m_row_of(struct m_game *g, struct str id, bool letter)
{
	for (size_t i = 0; i < g->row_count; i++) {
		if (g->rows[i].letter == letter && str_eq(g->rows[i].id, id)) {
			return &g->rows[i];
		}
	}
	must(g->row_count < M_ROWS);
	g->rows[g->row_count] = (struct m_row){
		.id = arena_str(&g->w.arena, id),
		.letter = letter,
	};
	return &g->rows[g->row_count++];
}

static void
save_task(struct m_game *g, const struct queue_task *t)
{
	auto_buf form = { 0 };
	struct m_row *r = m_row_of(g, t->id, false);

	queue_task_save(g->w.queue, t, &form);
	r->form_now = arena_str(&g->w.arena, buf_str(&form));
	r->gone_now = 0;
	queue_saved(g->w.queue, t->id);
}

static void
save_letter(struct m_game *g, const struct queue_letter *m)
{
	auto_buf form = { 0 };

	queue_letter_save(g->w.queue, m, &form);
	m_row_of(g, m->id, true)->form_now =
	    arena_str(&g->w.arena, buf_str(&form));
	queue_letter_saved(g->w.queue, m->id);
}

/* A row is written with the put and with the end, as core does. */
static void
save_with(struct m_game *g, const struct queue_event *v)
{
	const struct queue_task *t = queue_find(g->w.queue, v->id);

	if (t && (v->kind == QUEUE_EVENT_PUT || v->kind == QUEUE_EVENT_RECALL ||
	             e2m_is_final(t->state))) {
		save_task(g, t);
	}
}

void
m_apply(struct m_game *g, const struct queue_step *s)
{
	for (size_t i = 0; i < s->event_count; i++) {
		struct err e = { 0 };

		must(g->w.logged < M_LOG);
		g->seq += 1 + m_draw(g, 3);
		g->seqs[g->w.logged] = g->seq;
		g->w.log[g->w.logged++] =
		    arena_str(&g->w.arena, s->events[i].body);
		if (queue_apply_event(g->w.queue, &s->events[i], g->seq, &e)) {
			m_fault("a step's own event is refused: %s", e.text);
		}
		m_seen.events++;
	}
	for (size_t i = 0; i < s->event_count; i++) {
		save_with(g, &s->events[i]);
	}
	for (size_t i = 0; i < s->gone_count; i++) {
		bool letter = m_find(g, s->gone[i]) < 0;

		m_row_of(g, s->gone[i], letter)->gone_now = g->seq;
	}
}

void
m_save_some(struct m_game *g)
{
	uint64_t since = 0;

	for (uint32_t n = m_draw(g, 5); n > 0; n--) {
		const struct queue_task *t = queue_unsaved(g->w.queue, &since);
		const struct queue_letter *m =
		    queue_letter_unsaved(g->w.queue, &since);

		if (t) {
			save_task(g, t);
		}
		if (m) {
			save_letter(g, m);
		}
	}
}

static uint64_t
oldest_unsaved(const struct m_game *g)
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

/* --- answers --- */

void
m_say(struct m_game *g, enum m_said what, int task, uint32_t epoch)
{
	must(g->told_count < M_TOLD);
	g->told[g->told_count++] = (struct m_told){
		.what = what,
		.task = task,
		.epoch = epoch,
		.left = machine_bug == MACHINE_REPLY,
	};
}

void
m_commit(struct m_game *g)
{
	g->disk = g->m;
	g->disk_logged = g->w.logged;
	g->disk_seq = g->seq;
	g->disk_from = oldest_unsaved(g);
	for (size_t i = 0; i < g->row_count; i++) {
		g->rows[i].form = g->rows[i].form_now;
		g->rows[i].gone = g->rows[i].gone_now;
	}
	for (size_t i = 0; i < g->told_count; i++) {
		g->told[i].left = true;
	}
	for (size_t i = 0; i < g->lease_count; i++) {
		g->leases[i].told = true;
	}
	g->lease_disk = g->lease_count;
}

/* Whatever a client or a worker heard holds, whatever ended since. */
static void
check_told(const struct m_game *g)
{
	static const char *const words[] = { "put", "claim", "end" };

	for (size_t i = 0; i < g->told_count; i++) {
		const struct m_told *a = &g->told[i];
		const struct m_task *t = &g->m.tasks[a->task];
		const struct queue_task *q =
		    a->task < g->m.count ? queue_find(g->w.queue, str_of(t->id))
		                         : NULL;
		bool gone = a->task < g->m.count && t->life == M_FORGOTTEN;

		if (gone || (q && (q->epoch > a->epoch ||
		                      (q->epoch == a->epoch &&
		                          (a->what != SAID_FINISH ||
		                              q->hold != QUEUE_OWNED))))) {
			continue;
		}
		m_fault("the %s of task %d under epoch %u was answered and is "
		        "lost",
		    words[a->what], a->task, a->epoch);
	}
}

/* --- starts --- */

static void
furnish(struct m_game *g)
{
	struct queue *q = g->w.queue;

	for (int n = 0; n < M_QUEUES; n++) {
		queue_add_name(q, str_of(m_queues[n]));
		queue_limit(q, str_of(m_queues[n]), &g->limits[n]);
	}
	queue_add_mailbox(q, STR("engineering-coworker"));
	for (int n = 0; n < g->m.count; n++) {
		if (g->m.tasks[n].held) {
			queue_hold_back(q, str_of(g->m.tasks[n].id), true);
		}
	}
}

void
m_start(struct m_game *g)
{
	g->incarnation = 1;
	g->w.queue = queue_new(7);
	furnish(g);
	m_commit(g);
}

/* What was not committed was never said to anybody. */
static void
lose_memory(struct m_game *g)
{
	size_t kept = 0;

	g->m = g->disk;
	g->w.logged = g->disk_logged;
	g->seq = g->disk_seq;
	g->clock = 0;
	g->restarted = true;
	for (size_t i = 0; i < g->row_count; i++) {
		g->rows[i].form_now = g->rows[i].form;
		g->rows[i].gone_now = g->rows[i].gone;
	}
	for (size_t i = 0; i < g->told_count; i++) {
		if (g->told[i].left) {
			g->told[kept++] = g->told[i];
		}
	}
	g->told_count = kept;
	g->lease_count = g->lease_disk;
	for (size_t i = 0; i < g->lease_count; i++) {
		g->leases[i].until = INT64_MAX; /* the house knows of none */
	}
	for (int n = 0; n < M_QUEUES; n++) {
		g->m.lines[n].passed_over = 0;
		g->m.lines[n].minute = -1;
		g->m.lines[n].puts = 0;
	}
}

/* What was forgotten before the tail begins is not loaded. */
static void
load_all(struct m_game *g, struct queue *q)
{
	struct err e = { 0 };
	size_t first = m_draw(g, (uint32_t)g->row_count + 1);

	for (size_t i = 0; i < g->row_count; i++) {
		const struct m_row *r = &g->rows[(first + i) % g->row_count];

		if (r->form.len == 0 || (r->gone && r->gone < g->disk_from)) {
			continue;
		}
		if (r->letter ? queue_letter_load(q, r->form, &e)
		              : queue_task_load(q, r->form, &e)) {
			m_fault("restart: a form is refused: %s", e.text);
		}
	}
	if (queue_load_end(q, &e)) {
		m_fault("restart: %s", e.text);
	}
	for (size_t i = 0; i < g->w.logged; i++) {
		if (g->seqs[i] >= g->disk_from &&
		    queue_apply(q, g->w.log[i], g->seqs[i], &e)) {
			m_fault("restart: %s", e.text);
		}
	}
}

void
m_restart(struct m_game *g)
{
	struct queue_step s = { .more = true };

	lose_memory(g);
	queue_free(g->w.queue);
	g->w.queue = queue_new(g->incarnation);
	load_all(g, g->w.queue);
	furnish(g);
	m_compare(g, "restart");
	check_told(g);
	g->incarnation++;
	while (s.more) {
		if (queue_leases_lost(g->w.queue, &g->w.arena, g->incarnation,
		        g->w.now, &s, &g->w.e)) {
			m_fault("restart: %s", g->w.e.text);
		}
		m_apply(g, &s);
	}
	m_after_leases(g);
	m_compare(g, "after a restart");
	m_commit(g);
	m_seen.restarts++;
}
