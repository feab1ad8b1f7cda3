/* SPDX-License-Identifier: Apache-2.0 */
/* Witnesses as core asks them, by core's own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core_book_help.h"
#include "core_meet_help.h"
#include "parts/core.h"
#include "parts/core_egress.h"
#include "parts/core_log.h"
#include "parts/core_witness.h"
#include "seal/seal.h"

static struct {
	char folder[BOOK_FOLDER];
	struct core core;
	struct config_witness witness[2];
	struct wire_peer *egress; /* the far end */
	const char *away;         /* why the egress has no answer, or NULL */
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
		.ok = !house.away,
		.status = 409,
	};
	int fd = core_memfd(str_of(house.knows));

	if (house.away) {
		core_text(said.text, sizeof(said.text), house.away);
	}
	house.asked++;
	wire_send(house.egress, WIRE_HTTP_DONE, &said, &fd, 1);
}

/* NOLINTEND(readability-non-const-parameter) */

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
	c->egress = core_meet(&house.core, PART_CORE, PART_EGRESS, fds[0],
	    core_own_egress_handlers, core_own_egress_handler_count);
	house.egress = core_meet(&house.core, PART_EGRESS, PART_CORE, fds[1],
	    of_egress, COUNT(of_egress));
	house.witness[0] = (struct config_witness){
		.name = STR("one"),
		.url = STR("http://127.0.0.1:1/in"),
		.key = key_line(&c->house.arena),
	};
	house.witness[1] = house.witness[0];
	house.witness[1].name = STR("two");
	c->house.config.witnesses = house.witness;
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
ask_whoever_is_not_left_alone(void)
{
	const struct book_root root = { .size = house.size };
	struct mono last = mono_after(mono_now(), 60 * CLOCK_SECOND);
	size_t done = house.done;

	core_witness_ask(&house.core, &root, STR("a note\n"), is_done);
	loop_later(house.core.part.loop, nothing, NULL);
	while (house.done == done && !mono_passed(last, mono_now())) {
		loop_turn(house.core.part.loop, CLOCK_SECOND / 100);
	}
	assert_int_equal(house.done, done + 1);
}

static void
ask(void)
{
	core_witness_follow(&house.core); /* its pause is over */
	ask_whoever_is_not_left_alone();
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

/* It need not have been asked for what it says to be wrong. */
static void
a_witness_that_cannot_be_reached_is_told_as_such(void **state)
{
	(void)state;
	house.away = "nobody is there";
	ask();
	assert_int_equal(house.asked, 1);
	tells("\"nobody is there\"");
}

static void
a_witness_that_has_seen_as_much_has_another_tree(void **state)
{
	(void)state;
	house.knows = "1\n";
	ask();
	assert_int_equal(house.asked, 2);
	tells("it has another tree of 1 events than this book");
	house.knows = "2\n";
	ask();
	assert_int_equal(house.asked, 3);
	tells("this book has 1: it was cut off or restored");
}

/* What the row of "one" says; with: that first, as a start finds it. */
static struct str
row(const char *with)
{
	static struct buf value;
	struct core *c = &house.core;
	struct err e = { 0 };

	if (with) {
		core_row(c, "meta", STR("witness/one"), str_of(with), 1);
	}
	assert_int_equal(core_commit_now(c, &e), 0);
	buf_clear(&value);
	if (store_row_get(c->book.store, STR("meta"), STR("witness/one"),
	        &value, NULL, &e)) {
		fail_msg("%s", e.text);
	}
	return buf_str(&value);
}

/* A book that was restored has less than its witness: that one says so. */
static void
who_has_seen_more_than_there_is_is_asked_from_nothing(void **state)
{
	(void)state;
	(void)row("9");
	house.core.house.config.witness_count = 0;
	core_witness_follow(&house.core);
	house.core.house.config.witness_count = 1;
	ask();
	assert_int_equal(house.asked, 2);
	tells("it has another tree of 0 events than this book");
	assert_true(str_eq_z(row(NULL), "0"));
}

/* Else a witness that begins anew could not be written down. */
static void
what_a_witness_saw_may_be_less_than_before(void **state)
{
	(void)state;
	house.knows = "1\n";
	ask();
	assert_true(str_eq_z(row(NULL), "1"));
	house.knows = "0\n";
	ask();
	assert_true(str_eq_z(row(NULL), "0"));
}

static void
who_did_not_take_a_tree_is_left_alone(void **state)
{
	const struct core_pause *pause;

	(void)state;
	assert_null(core_witness_pause(&house.core));
	ask();
	assert_int_equal(house.asked, 2);
	pause = core_witness_pause(&house.core);
	assert_non_null(pause);
	assert_int_equal(pause->failures, 1);
	assert_true(core_pause_stands(pause, loop_now(house.core.part.loop)));
	ask_whoever_is_not_left_alone();
	assert_int_equal(house.asked, 2);
	/* Who failed once less is asked sooner. */
	house.core.house.config.witness_count = 2;
	ask();
	assert_int_equal(house.asked, 6);
	assert_int_equal(core_witness_pause(&house.core)->failures, 1);
}

/* --- what others say that a witness signed ----------------------------- */

/* As the format says it, by hand: id, seconds, signature. */
static void
add_cosign(const struct seal_key *key, const struct book_signer *signer,
    uint8_t seconds, struct str text, struct buf *out)
{
	uint8_t bytes[4 + 8 + BOOK_SIGN_SIZE] = { 0 };
	struct wall at = { seconds * CLOCK_SECOND };
	auto_buf named = { 0 };
	auto_buf message = { 0 };

	buf_addf(&named, STR_FMT "\n\x04", STR_ARG(signer->name));
	buf_add(&named, str_span(signer->key, BOOK_KEY_SIZE));
	memcpy(bytes, digest_of(buf_str(&named)).bytes, 4);
	bytes[11] = seconds;
	book_cosign_text(at, text, &message);
	seal_sign(key, buf_str(&message), bytes + 12);
	buf_addf(out, "\xe2\x80\x94 " STR_FMT " ", STR_ARG(signer->name));
	base64_add(out, str_span(bytes, sizeof(bytes)));
	buf_add_byte(out, '\n');
}

/* Each line of one witness takes the room of another. */
static void
a_witness_has_one_line_in_a_note(void **state)
{
	auto_seal_key key = seal_key_make();
	struct book_signer signer = { .name = STR("witness.test/w") };
	const struct book_root root = { .size = 1 };
	const uint8_t sign[BOOK_SIGN_SIZE] = { 0 };
	auto_buf line = { 0 };
	auto_buf text = { 0 };
	auto_buf note = { 0 };
	auto_buf answer = { 0 };

	(void)state;
	seal_sign_public(key, signer.key);
	book_witness_text(&signer, &line);
	house.witness[0].key = buf_str(&line);
	core_witness_follow(&house.core);
	book_note_text(STR("a book"), &root, &text);
	book_note_seal(buf_str(&text), &signer, sign, &note);
	for (uint8_t seconds = 1; seconds <= 2; seconds++) {
		buf_clear(&answer);
		add_cosign(key, &signer, seconds, buf_str(&text), &answer);
		assert_int_equal(core_witness_add(&house.core, &root,
		                     buf_str(&answer), &note),
		    seconds == 1);
	}
	tells("\"at\":\"1970-01-01T00:00:01");
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
		cmocka_unit_test_setup_teardown(
		    a_witness_that_cannot_be_reached_is_told_as_such, set_up,
		    take_down),
		cmocka_unit_test_setup_teardown(
		    a_witness_that_has_seen_as_much_has_another_tree, set_up,
		    take_down),
		cmocka_unit_test_setup_teardown(
		    who_has_seen_more_than_there_is_is_asked_from_nothing,
		    set_up, take_down),
		cmocka_unit_test_setup_teardown(
		    what_a_witness_saw_may_be_less_than_before, set_up,
		    take_down),
		cmocka_unit_test_setup_teardown(
		    who_did_not_take_a_tree_is_left_alone, set_up, take_down),
		cmocka_unit_test_setup_teardown(
		    a_witness_has_one_line_in_a_note, set_up, take_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
