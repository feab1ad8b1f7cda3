/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decide: one call judged by a compiled gates.toml of 1,000 gates, of which 900
 * name a tool and 100 have a pattern, half of all with a predicate on the
 * arguments.  The calls take turns: a read that no gate holds, one that one
 * gate holds, and one whose tool ends like a pattern begins.
 *
 *     bench_gates [ROUNDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "policy/policy.h"
#include "wait/wait.h"

#define ROUNDS 2001
#define MOST   20001
#define EACH   300
#define GATES  1000
#define TRIED  100 /* of them with a star */

static const struct policy *
make(struct arena *a)
{
	auto_buf text = { 0 };
	const struct policy *p = NULL;
	struct err e = { 0 };

	for (int i = 0; i < GATES; i++) {
		buf_addf(&text,
		    "[gate.g%d]\nmatch = { tool = \"%s_%d%s\"%s }\n"
		    "require = \"operator\"\nhint = \"{{amount}} {{to}}\"\n",
		    i, i < TRIED ? "deploy" : "tool", i, i < TRIED ? "_*" : "",
		    i % 2 ? ", args = { amount = \"> 100\" }" : "");
	}
	must(policy_parse(a, buf_str(&text), "gates.toml", &p, &e) == 0);
	return p;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* --- what waits --- */

#define WAITING 100000
#define PAGE    100
#define SAID    2000

static struct {
	struct arena arena;
	struct str body[WAITING + SAID + 1];
} shelf;

static int
load(void *context, uint64_t seq, struct buf *body, struct err *e)
{
	(void)context;
	(void)e;
	buf_add(body, shelf.body[seq]);
	return 0;
}

static void
put_one(struct wait_list *w, uint64_t seq)
{
	static const struct str surfaces[] = { { "cli", 3 }, { "web", 3 } };
	auto_arena a = { 0 };
	uint8_t random[WAIT_ID_RANDOM];
	struct wait_step step;
	struct err e = { 0 };
	struct wait_put c = {
		.kind = WAIT_APPROVAL,
		.subject = {
			.identity = STR("linux__server__finance_coworker"),
			.tool = STR("pay"),
			.run = arena_printf(&a, "run-%llu",
			    (unsigned long long)seq),
			.call = 1,
		},
		.asker = STR("linux__server__finance_coworker"),
		.gate = STR("gate.spend"),
		.hint = STR("pay 500 to anna"),
		.people = 1,
		.surfaces = surfaces,
		.surface_count = COUNT(surfaces),
		.now = { 1700000000000000 },
		.expires_us = (int64_t)(3600 + seq % 997) * CLOCK_SECOND,
	};

	random_bytes(random, sizeof(random));
	must(wait_put(w, &a, &c, random, &step, &e) == 0);
	shelf.body[seq] = arena_str(&shelf.arena, step.body);
	must(wait_apply(w, seq, step.body, &e) == 0);
}

static void
say_yes(struct wait_list *w, uint64_t asked, uint64_t seq)
{
	auto_arena a = { 0 };
	struct wait_mark m;
	struct wait_step step;
	struct err e = { 0 };

	must(wait_next(w, asked - 1, &m));
	struct wait_decide c = {
		.id = str_of(m.id),
		.yes = true,
		.principal = STR("alice"),
		.surface = STR("cli"),
		.now = { 1700000001000000 },
	};

	must(wait_decide(w, &a, &c, &step, &e) == 0);
	shelf.body[seq] = arena_str(&shelf.arena, step.body);
	must(wait_apply(w, seq, step.body, &e) == 0);
}

/* Of this process alone: what others do meanwhile says nothing of a list. */
static struct mono
cpu_now(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
	return (struct mono){ t.tv_sec * CLOCK_SECOND + t.tv_nsec / 1000 };
}

static double
since(struct mono start, double count)
{
	return (double)(cpu_now().us - start.us) / count;
}

static void
start_again(void)
{
	struct wait_list *w = wait_list_new(random_u64());
	struct mono start = cpu_now();
	struct err e = { 0 };

	wait_list_store(w, load, NULL);
	for (uint64_t seq = 1; seq <= WAITING; seq++) {
		must(wait_apply(w, seq, shelf.body[seq], &e) == 0);
		wait_fold(w, seq);
	}
	printf("waiting-start: %.0f ms for %d\n", since(start, 1000), WAITING);
	wait_list_free(w);
}

static void
waiting(void)
{
	struct wait_list *w = wait_list_new(random_u64());
	struct wait_page page = { .limit = PAGE };
	auto_buf out = { 0 };
	struct mono start = cpu_now();

	wait_list_store(w, load, NULL);
	for (uint64_t seq = 1; seq <= WAITING; seq++) {
		put_one(w, seq);
		wait_fold(w, seq);
	}
	printf("waiting-put: %.1f us\n", since(start, WAITING));
	printf("waiting: %.1f B each, %.2f x bound of 64 B\n",
	    (double)wait_memory(w) / WAITING,
	    (double)wait_memory(w) / WAITING / 64);
	page.after = WAITING / 2;
	start = cpu_now();
	must(wait_write_page(&out, w, &page) != 0);
	printf("inbox-page: %.2f ms of %d, %.4f x bound of 50 ms\n",
	    since(start, 1000), PAGE, since(start, 1000) / 50);
	start = cpu_now();
	for (uint64_t n = 1; n <= SAID; n++) {
		say_yes(w, n * (WAITING / SAID), WAITING + n);
		wait_fold(w, WAITING + n);
	}
	printf("waiting-decide: %.1f us\n", since(start, SAID));
	wait_list_free(w);
	start_again();
	arena_fini(&shelf.arena);
}

int
main(int argc, char **argv)
{
	static double took[MOST];
	static const char *const tools[] = { "read_file", "tool_501",
		"deploy_7" };
	uint64_t rounds = ROUNDS;
	auto_arena a = { 0 };
	const struct policy *p = make(&a);
	struct json *args = NULL;
	struct err e = { 0 };
	uint64_t asked = 0;

	if (argc > 1 &&
	    (!str_u64(str_of(argv[1]), &rounds) || !rounds || rounds > MOST)) {
		(void)fprintf(stderr, "bench_gates [ROUNDS]\n");
		return 2;
	}
	must(json_parse(&a, STR("{\"amount\":500,\"to\":\"anna\"}"), NULL,
	         &args, &e) == 0);
	for (uint64_t r = 0; r < rounds; r++) {
		struct mono start = mono_now();

		for (size_t i = 0; i < EACH; i++) {
			auto_arena mine = { 0 };
			struct policy_call_decision d = { 0 };
			struct policy_call call = {
				.identity = STR("linux__server__x_coworker"),
				.tool = str_of(tools[i % COUNT(tools)]),
				.action = STR("read"),
				.args = args,
			};

			policy_call(&mine, p, &call, &d);
			asked += d.verdict == POLICY_ASK;
		}
		took[r] = (double)(mono_now().us - start.us) / EACH;
	}
	must(asked == rounds * EACH / COUNT(tools));
	qsort(took, rounds, sizeof(*took), by_value);
	printf("decide: %.2f us, %.2f x bound of 2 us (spread %.2f..%.2f)\n",
	    took[rounds / 2], took[rounds / 2] / 2, took[rounds / 20],
	    took[rounds - 1 - rounds / 20]);
	waiting();
	return 0;
}
