/* SPDX-License-Identifier: Apache-2.0 */
#include "store_help.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

/* Several batches under way on one connection of PostgreSQL: each lands only
 * upon the one before it, whatever happens to the connection, to one of them or
 * to the ownership of the log. */

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

/* Somebody who has the owner's row locked: what is sent now stays under way. */
static pid_t
hold_up(void)
{
	char hold[64];
	char lock[128];
	pid_t psql;

	(void)snprintf(hold, sizeof(hold), "SELECT 1");
	(void)snprintf(lock, sizeof(lock),
	    "SELECT one FROM test_%d.owner FOR UPDATE;"
	    "SELECT pg_sleep(100000)",
	    schemas - 1);
	psql = cluster_sql_start(&cluster, hold, lock);
	while (strcmp(sql("SELECT count(*) FROM pg_stat_activity"
	                  " WHERE wait_event = 'PgSleep'"),
	           "1") != 0) {
		(void)poll(NULL, 0, 20);
	}
	return psql;
}

static void
let_go(pid_t psql)
{
	(void)sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
	          " WHERE wait_event = 'PgSleep'");
	assert_int_equal(waitpid(psql, NULL, 0), psql);
}

/* A batch of `count` heads behind those that are there, given to the store. */
static int
send_heads(struct store *store, unsigned count, struct err *e)
{
	begin(store);
	for (unsigned i = 0; i < count; i++) {
		uint64_t seq = store_last_seq(store) + 1;

		assert_int_equal(add_head(store, seq, e), 0);
		assert_int_equal(
		    store_body_add(store, seq, 7, STR("body"), e), 0);
	}
	return store_commit_start(store, e);
}

static int /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
step_on(struct store *store, struct err *e)
{
	struct mono limit = mono_after(mono_now(), CLOCK_MINUTE);
	int done = 1;

	while (done == 1) {
		struct pollfd one = { 0 };
		bool for_write = false;

		if (mono_passed(limit, mono_now())) {
			fail_msg("no word of a batch within a minute");
		}

		one.fd = store_fd(store, &for_write);
		one.events = for_write ? POLLIN | POLLOUT : POLLIN;
		(void)poll(&one, 1, 50);
		done = store_commit_step(store, e);
	}
	return done;
}

static void
expect_log(const char *rows)
{
	assert_string_equal(
	    sql("SELECT coalesce(string_agg(first || '+' || count, ' ' ORDER BY"
	        " first), '') FROM log"),
	    rows);
}

static int
keep_last(void *context, const struct store_head *head, struct err *e)
{
	(void)e;
	expect_head(head);
	*(uint64_t *)context = head->seq;
	return 0;
}

static void
batches_are_told_of_in_the_order_of_their_begin(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	for (unsigned i = 0; i < STORE_FLIGHTS_MAX; i++) {
		assert_int_equal(send_heads(store, i + 1, &e), 1);
		assert_int_equal(store_in_flight(store), i + 1);
	}
	for (unsigned i = 0; i < STORE_FLIGHTS_MAX; i++) {
		assert_int_equal(step_on(store, &e), 0);
		assert_int_equal(
		    store_in_flight(store), STORE_FLIGHTS_MAX - 1 - i);
	}
	expect_log("1+1 2+2 4+3 7+4");
	assert_int_equal(store_check(store, &e), 0);
	/* A commit that waits leaves none behind. */
	assert_int_equal(send_heads(store, 1, &e), 1);
	begin(store);
	assert_int_equal(add_head(store, 12, &e), 0);
	commit(store);
	assert_int_equal(store_in_flight(store), 0);
	expect_log("1+1 2+2 4+3 7+4 11+1 12+1");
}

static void
none_is_told_of_before_it_is_in_the_log(void **state)
{
	auto_store store = open_store();
	pid_t psql = hold_up();
	struct err e = { 0 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(send_heads(store, 1, &e), 1);
	}
	for (unsigned i = 0; i < 10; i++) {
		(void)poll(NULL, 0, 10);
		assert_int_equal(store_commit_step(store, &e), 1);
	}
	expect_log("");
	let_go(psql);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(step_on(store, &e), 0);
	}
	expect_log("1+1 2+1 3+1");
}

static void
reads_see_every_batch_that_is_under_way(void **state)
{
	auto_store store = open_store();
	auto_buf value = { 0 };
	uint64_t last = 0;
	pid_t psql = hold_up();
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(add_head(store, 1, &e), 0);
	assert_int_equal(put_row(store, "k", "old", 1, &e), 0);
	assert_int_equal(put_row(store, "other", "there", 1, &e), 0);
	assert_int_equal(store_commit_start(store, &e), 1);
	begin(store);
	assert_int_equal(add_head(store, 2, &e), 0);
	assert_int_equal(store_body_add(store, 2, 7, STR("two"), &e), 0);
	assert_int_equal(put_row(store, "k", "new", 2, &e), 0);
	assert_int_equal(store_commit_start(store, &e), 1);
	assert_int_equal(
	    store_row_get(store, STR("meta"), STR("k"), &value, NULL, &e), 0);
	assert_string_equal(buf_z(&value), "new");
	buf_clear(&value);
	assert_int_equal(
	    store_row_get(store, STR("meta"), STR("other"), &value, NULL, &e),
	    0);
	assert_string_equal(buf_z(&value), "there");
	buf_clear(&value);
	assert_int_equal(store_body_get(store, 2, &value, &e), 0);
	assert_string_equal(buf_z(&value), "two");
	assert_int_equal(store_head_get(store, 1, keep_last, &last, &e), 0);
	assert_int_equal(last, 1);
	assert_int_equal(
	    store_heads_walk(store, 1, 0, keep_last, &last, &e), 0);
	assert_int_equal(last, 2);
	let_go(psql);
	assert_int_equal(step_on(store, &e), 0);
	assert_int_equal(step_on(store, &e), 0);
	assert_string_equal(
	    sql("SELECT convert_from(value, 'UTF8') FROM rows WHERE key = 'k'"),
	    "new");
}

static int
tell_row(void *context, const struct store_row *row, struct err *e)
{
	(void)e;
	buf_add(context, row->key);
	buf_add_byte(context, '=');
	buf_add(context, row->value);
	buf_add_byte(context, ' ');
	return 0;
}

static void
a_walk_of_rows_sees_every_batch_that_is_under_way(void **state)
{
	auto_store store = open_store();
	auto_buf told = { 0 };
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(put_row(store, "b", "there", 1, &e), 0);
	assert_int_equal(put_row(store, "c", "there", 1, &e), 0);
	assert_int_equal(put_row(store, "d", "there", 1, &e), 0);
	commit(store);
	pid_t psql = hold_up();

	begin(store);
	assert_int_equal(add_head(store, 1, &e), 0);
	assert_int_equal(put_row(store, "a", "old", 1, &e), 0);
	assert_int_equal(put_row(store, "c", "new", 2, &e), 0);
	assert_int_equal(put_row(store, "e", "new", 1, &e), 0);
	assert_int_equal(store_commit_start(store, &e), 1);
	begin(store);
	assert_int_equal(add_head(store, 2, &e), 0);
	assert_int_equal(put_row(store, "a", "new", 2, &e), 0);
	assert_int_equal(store_row_delete(store, STR("meta"), STR("b"), &e), 0);
	assert_int_equal(store_row_delete(store, STR("meta"), STR("e"), &e), 0);
	assert_int_equal(put_row(store, "f", "new", 1, &e), 0);
	assert_int_equal(store_commit_start(store, &e), 1);
	assert_int_equal(
	    store_rows_walk(store, STR("meta"), STR(""), tell_row, &told, &e),
	    0);
	assert_string_equal(buf_z(&told), "a=new c=new d=there f=new ");
	buf_clear(&told);
	assert_int_equal(
	    store_rows_walk(store, STR("meta"), STR("f"), tell_row, &told, &e),
	    0);
	assert_string_equal(buf_z(&told), "f=new ");
	let_go(psql);
	assert_int_equal(step_on(store, &e), 0);
	assert_int_equal(step_on(store, &e), 0);
	buf_clear(&told);
	assert_int_equal(
	    store_rows_walk(store, STR(""), STR(""), tell_row, &told, &e), 0);
	assert_string_equal(buf_z(&told), "a=new c=new d=there f=new ");
}

static int
tell_task(void *context, const struct store_task *task, struct err *e)
{
	(void)e;
	buf_addf(context, STR_FMT "/" STR_FMT "/" STR_FMT "/" STR_FMT " ",
	    STR_ARG(task->id), STR_ARG(task->queue), STR_ARG(task->state),
	    STR_ARG(task->record));
	return 0;
}

static void
expect_tasks(struct store *store, const struct store_task *like, uint64_t limit,
    const char *expected)
{
	auto_buf told = { 0 };
	struct err e = { 0 };

	assert_int_equal(
	    store_tasks_walk(store, like, limit, tell_task, &told, &e), 0);
	assert_string_equal(buf_z(&told), expected);
}

/* With its record, or the next state of one that is there. */
static void
write_task(
    struct store *store, unsigned number, const char *state, bool with_record)
{
	char id[8];
	char record[16];
	struct store_task task = {
		.number = number,
		.queue = number % 2 ? STR("odd") : STR("even"),
		.state = str_of(state),
		.saved = STR("saved"),
		.last_seq = store_last_seq(store),
		.live = true,
		.ending = !with_record,
	};
	struct err e = { 0 };

	(void)snprintf(id, sizeof(id), "t%u", number);
	(void)snprintf(record, sizeof(record), "{\"n\":%u}", number);
	task.id = str_of(id);
	task.record = with_record ? str_of(record) : STR("");
	task.queue = with_record ? task.queue : STR("");
	assert_int_equal(store_task_put(store, &task, &e), 0);
}

static void
a_walk_of_tasks_sees_every_batch_that_is_under_way(void **state)
{
	auto_store store = open_store();
	struct store_task any = { 0 };
	struct store_task like = { .queue = STR("even"), .state = STR("done") };
	struct err e = { 0 };

	(void)state;
	begin(store);
	for (unsigned i = 1; i <= 4; i++) {
		write_task(store, i, "new", true);
	}
	commit(store);
	pid_t psql = hold_up();

	begin(store);
	assert_int_equal(add_head(store, 1, &e), 0);
	write_task(store, 2, "done", false);
	write_task(store, 3, "parked", false);
	write_task(store, 6, "new", true);
	write_task(store, 9, "done", false); /* there is none */
	assert_int_equal(store_commit_start(store, &e), 1);
	begin(store);
	assert_int_equal(add_head(store, 2, &e), 0);
	write_task(store, 6, "done", false);
	write_task(store, 3, "done", false);
	write_task(store, 5, "new", true);
	assert_int_equal(store_commit_start(store, &e), 1);
	expect_tasks(store, &any, 0,
	    "t6/even/done/{\"n\":6} t5/odd/new/{\"n\":5} "
	    "t4/even/new/{\"n\":4} t3/odd/done/{\"n\":3} "
	    "t2/even/done/{\"n\":2} t1/odd/new/{\"n\":1} ");
	expect_tasks(store, &any, 3,
	    "t6/even/done/{\"n\":6} t5/odd/new/{\"n\":5} "
	    "t4/even/new/{\"n\":4} ");
	expect_tasks(store, &any, 1, "t6/even/done/{\"n\":6} ");
	expect_tasks(
	    store, &like, 0, "t6/even/done/{\"n\":6} t2/even/done/{\"n\":2} ");
	like.state = STR("new");
	expect_tasks(store, &like, 0, "t4/even/new/{\"n\":4} ");
	let_go(psql);
	assert_int_equal(step_on(store, &e), 0);
	assert_int_equal(step_on(store, &e), 0);
	expect_tasks(store, &any, 0,
	    "t6/even/done/{\"n\":6} t5/odd/new/{\"n\":5} "
	    "t4/even/new/{\"n\":4} t3/odd/done/{\"n\":3} "
	    "t2/even/done/{\"n\":2} t1/odd/new/{\"n\":1} ");
}

static void
a_batch_that_fails_takes_those_behind_it_with_it(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(put_row(store, "k", "v", 9, &e), 0);
	commit(store);
	assert_int_equal(send_heads(store, 2, &e), 1);
	begin(store);
	assert_int_equal(add_head(store, 3, &e), 0);
	assert_int_equal(put_row(store, "k", "older", 8, &e), 0);
	assert_int_equal(store_commit_start(store, &e), 1);
	assert_int_equal(send_heads(store, 1, &e), 1);
	assert_int_equal(send_heads(store, 1, &e), 1);
	assert_int_equal(step_on(store, &e), 0);
	assert_int_equal(step_on(store, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_non_null(strstr(e.text, "later version"));
	assert_int_equal(store_in_flight(store), 0);
	assert_int_equal(store_last_seq(store), 2);
	expect_log("1+2");
	/* The same connection takes what is tried again. */
	assert_int_equal(send_heads(store, 1, &e), 1);
	assert_int_equal(send_heads(store, 1, &e), 1);
	assert_int_equal(step_on(store, &e), 0);
	assert_int_equal(step_on(store, &e), 0);
	expect_log("1+2 3+1 4+1");
	assert_int_equal(store_check(store, &e), 0);
}

/* The guard knows a batch by its heads: what has none goes alone. */
static void
nothing_is_sent_behind_a_batch_without_heads(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(put_row(store, "k", "v", 9, &e), 0);
	commit(store);
	begin(store);
	assert_int_equal(put_row(store, "k", "older", 8, &e), 0);
	assert_int_equal(store_commit_start(store, &e), 1);
	assert_int_equal(send_heads(store, 1, &e), 1);
	assert_int_equal(step_on(store, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	expect_log("");
	assert_int_equal(send_heads(store, 1, &e), 1);
	begin(store);
	assert_int_equal(put_row(store, "k", "newer", 10, &e), 0);
	assert_int_equal(store_commit_start(store, &e), 1);
	assert_int_equal(step_on(store, &e), 0);
	assert_int_equal(step_on(store, &e), 0);
	expect_log("1+1");
}

static void
who_is_deposed_in_the_middle_lands_nothing_more(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	assert_int_equal(send_heads(store, 1, &e), 1);
	while (strcmp(sql("SELECT count(*) FROM log"), "1") != 0) {
		(void)poll(NULL, 0, 10);
	}
	(void)sql("UPDATE owner SET epoch = epoch + 1");
	assert_int_equal(send_heads(store, 1, &e), 1);
	assert_int_equal(send_heads(store, 1, &e), 1);
	assert_int_equal(step_on(store, &e), 0);
	assert_int_equal(step_on(store, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_non_null(strstr(e.text, "taken over"));
	assert_int_equal(store_in_flight(store), 0);
	assert_int_equal(store_begin(store, &e), -1);
	expect_log("1+1");
}

/* Where the log ends is part of the guard, whoever made it so. */
static void
a_batch_lands_only_where_the_log_ends(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(add_head(store, 1, &e), 0);
	commit(store);
	(void)sql("ALTER TABLE log DISABLE TRIGGER ALL; DELETE FROM log");
	assert_int_equal(send_heads(store, 1, &e), 1);
	assert_int_equal(step_on(store, &e), -1);
	expect_log("");
}

/* Whatever had landed when the connection ended, and with it the replies. */
/* The connection ends behind one of them. */
static void
send_until_lost(struct store *store, unsigned lost, struct err *e)
{
	for (unsigned i = 0; i < STORE_FLIGHTS_MAX; i++) {
		assert_int_equal(send_heads(store, 1 + i % 3, e), 1);
		if (i == lost) {
			(void)sql("SELECT pg_terminate_backend(backend,"
			          " 5000) FROM owner");
		}
	}
}

static void
replies_that_are_lost_are_asked_for_by_the_log(void **state)
{
	auto_store store = open_store();
	uint64_t acked = 0;
	char want[32];
	struct err e = { 0 };

	(void)state;
	for (unsigned round = 0; round < 12; round++) {
		pid_t psql = round % 4 == 0 ? hold_up() : 0;

		send_until_lost(store, round % STORE_FLIGHTS_MAX, &e);
		if (psql) {
			let_go(psql);
		}
		for (unsigned i = 0; i < STORE_FLIGHTS_MAX; i++) {
			assert_int_equal(step_on(store, &e), 0);
			acked += 1 + i % 3;
		}
		assert_int_equal(store_last_seq(store), acked);
	}
	(void)snprintf(want, sizeof(want), "%llu %llu",
	    (unsigned long long)acked, (unsigned long long)acked);
	assert_string_equal(
	    sql("SELECT sum(count) || ' ' || max(first + count - 1) FROM log"),
	    want);
	assert_int_equal(store_check(store, &e), 0);
}

static void
who_closes_with_batches_under_way_leaves_whole_ones(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct store *store = open_store();
		struct err e = { 0 };

		assert_int_equal(send_heads(store, 3, &e), 1);
		assert_int_equal(send_heads(store, 3, &e), 1);
		store_close(store);
	}
	auto_store store = open_store();
	struct err e = { 0 };

	assert_int_equal(store_last_seq(store) % 3, 0);
	assert_int_equal(store_check(store, &e), 0);
}

static void
put_end(struct store *store, const char *state, uint64_t seq)
{
	struct store_task task = {
		.number = 1,
		.id = STR("t1"),
		.state = str_of(state),
		.saved = STR("saved"),
		.last_seq = seq,
		.live = true,
		.ending = true,
	};
	struct err e = { 0 };

	assert_int_equal(store_task_put(store, &task, &e), 0);
}

/* A second end of a task finds the row of the first; nobody looks for it
 * before, since nearly every task ends once. */
static void
a_task_that_ends_again_is_written_again_in_its_order(void **state)
{
	auto_store store = open_store();
	struct store_task task = {
		.number = 1,
		.id = STR("t1"),
		.queue = STR("q"),
		.state = STR("pending"),
		.record = STR("{}"),
		.saved = STR("saved"),
		.last_seq = 1,
		.live = true,
	};
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(add_head(store, 1, &e), 0);
	assert_int_equal(store_task_put(store, &task, &e), 0);
	assert_int_equal(store_commit_start(store, &e), 1);
	for (uint64_t seq = 2; seq < 4; seq++) {
		begin(store);
		assert_int_equal(add_head(store, seq, &e), 0);
		put_end(store, seq == 2 ? "failed" : "completed", seq);
		assert_int_equal(store_commit_start(store, &e), 1);
	}
	assert_int_equal(send_heads(store, 2, &e), 1);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(step_on(store, &e), 0);
	}
	assert_string_equal(
	    sql("SELECT state || last_seq FROM tasks"), "completed3");
	assert_string_equal(sql("SELECT count(*) FROM task_end"), "1");
	expect_log("1+1 2+1 3+1 4+2");
	/* Put anew, as a copy does it: each of its rows is there. */
	task.last_seq = 6;
	begin(store);
	assert_int_equal(store_task_put(store, &task, &e), 0);
	commit(store);
	assert_string_equal(
	    sql("SELECT state || last_seq FROM tasks"), "pending6");
}

/* How long nobody else can be the owner: what leaves the house must end by
 * then. */
static void
the_lease_that_is_left_only_a_renewal_makes_longer(void **state)
{
	auto_store store = open_store();
	int64_t left = store_lease_left_us(store);
	pid_t psql;
	struct err e = { 0 };

	(void)state;
	assert_true(left > 0 && left <= STORE_LEASE_US);
	(void)poll(NULL, 0, 1100);
	assert_true(store_lease_left_us(store) < left - CLOCK_SECOND);
	psql = hold_up();
	assert_int_equal(send_heads(store, 1, &e), 1);
	assert_int_equal(store_commit_step(store, &e), 1);
	assert_true(store_lease_left_us(store) < left - CLOCK_SECOND);
	let_go(psql);
	left = store_lease_left_us(store);
	assert_int_equal(step_on(store, &e), 0);
	assert_true(store_lease_left_us(store) > left);
	(void)sql("UPDATE owner SET epoch = epoch + 1");
	assert_int_equal(send_heads(store, 1, &e), 1);
	assert_int_equal(step_on(store, &e), -1);
	assert_int_equal(store_lease_left_us(store), 0);
}

/* A reply that took most of a lease: effects must not start upon it before the
 * lease is sure again. */
static void
none_is_told_of_while_the_lease_is_in_doubt(void **state)
{
	auto_store store = open_store();
	pid_t psql = hold_up();
	struct err e = { 0 };

	(void)state;
	assert_int_equal(send_heads(store, 1, &e), 1);
	assert_int_equal(send_heads(store, 1, &e), 1);
	while (store_lease_left_us(store) > STORE_LEASE_US * 3 / 10) {
		(void)poll(NULL, 0, 100);
	}
	let_go(psql);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(step_on(store, &e), 0);
		assert_true(store_lease_left_us(store) > STORE_LEASE_US / 3);
	}
	expect_log("1+1 2+1");
}

/* The same, and the one behind it was refused: nothing fits upon that until the
 * connection has entered anew and found what landed. */
static void
a_refusal_behind_one_whose_lease_is_in_doubt_is_told_after_it(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };
	pid_t psql;

	(void)state;
	begin(store);
	assert_int_equal(put_row(store, "k", "v", 9, &e), 0);
	commit(store);
	psql = hold_up();
	assert_int_equal(send_heads(store, 1, &e), 1);
	begin(store);
	assert_int_equal(add_head(store, 2, &e), 0);
	assert_int_equal(put_row(store, "k", "older", 8, &e), 0);
	assert_int_equal(store_commit_start(store, &e), 1);
	while (store_lease_left_us(store) > STORE_LEASE_US * 3 / 10) {
		(void)poll(NULL, 0, 100);
	}
	let_go(psql);
	assert_int_equal(step_on(store, &e), 0);
	assert_true(store_lease_left_us(store) > STORE_LEASE_US / 3);
	assert_int_equal(step_on(store, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_non_null(strstr(e.text, "later version"));
	assert_int_equal(store_in_flight(store), 0);
	assert_int_equal(store_last_seq(store), 1);
	expect_log("1+1");
	assert_int_equal(send_heads(store, 1, &e), 1);
	assert_int_equal(step_on(store, &e), 0);
	expect_log("1+1 2+1");
}

/* Core waits for a read, and with it the whole house: a server that is known to
 * be away is not asked. */
static void
a_server_that_is_known_to_be_away_is_not_asked(void **state)
{
	auto_store store = open_store();
	auto_buf value = { 0 };
	struct err e = { 0 };

	(void)state;
	begin(store);
	assert_int_equal(put_row(store, "k", "v", 1, &e), 0);
	commit(store);
	/* With its children, which answer for a moment if it dies alone. */
	cluster_kill(&cluster, SIGQUIT);
	assert_int_equal(send_heads(store, 1, &e), 1);
	for (int i = 0; i < 10; i++) {
		(void)poll(NULL, 0, 50);
		assert_int_equal(store_commit_step(store, &e), 1);
	}
	/* Nothing answers at its port; the question is not even tried. */
	assert_int_equal(
	    store_row_get(store, STR("meta"), STR("k"), &value, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_UNAVAILABLE);
	assert_non_null(strstr(e.text, "connecting again"));
	cluster_start(&cluster);
	assert_int_equal(step_on(store, &e), 0);
	assert_int_equal(
	    store_row_get(store, STR("meta"), STR("k"), &value, NULL, &e), 0);
	assert_string_equal(buf_z(&value), "v");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		TEST(batches_are_told_of_in_the_order_of_their_begin),
		TEST(none_is_told_of_before_it_is_in_the_log),
		TEST(reads_see_every_batch_that_is_under_way),
		TEST(a_walk_of_rows_sees_every_batch_that_is_under_way),
		TEST(a_walk_of_tasks_sees_every_batch_that_is_under_way),
		TEST(a_batch_that_fails_takes_those_behind_it_with_it),
		TEST(nothing_is_sent_behind_a_batch_without_heads),
		TEST(who_is_deposed_in_the_middle_lands_nothing_more),
		TEST(a_batch_lands_only_where_the_log_ends),
		TEST(replies_that_are_lost_are_asked_for_by_the_log),
		TEST(who_closes_with_batches_under_way_leaves_whole_ones),
		TEST(a_task_that_ends_again_is_written_again_in_its_order),
		TEST(the_lease_that_is_left_only_a_renewal_makes_longer),
		TEST(none_is_told_of_while_the_lease_is_in_doubt),
		TEST(
		    a_refusal_behind_one_whose_lease_is_in_doubt_is_told_after_it),
		TEST(a_server_that_is_known_to_be_away_is_not_asked),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
