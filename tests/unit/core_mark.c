/* SPDX-License-Identifier: Apache-2.0 */
/* Which values of before are known again, and for how long, by core's own code
 * and from its book. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_book_help.h"
#include "parts/core.h"
#include "parts/core_back.h"

#define PAST 16 /* of one name that are known */

static struct {
	char folder[BOOK_FOLDER];
	struct core core;
	struct core_credential credential;
} house;

static int
set_up(void **state)
{
	struct core_credential *k = &house.credential;

	(void)state;
	memset(&house, 0, sizeof(house));
	house.core.part.loop = loop_new_virtual();
	book_make(&house.core, house.folder);
	core_text(k->name, sizeof(k->name), "there");
	k->version = 1;
	house.core.credentials = k;
	return 0;
}

static void
forget(void)
{
	while (house.core.marks) {
		struct core_mark *m = house.core.marks;

		house.core.marks = m->next;
		free(m);
	}
}

static int
take_down(void **state)
{
	(void)state;
	forget();
	book_remove(&house.core, house.folder);
	return 0;
}

/* Of a value, and of what stands beside it; 0: there is none. */
static struct wire_marks
marks(uint8_t first, uint8_t second)
{
	struct wire_marks m = { .of = { { first }, { second } } };

	return m;
}

static void
holds(uint8_t first, uint8_t second)
{
	house.credential.marks = marks(first, second);
}

/* What another house would know that starts on this book. */
static void
start_again(void)
{
	struct err e = { 0 };

	assert_int_equal(core_commit_now(&house.core, &e), 0);
	forget();
	if (core_mark_load(&house.core, &e)) {
		fail_msg("%s", e.text);
	}
}

static bool
comes_back(uint8_t first, uint8_t second)
{
	const struct wire_marks m = marks(first, second);

	return core_mark_find(&house.core, &m) != NULL;
}

/* What is said of a request that brings it; "": it is nobody's. */
static const char *
said_of(uint8_t value)
{
	const struct wire_marks m = marks(value, 0);
	const char *text =
	    core_mark_says(&house.core, &house.core.house.arena, m.of[0]);

	return text ? text : "";
}

static void
what_a_person_ended_does_not_come_back(void **state)
{
	(void)state;
	holds(1, 2);
	core_mark_over(&house.core, &house.credential, NULL);
	for (int n = 0; n < 2; n++) {
		assert_true(comes_back(1, 0));
		assert_true(comes_back(1, 9));
		/* What stood beside it may go on in another credential. */
		assert_false(comes_back(2, 0));
		assert_false(comes_back(9, 1));
		assert_false(comes_back(9, 0));
		assert_non_null(strstr(said_of(1), "there that was rotated"));
		assert_non_null(strstr(said_of(2), "there that was rotated"));
		assert_string_equal(said_of(9), "");
		start_again();
	}
}

static void
what_an_issuer_renewed_is_known_and_may_come_back(void **state)
{
	const struct wire_marks next = marks(3, 2);

	(void)state;
	holds(1, 2);
	core_mark_passed(&house.core, &house.credential, &next);
	for (int n = 0; n < 2; n++) {
		assert_false(comes_back(1, 0));
		assert_non_null(strstr(said_of(1), "that was rotated out"));
		/* What goes on is the credential's own. */
		assert_non_null(strstr(said_of(2), "of the credential there "
		                                   "itself"));
		assert_non_null(strstr(said_of(3), "itself"));
		assert_non_null(house.core.marks);
		assert_null(house.core.marks->next); /* the one that passed */
		start_again();
	}
}

static void
of_one_name_the_newest_are_known(void **state)
{
	struct core_credential other = {
		.name = "other", .version = 1, .marks = marks(200, 0)
	};

	(void)state;
	core_mark_passed(&house.core, &other, NULL);
	for (uint8_t n = 1; n <= PAST + 1; n++) {
		house.credential.version = n;
		holds(n, 0);
		core_mark_passed(&house.core, &house.credential, NULL);
		if (n == PAST) {
			assert_string_not_equal(said_of(1), "");
		}
	}
	for (int n = 0; n < 2; n++) {
		assert_string_equal(said_of(1), "");
		for (uint8_t m = 2; m <= PAST + 1; m++) {
			assert_string_not_equal(said_of(m), "");
		}
		assert_string_not_equal(said_of(200), ""); /* another's */
		start_again();
	}
}

/* However much of its name passes. */
static void
what_is_over_is_known_for_ever(void **state)
{
	(void)state;
	for (uint8_t n = 1; n <= 2 * PAST; n++) {
		holds(n, 0);
		core_mark_over(&house.core, &house.credential, NULL);
	}
	for (uint8_t n = 100; n <= 100 + PAST; n++) {
		holds(n, 0);
		core_mark_passed(&house.core, &house.credential, NULL);
	}
	for (int n = 0; n < 2; n++) {
		for (uint8_t m = 1; m <= 2 * PAST; m++) {
			assert_true(comes_back(m, 0));
		}
		start_again();
	}
}

/* Nobody's renewal makes of what is over what has only passed. */
static void
what_is_over_stays_so(void **state)
{
	(void)state;
	holds(1, 0);
	core_mark_over(&house.core, &house.credential, NULL);
	holds(1, 0);
	core_mark_passed(&house.core, &house.credential, NULL);
	assert_true(comes_back(1, 0));
	start_again();
	assert_true(comes_back(1, 0));
	/* The other way it does. */
	holds(5, 0);
	core_mark_passed(&house.core, &house.credential, NULL);
	assert_false(comes_back(5, 0));
	holds(5, 0);
	core_mark_over(&house.core, &house.credential, NULL);
	assert_true(comes_back(5, 0));
	start_again();
	assert_true(comes_back(5, 0));
}

static void
a_mark_that_cannot_be_read_starts_no_house(void **state)
{
	static const struct {
		const char *space;
		const char *key;
		const char *name;
	} cases[] = {
		{ "sealed_over", "07", "there" },
		{ "sealed_past", "no hex digits", "there" },
		{ "sealed_over",
		    "0700000000000000000000000000000000000000000000000000000000"
		    "000000",
		    "0123456789012345678901234567890123456789012345678901234567"
		    "8901234" },
	};
	struct core *c = &house.core;

	(void)state;
	for (size_t n = 0; n < COUNT(cases); n++) {
		struct err e = { 0 };

		core_row(c, cases[n].space, str_of(cases[n].key),
		    str_of(cases[n].name), 1);
		assert_int_equal(core_commit_now(c, &e), 0);
		assert_int_equal(core_mark_load(c, &e), -1);
		assert_non_null(strstr(e.text, "the stored mark"));
		core_row_drop(c, cases[n].space, str_of(cases[n].key));
		assert_int_equal(core_commit_now(c, &e), 0);
	}
	start_again();
	assert_null(c->marks);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(what_a_person_ended_does_not_come_back),
		TEST(what_an_issuer_renewed_is_known_and_may_come_back),
		TEST(of_one_name_the_newest_are_known),
		TEST(what_is_over_is_known_for_ever),
		TEST(what_is_over_stays_so),
		TEST(a_mark_that_cannot_be_read_starts_no_house),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
