/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

void
queue_step_init(struct queue_step *s, struct arena *a, size_t events)
{
	must(events <= STEP_EVENTS_MAX);
	*s = (struct queue_step){ 0 };
	s->events = arena_array(a, events, sizeof(*s->events));
}

struct json *
queue_step_body(
    struct arena *a, enum queue_event_kind kind, struct str id, struct wall now)
{
	struct json *body = json_new(a, JSON_OBJECT);
	char at[WALL_TEXT_MAX] = { 0 };

	wall_text(now, at);
	json_set_str(a, body, "event", str_of(queue_event_word(kind)));
	json_set_str(a, body, "id", id);
	json_set_str(a, body, "at", str_of(at));
	return body;
}

void
queue_step_add(struct queue_step *s, struct arena *a,
    enum queue_event_kind kind, const struct task *t, struct json *body)
{
	struct queue_event *v = &s->events[s->event_count++];
	auto_buf text = { 0 };

	json_write(&text, body);
	v->kind = kind;
	v->body = arena_str(a, buf_str(&text));
	if (t) {
		v->id = arena_str(a, t->shown.id);
		v->epoch = t->shown.epoch;
		v->owner = arena_str(a, t->shown.owner);
	}
}

/* The array doubles in the arena: it is full at each power of two. */
void
queue_step_effect(
    struct queue_step *s, struct arena *a, const struct queue_effect *effect)
{
	struct queue_effect *list = s->effects;
	size_t n = s->effect_count;

	for (size_t i = 0; i < n; i++) {
		const struct queue_effect *f = &list[i];

		if (f->kind == effect->kind && f->epoch == effect->epoch &&
		    str_eq(f->id, effect->id) &&
		    str_eq(f->name, effect->name)) {
			return;
		}
	}
	if ((n & (n - 1)) == 0) {
		list = arena_array(a, n ? 2 * n : 1, sizeof(*list));
		for (size_t i = 0; i < n; i++) {
			list[i] = s->effects[i];
		}
		s->effects = list;
	}
	list[s->effect_count++] = (struct queue_effect){
		.kind = effect->kind,
		.id = arena_str(a, effect->id),
		.name = arena_str(a, effect->name),
		.epoch = effect->epoch,
	};
}
