/* SPDX-License-Identifier: Apache-2.0 */
#include "store/later.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

static void
shut(struct later *l)
{
	auto_close_fd(&l->file);
	auto_close_fd(&l->bell);
}

void
later_open(struct later *l, const char *path)
{
	aio_context_t context = 0;

	*l = (struct later){ .file = -1, .bell = -1 };
	l->file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	l->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->file < 0 || l->bell < 0 ||
	    syscall(SYS_io_setup, LATER_MAX, &context) != 0) {
		shut(l);
		return;
	}
	l->context = context;
}

void
later_close(struct later *l)
{
	if (l->context) {
		(void)syscall(SYS_io_destroy, l->context);
		l->context = 0;
		shut(l);
	}
}

bool
later_start(struct later *l)
{
	struct iocb sync = {
		.aio_data = l->started + 1,
		.aio_lio_opcode = IOCB_CMD_FDSYNC,
		.aio_fildes = (uint32_t)l->file,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)l->bell,
	};
	struct iocb *list[] = { &sync };

	if (!l->context || l->fault || l->running == LATER_MAX ||
	    syscall(SYS_io_submit, l->context, 1, list) != 1) {
		return false;
	}
	l->started++;
	l->running++;
	return true;
}

/* A sync that succeeds covers what those before it were for. */
static void
take(struct later *l, const struct io_event *event)
{
	l->running--;
	if (event->res != 0) {
		l->fault = l->fault ? l->fault : (int)-event->res;
	} else if (event->data > l->done) {
		l->done = event->data;
	}
}

void
later_look(struct later *l, bool wait)
{
	struct io_event events[LATER_MAX];
	struct timespec none = { 0 };
	uint64_t rung;

	if (!l->running) {
		return;
	}
	(void)!read(l->bell, &rung, sizeof(rung));
	do {
		long got = syscall(SYS_io_getevents, l->context,
		    wait ? (long)l->running : 0L, (long)COUNT(events), events,
		    wait ? NULL : &none);

		must(got >= 0 || errno == EINTR);
		for (long i = 0; i < got; i++) {
			take(l, &events[i]);
		}
	} while (wait && l->running);
}

void
later_done(struct later *l)
{
	l->done = l->started;
}
