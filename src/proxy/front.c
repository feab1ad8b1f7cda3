/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <unistd.h>

#include "proxy/clear.h"
#include "proxy/inside.h"

/*
 * A cell that speaks HTTP/2.  Each of its streams is a connection of its own
 * to everything behind: its message is text in memory, read, judged and
 * answered by the same states as any other (conn.c).
 */

struct stream {
	struct stream *next, *previous;
	struct conn *front; /* whose session it is of */
	struct conn *conn;  /* that serves it; NULL: it has gone */
	int32_t id;
	bool stirred; /* text came for it */
	bool gone;    /* the cell has closed it */
	bool done;    /* its whole answer was given */
	bool ended;   /* and so was the request */
	struct http_reader reader;
};

static struct stream *
find(const struct conn *c, int32_t id)
{
	struct stream *s = c->streams;
	while (s && s->id != id) {
		s = s->next;
	}
	return s;
}

static void
turn_soon(struct conn *c)
{
	struct loop *loop = c->proxy->setup.loop;
	loop_later_cancel(loop, c);
	loop_later(loop, proxy_conn_turn, c);
}

static void
drop(struct stream *s)
{
	if (s->previous) {
		s->previous->next = s->next;
	} else {
		s->front->streams = s->next;
	}
	if (s->next) {
		s->next->previous = s->previous;
	}
	http_reader_fini(&s->reader);
	free(s);
}

/* --- answers ----------------------------------------------------------------
 */

/* One event of the answer that the connection has written; true: go on. */
static bool
answer_event(struct stream *s)
{
	struct buf *out = &s->conn->link.out;
	struct http_two *two = s->front->two;
	struct str text = buf_str(out);
	struct str in = text;
	struct http_event ev;
	struct err e;
	s->reader.answer_to_head =
	    str_eq_z(s->conn->reader.head.method, "HEAD");
	int failed = http_read(&s->reader, &in, &ev, &e);
	size_t took = text.len - in.len;
	if (!failed && (ev.kind == HTTP_HEAD || ev.kind == HTTP_INTERIM)) {
		failed = http_two_answer(two, s->id, str_sub(text, 0, took),
		    ev.head->framing != HTTP_EMPTY, &e);
	}
	if (failed) {
		http_two_reset(two, s->id);
		s->done = true;
		proxy_clear_drop(out, out->len);
		return false;
	}
	if (ev.kind == HTTP_INTERIM) {
		/* Those of an upstream were counted where they came from. */
		http_reader_fini(&s->reader);
		http_reader_response(&s->reader);
		s->reader.ours = true;
	}
	if (ev.kind == HTTP_DATA) {
		http_two_data(two, s->id, ev.data);
	}
	if (ev.kind == HTTP_END) {
		s->done = true;
		http_two_end(two, s->id, buf_str(&s->reader.trailer));
	}
	proxy_clear_drop(out, took);
	return ev.kind != HTTP_MORE && ev.kind != HTTP_END;
}

/* What was written goes into frames, as far as the cell lets them go; true:
 * there was some. */
static bool
move(struct stream *s)
{
	struct conn *c = s->conn;
	size_t had = c->link.out.len;
	/* With nothing left it may be at its end, which must be seen before the
	 * connection goes. */
	while (!s->done &&
	       (c->link.out.len == 0 || http_two_waiting(s->front->two, s->id) <
	                                    proxy_link_most()) &&
	       answer_event(s)) {
	}
	if (c->link.in.len < proxy_link_most()) {
		http_two_taken(s->front->two, s->id);
	}
	if (c->link.out.len < had) {
		/* Of one whose end is written the front says when it has left.
		 */
		if (!s->done || c->state != CONN_ANSWER) {
			turn_soon(c);
		}
		return true;
	}
	return false;
}

/* What stands in for a socket. */
static void
pump(void *owner)
{
	struct stream *s = owner;
	(void)move(s);
	turn_soon(s->front);
}

static void stop_late(void *owner);

static void
stop_soon(struct conn *c)
{
	struct loop *loop = c->proxy->setup.loop;
	if (!c->stop.loop) {
		loop_timer_arm(&c->stop, loop,
		    mono_after(loop_now(loop), PROXY_LINGER), stop_late, c);
	}
}

/* There are clients that wait for their window, or for nothing at all, when
 * their answer came before they had said all (curl 7.88, Node). */
static void
stop_late(void *owner)
{
	struct conn *c = owner;
	if (http_two_stop(c->two)) {
		stop_soon(c);
	}
	turn_soon(c);
}

void
proxy_stream_gone(struct conn *c)
{
	struct stream *s = c->stream;
	struct http_two *two = s->front->two;
	int32_t id = s->id;
	c->stream = NULL;
	s->conn = NULL;
	bool whole = s->done && http_two_waiting(two, id) == 0;
	if (!whole && !s->gone) {
		http_two_reset(two, id);
	}
	if (whole && !s->gone && !s->ended) {
		stop_soon(s->front);
	}
	turn_soon(s->front);
	drop(s);
	/* What came of its body and was not read goes with it: whoever filled
	 * the window would wait for ever to be told that no more is wanted. */
	http_two_taken(two, id);
}

/* Its question stays asked, and keeps its place among what is carried, until
 * core has said: who leaves and comes again would ask without end. */
static bool
leave_asked(struct stream *s)
{
	struct conn *c = s->conn;
	if (c->state != CONN_ASKED) {
		return false;
	}
	proxy_link_close(&c->link);
	c->link.memory = false;
	c->stream = NULL;
	drop(s);
	return true;
}

bool
proxy_stream_waits(const struct conn *c)
{
	const struct stream *s = c->stream;
	return s && !s->gone && http_two_waiting(s->front->two, s->id) > 0;
}

/* --- requests ---------------------------------------------------------------
 */

static struct stream *
begin(struct conn *front, int32_t id)
{
	struct proxy *p = front->proxy;
	if (p->carried >= PROXY_CONNECTIONS) {
		http_two_refuse(front->two, id);
		return NULL;
	}
	struct stream *s = calloc(1, sizeof(*s));
	must(s);
	struct conn *c = proxy_conn_make(p, &front->origin);
	*s = (struct stream){ .front = front, .conn = c, .id = id };
	http_reader_response(&s->reader);
	s->reader.ours = true;
	s->next = front->streams;
	if (s->next) {
		s->next->previous = s;
	}
	front->streams = s;
	c->stream = s;
	c->link =
	    (struct link){ .fd = -1, .memory = true, .turn = pump, .owner = s };
	c->tunnel = true;
	c->close = true;
	c->state = CONN_HEAD;
	proxy_conn_arm(c, p->setup.times.head);
	return s;
}

static void
take_text(void *owner, int32_t id, struct str text)
{
	struct conn *front = owner;
	struct stream *s = find(front, id);
	/* Ids only rise.  What comes for one that is over is the rest of its
	 * body: read as a head, it would be a request that nobody made. */
	if (id > front->newest) {
		front->newest = id;
		s = begin(front, id);
	} else if (!s) {
		http_two_taken(front->two, id);
	}
	if (s && s->conn) {
		proxy_link_came(&s->conn->link, text);
		s->stirred = true;
	}
}

static void
take_end(void *owner, int32_t id)
{
	struct stream *s = find(owner, id);
	if (s) { /* to whoever serves it the text says so itself */
		s->ended = true;
	}
}

static void
take_close(void *owner, int32_t id, bool untaken)
{
	struct stream *s = find(owner, id);
	(void)untaken; /* a cell refuses no stream of its own */
	if (s) {
		s->gone = true;
	}
}

static const struct http_two_ops ops = { take_text, take_end, take_close };

void
proxy_front_begin(struct conn *c)
{
	c->two = http_two_server(&ops, c);
	c->state = CONN_TWO;
	proxy_conn_arm(c, c->proxy->setup.times.idle);
}

/* The cell has closed it. */
static void
part(struct stream *s)
{
	struct conn *c = s->conn;
	if (!leave_asked(s)) {
		proxy_conn_abort(c, "the cell gave it up");
		proxy_conn_turn(c);
	}
}

/* Not from inside the session: what a stream does may reset others. */
static void /* NOLINTNEXTLINE(*-function-size): all ways out of one list */
serve(struct conn *front)
{
	struct stream *next;
	for (struct stream *s = front->streams; s; s = next) {
		next = s->next;
		if (s->gone) {
			part(s);
		} else if (s->stirred) {
			s->stirred = false;
			proxy_conn_turn(s->conn);
		}
	}
}

static void
flush(struct conn *c)
{
	auto_buf frames = { 0 };
	if (proxy_link_room(&c->link)) {
		http_two_take(c->two, &frames);
		proxy_link_write(&c->link, buf_str(&frames));
	}
	proxy_link_send(&c->link);
}

bool
proxy_front_step(struct conn *c)
{
	struct err e;
	struct str in = buf_str(&c->link.in);
	/* G03: what is said gets answers, and who takes none says no more. */
	bool any = in.len > 0 && proxy_link_room(&c->link);
	bool broken = any && http_two_feed(c->two, in, &e);
	if (broken) {
		proxy_conn_outcome(c, PROXY_REFUSED, 0, e.text);
	}
	if (any) {
		proxy_link_used(&c->link, in.len);
		proxy_conn_arm(c, c->proxy->setup.times.stall);
	}
	serve(c);
	flush(c);
	for (struct stream *s = c->streams; s; s = s->next) {
		any = move(s) || any;
		if (s->done && !proxy_stream_waits(s->conn)) {
			turn_soon(s->conn);
		}
	}
	if (broken || c->link.ended || c->link.mute) {
		proxy_conn_shut(c);
		return true;
	}
	if (http_two_over(c->two)) {
		proxy_front_over(c);
		return true;
	}
	return any;
}

void
proxy_front_end(struct conn *c)
{
	while (c->streams) {
		struct stream *s = c->streams;
		/* NOLINTNEXTLINE(*.Malloc): who is freed left the list */
		struct conn *child = s->conn;
		s->gone = true;
		if (!leave_asked(s)) {
			proxy_conn_abort(child, "the cell hung up");
			proxy_conn_free(child);
		}
	}
	loop_timer_cancel(&c->stop);
	http_two_free(c->two);
	c->two = NULL;
}

void
proxy_front_over(struct conn *c)
{
	http_two_leave(c->two);
	flush(c);
	proxy_front_end(c);
	proxy_conn_end(c);
}
