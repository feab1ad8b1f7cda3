/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_QUEUE_NOTES_H
#define BENCH_QUEUE_NOTES_H

/* What a batch will write, while the one before it is still under way: core's
 * forming batch (parts/core_batch.c). */

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "book/book.h"
#include "store/store.h"

struct note {
	struct note *next;
	bool is_task;
	uint64_t seq;
	uint64_t before;
	int64_t day;
	struct str body;
	struct store_task task;
	uint8_t head[STORE_HEAD_SIZE];
};

struct notes {
	struct arena arena;
	struct note *first;
	struct note *last;
	size_t heads;
};

static inline struct note *
notes_add(struct notes *notes)
{
	struct note *note = arena_alloc(&notes->arena, sizeof(*note));

	note->next = NULL;
	if (notes->first) {
		notes->last->next = note;
	} else {
		notes->first = note;
	}
	notes->last = note;
	return note;
}

/* Encoded where it stays until it is written; its digests come with those of
 * the others (notes_hash). */
static inline void
notes_head(struct notes *notes, struct book_head *head, uint64_t before,
    struct str body)
{
	struct note *note = notes_add(notes);

	book_head_body_later(head, body);
	book_head_encode(head, note->head);
	note->is_task = false;
	note->seq = head->seq;
	note->before = before;
	note->day = wall_day(head->time);
	note->body = arena_str(&notes->arena, body);
	notes->heads++;
}

/* tree NULL: the bodies are named and no more. */
static inline void
notes_hash(struct notes *notes, struct book_late *tree)
{
	auto_free struct book_new_head *all =
	    calloc(notes->heads + 1, sizeof(*all));
	size_t count = 0;

	must(all);
	for (struct note *n = notes->first; n; n = n->next) {
		if (!n->is_task) {
			all[count].bytes = n->head;
			all[count++].body = n->body;
		}
	}
	book_bodies_name(all, count);
	for (size_t i = 0; tree && i < count; i++) {
		book_late_add(tree, all[i].bytes);
	}
	/* NOLINTNEXTLINE(*-unix.Malloc): auto_free */
}

static inline void
notes_task(struct notes *notes, const struct store_task *task)
{
	struct note *note = notes_add(notes);
	struct arena *a = &notes->arena;

	note->is_task = true;
	note->task = *task;
	note->task.id = arena_str(a, task->id);
	note->task.queue = arena_str(a, task->queue);
	note->task.subject = arena_str(a, task->subject);
	note->task.state = arena_str(a, task->state);
	note->task.owner = arena_str(a, task->owner);
	note->task.record = arena_str(a, task->record);
	note->task.saved = arena_str(a, task->saved);
}

/* Into the open transaction; the notes are empty then. */
static inline int
notes_write(struct notes *notes, struct store *store, struct err *e)
{
	for (struct note *n = notes->first; n; n = n->next) {
		struct store_head head = { n->seq, n->before, n->head };

		if (n->is_task ? store_task_put(store, &n->task, e)
		               : store_head_add(store, &head, e) ||
		                     store_body_add(
		                         store, n->seq, n->day, n->body, e)) {
			return -1;
		}
	}
	arena_clear_to(&notes->arena, (size_t)512 * 1024);
	*notes = (struct notes){ .arena = notes->arena };
	return 0;
}

/* Until no more than so many commits are under way. */
static inline int
notes_await(struct store *store, unsigned left, struct err *e)
{
	int done = 0;

	while (store_in_flight(store) > left && done >= 0) {
		struct pollfd one = { 0 };
		bool for_write = false;

		done = store_commit_step(store, e);
		if (done > 0) {
			one.fd = store_fd(store, &for_write);
			one.events = for_write ? POLLIN | POLLOUT : POLLIN;
			(void)poll(&one, 1, 100);
		}
	}
	return done < 0 ? -1 : 0;
}

#endif
