/* SPDX-License-Identifier: Apache-2.0 */
#include "store_postgres_help.h"

#include <signal.h>
#include <sys/wait.h>

/* One owner of many nodes, and connections that end. */

static void
each_incarnation_has_the_next_number(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 3; i++) {
		auto_store store = open_only();

		assert_int_equal(own(store, "a"), i);
	}
}

static void
nobody_writes_who_does_not_own(void **state)
{
	auto_store store = open_only();
	struct err e = { 0 };

	(void)state;
	assert_int_equal(store_begin(store, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
}

/* A house that does nothing but keep its lease. */
_Noreturn static void
keep_house(const char *node, int ready)
{
	struct store *store = open_only();
	struct err e = { 0 };

	(void)own(store, node);
	assert_int_equal(write(ready, "x", 1), 1);
	do {
		(void)poll(NULL, 0, 100);
		begin(store);
	} while (store_commit(store, &e) == 0);
	_exit(1);
}

static pid_t
living_house(const char *node)
{
	int ready[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		keep_house(node, ready[1]);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(close(ready[0]), 0);
	assert_int_equal(close(ready[1]), 0);
	return child;
}

static void
end_house(pid_t house)
{
	assert_int_equal(kill(house, SIGKILL), 0);
	assert_int_equal(waitpid(house, NULL, 0), house);
}

static void
a_second_node_is_refused_while_the_first_lives(void **state)
{
	pid_t house = living_house("linux__a");
	auto_store store = open_only();
	uint64_t incarnation = 0;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(store_own(store, "linux__b", &incarnation, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_non_null(strstr(e.text, "linux__a"));
	assert_non_null(strstr(e.text, "s ago"));
	assert_int_equal(store_own(store, "linux__a", &incarnation, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	end_house(house);
}

static void
a_dead_nodes_log_is_taken_over_when_its_lease_has_ended(void **state)
{
	pid_t house = living_house("a");
	auto_store store = open_only();

	(void)state;
	end_house(house);
	end_lease();
	assert_int_equal(own(store, "b"), 2);
}

/* One node is one state folder: its predecessor, whose connection is gone, need
 * not be waited for. */
static void
a_node_that_starts_again_need_not_wait(void **state)
{
	pid_t house = living_house("a");
	auto_store store = open_only();

	(void)state;
	end_house(house);
	(void)sql("UPDATE owner SET lease = lease + interval '1 h'");
	assert_int_equal(own(store, "a"), 2);
	assert_string_equal(sql("SELECT lease < clock_timestamp() + interval "
	                        "'11 s' FROM owner"),
	    "t");
}

static void
a_node_that_ends_well_leaves_no_lease(void **state)
{
	struct store *first = open_only();
	auto_store second = open_only();

	(void)state;
	assert_int_equal(own(first, "a"), 1);
	store_close(first);
	assert_string_equal(
	    sql("SELECT lease < clock_timestamp() FROM owner"), "t");
	assert_int_equal(own(second, "b"), 2);
}

static void
a_deposed_owner_appends_nothing(void **state)
{
	static const char *const usurped[] = {
		/* Its connection is whole; only the guard knows. */
		"UPDATE owner SET epoch = epoch + 1",
		/* A newer connection of its own, which it knows nothing of. */
		"UPDATE owner SET session = session + 1",
		/* It must connect again and finds out by that. */
		("UPDATE owner SET epoch = epoch + 1;"
		 "SELECT pg_terminate_backend(backend, 5000) FROM owner"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(usurped); i++) {
		auto_store store = open_store();
		struct err e = { 0 };

		(void)sql(usurped[i]);
		begin(store);
		assert_int_equal(add_head(store, 1, &e), 0);
		assert_int_equal(put_row(store, "k", "v", 1, &e), 0);
		assert_int_equal(store_commit(store, &e), -1);
		assert_int_equal(e.kind, ERR_CONFLICT);
		assert_non_null(strstr(e.text, "taken over"));
		assert_int_equal(store_begin(store, &e), -1);
		assert_int_equal(e.kind, ERR_CONFLICT);
		assert_string_equal(sql("SELECT (SELECT count(*) FROM log) +"
		                        " (SELECT count(*) FROM rows)"),
		    "0");
		remove_store();
	}
}

/* What the first appended before it was taken over, the second continues. */
static void
the_next_owner_continues_the_log(void **state)
{
	auto_store first = open_store();
	auto_store second = open_only();
	struct err e = { 0 };

	(void)state;
	begin(first);
	assert_int_equal(add_head(first, 1, &e), 0);
	commit(first);
	end_lease();
	assert_int_equal(own(second, "b"), 2);
	assert_int_equal(store_last_seq(second), 1);
	begin(second);
	assert_int_equal(add_head(second, 2, &e), 0);
	commit(second);
	begin(first);
	assert_int_equal(add_head(first, 2, &e), 0);
	assert_int_equal(store_commit(first, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_string_equal(
	    sql("SELECT string_agg(first || '@' || epoch, ' ') FROM log"),
	    "1@1 2@2");
}

static void
a_commit_survives_the_end_of_its_connection(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	for (uint64_t seq = 1; seq <= 20; seq++) {
		begin(store);
		assert_int_equal(add_head(store, seq, &e), 0);
		assert_int_equal(
		    store_body_add(store, seq, 7, STR("body"), &e), 0);
		if (seq % 2) {
			(void)sql("SELECT pg_terminate_backend(backend, 5000)"
			          " FROM owner");
		}
		int done = store_commit_start(store, &e);
		assert_true(done >= 0);
		if (seq % 2 == 0) {
			(void)sql("SELECT pg_terminate_backend(backend, 5000)"
			          " FROM owner");
		}
		assert_int_equal(done ? step_until_done(store, &e) : 0, 0);
		assert_string_equal(store_why(store), "");
	}
	assert_string_equal(
	    sql("SELECT count(*) || ' ' || sum(count) || ' ' || max(first)"
	        " FROM log"),
	    "20 20 20");
	assert_int_equal(store_check(store, &e), 0);
}

/* The server process of a connection that is dead to us may wait for the rest
 * of a batch, with its lock, for ever. */
static void
a_half_sent_batch_holds_nobody_up(void **state)
{
	auto_store store = open_store();
	char hold[256];
	char wait[128];
	struct err e = { 0 };
	pid_t psql;

	(void)state;
	(void)snprintf(hold, sizeof(hold),
	    "UPDATE test_%d.owner SET backend = pg_backend_pid(), since ="
	    " (SELECT backend_start FROM pg_stat_activity"
	    " WHERE pid = pg_backend_pid())",
	    schemas - 1);
	(void)snprintf(wait, sizeof(wait),
	    "SELECT one FROM test_%d.owner FOR UPDATE;"
	    "SELECT pg_sleep(100000)",
	    schemas - 1);
	(void)sql("SELECT pg_terminate_backend(backend, 5000) FROM owner");
	psql = cluster_sql_start(&cluster, hold, wait);
	while (strcmp(sql("SELECT count(*) FROM pg_stat_activity"
	                  " WHERE wait_event = 'PgSleep'"),
	           "1") != 0) {
		(void)poll(NULL, 0, 20);
	}
	begin(store);
	assert_int_equal(add_head(store, 1, &e), 0);
	commit(store);
	assert_int_equal(waitpid(psql, NULL, 0), psql);
}

static void
set_standby(const char *name)
{
	char text[128];

	(void)snprintf(text, sizeof(text),
	    "ALTER SYSTEM SET synchronous_standby_names = '%s'", name);
	cluster_sql(&cluster, text, NULL, 0);
	cluster_sql(&cluster, "SELECT pg_reload_conf()", NULL, 0);
}

static bool
waits_for_a_standby(void)
{
	return strcmp(sql("SELECT count(*) FROM pg_stat_activity"
	                  " WHERE wait_event = 'SyncRep'"),
	           "1") == 0;
}

/* Whoever cancels the wait for a standby leaves a commit that is not on it. */
static void
a_commit_without_its_standby_is_not_believed(void **state)
{
	auto_store store = open_store();
	uint64_t seq = 0;
	char count[24];
	struct err e = { 0 };
	int done = 0;

	(void)state;
	set_standby("nobody");
	/* The server's processes hear of it one after the other. */
	while (done == 0) {
		begin(store);
		assert_int_equal(add_head(store, ++seq, &e), 0);
		done = store_commit_start(store, &e);
		while (done == 1 && !waits_for_a_standby()) {
			done = store_commit_step(store, &e);
		}
	}
	assert_int_equal(done, 1);
	(void)sql("SELECT pg_cancel_backend(backend) FROM owner");
	while (!*store_why(store)) {
		(void)poll(NULL, 0, 20);
		assert_int_equal(store_commit_step(store, &e), 1);
	}
	(void)snprintf(count, sizeof(count), "%d", (int)seq);
	assert_string_equal(sql("SELECT count(*) FROM log"), count);
	for (int i = 0; i < 20; i++) {
		(void)poll(NULL, 0, 20);
		assert_int_equal(store_commit_step(store, &e), 1);
	}
	set_standby("");
	assert_int_equal(step_until_done(store, &e), 0);
	assert_string_equal(sql("SELECT count(*) FROM log"), count);
}

static void
a_deposed_owner_drops_no_bodies(void **state)
{
	auto_store store = open_store();
	uint64_t count = 0;
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(add_head(store, 1, &e), 0);
	assert_int_equal(store_body_add(store, 1, 7, STR("body"), &e), 0);
	commit(store);
	(void)sql("UPDATE owner SET epoch = epoch + 1");
	begin(store);
	assert_int_equal(store_bodies_expire(store, 8, &count, &e), -1);
	store_rollback(store);
	assert_string_equal(sql("SELECT count(*) FROM body"), "1");
}

static void
a_commit_waits_for_a_server_that_restarts(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	cluster_kill(&cluster, SIGKILL);
	begin(store);
	assert_int_equal(add_head(store, 1, &e), 0);
	assert_int_equal(store_commit_start(store, &e), 1);
	for (int i = 0; i < 5; i++) {
		(void)poll(NULL, 0, 50);
		assert_int_equal(store_commit_step(store, &e), 1);
	}
	assert_non_null(strstr(store_why(store), "connecting again"));
	cluster_start(&cluster);
	assert_int_equal(step_until_done(store, &e), 0);
	assert_string_equal(sql("SELECT count(*) FROM log"), "1");
}

/* An empty commit is a heartbeat. */
static void
an_empty_commit_keeps_the_lease(void **state)
{
	auto_store store = open_store();

	(void)state;
	assert_true(store_beat_us(store) > 0);
	assert_true(store_beat_us(store) <= STORE_LEASE_US / 3);
	end_lease();
	(void)poll(NULL, 0, 1100);
	begin(store);
	commit(store);
	assert_string_equal(
	    sql("SELECT lease > clock_timestamp() + interval '5 s' FROM owner"),
	    "t");
}

static void
acknowledged_heads_that_are_gone_end_the_house(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(add_head(store, 1, &e), 0);
	commit(store);
	(void)sql("ALTER TABLE log DISABLE TRIGGER ALL; DELETE FROM log;"
	          "SELECT pg_terminate_backend(backend, 5000) FROM owner");
	begin(store);
	assert_int_equal(add_head(store, 2, &e), 0);
	assert_int_equal(store_commit(store, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "lost heads"));
	assert_string_equal(sql("SELECT count(*) FROM log"), "0");
}

static void
a_body_beyond_the_end_of_the_log_ends_the_house(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(add_head(store, 1, &e), 0);
	assert_int_equal(store_body_add(store, 1, 7, STR("body"), &e), 0);
	commit(store);
	(void)sql("UPDATE body SET first = 2, last = 2");
	begin(store);
	assert_int_equal(add_head(store, 2, &e), 0);
	assert_int_equal(store_body_add(store, 2, 7, STR("body"), &e), 0);
	assert_int_equal(store_commit(store, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_non_null(strstr(e.text, "ends before event 2"));
	assert_string_equal(sql("SELECT count(*) FROM log"), "1");
}

/* A server that is crowded says nothing of what it has. */
static void
a_read_that_may_pass_later_is_no_damage(void **state)
{
	static const struct {
		const char *code;
		enum err_kind kind;
	} cases[] = {
		{ "08006", ERR_UNAVAILABLE },
		{ "25006", ERR_UNAVAILABLE },
		{ "40001", ERR_UNAVAILABLE },
		{ "40P01", ERR_UNAVAILABLE },
		{ "53000", ERR_UNAVAILABLE },
		{ "53100", ERR_UNAVAILABLE },
		{ "53200", ERR_UNAVAILABLE },
		{ "53300", ERR_UNAVAILABLE },
		{ "55P03", ERR_UNAVAILABLE },
		{ "57014", ERR_UNAVAILABLE },
		{ "57P01", ERR_UNAVAILABLE },
		{ "57P03", ERR_UNAVAILABLE },
		{ "58030", ERR_IO },
		{ "XX001", ERR_IO },
		{ "42501", ERR_IO },
		{ "22021", ERR_IO },
	};
	auto_store s = open_only();

	(void)state;
	(void)sql("CREATE FUNCTION unsaid() RETURNS boolean LANGUAGE plpgsql "
	          "AS $$ BEGIN RAISE 'not now' USING ERRCODE = (SELECT why "
	          "FROM said_why); END $$;"
	          "CREATE TABLE said_why (why text);"
	          "ALTER TABLE rows RENAME TO said;"
	          "INSERT INTO said VALUES ('a', 'b', 1, 'c');"
	          "CREATE VIEW rows AS SELECT * FROM said WHERE unsaid()");
	for (size_t i = 0; i < COUNT(cases); i++) {
		char change[128];
		auto_buf value = { 0 };
		struct err e = { 0 };

		(void)snprintf(change, sizeof(change),
		    "DELETE FROM said_why; INSERT INTO said_why VALUES ('%s')",
		    cases[i].code);
		(void)sql(change);
		assert_int_equal(
		    store_row_get(s, STR("a"), STR("b"), &value, NULL, &e), -1);
		assert_int_equal(e.kind, cases[i].kind);
		assert_non_null(strstr(e.text, cases[i].code));
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		TEST(each_incarnation_has_the_next_number),
		TEST(nobody_writes_who_does_not_own),
		TEST(a_second_node_is_refused_while_the_first_lives),
		TEST(a_read_that_may_pass_later_is_no_damage),
		TEST(a_dead_nodes_log_is_taken_over_when_its_lease_has_ended),
		TEST(a_node_that_starts_again_need_not_wait),
		TEST(a_node_that_ends_well_leaves_no_lease),
		TEST(a_deposed_owner_appends_nothing),
		TEST(the_next_owner_continues_the_log),
		TEST(a_commit_survives_the_end_of_its_connection),
		TEST(a_half_sent_batch_holds_nobody_up),
		TEST(a_commit_without_its_standby_is_not_believed),
		TEST(a_deposed_owner_drops_no_bodies),
		TEST(a_commit_waits_for_a_server_that_restarts),
		TEST(an_empty_commit_keeps_the_lease),
		TEST(acknowledged_heads_that_are_gone_end_the_house),
		TEST(a_body_beyond_the_end_of_the_log_ends_the_house),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
