/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast a book is verified: heads a second, and beside it the floor of the
 * same machine in the same run, the two hashes that the tree needs of each
 * head, side by side.  A head in five has a body; median of ROUNDS, in turns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "parts/verify.h"

#define BATCH  100
#define ROUNDS 5

static double
cpu_seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
write_book(struct store *s, uint64_t count)
{
	struct err e = { 0 };

	for (uint64_t seq = 1; seq <= count; seq++) {
		uint8_t bytes[BOOK_HEAD_SIZE];
		struct store_head row = { .seq = seq, .head = bytes };
		struct book_head head = { .seq = seq,
			.time = { (int64_t)seq * 37 },
			.kind = BOOK_REQUEST_INTENT,
			.identity = "linux__server__helper_coworker",
			.rule = "egress.github" };
		char body[200];
		int len = snprintf(body, sizeof(body),
		    "{\"request\":%llu,\"method\":\"GET\",\"host\":"
		    "\"api.github.test\",\"port\":443,\"path\":\"/a/b\"}",
		    (unsigned long long)seq);
		bool has_body = seq % 5 == 0;

		if (has_body) {
			book_head_body(&head, str_span(body, (size_t)len));
		}
		book_head_encode(&head, bytes);
		must(seq % BATCH != 1 || store_begin(s, &e) == 0);
		must(store_head_add(s, &row, &e) == 0);
		must(!has_body || store_body_add(s, seq, 1,
		                      str_span(body, (size_t)len), &e) == 0);
		must(seq % BATCH != 0 || store_commit(s, &e) == 0);
	}
}

static double
floor_seconds(uint64_t count)
{
	static uint8_t bytes[BATCH][BOOK_HEAD_SIZE];
	struct digest leaves[BATCH];
	struct book_tree tree = { 0 };
	double began = cpu_seconds();

	for (uint64_t seq = 0; seq < count; seq += BATCH) {
		for (uint64_t i = 0; i < BATCH; i++) {
			put_u64(bytes[i] + 8, seq + i);
		}
		book_leaf_many(bytes[0], BATCH, leaves);
		book_tree_add_leaves(&tree, leaves, BATCH);
	}
	return cpu_seconds() - began;
}

static double
verify_seconds(struct store *s)
{
	struct verify v = { .store = s };
	struct err e = { 0 };
	double began = cpu_seconds();

	must(verify_all(&v, &e) == 0);
	return cpu_seconds() - began;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	uint64_t count = 1000000;
	char path[] = "/tmp/bench-audit-XXXXXX";
	char beside[64];
	struct store *s = NULL;
	double seconds[ROUNDS];
	double floors[ROUNDS];
	struct err e = { 0 };
	int fd = mkstemp(path);

	must(fd >= 0 && (argc < 2 || str_u64(str_of(argv[1]), &count)));
	(void)close(fd);
	(void)unlink(path);
	count = count / BATCH * BATCH;
	must(store_open(path, STORE_CREATE, &s, &e) == 0);
	write_book(s, count);
	for (size_t i = 0; i < ROUNDS; i++) {
		seconds[i] = verify_seconds(s);
		floors[i] = floor_seconds(count);
	}
	qsort(seconds, ROUNDS, sizeof(*seconds), by_size);
	qsort(floors, ROUNDS, sizeof(*floors), by_size);
	double each = (double)count / seconds[ROUNDS / 2];

	printf("audit-verify: %.0f heads/s, %.2f x hashing alone (rounds %.0f "
	       "to %.0f)\n",
	    each, floors[ROUNDS / 2] / seconds[ROUNDS / 2],
	    (double)count / seconds[ROUNDS - 1], (double)count / seconds[0]);
	store_close(s);
	(void)unlink(path);
	(void)snprintf(beside, sizeof(beside), "%s-reserve", path);
	(void)unlink(beside);
	return 0;
}
