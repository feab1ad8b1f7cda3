/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

/* The machine itself, and the names it knows for as long as it lives. */

#include <stdlib.h>
#include <string.h>

struct queue *
queue_new(uint64_t seed)
{
	struct queue *q = calloc(1, sizeof(*q));

	must(q != NULL);
	q->tasks = (struct table){ .seed = seed, .key = queue_task_key };
	q->keys = (struct table){ .seed = seed, .key = queue_key_key };
	q->answers = (struct table){ .seed = seed, .key = queue_answer_key };
	q->letters = (struct table){ .seed = seed, .key = queue_letter_key };
	q->threads = (struct table){ .seed = seed, .key = queue_thread_key };
	q->lines.seed = seed;
	q->boxes.seed = seed;
	q->names.seed = seed;
	q->zones.seed = seed;
	queue_add_mailbox(q, STR("operator"));
	queue_add_mailbox(q, STR("broadcast"));
	return q;
}

static void
free_names(struct queue *q)
{
	for (size_t i = 0; i < q->lines.room; i++) {
		struct line *l = q->lines.slots[i].value;

		for (size_t n = 0; l && n < l->seat_count; n++) {
			heap_fini(&l->seats[n]->loose);
		}
		if (l) {
			heap_fini(&l->ready);
			free(l->seats);
		}
	}
	for (size_t i = 0; i < q->boxes.room; i++) {
		struct box *b = q->boxes.slots[i].value;

		if (b) {
			heap_fini(&b->letters);
		}
	}
	map_fini(&q->lines);
	map_fini(&q->boxes);
	map_fini(&q->names);
	map_fini(&q->zones);
}

void
queue_free(struct queue *q)
{
	if (!q) {
		return;
	}
	while (q->mail_count > 0) {
		queue_letter_drop(q, q->mail[q->mail_count - 1]);
	}
	for (size_t i = 0; i < q->all.count; i++) {
		queue_task_free(q, q->all.at[i]);
	}
	free_names(q);
	free(q->all.at);
	free(q->mail);
	free(q->loaded);
	table_fini(&q->tasks);
	table_fini(&q->keys);
	table_fini(&q->answers);
	table_fini(&q->letters);
	table_fini(&q->threads);
	heap_fini(&q->later);
	heap_fini(&q->owned);
	heap_fini(&q->ended);
	heap_fini(&q->letters_ended);
	buf_fini(&q->scratch);
	arena_fini(&q->load_arena);
	arena_fini(&q->arena);
	free(q);
}

struct line *
queue_line_find(const struct queue *q, struct str name)
{
	return map_get(&q->lines, name);
}

struct line *
queue_line_get(struct queue *q, struct str name)
{
	struct line *l = q->line_last;

	if (l && str_eq(l->name, name)) {
		return l;
	}
	l = queue_line_find(q, name);
	if (!l) {
		l = arena_alloc(&q->arena, sizeof(*l));
		l->name = arena_str(&q->arena, name);
		l->ready.before = queue_task_first;
		map_put(&q->lines, l->name, l);
	}
	q->line_last = l;
	return l;
}

struct box *
queue_box_find(const struct queue *q, struct str name)
{
	return map_get(&q->boxes, name);
}

struct str
queue_name_keep(struct queue *q, struct str name)
{
	struct str *kept = NULL;

	if (name.len == 0) {
		return STR("");
	}
	kept = map_get(&q->names, name);
	if (!kept) {
		kept = arena_alloc(&q->arena, sizeof(*kept));
		*kept = arena_str(&q->arena, name);
		map_put(&q->names, *kept, kept);
	}
	return *kept;
}

void
queue_add_name(struct queue *q, struct str queue_name)
{
	queue_line_get(q, queue_name)->known = true;
}

void
queue_add_mailbox(struct queue *q, struct str mailbox)
{
	queue_box_get(q, mailbox)->known = true;
}

bool
queue_has_name(const struct queue *q, struct str queue_name)
{
	const struct line *l = queue_line_find(q, queue_name);

	return l && l->known;
}

bool
queue_has_mailbox(const struct queue *q, struct str mailbox)
{
	const struct box *b = queue_box_find(q, mailbox);

	return b && b->known;
}

size_t
queue_mail_waiting(const struct queue *q, struct str mailbox)
{
	const struct box *b = queue_box_find(q, mailbox);

	return b ? b->letters.count - b->with_task : 0;
}

void
queue_limit(
    struct queue *q, struct str queue_name, const struct queue_limits *limits)
{
	queue_line_get(q, queue_name)->limits = *limits;
}

struct queue_count
queue_count(const struct queue *q, struct str queue_name)
{
	const struct line *l = queue_line_find(q, queue_name);

	return l ? (struct queue_count){ (uint32_t)l->ready.count, l->waiting,
		l->running }
	         : (struct queue_count){ 0 };
}

struct queue_totals
queue_totals(const struct queue *q)
{
	struct queue_totals t = {
		.delayed = (uint32_t)q->later.count,
		.dead = q->dead,
	};

	memcpy(t.states, q->states, sizeof(t.states));
	return t;
}
