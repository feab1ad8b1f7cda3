/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHEMA_COMPILING_H
#define SCHEMA_COMPILING_H

/* A compilation at work: shared by compile.c (schemas) and keywords.c. */

#include "schema/inner.h"

struct compiling {
	struct arena *arena;
	const char *name;
	const struct json *root;
	struct schema *root_schema;
	struct schema_property *defs;
	size_t def_count;
	struct schema *newest;
	uint32_t made;
	uint32_t depth;
	struct buf pointer; /* of the value at work, RFC 6901 */
	struct err *e;
};

/* "NAME:LINE:COLUMN: /pointer: …"; returns -1. */
int schema_refuse(struct compiling *c, const struct json *where,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Compiles the schema j; step, unless NULL, is put behind the pointer. */
int schema_compile_at(struct compiling *c, const struct json *j,
    const char *step, struct schema **out);
/* One keyword and its value. */
int schema_compile_keyword(
    struct compiling *c, struct schema *s, const struct json *value);

#endif
