/* SPDX-License-Identifier: Apache-2.0 */
#include "store_help.h"

/* Everything from PostgreSQL into a file and back: by store_copy and by a
 * backup.  More tasks and bodies than any page holds. */

#define HEADS 700
#define TASKS 450

static char folder[64];

static void
put_tasks(struct store *store)
{
	char id[16];
	struct store_task task = {
		.queue = STR("engineering"),
		.subject = STR("fix it"),
		.owner = STR("engineering-coworker"),
		.created_at = { 1795456800005000 },
		.updated_at = { 1795456801007000 },
		.saved = STR("saved\0form"),
	};
	struct err e = { 0 };

	for (uint64_t i = 1; i <= TASKS; i++) {
		(void)snprintf(id, sizeof(id), "t%llu",
		    (unsigned long long)(i * 7919 % 1000));
		task.number = i;
		task.id = str_of(id);
		task.record = STR("{\"a\":1}");
		task.state = STR("pending");
		task.last_seq = i;
		task.live = i % 3;
		task.ending = false;
		assert_int_equal(store_task_put(store, &task, &e), 0);
		if (i % 3 == 1) {
			task.record = STR("");
			task.state = STR("completed");
			task.last_seq = HEADS;
			task.ending = true;
			assert_int_equal(store_task_put(store, &task, &e), 0);
		}
	}
}

static void
fill(struct store *store)
{
	char body[64];
	struct err e = { 0 };

	for (uint64_t seq = 1; seq <= HEADS;) {
		uint64_t end = seq + 1 + seq % 90;

		begin(store);
		for (; seq <= end && seq <= HEADS; seq++) {
			assert_int_equal(add_head(store, seq, &e), 0);
			(void)snprintf(body, sizeof(body), "body %llu",
			    (unsigned long long)seq);
			assert_int_equal(seq % 5
			                     ? 0
			                     : store_body_add(store, seq,
			                           (int64_t)(20000 + seq % 3),
			                           str_of(body), &e),
			    0);
		}
		commit(store);
	}
	begin(store);
	assert_int_equal(put_row(store, "k", "v", 4, &e), 0);
	put_tasks(store);
	commit(store);
}

struct told {
	struct store *store;
	struct buf text;
};

static int
tell_head(void *context, const struct store_head *head, struct err *e)
{
	struct told *told = context;

	expect_head(head);
	buf_addf(&told->text, "%llu ", (unsigned long long)head->seq);
	if (store_body_get(told->store, head->seq, &told->text, e)) {
		assert_int_equal(e->kind, ERR_MISSING);
	}
	return 0;
}

static int
tell_task(void *context, const struct store_task *task, struct err *e)
{
	struct told *told = context;

	(void)e;
	buf_addf(&told->text,
	    "%llu " STR_FMT " " STR_FMT " " STR_FMT " " STR_FMT " " STR_FMT
	    " " STR_FMT " %lld %lld %llu %d",
	    (unsigned long long)task->number, STR_ARG(task->id),
	    STR_ARG(task->queue), STR_ARG(task->subject), STR_ARG(task->state),
	    STR_ARG(task->owner), STR_ARG(task->record),
	    (long long)task->created_at.us, (long long)task->updated_at.us,
	    (unsigned long long)task->last_seq, task->live);
	buf_add(&told->text, task->saved);
	return 0;
}

static int
tell_live(void *context, const struct store_task *task, struct err *e)
{
	struct told *told = context;

	(void)e;
	buf_addf(&told->text, "%llu " STR_FMT " %llu ",
	    (unsigned long long)task->number, STR_ARG(task->id),
	    (unsigned long long)task->last_seq);
	return 0;
}

/* All that a store says, as text. */
static void
tell(struct store *store, struct buf *text)
{
	struct told told = { .store = store };
	struct store_task any = { 0 };
	struct err e = { 0 };

	assert_int_equal(store_check(store, &e), 0);
	assert_int_equal(
	    store_heads_walk(store, 0, 0, tell_head, &told, &e), 0);
	assert_int_equal(
	    store_tasks_walk(store, &any, 0, tell_task, &told, &e), 0);
	assert_int_equal(store_live_walk(store, tell_live, &told, &e), 0);
	assert_int_equal(
	    store_row_get(store, STR("meta"), STR("k"), &told.text, NULL, &e),
	    0);
	buf_add(text, buf_str(&told.text));
	buf_fini(&told.text);
}

static void
expect_equal(struct store *a, struct store *b)
{
	auto_buf one = { 0 };
	auto_buf two = { 0 };

	tell(a, &one);
	tell(b, &two);
	assert_true(one.len > 10000);
	assert_true(str_eq(buf_str(&one), buf_str(&two)));
}

static int
make_both(void **state)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/handrail-move-XXXXXX");
	return make_folder(state) || !mkdtemp(folder) ? -1 : 0;
}

static int
remove_both(void **state)
{
	static const char *const ends[] = { "", "-wal", "-journal",
		"-reserve" };
	char name[128];

	for (size_t i = 0; i < COUNT(ends); i++) {
		(void)snprintf(
		    name, sizeof(name), "%s/book.db%s", folder, ends[i]);
		(void)unlink(name);
	}
	return remove_folder(state) || rmdir(folder) ? -1 : 0;
}

static struct store *
open_file(unsigned flags)
{
	struct store *store = NULL;
	struct err e = { 0 };
	char at[128];

	(void)snprintf(at, sizeof(at), "%s/book.db", folder);
	if (store_open(at, flags, &store, &e)) {
		fail_msg("%s", e.text);
	}
	return store;
}

/* A schema of its own that nobody has owned. */
static struct store *
open_empty(void)
{
	struct store *store = NULL;
	struct err e = { 0 };

	new_path();
	if (store_open(path, STORE_CREATE, &store, &e)) {
		fail_msg("%s", e.text);
	}
	return store;
}

static void
copy(struct store *from, struct store *to)
{
	struct err e = { 0 };

	if (store_copy(from, to, &e)) {
		fail_msg("%s", e.text);
	}
	expect_equal(from, to);
}

static void
a_copy_of_a_copy_says_the_same(void **state)
{
	auto_store from = open_store();
	auto_store file = open_file(STORE_CREATE);
	auto_store back = NULL;
	auto_store again = NULL;

	(void)state;
	fill(from);
	copy(from, file);
	back = open_empty();
	copy(file, back);
	again = open_empty();
	copy(back, again);
	expect_equal(from, again);
}

static void
a_backup_says_the_same_and_comes_back(void **state)
{
	auto_store from = open_store();
	auto_store file = NULL;
	auto_store back = NULL;
	struct store_backup *backup = NULL;
	unsigned percent = 0;
	int more = 1;
	char at[128];
	struct err e = { 0 };

	(void)state;
	fill(from);
	(void)snprintf(at, sizeof(at), "%s/book.db", folder);
	assert_int_equal(store_backup_start(from, at, &backup, &e), 0);
	while (more == 1) {
		more = store_backup_step(backup, &percent, &e);
	}
	store_backup_free(backup);
	if (more) {
		fail_msg("%s", e.text);
	}
	file = open_file(0);
	expect_equal(from, file);
	back = open_empty();
	copy(file, back);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_both, remove_both)
	const struct CMUnitTest tests[] = {
		TEST(a_copy_of_a_copy_says_the_same),
		TEST(a_backup_says_the_same_and_comes_back),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
