/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever json_parse takes is written, read back as an equal value, and has a
 * canonical form that is its own.
 */
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct json *
read_again(struct arena *a, const struct buf *text)
{
	struct json *j = NULL;
	struct err e = { 0 };

	must(json_parse(a, buf_str(text), NULL, &j, &e) == 0);
	return j;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena a = { 0 };
	auto_buf plain = { 0 };
	auto_buf pretty = { 0 };
	auto_buf canonical = { 0 };
	auto_buf again = { 0 };
	struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(&a, str_span(data, size), NULL, &j, &e) < 0) {
		must(j == NULL && (e.kind == ERR_INPUT || e.kind == ERR_LIMIT));
		return 0;
	}
	json_write(&plain, j);
	must(json_equal(j, read_again(&a, &plain)));
	json_write_pretty(&pretty, json_copy(&a, j));
	must(json_equal(j, read_again(&a, &pretty)));
	json_canonical(&canonical, j);
	json_canonical(&again, read_again(&a, &canonical));
	must(str_eq(buf_str(&canonical), buf_str(&again)));
	return 0;
}
