/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_QUEUE_HEADS_H
#define BENCH_QUEUE_HEADS_H

/* The heads of a turn, completed all at once: core_batch_close
 * (parts/core_batch.c). */

#include <stdlib.h>

#include "book/book.h"
#include "queue/queue.h"

#define DAY_US (INT64_C(24) * 3600 * CLOCK_SECOND)

struct head {
	uint8_t bytes[BOOK_HEAD_SIZE];
	uint64_t seq;
	uint64_t before;
	int64_t day;
	struct str body;
};

struct heads {
	struct head *at;
	size_t count, room;
	struct arena bodies;
};

/* Which kind of head each event is, looked up once. */
static inline enum book_kind
heads_kind(enum queue_event_kind kind)
{
	static enum book_kind kinds[QUEUE_EVENT_RAISE + 1];

	must(kinds[kind] ||
	     book_kind_parse(str_of(queue_event_head(kind)), &kinds[kind]));
	return kinds[kind];
}

static inline struct head *
heads_add(struct heads *heads, struct book_head *head, struct str body)
{
	struct head *h;

	heads->at = array_grow(
	    heads->at, heads->count, &heads->room, sizeof(struct head));
	h = &heads->at[heads->count++];
	book_head_body_later(head, body);
	book_head_encode(head, h->bytes);
	h->seq = head->seq;
	h->day = head->time.us / DAY_US;
	h->body = arena_str(&heads->bodies, body);
	return h;
}

/* tree NULL: the bodies are named and no more. */
static inline void
heads_complete(const struct heads *heads, struct book_late *tree)
{
	auto_free struct book_new_head *all =
	    calloc(heads->count + 1, sizeof(*all));

	must(all);
	for (size_t i = 0; i < heads->count; i++) {
		all[i].bytes = heads->at[i].bytes;
		all[i].body = heads->at[i].body;
	}
	book_bodies_name(all, heads->count);
	for (size_t i = 0; tree && i < heads->count; i++) {
		book_late_add(tree, all[i].bytes);
	}
	/* NOLINTNEXTLINE(*-unix.Malloc): auto_free */
}

static inline void
heads_clear(struct heads *heads)
{
	heads->count = 0;
	arena_clear_to(&heads->bodies, (size_t)512 * 1024);
}

#endif
