/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_POSTGRES_BATCH_H
#define STORE_POSTGRES_BATCH_H

/* What a transaction gathers before it is sent, and those that were sent and
 * not answered for yet: one ring, the oldest first, the open one last. */

#include "store/ops.h"
#include "store/pack.h"

struct postgres;
struct params;

struct batch_body {
	uint64_t seq;
	int64_t day;
	struct str bytes;
};
struct batch_row {
	struct str space;
	struct str key;
	struct str value;
	uint64_t version;
	bool put;
	bool deleted; /* before it was put, or at the end */
};
struct batch_task {
	struct store_task task; /* as it was put last */
	bool added;             /* with its record */
	bool saved;             /* task_live has it from now on */
	bool gone;              /* task_live has it no more */
	bool ended;             /* task_end has it from now on */
};
struct batch {
	struct arena arena;
	struct pack_head *heads;
	size_t head_count;
	size_t head_room;
	uint64_t first;
	struct batch_body *bodies;
	size_t body_count;
	size_t body_room;
	struct batch_row *rows;
	size_t row_count;
	size_t row_room;
	struct map row_index; /* number of the row + 1 */
	struct batch_task *tasks;
	size_t task_count;
	size_t task_room;
	struct map task_index;
	int64_t *drops;
	size_t drop_count;
	size_t drop_room;
	uint64_t owned_times; /* the epoch to be, 0: as it is */
	bool careful;         /* a row of a task was there already */
	/* Once the commit was asked for: */
	struct buf packed; /* the heads */
	uint64_t after; /* seq of the head that the log ends with before it */
	uint32_t words_from; /* of the table of words: those that it adds */
	uint32_t words_end;
};

/* From the oldest that is under way, 0, to the open one, p->flights. */
struct batch *batch_at(struct postgres *p, unsigned number);
struct batch *batch_open(struct postgres *p);
/* The open one is under way from now on. */
void batch_close(struct postgres *p);
/* The oldest is durable. */
void batch_landed(struct postgres *p);
/* All that are under way are undone. */
void batch_drop_all(struct postgres *p);
void batch_clear(struct postgres *p, struct batch *b);
/* What the newest of them says that says anything; NULL: none does. */
const struct batch_row *batch_row_find(
    struct postgres *p, struct str space, struct str key);
/* NULL: this one says nothing of it. */
const struct store_task *batch_task_find(const struct batch *b, struct str id);
/* What every batch makes of it, the oldest first; `found`: *task is what the
 * server has.  false: there is no such task. */
bool batch_task_apply(
    struct postgres *p, struct str id, struct store_task *task, bool found);
void batch_free(struct batch *b);
/* 0, or -1: the connection is lost */
int batch_send(struct postgres *p, struct batch *b);
int batch_send_tasks(
    struct postgres *p, const struct batch *b, struct params *params);

#endif
