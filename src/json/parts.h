/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JSON_PARTS_H
#define JSON_PARTS_H

/* What the files of this room share. */

#include "json/json.h"

#include <string.h>

static inline bool
json_is_container(const struct json *j)
{
	return j->type == JSON_ARRAY || j->type == JSON_OBJECT;
}

/* Puts child, whose next is free, at the end. */
static inline void
json_append(struct json *parent, struct json *child)
{
	if (parent->last != NULL) {
		parent->last->next = child;
	} else {
		parent->first = child;
	}
	parent->last = child;
	parent->count++;
}

#define JSON_ONES  0x0101010101010101ULL
#define JSON_HIGHS 0x8080808080808080ULL

/* Eight bytes that a string holds as they are; the rest is escaped or checked.
 * A byte under a space borrows; one that is equal becomes zero, and borrows. */
static inline bool
json_are_plain(uint64_t x)
{
	uint64_t quote = x ^ '"' * JSON_ONES;
	uint64_t slash = x ^ '\\' * JSON_ONES;

	return ((x | (x - ' ' * JSON_ONES) | ((quote - JSON_ONES) & ~quote) |
	            ((slash - JSON_ONES) & ~slash)) &
	           JSON_HIGHS) == 0;
}

/* Nothing of it is escaped.  The last bytes are looked at twice, rather than
 * one by one; a short text is filled up. */
static inline bool
json_is_plain(struct str s)
{
	uint64_t x = ' ' * JSON_ONES;
	uint32_t half[2];

	for (size_t at = 0; at + 8 < s.len; at += 8) {
		memcpy(&x, s.at + at, sizeof(x));
		if (!json_are_plain(x)) {
			return false;
		}
	}
	if (s.len >= 8) {
		memcpy(&x, s.at + s.len - 8, sizeof(x));
	} else if (s.len >= 4) {
		memcpy(&half[0], s.at, sizeof(half[0]));
		memcpy(&half[1], s.at + s.len - 4, sizeof(half[1]));
		memcpy(&x, half, sizeof(x));
	} else if (s.len > 0) {
		memcpy(&x, s.at, 1);
		memcpy((char *)&x + 1, s.at + s.len / 2, 1);
		memcpy((char *)&x + 2, s.at + s.len - 1, 1);
	}
	return json_are_plain(x);
}

/* RFC 8785 §3.2.3: as if both were UTF-16. */
int json_key_order(struct str a, struct str b);

/* The members as an array to be freed (NULL if there are none); sorted by
 * json_key_order if asked, equal keys by place. */
const struct json **json_members(const struct json *j, bool sorted);

/* The digit at *i, past a dot, and *i behind it; -1 at the end. */
int json_decimal_next(const struct json_decimal *d, size_t *i);

/* ES6 Number::toString of a finite number into text, NUL at the end. */
#define JSON_ES6_MAX 32
void json_es6_number(double value, char text[JSON_ES6_MAX]);

#endif
