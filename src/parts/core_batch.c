/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch: what it holds, the moment from which it does not change, how it is
 * given to the store.
 */
#include "parts/core_batch.h"

struct core_write *
core_batch_add(struct core *c, enum core_write_kind kind)
{
	struct core_batch *b = &c->book.forming;
	struct core_write *w = arena_alloc(&b->memory, sizeof(*w));

	w->kind = kind;
	b->urgent |= kind != CORE_WRITE_HEAD; /* a head says it itself */
	if (b->writes_last) {
		b->writes_last->next = w;
	} else {
		b->writes = w;
	}
	b->writes_last = w;
	return w;
}

bool
core_batch_empty(const struct core_batch *b)
{
	return !b->writes && !b->pending;
}

/* --- closing: what goes to the disk is fixed --- */

/* The batch has the only memory that outlives this turn. */
static void
fill_task(struct core *c, struct core_write *w, const struct queue_task *t)
{
	struct arena *a = &c->book.forming.memory;

	buf_clear(&c->book.scratch);
	queue_task_save(c->queue, t, &c->book.scratch);
	w->row = arena_alloc(a, sizeof(*w->row));
	*w->row = (struct store_task){
		.number = t->put_seq,
		.id = w->key,
		.queue = arena_str(a, t->queue),
		.subject = arena_str(a, t->subject),
		.state = str_of(e2m_state_name(t->state)),
		.owner = arena_str(a, t->owner),
		.created_at = t->created,
		.updated_at = t->updated,
		.record = w->value,
		.saved = arena_str(a, buf_str(&c->book.scratch)),
		.last_seq = t->last_seq,
		.live = true,
		.ending = w->ending && e2m_is_final(t->state),
	};
}

/* As the heads of this batch have made it. */
static void
close_task(struct core *c, struct core_write *w)
{
	const struct queue_task *t = queue_find(c->queue, w->key);

	if (w->forgotten) {
		w->row->live = t != NULL; /* others wait for it: it stayed */
	} else if (t) {
		fill_task(c, w, t);
	}
	if (t) {
		queue_saved(c->queue, t->id);
	}
}

void
core_task_forget(struct core *c, const struct queue_task *t)
{
	struct core_write *w = core_batch_add(c, CORE_WRITE_TASK);

	w->key = arena_str(&c->book.forming.memory, t->id);
	w->forgotten = true;
	fill_task(c, w, t);
}

#define TOGETHER 64 /* bodies that are hashed side by side */

/* A head was encoded when it was appended, without its body's digest. */
static void
name_bodies(const struct core_batch *b)
{
	struct book_new_head heads[TOGETHER];
	size_t count = 0;

	for (const struct core_write *w = b->writes; w; w = w->next) {
		if (w->kind == CORE_WRITE_HEAD && w->has_body) {
			heads[count++] = (struct book_new_head){
				.bytes = w->bytes,
				.body = w->value,
			};
		}
		if (count == TOGETHER || !w->next) {
			book_bodies_name(heads, count);
			count = 0;
		}
	}
}

void
core_batch_close(struct core *c)
{
	struct core_batch *b = &c->book.forming;

	if (b->writes) {
		core_save_tasks(c);
	}
	for (struct core_write *w = b->writes; w; w = w->next) {
		if (w->kind == CORE_WRITE_TASK) {
			close_task(c, w);
		}
	}
	if (b->writes) {
		core_save_tree(c, false);
	}
	name_bodies(b);
	loop_timer_cancel(&c->book.lazy);
	c->book.lazy_due.us = 0;
	must(c->book.flight_count < STORE_FLIGHTS_MAX);
	c->book.flights[c->book.flight_count++] = *b;
	c->book.closed = c->book.seq;
	*b = (struct core_batch){ .memory = c->book.spare };
	c->book.spare = (struct arena){ 0 };
}

static int
write_head(struct core *c, const struct core_write *w, struct err *e)
{
	struct store_head head = {
		.seq = w->seq,
		.before = w->before,
		.head = w->bytes,
	};

	if (store_head_add(c->book.store, &head, e)) {
		return -1;
	}
	return w->has_body ? store_body_add(c->book.store, w->seq,
	                         wall_day(w->time), w->value, e)
	                   : 0;
}

static int
write_one(struct core *c, const struct core_write *w, struct err *e)
{
	struct store_row row;

	switch (w->kind) {
	case CORE_WRITE_HEAD:
		return write_head(c, w, e);
	case CORE_WRITE_TASK:
		return w->row ? store_task_put(c->book.store, w->row, e) : 0;
	case CORE_WRITE_DROP:
		return store_row_delete(
		    c->book.store, str_of(w->space), w->key, e);
	case CORE_WRITE_INBOX:
		return store_inbox_drop(c->book.store, w->seq, e);
	case CORE_WRITE_ROW:
		break;
	}
	row = (struct store_row){
		.space = str_of(w->space),
		.key = w->key,
		.value = w->value,
		.version = w->version,
	};
	return store_row_put(c->book.store, &row, e);
}

int
core_batch_write(struct core *c, const struct core_batch *b, struct err *e)
{
	if (store_begin(c->book.store, e)) {
		return -1;
	}
	for (struct core_write *w = b->writes; w; w = w->next) {
		if (write_one(c, w, e)) {
			store_rollback(c->book.store);
			return -1;
		}
	}
	return 0;
}
