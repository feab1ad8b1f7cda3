/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is appended: heads, rows and effects of the batch that is forming, and
 * the views that follow each head.
 *
 * Invariants of the book, kept by this file and core_commit.c:
 *
 * (1) A head is in every view exactly when it is on the disk, in a batch in
 *     flight or in the one that is forming; in that order, by seq without a
 *     gap.  A head names its body when the batch is closed, and the tree has it
 *     when it is on the disk: both are hashed many at a time.
 * (2) At most STORE_FLIGHTS_MAX batches are in flight, in order; the store lets
 *     none land without the one before it.  None changes once it is closed;
 *     what is appended meanwhile is the next one's.
 * (3) An effect belongs to the batch in which it was queued and runs only after
 *     that batch is on the disk, in order; also an effect of a batch without
 *     writes waits for the batch before it.
 * (4) A commit that fails or takes long keeps its batch: nothing was answered,
 *     so nothing is lost, and whoever asks meanwhile hears why.
 * (5) Whoever lost the log to another owner writes nothing more and does
 *     nothing more: the house ends.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/core_batch.h"
#include "parts/core_call.h"

/* What is in force: texts that lie under these digests (core_texts.c). */
static void
fill_role(struct book_head *head, const struct core_role *role)
{
	head->policy = role->policy_digest;
	head->role = role->role->digest;
	if (digest_is_zero(head->contract)) {
		head->contract = role->catalogue.digest;
	}
}

static void
fill_head(
    struct core *c, const struct core_event *event, struct book_head *head)
{
	head->seq = ++c->book.seq;
	head->time = wall_now();
	head->kind = event->kind;
	head->incarnation = c->book.incarnation;
	head->epoch = event->epoch;
	head->call = event->call;
	head->task = event->task;
	head->run = event->run_id;
	head->contract = event->contract;
	const struct core_role *role = event->role;
	const char *identity = event->identity;

	if (event->run) {
		const struct core_run *r = event->run;

		head->run = r->run;
		head->task = r->task;
		head->epoch = r->epoch;
		role = role ? role : r->role;
	}
	if (role) {
		fill_role(head, role);
		identity = identity ? identity : role->identity;
	}
	if (identity) {
		must(str_copy(head->identity, sizeof(head->identity),
		    str_sub(str_of(identity), 0, BOOK_IDENTITY_MAX)));
	}
	must(str_copy(head->rule, sizeof(head->rule),
	    str_sub(event->rule, 0, BOOK_RULE_MAX)));
	if (event->body.len) {
		book_head_body_later(head, event->body);
	}
}

/* --- heads and their trails --- */

static const struct queue_task *
task_of(const struct core *c, struct book_id task)
{
	char text[ID_TEXT];

	book_id_text(task, text);
	return text[0] ? queue_find(c->queue, str_of(text)) : NULL;
}

void
core_trail(struct core *c, struct book_id task, uint64_t seq)
{
	const struct queue_task *t = task_of(c, task);

	if (t && t->last_seq < seq) {
		queue_saw(c->queue, t->id, seq);
	}
}

/* The head, before the trail of its task goes through it. */
static uint64_t
append(struct core *c, const struct core_event *event, struct book_id *task)
{
	struct arena *a = &c->book.forming.memory;
	struct core_write *w = core_batch_add(c, CORE_WRITE_HEAD);
	struct book_head head = { 0 };
	struct err e = { 0 };

	fill_head(c, event, &head);
	c->book.forming.urgent |= !event->lazy;
	const struct queue_task *t = task_of(c, head.task);

	w->before = t ? t->last_seq : 0;
	w->has_body = head.has_body;
	w->value = arena_str(a, event->body);
	w->bytes = arena_alloc(a, BOOK_HEAD_SIZE);
	book_head_encode(&head, w->bytes);
	w->seq = head.seq;
	w->time = head.time;
	w->task = head.task;
	c->book.forming.last = head.seq;
	core_save_saw(c, &head);
	core_publish_saw(c, &head);
	if (session_index_apply(c->sessions, &head, event->body, &e)) {
		/* Core judged this event against that same view. */
		log_err("session", &e);
		must(!"an event that its own view refuses");
	}
	*task = head.task;
	return head.seq;
}

struct buf *
core_event_body(struct core *c)
{
	buf_clear(&c->book.body);
	return &c->book.body;
}

uint64_t
core_append(struct core *c, const struct core_event *event)
{
	struct book_id task;
	uint64_t seq = append(c, event, &task);

	core_trail(c, task, seq);
	return seq;
}

void
core_after(struct core *c, core_effect_fn *fn, uint64_t number)
{
	struct core_batch *b = &c->book.forming;
	struct core_pending *p = arena_alloc(&b->memory, sizeof(*p));

	p->fn = fn;
	p->number = number;
	if (b->pending_last) {
		b->pending_last->next = p;
	} else {
		b->pending = p;
	}
	b->pending_last = p;
}

void
core_row(struct core *c, const char *space, struct str key, struct str value,
    uint64_t version)
{
	struct core_write *w = core_batch_add(c, CORE_WRITE_ROW);

	w->space = space;
	w->key = arena_str(&c->book.forming.memory, key);
	w->value = arena_str(&c->book.forming.memory, value);
	w->version = version;
}

void
core_row_drop(struct core *c, const char *space, struct str key)
{
	struct core_write *w = core_batch_add(c, CORE_WRITE_DROP);

	w->space = space;
	w->key = arena_str(&c->book.forming.memory, key);
}

void
core_task_put(struct core *c, const struct queue_task *t, struct str record)
{
	struct core_write *w = core_batch_add(c, CORE_WRITE_TASK);

	w->key = arena_str(&c->book.forming.memory, t->id);
	w->value = arena_str(&c->book.forming.memory, record);
}

void
core_task_row(struct core *c, const struct queue_task *t)
{
	core_task_put(c, t, STR(""));
}

void
core_task_ended(struct core *c, const struct queue_task *t)
{
	struct core_write *w = core_batch_add(c, CORE_WRITE_TASK);

	w->key = arena_str(&c->book.forming.memory, t->id);
	w->ending = true;
}

void
core_letter_row(struct core *c, const struct queue_letter *m)
{
	auto_buf saved = { 0 };

	queue_letter_save(c->queue, m, &saved);
	core_row(c, "mail", m->id, buf_str(&saved), c->book.seq);
	queue_letter_saved(c->queue, m->id);
}

/* Taken from the inbox: its row goes with what was made of it. */
void
core_inbox_drop(struct core *c, uint64_t number)
{
	core_batch_add(c, CORE_WRITE_INBOX)->seq = number;
}

/* --- the queue's and the waits' events --- */

#define QUEUE_KINDS (QUEUE_EVENT_RAISE + 1) /* the last of them */

/* Which kind of head each event is, looked up once. */
static const enum book_kind *
kinds(void)
{
	static enum book_kind heads[QUEUE_KINDS];

	for (int k = QUEUE_KINDS - 1; !heads[0] && k >= 0; k--) {
		const char *name = queue_event_head((enum queue_event_kind)k);

		must(book_kind_parse(str_of(name), &heads[k]));
	}
	return heads;
}

bool
core_is_queue_kind(enum book_kind kind)
{
	const enum book_kind *heads = kinds();

	for (size_t i = 0; i < QUEUE_KINDS; i++) {
		if (heads[i] == kind) {
			return true;
		}
	}
	return false;
}

static void
apply(struct core *c, const struct queue_event *q, uint64_t seq)
{
	struct err e = { 0 };

	if (queue_apply_event(c->queue, q, seq, &e)) {
		log_err("queue", &e);
		must(!"a queue event that its own machine refuses");
	}
}

/* A letter's saved form goes to the disk with whatever changed it. */
static void
save_letter(struct core *c, const struct queue_event *q)
{
	const struct queue_letter *m = NULL;

	if (q->kind == QUEUE_EVENT_MAIL || q->kind == QUEUE_EVENT_ACK) {
		m = queue_letter_find(c->queue, q->id);
	}
	if (m) {
		core_letter_row(c, m);
	}
}

/* Whose task it is of: what is in force there goes into the head. */
static const struct core_role *
role_of(const struct core *c, const struct queue_event *q)
{
	const struct queue_task *t =
	    q->queue.len ? NULL : queue_find(c->queue, q->id);
	struct str queue = t ? t->queue : q->queue;

	for (size_t i = 0; queue.len && i < c->house.role_count; i++) {
		if (str_eq_z(queue, c->house.roles[i].name)) {
			return &c->house.roles[i];
		}
	}
	return NULL;
}

void
core_queue_step(
    struct core *c, const struct queue_step *step, const struct core_run *run)
{
	core_queue_step_by(c, step, run, NULL);
}

void
core_queue_step_by(struct core *c, const struct queue_step *step,
    const struct core_run *run, const struct core_operator *who)
{
	for (size_t i = 0; i < step->event_count; i++) {
		const struct queue_event *q = &step->events[i];
		struct core_event event = {
			.kind = kinds()[q->kind],
			.run = run,
			.body = q->body,
		};
		char owner[QUEUE_OWNER_MAX + 1];
		struct book_id task;

		if (!run) { /* a worker's, or nobody's */
			(void)book_id_parse(q->id, &event.task);
			event.epoch = q->epoch;
			event.role = role_of(c, q);
			event.identity =
			    str_copy(owner, sizeof(owner), q->owner) ? owner
			                                             : "";
		}
		if (who) {
			event.identity = who->name;
		}
		/* It comes with the end of its trail, where this goes on. */
		bool comes = q->kind == QUEUE_EVENT_RECALL;

		if (comes) {
			apply(c, q, 0);
		}
		uint64_t seq = append(c, &event, &task);

		if (!comes) {
			apply(c, q, seq);
		}
		/* Applied first: what was seen is not applied again. */
		core_trail(c, task, seq);
		save_letter(c, q);
	}
	core_letters_saw(c, step);
	/* After all of it: what fails may be tried again. */
	for (size_t i = 0; c->stops && i < step->event_count; i++) {
		core_stop_follow(c, step->events[i].id);
	}
}

static void
fill_wait(struct core *c, struct str id, struct core_event *event)
{
	const struct wait_item *item = wait_find(c->waits, id);
	const struct session_run *view;

	if (!item) {
		return;
	}
	event->role = core_role_find(c, item->identity);
	event->contract = item->contract;
	if (!book_id_parse(item->run, &event->run_id)) {
		return; /* of an operator's sandbox */
	}
	event->call = item->call;
	view = session_index_find(c->sessions, event->run_id);
	if (view) {
		event->task = view->task;
	}
}

uint64_t
core_wait_step(struct core *c, enum book_kind kind, struct str id,
    struct str body, const struct core_run *run)
{
	struct core_event event = { .kind = kind, .body = body };
	struct err e = { 0 };

	/* Applied first: a put has its item, and the head names its call. */
	if (wait_apply(c->waits, c->book.seq + 1, body, &e)) {
		log_err("wait", &e);
		must(!"a wait event that its own machine refuses");
	}
	fill_wait(c, id, &event);
	event.run = run;
	uint64_t seq = core_append(c, &event);

	core_web_saw(c, seq, kind, id);
	if (kind == BOOK_WAIT_PUT) {
		core_notify_wait(c, id);
	}
	return seq;
}
