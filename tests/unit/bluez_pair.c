/* SPDX-License-Identifier: Apache-2.0 */
/* Bonds: only by a passkey that somebody read.  With the stand-in of BlueZ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bluez/bluez.h"
#include "bluez/world.h"

/* Who sits before both, and what came of it. */
struct somebody {
	int enters; /* -1: nothing */
	bool agrees;
	uint32_t saw;
	uint32_t compared;
	unsigned asked;
	int stays; /* through so many looks; -1: to the end */
};

static int
enters(void *owner, uint32_t *passkey)
{
	struct somebody *s = owner;

	s->asked++;
	*passkey = (uint32_t)s->enters;
	return s->enters < 0 ? -1 : 0;
}

static void
sees(void *owner, uint32_t passkey)
{
	struct somebody *s = owner;

	s->saw = passkey;
}

static bool
compares(void *owner, uint32_t passkey)
{
	struct somebody *s = owner;

	s->compared = passkey;
	return s->agrees;
}

static bool
leaves(void *owner)
{
	struct somebody *s = owner;

	s->stays -= s->stays > 0;
	return s->stays == 0;
}

struct rig {
	struct world world;
	struct bluez *z;
	struct somebody somebody;
	struct err e;
	int result;
};

static void
begin(struct rig *r, const char *const *how)
{
	struct err e = { 0 };

	*r = (struct rig){ .somebody = {
		               .enters = 47109, .agrees = true, .stays = -1 } };
	world_begin(&r->world, how);
	if (bluez_open(&r->z, &e)) {
		fail_msg("%s", e.text);
	}
}

static void
end(struct rig *r)
{
	bluez_free(r->z);
	world_over(&r->world);
}

static void
pair(struct rig *r)
{
	const struct bluez_person person = { enters, sees, compares, leaves,
		&r->somebody };

	r->e = (struct err){ 0 };
	r->result = bluez_pair(r->z, WORLD_ADDRESS, &person, &r->e);
}

#define NEW "paired=0", "bonded=0"
#define NEEDS_A_BUS()               \
	do {                        \
		if (!world_can()) { \
			skip();     \
		}                   \
	} while (0)

static void
is_paired(struct rig *r)
{
	if (r->result) {
		fail_msg("%s", r->e.text);
	}
	world_hears(&r->world, "bonded");
	world_hears(&r->world, "set Trusted 1");
}

static void
the_digits_that_the_device_shows_are_entered_here(void **state)
{
	static const char *const how[] = { NEW, "known=0", NULL };
	struct rig r;

	(void)state;
	NEEDS_A_BUS();
	begin(&r, how);
	pair(&r);
	assert_int_equal(r.somebody.asked, 1);
	world_hears(&r.world, "filter le"); /* it was listened for */
	world_hears(&r.world, "agent KeyboardDisplay");
	is_paired(&r);
	end(&r);
}

static void
digits_that_the_device_takes_are_shown_here(void **state)
{
	static const char *const how[] = { NEW, "capability=keyboard", NULL };
	struct rig r;

	(void)state;
	NEEDS_A_BUS();
	begin(&r, how);
	pair(&r);
	assert_int_equal(r.somebody.saw, 47109);
	is_paired(&r);
	end(&r);
}

static void
digits_on_both_are_compared(void **state)
{
	static const char *const how[] = { NEW, "capability=yesno", NULL };
	struct rig r;

	(void)state;
	NEEDS_A_BUS();
	begin(&r, how);
	r.somebody.agrees = false;
	pair(&r);
	assert_int_equal(r.result, -1);
	world_hears(&r.world, "refused org.bluez.Error.Rejected");
	r.somebody.agrees = true;
	pair(&r);
	assert_int_equal(r.somebody.compared, 47109);
	is_paired(&r);
	end(&r);
}

static void
without_a_passkey_nothing_is_bonded(void **state)
{
	static const char *const nothing[] = { NEW, "capability=nothing",
		NULL };
	static const char *const pin[] = { NEW, "capability=pin", NULL };
	static const char *const other[] = { NEW, "legacy=1", NULL };
	static const char *const *const all[] = { nothing, pin, other };
	struct rig r;

	(void)state;
	NEEDS_A_BUS();
	for (size_t i = 0; i < COUNT(all); i++) {
		begin(&r, all[i]);
		pair(&r);
		assert_int_equal(r.result, -1);
		assert_non_null(strstr(r.e.text, "not paired"));
		assert_int_equal(r.somebody.asked, 0);
		world_hears(&r.world, "refused org.bluez.Error.Rejected");
		end(&r);
	}
}

static void
a_bond_that_nobody_proved_is_taken_back(void **state)
{
	static const char *const how[] = { NEW, "capability=silent", NULL };
	struct rig r;

	(void)state;
	NEEDS_A_BUS();
	begin(&r, how);
	pair(&r);
	assert_int_equal(r.result, -1);
	assert_int_equal(r.e.kind, ERR_DENIED);
	assert_non_null(strstr(r.e.text, "without a passkey"));
	world_hears(&r.world, "removed");
	end(&r);
}

static void
a_bond_behind_a_pairing_that_failed_is_taken_back(void **state)
{
	static const char *const how[] = { NEW, "capability=fails", NULL };
	struct rig r;

	(void)state;
	NEEDS_A_BUS();
	begin(&r, how);
	pair(&r);
	assert_int_equal(r.result, -1);
	assert_int_equal(r.e.kind, ERR_DENIED);
	assert_non_null(strstr(r.e.text, "Page Timeout"));
	assert_non_null(strstr(r.e.text, "taken back"));
	world_hears(&r.world, "removed");
	end(&r);
}

/* It comes about while it is being cancelled. */
static void
a_bond_behind_a_pairing_that_was_left_is_taken_back(void **state)
{
	static const char *const how[] = { NEW, "capability=late", NULL };
	struct rig r;

	(void)state;
	NEEDS_A_BUS();
	begin(&r, how);
	r.somebody.stays = 4;
	pair(&r);
	assert_int_equal(r.result, -1);
	assert_non_null(strstr(r.e.text, "broken off"));
	assert_non_null(strstr(r.e.text, "taken back"));
	world_hears(&r.world, "cancelled");
	world_hears(&r.world, "bonded");
	world_hears(&r.world, "removed");
	end(&r);
}

static void
whoever_leaves_before_it_is_near_begins_nothing(void **state)
{
	static const char *const how[] = { NEW, "known=0", "near=0", NULL };
	struct rig r;

	(void)state;
	NEEDS_A_BUS();
	begin(&r, how);
	r.somebody.stays = 1;
	pair(&r);
	assert_int_equal(r.result, -1);
	assert_string_equal(r.e.text, "it was broken off");
	end(&r);
}

static void
a_bond_that_cannot_be_taken_back_is_told_of(void **state)
{
	static const char *const silent[] = { NEW, "capability=silent",
		"stuck=1", NULL };
	static const char *const fails[] = { NEW, "capability=fails", "stuck=1",
		NULL };
	static const char *const *const all[] = { silent, fails };
	struct rig r;

	(void)state;
	NEEDS_A_BUS();
	for (size_t i = 0; i < COUNT(all); i++) {
		begin(&r, all[i]);
		pair(&r);
		assert_int_equal(r.result, -1);
		assert_non_null(strstr(
		    r.e.text, "`handrail buddy unpair " WORLD_ADDRESS "`"));
		assert_non_null(strstr(r.e.text, "Busy"));
		end(&r);
	}
}

static void
nobody_but_bluez_is_told_the_digits(void **state)
{
	static const char *const how[] = { NEW, "capability=foreign", NULL };
	struct rig r;

	(void)state;
	NEEDS_A_BUS();
	begin(&r, how);
	pair(&r);
	assert_int_equal(r.somebody.asked, 1);
	world_hears(&r.world, "foreign org.bluez.Error.Rejected");
	is_paired(&r);
	end(&r);
}

static void
wrong_digits_and_none_bond_nothing(void **state)
{
	static const char *const how[] = { NEW, NULL };
	struct rig r;

	(void)state;
	NEEDS_A_BUS();
	begin(&r, how);
	r.somebody.enters = 47108;
	pair(&r);
	assert_int_equal(r.result, -1);
	assert_non_null(strstr(r.e.text, "Authentication Failed"));
	r.somebody.enters = -1;
	pair(&r);
	assert_int_equal(r.result, -1);
	world_hears(&r.world, "refused org.bluez.Error.Rejected");
	r.somebody.enters = 47109;
	pair(&r);
	is_paired(&r);
	end(&r);
}

static void
a_bond_that_is_there_is_not_taken_for_proved(void **state)
{
	struct rig r;

	(void)state;
	NEEDS_A_BUS();
	begin(&r, NULL);
	pair(&r);
	assert_int_equal(r.result, -1);
	assert_int_equal(r.e.kind, ERR_CONFLICT);
	assert_int_equal(bluez_forget(r.z, WORLD_ADDRESS, &r.e), 0);
	world_hears(&r.world, "removed");
	assert_int_equal(bluez_forget(r.z, WORLD_ADDRESS, &r.e), -1);
	assert_int_equal(r.e.kind, ERR_MISSING);
	end(&r);
}

static void
count(void *owner, const struct bluez_found *found)
{
	unsigned *seen = owner;

	assert_string_equal(found->address, WORLD_ADDRESS);
	*seen += found->bonded ? 100 : 1;
}

static void
a_look_tells_of_ours_and_of_no_neighbour(void **state)
{
	static const char *const new[] = { NEW, NULL };
	static const char *const renamed[] = { "name=Desk", NULL };
	static const char *const foreign[] = { NEW, "name=Desk", NULL };
	unsigned seen = 0;
	struct rig r;

	(void)state;
	NEEDS_A_BUS();
	begin(&r, new);
	assert_int_equal(bluez_look(r.z, 1000, count, &seen, &r.e), 0);
	assert_int_equal(seen, 1);
	end(&r);
	begin(&r, renamed);
	assert_int_equal(bluez_look(r.z, 1000, count, &seen, &r.e), 0);
	assert_int_equal(seen, 101);
	end(&r);
	begin(&r, foreign);
	assert_int_equal(bluez_look(r.z, 1000, count, &seen, &r.e), 0);
	assert_int_equal(seen, 101);
	end(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_digits_that_the_device_shows_are_entered_here),
		cmocka_unit_test(digits_that_the_device_takes_are_shown_here),
		cmocka_unit_test(digits_on_both_are_compared),
		cmocka_unit_test(without_a_passkey_nothing_is_bonded),
		cmocka_unit_test(a_bond_that_nobody_proved_is_taken_back),
		cmocka_unit_test(
		    a_bond_behind_a_pairing_that_failed_is_taken_back),
		cmocka_unit_test(
		    a_bond_behind_a_pairing_that_was_left_is_taken_back),
		cmocka_unit_test(
		    whoever_leaves_before_it_is_near_begins_nothing),
		cmocka_unit_test(a_bond_that_cannot_be_taken_back_is_told_of),
		cmocka_unit_test(nobody_but_bluez_is_told_the_digits),
		cmocka_unit_test(wrong_digits_and_none_bond_nothing),
		cmocka_unit_test(a_bond_that_is_there_is_not_taken_for_proved),
		cmocka_unit_test(a_look_tells_of_ours_and_of_no_neighbour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
