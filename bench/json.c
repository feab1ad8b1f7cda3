/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json-parse: one MCP tools/call of 960 bytes, from its text to a tree and back
 * to nothing, beside cJSON, alternating in the same run.  Ours also refuses
 * double keys, bad UTF-8 and what is over its bounds; cJSON does not.
 *
 *     bench_json [ROUNDS [EACH]]
 */
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "json/json.h"

#define ROUNDS 31
#define EACH   5000
#define MOST   1000
#define SIZE   960

static const char call[] =
    "{\"jsonrpc\":\"2.0\",\"id\":4711,\"method\":\"tools/call\",\"par"
    "ams\":{\"name\":\"git_commit\",\"arguments\":{\"repo\":\"https:/"
    "/git.internal/engineering/wordcount.git\",\"branch\":\"agent/fix"
    "-empty-lines\",\"message\":\"Count a last line that has no newli"
    "ne\\n\\nThe reader stopped at the newline; a file that ends with"
    "out one lost its \\\"last\\\" line.\",\"files\":[{\"path\":\"src"
    "/count.c\",\"mode\":33188,\"size\":4127,\"changed\":true},{\"pat"
    "h\":\"tests/count_test.c\",\"mode\":33188,\"size\":1893,\"change"
    "d\":true},{\"path\":\"doc/usage.md\",\"mode\":33188,\"size\":902"
    ",\"changed\":false}],\"author\":{\"name\":\"Engineering Coworker"
    "\",\"email\":\"engineering@coworker.example\"},\"limits\":{\"sec"
    "onds\":12.5,\"bytes\":1048576,\"ratio\":-0.25,\"retries\":3},\"l"
    "abels\":[\"fix\",\"reader\",\"caf\\u00e9\"],\"parent\":null,\"si"
    "gn\":false},\"_meta\":{\"progressToken\":\"p-1\",\"traceparent\""
    ":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\",\"n"
    "ote\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}}}";

static double
ours(int each)
{
	struct mono start = mono_now();

	for (int i = 0; i < each; i++) {
		auto_arena a = { 0 };
		struct json *tree;
		struct err e;

		must(
		    json_parse(&a, str_span(call, SIZE), NULL, &tree, &e) == 0);
	}
	return (double)(mono_now().us - start.us) * 1000 / each;
}

static double
theirs(int each)
{
	struct mono start = mono_now();

	for (int i = 0; i < each; i++) {
		cJSON *tree = cJSON_ParseWithLength(call, SIZE);

		must(tree);
		cJSON_Delete(tree);
	}
	return (double)(mono_now().us - start.us) * 1000 / each;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

static int
number(const char *text, int otherwise)
{
	uint64_t value = 0;

	if (!text) {
		return otherwise;
	}
	if (!str_u64(str_of(text), &value) || value < 1 || value > 1000000) {
		(void)fprintf(stderr, "bench_json [ROUNDS [EACH]]\n");
		exit(2); /* NOLINT(concurrency-mt-unsafe) */
	}
	return (int)value;
}

int
main(int argc, char **argv)
{
	int rounds = number(argc > 1 ? argv[1] : NULL, ROUNDS);
	int each = number(argc > 2 ? argv[2] : NULL, EACH);
	static double mine[MOST], peers[MOST], ratio[MOST];

	must(sizeof(call) == SIZE + 1);
	rounds = rounds < MOST ? rounds : MOST;
	(void)ours(each);
	(void)theirs(each);
	for (int r = 0; r < rounds; r++) {
		/* Who goes first changes, so that neither has the warm half. */
		if (r % 2) {
			mine[r] = ours(each);
			peers[r] = theirs(each);
		} else {
			peers[r] = theirs(each);
			mine[r] = ours(each);
		}
		ratio[r] = mine[r] / peers[r];
	}
	size_t count = (size_t)rounds;
	double middle = median(ratio, count);

	printf("json-parse: %.0f ns, %.2f x cJSON %s (rounds %.2f to %.2f, "
	       "cJSON %.0f ns)\n",
	    median(mine, count), middle, cJSON_Version(), ratio[0],
	    ratio[count - 1], median(peers, count));
	return 0;
}
