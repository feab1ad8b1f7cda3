/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core's end of a channel to a vault that takes its time, on a virtual clock.
 * The vault's end is a bare socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "wire/wire.h"

struct core {
	struct loop *loop;
	struct wire_peer *peer;
	int vault;
	size_t taken;
	bool taking;
	int closed;
	struct err why;
};

/* Looks for more at once, which is for later. */
static void
take_granted(void *owner, struct wire_peer *peer,
    __attribute__((unused)) const void *record,
    __attribute__((unused)) int *fds, __attribute__((unused)) size_t nfds)
{
	struct core *c = owner;

	assert_false(c->taking);
	c->taken++;
	c->taking = true;
	wire_poll(peer);
	c->taking = false;
}

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	struct core *c = owner;

	assert_ptr_equal(peer, c->peer);
	c->closed++;
	c->why = *why;
}

static const struct wire_handler from_vault[] = {
	{ WIRE_VAULT_GRANTED, take_granted },
};

static int
open_core(void **state)
{
	struct core *c = test_calloc(1, sizeof(*c));
	struct wire_end end = {
		.self = PART_CORE,
		.other = PART_VAULT,
		.handlers = from_vault,
		.count = COUNT(from_vault),
		.closed = closed,
		.owner = c,
	};
	struct err e = { 0 };
	int fds[2];

	assert_int_equal(wire_pair(fds, &e), 0);
	c->vault = fds[1];
	c->loop = loop_new_virtual();
	c->peer = wire_peer_new(c->loop, fds[0], &end, &e);
	assert_non_null(c->peer);
	*state = c;
	return 0;
}

static int
close_core(void **state)
{
	struct core *c = *state;

	wire_peer_free(c->peer);
	auto_close_fd(&c->vault);
	loop_free(c->loop);
	test_free(c);
	return 0;
}

/* More than the socket holds, twice. */
static size_t
fill(const struct core *c)
{
	struct wire_vault_grant grant = { 0 };
	size_t most = WIRE_QUEUE_BYTES / sizeof(grant);

	while (wire_queued(c->peer) < most) {
		wire_send(c->peer, WIRE_VAULT_GRANT, &grant, NULL, 0);
	}
	return most;
}

static void
read_all(const struct core *c)
{
	char bytes[WIRE_RECORD_MAX + 16];

	while (recv(c->vault, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
	}
}

/* The time is that between two records that go, not that of a whole queue. */
static void
a_peer_that_reads_slowly_has_its_time_anew(void **state)
{
	struct core *c = *state;
	size_t most = fill(c);

	loop_advance(c->loop, WIRE_STALL_US - 1);
	read_all(c);
	loop_advance(c->loop, 0);
	assert_in_range(wire_queued(c->peer), 1, most - 1);
	loop_advance(c->loop, WIRE_STALL_US - 1);
	assert_int_equal(c->closed, 0);
	loop_advance(c->loop, 1);
	assert_int_equal(c->closed, 1);
	assert_int_equal(c->why.kind, ERR_TIMEOUT);
}

static void
nothing_waits_for_a_peer_that_does_not_listen(void **state)
{
	struct core *c = *state;

	(void)fill(c);
	assert_int_equal(shutdown(c->vault, SHUT_RD), 0);
	read_all(c);
	loop_advance(c->loop, 0);
	assert_int_equal(wire_queued(c->peer), 0);
	loop_advance(c->loop, WIRE_STALL_US - 1);
	assert_int_equal(c->closed, 0);
	loop_advance(c->loop, 1);
	assert_int_equal(c->closed, 1);
	assert_int_equal(c->why.kind, ERR_UNAVAILABLE);
}

static void
a_handler_that_looks_for_more_finds_nothing_yet(void **state)
{
	struct core *c = *state;
	struct wire_vault_granted granted = { .ok = 1 };
	struct err e = { 0 };

	for (int i = 0; i < 3; i++) {
		assert_int_equal(wire_send_now(c->vault, WIRE_VAULT_GRANTED,
		                     &granted, NULL, 0, &e),
		    0);
	}
	wire_poll(c->peer);
	assert_int_equal(c->taken, 3);
}

#define CORE(f) cmocka_unit_test_setup_teardown(f, open_core, close_core)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CORE(a_peer_that_reads_slowly_has_its_time_anew),
		CORE(nothing_waits_for_a_peer_that_does_not_listen),
		CORE(a_handler_that_looks_for_more_finds_nothing_yet),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
