/* SPDX-License-Identifier: Apache-2.0 */
#include "store_help.h"

#include <poll.h>
#include <sys/stat.h>

#include "store_later.h"

/* Batches of the SQLite store whose sync was only started. */

#define GREAT 4 /* heads: so many are not waited for */

static int writes_left = -1; /* before one finds no room; -1: none */
static unsigned writes;
static unsigned syncs; /* that somebody waited for */
static bool syncs_fail;

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
ssize_t
pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
	writes++;
	if (writes_left == 0) {
		errno = ENOSPC;
		return -1;
	}
	writes_left -= writes_left > 0;
	return lseek(fd, at, SEEK_SET) == at ? write(fd, bytes, len) : -1;
}

int
fdatasync(int fd)
{
	syncs++;
	if (syncs_fail) {
		errno = EIO;
		return -1;
	}
	return fsync(fd);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

static int
send_heads(struct store *store, unsigned count, struct err *e)
{
	char body[700];

	begin(store);
	for (unsigned i = 0; i < count; i++) {
		uint64_t seq = store_last_seq(store) + 1;

		/* What does not get smaller. */
		random_bytes(body, sizeof(body));
		assert_int_equal(add_head(store, seq, e), 0);
		assert_int_equal(store_body_add(store, seq, 7,
		                     str_span(body, sizeof(body)), e),
		    0);
	}
	return store_commit_start(store, e);
}

#define FILLED 3000 /* heads: 2.1 MB of bodies, and less than fills a log */

static void
fill(struct store *store)
{
	struct err e = { 0 };

	for (unsigned i = 0; i < FILLED; i += 15) {
		assert_int_equal(send_heads(store, 15, &e), 1);
		worker_end(0, 0);
		assert_int_equal(store_commit_step(store, &e), 0);
	}
}

static bool
rings(const struct store *store)
{
	bool for_write = true;
	struct pollfd bell = {
		.fd = store_fd(store, &for_write),
		.events = POLLIN,
	};

	assert_false(for_write);
	assert_true(bell.fd >= 0);
	assert_true(store_fd_lasts(store));
	return poll(&bell, 1, 0) == 1;
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
expect_heads(struct store *store, uint64_t count)
{
	struct err e = { 0 };
	uint64_t last = 0;

	assert_int_equal(store_last_seq(store), count);
	assert_int_equal(
	    store_heads_walk(store, 1, 0, keep_last, &last, &e), 0);
	assert_int_equal(last, count);
	assert_int_equal(store_check(store, &e), 0);
}

static void
a_great_batch_is_under_way_until_its_sync_has_ended(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };
	bool for_write;

	(void)state;
	assert_int_equal(store_fd(store, &for_write), -1);
	syncs = 0;
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	assert_int_equal(syncs, 0);
	assert_int_equal(store_in_flight(store), 1);
	assert_false(rings(store));
	assert_int_equal(store_commit_step(store, &e), 1);
	expect_heads(store, GREAT);
	worker_end(0, 0);
	assert_true(rings(store));
	assert_int_equal(store_commit_step(store, &e), 0);
	assert_int_equal(store_in_flight(store), 0);
	assert_int_equal(store_fd(store, &for_write), -1);
}

static void
a_small_batch_is_waited_for(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	worker.submitted = 0;
	for (unsigned i = 1; i < 8; i++) {
		syncs = 0;
		assert_int_equal(send_heads(store, GREAT - 1, &e), 0);
		assert_true(syncs > 0);
	}
	assert_int_equal(worker.submitted, 0);
}

/* Head and page of a frame are two writes of SQLite's. */
static void
the_frames_of_a_batch_are_one_write(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	commit((begin(store), store));
	writes = 0;
	assert_int_equal(send_heads(store, GREAT - 1, &e), 0);
	assert_in_range(writes, 1, 2); /* the log may begin anew */
}

static void
neighbouring_pages_of_a_checkpoint_are_one_write(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	fill(store);
	writes = 0;
	assert_int_equal(store_checkpoint(store, &e), 0);
	/* 2.1 MB of bodies alone are more than 512 pages. */
	assert_in_range(writes, 512 / 31, 100);
	expect_heads(store, FILLED);
}

static bool
is_database(int fd)
{
	struct stat of_path;
	struct stat of_fd;

	return stat(path, &of_path) == 0 && fstat(fd, &of_fd) == 0 &&
	       of_path.st_ino == of_fd.st_ino;
}

/* Else the sync at its end would wait for all of it. */
static void
the_disk_begins_while_a_checkpoint_still_writes(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	fill(store);
	worker.begun_ever = 0;
	assert_int_equal(store_checkpoint(store, &e), 0);
	assert_in_range(worker.begun_ever, 2, 4); /* of 2.1 MB and some */
	assert_true(is_database(worker.begun));
}

static void
batches_are_told_of_in_the_order_of_their_begin(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	for (unsigned i = 1; i < STORE_FLIGHTS_MAX; i++) {
		assert_int_equal(send_heads(store, 1, &e), 1);
	}
	worker_end(
	    2, 0); /* the third: an older one may yet be told of a fault */
	assert_int_equal(store_commit_step(store, &e), 1);
	worker_end(0, 0);
	assert_int_equal(store_commit_step(store, &e), 0);
	assert_int_equal(store_commit_step(store, &e), 1);
	worker_end(0, 0); /* the second, and the third with it */
	assert_int_equal(store_commit_step(store, &e), 0);
	assert_int_equal(store_commit_step(store, &e), 0);
	assert_int_equal(store_commit_step(store, &e), 1);
	assert_int_equal(store_in_flight(store), 1);
	worker_end(0, 0);
	assert_int_equal(store_commit_step(store, &e), 0);
	expect_heads(store, GREAT + STORE_FLIGHTS_MAX - 1);
	/* A commit that waits leaves none behind. */
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	begin(store);
	worker_end(0, 0);
	commit(store);
	assert_int_equal(store_in_flight(store), 0);
}

static void
a_sync_that_fails_ends_the_store(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };
	struct err again = { 0 };

	(void)state;
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	worker_end(0, -EIO);
	worker_end(0, 0); /* too late: nobody knows what it was told of */
	assert_int_equal(store_commit_step(store, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "restart the house"));
	assert_int_equal(store_in_flight(store), 0);
	assert_int_equal(store_begin(store, &again), -1);
	assert_string_equal(again.text, e.text);
}

/* The kernel tells a descriptor of a failed write once. */
static void
each_sync_hears_of_a_fault_by_itself(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	for (unsigned i = 0; i < STORE_FLIGHTS_MAX; i++) {
		assert_int_equal(send_heads(store, GREAT, &e), 1);
		for (unsigned j = 0; j < i; j++) {
			assert_int_not_equal(worker.held[j].aio_fildes,
			    worker.held[i].aio_fildes);
		}
	}
	worker_end(2, -EIO);
	worker_end(0, 0); /* neither is an older one believed any more */
	assert_int_equal(store_commit_step(store, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_int_equal(store_in_flight(store), 0);
}

static void
a_fault_that_another_call_finds_is_told_of_in_a_step(void **state)
{
	auto_store store = open_store();
	struct err found = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	syncs_fail = true;
	assert_int_equal(store_checkpoint(store, &found), -1);
	syncs_fail = false;
	assert_non_null(strstr(found.text, "restart the house"));
	assert_int_equal(store_in_flight(store), 1);
	assert_int_equal(store_commit_step(store, &e), -1);
	assert_string_equal(e.text, found.text);
	assert_int_equal(store_in_flight(store), 0);
}

/* Who waits for all takes the word that core has not heard yet. */
static void
a_word_that_another_call_takes_is_rung_again(void **state)
{
	auto_store store = open_store();
	struct store_backup *backup;
	struct err e = { 0 };
	char copy[112];
	unsigned percent;

	(void)state;
	(void)snprintf(copy, sizeof(copy), "%s/copy.db", folder);
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	worker_end(0, 0);
	assert_int_equal(store_backup_start(store, copy, &backup, &e), 0);
	assert_int_not_equal(store_backup_step(backup, &percent, &e), -1);
	assert_true(rings(store));
	assert_int_equal(store_commit_step(store, &e), 0);
	store_backup_free(backup);
	(void)unlink(copy);
}

static int
send_nothing(struct store *store, struct err *e)
{
	begin(store);
	assert_int_equal(
	    store_row_delete(store, STR("meta"), STR("nobody"), e), 0);
	return store_commit_start(store, e);
}

/* SQLite syncs nothing then, which says nothing of the syncs under way. */
static void
a_batch_that_changes_nothing_is_as_durable_as_the_one_before(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	syncs = 0;
	assert_int_equal(send_nothing(store, &e), 1);
	assert_int_equal(send_nothing(store, &e), 1);
	assert_int_equal(syncs, 0);
	assert_int_equal(worker.count, 1);
	assert_int_equal(store_commit_step(store, &e), 1);
	assert_int_equal(store_in_flight(store), 3);
	worker_end(0, 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(store_commit_step(store, &e), 0);
	}
	assert_int_equal(send_nothing(store, &e), 0);
	expect_heads(store, GREAT);
}

/* The word of the one before has been heard already, and comes no more. */
static void
a_batch_that_changes_nothing_rings_for_itself(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	worker_end(0, 0);
	worker_end(0, 0);
	assert_int_equal(store_commit_step(store, &e), 0);
	assert_false(rings(store));
	assert_int_equal(send_nothing(store, &e), 1);
	assert_true(rings(store));
	assert_int_equal(store_commit_step(store, &e), 0);
	assert_int_equal(store_commit_step(store, &e), 0);
}

static void
a_batch_that_changes_nothing_fails_with_the_one_before(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	assert_int_equal(send_nothing(store, &e), 1);
	worker_end(0, -EIO);
	assert_int_equal(store_commit_step(store, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
}

/* The log lies beside the file, not beside the link. */
static void
a_store_behind_a_link_has_its_syncs_started(void **state)
{
	struct store *store = open_store();
	struct err e = { 0 };
	char link[112];

	(void)state;
	store_close(store);
	(void)snprintf(link, sizeof(link), "%s/link.db", folder);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(store_open(link, 0, &store, &e), 0);
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	worker_end(0, 0);
	assert_int_equal(store_commit_step(store, &e), 0);
	store_close(store);
	assert_int_equal(unlink(link), 0);
	(void)snprintf(link, sizeof(link), "%s/link.db-reserve", folder);
	assert_int_equal(unlink(link), 0);
}

static void
a_batch_without_room_fails_in_its_turn(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };
	struct err first = { 0 };

	(void)state;
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	writes_left = 0;
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	writes_left = -1;
	/* Nothing comes behind it. */
	assert_int_equal(store_begin(store, &first), -1);
	assert_non_null(strstr(first.text, "no room left"));
	assert_true(rings(store));
	assert_int_equal(store_commit_step(store, &e), 0);
	assert_int_equal(store_commit_step(store, &e), -1);
	assert_string_equal(e.text, first.text);
	assert_int_equal(store_in_flight(store), 0);
	expect_heads(store, GREAT);
	/* There is room again. */
	assert_int_equal(send_heads(store, 3, &e), 0);
	expect_heads(store, GREAT + 3);
}

static void
where_the_kernel_cannot_every_commit_waits(void **state)
{
	struct err e = { 0 };

	(void)state;
	worker.absent = true;
	auto_store store = open_store();

	worker.absent = false;
	syncs = 0;
	assert_int_equal(send_heads(store, GREAT, &e), 0);
	assert_true(syncs > 0);
	store_close(store);
	store = open_store();
	worker.refuses = true;
	syncs = 0;
	assert_int_equal(send_heads(store, GREAT, &e), 0);
	assert_true(syncs > 0);
	worker.refuses = false;
	/* Behind one under way it is durable with its own sync, and told of in
	 * its turn. */
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	worker.refuses = true;
	assert_int_equal(send_heads(store, 1, &e), 1);
	worker.refuses = false;
	assert_true(rings(store));
	assert_int_equal(store_commit_step(store, &e), 0);
	assert_int_equal(store_commit_step(store, &e), 0);
	expect_heads(store, 3 * GREAT + 1);
}

static void
a_backup_waits_for_what_is_under_way(void **state)
{
	auto_store store = open_store();
	struct store_backup *backup;
	struct err e = { 0 };
	char copy[112];
	unsigned percent;

	(void)state;
	(void)snprintf(copy, sizeof(copy), "%s/copy.db", folder);
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	assert_int_equal(worker.count, 1);
	assert_int_equal(store_backup_start(store, copy, &backup, &e), 0);
	while (store_backup_step(backup, &percent, &e) > 0) {
	}
	assert_int_equal(worker.count, 0);
	store_backup_free(backup);
	assert_true(rings(store));
	assert_int_equal(store_commit_step(store, &e), 0);
	assert_int_equal(unlink(copy), 0);
}

static off_t
log_size(void)
{
	char name[112];
	struct stat at;

	(void)snprintf(name, sizeof(name), "%s-wal", path);
	assert_int_equal(stat(name, &at), 0);
	return at.st_size;
}

/* All but the last that is under way. */
static void
land_but_one(struct store *store)
{
	struct err e = { 0 };

	while (store_in_flight(store) > 1) {
		if (worker.count) {
			worker_end(0, 0);
		}
		assert_int_equal(store_commit_step(store, &e), 0);
	}
}

/* Whoever never lets the last sync end must not keep the log growing. */
static void
the_log_is_moved_though_there_is_always_one_under_way(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		assert_int_not_equal(send_heads(store, 1400, &e), -1);
		land_but_one(store);
	}
	assert_in_range(log_size(), 4120, 5000 * 4120);
	expect_heads(store, UINT64_C(60) * 1400);
}

/* Else a cut could leave the old head before new frames: what is left of the
 * old ones would then be read, though the file has gone on. */
static void
the_head_of_a_log_that_begins_anew_is_waited_for(void **state)
{
	auto_store store = open_store();
	struct err e = { 0 };

	(void)state;
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	worker_end(0, 0);
	assert_int_equal(store_commit_step(store, &e), 0);
	assert_int_equal(store_checkpoint(store, &e), 0);
	syncs = 0;
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	assert_int_equal(syncs, 1);
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	assert_int_equal(syncs, 1);
}

static void
what_is_under_way_at_the_end_is_there_at_the_next_start(void **state)
{
	struct store *store = open_store();
	struct err e = { 0 };

	(void)state;
	assert_int_equal(send_heads(store, GREAT, &e), 1);
	store_close(store);
	store = open_store();
	expect_heads(store, GREAT);
	store_close(store);
}

static int
begin_anew(void **state)
{
	worker = (struct worker){ 0 };
	writes_left = -1;
	syncs_fail = false;
	return make_folder(state);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_anew, remove_folder)
	const struct CMUnitTest tests[] = {
		TEST(a_great_batch_is_under_way_until_its_sync_has_ended),
		TEST(a_small_batch_is_waited_for),
		TEST(the_frames_of_a_batch_are_one_write),
		TEST(neighbouring_pages_of_a_checkpoint_are_one_write),
		TEST(the_disk_begins_while_a_checkpoint_still_writes),
		TEST(batches_are_told_of_in_the_order_of_their_begin),
		TEST(a_sync_that_fails_ends_the_store),
		TEST(each_sync_hears_of_a_fault_by_itself),
		TEST(a_fault_that_another_call_finds_is_told_of_in_a_step),
		TEST(a_word_that_another_call_takes_is_rung_again),
		TEST(
		    a_batch_that_changes_nothing_is_as_durable_as_the_one_before),
		TEST(a_batch_that_changes_nothing_rings_for_itself),
		TEST(a_batch_that_changes_nothing_fails_with_the_one_before),
		TEST(a_store_behind_a_link_has_its_syncs_started),
		TEST(a_batch_without_room_fails_in_its_turn),
		TEST(where_the_kernel_cannot_every_commit_waits),
		TEST(a_backup_waits_for_what_is_under_way),
		TEST(the_log_is_moved_though_there_is_always_one_under_way),
		TEST(the_head_of_a_log_that_begins_anew_is_waited_for),
		TEST(what_is_under_way_at_the_end_is_there_at_the_next_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
