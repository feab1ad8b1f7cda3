/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

/* Reading the state: lookups, the order of puts, the dump. */

#include <stdlib.h>

static int
by_put(const void *a, const void *b)
{
	const struct task *x = *(struct task *const *)a;
	const struct task *y = *(struct task *const *)b;

	if (x->shown.put_seq != y->shown.put_seq) {
		return x->shown.put_seq < y->shown.put_seq ? -1 : 1;
	}
	return (x->index > y->index) - (x->index < y->index);
}

/* The order is put right when somebody looks: a rebuild would sort at every
 * put.  It is no part of the state, so a reader may do it. */
static const struct list *
all_of(const struct queue *shown)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): no part of the state */
	struct queue *q = (struct queue *)(uintptr_t)shown;

	if (!q->disorder) {
		return &q->all;
	}
	qsort(q->all.at, q->all.count, sizeof(struct task *), by_put);
	for (size_t i = 0; i < q->all.count; i++) {
		q->all.at[i]->index = (uint32_t)i;
	}
	q->disorder = false;
	return &q->all;
}

const struct queue_task *
queue_find(const struct queue *q, struct str id)
{
	const struct task *t = queue_task_find(q, id);

	return t ? &t->shown : NULL;
}

const struct queue_task *
queue_parent(const struct queue *q, struct str id)
{
	const struct task *t = queue_task_find(q, id);

	return t && t->more && t->more->parent ? &t->more->parent->shown : NULL;
}

const struct queue_task *
queue_at(const struct queue *q, size_t index)
{
	const struct list *all = all_of(q);

	return index < all->count ? &all->at[index]->shown : NULL;
}

const struct queue_task *
queue_next(const struct queue *q, struct str queue_name, struct str owner)
{
	const struct line *l = queue_line_find(q, queue_name);
	const struct task *t = NULL;

	if (l && (l->limits.max_running == 0 ||
	             l->running < l->limits.max_running)) {
		t = queue_line_best(l, owner);
	}
	return t ? &t->shown : NULL;
}

/* --- the dump --- */

static int
by_task(const void *a, const void *b)
{
	const struct task *x = *(struct task *const *)a;
	const struct task *y = *(struct task *const *)b;

	return str_cmp(x->shown.id, y->shown.id);
}

/* A set: its order in memory says nothing. */
static void
dump_depends(struct json_out *o, const struct list *l)
{
	auto_arena a = { 0 };
	struct task **all =
	    arena_array(&a, l->count + 1, sizeof(struct task *));

	for (size_t i = 0; i < l->count; i++) {
		all[i] = l->at[i];
	}
	qsort(all, l->count, sizeof(struct task *), by_task);
	json_out_array(o, "depends");
	for (size_t i = 0; i < l->count; i++) {
		json_out_str(o, NULL, all[i]->shown.id);
	}
	json_out_end(o, ']');
}

static void
dump_more(struct json_out *o, const struct more *m)
{
	dump_depends(o, &m->depends);
	json_out_i64(o, "absent", (int64_t)m->absent_count);
	json_out_str(o, "parent", m->parent_id);
	json_out_bool(o, "parent_known", m->parent != NULL);
	json_out_i64(o, "children", (int64_t)m->children.count);
	json_out_i64(o, "unblock", m->unblock);
	json_out_str(o, "key", m->key ? m->key->text : STR(""));
	json_out_array(o, "answers");
	for (const struct answer *i = m->answers; i; i = i->older) {
		json_out_str(o, NULL, i->text);
		json_out_z(o, NULL, e2m_state_name(i->state));
		json_out_i64(o, NULL, i->epoch);
	}
	json_out_end(o, ']');
	json_out_i64(o, "max_attempts", m->retry.max_attempts);
	json_out_i64(o, "max_lost", m->retry.max_lost);
	json_out_i64(o, "base", m->retry.base_us);
	json_out_i64(o, "cap", m->retry.cap_us);
	json_out_str(o, "cron", m->every.cron);
	json_out_str(o, "zone", m->every.zone);
	json_out_i64(o, "every", m->every.us);
	json_out_str(o, "template", m->template);
	json_out_bool(o, "rearmed", m->rearmed);
}

static void
dump_task(struct json_out *o, const struct task *t)
{
	static const struct more none = { 0 };
	const struct queue_task *s = &t->shown;

	json_out_object(o, NULL);
	json_out_str(o, "id", s->id);
	json_out_str(o, "queue", s->queue);
	json_out_str(o, "subject", s->subject);
	json_out_str(o, "from", s->from);
	json_out_str(o, "owner", s->owner);
	json_out_z(o, "hold", queue_hold_name(s->hold));
	json_out_z(o, "state", e2m_state_name(s->state));
	json_out_bool(o, "dead", s->dead);
	json_out_i64(o, "score", s->score);
	json_out_i64(o, "order", queue_order_key(t));
	json_out_i64(o, "urgency", t->urgency);
	json_out_i64(o, "tenths", t->tenths);
	json_out_bool(o, "mail_waits", t->mail_waits);
	json_out_i64(o, "created", s->created.us);
	json_out_i64(o, "updated", s->updated.us);
	json_out_i64(o, "not_before", s->not_before.us);
	json_out_i64(o, "epoch", s->epoch);
	json_out_i64(o, "incarnation", s->incarnation);
	json_out_i64(o, "attempts", s->attempts);
	json_out_i64(o, "lost", s->lost);
	json_out_i64(o, "unmet", s->unmet);
	json_out_i64(o, "put_seq", (int64_t)s->put_seq);
	dump_more(o, t->more ? t->more : &none);
	json_out_end(o, '}');
}

static void
dump_letter(struct json_out *o, const struct letter *m)
{
	const struct queue_letter *s = &m->shown;

	json_out_object(o, NULL);
	json_out_str(o, "id", s->id);
	json_out_str(o, "to", s->to);
	json_out_str(o, "from", s->from);
	json_out_str(o, "subject", s->subject);
	json_out_str(o, "thread", s->thread);
	json_out_str(o, "reply_to", s->reply_to);
	json_out_str(o, "task", s->task);
	json_out_str(o, "decision", s->decision);
	json_out_z(o, "type", e2m_type_name(s->type));
	json_out_bool(o, "ack_required", s->ack_required);
	json_out_bool(o, "requires_decision", s->requires_decision);
	json_out_bool(o, "done", s->done);
	json_out_i64(o, "at", s->at.us);
	json_out_i64(o, "updated", m->updated.us);
	json_out_i64(o, "expires", s->expires.us);
	json_out_i64(o, "priority", s->priority);
	json_out_array(o, "options");
	for (size_t i = 0; i < m->option_count; i++) {
		json_out_str(o, NULL, m->options[i]);
	}
	json_out_end(o, ']');
	json_out_array(o, "readers");
	for (size_t i = 0; i < m->reader_count; i++) {
		json_out_str(o, NULL, m->readers[i]);
	}
	json_out_end(o, ']');
	json_out_end(o, '}');
}

static int
by_id(const void *a, const void *b)
{
	const struct letter *x = *(struct letter *const *)a;
	const struct letter *y = *(struct letter *const *)b;

	return str_cmp(x->shown.id, y->shown.id);
}

static void
dump_mail(struct json_out *o, const struct queue *q)
{
	auto_arena a = { 0 };
	struct letter **all =
	    arena_array(&a, q->mail_count + 1, sizeof(struct letter *));

	for (size_t i = 0; i < q->mail_count; i++) {
		all[i] = q->mail[i];
	}
	qsort(all, q->mail_count, sizeof(struct letter *), by_id);
	for (size_t i = 0; i < q->mail_count; i++) {
		dump_letter(o, all[i]);
	}
}

void
queue_dump(const struct queue *q, struct buf *out)
{
	const struct list *all = all_of(q);
	struct json_out o = { 0 };

	json_out_init(&o, out);
	json_out_object(&o, NULL);
	json_out_array(&o, "tasks");
	for (size_t i = 0; i < all->count; i++) {
		dump_task(&o, all->at[i]);
	}
	json_out_end(&o, ']');
	json_out_array(&o, "mail");
	dump_mail(&o, q);
	json_out_end(&o, ']');
	json_out_i64(&o, "keys", (int64_t)q->keys.count);
	json_out_i64(&o, "answers", (int64_t)q->answers.count);
	json_out_i64(&o, "threads", (int64_t)q->threads.count);
	json_out_end(&o, '}');
}
