/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue-recover: how long core needs from the open of a book with N pending
 * tasks to the end of its recovery.  With core's own code: the tasks are put as
 * a dispatch puts them, then the same book is opened by a fresh core.
 *
 *     bench_recover [TASKS [FOLDER]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "parts/core.h"

#define BATCH 500

static int
open_core(struct core *c, const char *path, struct err *e)
{
	c->part.loop = loop_new();
	c->where = path;
	return core_book_open(c, path, e) || core_book_recover(c, e) ? -1 : 0;
}

static void
put_one(struct core *c, size_t n)
{
	auto_arena a = { 0 };
	struct id id = id_new();
	struct json *payload = json_new(&a, JSON_OBJECT);
	struct e2m_record task = { .kind = E2M_TASK };
	struct queue_put put = { .task = &task.as.task };
	struct queue_step step = { 0 };
	struct err e = { 0 };
	auto_buf record = { 0 };
	char now[WALL_TEXT_MAX];

	wall_text(wall_now(), now);
	(void)json_set_str(&a, payload, "prompt",
	    arena_printf(&a, "what the task number %zu is about", n));
	task.as.task.id = arena_str(&a, str_of(id.text));
	task.as.task.queue = STR("worker");
	task.as.task.subject = STR("one of many that wait");
	task.as.task.from = STR("operator");
	task.as.task.state = E2M_PENDING;
	task.as.task.created_at = arena_str(&a, str_of(now));
	task.as.task.updated_at = task.as.task.created_at;
	task.as.task.payload = payload;
	if (queue_put(c->queue, &a, &put, &step, &e)) {
		(void)fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
	core_queue_step(c, &step, NULL);
	json_write(&record, e2m_to_json(&a, &task));
	core_task_put(c, queue_find(c->queue, step.id), buf_str(&record));
}

static int
fill(const char *path, size_t tasks, struct err *e)
{
	static struct core c;

	if (open_core(&c, path, e)) {
		return -1;
	}
	queue_add_name(c.queue, STR("worker"));
	for (size_t n = 0; n < tasks; n++) {
		put_one(&c, n);
		if (((n + 1) % BATCH == 0 || n + 1 == tasks) &&
		    core_commit_now(&c, e)) {
			return -1;
		}
	}
	store_close(c.book.store);
	return 0;
}

static int
measure(const char *path, size_t tasks, struct err *e)
{
	static struct core c;
	struct mono began = mono_now();
	clock_t before = clock();

	if (open_core(&c, path, e)) {
		return -1;
	}
	double seconds = (double)(mono_now().us - began.us) / CLOCK_SECOND;
	double cpu = (double)(clock() - before) / CLOCKS_PER_SEC;
	size_t found = 0;

	while (queue_at(c.queue, found)) {
		found++;
	}
	if (found != tasks) {
		return err_set(
		    e, ERR_IO, "%zu of %zu tasks are there", found, tasks);
	}
	printf("queue-recover: %.3f s, %.3f s of cpu, %zu pending, %llu "
	       "events\n",
	    seconds, cpu, tasks, (unsigned long long)c.book.seq);
	store_close(c.book.store);
	return 0;
}

int
main(int argc, char **argv)
{
	uint64_t tasks = 1000000;
	const char *folder = argc > 2 ? argv[2] : "/tmp";
	auto_buf path = { 0 };
	struct err e = { 0 };

	if (argc > 1 && !str_u64(str_of(argv[1]), &tasks)) {
		return 2;
	}
	buf_addf(&path, "%s/bench-recover-%d.db", folder, (int)getpid());
	int failed = fill(buf_z(&path), tasks, &e) ||
	             measure(buf_z(&path), tasks, &e) ||
	             measure(buf_z(&path), tasks, &e);

	if (failed) {
		(void)fprintf(stderr, "%s\n", e.text);
	}
	(void)unlink(buf_z(&path));
	for (const char *const *tail =
	         (const char *const[]){ "-wal", "-reserve", NULL };
	     *tail; tail++) {
		auto_buf more = { 0 };

		buf_addf(&more, "%s%s", buf_z(&path), *tail);
		(void)unlink(buf_z(&more));
	}
	return failed ? 1 : 0;
}
