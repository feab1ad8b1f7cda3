/* SPDX-License-Identifier: Apache-2.0 */
#include "store_help.h"

/* A store on PostgreSQL of another program: of an older one, as its steps left
 * it (tests/postgres/step_1.sql), and of a newer one. */

static void
load_older(void)
{
	auto_buf script = { 0 };
	char file[512];
	struct err e = { 0 };

	(void)snprintf(file, sizeof(file), "%s/tests/postgres/step_1.sql",
	    getenv("HANDRAIL_SOURCE"));
	assert_int_equal(file_read(file, 1 << 16, &script, &e), 0);
	cluster_sql(
	    &cluster, "DROP SCHEMA IF EXISTS test_older CASCADE", NULL, 0);
	cluster_sql(&cluster, buf_z(&script), NULL, 0);
	cluster_url(&cluster, false, "test_older", path, sizeof(path));
}

static const char *
sql(const char *text)
{
	static char answer[256];
	char all[512];

	(void)snprintf(
	    all, sizeof(all), "SET search_path = test_older; %s", text);
	cluster_sql(&cluster, all, answer, sizeof(answer));
	return answer;
}

static void
opening_is_refused(unsigned flags, const char *word)
{
	struct store *store = NULL;
	struct err e = { 0 };

	assert_int_equal(store_open(path, flags, &store, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_non_null(strstr(e.text, word));
	assert_null(store);
}

static int
count_head(void *context, const struct store_head *head, struct err *e)
{
	(void)e;
	assert_int_equal(head->seq, ++*(uint64_t *)context);
	return 0;
}

static int
count_task(void *context, const struct store_task *task, struct err *e)
{
	unsigned *ended = context;

	(void)e;
	ended[0]++;
	ended[1] += str_eq(task->state, STR("completed"));
	return 0;
}

static void
a_store_of_an_older_step_is_brought_up_and_goes_on(void **state)
{
	struct store *store;
	struct store_task any = { 0 };
	auto_buf text = { 0 };
	uint64_t seen = 0;
	unsigned tasks[2] = { 0 };
	uint64_t version = 0;
	struct err e = { 0 };

	(void)state;
	load_older();
	assert_string_equal(sql("SELECT max(step) FROM meta"), "1");
	store = open_store();
	assert_string_equal(
	    sql("SELECT string_agg(step::text, ' ' ORDER BY step) FROM meta"),
	    "1 2");
	assert_string_equal(
	    sql("SELECT array_to_string(reloptions, ' ') FROM pg_class"
	        " WHERE oid = 'rows'::regclass"),
	    "fillfactor=70");
	assert_int_equal(store_last_seq(store), 6);
	assert_int_equal(store_check(store, &e), 0);
	assert_int_equal(
	    store_heads_walk(store, 1, 0, count_head, &seen, &e), 0);
	assert_int_equal(seen, 6);
	assert_int_equal(
	    store_tasks_walk(store, &any, 0, count_task, tasks, &e), 0);
	assert_int_equal(tasks[0], 4);
	assert_int_equal(tasks[1], 1);
	for (uint64_t seq = 1; seq <= 6; seq++) {
		buf_clear(&text);
		assert_int_equal(store_body_get(store, seq, &text, &e), 0);
		assert_int_equal(text.at[0], '{');
	}
	buf_clear(&text);
	assert_int_equal(
	    store_row_get(store, STR("meta"), STR("k"), &text, &version, &e),
	    0);
	assert_int_equal(version, 3);
	begin(store);
	assert_int_equal(add_head(store, 7, &e), 0);
	assert_int_equal(put_row(store, "k", "new", 4, &e), 0);
	commit(store);
	store_close(store);
	store = open_store();
	assert_int_equal(store_last_seq(store), 7);
	assert_int_equal(store_check(store, &e), 0);
	store_close(store);
}

static void
an_older_store_is_not_brought_up_by_a_look(void **state)
{
	(void)state;
	load_older();
	opening_is_refused(STORE_READ, "older Handrail");
	assert_string_equal(sql("SELECT max(step) FROM meta"), "1");
}

static void
a_newer_store_is_refused_and_stays_as_it_is(void **state)
{
	(void)state;
	load_older();
	(void)sql("INSERT INTO meta (step) VALUES (1000)");
	opening_is_refused(STORE_CREATE, "newer Handrail");
	opening_is_refused(0, "newer Handrail");
	opening_is_refused(STORE_READ, "newer Handrail");
	assert_string_equal(
	    sql("SELECT string_agg(step::text, ' ' ORDER BY step) FROM meta"),
	    "1 1000");
}

/* A step that fails leaves the store as the older program knows it. */
static void
a_step_that_fails_is_undone(void **state)
{
	struct store *store = NULL;
	struct err e = { 0 };

	(void)state;
	load_older();
	(void)sql("ALTER TABLE rows RENAME TO rows_away");
	assert_int_equal(store_open(path, STORE_CREATE, &store, &e), -1);
	assert_non_null(strstr(e.text, "preparing the store"));
	assert_string_equal(sql("SELECT max(step) FROM meta"), "1");
	(void)sql("ALTER TABLE rows_away RENAME TO rows");
	store = open_store();
	assert_int_equal(store_last_seq(store), 6);
	store_close(store);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		TEST(a_store_of_an_older_step_is_brought_up_and_goes_on),
		TEST(an_older_store_is_not_brought_up_by_a_look),
		TEST(a_newer_store_is_refused_and_stays_as_it_is),
		TEST(a_step_that_fails_is_undone),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
