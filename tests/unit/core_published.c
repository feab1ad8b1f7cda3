/* SPDX-License-Identifier: Apache-2.0 */
/* A book beside the note that it published, by core's own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "parts/core.h"
#include "parts/core_log.h"

#define EVENTS 9000 /* more than a start reads at once, twice */

static struct {
	char folder[64];
	char note[320];
	char option[sizeof("--publish")];
	char *argv[3];
	struct core core;
} house;

static void
append_all(void *owner)
{
	static const struct core_event event = { .kind = BOOK_REQUEST_DENIED };

	for (int n = 0; n < EVENTS; n++) {
		(void)core_append(owner, &event);
	}
}

static int
set_up(void **state)
{
	struct core *c = &house.core;
	auto_buf path = { 0 };
	struct err e = { 0 };

	(void)state;
	memset(&house, 0, sizeof(house));
	(void)snprintf(
	    house.folder, sizeof(house.folder), "/tmp/core-published-XXXXXX");
	assert_non_null(mkdtemp(house.folder));
	memcpy(house.option, "--publish", sizeof(house.option));
	(void)snprintf(house.note, sizeof(house.note), "%s/note", house.folder);
	house.argv[1] = house.option;
	house.argv[2] = house.note;
	c->part.argc = 3;
	c->part.argv = house.argv;
	buf_addf(&path, "%s/book.db", house.folder);
	c->part.loop = loop_new();
	c->where = arena_z(&c->house.arena, buf_str(&path));
	if (core_book_open(c, c->where, &e) || core_book_recover(c, &e)) {
		fail_msg("%s", e.text);
	}
	append_all(c);
	assert_int_equal(core_commit_now(c, &e), 0);
	assert_int_equal(c->book.seq, EVENTS);
	return 0;
}

static int
take_down(void **state)
{
	auto_buf command = { 0 };

	(void)state;
	store_close(house.core.book.store);
	buf_addf(&command, "rm -rf '%s'", house.folder);
	/* NOLINTNEXTLINE(cert-env33-c): a command of ours */
	assert_int_equal(system(buf_z(&command)), 0);
	return 0;
}

static int
add_leaf(void *context, const struct store_head *row, struct err *e)
{
	(void)e;
	book_tree_add(context, book_leaf(str_span(row->head, BOOK_HEAD_SIZE)));
	return 0;
}

/* The note of the book's first events, `size` of them by its own word. */
static void
publish(uint64_t events, uint64_t size, bool another)
{
	struct book_tree tree = { 0 };
	struct book_root root = { .size = size };
	struct book_signer signer = { .name = STR(BOOK_ORIGIN) };
	const uint8_t sign[BOOK_SIGN_SIZE] = { 0 };
	auto_buf text = { 0 };
	auto_buf note = { 0 };
	struct err e = { 0 };

	assert_int_equal(store_heads_walk(house.core.book.store, 1, events,
	                     add_leaf, &tree, &e),
	    0);
	root.root = book_tree_root(&tree);
	root.root.bytes[0] ^= another;
	book_note_text(STR(BOOK_ORIGIN), &root, &text);
	book_note_seal(buf_str(&text), &signer, sign, &note);
	assert_int_equal(
	    file_write_atomic(house.note, buf_str(&note), 0600, &e), 0);
}

static void
refused(enum err_kind kind, const char *says)
{
	struct err e = { 0 };

	assert_int_equal(core_published_check(&house.core, &e), -1);
	assert_int_equal(e.kind, kind);
	assert_non_null(strstr(e.text, house.note));
	if (!strstr(e.text, says)) {
		fail_msg("%s", e.text);
	}
}

static void
agrees(void)
{
	struct err e = { 0 };

	if (core_published_check(&house.core, &e)) {
		fail_msg("%s", e.text);
	}
}

static void
every_event_of_a_note_is_read_and_none_behind(void **state)
{
	static const uint64_t sizes[] = { 1, 4095, 4096, 4097, 8192, 8193,
		EVENTS };

	(void)state;
	for (size_t n = 0; n < COUNT(sizes); n++) {
		publish(sizes[n], sizes[n], false);
		agrees();
		publish(sizes[n], sizes[n], true);
		refused(ERR_CONFLICT, "is not the one whose note is in");
		publish(sizes[n], sizes[n] - 1, false);
		refused(ERR_CONFLICT, sizes[n] > 1
		                          ? "is not the one whose note is in"
		                          : "a tree of no events");
	}
	publish(EVENTS, EVENTS + 1, false);
	refused(ERR_CONFLICT, "is smaller than the note");
}

static void
where_nothing_is_published_nothing_is_compared(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(core_published_check(&house.core, &e), 0);
	publish(EVENTS, EVENTS, true);
	house.core.part.argc = 1;
	assert_int_equal(core_published_check(&house.core, &e), 0);
}

/* The book says how many it has, and its store lacks some. */
static void
an_event_that_is_missing_is_named(void **state)
{
	(void)state;
	publish(EVENTS, EVENTS + 5, false);
	house.core.book.seq += 10;
	refused(ERR_MISSING, "event 9001 is missing");
}

static void
leave(const char *name, const char *text)
{
	struct err e = { 0 };

	core_row(&house.core, "meta", str_of(name), str_of(text), 7);
	assert_int_equal(core_commit_now(&house.core, &e), 0);
}

static void
a_restore_that_cannot_be_read_overrules_nothing(void **state)
{
	(void)state;
	publish(EVENTS, EVENTS, true);
	leave(CORE_RESTORED_ROW, "{\"from\":");
	struct err e = { 0 };

	assert_int_equal(core_published_check(&house.core, &e), -1);
	assert_non_null(strstr(e.text, "what the restore left in the book"));
	assert_int_equal(access(house.note, F_OK), 0);
}

static void
a_note_that_a_restore_overruled_is_kept_and_named(void **state)
{
	auto_buf row = { 0 };
	uint64_t version = 0;
	struct err e = { 0 };

	(void)state;
	publish(EVENTS, EVENTS, true);
	leave(CORE_RESTORED_ROW, "{\"from\":\"backup\"}");
	assert_int_equal(core_published_check(&house.core, &e), 0);
	assert_int_equal(access(house.note, F_OK), -1);
	assert_int_equal(store_row_get(house.core.book.store, STR("meta"),
	                     STR(CORE_RESTORED_ROW), &row, &version, &e),
	    0);
	assert_int_equal(version, 8);
	assert_true(str_has_str(buf_str(&row), STR("\"from\":\"backup\"")));
	assert_true(str_has_str(
	    buf_str(&row), STR("\"overruled\":{\"events\":9000,\"root\":\"")));
}

/* Whether that note is of before, only people can tell. */
static void
a_restore_that_a_node_took_up_overrules_no_note(void **state)
{
	(void)state;
	publish(EVENTS, EVENTS, true);
	leave(CORE_RESTORED_SEQ, "8");
	refused(ERR_CONFLICT, "restored from a backup by event 8");
	assert_int_equal(access(house.note, F_OK), 0);
}

static void
a_note_that_cannot_be_read_starts_no_house(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    file_write_atomic(house.note, STR("no note\n"), 0600, &e), 0);
	refused(ERR_CONFLICT, "cannot compare its book with");
}

/* Its name has no room for what is written behind it. */
static void
a_note_that_cannot_be_kept_starts_no_house(void **state)
{
	size_t at = strlen(house.folder) + 1;

	(void)state;
	memset(house.note + at, 'n', 235);
	house.note[at + 235] = '\0';
	publish(EVENTS, EVENTS, true);
	leave(CORE_RESTORED_ROW, "{\"from\":\"backup\"}");
	refused(ERR_IO, "cannot keep");
	assert_int_equal(access(house.note, F_OK), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(every_event_of_a_note_is_read_and_none_behind),
		TEST(where_nothing_is_published_nothing_is_compared),
		TEST(an_event_that_is_missing_is_named),
		TEST(a_restore_that_cannot_be_read_overrules_nothing),
		TEST(a_note_that_a_restore_overruled_is_kept_and_named),
		TEST(a_restore_that_a_node_took_up_overrules_no_note),
		TEST(a_note_that_cannot_be_read_starts_no_house),
		TEST(a_note_that_cannot_be_kept_starts_no_house),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
