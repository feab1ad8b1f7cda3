/* SPDX-License-Identifier: Apache-2.0 */
#include "store_postgres_help.h"

#include "store/needs.h"

/* What stands in the tables, who may change it, how it comes in and out. */

static void
opening_is_refused(unsigned flags, enum err_kind kind, const char *word)
{
	struct store *store = NULL;
	struct err e = { 0 };

	assert_int_equal(store_open(path, flags, &store, &e), -1);
	assert_int_equal(e.kind, kind);
	assert_non_null(strstr(e.text, word));
	assert_null(strstr(e.text, "hunter2"));
	assert_null(store);
}

static void
what_cannot_be_opened_is_told_without_its_password(void **state)
{
	(void)state;
	opening_is_refused(0, ERR_MISSING, "no store");
	store_close(open_only());
	(void)sql("INSERT INTO meta (step) VALUES (1000)");
	opening_is_refused(STORE_CREATE, ERR_INPUT, "newer Handrail");
	(void)snprintf(path, sizeof(path),
	    "postgres://a:hunter2@127.0.0.1:%d/nowhere", cluster.port);
	opening_is_refused(0, ERR_UNAVAILABLE, "no connection");
	(void)snprintf(
	    path, sizeof(path), "postgres://a:hunter2@127.0.0.1:1/x");
	opening_is_refused(0, ERR_UNAVAILABLE, "no connection");
	(void)snprintf(
	    path, sizeof(path), "postgres://a:hunter2@127.0.0.1/x?hunter2=1");
	opening_is_refused(0, ERR_INPUT, "libpq");
	(void)snprintf(path, sizeof(path),
	    "postgres://a:hunter2@127.0.0.1/x?options=-csearch_path%%3D%%22X");
	opening_is_refused(0, ERR_INPUT, "search_path");
}

static void
heads_are_neither_changed_nor_deleted_by_sql(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(add_head(store, 1, &e), 0);
	commit(store);
	assert_string_equal(
	    sql("DO 'BEGIN DELETE FROM log; EXCEPTION WHEN raise_exception THEN"
	        " NULL; END'; SELECT count(*) FROM log"),
	    "1");
}

struct taken {
	char all[256];
	uint64_t last;
};

static int
take(void *context, uint64_t number, struct str record, struct err *e)
{
	struct taken *taken = context;
	size_t len = strlen(taken->all);

	(void)e;
	(void)snprintf(taken->all + len, sizeof(taken->all) - len, STR_FMT " ",
	    STR_ARG(record));
	taken->last = number;
	return 0;
}

static void
another_program_enqueues_by_an_insert(void **state)
{
	auto_store store = open_store();
	struct taken taken = { 0 };
	struct pollfd bell = { .events = POLLIN };
	struct err e = { 0 };

	(void)state;
	bell.fd = store_inbox_fd(store);
	assert_true(bell.fd >= 0);
	(void)sql("INSERT INTO inbox (record) VALUES ('{\"a\":1}');"
	          "INSERT INTO inbox (record) VALUES ('{\"b\":2}')");
	assert_int_equal(poll(&bell, 1, 0), 0);
	assert_int_equal(store_inbox_walk(store, 0, take, &taken, &e), 0);
	assert_string_equal(taken.all, "{\"a\":1} {\"b\":2} ");
	(void)sql("NOTIFY handrail_inbox");
	assert_int_equal(poll(&bell, 1, 60000), 1);
	store_inbox_bell(store);
	assert_int_equal(poll(&bell, 1, 0), 0);
	/* Dropped with the batch, and not seen again before it. */
	begin(store);
	assert_int_equal(store_inbox_drop(store, taken.last, &e), 0);
	memset(&taken, 0, sizeof(taken));
	assert_int_equal(store_inbox_walk(store, 0, take, &taken, &e), 0);
	assert_string_equal(taken.all, "{\"a\":1} ");
	store_rollback(store);
	assert_string_equal(sql("SELECT count(*) FROM inbox"), "2");
	begin(store);
	assert_int_equal(store_inbox_drop(store, taken.last, &e), 0);
	commit(store);
	assert_string_equal(sql("SELECT record FROM inbox"), "{\"b\":2}");
}

static int
same_head(void *context, const struct store_head *head, struct err *e)
{
	(void)e;
	expect_head(head);
	++*(int *)context;
	return 0;
}

/* A trail through one batch asks once: the table is out of reach for the rest.
 */
static void
a_row_of_the_log_is_asked_for_once(void **state)
{
	auto_store store = open_store();
	auto_buf body = { 0 };
	uint64_t expired = 0;
	int seen = 0;
	struct err e = { 0 };

	(void)state;
	for (uint64_t seq = 1; seq <= 20; seq++) {
		if (seq % 10 == 1) {
			begin(store);
		}
		assert_int_equal(add_head(store, seq, &e), 0);
		assert_int_equal(
		    store_body_add(store, seq, 7, STR("body"), &e), 0);
		if (seq % 10 == 0) {
			commit(store);
		}
	}
	assert_int_equal(store_head_get(store, 14, same_head, &seen, &e), 0);
	assert_int_equal(store_body_get(store, 14, &body, &e), 0);
	(void)sql("ALTER TABLE log RENAME TO log_away;"
	          "ALTER TABLE body RENAME TO body_away");
	assert_int_equal(
	    store_trail_walk(store, 20, 10, same_head, &seen, &e), 0);
	assert_int_equal(seen, 5); /* 11, 14, 17, 20 */
	assert_int_equal(store_body_get(store, 20, &body, &e), 0);
	assert_int_equal(store_head_get(store, 10, same_head, &seen, &e), -1);
	assert_int_equal(store_body_get(store, 10, &body, &e), -1);
	(void)sql("ALTER TABLE log_away RENAME TO log;"
	          "ALTER TABLE body_away RENAME TO body");
	assert_int_equal(store_head_get(store, 10, same_head, &seen, &e), 0);
	assert_int_equal(store_body_get(store, 10, &body, &e), 0);
	assert_int_equal(store_bodies_last(store, 7, &expired, &e), 0);
	assert_int_equal(expired, 0);
	assert_int_equal(store_bodies_last(store, 8, &expired, &e), 0);
	assert_int_equal(expired, 20);
	/* What has expired is not kept for that. */
	begin(store);
	assert_int_equal(store_bodies_expire(store, 8, &expired, &e), 0);
	commit(store);
	assert_int_equal(expired, 20);
	assert_int_equal(store_body_get(store, 10, &body, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
}

/* People ask the view; the rows of a task are written once each. */
static void
a_task_that_ends_changes_no_row(void **state)
{
	auto_store store = open_store();
	struct store_task task = {
		.number = 3,
		.id = STR("t1"),
		.queue = STR("engineering"),
		.state = STR("pending"),
		.record = STR("{}"),
		.saved = STR("saved"),
		.last_seq = 3,
		.live = true,
	};
	static const char rows[] =
	    "SELECT t.ctid || ' ' || t.xmin || ' ' || t.xmax || ' ' || l.ctid"
	    " || ' ' || l.xmin || ' ' || l.xmax FROM task t, task_live l";
	char before[256];
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(store_task_put(store, &task, &e), 0);
	commit(store);
	(void)snprintf(before, sizeof(before), "%s", sql(rows));
	assert_true(strlen(before) > 10);
	task.record = STR("");
	task.state = STR("completed");
	task.last_seq = 5;
	task.ending = true;
	begin(store);
	assert_int_equal(store_task_put(store, &task, &e), 0);
	commit(store);
	assert_string_equal(sql(rows), before);
	assert_string_equal(
	    sql("SELECT id || queue || state || last_seq || live FROM tasks"),
	    "t1engineeringcompleted5true");
}

/* src/store/postgres_role.sql, for a house that shall not be able to change
 * what it wrote. */
static void
a_role_may_append_and_not_change(void **state)
{
	struct store *store = NULL;
	auto_buf script = { 0 };
	char file[512];
	char *user;
	uint64_t count = 0;
	struct err e = { 0 };

	(void)state;
	store_close(open_only());
	(void)snprintf(file, sizeof(file), "%s/src/store/postgres_role.sql",
	    getenv("HANDRAIL_SOURCE"));
	assert_int_equal(file_read(file, 1 << 16, &script, &e), 0);
	(void)sql("CREATE ROLE handrail_house LOGIN");
	(void)sql(buf_z(&script));
	/* The same place, as that role. */
	user = strstr(path, "handrail");
	while (user && !(user[-1] == '/' || user[-1] == '=')) {
		user = strstr(user + 1, "handrail");
	}
	must(user);
	memmove(user + 14, user + 8, strlen(user + 8) + 1);
	memcpy(user, "handrail_house", 14);

	store = open_store();
	begin(store);
	assert_int_equal(add_head(store, 1, &e), 0);
	assert_int_equal(store_body_add(store, 1, 7, STR("body"), &e), 0);
	assert_int_equal(put_row(store, "k", "v", 1, &e), 0);
	commit(store);
	begin(store);
	assert_int_equal(store_bodies_expire(store, 8, &count, &e), 0);
	commit(store);
	assert_int_equal(count, 1);
	store_close(store);
	assert_string_equal(
	    sql("SELECT has_table_privilege('handrail_house', 'log',"
	        " 'UPDATE, DELETE, TRUNCATE')"),
	    "f");
}

static void
a_snapshot_becomes_a_file_and_a_file_a_store(void **state)
{
	auto_store store = open_store();
	auto_store copy = NULL;
	struct store_backup *backup = NULL;
	struct store *file = NULL;
	auto_buf body = { 0 };
	char home[64];
	char at[128];
	char reserve[144];
	unsigned percent = 0;
	int more = 1;
	struct err e = { 0 };

	(void)state;
	begin(store);
	for (uint64_t seq = 1; seq <= 1200; seq++) {
		assert_int_equal(add_head(store, seq, &e), 0);
		assert_int_equal(
		    store_body_add(store, seq, 7, STR("body"), &e), 0);
	}
	assert_int_equal(put_row(store, "k", "v", 4, &e), 0);
	commit(store);
	(void)snprintf(home, sizeof(home), "/tmp/handrail-backup-XXXXXX");
	assert_non_null(mkdtemp(home));
	(void)snprintf(at, sizeof(at), "%s/book.db", home);
	assert_int_equal(store_backup_start(store, at, &backup, &e), 0);
	begin(store);
	assert_int_equal(add_head(store, 1201, &e), 0);
	commit(store);
	while (more == 1) {
		more = store_backup_step(backup, &percent, &e);
	}
	if (more) {
		fail_msg("%s", e.text);
	}
	assert_int_equal(percent, 100);
	store_backup_free(backup);
	assert_int_equal(store_backup_start(store, at, &backup, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);

	if (store_open(at, 0, &file, &e)) {
		fail_msg("%s", e.text);
	}
	assert_int_equal(store_last_seq(file), 1200);
	assert_int_equal(store_check(file, &e), 0);
	remove_store();
	copy = open_only();
	if (store_copy(file, copy, &e)) {
		fail_msg("%s", e.text);
	}
	assert_int_equal(store_last_seq(copy), 1200);
	assert_int_equal(store_check(copy, &e), 0);
	assert_int_equal(store_body_get(copy, 1200, &body, &e), 0);
	assert_true(str_eq(buf_str(&body), STR("body")));
	buf_clear(&body);
	assert_int_equal(
	    store_row_get(copy, STR("meta"), STR("k"), &body, NULL, &e), 0);
	store_close(file);
	(void)snprintf(reserve, sizeof(reserve), "%s-reserve", at);
	(void)unlink(reserve);
	assert_int_equal(unlink(at), 0);
	/* The backup left nothing else. */
	assert_int_equal(rmdir(home), 0);
}

static void
a_url_says_what_a_jailed_house_must_keep(void **state)
{
	struct store_needs needs;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(store_needs("/var/lib/book.db", &needs, &e), 0);
	assert_false(needs.inet || needs.local || needs.file_count);
	assert_int_equal(
	    store_needs(
	        "postgres://u:hunter2@one:5433,two/db?sslmode=verify-full"
	        "&sslrootcert=/etc/ca.pem",
	        &needs, &e),
	    0);
	assert_true(needs.inet);
	assert_false(needs.local);
	assert_int_equal(needs.port_count, 2);
	assert_int_equal(needs.ports[0], 5433);
	assert_int_equal(needs.ports[1], 5432);
	assert_int_equal(needs.file_count, 1);
	assert_string_equal(needs.files[0], "/etc/ca.pem");
	assert_int_equal(
	    store_needs("postgres:///db?host=/run/pg", &needs, &e), 0);
	assert_true(needs.local && !needs.inet);
	assert_string_equal(needs.folders[0], "/run/pg");
	assert_int_equal(store_needs("postgres://h:0/db", &needs, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_int_equal(
	    store_needs("postgres://a,b,c,d,e,f,g,h,i/db", &needs, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		TEST(what_cannot_be_opened_is_told_without_its_password),
		TEST(heads_are_neither_changed_nor_deleted_by_sql),
		TEST(another_program_enqueues_by_an_insert),
		TEST(a_row_of_the_log_is_asked_for_once),
		TEST(a_task_that_ends_changes_no_row),
		TEST(a_role_may_append_and_not_change),
		TEST(a_url_says_what_a_jailed_house_must_keep),
		TEST(a_snapshot_becomes_a_file_and_a_file_a_store),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
