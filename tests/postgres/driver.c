/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "store/store.h"

/*
 * A writer for the fault tests: appends numbered batches as fast as it can,
 * several of them under way, and says on a line of its own what happened, each
 * with the machine's monotonic time in microseconds.
 *
 *     driver URL NODE     own TIME EPOCH LAST
 *                         ack TIME EPOCH FIRST COUNT NUMBER   it is durable
 *                         why TIME SENTENCE                   it takes long
 *                         end TIME KIND SENTENCE
 *     driver URL read     head SEQ EPOCH NUMBER BODY, for each of the log
 *
 * It ends well when its input ends.
 */

static struct store *store;
static uint64_t epoch;

static long long
now(void)
{
	return (long long)mono_now().us;
}

static int
ended(const struct err *e)
{
	(void)printf("end %lld %s %s\n", now(), err_name(e->kind), e->text);
	return e->kind == ERR_CONFLICT ? 5 : 1;
}

static int
add(uint64_t seq, uint64_t number, struct err *e)
{
	uint8_t bytes[STORE_HEAD_SIZE] = { 0 };
	struct store_head head = { .seq = seq, .head = bytes };
	char body[64];

	put_u16(bytes, 1);
	put_u64(bytes + 8, seq);
	put_u64(bytes + 16, 1795456800000000 + seq);
	put_u32(bytes + 24, (uint32_t)epoch);
	put_u32(bytes + 28, (uint32_t)number);
	(void)snprintf(body, sizeof(body), "%llu/%llu",
	    (unsigned long long)epoch, (unsigned long long)number);
	return store_head_add(store, &head, e) ||
	               store_body_add(store, seq, 20000, str_of(body), e)
	           ? -1
	           : 0;
}

/* What is under way, the oldest first. */
static struct sent {
	uint64_t first;
	uint64_t count;
	uint64_t number;
} sent[STORE_FLIGHTS_MAX];

static void
say_why(void)
{
	static char said[512];

	if (strcmp(said, store_why(store)) != 0) {
		(void)snprintf(said, sizeof(said), "%s", store_why(store));
		if (said[0]) {
			(void)printf("why %lld %s\n", now(), said);
		}
	}
}

/* Until no more than so many are under way. */
static int
wait_for(unsigned left, struct err *e)
{
	while (store_in_flight(store) > left) {
		struct pollfd one = { 0 };
		bool for_write = false;
		int done = store_commit_step(store, e);

		if (done < 0) {
			return -1;
		}
		if (done == 0) {
			(void)printf("ack %lld %llu %llu %llu %llu\n", now(),
			    (unsigned long long)epoch,
			    (unsigned long long)sent[0].first,
			    (unsigned long long)sent[0].count,
			    (unsigned long long)sent[0].number);
			memmove(sent, sent + 1, sizeof(sent) - sizeof(*sent));
			continue;
		}
		say_why();
		one.fd = store_fd(store, &for_write);
		one.events = for_write ? POLLIN | POLLOUT : POLLIN;
		(void)poll(&one, 1, 50);
	}
	return 0;
}

/* 1 to 5 heads, a row, sometimes nothing at all. */
static int
batch(uint64_t number, struct err *e)
{
	uint64_t first = store_last_seq(store) + 1;
	uint64_t count = number % 6;
	struct store_row row = {
		.space = STR("meta"),
		.key = STR("number"),
		.value = STR("x"),
		.version = epoch << 32 | number,
	};

	sent[store_in_flight(store)] = (struct sent){ first, count, number };
	if (store_begin(store, e)) {
		return -1;
	}
	for (uint64_t i = 0; i < count; i++) {
		if (add(first + i, number, e)) {
			return -1;
		}
	}
	if (store_row_put(store, &row, e) || store_commit_start(store, e) < 0) {
		return -1;
	}
	/* As many as there may be, and now and then none. */
	return wait_for(number % 50 ? STORE_FLIGHTS_MAX - 1 : 0, e);
}

static bool
told_to_end(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&input, 1, 0) > 0;
}

static int
write_batches(const char *node, struct err *e)
{
	if (store_own(store, node, &epoch, e)) {
		return -1;
	}
	(void)printf("own %lld %llu %llu\n", now(), (unsigned long long)epoch,
	    (unsigned long long)store_last_seq(store));
	for (uint64_t number = 1; !told_to_end(); number++) {
		if (batch(number, e)) {
			return -1;
		}
	}
	return wait_for(0, e);
}

static int
print_head(void *context, const struct store_head *head, struct err *e)
{
	auto_buf body = { 0 };

	(void)context;
	if (store_body_get(store, head->seq, &body, e)) {
		return -1;
	}
	(void)printf("head %llu %u %u %s\n", (unsigned long long)head->seq,
	    get_u32(head->head + 24), get_u32(head->head + 28), buf_z(&body));
	return 0;
}

int
main(int argc, char **argv)
{
	struct err e = { 0 };
	bool reading;
	int rc;

	must(argc == 3);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	reading = strcmp(argv[2], "read") == 0;
	if (store_open(
	        argv[1], reading ? STORE_READ : STORE_CREATE, &store, &e)) {
		return ended(&e);
	}
	rc = reading ? store_heads_walk(store, 0, 0, print_head, NULL, &e)
	             : write_batches(argv[2], &e);
	if (rc) {
		rc = ended(&e);
	}
	store_close(store);
	return rc;
}
