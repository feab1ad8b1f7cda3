/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <uv.h>

#include "loop/inside.h"

/*
 * libuv underneath: its poll and signal handles, one timer to wake up by, and
 * nothing else.  uv_close is not immediate, so each handle lives in a
 * loop_poll of its own, which outlives the watcher until libuv lets go.
 */

#define SLEEP_MAX_MS 3600000

struct loop_poll {
	union {
		uv_handle_t handle;
		uv_poll_t poll;
		uv_signal_t signal;
	} uv;
	void *watcher; /* NULL: closed, no callback any more */
};

struct real {
	uv_loop_t uv;
	uv_timer_t wake;
};

static struct real *
real_of(const struct loop *loop)
{
	return loop->inner;
}

static void
let_go(uv_handle_t *handle)
{
	free(handle->data);
}

static struct loop_poll *
poll_new(void *watcher)
{
	struct loop_poll *p = calloc(1, sizeof(*p));

	must(p);
	p->uv.handle.data = p;
	p->watcher = watcher;
	return p;
}

static void
poll_close(struct loop_poll *p)
{
	p->watcher = NULL;
	uv_close(&p->uv.handle, let_go);
}

/* --- descriptors --- */

static void poll_came(uv_poll_t *handle, int status, int events);

static void
poll_start(struct loop_io *io)
{
	int wanted = (io->events & LOOP_READ ? UV_READABLE : 0) |
	             (io->events & LOOP_WRITE ? UV_WRITABLE : 0);

	/* These fail on our own misuse alone: a handle that is closing. */
	if (wanted) {
		must(!uv_poll_start(&io->poll->uv.poll, wanted, poll_came));
	} else {
		must(!uv_poll_stop(&io->poll->uv.poll));
	}
}

static void
poll_came(uv_poll_t *handle, int status, int events)
{
	struct loop_poll *p = handle->data;
	struct loop_io *io = p->watcher;

	if (!io) {
		return;
	}
	unsigned ready = (events & UV_READABLE ? LOOP_READ : 0) |
	                 (events & UV_WRITABLE ? LOOP_WRITE : 0);

	if (status < 0) {
		/* POLLERR: libuv has stopped the handle; the owner's next read
		 * or write learns the reason from the kernel. */
		ready = io->events;
		poll_start(io);
	}
	ready &= io->events;
	if (ready) {
		loop_wake(io->loop);
		io->ready(io->owner, ready);
	}
}

static int
real_io_open(struct loop_io *io, struct err *e)
{
	struct loop_poll *p = poll_new(io);
	int rc = uv_poll_init(&real_of(io->loop)->uv, &p->uv.poll, io->fd);

	if (rc) {
		/* A handle that was not initialised is not known to libuv. */
		free(p);
		return err_set(e, ERR_IO, "cannot wait for descriptor %d: %s",
		    io->fd, uv_strerror(rc));
	}
	io->poll = p;
	return 0;
}

static void
real_io_close(struct loop_io *io)
{
	poll_close(io->poll);
	io->poll = NULL;
}

/* --- signals --- */

static void
signal_came(uv_signal_t *handle, int number)
{
	struct loop_poll *p = handle->data;
	struct loop_signal *s = p->watcher;

	if (s) {
		loop_wake(s->loop);
		s->came(s->owner, number);
	}
}

static int
real_signal_open(struct loop_signal *s, struct err *e)
{
	struct loop_poll *p = poll_new(s);

	must(!uv_signal_init(&real_of(s->loop)->uv, &p->uv.signal));
	int rc = uv_signal_start(&p->uv.signal, signal_came, s->number);

	if (rc) {
		poll_close(p);
		return err_set(e, ERR_IO, "cannot wait for signal %d: %s",
		    s->number, uv_strerror(rc));
	}
	s->poll = p;
	return 0;
}

static void
real_signal_close(struct loop_signal *s)
{
	poll_close(s->poll);
	s->poll = NULL;
}

/* --- time --- */

static void
woken(uv_timer_t *wake)
{
	(void)wake; /* due timers are found after the wait */
}

static struct mono
real_clock(struct loop *loop)
{
	(void)loop;
	return mono_now();
}

static void
real_wait(struct loop *loop, int64_t us)
{
	struct real *real = real_of(loop);

	if (us <= 0) {
		(void)uv_run(&real->uv, UV_RUN_NOWAIT);
		return;
	}
	int64_t ms = us / 1000 + (us % 1000 != 0);

	if (ms > SLEEP_MAX_MS) {
		ms = SLEEP_MAX_MS;
	}
	uv_update_time(&real->uv);
	/* It repeats: one shot could fire before the poll, when a millisecond
	 * has passed meanwhile, and the poll would then wait without an end. */
	must(!uv_timer_start(&real->wake, woken, (uint64_t)ms, (uint64_t)ms));
	(void)uv_run(&real->uv, UV_RUN_ONCE);
	must(!uv_timer_stop(&real->wake));
}

static void
real_fini(struct loop *loop)
{
	struct real *real = real_of(loop);

	uv_close((uv_handle_t *)&real->wake, NULL);
	while (uv_run(&real->uv, UV_RUN_NOWAIT)) {
	}
	must(!uv_loop_close(&real->uv));
	free(real);
}

static const struct loop_ops real_ops = {
	.wait = real_wait,
	.clock = real_clock,
	.io_open = real_io_open,
	.io_want = poll_start,
	.io_close = real_io_close,
	.signal_open = real_signal_open,
	.signal_close = real_signal_close,
	.fini = real_fini,
};

struct loop *
loop_new(void)
{
	struct real *real = calloc(1, sizeof(*real));

	must(real);
	must(!uv_loop_init(&real->uv));
	must(!uv_timer_init(&real->uv, &real->wake));
	return loop_make(&real_ops, real);
}
