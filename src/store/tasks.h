/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_TASKS_H
#define STORE_TASKS_H

/* Tasks and the inbox; included by store.h, where the rules stand. */

#include "base/base.h"

struct store;

/* Tasks, as plain SQL sees them: written when a task is put and at its end.
 * `saved` is the queue's own form of it: what a start loads instead of the
 * whole log.  `number` is the seq of the head that put it: it orders tasks and
 * says which one is meant. */
struct store_task {
	uint64_t number; /* not 0, the same at every put */
	struct str id;
	struct str queue;
	struct str subject;
	struct str state;
	struct str owner;
	struct wall created_at;
	struct wall updated_at;
	struct str
	    record; /* JSON: the DurableTask as it was put, with its end */
	struct str saved;
	uint64_t last_seq; /* of its newest head when this was written */
	bool live;         /* a start must load it */
	/* It is live in the store already and this is its end: the cheapest
	 * write, a row is added and none is changed.  Not read back. */
	bool ending;
};
typedef int store_task_fn(
    void *context, const struct store_task *task, struct err *e);
/* An empty record keeps the one that is there, and with it queue, subject and
 * created_at. */
int store_task_put(struct store *store, const struct store_task *task,
    struct err *e) MUST_CHECK;
/* ERR_MISSING. `each` is called once. */
int store_task_get(struct store *store, struct str id, store_task_fn *each,
    void *context, struct err *e) MUST_CHECK;
/* Its record alone, behind what `out` holds; `number` is how it was put. */
int store_task_record(struct store *store, uint64_t number, struct str id,
    struct buf *out, struct err *e) MUST_CHECK;
/* The last that was first put comes first; empty queue or state: any; limit 0:
 * all. */
int store_tasks_walk(struct store *store, const struct store_task *like,
    uint64_t limit, store_task_fn *each, void *context,
    struct err *e) MUST_CHECK;
/* Every live one, in any order; only number, id, saved and last_seq are read.
 */
int store_live_walk(struct store *store, store_task_fn *each, void *context,
    struct err *e) MUST_CHECK;

/*
 * The inbox: how other programs enqueue (PostgreSQL only; SQLite has none).  A
 * record is an e2m line; taking it and dropping its row are one transaction.
 */
typedef int store_inbox_fn(
    void *context, uint64_t number, struct str record, struct err *e);
int store_inbox_walk(struct store *store, uint64_t limit, store_inbox_fn *each,
    void *context, struct err *e) MUST_CHECK;
int store_inbox_drop(
    struct store *store, uint64_t number, struct err *e) MUST_CHECK;
/* Readable when the doorbell rang; -1: none.  store_inbox_bell empties it. */
int store_inbox_fd(const struct store *store);
void store_inbox_bell(struct store *store);

#endif
