/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_BATCH_H
#define PARTS_CORE_BATCH_H

/* The inside of a batch: core_book.c fills it, core_commit.c writes it,
 * core_read.c looks for what is not on the disk yet.  Whatever it points to is
 * in the batch's memory and goes with it. */

#include "parts/core.h"

enum core_write_kind {
	CORE_WRITE_HEAD,
	CORE_WRITE_ROW,
	CORE_WRITE_DROP,
	CORE_WRITE_TASK,
	CORE_WRITE_INBOX, /* a row taken from it; seq is its number */
};

struct core_write {
	struct core_write *next;
	enum core_write_kind kind;
	bool has_body;
	bool forgotten; /* task */
	bool ending;    /* task */
	/* head */
	uint64_t seq;
	uint64_t before; /* the task's previous head */
	struct wall time;
	struct book_id task;
	uint8_t *bytes; /* BOOK_HEAD_SIZE */
	/* row: space, key, value, version; head: value is its body; task: key
	 * is its id, value its record, row what stands in its columns */
	const char *space;
	struct str key;
	struct str value;
	uint64_t version;
	struct store_task *row; /* NULL: it is not there any more */
};

struct core_pending {
	struct core_pending *next;
	core_effect_fn *fn;
	uint64_t number;
};

/* The next write of the batch that is forming. */
struct core_write *core_batch_add(struct core *c, enum core_write_kind kind);
/* What the batch holds is fixed: rows of tasks are made from their state, heads
 * name their bodies. */
void core_batch_close(struct core *c);
bool core_batch_empty(const struct core_batch *b);
int core_batch_write(
    struct core *c, const struct core_batch *b, struct err *e) MUST_CHECK;
bool core_is_queue_kind(enum book_kind kind);
/* It was claimed and has no outcome: calls and waits of it may be open. */
bool core_task_lives(const struct queue_task *t);
/* The key of a body that is kept aside: rows "kept". */
void core_kept_key(uint64_t seq, struct buf *key);
/* Heads of one task are a trail: it goes through this one as well. */
void core_trail(struct core *c, struct book_id task, uint64_t seq);

#endif
