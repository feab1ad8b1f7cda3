/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_LATER_TEST_H
#define STORE_LATER_TEST_H

/*
 * Syncs that end when a test says so: this takes the place of libc's syscall()
 * for the room, too, for the dynamic linker asks the program first.  A sync
 * that was submitted is held until worker_end, or until somebody waits for it.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "base/base.h"

#define HELD_MAX 8

static struct worker {
	bool absent;  /* the kernel knows none of these calls */
	bool refuses; /* it takes no more */
	struct iocb held[HELD_MAX];
	size_t count;
	struct io_event ended[HELD_MAX];
	size_t ended_count;
	size_t submitted;  /* ever */
	int begun;         /* descriptor of the last write that was begun */
	size_t begun_ever; /* writes that were begun, ever */
	/* Called as a sync ends, with its place among all that were held. */
	void (*ends)(const struct iocb *sync);
	void (*begins)(const struct iocb *sync);
} worker;

/* The sync in this place ends, with this result. */
static inline void
worker_end(size_t place, long result)
{
	struct iocb sync = worker.held[place];

	must(place < worker.count && worker.ended_count < HELD_MAX);
	worker.count--;
	memmove(&worker.held[place], &worker.held[place + 1],
	    (worker.count - place) * sizeof(worker.held[0]));
	if (worker.ends && result == 0) {
		worker.ends(&sync);
	}
	worker.ended[worker.ended_count++] =
	    (struct io_event){ .data = sync.aio_data, .res = result };
	must(!eventfd_write((int)sync.aio_resfd, 1));
}

static inline long
submit(struct iocb *const *list)
{
	if (worker.refuses || worker.count == HELD_MAX) {
		errno = EAGAIN;
		return -1;
	}
	must(list[0]->aio_lio_opcode == IOCB_CMD_FDSYNC);
	must(list[0]->aio_flags == IOCB_FLAG_RESFD);
	must(worker.begun == (int)list[0]->aio_fildes);
	worker.begun = -1;
	if (worker.begins) {
		worker.begins(list[0]);
	}
	worker.held[worker.count++] = *list[0];
	worker.submitted++;
	return 1;
}

static inline long
events(long least, struct io_event *to)
{
	while (worker.ended_count < (size_t)least) {
		worker_end(0, 0);
	}
	long count = (long)worker.ended_count;

	memcpy(to, worker.ended, worker.ended_count * sizeof(*to));
	worker.ended_count = 0;
	return count;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name,
 * performance-no-int-to-ptr): libc's own form of it */
int
sync_file_range(int fd, off64_t from, off64_t len, unsigned flags)
{
	must(from == 0 && len == 0 && flags == SYNC_FILE_RANGE_WRITE);
	worker.begun = fd;
	worker.begun_ever++;
	return 0;
}

long
syscall(long number, ...)
{
	long a[4];
	va_list rest;

	va_start(rest, number);
	for (size_t i = 0; i < COUNT(a); i++) {
		a[i] = va_arg(rest, long);
	}
	va_end(rest);
	if (worker.absent) {
		errno = ENOSYS;
		return -1;
	}
	switch (number) {
	case SYS_io_setup:
		*(aio_context_t *)a[1] = 1;
		return 0;
	case SYS_io_submit:
		return submit((struct iocb *const *)a[2]);
	case SYS_io_getevents:
		return events(a[1], (struct io_event *)a[3]);
	case SYS_io_destroy:
		worker.count = 0;
		worker.ended_count = 0;
		return 0;
	default:
		must(!"a call that this test does not know");
		return -1;
	}
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name,
 * performance-no-int-to-ptr) */

#endif
