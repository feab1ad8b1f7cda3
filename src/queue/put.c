/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

#include <stdlib.h>

#define SCORE_DEFAULT 3

/* --- judging --- */

/* depends_on or blocks: known tasks, not too many, not itself. */
static int
judge_links(const struct queue *q, const struct e2m_task *t,
    const struct json *links, const char *what, struct err *e)
{
	if (links && links->count > QUEUE_DEPENDS_MAX) {
		return err_set(e, ERR_LIMIT, "%s names more than %d tasks",
		    what, QUEUE_DEPENDS_MAX);
	}
	JSON_EACH(child, links)
	{
		if (child->type != JSON_STRING || str_eq(child->text, t->id)) {
			return err_set(e, ERR_INPUT,
			    "%s must name other tasks by their ids", what);
		}
		if (!queue_task_find(q, child->text)) {
			return err_set(e, ERR_INPUT,
			    "%s names the task %s, which does not exist", what,
			    err_quote(child->text));
		}
	}
	return 0;
}

static bool
has_text(const struct json *list, struct str text)
{
	JSON_EACH(child, list)
	{
		if (str_eq(child->text, text)) {
			return true;
		}
	}
	return false;
}

/* Does anything the new task depends on depend on something it blocks?  The
 * tasks so far have no cycle, so only the new one can close one. */
static bool
closes_cycle(struct queue *q, const struct e2m_task *t)
{
	struct task **stack = NULL;
	size_t count = 0;
	size_t room = 0;
	bool found = false;

	q->mark++;
	JSON_EACH(child, t->depends_on)
	{
		stack = array_grow(stack, count, &room, sizeof(struct task *));
		stack[count++] = queue_task_find(q, child->text);
	}
	while (count > 0 && !found) {
		struct task *at = stack[--count];

		if (at->mark == q->mark) {
			continue;
		}
		at->mark = q->mark;
		found = has_text(t->blocks, at->shown.id);
		for (size_t i = 0; i < at->depend_count; i++) {
			stack = array_grow(
			    stack, count, &room, sizeof(struct task *));
			stack[count++] = at->depends[i];
		}
	}
	free(stack);
	return found;
}

static int
judge_blocks(struct queue *q, const struct e2m_task *t, struct err *e)
{
	JSON_EACH(child, t->blocks)
	{
		const struct task *other = queue_task_find(q, child->text);

		if (other->shown.hold != QUEUE_WAITING) {
			return err_set(e, ERR_CONFLICT,
			    "blocks names the task %s, which is %s already",
			    err_quote(child->text),
			    e2m_state_name(other->shown.state));
		}
	}
	if (t->blocks && closes_cycle(q, t)) {
		return err_set(e, ERR_INPUT,
		    "depends_on and blocks close a cycle: no task of it could "
		    "ever be claimed");
	}
	return 0;
}

static int
judge_task(struct queue *q, const struct e2m_task *t, struct err *e)
{
	struct wall created = { 0 };

	struct e2m_record r = { .kind = E2M_TASK, .as.task = *t };

	if (e2m_check(&r, e)) {
		return -1;
	}
	if (queue_task_find(q, t->id)) {
		return err_set(e, ERR_CONFLICT, "the task %s exists already",
		    err_quote(t->id));
	}
	if (t->state != E2M_PENDING) {
		return err_set(e, ERR_INPUT,
		    "a new task must be pending, this one is %s",
		    t->state ? e2m_state_name(t->state) : "without a state");
	}
	if (!queue_has_name(q, t->queue)) {
		return err_set(e, ERR_INPUT,
		    "there is no queue %s; nothing was written",
		    err_quote(t->queue));
	}
	if (!wall_parse(t->created_at, &created) || created.us < 0) {
		return err_set(e, ERR_INPUT,
		    "created_at %s is no RFC 3339 time",
		    err_quote(t->created_at));
	}
	return judge_links(q, t, t->depends_on, "depends_on", e) ||
	               judge_links(q, t, t->blocks, "blocks", e) ||
	               judge_blocks(q, t, e)
	           ? -1
	           : 0;
}

static void
yield(struct arena *a, const struct queue_put *c, struct queue_step *s)
{
	struct e2m_record r = { .kind = E2M_TASK, .as.task = *c->task };
	struct json *body = json_new(a, JSON_OBJECT);
	struct queue_event *v = &s->events[s->event_count];
	struct queue_effect ready = {
		.kind = QUEUE_READY,
		.name = c->task->queue,
	};

	json_set_str(
	    a, body, "event", str_of(queue_event_word(QUEUE_EVENT_PUT)));
	if (c->key.len > 0) {
		json_set_str(a, body, "key", c->key);
	}
	json_set(a, body, "task", e2m_to_json(a, &r));
	queue_step_add(s, a, QUEUE_EVENT_PUT, NULL, body);
	v->id = arena_str(a, c->task->id);
	queue_step_effect(s, a, &ready);
}

int
queue_put_judge(struct queue *q, struct arena *a, const struct queue_put *c,
    struct queue_step *s, struct err *e)
{
	const struct task *first = NULL;

	if (c->key.len > QUEUE_ID_MAX) {
		return err_set(e, ERR_LIMIT,
		    "an idempotency key has at most %d bytes", QUEUE_ID_MAX);
	}
	first = c->key.len > 0 ? map_get(&q->keys, c->key) : NULL;
	if (first) {
		s->id = arena_str(a, first->shown.id);
		s->state = first->shown.state;
		s->duplicate = true;
		return 0;
	}
	if (judge_task(q, c->task, e)) {
		return -1;
	}
	yield(a, c, s);
	s->id = arena_str(a, c->task->id);
	s->state = E2M_PENDING;
	return c->mail ? queue_mail_judge(q, a, c->mail, s, e) : 0;
}

int
queue_put(struct queue *q, struct arena *a, const struct queue_put *c,
    struct queue_step *step, struct err *e)
{
	struct queue_step s = { 0 };

	queue_step_init(&s, a, 2);
	if (queue_put_judge(q, a, c, &s, e)) {
		return -1;
	}
	*step = s;
	return 0;
}

/* --- applying --- */

static void
link_tasks(struct task *later, struct task *earlier)
{
	for (size_t i = 0; i < later->depend_count; i++) {
		if (later->depends[i] == earlier) {
			return;
		}
	}
	later->depends = array_grow(later->depends, later->depend_count,
	    &later->depend_room, sizeof(struct task *));
	later->depends[later->depend_count++] = earlier;
	earlier->dependants =
	    array_grow(earlier->dependants, earlier->dependant_count,
	        &earlier->dependant_room, sizeof(struct task *));
	earlier->dependants[earlier->dependant_count++] = later;
	later->shown.unmet += earlier->shown.hold != QUEUE_COMPLETE;
}

static struct task *
make_task(struct queue *q, const struct e2m_task *r, uint64_t seq)
{
	struct task *t = arena_alloc(&q->arena, sizeof(*t));
	struct queue_task *s = &t->shown;

	t->line = queue_line_get(q, r->queue);
	t->place = NO_PLACE;
	s->id = arena_str(&q->arena, r->id);
	s->queue = t->line->name;
	s->subject = arena_str(&q->arena, r->subject);
	s->from = arena_str(&q->arena, r->from);
	s->hold = QUEUE_WAITING;
	s->state = E2M_PENDING;
	s->score = r->ke_fit_score ? r->ke_fit_score : SCORE_DEFAULT;
	must(wall_parse(r->created_at, &s->created));
	s->updated = s->created;
	s->put_seq = seq;
	s->last_seq = seq;
	return t;
}

/* The first of the list that is not there; NULL: all are. */
static const struct json *
find_unknown(const struct queue *q, const struct json *list)
{
	JSON_EACH(child, list)
	{
		if (!queue_task_find(q, child->text)) {
			return child;
		}
	}
	return NULL;
}

static int
check_applicable(const struct queue *q, const struct json *body,
    const struct e2m_task *t, struct err *e)
{
	const struct json *unknown = find_unknown(q, t->depends_on);
	struct wall created = { 0 };
	struct str key = { 0 };

	if (t->id.len == 0 || !wall_parse(t->created_at, &created)) {
		return err_set(e, ERR_INPUT, "put: the task has no id or time");
	}
	if (queue_task_find(q, t->id) ||
	    (json_text(body, "key", &key) && map_get(&q->keys, key))) {
		return err_set(e, ERR_CONFLICT, "put: the task %s is there",
		    err_quote(t->id));
	}
	if (!unknown) {
		unknown = find_unknown(q, t->blocks);
	}
	if (unknown) {
		return err_set(e, ERR_CONFLICT, "put: the task %s is not there",
		    err_quote(unknown->text));
	}
	return 0;
}

int
queue_apply_put(
    struct queue *q, const struct json *body, uint64_t seq, struct err *e)
{
	const struct json *row = json_get(body, "task");
	struct e2m_record r = { 0 };
	struct task *t = NULL;
	struct str key = { 0 };

	if (!row || e2m_from_json(row, &r, e) || r.kind != E2M_TASK) {
		return err_set(e, ERR_INPUT, "put: the body holds no task");
	}
	if (check_applicable(q, body, &r.as.task, e)) {
		return -1;
	}
	t = make_task(q, &r.as.task, seq);
	map_put(&q->tasks, t->shown.id, t);
	q->all = array_grow(q->all, q->count, &q->room, sizeof(struct task *));
	q->all[q->count++] = t;
	if (json_text(body, "key", &key)) {
		map_put(&q->keys, arena_str(&q->arena, key), t);
	}
	JSON_EACH(child, r.as.task.depends_on)
	{
		link_tasks(t, queue_task_find(q, child->text));
	}
	JSON_EACH(child, r.as.task.blocks)
	{
		struct task *other = queue_task_find(q, child->text);

		link_tasks(other, t);
		if (other->place != NO_PLACE && !queue_task_eligible(other) &&
		    other->shown.hold == QUEUE_WAITING) {
			queue_ready_remove(other);
		}
	}
	if (queue_task_eligible(t)) {
		queue_ready_add(t);
	}
	return 0;
}
