/* SPDX-License-Identifier: Apache-2.0 */
/* Which workspaces end, and when, by core's own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core_book_help.h"
#include "core_meet_help.h"
#include "parts/core.h"
#include "parts/core_run.h"

static struct {
	char folder[BOOK_FOLDER];
	struct core core;
	struct book_id run;
	char name[ID_TEXT];        /* of the run, and of its folder */
	struct wire_peer *sandbox; /* the far end */
	bool silent;               /* it */
	uint32_t asked[8];         /* of it, in order */
	size_t count;
	struct wire_work_done done; /* what it was asked last */
} house;

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

TAKES(take_ask, wire_work_ask)
{
	assert_true(house.count < COUNT(house.asked));
	house.asked[house.count++] = in->work;
	house.done = (struct wire_work_done){ .id = in->id, .ok = 1 };
	if (!house.silent) {
		wire_send(house.sandbox, WIRE_WORK_DONE, &house.done, NULL, 0);
	}
}

/* NOLINTEND(readability-non-const-parameter) */

static void
make_folder(const char *name)
{
	assert_int_equal(mkdirat(house.core.runs_fd, name, 0700), 0);
}

static bool
is_there(const char *name)
{
	struct stat st;

	return fstatat(house.core.runs_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static const char *
work_of(const char *name)
{
	return arena_printf(&house.core.house.arena, "%s/work", name).at;
}

static int
set_up(void **state)
{
	static const struct wire_handler from_sandbox[] = {
		{ WIRE_WORK_DONE, core_work_done },
	};
	static const struct wire_handler of_sandbox[] = {
		{ WIRE_WORK_ASK, take_ask },
	};
	struct core *c = &house.core;
	struct id run = id_new();
	struct err e = { 0 };
	int fds[2];

	(void)state;
	memset(&house, 0, sizeof(house));
	c->part.loop = loop_new_virtual();
	book_make(c, house.folder);
	c->runs_fd = open(house.folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(wire_pair(fds, &e), 0);
	c->sandbox = core_meet(&house.core, PART_CORE, PART_SANDBOX, fds[0],
	    from_sandbox, COUNT(from_sandbox));
	house.sandbox = core_meet(&house.core, PART_SANDBOX, PART_CORE, fds[1],
	    of_sandbox, COUNT(of_sandbox));
	core_text(house.name, sizeof(house.name), run.text);
	assert_true(book_id_parse(str_of(run.text), &house.run));
	make_folder(house.name);
	make_folder(work_of(house.name));
	return 0;
}

static int
take_down(void **state)
{
	(void)state;
	wire_peer_free(house.sandbox);
	wire_peer_free(house.core.sandbox);
	(void)close(house.core.runs_fd);
	book_remove(&house.core, house.folder);
	return 0;
}

static void
happens(enum book_kind kind)
{
	const struct core_event event = { .kind = kind, .run_id = house.run };

	(void)core_append(&house.core, &event);
}

static void
commit(void)
{
	struct err e = { 0 };

	assert_int_equal(core_commit_now(&house.core, &e), 0);
}

static void
settle(void)
{
	loop_advance(house.core.part.loop, 0);
}

static void
sweep(void)
{
	core_work_sweep(&house.core);
	settle();
}

/* First its files become one id's, which may then remove them. */
static void
is_dropped(void)
{
	assert_int_equal(house.count, 2);
	assert_int_equal(house.asked[0], WIRE_WORK_OWN);
	assert_int_equal(house.asked[1], WIRE_WORK_DROP);
	assert_false(is_there(house.name));
	assert_null(house.core.drops);
}

static void
what_no_run_of_the_book_has_is_emptied_and_removed(void **state)
{
	(void)state;
	sweep();
	is_dropped();
}

static void
a_run_that_goes_on_keeps_its_files(void **state)
{
	(void)state;
	happens(BOOK_RUN_STARTED);
	commit();
	sweep();
	happens(BOOK_RUN_PARKED);
	commit();
	sweep();
	assert_int_equal(house.count, 0);
	assert_true(is_there(work_of(house.name)));
	happens(BOOK_RUN_ENDED);
	commit();
	sweep();
	is_dropped();
}

static void
an_end_that_is_not_on_the_disk_removes_nothing(void **state)
{
	(void)state;
	happens(BOOK_RUN_STARTED);
	commit();
	happens(BOOK_RUN_ENDED);
	sweep();
	assert_int_equal(house.count, 0);
	commit();
	settle();
	is_dropped();
}

static void
a_run_whose_processes_still_end_has_its_files(void **state)
{
	struct core_run r = { .core = &house.core, .run = house.run };

	(void)state;
	house.core.runs = &r;
	sweep();
	assert_int_equal(house.count, 0);
	house.core.runs = NULL;
	sweep();
	is_dropped();
}

static void
a_workspace_is_dropped_once(void **state)
{
	(void)state;
	house.silent = true;
	sweep();
	sweep();
	assert_int_equal(house.count, 1);
	assert_true(is_there(work_of(house.name)));
	house.silent = false;
	wire_send(house.sandbox, WIRE_WORK_DONE, &house.done, NULL, 0);
	settle();
	is_dropped();
}

static void
a_word_about_another_workspace_ends_none(void **state)
{
	(void)state;
	house.silent = true;
	sweep();
	assert_false(core_work_dropped(&house.core, house.done.id + 1));
	settle();
	assert_int_equal(house.count, 1);
	assert_true(is_there(work_of(house.name)));
}

/* Nor is anything emptied that a link leads to. */
static void
what_is_no_workspace_stays(void **state)
{
	struct id other = id_new();

	(void)state;
	happens(BOOK_RUN_STARTED);
	commit();
	make_folder("kept");
	make_folder("kept/work");
	make_folder(other.text);
	assert_int_equal(
	    symlinkat("../kept/work", house.core.runs_fd, work_of(other.text)),
	    0);
	sweep();
	assert_int_equal(house.count, 0);
	assert_true(is_there("kept/work"));
	assert_true(is_there(work_of(other.text)));
}

static void
without_a_sandbox_only_what_is_empty_goes(void **state)
{
	struct wire_peer *sandbox = house.core.sandbox;
	struct id full = id_new();

	(void)state;
	make_folder(full.text);
	make_folder(work_of(full.text));
	make_folder(
	    arena_printf(&house.core.house.arena, "%s/work/x", full.text).at);
	house.core.sandbox = NULL;
	sweep();
	assert_int_equal(house.count, 0);
	assert_false(is_there(house.name));
	assert_true(is_there(work_of(full.text)));
	house.core.sandbox = sandbox;
	sweep();
	assert_int_equal(house.count, 2);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(what_no_run_of_the_book_has_is_emptied_and_removed),
		TEST(a_run_that_goes_on_keeps_its_files),
		TEST(an_end_that_is_not_on_the_disk_removes_nothing),
		TEST(a_run_whose_processes_still_end_has_its_files),
		TEST(a_workspace_is_dropped_once),
		TEST(a_word_about_another_workspace_ends_none),
		TEST(what_is_no_workspace_stays),
		TEST(without_a_sandbox_only_what_is_empty_goes),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
