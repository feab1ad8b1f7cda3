/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SQLITE_FILE_H
#define STORE_SQLITE_FILE_H

/*
 * What stands between SQLite and the two files of a store, the database and its
 * write-ahead log; every other file is its VFS's own.
 *
 * SQLite writes a frame of the log in two pieces, a head of 24 bytes and a
 * page, and in a checkpoint the database page by page, mostly one behind the
 * other. Pieces are gathered here while each begins where the last one ended,
 * and are written together: before the next sync, read or change of the size of
 * their file.  So no sync and no reader ever misses what was written before it,
 * and the order of writes around syncs is SQLite's own.  A write that fails is
 * told of there, at the latest by the sync.
 */

#include <sqlite3.h>

#include "store/later.h"

/* The VFS over the default one, registered; its name for sqlite3_open_v2. */
const char *sqlite_file_vfs(void);
/* From now on the syncs of this log only start (later_start); NULL: they wait
 * again.  The sync of the log's own head always waits: SQLite relies on it
 * before it writes the first frame. */
void sqlite_file_later(sqlite3_file *log, struct later *later);
/* How many of its syncs were waited for and ended well, but those of its head:
 * each covers what was written before it. */
uint64_t sqlite_file_syncs(sqlite3_file *log);
/* From now on the disk begins with what was written to this file, after each
 * MiB of it, by a descriptor of the same file that outlives it: so the sync at
 * the end of many writes finds little that it must wait for. */
void sqlite_file_begin(sqlite3_file *file, int descriptor);

#endif
