/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the book is read again: the trail of a task or of a run, bodies,
 * records.  The store knows what is on the disk; what is not there yet lies in
 * the two batches.
 */
#include "parts/core_batch.h"

/* --- trails --- */

static int
keep_seq(void *context, const struct store_task *t, struct err *e)
{
	(void)e;
	*(uint64_t *)context = t->last_seq;
	return 0;
}

int
core_task_known(struct core *c, struct str task, struct err *e)
{
	uint64_t seq;

	if (queue_find(c->queue, task) ||
	    store_task_get(c->book.store, task, keep_seq, &seq, e) == 0) {
		return 0;
	}
	return e->kind == ERR_MISSING ? core_task_missing(task, e) : -1;
}

int
core_task_missing(struct str task, struct err *e)
{
	return err_set(e, ERR_MISSING,
	    "there is no task %s; `handrail task list` names them",
	    err_quote(task));
}

/* The first head of this task in the batch; NULL: none. */
/* Those that are not on the disk, the oldest first. */
static const struct core_batch *
batch_at(const struct core *c, unsigned i)
{
	return i < c->book.flight_count ? &c->book.flights[i]
	                                : &c->book.forming;
}

static const struct core_write *
first_of(const struct core_batch *b, struct book_id task)
{
	for (const struct core_write *w = b->writes; w; w = w->next) {
		if (w->kind == CORE_WRITE_HEAD && book_id_eq(w->task, task)) {
			return w;
		}
	}
	return NULL;
}

/* The newest head of the task that is on the disk; 0: none is. */
static int
trail_end(struct core *c, struct str task, uint64_t *end, struct err *e)
{
	const struct queue_task *t = queue_find(c->queue, task);
	const struct core_write *w;
	struct book_id id;

	if (t) {
		*end = t->last_seq;
	} else if (store_task_get(c->book.store, task, keep_seq, end, e)) {
		return -1;
	}
	if (*end <= c->book.durable || !book_id_parse(task, &id)) {
		return 0;
	}
	w = NULL;
	for (unsigned i = 0; i <= c->book.flight_count && !w; i++) {
		w = first_of(batch_at(c, i), id);
	}
	*end = w ? w->before : *end;
	return 0;
}

static int
keep_head(void *context, const struct store_head *row, struct err *e)
{
	(void)e;
	buf_add(context, str_span(row->head, BOOK_HEAD_SIZE));
	return 0;
}

int
core_task_heads(struct core *c, struct str task, uint64_t after,
    struct buf *heads, struct err *e)
{
	uint64_t end = 0;

	if (trail_end(c, task, &end, e)) {
		return -1;
	}
	return end > after ? store_trail_walk(
	                         c->book.store, end, after, keep_head, heads, e)
	                   : 0;
}

/* A run names its task in its view, or in the row written at its start. */
static int
task_of_run(
    struct core *c, struct book_id run, char task[ID_TEXT], struct err *e)
{
	const struct session_run *view = session_index_find(c->sessions, run);
	auto_buf row = { 0 };
	char text[ID_TEXT];

	if (view) {
		book_id_text(view->task, task);
		return 0;
	}
	book_id_text(run, text);
	if (store_row_get(
	        c->book.store, STR("run"), str_of(text), &row, NULL, e)) {
		return err_wrap(e, "run %s", text);
	}
	return str_copy(task, ID_TEXT, buf_str(&row))
	           ? 0
	           : err_set(e, ERR_INPUT, "the row of run %s", text);
}

int
core_run_heads(struct core *c, struct book_id run, uint64_t after,
    struct buf *heads, struct err *e)
{
	char task[ID_TEXT];
	auto_buf all = { 0 };

	if (task_of_run(c, run, task, e) ||
	    core_task_heads(c, str_of(task), after, &all, e)) {
		return -1;
	}
	for (size_t at = 0; at < all.len; at += BOOK_HEAD_SIZE) {
		struct str bytes = str_span(all.at + at, BOOK_HEAD_SIZE);
		struct book_head head;

		if (book_head_decode(bytes, &head, e)) {
			return -1;
		}
		if (book_id_eq(head.run, run)) {
			buf_add(heads, bytes);
		}
	}
	return 0;
}

int
core_by_seq(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return *x < *y ? -1 : *x > *y;
}

uint64_t
core_task_end(struct core *c, struct str task)
{
	auto_buf heads = { 0 };
	struct err e = { 0 };

	if (core_task_heads(c, task, 0, &heads, &e)) {
		log_err("task", &e);
		return 0;
	}
	for (size_t at = heads.len; at > 0; at -= BOOK_HEAD_SIZE) {
		struct book_head head;

		if (book_head_decode(str_span(heads.at + at - BOOK_HEAD_SIZE,
		                         BOOK_HEAD_SIZE),
		        &head, &e) == 0 &&
		    head.kind == BOOK_TASK_TRANSITION) {
			return head.seq;
		}
	}
	return 0;
}

/* --- bodies and records --- */

static bool
unwritten_body(const struct core_batch *b, uint64_t seq, struct buf *out)
{
	for (const struct core_write *w = b->writes; w; w = w->next) {
		if (w->kind == CORE_WRITE_HEAD && w->seq == seq &&
		    w->has_body) {
			buf_add(out, w->value);
			return true;
		}
	}
	return false;
}

void
core_kept_key(uint64_t seq, struct buf *key)
{
	buf_addf(key, "%020llu", (unsigned long long)seq);
}

int
core_body_get(struct core *c, uint64_t seq, struct buf *out, struct err *e)
{
	auto_buf key = { 0 };
	struct err kept = { 0 };

	for (unsigned i = 0; seq > c->book.durable && i <= c->book.flight_count;
	     i++) {
		if (unwritten_body(batch_at(c, i), seq, out)) {
			return 0;
		}
	}
	if (store_body_get(c->book.store, seq, out, e) == 0) {
		return 0;
	}
	if (e->kind != ERR_MISSING) {
		return -1;
	}
	core_kept_key(seq, &key);
	if (store_row_get(
	        c->book.store, STR("kept"), buf_str(&key), out, NULL, &kept)) {
		if (kept.kind != ERR_MISSING) {
			*e = kept;
		}
		return -1;
	}
	*e = (struct err){ 0 };
	return 0;
}

int
core_body_look(
    struct core *c, uint64_t seq, struct buf *out, bool *there, struct err *e)
{
	*there = core_body_get(c, seq, out, e) == 0;
	if (!*there && e->kind != ERR_MISSING) {
		return err_wrap(
		    e, "the body of event %llu", (unsigned long long)seq);
	}
	*e = (struct err){ 0 };
	return 0;
}

static int
keep_record(void *context, const struct store_task *t, struct err *e)
{
	(void)e;
	buf_add(context, t->record);
	return 0;
}

static bool
unwritten_record(const struct core_batch *b, struct str task, struct buf *out)
{
	for (const struct core_write *w = b->writes; w; w = w->next) {
		if (w->kind == CORE_WRITE_TASK && w->value.len &&
		    str_eq(w->key, task)) {
			buf_add(out, w->value);
			return true;
		}
	}
	return false;
}

/* Stores of earlier programs have it in a row of its own. */
int
core_task_record(
    struct core *c, struct str task, struct buf *out, struct err *e)
{
	const struct queue_task *t = queue_find(c->queue, task);
	size_t before = out->len;

	/* It was written with its put, and not again. */
	bool written = t && t->put_seq <= c->book.durable;

	for (unsigned i = 0; !written && i <= c->book.flight_count; i++) {
		if (unwritten_record(batch_at(c, i), task, out)) {
			return 0;
		}
	}
	if (t ? store_task_record(c->book.store, t->put_seq, task, out, e)
	      : store_task_get(c->book.store, task, keep_record, out, e)) {
		return -1;
	}
	if (out->len - before > 2) {
		return 0;
	}
	out->len = before;
	return store_row_get(c->book.store, STR("task"), task, out, NULL, e);
}
