/* SPDX-License-Identifier: Apache-2.0 */
#include "json/parts.h"

#include <stdlib.h>

/* Two containers of the same type and count, walked side by side: an object's
 * members by key order. */
struct pair {
	const struct json **left;
	const struct json **right;
	uint32_t at;
	uint32_t count;
};

static bool
same_alone(const struct json *a, const struct json *b)
{
	struct json_decimal left;
	struct json_decimal right;

	if (a->type != b->type || a->count != b->count) {
		return false;
	}
	if (a->type == JSON_NUMBER && json_decimal_of(a->text, &left) &&
	    json_decimal_of(b->text, &right)) {
		return json_decimal_compare(&left, &right) == 0;
	}
	return str_eq(a->text, b->text);
}

static void
enter(struct pair *pair, const struct json *a, const struct json *b)
{
	bool sorted = a->type == JSON_OBJECT;

	*pair = (struct pair){ .left = json_members(a, sorted),
		.right = json_members(b, sorted),
		.count = a->count };
}

static void
leave(struct pair *pair)
{
	free(pair->left);
	free(pair->right);
}

bool
json_equal(const struct json *a, const struct json *b)
{
	struct pair stack[JSON_DEPTH_MAX];
	size_t depth = 0;
	bool same;

	if (a == NULL || b == NULL) {
		return a == b;
	}
	same = same_alone(a, b);
	if (same && a->count > 0) {
		enter(&stack[depth++], a, b);
	}
	while (depth > 0) {
		struct pair *top = &stack[depth - 1];
		if (!same || top->at == top->count) {
			leave(top);
			depth--;
			continue;
		}
		a = top->left[top->at];
		b = top->right[top->at++];
		same = str_eq(a->key, b->key) && same_alone(a, b);
		if (same && a->count > 0) {
			must(depth < JSON_DEPTH_MAX);
			enter(&stack[depth++], a, b);
		}
	}
	return same;
}
