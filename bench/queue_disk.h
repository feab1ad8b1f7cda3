/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_QUEUE_DISK_H
#define BENCH_QUEUE_DISK_H

/* The disk alone, beside a commit on it: as many bytes over a file that is
 * there, and their sync. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"

#define DISK_SIZE ((size_t)4 << 20)

struct disk {
	int fd;
	size_t at; /* goes on, as in a log */
	char *bytes;
};

/* Beside the store; its name is gone at once. */
static inline void
disk_open(struct disk *disk, const char *store)
{
	auto_buf path = { 0 };

	buf_addf(&path, "%s-disk", store);
	disk->fd = open(buf_z(&path), O_RDWR | O_CREAT | O_EXCL, 0600);
	must(disk->fd >= 0 && unlink(buf_z(&path)) == 0);
	disk->bytes = malloc(DISK_SIZE);
	must(disk->bytes);
	random_bytes(disk->bytes, DISK_SIZE);
	must(pwrite(disk->fd, disk->bytes, DISK_SIZE, 0) == DISK_SIZE);
	must(fsync(disk->fd) == 0);
}

static inline void
disk_close(struct disk *disk)
{
	free(disk->bytes);
	(void)close(disk->fd);
}

static inline void
disk_write(struct disk *disk, size_t len)
{
	must(len <= DISK_SIZE);
	disk->at = disk->at + len <= DISK_SIZE ? disk->at : 0;
	must(pwrite(disk->fd, disk->bytes + disk->at, len, (off_t)disk->at) ==
	     (ssize_t)len);
	must(fdatasync(disk->fd) == 0);
	disk->at += len;
}

/* What this process has given to write calls so far. */
static inline size_t
disk_written(void)
{
	FILE *io = fopen("/proc/self/io", "re");
	unsigned long long read;
	unsigned long long written;

	must(io);
	must(fscanf(io, "rchar: %llu wchar: %llu", &read, &written) == 2);
	(void)fclose(io);
	return (size_t)written;
}

#endif
