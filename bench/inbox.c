/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inbox-page-web: how long core makes of a page of the inbox (50 waits, whole,
 * with their arguments read from the store and their marks) while 100,000 wait.
 * With core's own code: the runs are parked as a gate parks them, each of a
 * task of its own; pages are made from the first one on and from random places.
 *
 *     bench_inbox [WAITS [FOLDER]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts/core_api.h"

#define BATCH  500
#define ROUNDS 301
#define LOGIN  7

static void
put_task(struct core *c, struct arena *a, char text[ID_TEXT])
{
	struct id id = id_new();
	struct e2m_record task = { .kind = E2M_TASK };
	struct queue_put put = { .task = &task.as.task };
	struct queue_step step = { 0 };
	struct err e = { 0 };
	auto_buf record = { 0 };
	char now[WALL_TEXT_MAX];

	wall_text(wall_now(), now);
	(void)str_copy(text, ID_TEXT, str_of(id.text));
	task.as.task.id = arena_str(a, str_of(id.text));
	task.as.task.queue = STR("payer");
	task.as.task.subject = STR("one of many that wait for a person");
	task.as.task.from = STR("operator");
	task.as.task.state = E2M_PENDING;
	task.as.task.created_at = arena_str(a, str_of(now));
	task.as.task.updated_at = task.as.task.created_at;
	task.as.task.payload = json_new(a, JSON_OBJECT);
	if (queue_put(c->queue, a, &put, &step, &e)) {
		(void)fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
	core_queue_step(c, &step, NULL);
	json_write(&record, e2m_to_json(a, &task));
	core_task_put(c, queue_find(c->queue, step.id), buf_str(&record));
}

static void
append(struct core *c, enum book_kind kind, struct book_id task,
    struct book_id run, uint32_t call, struct str body)
{
	struct core_event event = {
		.kind = kind,
		.task = task,
		.run_id = run,
		.epoch = 1,
		.call = call,
		.identity = "linux__server__payer_coworker",
		.body = body,
	};

	(void)core_append(c, &event);
}

/* A call with a few hundred bytes of arguments. */
static struct json *
arguments(struct arena *a, size_t n)
{
	struct json *args = json_new(a, JSON_OBJECT);

	(void)json_set(a, args, "amount", json_new_i64(a, (int64_t)n));
	(void)json_set_str(a, args, "whom", STR("Gruenwald and Sons"));
	(void)json_set_str(a, args, "note",
	    arena_printf(a,
	        "Invoice %zu, due on Friday; the goods came on the 12th and "
	        "were counted twice, nothing is missing, and the price is the "
	        "one of the frame contract",
	        n));
	return args;
}

static void
park_one(struct core *c, struct wait_list *judge, size_t n)
{
	auto_arena a = { 0 };
	auto_buf canonical = { 0 };
	auto_buf body = { 0 };
	char task[ID_TEXT];
	struct id run = id_new();
	struct book_id task_id;
	struct book_id run_id;
	struct wait_step step = { 0 };
	struct err e = { 0 };
	uint8_t random[WAIT_ID_RANDOM];
	static const struct str surfaces[] = { { "web", 3 }, { "cli", 3 } };

	put_task(c, &a, task);
	must(book_id_parse(str_of(task), &task_id) &&
	     book_id_parse(str_of(run.text), &run_id));
	append(c, BOOK_RUN_STARTED, task_id, run_id, 0, STR(""));
	struct session_decided d = {
		.verdict = STR("ask"),
		.tool = STR("pay"),
		.rule = STR("gate.pay"),
		.arguments = arguments(&a, n),
	};

	json_canonical(&canonical, d.arguments);
	d.args = digest_of(buf_str(&canonical));
	session_write_decided(&body, &d);
	append(c, BOOK_CALL_DECIDED, task_id, run_id, 1, buf_str(&body));
	struct wait_put put = {
		.kind = WAIT_APPROVAL,
		.subject = { .identity = STR("linux__server__payer_coworker"),
		    .tool = STR("pay"),
		    .args = d.args,
		    .run = str_of(run.text),
		    .call = 1 },
		.asker = STR("linux__server__payer_coworker"),
		.gate = STR("gate.pay"),
		.hint = arena_printf(&a, "pay %zu to Gruenwald and Sons", n),
		.people = 1,
		.surfaces = surfaces,
		.surface_count = COUNT(surfaces),
		.now = wall_now(),
		.expires_us = 24LL * 60 * CLOCK_MINUTE,
	};

	random_bytes(random, sizeof(random));
	/* By a list that is empty: the same event, and nothing is looked for.
	 */
	if (wait_put(judge, &a, &put, random, &step, &e)) {
		(void)fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
	(void)core_wait_step(c, BOOK_WAIT_PUT, step.id, step.body, NULL);
	append(c, BOOK_RUN_PARKED, task_id, run_id, 0, STR(""));
}

static int
fill(struct core *c, size_t waits, struct err *e)
{
	struct wait_list *judge = wait_list_new(1);

	queue_add_name(c->queue, STR("payer"));
	for (size_t n = 0; n < waits; n++) {
		park_one(c, judge, n);
		if (((n + 1) % BATCH == 0 || n + 1 == waits) &&
		    core_commit_now(c, e)) {
			break;
		}
	}
	wait_list_free(judge);
	return e->kind ? -1 : 0;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* As the route is asked; the client is gone, so that nobody waits for it. */
static double
page(struct core *c, uint64_t from)
{
	struct core_ask *ask = core_ask_new(c);
	struct mono began;
	struct err e = { 0 };

	ask->gone = true;
	ask->login = LOGIN;
	ask->query =
	    arena_printf(&ask->arena, "from=%llu", (unsigned long long)from);
	began = mono_now();
	must(route_web_inbox(c, ask, &e) == 0);
	return (double)(mono_now().us - began.us) / 1000;
}

static void
measure(struct core *c, const char *name, uint64_t last)
{
	static double took[ROUNDS];

	for (size_t i = 0; i < ROUNDS; i++) {
		took[i] = page(c, last ? random_u64() % last : 0);
	}
	qsort(took, ROUNDS, sizeof(*took), by_value);
	printf("%s: %.2f ms, %.2f x bound of 50 ms (spread %.2f..%.2f, worst "
	       "%.2f)\n",
	    name, took[ROUNDS / 2], took[ROUNDS / 2] / 50, took[ROUNDS / 20],
	    took[ROUNDS - 1 - ROUNDS / 20], took[ROUNDS - 1]);
}

static void
log_in(struct core *c)
{
	static struct core_operator person = { .name = "tester" };

	random_bytes(person.token.bytes, sizeof(person.token.bytes));
	c->house.operators = &person;
	c->house.operator_count = 1;
	c->web = calloc(1, sizeof(*c->web));
	must(c->web);
	c->web->logins[0] = (struct core_web_login){
		.number = LOGIN,
		.token = person.token,
		.until = mono_after(mono_now(), 60 * CLOCK_MINUTE),
	};
}

static void
remove_book(const char *path)
{
	(void)unlink(path);
	for (const char *const *tail =
	         (const char *const[]){ "-wal", "-reserve", NULL };
	     *tail; tail++) {
		auto_buf more = { 0 };

		buf_addf(&more, "%s%s", path, *tail);
		(void)unlink(buf_z(&more));
	}
}

int
main(int argc, char **argv)
{
	static struct core c;
	uint64_t waits = 100000;
	const char *folder = argc > 2 ? argv[2] : "/tmp";
	auto_buf path = { 0 };
	struct err e = { 0 };

	if (argc > 1 && (!str_u64(str_of(argv[1]), &waits) || !waits)) {
		(void)fprintf(stderr, "bench_inbox [WAITS [FOLDER]]\n");
		return 2;
	}
	buf_addf(&path, "%s/bench-inbox-%d.db", folder, (int)getpid());
	c.part.loop = loop_new();
	c.where = buf_z(&path);
	bool failed = core_book_open(&c, c.where, &e) ||
	              core_book_recover(&c, &e) || fill(&c, waits, &e);

	if (failed) {
		(void)fprintf(stderr, "%s\n", e.text);
	} else {
		log_in(&c);
		printf("%llu wait\n", (unsigned long long)waits);
		measure(&c, "inbox-page-web", 0);
		measure(&c, "inbox-page-web-anywhere", c.book.seq);
		store_close(c.book.store);
	}
	remove_book(buf_z(&path));
	return failed;
}
