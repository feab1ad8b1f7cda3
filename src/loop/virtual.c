/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "loop/inside.h"

/*
 * The same door with a clock that a test moves.  It never sleeps; descriptors
 * are polled in the order in which they were opened; signals never come.
 */

struct virtual
{
	struct mono now;
	struct pollfd *fds;
	size_t room;
};

static struct virtual *
virtual_of(const struct loop *loop)
{
	return loop->inner;
}

static struct mono
virtual_clock(struct loop *loop)
{
	return virtual_of(loop)->now;
}

static size_t
gather(struct loop *loop, struct virtual *v)
{
	size_t count = 0;

	if (loop->watchers > v->room) {
		v->room = loop->watchers;
		v->fds = reallocarray(v->fds, v->room, sizeof(struct pollfd));
		must(v->fds);
	}
	for (struct loop_io *io = loop->ios.next; io != &loop->ios;
	     io = io->next) {
		if (!io->events) {
			continue;
		}
		v->fds[count++] = (struct pollfd){
			.fd = io->fd,
			.events =
			    (short)((io->events & LOOP_READ ? POLLIN : 0) |
			            (io->events & LOOP_WRITE ? POLLOUT : 0)),
		};
	}
	return count;
}

/* By descriptor, not by pointer: a callback may have closed any watcher. */
static struct loop_io *
find(struct loop *loop, int fd)
{
	for (struct loop_io *io = loop->ios.next; io != &loop->ios;
	     io = io->next) {
		if (io->fd == fd) {
			return io;
		}
	}
	return NULL;
}

static unsigned
ready_of(const struct loop_io *io, short came)
{
	if (came & (POLLERR | POLLHUP | POLLNVAL)) {
		return io->events;
	}
	return io->events & ((came & POLLIN ? LOOP_READ : 0) |
	                        (came & POLLOUT ? LOOP_WRITE : 0));
}

static void
virtual_wait(struct loop *loop, int64_t us)
{
	struct virtual *v = virtual_of(loop);
	size_t count = gather(loop, v);
	int rc;

	(void)us;
	do {
		rc = poll(v->fds, (nfds_t)count, 0);
	} while (rc < 0 && errno == EINTR);
	must(rc >= 0);
	for (size_t i = 0; i < count; i++) {
		struct loop_io *io =
		    v->fds[i].revents ? find(loop, v->fds[i].fd) : NULL;
		unsigned ready = io ? ready_of(io, v->fds[i].revents) : 0;

		if (ready) {
			loop_wake(loop);
			io->ready(io->owner, ready);
		}
	}
}

static int
virtual_io_open(struct loop_io *io, struct err *e)
{
	int flags = fcntl(io->fd, F_GETFL);

	if (flags < 0 || fcntl(io->fd, F_SETFL, flags | O_NONBLOCK)) {
		return err_sys(e, "cannot wait for descriptor %d", io->fd);
	}
	return 0;
}

static void
virtual_io(struct loop_io *io)
{
	(void)io;
}

static int
virtual_signal_open(struct loop_signal *s, struct err *e)
{
	(void)s;
	(void)e;
	return 0;
}

static void
virtual_signal_close(struct loop_signal *s)
{
	(void)s;
}

static void
virtual_fini(struct loop *loop)
{
	free(virtual_of(loop)->fds);
	free(loop->inner);
}

static const struct loop_ops virtual_ops = {
	.wait = virtual_wait,
	.clock = virtual_clock,
	.io_open = virtual_io_open,
	.io_want = virtual_io,
	.io_close = virtual_io,
	.signal_open = virtual_signal_open,
	.signal_close = virtual_signal_close,
	.fini = virtual_fini,
};

struct loop *
loop_new_virtual(void)
{
	struct virtual *v = calloc(1, sizeof(*v));

	must(v);
	v->now.us = CLOCK_SECOND;
	return loop_make(&virtual_ops, v);
}

void
loop_virtual_set(struct loop *loop, struct mono t)
{
	must(loop_is_virtual(loop));
	must(mono_passed(virtual_of(loop)->now, t));
	virtual_of(loop)->now = t;
}

bool
loop_is_virtual(const struct loop *loop)
{
	return loop->ops == &virtual_ops;
}
