/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite_file.h"

#include <fcntl.h>

#define NAME "handrail"
/* SQLite's VFS for Unix writes under 128 KiB at once: 31 frames or pages. */
#define GATHERED_MAX ((size_t)31 * (24 + 4096))
#define BEGUN_EACH   ((size_t)1 << 20) /* bytes; see sqlite_file_begin */

struct io_file {
	sqlite3_file base;
	sqlite3_file *real;
	struct buf gathered;
	sqlite3_int64 at;    /* where that begins in the file */
	bool head;           /* the last that was written is the log's head */
	struct later *later; /* or NULL */
	uint64_t syncs;      /* see sqlite_file_syncs */
	int begins;          /* see sqlite_file_begin; -1: nothing is begun */
	size_t waiting;      /* bytes written since, about */
};

static struct io_file *
of(sqlite3_file *file)
{
	return CONTAINER(file, struct io_file, base);
}

/* Whatever this call finds, the sync finds too, and tells. */
static void
begin_some(struct io_file *f, size_t len)
{
	f->waiting += len;
	if (f->begins >= 0 && f->waiting >= BEGUN_EACH) {
		(void)sync_file_range(f->begins, 0, 0, SYNC_FILE_RANGE_WRITE);
		f->waiting = 0;
	}
}

static int
write_out(struct io_file *f)
{
	size_t len = f->gathered.len;
	int rc;

	if (len == 0) {
		return SQLITE_OK;
	}
	buf_clear(&f->gathered);
	rc =
	    f->real->pMethods->xWrite(f->real, f->gathered.at, (int)len, f->at);
	begin_some(f, len);
	return rc;
}

static int
io_close(sqlite3_file *file)
{
	struct io_file *f = of(file);
	int written = write_out(f);
	int closed = f->real->pMethods->xClose(f->real);

	buf_fini(&f->gathered);
	return written ? written : closed;
}

static int
io_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
	struct io_file *f = of(file);
	int rc = write_out(f);

	return rc ? rc : f->real->pMethods->xRead(f->real, to, len, at);
}

static int
io_write(sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
	struct io_file *f = of(file);
	size_t size = (size_t)len;

	f->head = at == 0;
	if (f->gathered.len && (at != f->at + (sqlite3_int64)f->gathered.len ||
	                           f->gathered.len + size > GATHERED_MAX)) {
		int rc = write_out(f);

		if (rc != SQLITE_OK) {
			return rc;
		}
	}
	if (size > GATHERED_MAX) {
		return f->real->pMethods->xWrite(f->real, from, len, at);
	}
	if (!f->gathered.len) {
		f->at = at;
	}
	buf_add(&f->gathered, str_span(from, size));
	return SQLITE_OK;
}

static int
io_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct io_file *f = of(file);
	int rc = write_out(f);

	return rc ? rc : f->real->pMethods->xTruncate(f->real, size);
}

static int
io_sync(sqlite3_file *file, int flags)
{
	struct io_file *f = of(file);
	int rc = write_out(f);

	if (rc != SQLITE_OK) {
		return rc;
	}
	if (f->later && !f->head && later_start(f->later)) {
		return SQLITE_OK;
	}
	rc = f->real->pMethods->xSync(f->real, flags);
	f->syncs += rc == SQLITE_OK && !f->head;
	return rc;
}

static int
io_size(sqlite3_file *file, sqlite3_int64 *size)
{
	struct io_file *f = of(file);
	int rc = write_out(f);

	return rc ? rc : f->real->pMethods->xFileSize(f->real, size);
}

static int
io_lock(sqlite3_file *file, int level)
{
	struct io_file *f = of(file);

	return f->real->pMethods->xLock(f->real, level);
}

static int
io_unlock(sqlite3_file *file, int level)
{
	struct io_file *f = of(file);

	return f->real->pMethods->xUnlock(f->real, level);
}

static int
io_reserved(sqlite3_file *file, int *taken)
{
	struct io_file *f = of(file);

	return f->real->pMethods->xCheckReservedLock(f->real, taken);
}

static int
io_control(sqlite3_file *file, int what, void *with)
{
	struct io_file *f = of(file);

	return f->real->pMethods->xFileControl(f->real, what, with);
}

static int
io_sector(sqlite3_file *file)
{
	struct io_file *f = of(file);

	return f->real->pMethods->xSectorSize(f->real);
}

static int
io_promises(sqlite3_file *file)
{
	struct io_file *f = of(file);

	return f->real->pMethods->xDeviceCharacteristics(f->real);
}

static const sqlite3_io_methods io_methods = {
	.iVersion = 1,
	.xClose = io_close,
	.xRead = io_read,
	.xWrite = io_write,
	.xTruncate = io_truncate,
	.xSync = io_sync,
	.xFileSize = io_size,
	.xLock = io_lock,
	.xUnlock = io_unlock,
	.xCheckReservedLock = io_reserved,
	.xFileControl = io_control,
	.xSectorSize = io_sector,
	.xDeviceCharacteristics = io_promises,
};

static sqlite3_vfs *under; /* the default one */

static int
io_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
    int *flags_out)
{
	struct io_file *f = (struct io_file *)file;
	int rc;

	(void)vfs;
	if (!(flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB))) {
		return under->xOpen(under, name, file, flags, flags_out);
	}
	*f = (struct io_file){
		.real = (sqlite3_file *)(f + 1),
		.begins = -1,
	};
	f->real->pMethods = NULL;
	rc = under->xOpen(under, name, f->real, flags, flags_out);
	if (rc != SQLITE_OK) {
		if (f->real->pMethods) {
			(void)f->real->pMethods->xClose(f->real);
		}
		return rc;
	}
	f->base.pMethods = &io_methods;
	return SQLITE_OK;
}

const char *
sqlite_file_vfs(void)
{
	static sqlite3_vfs vfs;

	under = sqlite3_vfs_find(NULL);
	must(under && under != &vfs);
	(void)sqlite3_vfs_unregister(&vfs); /* of a store before this one */
	vfs = *under;
	vfs.zName = NAME;
	vfs.pNext = NULL;
	vfs.szOsFile = (int)sizeof(struct io_file) + under->szOsFile;
	vfs.xOpen = io_open;
	must(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
	return NAME;
}

void
sqlite_file_later(sqlite3_file *log, struct later *later)
{
	must(log->pMethods == &io_methods);
	of(log)->later = later;
}

uint64_t
sqlite_file_syncs(sqlite3_file *log)
{
	must(log->pMethods == &io_methods);
	return of(log)->syncs;
}

void
sqlite_file_begin(sqlite3_file *file, int descriptor)
{
	must(file->pMethods == &io_methods);
	of(file)->begins = descriptor;
}
