/* SPDX-License-Identifier: Apache-2.0 */
/* What the routes of evidence refuse, by core's own code. */
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
#include "parts/core_api.h"
#include "parts/core_log.h"
#include "parts/core_proof.h"
#include "parts/key_change.h"

#define EVENTS 5
#define ROOT   "00000000000000000000000000000000000000000000000000000000000000"

static struct {
	char folder[BOOK_FOLDER];
	struct core core;
	struct wire_peer *api, *vault; /* the far ends */
	uint32_t status;               /* of the newest answer */
	uint64_t answered;             /* whose it is */
	char text[WIRE_API_SHORT];
	struct wire_vault_signed unsaid; /* what the vault was asked last */
} house;

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

TAKES(take_answer, wire_api_answer)
{
	house.status = in->head.status;
	house.answered = in->head.id;
	str_fit(house.text, sizeof(house.text),
	    str_span(in->text, in->head.body_size));
}

TAKES(take_answer_long, wire_api_answer_long)
{
	house.status = in->head.status;
	house.answered = in->head.id;
}

TAKES(take_sign, wire_vault_sign)
{
	house.unsaid = (struct wire_vault_signed){ .id = in->id };
}

/* NOLINTEND(readability-non-const-parameter) */

static void
append(unsigned count)
{
	static const struct core_event event = { .kind = BOOK_REQUEST_DENIED };
	struct err e = { 0 };

	for (unsigned n = 0; n < count; n++) {
		(void)core_append(&house.core, &event);
	}
	assert_int_equal(core_commit_now(&house.core, &e), 0);
}

static int
set_up(void **state)
{
	static const struct wire_handler of_api[] = {
		{ WIRE_API_ANSWER, take_answer },
		{ WIRE_API_ANSWER_LONG, take_answer_long },
	};
	static const struct wire_handler of_vault[] = {
		{ WIRE_VAULT_SIGN, take_sign },
	};
	struct core *c = &house.core;

	(void)state;
	memset(&house, 0, sizeof(house));
	c->part.loop = loop_new_virtual();
	book_make(c, house.folder);
	house.api = core_meet_far(
	    &house.core, PART_API, &c->api, of_api, COUNT(of_api));
	house.vault = core_meet_far(
	    &house.core, PART_VAULT, &c->vault, of_vault, COUNT(of_vault));
	c->vault_ready = true;
	append(EVENTS);
	return 0;
}

static int
take_down(void **state)
{
	(void)state;
	wire_peer_free(house.api);
	wire_peer_free(house.vault);
	wire_peer_free(house.core.api);
	wire_peer_free(house.core.vault);
	core_proof_end(&house.core);
	book_remove(&house.core, house.folder);
	return 0;
}

static void
settle(void)
{
	loop_advance(house.core.part.loop, 0);
}

/* says: why not; NULL: it is answered. */
static void
asked(
    core_route_fn *route, const char *query, const char *part, const char *says)
{
	struct core_ask *ask = core_ask_new(&house.core);
	struct err e = { 0 };

	ask->query = arena_str(&ask->arena, str_of(query));
	ask->part = arena_str(&ask->arena, str_of(part));
	house.status = 0;
	int failed = route(&house.core, ask, &e);

	settle();
	if (says && (!failed || !strstr(e.text, says))) {
		fail_msg("%s: %s", query, e.text);
	}
	if (!says && (failed || house.status != 200)) {
		fail_msg("%s: %u %s", query, house.status, e.text);
	}
	if (failed) {
		core_ask_free(&house.core, ask);
	}
}

static void
a_proof_is_of_an_event_in_a_tree_that_was(void **state)
{
	static const struct {
		const char *query;
		const char *says;
	} cases[] = {
		{ "", "?seq= must be an event's number" },
		{ "seq=x", "?seq= must be an event's number" },
		{ "seq=0", "no event 0" },
		{ "seq=1", NULL },
		{ "seq=5", NULL },
		{ "seq=6", "no event 6" },
		{ "seq=5&size=4", "no event 5" },
		{ "seq=5&size=5", NULL },
		{ "seq=1&size=1", NULL },
		{ "seq=1&size=0", "from 1 to 5" },
		{ "seq=1&size=6", "from 1 to 5" },
		{ "seq=1&size=x", "from 1 to 5" },
	};

	(void)state;
	for (size_t n = 0; n < COUNT(cases); n++) {
		asked(route_prove, cases[n].query, "", cases[n].says);
	}
}

static void
a_growth_is_from_an_older_tree_to_one_that_was(void **state)
{
	static const struct {
		const char *query;
		const char *says;
	} cases[] = {
		{ "", "?from= must be the size of an older tree" },
		{ "from=x", "?from= must be the size of an older tree" },
		{ "from=6", "at most 5" },
		{ "from=5", NULL },
		{ "from=1", NULL },
		{ "from=4&size=3", "at most 3" },
		{ "from=3&size=3", NULL },
		{ "from=1&size=6", "from 1 to 5" },
	};

	(void)state;
	for (size_t n = 0; n < COUNT(cases); n++) {
		asked(route_growth, cases[n].query, "", cases[n].says);
	}
}

static void
a_book_is_held_against_what_can_be_read(void **state)
{
	static const struct {
		const char *query;
		const char *says;
	} cases[] = {
		{ "", NULL },
		{ "size=5", "64 hex digits" },
		{ "size=x&root=" ROOT "00", "must be a number" },
		{ "size=5&root=" ROOT, "64 hex digits" },
		{ "signer=none", "signer" },
	};
	auto_buf longer = { 0 };

	(void)state;
	for (size_t n = 0; n < COUNT(cases); n++) {
		asked(route_verify, cases[n].query, "", cases[n].says);
	}
	buf_add_z(&longer, "signer=");
	for (size_t n = 0; n < KEY_LINE_MAX; n++) {
		buf_add_byte(&longer, 'a');
	}
	asked(route_verify, buf_z(&longer), "", "?signer= is longer than");
}

/* With the sentence of whoever read it: where it differs. */
static void
a_book_that_is_not_what_it_is_held_against_is_told(void **state)
{
	static const struct {
		const char *query;
		const char *says;
	} cases[] = {
		{ "size=6&root=" ROOT "00", "it ends with event 5" },
		{ "size=3&root=" ROOT "00", "the first 3 events are not" },
	};

	(void)state;
	for (size_t n = 0; n < COUNT(cases); n++) {
		struct core_ask *ask = core_ask_new(&house.core);
		struct err e = { 0 };

		ask->query = str_of(cases[n].query);
		assert_int_equal(route_verify(&house.core, ask, &e), 0);
		settle();
		assert_int_equal(house.status, 403);
		assert_non_null(strstr(house.text, cases[n].says));
		assert_null(house.core.verifying);
	}
}

/* One at a time: it is the whole book. */
static void
a_book_is_verified_once_at_a_time(void **state)
{
	static struct verifying *there = (void *)&house;

	(void)state;
	house.core.verifying = there;
	asked(route_verify, "", "", "being verified already");
	assert_ptr_equal(house.core.verifying, there);
	house.core.verifying = NULL;
	asked(route_verify, "", "", NULL);
	assert_null(house.core.verifying);
}

static void
what_is_not_on_the_disk_is_not_verified(void **state)
{
	static const struct core_event event = { .kind = BOOK_REQUEST_DENIED };

	(void)state;
	(void)core_append(&house.core, &event);
	asked(route_verify, "", "", NULL);
	assert_non_null(strstr(house.text, "\"events\":5,"));
}

/* The house has seen one event more than its disk has now. */
static void
a_book_that_is_not_what_the_house_wrote_is_told(void **state)
{
	const uint8_t head[BOOK_HEAD_SIZE] = { 0 };
	struct core *c = &house.core;
	struct core_ask *ask = core_ask_new(c);
	struct err e = { 0 };

	(void)state;
	book_late_add(&c->book.tree, head);
	assert_int_equal(route_verify(c, ask, &e), 0);
	settle();
	assert_int_equal(house.status, 403);
	assert_non_null(strstr(house.text, "not the one this house wrote"));
}

static void
nothing_is_signed_without_a_vault(void **state)
{
	struct core *c = &house.core;
	struct core_ask *ask = core_ask_new(c);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(route_checkpoint(c, ask, &e), 0);
	settle();
	assert_int_equal(house.status, 0); /* it waits for the vault */
	core_sign_gone(c);
	settle();
	assert_int_equal(house.status, 503);
	assert_non_null(strstr(house.text, "the vault ended meanwhile"));
	c->vault_ready = false;
	asked(route_checkpoint, "", "", "the vault is away");
	asked(route_receipt, "", id_new().text, "nobody signs a receipt");
	assert_int_equal(c->book.seq, EVENTS);
}

/* Whoever shows a note shows one that the book names. */
static void
a_note_is_shown_when_its_head_is_on_the_disk(void **state)
{
	struct core *c = &house.core;
	struct core_ask *ask = core_ask_new(c);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(route_checkpoint(c, ask, &e), 0);
	settle();
	core_vault_signed(c, NULL, &house.unsaid, NULL, 0);
	settle();
	assert_int_equal(c->book.seq, EVENTS + 1);
	assert_int_equal(house.status, 0);
	assert_int_equal(core_commit_now(c, &e), 0);
	settle();
	assert_int_equal(house.status, 200);
}

/* By the number of the question, and not by their order. */
static void
who_asked_for_a_note_has_his_own(void **state)
{
	struct core *c = &house.core;
	struct wire_vault_signed said[2];
	struct err e = { 0 };

	(void)state;
	for (size_t n = 0; n < COUNT(said); n++) {
		struct core_ask *ask = core_ask_new(c);

		ask->id = 70 + n;
		assert_int_equal(route_checkpoint(c, ask, &e), 0);
		settle();
		said[n] = house.unsaid;
	}
	house.unsaid.id += 1000;
	core_vault_signed(c, NULL, &house.unsaid, NULL, 0);
	assert_int_equal(c->book.seq, EVENTS);
	for (size_t n = 0; n < COUNT(said); n++) {
		core_vault_signed(c, NULL, &said[n], NULL, 0);
		assert_int_equal(core_commit_now(c, &e), 0);
		settle();
		assert_int_equal(house.answered, 70 + n);
	}
}

static void
what_was_never_signed_is_not_there(void **state)
{
	(void)state;
	asked(route_checkpoint, "published=1", "", "no tree was signed yet");
	core_row(&house.core, "meta", STR(CORE_CHECKPOINT_ROW), STR("note"), 1);
	append(1);
	asked(route_checkpoint, "published=1", "", NULL);
}

static void
of_no_task_there_is_no_receipt(void **state)
{
	(void)state;
	asked(route_receipt, "", "none", "there is no task");
	asked(route_receipt, "", id_new().text, "there is no task");
	assert_int_equal(house.core.book.seq, EVENTS);
}

/* One that has ended, and has one event; id: of its own. */
static void
put_task(const struct id *id)
{
	struct core *c = &house.core;
	struct core_event event = { .kind = BOOK_TASK_PUT };
	struct store_task row = {
		.number = 1,
		.id = str_of(id->text),
		.queue = STR("helper"),
		.subject = STR("one"),
		.state = STR("completed"),
		.record = STR("{}"),
	};
	struct err e = { 0 };

	assert_true(book_id_parse(row.id, &event.task));
	row.last_seq = core_append(c, &event);
	assert_int_equal(core_commit_now(c, &e), 0);
	assert_int_equal(store_begin(c->book.store, &e), 0);
	assert_int_equal(store_task_put(c->book.store, &row, &e), 0);
	assert_int_equal(store_commit(c->book.store, &e), 0);
}

/* Its proofs are of whole blocks, which nobody has read yet. */
static void
a_receipt_of_a_long_book_waits_for_its_blocks(void **state)
{
	struct core *c = &house.core;
	struct core_ask *ask = core_ask_new(c);
	struct id id = id_new();
	struct err e = { 0 };

	(void)state;
	put_task(&id);
	append(BOOK_BLOCK);
	ask->part = str_of(id.text);
	assert_int_equal(route_receipt(c, ask, &e), 0);
	assert_int_equal(core_commit_now(c, &e), 0);
	settle();
	core_vault_signed(c, NULL, &house.unsaid, NULL, 0);
	assert_int_equal(core_commit_now(c, &e), 0);
	settle();
	assert_int_equal(house.status, 200);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(a_proof_is_of_an_event_in_a_tree_that_was),
		TEST(a_growth_is_from_an_older_tree_to_one_that_was),
		TEST(a_book_is_held_against_what_can_be_read),
		TEST(a_book_that_is_not_what_it_is_held_against_is_told),
		TEST(a_book_is_verified_once_at_a_time),
		TEST(what_is_not_on_the_disk_is_not_verified),
		TEST(a_book_that_is_not_what_the_house_wrote_is_told),
		TEST(nothing_is_signed_without_a_vault),
		TEST(a_note_is_shown_when_its_head_is_on_the_disk),
		TEST(who_asked_for_a_note_has_his_own),
		TEST(what_was_never_signed_is_not_there),
		TEST(of_no_task_there_is_no_receipt),
		TEST(a_receipt_of_a_long_book_waits_for_its_blocks),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
