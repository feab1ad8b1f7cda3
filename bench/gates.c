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

#include "policy/policy.h"

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
	return 0;
}
