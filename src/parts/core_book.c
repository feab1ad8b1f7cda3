/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The batch of a loop turn, its commit, and the effects that wait for it.
 *
 * Invariants: (1) a head is in the tree and in every view exactly when it is
 * in the batch or on the disk, in order of seq; (2) an effect runs only after
 * the batch in which it was queued is on the disk; (3) a commit that fails
 * keeps the batch and is tried again every second: nothing was answered, so
 * nothing is lost, and whoever asks meanwhile hears that the disk is full.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts/core.h"
#include "parts/crash.h"

#define RETRY_US CLOCK_SECOND
#define ROUNDS   64 /* commits in one turn before the loop gets its turn */

enum write_kind { WRITE_HEAD, WRITE_ROW, WRITE_TASK };

struct core_write {
	struct core_write *next;
	enum write_kind kind;
	/* head */
	uint64_t seq;
	struct book_head head;
	uint8_t bytes[BOOK_HEAD_SIZE];
	struct digest leaf;
	/* row: space, key, value; task: id, record */
	struct buf space;
	struct buf key;
	struct buf value; /* also a head's body */
	uint64_t version;
	struct store_task task;
	struct arena arena;
};

struct core_pending {
	struct core_pending *next;
	core_effect_fn *fn;
	uint64_t number;
};

static void commit_turn(void *owner);

static struct core_write *
add_write(struct core *c, enum write_kind kind)
{
	struct core_write *w = calloc(1, sizeof(*w));

	must(w);
	w->kind = kind;
	if (c->book.writes_last) {
		c->book.writes_last->next = w;
	} else {
		c->book.writes = w;
	}
	c->book.writes_last = w;
	return w;
}

static void
free_write(struct core_write *w)
{
	buf_fini(&w->space);
	buf_fini(&w->key);
	buf_fini(&w->value);
	arena_fini(&w->arena);
	free(w);
}

static void
fill_head(
    struct core *c, const struct core_event *event, struct book_head *head)
{
	head->seq = ++c->book.seq;
	head->time = wall_now();
	head->kind = event->kind;
	head->incarnation = c->book.incarnation;
	head->call = event->call;
	head->task = event->task;
	head->run = event->run_id;
	head->policy = event->policy;
	head->contract = event->contract;
	const char *identity = event->identity;

	if (event->run) {
		const struct core_run *r = event->run;

		head->run = r->run;
		head->task = r->task;
		head->epoch = r->epoch;
		head->role = r->role->role->digest;
		identity = identity ? identity : r->role->identity;
	}
	if (identity) {
		must(str_copy(head->identity, sizeof(head->identity),
		    str_sub(str_of(identity), 0, BOOK_IDENTITY_MAX)));
	}
	must(str_copy(head->rule, sizeof(head->rule),
	    str_sub(event->rule, 0, BOOK_RULE_MAX)));
	if (event->body.len) {
		book_head_body(head, event->body);
	}
}

uint64_t
core_append(struct core *c, const struct core_event *event)
{
	struct core_write *w = add_write(c, WRITE_HEAD);
	struct err e = { 0 };

	fill_head(c, event, &w->head);
	buf_add(&w->value, event->body);
	book_head_encode(&w->head, w->bytes);
	w->leaf = book_leaf(str_span(w->bytes, sizeof(w->bytes)));
	w->seq = w->head.seq;
	book_tree_add(&c->book.tree, w->leaf);
	if (session_index_apply(c->sessions, &w->head, event->body, &e)) {
		/* Core judged this event against that same view. */
		log_err("session", &e);
		must(!"an event that its own view refuses");
	}
	return w->seq;
}

void
core_after(struct core *c, core_effect_fn *fn, uint64_t number)
{
	struct core_pending *p = calloc(1, sizeof(*p));

	must(p);
	p->fn = fn;
	p->number = number;
	if (c->book.pending_last) {
		c->book.pending_last->next = p;
	} else {
		c->book.pending = p;
	}
	c->book.pending_last = p;
}

void
core_row(struct core *c, const char *space, struct str key, struct str value,
    uint64_t version)
{
	struct core_write *w = add_write(c, WRITE_ROW);

	buf_add_z(&w->space, space);
	buf_add(&w->key, key);
	buf_add(&w->value, value);
	w->version = version;
}

void
core_task_row(struct core *c, const struct queue_task *t)
{
	struct core_write *w = add_write(c, WRITE_TASK);
	struct arena *a = &w->arena;

	w->task = (struct store_task){
		.id = arena_str(a, t->id),
		.queue = arena_str(a, t->queue),
		.subject = arena_str(a, t->subject),
		.state = arena_str(a, str_of(e2m_state_name(t->state))),
		.owner = arena_str(a, t->owner),
		.created_at = t->created,
		.updated_at = t->updated,
		.record = STR("{}"),
	};
}

static enum book_kind
kind_of(enum queue_event_kind kind)
{
	enum book_kind book = BOOK_KIND_NONE;

	must(book_kind_parse(str_of(queue_event_head(kind)), &book));
	return book;
}

void
core_queue_step(
    struct core *c, const struct queue_step *step, const struct core_run *run)
{
	for (size_t i = 0; i < step->event_count; i++) {
		const struct queue_event *q = &step->events[i];
		struct core_event event = {
			.kind = kind_of(q->kind),
			.run = run,
			.body = q->body,
		};
		struct err e = { 0 };

		if (!run) {
			(void)book_id_parse(q->id, &event.task);
		}
		uint64_t seq = core_append(c, &event);

		if (queue_apply(c->queue, q->body, seq, &e)) {
			log_err("queue", &e);
			must(!"a queue event that its own machine refuses");
		}
	}
}

static void
fill_wait(struct core *c, struct str id, struct core_event *event)
{
	const struct wait_item *item = wait_find(c->waits, id);
	const struct session_run *view;

	if (!item || !book_id_parse(item->run, &event->run_id)) {
		return;
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
	if (wait_apply(c->waits, body, &e)) {
		log_err("wait", &e);
		must(!"a wait event that its own machine refuses");
	}
	fill_wait(c, id, &event);
	event.run = run;
	return core_append(c, &event);
}

static int
write_head(struct core *c, const struct core_write *w, struct err *e)
{
	static const struct book_id none;
	struct store_head head = {
		.seq = w->seq,
		.time_us = w->head.time.us,
		.kind = str_of(book_kind_name(w->head.kind)),
		.task =
		    book_id_eq(w->head.task, none) ? NULL : w->head.task.bytes,
		.run = book_id_eq(w->head.run, none) ? NULL : w->head.run.bytes,
		.leaf = w->leaf.bytes,
		.head = str_span(w->bytes, sizeof(w->bytes)),
	};

	if (store_head_add(c->book.store, &head, e)) {
		return -1;
	}
	if (!w->head.has_body) {
		return 0;
	}
	return store_body_add(c->book.store, w->seq,
	    w->head.time.us / (INT64_C(24) * 3600 * CLOCK_SECOND),
	    buf_str(&w->value), e);
}

static int
write_one(struct core *c, const struct core_write *w, struct err *e)
{
	struct store_row row;

	switch (w->kind) {
	case WRITE_HEAD:
		return write_head(c, w, e);
	case WRITE_TASK:
		return store_task_put(c->book.store, &w->task, e);
	case WRITE_ROW:
		break;
	}
	row = (struct store_row){
		.space = buf_str(&w->space),
		.key = buf_str(&w->key),
		.value = buf_str(&w->value),
		.version = w->version,
	};
	return store_row_put(c->book.store, &row, e);
}

static int
write_batch(struct core *c, struct err *e)
{
#ifdef HANDRAIL_BREAK_COMMIT
	/* Only the test that proves the commit matters builds this. */
	(void)write_one;
	return 0;
#endif
	if (store_begin(c->book.store, e)) {
		return -1;
	}
	for (struct core_write *w = c->book.writes; w; w = w->next) {
		if (write_one(c, w, e)) {
			store_rollback(c->book.store);
			return -1;
		}
	}
	crash_point(CRASH_CORE_BEFORE_COMMIT);
	if (store_commit(c->book.store, e)) {
		return -1;
	}
	crash_point(CRASH_CORE_AFTER_COMMIT);
	return 0;
}

/* After a failed fsync nobody knows what is on the disk: the store is opened
 * anew, and a book that is not where this batch begins is replayed from the
 * start by a new incarnation. */
static void
open_again(struct core *c)
{
	struct err e = { 0 };
	uint64_t first = 0;

	for (struct core_write *w = c->book.writes; w && !first; w = w->next) {
		first = w->kind == WRITE_HEAD ? w->seq : 0;
	}
	store_close(c->book.store);
	c->book.store = NULL;
	if (store_open(c->book.path, 0, &c->book.store, &e)) {
		log_err("book", &e);
		exit(err_exit(e.kind));
	}
	if (first && store_last_seq(c->book.store) + 1 != first) {
		log_line(LOG_ERROR, "book",
		    "the disk kept another end of the "
		    "book: starting anew from it");
		exit(1);
	}
}

static void
try_again(void *owner)
{
	struct core *c = owner;

	open_again(c);
	commit_turn(c);
}

static void
stall(struct core *c, const struct err *e)
{
	if (!c->book.stalled[0]) {
		log_err("book", e);
	}
	(void)snprintf(c->book.stalled, sizeof(c->book.stalled),
	    "the book cannot be written (%s): nothing is done until it can; "
	    "free space or mend the disk under %s",
	    e->text, c->state);
	core_api_stalled(c);
	loop_timer_arm(&c->book.again, c->part.loop,
	    mono_after(loop_now(c->part.loop), RETRY_US), try_again, c);
}

static void
drop_writes(struct core *c)
{
	while (c->book.writes) {
		struct core_write *w = c->book.writes;

		c->book.writes = w->next;
		free_write(w);
	}
	c->book.writes_last = NULL;
}

static void
drop_effects(struct core *c)
{
	while (c->book.pending) {
		struct core_pending *p = c->book.pending;

		c->book.pending = p->next;
		free(p);
	}
	c->book.pending_last = NULL;
}

static void
run_effects(struct core *c)
{
	struct core_pending *p = c->book.pending;

	c->book.pending = NULL;
	c->book.pending_last = NULL;
	while (p) {
		struct core_pending *next = p->next;

		p->fn(c, p->number);
		free(p);
		p = next;
	}
}

static void
claim_again(struct core *c, uint64_t number)
{
	(void)number;
	core_claim(c);
}

static void
commit_turn(void *owner)
{
	struct core *c = owner;
	struct err e = { 0 };

	if (c->book.again.loop) {
		return; /* stalled: the timer tries again */
	}
	for (int i = 0; i < ROUNDS; i++) {
		bool grown = c->book.writes != NULL;

		if (!grown && !c->book.pending) {
			return;
		}
		if (grown && write_batch(c, &e)) {
			stall(c, &e);
			return;
		}
		if (c->book.stalled[0]) { /* nothing was claimed meanwhile */
			c->book.stalled[0] = '\0';
			core_after(c, claim_again, 0);
		}
		c->book.commits += grown;
		drop_writes(c);
		run_effects(c);
		if (grown) {
			core_api_events(c);
		}
	}
	loop_later(c->part.loop, commit_turn, c);
}

int
core_book_open(struct core *c, const char *path, struct err *e)
{
	uint64_t incarnation;

	if (!str_copy(c->book.path, sizeof(c->book.path), str_of(path))) {
		return err_set(e, ERR_INPUT, "the path %s is too long", path);
	}
	if (store_open(path, STORE_CREATE, &c->book.store, e) ||
	    store_incarnation_next(c->book.store, &incarnation, e)) {
		return -1;
	}
	c->book.incarnation = (uint32_t)incarnation;
	c->queue = queue_new(random_u64());
	c->sessions = session_index_new(random_u64());
	c->waits = wait_list_new(random_u64());
	loop_turn_end(c->part.loop, commit_turn, c);
	return 0;
}

struct replay {
	struct core *core;
	struct buf body;
};

static bool
is_queue_kind(enum book_kind kind)
{
	for (int k = QUEUE_EVENT_PUT; k <= QUEUE_EVENT_ACK; k++) {
		if (kind_of((enum queue_event_kind)k) == kind) {
			return true;
		}
	}
	return false;
}

static int
replay_views(struct replay *r, const struct book_head *head, struct err *e)
{
	struct core *c = r->core;
	struct str body = buf_str(&r->body);

	if (is_queue_kind(head->kind) &&
	    queue_apply(c->queue, body, head->seq, e)) {
		return -1;
	}
	if ((head->kind == BOOK_WAIT_PUT || head->kind == BOOK_WAIT_DECIDED ||
	        head->kind == BOOK_WAIT_ENDED) &&
	    wait_apply(c->waits, body, e)) {
		return -1;
	}
	return session_index_apply(c->sessions, head, body, e);
}

/* Heads first, bodies after the walk: the store does not nest its reads. */
static int
keep_head(void *context, const struct store_head *row, struct err *e)
{
	struct buf *heads = context;

	if (row->head.len != BOOK_HEAD_SIZE) {
		return err_set(e, ERR_INPUT, "head %llu has a wrong size",
		    (unsigned long long)row->seq);
	}
	buf_add(heads, row->head);
	return 0;
}

static int
replay_head(struct replay *r, struct str bytes, struct err *e)
{
	struct book_head head;
	struct core *c = r->core;

	if (book_head_decode(bytes, &head, e)) {
		return -1;
	}
	buf_clear(&r->body);
	if (head.has_body &&
	    store_body_get(c->book.store, head.seq, &r->body, e) &&
	    e->kind != ERR_MISSING) {
		return -1;
	}
	*e = (struct err){ 0 };
	book_tree_add(&c->book.tree, book_leaf(bytes));
	c->book.seq = head.seq;
	if (replay_views(r, &head, e)) {
		return err_wrap(e, "replaying event %llu (%s)",
		    (unsigned long long)head.seq, book_kind_name(head.kind));
	}
	return 0;
}

int
core_book_replay(struct core *c, struct err *e)
{
	struct store_heads all = { .from = 1 };
	auto_buf heads = { 0 };
	struct replay r = { .core = c };
	int result = 0;

	if (store_heads_walk(c->book.store, &all, keep_head, &heads, e)) {
		return -1;
	}
	for (size_t at = 0; at < heads.len && !result; at += BOOK_HEAD_SIZE) {
		result =
		    replay_head(&r, str_span(heads.at + at, BOOK_HEAD_SIZE), e);
	}
	buf_fini(&r.body);
	return result;
}

const char *
core_stalled(const struct core *c)
{
	return c->book.stalled;
}

void
core_book_close(struct core *c)
{
	if (!c->sandbox) {
		drop_effects(c); /* there is nobody to carry them out */
	}
	commit_turn(c);
	store_close(c->book.store);
	c->book.store = NULL;
}
