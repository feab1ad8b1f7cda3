/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start: saved tasks and letters, the tree as it was saved, then the heads
 * that are younger than the oldest that was not saved; last the calls and the
 * waits of tasks that live, from their trails.  A store without the row
 * "meta/start" (an older program's) is read from its first head, once.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/core_batch.h"
#include "parts/core_call.h"

#define CHUNK      4096       /* heads read at once */
#define SAVE_CHUNK 4096       /* writes of one transaction of the first start */
#define RAISE      (1U << 20) /* claims that a task may have had since */

static int
load_wait(void *context, uint64_t seq, struct buf *body, struct err *e)
{
	return core_body_get(context, seq, body, e);
}

int
core_book_open(struct core *c, const char *where, struct err *e)
{
	if (!str_copy(c->book.where, sizeof(c->book.where), str_of(where))) {
		return err_set(e, ERR_INPUT,
		    "where the book lies is said in more than %zu bytes",
		    sizeof(c->book.where) - 1);
	}
	if (store_open(c->book.where, STORE_CREATE, &c->book.store, e)) {
		return -1;
	}
	c->queue = queue_new(random_u64());
	c->sessions = session_index_new(random_u64());
	c->waits = wait_list_new(random_u64());
	wait_list_store(c->waits, load_wait, c);
	return 0;
}

/* --- what was saved --- */

static int
load_task(void *context, const struct store_task *t, struct err *e)
{
	struct core *c = context;

	return t->saved.len
	           ? queue_task_load(c->queue, t->saved, e)
	           : err_set(e, ERR_INPUT, "the row of task %s is not whole",
	                 err_quote(t->id));
}

static int
load_letter(void *context, const struct store_row *row, struct err *e)
{
	struct core *c = context;

	return queue_letter_load(c->queue, row->value, e)
	           ? err_wrap(e, "letter %s", err_quote(row->key))
	           : 0;
}

/* --- the heads after it --- */

static int
keep_head(void *context, const struct store_head *row, struct err *e)
{
	(void)e;
	buf_add(context, str_span(row->head, BOOK_HEAD_SIZE));
	return 0;
}

/* A store of an older program has no rows of runs and none of letters. */
static void
write_missing_rows(struct core *c, const struct book_head *head)
{
	char run[ID_TEXT];
	char task[ID_TEXT];

	if (head->kind != BOOK_RUN_STARTED) {
		return;
	}
	book_id_text(head->run, run);
	book_id_text(head->task, task);
	core_row(c, "run", str_of(run), str_of(task), 1);
}

static int
keep_row(void *context, const struct store_task *t, struct err *e)
{
	uint64_t *left_at = context;

	(void)e;
	*left_at = t->live ? 0 : t->last_seq;
	return 0;
}

/* What a saved form has already, and what is of a task that has left the memory
 * since, need not be read again. */
static bool
is_known(struct core *c, const struct book_head *head)
{
	const struct queue_task *t;
	uint64_t left_at = 0;
	struct err e = { 0 };
	char id[ID_TEXT];

	if (head->kind == BOOK_MAIL_PUT || head->kind == BOOK_MAIL_ACKED ||
	    book_id_eq(head->task, (struct book_id){ 0 })) {
		return false;
	}
	book_id_text(head->task, id);
	t = queue_find(c->queue, str_of(id));
	if (t) {
		return t->last_seq >= head->seq;
	}
	return store_task_get(
	           c->book.store, str_of(id), keep_row, &left_at, &e) == 0 &&
	       left_at >= head->seq;
}

/* A letter that was forgotten has no row; nobody acknowledges it again. */
static bool
is_of_no_letter(
    const struct core *c, const struct book_head *head, struct str body)
{
	auto_arena a = { 0 };
	struct json *tree = NULL;
	struct str id = STR("");
	struct err e = { 0 };

	return head->kind == BOOK_MAIL_ACKED &&
	       json_parse(&a, body, NULL, &tree, &e) == 0 &&
	       json_text(tree, "id", &id) && !queue_letter_find(c->queue, id);
}

static int
replay_queue(
    struct core *c, const struct book_head *head, bool all, struct err *e)
{
	auto_buf body = { 0 };

	if (!all && is_known(c, head)) {
		return 0;
	}
	if (core_body_get(c, head->seq, &body, e)) {
		return -1;
	}
	if (!all && is_of_no_letter(c, head, buf_str(&body))) {
		return 0;
	}
	return queue_apply(c->queue, buf_str(&body), head->seq, e);
}

static int
replay_head(
    struct core *c, const struct book_head *head, bool all, struct err *e)
{
	core_save_saw(c, head);
	if (core_is_queue_kind(head->kind) && replay_queue(c, head, all, e)) {
		return -1;
	}
	core_trail(c, head->task, head->seq);
	if (all) {
		write_missing_rows(c, head);
	}
	return 0;
}

static int
replay_chunk(
    struct core *c, struct str heads, uint64_t from, bool all, struct err *e)
{
	for (size_t at = 0; at < heads.len; at += BOOK_HEAD_SIZE) {
		struct str bytes = str_sub(heads, at, BOOK_HEAD_SIZE);
		struct book_head head;

		if (book_head_decode(bytes, &head, e)) {
			return -1;
		}
		if (head.seq == book_late_size(&c->book.tree) + 1) {
			book_late_add(&c->book.tree, (const uint8_t *)bytes.at);
		}
		c->book.seq = head.seq;
		if (head.seq >= from && replay_head(c, &head, all, e)) {
			return err_wrap(e, "replaying event %llu (%s)",
			    (unsigned long long)head.seq,
			    book_kind_name(head.kind));
		}
	}
	return 0;
}

static int
replay(struct core *c, uint64_t from, bool all, struct err *e)
{
	uint64_t last = store_last_seq(c->book.store);
	uint64_t size = book_late_size(&c->book.tree);
	uint64_t next = from < size + 1 ? from : size + 1;
	auto_buf heads = { 0 };

	c->book.seq = size;
	c->book.unread = all;
	while (next <= last) {
		buf_clear(&heads);
		if (store_heads_walk(
		        c->book.store, next, CHUNK, keep_head, &heads, e) ||
		    replay_chunk(c, buf_str(&heads), from, all, e)) {
			return -1;
		}
		if (!heads.len) {
			return err_set(e, ERR_INPUT,
			    "the log ends before event %llu: restore a backup "
			    "(`handrail restore`)",
			    (unsigned long long)next);
		}
		next += heads.len / BOOK_HEAD_SIZE;
		if (all && c->book.forming.writes && core_commit_now(c, e)) {
			return -1;
		}
	}
	c->book.unread = false;
	c->book.seq = last;
	c->book.durable = last;
	return 0;
}

/* --- calls and waits of what lives --- */

struct trails {
	struct core *core;
	struct core_asked_list asked; /* waits, to be applied in order of seq */
};

static bool
is_wait(const struct book_head *head)
{
	return head->kind == BOOK_WAIT_PUT || head->kind == BOOK_WAIT_DECIDED ||
	       head->kind == BOOK_WAIT_ENDED ||
	       head->kind == BOOK_WAIT_REMINDED ||
	       head->kind == BOOK_WAIT_ESCALATED ||
	       head->kind == BOOK_DECISION_REFUSED;
}

static int
trail_head(struct trails *t, const struct book_head *head, struct err *e)
{
	struct core *c = t->core;
	auto_buf body = { 0 };

	if ((is_wait(head) || head->kind == BOOK_CALL_DECIDED) &&
	    core_body_get(c, head->seq, &body, e)) {
		return -1;
	}
	if (is_wait(head)) {
		core_asked_add(&t->asked, head->seq, buf_str(&body));
	}
	return session_index_apply(c->sessions, head, buf_str(&body), e);
}

static int
load_trail(struct trails *t, const struct queue_task *task, struct err *e)
{
	auto_buf heads = { 0 };

	if (core_task_heads(t->core, task->id, 0, &heads, e)) {
		return -1;
	}
	for (size_t at = 0; at < heads.len; at += BOOK_HEAD_SIZE) {
		struct book_head head;

		if (book_head_decode(
		        str_span(heads.at + at, BOOK_HEAD_SIZE), &head, e) ||
		    trail_head(t, &head, e)) {
			return -1;
		}
	}
	return 0;
}

static int
apply_wait(struct trails *t, const struct core_asked *asked, struct err *e)
{
	struct core *c = t->core;
	struct str body =
	    str_sub(buf_str(&t->asked.bodies), asked->at, asked->len);
	auto_buf read = { 0 };

	if (!body.len && core_body_get(c, asked->seq, &read, e)) {
		/* Those of trails were read before: a letter's, which is asked
		 * about anew. */
		if (e->kind == ERR_MISSING) {
			*e = (struct err){ 0 };
			return 0;
		}
		return err_wrap(
		    e, "reading event %llu", (unsigned long long)asked->seq);
	}
	if (wait_apply(
	        c->waits, asked->seq, body.len ? body : buf_str(&read), e)) {
		return err_wrap(
		    e, "replaying event %llu", (unsigned long long)asked->seq);
	}
	wait_fold(c->waits, c->book.durable);
	return 0;
}

static int
apply_waits(struct trails *t, struct err *e)
{
	struct core_asked_list *list = &t->asked;
	int result = 0;

	if (list->count) {
		qsort(list->all, list->count, sizeof(*list->all), core_by_seq);
	}
	for (size_t i = 0; !result && i < list->count; i++) {
		result = apply_wait(t, &list->all[i], e);
	}
	return result;
}

bool
core_task_lives(const struct queue_task *t)
{
	return t->hold != QUEUE_WAITING && !e2m_is_final(t->state);
}

static int
load_trails(struct core *c, struct err *e)
{
	struct trails t = { .core = c };
	const struct queue_task *task;
	int result = 0;

	for (size_t i = 0; !result && (task = queue_at(c->queue, i)); i++) {
		if (core_task_lives(task) && load_trail(&t, task, e)) {
			result =
			    err_wrap(e, "task " STR_FMT, STR_ARG(task->id));
		}
	}
	if (!result) {
		result = core_letters_load(c, &t.asked, e);
	}
	if (!result) {
		result = apply_waits(&t, e);
	}
	free(t.asked.all);
	buf_fini(&t.asked.bodies);
	return result;
}

/* --- all of it --- */

/* Every task and letter, so that no other start has to read what this one has.
 */
static int
save_all(struct core *c, struct err *e)
{
	const struct queue_task *t;
	const struct queue_letter *m;
	uint64_t since;
	size_t n = 0;

	for (size_t i = 0; (t = queue_at(c->queue, i)); i++) {
		core_task_row(c, t);
		if (++n % SAVE_CHUNK == 0 && core_commit_now(c, e)) {
			return -1;
		}
	}
	while ((m = queue_letter_unsaved(c->queue, &since))) {
		core_letter_row(c, m);
		if (++n % SAVE_CHUNK == 0 && core_commit_now(c, e)) {
			return -1;
		}
	}
	core_save_tree(c, true);
	return core_commit_now(c, e);
}

/* --- the first start after `handrail restore` --- */

/* The note of the restore becomes a head, and every claim that a lost part of
 * the log may hold is stale.  All of it is one transaction. */
static int
raise_epochs(struct core *c, struct str note, struct err *e)
{
	auto_arena a = { 0 };
	struct queue_step step = { 0 };
	const struct queue_task *t;

	if (queue_raise(c->queue, &a, RAISE, wall_now(), &step, e)) {
		return -1;
	}
	struct core_event event = { .kind = BOOK_RESTORED, .body = note };

	core_queue_step(c, &step, NULL);
	uint64_t seq = core_append(c, &event);
	struct str text = arena_printf(&a, "%llu", (unsigned long long)seq);

	core_row(c, "meta", STR(CORE_RESTORED_SEQ), text, seq);
	core_row_drop(c, "meta", STR(CORE_RESTORED_ROW));
	for (size_t i = 0; (t = queue_at(c->queue, i)); i++) {
		core_task_row(c, t);
	}
	log_line(LOG_WARN, "book", "restored from a backup: " STR_FMT,
	    STR_ARG(note));
	core_save_tree(c, true);
	return core_commit_now(c, e);
}

static int
after_restore(struct core *c, struct err *e)
{
	auto_buf note = { 0 };

	if (store_row_get(c->book.store, STR("meta"), STR(CORE_RESTORED_ROW),
	        &note, NULL, e) == 0) {
		return raise_epochs(c, buf_str(&note), e);
	}
	if (e->kind != ERR_MISSING) {
		return -1;
	}
	*e = (struct err){ 0 };
	return 0;
}

int
core_book_recover(struct core *c, struct err *e)
{
	uint64_t incarnation = 0;
	uint64_t from = 1;
	bool all = false;

	if (store_own(c->book.store, core_node_name(), &incarnation, e)) {
		return -1;
	}
	c->book.incarnation = (uint32_t)incarnation;
	if (core_save_load(c, &from, e)) {
		if (e->kind != ERR_MISSING) {
			return -1;
		}
		*e = (struct err){ 0 };
		all = true;
	} else if (store_live_walk(c->book.store, load_task, c, e) ||
	           store_rows_walk(c->book.store, STR("mail"), STR(""),
	               load_letter, c, e)) {
		return -1;
	}
	if (queue_load_end(c->queue, e) || replay(c, from, all, e) ||
	    load_trails(c, e) || core_published_check(c, e)) {
		return -1;
	}
	return (all && c->book.seq && save_all(c, e)) || after_restore(c, e)
	           ? -1
	           : 0;
}
