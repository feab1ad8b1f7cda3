/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

/* Descriptors and small files. */

#include "base/buf.h"
#include "base/err.h"

void auto_close_fd(int *fd);
void auto_free_ptr(void *p);
#define auto_close __attribute__((cleanup(auto_close_fd)))
#define auto_free  __attribute__((cleanup(auto_free_ptr)))
int take_fd(int *fd); /* returns *fd and leaves -1 there */

/*
 * Whole file; more than limit bytes is ERR_LIMIT, absence is ERR_MISSING.  A
 * folder, a pipe or a device is ERR_IO at once: nobody waits for a writer.
 *
 * `given`: what a person names in a command, who may end it.  It may be a pipe
 * (`<(program)`, /dev/stdin), and is waited for.
 */
int file_read(
    const char *path, size_t limit, struct buf *out, struct err *e) MUST_CHECK;
int file_read_given(
    const char *path, size_t limit, struct buf *out, struct err *e) MUST_CHECK;
int file_read_fd(
    int fd, size_t limit, struct buf *out, struct err *e) MUST_CHECK;
/* The same of what an operator wrote: where this process may not read it, who
 * must be let, and how.  A part of root's house has an id of its own. */
int file_read_written(
    const char *path, size_t limit, struct buf *out, struct err *e) MUST_CHECK;
/* That sentence alone, of a path that was refused (EACCES); -1. */
int file_refused(const char *path, struct err *e) MUST_CHECK;
/*
 * The same of a file that holds a secret: it must be its owner's alone.
 * ERR_INPUT, with the chmod that mends it, where group or others have any right
 * to it.  Who the owner is is not asked: nobody but root can read another's
 * 0600, and root reads the tokens of operators.  Of what is given, a pipe or a
 * terminal keeps nothing and is not asked either.
 *
 * `handed`: of systemd's credentials directory.  There group may read (0440)
 * what root owns: that bit is the mask of the ACL by which systemd lets the
 * service's user read it, and no group is in that list.
 */
int file_read_secret(
    const char *path, size_t limit, struct buf *out, struct err *e) MUST_CHECK;
int file_read_handed(
    const char *path, size_t limit, struct buf *out, struct err *e) MUST_CHECK;
int file_read_given_secret(
    const char *path, size_t limit, struct buf *out, struct err *e) MUST_CHECK;
/* New file beside it, fsync, rename, fsync of the folder. */
int file_write_atomic(const char *path, struct str bytes, unsigned mode,
    struct err *e) MUST_CHECK;
int file_write_all(int fd, struct str bytes, struct err *e) MUST_CHECK;
/* mkdir -p; existing folders are left as they are. */
int file_mkdirs(const char *path, unsigned mode, struct err *e) MUST_CHECK;

/* An anonymous file with these bytes, sealed against every change
 * (F_SEAL_WRITE|SHRINK|GROW|SEAL); position 0; close-on-exec. */
int memfd_sealed(const char *name, struct str bytes, struct err *e) MUST_CHECK;
/* Reads a memfd that somebody else sent: must be a sealed memfd (else
 * ERR_INPUT), at most limit bytes (else ERR_LIMIT). */
int memfd_read(int fd, size_t limit, struct buf *out, struct err *e) MUST_CHECK;

#endif
