/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_LOG_H
#define PARTS_CORE_LOG_H

/* A chapter of core.h, which includes it: the batch, its commit, its effects,
 * and what of the book is read again. */

struct core_operator;

struct core_event {
	enum book_kind kind;
	const char *identity;
	struct str rule;
	const struct core_run *run;   /* fills run, task, epoch, and its role */
	const struct core_role *role; /* fills identity and digests in force */
	struct book_id task;          /* where there is no such object */
	struct book_id run_id;
	uint32_t epoch;
	uint32_t call;
	struct digest contract; /* of the tool; else the role's catalogue */
	struct str body;        /* empty: none */
	bool lazy;              /* nobody waits for it: it may come to the disk
	                         * with what forms next, CORE_LAZY_US later at
	                         * most */
};

/* --- core_book.c: what is appended --- */

#define CORE_LAZY_US 2000

/* Empty, for what the next event says; core_append copies it. */
struct buf *core_event_body(struct core *c);
/* The next head of the book; its seq.  The views follow at once. */
uint64_t core_append(struct core *c, const struct core_event *event);
/* After the batch is committed, in order. */
void core_after(struct core *c, core_effect_fn *fn, uint64_t number);
/* A row to be written, or dropped, in the same transaction. */
void core_row(struct core *c, const char *space, struct str key,
    struct str value, uint64_t version);
void core_row_drop(struct core *c, const char *space, struct str key);
/* The row of a task as it is when the batch is closed, with what a start loads
 * of it; record: the DurableTask as it was put, or empty to keep what is there.
 */
void core_task_put(
    struct core *c, const struct queue_task *t, struct str record);
void core_task_row(struct core *c, const struct queue_task *t);
/* The same of a task that was live until this batch, and ends. */
void core_task_ended(struct core *c, const struct queue_task *t);
/* A final task that is about to leave the memory: a start loads it no more,
 * unless it is still here when the batch is closed. */
void core_task_forget(struct core *c, const struct queue_task *t);
void core_letter_row(struct core *c, const struct queue_letter *m);
/* Taken from the inbox: its row goes with what was made of it. */
void core_inbox_drop(struct core *c, uint64_t number);
/* Events of the queue and of waits: appended and applied. */
void core_queue_step(
    struct core *c, const struct queue_step *step, const struct core_run *run);
/* The same as this operator's deed: the heads say who. */
void core_queue_step_by(struct core *c, const struct queue_step *step,
    const struct core_run *run, const struct core_operator *who);
/* `run` and `call` as the wait itself says, the run may have no object now. */
uint64_t core_wait_step(struct core *c, enum book_kind kind, struct str id,
    struct str body, const struct core_run *run);

/* --- core_commit.c: the disk --- */

/* There is something that is not on the disk yet: whoever is told of the state
 * now is told too early. */
bool core_unwritten(const struct core *c);
/* Why the disk does not take the batch; empty when all is well. */
const char *core_stalled(const struct core *c);
/* New work is refused: the batch cannot be written, or there is only room left
 * to finish what was begun. */
int core_may_begin(const struct core *c, struct err *e) MUST_CHECK;
void core_commit_begin(struct core *c); /* from now on, at each turn's end */
int core_commit_now(struct core *c, struct err *e) MUST_CHECK; /* waits */
/* Whole days of bodies go; nothing may be in flight. */
int core_bodies_expire(struct core *c, int64_t before_day, uint64_t *count,
    struct err *e) MUST_CHECK;
void core_book_close(struct core *c); /* commits what there is */
_Noreturn void core_deposed(const struct err *e);

/* --- core_read.c: what is read again --- */

/* Heads (BOOK_HEAD_SIZE each) appended to `heads`, ascending, of one task or
 * run; only what is on the disk and after `after`. */
int core_task_heads(struct core *c, struct str task, uint64_t after,
    struct buf *heads, struct err *e) MUST_CHECK;
int core_run_heads(struct core *c, struct book_id run, uint64_t after,
    struct buf *heads, struct err *e) MUST_CHECK;
/* ERR_MISSING: it expired.  Also of a head that is not on the disk yet, and of
 * what was kept aside for a task that lives. */
int core_body_get(
    struct core *c, uint64_t seq, struct buf *out, struct err *e) MUST_CHECK;
/* The same, where one that expired is no failure: `there` says which. */
int core_body_look(struct core *c, uint64_t seq, struct buf *out, bool *there,
    struct err *e) MUST_CHECK;
/* In the memory, or forgotten and in its row; else ERR_MISSING. */
int core_task_known(struct core *c, struct str task, struct err *e) MUST_CHECK;
/* Sets ERR_MISSING: there is no such task. */
int core_task_missing(struct str task, struct err *e);
/* The DurableTask as it was put. */
int core_task_record(
    struct core *c, struct str task, struct buf *out, struct err *e) MUST_CHECK;
/* Of two uint64_t, for qsort and bsearch. */
int core_by_seq(const void *a, const void *b);
/* Seq of the newest transition of this task; 0: none. */
uint64_t core_task_end(struct core *c, struct str task);

/* --- core_recover.c: the start --- */

/* Opens the store; what needs power (sockets, libraries) is done by it. */
int core_book_open(struct core *c, const char *where, struct err *e) MUST_CHECK;
/* Becomes its owner and rebuilds every view: saved tasks, letters, the tree,
 * then the heads that are younger than what was saved. */
int core_book_recover(struct core *c, struct err *e) MUST_CHECK;

/* --- core_save.c: so that a start need not read the whole log --- */

/* Into the batch that is being closed: the tasks that were not saved for the
 * longest time; then the tree, when it is due or `now`. */
void core_save_tasks(struct core *c);
void core_save_tree(struct core *c, bool now);
/* Everything with the next batch: a start then reads no head before it, but
 * those of the last batches for the tree. */
void core_save_whole(struct core *c);
struct core_credential_seen {
	struct core_credential_seen *next;
	uint32_t version;
	char name[BOOK_RULE_MAX + 1];
};
/* The newest version of a credential that the book names. */
void core_save_saw(struct core *c, const struct book_head *head);
/* The oldest head that a start must still be given. */
int core_save_load(struct core *c, uint64_t *from, struct err *e) MUST_CHECK;
uint32_t core_credential_version(const struct core *c, const char *name);

/* --- core_inbox.c: what other programs enqueue --- */

void core_inbox_begin(struct core *c);
void core_inbox_watch(struct core *c);

/* --- core_keep.c: housekeeping --- */

void core_keep_begin(struct core *c);

/* --- core_publish.c: the tree, signed now and then, and where it goes --- */

#define CORE_CHECKPOINT_ROW "checkpoint"   /* meta/…: the newest note */
#define CORE_RESTORED_SEQ   "restored_seq" /* meta/…: that head's number */
#define CORE_RESTORED_ROW   "restored"     /* meta/…: until it is a head */
void core_publish_begin(struct core *c);
void core_publish_follow(struct core *c); /* of a configuration in force */
void core_publish_saw(struct core *c, const struct book_head *head);
/* The file has the note of this tree, which is this book's. */
void core_publish_knows(struct core *c, const struct book_root *there);
/* Of the newest that is out, for status. */
void core_publish_write(const struct core *c, struct json_out *o);

/* --- core_published.c: what a file has of it --- */

/* What stands there now, and where; size 0: nothing does. */
int core_published_read(struct core *c, struct book_root *out, struct buf *path,
    struct err *e) MUST_CHECK;
/* At a start, before its first event.  ERR_CONFLICT: this is not the book that
 * was published, and nobody restored it; where somebody did, the row that
 * becomes the head `restored` names the tree that the note had, and the note
 * was moved aside. */
int core_published_check(struct core *c, struct err *e) MUST_CHECK;

/* --- core_api_backup.c --- */

void core_backup_sweep(struct core *c); /* what an earlier house left */

#include "parts/core_book.h"

#endif
