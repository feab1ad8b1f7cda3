/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait for a token, and what a sandbox took for itself, by core's
 * own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core_book_help.h"
#include "parts/core.h"
#include "parts/core_batch.h"
#include "parts/core_cell.h"
#include "parts/core_draft.h"
#include "parts/core_egress.h"
#include "parts/core_oauth.h"

static struct {
	char folder[BOOK_FOLDER];
	struct core core;
	struct core_cell cell;
	struct core_credential credentials[CORE_TAKEN_MAX + 1];
} house;

/* Tokens "c0", "c1" … of one issuer; nobody is there to be asked. */
static int
set_up(void **state)
{
	struct core *c = &house.core;

	(void)state;
	memset(&house, 0, sizeof(house));
	c->part.loop = loop_new_virtual();
	book_make(c, house.folder);
	core_commit_begin(c);
	house.cell = (struct core_cell){ .core = c, .number = 7 };
	c->cells = &house.cell;
	for (size_t n = 0; n < COUNT(house.credentials); n++) {
		struct core_credential *k = &house.credentials[n];

		(void)snprintf(k->name, sizeof(k->name), "c%zu", n);
		(void)snprintf(k->id, sizeof(k->id), "vcrd_%zu", n);
		core_text(k->issuer, sizeof(k->issuer), "issuer.test");
		k->version = 1;
		k->has = WIRE_HAS_ACCESS | WIRE_HAS_REFRESH;
		k->next = c->credentials;
		c->credentials = k;
	}
	return 0;
}

static int
take_down(void **state)
{
	struct core *c = &house.core;

	(void)state;
	while (c->intents) {
		core_intent_free(c, c->intents);
	}
	book_remove(c, house.folder);
	return 0;
}

static struct core_intent *
request(size_t credential)
{
	struct core_intent *i = core_intent_new(&house.core, 7, 1);

	i->credential = str_of(house.credentials[credential].name);
	i->rule = STR("egress.there");
	return i;
}

static struct core_intent *
waiting(void)
{
	struct core_intent *i = request(0);

	i->parked = true;
	return i;
}

static size_t
intents_written(void)
{
	size_t count = 0;

	for (const struct core_write *w = house.core.book.forming.writes; w;
	     w = w->next) {
		struct book_head head;
		struct err e = { 0 };

		if (w->kind == CORE_WRITE_HEAD) {
			assert_int_equal(
			    book_head_decode(
			        str_span(w->bytes, BOOK_HEAD_SIZE), &head, &e),
			    0);
			count += head.kind == BOOK_REQUEST_INTENT;
		}
	}
	return count;
}

/* --- who waits ------------------------------------------------------------ */

/* One that is in the book waits for a row that is about to be on the disk: it
 * goes, and is not written down a second time. */
static void
what_is_written_down_goes_on_and_is_not_written_again(void **state)
{
	(void)state;
	for (int n = 0; n < 2; n++) {
		struct core_intent *i = waiting();

		i->committed = n > 0;
		core_oauth_release(&house.core, "c0");
		assert_int_equal(intents_written(), 1);
	}
}

/* Two rows of two batches: that the first is on the disk says nothing of the
 * other. */
static void
a_row_is_lent_when_it_is_on_the_disk_itself(void **state)
{
	struct core *c = &house.core;
	struct core_credential *one = &house.credentials[0];
	struct core_credential *other = &house.credentials[1];

	(void)state;
	core_oauth_settle(c, one);
	core_oauth_settle(c, other);
	const struct core_pending *first = c->book.forming.pending;

	first->fn(c, first->number);
	assert_int_equal(one->settling, 0);
	assert_int_not_equal(other->settling, 0);
	first->next->fn(c, first->next->number);
	assert_int_equal(other->settling, 0);
}

/* What was sealed for a version that the name had before would not open. */
static void
a_row_is_the_next_of_its_name_whoever_had_that_before(void **state)
{
	static const struct wire_marks marks;
	struct core *c = &house.core;
	struct core_credential *k = &house.credentials[0];

	(void)state;
	k->version = 5;
	core_credential_record(c, k, BOOK_CREDENTIAL_PUT, NULL);
	k->version = 0; /* put anew under that name */
	core_oauth_row(c, k, STR("row"), &marks, k->has, 0);
	assert_int_equal(k->version, 6);
}

static void
a_closed_credential_is_no_matter_of_time(void **state)
{
	struct core_credential *k = &house.credentials[0];
	struct core_intent *closed;
	struct core_intent *later;

	(void)state;
	later = waiting();
	/* Half a second, or none any more: never "in 0 s". */
	k->again = mono_after(mono_now(), CLOCK_SECOND / 2);
	core_oauth_refuse(&house.core, k, "no new token");
	assert_non_null(later->refusal);
	assert_int_equal(later->refusal->status, 503);
	assert_non_null(strstr(later->refusal->reason, "asked again in 1s"));
	core_text(k->closed, sizeof(k->closed), "no token for it any more");
	closed = waiting();
	core_oauth_refuse(&house.core, k, k->closed);
	assert_non_null(closed->refusal);
	assert_int_equal(closed->refusal->status, 403);
	assert_non_null(
	    strstr(closed->refusal->next, "handrail vault login c0"));
}

/* --- what a sandbox took ---------------------------------------------------
 */

static struct core_intent *
taking(size_t credential)
{
	struct core_intent *i = request(credential);

	i->use = WIRE_USE_TAKE;
	return i;
}

static void
took(size_t credential, bool captured)
{
	core_oauth_taken(
	    &house.core, &house.cell, taking(credential), captured);
}

static void
tokens_that_came_are_remembered_once(void **state)
{
	(void)state;
	took(0, false);
	assert_string_equal(house.cell.taken[0], "");
	took(0, true);
	took(0, true);
	assert_string_equal(house.cell.taken[0], "vcrd_0");
	assert_string_equal(house.cell.taken[1], "");
}

/* All but one place are taken: what is over, or asks for what is there, needs
 * none. */
static void
the_last_place_is_for_whoever_needs_one(void **state)
{
	static struct wire_refuse refusal;

	(void)state;
	for (size_t n = 0; n + 1 < CORE_TAKEN_MAX; n++) {
		took(n, true);
	}
	while (house.core.intents) {
		core_intent_free(&house.core, house.core.intents);
	}
	struct core_intent *again = taking(0);
	struct core_intent *over = taking(CORE_TAKEN_MAX);
	struct core_intent *last = taking(CORE_TAKEN_MAX - 1);

	over->refusal = &refusal;
	assert_false(core_oauth_holds(&house.core, last));
	assert_false(core_oauth_holds(&house.core, again));
	over->refusal = NULL;
	assert_true(core_oauth_holds(&house.core, last));
	assert_int_equal(last->refusal->status, 403);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_down_goes_on_and_is_not_written_again),
		TEST(a_row_is_lent_when_it_is_on_the_disk_itself),
		TEST(a_row_is_the_next_of_its_name_whoever_had_that_before),
		TEST(a_closed_credential_is_no_matter_of_time),
		TEST(tokens_that_came_are_remembered_once),
		TEST(the_last_place_is_for_whoever_needs_one),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
