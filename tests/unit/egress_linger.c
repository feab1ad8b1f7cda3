/* SPDX-License-Identifier: Apache-2.0 */
/* An egress lingers while it waits for the world alone: what core, the vault
 * and the resolver do for it needs a processor, which it would take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "loop/inside.h"
#include "parts/egress.h"
#include "wire_meet.h"

#define CELL 7

static struct {
	struct egress egress;
	struct wire_peer *core, *vault, *resolver;
	size_t heard; /* by any of them */
} house;

/* NOLINTBEGIN(readability-non-const-parameter): a handler */
static void
heard(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	(void)owner;
	(void)peer;
	(void)record;
	(void)fds;
	(void)nfds;
	house.heard++;
}
/* NOLINTEND(readability-non-const-parameter) */

/* egress.c has it, and a main. */
int
egress_jail(const char *name, uid_t uid, bool own, struct err *e)
{
	(void)name;
	(void)uid;
	(void)own;
	return err_set(e, ERR_DENIED, "no test is jailed");
}

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)peer;
	fail_msg("%s", why->text);
}

static void
settle(void)
{
	loop_advance(house.egress.loop, CLOCK_SECOND);
}

static bool
lingers(void)
{
	const struct loop *loop = house.egress.loop;

	settle();
	return loop->may_linger(loop->linger_owner);
}

static struct wire_peer *
play(enum part self, int fd, const struct wire_handler *handlers, size_t count)
{
	struct wire_end end = { .self = self,
		.other = PART_EGRESS,
		.handlers = handlers,
		.count = count,
		.closed = closed };

	return wire_meet(house.egress.loop, fd, &end);
}

/* The vault and the resolver are given by core. */
static void
give_peers(void)
{
	static const struct wire_handler vault[] = {
		{ WIRE_REDEEM, heard },
		{ WIRE_MARK_ASK, heard },
	};
	static const struct wire_handler resolver[] = {
		{ WIRE_RESOLVE, heard },
	};
	const struct wire_attach attach = { .cell = CELL };
	int to_vault[2];
	int to_resolver[2];
	struct err e;

	assert_int_equal(wire_pair(to_vault, &e), 0);
	assert_int_equal(wire_pair(to_resolver, &e), 0);
	house.vault = play(PART_VAULT, to_vault[1], vault, COUNT(vault));
	house.resolver =
	    play(PART_RESOLVER, to_resolver[1], resolver, COUNT(resolver));
	wire_send(house.core, WIRE_EGRESS_PEERS, &attach,
	    (int[]){ to_vault[0], to_resolver[0] }, 2);
	settle();
	assert_non_null(house.egress.vault);
	assert_non_null(house.egress.resolver);
}

static int
set_up(void **state)
{
	static const struct wire_handler handlers[] = {
		{ WIRE_INTENT, heard },
		{ WIRE_INTENTS, heard },
		{ WIRE_OUTCOME, heard },
	};
	static const struct egress_host host;
	struct egress *g = &house.egress;
	struct wire_end end = { .self = PART_EGRESS,
		.other = PART_CORE,
		.handlers = egress_cell_handlers,
		.count = egress_cell_handler_count,
		.closed = closed,
		.owner = g };
	int fds[2];
	struct err e;

	(void)state;
	memset(&house, 0, sizeof(house));
	g->loop = loop_new_virtual();
	g->cell = CELL;
	assert_int_equal(wire_pair(fds, &e), 0);
	g->core = wire_meet(g->loop, fds[0], &end);
	house.core = play(PART_CORE, fds[1], handlers, COUNT(handlers));
	egress_proxy(g, &host);
	give_peers();
	assert_true(lingers());
	return 0;
}

static int
take_down(void **state)
{
	struct egress *g = &house.egress;

	(void)state;
	wire_peer_free(house.core);
	wire_peer_free(house.vault);
	wire_peer_free(house.resolver);
	wire_peer_free(g->core);
	wire_peer_free(g->vault);
	wire_peer_free(g->resolver);
	proxy_free(g->proxy);
	loop_free(g->loop);
	return 0;
}

/* As if it had left: the vault or the resolver, as its own end. */
static void
leave(struct wire_peer **peer)
{
	wire_peer_free(*peer);
	*peer = NULL;
}

static void
ask(const struct buf *own, size_t own_count)
{
	const struct proxy_intent i = { .id = 1,
		.method = "GET",
		.host = "good.test",
		.port = 443,
		.tls = true,
		.named = true,
		.path = "/",
		.query = "",
		.own_credentials = own_count > 0,
		.own = own,
		.own_count = own_count };

	egress_ops.intent(&house.egress, &i);
}

static void
refuse(void)
{
	const struct wire_refuse r = { .id = 1, .status = 403 };

	wire_send(house.core, WIRE_REFUSE, &r, NULL, 0);
}

static void
core_works_until_it_says_go_no_or_read(void **state)
{
	static const struct wire_going go = { .go = { .id = 1 } };
	const struct wire_read_body read = { .id = 1 };

	(void)state;
	ask(NULL, 0);
	assert_false(lingers());
	assert_int_equal(house.heard, 1);
	refuse();
	assert_true(lingers());
	ask(NULL, 0);
	assert_false(lingers());
	wire_send(house.core, WIRE_GO, &go, NULL, 0);
	assert_true(lingers());
	ask(NULL, 0);
	assert_false(lingers());
	wire_send(house.core, WIRE_READ_BODY, &read, NULL, 0);
	assert_true(lingers());
}

static void
the_resolver_works_until_it_has_answered_or_has_gone(void **state)
{
	const struct wire_resolved no = { .id = 1, .text = "no such name" };

	(void)state;
	egress_ops.resolve(&house.egress, 1, "good.test");
	egress_ops.resolve(&house.egress, 2, "good.test");
	assert_false(lingers());
	assert_int_equal(house.heard, 2);
	wire_send(house.resolver, WIRE_RESOLVED, &no, NULL, 0);
	assert_false(lingers());
	leave(&house.resolver);
	assert_true(lingers());
}

static void
the_vault_works_until_it_has_lent_or_has_gone(void **state)
{
	const struct wire_credential no = {
		.count = 1, .number = { 11 }, .text = "the grant is over"
	};

	(void)state;
	egress_ops.redeem(&house.egress, 1, 11, "good.test", 443);
	egress_ops.redeem(&house.egress, 2, 12, "good.test", 443);
	assert_false(lingers());
	assert_int_equal(house.heard, 1);
	wire_send(house.vault, WIRE_CREDENTIAL, &no, NULL, 0);
	assert_false(lingers());
	leave(&house.vault);
	assert_true(lingers());
}

/* Each is of its own grant, in whatever order the vault answers. */
static void
what_is_lent_is_of_the_request_whose_grant_it_names(void **state)
{
	struct wire_credential no = {
		.count = 1, .number = { 11 }, .text = "the grant is over"
	};

	(void)state;
	egress_ops.redeem(&house.egress, 1, 11, "good.test", 443);
	egress_ops.redeem(&house.egress, 2, 12, "good.test", 443);
	no.number[0] = 13; /* nobody asked for it */
	wire_send(house.vault, WIRE_CREDENTIAL, &no, NULL, 0);
	settle();
	assert_non_null(house.egress.open->next);
	no.number[0] = 11;
	wire_send(house.vault, WIRE_CREDENTIAL, &no, NULL, 0);
	settle();
	assert_int_equal(house.egress.open->grant, 12);
	assert_int_equal(house.egress.open->id, 2);
	assert_null(house.egress.open->next);
	leave(&house.vault);
	assert_true(lingers());
}

/* Core has spoken since, about another request. */
static void
the_vault_works_until_it_has_marked_what_a_cell_brought(void **state)
{
	const struct wire_mark_told told = { .id = 1 };
	auto_buf own = { 0 };

	(void)state;
	buf_add_z(&own, "a-key-of-its-own");
	ask(&own, 1);
	refuse();
	assert_false(lingers());
	wire_send(house.vault, WIRE_MARK_TOLD, &told, NULL, 0);
	assert_true(lingers());
	ask(&own, 1);
	refuse();
	assert_false(lingers());
	leave(&house.vault);
	assert_true(lingers());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    core_works_until_it_says_go_no_or_read, set_up, take_down),
		cmocka_unit_test_setup_teardown(
		    the_resolver_works_until_it_has_answered_or_has_gone,
		    set_up, take_down),
		cmocka_unit_test_setup_teardown(
		    the_vault_works_until_it_has_lent_or_has_gone, set_up,
		    take_down),
		cmocka_unit_test_setup_teardown(
		    what_is_lent_is_of_the_request_whose_grant_it_names, set_up,
		    take_down),
		cmocka_unit_test_setup_teardown(
		    the_vault_works_until_it_has_marked_what_a_cell_brought,
		    set_up, take_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
