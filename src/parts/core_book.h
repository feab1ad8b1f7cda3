/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_BOOK_H
#define PARTS_CORE_BOOK_H

/* A chapter of core_log.h, which includes it: what forms, what is under way,
 * and what is on the disk. */

struct core_backup;  /* the one that is being made, or fetched */
struct core_pending; /* an effect waiting for the commit */
struct core_write;   /* a head, body or row of the batch */

struct core_batch {
	struct arena memory; /* all that it holds */
	struct core_write *writes, *writes_last;
	struct core_pending *pending, *pending_last;
	uint64_t last;    /* seq of its last head; 0: it has none */
	bool urgent;      /* it holds more than lazy heads */
	struct mono sent; /* when the store got it, once it is closed */
};

/* NOLINTNEXTLINE(*.Padding): what belongs together stands so */
struct core_book {
	char where[4096]; /* path, or URL (may hold a password: never shown) */
	struct store *store;
	struct core_batch forming;                    /* grows */
	struct core_batch flights[STORE_FLIGHTS_MAX]; /* closed, oldest first */
	unsigned flight_count;
	unsigned given;        /* of them the store has */
	uint64_t closed;       /* seq of the last head that is closed */
	struct arena spare;    /* memory for the batch after it */
	struct buf scratch;    /* what a start loads of one task */
	struct buf body;       /* of the next event (core_event_body) */
	bool beat_due;         /* the lease needs a commit */
	bool alone;            /* nothing is sent behind another for now */
	bool gave_way;         /* others speak before what forms is sent */
	struct mono gives_at;  /* its processor to others, not before */
	bool closing;          /* nothing waits any more */
	struct book_late tree; /* of the heads on the disk */
	uint64_t seq;          /* of the last head */
	uint64_t durable;      /* of the last one on the disk */
	uint32_t incarnation;
	struct loop_io io;
	int io_fd;
	struct loop_timer again; /* the next try, the next look */
	struct loop_timer beat;
	struct loop_timer full; /* what forms has waited long enough */
	struct loop_timer lazy; /* the same of lazy heads */
	struct mono lazy_due;   /* 0: none waits */
	char stalled[900];
	uint64_t commits;
	/* core_save.c */
	struct core_credential_seen *credentials;
	bool tree_due;
	bool unread; /* a first start reads on: no row "meta/start" yet */
	uint64_t saved_seq; /* the last when the row "meta/start" was made */
	struct mono saved_at;
	uint64_t aged; /* heads up to here are older than the window */
	struct mono aged_at;
	struct core_backup *backup;
	/* core_inbox.c */
	struct loop_timer inbox_timer;
	struct loop_io bell;
	bool inbox_busy;
	/* core_keep.c */
	struct loop_timer keep;
	struct mono forgot_at;
	struct mono looked_at;
	int64_t expired_day;
	uint64_t commits_then;
	uint64_t checkpointed;
};

#endif
