/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROLES_TABLE_H
#define ROLES_TABLE_H

/*
 * Reads a TOML table by a list of rows into a struct.  Unknown keys, wrong
 * types, missing keys: "FILE:LINE:COLUMN: sentence", ERR_INPUT.  Used for
 * handrail.toml, role.toml and mcp/server.toml.
 */

#include "roles/identity.h"
#include "json/json.h"

enum table_form {
	TABLE_TEXT,     /* struct str; control characters refused */
	TABLE_PART,     /* struct str; one part of an identity */
	TABLE_NAME,     /* struct str; roles_name_valid */
	TABLE_LISTEN,   /* struct str; "127.0.0.1:7400", "[::1]:7400" */
	TABLE_BOOL,     /* bool */
	TABLE_COUNT,    /* uint32_t */
	TABLE_SIZE,     /* uint64_t; bytes, or "512M" (K, M, G are 1024s) */
	TABLE_DURATION, /* int64_t microseconds; "20m" */
	TABLE_NAMES,    /* struct names; an array of different texts */
	TABLE_TREE,     /* const struct json *; any value */
};

enum table_need { TABLE_OPTIONAL, TABLE_REQUIRED };

struct table_key {
	const char *section;
	const char *name;
	enum table_form form;
	enum table_need need;
	size_t offset;
	const char *fallback; /* as it would be written; "" leaves zero */
	const char *sentence;
};

struct table_reader {
	struct arena *arena;
	const char *file;
	const struct table_key *keys; /* rows of all sections */
	size_t count;
};

/* Fills `out` from `table` by the rows of `section`; `shown` is the section
 * as it stands in the file, for messages ("operator.alice").  table may be
 * NULL: every value is its default, a required one is an error. */
int table_read(const struct table_reader *r, const char *section,
    const char *shown, const struct json *table, void *out,
    struct err *e) MUST_CHECK;

/* "FILE:LINE:COLUMN: sentence"; returns -1. */
int table_err(const char *file, const struct json *where, struct err *e,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
bool table_size(struct str text, uint64_t *bytes);

/* A copy of a JSON Schema as it stands in TOML (NULL: nothing stands there),
 * with type = "object" put in; NULL and `e` when it is no such schema.  `which`
 * is its name in messages. */
struct json *table_schema(struct arena *a, const char *file, const char *which,
    const struct json *written, struct err *e) MUST_CHECK;

/* Every node of a tree, parents first, without recursion.  A tree deeper than
 * the stack sets `over`: whoever checks refuses it then. */
#define TREE_DEPTH 96
struct tree_walk {
	const struct json *root;
	const struct json *at[TREE_DEPTH];
	uint32_t depth;
	bool over;
};
const struct json *tree_next(struct tree_walk *w);

#endif
