/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_TWO_HELP_H
#define PROXY_TWO_HELP_H

/* A cell that speaks HTTP/2, a proxy, and an origin that may as well. */

#include "proxy_help.h"

/* A scripted end that speaks HTTP/2. */
struct two {
	struct end *x;
	struct http_two *two;
	struct buf text;
	int32_t stream; /* the last that said something */
	size_t ended, closed, untaken;
	size_t answered;
};

static inline void
take_text(void *owner, int32_t stream, struct str text)
{
	struct two *t = owner;
	t->stream = stream;
	buf_add(&t->text, text);
}

static inline void
take_end(void *owner, int32_t stream)
{
	struct two *t = owner;
	(void)stream;
	t->ended++;
}

static inline void
take_close(void *owner, int32_t stream, bool untaken)
{
	struct two *t = owner;
	(void)stream;
	t->closed++;
	t->untaken += untaken;
}

static const struct http_two_ops two_ops = { take_text, take_end, take_close };

static inline void
two_step(struct two *t)
{
	auto_buf out = { 0 };
	struct err e;
	if (!t->two) {
		return;
	}
	if (t->x->got.len > 0) {
		int over = http_two_feed(t->two, buf_str(&t->x->got), &e);
		(void)over;
		buf_clear(&t->x->got);
	}
	http_two_take(t->two, &out);
	if (out.len > 0) {
		end_say(t->x, buf_str(&out));
	}
}

static inline bool
says(const struct two *t, const char *text)
{
	return str_has_str(buf_str(&t->text), str_of(text));
}

struct world {
	struct rig r;
	struct end c;
	struct two cell;
	struct two origin;
};

/* One round of both scripted ends; for conditions of rig_until. */
static inline bool
step(struct world *w)
{
	struct end *last = w->r.origin.count > 0
	                       ? &w->r.origin.at[w->r.origin.count - 1]
	                       : NULL;
	if (last && last != w->origin.x && !w->origin.two && last->open &&
	    w->r.origin.two) {
		w->origin.x = last;
		w->origin.two = http_two_server(&two_ops, &w->origin);
	}
	two_step(&w->cell);
	two_step(&w->origin);
	return true;
}

#define world_until(w, condition) rig_until(&(w)->r, step(w) && (condition))

static inline void
world_new(struct world *w, bool origin_two)
{
	/* Longer than any test waits: what closes one is never the time. */
	struct proxy_times times = { .kept = 3600 * CLOCK_SECOND };
	*w = (struct world){ 0 };
	rig_new(&w->r, &times);
	rig_inject(&w->r);
	w->r.origin.two = origin_two;
	if (origin_two) {
		w->r.origin.answer = NULL;
	}
	cell_dial(&w->r, &w->c, GOOD, 443);
	proxy_link_secure(
	    &w->c.link, tls_connect_two(w->r.cell_trust, GOOD, true));
	end_turn(&w->c);
	rig_until(&w->r, w->c.open);
	assert_true(tls_two(w->c.link.tls));
	w->cell.x = &w->c;
	w->cell.two = http_two_client(&two_ops, &w->cell);
}

static inline void
world_free(struct world *w)
{
	http_two_free(w->cell.two);
	http_two_free(w->origin.two);
	buf_fini(&w->cell.text);
	buf_fini(&w->origin.text);
	end_close(&w->c);
	rig_free(&w->r);
}

static inline int32_t
ask(struct world *w, const char *head, bool body)
{
	struct err e;
	int32_t stream = 0;
	assert_int_equal(
	    http_two_ask(w->cell.two, str_of(head), body, false, &stream, &e),
	    0);
	return stream;
}

/* A frame of the cell beside its session. */
static inline void
say_data(struct world *w, int32_t stream, struct str bytes)
{
	uint8_t head[9] = { 0, (uint8_t)(bytes.len >> 8), (uint8_t)bytes.len, 0,
		0, 0, 0, 0, (uint8_t)stream };
	end_say(&w->c, str_span(head, sizeof(head)));
	end_say(&w->c, bytes);
}

#define GET_TWO "GET /a HTTP/1.1\r\nHost: good.test\r\n\r\n"

/* The origin answers what it heard last. */
static inline void
answer(struct world *w, int32_t stream, const char *body)
{
	struct err e;
	assert_int_equal(
	    http_two_answer(w->origin.two, stream,
	        STR("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	            "Transfer-Encoding: chunked\r\n\r\n"),
	        true, &e),
	    0);
	http_two_data(w->origin.two, stream, str_of(body));
	http_two_end(w->origin.two, stream, STR(""));
}

#define GET_OF(path) "GET " path " HTTP/1.1\r\nHost: good.test\r\n\r\n"

/* What is left of so many bodies of one side, from that stream on, when no more
 * of them is let in. */
static inline size_t
until_stuck(
    struct world *w, const struct two *side, int32_t stream, int32_t count)
{
	size_t left = SIZE_MAX;
	for (int still = 0; still < 50; still++) {
		size_t now = 0;
		world_until(w, true);
		rig_wait(&w->r, mono_after(mono_now(), CLOCK_SECOND), "rest");
		for (int32_t i = 0; i < count; i++) {
			now += http_two_waiting(side->two, stream + 2 * i);
		}
		still = now < left ? 0 : still;
		left = now;
	}
	return left;
}

#endif
