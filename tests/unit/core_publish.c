/* SPDX-License-Identifier: Apache-2.0 */
/* When the tree is signed and where its note goes, by core's own code, on a
 * clock that stands until it is moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core_book_help.h"
#include "core_meet_help.h"
#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_batch.h"
#include "parts/core_egress.h"
#include "parts/core_log.h"
#include "parts/core_proof.h"
#include "parts/core_witness.h"

#define EVERY 5
#define WAIT  (10 * CLOCK_MINUTE)
#define AGAIN (30 * CLOCK_SECOND) /* without a vault, or a disk */
#define STEP  (10 * CLOCK_SECOND)
#define SOON  CLOCK_SECOND

static struct {
	char folder[BOOK_FOLDER];
	struct core core;
	struct wire_peer *vault, *egress; /* the far ends */
	bool silent;                      /* the vault */
	struct wire_vault_signed unsaid;  /* what it was asked last */
	size_t signs;                     /* of it, in all */
	size_t asked;                     /* of the place, in all */
	uint32_t status;                  /* that it answers with; 0: none */
} house;

/* --- the other parts --- */

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

/* Any signature: whoever reads a note here has no key. */
TAKES(take_sign, wire_vault_sign)
{
	house.signs++;
	house.unsaid = (struct wire_vault_signed){ .id = in->id };
	if (!house.silent) {
		wire_send(
		    house.vault, WIRE_VAULT_SIGNED, &house.unsaid, NULL, 0);
	}
}

TAKES(take_do, wire_http_do)
{
	struct wire_http_done said = {
		.id = in->go.id,
		.ok = house.status != 0,
		.status = house.status,
		.kind = ERR_UNAVAILABLE,
		.text = "nobody is there",
	};
	int fd = core_memfd(STR("thanks\n"));

	house.asked++;
	assert_string_equal(in->host, "notes.test");
	wire_send(house.egress, WIRE_HTTP_DONE, &said, &fd, 1);
}

/* NOLINTEND(readability-non-const-parameter) */

static void
meet_parts(struct core *c)
{
	static const struct wire_handler from_vault[] = {
		{ WIRE_VAULT_SIGNED, core_vault_signed },
	};
	static const struct wire_handler of_vault[] = {
		{ WIRE_VAULT_SIGN, take_sign },
	};
	static const struct wire_handler of_egress[] = {
		{ WIRE_HTTP_DO, take_do },
	};
	struct err e = { 0 };
	int vault[2];
	int egress[2];

	assert_int_equal(wire_pair(vault, &e), 0);
	assert_int_equal(wire_pair(egress, &e), 0);
	c->vault = core_meet(&house.core, PART_CORE, PART_VAULT, vault[0],
	    from_vault, COUNT(from_vault));
	house.vault = core_meet(&house.core, PART_VAULT, PART_CORE, vault[1],
	    of_vault, COUNT(of_vault));
	c->egress = core_meet(&house.core, PART_CORE, PART_EGRESS, egress[0],
	    core_own_egress_handlers, core_own_egress_handler_count);
	house.egress = core_meet(&house.core, PART_EGRESS, PART_CORE, egress[1],
	    of_egress, COUNT(of_egress));
	c->vault_ready = true;
}

/* --- a house --- */

static const char *
path_of(const char *name)
{
	return arena_printf(
	    &house.core.house.arena, "%s/%s", house.folder, name)
	    .at;
}

static void
publish_to_file(const char *name)
{
	house.core.house.config.audit.publish = arena_printf(
	    &house.core.house.arena, "file:%s/%s", house.folder, name);
}

static void
publish_to_url(uint32_t status)
{
	house.status = status;
	house.core.house.config.audit.publish = STR("https://notes.test/here");
}

/* Nothing is written yet but by core_commit_now. */
static int
set_up_unwritten(void **state)
{
	struct core *c = &house.core;

	(void)state;
	memset(&house, 0, sizeof(house));
	c->part.loop = loop_new_virtual();
	book_make(c, house.folder);
	meet_parts(c);
	c->house.config.audit.every = EVERY;
	c->house.config.audit.wait = WAIT;
	publish_to_file("note");
	return 0;
}

static int
set_up(void **state)
{
	(void)set_up_unwritten(state);
	core_commit_begin(&house.core);
	return 0;
}

static int
take_down(void **state)
{
	(void)state;
	wire_peer_free(house.vault);
	wire_peer_free(house.egress);
	wire_peer_free(house.core.vault);
	wire_peer_free(house.core.egress);
	free(house.core.publish);
	free(house.core.witness);
	core_proof_end(&house.core);
	book_remove(&house.core, house.folder);
	return 0;
}

static void
nothing(void *owner)
{
	(void)owner;
}

static bool
rests(const struct core *c)
{
	return !c->book.flight_count && core_batch_empty(&c->book.forming) &&
	       !c->book.beat_due;
}

/* All that was begun is done, and on the disk, which has a clock of its own. */
static void
settle(void)
{
	struct core *c = &house.core;
	struct mono last = mono_after(mono_now(), CLOCK_MINUTE);

	do {
		loop_later(c->part.loop, nothing, NULL);
		loop_advance(c->part.loop, CORE_LAZY_US);
		if (!rests(c)) {
			(void)usleep(100);
		}
	} while (!rests(c) && !mono_passed(last, mono_now()));
	assert_true(rests(c));
}

static void
passes(int64_t us)
{
	for (int64_t step; us > 0; us -= step) {
		step = us < STEP ? us : STEP;
		loop_advance(house.core.part.loop, step);
		settle();
	}
}

static void
append(unsigned count)
{
	static const struct core_event event = { .kind = BOOK_REQUEST_DENIED };

	for (unsigned n = 0; n < count; n++) {
		(void)core_append(&house.core, &event);
	}
}

/* On the disk before anything comes of it. */
static void
happens(unsigned count)
{
	struct err e = { 0 };

	append(count);
	assert_int_equal(core_commit_now(&house.core, &e), 0);
	settle();
}

/* The size of the tree whose note is there; 0: none is. */
static uint64_t
noted(const char *name)
{
	auto_buf note = { 0 };
	struct book_root root = { 0 };
	struct err e = { 0 };

	if (file_read(path_of(name), BOOK_NOTE_MAX, &note, &e)) {
		assert_int_equal(e.kind, ERR_MISSING);
	} else {
		assert_int_equal(book_note_read(buf_str(&note), &root, &e), 0);
	}
	return root.size;
}

/* What status says of it holds this. */
static void
tells(const char *text)
{
	auto_buf out = { 0 };
	struct json_out o;

	json_out_init(&o, &out);
	json_out_object(&o, NULL);
	core_publish_write(&house.core, &o);
	json_out_end(&o, '}');
	if (!strstr(buf_z(&out), text)) {
		fail_msg("%s", buf_z(&out));
	}
}

#define NO_PROBLEM "\"problem\":\"\""

/* --- when --- */

static void
a_note_leaves_when_the_head_that_names_it_is_on_the_disk(void **state)
{
	struct core *c = &house.core;
	struct err e = { 0 };

	(void)state;
	append(EVERY);
	assert_int_equal(core_commit_now(c, &e), 0);
	loop_advance(c->part.loop, SOON);
	assert_int_equal(house.signs, 1);
	assert_int_equal(c->book.seq, EVERY + 1);
	assert_int_equal(c->book.durable, EVERY);
	assert_int_equal(noted("note"), 0);
	assert_int_equal(core_commit_now(c, &e), 0);
	assert_int_equal(noted("note"), EVERY);
}

/* What was signed is the newest note of the book, too. */
static void
a_note_stands_in_the_book(void **state)
{
	auto_buf row = { 0 };
	auto_buf note = { 0 };
	uint64_t size = 0;
	struct err e = { 0 };

	(void)state;
	happens(EVERY);
	assert_int_equal(store_row_get(house.core.book.store, STR("meta"),
	                     STR(CORE_CHECKPOINT_ROW), &row, &size, &e),
	    0);
	assert_int_equal(size, EVERY);
	assert_int_equal(
	    file_read(path_of("note"), BOOK_NOTE_MAX, &note, &e), 0);
	assert_true(str_eq(buf_str(&row), buf_str(&note)));
}

static void
few_events_wait_from_the_first_of_them(void **state)
{
	(void)state;
	happens(1);
	passes(WAIT / 2);
	core_publish_follow(&house.core); /* a reload hurries nothing */
	happens(EVERY - 2);
	passes(WAIT / 2 - 3 * SOON);
	assert_int_equal(house.signs, 0);
	passes(3 * SOON);
	assert_int_equal(house.signs, 1);
	assert_int_equal(noted("note"), EVERY - 1);
	/* And what core wrote of this is no event. */
	passes(10 * WAIT);
	assert_int_equal(house.signs, 1);
}

static void
many_events_wait_for_nothing(void **state)
{
	(void)state;
	happens(EVERY - 1);
	assert_int_equal(house.signs, 0);
	happens(1);
	assert_int_equal(house.signs, 1);
	happens(EVERY);
	assert_int_equal(house.signs, 2);
	assert_int_equal(
	    noted("note"), 2 * EVERY + 1); /* and one head of ours */
}

static void
vault_says_it(void)
{
	wire_send(house.vault, WIRE_VAULT_SIGNED, &house.unsaid, NULL, 0);
	passes(SOON);
}

static void
what_comes_while_a_tree_is_signed_is_under_the_next(void **state)
{
	(void)state;
	house.silent = true;
	happens(EVERY);
	happens(2);
	assert_int_equal(house.signs, 1);
	vault_says_it();
	assert_int_equal(noted("note"), EVERY);
	assert_int_equal(house.signs, 1);
	passes(WAIT);
	assert_int_equal(house.signs, 2);
	/* So many wait for the answer alone. */
	happens(EVERY);
	assert_int_equal(house.signs, 2);
	vault_says_it();
	assert_int_equal(house.signs, 3);
}

static void
a_vault_that_ends_is_asked_again(void **state)
{
	struct core *c = &house.core;

	(void)state;
	house.silent = true;
	happens(EVERY);
	c->vault_ready = false;
	core_sign_gone(c);
	passes(2 * AGAIN);
	assert_int_equal(house.signs, 1);
	c->vault_ready = true;
	house.silent = false;
	passes(AGAIN);
	assert_int_equal(house.signs, 2);
	assert_int_equal(noted("note"), EVERY);
	/* Nothing of it has hindered what comes. */
	happens(EVERY);
	assert_int_equal(house.signs, 3);
	house.silent = true;
	happens(EVERY);
	core_sign_gone(c);
	house.silent = false;
	happens(1); /* with that there are too many to wait */
	assert_int_equal(house.signs, 5);
}

static void
nothing_is_signed_while_the_disk_takes_nothing(void **state)
{
	struct core *c = &house.core;

	(void)state;
	happens(1);
	core_text(c->book.stalled, sizeof(c->book.stalled), "full");
	passes(WAIT);
	assert_int_equal(house.signs, 0);
	c->book.stalled[0] = '\0';
	passes(AGAIN);
	assert_int_equal(house.signs, 1);
}

static void
a_house_that_ends_signs_nothing_more(void **state)
{
	(void)state;
	house.core.draining = true;
	happens(EVERY);
	passes(2 * WAIT);
	assert_int_equal(house.signs, 0);
}

static void
what_came_before_the_configuration_is_due_with_it(void **state)
{
	struct core *c = &house.core;

	(void)state;
	c->house.config.audit.every = 0;
	happens(EVERY);
	assert_int_equal(house.signs, 0);
	c->house.config.audit.every = EVERY;
	core_publish_begin(c);
	passes(SOON);
	assert_int_equal(house.signs, 1);
}

static void
a_start_without_events_signs_nothing(void **state)
{
	(void)state;
	core_publish_begin(&house.core);
	core_publish_follow(&house.core);
	passes(10 * WAIT);
	assert_int_equal(house.signs, 0);
}

/* --- to a file --- */

static void
a_place_that_takes_no_note_is_tried_after_twice_the_time(void **state)
{
	(void)state;
	publish_to_file("none/note");
	tells("{}");
	happens(EVERY);
	tells("none/note");
	tells("must be writable");
	tells("\"events\":0");
	assert_int_equal(house.signs, 1);
	passes(WAIT);
	assert_int_equal(house.signs, 2);
	passes(WAIT);
	assert_int_equal(house.signs, 2);
	passes(WAIT);
	assert_int_equal(house.signs, 3);
	assert_int_equal(mkdir(path_of("none"), 0700), 0);
	/* Who looks after it need not wait for that. */
	core_publish_follow(&house.core);
	passes(SOON);
	assert_int_equal(house.signs, 4);
	assert_true(noted("none/note") >= EVERY);
	tells(NO_PROBLEM);
	tells("\"at\":\"");
	passes(10 * WAIT);
	assert_int_equal(house.signs, 4);
	/* The pause is none of the next failure's. */
	publish_to_file("never/note");
	happens(EVERY);
	assert_int_equal(house.signs, 5);
	passes(WAIT);
	assert_int_equal(house.signs, 6);
}

/* It is signed in its own time, whoever takes it then. */
static void
no_event_waits_longer_because_a_place_does(void **state)
{
	(void)state;
	publish_to_file("none/note");
	happens(EVERY);
	passes(WAIT);
	assert_int_equal(house.signs, 2);
	happens(1);
	passes(WAIT);
	assert_int_equal(house.signs, 3);
}

/* Writes there what was read there before. */
static void
put_back(const char *name, const struct buf *note)
{
	struct err e = { 0 };

	assert_int_equal(
	    file_write_atomic(path_of(name), buf_str(note), 0600, &e), 0);
}

/* A note of another book: of so many events. */
static void
put_another(uint64_t size)
{
	const struct book_root root = { .size = size, .root.bytes = { 7 } };
	struct book_signer signer = { .name = STR(BOOK_ORIGIN) };
	const uint8_t sign[BOOK_SIGN_SIZE] = { 0 };
	auto_buf text = { 0 };
	auto_buf note = { 0 };

	book_note_text(STR(BOOK_ORIGIN), &root, &text);
	book_note_seal(buf_str(&text), &signer, sign, &note);
	put_back("note", &note);
}

static void
read_note(struct buf *note)
{
	struct err e = { 0 };

	assert_int_equal(
	    file_read(path_of("note"), BOOK_NOTE_MAX, note, &e), 0);
}

/* Nothing replaces what is there, and status says why. */
static void
stays(const char *why)
{
	auto_buf before = { 0 };
	auto_buf after = { 0 };

	read_note(&before);
	happens(EVERY);
	read_note(&after);
	assert_true(str_eq(buf_str(&before), buf_str(&after)));
	tells(why);
	assert_int_equal(unlink(path_of("note")), 0);
	happens(EVERY);
	tells(NO_PROBLEM);
	assert_true(noted("note") > 0);
}

static void
a_note_of_another_book_stays(void **state)
{
	auto_buf garbage = { 0 };
	struct core *c = &house.core;

	(void)state;
	happens(EVERY);
	put_another(1);
	stays("this book is not the one whose note is in");
	/* As large as the newest that this house has put there. */
	put_another(noted("note"));
	stays("this book is not the one whose note is in");
	put_another(
	    c->book.seq + EVERY); /* the tree to come, and not its own */
	stays("this book is not the one whose note is in");
	put_another(c->book.seq + EVERY + 1);
	stays("it was cut off or restored");
	buf_add_z(&garbage, "no note\n");
	put_back("note", &garbage);
	stays("/note");
}

/* An operator has put it back: it is of this book. */
static void
an_older_note_of_this_book_is_replaced(void **state)
{
	auto_buf old = { 0 };

	(void)state;
	happens(EVERY);
	read_note(&old);
	happens(EVERY);
	put_back("note", &old);
	happens(EVERY);
	tells(NO_PROBLEM);
	assert_true(noted("note") > UINT64_C(2) * EVERY);
}

static void
says_that_it_has(struct core *c, uint64_t events)
{
	c->book.durable = events;
}

/* Nothing can be compared then, and so nothing is replaced. */
static void
a_book_that_cannot_be_read_replaces_no_note(void **state)
{
	static const struct {
		uint64_t events;
		const char *says;
	} cases[] = {
		{ BOOK_BLOCK, "events are missing" },
		{ 0, "event 1 is missing" },
	};

	(void)state;
	house.silent = true;
	for (size_t n = 0; n < COUNT(cases); n++) {
		happens(EVERY);
		put_another(1);
		core_after(&house.core, says_that_it_has, cases[n].events);
		vault_says_it();
		tells(cases[n].says);
		assert_int_equal(noted("note"), 1);
	}
}

/* --- to a URL --- */

static void
a_place_has_taken_what_it_answers_to_with_two_hundred(void **state)
{
	static const struct {
		uint32_t status;
		const char *says;
	} cases[] = {
		{ 200, NO_PROBLEM },
		{ 299, NO_PROBLEM },
		{ 300, "it answered with status 300" },
		{ 199, "it answered with status 199" },
		{ 0, "nobody is there" },
	};

	(void)state;
	for (size_t n = 0; n < COUNT(cases); n++) {
		publish_to_url(cases[n].status);
		core_publish_follow(&house.core); /* its pause is over */
		happens(EVERY);
		assert_int_equal(house.asked, n + 1);
		tells(cases[n].says);
	}
}

static void
a_place_that_took_nothing_is_left_alone_though_much_happens(void **state)
{
	(void)state;
	publish_to_url(500);
	happens(EVERY);
	happens(EVERY);
	assert_int_equal(house.signs, 2);
	assert_int_equal(house.asked, 1);
	passes(WAIT);
	assert_int_equal(house.asked, 2);
	passes(WAIT);
	assert_int_equal(house.asked, 2);
	house.status = 200;
	passes(WAIT);
	assert_int_equal(house.asked, 3);
	tells(NO_PROBLEM);
	happens(EVERY);
	assert_int_equal(house.asked, 4);
	passes(10 * WAIT);
	assert_int_equal(house.asked, 4);
}

static void
to_a_place_that_is_taken_out_nothing_is_owed(void **state)
{
	(void)state;
	publish_to_url(500);
	happens(EVERY);
	house.core.house.config.audit.publish = STR("");
	tells("{}");
	core_publish_follow(&house.core);
	passes(SOON);
	assert_int_equal(house.signs, 2);
	passes(10 * WAIT);
	assert_int_equal(house.signs, 2);
	/* A new one begins anew. */
	publish_to_url(200);
	tells(NO_PROBLEM);
	happens(EVERY);
	assert_int_equal(house.asked, 2);
}

/* Any key: nothing that this witness says is signed. */
static void
has_witness(struct core *c)
{
	static struct config_witness witness;
	const struct book_signer any = { .name = STR("notes.test/w") };
	auto_buf line = { 0 };

	book_witness_text(&any, &line);
	witness = (struct config_witness){
		.name = STR("one"),
		.url = STR("https://notes.test/w"),
		.key = arena_str(&c->house.arena, buf_str(&line)),
	};
	c->house.config.witnesses = &witness;
	c->house.config.witness_count = 1;
	core_witness_follow(c);
}

/* And what core asks of one that stays is no event, either. */
static void
to_a_witness_that_is_taken_out_nothing_is_owed(void **state)
{
	struct core *c = &house.core;

	(void)state;
	house.status = 500;
	has_witness(c);
	happens(EVERY);
	assert_int_equal(house.asked, 1);
	passes(WAIT);
	assert_int_equal(house.asked, 2);
	passes(WAIT);
	assert_int_equal(house.signs, 2);
	c->house.config.witness_count = 0;
	core_witness_follow(c);
	passes(10 * WAIT);
	assert_int_equal(house.signs, 2);
}

/* A reload while a tree is signed: that one goes where it says. */
static void
a_reload_signs_no_second_tree_beside_the_first(void **state)
{
	(void)state;
	publish_to_url(500);
	happens(EVERY);
	house.silent = true;
	happens(EVERY);
	assert_int_equal(house.signs, 2);
	core_publish_follow(&house.core);
	passes(SOON);
	assert_int_equal(house.signs, 2);
	house.status = 200;
	vault_says_it();
	assert_int_equal(house.asked, 2);
	tells(NO_PROBLEM);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_note_leaves_when_the_head_that_names_it_is_on_the_disk,
		    set_up_unwritten, take_down),
		TEST(a_note_stands_in_the_book),
		TEST(few_events_wait_from_the_first_of_them),
		TEST(many_events_wait_for_nothing),
		TEST(what_comes_while_a_tree_is_signed_is_under_the_next),
		TEST(a_vault_that_ends_is_asked_again),
		TEST(nothing_is_signed_while_the_disk_takes_nothing),
		TEST(a_house_that_ends_signs_nothing_more),
		TEST(what_came_before_the_configuration_is_due_with_it),
		TEST(a_start_without_events_signs_nothing),
		TEST(a_place_that_takes_no_note_is_tried_after_twice_the_time),
		TEST(no_event_waits_longer_because_a_place_does),
		TEST(a_note_of_another_book_stays),
		TEST(an_older_note_of_this_book_is_replaced),
		TEST(a_book_that_cannot_be_read_replaces_no_note),
		TEST(a_place_has_taken_what_it_answers_to_with_two_hundred),
		TEST(
		    a_place_that_took_nothing_is_left_alone_though_much_happens),
		TEST(to_a_place_that_is_taken_out_nothing_is_owed),
		TEST(to_a_witness_that_is_taken_out_nothing_is_owed),
		TEST(a_reload_signs_no_second_tree_beside_the_first),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
