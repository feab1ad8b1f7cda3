/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int
memfd_sealed(const char *name, struct str bytes, struct err *e)
{
	auto_close int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0) {
		return err_sys(e, "cannot make an anonymous file");
	}
	if (file_write_all(fd, bytes, e) < 0) {
		return err_wrap(e, "anonymous file");
	}
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
		return err_sys(e, "cannot seal an anonymous file");
	}
	if (lseek(fd, 0, SEEK_SET) < 0) {
		return err_sys(e, "cannot rewind an anonymous file");
	}
	return take_fd(&fd);
}

int
memfd_read(int fd, size_t limit, struct buf *out, struct err *e)
{
	struct stat found;
	int seals = fcntl(fd, F_GET_SEALS);

	/* Unsealed bytes could change, or vanish, while they are read. */
	if (seals < 0 || (seals & SEALS) != SEALS) {
		return err_set(e, ERR_INPUT, "not a sealed anonymous file");
	}
	if (fstat(fd, &found) < 0) {
		return err_sys(e, "anonymous file");
	}
	if (found.st_size < 0 || (uint64_t)found.st_size > limit) {
		return err_set(e, ERR_LIMIT, "larger than %zu bytes", limit);
	}
	size_t size = (size_t)found.st_size;
	char *to = buf_room(out, size + 1);
	size_t got = 0;
	while (got < size) {
		ssize_t n = pread(fd, to + got, size - got, (off_t)got);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return err_sys(e, "anonymous file");
		}
		if (n == 0) {
			return err_set(e, ERR_INPUT, "anonymous file is short");
		}
		got += (size_t)n;
	}
	buf_grew(out, size);
	return 0;
}
