/* SPDX-License-Identifier: Apache-2.0 */
/* Witnesses as core asks them, by core's own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core_book_help.h"
#include "parts/core.h"
#include "parts/core_egress.h"
#include "parts/core_witness.h"
#include "wire_meet.h"

static struct {
	char folder[BOOK_FOLDER];
	struct core core;
	struct config_witness witness;
	struct wire_peer *egress; /* the far end */
	size_t asked, done;
	const char *knows; /* its tree, by its own word */
	uint64_t size;     /* of the tree that it is asked about */
} house;

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

/* It knows another tree, whatever it is told. */
TAKES(take_do, wire_http_do)
{
	struct wire_http_done said = {
		.id = in->go.id,
		.ok = 1,
		.status = 409,
	};
	int fd = core_memfd(str_of(house.knows));

	house.asked++;
	wire_send(house.egress, WIRE_HTTP_DONE, &said, &fd, 1);
}

/* NOLINTEND(readability-non-const-parameter) */

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)peer;
	fail_msg("%s", why->text);
}

static struct wire_peer *
meet(enum part self, enum part other, int fd,
    const struct wire_handler *handlers, size_t count)
{
	struct wire_end end = { .self = self,
		.other = other,
		.handlers = handlers,
		.count = count,
		.owner = &house.core,
		.closed = closed };

	return wire_meet(house.core.part.loop, fd, &end);
}

/* Any key: nothing that this witness says is signed. */
static struct str
key_line(struct arena *a)
{
	const struct book_signer any = { .name = STR("witness.test/w") };
	auto_buf line = { 0 };

	book_witness_text(&any, &line);
	return arena_str(a, buf_str(&line));
}

static int
set_up(void **state)
{
	static const struct wire_handler of_egress[] = {
		{ WIRE_HTTP_DO, take_do },
	};
	struct core *c = &house.core;
	struct err e = { 0 };
	int fds[2];

	(void)state;
	memset(&house, 0, sizeof(house));
	house.knows = "0\n";
	house.size = 1;
	c->part.loop = loop_new();
	book_make(c, house.folder);
	core_commit_begin(c);
	assert_int_equal(wire_pair(fds, &e), 0);
	c->egress = meet(PART_CORE, PART_EGRESS, fds[0],
	    core_own_egress_handlers, core_own_egress_handler_count);
	house.egress =
	    meet(PART_EGRESS, PART_CORE, fds[1], of_egress, COUNT(of_egress));
	house.witness = (struct config_witness){
		.name = STR("one"),
		.url = STR("http://127.0.0.1:1/in"),
		.key = key_line(&c->house.arena),
	};
	c->house.config.witnesses = &house.witness;
	c->house.config.witness_count = 1;
	c->house.config.audit.wait = CLOCK_SECOND;
	if (core_witness_check(&c->house.config, &e)) {
		fail_msg("%s", e.text);
	}
	core_witness_follow(c);
	return 0;
}

static int
take_down(void **state)
{
	(void)state;
	wire_peer_free(house.egress);
	wire_peer_free(house.core.egress);
	book_remove(&house.core, house.folder);
	return 0;
}

static void
is_done(struct core *c, struct str note)
{
	(void)c;
	(void)note;
	house.done++;
}

static void
nothing(void *owner)
{
	(void)owner;
}

static void
ask(void)
{
	const struct book_root root = { .size = house.size };
	struct mono last = mono_after(mono_now(), 60 * CLOCK_SECOND);
	size_t done = house.done;

	core_witness_follow(&house.core); /* its pause is over */
	core_witness_ask(&house.core, &root, STR("a note\n"), is_done);
	loop_later(house.core.part.loop, nothing, NULL);
	while (house.done == done && !mono_passed(last, mono_now())) {
		loop_turn(house.core.part.loop, CLOCK_SECOND / 100);
	}
	assert_int_equal(house.done, done + 1);
}

/* What is asked each minute for years must not stand in memory that is a
 * configuration's. */
static void
a_question_leaves_nothing_in_the_memory_of_the_house(void **state)
{
	const struct arena *memory = &house.core.house.arena;

	(void)state;
	ask();

	size_t used = memory->used;
	size_t asked = house.asked;

	for (int n = 0; n < 4; n++) {
		ask();
	}
	/* Each time again from where it says that it is. */
	assert_int_equal(house.asked, asked + 8);
	assert_int_equal(memory->used, used);
}

/* What status says of it holds this. */
static void
tells(const char *text)
{
	auto_buf out = { 0 };
	struct json_out o;

	json_out_init(&o, &out);
	json_out_object(&o, NULL);
	core_witness_write(&house.core, &o);
	json_out_end(&o, '}');
	if (!strstr(buf_z(&out), text)) {
		fail_msg("%s", buf_z(&out));
	}
}

static void
a_size_that_is_none_is_told_and_not_taken_for_nothing(void **state)
{
	(void)state;
	house.knows = "many\n";
	ask();
	assert_int_equal(house.asked, 1);
	tells("it said 409 and no size");
}

/* Of a tree that this book has no events of. */
static void
a_growth_that_cannot_be_shown_is_not_claimed(void **state)
{
	(void)state;
	house.knows = "1\n";
	house.size = 2;
	ask();
	assert_int_equal(house.asked, 1);
	tells("event 2 is missing");
}

static void
a_book_that_lacks_events_is_shown_to_nobody(void **state)
{
	(void)state;
	house.core.book.durable = BOOK_BLOCK;
	ask();
	assert_int_equal(house.asked, 0);
	tells("events are missing");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_question_leaves_nothing_in_the_memory_of_the_house,
		    set_up, take_down),
		cmocka_unit_test_setup_teardown(
		    a_size_that_is_none_is_told_and_not_taken_for_nothing,
		    set_up, take_down),
		cmocka_unit_test_setup_teardown(
		    a_growth_that_cannot_be_shown_is_not_claimed, set_up,
		    take_down),
		cmocka_unit_test_setup_teardown(
		    a_book_that_lacks_events_is_shown_to_nobody, set_up,
		    take_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
