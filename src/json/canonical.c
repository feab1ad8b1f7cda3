/* SPDX-License-Identifier: Apache-2.0 */
#include "json/parts.h"

#include <math.h>
#include <stdlib.h>

#define SAFE_INTEGER (1LL << 53)

/* A container that is being written: its members in canonical order. */
struct frame {
	const struct json *node;
	const struct json **members;
	uint32_t at;
};

static bool
is_integer_text(struct str text)
{
	uint64_t digits;
	bool minus = text.len > 0 && text.at[0] == '-';
	struct str rest = str_sub(text, minus ? 1 : 0, text.len);

	for (size_t i = 0; i < rest.len; i++) {
		if (!str_u64(str_sub(rest, i, 1), &digits)) {
			return false;
		}
	}
	return rest.len > 0;
}

/* Whether value is exactly what the digits say. */
static bool
holds_integer(struct str text, double value)
{
	auto_buf exact = { 0 };

	buf_addf(&exact, "%.0f", value);
	return str_eq(buf_str(&exact), text);
}

static void
write_number(struct buf *b, const struct json *j)
{
	char text[JSON_ES6_MAX];
	int64_t small;
	double value;

	if (json_number_i64(j, &small) && small <= SAFE_INTEGER &&
	    small >= -SAFE_INTEGER) {
		buf_addf(b, "%lld", (long long)small);
		return;
	}
	if (!json_number_double(j, &value) || value == 0 ||
	    (is_integer_text(j->text) && !holds_integer(j->text, value))) {
		json_write(b, j);
		return;
	}
	json_es6_number(value, text);
	buf_add_z(b, text);
}

static void
write_value(struct buf *b, const struct json *j)
{
	if (j->type == JSON_NUMBER) {
		write_number(b, j);
	} else if (j->count == 0) {
		json_write(b, j);
	} else {
		buf_add_byte(b, j->type == JSON_OBJECT ? '{' : '[');
	}
}

void
json_canonical(struct buf *b, const struct json *j)
{
	struct frame stack[JSON_DEPTH_MAX];
	size_t depth = 0;

	for (;;) {
		write_value(b, j);
		if (j->count > 0) {
			must(depth < JSON_DEPTH_MAX);
			stack[depth++] = (struct frame){ .node = j,
				.members =
				    json_members(j, j->type == JSON_OBJECT) };
		}
		while (depth > 0 &&
		       stack[depth - 1].at == stack[depth - 1].node->count) {
			struct frame *top = &stack[--depth];
			free(top->members);
			buf_add_byte(
			    b, top->node->type == JSON_OBJECT ? '}' : ']');
		}
		if (depth == 0) {
			return;
		}
		struct frame *top = &stack[depth - 1];
		if (top->at > 0) {
			buf_add_byte(b, ',');
		}
		j = top->members[top->at++];
		if (top->node->type == JSON_OBJECT) {
			json_write_string(b, j->key);
			buf_add_byte(b, ':');
		}
	}
}
