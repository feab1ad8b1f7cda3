/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/postgres.h"

/*
 * A backup reads one snapshot over a connection of its own and writes a new
 * SQLite store under a name of its own, which becomes the backup's at the end.
 * It holds the book as of its start.
 */

#define STEP_HEADS 500
#define STEP_BYTES (1u << 20)

enum stage {
	STAGE_HEADS,
	STAGE_ROWS,
	STAGE_TASKS,
	STAGE_OWNED,
	STAGE_DONE,
};

struct postgres_backup {
	struct store_backup backup; /* first */
	struct store *from;         /* the snapshot */
	struct store *to;
	struct buf path;
	struct buf making; /* its name until it is done */
	enum stage stage;
	uint64_t next;
	size_t bytes;     /* in the open transaction */
	bool full;        /* the step has done enough */
	struct buf space; /* the last row and the last task that were copied */
	struct buf key;
	int64_t last_task;
};

static int
copy_head(void *context, const struct store_head *head, struct err *e)
{
	struct postgres_backup *b = context;
	auto_buf body = { 0 };
	int64_t day = 0;

	if (store_head_add(b->to, head, e)) {
		return -1;
	}
	b->next = head->seq + 1;
	if (b->from->ops->body_get(b->from, head->seq, &day, &body, e)) {
		return e->kind == ERR_MISSING ? 0 : -1;
	}
	if (store_body_add(b->to, head->seq, day, buf_str(&body), e)) {
		return -1;
	}
	b->bytes += body.len;
	b->full = b->bytes > STEP_BYTES;
	return b->full ? -1 : 0;
}

/* The next page of rows after the last one, whose place is kept. */
static int
copy_rows(struct postgres_backup *b, struct err *e)
{
	struct params params = { 0 };
	auto_result r = NULL;
	int count;
	int rc;

	param_bytes(&params, buf_str(&b->space));
	param_bytes(&params, buf_str(&b->key));
	rc =
	    postgres_ask((struct postgres *)b->from, READ_ROWS, &params, &r, e);
	buf_fini(&params.bytes);
	count = rc ? 0 : pq.ntuples(r);
	for (int i = 0; i < count && rc == 0; i++) {
		struct store_row row = {
			.space = column_str(r, i, 0),
			.key = column_str(r, i, 1),
			.version = column_u64(r, i, 2),
			.value = column_str(r, i, 3),
		};

		rc = store_row_put(b->to, &row, e);
	}
	if (count == 0) {
		b->stage = STAGE_TASKS;
		b->last_task = INT64_MIN;
		return rc;
	}
	buf_clear(&b->space);
	buf_add(&b->space, column_str(r, count - 1, 0));
	buf_clear(&b->key);
	buf_add(&b->key, column_str(r, count - 1, 1));
	return rc;
}

static int
copy_task(void *context, const struct store_task *task, struct err *e)
{
	return store_task_put(context, task, e);
}

static int
copy_tasks(struct postgres_backup *b, struct err *e)
{
	int more = postgres_tasks_page(
	    (struct postgres *)b->from, &b->last_task, copy_task, b->to, e);

	if (more == 0) {
		b->stage = STAGE_OWNED;
	}
	return more < 0 ? -1 : 0;
}

static int
copy_heads(struct postgres_backup *b, struct err *e)
{
	b->full = false;
	b->bytes = 0;
	if (store_heads_walk(b->from, b->next, STEP_HEADS, copy_head, b, e) &&
	    !b->full) {
		return -1;
	}
	if (b->next > store_last_seq(b->from)) {
		b->stage = STAGE_ROWS;
	}
	return 0;
}

/* In the transaction of this step. */
static int
copy_some(struct postgres_backup *b, struct err *e)
{
	uint64_t times;

	switch (b->stage) {
	case STAGE_HEADS:
		return copy_heads(b, e);
	case STAGE_ROWS:
		return copy_rows(b, e);
	case STAGE_TASKS:
		return copy_tasks(b, e);
	case STAGE_OWNED:
		b->stage = STAGE_DONE;
		return b->from->ops->owned(b->from, &times, e) ||
		               (times && b->to->ops->owned_set(b->to, times, e))
		           ? -1
		           : 0;
	case STAGE_DONE:
		break;
	}
	return 0;
}

/* The folder remembers a new name only after an fsync of its own. */
static int
sync_folder(const char *path, struct err *e)
{
	struct str at = str_of(path);
	auto_buf folder = { 0 };

	while (at.len > 0 && at.at[at.len - 1] != '/') {
		at.len--;
	}
	buf_add(&folder, at.len ? at : STR("."));

	auto_close int fd =
	    open(buf_z(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd)) {
		return err_sys(e, "the folder of the backup %s", path);
	}
	return 0;
}

/* The whole file is on the disk before it has the backup's name. */
static int
finish(struct postgres_backup *b, struct err *e)
{
	if (store_checkpoint(b->to, e)) {
		return -1;
	}
	store_close(b->to);
	b->to = NULL;
	/* Over nothing; a jailed core may rename, and not link. */
	if (renameat2(AT_FDCWD, buf_z(&b->making), AT_FDCWD, buf_z(&b->path),
	        RENAME_NOREPLACE)) {
		return err_sys(e, "naming the backup %s", buf_z(&b->path));
	}
	return sync_folder(buf_z(&b->path), e);
}

int
postgres_backup_step(
    struct store_backup *backup, unsigned *percent, struct err *e)
{
	struct postgres_backup *b = (struct postgres_backup *)backup;
	uint64_t last = store_last_seq(b->from);

	must(b->stage != STAGE_DONE);
	if (store_begin(b->to, e)) {
		return -1;
	}
	if (copy_some(b, e)) {
		store_rollback(b->to);
		return -1;
	}
	if (store_commit(b->to, e)) {
		return -1;
	}
	*percent = last ? (unsigned)((b->next - 1) * 95 / last) : 95;
	if (b->stage != STAGE_DONE) {
		return 1;
	}
	if (finish(b, e)) {
		return -1;
	}
	*percent = 100;
	return 0;
}

void
postgres_backup_free(struct store_backup *backup)
{
	static const char *const ends[] = { "", "-wal", "-journal",
		"-reserve" };
	struct postgres_backup *b = (struct postgres_backup *)backup;

	store_close(b->to);
	store_close(b->from);
	for (size_t i = 0; b->making.len && i < COUNT(ends); i++) {
		auto_buf name = { 0 };

		buf_addf(&name, "%s%s", b->making.at, ends[i]);
		(void)unlink(buf_z(&name));
	}
	buf_fini(&b->path);
	buf_fini(&b->making);
	buf_fini(&b->space);
	buf_fini(&b->key);
	free(b);
}

static int
start(struct postgres_backup *b, const char *path, struct err *e)
{
	uint64_t incarnation;

	buf_add_z(&b->path, path);
	if (access(buf_z(&b->path), F_OK) == 0) {
		return err_set(e, ERR_CONFLICT,
		    "%s is there already; choose another name for the backup",
		    path);
	}
	if (errno != ENOENT) {
		return err_sys(e, "the backup %s", path);
	}
	buf_addf(&b->making, "%s.%s", path, id_new().text);
	if (postgres_snapshot(
	        (struct postgres *)b->backup.store, &b->from, e) ||
	    sqlite_store_open(buf_z(&b->making), STORE_CREATE, &b->to, e)) {
		return -1;
	}
	return store_own(b->to, "backup", &incarnation, e);
}

int
postgres_backup_start(struct store *store, const char *path,
    struct store_backup **backup, struct err *e)
{
	struct postgres_backup *b = calloc(1, sizeof(*b));

	must(b);
	b->backup.store = store;
	b->next = 1;
	if (start(b, path, e)) {
		postgres_backup_free(&b->backup);
		return -1;
	}
	*backup = &b->backup;
	return 0;
}
