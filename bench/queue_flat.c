/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a claim stays as quick when much waits: the machine alone, with a few
 * tasks and with many.
 *
 *     bench_queue_flat FEW MANY
 *
 * Two queues take turns, so that whatever else the machine does meets both. The
 * small one is made anew for each: what was claimed stays in it, leased, and
 * would make it a large one.  One line of JSON: p50 and p99 of a claim in
 * nanoseconds, medians of the turns.
 */
#include <stdio.h>
#include <time.h>

#include "queue/queue.h"
#include "queue_figures.h"

#define QUEUE_NAME STR("bench")
#define TURNS      9
#define CLAIMS     20000 /* timed in a turn */

struct bench {
	struct queue *queue;
	uint64_t seq;
	struct arena memory; /* of a command */
	uint32_t p50[TURNS];
	uint32_t p99[TURNS];
};

static void
apply(struct bench *b, const struct queue_step *step)
{
	struct err e = { 0 };

	for (size_t i = 0; i < step->event_count; i++) {
		must(!queue_apply_event(
		    b->queue, &step->events[i], ++b->seq, &e));
	}
}

static void
put_one(struct bench *b)
{
	auto_arena a = { 0 };
	struct e2m_record task = { 0 };
	struct queue_put put = { .task = &task.as.task, .now = wall_now() };
	struct queue_step step = { 0 };
	struct err e = { 0 };

	e2m_task_init(&a, put.now, &task);
	task.as.task.queue = QUEUE_NAME;
	task.as.task.subject = STR("a task");
	task.as.task.payload = json_new(&a, JSON_OBJECT);
	must(!queue_put(b->queue, &a, &put, &step, &e));
	apply(b, &step);
}

static void
claim_one(struct bench *b)
{
	struct queue_claim command = {
		.queue = QUEUE_NAME,
		.owner = STR("linux__server__bench_coworker"),
		.incarnation = 1,
		.now = wall_now(),
	};
	struct queue_step step = { 0 };
	struct err e = { 0 };

	arena_clear(&b->memory);
	must(!queue_claim(b->queue, &b->memory, &command, &step, &e));
	must(step.claim_count == 1);
	apply(b, &step);
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	must(!clock_gettime(CLOCK_MONOTONIC, &t));
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void
fill(struct bench *b, uint64_t count)
{
	b->queue = queue_new(random_u64());
	queue_add_name(b->queue, QUEUE_NAME);
	for (uint64_t i = 0; i < count; i++) {
		put_one(b);
	}
}

/* Each claim with the put that takes its place.  Those that bring back what the
 * other queue took of the caches are not timed. */
static void
take_turn(struct bench *b, size_t turn, uint64_t few)
{
	static uint32_t samples[CLAIMS];

	for (uint64_t i = 0; i < 5 * few; i++) {
		claim_one(b);
		put_one(b);
	}
	for (size_t i = 0; i < CLAIMS; i++) {
		uint64_t begun = now_ns();

		claim_one(b);
		samples[i] = (uint32_t)(now_ns() - begun);
		put_one(b);
	}
	b->p50[turn] = share(samples, CLAIMS, 50);
	b->p99[turn] = share(samples, CLAIMS, 99);
}

int
main(int argc, char **argv)
{
	static struct bench few, many;
	uint64_t sizes[2];

	if (argc != 3 || !str_u64(str_of(argv[1]), &sizes[0]) ||
	    !str_u64(str_of(argv[2]), &sizes[1]) || !sizes[0] || !sizes[1]) {
		(void)fprintf(stderr, "bench_queue_flat FEW MANY\n");
		return 2;
	}
	fill(&many, sizes[1]);
	for (size_t i = 0; i < TURNS; i++) {
		queue_free(few.queue);
		fill(&few, sizes[0]);
		take_turn(&few, i, sizes[0]);
		take_turn(&many, i, sizes[0]);
	}
	printf("{\"few_ns\":%u,\"many_ns\":%u,\"few_p50_ns\":%u,"
	       "\"many_p50_ns\":%u}\n",
	    share(few.p99, TURNS, 50), share(many.p99, TURNS, 50),
	    share(few.p50, TURNS, 50), share(many.p50, TURNS, 50));
	arena_fini(&few.memory);
	arena_fini(&many.memory);
	queue_free(few.queue);
	queue_free(many.queue);
	return 0;
}
