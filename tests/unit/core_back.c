/* SPDX-License-Identifier: Apache-2.0 */
/* What core takes back from a vault that does not read, by core's own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parts/core_back.h"
#include "parts/core_egress.h"
#include "parts/core_vault.h"
#include "wire_meet.h"

static struct house {
	struct core core;
	struct wire_peer
	    *vault; /* the other end; it reads when it is told to */
	struct wire_peer *back;
	size_t unlent[2];              /* on the first channel, on the second */
	bool said[1024];               /* of this number */
	struct wire_vault_revoke over; /* the last */
	size_t closed;
} house;

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

/* NOLINTNEXTLINE(readability-non-const-parameter): a handler */
static void
take_unlend(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_vault_unlend *in = record;

	(void)owner;
	(void)fds;
	(void)nfds;
	house.unlent[peer == house.back]++;
	assert_in_range(in->count, 1, WIRE_TOGETHER);
	for (size_t n = 0; n < in->count && in->number[n] < 1024; n++) {
		house.said[in->number[n]] = true;
	}
}

TAKES(take_revoke, wire_vault_revoke)
{
	house.over = *in;
}

TAKES(take_other, wire_vault_sign)
{
	(void)in;
}

/* NOLINTEND(readability-non-const-parameter) */

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)why;
	house.closed += peer == house.core.vault;
}

static wire_take_fn take_back;
static const struct wire_handler handlers[] = {
	{ WIRE_VAULT_UNLEND, take_unlend },
	{ WIRE_VAULT_REVOKE, take_revoke },
	{ WIRE_VAULT_SIGN, take_other },
	{ WIRE_VAULT_BACK, take_back },
};

static struct wire_peer *
meet(enum part self, enum part other, int fd)
{
	struct wire_end end = {
		.self = self,
		.other = other,
		.handlers = self == PART_VAULT ? handlers : NULL,
		.count = self == PART_VAULT ? COUNT(handlers) : 0,
		.closed = closed,
	};

	return wire_meet(house.core.part.loop, fd, &end);
}

static void
take_back(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	(void)owner;
	(void)peer;
	(void)record;
	assert_int_equal(nfds, 1);
	house.back = meet(PART_VAULT, PART_CORE, take_fd(&fds[0]));
}

static int
begin(void **state)
{
	struct core *c = &house.core;
	struct err e = { 0 };
	int fds[2];

	(void)state;
	memset(&house, 0, sizeof(house));
	c->part.loop = loop_new();
	assert_int_equal(wire_pair(fds, &e), 0);
	c->vault = meet(PART_CORE, PART_VAULT, fds[0]);
	house.vault = meet(PART_VAULT, PART_CORE, fds[1]);
	c->vault_ready = true;
	core_back_join(c);
	wire_poll(house.vault);
	assert_non_null(house.back);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	core_back_gone(&house.core);
	wire_peer_free(house.core.vault);
	wire_peer_free(house.back);
	wire_peer_free(house.vault);
	loop_free(house.core.part.loop);
	return 0;
}

static void
take(uint64_t number)
{
	struct wire_vault_unlend back = {
		.cell = 1, .count = 1, .number = { number }
	};

	core_back(&house.core, WIRE_VAULT_UNLEND, &back);
}

static void
fill(void)
{
	struct wire_vault_sign other = { .id = 1 };

	while (wire_offer(house.core.vault, WIRE_VAULT_SIGN, &other)) {
	}
}

static void
what_fits_goes_the_one_way(void **state)
{
	(void)state;
	take(1);
	wire_poll(house.back);
	assert_int_equal(house.unlent[1], 0);
	wire_poll(house.vault);
	assert_int_equal(house.unlent[0], 1);
}

static void
what_does_not_fit_is_there_at_once_on_the_other(void **state)
{
	(void)state;
	fill();
	take(1);
	take(2);
	/* Nobody has turned core's loop. */
	wire_poll(house.vault);
	assert_int_equal(house.unlent[0], 0);
	wire_poll(house.back);
	assert_int_equal(house.unlent[1], 2);
	/* And in its place, when there is room. */
	for (int n = 0; n < 1000 && house.unlent[0] < 2; n++) {
		loop_turn(house.core.part.loop, 1000);
	}
	assert_int_equal(house.unlent[0], 2);
	assert_int_equal(house.closed, 0);
}

/* Else the vault would lend it to whoever keeps a handshake open, or none of
 * the value that follows. */
static void
a_value_that_is_over_is_named_by_its_version(void **state)
{
	struct core_credential k = { .name = "alpha", .version = 3 };

	(void)state;
	core_mark_over(&house.core, &k, NULL);
	wire_poll(house.vault);
	assert_string_equal(house.over.credential, "alpha");
	assert_int_equal(house.over.version, 3);
}

/* Until it may be said no more what the vault knows: then it knows nothing. */
static void
a_vault_that_reads_neither_is_ended(void **state)
{
	uint64_t number = 0;

	(void)state;
	fill();
	while (wire_peer_alive(house.core.vault) && number < 10000) {
		take(++number);
	}
	assert_false(wire_peer_alive(house.core.vault));
	wire_poll(house.vault);
	wire_poll(house.back);
	/* All but that which ended it were there. */
	assert_in_range(house.unlent[1], number - 1, number);
}

/* A house that ends: what two full cells were granted fits any socket. */
static void
what_is_over_together_is_said_together(void **state)
{
	struct core *c = &house.core;
	uint64_t last = 0;

	(void)state;
	c->draining = true;
	for (uint64_t n = 0; n < 512; n++) {
		struct core_intent *i = core_intent_new(c, 1 + n / 256, n);

		i->credential = STR("alpha");
		i->gone = true;
		last = i->number;
	}
	core_grants_over(c);
	core_grants_over(c); /* once is enough */
	wire_poll(house.vault);
	assert_int_equal(house.unlent[0], 2 * 256 / WIRE_TOGETHER);
	assert_int_equal(house.unlent[1], 0);
	for (uint64_t n = last - 511; n <= last; n++) {
		assert_true(house.said[n]);
	}
	while (c->intents) {
		core_intent_free(c, c->intents);
	}
}

#define BACK(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BACK(what_fits_goes_the_one_way),
		BACK(what_does_not_fit_is_there_at_once_on_the_other),
		BACK(a_value_that_is_over_is_named_by_its_version),
		BACK(a_vault_that_reads_neither_is_ended),
		BACK(what_is_over_together_is_said_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
