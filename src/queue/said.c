/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/state.h"

#include <stdlib.h>

/* What was said once: idempotency keys and answers; and what of it all the
 * store does not have yet. */

struct str
queue_key_key(const struct item *i)
{
	return CONTAINER(i, struct key, item)->text;
}

struct str
queue_answer_key(const struct item *i)
{
	return CONTAINER(i, struct answer, item)->text;
}

static void
free_answer(struct queue *q, struct answer *answer)
{
	table_drop(&q->answers, &answer->item);
	free(answer);
}

void
queue_key_drop(struct queue *q, struct more *m)
{
	if (m->key) {
		table_drop(&q->keys, &m->key->item);
		free(m->key);
		m->key = NULL;
	}
}

void
queue_answer_drop(struct queue *q, struct answer *answer)
{
	struct more *m = answer->task->more;
	struct answer **at = &m->answers;

	while (*at != answer) {
		at = &(*at)->older;
	}
	*at = answer->older;
	m->answer_count--;
	free_answer(q, answer);
}

/* Its key and its answers may be used anew. */
void
queue_said_drop(struct queue *q, struct more *m)
{
	queue_key_drop(q, m);
	while (m->answers) {
		queue_answer_drop(q, m->answers);
	}
}

void
queue_key_add(struct queue *q, struct task *t, struct str text)
{
	struct key *k = malloc(sizeof(*k) + text.len + 1);
	char *at = NULL;

	must(k != NULL);
	at = (char *)(k + 1);
	*k = (struct key){ .task = t, .text = queue_text_put(&at, text) };
	table_put(&q->keys, &k->item);
	queue_task_more(t)->key = k;
}

struct task *
queue_key_find(const struct queue *q, struct str text)
{
	struct item *i = text.len > 0 ? table_get(&q->keys, text) : NULL;

	return i ? CONTAINER(i, struct key, item)->task : NULL;
}

struct answer *
queue_answer_find(const struct queue *q, struct str text)
{
	struct item *i = text.len > 0 ? table_get(&q->answers, text) : NULL;

	return i ? CONTAINER(i, struct answer, item) : NULL;
}

/* The oldest of too many goes. */
static void
bound_answers(struct queue *q, const struct more *m)
{
	struct answer *last = m->answers;

	if (m->answer_count <= QUEUE_ANSWERS_MAX) {
		return;
	}
	while (last->older) {
		last = last->older;
	}
	queue_answer_drop(q, last);
}

void
queue_answer_add(struct queue *q, struct task *t, struct str text,
    enum e2m_state state, uint32_t epoch)
{
	struct more *m = queue_task_more(t);
	struct answer *answer = malloc(sizeof(*answer) + text.len + 1);
	char *at = NULL;

	must(answer != NULL);
	at = (char *)(answer + 1);
	*answer = (struct answer){
		.task = t,
		.text = queue_text_put(&at, text),
		.older = m->answers,
		.state = state,
		.epoch = epoch,
	};
	table_put(&q->answers, &answer->item);
	m->answers = answer;
	m->answer_count++;
	bound_answers(q, m);
}

/* --- what the store has not --- */

void
queue_unsaved_add(
    struct unsaved_list *l, struct unsaved **at, void *owner, uint64_t seq)
{
	struct unsaved *u = NULL;

	if (seq == 0 || (*at && (*at)->since <= seq)) {
		return;
	}
	queue_unsaved_drop(l, at); /* a load found the later one first */
	u = malloc(sizeof(*u));
	must(u != NULL);
	*u =
	    (struct unsaved){ .before = l->last, .owner = owner, .since = seq };
	while (u->before && u->before->since > seq) { /* of a load only */
		u->after = u->before;
		u->before = u->before->before;
	}
	*(u->before ? &u->before->after : &l->first) = u;
	*(u->after ? &u->after->before : &l->last) = u;
	*at = u;
}

void
queue_unsaved_drop(struct unsaved_list *l, struct unsaved **at)
{
	struct unsaved *u = *at;

	if (!u) {
		return;
	}
	*(u->before ? &u->before->after : &l->first) = u->after;
	*(u->after ? &u->after->before : &l->last) = u->before;
	free(u);
	*at = NULL;
}

void
queue_task_unsaved(struct queue *q, struct task *t, uint64_t seq)
{
	queue_unsaved_add(&q->unsaved, &t->unsaved, t, seq);
}

void
queue_task_touched(struct queue *q, struct task *t, uint64_t seq)
{
	t->shown.last_seq = seq;
	queue_task_unsaved(q, t, seq);
}

const struct queue_task *
queue_unsaved(const struct queue *q, uint64_t *since)
{
	const struct unsaved *u = q->unsaved.first;
	const struct task *t = u ? u->owner : NULL;

	*since = u ? u->since : 0;
	return t ? &t->shown : NULL;
}

void
queue_saved(struct queue *q, struct str id)
{
	struct task *t = queue_task_find(q, id);

	if (t) {
		queue_unsaved_drop(&q->unsaved, &t->unsaved);
	}
}

void
queue_saw(struct queue *q, struct str id, uint64_t seq)
{
	struct task *t = queue_task_find(q, id);

	if (t && seq > t->shown.last_seq) {
		queue_task_touched(q, t, seq);
	}
}
