/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inbox: other programs enqueue by an insert into the database.  A record
 * goes through the same door as POST /api/tasks; what is made of it and the end
 * of its row are one batch.  A bad one is noted in the book and dropped, so
 * that it never blocks the rest.  The doorbell only makes it faster: the inbox
 * is looked at every second, not at the same moment on every node.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_call.h"

#define LOOK_US   CLOCK_SECOND
#define TAKE_MAX  64             /* records of one look */
#define SHOWN_MAX ((size_t)4096) /* bytes of a refused record that are kept */

struct taken {
	uint64_t number;
	struct str record;
};

struct look {
	struct arena arena;
	struct taken at[TAKE_MAX];
	size_t count;
};

static int
keep(void *context, uint64_t number, struct str record, struct err *e)
{
	struct look *l = context;

	(void)e;
	if (l->count < TAKE_MAX) {
		l->at[l->count++] = (struct taken){
			.number = number,
			.record = arena_str(&l->arena, record),
		};
	}
	return 0;
}

static void
refuse(struct core *c, const struct taken *t, const struct err *why)
{
	auto_buf body = { 0 };
	auto_buf shown = { 0 };
	struct json_out o;

	core_utf8(&shown, str_utf8_cut(t->record, SHOWN_MAX));
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_i64(&o, "number", (int64_t)t->number);
	json_out_z(&o, "why", why->text);
	json_out_str(&o, "record", buf_str(&shown));
	json_out_end(&o, '}');
	struct core_event event = {
		.kind = BOOK_INBOX_REFUSED,
		.rule = str_of(err_name(why->kind)),
		.body = buf_str(&body),
	};

	(void)core_append(c, &event);
	log_line(LOG_WARN, "inbox", "record %llu is refused: %s",
	    (unsigned long long)t->number, why->text);
}

/* A question without a client: nobody hears its answer. */
static int
dispatch(struct core *c, const struct taken *t, struct err *e)
{
	static const struct json_limits limits = {
		.bytes = CORE_API_BODY_MAX,
		.depth = 48,
		.nodes = 100000,
	};
	struct core_ask *ask = core_ask_new(c);
	struct json *tree = NULL;

	ask->gone = true;
	ask->method = STR("POST");
	ask->path = STR("/api/tasks");
	if (json_parse(&ask->arena, t->record, &limits, &tree, e)) {
		core_ask_free(c, ask);
		return err_wrap(e, "the record");
	}
	ask->body = tree;
	if (route_put(c, ask, e)) {
		core_ask_free(c, ask);
		return -1;
	}
	return 0;
}

/* 503 is no fault of the record: it stays. */
static bool
take(struct core *c, const struct taken *t)
{
	struct err e = { 0 };

	if (dispatch(c, t, &e)) {
		if (e.kind == ERR_UNAVAILABLE) {
			return false;
		}
		refuse(c, t, &e);
	}
	core_inbox_drop(c, t->number);
	return true;
}

static void look(void *owner);

static void
look_again(struct core *c, int64_t us)
{
	loop_timer_arm(&c->book.inbox_timer, c->part.loop,
	    mono_after(loop_now(c->part.loop), us), look, c);
}

static void
committed(struct core *c, uint64_t full)
{
	c->book.inbox_busy = false;
	look_again(c,
	    full ? 0
	         : LOOK_US / 2 + (int64_t)(random_u64() % (uint64_t)LOOK_US));
}

/* What was read is taken or left in one batch, and only then is read again: a
 * row that goes with a batch in flight would be seen twice. */
static void
look(void *owner)
{
	struct core *c = owner;
	struct look *l;
	struct err e = { 0 };

	if (c->book.inbox_busy || c->draining) {
		return;
	}
	c->book.inbox_busy = true;
	if (!c->book.bell.loop) {
		core_inbox_watch(c); /* it may hang again */
	}
	l = calloc(1, sizeof(*l));
	must(l);
	if (!core_stalled(c)[0] &&
	    store_inbox_walk(c->book.store, TAKE_MAX, keep, l, &e)) {
		log_err("inbox", &e);
	}
	size_t n = 0;

	while (n < l->count && take(c, &l->at[n])) {
		n++;
	}
	core_after(c, committed, n == TAKE_MAX);
	arena_fini(&l->arena);
	free(l);
}

static void
rang(void *owner, unsigned ready)
{
	struct core *c = owner;

	(void)ready;
	/* The bell's connection is the store's: it may come back as another. */
	loop_io_close(&c->book.bell);
	store_inbox_bell(c->book.store);
	core_inbox_watch(c);
	look(c);
}

void
core_inbox_watch(struct core *c)
{
	int fd = store_inbox_fd(c->book.store);
	struct err e = { 0 };

	loop_io_close(&c->book.bell);
	if (fd >= 0 &&
	    loop_io_open(&c->book.bell, c->part.loop, fd, rang, c, &e) == 0) {
		loop_io_want(&c->book.bell, LOOP_READ);
	}
}

void
core_inbox_begin(struct core *c)
{
	if (store_is_url(c->where)) {
		core_inbox_watch(c);
		look_again(c, 0);
	}
}
