/* SPDX-License-Identifier: Apache-2.0 */
#include "fault/wrap.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
	bool on;
	int left; /* calls before the one that fails */
	int error;
	const char *name;
	int calls;
	bool failed;
	bool crumbs;
} fault;

void
fault_from(int nth, int error, const char *name)
{
	fault.on = true;
	fault.left = nth;
	fault.error = error;
	fault.name = name;
	fault.calls = 0;
	fault.failed = false;
}

bool
fault_done(void)
{
	fault.on = false;
	return fault.failed;
}

int
fault_calls(void)
{
	return fault.calls;
}

void
fault_crumbs(bool on)
{
	fault.crumbs = on;
}

static bool
fails(const char *name)
{
	if (!fault.on || (fault.name && strcmp(fault.name, name) != 0)) {
		return false;
	}
	fault.calls++;
	if (fault.left-- != 0) {
		return false;
	}
	fault.failed = true;
	errno = fault.error;
	return true;
}

size_t
fault_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(folder);
	while (readdir(folder)) { /* NOLINT(concurrency-mt-unsafe) */
		count++;
	}
	(void)closedir(folder);
	return count - 3; /* ".", ".." and this folder */
}

static size_t
crumb(size_t len)
{
	return fault.crumbs && len > 1 ? 1 : len;
}

#define WRAP(type, name, parameters, arguments)                     \
	type __real_##name parameters;                              \
	type __wrap_##name parameters;                              \
	type __wrap_##name parameters                               \
	{                                                           \
		return fails(#name) ? -1 : __real_##name arguments; \
	}

WRAP(int, open64, (const char *path, int flags, mode_t mode),
    (path, flags, mode))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(int, rename, (const char *from, const char *to), (from, to))
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(int, stat64, (const char *path, struct stat *to), (path, to))
WRAP(int, fstat64, (int fd, struct stat *to), (fd, to))
WRAP(int, memfd_create, (const char *name, unsigned flags), (name, flags))
WRAP(int, fcntl64, (int fd, int command, long value), (fd, command, value))
WRAP(off_t, lseek64, (int fd, off_t to, int from), (fd, to, from))
WRAP(ssize_t, read, (int fd, void *to, size_t len), (fd, to, crumb(len)))
WRAP(ssize_t, write, (int fd, const void *at, size_t len), (fd, at, crumb(len)))
WRAP(ssize_t, pread64, (int fd, void *to, size_t len, off_t from),
    (fd, to, crumb(len), from))
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags),
    (fd, m, flags))
WRAP(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
WRAP(int, poll, (struct pollfd * fds, nfds_t count, int timeout),
    (fds, count, timeout))
