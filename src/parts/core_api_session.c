/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes about sessions: what a run did, event by event, from any event on.
 * A list is of what is on the disk, and its `next` is where a follower goes
 * on, so that nothing falls between the two.
 */
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_run.h"

#define LIST_MAX    500
#define LOOK_MAX    8192 /* heads that one page of a list looks at */
#define EVENTS_MAX  500
#define PAGE_MAX    ((size_t)1024 * 1024) /* bytes of one page, at least one */
#define PATIENCE_US (60 * CLOCK_SECOND)
#define ALIVE_US    (15 * CLOCK_SECOND)
#define PAUSE_US    (CLOCK_SECOND / 100) /* between pages of a long stream */

/* --- list --- */

static const char *
word_of(struct core *c, const struct session_run *view)
{
	const struct core_run *r = core_run_by_id(c, view->run);

	return view->ended                   ? "ended"
	       : view->parked                ? "parked"
	       : r && r->phase != RUN_PARKED ? "acting"
	                                     : "waiting";
}

static void
write_session(
    struct core *c, struct json_out *o, const struct session_run *view)
{
	char text[ID_TEXT];
	const struct queue_task *t;

	book_id_text(view->run, text);
	json_out_z(o, "session", text);
	book_id_text(view->task, text);
	json_out_z(o, "task", text);
	t = queue_find(c->queue, str_of(text));
	json_out_str(o, "queue", t ? t->queue : STR(""));
	json_out_str(o, "subject", t ? t->subject : STR(""));
	json_out_z(o, "state", word_of(c, view));
	json_out_i64(o, "epoch", view->epoch);
	json_out_i64(o, "calls", view->call_count);
}

/* Of one task all, also those whose views are gone: its heads name them. */
static int
write_runs_of(
    struct core *c, struct json_out *o, struct str task, struct err *e)
{
	auto_buf heads = { 0 };
	struct book_id last = { 0 };

	if (core_task_heads(c, task, 0, &heads, e) && e->kind != ERR_MISSING) {
		return -1;
	}
	*e = (struct err){ 0 }; /* of no such task there are none */
	for (size_t at = 0; at < heads.len; at += BOOK_HEAD_SIZE) {
		const struct session_run *view;
		struct session_run gone = { .ended = true };
		struct book_head head;

		if (book_head_decode(
		        str_span(heads.at + at, BOOK_HEAD_SIZE), &head, e)) {
			return -1;
		}
		if (head.kind != BOOK_RUN_STARTED ||
		    book_id_eq(head.run, last)) {
			continue;
		}
		last = head.run;
		gone.run = head.run;
		gone.task = head.task;
		view = session_index_find(c->sessions, head.run);
		json_out_object(o, NULL);
		write_session(c, o, view ? view : &gone);
		json_out_end(o, '}');
	}
	return 0;
}

/* Those that go on, and those that ended lately. */
static void
write_views(struct core *c, struct json_out *o)
{
	const struct session_run *view;
	int listed = 0;

	for (size_t i = 0;
	     (view = session_index_at(c->sessions, i)) && listed < LIST_MAX;
	     i++) {
		char text[ID_TEXT];

		book_id_text(view->task, text);
		if (!text[0]) {
			continue;
		}
		json_out_object(o, NULL);
		write_session(c, o, view);
		json_out_end(o, '}');
		listed++;
	}
}

struct beginnings { /* a page of all runs, in the order in which they began */
	struct core *core;
	struct json_out *out;
	uint64_t after; /* of the last head that was looked at */
	unsigned looked, listed;
};

static int
write_beginning(void *context, const struct store_head *row, struct err *e)
{
	struct beginnings *b = context;
	struct session_run gone = { .ended = true };
	const struct session_run *view;
	struct book_head head;

	if (book_head_decode(str_span(row->head, BOOK_HEAD_SIZE), &head, e)) {
		return -1;
	}
	b->after = head.seq;
	b->looked++;
	if (head.kind != BOOK_RUN_STARTED) {
		return 0;
	}
	gone.run = head.run;
	gone.task = head.task;
	view = session_index_find(b->core->sessions, head.run);
	json_out_object(b->out, NULL);
	write_session(b->core, b->out, view ? view : &gone);
	json_out_end(b->out, '}');
	b->listed++;
	return 0;
}

/* A page may be empty where little began: `more` says whether to go on. */
static int
write_all(struct core *c, struct json_out *o, uint64_t after, struct err *e)
{
	struct beginnings b = { .core = c, .out = o, .after = after };

	if (store_heads_walk(
	        c->book.store, after + 1, LOOK_MAX, write_beginning, &b, e)) {
		return -1;
	}
	json_out_end(o, ']');
	json_out_i64(o, "next", (int64_t)b.after);
	json_out_bool(o, "more", b.looked == LOOK_MAX);
	return 0;
}

int
route_sessions(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf body = { 0 };
	struct json_out o;
	struct str task = STR("");
	struct str after = STR("");
	uint64_t from = 0;
	bool all = core_ask_query(ask, "after", &after);

	(void)core_ask_query(ask, "task", &task);
	if (all && (task.len || !str_u64(after, &from) || from > INT64_MAX)) {
		return err_set(e, ERR_INPUT,
		    "after: the number of an event, and without task");
	}
	if (task.len && core_ask_id(task, "task", e)) {
		return -1;
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_array(&o, "sessions");
	if (all) {
		if (write_all(c, &o, from, e)) {
			return -1;
		}
	} else {
		if (!task.len) {
			write_views(c, &o);
		} else if (write_runs_of(c, &o, task, e)) {
			return -1;
		}
		json_out_end(&o, ']');
	}
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

/* --- events --- */

struct page {
	struct json_out out;
	struct buf *body;
	size_t count;
	bool more;  /* there is more on the disk already */
	bool ended; /* nothing will come after it */
};

static int
write_sse(struct core *c, struct buf *body, const struct book_head *head,
    struct err *e)
{
	struct json_out o;

	buf_addf(body,
	    "id: %llu\nevent: %s\ndata: ", (unsigned long long)head->seq,
	    book_kind_name(head->kind));
	json_out_init(&o, body); /* one line: JSON escapes every newline */
	if (core_event_json(c, &o, head, true, e)) {
		return -1;
	}
	buf_add_z(body, "\n\n");
	return 0;
}

/* What there is after ask->after, which moves along. */
static int
write_page(struct core *c, struct core_ask *ask, struct page *p, struct err *e)
{
	auto_buf heads = { 0 };

	if (core_run_heads(c, ask->run, ask->after, &heads, e)) {
		return -1;
	}
	for (size_t at = 0; at < heads.len; at += BOOK_HEAD_SIZE) {
		struct book_head head;

		if (p->count == EVENTS_MAX || p->body->len > PAGE_MAX) {
			p->more = true;
			break;
		}
		must(book_head_decode(str_span(heads.at + at, BOOK_HEAD_SIZE),
		         &head, e) == 0);
		if (ask->following
		        ? write_sse(c, p->body, &head, e)
		        : core_event_json(c, &p->out, &head, true, e)) {
			return -1;
		}
		ask->after = head.seq;
		ask->over = ask->over || head.kind == BOOK_RUN_ENDED;
		p->count++;
	}
	p->ended = ask->over && !p->more;
	return 0;
}

static int
write_list(struct core *c, struct core_ask *ask, struct buf *body,
    size_t *count, struct err *e)
{
	struct page p = { .body = body };

	json_out_init(&p.out, body);
	json_out_object(&p.out, NULL);
	json_out_array(&p.out, "events");
	if (write_page(c, ask, &p, e)) {
		return -1;
	}
	json_out_end(&p.out, ']');
	json_out_i64(&p.out, "next", (int64_t)ask->after);
	json_out_bool(&p.out, "more", p.more);
	json_out_bool(&p.out, "ended", p.ended);
	json_out_end(&p.out, '}');
	*count = p.count;
	return 0;
}

static void wait_for_more(struct core_ask *ask, int64_t us);

/* One page to whoever streams; false: the stream is over. */
static bool
send_page(struct core *c, struct core_ask *ask)
{
	auto_buf body = { 0 };
	struct page p = { .body = &body };
	struct err e = { 0 };

	if (write_page(c, ask, &p, &e)) {
		log_err("session", &e);
		core_answer_piece(
		    c, ask, STR(": the book cannot be read\n\n"), false);
		return false;
	}
	if (p.count || !ask->began) {
		ask->began = true;
		if (!p.count) {
			buf_add_z(&body, ": here\n\n");
		}
		core_answer_piece(c, ask, buf_str(&body), !p.ended);
	}
	if (p.ended) {
		return false;
	}
	wait_for_more(ask, p.more ? PAUSE_US : ALIVE_US);
	return true;
}

static void
patience_over(void *owner)
{
	struct core_ask *ask = owner;
	struct core *c = ask->core;
	auto_buf body = { 0 };
	uint64_t before = ask->after;
	size_t count = 0;
	struct err e = { 0 };

	if (!ask->following) {
		ask->polling = false;
		if (write_list(c, ask, &body, &count, &e)) {
			core_answer_err(c, ask, &e);
		} else {
			core_answer(c, ask, 200, buf_str(&body));
		}
		return;
	}
	if (send_page(c, ask) && ask->after == before) {
		core_answer_piece(c, ask, STR(": still here\n\n"), true);
	}
}

static void
wait_for_more(struct core_ask *ask, int64_t us)
{
	struct loop *loop = ask->core->part.loop;

	ask->polling = true;
	loop_timer_cancel(&ask->patience);
	loop_timer_arm(&ask->patience, loop, mono_after(loop_now(loop), us),
	    patience_over, ask);
}

void
core_session_events(struct core *c, struct core_ask *ask)
{
	auto_buf body = { 0 };
	size_t count = 0;
	struct err e = { 0 };

	if (ask->following) {
		(void)send_page(c, ask);
	} else if (write_list(c, ask, &body, &count, &e)) {
		ask->polling = false;
		core_answer_err(c, ask, &e);
	} else if (count) {
		ask->polling = false;
		core_answer(c, ask, 200, buf_str(&body));
	}
}

static int
find_run(struct core *c, struct core_ask *ask, struct buf *heads, struct err *e)
{
	if (book_id_parse(ask->part, &ask->run)) {
		if (core_run_heads(c, ask->run, 0, heads, e) == 0) {
			return 0;
		}
		if (e->kind != ERR_MISSING) {
			return -1;
		}
	}
	return err_set(e, ERR_MISSING,
	    "there is no session %s; `handrail session list` names them",
	    err_quote(ask->part));
}

/* What it has already; is there nothing else? */
static bool
has_all(struct core_ask *ask, struct str heads)
{
	uint64_t last = 0;

	for (size_t at = 0; at < heads.len; at += BOOK_HEAD_SIZE) {
		struct book_head head;
		struct err e = { 0 };

		must(book_head_decode(
		         str_sub(heads, at, BOOK_HEAD_SIZE), &head, &e) == 0);
		ask->over = ask->over || (head.kind == BOOK_RUN_ENDED &&
		                             head.seq <= ask->after);
		last = head.seq;
	}
	return ask->over && ask->after >= last;
}

int
route_session_events(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf heads = { 0 };
	auto_buf body = { 0 };
	struct str text;
	uint64_t seconds = 0;
	size_t count = 0;
	bool ended;

	ask->after = ask->last;
	if (core_ask_query(ask, "after", &text) &&
	    !str_u64(text, &ask->after)) {
		return err_set(e, ERR_INPUT, "?after= must be a number");
	}
	if (core_ask_query(ask, "wait", &text) && !str_u64(text, &seconds)) {
		return err_set(e, ERR_INPUT, "?wait= must be seconds");
	}
	if (find_run(c, ask, &heads, e)) {
		return -1;
	}
	ask->core = c;
	ended = has_all(ask, buf_str(&heads));
	if (ask->events && ended) {
		core_answer(c, ask, 204, STR("")); /* do not come again */
		return 0;
	}
	if (ask->events) {
		ask->following = true;
		(void)send_page(c, ask);
		return 0;
	}
	if (write_list(c, ask, &body, &count, e)) {
		return -1;
	}
	if (count || !seconds || ended) {
		core_answer(c, ask, 200, buf_str(&body));
		return 0;
	}
	seconds = seconds < 60 ? seconds : 60;
	ask->session = true;
	wait_for_more(ask, (int64_t)seconds * CLOCK_SECOND);
	return 0;
}

/* --- show --- */

/* What it was started with; once that has expired, nothing. */
static int
read_start(struct core *c, const struct book_head *head, struct buf *first,
    struct err *e)
{
	bool there;

	return head->kind == BOOK_RUN_STARTED && !first->len
	           ? core_body_look(c, head->seq, first, &there, e)
	           : 0;
}

static int
write_heads(struct core *c, struct json_out *o, struct str heads,
    struct buf *first, struct err *e)
{
	struct book_head head = { 0 };

	json_out_array(o, "events");
	for (size_t at = 0; at < heads.len; at += BOOK_HEAD_SIZE) {
		must(book_head_decode(
		         str_sub(heads, at, BOOK_HEAD_SIZE), &head, e) == 0);
		must(core_event_json(c, o, &head, false, e) == 0);
		if (read_start(c, &head, first, e)) {
			return -1;
		}
	}
	json_out_end(o, ']');
	return 0;
}

int
route_session(struct core *c, struct core_ask *ask, struct err *e)
{
	auto_buf heads = { 0 };
	auto_buf body = { 0 };
	auto_buf first = { 0 };
	struct json_out o;
	struct json *tree = NULL;
	const struct session_run *view;

	if (find_run(c, ask, &heads, e)) {
		return -1;
	}
	view = session_index_find(c->sessions, ask->run);
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	if (view) {
		write_session(c, &o, view);
	} else {
		json_out_str(&o, "session", ask->part);
		json_out_z(&o, "state", "ended");
	}
	if (write_heads(c, &o, buf_str(&heads), &first, e)) {
		return -1;
	}
	if (first.len &&
	    json_parse(&ask->arena, buf_str(&first), NULL, &tree, e) == 0) {
		json_out_value(&o, "origin", tree);
	}
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}
