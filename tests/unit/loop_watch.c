/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/loop.h"

/* Descriptors, signals and children: each test on both kinds of loop where
 * both can. */

struct room {
	struct loop *loop;
	struct loop_io io;
	struct loop_io second;
	int fds[2];
	int calls;
	int second_calls;
	unsigned ready;
};

static struct room *
room_new(struct loop *loop)
{
	struct room *r = test_calloc(1, sizeof(*r));

	r->loop = loop;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, r->fds), 0);
	return r;
}

static int
open_real(void **state)
{
	*state = room_new(loop_new());
	return 0;
}

static int
open_virtual(void **state)
{
	*state = room_new(loop_new_virtual());
	return 0;
}

static int
close_room(void **state)
{
	struct room *r = *state;

	loop_io_close(&r->io);
	loop_io_close(&r->second);
	auto_close_fd(&r->fds[0]);
	auto_close_fd(&r->fds[1]);
	loop_free(r->loop);
	test_free(r);
	return 0;
}

static void
came(void *owner, unsigned ready)
{
	struct room *r = owner;

	r->calls++;
	r->ready = ready;
}

static void
second_came(void *owner, unsigned ready)
{
	struct room *r = owner;

	(void)ready;
	r->second_calls++;
}

static void
watch(struct room *r, loop_io_fn *f, unsigned events)
{
	struct err e = { 0 };

	assert_int_equal(loop_io_open(&r->io, r->loop, r->fds[0], f, r, &e), 0);
	loop_io_want(&r->io, events);
}

static void
say(struct room *r)
{
	assert_int_equal(write(r->fds[1], "x", 1), 1);
}

static void
readiness_is_told_until_it_is_consumed(void **state)
{
	struct room *r = *state;
	char byte;

	watch(r, came, LOOP_READ);
	assert_true(fcntl(r->fds[0], F_GETFL) & O_NONBLOCK);
	loop_turn(r->loop, 0);
	assert_int_equal(r->calls, 0);
	say(r);
	loop_turn(r->loop, 0);
	loop_turn(r->loop, 0);
	assert_int_equal(r->calls, 2);
	assert_int_equal(r->ready, LOOP_READ);
	assert_int_equal(read(r->fds[0], &byte, 1), 1);
	loop_turn(r->loop, 0);
	assert_int_equal(r->calls, 2);
	loop_io_want(&r->io, LOOP_READ | LOOP_WRITE);
	loop_turn(r->loop, 0);
	assert_int_equal(r->ready, LOOP_WRITE);
	loop_io_want(&r->io, 0);
	say(r);
	loop_turn(r->loop, 0);
	assert_int_equal(r->calls, 3);
}

static void
the_end_of_the_other_side_is_told_as_what_was_asked_for(void **state)
{
	struct room *r = *state;

	watch(r, came, LOOP_WRITE);
	auto_close_fd(&r->fds[1]);
	loop_turn(r->loop, 0);
	assert_int_equal(r->ready, LOOP_WRITE);
	loop_io_want(&r->io, LOOP_READ);
	loop_turn(r->loop, 0);
	assert_int_equal(r->ready, LOOP_READ);
}

static void
an_error_is_told_again_until_it_is_dealt_with(void **state)
{
	struct room *r = *state;
	int ends[2];

	/* The writing end of a pipe without a reader shows POLLERR alone. */
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	auto_close_fd(&ends[0]);
	auto_close_fd(&r->fds[0]);
	r->fds[0] = ends[1];
	watch(r, came, LOOP_WRITE);
	loop_turn(r->loop, 0);
	loop_turn(r->loop, 0);
	assert_int_equal(r->calls, 2);
	assert_int_equal(r->ready, LOOP_WRITE);
}

static void
close_both(void *owner, unsigned ready)
{
	struct room *r = owner;

	(void)ready;
	r->calls++;
	loop_io_close(&r->io);
	loop_io_close(&r->second);
	loop_io_close(&r->io);
	auto_close_fd(&r->fds[0]);
	auto_close_fd(&r->fds[1]);
}

static void
a_watcher_closed_in_a_callback_is_never_called_again(void **state)
{
	struct room *r = *state;
	struct err e = { 0 };

	watch(r, close_both, LOOP_WRITE);
	assert_int_equal(
	    loop_io_open(&r->second, r->loop, r->fds[1], close_both, r, &e), 0);
	loop_io_want(&r->second, LOOP_WRITE);
	loop_turn(r->loop, 0);
	loop_turn(r->loop, 0);
	assert_int_equal(r->calls, 1);
}

static void
a_reused_descriptor_number_is_a_new_watcher(void **state)
{
	struct room *r = *state;
	struct err e = { 0 };

	for (int i = 0; i < 3; i++) {
		watch(r, came, LOOP_READ);
		say(r);
		loop_turn(r->loop, 0);
		assert_int_equal(r->calls, i + 1);
		loop_io_close(&r->io);
		auto_close_fd(&r->fds[0]);
		auto_close_fd(&r->fds[1]);
		assert_int_equal(
		    socketpair(AF_UNIX, SOCK_STREAM, 0, r->fds), 0);
		assert_int_equal(loop_io_open(&r->second, r->loop, r->fds[0],
		                     second_came, r, &e),
		    0);
		loop_io_want(&r->second, LOOP_READ);
		loop_turn(r->loop, 0);
		assert_int_equal(r->second_calls, i);
		say(r);
		loop_turn(r->loop, 0);
		assert_int_equal(r->second_calls, i + 1);
		loop_io_close(&r->second);
	}
}

static void
a_descriptor_that_cannot_be_waited_for_is_an_error(void **state)
{
	struct room *r = *state;
	struct err e = { 0 };

	assert_int_equal(loop_io_open(&r->io, r->loop, 9999, came, r, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_null(r->io.loop);
}

/* --- signals and children --- */

static void
stop_by_signal(void *owner, int number)
{
	struct room *r = owner;

	r->calls = number;
	loop_stop(r->loop);
}

static void
a_signal_arrives_in_a_turn(void **state)
{
	struct room *r = *state;
	struct loop_signal s = { 0 };
	struct err e = { 0 };

	assert_int_equal(
	    loop_signal_open(&s, r->loop, SIGHUP, stop_by_signal, r, &e), 0);
	assert_int_equal(kill(getpid(), SIGHUP), 0);
	loop_run(r->loop);
	assert_int_equal(r->calls, SIGHUP);
	loop_signal_close(&s);
	loop_signal_close(&s);
	assert_int_equal(
	    loop_signal_open(&s, r->loop, SIGKILL, stop_by_signal, r, &e), -1);
}

struct end {
	pid_t pid;
	int code;
	int killer;
	int count;
};

static void
ended(void *owner, pid_t pid, int code, int killer)
{
	struct end *end = owner;

	*end = (struct end){ pid, code, killer, end->count + 1 };
}

static pid_t
spawn(int code, int killer)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (killer) {
			(void)signal(killer, SIG_DFL);
			(void)kill(getpid(), killer);
		}
		_exit(code);
	}
	return pid;
}

static void
the_end_of_a_child_is_told_and_reaped(void **state)
{
	struct room *r = *state;
	struct loop_child c = { 0 };
	struct err e = { 0 };
	struct end end = { 0 };
	pid_t pid = spawn(7, 0);

	assert_int_equal(loop_child_open(&c, r->loop, pid, ended, &end, &e), 0);
	loop_run(r->loop);
	assert_int_equal(end.count, 1);
	assert_int_equal(end.pid, pid);
	assert_int_equal(end.code, 7);
	assert_int_equal(end.killer, 0);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);

	pid = spawn(0, SIGTERM);
	assert_int_equal(loop_child_open(&c, r->loop, pid, ended, &end, &e), 0);
	loop_run(r->loop);
	assert_int_equal(end.count, 2);
	assert_int_equal(end.killer, SIGTERM);
}

static void
a_closed_child_watcher_leaves_the_child_to_others(void **state)
{
	struct room *r = *state;
	struct loop_child c = { 0 };
	struct err e = { 0 };
	struct end end = { 0 };
	pid_t pid = spawn(3, 0);

	assert_int_equal(loop_child_open(&c, r->loop, pid, ended, &end, &e), 0);
	loop_child_close(&c);
	loop_run(r->loop);
	assert_int_equal(end.count, 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(
	    loop_child_open(&c, r->loop, pid, ended, &end, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
}

#define REAL(f) cmocka_unit_test_setup_teardown(f, open_real, close_room)
#define VIRTUAL(f)                                                 \
	{                                                          \
#f "_virtually", f, open_virtual, close_room, NULL \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		REAL(readiness_is_told_until_it_is_consumed),
		VIRTUAL(readiness_is_told_until_it_is_consumed),
		REAL(the_end_of_the_other_side_is_told_as_what_was_asked_for),
		VIRTUAL(
		    the_end_of_the_other_side_is_told_as_what_was_asked_for),
		REAL(an_error_is_told_again_until_it_is_dealt_with),
		VIRTUAL(an_error_is_told_again_until_it_is_dealt_with),
		REAL(a_watcher_closed_in_a_callback_is_never_called_again),
		VIRTUAL(a_watcher_closed_in_a_callback_is_never_called_again),
		REAL(a_reused_descriptor_number_is_a_new_watcher),
		VIRTUAL(a_reused_descriptor_number_is_a_new_watcher),
		REAL(a_descriptor_that_cannot_be_waited_for_is_an_error),
		VIRTUAL(a_descriptor_that_cannot_be_waited_for_is_an_error),
		REAL(a_signal_arrives_in_a_turn),
		REAL(the_end_of_a_child_is_told_and_reaped),
		REAL(a_closed_child_watcher_leaves_the_child_to_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
