/* SPDX-License-Identifier: Apache-2.0 */
/* What cannot be read is not what is not there, by core's own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core_book_help.h"
#include "parts/core.h"
#include "parts/core_batch.h"

static struct {
	char folder[BOOK_FOLDER];
	struct core core;
} house;

/* Rows of this space are there, and cannot be read; NULL: all can. */
static const char *unread;

/* NOLINTBEGIN(bugprone-reserved-identifier): the names of ld --wrap */

int __real_store_row_get(struct store *store, struct str space, struct str key,
    struct buf *out, uint64_t *version, struct err *e);
int __wrap_store_row_get(struct store *store, struct str space, struct str key,
    struct buf *out, uint64_t *version, struct err *e);
int
__wrap_store_row_get(struct store *store, struct str space, struct str key,
    struct buf *out, uint64_t *version, struct err *e)
{
	return unread && str_eq_z(space, unread)
	           ? err_set(e, ERR_IO, "the disk said no")
	           : __real_store_row_get(store, space, key, out, version, e);
}

/* NOLINTEND(bugprone-reserved-identifier) */

static int
set_up(void **state)
{
	struct core *c = &house.core;

	(void)state;
	unread = NULL;
	memset(&house, 0, sizeof(house));
	c->part.loop = loop_new();
	book_make(c, house.folder);
	return 0;
}

static int
take_down(void **state)
{
	(void)state;
	book_remove(&house.core, house.folder);
	return 0;
}

static void
commit(void)
{
	struct err e = { 0 };

	assert_int_equal(core_commit_now(&house.core, &e), 0);
}

/* A receipt would call it expired for ever. */
static void
a_body_that_was_kept_and_cannot_be_read_is_not_expired(void **state)
{
	static const struct core_event event = { .kind = BOOK_REQUEST_DENIED };
	struct core *c = &house.core;
	uint64_t seq = core_append(c, &event);
	auto_buf key = { 0 };
	auto_buf body = { 0 };
	struct err e = { 0 };
	bool there = true;

	(void)state;
	commit();
	assert_int_equal(core_body_look(c, seq, &body, &there, &e), 0);
	assert_false(there);
	core_kept_key(seq, &key);
	core_row(c, "kept", buf_str(&key), STR("kept"), 1);
	commit();
	assert_int_equal(core_body_look(c, seq, &body, &there, &e), 0);
	assert_true(there && str_eq(buf_str(&body), STR("kept")));
	unread = "kept";
	assert_int_equal(core_body_look(c, seq, &body, &there, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "the body of event 1"));
}

static void
an_operator_that_cannot_be_read_is_not_made_anew(void **state)
{
	static struct core_operator ada = { .name = "ada", .uid = 7 };
	struct core *c = &house.core;
	struct err e = { 0 };

	(void)state;
	c->house.operators = &ada;
	c->house.operator_count = 1;
	assert_int_equal(core_operators_know(c, &e), 0);
	commit();
	assert_int_equal(c->book.seq, 1);
	unread = "operator";
	assert_int_equal(core_operators_know(c, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "the operator ada"));
	assert_int_equal(c->book.seq, 1);
	unread = NULL;
	e = (struct err){ 0 };
	assert_int_equal(core_operators_know(c, &e), 0);
	assert_int_equal(c->book.seq, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(a_body_that_was_kept_and_cannot_be_read_is_not_expired),
		TEST(an_operator_that_cannot_be_read_is_not_made_anew),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
