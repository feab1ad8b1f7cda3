/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include "base/id.h"
#include "base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK ((size_t)16 * 1024)

void
auto_close_fd(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		(void)close(*fd);
		errno = saved;
		*fd = -1;
	}
}

void
auto_free_ptr(void *p)
{
	void *at;

	memcpy(&at, p, sizeof(at));
	free(at);
}

int
take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Appends to out; on failure out is as it was. */
int
file_read_fd(int fd, size_t limit, struct buf *out, struct err *e)
{
	size_t before = out->len;
	size_t got = 0;

	for (;;) {
		/* One byte over the limit is asked for, to see it. */
		size_t want = limit - got < CHUNK ? limit - got + 1 : CHUNK;
		ssize_t n = read(fd, buf_room(out, want), want);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			out->len = before;
			return err_sys(e, "cannot read");
		}
		if (n == 0) {
			return 0;
		}
		if ((size_t)n > limit - got) {
			out->len = before;
			return err_set(
			    e, ERR_LIMIT, "larger than %zu bytes", limit);
		}
		buf_grew(out, (size_t)n);
		got += (size_t)n;
	}
}

static int
open_file(const char *path, int how, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | how);

	if (fd < 0) {
		bool absent = errno == ENOENT || errno == ENOTDIR;
		(void)err_sys(e, "%s", path);
		e->kind = absent ? ERR_MISSING : ERR_IO;
	}
	return fd;
}

/* A writer that a pipe would wait for may never come. */
static int
check_regular(int fd, const char *path, struct err *e)
{
	struct stat found;

	if (fstat(fd, &found)) {
		return err_sys(e, "%s", path);
	}
	return S_ISREG(found.st_mode)
	           ? 0
	           : err_set(e, ERR_IO,
	                 "%s is a %s and not read: put a file with these bytes "
	                 "in its place",
	                 path,
	                 S_ISDIR(found.st_mode)    ? "folder"
	                 : S_ISFIFO(found.st_mode) ? "pipe"
	                                           : "device");
}

int
file_refused(const char *path, struct err *e)
{
	unsigned user = geteuid();
	unsigned group = getegid();
	char folder[PATH_MAX];

	for (size_t i = 1; path[i] && i < sizeof(folder); i++) {
		if (path[i] != '/') {
			continue;
		}
		must(str_copy(folder, sizeof(folder), str_span(path, i)));
		if (access(folder, X_OK) && errno == EACCES) {
			return err_set(e, ERR_IO,
			    "%s: user %u is not let through %s: `chmod a+x "
			    "%s`",
			    path, user, folder, folder);
		}
	}
	/* Landlock refuses what the bits allow. */
	if (access(path, R_OK) == 0) {
		return err_set(e, ERR_IO,
		    "%s: user %u may read it, but the place that it leads to "
		    "is closed to this program: put it beside handrail.toml "
		    "itself, and no link to it",
		    path, user);
	}
	struct stat found;

	/* Of an owner no other bits are asked. */
	if (stat(path, &found) == 0 && found.st_uid == user) {
		return err_set(e, ERR_IO,
		    "%s: user %u owns it and may not read it: `chmod u+rX %s`",
		    path, user, path);
	}
	return err_set(e, ERR_IO,
	    "%s: user %u must be let read it: `chgrp %u %s && chmod g+rX %s`",
	    path, user, group, path, path);
}

/* written: by a person, who is told how to let this user read it. */
static int
open_regular(const char *path, bool written, struct err *e)
{
	auto_close int fd = open_file(path, O_NONBLOCK, e);

	if (fd < 0) {
		return written && errno == EACCES ? file_refused(path, e) : -1;
	}
	return check_regular(fd, path, e) ? -1 : take_fd(&fd);
}

static int
read_open(
    int fd, const char *path, size_t limit, struct buf *out, struct err *e)
{
	return file_read_fd(fd, limit, out, e) ? err_wrap(e, "%s", path) : 0;
}

int
file_read(const char *path, size_t limit, struct buf *out, struct err *e)
{
	auto_close int fd = open_regular(path, false, e);

	return fd < 0 ? -1 : read_open(fd, path, limit, out, e);
}

int
file_read_given(const char *path, size_t limit, struct buf *out, struct err *e)
{
	auto_close int fd = open_file(path, 0, e);

	return fd < 0 ? -1 : read_open(fd, path, limit, out, e);
}

int
file_read_written(
    const char *path, size_t limit, struct buf *out, struct err *e)
{
	auto_close int fd = open_regular(path, true, e);

	return fd < 0 ? -1 : read_open(fd, path, limit, out, e);
}

/* Has nobody but its owner a right to it? */
static int
check_private(int fd, const char *path, bool handed, struct err *e)
{
	struct stat found;

	if (fstat(fd, &found)) {
		return err_sys(e, "%s", path);
	}
	mode_t others = found.st_mode & (S_IRWXG | S_IRWXO);

	if (handed && found.st_uid == 0) {
		others &= ~(mode_t)S_IRGRP;
	}
	return !S_ISREG(found.st_mode) || !others
	           ? 0
	           : err_set(e, ERR_INPUT,
	                 "%s holds a secret and is open to others than its "
	                 "owner (mode %04o): `chmod 600 %s`",
	                 path, found.st_mode & 07777U, path);
}

static int
read_private(
    const char *path, size_t limit, bool handed, struct buf *out, struct err *e)
{
	auto_close int fd = open_regular(path, false, e);

	return fd < 0 || check_private(fd, path, handed, e)
	           ? -1
	           : read_open(fd, path, limit, out, e);
}

int
file_read_secret(const char *path, size_t limit, struct buf *out, struct err *e)
{
	return read_private(path, limit, false, out, e);
}

int
file_read_handed(const char *path, size_t limit, struct buf *out, struct err *e)
{
	return read_private(path, limit, true, out, e);
}

int
file_read_given_secret(
    const char *path, size_t limit, struct buf *out, struct err *e)
{
	auto_close int fd = open_file(path, 0, e);

	return fd < 0 || check_private(fd, path, false, e)
	           ? -1
	           : read_open(fd, path, limit, out, e);
}

int
file_write_all(int fd, struct str bytes, struct err *e)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.at, bytes.len);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return err_sys(e, "cannot write");
		}
		bytes = str_sub(bytes, (size_t)n, bytes.len);
	}
	return 0;
}

/* The folder that holds path, as a descriptor. */
static int
open_parent(const char *path, struct err *e)
{
	char folder[PATH_MAX] = ".";
	const char *slash = strrchr(path, '/');

	if (slash != NULL) {
		size_t len = slash == path ? 1 : (size_t)(slash - path);
		if (!str_copy(folder, sizeof(folder), str_span(path, len))) {
			return err_set(e, ERR_INPUT, "the path is too long");
		}
	}
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "cannot open the folder") : fd;
}

static int
fill_and_rename(const char *beside, const char *path, struct str bytes,
    unsigned mode, struct err *e)
{
	auto_close int fd = open(
	    beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);

	if (fd < 0) {
		return err_sys(e, "cannot make a file beside it");
	}
	/* Not the umask but the caller decides. */
	if (fchmod(fd, mode) < 0) {
		(void)err_sys(e, "cannot set the mode");
	} else if (file_write_all(fd, bytes, e) < 0) {
		/* e says it */
	} else if (fsync(fd) < 0) {
		(void)err_sys(e, "cannot write to the disk");
	} else if (rename(beside, path) < 0) {
		(void)err_sys(e, "cannot put the new file in place");
	} else {
		return 0;
	}
	(void)unlink(beside);
	return -1;
}

int
file_write_atomic(
    const char *path, struct str bytes, unsigned mode, struct err *e)
{
	char beside[PATH_MAX];
	auto_close int folder = open_parent(path, e);

	if (folder < 0) {
		return err_wrap(e, "%s", path);
	}
	int len = snprintf(beside, sizeof(beside), "%s.%016llx", path,
	    (unsigned long long)random_u64());
	if (len < 0 || (size_t)len >= sizeof(beside)) {
		return err_set(e, ERR_INPUT, "%s: the path is too long", path);
	}
	if (fill_and_rename(beside, path, bytes, mode, e) < 0) {
		return err_wrap(e, "%s", path);
	}
	if (fsync(folder) < 0) {
		return err_sys(e, "%s: cannot write the folder", path);
	}
	return 0;
}

int
file_mkdirs(const char *path, unsigned mode, struct err *e)
{
	char part[PATH_MAX];
	struct stat found;
	size_t len = strlen(path);

	if (len == 0 || !str_copy(part, sizeof(part), str_of(path))) {
		return err_set(e, ERR_INPUT, "not a usable path: %s",
		    err_quote(str_of(path)));
	}
	for (size_t i = 1; i <= len; i++) {
		if (part[i] != '/' && part[i] != 0) {
			continue;
		}
		char kept = part[i];
		part[i] = 0;
		if (mkdir(part, mode) < 0 && errno != EEXIST) {
			return err_sys(e, "cannot make the folder %s", part);
		}
		part[i] = kept;
	}
	if (stat(path, &found) < 0) {
		return err_sys(e, "%s", path);
	}
	if (!S_ISDIR(found.st_mode)) {
		return err_set(e, ERR_CONFLICT, "%s is not a folder", path);
	}
	return 0;
}
