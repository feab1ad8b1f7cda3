/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes of a backup: it is begun, made in short steps between other work,
 * fetched piece by piece, and goes.  One at a time; it lies in the folder of
 * the book, mode 0600, until it is fetched or nobody asks for it any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts/core.h"
#include "parts/core_api.h"

#define PIECE_MAX   ((size_t)4 * 1024 * 1024)
#define PATIENCE_US (10 * CLOCK_MINUTE) /* without a question about it */
#define STEPS_US    2000                /* of one turn */

struct core_backup {
	struct core *core;
	struct store_backup *store;
	unsigned percent;
	bool done;
	int fd;
	uint64_t size;
	uint64_t events; /* of the book, when it was done */
	char why[400];   /* it failed */
	struct loop_timer turn;
	struct loop_timer patience;
	char path[4096];
};

static void
backup_path(const struct core *c, char *path, size_t size)
{
	(void)snprintf(path, size, "%s/book/backup.db", c->state);
}

void
core_backup_sweep(struct core *c)
{
	char path[4096];

	backup_path(c, path, sizeof(path));
	(void)unlink(path);
}

static void
end_backup(struct core_backup *b)
{
	loop_timer_cancel(&b->turn);
	loop_timer_cancel(&b->patience);
	store_backup_free(b->store);
	if (b->fd >= 0) {
		(void)close(b->fd);
	}
	(void)unlink(b->path);
	b->core->book.backup = NULL;
	free(b);
}

static void
nobody_asks(void *owner)
{
	struct core_backup *b = owner;

	log_line(LOG_WARN, "backup", "nobody fetched it: it is removed");
	end_backup(b);
}

static void
asked(struct core_backup *b)
{
	loop_timer_arm(&b->patience, b->core->part.loop,
	    mono_after(loop_now(b->core->part.loop), PATIENCE_US), nobody_asks,
	    b);
}

static int
finished(struct core_backup *b, struct err *e)
{
	struct stat found;

	store_backup_free(b->store);
	b->store = NULL;
	b->fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (b->fd < 0 || fstat(b->fd, &found)) {
		return err_sys(e, "%s", b->path);
	}
	b->size = (uint64_t)found.st_size;
	b->done = true;
	return 0;
}

static void
more(void *owner)
{
	struct core_backup *b = owner;
	struct core *c = b->core;
	struct mono until = mono_after(mono_now(), STEPS_US);
	struct err e = { 0 };
	int left = 1;

	while (left > 0 && !mono_passed(until, mono_now())) {
		left = store_backup_step(b->store, &b->percent, &e);
	}
	if (left > 0) {
		loop_timer_arm(
		    &b->turn, c->part.loop, loop_now(c->part.loop), more, b);
		return;
	}
	b->events = c->book.durable;
	if (left < 0 || finished(b, &e)) {
		log_err("backup", &e);
		core_text(b->why, sizeof(b->why), e.text);
	}
}

int
route_backup_start(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_backup *b;

	if (c->book.backup && !c->book.backup->why[0]) {
		return err_set(e, ERR_CONFLICT,
		    "a backup is being made already; it goes ten minutes after "
		    "the last question about it");
	}
	if (c->book.backup) {
		end_backup(c->book.backup);
	}
	b = calloc(1, sizeof(*b));
	must(b);
	b->core = c;
	b->fd = -1;
	backup_path(c, b->path, sizeof(b->path));
	(void)unlink(b->path);
	if (store_backup_start(c->book.store, b->path, &b->store, e)) {
		free(b);
		return -1;
	}
	c->book.backup = b;
	asked(b);
	loop_timer_arm(&b->turn, c->part.loop, loop_now(c->part.loop), more, b);
	return route_backup(c, ask, e);
}

static struct core_backup *
backup_of(struct core *c, struct err *e)
{
	struct core_backup *b = c->book.backup;

	if (!b) {
		(void)err_set(e, ERR_MISSING, "no backup is being made");
		return NULL;
	}
	if (b->why[0]) {
		(void)err_set(e, ERR_IO, "the backup failed: %s", b->why);
		return NULL;
	}
	asked(b);
	return b;
}

int
route_backup(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_backup *b = backup_of(c, e);
	auto_buf body = { 0 };
	struct json_out o;

	if (!b) {
		return -1;
	}
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_bool(&o, "done", b->done);
	json_out_i64(&o, "percent", b->done ? 100 : b->percent);
	json_out_i64(&o, "bytes", (int64_t)b->size);
	json_out_i64(&o, "events", (int64_t)b->events);
	json_out_end(&o, '}');
	core_answer(c, ask, 200, buf_str(&body));
	return 0;
}

int
route_backup_bytes(struct core *c, struct core_ask *ask, struct err *e)
{
	struct core_backup *b = backup_of(c, e);
	auto_buf piece = { 0 };
	struct str text;
	uint64_t from = 0;
	ssize_t n;

	if (!b) {
		return -1;
	}
	if (!b->done) {
		return err_set(e, ERR_CONFLICT, "the backup is not done yet");
	}
	if (!core_ask_query(ask, "from", &text) || !str_u64(text, &from) ||
	    from > b->size) {
		return err_set(e, ERR_INPUT, "?from= must be 0 to %llu",
		    (unsigned long long)b->size);
	}
	char *at = buf_room(&piece, PIECE_MAX);

	n = pread(b->fd, at, PIECE_MAX, (off_t)from);
	if (n < 0) {
		return err_sys(e, "the backup");
	}
	buf_grew(&piece, (size_t)n);
	core_answer(c, ask, 200, buf_str(&piece));
	return 0;
}

int
route_backup_end(struct core *c, struct core_ask *ask, struct err *e)
{
	if (!c->book.backup) {
		return err_set(e, ERR_MISSING, "no backup is being made");
	}
	end_backup(c->book.backup);
	core_answer(c, ask, 200, STR("{\"ok\":true}"));
	return 0;
}
