/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite_file.h"

#define NAME "handrail-log"
/* SQLite's VFS for Unix writes no more than 128 KiB at once: 31 frames. */
#define GATHERED_MAX ((size_t)31 * (24 + 4096))

struct log_file {
	sqlite3_file base;
	sqlite3_file *real;
	struct buf gathered;
	sqlite3_int64 at;    /* where that begins in the file */
	bool head;           /* the last that was written is the log's head */
	struct later *later; /* or NULL */
	uint64_t syncs;      /* see sqlite_file_syncs */
};

static struct log_file *
of(sqlite3_file *file)
{
	return CONTAINER(file, struct log_file, base);
}

static int
write_out(struct log_file *f)
{
	size_t len = f->gathered.len;

	buf_clear(&f->gathered);
	return len ? f->real->pMethods->xWrite(
	                 f->real, f->gathered.at, (int)len, f->at)
	           : SQLITE_OK;
}

static int
log_close(sqlite3_file *file)
{
	struct log_file *f = of(file);
	int written = write_out(f);
	int closed = f->real->pMethods->xClose(f->real);

	buf_fini(&f->gathered);
	return written ? written : closed;
}

static int
log_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
	struct log_file *f = of(file);
	int rc = write_out(f);

	return rc ? rc : f->real->pMethods->xRead(f->real, to, len, at);
}

static int
log_write(sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
	struct log_file *f = of(file);
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
log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct log_file *f = of(file);
	int rc = write_out(f);

	return rc ? rc : f->real->pMethods->xTruncate(f->real, size);
}

static int
log_sync(sqlite3_file *file, int flags)
{
	struct log_file *f = of(file);
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
log_size(sqlite3_file *file, sqlite3_int64 *size)
{
	struct log_file *f = of(file);
	int rc = write_out(f);

	return rc ? rc : f->real->pMethods->xFileSize(f->real, size);
}

static int
log_lock(sqlite3_file *file, int level)
{
	struct log_file *f = of(file);

	return f->real->pMethods->xLock(f->real, level);
}

static int
log_unlock(sqlite3_file *file, int level)
{
	struct log_file *f = of(file);

	return f->real->pMethods->xUnlock(f->real, level);
}

static int
log_reserved(sqlite3_file *file, int *taken)
{
	struct log_file *f = of(file);

	return f->real->pMethods->xCheckReservedLock(f->real, taken);
}

static int
log_control(sqlite3_file *file, int what, void *with)
{
	struct log_file *f = of(file);

	return f->real->pMethods->xFileControl(f->real, what, with);
}

static int
log_sector(sqlite3_file *file)
{
	struct log_file *f = of(file);

	return f->real->pMethods->xSectorSize(f->real);
}

static int
log_promises(sqlite3_file *file)
{
	struct log_file *f = of(file);

	return f->real->pMethods->xDeviceCharacteristics(f->real);
}

static const sqlite3_io_methods log_methods = {
	.iVersion = 1,
	.xClose = log_close,
	.xRead = log_read,
	.xWrite = log_write,
	.xTruncate = log_truncate,
	.xSync = log_sync,
	.xFileSize = log_size,
	.xLock = log_lock,
	.xUnlock = log_unlock,
	.xCheckReservedLock = log_reserved,
	.xFileControl = log_control,
	.xSectorSize = log_sector,
	.xDeviceCharacteristics = log_promises,
};

static sqlite3_vfs *under; /* the default one */

static int
file_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
    int *flags_out)
{
	struct log_file *f = (struct log_file *)file;
	int rc;

	(void)vfs;
	if (!(flags & SQLITE_OPEN_WAL)) {
		return under->xOpen(under, name, file, flags, flags_out);
	}
	*f = (struct log_file){ .real = (sqlite3_file *)(f + 1) };
	f->real->pMethods = NULL;
	rc = under->xOpen(under, name, f->real, flags, flags_out);
	if (rc != SQLITE_OK) {
		if (f->real->pMethods) {
			(void)f->real->pMethods->xClose(f->real);
		}
		return rc;
	}
	f->base.pMethods = &log_methods;
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
	vfs.szOsFile = (int)sizeof(struct log_file) + under->szOsFile;
	vfs.xOpen = file_open;
	must(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
	return NAME;
}

void
sqlite_file_later(sqlite3_file *log, struct later *later)
{
	must(log->pMethods == &log_methods);
	of(log)->later = later;
}

uint64_t
sqlite_file_syncs(sqlite3_file *log)
{
	must(log->pMethods == &log_methods);
	return of(log)->syncs;
}
