/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/inside.h"

/* Watchers, whatever the loop underneath is. */

int
loop_io_open(struct loop_io *io, struct loop *loop, int fd, loop_io_fn *f,
    void *owner, struct err *e)
{
	must(!io->loop && f);
	*io = (struct loop_io){
		.loop = loop,
		.ready = f,
		.owner = owner,
		.fd = fd,
	};
	if (loop->ops->io_open(io, e)) {
		io->loop = NULL;
		return -1;
	}
	io->next = &loop->ios;
	io->previous = loop->ios.previous;
	io->previous->next = io;
	loop->ios.previous = io;
	loop->watchers++;
	return 0;
}

void
loop_io_want(struct loop_io *io, unsigned events)
{
	must((events & ~(LOOP_READ | LOOP_WRITE)) == 0);
	if (io->loop && io->events != events) {
		io->events = events;
		io->loop->ops->io_want(io);
	}
}

void
loop_io_close(struct loop_io *io)
{
	if (!io->loop) {
		return;
	}
	io->loop->ops->io_close(io);
	io->next->previous = io->previous;
	io->previous->next = io->next;
	io->loop->watchers--;
	io->loop = NULL;
}

int
loop_signal_open(struct loop_signal *s, struct loop *loop, int number,
    loop_signal_fn *f, void *owner, struct err *e)
{
	must(!s->loop && f);
	*s = (struct loop_signal){
		.loop = loop,
		.came = f,
		.owner = owner,
		.number = number,
	};
	if (loop->ops->signal_open(s, e)) {
		s->loop = NULL;
		return -1;
	}
	loop->watchers++;
	return 0;
}

void
loop_signal_close(struct loop_signal *s)
{
	if (s->loop) {
		s->loop->ops->signal_close(s);
		s->loop->watchers--;
		s->loop = NULL;
	}
}

/* --- children --- */

static void
child_ready(void *owner, unsigned ready)
{
	struct loop_child *c = owner;
	siginfo_t info = { 0 };
	int code = -1;
	int killer = 0;

	(void)ready;
	int rc = waitid(P_PIDFD, (id_t)c->io.fd, &info, WEXITED | WNOHANG);

	if (rc == 0 && info.si_pid == 0) {
		return;
	}
	/* Somebody else reaped it: its end is all that is known. */
	if (rc == 0 && info.si_code == CLD_EXITED) {
		code = info.si_status;
	} else if (rc == 0) {
		killer = info.si_status;
	}
	loop_child_close(c);
	c->ended(c->owner, c->pid, code, killer);
}

int
loop_child_open(struct loop_child *c, struct loop *loop, pid_t pid,
    loop_child_fn *f, void *owner, struct err *e)
{
	must(!c->io.loop && f);
	auto_close int fd = pidfd_open(pid, 0);

	if (fd < 0) {
		bool absent = errno == ESRCH;

		(void)err_sys(e, "cannot watch process %d", (int)pid);
		e->kind = absent ? ERR_MISSING : ERR_IO;
		return -1;
	}
	*c = (struct loop_child){ .ended = f, .owner = owner, .pid = pid };
	if (loop_io_open(&c->io, loop, fd, child_ready, c, e)) {
		return -1;
	}
	loop_io_want(&c->io, LOOP_READ);
	(void)take_fd(&fd);
	return 0;
}

void
loop_child_close(struct loop_child *c)
{
	if (c->io.loop) {
		int fd = c->io.fd;

		loop_io_close(&c->io);
		(void)close(fd);
	}
}
