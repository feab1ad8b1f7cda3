/* SPDX-License-Identifier: Apache-2.0 */
/* What an egress says, read by core's own code: it sits beside hostile code. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core_book_help.h"
#include "parts/core.h"
#include "parts/core_cell.h"
#include "parts/core_egress.h"
#include "wire_meet.h"

static struct {
	char folder[BOOK_FOLDER];
	struct core core;
	struct core_cell cell;
	struct wire_peer *egress; /* the far end */
	uint64_t refused[WIRE_TOGETHER];
	size_t refused_count, went;
	bool closed; /* core hung up */
	bool told;   /* whoever asked for one of core's own */
} house;

static void
told(struct core *c, uint64_t number, const struct wire_http_done *head,
    struct str body)
{
	(void)c;
	(void)number;
	(void)head;
	(void)body;
	house.told = true;
}

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

TAKES(take_refuse, wire_refuse)
{
	assert_true(house.refused_count < COUNT(house.refused));
	house.refused[house.refused_count++] = in->id;
}

TAKES(take_go, wire_going)
{
	house.went += 1 + in->count;
}

/* NOLINTEND(readability-non-const-parameter) */

static void
gone(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)why;
	house.closed = house.closed || peer != house.egress;
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

/* Who waits for core's processor; in the stead of the kernel's. */
static struct {
	unsigned given; /* times */
	bool burns;
} waiter;

int
sched_yield(void)
{
	const struct timespec long_time = { .tv_nsec = 20000000 };

	waiter.given++;
	if (waiter.burns) {
		(void)nanosleep(&long_time, NULL);
	}
	return 0;
}

/* A house that ends: whatever is asked is refused, and says what it was. */
static int
set_up(void **state)
{
	static const struct wire_handler handlers[] = {
		{ WIRE_REFUSE, take_refuse },
		{ WIRE_GO, take_go },
	};
	struct core *c = &house.core;
	struct err e = { 0 };
	int fds[2];

	(void)state;
	memset(&house, 0, sizeof(house));
	memset(&waiter, 0, sizeof(waiter));
	c->part.loop = loop_new();
	book_make(c, house.folder);
	core_commit_begin(c);
	c->draining = true;
	assert_int_equal(wire_pair(fds, &e), 0);
	house.cell = (struct core_cell){ .core = c, .number = 7 };
	c->cells = &house.cell;
	house.cell.egress = meet(PART_CORE, PART_EGRESS, fds[0],
	    core_egress_handlers, core_egress_handler_count);
	house.egress =
	    meet(PART_EGRESS, PART_CORE, fds[1], handlers, COUNT(handlers));
	return 0;
}

static int
take_down(void **state)
{
	(void)state;
	wire_peer_free(house.egress);
	wire_peer_free(house.cell.egress);
	book_remove(&house.core, house.folder);
	return 0;
}

/* Both were refused, or one went, or core hung up. */
static void
until_answered(void)
{
	struct mono last = mono_after(mono_now(), 60 * CLOCK_SECOND);

	while (house.refused_count < 2 && !house.went && !house.closed &&
	       !mono_passed(last, mono_now())) {
		loop_turn(house.core.part.loop, CLOCK_SECOND / 100);
	}
}

static struct wire_intents
two(void)
{
	return (struct wire_intents){ .count = 2,
		.port = 443,
		.tls = 1,
		.named = 1,
		.host = "good.test",
		.one = { { .id = 31 }, { .id = 32, .body = WIRE_BODY_UNREAD } },
		.text = "GET\0/a\0b=c\0POST\0/post\0" };
}

static void
send(const struct wire_intents *w)
{
	wire_send(house.egress, WIRE_INTENTS, w, NULL, 0);
	until_answered();
}

/* The newest two heads tell of both, each with its own words. */
static void
each_of_a_record_is_an_intent(void **state)
{
	static const char *const wanted[] = {
		"\"method\":\"GET\",\"host\":\"good.test\",\"port\":443,"
		"\"path\":\"/a\"",
		"\"method\":\"POST\",\"host\":\"good.test\",\"port\":443,"
		"\"path\":\"/post\"",
	};
	struct wire_intents w = two();
	struct err e = { 0 };

	(void)state;
	send(&w);
	assert_false(house.closed);
	assert_int_equal(house.refused_count, 2);
	assert_int_equal(house.refused[0], 31);
	assert_int_equal(house.refused[1], 32);
	for (size_t n = 0; n < 2; n++) {
		auto_buf body = { 0 };

		assert_int_equal(store_body_get(house.core.book.store,
		                     house.core.book.seq - 1 + n, &body, &e),
		    0);
		assert_true(str_has_str(buf_str(&body), str_of(wanted[n])));
	}
	assert_null(house.core.intents);
}

static void
a_host_that_is_none_is_said_of_each(void **state)
{
	struct wire_intents w = two();

	(void)state;
	house.core.draining = false;
	memcpy(w.host, "a b", 4);
	send(&w);
	assert_false(house.closed);
	assert_int_equal(house.refused_count, 2);
}

static void
a_record_that_is_not_of_its_form_ends_its_egress(void **state)
{
	enum { HOST, COUNT_OVER, READ, CUT, METHOD, ALL };

	for (int what = 0; what < ALL; what++) {
		struct wire_intents w = two();

		if (what == HOST) {
			memset(w.host, 'a', sizeof(w.host));
		} else if (what == COUNT_OVER) {
			w.count = WIRE_TOGETHER + 1;
		} else if (what == READ) {
			w.one[0].body = WIRE_BODY_READ;
		} else if (what == CUT) {
			memset(w.text, 'a', sizeof(w.text));
			w.text[0] = '\0';
		} else {
			memset(w.text, 'a', 40);
		}
		send(&w);
		assert_true(house.closed);
		assert_int_equal(house.refused_count, 0);
		assert_null(house.core.intents);
		(void)take_down(state);
		(void)set_up(state);
	}
}

/* Nothing was said of the end of any of the others. */
static void
an_egress_that_asks_on_without_an_end_is_hung_up(void **state)
{
	struct core *c = &house.core;
	struct wire_intents w = two();

	(void)state;
	for (uint64_t n = 0; n < CORE_CELL_INTENTS - 2; n++) {
		(void)core_intent_new(c, 7, 1000 + n);
	}
	send(&w);
	assert_false(house.closed);
	assert_int_equal(house.refused_count, 2);
	house.refused_count = 0;
	(void)core_intent_new(c, 7, 999);
	send(&w);
	assert_true(house.closed);
	assert_int_equal(house.refused_count, 0);
	while (c->intents) {
		core_intent_free(c, c->intents);
	}
	assert_int_equal(house.cell.intents, 0);
}

/* While nothing can be written down, its requests give up and are asked again.
 */
static void
what_is_refused_is_not_counted_until_it_is_written(void **state)
{
	struct core *c = &house.core;

	(void)state;
	for (uint64_t n = 0; n < 10; n++) {
		struct core_intent *i = core_intent_new(c, 7, 1000 + n);

		assert_int_equal(house.cell.intents, 1);
		core_intent_unavailable(c, i, "it has left");
		assert_ptr_equal(c->intents, i);
		assert_int_equal(house.cell.intents, 0);
	}
	while (c->intents) {
		core_intent_free(c, c->intents);
	}
	assert_int_equal(house.cell.intents, 0);
}

/* What would be left of it may be a rule that lets more pass. */
static void
what_a_refusal_offers_is_whole_or_said_to_be_elsewhere(void **state)
{
	struct core *c = &house.core;
	char offered[sizeof(((struct wire_refuse *)NULL)->next) + 1];

	(void)state;
	memset(offered, 'a', sizeof(offered));
	for (size_t len = sizeof(offered) - 2; len < sizeof(offered); len++) {
		bool fits = len == sizeof(offered) - 2;
		struct core_intent *i = core_intent_new(c, 7, len);
		struct core_refusal why = {
			.status = 403,
			.error = "denied",
			.rule = STR("r"),
			.reason = STR("no rule"),
			.next = { offered, len },
		};
		struct str next;

		core_intent_refuse(c, i, &why);
		next = str_of(i->refusal->next);
		assert_true(str_eq(next, why.next) == fits);
		assert_true(
		    str_has_str(next, STR("`handrail explain`")) == !fits);
	}
	while (c->intents) {
		core_intent_free(c, c->intents);
	}
}

/* Two cells' egresses name theirs alike, and one names two alike. */
static void
an_outcome_is_of_the_latest_of_its_own_cell(void **state)
{
	struct core *c = &house.core;
	struct core_intent *first = core_intent_new(c, 7, 1);
	struct core_intent *second = core_intent_new(c, 7, 1);
	struct core_intent *others = core_intent_new(c, 8, 1);
	/* In the same slot, however that is chosen. */
	static struct core_intent *many[2 * CORE_INTENT_SLOTS];

	(void)state;
	for (size_t n = 0; n < COUNT(many); n++) {
		many[n] = core_intent_new(c, 7, 2 + n);
	}
	assert_ptr_equal(core_intent_asked(c, 7, 1), second);
	assert_ptr_equal(core_intent_asked(c, 8, 1), others);
	assert_null(core_intent_asked(c, 8, 2));
	core_intent_free(c, second);
	assert_ptr_equal(core_intent_asked(c, 7, 1), first);
	core_intent_free(c, first);
	assert_null(core_intent_asked(c, 7, 1));
	assert_ptr_equal(core_intent_asked(c, 8, 1), others);
	for (size_t n = 0; n < COUNT(many); n++) {
		assert_ptr_equal(core_intent_asked(c, 7, 2 + n), many[n]);
		core_intent_free(c, many[n]);
	}
}

/* An outcome names none of them: they would be one long chain. */
static void
cores_own_requests_are_not_among_those_of_an_egress(void **state)
{
	struct core *c = &house.core;
	struct core_intent *own = core_intent_new(c, 0, 0);
	struct core_intent *another = core_intent_new(c, 0, 0);
	struct core_intent *asked = core_intent_new(c, 7, 0);

	(void)state;
	assert_null(core_intent_asked(c, 0, 0));
	assert_ptr_equal(core_intent_asked(c, 7, 0), asked);
	core_intent_free(c, own);
	core_intent_free(c, asked);
	assert_null(core_intent_asked(c, 7, 0));
	assert_ptr_equal(core_intent_find(c, another->number), another);
	core_intent_free(c, another);
}

static void
ends_with(uint64_t seq, const char *text)
{
	auto_buf body = { 0 };
	struct err e = { 0 };

	while (core_unwritten(&house.core)) {
		loop_turn(house.core.part.loop, CLOCK_SECOND / 100);
	}
	assert_int_equal(
	    store_body_get(house.core.book.store, seq, &body, &e), 0);
	assert_true(str_has_str(buf_str(&body), str_of(text)));
}

/* Two channels are read in any order: the sandbox's word that a cell has ended
 * takes nothing away from what its egress had told before. */
static void
what_an_egress_told_before_its_cell_ended_is_on_record(void **state)
{
	struct core *c = &house.core;
	struct core_intent *i = core_intent_new(c, 7, 31);
	struct wire_outcome said = {
		.id = 31, .end = WIRE_OUTCOME_ANSWERED, .status = 200
	};
	struct wire_cell_ended done = { .cell = 7 };
	struct core_cell *cell = malloc(sizeof(*cell));

	(void)state;
	i->on_record = true;
	i->gone = true;
	house.cell.run = 9; /* of no run: none is told of it */
	must(cell);
	*cell = house.cell;
	house.cell.egress = NULL;
	c->cells = cell;
	wire_send(house.egress, WIRE_OUTCOME, &said, NULL, 0);
	core_cell_ended(c, NULL, &done, NULL, 0);
	assert_null(c->intents);
	assert_null(c->cells);
	ends_with(c->book.seq - 1, "\"end\":\"answered\"");
}

/* After a 401: its grant and its outcome are of the new number alone. */
static void
what_goes_once_more_is_found_by_its_new_number(void **state)
{
	struct core *c = &house.core;
	struct core_intent *first = core_intent_new(c, 0, 0);
	struct core_intent *i = core_intent_new(c, 0, 0);
	uint64_t old = i->number;

	(void)state;
	i->on_record = true;
	i->committed = true;
	i->gone = true;
	i->taken_back = true;
	core_intent_again(c, i);
	assert_null(core_intent_find(c, old));
	assert_ptr_equal(core_intent_find(c, i->number), i);
	assert_ptr_equal(core_intent_find(c, first->number), first);
	assert_false(i->on_record || i->committed || i->gone || i->taken_back);
	core_intent_free(c, i);
	assert_null(core_intent_find(c, old + 1));
	core_intent_free(c, first);
	assert_null(c->intents);
}

/* A sandbox's budget of refusals bounds what it asks for in vain. */
static void
what_is_on_record_and_does_not_leave_is_always_told(void **state)
{
	struct core *c = &house.core;
	struct core_intent *i = core_intent_new(c, 7, 1);
	const struct wire_outcome left = { .id = 1 };
	uint64_t had = c->book.seq;

	(void)state;
	house.cell.denials = 0;
	house.cell.denials_at = mono_now();
	i->on_record = true;
	core_intent_unavailable(c, i, "the policy was changed");
	wire_send(house.egress, WIRE_OUTCOME, &left, NULL, 0);
	wire_poll(house.cell.egress); /* who asked has not waited for it */
	assert_int_equal(c->book.seq, had + 1);
	assert_int_equal(house.cell.unsaid, 0);
	core_intent_free(c, i);
}

/* One went, the next is about to, nobody has decided about the last. */
static void
ask_three(uint64_t cell, uint64_t run)
{
	for (uint64_t n = 0; n < 3; n++) {
		struct core_intent *i = core_intent_new(&house.core, cell, n);

		i->run = run;
		i->done = run ? told : NULL;
		i->on_record = n < 2;
		i->gone = n < 1;
	}
}

static void
each_intent_on_record_has_one_end_when_its_egress_ends(void **state)
{
	struct core *c = &house.core;
	struct core_intent *refused = core_intent_new(c, 7, 9);

	(void)state;
	refused->on_record = true;
	core_intent_unavailable(c, refused, "it says so itself");
	ask_three(7, 0);
	core_egress_gone(c, &house.cell);
	assert_null(c->intents);
	ends_with(c->book.seq - 2, "it says so itself");
	ends_with(c->book.seq - 1, "its egress ended before it left");
	ends_with(c->book.seq, "the outcome is unknown");
}

static void
each_of_the_houses_has_one_end_when_its_run_ends(void **state)
{
	struct core *c = &house.core;
	struct core_run run = { .number = 5 };
	uint64_t had = c->book.seq;

	(void)state;
	ask_three(0, run.number);
	core_run_requests_gone(c, &run);
	assert_null(c->intents);
	assert_int_equal(c->book.seq, had + 2);
	ends_with(had + 1, "its run ended before it left");
	ends_with(had + 2, "the outcome is unknown");
}

/* The egress of core has ended between its commit and its go. */
static void
cores_own_that_cannot_leave_has_one_end(void **state)
{
	struct core *c = &house.core;
	struct core_intent *i = core_intent_new(c, 0, 0);
	uint64_t had = c->book.seq;

	(void)state;
	c->draining = false;
	i->on_record = true;
	i->done = told;
	core_intent_committed(c, i->number);
	assert_null(c->intents);
	assert_true(house.told);
	assert_int_equal(c->book.seq, had + 1);
	ends_with(had + 1, "the egress of core is away");
}

static void
append_one(void *owner)
{
	static const struct core_event event = { .kind = BOOK_REQUEST_DENIED };

	(void)core_append(owner, &event);
}

/* Whether that turn's end brings what it appended to the disk. */
static bool
is_written_in_its_turn(struct core *c)
{
	loop_later(c->part.loop, append_one, c);
	loop_turn(c->part.loop, 0);
	return !core_unwritten(c);
}

/* What they say meanwhile is of the same commit; but it does not wait twice. */
static void
a_commit_gives_way_once_to_several_requests(void **state)
{
	struct core *c = &house.core;
	struct core_intent *first = core_intent_new(c, 7, 1);
	struct core_intent *second = core_intent_new(c, 7, 2);

	(void)state;
	for (int round = 0; round < 2; round++) {
		uint64_t commits = c->book.commits;

		assert_false(is_written_in_its_turn(c));
		assert_true(is_written_in_its_turn(c));
		assert_int_equal(c->book.commits, commits + 1);
	}
	core_intent_free(c, second);
	assert_true(is_written_in_its_turn(c));
	core_intent_free(c, first);
	assert_true(is_written_in_its_turn(c));
}

/* A sandbox could make every commit wait for its turns of the processor. */
static void
who_burns_the_processor_is_not_given_it_again(void **state)
{
	struct core *c = &house.core;
	struct core_intent *first = core_intent_new(c, 7, 1);
	struct core_intent *second = core_intent_new(c, 7, 2);
	struct mono begun = mono_now();

	(void)state;
	waiter.burns = true;
	assert_false(is_written_in_its_turn(c));
	assert_true(is_written_in_its_turn(c));
	assert_int_equal(waiter.given, 1);
	assert_true(c->book.gives_at.us >= begun.us + CLOCK_SECOND);
	c->book.gives_at.us = INT64_MAX; /* the while is not over */
	assert_false(is_written_in_its_turn(c));
	assert_true(is_written_in_its_turn(c));
	assert_int_equal(waiter.given, 1);
	c->book.gives_at = begun;
	assert_false(is_written_in_its_turn(c));
	assert_true(is_written_in_its_turn(c));
	assert_int_equal(waiter.given, 2);
	core_intent_free(c, second);
	core_intent_free(c, first);
}

static void
a_house_that_closes_gives_way_to_nobody(void **state)
{
	struct core *c = &house.core;

	(void)core_intent_new(c, 7, 1);
	(void)core_intent_new(c, 7, 2);
	(void)state;
	append_one(c);
	core_book_close(c);
	assert_false(core_unwritten(c));
}

/* --- under which claim ---------------------------------------------------- */

/* Of a claim that is in force, until something of it is over. */
static struct core_run run;

static struct core_intent *
of_the_run(uint64_t id)
{
	struct core *c = &house.core;
	struct core_intent *i = core_intent_new(c, 7, id);

	run = (struct core_run){ .number = 5, .epoch = 3, .phase = RUN_ACTING };
	c->runs = &run;
	c->draining = false;
	i->run = 5;
	i->epoch = 3;
	i->rule = STR("egress.good");
	return i;
}

static void
an_intent_is_in_force_while_all_of_its_claim_is(void **state)
{
	enum {
		ALL_IS,
		DRAINING,
		STALLED,
		ENDING,
		NO_CELL,
		NO_RUN,
		EPOCH,
		SETTLED,
		PHASE,
		ALL
	};
	struct core *c = &house.core;

	(void)state;
	for (int what = ALL_IS; what < ALL; what++) {
		struct core_intent *i = of_the_run(1);

		c->draining = what == DRAINING;
		core_text(c->book.stalled, sizeof(c->book.stalled),
		    what == STALLED ? "the disk is full" : "");
		house.cell.phase = what == ENDING ? CELL_ENDING : CELL_READY;
		house.cell.number = what == NO_CELL ? 8 : 7;
		c->runs = what == NO_RUN ? NULL : &run;
		run.epoch += what == EPOCH;
		run.settled = what == SETTLED;
		run.phase = what == PHASE ? RUN_PARKED : RUN_ACTING;
		assert_int_equal(core_intent_in_force(c, i), what == ALL_IS);
		assert_string_equal(core_intent_over(c),
		    what == STALLED    ? "the disk is full"
		    : what == DRAINING ? "the house closes"
		                       : "this claim is over");
		house.cell.number = 7;
		core_intent_free(c, i);
	}
	c->runs = NULL;
}

/* A grant of core's own is taken back when its run is over: then alone. */
static void
cores_own_stands_until_its_run_is_over(void **state)
{
	enum { STANDS, DRAINS, NO_RUN, EPOCH, SETTLED, ALL };
	struct core *c = &house.core;

	(void)state;
	for (int what = STANDS; what < ALL; what++) {
		struct core_intent *i = of_the_run(0);

		i->done = told;
		i->gone = true;
		i->credential = STR("alpha");
		c->draining = what == DRAINS;
		c->runs = what == NO_RUN ? NULL : &run;
		run.epoch += what == EPOCH;
		run.settled = what == SETTLED;
		core_grants_over(c);
		assert_int_equal(i->taken_back, what >= NO_RUN);
		core_intent_free(c, i);
	}
	c->runs = NULL;
}

static void
what_went_or_was_refused_does_not_go_again(void **state)
{
	static struct wire_refuse no;
	struct core *c = &house.core;
	struct core_intent *i = of_the_run(1);

	(void)state;
	assert_true(core_go_may(c, i));
	i->gone = true;
	assert_false(core_go_may(c, i));
	i->gone = false;
	i->refusal = &no;
	assert_false(core_go_may(c, i));
	core_intent_free(c, i);
	c->runs = NULL;
}

/* The vault's word may come, and the end of the turn, when a claim is over. */
static struct core_intent *
bounded_of_the_run(uint64_t number, bool committed)
{
	static struct policy_egress rule;
	struct core_intent *i = of_the_run(number);

	i->bounds = &rule;
	if (committed) {
		core_intent_committed(&house.core, i->number);
	}
	return i;
}

static void
no_claim_no_yes_of_the_vaults_and_nothing_goes(void **state)
{
	enum { REFUSED, OVER, OVER_IN_THE_TURN, ALL };
	struct core *c = &house.core;

	for (int what = REFUSED; what < ALL; what++) {
		struct core_intent *two_of[2];

		for (size_t n = 0; n < 2; n++) {
			two_of[n] =
			    bounded_of_the_run(1 + n, what == OVER_IN_THE_TURN);
		}
		run.settled = what != REFUSED;
		for (size_t n = 0; n < 2 && what != OVER_IN_THE_TURN; n++) {
			struct wire_vault_granted granted = {
				.number = two_of[n]->number,
				.ok = what == OVER,
			};

			core_vault_granted(c, NULL, &granted, NULL, 0);
		}
		core_going_send(c);
		until_answered();
		assert_int_equal(house.refused_count, 2);
		assert_int_equal(house.went, 0);
		assert_null(c->intents);
		c->runs = NULL;
		free(c->going);
		(void)take_down(state);
		(void)set_up(state);
	}
}

/* --- what people are shown ------------------------------------------------ */

static void
what_was_shown_is_of_the_request_that_it_names(void **state)
{
	const struct wire_shown said = {
		.id = 1, .query_size = 3, .text = "a=b"
	};
	struct core *c = &house.core;
	struct core_intent *other = core_intent_new(c, 7, 2);
	struct core_intent *named = core_intent_new(c, 7, 1);

	(void)state;
	core_shown_take(&house.cell, NULL, &said, NULL, 0);
	core_shown_claim(&house.cell, other);
	assert_null(other->shown);
	core_shown_claim(&house.cell, named);
	assert_non_null(named->shown);
	assert_true(str_eq(named->shown->query, STR("a=b")));
	assert_null(house.cell.shown);
	core_intent_free(c, other);
	core_intent_free(c, named);
}

/* Of a long one people see how it begins. */
static void
an_approval_binds_the_whole_of_a_query(void **state)
{
	static const struct core_shown beginning = { .query = { "to=", 3 } };
	struct core *c = &house.core;
	struct digest bound[2];

	(void)state;
	for (size_t n = 0; n < COUNT(bound); n++) {
		struct core_intent *i = core_intent_new(c, 7, 1);
		struct json *o = json_new(&i->arena, JSON_OBJECT);
		auto_buf text = { 0 };

		i->query = n ? STR("to=anna") : STR("to=otto");
		i->shown = &beginning;
		core_shown_bind(i, o);
		json_canonical(&text, o);
		bound[n] = digest_of(buf_str(&text));
		core_intent_free(c, i);
	}
	assert_false(digest_eq(bound[0], bound[1]));
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, set_up, take_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(each_of_a_record_is_an_intent),
		IN_HOUSE(a_host_that_is_none_is_said_of_each),
		IN_HOUSE(an_egress_that_asks_on_without_an_end_is_hung_up),
		IN_HOUSE(what_is_refused_is_not_counted_until_it_is_written),
		IN_HOUSE(a_record_that_is_not_of_its_form_ends_its_egress),
		IN_HOUSE(
		    what_a_refusal_offers_is_whole_or_said_to_be_elsewhere),
		IN_HOUSE(an_outcome_is_of_the_latest_of_its_own_cell),
		IN_HOUSE(cores_own_requests_are_not_among_those_of_an_egress),
		IN_HOUSE(
		    what_an_egress_told_before_its_cell_ended_is_on_record),
		IN_HOUSE(what_goes_once_more_is_found_by_its_new_number),
		IN_HOUSE(what_is_on_record_and_does_not_leave_is_always_told),
		IN_HOUSE(
		    each_intent_on_record_has_one_end_when_its_egress_ends),
		IN_HOUSE(each_of_the_houses_has_one_end_when_its_run_ends),
		IN_HOUSE(cores_own_that_cannot_leave_has_one_end),
		IN_HOUSE(a_commit_gives_way_once_to_several_requests),
		IN_HOUSE(who_burns_the_processor_is_not_given_it_again),
		IN_HOUSE(a_house_that_closes_gives_way_to_nobody),
		IN_HOUSE(an_intent_is_in_force_while_all_of_its_claim_is),
		IN_HOUSE(cores_own_stands_until_its_run_is_over),
		IN_HOUSE(what_went_or_was_refused_does_not_go_again),
		IN_HOUSE(no_claim_no_yes_of_the_vaults_and_nothing_goes),
		IN_HOUSE(what_was_shown_is_of_the_request_that_it_names),
		IN_HOUSE(an_approval_binds_the_whole_of_a_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
