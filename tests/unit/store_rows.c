/* SPDX-License-Identifier: Apache-2.0 */
#include "store_help.h"

static int
list_keys(void *context, const struct store_row *row, struct err *e)
{
	struct buf *out = context;

	(void)e;
	buf_addf(out, STR_FMT "=" STR_FMT "@%llu ", STR_ARG(row->key),
	    STR_ARG(row->value), (unsigned long long)row->version);
	return 0;
}

static void
expect_keys(struct store *store, const char *prefix, const char *expected)
{
	auto_buf out = { 0 };
	struct err e = { 0 };

	assert_int_equal(store_rows_walk(store, STR("meta"), str_of(prefix),
	                     list_keys, &out, &e),
	    0);
	assert_string_equal(buf_z(&out), expected);
}

static void
put(struct store *store, const char *key, const char *value, uint64_t version)
{
	struct err e = { 0 };

	begin(store);
	if (put_row(store, key, value, version, &e)) {
		fail_msg("%s", e.text);
	}
	commit(store);
}

static void
a_row_reads_back_with_its_version(void **state)
{
	auto_store store = open_store();
	auto_buf value = { 0 };
	uint64_t version = 0;
	struct err e = { 0 };

	(void)state;
	put(store, "github", "one", 3);
	assert_int_equal(store_row_get(store, STR("meta"), STR("github"),
	                     &value, &version, &e),
	    0);
	assert_true(str_eq(buf_str(&value), STR("one")));
	assert_int_equal(version, 3);
	assert_int_equal(
	    store_row_get(store, STR("task"), STR("github"), &value, NULL, &e),
	    -1);
	assert_int_equal(e.kind, ERR_MISSING);
	assert_int_equal(
	    store_row_get(store, STR("meta"), STR("githu"), &value, NULL, &e),
	    -1);
	put(store, "empty", "", 0);
	buf_clear(&value);
	assert_int_equal(store_row_get(store, STR("meta"), STR("empty"), &value,
	                     &version, &e),
	    0);
	assert_int_equal(value.len, 0);
	assert_int_equal(version, 0);
}

static void
a_version_never_falls(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	put(store, "k", "one", 3);
	put(store, "k", "two", 3);
	put(store, "k", "three", 9);
	begin(store);
	/* A store that gathers its batch finds it when it is sent. */
	assert_true(
	    put_row(store, "k", "old", 8, &e) == 0 || e.kind == ERR_CONFLICT);
	assert_int_equal(store_commit(store, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	expect_keys(store, "k", "k=three@9 ");
}

static void
rows_walk_by_prefix_in_order(void **state)
{
	auto_store store = open_store();
	uint64_t count = 0;
	struct err e = { 0 };

	(void)state;
	put(store, "run/b", "2", 1);
	put(store, "run/a", "1", 1);
	put(store, "run0", "x", 1);
	put(store, "ru", "x", 1);
	put(store, "run/\xc3\xa4", "3", 1);
	expect_keys(store, "run/", "run/a=1@1 run/b=2@1 run/\xc3\xa4=3@1 ");
	expect_keys(store, "run/b", "run/b=2@1 ");
	expect_keys(store, "s", "");
	expect_keys(store, "ru",
	    "ru=x@1 run/a=1@1 run/b=2@1 run/\xc3\xa4=3@1 "
	    "run0=x@1 ");
	assert_int_equal(store_rows_count(store, STR("meta"), &count, &e), 0);
	assert_int_equal(count, 5);
	assert_int_equal(store_rows_count(store, STR("task"), &count, &e), 0);
	assert_int_equal(count, 0);
}

static void
a_deleted_row_is_gone(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	put(store, "a", "1", 1);
	put(store, "b", "2", 1);
	begin(store);
	assert_int_equal(store_row_delete(store, STR("meta"), STR("a"), &e), 0);
	assert_int_equal(store_row_delete(store, STR("meta"), STR("a"), &e), 0);
	commit(store);
	expect_keys(store, "", "b=2@1 ");
}

#ifndef STORE_ON_POSTGRES
/* A sealed row that was deleted is not left in free pages of the file. */
static void
a_deleted_value_is_overwritten(void **state)
{
	struct store *store = open_store();
	auto_buf file = { 0 };
	struct err e = { 0 };

	(void)state;
	put(store, "a", "needle-in-the-store", 1);
	put(store, "b", "decoy-in-the-store", 1);
	begin(store);
	assert_int_equal(store_row_delete(store, STR("meta"), STR("a"), &e), 0);
	commit(store);
	assert_int_equal(store_checkpoint(store, &e), 0);
	store_close(store);
	assert_int_equal(file_read(path, 1 << 24, &file, &e), 0);
	assert_true(str_has_str(buf_str(&file), STR("decoy-in-the-store")));
	assert_false(str_has_str(buf_str(&file), STR("needle-in-the-store")));
}

/* And while the store is open, not in the log in front of the file either. */
static void
a_scrubbed_value_is_in_no_file(void **state)
{
	auto_store store = open_store();
	auto_buf log_path = { 0 };
	auto_buf file = { 0 };
	auto_buf log = { 0 };
	struct err e = { 0 };

	(void)state;
	put(store, "a", "needle-in-the-store", 1);
	put(store, "b", "decoy-in-the-store", 1);
	begin(store);
	assert_int_equal(store_row_delete(store, STR("meta"), STR("a"), &e), 0);
	commit(store);
	assert_int_equal(store_scrub(store, &e), 0);
	buf_addf(&log_path, "%s-wal", path);
	assert_int_equal(file_read(path, 1 << 24, &file, &e), 0);
	assert_int_equal(file_read(buf_z(&log_path), 1 << 24, &log, &e), 0);
	assert_true(str_has_str(buf_str(&file), STR("decoy-in-the-store")));
	assert_false(str_has_str(buf_str(&file), STR("needle-in-the-store")));
	assert_false(str_has_str(buf_str(&log), STR("needle-in-the-store")));
}

#endif

static void
a_row_over_its_bounds_is_refused(void **state)
{
	auto_store store = open_store();
	auto_buf big = { 0 };
	struct store_row row = { .space = STR("meta"), .key = STR("k") };
	struct err e = { 0 };

	(void)state;
	memset(buf_room(&big, STORE_VALUE_MAX + 1), 'x', STORE_VALUE_MAX + 1);
	buf_grew(&big, STORE_VALUE_MAX + 1);
	row.value = buf_str(&big);
	begin(store);
	assert_int_equal(store_row_put(store, &row, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	store_rollback(store);
	row.value = STR("v");
	row.key = str_span(big.at, STORE_KEY_MAX + 1);
	begin(store);
	assert_int_equal(store_row_put(store, &row, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	store_rollback(store);
	row.key = STR("");
	begin(store);
	assert_int_equal(store_row_put(store, &row, &e), -1);
	store_rollback(store);
	row.key = str_span(big.at, STORE_KEY_MAX);
	begin(store);
	assert_int_equal(store_row_put(store, &row, &e), 0);
	commit(store);
}

/* Reads inside a walk are allowed: they stand on statements of their own. */
static int
read_another(void *context, const struct store_row *row, struct err *e)
{
	auto_buf value = { 0 };

	(void)row;
	return store_row_get(context, STR("meta"), STR("b"), &value, NULL, e);
}

static void
a_walk_may_read_other_rows(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	put(store, "a", "1", 1);
	put(store, "b", "2", 1);
	assert_int_equal(store_rows_walk(store, STR("meta"), STR(""),
	                     read_another, store, &e),
	    0);
}

static int
list_tasks(void *context, const struct store_task *task, struct err *e)
{
	struct buf *out = context;

	(void)e;
	buf_addf(out, STR_FMT "/" STR_FMT "/" STR_FMT " ", STR_ARG(task->id),
	    STR_ARG(task->queue), STR_ARG(task->state));
	assert_true(str_eq(task->record, STR("{}")));
	assert_true(str_eq(task->owner, STR("engineering-coworker")));
	assert_true(task->created_at.us % 1000000 == 5000);
	return 0;
}

static void
expect_tasks(struct store *store, const struct store_task *like, uint64_t limit,
    const char *expected)
{
	auto_buf out = { 0 };
	struct err e = { 0 };

	assert_int_equal(
	    store_tasks_walk(store, like, limit, list_tasks, &out, &e), 0);
	assert_string_equal(buf_z(&out), expected);
}

static void
tasks_are_listed_newest_first(void **state)
{
	auto_store store = open_store();
	struct store_task task = {
		.number = 1,
		.id = STR("t1"),
		.queue = STR("engineering"),
		.subject = STR("fix it"),
		.state = STR("pending"),
		.owner = STR("engineering-coworker"),
		.created_at = { 1795456800005000 },
		.updated_at = { 1795456800005000 },
		.record = STR("{}"),
	};
	struct store_task like = { 0 };
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(store_task_put(store, &task, &e), 0);
	task.number = 2;
	task.id = STR("t2");
	task.queue = STR("finance");
	task.created_at.us += CLOCK_SECOND;
	assert_int_equal(store_task_put(store, &task, &e), 0);
	task.number = 3;
	task.id = STR("t3");
	task.created_at.us += CLOCK_SECOND;
	assert_int_equal(store_task_put(store, &task, &e), 0);
	task.state = STR("completed");
	assert_int_equal(store_task_put(store, &task, &e), 0);
	commit(store);
	expect_tasks(store, &like, 0,
	    "t3/finance/completed t2/finance/pending t1/engineering/pending ");
	expect_tasks(store, &like, 1, "t3/finance/completed ");
	like.queue = STR("finance");
	like.state = STR("pending");
	expect_tasks(store, &like, 0, "t2/finance/pending ");
}

static int
keep_task(void *context, const struct store_task *task, struct err *e)
{
	struct buf *out = context;

	(void)e;
	buf_addf(out, STR_FMT " " STR_FMT " %lld %lld %llu %d ",
	    STR_ARG(task->id), STR_ARG(task->record),
	    (long long)task->created_at.us, (long long)task->updated_at.us,
	    (unsigned long long)task->last_seq, task->live);
	buf_add(out, task->saved);
	return 0;
}

static void
expect_task(struct store *store, const char *id, const char *expected)
{
	auto_buf out = { 0 };
	struct err e = { 0 };

	assert_int_equal(
	    store_task_get(store, str_of(id), keep_task, &out, &e), 0);
	assert_string_equal(buf_z(&out), expected);
}

static int
count_task(void *context, const struct store_task *task, struct err *e)
{
	(void)task;
	(void)e;
	++*(uint64_t *)context;
	return 0;
}

/* As it is put, as a start loads it, and as it ends. */
static void
a_live_task_is_loaded_until_its_end(void **state)
{
	auto_store store = open_store();
	struct store_task task = {
		.number = 1,
		.id = STR("t1"),
		.created_at = { 5000 },
		.updated_at = { 6000 },
		.record = STR("{}"),
		.saved = STR("form"),
		.last_seq = 7,
		.live = true,
	};
	auto_buf live = { 0 };
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(store_task_put(store, &task, &e), 0);
	task.number = 2;
	task.id = STR("t2");
	assert_int_equal(store_task_put(store, &task, &e), 0);
	commit(store);
	assert_int_equal(store_live_walk(store, keep_task, &live, &e), 0);
	assert_string_equal(buf_z(&live), "t1  0 0 7 1 formt2  0 0 7 1 form");

	task.live = false;
	task.last_seq = 9;
	task.record = STR(""); /* as it was */
	begin(store);
	assert_int_equal(store_task_put(store, &task, &e), 0);
	commit(store);
	expect_task(store, "t1", "t1 {} 5000 6000 7 1 form");
	expect_task(store, "t2", "t2 {} 5000 6000 9 0 form");
	buf_clear(&live);
	assert_int_equal(store_live_walk(store, keep_task, &live, &e), 0);
	assert_string_equal(buf_z(&live), "t1  0 0 7 1 form");
	assert_int_equal(
	    store_task_get(store, STR("t"), keep_task, &live, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
}

static void
put_as(struct store *store, struct store_task *task, const char *saved,
    uint64_t last_seq, bool live, bool ending)
{
	struct err e = { 0 };

	task->saved = str_of(saved);
	task->state = task->saved;
	task->last_seq = last_seq;
	task->live = live;
	task->ending = ending;
	begin(store);
	assert_int_equal(store_task_put(store, task, &e), 0);
	commit(store);
	task->record = STR("");
}

/* What it is, what a start loads, and what people see of its state. */
static void
expect_life(
    struct store *store, const char *task, const char *live, const char *state)
{
	auto_buf all = { 0 };
	struct store_task like = { .state = str_of(state) };
	uint64_t found = 0;
	struct err e = { 0 };

	expect_task(store, "t1", task);
	assert_int_equal(store_live_walk(store, keep_task, &all, &e), 0);
	assert_string_equal(buf_z(&all), live);
	assert_int_equal(
	    store_tasks_walk(store, &like, 0, count_task, &found, &e), 0);
	assert_int_equal(found, 1);
}

static void
an_end_is_undone_with_its_batch(void **state)
{
	auto_store store = open_store();
	struct store_task task = {
		.number = 5,
		.id = STR("t1"),
		.created_at = { 5000 },
		.updated_at = { 6000 },
		.record = STR("{}"),
	};
	struct err e = { 0 };

	(void)state;
	put_as(store, &task, "put", 5, true, false);
	task.state = task.saved = STR("done");
	task.last_seq = 9;
	task.ending = true;
	begin(store);
	assert_int_equal(store_task_put(store, &task, &e), 0);
	store_rollback(store);
	begin(store);
	commit(store);
	expect_life(store, "t1 {} 5000 6000 5 1 put", "t1  0 0 5 1 put", "put");
}

/* Put, ended, redriven, ended again, forgotten, recalled. */
static void
a_task_may_end_more_than_once(void **state)
{
	auto_store store = open_store();
	struct store_task task = {
		.number = 5,
		.id = STR("t1"),
		.created_at = { 5000 },
		.updated_at = { 6000 },
		.record = STR("{}"),
	};

	(void)state;
	put_as(store, &task, "put", 5, true, false);
	expect_life(store, "t1 {} 5000 6000 5 1 put", "t1  0 0 5 1 put", "put");
	put_as(store, &task, "done", 9, true, true);
	expect_life(
	    store, "t1 {} 5000 6000 9 1 done", "t1  0 0 9 1 done", "done");
	put_as(store, &task, "again", 12, true, false);
	expect_life(
	    store, "t1 {} 5000 6000 12 1 again", "t1  0 0 12 1 again", "again");
	put_as(store, &task, "over", 15, true, true);
	expect_life(
	    store, "t1 {} 5000 6000 15 1 over", "t1  0 0 15 1 over", "over");
	/* As a restore saves it: its trail has no newer head. */
	put_as(store, &task, "raised", 15, true, false);
	expect_life(store, "t1 {} 5000 6000 15 1 raised", "t1  0 0 15 1 raised",
	    "raised");
	put_as(store, &task, "gone", 15, false, false);
	expect_life(store, "t1 {} 5000 6000 15 0 gone", "", "gone");
	put_as(store, &task, "recalled", 20, true, false);
	expect_life(store, "t1 {} 5000 6000 20 1 recalled",
	    "t1  0 0 20 1 recalled", "recalled");
}

/* The whole life in one batch, and a put that is said twice. */
static void
a_batch_may_have_a_task_more_than_once(void **state)
{
	auto_store store = open_store();
	struct store_task task = {
		.number = 5,
		.id = STR("t1"),
		.created_at = { 5000 },
		.updated_at = { 6000 },
		.record = STR("{\"a\":1}"),
		.state = STR("pending"),
		.saved = STR("put"),
		.last_seq = 5,
		.live = true,
	};
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(store);
		task.record = i ? STR("{}") : STR("{\"a\":1}");
		task.ending = false;
		assert_int_equal(store_task_put(store, &task, &e), 0);
		task.record = STR("");
		task.state = STR("completed");
		task.last_seq = 7;
		task.saved = STR("end");
		task.ending = true;
		assert_int_equal(store_task_put(store, &task, &e), 0);
		commit(store);
	}
	expect_life(
	    store, "t1 {} 5000 6000 7 1 end", "t1  0 0 7 1 end", "completed");
	begin(store);
	task.ending = false;
	assert_int_equal(store_task_put(store, &task, &e), 0);
	task.live = false;
	assert_int_equal(store_task_put(store, &task, &e), 0);
	commit(store);
	expect_life(store, "t1 {} 5000 6000 7 0 end", "", "completed");
}

#ifndef STORE_ON_POSTGRES /* it reads its own batch */
static void
times_of_tasks_are_kept_to_the_millisecond(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	begin(store);
	for (int i = 0; i < 2000; i++) {
		/* 1960 to 2055, near each other and far. */
		int64_t start = i % 50 ? 1795456800000000 : -315619200000000;
		int64_t us =
		    start + (int64_t)(random_u64() %
		                      (i % 2 ? 2700000000000000 : 90000000000));
		struct store_task task = {
			.number = 1,
			.id = STR("t"),
			.created_at = { us - us % 1000 },
			.updated_at = { us - us % 1000 },
			.record = STR("{}"),
		};
		char expected[100];

		assert_int_equal(store_task_put(store, &task, &e), 0);
		(void)snprintf(expected, sizeof(expected),
		    "t {} %lld %lld 0 0 ", (long long)task.created_at.us,
		    (long long)task.created_at.us);
		expect_task(store, "t", expected);
	}
	commit(store);
}
#endif

/* --- records --- */

static void
put_record(
    struct store *store, uint64_t number, const char *id, const char *record)
{
	struct store_task task = {
		.number = number,
		.id = str_of(id),
		.queue = STR("engineering"),
		.state = STR("pending"),
		.created_at = { 5000 },
		.updated_at = { 5000 },
		.record = str_of(record),
		.saved = STR("form"),
		.live = true,
	};
	struct err e = { 0 };

	assert_int_equal(store_task_put(store, &task, &e), 0);
}

static void
expect_record(
    struct store *store, uint64_t number, const char *id, const char *expected)
{
	auto_buf out = { 0 };
	struct err e = { 0 };

	buf_add_z(&out, "> ");
	assert_int_equal(
	    store_task_record(store, number, str_of(id), &out, &e), 0);
	assert_string_equal(buf_z(&out) + 2, expected);
}

static void
task_name(char name[16], int n)
{
	(void)snprintf(name, 16, "t%d", n);
}

static void
put_records(struct store *store, int from, int to)
{
	begin(store);
	for (int n = from; n <= to; n++) {
		char id[16];
		char record[32];

		task_name(id, n);
		(void)snprintf(record, sizeof(record), "{\"n\":%d}", n);
		put_record(store, (uint64_t)n * 2, id, record);
	}
	commit(store);
}

static void
expect_numbered(struct store *store, int n)
{
	char id[16];
	char record[32];

	task_name(id, n);
	(void)snprintf(record, sizeof(record), "{\"n\":%d}", n);
	expect_record(store, (uint64_t)n * 2, id, record);
}

static void
records_are_read_in_any_order(void **state)
{
	auto_store store = open_store();

	(void)state;
	put_records(store, 1, 300);
	for (int n = 1; n <= 300; n++) {
		expect_numbered(store, n);
	}
	for (int n = 300; n >= 1; n -= 7) {
		expect_numbered(store, n);
		expect_numbered(store, (n * 31) % 300 + 1);
	}
	put_records(store, 301, 400);
	for (int n = 250; n <= 400; n++) {
		expect_numbered(store, n);
	}
}

static void
a_record_is_the_newest_that_stays(void **state)
{
	auto_store store = open_store();

	(void)state;
	put_records(store, 1, 100);
	for (int n = 1; n <= 40; n++) {
		expect_numbered(store, n);
	}
	begin(store);
	put_record(store, 84, "t42", "{\"new\":1}");
#ifndef STORE_ON_POSTGRES
	expect_numbered(store, 43);
	expect_record(store, 84, "t42", "{\"new\":1}");
#endif
	store_rollback(store);
	expect_numbered(store, 42);
	begin(store);
	put_record(store, 84, "t42", "{\"new\":2}");
	commit(store);
	expect_record(store, 84, "t42", "{\"new\":2}");
}

/* A number that is not, or no more, this task's: its id says which is meant. */
static void
a_record_is_of_the_task_that_is_named(void **state)
{
	auto_store store = open_store();
	auto_buf out = { 0 };
	struct err e = { 0 };

	(void)state;
	put_records(store, 1, 20);
	expect_record(store, 8, "t5", "{\"n\":5}");
	expect_record(store, 9, "t5", "{\"n\":5}");
	expect_record(store, 1000, "t5", "{\"n\":5}");
	assert_int_equal(
	    store_task_record(store, 8, STR("none"), &out, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
	assert_int_equal(out.len, 0);
}

static int
name_row(void *context, const struct store_row *row, struct err *e)
{
	(void)e;
	buf_addf(context, STR_FMT "/" STR_FMT " ", STR_ARG(row->space),
	    STR_ARG(row->key));
	return 0;
}

static void
all_spaces_are_walked_by_space_then_key(void **state)
{
	auto_store store = open_store();
	struct store_row row = { .space = STR("mail"), .key = STR("z") };
	auto_buf out = { 0 };
	struct err e = { 0 };

	(void)state;
	put(store, "b", "", 1);
	put(store, "a", "", 1);
	begin(store);
	assert_int_equal(store_row_put(store, &row, &e), 0);
	commit(store);
	assert_int_equal(
	    store_rows_walk(store, STR(""), STR(""), name_row, &out, &e), 0);
	assert_string_equal(buf_z(&out), "mail/z meta/a meta/b ");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		TEST(a_row_reads_back_with_its_version),
		TEST(a_version_never_falls),
		TEST(rows_walk_by_prefix_in_order),
		TEST(a_deleted_row_is_gone),
#ifndef STORE_ON_POSTGRES
		TEST(a_deleted_value_is_overwritten),
		TEST(a_scrubbed_value_is_in_no_file),
#endif
		TEST(a_row_over_its_bounds_is_refused),
		TEST(a_walk_may_read_other_rows),
		TEST(tasks_are_listed_newest_first),
		TEST(a_live_task_is_loaded_until_its_end),
		TEST(an_end_is_undone_with_its_batch),
		TEST(a_task_may_end_more_than_once),
		TEST(a_batch_may_have_a_task_more_than_once),
		TEST(records_are_read_in_any_order),
		TEST(a_record_is_the_newest_that_stays),
		TEST(a_record_is_of_the_task_that_is_named),
#ifndef STORE_ON_POSTGRES
		TEST(times_of_tasks_are_kept_to_the_millisecond),
#endif
		TEST(all_spaces_are_walked_by_space_then_key),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
