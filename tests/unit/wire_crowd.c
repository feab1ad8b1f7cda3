/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core's ends of many channels, whose callbacks end their own peer and others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire/wire.h"

#define CROWD 8

struct crowd {
	struct loop *loop;
	struct wire_peer *peer[CROWD];
	int agent[CROWD];
	int slots[CROWD]; /* what a peer's callbacks are given: its place */
	uint64_t state;
	size_t taken;
	size_t closed;
};

static struct crowd crowd;

static uint64_t
dice(uint64_t sides)
{
	crowd.state = crowd.state * 6364136223846793005u + 1442695040888963407u;
	return (crowd.state >> 33) % sides;
}

static void
crowd_free(size_t at)
{
	wire_peer_free(crowd.peer[at]);
	crowd.peer[at] = NULL;
}

/* What a handler may do: to its own peer, or to any other. */
static void
crowd_acts(void)
{
	size_t at = dice(CROWD);
	struct wire_peer *peer = crowd.peer[at];
	struct wire_run_go go = { .agent = at };
	struct err why = { 0 };

	(void)err_set(&why, ERR_DENIED, "the dice said so");
	switch (dice(6)) {
	case 0:
		crowd_free(at);
		break;
	case 1:
		if (peer) {
			wire_peer_close(peer, &why);
		}
		break;
	case 2:
		auto_close_fd(&crowd.agent[at]);
		break;
	default:
		for (uint64_t n = dice(2ULL * WIRE_QUEUE_RECORDS); peer && n;
		     n--) {
			wire_send(peer, WIRE_RUN_GO, &go, NULL, 0);
		}
	}
}

static void
crowd_take(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, __attribute__((unused)) size_t nfds)
{
	(void)record;
	assert_ptr_equal(crowd.peer[*(int *)owner], peer);
	crowd.taken++;
	crowd_acts();
}

static void
crowd_closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	assert_ptr_equal(crowd.peer[*(int *)owner], peer);
	assert_true(why->text[0] != '\0');
	crowd.closed++;
	crowd_free((size_t) * (int *)owner);
	crowd_acts();
}

static const struct wire_handler crowd_handlers[] = {
	{ WIRE_MODEL_ASK, crowd_take },
};

static void
crowd_join(size_t at)
{
	struct err e = { 0 };
	int fds[2];
	struct wire_end end = {
		.self = PART_CORE,
		.other = PART_AGENT,
		.handlers = crowd_handlers,
		.count = COUNT(crowd_handlers),
		.closed = crowd_closed,
		.owner = &crowd.slots[at],
	};

	crowd_free(at);
	auto_close_fd(&crowd.agent[at]);
	assert_int_equal(wire_pair(fds, &e), 0);
	crowd.slots[at] = (int)at;
	crowd.agent[at] = fds[1];
	crowd.peer[at] = wire_peer_new(crowd.loop, fds[0], &end, &e);
	assert_non_null(crowd.peer[at]);
}

/* An agent's question, or something that is none (src/wire/DESIGN). */
static void
crowd_speaks(size_t at)
{
	struct {
		uint32_t magic;
		uint16_t type;
		uint16_t sender;
		uint32_t size;
		uint32_t reserved;
		struct wire_model_ask ask;
	} said = {
		.magic = 0x01575248u ^ (uint32_t)(dice(50) == 0),
		.type = WIRE_MODEL_ASK,
		.sender = PART_AGENT,
		.size = sizeof(struct wire_model_ask),
	};

	if (crowd.agent[at] >= 0) {
		(void)send(crowd.agent[at], &said, 16 + said.size,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

/* Callbacks free, close and fill their own peer and others; under ASan nothing
 * of one that is gone is read. */
static void
peers_that_end_each_other_are_told_once_and_are_gone(void **state)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : 1;

	(void)state;
	print_message("# SEED=%llu\n", (unsigned long long)seed);
	memset(&crowd, 0, sizeof(crowd));
	memset(crowd.agent, -1, sizeof(crowd.agent));
	crowd.state = seed;
	crowd.loop = loop_new_virtual();
	for (int turn = 0; turn < 3000; turn++) {
		size_t at = dice(CROWD);

		if (!crowd.peer[at] || crowd.agent[at] < 0) {
			crowd_join(at);
		}
		for (uint64_t n = dice(4); n; n--) {
			crowd_speaks(dice(CROWD));
		}
		loop_advance(crowd.loop, dice(20) ? 0 : WIRE_STALL_US);
	}
	assert_true(crowd.taken > 1000 && crowd.closed > 200);
	for (size_t i = 0; i < CROWD; i++) {
		crowd_free(i);
		auto_close_fd(&crowd.agent[i]);
	}
	loop_free(crowd.loop);
}

/* --- a user whose descriptors are on their way --- */

#define FILES 32 /* his limit */

static void
no_end(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)peer;
	fail_msg("%s", why->text);
}

/* So many as his limit, and one more, that nobody takes; the two ends. */
static void
hold_all(int ends[2])
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE((FILES + 1) * sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN((FILES + 1) * sizeof(int)),
		          .cmsg_level = SOL_SOCKET,
		          .cmsg_type = SCM_RIGHTS } };
	char byte = 0;
	struct iovec one = { &byte, 1 };
	struct msghdr m = { .msg_iov = &one,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };

	memset(CMSG_DATA(&control.head), 0, (FILES + 1) * sizeof(int));
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
	assert_int_equal(sendmsg(ends[0], &m, 0), 1);
}

/* Root is not asked: an ordinary user in a child, whom nobody else is. */
static void
become_a_user(void)
{
	const struct rlimit limit = { FILES, FILES };
	uid_t uid = geteuid() ? geteuid() : 2000000000U + (uid_t)getpid();

	assert_int_equal(setresuid(uid, uid, uid), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void
send_while_crowded(void)
{
	const struct wire_end end = {
		.self = PART_CORE, .other = PART_AGENT, .closed = no_end
	};
	struct loop *loop = loop_new_virtual();
	struct wire_run_begin begin = { .agent = 1 };
	struct err e = { 0 };
	int fds[2], held[2];
	char got[sizeof(begin) + 64];

	assert_int_equal(wire_pair(fds, &e), 0);
	struct wire_peer *peer = wire_peer_new(loop, fds[0], &end, &e);
	int body = memfd_sealed("body", STR("task"), &e);

	assert_true(peer && body >= 0);
	hold_all(held);
	wire_send(peer, WIRE_RUN_BEGIN, &begin, &body, 1);
	loop_advance(loop, WIRE_STALL_US / 2);
	assert_int_equal(wire_queued(peer), 1);
	assert_int_equal(recv(fds[1], got, sizeof(got), MSG_DONTWAIT), -1);
	(void)close(held[0]);
	(void)close(held[1]);
	loop_advance(loop, CLOCK_SECOND);
	assert_int_equal(wire_queued(peer), 0);
	assert_true(recv(fds[1], got, sizeof(got), MSG_DONTWAIT) > 0);
	wire_peer_free(peer);
	loop_free(loop);
}

static void
a_descriptor_waits_while_too_many_of_its_user_are_on_their_way(void **state)
{
	int status;

	(void)state;
	(void)fflush(stdout);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		become_a_user();
		send_while_crowded();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_descriptor_waits_while_too_many_of_its_user_are_on_their_way),
		cmocka_unit_test(
		    peers_that_end_each_other_are_told_once_and_are_gone),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
