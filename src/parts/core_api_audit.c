/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes about the book: follow it.  Verify and prove: core_api_proof.c.
 */
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"

#define EVENTS_MAX  500
#define BODY_MAX    65536 /* bytes of a body shown inside an event */
#define PAGE_MAX    ((size_t)1024 * 1024) /* bytes of one page, at least one */
#define PATIENCE_US (60 * CLOCK_SECOND)

static void
write_ids(struct json_out *o, const struct book_head *head)
{
	char text[ID_TEXT];

	book_id_text(head->task, text);
	if (text[0]) {
		json_out_z(o, "task", text);
	}
	book_id_text(head->run, text);
	if (text[0]) {
		json_out_z(o, "run", text);
	}
	if (head->call) {
		json_out_i64(o, "call", head->call);
	}
	if (head->epoch) {
		json_out_i64(o, "epoch", head->epoch);
	}
}

static void
write_digest(struct json_out *o, const char *key, struct digest d)
{
	char text[DIGEST_TEXT];

	if (!digest_is_zero(d)) {
		digest_text(d, text);
		json_out_z(o, key, text);
	}
}

static int
write_body(struct core *c, struct json_out *o, const struct book_head *head,
    struct err *e)
{
	auto_buf body = { 0 };
	auto_arena a = { 0 };
	struct json *tree;
	struct err none = { 0 };
	bool there;

	if (!head->has_body || head->body_size > BODY_MAX) {
		return 0;
	}
	if (core_body_look(c, head->seq, &body, &there, e)) {
		return -1;
	}
	if (there && json_parse(&a, buf_str(&body), NULL, &tree, &none) == 0) {
		json_out_value(o, "body", tree);
	}
	return 0;
}

int
core_event_json(struct core *c, struct json_out *o,
    const struct book_head *head, bool with_body, struct err *e)
{
	char text[DIGEST_TEXT];

	json_out_object(o, NULL);
	json_out_i64(o, "seq", (int64_t)head->seq);
	wall_text(head->time, text);
	json_out_z(o, "at", text);
	json_out_i64(o, "at_us", head->time.us);
	json_out_z(o, "kind", book_kind_name(head->kind));
	json_out_z(o, "identity", head->identity);
	json_out_z(o, "rule", head->rule);
	write_ids(o, head);
	write_digest(o, "policy", head->policy);
	write_digest(o, "contract", head->contract);
	write_digest(o, "role", head->role);
	if (head->has_body) {
		write_digest(o, "digest", head->body);
	}
	if (with_body && write_body(c, o, head, e)) {
		return -1;
	}
	json_out_end(o, '}');
	return 0;
}

/* --- follow --- */

static int
keep_head(void *context, const struct store_head *row, struct err *e)
{
	struct buf *heads = context;

	(void)e;
	buf_add(heads, str_span(row->head, BOOK_HEAD_SIZE));
	return 0;
}

/* Only what is on the disk. */
static int
read_events(
    struct core *c, struct core_ask *ask, struct buf *heads, struct err *e)
{
	char task[ID_TEXT];
	uint64_t left =
	    c->book.durable > ask->after ? c->book.durable - ask->after : 0;

	book_id_text(ask->task, task);
	if (!task[0]) {
		return left ? store_heads_walk(c->book.store, ask->after + 1,
		                  left < EVENTS_MAX ? left : EVENTS_MAX,
		                  keep_head, heads, e)
		            : 0;
	}
	if (core_task_heads(c, str_of(task), ask->after, heads, e)) {
		return -1;
	}
	if (heads->len > (size_t)EVENTS_MAX * BOOK_HEAD_SIZE) {
		heads->len = (size_t)EVENTS_MAX * BOOK_HEAD_SIZE;
	}
	return 0;
}

/* Appends what there is after ask->after.  What cannot be read is no end of the
 * book: a page is whole, or an error. */
static int
write_events(struct core *c, struct core_ask *ask, struct buf *body,
    size_t *count, struct err *e)
{
	auto_buf heads = { 0 };
	struct json_out o;
	uint64_t next = ask->after;

	*count = 0;
	if (read_events(c, ask, &heads, e)) {
		return -1;
	}
	json_out_init(&o, body);
	json_out_object(&o, NULL);
	json_out_array(&o, "events");
	for (size_t at = 0; at < heads.len && body->len < PAGE_MAX;
	     at += BOOK_HEAD_SIZE) {
		struct book_head head;

		if (book_head_decode(
		        str_span(heads.at + at, BOOK_HEAD_SIZE), &head, e) ||
		    core_event_json(c, &o, &head, true, e)) {
			return -1;
		}
		next = head.seq;
		++*count;
	}
	json_out_end(&o, ']');
	json_out_i64(&o, "next", (int64_t)next);
	json_out_end(&o, '}');
	return 0;
}

/* Where there is something, or why it cannot be read; or the time is over. */
static void
answer_events(struct core *c, struct core_ask *ask, bool over)
{
	auto_buf body = { 0 };
	size_t count = 0;
	struct err e = { 0 };
	int failed = write_events(c, ask, &body, &count, &e);

	if (!failed && !count && !over) {
		return;
	}
	ask->polling = false;
	if (failed) {
		core_answer_err(c, ask, &e);
	} else {
		core_answer(c, ask, 200, buf_str(&body));
	}
}

static void
patience_over(void *owner)
{
	struct core_ask *ask = owner;

	answer_events(ask->core, ask, true);
}

int
route_events(struct core *c, struct core_ask *ask, struct err *e)
{
	struct str text;
	uint64_t seconds = 0;
	size_t count = 0;
	auto_buf body = { 0 };

	if (core_ask_query(ask, "after", &text) &&
	    !str_u64(text, &ask->after)) {
		return err_set(e, ERR_INPUT, "?after= must be a number");
	}
	if (core_ask_query(ask, "task", &text)) {
		if (core_ask_id(text, "task", e)) {
			return -1;
		}
		must(book_id_parse(text, &ask->task));
		if (core_task_known(c, text, e)) {
			return -1;
		}
	}
	if (core_ask_query(ask, "wait", &text) && !str_u64(text, &seconds)) {
		return err_set(e, ERR_INPUT, "?wait= must be seconds");
	}
	if (write_events(c, ask, &body, &count, e)) {
		return -1;
	}
	if (count || !seconds) {
		core_answer(c, ask, 200, buf_str(&body));
		return 0;
	}
	int64_t us = (int64_t)(seconds < 60 ? seconds : 60) * CLOCK_SECOND;

	ask->polling = true;
	ask->core = c;
	loop_timer_arm(&ask->patience, c->part.loop,
	    mono_after(
	        loop_now(c->part.loop), us < PATIENCE_US ? us : PATIENCE_US),
	    patience_over, ask);
	return 0;
}

void
core_api_events(struct core *c)
{
	struct core_ask *next;

	for (struct core_ask *ask = c->asks; ask; ask = next) {
		next = ask->next;
		if (ask->watching) {
			core_web_events(ask);
		} else if (ask->polling && (ask->session || ask->following)) {
			core_session_events(c, ask);
		} else if (ask->polling) {
			answer_events(c, ask, false);
		}
	}
}
