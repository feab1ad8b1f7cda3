/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_LOG_H
#define PARTS_CORE_LOG_H

/* A chapter of core.h, which includes it: the batch, its commit, its effects.
 */

struct core_event {
	enum book_kind kind;
	const char *identity;
	struct str rule;
	const struct core_run *run; /* fills run, task, epoch, role digests */
	struct book_id task;        /* where there is no such object */
	struct book_id run_id;
	uint32_t call;
	struct digest policy;
	struct digest contract;
	struct str body; /* empty: none */
};

/* The next head of the book; its seq.  Views (session, tree) follow at once. */
uint64_t core_append(struct core *c, const struct core_event *event);
/* After the batch is committed, in order. */
void core_after(struct core *c, core_effect_fn *fn, uint64_t number);
/* A row to be written in the same transaction. */
void core_row(struct core *c, const char *space, struct str key,
    struct str value, uint64_t version);
void core_task_row(struct core *c, const struct queue_task *t);
/* Events of the queue and of waits: appended and applied. */
void core_queue_step(
    struct core *c, const struct queue_step *step, const struct core_run *run);
/* `run` and `call` as the wait itself says, the run may have no object now. */
uint64_t core_wait_step(struct core *c, enum book_kind kind, struct str id,
    struct str body, const struct core_run *run);
int core_book_open(struct core *c, const char *path, struct err *e) MUST_CHECK;
/* Rebuilds every view from the log. */
int core_book_replay(struct core *c, struct err *e) MUST_CHECK;
/* Why the disk does not take the batch; empty when all is well. */
const char *core_stalled(const struct core *c);
void core_book_close(struct core *c); /* commits what there is */

struct core_pending; /* an effect waiting for the commit */
struct core_write;   /* a head, body or row of the batch */

struct core_book {
	char path[4096];
	struct store *store;
	struct book_tree tree;
	uint64_t seq;
	uint32_t incarnation;
	struct core_write *writes, *writes_last;
	struct core_pending *pending, *pending_last;
	bool hooked;
	struct loop_timer again;
	char stalled[900];
	uint64_t commits;
	uint64_t commit_us;
};

#endif
