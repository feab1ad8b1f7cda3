/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

#include <string.h>

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

struct wall
queue_ms(struct wall t)
{
	int64_t part = t.us % 1000;

	return (struct wall){ t.us - (part < 0 ? part + 1000 : part) };
}

/* A list in the arena that doubles: it is full at each power of two. */
static void *
room_for_one(struct arena *a, void *list, size_t count, size_t size)
{
	void *wider = NULL;

	if ((count & (count - 1)) != 0) {
		return list;
	}
	wider = arena_array(a, count ? 2 * count : 1, size);
	if (count > 0) {
		memcpy(wider, list, count * size);
	}
	return wider;
}

struct queue_event *
queue_step_yield(struct queue *q, struct queue_step *s, struct arena *a,
    const struct queue_change *c)
{
	struct queue_change *kept = arena_alloc(a, sizeof(*kept));
	struct queue_event *v = NULL;

	s->events =
	    room_for_one(a, s->events, s->event_count, sizeof(*s->events));
	v = &s->events[s->event_count++];
	*kept = *c;
	kept->at = queue_ms(c->at);
	kept->not_before = queue_ms(c->not_before);
	kept->before = queue_ms(c->before);
	buf_clear(&q->scratch);
	queue_change_write(q, &q->scratch, kept);
	*v = (struct queue_event){
		.kind = c->kind,
		.id = c->id,
		.epoch = c->epoch,
		.owner = c->owner,
		.queue = c->put ? c->put->task.queue : STR(""),
		.body = arena_str(a, buf_str(&q->scratch)),
		.change = kept,
	};
	return v;
}

void
queue_step_effect(
    struct queue_step *s, struct arena *a, const struct queue_effect *effect)
{
	for (size_t i = 0; i < s->effect_count; i++) {
		const struct queue_effect *f = &s->effects[i];

		if (f->kind == effect->kind && f->epoch == effect->epoch &&
		    str_eq(f->id, effect->id) &&
		    str_eq(f->name, effect->name)) {
			return;
		}
	}
	s->effects =
	    room_for_one(a, s->effects, s->effect_count, sizeof(*s->effects));
	s->effects[s->effect_count++] = (struct queue_effect){
		.kind = effect->kind,
		.id = arena_str(a, effect->id),
		.name = arena_str(a, effect->name),
		.epoch = effect->epoch,
	};
}

void
queue_step_tell(struct queue_step *s, struct arena *a,
    enum queue_effect_kind kind, const struct task *t)
{
	struct queue_effect f = { .kind = kind };

	if (kind == QUEUE_READY) {
		f.name = t->shown.queue;
	} else {
		f.id = t->shown.id;
		f.epoch = t->shown.epoch;
		f.name = kind == QUEUE_END ? t->shown.owner : STR("");
	}
	queue_step_effect(s, a, &f);
}

void
queue_step_done(struct queue_step *s, struct arena *a, const struct task *t,
    enum e2m_state state)
{
	s->id = arena_str(a, t->shown.id);
	s->epoch = t->shown.epoch;
	s->state = state;
}

void
queue_step_claimed(
    struct queue_step *s, struct arena *a, struct str id, uint32_t epoch)
{
	struct queue_claimed *list =
	    /* NOLINTNEXTLINE(performance-no-int-to-ptr): a list of our own */
	    room_for_one(a, (struct queue_claimed *)(uintptr_t)s->claims,
	        s->claim_count, sizeof(*list));

	list[s->claim_count++] =
	    (struct queue_claimed){ arena_str(a, id), epoch };
	s->claims = list;
}

void
queue_step_room(struct queue_step *s, struct arena *a, const struct task *t)
{
	const struct line *l = t->line;

	if (t->shown.hold == QUEUE_OWNED && l->limits.max_running > 0 &&
	    l->running >= l->limits.max_running && l->ready.count > 0) {
		queue_step_tell(s, a, QUEUE_READY, t);
	}
}
