/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/sqlite.h"

#define PAGES 256 /* of a step: 1 MiB */

/*
 * The copy is made over the connection of the house itself: what a commit
 * changes between two steps goes into the copy as well, so that it holds the
 * book as of its last step.  Until then the new file has a journal that undoes
 * everything, and is no store.
 */
struct sqlite_backup {
	struct store_backup backup;
	sqlite3 *to;
	sqlite3_backup *copy;
	struct buf path;
	bool done;
};

static int
backup_fault(const struct sqlite_backup *b, int code, struct err *e)
{
	must((code & 0xff) != SQLITE_NOMEM && (code & 0xff) != SQLITE_MISUSE);
	return err_set(e, ERR_IO,
	    "the backup %s: %s; make room or choose "
	    "another place",
	    b->path.at, sqlite3_errstr(code));
}

static int
open_target(struct sqlite_backup *b, struct err *e)
{
	auto_close int fd =
	    open(b->path.at, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0) {
		b->done = true; /* what is there is not ours to remove */
		return errno == EEXIST ? err_set(e, ERR_CONFLICT,
		                             "%s is there already; choose a "
		                             "new name for the "
		                             "backup",
		                             b->path.at)
		                       : err_sys(e, "cannot make the backup %s",
		                             b->path.at);
	}
	rc = sqlite3_open_v2(b->path.at, &b->to,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
	    NULL);
	must(b->to);
	if (rc == SQLITE_OK) {
		rc = sqlite3_exec(b->to,
		    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = "
		    "FULL",
		    NULL, NULL, NULL);
	}
	return rc == SQLITE_OK ? 0 : backup_fault(b, rc, e);
}

void
sqlite_backup_free(struct store_backup *backup)
{
	struct sqlite_backup *b =
	    CONTAINER(backup, struct sqlite_backup, backup);

	(void)sqlite3_backup_finish(b->copy);
	must(sqlite3_close(b->to) == SQLITE_OK);
	if (!b->done) {
		(void)unlink(b->path.at);
	}
	buf_fini(&b->path);
	free(b);
}

int
sqlite_backup_start(struct store *store, const char *path,
    struct store_backup **backup, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	struct sqlite_backup *b = calloc(1, sizeof(*b));

	must(b);
	b->backup.store = store;
	buf_add_z(&b->path, path);
	(void)buf_z(&b->path);
	if (open_target(b, e)) {
		sqlite_backup_free(&b->backup);
		return -1;
	}
	b->copy = sqlite3_backup_init(b->to, "main", s->db, "main");
	if (!b->copy) {
		(void)backup_fault(b, sqlite3_extended_errcode(b->to), e);
		sqlite_backup_free(&b->backup);
		return -1;
	}
	*backup = &b->backup;
	return 0;
}

/* The folder remembers the new name only after an fsync of its own. */
static int
sync_folder(const struct sqlite_backup *b, struct err *e)
{
	struct str path = buf_str(&b->path);
	auto_buf folder = { 0 };

	while (path.len > 0 && path.at[path.len - 1] != '/') {
		path.len--;
	}
	buf_add(&folder, path.len ? path : STR("."));

	auto_close int fd =
	    open(buf_z(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd)) {
		return err_sys(e, "the folder of the backup %s", b->path.at);
	}
	return 0;
}

/* One whole file, without a log beside it. */
static int
finish(struct sqlite_backup *b, struct err *e)
{
	int rc = sqlite3_backup_finish(b->copy);

	b->copy = NULL;
	if (rc == SQLITE_OK) {
		rc = sqlite3_exec(
		    b->to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	}
	if (rc == SQLITE_OK) {
		rc = sqlite3_close(b->to);
		b->to = NULL;
	}
	if (rc != SQLITE_OK) {
		return backup_fault(b, rc, e);
	}
	if (sync_folder(b, e)) {
		return -1;
	}
	b->done = true;
	return 0;
}

int
sqlite_backup_step(
    struct store_backup *backup, unsigned *percent, struct err *e)
{
	struct sqlite_backup *b =
	    CONTAINER(backup, struct sqlite_backup, backup);
	int rc;
	int all;

	must(b->copy);
	/* A backup never has what the store itself could lose. */
	if (sqlite_flights_wait(sqlite_of(backup->store), e)) {
		return -1;
	}
	rc = sqlite3_backup_step(b->copy, PAGES);
	if (rc == SQLITE_DONE) {
		*percent = 100;
		return finish(b, e);
	}
	if (rc != SQLITE_OK) {
		return backup_fault(b, rc, e);
	}
	all = sqlite3_backup_pagecount(b->copy);
	*percent = all > 0
	               ? (unsigned)((all - sqlite3_backup_remaining(b->copy)) *
	                            100LL / all)
	               : 0;
	return 1;
}
