/* SPDX-License-Identifier: Apache-2.0 */
#include "store_help.h"

#include "store/needs.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

/* What only the store on PostgreSQL has: one owner of many nodes, connections
 * that end, the inbox.  A server of its own for all tests, a schema for each.
 */

static struct store *
open_only(void)
{
	struct store *store = NULL;
	struct err e = { 0 };

	if (store_open(path, STORE_CREATE, &store, &e)) {
		fail_msg("%s", e.text);
	}
	return store;
}

static uint64_t
own(struct store *store, const char *node)
{
	uint64_t incarnation = 0;
	struct err e = { 0 };

	if (store_own(store, node, &incarnation, &e)) {
		fail_msg("%s", e.text);
	}
	return incarnation;
}

/* SQL in the schema of this test. */
static const char *
sql(const char *text)
{
	static char answer[256];
	char all[1024];

	(void)snprintf(all, sizeof(all), "SET search_path = test_%d; %s",
	    schemas - 1, text);
	cluster_sql(&cluster, all, answer, sizeof(answer));
	return answer;
}

static void
end_lease(void)
{
	(void)sql(
	    "UPDATE owner SET lease = clock_timestamp() - interval '1 s'");
}

static int
step_until_done(struct store *store, struct err *e)
{
	int done = 1;

	while (done == 1) {
		struct pollfd one = { 0 };
		bool for_write = false;

		one.fd = store_fd(store, &for_write);
		one.events = for_write ? POLLOUT : POLLIN;
		(void)poll(&one, 1, 50);
		done = store_commit_step(store, e);
	}
	return done;
}

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
	assert_int_equal(poll(&bell, 1, 10000), 1);
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
	assert_non_null(user);
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
		TEST(each_incarnation_has_the_next_number),
		TEST(nobody_writes_who_does_not_own),
		TEST(a_second_node_is_refused_while_the_first_lives),
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
