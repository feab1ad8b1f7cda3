/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JSON_PARTS_H
#define JSON_PARTS_H

/* What the files of this room share. */

#include "json/json.h"

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
