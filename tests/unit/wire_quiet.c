/* SPDX-License-Identifier: Apache-2.0 */
/* An end that nobody wakes: the vault's, where core puts what it lends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/inside.h"
#include "wire_meet.h"

#define TURNS 20

static struct {
	struct loop *loop;
	struct wire_peer *quiet, *other;
	size_t taken;
	size_t closed;
} pair;

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

TAKES(take_unlend, wire_vault_unlend)
{
	(void)in;
	pair.taken++;
}

TAKES(take_granted, wire_vault_granted)
{
	(void)in;
	pair.taken++;
}

/* NOLINTEND(readability-non-const-parameter) */

static const struct wire_handler of_vault[] = {
	{ WIRE_VAULT_UNLEND, take_unlend },
};
static const struct wire_handler of_core[] = {
	{ WIRE_VAULT_GRANTED, take_granted },
};

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)why;
	assert_ptr_equal(peer, pair.quiet);
	pair.closed++;
}

static int
begin(void **state)
{
	struct wire_end vault = { .self = PART_VAULT,
		.other = PART_CORE,
		.handlers = of_vault,
		.count = COUNT(of_vault),
		.closed = closed };
	struct wire_end core = { .self = PART_CORE,
		.other = PART_VAULT,
		.handlers = of_core,
		.count = COUNT(of_core),
		.closed = closed };
	struct err e = { 0 };
	int fds[2];

	(void)state;
	memset(&pair, 0, sizeof(pair));
	pair.loop = loop_new();
	assert_int_equal(wire_pair(fds, &e), 0);
	pair.quiet = wire_meet(pair.loop, fds[0], &vault);
	pair.other = wire_meet(pair.loop, fds[1], &core);
	wire_quiet(pair.quiet);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	wire_peer_free(pair.quiet);
	wire_peer_free(pair.other);
	loop_free(pair.loop);
	return 0;
}

static void
turns(void)
{
	for (int n = 0; n < TURNS; n++) {
		loop_turn(pair.loop, 1000);
	}
}

static void
say(size_t count)
{
	struct wire_vault_unlend back = { .cell = 1, .count = 1 };

	while (count--) {
		assert_true(wire_offer(pair.other, WIRE_VAULT_UNLEND, &back));
	}
}

static void
what_comes_waits_until_it_is_asked_for(void **state)
{
	(void)state;
	say(3);
	turns();
	assert_int_equal(pair.taken, 0);
	wire_poll(pair.quiet);
	assert_int_equal(pair.taken, 3);
	say(1);
	turns();
	assert_int_equal(pair.taken, 3);
}

/* However much the system gives a socket by default. */
static void
all_that_a_channel_holds_is_heard_at_once(void **state)
{
	struct wire_vault_unlend back = { .cell = 1, .count = 1 };
	size_t sent = 0;
	int room = 0;
	socklen_t size = sizeof(room);
	struct err e = { 0 };
	int fds[2];

	(void)state;
	while (wire_offer(pair.other, WIRE_VAULT_UNLEND, &back)) {
		sent++;
	}
	wire_poll(pair.quiet);
	assert_int_equal(pair.taken, sent);
	assert_int_equal(wire_pair(fds, &e), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
		    getsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &room, &size), 0);
		assert_int_equal(room, 2 * WIRE_CHANNEL_BYTES);
		assert_int_equal(close(fds[i]), 0);
	}
}

/* It waits for room to send, and takes nothing for it. */
static void
what_it_says_itself_goes_on(void **state)
{
	struct wire_vault_granted granted = { .number = 1 };
	size_t sent = 0;

	(void)state;
	say(1);
	while (wire_queued(pair.quiet) == 0) {
		wire_send(pair.quiet, WIRE_VAULT_GRANTED, &granted, NULL, 0);
		sent++;
	}
	for (int n = 0; n < 1000 && pair.taken < sent; n++) {
		loop_turn(pair.loop, 1000);
	}
	assert_int_equal(pair.taken, sent); /* at the other end */
	assert_int_equal(wire_queued(pair.quiet), 0);
	wire_poll(pair.quiet);
	assert_int_equal(pair.taken, sent + 1);
}

static void
that_the_other_has_gone_is_found_then_too(void **state)
{
	(void)state;
	say(1);
	wire_peer_free(pair.other);
	pair.other = NULL;
	turns();
	assert_int_equal(pair.closed, 0);
	wire_poll(pair.quiet);
	turns();
	assert_int_equal(pair.taken, 1);
	assert_int_equal(pair.closed, 1);
}

#define QUIET(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		QUIET(what_comes_waits_until_it_is_asked_for),
		QUIET(all_that_a_channel_holds_is_heard_at_once),
		QUIET(what_it_says_itself_goes_on),
		QUIET(that_the_other_has_gone_is_found_then_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
