/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

#include <stdlib.h>

static const char *const event_heads[] = {
#define QUEUE_EVENT(id, word, head) head,
#include "queue/events.def"
#undef QUEUE_EVENT
};
static const char *const event_words[] = {
#define QUEUE_EVENT(id, word, head) word,
#include "queue/events.def"
#undef QUEUE_EVENT
};
static const char *const hold_names[] = {
#define HOLD(id, word, e2m_state) word,
#include "queue/states.def"
#undef HOLD
};

const char *
queue_event_head(enum queue_event_kind k)
{
	return event_heads[k];
}

const char *
queue_event_word(enum queue_event_kind k)
{
	return event_words[k];
}

const char *
queue_hold_name(enum queue_hold h)
{
	return hold_names[h];
}

struct queue *
queue_new(uint64_t seed)
{
	struct queue *q = calloc(1, sizeof(*q));

	must(q != NULL);
	q->tasks.seed = seed;
	q->keys.seed = seed;
	q->answers.seed = seed;
	q->lines.seed = seed;
	q->boxes.seed = seed;
	q->letters.seed = seed;
	queue_add_mailbox(q, STR("operator"));
	queue_add_mailbox(q, STR("broadcast"));
	return q;
}

static void
free_lines(struct queue *q)
{
	for (size_t i = 0; i < q->lines.room; i++) {
		struct line *l = q->lines.slots[i].value;

		if (l) {
			free(l->heap);
			free(l->loose);
		}
	}
	for (size_t i = 0; i < q->boxes.room; i++) {
		struct box *b = q->boxes.slots[i].value;

		if (b) {
			free(b->letters);
		}
	}
}

void
queue_free(struct queue *q)
{
	if (!q) {
		return;
	}
	free_lines(q);
	for (size_t i = 0; i < q->count; i++) {
		free(q->all[i]->depends);
		free(q->all[i]->dependants);
	}
	for (size_t i = 0; i < q->mail_count; i++) {
		free(q->mail[i]->readers);
	}
	free(q->all);
	free(q->mail);
	map_fini(&q->tasks);
	map_fini(&q->keys);
	map_fini(&q->answers);
	map_fini(&q->lines);
	map_fini(&q->boxes);
	map_fini(&q->letters);
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
	struct line *l = queue_line_find(q, name);

	if (!l) {
		l = arena_alloc(&q->arena, sizeof(*l));
		l->name = arena_str(&q->arena, name);
		map_put(&q->lines, l->name, l);
	}
	return l;
}

struct box *
queue_box_find(const struct queue *q, struct str name)
{
	return map_get(&q->boxes, name);
}

struct box *
queue_box_get(struct queue *q, struct str name)
{
	struct box *b = queue_box_find(q, name);

	if (!b) {
		b = arena_alloc(&q->arena, sizeof(*b));
		b->name = arena_str(&q->arena, name);
		map_put(&q->boxes, b->name, b);
	}
	return b;
}

struct task *
queue_task_find(const struct queue *q, struct str id)
{
	return map_get(&q->tasks, id);
}

bool
queue_task_eligible(const struct task *t)
{
	return t->shown.hold == QUEUE_WAITING && t->shown.unmet == 0;
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

const struct queue_task *
queue_find(const struct queue *q, struct str id)
{
	const struct task *t = queue_task_find(q, id);

	return t ? &t->shown : NULL;
}

const struct queue_task *
queue_at(const struct queue *q, size_t index)
{
	return index < q->count ? &q->all[index]->shown : NULL;
}

const struct queue_task *
queue_next(const struct queue *q, struct str queue_name, struct str owner)
{
	const struct line *l = queue_line_find(q, queue_name);
	const struct task *t = l ? queue_ready_best(l, owner) : NULL;

	return t ? &t->shown : NULL;
}

static void
dump_task(struct json_out *o, const struct task *t)
{
	const struct queue_task *s = &t->shown;

	json_out_object(o, NULL);
	json_out_str(o, "id", s->id);
	json_out_str(o, "queue", s->queue);
	json_out_str(o, "subject", s->subject);
	json_out_str(o, "from", s->from);
	json_out_str(o, "owner", s->owner);
	json_out_z(o, "hold", queue_hold_name(s->hold));
	json_out_z(o, "state", e2m_state_name(s->state));
	json_out_i64(o, "score", s->score);
	json_out_i64(o, "created", s->created.us);
	json_out_i64(o, "updated", s->updated.us);
	json_out_i64(o, "epoch", s->epoch);
	json_out_i64(o, "incarnation", s->incarnation);
	json_out_i64(o, "attempts", s->attempts);
	json_out_i64(o, "unmet", s->unmet);
	json_out_array(o, "depends");
	for (size_t i = 0; i < t->depend_count; i++) {
		json_out_str(o, NULL, t->depends[i]->shown.id);
	}
	json_out_end(o, ']');
	json_out_end(o, '}');
}

static void
dump_letter(struct json_out *o, const struct letter *m)
{
	json_out_object(o, NULL);
	json_out_str(o, "id", m->shown.id);
	json_out_str(o, "to", m->shown.to);
	json_out_str(o, "from", m->shown.from);
	json_out_i64(o, "at", m->shown.at.us);
	json_out_i64(o, "expires", m->shown.expires.us);
	json_out_i64(o, "priority", m->shown.priority);
	json_out_array(o, "readers");
	for (size_t i = 0; i < m->reader_count; i++) {
		json_out_str(o, NULL, m->readers[i]);
	}
	json_out_end(o, ']');
	json_out_end(o, '}');
}

void
queue_dump(const struct queue *q, struct buf *out)
{
	struct json_out o = { 0 };

	json_out_init(&o, out);
	json_out_object(&o, NULL);
	json_out_array(&o, "tasks");
	for (size_t i = 0; i < q->count; i++) {
		dump_task(&o, q->all[i]);
	}
	json_out_end(&o, ']');
	json_out_array(&o, "mail");
	for (size_t i = 0; i < q->mail_count; i++) {
		dump_letter(&o, q->mail[i]);
	}
	json_out_end(&o, ']');
	json_out_i64(&o, "keys", (int64_t)q->keys.count);
	json_out_i64(&o, "answers", (int64_t)q->answers.count);
	json_out_end(&o, '}');
}
