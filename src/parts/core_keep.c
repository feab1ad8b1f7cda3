/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Housekeeping.  Each minute of a quiet house: the WAL is moved into the file.
 * Each hour, or as often as `[book] keep_ended` if that is less: tasks and
 * letters that ended longer ago than that leave the memory; of a letter the id
 * stays, in rows "mail_gone".  Each day:
 * bodies older than `[book] keep_bodies` go; what a task that lives still needs
 * of them (its calls, waits, replies), and what a letter is that waits for a
 * decision, is kept aside in rows "kept" first, and goes with the task or the
 * decision.
 */
#include "parts/core_batch.h"
#include "parts/core_call.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_US   CLOCK_MINUTE
#define FORGET_US (60 * CLOCK_MINUTE)
#define SAVE_MAX  4096 /* rows of one batch */

/* --- bodies --- */

static int
keep_aside(struct core *c, const struct book_head *head, struct err *e)
{
	auto_buf body = { 0 };
	auto_buf key = { 0 };

	if (store_body_get(c->book.store, head->seq, &body, e)) {
		return e->kind == ERR_MISSING ? 0 : -1;
	}
	core_kept_key(head->seq, &key);
	core_row(c, "kept", buf_str(&key), buf_str(&body), 1);
	return 0;
}

static int
keep_task(struct core *c, const struct queue_task *t, int64_t before_day,
    struct err *e)
{
	auto_buf heads = { 0 };

	if (core_task_heads(c, t->id, 0, &heads, e)) {
		return -1;
	}
	for (size_t at = 0; at < heads.len; at += BOOK_HEAD_SIZE) {
		struct book_head head;

		if (book_head_decode(
		        str_span(heads.at + at, BOOK_HEAD_SIZE), &head, e) ||
		    (head.has_body && wall_day(head.time) < before_day &&
		        keep_aside(c, &head, e))) {
			return -1;
		}
	}
	return 0;
}

static int
take_head(void *context, const struct store_head *row, struct err *e)
{
	struct book_head *head = context;

	return book_head_decode(str_span(row->head, BOOK_HEAD_SIZE), head, e);
}

/* What is said of letters that wait for a decision. */
struct said {
	struct core *core;
	int64_t before_day;
	uint64_t last; /* no body behind it goes */
	uint64_t *seqs;
	size_t count;
	size_t room;
};

static int
keep_said(struct said *s, uint64_t seq, struct err *e)
{
	struct book_head head = { 0 };

	s->seqs = array_grow(s->seqs, s->count, &s->room, sizeof(*s->seqs));
	s->seqs[s->count++] = seq;
	if (seq > s->last) {
		return 0;
	}
	return store_head_get(s->core->book.store, seq, take_head, &head, e) ||
	               (wall_day(head.time) < s->before_day &&
	                   keep_aside(s->core, &head, e))
	           ? -1
	           : 0;
}

static int
keep_letters(struct said *s, struct err *e)
{
	const struct queue_letter *m;
	uint64_t put;

	for (size_t i = 0; (m = queue_letter_at(s->core->queue, i)); i++) {
		if (core_letter_asked(s->core, m->id, &put) &&
		    (keep_said(s, m->seq, e) || keep_said(s, put, e))) {
			return err_wrap(e, "letter %s", err_quote(m->id));
		}
	}
	return 0;
}

struct dropping {
	struct core *core;
	struct buf keys;
};

static int
drop_kept(void *context, const struct store_row *row, struct err *e)
{
	struct dropping *d = context;

	(void)e;
	buf_add(&d->keys, row->key);
	return 0;
}

static bool
is_said(const struct said *s, uint64_t seq)
{
	return s->count &&
	       bsearch(&seq, s->seqs, s->count, sizeof(*s->seqs), core_by_seq);
}

/* Of a task that lives no more, or of none, and of no letter that waits. */
static int
drop_unneeded(struct core *c, struct said *s, struct err *e)
{
	struct dropping d = { .core = c };
	int result = store_rows_walk(
	    c->book.store, STR("kept"), STR(""), drop_kept, &d, e);

	if (s->count) {
		qsort(s->seqs, s->count, sizeof(*s->seqs), core_by_seq);
	}
	for (size_t at = 0; !result && at + 20 <= d.keys.len; at += 20) {
		struct str key = str_span(d.keys.at + at, 20);
		struct book_head head = { 0 };
		const struct queue_task *t;
		uint64_t seq = 0;
		char task[ID_TEXT];

		(void)str_u64(key, &seq);
		if (is_said(s, seq)) {
			continue;
		}
		result =
		    store_head_get(c->book.store, seq, take_head, &head, e);
		book_id_text(head.task, task);
		t = queue_find(c->queue, str_of(task));
		if (!result && (!t || !core_task_lives(t))) {
			core_row_drop(c, "kept", key);
		}
	}
	buf_fini(&d.keys);
	return result;
}

/* What is young is known by its place in the log: a client may name the time of
 * his task, and a clock may have gone back. */
static int
keep_what_lives(struct core *c, int64_t before_day, struct err *e)
{
	struct said s = { .core = c, .before_day = before_day };
	const struct queue_task *t;
	int result;

	if (store_bodies_last(c->book.store, before_day, &s.last, e)) {
		return -1;
	}
	for (size_t i = 0; (t = queue_at(c->queue, i)); i++) {
		if (core_task_lives(t) && t->put_seq <= s.last &&
		    keep_task(c, t, before_day, e)) {
			return err_wrap(e, "task " STR_FMT, STR_ARG(t->id));
		}
	}
	result = keep_letters(&s, e) || drop_unneeded(c, &s, e) ? -1 : 0;
	free(s.seqs);
	return result;
}

/* The rows are on the disk: now the days may go. */
static void
expire_days(struct core *c, uint64_t before_day)
{
	uint64_t count = 0;
	struct err e = { 0 };

	c->book.alone = c->book.given > 0;
	if (c->book.alone) {
		core_after(c, expire_days, before_day);
		return;
	}
	if (core_bodies_expire(c, (int64_t)before_day, &count, &e)) {
		log_err("bodies", &e);
		return;
	}
	c->book.expired_day = (int64_t)before_day;
	if (count) {
		log_line(LOG_INFO, "bodies",
		    "%llu bodies have expired ([book] keep_bodies)",
		    (unsigned long long)count);
	}
}

static void
expire(struct core *c)
{
	int64_t keep = c->house.config.keep_bodies;
	int64_t before = wall_day((struct wall){ wall_now().us - keep });
	struct err e = { 0 };

	if (!keep || before <= c->book.expired_day) {
		return;
	}
	if (keep_what_lives(c, before, &e)) {
		log_err("bodies", &e);
		return;
	}
	core_save_whole(c);
	core_after(c, expire_days, (uint64_t)before);
}

/* --- memory --- */

/* Of a letter that somebody sent the id stays, so that it is not taken anew
 * when it is sent again; one that came with a task is known by that task. */
static void
let_letter_go(struct core *c, struct str id)
{
	const struct queue_letter *m = queue_letter_find(c->queue, id);

	core_row_drop(c, "mail", id);
	if (m && !m->task.len) {
		core_row(c, "mail_gone", id, STR(""), 1);
	}
}

/* Their rows are marked before they go: a start loads them no more. */
static void
let_go(struct core *c, struct str id)
{
	const struct queue_task *t = queue_find(c->queue, id);

	if (t) {
		core_task_forget(c, t);
	} else {
		let_letter_go(c, id);
	}
}

static struct wall
forget_before(const struct core *c)
{
	return (struct wall){ wall_now().us - c->house.config.keep_ended };
}

static void
forget_saved(struct core *c, uint64_t number)
{
	auto_arena a = { 0 };
	struct wall now = wall_now();
	struct wall before = forget_before(c);
	struct queue_step step = { 0 };
	struct err e = { 0 };

	(void)number;
	if (queue_forget(c->queue, &a, before, now, &step, &e)) {
		log_err("queue", &e);
		return;
	}
	for (size_t i = 0; i < step.gone_count; i++) {
		let_go(c, step.gone[i]);
	}
	core_queue_step(c, &step, NULL);
}

/* What is not saved stays in the memory, and in a quiet house nothing else is
 * written that would save it. */
static void
forget(struct core *c)
{
	struct wall before = forget_before(c);
	const struct queue_task *t;
	uint64_t since;

	for (int n = 0; n < SAVE_MAX && (t = queue_unsaved(c->queue, &since)) &&
	                t->updated.us < before.us;
	     n++) {
		core_task_row(c, t);
		queue_saved(c->queue, t->id);
	}
	core_after(c, forget_saved, 0);
}

/* --- when --- */

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* How often: not more than each second, whatever is written. */
static int64_t
forget_us(const struct core *c)
{
	int64_t keep = c->house.config.keep_ended;

	return keep < CLOCK_SECOND ? CLOCK_SECOND : least(keep, FORGET_US);
}

static void
checkpoint(struct core *c)
{
	bool quiet = c->book.commits == c->book.commits_then;
	struct err e = { 0 };

	/* A heartbeat writes nothing and is a commit under way all the same. */
	if (quiet && c->book.commits != c->book.checkpointed &&
	    !core_unwritten(c) && !c->book.given) {
		c->book.checkpointed = c->book.commits;
		if (store_checkpoint(c->book.store, &e)) {
			log_err("book", &e);
		}
	}
	c->book.commits_then = c->book.commits;
}

static void
look(void *owner)
{
	struct core *c = owner;
	struct mono now = loop_now(c->part.loop);

	loop_timer_arm(&c->book.keep, c->part.loop,
	    mono_after(now, least(LOOK_US, forget_us(c))), look, c);
	if (core_stalled(c)[0]) {
		return;
	}
	if (mono_passed(mono_after(c->book.looked_at, LOOK_US), now)) {
		c->book.looked_at = now;
		checkpoint(c);
		expire(c);
	}
	if (mono_passed(mono_after(c->book.forgot_at, forget_us(c)), now)) {
		c->book.forgot_at = now;
		forget(c);
	}
}

void
core_keep_begin(struct core *c)
{
	c->book.forgot_at = loop_now(c->part.loop);
	c->book.looked_at = mono_after(c->book.forgot_at, -LOOK_US);
	look(c);
}
