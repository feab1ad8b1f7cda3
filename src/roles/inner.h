/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROLES_INNER_H
#define ROLES_INNER_H

/* Shared by the files of this room only. */

#include "roles/roles.h"
#include "roles/table.h"

struct house {
	struct str state;
	struct str store;
	struct str device;
	struct str client;
	struct str listen;
	struct str roles;
	const struct json *operators;
	const struct json *api;
	const struct json *notify;
	const struct json *buddy;
	const struct json *models;
	const struct json *issuers;
	const struct json *node;
	const struct json *limits;
	const struct json *book;
	const struct json *audit;
	const struct json *witnesses;
};

struct node {
	uint32_t uid_base;
	uint32_t cells;
};

struct book_keys { /* microseconds */
	int64_t keep_bodies;
	int64_t keep_ended;
};

/* The rows of config.def and role.toml's own, for table_read. */
extern const struct table_key roles_keys[];
extern const size_t roles_key_count;

/* handrail.toml while it is read (config.c, config_outside.c). */
struct loading {
	struct table_reader reader;
	struct config *out;
	struct err *e;
};
const struct json *roles_first_of(const struct json *table);
int roles_read_named(struct loading *l, const char *section,
    const struct json *item, void *out, struct str *name) MUST_CHECK;
int roles_check_tables(struct loading *l, const struct json *table,
    const char *section) MUST_CHECK;
typedef int roles_section_fn(struct loading *l, const struct json *table);
MUST_CHECK roles_section_fn roles_read_models;
MUST_CHECK roles_section_fn roles_read_witnesses;
MUST_CHECK roles_section_fn roles_read_issuers;
MUST_CHECK roles_section_fn roles_read_audit;
MUST_CHECK roles_section_fn roles_read_api;
MUST_CHECK roles_section_fn roles_read_notify;

/* Bounds that every limit has; `where` may be NULL. */
int roles_check_limits(const char *file, const struct json *where,
    const struct limits *l, struct err *e) MUST_CHECK;

/* payload.runbook's own schema is put into the type's input. */
int roles_compile_type(struct arena *a, const char *file,
    const struct json *where, struct task_type *t, struct err *e) MUST_CHECK;

#endif
