/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes in the inbox, told to its pages as server-sent events: only what
 * is on the disk, in the order of the book, each with its head's seq as its id,
 * so that a page which was away goes on where it was.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/core_api.h"

#define ALIVE_US (15 * CLOCK_SECOND)
#define SOON_US  (CLOCK_SECOND / 100)
#define ONCE_MAX 64 /* changes in one piece */

/* --- the ring --- */

void
core_web_record(struct core *c)
{
	struct core_web *web = c->web;

	if (!web->changes) {
		web->changes = calloc(CORE_CHANGES_MAX, sizeof(*web->changes));
		must(web->changes);
		web->since = c->book.seq;
	}
}

/* An answer that is used up, or needed no more, was told when it was given. */
static bool
is_told(const struct wait_item *w, enum book_kind kind, enum core_told *told)
{
	*told = w->state == WAIT_OPEN ? CORE_YES : CORE_OVER;
	if (kind == BOOK_WAIT_PUT) {
		*told = CORE_ASKED;
	} else if (kind == BOOK_WAIT_REMINDED || kind == BOOK_WAIT_ESCALATED) {
		*told = CORE_CHANGED;
	} else if (kind == BOOK_WAIT_ENDED) {
		return !w->by.len;
	} else {
		return kind == BOOK_WAIT_DECIDED;
	}
	return true;
}

void
core_web_saw(struct core *c, uint64_t seq, enum book_kind kind, struct str id)
{
	struct core_web *web = c->web;
	const struct wait_item *w;
	struct core_change *at;
	enum core_told told;

	if (!web || !web->changes) {
		return;
	}
	w = wait_find(c->waits, id);
	if (!w || !is_told(w, kind, &told)) {
		return;
	}
	at = &web->changes[web->count++ % CORE_CHANGES_MAX];
	if (at->seq) {
		web->since = at->seq; /* this one is told no more */
	}
	*at = (struct core_change){ .seq = seq, .told = told };
	str_fit(at->id, sizeof(at->id), id);
	str_fit(
	    at->state, sizeof(at->state), str_of(wait_state_name(w->state)));
	str_fit(at->by, sizeof(at->by),
	    told == CORE_YES && w->said_count ? w->said[w->said_count - 1].by
	                                      : w->by);
	str_fit(at->surface, sizeof(at->surface), w->surface);
	str_fit(at->reason, sizeof(at->reason), w->reason);
}

/* --- one stream --- */

static void
write_change(struct core *c, struct buf *body, const struct core_change *x,
    const struct core_web_login *in)
{
	static const char *const names[] = {
		[CORE_ASKED] = "asked",
		[CORE_YES] = "yes",
		[CORE_CHANGED] = "changed",
		[CORE_OVER] = "over",
	};
	const struct wait_item *w = wait_find(c->waits, str_of(x->id));
	struct json_out o;

	buf_addf(body,
	    "id: %llu\nevent: %s\ndata: ", (unsigned long long)x->seq,
	    names[x->told]);
	json_out_init(&o, body); /* one line: JSON escapes every newline */
	if (w && (x->told == CORE_ASKED || x->told == CORE_CHANGED)) {
		core_web_item(c, &o, w, in);
	} else {
		json_out_object(&o, NULL);
		json_out_z(&o, "id", x->id);
		json_out_z(&o, "state", x->state);
		json_out_z(&o, "by", x->by);
		json_out_z(&o, "surface", x->surface);
		json_out_z(&o, "reason", x->reason);
		if (w && x->told == CORE_YES) {
			core_web_may(c, &o, w, in);
		}
		json_out_end(&o, '}');
	}
	buf_add_z(body, "\n\n");
}

static void
write_reset(struct core *c, struct core_ask *ask, struct buf *body)
{
	ask->after = c->book.durable;
	buf_addf(body, "id: %llu\nevent: reset\ndata: {}\n\n",
	    (unsigned long long)ask->after);
}

/* What this page has not; true: there is more already. */
static bool
write_changes(struct core *c, struct core_ask *ask, struct buf *body,
    const struct core_web_login *in)
{
	const struct core_web *web = c->web;
	uint64_t from =
	    web->count > CORE_CHANGES_MAX ? web->count - CORE_CHANGES_MAX : 0;
	int told = 0;

	if (ask->after < web->since || ask->after > c->book.seq) {
		write_reset(c, ask, body);
		return false;
	}
	for (uint64_t i = from; i < web->count; i++) {
		const struct core_change *x =
		    &web->changes[i % CORE_CHANGES_MAX];

		if (x->seq <= ask->after || x->seq > c->book.durable) {
			continue;
		}
		if (told++ == ONCE_MAX) {
			return true;
		}
		write_change(c, body, x, in);
		ask->after = x->seq;
	}
	return false;
}

static void look(void *owner);

static void
look_later(struct core_ask *ask, int64_t us)
{
	struct loop *loop = ask->core->part.loop;

	loop_timer_cancel(&ask->patience);
	loop_timer_arm(
	    &ask->patience, loop, mono_after(loop_now(loop), us), look, ask);
}

/* A login that has ended is told nothing more. */
static void
tell(struct core_ask *ask, const char *otherwise)
{
	struct core *c = ask->core;
	const struct core_web_login *in = core_web_login_find(c, ask->login);
	auto_buf body = { 0 };
	int64_t us = ALIVE_US;

	if (!in) {
		core_answer_piece(
		    c, ask, STR("event: ended\ndata: {}\n\n"), false);
		return;
	}
	if (write_changes(c, ask, &body, in)) {
		us = SOON_US;
	} else if (in->until.us - mono_now().us < us) {
		us = in->until.us - mono_now().us + SOON_US;
	}
	if (!body.len) {
		buf_add_z(&body, otherwise);
	}
	if (body.len) {
		core_answer_piece(c, ask, buf_str(&body), true);
	}
	look_later(ask, us);
}

static void
look(void *owner)
{
	tell(owner, ": still here\n\n");
}

void
core_web_events(struct core_ask *ask)
{
	tell(ask, "");
}

void
core_web_ended(struct core *c)
{
	struct core_ask *next;

	for (struct core_ask *ask = c->asks; ask; ask = next) {
		next = ask->next;
		if (ask->watching) {
			tell(ask, "");
		}
	}
}

void
core_web_left(struct core *c)
{
	c->web->streams--;
	core_buddy_changed(c); /* another surface may be the first now */
}

bool
core_web_lives(const struct core *c)
{
	for (const struct core_ask *ask = c->asks; ask; ask = ask->next) {
		if (ask->watching &&
		    core_web_decides(c, core_web_login_find(c, ask->login))) {
			return true;
		}
	}
	return false;
}

int
route_web_events(struct core *c, struct core_ask *ask, struct err *e)
{
	struct str text;

	ask->after = ask->last;
	if (!ask->last && core_ask_query(ask, "after", &text) &&
	    !str_u64(text, &ask->after)) {
		return err_set(e, ERR_INPUT, "?after= must be a number");
	}
	if (!ask->events) {
		return err_set(e, ERR_INPUT,
		    "this is a stream: Accept: text/event-stream");
	}
	if (c->web->streams == CORE_STREAMS_MAX) {
		return err_set(e, ERR_UNAVAILABLE,
		    "%d pages are open already: close some", CORE_STREAMS_MAX);
	}
	if (ask->gone) { /* while it waited for a commit */
		core_answer(c, ask, 200, STR(""));
		return 0;
	}
	c->web->streams++;
	ask->core = c;
	ask->watching = true;
	ask->polling = true;
	core_buddy_changed(c);
	tell(ask, ": here\n\n");
	return 0;
}
