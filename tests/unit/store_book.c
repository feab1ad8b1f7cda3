/* SPDX-License-Identifier: Apache-2.0 */
#include "store_help.h"

#include <sqlite3.h>

struct seen {
	uint64_t count;
	uint64_t last;
	uint64_t stop_at;
};

static int
see(void *context, const struct store_head *head, struct err *e)
{
	struct seen *seen = context;

	assert_int_equal(head->time_us, 1795456800000000 + (int64_t)head->seq);
	assert_true(str_eq(head->kind, STR("call_started")));
	assert_int_equal(head->leaf[31], head->seq & 0xff);
	assert_int_equal(head->head.len, 384);
	assert_int_equal(head->task ? head->task[0] : 0, head->seq % 3);
	assert_int_equal(head->run != NULL, head->seq % 2);
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
walk(struct store *store, struct store_heads which)
{
	struct seen seen = { 0 };
	struct err e = { 0 };

	assert_int_equal(store_heads_walk(store, &which, see, &seen, &e), 0);
	return seen;
}

static void
heads_read_back_in_their_order(void **state)
{
	auto_store store = store_with(30);
	static const uint8_t task[STORE_ID_SIZE] = { 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1 };
	struct seen seen;

	(void)state;
	seen = walk(store, (struct store_heads){ 0 });
	assert_int_equal(seen.count, 30);
	assert_int_equal(seen.last, 30);
	seen = walk(store, (struct store_heads){ .from = 11, .limit = 5 });
	assert_int_equal(seen.count, 5);
	assert_int_equal(seen.last, 15);
	seen = walk(store, (struct store_heads){ .from = 31 });
	assert_int_equal(seen.count, 0);
	seen = walk(store, (struct store_heads){ .task = task });
	assert_int_equal(seen.count, 10);
	seen = walk(store, (struct store_heads){ .run = task, .from = 2 });
	assert_int_equal(seen.count, 2);
}

static void
a_walk_ends_where_its_reader_says(void **state)
{
	auto_store store = store_with(30);
	struct store_heads all = { 0 };
	struct seen seen = { .stop_at = 7 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(store_heads_walk(store, &all, see, &seen, &e), -1);
	assert_int_equal(e.kind, ERR_WAITING);
	assert_int_equal(seen.count, 7);
	assert_int_equal(walk(store, all).count, 30);
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
	assert_int_equal(walk(store, (struct store_heads){ 0 }).count, 3);
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
	assert_int_equal(walk(store, (struct store_heads){ 0 }).count, 4);
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

static void
bodies_lie_beside_heads_and_expire(void **state)
{
	auto_store store = store_with(3);
	auto_buf body = { 0 };
	uint64_t count = 0;
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(store_body_add(store, 1, 100, STR("old"), &e), 0);
	assert_int_equal(store_body_add(store, 2, 101, STR(""), &e), 0);
	assert_int_equal(store_body_add(store, 3, 102, STR("a\0b"), &e), 0);
	commit(store);
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
	assert_int_equal(walk(store, (struct store_heads){ 0 }).count, 3);
}

static void
a_body_without_its_head_is_refused(void **state)
{
	auto_store store = store_with(3);
	static const uint64_t wrong[] = { 0, 4, INT64_MAX };

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct err e = { 0 };

		begin(store);
		assert_int_equal(
		    store_body_add(store, wrong[i], 1, STR("x"), &e), -1);
		assert_int_equal(e.kind, ERR_CONFLICT);
		store_rollback(store);
	}

	struct err e = { 0 };
	begin(store);
	assert_int_equal(store_body_add(store, 1, 1, STR("x"), &e), 0);
	assert_int_equal(store_body_add(store, 1, 1, STR("y"), &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	store_rollback(store);
}

static void
a_body_over_the_bound_is_refused(void **state)
{
	auto_store store = store_with(1);
	auto_buf body = { 0 };
	struct err e = { 0 };

	(void)state;
	memset(buf_room(&body, STORE_BODY_MAX + 1), 'x', STORE_BODY_MAX + 1);
	buf_grew(&body, STORE_BODY_MAX);
	begin(store);
	assert_int_equal(store_body_add(store, 1, 1, buf_str(&body), &e), 0);
	commit(store);
	buf_grew(&body, 1);
	begin(store);
	assert_int_equal(store_body_add(store, 1, 1, buf_str(&body), &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	store_rollback(store);
}

static void
a_leaf_reads_back_by_its_number(void **state)
{
	auto_store store = store_with(5);
	uint8_t leaf[STORE_LEAF_SIZE] = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(store_leaf_get(store, 4, leaf, &e), 0);
	assert_int_equal(leaf[0], 4);
	assert_int_equal(store_leaf_get(store, 6, leaf, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
}

static void
heads_are_neither_changed_nor_deleted_by_sql(void **state)
{
	sqlite3 *db = NULL;

	(void)state;
	store_close(store_with(3));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db,
	        "UPDATE head SET kind = 'call_settled' WHERE seq = 2", NULL,
	        NULL, NULL),
	    SQLITE_CONSTRAINT);
	assert_int_equal(sqlite3_exec(db, "DELETE FROM head", NULL, NULL, NULL),
	    SQLITE_CONSTRAINT);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int
compare_line(void *context, int count, char **values, char **names)
{
	(void)names;
	assert_int_equal(count, 5);
	for (int i = 0; i < count; i++) {
		assert_string_equal(values[i], ((const char **)context)[i]);
	}
	return 0;
}

static void
the_book_is_read_with_plain_sql(void **state)
{
	static const char *line[] = { "1", "2026-11-23T18:00:00.000Z",
		"call_started", "01010101-0101-0101-0101-010101010101",
		"01010101-0101-0101-0101-010101010101" };
	sqlite3 *db = NULL;

	(void)state;
	store_close(store_with(1));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "SELECT * FROM book", compare_line,
	                     (void *)line, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		TEST(heads_read_back_in_their_order),
		TEST(a_walk_ends_where_its_reader_says),
		TEST(a_head_must_follow_the_last),
		TEST(what_is_rolled_back_was_never_there),
		TEST(a_refused_write_breaks_its_transaction),
		TEST(a_closed_store_forgets_its_open_transaction),
		TEST(bodies_lie_beside_heads_and_expire),
		TEST(a_body_without_its_head_is_refused),
		TEST(a_body_over_the_bound_is_refused),
		TEST(a_leaf_reads_back_by_its_number),
		TEST(heads_are_neither_changed_nor_deleted_by_sql),
		TEST(the_book_is_read_with_plain_sql),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
