/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the queue costs while nothing happens: mailboxes without a letter, every
 * task held by somebody, and what a node asks of the machine each second.
 *
 *     bench_queue_idle MAILBOXES TASKS
 *
 * One line of JSON: nanoseconds of processor for each such second.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "queue/queue.h"

#define QUEUE_NAME STR("bench")
#define ROUNDS     100000

static double
processor_us(void)
{
	struct rusage use;

	must(getrusage(RUSAGE_SELF, &use) == 0);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e6 +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static void
apply(struct queue *q, const struct queue_step *step, uint64_t *seq)
{
	struct err e = { 0 };

	for (size_t i = 0; i < step->event_count; i++) {
		must(!queue_apply_event(q, &step->events[i], ++*seq, &e));
	}
}

/* Put and claimed in one step, as for somebody who waits. */
static void
lease_one(struct queue *q, uint64_t *seq)
{
	auto_arena a = { 0 };
	struct e2m_record task = { 0 };
	struct queue_claim waiting = {
		.queue = QUEUE_NAME,
		.owner = STR("linux__server__bench_coworker"),
		.incarnation = 1,
		.now = wall_now(),
	};
	struct queue_put put = {
		.task = &task.as.task,
		.now = waiting.now,
		.claim = &waiting,
	};
	struct queue_step step = { 0 };
	struct err e = { 0 };

	e2m_task_init(&a, put.now, &task);
	task.as.task.queue = QUEUE_NAME;
	task.as.task.subject = STR("a task");
	task.as.task.payload = json_new(&a, JSON_OBJECT);
	must(!queue_put(q, &a, &put, &step, &e) && step.claim_count == 1);
	apply(q, &step, seq);
}

static double
round_ns(struct queue *q)
{
	auto_arena a = { 0 };
	double busy = processor_us();

	for (int i = 0; i < ROUNDS; i++) {
		struct queue_step step = { 0 };
		uint64_t since = 0;

		arena_clear(&a);
		queue_due(q, &a, wall_now(), &step);
		must(step.effect_count == 0 && queue_next_due(q).us == 0);
		must(queue_unsaved(q, &since) && since == 1);
		must(!queue_letter_unsaved(q, &since));
	}
	return (processor_us() - busy) * 1e3 / ROUNDS;
}

int
main(int argc, char **argv)
{
	struct queue *q = queue_new(random_u64());
	uint64_t mailboxes = 0;
	uint64_t tasks = 0;
	uint64_t seq = 0;

	if (argc != 3 || !str_u64(str_of(argv[1]), &mailboxes) ||
	    !str_u64(str_of(argv[2]), &tasks) || tasks < 1) {
		(void)fprintf(stderr, "bench_queue_idle MAILBOXES TASKS\n");
		return 2;
	}
	queue_add_name(q, QUEUE_NAME);
	for (uint64_t i = 0; i < mailboxes; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "idle-%llu-coworker",
		    (unsigned long long)i);
		queue_add_mailbox(q, str_of(name));
	}
	for (uint64_t i = 0; i < tasks; i++) {
		lease_one(q, &seq);
	}
	printf("{\"round_ns\":%.0f}\n", round_ns(q));
	queue_free(q);
	return 0;
}
