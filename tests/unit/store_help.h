/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_HELP_H
#define STORE_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"

/* A folder of its own for each test, and the path of a store in it. */
static char folder[64];
static char path[96];

static inline int
make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/handrail-store-XXXXXX");
	if (!mkdtemp(folder)) {
		return -1;
	}
	(void)snprintf(path, sizeof(path), "%s/book.db", folder);
	return 0;
}

static inline int
remove_folder(void **state)
{
	static const char *const ends[] = { "", "-wal", "-journal" };
	char name[128];

	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		(void)unlink(name);
	}
	return rmdir(folder);
}

static inline struct store *
open_store(void)
{
	struct store *store = NULL;
	struct err e = { 0 };

	if (store_open(path, STORE_CREATE, &store, &e)) {
		fail_msg("%s", e.text);
	}
	return store;
}

static inline void
begin(struct store *store)
{
	struct err e = { 0 };

	if (store_begin(store, &e)) {
		fail_msg("%s", e.text);
	}
}

static inline void
commit(struct store *store)
{
	struct err e = { 0 };

	if (store_commit(store, &e)) {
		fail_msg("%s", e.text);
	}
}

/* A head whose bytes and leaf are told by its number. */
static inline int
add_head(struct store *store, uint64_t seq, struct err *e)
{
	uint8_t leaf[STORE_LEAF_SIZE];
	uint8_t task[STORE_ID_SIZE];
	uint8_t run[STORE_ID_SIZE];
	char bytes[384];
	struct store_head head = {
		.seq = seq,
		.time_us = 1795456800000000 + (int64_t)seq,
		.kind = STR("call_started"),
		.task = seq % 3 ? task : NULL,
		.run = seq % 2 ? run : NULL,
		.leaf = leaf,
		.head = { bytes, sizeof(bytes) },
	};

	memset(leaf, (int)(seq & 0xff), sizeof(leaf));
	memset(task, (int)(seq % 3), sizeof(task));
	memset(run, (int)(seq % 10), sizeof(run));
	memset(bytes, (int)(seq >> 8 & 0xff), sizeof(bytes));
	return store_head_add(store, &head, e);
}

static inline int
put_row(struct store *store, const char *key, const char *value,
    uint64_t version, struct err *e)
{
	struct store_row row = {
		.space = STR("meta"),
		.key = str_of(key),
		.value = str_of(value),
		.version = version,
	};

	return store_row_put(store, &row, e);
}

#endif
