/* SPDX-License-Identifier: Apache-2.0 */
/* What core lends and lets go, by core's own code: nobody is woken for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "parts/core.h"
#include "parts/core_ca.h"
#include "parts/core_cell.h"
#include "parts/core_egress.h"
#include "parts/core_http.h"
#include "wire_meet.h"

static struct house {
	struct core core;
	struct core_cell cell, beside;
	struct core_credential credential, other;
	struct core_credential_seen seen, other_seen;
	struct policy_egress rule;
	struct core_run run;
	/* the other ends; each reads when it is told to */
	struct wire_peer *vault, *lends, *egress, *egress_beside;
	size_t grants;
	size_t rows;
	size_t lent;
	uint64_t last_lent;
	size_t lent_before_row;
	size_t unlent;
	uint64_t last_unlent;
	size_t told; /* whoever asked for one of core's own */
	size_t gone;
	struct wire_go_also each[2 * WIRE_TOGETHER]; /* that has gone */
} house;

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

TAKES(take_grant, wire_vault_grant)
{
	(void)in;
	house.grants++;
}

TAKES(take_unlend, wire_vault_unlend)
{
	house.unlent += in->count;
	house.last_unlent = in->number[0];
}

TAKES(take_row, wire_vault_row)
{
	(void)in;
	house.rows++;
}

TAKES(take_lend, wire_vault_lend)
{
	house.lent++;
	house.lent_before_row += house.rows == 0;
	house.last_lent = in->number[in->count - 1];
}

static void
one_has_gone(uint64_t id, uint64_t grant)
{
	assert_in_range(house.gone, 0, COUNT(house.each) - 1);
	house.each[house.gone++] = (struct wire_go_also){ id, grant };
}

TAKES(take_go, wire_going)
{
	one_has_gone(in->go.id, in->go.grant);
	for (size_t n = 0; n < in->count; n++) {
		one_has_gone(in->also[n].id, in->also[n].grant);
	}
}

/* NOLINTEND(readability-non-const-parameter) */

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)peer;
	fail_msg("%s", why->text);
}

static wire_take_fn take_lends;
static const struct wire_handler of_vault[] = {
	{ WIRE_VAULT_LENDS, take_lends },
	{ WIRE_VAULT_GRANT, take_grant },
	{ WIRE_VAULT_UNLEND, take_unlend },
};
static const struct wire_handler of_lends[] = {
	{ WIRE_VAULT_ROW, take_row },
	{ WIRE_VAULT_LEND, take_lend },
};
static const struct wire_handler of_egress[] = {
	{ WIRE_GO, take_go },
};

static struct wire_peer *
meet(enum part self, enum part other, int fd,
    const struct wire_handler *handlers, size_t count)
{
	struct wire_end end = { .self = self,
		.other = other,
		.handlers = handlers,
		.count = count,
		.owner = &house.cell,
		.closed = closed };

	return wire_meet(house.core.part.loop, fd, &end);
}

static void
take_lends(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	(void)owner;
	(void)peer;
	(void)record;
	assert_int_equal(nfds, 1);
	house.lends = meet(
	    PART_VAULT, PART_CORE, take_fd(&fds[0]), of_lends, COUNT(of_lends));
}

static int
begin(void **state)
{
	struct core *c = &house.core;
	struct core_credential *k = &house.credential;
	struct err e = { 0 };
	int vault[2];
	int egress[2];
	int beside[2];

	(void)state;
	memset(&house, 0, sizeof(house));
	c->part.loop = loop_new();
	assert_int_equal(wire_pair(vault, &e), 0);
	assert_int_equal(wire_pair(egress, &e), 0);
	assert_int_equal(wire_pair(beside, &e), 0);
	c->vault = meet(PART_CORE, PART_VAULT, vault[0], NULL, 0);
	house.vault =
	    meet(PART_VAULT, PART_CORE, vault[1], of_vault, COUNT(of_vault));
	house.cell = (struct core_cell){ .core = c, .number = 7 };
	house.cell.egress = meet(PART_CORE, PART_EGRESS, egress[0],
	    core_egress_handlers, core_egress_handler_count);
	house.egress = meet(
	    PART_EGRESS, PART_CORE, egress[1], of_egress, COUNT(of_egress));
	house.beside = (struct core_cell){ .core = c, .number = 8 };
	house.beside.egress = meet(PART_CORE, PART_EGRESS, beside[0], NULL, 0);
	house.egress_beside = meet(
	    PART_EGRESS, PART_CORE, beside[1], of_egress, COUNT(of_egress));
	c->cells = &house.cell;
	house.cell.next = &house.beside;
	core_text(k->name, sizeof(k->name), "alpha");
	core_text(k->hosts, sizeof(k->hosts), "good.test");
	k->version = 1;
	buf_add(&k->row, STR("a sealed row"));
	c->credentials = k;
	core_text(house.seen.name, sizeof(house.seen.name), "alpha");
	house.seen.version = 1;
	c->book.credentials = &house.seen;
	house.other = *k;
	house.other.row = (struct buf){ 0 };
	core_text(house.other.name, sizeof(house.other.name), "beta");
	buf_add(&house.other.row, STR("another sealed row"));
	k->next = &house.other;
	core_text(house.other_seen.name, sizeof(house.other_seen.name), "beta");
	house.other_seen.version = 1;
	house.seen.next = &house.other_seen;
	house.run = (struct core_run){ .number = 3, .phase = RUN_ACTING };
	c->runs = &house.run;
	c->vault_ready = true;
	core_going_join(c);
	wire_poll(house.vault);
	assert_non_null(house.lends);
	return 0;
}

static int
end(void **state)
{
	struct core *c = &house.core;

	(void)state;
	while (c->intents) {
		core_intent_free(c, c->intents);
	}
	core_going_vault_gone(c);
	free(c->going);
	wire_peer_free(c->vault);
	wire_peer_free(house.cell.egress);
	wire_peer_free(house.beside.egress);
	wire_peer_free(house.vault);
	wire_peer_free(house.lends);
	wire_peer_free(house.egress);
	wire_peer_free(house.egress_beside);
	buf_fini(&house.credential.row);
	buf_fini(&house.other.row);
	while (c->intents_free) {
		struct core_intent *i = c->intents_free;

		c->intents_free = i->next;
		arena_fini(&i->arena);
		free(i);
	}
	loop_free(c->part.loop);
	return 0;
}

/* So many whose intents one commit has put on the disk; the last's number. */
static uint64_t
committed(size_t count)
{
	struct core *c = &house.core;
	uint64_t last = 0;

	while (count--) {
		struct core_intent *i = core_intent_new(c, 7, 1 + last);

		i->bounds = &house.rule;
		i->credential = STR("alpha");
		i->rule = STR("egress.good");
		i->port = 443;
		core_text(i->host, sizeof(i->host), "good.test");
		last = i->number;
		core_intent_committed(c, i->number);
	}
	core_going_send(c);
	return last;
}

static void
read_all(void)
{
	wire_poll(house.vault);
	wire_poll(house.lends);
	wire_poll(house.egress);
	wire_poll(house.egress_beside);
}

/* Nobody turned core's loop: all of it is there when the go is. */
static void
what_goes_was_lent_where_it_wakes_nobody(void **state)
{
	(void)state;
	uint64_t last = committed(3);

	wire_poll(house.egress);
	assert_int_equal(house.gone, 3);
	wire_poll(house.vault);
	assert_int_equal(house.grants, 0);
	wire_poll(house.lends);
	assert_int_equal(house.rows, 1);
	assert_int_equal(house.lent, 1);
	assert_int_equal(house.last_lent, last);
}

/* Of more than one record holds each goes once, by its own numbers. */
static void
each_of_many_goes_by_its_own_numbers(void **state)
{
	(void)state;
	uint64_t last = committed(WIRE_TOGETHER + 3);

	read_all();
	assert_int_equal(house.lent, 2);
	assert_int_equal(house.last_lent, last);
	assert_int_equal(house.gone, WIRE_TOGETHER + 3);
	for (size_t n = 1; n < house.gone; n++) {
		assert_true(house.each[n].id > house.each[n - 1].id);
		assert_true(house.each[n].grant > house.each[n - 1].grant);
	}
	assert_int_equal(house.each[house.gone - 1].grant, last);
}

/* One go says the same of all that it is of. */
enum { SAME, RULE, RUN, EPOCH, PORT, POLICY, HOST, CREDENTIAL, CELL, WAYS };

static void
commit_with(struct core *c, int what)
{
	static struct policy_egress other;
	struct core_intent *i =
	    core_intent_new(c, what == CELL ? 8 : 7, 1 + c->number);

	i->bounds = what == RULE ? &other : &house.rule;
	i->credential = what == CREDENTIAL ? STR("beta") : STR("alpha");
	i->run = what == RUN ? house.run.number : 0;
	i->epoch = what == EPOCH;
	i->port = what == PORT ? 8443 : 443;
	i->policy.bytes[0] = what == POLICY;
	core_text(
	    i->host, sizeof(i->host), what == HOST ? "also.test" : "good.test");
	core_intent_committed(c, i->number);
}

static void
what_differs_does_not_go_together(void **state)
{
	struct core *c = &house.core;

	(void)state;
	for (int what = SAME; what < WAYS; what++) {
		size_t lent = house.lent;

		commit_with(c, SAME);
		commit_with(c, what);
		core_going_send(c);
		read_all();
		assert_int_equal(house.lent - lent, what == SAME ? 1 : 2);
	}
	assert_int_equal(house.gone, 2 * WAYS);
	assert_int_equal(house.grants, 0);
}

/* It is granted by itself, and goes when the vault has said yes. */
static void
what_is_of_its_own_goes_alone(void **state)
{
	enum { TUNNEL, STALE, TAKEN, ALLOWED, ALL };
	struct core *c = &house.core;

	(void)state;
	for (int what = TUNNEL; what < ALL; what++) {
		struct core_intent *i = core_intent_new(c, 7, 1 + c->number);

		i->bounds = &house.rule;
		i->credential = STR("alpha");
		i->tunnel = what == TUNNEL;
		i->stale = what == STALE;
		i->use = what == TAKEN ? WIRE_USE_TAKEN : WIRE_USE_ACCESS;
		i->wait = what == ALLOWED ? STR("wait") : STR("");
		i->port = 443;
		core_text(i->host, sizeof(i->host), "good.test");
		core_intent_committed(c, i->number);
		core_going_send(c);
		read_all();
		assert_int_equal(house.grants, what + 1);
	}
	assert_int_equal(house.lent, 0);
	assert_int_equal(house.gone, 0);
}

/* P09: what the vault was given before is not lent in its stead. */
static void
another_row_or_binding_is_given_anew(void **state)
{
	struct core_credential *k = &house.credential;

	(void)state;
	(void)committed(1);
	(void)committed(1);
	read_all();
	assert_int_equal(house.rows, 1);
	buf_clear(&k->row);
	buf_add(&k->row, STR("a rotated row"));
	(void)committed(1);
	read_all();
	assert_int_equal(house.rows, 2);
	core_text(k->hosts, sizeof(k->hosts), "good.test also.test");
	(void)committed(1);
	read_all();
	assert_int_equal(house.rows, 3);
	assert_int_equal(house.lent, 4);
}

static void
a_row_that_is_not_on_the_disk_is_not_lent(void **state)
{
	(void)state;
	house.credential.settling = 5;
	(void)committed(2);
	read_all();
	assert_int_equal(house.lent, 0);
	assert_int_equal(house.grants, 0);
	assert_int_equal(house.gone, 0);
	assert_true(house.core.intents->parked);
}

static void
what_is_unfit_is_not_lent(void **state)
{
	enum { ARCHIVED, REFUSED, CLOSED, OLDER, ALL };
	struct core_credential *k = &house.credential;

	(void)state;
	for (int what = ARCHIVED; what < ALL; what++) {
		k->archived = what == ARCHIVED;
		core_text(k->refused, sizeof(k->refused),
		    what == REFUSED ? "it does not open" : "");
		core_text(k->closed, sizeof(k->closed),
		    what == CLOSED ? "no token for it any more" : "");
		house.seen.version = what == OLDER ? 2 : 1;
		(void)committed(1);
		wire_poll(house.vault);
		wire_poll(house.lends);
		assert_int_equal(house.lent, 0);
		assert_int_equal(house.grants, 0);
	}
}

/* It is granted alone where there is no second way to the vault, and not at all
 * where there is no vault. */
static void
without_a_way_to_the_vault_nothing_is_lent(void **state)
{
	struct core *c = &house.core;

	(void)state;
	c->vault_ready = false;
	(void)committed(2);
	read_all();
	assert_int_equal(house.lent + house.grants + house.gone, 0);
	for (const struct core_intent *i = c->intents; i; i = i->next) {
		assert_non_null(i->refusal);
	}
	c->vault_ready = true;
	core_going_vault_gone(c);
	(void)committed(2);
	wire_poll(house.vault);
	assert_int_equal(house.grants, 2);
	assert_int_equal(house.lent, 0);
}

static void
whose_egress_is_gone_does_not_go(void **state)
{
	(void)state;
	wire_peer_free(house.cell.egress);
	house.cell.egress = NULL;
	(void)committed(2);
	for (struct core_intent *i = house.core.intents; i; i = i->next) {
		assert_false(i->gone);
	}
}

/* What was decided by a policy that is no more does not go, and what went is
 * taken back. */
static void
another_policy_lets_nothing_go(void **state)
{
	struct core *c = &house.core;
	struct core_role role = { 0 };
	const struct core_intent *last = NULL;

	(void)state;
	house.cell.role = &role;
	for (size_t late = 0; late < 2; late++) {
		struct core_intent *i = core_intent_new(c, 7, 1 + c->number);

		i->bounds = &house.rule;
		i->credential = STR("alpha");
		i->said = "yes";
		i->policy = role.policy_digest;
		i->port = 443;
		core_text(i->host, sizeof(i->host), "good.test");
		if (!late) {
			role.policy_digest.bytes[0]++;
		}
		core_intent_committed(c, i->number);
		core_going_send(c);
		read_all();
		assert_int_equal(house.gone, late);
		last = i;
	}
	core_grants_over(c);
	assert_false(last->taken_back);
	role.policy_digest.bytes[0]++;
	core_grants_over(c);
	assert_true(last->taken_back);
}

/* The vault hears of it the other way, and is woken by that. */
static void
what_finds_no_room_is_granted_alone(void **state)
{
	(void)state;
	read_all();
	while (house.grants == 0 && house.core.number < 100000) {
		(void)committed(1);
		wire_poll(house.vault);
		wire_poll(house.egress);
	}
	assert_int_equal(house.grants, 1);
	wire_poll(house.lends);
	assert_int_equal(house.gone, house.core.number - 1);
	assert_int_equal(house.lent, house.core.number - 1);
	uint64_t last = committed(1);

	read_all();
	assert_int_equal(house.grants, 1);
	assert_int_equal(house.last_lent, last);
}

static void
a_row_that_found_no_room_is_given_again(void **state)
{
	struct wire_vault_lend other = { .cell = 9, .count = 1 };
	size_t others = 0;

	(void)state;
	house.rows = 1; /* what stands before it is not of it */
	while (wire_offer(house.core.vault_lends, WIRE_VAULT_LEND, &other)) {
		others++;
	}
	(void)committed(1);
	read_all();
	assert_int_equal(house.grants, 1);
	assert_int_equal(house.lent, others);
	house.rows = 0;
	(void)committed(1);
	read_all();
	assert_int_equal(house.grants, 1);
	assert_int_equal(house.rows, 1);
	assert_int_equal(house.lent, others + 1);
	assert_int_equal(house.lent_before_row, 0);
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static struct digest
given(struct core *c, const char *path)
{
	struct wire_go go = { 0 };
	struct digest d;
	struct err e = { 0 };
	int fd = -1;

	assert_int_equal(core_ca_put(c, path, NULL, &go, &fd, &e), 0);
	auto_close_fd(&fd);
	memcpy(d.bytes, go.ca, sizeof(d.bytes));
	return d;
}

static void
a_ca_that_changes_is_given_a_second_later_or_at_a_reload(void **state)
{
	static struct core c;
	char path[] = "/tmp/core-ca-XXXXXX";
	struct err e = { 0 };
	struct wire_go go = { 0 };
	int fd = mkstemp(path);

	(void)state;
	c.part.loop = loop_new_virtual();
	auto_close_fd(&fd);
	write_file(path, "one");
	assert_true(digest_eq(given(&c, path), digest_of(STR("one"))));
	write_file(path, "another");
	assert_true(digest_eq(given(&c, path), digest_of(STR("one"))));
	loop_advance(c.part.loop, CLOCK_SECOND);
	assert_true(digest_eq(given(&c, path), digest_of(STR("another"))));
	write_file(path, "of a reload");
	core_ca_look_again(&c);
	assert_true(digest_eq(given(&c, path), digest_of(STR("of a reload"))));
	assert_int_equal(remove(path), 0);
	loop_advance(c.part.loop, CLOCK_SECOND);
	assert_int_not_equal(core_ca_put(&c, path, NULL, &go, &fd, &e), 0);
	write_file(path, "back"); /* a failure is not kept */
	assert_true(digest_eq(given(&c, path), digest_of(STR("back"))));
	assert_int_equal(remove(path), 0);
	loop_free(c.part.loop);
}

/* --- what was granted and does not go ------------------------------------- */

static void
told(struct core *c, uint64_t number, const struct wire_http_done *head,
    struct str body)
{
	(void)c;
	(void)number;
	(void)head;
	(void)body;
	house.told++;
}

/* One whose grant the vault was asked for by itself. */
static struct core_intent *
granted_alone(uint64_t cell)
{
	struct core *c = &house.core;
	struct core_intent *i = core_intent_new(c, cell, 1 + c->number);

	i->bounds = &house.rule;
	i->tunnel = cell > 0;
	i->done = cell > 0 ? NULL : told;
	i->credential = STR("alpha");
	i->rule = STR("egress.good");
	i->run = house.run.number;
	i->on_record = true;
	i->port = 443;
	core_text(i->host, sizeof(i->host), "good.test");
	core_intent_committed(c, i->number);
	return i;
}

static void
say_granted(const struct core_intent *i, bool ok)
{
	struct wire_vault_granted granted = { .number = i->number, .ok = ok };

	core_vault_granted(&house.core, NULL, &granted, NULL, 0);
}

/* Every way that ends a request between its grant and its go. */
static void
a_grant_of_what_does_not_go_is_taken_back_at_once(void **state)
{
	enum { OVER, NO_CA, NO_CA_TOGETHER, GIVEN_UP, NO_EGRESS, NO_RUN, ALL };
	struct core *c = &house.core;

	(void)state;
	for (int what = OVER; what < ALL; what++) {
		struct core_intent *i =
		    granted_alone(what >= NO_EGRESS ? 0 : 7);
		struct wire_outcome left = { .id = i->id,
			.end = WIRE_OUTCOME_REFUSED };
		uint64_t number = i->number;

		read_all();
		house.run.settled = what == OVER;
		i->ca = what == NO_CA ? STR("/nowhere/ca.pem") : STR("");
		if (what == NO_CA_TOGETHER) {
			i->tunnel = false;
			i->ca = STR("/nowhere/ca.pem");
			core_intent_committed(c, number);
			core_going_send(c);
		} else if (what == GIVEN_UP) {
			wire_send(house.egress, WIRE_OUTCOME, &left, NULL, 0);
			wire_poll(house.cell.egress);
		} else if (what == NO_RUN) {
			core_run_requests_gone(c, &house.run);
		} else {
			say_granted(i, true);
		}
		house.run.settled = false;
		read_all();
		assert_int_equal(house.gone, 0);
		assert_int_equal(house.last_unlent, number);
		assert_int_equal(house.unlent, what + 1);
	}
	assert_int_equal(house.told, 1);
}

static void
what_goes_or_was_not_granted_is_not_taken_back(void **state)
{
	struct core_intent *i = granted_alone(7);

	(void)state;
	say_granted(i, true);
	i = granted_alone(7);
	house.run.settled = true;
	say_granted(i, false);
	read_all();
	assert_int_equal(house.gone, 1);
	assert_int_equal(house.unlent, 0);
}

#define GOING(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GOING(what_goes_was_lent_where_it_wakes_nobody),
		GOING(each_of_many_goes_by_its_own_numbers),
		GOING(what_differs_does_not_go_together),
		GOING(what_is_of_its_own_goes_alone),
		GOING(another_row_or_binding_is_given_anew),
		GOING(a_row_that_is_not_on_the_disk_is_not_lent),
		GOING(what_is_unfit_is_not_lent),
		GOING(without_a_way_to_the_vault_nothing_is_lent),
		GOING(whose_egress_is_gone_does_not_go),
		GOING(another_policy_lets_nothing_go),
		GOING(what_finds_no_room_is_granted_alone),
		GOING(a_row_that_found_no_room_is_given_again),
		GOING(a_grant_of_what_does_not_go_is_taken_back_at_once),
		GOING(what_goes_or_was_not_granted_is_not_taken_back),
		cmocka_unit_test(
		    a_ca_that_changes_is_given_a_second_later_or_at_a_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
