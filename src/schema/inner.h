/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHEMA_INNER_H
#define SCHEMA_INNER_H

/* The compiled form; shared by the files of this room only. */

#include "schema/schema.h"

struct pcre2_real_code_8;

enum schema_type {
	TYPE_NULL = 1,
	TYPE_BOOLEAN = 2,
	TYPE_OBJECT = 4,
	TYPE_ARRAY = 8,
	TYPE_NUMBER = 16,
	TYPE_STRING = 32,
	TYPE_INTEGER = 64,
};

enum schema_format { FORMAT_NONE, FORMAT_DATE_TIME, FORMAT_UUID };

struct schema_bound {
	bool set;
	uint64_t value;
};

struct schema_list {
	struct schema **at;
	size_t count;
};

struct schema_property {
	struct str name;
	struct schema *schema;
};

struct schema {
	struct schema *older; /* every schema of one compilation */
	uint32_t height;      /* longest chain of schemas on one value */
	bool never;           /* the schema `false` */
	unsigned types;       /* 0: any */
	const struct json *constant;
	const struct json *choices; /* enum */
	struct schema_property *properties;
	size_t property_count;
	const struct json *required;
	struct schema *additional;
	struct schema_list prefix;
	struct schema *items;
	bool unique;
	struct schema_bound min_items, max_items;
	struct schema_bound min_length, max_length;
	struct schema_bound min_properties, max_properties;
	struct str minimum, maximum; /* number texts; at == NULL: none */
	struct str above, below;     /* exclusiveMinimum, exclusiveMaximum */
	struct str multiple;
	struct str pattern_text;
	struct pcre2_real_code_8 *pattern;
	enum schema_format format;
	struct schema_list all, any, one;
	struct schema *no; /* not */
	struct schema *ref;
};

/* A number that can be compared: its exponent is not too far, and it is not
 * longer than 4,096 digits with sign, dot and exponent. */
#define NUMBER_BYTES_MAX ((size_t)4096 + 16)
static inline bool
number_of(struct str text, struct json_decimal *d)
{
	return text.len <= NUMBER_BYTES_MAX && json_decimal_of(text, d) &&
	       !d->far;
}

/* PCRE2 with the options nearest to ECMA-262 with the `u` flag; the code lives
 * in the arena.  On failure *offset is the place in the pattern. */
bool pattern_compile(struct arena *a, struct str pattern,
    struct pcre2_real_code_8 **code, size_t *offset, char *message,
    size_t size);
enum pattern_answer { PATTERN_NO, PATTERN_YES, PATTERN_LIMIT };
enum pattern_answer pattern_match(
    const struct pcre2_real_code_8 *code, struct str subject);

#endif
