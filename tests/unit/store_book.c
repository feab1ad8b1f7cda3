/* SPDX-License-Identifier: Apache-2.0 */
#include "store_help.h"

#ifndef STORE_ON_POSTGRES
#include <sqlite3.h>
#endif

struct seen {
	uint64_t count;
	uint64_t last;
	uint64_t stop_at;
};

static int
see(void *context, const struct store_head *head, struct err *e)
{
	struct seen *seen = context;

	expect_head(head);
	assert_true(head->seq > seen->last);
	seen->count++;
	seen->last = head->seq;
	if (head->seq == seen->stop_at) {
		return err_set(e, ERR_WAITING, "enough");
	}
	return 0;
}

static struct store *
store_with(uint64_t heads)
{
	struct store *store = open_store();
	struct err e = { 0 };

	begin(store);
	for (uint64_t seq = 1; seq <= heads; seq++) {
		assert_int_equal(add_head(store, seq, &e), 0);
		assert_int_equal(store_last_seq(store), seq);
	}
	commit(store);
	return store;
}

static struct seen
walk(struct store *store, uint64_t from, uint64_t limit)
{
	struct seen seen = { 0 };
	struct err e = { 0 };

	assert_int_equal(
	    store_heads_walk(store, from, limit, see, &seen, &e), 0);
	return seen;
}

/* Batches of 7 and a last one of what is left. */
static struct store *
store_of_batches(uint64_t heads)
{
	struct store *store = open_store();
	struct err e = { 0 };

	begin(store);
	for (uint64_t seq = 1; seq <= heads; seq++) {
		assert_int_equal(add_head(store, seq, &e), 0);
		if (seq % 7 == 0) {
			commit(store);
			begin(store);
		}
	}
	commit(store);
	return store;
}

static void
heads_read_back_in_their_order(void **state)
{
	(void)state;
	for (int batches = 0; batches < 2; batches++) {
		struct store *store =
		    batches ? store_of_batches(30) : store_with(30);
		struct seen seen = walk(store, 0, 0);

		assert_int_equal(seen.count, 30);
		assert_int_equal(seen.last, 30);
		seen = walk(store, 11, 5);
		assert_int_equal(seen.count, 5);
		assert_int_equal(seen.last, 15);
		seen = walk(store, 30, 5);
		assert_int_equal(seen.count, 1);
		seen = walk(store, 31, 0);
		assert_int_equal(seen.count, 0);
		seen = walk(store, 1000, 0);
		assert_int_equal(seen.count, 0);
		store_close(store);
		remove_store();
	}
}

static void
a_walk_ends_where_its_reader_says(void **state)
{
	auto_store store = store_of_batches(30);
	struct seen seen = { .stop_at = 9 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(store_heads_walk(store, 0, 0, see, &seen, &e), -1);
	assert_int_equal(e.kind, ERR_WAITING);
	assert_int_equal(seen.count, 9);
	assert_int_equal(walk(store, 0, 0).count, 30);
}

static void
heads_read_back_by_their_number(void **state)
{
	auto_store store = store_of_batches(30);
	struct err e = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 60; i++) {
		struct seen seen = { 0 };

		/* Back and forth, so that each row is unpacked again. */
		assert_int_equal(
		    store_head_get(store, 1 + i * 11 % 30, see, &seen, &e), 0);
		assert_int_equal(seen.count, 1);
		assert_int_equal(seen.last, 1 + i * 11 % 30);
	}
	assert_int_equal(store_head_get(store, 31, see, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
	assert_int_equal(store_head_get(store, 0, see, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
}

static void
a_trail_is_the_heads_of_one_task(void **state)
{
	auto_store store = store_of_batches(30);
	struct seen seen = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(store_trail_walk(store, 29, 0, see, &seen, &e), 0);
	assert_int_equal(seen.count, 10);
	assert_int_equal(seen.last, 29);
	seen = (struct seen){ 0 };
	assert_int_equal(store_trail_walk(store, 28, 10, see, &seen, &e), 0);
	assert_int_equal(seen.count, 6);
	seen = (struct seen){ 0 };
	assert_int_equal(store_trail_walk(store, 28, 28, see, &seen, &e), 0);
	assert_int_equal(seen.count, 0);
	seen = (struct seen){ .stop_at = 4 };
	assert_int_equal(store_trail_walk(store, 28, 0, see, &seen, &e), -1);
	assert_int_equal(e.kind, ERR_WAITING);
	assert_int_equal(store_trail_walk(store, 31, 0, see, &seen, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
}

/* A batch is seen by its own transaction, and what follows it still fits. */
static void
a_batch_reads_itself(void **state)
{
	auto_store store = store_of_batches(10);
	auto_buf body = { 0 };
	struct seen seen = { 0 };
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(add_head(store, 11, &e), 0);
	assert_int_equal(store_body_add(store, 11, 7, STR("eleven"), &e), 0);
	assert_int_equal(add_head(store, 12, &e), 0);
	assert_int_equal(walk(store, 0, 0).last, 12);
	assert_int_equal(store_body_add(store, 12, 7, STR("twelve"), &e), 0);
	assert_int_equal(add_head(store, 13, &e), 0);
	assert_int_equal(store_head_get(store, 13, see, &seen, &e), 0);
	assert_int_equal(store_body_get(store, 12, &body, &e), 0);
	commit(store);
	assert_int_equal(store_body_get(store, 11, &body, &e), 0);
	assert_true(str_eq(buf_str(&body), STR("twelveeleven")));
	assert_int_equal(walk(store, 0, 0).count, 13);
	assert_int_equal(store_check(store, &e), 0);
}

static void
a_head_cannot_continue_a_later_one(void **state)
{
	auto_store store = store_with(3);
	uint8_t bytes[STORE_HEAD_SIZE];
	struct store_head head = { .seq = 4, .before = 4, .head = bytes };
	struct err e = { 0 };

	(void)state;
	head_bytes(4, bytes);
	begin(store);
	assert_int_equal(store_head_add(store, &head, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	store_rollback(store);
}

static void
a_head_must_follow_the_last(void **state)
{
	static const uint64_t wrong[] = { 0, 1, 4, 5, 7, 1000 };

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		auto_store store = open_store();
		uint64_t last = store_last_seq(store);
		struct err e = { 0 };

		begin(store);
		for (uint64_t seq = last + 1; seq <= 5; seq++) {
			assert_int_equal(add_head(store, seq, &e), 0);
		}
		commit(store);
		begin(store);
		assert_int_equal(add_head(store, wrong[i], &e), -1);
		assert_int_equal(e.kind, ERR_CONFLICT);
		store_rollback(store);
		assert_int_equal(store_last_seq(store), 5);
	}
}

static void
what_is_rolled_back_was_never_there(void **state)
{
	auto_store store = store_with(3);
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(add_head(store, 4, &e), 0);
	assert_int_equal(store_body_add(store, 4, 1, STR("x"), &e), 0);
	assert_true(store_in_transaction(store));
	store_rollback(store);
	assert_false(store_in_transaction(store));
	assert_int_equal(store_last_seq(store), 3);
	assert_int_equal(walk(store, 0, 0).count, 3);
	begin(store);
	assert_int_equal(add_head(store, 4, &e), 0);
	commit(store);
}

/* One refused write undoes the batch, whatever its caller does next. */
static void
a_refused_write_breaks_its_transaction(void **state)
{
	auto_store store = store_with(3);
	struct err e = { 0 };
	struct err again = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(add_head(store, 4, &e), 0);
	assert_int_equal(add_head(store, 9, &e), -1);
	assert_int_equal(add_head(store, 5, &again), -1);
	assert_string_equal(again.text, e.text);
	assert_int_equal(put_row(store, "a", "b", 1, &again), -1);
	memset(&again, 0, sizeof(again));
	assert_int_equal(store_commit(store, &again), -1);
	assert_int_equal(again.kind, ERR_CONFLICT);
	assert_string_equal(again.text, e.text);
	assert_int_equal(store_last_seq(store), 3);
	begin(store);
	assert_int_equal(add_head(store, 4, &e), 0);
	commit(store);
	assert_int_equal(walk(store, 0, 0).count, 4);
}

static void
a_closed_store_forgets_its_open_transaction(void **state)
{
	struct store *store = store_with(3);
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(add_head(store, 4, &e), 0);
	store_close(store);
	store = open_store();
	assert_int_equal(store_last_seq(store), 3);
	store_close(store);
}

/* Three heads with a body each, of three days. */
static struct store *
store_with_bodies(void)
{
	struct store *store = open_store();
	struct err e = { 0 };

	begin(store);
	assert_int_equal(add_head(store, 1, &e), 0);
	assert_int_equal(store_body_add(store, 1, 100, STR("old"), &e), 0);
	assert_int_equal(add_head(store, 2, &e), 0);
	assert_int_equal(store_body_add(store, 2, 101, STR(""), &e), 0);
	assert_int_equal(add_head(store, 3, &e), 0);
	assert_int_equal(store_body_add(store, 3, 102, STR("a\0b"), &e), 0);
	commit(store);
	return store;
}

static void
bodies_lie_beside_heads_and_expire(void **state)
{
	auto_store store = store_with_bodies();
	auto_buf body = { 0 };
	uint64_t count = 0;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(store_body_get(store, 3, &body, &e), 0);
	assert_int_equal(body.len, 3);
	assert_int_equal(store_body_get(store, 1, &body, &e), 0);
	assert_true(str_eq(buf_str(&body), STR("a\0bold")));
	begin(store);
	assert_int_equal(store_bodies_expire(store, 102, &count, &e), 0);
	commit(store);
	assert_int_equal(count, 2);
	assert_int_equal(store_body_get(store, 1, &body, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
	assert_int_equal(store_body_get(store, 3, &body, &e), 0);
	assert_int_equal(walk(store, 0, 0).count, 3);
	assert_int_equal(store_check(store, &e), 0);
}

/* A batch of one head with a body. */
static void
add_of_day(struct store *store, uint64_t seq, int64_t day)
{
	struct err e = { 0 };

	begin(store);
	assert_int_equal(add_head(store, seq, &e), 0);
	assert_int_equal(store_body_add(store, seq, day, STR("x"), &e), 0);
}

static uint64_t
expired(struct store *store, int64_t before_day)
{
	uint64_t count = 0;
	struct err e = { 0 };

	begin(store);
	assert_int_equal(store_bodies_expire(store, before_day, &count, &e), 0);
	commit(store);
	return count;
}

static void
expect_bodies_of(struct store *store, const char *expected)
{
	uint64_t last = store_last_seq(store);
	char told[32] = "";
	struct err e = { 0 };

	for (uint64_t seq = 1; seq <= last; seq++) {
		auto_buf body = { 0 };

		told[seq - 1] =
		    store_body_get(store, seq, &body, &e) ? '-' : 'x';
	}
	assert_string_equal(told, expected);
	assert_int_equal(store_check(store, &e), 0);
}

/* No body before a day lies behind what is told. */
static void
expect_last(struct store *store, int64_t before_day, uint64_t expected)
{
	uint64_t last = 999;
	struct err e = { 0 };

	assert_int_equal(store_bodies_last(store, before_day, &last, &e), 0);
	assert_int_equal(last, expected);
}

/* Each by its own day, whatever lies before it and behind it. */
static void
a_clock_that_goes_back_keeps_nothing_too_long_or_too_short(void **state)
{
	static const int64_t days[] = { 5, 5, 9, 4, 9, 9, 5 };
	struct store *store = open_store();

	(void)state;
	for (size_t i = 0; i < COUNT(days); i++) {
		add_of_day(store, i + 1, days[i]);
		commit(store);
	}
	expect_last(store, 4, 0);
	expect_last(store, 5, 4);
	expect_last(store, 9, 7);
	assert_int_equal(expired(store, 4), 0);
	expect_bodies_of(store, "xxxxxxx");
	assert_int_equal(expired(store, 5), 1);
	expect_bodies_of(store, "xxx-xxx");
	assert_int_equal(expired(store, 6), 3);
	expect_bodies_of(store, "--x-xx-");
	expect_last(store, 9, 0);
	add_of_day(store, 8, 5); /* a day that was dropped as the last */
	commit(store);
	expect_bodies_of(store, "--x-xx-x");
	store_close(store);
	store = open_store();
	add_of_day(store, 9, 5);
	commit(store);
	assert_int_equal(expired(store, 9), 2);
	expect_bodies_of(store, "--x-xx---");
	assert_int_equal(expired(store, 10), 3);
	expect_bodies_of(store, "---------");
	store_close(store);
}

static void
a_day_whose_first_batch_was_undone_expires(void **state)
{
	auto_store store = open_store();
	auto_buf body = { 0 };
	struct err e = { 0 };

	(void)state;
	add_of_day(store, 1, 5);
	commit(store);
	add_of_day(store, 2, 6);
	expect_last(store, 6, 1); /* sees its own batch */
	assert_int_equal(store_body_get(store, 2, &body, &e), 0);
	store_rollback(store);
	add_of_day(store, 2, 6);
	commit(store);
	assert_int_equal(expired(store, 6), 1);
	expect_bodies_of(store, "-x");
	assert_int_equal(expired(store, 7), 1);
	expect_bodies_of(store, "--");
}

/* Two days by turns, and great ones that fill a row each. */
static void
bodies_of_any_order_of_days_and_sizes_read_back(void **state)
{
	auto_store store = open_store();
	auto_buf big = { 0 };
	struct err e = { 0 };

	(void)state;
	begin(store);
	for (uint64_t seq = 1; seq <= 60; seq++) {
		size_t len = (seq % 7) * 100000 + seq;

		assert_int_equal(add_head(store, seq, &e), 0);
		if (seq % 5 == 0) {
			continue;
		}
		buf_clear(&big);
		memset(buf_room(&big, len), (int)seq, len);
		buf_grew(&big, len);
		assert_int_equal(store_body_add(store, seq, (int64_t)(seq % 2),
		                     buf_str(&big), &e),
		    0);
	}
	commit(store);
	for (uint64_t i = 0; i < 60; i++) {
		uint64_t seq = 1 + i * 13 % 60;

		buf_clear(&big);
		if (seq % 5 == 0) {
			assert_int_equal(
			    store_body_get(store, seq, &big, &e), -1);
			assert_int_equal(e.kind, ERR_MISSING);
			continue;
		}
		assert_int_equal(store_body_get(store, seq, &big, &e), 0);
		assert_int_equal(big.len, (seq % 7) * 100000 + seq);
		assert_int_equal((uint8_t)big.at[0], seq);
		assert_int_equal((uint8_t)big.at[big.len - 1], seq);
	}
	assert_int_equal(store_check(store, &e), 0);
}

static void
a_body_without_its_head_is_refused(void **state)
{
	auto_store store = store_with(3);
	static const uint64_t wrong[] = { 0, 3, 5, INT64_MAX };

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct err e = { 0 };

		begin(store);
		assert_int_equal(add_head(store, 4, &e), 0);
		assert_int_equal(
		    store_body_add(store, wrong[i], 1, STR("x"), &e), -1);
		assert_int_equal(e.kind, ERR_CONFLICT);
		assert_non_null(strstr(e.text, "not in this batch"));
		store_rollback(store);
	}

	struct err e = { 0 };
	begin(store);
	assert_int_equal(add_head(store, 4, &e), 0);
	assert_int_equal(store_body_add(store, 4, 1, STR("x"), &e), 0);
	assert_int_equal(store_body_add(store, 4, 1, STR("y"), &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	store_rollback(store);
}

static void
a_body_over_the_bound_is_refused(void **state)
{
	auto_store store = open_store();
	auto_buf body = { 0 };
	auto_buf read = { 0 };
	struct err e = { 0 };

	(void)state;
	memset(buf_room(&body, STORE_BODY_MAX + 1), 'x', STORE_BODY_MAX + 1);
	buf_grew(&body, STORE_BODY_MAX);
	begin(store);
	assert_int_equal(add_head(store, 1, &e), 0);
	assert_int_equal(store_body_add(store, 1, 1, buf_str(&body), &e), 0);
	commit(store);
	assert_int_equal(store_body_get(store, 1, &read, &e), 0);
	assert_true(str_eq(buf_str(&read), buf_str(&body)));
	buf_grew(&body, 1);
	begin(store);
	assert_int_equal(add_head(store, 2, &e), 0);
	assert_int_equal(store_body_add(store, 2, 1, buf_str(&body), &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	store_rollback(store);
}

#ifndef STORE_ON_POSTGRES
static void
heads_are_neither_changed_nor_deleted_by_sql(void **state)
{
	static const char *const attempts[] = {
		"UPDATE log SET count = 2 WHERE first = 1",
		"DELETE FROM log",
		"UPDATE word SET bytes = x'00'",
		"DELETE FROM word WHERE number = 0",
	};
	sqlite3 *db = NULL;

	(void)state;
	store_close(store_with(3));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (size_t i = 0; i < COUNT(attempts); i++) {
		assert_int_equal(
		    sqlite3_exec(db, attempts[i], NULL, NULL, NULL),
		    SQLITE_CONSTRAINT);
	}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}
#endif

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		TEST(heads_read_back_in_their_order),
		TEST(a_walk_ends_where_its_reader_says),
		TEST(heads_read_back_by_their_number),
		TEST(a_trail_is_the_heads_of_one_task),
		TEST(a_batch_reads_itself),
		TEST(a_head_cannot_continue_a_later_one),
		TEST(a_head_must_follow_the_last),
		TEST(what_is_rolled_back_was_never_there),
		TEST(a_refused_write_breaks_its_transaction),
		TEST(a_closed_store_forgets_its_open_transaction),
		TEST(bodies_lie_beside_heads_and_expire),
		TEST(
		    a_clock_that_goes_back_keeps_nothing_too_long_or_too_short),
		TEST(a_day_whose_first_batch_was_undone_expires),
		TEST(bodies_of_any_order_of_days_and_sizes_read_back),
		TEST(a_body_without_its_head_is_refused),
		TEST(a_body_over_the_bound_is_refused),
#ifndef STORE_ON_POSTGRES
		TEST(heads_are_neither_changed_nor_deleted_by_sql),
#endif
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
