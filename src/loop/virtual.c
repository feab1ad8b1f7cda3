/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loop/inside.h"

/*
 * The same door with a clock that a test moves.  It never sleeps; descriptors
 * are served in the order in which they were opened; signals never come.
 */

struct virtual
{
	struct mono now;
	int epoll;
	struct epoll_event *came; /* what is ready, in no order */
	struct epoll_event *next; /* the same, in order of opening */
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
ready_of(const struct loop_io *io, uint32_t came)
{
	if (came & (EPOLLERR | EPOLLHUP)) {
		return io->events;
	}
	return io->events & ((came & EPOLLIN ? LOOP_READ : 0) |
	                        (came & EPOLLOUT ? LOOP_WRITE : 0));
}

/* What the kernel said of a file; NULL: nothing. */
static const struct epoll_event *
came_of(const struct virtual *v, int came, int fd)
{
	for (int i = 0; i < came; i++) {
		if (v->came[i].data.fd == fd) {
			return &v->came[i];
		}
	}
	return NULL;
}

/* Asks the kernel; how many are in v->next. */
static size_t
gather(struct loop *loop, struct virtual *v)
{
	size_t count = 0;
	int came;

	if (loop->watchers > v->room) {
		v->room = loop->watchers;
		v->came = reallocarray(v->came, v->room, sizeof(*v->came));
		v->next = reallocarray(v->next, v->room, sizeof(*v->next));
		must(v->came && v->next);
	}
	if (v->room == 0) {
		return 0;
	}
	do {
		came = epoll_wait(v->epoll, v->came, (int)v->room, 0);
	} while (came < 0 && errno == EINTR);
	must(came >= 0);
	for (struct loop_io *io = loop->ios.next;
	     count < (size_t)came && io != &loop->ios; io = io->next) {
		const struct epoll_event *of = came_of(v, came, io->fd);

		if (of) {
			v->next[count++] = *of;
		}
	}
	return count;
}

static void
virtual_wait(struct loop *loop, int64_t us)
{
	struct virtual *v = virtual_of(loop);
	size_t count = gather(loop, v);

	(void)us;
	for (size_t i = 0; i < count; i++) {
		struct loop_io *io = find(loop, v->next[i].data.fd);
		unsigned ready = io ? ready_of(io, v->next[i].events) : 0;

		if (ready) {
			loop_wake(loop);
			io->ready(io->owner, ready);
		}
	}
}

static int
watch(const struct loop_io *io, int what)
{
	struct epoll_event event = {
		.events = (io->events & LOOP_READ ? EPOLLIN : 0U) |
		          (io->events & LOOP_WRITE ? EPOLLOUT : 0U),
		.data.fd = io->fd,
	};

	return epoll_ctl(virtual_of(io->loop)->epoll, what, io->fd, &event);
}

static int
virtual_io_open(struct loop_io *io, struct err *e)
{
	int flags = fcntl(io->fd, F_GETFL);

	if (flags < 0 || fcntl(io->fd, F_SETFL, flags | O_NONBLOCK) ||
	    watch(io, EPOLL_CTL_ADD)) {
		return err_sys(e, "cannot wait for descriptor %d", io->fd);
	}
	return 0;
}

static void
virtual_io_want(struct loop_io *io)
{
	must(watch(io, EPOLL_CTL_MOD) == 0);
}

static void
virtual_io_close(struct loop_io *io)
{
	must(watch(io, EPOLL_CTL_DEL) == 0);
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
	struct virtual *v = virtual_of(loop);

	(void)close(v->epoll);
	free(v->came);
	free(v->next);
	free(v);
}

static const struct loop_ops virtual_ops = {
	.wait = virtual_wait,
	.clock = virtual_clock,
	.io_open = virtual_io_open,
	.io_want = virtual_io_want,
	.io_close = virtual_io_close,
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
	v->epoll = epoll_create1(EPOLL_CLOEXEC);
	must(v->epoll >= 0);
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
