/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_POWER_DISK_H
#define STORE_POWER_DISK_H

/*
 * A disk in memory under SQLite, which writes down every write, every change of
 * a size and every sync.  A cut of the power after any of them gives the files
 * that a real disk may then have: what was synced, and of what was not, each
 * sector of 512 bytes at any of its versions since (dropped, torn, out of
 * order).
 */

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define SECTOR     512
#define FILES      3          /* the store, its WAL, its journal */
#define DISK_BYTES (4u << 20) /* of a file at most */

enum event_kind {
	EVENT_WRITE,
	EVENT_SIZE,   /* cut to `at` bytes; 0 for a file that is removed too */
	EVENT_SYNC,   /* of the file; `at`: of what stands before that event,
	               * 0: of all before this one */
	EVENT_COMMIT, /* the store acknowledged one more batch */
};

struct event {
	enum event_kind kind;
	int file;
	size_t at;
	size_t len;
	uint8_t *bytes;
};

struct image {
	uint8_t *bytes; /* DISK_BYTES, zero behind size */
	size_t size;
};

struct disk {
	struct image files[FILES];
	struct event *events;
	size_t count;
	size_t room;
	bool recording;
};

static struct disk disk;

static inline void
disk_note(
    enum event_kind kind, int file, size_t at, const void *bytes, size_t len)
{
	struct event *event;

	if (!disk.recording) {
		return;
	}
	disk.events = array_grow(
	    disk.events, disk.count, &disk.room, sizeof(*disk.events));
	event = &disk.events[disk.count++];
	*event = (struct event){ kind, file, at, len, NULL };
	if (len) {
		event->bytes = malloc(len);
		must(event->bytes);
		memcpy(event->bytes, bytes, len);
	}
}

static inline void
image_put(struct image *image, size_t at, const uint8_t *bytes, size_t len)
{
	must(at <= DISK_BYTES && len <= DISK_BYTES - at);
	memcpy(image->bytes + at, bytes, len);
	image->size = at + len > image->size ? at + len : image->size;
}

static inline void
image_cut(struct image *image, size_t size)
{
	if (size < image->size) {
		memset(image->bytes + size, 0, image->size - size);
	}
	image->size = size;
}

struct disk_file {
	sqlite3_file base;
	int number;
};

static inline int
number_of(const sqlite3_file *file)
{
	return ((const struct disk_file *)file)->number;
}

static inline int
disk_close(sqlite3_file *file)
{
	(void)file;
	return SQLITE_OK;
}

static inline int
disk_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
	const struct image *image = &disk.files[number_of(file)];
	size_t there = (size_t)at < image->size ? image->size - (size_t)at : 0;
	size_t got = there < (size_t)len ? there : (size_t)len;

	memset(to, 0, (size_t)len);
	if (got) {
		memcpy(to, image->bytes + at, got);
	}
	return got == (size_t)len ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static inline int
disk_write(sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
	disk_note(EVENT_WRITE, number_of(file), (size_t)at, from, (size_t)len);
	image_put(&disk.files[number_of(file)], (size_t)at, from, (size_t)len);
	return SQLITE_OK;
}

static inline int
disk_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	disk_note(EVENT_SIZE, number_of(file), (size_t)size, NULL, 0);
	image_cut(&disk.files[number_of(file)], (size_t)size);
	return SQLITE_OK;
}

static inline int
disk_sync(sqlite3_file *file, int flags)
{
	(void)flags;
	disk_note(EVENT_SYNC, number_of(file), 0, NULL, 0);
	return SQLITE_OK;
}

static inline int
disk_size(sqlite3_file *file, sqlite3_int64 *size)
{
	*size = (sqlite3_int64)disk.files[number_of(file)].size;
	return SQLITE_OK;
}

static inline int
disk_lock(sqlite3_file *file, int level)
{
	(void)file;
	(void)level;
	return SQLITE_OK;
}

static inline int
disk_reserved(sqlite3_file *file, int *taken)
{
	(void)file;
	*taken = 0;
	return SQLITE_OK;
}

static inline int
disk_control(sqlite3_file *file, int what, void *with)
{
	(void)file;
	(void)what;
	(void)with;
	return SQLITE_NOTFOUND;
}

/* As SQLite's own for Unix. */
static inline int
disk_sector(sqlite3_file *file)
{
	(void)file;
	return 4096;
}

static inline int
disk_promises(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods disk_methods = {
	.iVersion = 1,
	.xClose = disk_close,
	.xRead = disk_read,
	.xWrite = disk_write,
	.xTruncate = disk_truncate,
	.xSync = disk_sync,
	.xFileSize = disk_size,
	.xLock = disk_lock,
	.xUnlock = disk_lock,
	.xCheckReservedLock = disk_reserved,
	.xFileControl = disk_control,
	.xSectorSize = disk_sector,
	.xDeviceCharacteristics = disk_promises,
};

static inline int
number_of_name(const char *name)
{
	struct str all = str_of(name);

	return str_ends(all, STR("-wal"))       ? 1
	       : str_ends(all, STR("-journal")) ? 2
	                                        : 0;
}

static inline int
disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
    int *flags_out)
{
	struct disk_file *opened = (struct disk_file *)file;

	(void)vfs;
	must(name);
	opened->base.pMethods = &disk_methods;
	opened->number = number_of_name(name);
	if (flags_out) {
		*flags_out = flags;
	}
	return SQLITE_OK;
}

static inline int
disk_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	int number = number_of_name(name);

	(void)vfs;
	disk_note(EVENT_SIZE, number, 0, NULL, 0);
	image_cut(&disk.files[number], 0);
	if (sync) {
		disk_note(EVENT_SYNC, number, 0, NULL, 0);
	}
	return SQLITE_OK;
}

static inline int
disk_access(sqlite3_vfs *vfs, const char *name, int flags, int *there)
{
	int number = number_of_name(name);

	(void)vfs;
	(void)flags;
	*there = number == 0 || disk.files[number].size > 0;
	return SQLITE_OK;
}

/* Every store that is opened from now on is on this disk. */
static inline void
disk_insert(void)
{
	static sqlite3_vfs vfs;

	for (int i = 0; i < FILES; i++) {
		disk.files[i].bytes = calloc(1, DISK_BYTES);
		must(disk.files[i].bytes);
	}
	vfs = *sqlite3_vfs_find("unix");
	vfs.zName = "power";
	vfs.pNext = NULL;
	vfs.szOsFile = sizeof(struct disk_file);
	vfs.xOpen = disk_open;
	vfs.xDelete = disk_delete;
	vfs.xAccess = disk_access;
	must(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}

static inline void
disk_remove(void)
{
	for (size_t i = 0; i < disk.count; i++) {
		free(disk.events[i].bytes);
	}
	free(disk.events);
	for (int i = 0; i < FILES; i++) {
		free(disk.files[i].bytes);
	}
	memset(&disk, 0, sizeof(disk));
	(void)sqlite3_vfs_unregister(sqlite3_vfs_find("power"));
}

/* What a cut leaves of what was not synced. */
enum leave {
	LEAVE_NOTHING,
	LEAVE_ALL,
	LEAVE_SOME, /* each sector at a version of its own */
};

/* Whether a piece of a write that was not synced is there after the cut. */
static inline bool
left(enum leave leave)
{
	return leave == LEAVE_ALL ||
	       (leave == LEAVE_SOME && random_u64() % 2 == 0);
}

static inline void
leave_write(
    struct image *image, const struct event *event, enum leave leave, bool sure)
{
	for (size_t done = 0; done < event->len;) {
		size_t at = event->at + done;
		size_t len = SECTOR - at % SECTOR;

		len = len < event->len - done ? len : event->len - done;
		if (sure || left(leave)) {
			image_put(image, at, event->bytes + done, len);
		}
		done += len;
	}
}

/* The disk as a cut after the first `cut` events leaves it.  A disk that lies
 * says yes to a sync and does nothing. */
static inline void
disk_cut(size_t cut, enum leave leave, bool lies)
{
	size_t synced[FILES] = { 0 };

	for (size_t i = 0; i < cut && !lies; i++) {
		if (disk.events[i].kind == EVENT_SYNC) {
			size_t at = disk.events[i].at;
			size_t *most = &synced[disk.events[i].file];

			at = at ? at : i;
			*most = at > *most ? at : *most;
		}
	}
	for (int i = 0; i < FILES; i++) {
		image_cut(&disk.files[i], 0);
	}
	for (size_t i = 0; i < cut; i++) {
		const struct event *event = &disk.events[i];
		struct image *image = &disk.files[event->file];
		bool sure = i < synced[event->file];

		if (event->kind == EVENT_WRITE) {
			leave_write(image, event, leave, sure);
		} else if (event->kind == EVENT_SIZE && (sure || left(leave))) {
			image_cut(image, event->at);
		}
	}
}

#endif
