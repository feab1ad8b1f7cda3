/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_OPS_H
#define STORE_OPS_H

/*
 * The seam of this room: what an implementation is.  store.c is the door: it
 * checks the transaction's state and limits, then calls through.  struct store
 * begins every implementation's own struct.
 */

#include "store/store.h"

enum store_state {
	STORE_IDLE,
	STORE_OPEN,
	STORE_BROKEN,  /* undone; waits for its commit or rollback */
	STORE_SENDING, /* a commit is under way */
	STORE_DEAD,    /* a failed fsync, a lost lease: open anew */
};

struct store_ops {
	void (*close)(struct store *s);
	int (*own)(struct store *s, const char *node, uint64_t *incarnation,
	    struct err *e);
	int (*begin)(struct store *s, struct err *e);
	/* 0 durable, 1 under way, -1 */
	int (*commit)(struct store *s, struct err *e);
	int (*step)(struct store *s, struct err *e);
	int (*fd)(const struct store *s, bool *for_write);
	const char *(*why)(const struct store *s);
	int64_t (*beat_us)(const struct store *s);
	void (*rollback)(struct store *s);
	int (*checkpoint)(struct store *s, struct err *e);
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
	int (*body_get)(
	    struct store *s, uint64_t seq, struct buf *out, struct err *e);
	int (*bodies_expire)(struct store *s, int64_t before_day,
	    uint64_t *count, struct err *e);
	int (*row_put)(
	    struct store *s, const struct store_row *row, struct err *e);
	int (*row_get)(struct store *s, struct str space, struct str key,
	    struct buf *out, uint64_t *version, struct err *e);
	int (*row_delete)(struct store *s, struct str space, struct str key,
	    struct err *e);
	int (*rows_walk)(struct store *s, struct str space, struct str prefix,
	    store_row_fn *each, void *context, struct err *e);
	int (*rows_count)(struct store *s, struct str space, uint64_t *count,
	    struct err *e);
	int (*task_put)(
	    struct store *s, const struct store_task *task, struct err *e);
	int (*task_get)(struct store *s, struct str id, store_task_fn *each,
	    void *context, struct err *e);
	int (*tasks_walk)(struct store *s, const struct store_task *like,
	    uint64_t limit, store_task_fn *each, void *context, struct err *e);
	int (*live_walk)(struct store *s, store_task_fn *each, void *context,
	    struct err *e);
	int (*inbox_walk)(struct store *s, uint64_t limit, store_inbox_fn *each,
	    void *context, struct err *e);
	int (*inbox_drop)(struct store *s, uint64_t number, struct err *e);
	int (*inbox_fd)(const struct store *s);
	void (*inbox_bell)(struct store *s);
};

struct store {
	const struct store_ops *ops;
	enum store_state state;
	struct err fault;   /* why it is broken or dead */
	uint64_t last;      /* seq of the last head, own batch included */
	uint64_t committed; /* the same without it */
	bool walking;
	bool read_only;
	struct buf where; /* path or URL; a URL's password is never printed */
};

int sqlite_store_open(const char *path, unsigned flags, struct store **store,
    struct err *e) MUST_CHECK;
int postgres_store_open(const char *url, unsigned flags, struct store **store,
    struct err *e) MUST_CHECK;

/*
 * The packed log: the heads of one batch as one blob, its bodies of one day as
 * another.  Pure.  A head of 384 bytes becomes some 60: ids and digests that
 * repeat (identity, rule, policy, contract, role) are numbers of a table
 * `word`, zero fields are left out, times and epochs are differences.  Unpacked
 * it is the same 384 bytes, else packing it is our own bug (must).
 */
#define STORE_WORD_MAX 256

struct pack_words; /* number ↔ bytes; grows, is never reordered */
struct pack_words *pack_words_new(void);
void pack_words_free(struct pack_words *w); /* NULL is nothing */
/* The next row of the table `word`, when it is read at the open. */
int pack_words_add(
    struct pack_words *w, uint32_t number, struct str bytes, struct err *e);
/* Words from `number` on: what this batch has added and must be written with
 * it.  After a rollback they are forgotten. */
uint32_t pack_words_count(const struct pack_words *w);
struct str pack_words_at(const struct pack_words *w, uint32_t number);
void pack_words_forget(struct pack_words *w, uint32_t count);

struct pack_head {
	uint64_t before;
	uint8_t head[STORE_HEAD_SIZE];
};
/* first is the seq of the first; the blob says how many. */
void pack_heads(struct pack_words *w, uint64_t first,
    const struct pack_head *heads, size_t count, struct buf *out);
/* Each in order with its seq. */
typedef int pack_head_fn(void *context, uint64_t seq,
    const struct pack_head *head, struct err *e);
int unpack_heads(const struct pack_words *w, uint64_t first, struct str blob,
    pack_head_fn *each, void *context, struct err *e);

struct pack_body {
	uint64_t seq;
	struct str bytes;
};
/* zstd over all of them when that is smaller. */
void pack_bodies(uint64_t first, const struct pack_body *bodies, size_t count,
    struct buf *out);
/* The one body of this seq, appended to out; ERR_MISSING. */
int unpack_body(uint64_t first, struct str blob, uint64_t seq, struct buf *out,
    struct err *e);

#endif
