/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/form.h"

/* A forgotten task comes back from the store. */

static bool
may_come(const struct queue *q, const struct cut *more, uint8_t flags)
{
	struct cut c = *more;
	uint64_t count = 0;

	if (flags & FORM_MORE) {
		form_skip_to_links(&c);
		count = form_take_number(&c);
	}
	for (uint64_t i = 0; i < count; i++) {
		if (!queue_task_find(q, form_take_text(&c))) {
			return false;
		}
	}
	return true;
}

int
queue_recall(struct queue *q, struct arena *a, struct str saved,
    struct wall now, struct queue_step *step, struct err *e)
{
	struct head h = { 0 };
	struct cut more = { 0 };
	struct queue_step s = { 0 };
	struct queue_change change = { .kind = QUEUE_EVENT_RECALL, .at = now };

	if (form_check(saved, &h, &more, e)) {
		return -1;
	}
	if (queue_task_find(q, h.shown.id)) {
		return err_set(e, ERR_CONFLICT, "the task %s is not forgotten",
		    err_quote(h.shown.id));
	}
	if (h.shown.hold != QUEUE_COMPLETE && h.shown.hold != QUEUE_FAILED) {
		return err_set(e, ERR_CONFLICT,
		    "the task %s did not end: it was never forgotten",
		    err_quote(h.shown.id));
	}
	if (!may_come(q, &more, h.flags)) {
		return err_set(e, ERR_CONFLICT,
		    "the task %s depends on one that is forgotten and not "
		    "complete: recall that one first",
		    err_quote(h.shown.id));
	}
	change.id = arena_str(a, h.shown.id);
	change.saved = arena_str(a, saved);
	queue_step_yield(q, &s, a, &change);
	s.id = change.id;
	s.epoch = h.shown.epoch;
	s.state = h.shown.hold == QUEUE_COMPLETE ? E2M_COMPLETED : E2M_FAILED;
	*step = s;
	return 0;
}

/* Whoever named it as parent has it again, as after a load. */
static void
adopt_all(struct queue *q, struct task *parent)
{
	for (size_t i = 0; i < q->all.count; i++) {
		struct task *t = q->all.at[i];

		if (t->more && str_eq(t->more->parent_id, parent->shown.id)) {
			queue_task_adopt(t, parent);
		}
	}
}

int
queue_apply_recall(
    struct queue *q, const struct queue_change *c, uint64_t seq, struct err *e)
{
	struct head h = { 0 };
	struct cut more = { 0 };
	struct loaded l = { 0 };
	struct task *t = queue_task_find(q, c->id);

	if (t && seq > 0 && seq <= t->shown.last_seq) {
		return 0;
	}
	if (form_check(c->saved, &h, &more, e)) {
		return -1;
	}
	if (t || q->loaded_count > 0 || !str_eq(h.shown.id, c->id)) {
		return err_set(e, ERR_CONFLICT, "recall: the task is there");
	}
	if (form_load(q, &h, &more, &l, e)) {
		return -1;
	}
	form_link(q, &l);
	t = l.task;
	if (t->more) {
		queue_said_drop(q, t->more);
	}
	adopt_all(q, t);
	/* What was forgotten did not hear of the ack. */
	t->mail_waits = t->mail_waits && queue_mail_waits(q, c->id);
	t->shown.updated = c->at;
	queue_place(q, t);
	if (seq > 0) { /* else it goes on from the end of its own trail */
		queue_task_touched(q, t, seq);
	}
	return 0;
}

int
queue_task_read(
    struct arena *a, struct str saved, struct queue_task *out, struct err *e)
{
	static const enum e2m_state states[] = {
#define HOLD(id, word, e2m_state) [QUEUE_##id] = (e2m_state),
#include "queue/states.def"
#undef HOLD
	};
	struct head h = { 0 };
	struct cut more = { 0 };

	if (form_check(saved, &h, &more, e)) {
		return -1;
	}
	*out = h.shown;
	out->id = arena_str(a, h.shown.id);
	out->queue = arena_str(a, h.shown.queue);
	out->subject = arena_str(a, h.shown.subject);
	out->from = arena_str(a, h.shown.from);
	out->owner = arena_str(a, h.shown.owner);
	out->state = states[h.shown.hold];
	return 0;
}
