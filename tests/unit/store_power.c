/* SPDX-License-Identifier: Apache-2.0 */
#include "store_help.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "store_later.h"
#include "store_power_disk.h"

#define BATCHES 14
#define EXPIRES 9 /* the batch that drops the bodies of the first ones */

static char reserve[112];
static char real_log[112];

/* Batches whose syncs are only started: so many more heads each, and so many of
 * them may be under way. */
static uint64_t more;
static unsigned ahead;

/* Heads in batch n, from 1 on. */
static uint64_t
heads_of(int batch)
{
	return 1 + (uint64_t)batch % 3 + more;
}

static uint64_t
last_of(int batch)
{
	uint64_t last = 0;

	for (int i = 1; i <= batch; i++) {
		last += heads_of(i);
	}
	return last;
}

static void
add_hex(struct buf *body, uint64_t number)
{
	char digits[16];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[number % 16];
		number /= 16;
	} while (number);
	buf_add(body, str_span(digits + at, sizeof(digits) - at));
}

/* Some are greater than a page.  Each is made once: a thousand recoveries
 * compare them. */
static struct str
body_of(uint64_t seq)
{
	static struct buf bodies[256];
	struct buf *body = &bodies[seq];

	must(seq < COUNT(bodies));
	if (body->len == 0) {
		for (uint64_t i = 0; i < 20 + seq % 5 * 300; i++) {
			add_hex(body, (seq + 1) * (i + 7) * 2654435761);
		}
	}
	return buf_str(body);
}

static int
add_all(struct store *store, int batch, struct err *e)
{
	char id[8];
	char value[24];
	struct store_task task = {
		.number = 1 + (uint64_t)batch % 4,
		.id = { id, 2 },
		.record = STR("{}"),
		.saved = STR("saved"),
		.last_seq = last_of(batch),
		.live = batch % 2,
	};
	uint64_t count;

	(void)snprintf(id, sizeof(id), "t%d", batch % 4);
	(void)snprintf(value, sizeof(value), "%d", batch);
	for (uint64_t seq = last_of(batch - 1) + 1; seq <= last_of(batch);
	     seq++) {
		if (add_head(store, seq, e) ||
		    store_body_add(store, seq, batch, body_of(seq), e)) {
			return -1;
		}
	}
	if (batch == EXPIRES &&
	    store_bodies_expire(store, EXPIRES / 2, &count, e)) {
		return -1;
	}
	return put_row(store, "last", value, (uint64_t)batch, e) ||
	               store_task_put(store, &task, e)
	           ? -1
	           : 0;
}

static int
add_batch(struct store *store, int batch, struct err *e)
{
	if (store_begin(store, e)) {
		return -1;
	}
	if (add_all(store, batch, e)) {
		store_rollback(store);
		return -1;
	}
	return store_commit(store, e);
}

/* The same story each time: opened, batches, and twice the log moves into the
 * store, so that it is written over from its start. */
static void
record_story(void)
{
	struct store *store;
	struct err e = { 0 };

	disk.recording = true;
	store = open_store();
	for (int batch = 1; batch <= BATCHES; batch++) {
		assert_int_equal(add_batch(store, batch, &e), 0);
		disk_note(EVENT_COMMIT, 0, 0, NULL, 0);
		if (batch % 5 == 0) {
			assert_int_equal(store_checkpoint(store, &e), 0);
		}
	}
	disk.recording = false;
	store_close(store);
}

/* --- the same story, with batches under way --- */

#define LOG    1 /* its number among the files */
#define FLYING 11

static size_t begun[HELD_MAX * 1024]; /* events before each sync began */

static void
sync_begins(const struct iocb *sync)
{
	must(sync->aio_data < COUNT(begun));
	begun[sync->aio_data] = disk.count;
}

static void
sync_ends(const struct iocb *sync)
{
	disk_note(EVENT_SYNC, LOG, begun[sync->aio_data], NULL, 0);
}

static void
land(struct store *store, unsigned left)
{
	struct err e = { 0 };

	while (store_in_flight(store) > left) {
		int done = store_commit_step(store, &e);

		assert_int_not_equal(done, -1);
		if (done == 0) {
			disk_note(EVENT_COMMIT, 0, 0, NULL, 0);
		} else {
			worker_end(0, 0);
		}
	}
}

/* The log is moved while batches are under way, too. */
static void
record_flights(void)
{
	struct store *store;
	struct err e = { 0 };

	worker = (struct worker){ .begins = sync_begins, .ends = sync_ends };
	disk.recording = true;
	store = open_store();
	for (int batch = 1; batch <= FLYING; batch++) {
		begin(store);
		assert_int_equal(add_all(store, batch, &e), 0);
		assert_int_not_equal(store_commit_start(store, &e), -1);
		if (store_in_flight(store) == 0) {
			disk_note(EVENT_COMMIT, 0, 0, NULL, 0);
		}
		land(store, ahead - 1);
		if (batch % 5 == 0) {
			assert_int_equal(store_checkpoint(store, &e), 0);
		}
	}
	land(store, 0);
	assert_true(worker.submitted >= FLYING / 2);
	disk.recording = false;
	store_close(store);
	worker.absent = true; /* after a cut every commit waits */
}

/* --- after a cut --- */

static int
same_head(void *context, const struct store_head *head, struct err *e)
{
	uint8_t bytes[STORE_HEAD_SIZE];
	uint64_t *count = context;

	head_bytes(head->seq, bytes);
	if (head->seq != ++*count ||
	    memcmp(bytes, head->head, sizeof(bytes)) != 0 ||
	    head->before != head_before(head->seq)) {
		return err_set(e, ERR_IO, "head %llu is another",
		    (unsigned long long)head->seq);
	}
	return 0;
}

static int
same_task(void *context, const struct store_task *task, struct err *e)
{
	int batch = *(const int *)context;

	while (batch > 0 && (char)('0' + batch % 4) != task->id.at[1]) {
		batch--;
	}
	return task->last_seq == last_of(batch) && task->live == batch % 2
	           ? 0
	           : err_set(e, ERR_IO, "a task of another batch");
}

/* The bodies of batch i in a store that has batches up to `batch`. */
static int
same_bodies_of(struct store *store, int i, int batch, struct err *e)
{
	bool gone = batch >= EXPIRES && i < EXPIRES / 2;
	auto_buf found = { 0 };

	for (uint64_t seq = last_of(i - 1) + 1; seq <= last_of(i); seq++) {
		bool there;

		buf_clear(&found);
		there = store_body_get(store, seq, &found, e) == 0;
		if (there == gone ||
		    (there && !str_eq(body_of(seq), buf_str(&found)))) {
			return err_set(e, ERR_IO, "body %llu is another",
			    (unsigned long long)seq);
		}
	}
	return 0;
}

static int
same_bodies(struct store *store, int batch, struct err *e)
{
	for (int i = 1; i <= batch; i++) {
		if (same_bodies_of(store, i, batch, e)) {
			return -1;
		}
	}
	return 0;
}

/* Whole batches, and every one that was acknowledged. */
static int
look(struct store *store, int acknowledged, struct err *e)
{
	auto_buf value = { 0 };
	struct store_task any = { 0 };
	uint64_t count = 0;
	uint64_t said = 0;
	int batch;

	if (store_check(store, e)) {
		return -1;
	}
	if (store_row_get(store, STR("meta"), STR("last"), &value, NULL, e) ==
	    0) {
		must(str_u64(buf_str(&value), &said));
	}
	batch = (int)said;
	if (batch < acknowledged || batch > acknowledged + (int)ahead ||
	    store_last_seq(store) != last_of(batch)) {
		return err_set(e, ERR_IO,
		    "batch %d and head %llu after %d acknowledged batches",
		    batch, (unsigned long long)store_last_seq(store),
		    acknowledged);
	}
	if (store_heads_walk(store, 0, 0, same_head, &count, e) ||
	    store_tasks_walk(store, &any, 0, same_task, &batch, e) ||
	    same_bodies(store, batch, e)) {
		return -1;
	}
	if (count != last_of(batch)) {
		return err_set(e, ERR_IO, "heads are missing");
	}
	return add_batch(store, batch + 1, e);
}

/* The store goes on after such a cut, or says what is wrong. */
static int
recover(size_t cut, enum leave leave, bool lies, struct err *e)
{
	struct store *store = NULL;
	int acknowledged = 0;
	int done;

	for (size_t i = 0; i < cut; i++) {
		acknowledged += disk.events[i].kind == EVENT_COMMIT;
	}
	disk_cut(cut, leave, lies);
	if (store_open(path, STORE_CREATE, &store, e)) {
		return -1;
	}
	done = look(store, acknowledged, e);
	store_close(store);
	return done;
}

static int
tries(void)
{
	return getenv("SOAK") ? 60
	       : more         ? 2
	                      : 12; /* random disks after each cut */
}

/* Faults of all disks after this cut; the first fault of a test is told. */
static size_t
cut_here(size_t cut, bool lies, bool told)
{
	static const char *const names[] = { "nothing", "all", "some" };
	size_t faults = 0;

	for (int i = 0; i < 2 + tries(); i++) {
		enum leave leave = i < 2 ? (enum leave)i : LEAVE_SOME;
		struct err e = { 0 };

		if (recover(cut, leave, lies, &e) && faults++ == 0 && !told) {
			print_message("# cut after %zu of %zu, %s left: %s\n",
			    cut, disk.count, names[leave], e.text);
		}
	}
	return faults;
}

static size_t
cut_everywhere(bool lies, size_t step, size_t *recoveries)
{
	size_t faults = 0;

	for (size_t cut = 0; cut <= disk.count; cut += step) {
		faults += cut_here(cut, lies, faults > 0);
		*recoveries += (size_t)(2 + tries());
	}
	return faults;
}

static void
a_power_cut_loses_nothing_that_was_acknowledged(void **state)
{
	size_t recoveries = 0;

	(void)state;
	record_story();
	assert_int_equal(cut_everywhere(false, 1, &recoveries), 0);
	print_message(
	    "# %zu recoveries of %zu events\n", recoveries, disk.count);
	assert_true(recoveries > 1000);
}

static void
a_power_cut_loses_nothing_that_was_acknowledged_later(void **state)
{
	size_t recoveries = 0;

	(void)state;
	more = 14;
	ahead = 3;
	record_flights();
	assert_int_equal(cut_everywhere(false, 1, &recoveries), 0);
	print_message(
	    "# %zu recoveries of %zu events\n", recoveries, disk.count);
	assert_true(recoveries > 300);
}

/* The proof that the cuts bite: the same story on a disk that syncs nothing,
 * which is what synchronous=OFF would be. */
static void
without_syncs_acknowledged_batches_would_be_lost(void **state)
{
	size_t recoveries = 0;
	size_t faults;

	(void)state;
	record_story();
	faults = cut_everywhere(true, 7, &recoveries);
	print_message("# %zu faults of %zu recoveries\n", faults, recoveries);
	assert_true(faults > recoveries / 4);
}

static int
make_disk(void **state)
{
	worker = (struct worker){ .absent = true };
	more = 0;
	ahead = 1;
	disk_insert();
	if (make_folder(state)) {
		return -1;
	}
	/* What the room opens once more to sync it. */
	(void)snprintf(real_log, sizeof(real_log), "%s-wal", path);
	must(!close(open(real_log, O_CREAT | O_RDONLY | O_CLOEXEC, 0600)));
	/* No reserve: it would be on the real disk. */
	(void)snprintf(reserve, sizeof(reserve), "%s-reserve", path);
	return mkdir(reserve, 0700);
}

static int
remove_disk(void **state)
{
	disk_remove();
	(void)rmdir(reserve);
	return remove_folder(state);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_disk, remove_disk)
	const struct CMUnitTest tests[] = {
		TEST(a_power_cut_loses_nothing_that_was_acknowledged),
		TEST(a_power_cut_loses_nothing_that_was_acknowledged_later),
		TEST(without_syncs_acknowledged_batches_would_be_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
