/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the book takes of requests: heads of intents, each with its body and its
 * leaf of the tree, BATCH in one synced transaction, as core commits a turn.
 *
 *     bench_intents FOLDER BATCH SECONDS
 *
 * It prints one line of JSON: rows a second, and p50 of one transaction's
 * commit in microseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "queue_heads.h"
#include "store/store.h"

#define BATCH_MAX   1024
#define SAMPLES_MAX 1000000

struct intents {
	struct store *store;
	struct book_late tree;
	struct heads heads;
	uint64_t seq;
	uint32_t *samples;
	size_t sampled;
};

static void
check(int done, const struct err *e)
{
	if (done) {
		(void)fprintf(stderr, "bench_intents: %s\n", e->text);
		exit(1);
	}
}

/* As core writes one of a GET with a credential (core_intent.c). */
static void
add_intent(struct intents *t, struct wall now)
{
	struct book_head head = {
		.seq = ++t->seq,
		.time = now,
		.kind = BOOK_REQUEST_INTENT,
		.incarnation = 1,
		.identity = "linux__server__helper_coworker",
		.rule = "egress.bench",
	};
	char body[256];
	int len = snprintf(body, sizeof(body),
	    "{\"request\":%llu,\"cell\":1,\"method\":\"GET\",\"host\":"
	    "\"bench.test\",\"port\":443,\"path\":\"/items/%llu\","
	    "\"credential\":\"bench\"}",
	    (unsigned long long)t->seq, (unsigned long long)t->seq % 997);

	(void)heads_add(&t->heads, &head, str_span(body, (size_t)len));
}

static void
one_batch(struct intents *t, uint64_t batch)
{
	struct wall now = wall_now();
	struct err e = { 0 };

	for (uint64_t i = 0; i < batch; i++) {
		add_intent(t, now);
	}
	struct mono begun = mono_now();

	heads_complete(&t->heads, &t->tree);
	check(store_begin(t->store, &e), &e);
	for (size_t i = 0; i < t->heads.count; i++) {
		const struct head *h = &t->heads.at[i];
		struct store_head add = {
			.seq = h->seq, .before = 0, .head = h->bytes
		};

		check(store_head_add(t->store, &add, &e), &e);
		check(
		    store_body_add(t->store, h->seq, h->day, h->body, &e), &e);
	}
	check(store_commit(t->store, &e), &e);
	if (t->sampled < SAMPLES_MAX) {
		t->samples[t->sampled++] = (uint32_t)(mono_now().us - begun.us);
	}
	heads_clear(&t->heads);
}

static int
by_size(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;

	return (*x > *y) - (*x < *y);
}

int
main(int argc, char **argv)
{
	static struct intents t;
	auto_buf path = { 0 };
	struct err e = { 0 };
	uint64_t batch = 0;
	uint64_t seconds = 0;

	if (argc != 4 || !str_u64(str_of(argv[2]), &batch) || batch == 0 ||
	    batch > BATCH_MAX || !str_u64(str_of(argv[3]), &seconds)) {
		(void)fprintf(stderr, "bench_intents FOLDER BATCH SECONDS\n");
		return 2;
	}
	t.samples = calloc(SAMPLES_MAX, sizeof(*t.samples));
	must(t.samples);
	buf_addf(&path, "%s/intents.db", argv[1]);
	check(store_open(buf_z(&path), STORE_CREATE, &t.store, &e), &e);
	struct mono begun = mono_now();
	struct mono end = mono_after(begun, (int64_t)seconds * CLOCK_SECOND);

	while (!mono_passed(end, mono_now())) {
		one_batch(&t, batch);
	}
	double took = (double)(mono_now().us - begun.us) / 1e6;

	store_close(t.store);
	(void)unlink(buf_z(&path));
	qsort(t.samples, t.sampled, sizeof(*t.samples), by_size);
	(void)printf("{\"rate\": %.0f, \"p50_us\": %u, \"rows\": %llu}\n",
	    (double)t.seq / took, t.samples[t.sampled / 2],
	    (unsigned long long)t.seq);
	return 0;
}
