/* SPDX-License-Identifier: Apache-2.0 */
#include "store_help.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#define KILLS 12

/* A batch of 1..5 heads with a row that tells how many heads there are. */
static int
commit_batch(struct store *store, uint64_t end, struct err *e)
{
	char value[24];

	(void)snprintf(value, sizeof(value), "%llu", (unsigned long long)end);
	if (store_begin(store, e)) {
		return -1;
	}
	for (uint64_t seq = store_last_seq(store) + 1; seq <= end; seq++) {
		/* A refused write breaks the batch, and then so ends commit. */
		(void)!add_head(store, seq, e);
		(void)!store_body_add(store, seq, 1, STR("body"), e);
	}
	(void)!put_row(store, "last", value, end, e);
	return store_commit(store, e);
}

/* Commits for ever and reports each commit after it was acknowledged. */
static _Noreturn void
commit_for_ever(int report)
{
	struct store *store = NULL;
	struct err e = { 0 };

	if (store_open(path, STORE_CREATE, &store, &e)) {
		_exit(3);
	}
	for (uint64_t batch = 0;; batch++) {
		uint64_t end = store_last_seq(store) + 1 + batch % 5;

		if (commit_batch(store, end, &e)) {
			_exit(4);
		}
		if (write(report, &end, sizeof(end)) != sizeof(end)) {
			_exit(5);
		}
	}
}

/* Kills the child after a random time; the last commit that it reported. */
static uint64_t
run_and_kill(void)
{
	int ends[2];
	uint64_t acknowledged = 0;
	uint64_t report;
	int status;

	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)close(ends[0]);
		commit_for_ever(ends[1]);
	}
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], &acknowledged, sizeof(acknowledged)), 8);
	(void)poll(NULL, 0, (int)(random_u64() % 120));
	assert_int_equal(kill(child, SIGKILL), 0);
	while (read(ends[0], &report, sizeof(report)) == sizeof(report)) {
		acknowledged = report;
	}
	(void)close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return acknowledged;
}

static int
count_heads(void *context, const struct store_head *head, struct err *e)
{
	uint64_t *count = context;

	(void)e;
	assert_int_equal(head->seq, ++*count);
	expect_head(head);
	return 0;
}

static void
what_was_acknowledged_is_there_and_whole(void **state)
{
	uint64_t before = 0;

	(void)state;
	for (int i = 0; i < KILLS; i++) {
		uint64_t acknowledged = run_and_kill();
		auto_store store = open_store();
		auto_buf value = { 0 };
		struct err e = { 0 };
		uint64_t count = 0;
		uint64_t said = 0;

		assert_true(acknowledged > before);
		assert_true(store_last_seq(store) >= acknowledged);
		/* At most the one batch that was not reported any more. */
		assert_true(store_last_seq(store) <= acknowledged + 5);
		assert_int_equal(store_row_get(store, STR("meta"), STR("last"),
		                     &value, NULL, &e),
		    0);
		assert_true(str_u64(buf_str(&value), &said));
		assert_int_equal(said, store_last_seq(store));
		assert_int_equal(
		    store_heads_walk(store, 0, 0, count_heads, &count, &e), 0);
		assert_int_equal(count, said);
		assert_int_equal(store_body_get(store, said, &value, &e), 0);
		assert_int_equal(store_check(store, &e), 0);
		before = said;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_was_acknowledged_is_there_and_whole, make_folder,
		    remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
