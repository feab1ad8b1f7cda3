/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_HELP_H
#define QUEUE_HELP_H

/* A queue, its clock and the log of what it yielded. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "queue/queue.h"

#define ME  "linux__server__engineering_coworker"
#define YOU "cloud__docker_mcp__engineering_coworker"

struct world {
	struct arena arena;
	struct queue *queue;
	struct str *log; /* bodies, in order */
	size_t logged;
	struct wall now;
	struct err e;
};

#define LOG_MAX 100000

static inline void
world_init(struct world *w)
{
	*w = (struct world){ .now = { 1700000000000000 } };
	w->queue = queue_new(7);
	w->log = arena_array(&w->arena, LOG_MAX, sizeof(*w->log));
	queue_add_name(w->queue, STR("engineering"));
	queue_add_name(w->queue, STR("finance"));
	queue_add_mailbox(w->queue, STR("engineering-coworker"));
	queue_add_mailbox(w->queue, STR("finance-coworker"));
}

static inline void
world_fini(struct world *w)
{
	queue_free(w->queue);
	arena_fini(&w->arena);
}

/* What is counted is what is there. */
static inline void
check_totals(const struct queue *q)
{
	struct queue_totals all = queue_totals(q);
	struct queue_totals seen = { .delayed = all.delayed };
	const struct queue_task *t;

	for (size_t i = 0; (t = queue_at(q, i)); i++) {
		seen.states[t->state]++;
		seen.dead += t->dead;
	}
	assert_memory_equal(&all, &seen, sizeof(all));
}

static inline struct str
dump_of(struct world *w, const struct queue *q)
{
	auto_buf b = { 0 };

	check_totals(q);
	queue_dump(q, &b);
	return arena_str(&w->arena, buf_str(&b));
}

/* A row of a table: which one it was that broke. */
static inline void
assert_row(bool ok, const char *row, const char *why)
{
	if (!ok) {
		fail_msg("%s: %s", row, why);
	}
}

static inline void
apply_step(struct world *w, const struct queue_step *s)
{
	for (size_t i = 0; i < s->event_count; i++) {
		w->log[w->logged++] = arena_str(&w->arena, s->events[i].body);
		assert_row(queue_apply(w->queue, s->events[i].body, w->logged,
		               &w->e) == 0,
		    arena_z(&w->arena, s->events[i].body), w->e.text);
	}
}

/* A rebuild from the log gives an equal machine. */
static inline void
assert_replays(struct world *w)
{
	struct queue *other = queue_new(99);

	for (size_t i = 0; i < w->logged; i++) {
		assert_int_equal(
		    queue_apply(other, w->log[i], i + 1, &w->e), 0);
	}
	assert_true(str_eq(dump_of(w, w->queue), dump_of(w, other)));
	queue_free(other);
}

static inline struct str
uuid(struct world *w, unsigned n)
{
	return arena_printf(&w->arena, "00000000-0000-7000-8000-%012x", n);
}

static inline struct e2m_task
task_of(struct world *w, unsigned n)
{
	char at[WALL_TEXT_MAX] = { 0 };

	wall_text(w->now, at);
	return (struct e2m_task){
		.id = uuid(w, n),
		.queue = STR("engineering"),
		.subject = STR("Fix it"),
		.state = E2M_PENDING,
		.created_at = arena_str(&w->arena, str_of(at)),
		.updated_at = arena_str(&w->arena, str_of(at)),
	};
}

static inline struct json *
ids_of(struct world *w, const unsigned *n, size_t count)
{
	struct json *list = json_new(&w->arena, JSON_ARRAY);

	for (size_t i = 0; i < count; i++) {
		json_push(list, json_new_str(&w->arena, uuid(w, n[i])));
	}
	return list;
}

static inline int
put(struct world *w, const struct e2m_task *t, struct queue_step *s)
{
	struct queue_put c = { .task = t };

	if (queue_put(w->queue, &w->arena, &c, s, &w->e)) {
		return -1;
	}
	apply_step(w, s);
	return 0;
}

static inline int
claim(struct world *w, const char *owner, struct queue_step *s)
{
	struct queue_claim c = {
		.queue = STR("engineering"),
		.owner = str_of(owner),
		.incarnation = 1,
		.now = w->now,
	};

	if (queue_claim(w->queue, &w->arena, &c, s, &w->e)) {
		return -1;
	}
	apply_step(w, s);
	return 0;
}

static inline const struct json *
failure(struct world *w)
{
	struct json *f = json_new(&w->arena, JSON_OBJECT);

	json_set_str(&w->arena, f, "error_type", STR("test"));
	json_set_str(&w->arena, f, "message", STR("it broke"));
	json_set_str(&w->arena, f, "class", STR("unresolvable"));
	return f;
}

static inline int
finish(struct world *w, struct str task, uint32_t epoch, enum e2m_event outcome,
    struct queue_step *s)
{
	struct queue_finish c = {
		.task = task,
		.epoch = epoch,
		.outcome = outcome,
		.failure = failure(w),
		.now = w->now,
	};

	if (queue_finish(w->queue, &w->arena, &c, s, &w->e)) {
		return -1;
	}
	apply_step(w, s);
	return 0;
}

static inline int
touch(struct world *w, queue_touch_fn *command, struct str task, uint32_t epoch,
    struct queue_step *s)
{
	struct queue_touch c = {
		.task = task,
		.epoch = epoch,
		.why = STR("because"),
		.now = w->now,
	};

	if (command(w->queue, &w->arena, &c, s, &w->e)) {
		return -1;
	}
	apply_step(w, s);
	return 0;
}

#endif
