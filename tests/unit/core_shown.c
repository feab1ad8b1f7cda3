/* SPDX-License-Identifier: Apache-2.0 */
/* What people see of a request that is held, and what their yes is bound to, by
 * core's own code: it comes from beside hostile code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_book_help.h"
#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_cell.h"
#include "parts/core_egress.h"
#include "wire_meet.h"

static struct {
	struct core core;
	struct core_cell cell;
	struct wire_peer *egress; /* the far end */
	bool closed;              /* core hung up */
} house;

static void
gone(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	house.closed = house.closed || (peer != house.egress && why);
}

static struct wire_peer *
meet(enum part self, enum part other, int fd,
    const struct wire_handler *handlers, size_t count)
{
	struct wire_end end = { .self = self,
		.other = other,
		.handlers = handlers,
		.count = count,
		.owner = &house.cell,
		.closed = gone };

	return wire_meet(house.core.part.loop, fd, &end);
}

static int
set_up(void **state)
{
	struct err e = { 0 };
	int fds[2];

	(void)state;
	memset(&house, 0, sizeof(house));
	house.core.part.loop = loop_new_virtual();
	house.cell = (struct core_cell){ .core = &house.core, .number = 7 };
	assert_int_equal(wire_pair(fds, &e), 0);
	house.cell.egress = meet(PART_CORE, PART_EGRESS, fds[0],
	    core_egress_handlers, core_egress_handler_count);
	house.egress = meet(PART_EGRESS, PART_CORE, fds[1], NULL, 0);
	return 0;
}

static int
take_down(void **state)
{
	(void)state;
	while (house.core.intents) {
		core_intent_free(&house.core, house.core.intents);
	}
	wire_peer_free(house.egress);
	wire_peer_free(house.cell.egress);
	free(house.cell.shown);
	loop_free(house.core.part.loop);
	return 0;
}

static void
says(const struct wire_shown *said)
{
	core_shown_take(&house.cell, house.cell.egress, said, NULL, 0);
	loop_advance(house.core.part.loop, 0);
}

/* Each has its room, and what is over it would be read from behind. */
static void
what_is_longer_than_its_room_ends_its_egress(void **state)
{
	static const struct wire_shown full = {
		.id = 1,
		.query_size = WIRE_SHOWN_QUERY,
		.lines_size = WIRE_SHOWN_LINES,
		.body_size = WIRE_SHOWN_BODY,
	};

	says(&full);
	assert_false(house.closed);
	assert_non_null(house.cell.shown);
	for (int n = 0; n < 3; n++) {
		struct wire_shown said = full;

		(void)take_down(state);
		(void)set_up(state);
		said.query_size = (uint16_t)(said.query_size + (n == 0));
		said.lines_size = (uint16_t)(said.lines_size + (n == 1));
		said.body_size = (uint16_t)(said.body_size + (n == 2));
		says(&said);
		assert_true(house.closed);
		assert_null(house.cell.shown);
	}
}

static struct digest
bound(struct core_intent *i)
{
	struct json *o = json_new(&i->arena, JSON_OBJECT);
	auto_buf text = { 0 };

	core_shown_bind(i, o);
	json_canonical(&text, o);
	return digest_of(buf_str(&text));
}

/* People see how it begins; a yes is to all of it. */
static void
a_yes_is_bound_to_what_is_not_shown_as_well(void **state)
{
	enum { NOTHING, HEADERS, BODY, SIZE, MARKS, ALL };
	struct digest first = { 0 };

	(void)state;
	for (int what = NOTHING; what < ALL; what++) {
		struct core_intent *i = core_intent_new(&house.core, 7, 1);
		struct core_shown shown = { .lines = STR("a: b\n"),
			.body = STR("to") };

		shown.headers.bytes[0] = what == HEADERS;
		i->shown = &shown;
		i->known = WIRE_BODY_READ;
		i->body_size = 100 + (what == SIZE);
		i->body_digest.bytes[0] = what == BODY;
		i->marks.bytes[0] = 1 + (what == MARKS);
		if (what == NOTHING) {
			first = bound(i);
		} else {
			assert_false(digest_eq(first, bound(i)));
		}
	}
}

/* Of a tool of the house: the same, though nobody sees its end. */
static void
a_yes_to_a_tool_is_bound_to_all_that_it_sends(void **state)
{
	enum { NOTHING, HEADERS, BODY, ALL };
	static char bytes[WIRE_SHOWN_LINES + 2];
	struct digest first = { 0 };

	(void)state;
	memset(bytes, 'a', sizeof(bytes));
	for (int what = NOTHING; what < ALL; what++) {
		struct core_intent *i = core_intent_new(&house.core, 0, 1);
		struct str text = str_span(bytes, sizeof(bytes));

		bytes[sizeof(bytes) - 1] = what == HEADERS ? 'b' : 'a';
		i->headers = arena_str(&i->arena, text);
		bytes[sizeof(bytes) - 1] = what == BODY ? 'b' : 'a';
		buf_add(&i->body, text);
		core_shown_own(i);
		assert_true(i->shown->lines_cut && i->shown->body_cut);
		if (what == NOTHING) {
			first = bound(i);
		} else {
			assert_false(digest_eq(first, bound(i)));
		}
	}
}

/* A store that was changed shows nobody other arguments than those that his yes
 * is to. */
static void
arguments_that_are_not_what_is_asked_about_are_not_shown(void **state)
{
	static const struct core_event request = {
		.kind = BOOK_REQUEST_DENIED,
		.body = { "{\"arguments\":{\"to\":\"a\"}}", 24 },
	};
	struct wait_item w = { .kind = WAIT_APPROVAL, .seq = 2 };
	struct core *c = &house.core;
	char folder[BOOK_FOLDER];
	auto_arena a = { 0 };
	struct err e = { 0 };

	(void)state;
	book_make(c, folder);
	assert_int_equal(core_append(c, &request), w.seq - 1);
	assert_int_equal(core_commit_now(c, &e), 0);
	w.args = digest_of(STR("{\"to\":\"a\"}"));
	assert_non_null(core_wait_args(c, &a, &w));
	w.args = digest_of(STR("{\"to\":\"b\"}"));
	assert_null(core_wait_args(c, &a, &w));
	book_remove(c, folder);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_longer_than_its_room_ends_its_egress),
		TEST(a_yes_is_bound_to_what_is_not_shown_as_well),
		TEST(a_yes_to_a_tool_is_bound_to_all_that_it_sends),
		TEST(arguments_that_are_not_what_is_asked_about_are_not_shown),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
