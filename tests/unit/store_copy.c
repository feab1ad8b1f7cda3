/* SPDX-License-Identifier: Apache-2.0 */
#include "store_help.h"

#include <sys/stat.h>

static char other[112];

static int
make_two(void **state)
{
	if (make_folder(state)) {
		return -1;
	}
	(void)snprintf(other, sizeof(other), "%s/other.db", folder);
	return 0;
}

static int
remove_two(void **state)
{
	char name[128];

	(void)unlink(other);
	for (size_t i = 0; i < 3; i++) {
		static const char *const ends[] = { "-wal", "-journal",
			"-reserve" };

		(void)snprintf(name, sizeof(name), "%s%s", other, ends[i]);
		(void)unlink(name);
	}
	return remove_folder(state);
}

static struct store *
open_other(unsigned flags)
{
	struct store *store = NULL;
	struct err e = { 0 };

	if (store_open(other, flags, &store, &e)) {
		fail_msg("%s", e.text);
	}
	return store;
}

/* Heads `from` to `to` in one batch, each third with a body. */
static void
add_heads(struct store *store, uint64_t from, uint64_t to)
{
	struct err e = { 0 };
	char body[64];

	begin(store);
	for (uint64_t seq = from; seq <= to; seq++) {
		assert_int_equal(add_head(store, seq, &e), 0);
		if (seq % 3 == 0) {
			(void)snprintf(body, sizeof(body), "{\"seq\":%llu}",
			    (unsigned long long)seq);
			assert_int_equal(
			    store_body_add(store, seq, (int64_t)(seq / 50),
			        str_of(body), &e),
			    0);
		}
	}
	commit(store);
}

static void
put_task(struct store *store, uint64_t number, const char *id, bool live)
{
	struct store_task task = {
		.number = number,
		.id = str_of(id),
		.queue = STR("engineering"),
		.subject = STR("fix it"),
		.state = STR("pending"),
		.owner = STR("engineering-coworker"),
		.created_at = { 1795456800005000 },
		.updated_at = { 1795456801007000 },
		.record = STR("{\"a\":1}"),
		.saved = STR("saved\0form"),
		.last_seq = 17,
		.live = live,
	};
	struct err e = { 0 };

	begin(store);
	assert_int_equal(store_task_put(store, &task, &e), 0);
	commit(store);
}

/* A bit of everything, owned three times. */
static struct store *
full_store(void)
{
	struct store *store = open_store();
	struct err e = { 0 };
	uint64_t incarnation;

	for (uint64_t i = 1; i <= 3; i++) {
		assert_int_equal(store_own(store, "node", &incarnation, &e), 0);
		assert_int_equal(incarnation, i);
	}
	add_heads(store, 1, 100);
	add_heads(store, 101, 101);
	add_heads(store, 102, 250);
	begin(store);
	assert_int_equal(put_row(store, "b", "2", 9, &e), 0);
	assert_int_equal(put_row(store, "a", "", 0, &e), 0);
	commit(store);
	put_task(store, 11, "later-in-the-alphabet", true);
	put_task(store, 12, "first-in-the-alphabet", false);
	return store;
}

struct told {
	struct store *store;
	struct buf text;
};

static int
tell_head(void *context, const struct store_head *head, struct err *e)
{
	struct told *told = context;

	(void)e;
	expect_head(head);
	buf_addf(&told->text, "%llu<%llu ", (unsigned long long)head->seq,
	    (unsigned long long)head->before);
	if (store_body_get(told->store, head->seq, &told->text, e)) {
		assert_int_equal(e->kind, ERR_MISSING);
		buf_add_z(&told->text, "-");
	}
	return 0;
}

static int
tell_row(void *context, const struct store_row *row, struct err *e)
{
	struct told *told = context;

	(void)e;
	buf_addf(&told->text, "\n" STR_FMT "/" STR_FMT "=" STR_FMT "@%llu",
	    STR_ARG(row->space), STR_ARG(row->key), STR_ARG(row->value),
	    (unsigned long long)row->version);
	return 0;
}

static int
tell_task(void *context, const struct store_task *task, struct err *e)
{
	struct told *told = context;

	(void)e;
	buf_addf(&told->text,
	    "\n%lld " STR_FMT " " STR_FMT " " STR_FMT " %lld %lld %llu %d",
	    (long long)task->number, STR_ARG(task->id), STR_ARG(task->state),
	    STR_ARG(task->record), (long long)task->created_at.us,
	    (long long)task->updated_at.us, (unsigned long long)task->last_seq,
	    task->live);
	buf_add(&told->text, task->saved);
	return 0;
}

/* Everything that a store says, as text. */
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
	    store_rows_walk(store, STR(""), STR(""), tell_row, &told, &e), 0);
	assert_int_equal(
	    store_tasks_walk(store, &any, 0, tell_task, &told, &e), 0);
	assert_int_equal(store_live_walk(store, tell_task, &told, &e), 0);
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
	assert_string_equal(buf_z(&one), buf_z(&two));
}

static void
a_copy_says_the_same(void **state)
{
	auto_store from = full_store();
	auto_store to = open_other(STORE_CREATE);
	uint64_t incarnation = 0;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(store_copy(from, to, &e), 0);
	expect_equal(from, to);
	assert_int_equal(store_last_seq(to), 250);
	/* It was owned as often. */
	assert_int_equal(store_own(to, "node", &incarnation, &e), 0);
	assert_int_equal(incarnation, 4);
	add_heads(to, 251, 252);
}

static void
nothing_is_copied_into_a_store_with_something(void **state)
{
	auto_store from = full_store();
	auto_store to = open_other(STORE_CREATE);
	struct err e = { 0 };

	(void)state;
	begin(to);
	assert_int_equal(put_row(to, "a", "b", 1, &e), 0);
	commit(to);
	assert_int_equal(store_copy(from, to, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_non_null(strstr(e.text, "not empty"));
	assert_int_equal(store_last_seq(to), 0);
}

static void
run_backup(struct store *store, int steps)
{
	struct store_backup *backup = NULL;
	struct err e = { 0 };
	unsigned percent = 0;
	int more = 1;

	assert_int_equal(store_backup_start(store, other, &backup, &e), 0);
	for (int i = 0; i < steps && more > 0; i++) {
		more = store_backup_step(backup, &percent, &e);
		assert_true(more >= 0);
		assert_true(percent <= 100);
	}
	if (more == 0) {
		assert_int_equal(percent, 100);
	}
	store_backup_free(backup);
}

static void
a_backup_is_a_store_of_one_private_file(void **state)
{
	auto_store from = full_store();
	struct stat status;
	char name[128];

	(void)state;
	run_backup(from, 1000);
	(void)snprintf(name, sizeof(name), "%s-wal", other);
	assert_int_equal(access(name, F_OK), -1);
	(void)snprintf(name, sizeof(name), "%s-journal", other);
	assert_int_equal(access(name, F_OK), -1);
	assert_int_equal(stat(other, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);

	struct store *looked = open_other(STORE_READ);
	expect_equal(from, looked);
	store_close(looked);
	assert_int_equal(access(name, F_OK), -1);

	auto_store to = open_other(0);
	expect_equal(from, to);
	add_heads(to, 251, 252);
}

/* The book of its last step, though it was begun before. */
static void
a_backup_holds_what_is_committed_meanwhile(void **state)
{
	auto_store from = open_store();
	struct store_backup *backup = NULL;
	struct err e = { 0 };
	unsigned percent = 0;
	int more = 1;
	int steps = 0;
	char noise[4000];

	(void)state;
	for (uint64_t seq = 1; seq <= 600; seq++) {
		random_bytes(noise, sizeof(noise));
		begin(from);
		assert_int_equal(add_head(from, seq, &e), 0);
		assert_int_equal(store_body_add(from, seq, 1,
		                     (struct str){ noise, sizeof(noise) }, &e),
		    0);
		commit(from);
	}
	assert_int_equal(store_backup_start(from, other, &backup, &e), 0);
	while (more > 0) {
		uint64_t last = store_last_seq(from);

		more = store_backup_step(backup, &percent, &e);
		assert_true(more >= 0);
		steps++;
		if (more > 0) {
			add_heads(from, last + 1, last + 3);
		}
	}
	store_backup_free(backup);
	assert_true(steps > 2);

	auto_store to = open_other(0);
	assert_int_equal(store_last_seq(to), store_last_seq(from));
	expect_equal(from, to);
}

static void
a_backup_takes_no_name_that_is_there(void **state)
{
	auto_store from = full_store();
	struct store_backup *backup = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_write_atomic(other, STR("mine"), 0600, &e), 0);
	assert_int_equal(store_backup_start(from, other, &backup, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_null(backup);

	auto_buf left = { 0 };
	assert_int_equal(file_read(other, 100, &left, &e), 0);
	assert_true(str_eq(buf_str(&left), STR("mine")));
}

static void
an_unfinished_backup_is_removed(void **state)
{
	auto_store from = full_store();

	(void)state;
	run_backup(from, 0);
	assert_int_equal(access(other, F_OK), -1);
	add_heads(from, 251, 252);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_two, remove_two)
	const struct CMUnitTest tests[] = {
		TEST(a_copy_says_the_same),
		TEST(nothing_is_copied_into_a_store_with_something),
		TEST(a_backup_is_a_store_of_one_private_file),
		TEST(a_backup_holds_what_is_committed_meanwhile),
		TEST(a_backup_takes_no_name_that_is_there),
		TEST(an_unfinished_backup_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
