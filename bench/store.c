/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store takes: heads a second of a loop of batches (128 heads with
 * bodies of about 200 bytes, 64 tasks), and a start that loads 1M live tasks.
 *     bench_store FOLDER [SECONDS [LIVE]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bytes.h"
#include "store/store.h"

#define BATCH 128
#define SAVED 150

static void
check(int done, const struct err *e)
{
	if (done) {
		(void)fprintf(stderr, "%s\n", e->text);
		exit(1);
	}
}

static double
cpu_us(void)
{
	struct rusage used;

	must(!getrusage(RUSAGE_SELF, &used));
	return (double)used.ru_utime.tv_sec * 1e6 +
	       (double)used.ru_utime.tv_usec +
	       (double)used.ru_stime.tv_sec * 1e6 +
	       (double)used.ru_stime.tv_usec;
}

/* Even heads claim a task, odd ones finish it. */
static void
add_head(struct store *store, uint64_t seq, const uint8_t *task)
{
	uint8_t head[STORE_HEAD_SIZE] = { 0 };
	char body[400];
	char id[33];
	struct store_head add = { .seq = seq, .head = head };
	struct err e = { 0 };
	int len;

	put_u16(head, 1);
	put_u16(head + 2, 6 + seq % 2);
	put_u32(head + 4, 1);
	put_u64(head + 8, seq);
	put_u64(head + 16, 1795456800000000 + seq * 10);
	put_u32(head + 24, 3);
	put_u32(head + 28, 1);
	memcpy(head + 48, task, 16);
	memset(head + 64, 7, 32);
	for (size_t i = 0; i < 32; i += 8) {
		put_u64(head + 160 + i, seq * 0x9e3779b97f4a7c15ULL * (i + 1));
	}
	(void)snprintf(
	    (char *)head + 200, 96, "linux__cli__engineering_coworker");
	add.before = seq % 2 ? 0 : seq - 1;
	check(store_head_add(store, &add, &e), &e);
	hex_text(task, 16, id);
	len = snprintf(body, sizeof(body),
	    "{\"at\":\"2026-11-26T11:40:%02llu.%03lluZ\",\"epoch\":1,\"from\":"
	    "\"pending\",\"id\":\"%s\",\"incarnation\":3,\"kind\":\"%s\","
	    "\"owner\":\"engineering-coworker\",\"queue\":\"engineering\"}",
	    (unsigned long long)seq % 60, (unsigned long long)seq % 1000, id,
	    seq % 2 ? "claim" : "complete");
	check(store_body_add(
	          store, seq, 20000, (struct str){ body, (size_t)len }, &e),
	    &e);
}

static void
put_task(struct store *store, const uint8_t *task, uint64_t number,
    uint64_t seq, bool ending)
{
	static const char record[] =
	    "{\"id\":\"00000000-0000-0000-0000-000000000000\",\"queue\":"
	    "\"engineering\",\"subject\":\"a task of a benchmark\",\"state\":"
	    "\"pending\",\"payload\":{\"prompt\":\"nothing at all\"},"
	    "\"created_at\":\"2026-11-26T11:40:00.000Z\",\"owner\":null}";
	static char saved[SAVED];
	char id[33];
	struct err e = { 0 };

	hex_text(task, 16, id);
	memcpy(saved, task, 16);

	struct store_task put = {
		.number = number,
		.id = { id, 32 },
		.queue = STR("engineering"),
		.subject = STR("a task of a benchmark"),
		.state = ending ? STR("completed") : STR("pending"),
		.owner = STR("engineering-coworker"),
		.created_at = { 1795456800000000 },
		.updated_at = { 1795456800000000 },
		.record = { record, ending ? 0 : sizeof(record) - 1 },
		.saved = { saved, SAVED },
		.last_seq = seq,
		.live = true,
		.ending = ending,
	};
	check(store_task_put(store, &put, &e), &e);
}

static void
task_id(uint64_t number, uint8_t task[16])
{
	put_u64(task, __builtin_bswap64(number << 16));
	put_u64(task + 8, number * 0x9e3779b97f4a7c15ULL);
}

static void
one_batch(struct store *store)
{
	uint64_t first = store_last_seq(store) + 1;
	uint8_t task[16];
	struct err e = { 0 };

	check(store_begin(store, &e), &e);
	for (uint64_t seq = first; seq < first + BATCH; seq++) {
		task_id((seq + 1) / 2, task);
		add_head(store, seq, task);
		put_task(store, task, seq - (seq + 1) % 2, seq, seq % 2 == 0);
	}
	check(store_commit(store, &e), &e);
}

static void
append(struct store *store, int64_t us)
{
	struct mono start = mono_now();
	struct mono end = mono_after(start, us);
	uint64_t first = store_last_seq(store);
	double cpu = cpu_us();

	while (!mono_passed(end, mono_now())) {
		one_batch(store);
	}

	uint64_t heads = store_last_seq(store) - first;
	double took = (double)(mono_now().us - start.us);

	printf("store-append: %.0f heads/s, %.2f us CPU a head\n",
	    (double)heads * 1e6 / took, (cpu_us() - cpu) / (double)heads);
}

static int
count_live(void *context, const struct store_task *task, struct err *e)
{
	(void)e;
	*(uint64_t *)context += task->saved.len;
	return 0;
}

static void
live(const char *path, uint64_t count)
{
	struct store *store = NULL;
	struct err e = { 0 };
	uint64_t bytes = 0;
	uint8_t task[16];

	check(store_open(path, STORE_CREATE, &store, &e), &e);
	for (uint64_t i = 0; i < count;) {
		check(store_begin(store, &e), &e);
		for (int j = 0; j < 1000 && i < count; j++, i++) {
			task_id((UINT64_C(1) << 40) + i, task);
			put_task(store, task, i + 1, 1, false);
		}
		check(store_commit(store, &e), &e);
	}
	store_close(store);

	struct mono start = mono_now();
	double cpu = cpu_us();
	check(store_open(path, 0, &store, &e), &e);
	check(store_live_walk(store, count_live, &bytes, &e), &e);
	printf("store-live: %.3f s, %.3f s CPU for %llu tasks of %llu bytes\n",
	    (double)(mono_now().us - start.us) / 1e6, (cpu_us() - cpu) / 1e6,
	    (unsigned long long)count,
	    (unsigned long long)(count ? bytes / count : 0));
	store_close(store);
}

int
main(int argc, char **argv)
{
	auto_buf path = { 0 };
	struct store *store = NULL;
	struct err e = { 0 };
	uint64_t seconds = 3;
	uint64_t count = 1000000;

	if (argc < 2 || (argc > 2 && !str_u64(str_of(argv[2]), &seconds)) ||
	    (argc > 3 && !str_u64(str_of(argv[3]), &count))) {
		(void)fprintf(
		    stderr, "usage: bench_store FOLDER [SECONDS [LIVE]]\n");
		return 2;
	}
	buf_addf(&path, "%s/append.db", argv[1]);
	check(store_open(buf_z(&path), STORE_CREATE, &store, &e), &e);
	append(store, (int64_t)seconds * CLOCK_SECOND);
	store_close(store);
	(void)unlink(buf_z(&path));
	buf_clear(&path);
	buf_addf(&path, "%s/live.db", argv[1]);
	if (count > 0) {
		live(buf_z(&path), count);
	}
	(void)unlink(buf_z(&path));
	return 0;
}
