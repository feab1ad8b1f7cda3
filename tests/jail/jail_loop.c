/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "unit/jail_child.h"
#include "wire/wire.h"

/*
 * The loop and the wire again, inside the filters: with nothing but STDIO a
 * part can still make a loop, keep time, hear signals and talk in records.
 */

static const struct jail_plan stdio = {
	.part = "test",
	.landlock = true,
	.promises = JAIL_STDIO,
};

struct talk {
	struct loop *loop;
	struct wire_peer *core;
	struct wire_peer *agent;
	struct loop_timer timer;
	struct loop_signal signal;
	int heard;
	bool closed;
};

static void
agent_hears(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct talk *t = owner;
	const struct wire_run_begin *begin = record;
	struct wire_model_ask ask = { .turn = (uint32_t)begin->agent };
	auto_buf body = { 0 };
	struct err e = { 0 };

	if (nfds != 1 || memfd_read(fds[0], 100, &body, &e)) {
		_exit(21);
	}
	t->heard += str_eq(buf_str(&body), STR("hello"));
	wire_send(peer, WIRE_MODEL_ASK, &ask, NULL, 0);
}

static void
signal_came(void *owner, int number)
{
	struct talk *t = owner;

	t->heard += number == SIGHUP;
}

static void
core_hears(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, size_t nfds)
{
	struct talk *t = owner;
	const struct wire_model_ask *ask = record;

	(void)peer;
	t->heard += ask->turn == 5 && nfds == 0;
	wire_peer_free(t->agent);
	t->agent = NULL;
}

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	struct talk *t = owner;

	(void)peer;
	t->closed = why->kind == ERR_UNAVAILABLE;
	loop_stop(t->loop);
}

static void
begin(void *owner)
{
	struct talk *t = owner;
	struct wire_run_begin record = { .agent = 5 };
	struct err e = { 0 };
	int fd = memfd_sealed("body", STR("hello"), &e);

	if (fd < 0 || raise(SIGHUP)) {
		_exit(22);
	}
	wire_send(t->core, WIRE_RUN_BEGIN, &record, &fd, 1);
}

static int
talk(void)
{
	static const struct wire_handler to_core[] = {
		{ WIRE_MODEL_ASK, core_hears },
	};
	static const struct wire_handler to_agent[] = {
		{ WIRE_RUN_BEGIN, agent_hears },
	};
	struct talk t = { .loop = loop_new() };
	struct err e = { 0 };
	int fds[2];
	struct wire_end core = { PART_CORE, PART_AGENT, to_core, 1, closed,
		&t };
	struct wire_end agent = { PART_AGENT, PART_CORE, to_agent, 1, closed,
		&t };

	if (wire_pair(fds, &e)) {
		return 1;
	}
	t.core = wire_peer_new(t.loop, fds[0], &core, &e);
	t.agent = wire_peer_new(t.loop, fds[1], &agent, &e);
	if (!t.core || !t.agent ||
	    loop_signal_open(&t.signal, t.loop, SIGHUP, signal_came, &t, &e)) {
		return 2;
	}
	loop_timer_arm(
	    &t.timer, t.loop, mono_after(mono_now(), 3000), begin, &t);
	loop_run(t.loop);
	loop_signal_close(&t.signal);
	wire_peer_free(t.core);
	loop_free(t.loop);
	return t.closed && t.heard == 3 ? 0 : 3;
}

static void
a_jailed_part_turns_its_loop_and_talks(void **state)
{
	(void)state;
	skip_without_walls();
	expect_code(&stdio, talk, 0);
}

static void
child_ended(void *owner, pid_t pid, int code, int killer)
{
	int *seen = owner;

	(void)pid;
	*seen = killer ? -killer : code;
}

static int
watch_child(void)
{
	struct loop *loop = loop_new();
	struct loop_child c = { 0 };
	struct err e = { 0 };
	int seen = 0;
	pid_t pid = fork();

	if (pid == 0) {
		_exit(7);
	}
	if (pid < 0 || loop_child_open(&c, loop, pid, child_ended, &seen, &e)) {
		return 1;
	}
	loop_run(loop);
	loop_free(loop);
	return seen == 7 ? 0 : 2;
}

static void
a_part_that_may_fork_sees_its_children_end(void **state)
{
	struct jail_plan plan = stdio;

	(void)state;
	skip_without_walls();
	plan.promises |= JAIL_FORK;
	expect_code(&plan, watch_child, 0);
	expect_killed(&stdio, watch_child, SIGSYS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_jailed_part_turns_its_loop_and_talks),
		cmocka_unit_test(a_part_that_may_fork_sees_its_children_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
