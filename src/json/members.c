/* SPDX-License-Identifier: Apache-2.0 */
#include "json/parts.h"

#include <stdlib.h>

/*
 * UTF-8 sorts like code points; UTF-16 differs in one thing: what is above
 * U+FFFF (lead bytes F0..F4) comes before U+E000..U+FFFF (EE and EF).  Bytes
 * that follow a lead are below C0, so the first difference tells.
 */
int
json_key_order(struct str a, struct str b)
{
	size_t both = a.len < b.len ? a.len : b.len;

	for (size_t i = 0; i < both; i++) {
		uint8_t left = (uint8_t)a.at[i];
		uint8_t right = (uint8_t)b.at[i];
		if (left == right) {
			continue;
		}
		if (left >= 0xee && right >= 0xee &&
		    (left >= 0xf0) != (right >= 0xf0)) {
			return left >= 0xf0 ? -1 : 1;
		}
		return left < right ? -1 : 1;
	}
	return (a.len > b.len) - (a.len < b.len);
}

static int
member_order(const void *a, const void *b)
{
	const struct json *left = *(const struct json *const *)a;
	const struct json *right = *(const struct json *const *)b;
	int order = json_key_order(left->key, right->key);

	if (order != 0) {
		return order;
	}
	if (left->line != right->line) {
		return left->line < right->line ? -1 : 1;
	}
	return (left->column > right->column) - (left->column < right->column);
}

const struct json **
json_members(const struct json *j, bool sorted)
{
	const struct json **members;
	size_t i = 0;

	if (j->count == 0) {
		return NULL;
	}
	members = calloc(j->count, sizeof(const struct json *));
	must(members != NULL);
	JSON_EACH(child, j)
	{
		members[i++] = child;
	}
	must(i == j->count);
	if (sorted) {
		qsort(members, j->count, sizeof(const struct json *),
		    member_order);
	}
	return members;
}
