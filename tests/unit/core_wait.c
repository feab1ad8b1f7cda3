/* SPDX-License-Identifier: Apache-2.0 */
/* A person's word between what he said and what counts, by core's own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_book_help.h"
#include "core_meet_help.h"
#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_run.h"

static struct {
	char folder[BOOK_FOLDER];
	struct core core;
	struct wire_peer *vault;        /* the far end */
	struct wire_vault_mac asked[4]; /* of it, in order */
	size_t count;
	char id[WAIT_ID_TEXT]; /* of what waits */
	struct id run;
	size_t told;        /* how often somebody heard what became of it */
	enum err_kind kind; /* that he heard last; 0: that it counts */
	char why[300];
	size_t checked;
	enum core_mac_end end; /* of the check that ended last */
} house;

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

TAKES(take_mac, wire_vault_mac)
{
	assert_true(house.count < COUNT(house.asked));
	house.asked[house.count++] = *in;
}

/* NOLINTEND(readability-non-const-parameter) */

static void
meet_vault(struct core *c)
{
	static const struct wire_handler of_vault[] = {
		{ WIRE_VAULT_MAC, take_mac },
	};

	house.vault =
	    core_meet_far(c, PART_VAULT, &c->vault, of_vault, COUNT(of_vault));
	c->vault_ready = true;
}

/* A request of a run waits for one operator. */
static void
put_wait(struct core *c)
{
	static const struct str surfaces[] = { { "cli", 3 } };
	struct wait_list *judge = wait_list_new(7);
	uint8_t random[WAIT_ID_RANDOM];
	struct wait_step step = { 0 };
	auto_arena a = { 0 };
	struct err e = { 0 };

	house.run = id_new();
	const struct wait_put put = {
		.kind = WAIT_APPROVAL,
		.subject = { .identity = STR("linux__server__payer_coworker"),
		    .tool = STR("pay"),
		    .run = str_of(house.run.text) },
		.asker = STR("linux__server__payer_coworker"),
		.gate = STR("gate.pay"),
		.hint = STR("pay"),
		.people = 1,
		.surfaces = surfaces,
		.surface_count = COUNT(surfaces),
		.now = wall_now(),
		.expires_us = 24LL * 60 * CLOCK_MINUTE,
	};

	random_bytes(random, sizeof(random));
	if (wait_put(judge, &a, &put, random, &step, &e)) {
		fail_msg("%s", e.text);
	}
	core_text(house.id, sizeof(house.id),
	    arena_printf(&a, STR_FMT, STR_ARG(step.id)).at);
	(void)core_wait_step(c, BOOK_WAIT_PUT, step.id, step.body, NULL);
}

static int
set_up(void **state)
{
	struct core *c = &house.core;

	(void)state;
	memset(&house, 0, sizeof(house));
	c->part.loop = loop_new_virtual();
	book_make(c, house.folder);
	meet_vault(c);
	put_wait(c);
	assert_int_equal(c->book.seq, 1);
	return 0;
}

static int
take_down(void **state)
{
	(void)state;
	wire_peer_free(house.vault);
	wire_peer_free(house.core.vault);
	book_remove(&house.core, house.folder);
	return 0;
}

static void
settle(void)
{
	loop_advance(house.core.part.loop, 0);
}

static const struct wait_item *
item(void)
{
	const struct wait_item *w =
	    wait_find(house.core.waits, str_of(house.id));

	assert_non_null(w);
	return w;
}

static void
told(struct core *c, uint64_t number, const struct wait_item *w,
    const struct err *e)
{
	(void)c;
	assert_int_equal(number, 77);
	assert_true((w != NULL) != (e != NULL));
	house.told++;
	house.kind = e ? e->kind : 0;
	core_text(house.why, sizeof(house.why), e ? e->text : "");
}

/* 0: it is on its way. */
static int
says(const char *who, bool yes, struct err *e)
{
	char reason[] = "not this one";
	const struct core_word word = {
		.say = { .id = str_of(house.id),
		    .yes = yes,
		    .principal = str_of(who),
		    .surface = STR("cli"),
		    .reason = yes ? STR("") : str_of(reason),
		    .now = wall_now() },
		.number = 77,
		.told = told,
	};
	int failed = core_wait_say_to(&house.core, &word, e);

	memset(reason, '-', sizeof(reason) - 1); /* its own no more */
	settle();
	return failed;
}

/* The vault answers its n-th question. */
static void
seals(size_t n, bool good)
{
	struct wire_vault_maced said = {
		.id = house.asked[n].id,
		.good = good,
		.mac = { { 5 } },
	};

	assert_true(n < house.count);
	core_vault_maced(&house.core, NULL, &said, NULL, 0);
	settle();
}

/* Nothing was decided, and nothing written of it. */
static void
is_open(void)
{
	assert_int_equal(item()->state, WAIT_OPEN);
	assert_int_equal(house.core.book.seq, 1);
}

static void
a_word_counts_when_the_vault_has_sealed_it(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(says("ada", true, &e), 0);
	assert_int_equal(house.count, 1);
	assert_int_equal(house.asked[0].check, 0);
	assert_int_equal(house.told, 0);
	is_open();
	seals(0, true);
	assert_int_equal(item()->state, WAIT_APPROVED);
	assert_int_equal(house.core.book.seq, 2);
	assert_int_equal(house.told, 1);
	assert_int_equal(house.kind, 0);
	assert_true(item()->said[0].sealed);
	assert_int_equal(item()->said[0].mac[0], 5);
}

static void
a_word_that_the_vault_did_not_seal_decides_nothing(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(says("ada", true, &e), 0);
	seals(0, false);
	is_open();
	assert_int_equal(house.told, 1);
	assert_int_equal(house.kind, ERR_UNAVAILABLE);
	assert_non_null(strstr(house.why, "say it again"));
	/* One that ended meanwhile has sealed none, either. */
	assert_int_equal(says("ada", true, &e), 0);
	core_macs_gone(&house.core);
	is_open();
	assert_int_equal(house.told, 2);
	assert_int_equal(house.kind, ERR_UNAVAILABLE);
	assert_null(house.core.macs);
}

static void
without_a_vault_nothing_is_decided(void **state)
{
	struct err e = { 0 };

	(void)state;
	house.core.vault_ready = false;
	assert_int_equal(says("ada", true, &e), -1);
	assert_int_equal(e.kind, ERR_UNAVAILABLE);
	assert_non_null(strstr(e.text, "nothing is decided"));
	assert_null(house.core.macs);
	assert_int_equal(house.told, 0);
	is_open();
}

/* Who was sealed first, not who asked first. */
static void
of_two_words_at_once_the_first_counts(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(says("ada", true, &e), 0);
	assert_int_equal(says("bob", false, &e), 0);
	assert_int_equal(house.count, 2);
	seals(1, true);
	assert_int_equal(item()->state, WAIT_DENIED);
	assert_true(str_eq_z(item()->by, "bob"));
	assert_true(str_eq_z(item()->reason, "not this one"));
	assert_int_equal(house.kind, 0);
	seals(0, true);
	assert_int_equal(item()->state, WAIT_DENIED);
	assert_true(str_eq_z(item()->by, "bob"));
	assert_int_equal(house.core.book.seq, 2);
	assert_int_equal(house.told, 2);
	assert_int_equal(house.kind, ERR_CONFLICT);
}

static void
an_answer_is_of_one_question(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(says("ada", true, &e), 0);
	house.asked[0].id += 1000;
	seals(0, true);
	is_open();
	house.asked[0].id -= 1000;
	seals(0, true);
	seals(0, true); /* nobody waits for that any more */
	assert_int_equal(house.told, 1);
	assert_int_equal(house.core.book.seq, 2);
}

static void
the_end_of_a_run_ends_what_is_open_and_no_decision(void **state)
{
	struct core *c = &house.core;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(says("ada", true, &e), 0);
	seals(0, true);
	core_waits_cancel(c, str_of(house.run.text));
	assert_int_equal(c->book.seq, 2);
	put_wait(c);
	assert_int_equal(c->book.seq, 3);
	core_waits_cancel(c, str_of(house.run.text));
	assert_int_equal(c->book.seq, 4);
	/* A word that comes behind it decides nothing. */
	assert_int_equal(says("ada", true, &e), -1);
	assert_int_equal(c->book.seq, 4);
}

static void
is_checked(struct core *c, struct core_mac *job, enum core_mac_end end)
{
	(void)c;
	assert_true(str_eq_z(job->id, house.id));
	house.checked++;
	house.end = end;
}

static void
a_decision_is_believed_by_the_word_of_the_vault(void **state)
{
	struct core *c = &house.core;
	struct err e = { 0 };

	(void)state;
	/* What nobody said, nobody has sealed. */
	core_mac_check(c, item(), is_checked, 1);
	assert_int_equal(house.checked, 1);
	assert_int_equal(house.end, CORE_MAC_BAD);
	assert_int_equal(says("ada", true, &e), 0);
	seals(0, true);
	for (size_t good = 0; good < 2; good++) {
		core_mac_check(c, item(), is_checked, 1);
		settle();
		assert_int_equal(house.count, 2 + good);
		assert_int_equal(house.asked[1 + good].check, 1);
		assert_int_equal(house.asked[1 + good].count, 1);
		assert_int_equal(house.asked[1 + good].mac[0][0], 5);
		assert_int_equal(house.checked, 1 + good);
		seals(1 + good, good);
		assert_int_equal(house.checked, 2 + good);
		assert_int_equal(
		    house.end, good ? CORE_MAC_GOOD : CORE_MAC_BAD);
	}
	/* A vault that is away is waited for. */
	c->vault_ready = false;
	core_mac_check(c, item(), is_checked, 1);
	core_macs_gone(c);
	settle();
	assert_int_equal(house.checked, 3);
	c->vault_ready = true;
	core_macs_again(c);
	settle();
	seals(3, true);
	assert_int_equal(house.checked, 4);
	/* A word without a seal is none. */
	struct wait_item bare = *item();
	struct wait_said said = bare.said[0];

	said.sealed = false;
	bare.said = &said;
	core_mac_check(c, &bare, is_checked, 1);
	assert_int_equal(house.checked, 5);
	assert_int_equal(house.end, CORE_MAC_BAD);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(a_word_counts_when_the_vault_has_sealed_it),
		TEST(a_word_that_the_vault_did_not_seal_decides_nothing),
		TEST(without_a_vault_nothing_is_decided),
		TEST(of_two_words_at_once_the_first_counts),
		TEST(an_answer_is_of_one_question),
		TEST(the_end_of_a_run_ends_what_is_open_and_no_decision),
		TEST(a_decision_is_believed_by_the_word_of_the_vault),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
