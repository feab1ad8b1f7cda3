/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_OPS_H
#define STORE_OPS_H

/*
 * The seam of this room: what an implementation is.  The door (store.c, book.c,
 * rows.c) checks the transaction's state and limits, then calls through; it
 * also keeps state, last, committed, what is under way and fault.  struct store
 * begins every implementation's own struct.
 *
 * A write that answers -1 is undone by the door.  A read that fails for another
 * reason than an absent row or its reader's own calls store_break.  Whoever
 * finds that only opening anew helps sets STORE_DEAD and fault.
 */

#include "store/store.h"

enum store_state {
	STORE_IDLE,
	STORE_OPEN,
	STORE_BROKEN, /* undone; waits for its commit or rollback */
	STORE_DEAD,   /* a failed fsync, a lost lease: open anew */
};

struct store_ops {
	void (*close)(struct store *s);
	int (*own)(struct store *s, const char *node, uint64_t *incarnation,
	    struct err *e);
	/* How often it has been owned; and, in a transaction, that number
	 * anew, never a lower one. */
	int (*owned)(struct store *s, uint64_t *times, struct err *e);
	int (*owned_set)(struct store *s, uint64_t times, struct err *e);
	int (*begin)(struct store *s, struct err *e);
	/* 0 durable, 1 under way, -1: it and all that are under way are undone
	 */
	int (*commit)(struct store *s, struct err *e);
	/* 0 the oldest under way is durable, 1 nothing new, -1 as commit */
	int (*step)(struct store *s, struct err *e);
	int (*fd)(const struct store *s, bool *for_write);
	bool fd_lasts;
	const char *(*why)(const struct store *s);
	int64_t (*beat_us)(const struct store *s);
	int64_t (*lease_left_us)(const struct store *s);
	void (*rollback)(struct store *s); /* nothing open: nothing */
	int (*checkpoint)(struct store *s, struct err *e);
	int (*scrub)(struct store *s, struct err *e);
	int (*check)(struct store *s, struct err *e);
	int (*head_add)(
	    struct store *s, const struct store_head *head, struct err *e);
	int (*body_add)(struct store *s, uint64_t seq, int64_t day,
	    struct str bytes, struct err *e);
	int (*heads_walk)(struct store *s, uint64_t from, uint64_t limit,
	    store_head_fn *each, void *context, struct err *e);
	/* One head by its seq: trails are walked by the door. */
	int (*head_get)(struct store *s, uint64_t seq, store_head_fn *each,
	    void *context, struct err *e);
	/* day may be NULL */
	int (*body_get)(struct store *s, uint64_t seq, int64_t *day,
	    struct buf *out, struct err *e);
	int (*bodies_last)(
	    struct store *s, int64_t before_day, uint64_t *last, struct err *e);
	int (*bodies_expire)(struct store *s, int64_t before_day,
	    uint64_t *count, struct err *e);
	int (*row_put)(
	    struct store *s, const struct store_row *row, struct err *e);
	int (*row_get)(struct store *s, struct str space, struct str key,
	    struct buf *out, uint64_t *version, struct err *e);
	int (*row_delete)(
	    struct store *s, struct str space, struct str key, struct err *e);
	int (*rows_walk)(struct store *s, struct str space, struct str prefix,
	    store_row_fn *each, void *context, struct err *e);
	int (*rows_count)(
	    struct store *s, struct str space, uint64_t *count, struct err *e);
	int (*task_put)(
	    struct store *s, const struct store_task *task, struct err *e);
	int (*task_get)(struct store *s, struct str id, store_task_fn *each,
	    void *context, struct err *e);
	/* NULL: task_get gives it.  ERR_MISSING where the task of this number
	 * has not this id, too. */
	int (*task_record)(struct store *s, uint64_t number, struct str id,
	    struct buf *out, struct err *e);
	int (*tasks_walk)(struct store *s, const struct store_task *like,
	    uint64_t limit, store_task_fn *each, void *context, struct err *e);
	/* Every one, in the order in which they were first put. */
	int (*tasks_all)(
	    struct store *s, store_task_fn *each, void *context, struct err *e);
	int (*live_walk)(
	    struct store *s, store_task_fn *each, void *context, struct err *e);
	int (*inbox_walk)(struct store *s, uint64_t limit, store_inbox_fn *each,
	    void *context, struct err *e);
	int (*inbox_drop)(struct store *s, uint64_t number, struct err *e);
	int (*inbox_fd)(const struct store *s);
	void (*inbox_bell)(struct store *s);
	bool (*low)(const struct store *s);
	int (*backup_start)(struct store *s, const char *path,
	    struct store_backup **backup, struct err *e);
	int (*backup_step)(
	    struct store_backup *backup, unsigned *percent, struct err *e);
	void (*backup_free)(struct store_backup *backup);
};

/* Begins every implementation's own. */
struct store_backup {
	struct store *store;
};

struct store {
	const struct store_ops *ops;
	enum store_state state;
	struct err fault;   /* why it is broken or dead */
	uint64_t last;      /* seq of the last head, own batch included */
	uint64_t begun;     /* the same without it */
	uint64_t committed; /* the last that is durable */
	uint64_t body;      /* seq of the last body of this batch */
	unsigned flights;   /* batches under way, the oldest first: */
	uint64_t flight_last[STORE_FLIGHTS_MAX]; /* the last seq of each */
	bool walking;
	bool read_only;
	struct buf where; /* path or URL; a URL's password is never printed */
};

/* Undoes the open transaction, if one is open, because of *e; returns -1. */
int store_break(struct store *store, const struct err *e);

int sqlite_store_open(const char *path, unsigned flags, struct store **store,
    struct err *e) MUST_CHECK;
int postgres_store_open(const char *url, unsigned flags, struct store **store,
    struct err *e) MUST_CHECK;

#endif
