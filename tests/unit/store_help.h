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

#include "base/bytes.h"
#include "store/store.h"

/*
 * The same tests stand on both stores: a file compiled with STORE_ON_POSTGRES
 * has a server of its own for all its tests, and a schema of it for each.
 */
#ifdef STORE_ON_POSTGRES
#include "postgres/cluster.h"

static struct cluster cluster;
static char path[256];
static int schemas;

static inline int
start_server(void **state)
{
	(void)state;
	cluster_make(&cluster);
	cluster_start(&cluster);
	return 0;
}

static inline int
stop_server(void **state)
{
	(void)state;
	cluster_remove(&cluster);
	return 0;
}

static inline void
new_path(void)
{
	char schema[32];

	(void)snprintf(schema, sizeof(schema), "test_%d", schemas++);
	cluster_url(&cluster, schemas % 2, schema, path, sizeof(path));
}

static inline int
make_folder(void **state)
{
	(void)state;
	new_path();
	return 0;
}

static inline int
remove_folder(void **state)
{
	(void)state;
	return 0;
}

static inline void
remove_store(void)
{
	new_path();
}
#else

/* A folder of its own for each test, and the path of a store in it. */
static char folder[64];
static char path[96];

static inline int
start_server(void **state)
{
	(void)state;
	return 0;
}

static inline int
stop_server(void **state)
{
	(void)state;
	return 0;
}

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
	static const char *const ends[] = { "", "-wal", "-journal",
		"-reserve" };
	char name[128];

	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		(void)unlink(name);
	}
	return rmdir(folder);
}

static inline void
remove_store(void)
{
	assert_int_equal(unlink(path), 0);
}
#endif

static inline struct store *
open_store(void)
{
	struct store *store = NULL;
	struct err e = { 0 };

	if (store_open(path, STORE_CREATE, &store, &e)) {
		fail_msg("%s", e.text);
	}
#ifdef STORE_ON_POSTGRES
	uint64_t incarnation;

	/* Nobody writes there but its owner. */
	if (store_own(store, "test", &incarnation, &e)) {
		fail_msg("%s", e.text);
	}
#endif
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

/* Without the zero behind it. */
static inline void
copy_text(uint8_t *to, const char *text)
{
	while (*text) {
		*to++ = (uint8_t)*text++;
	}
}

/* The bytes of a head, told by its number: a head of the book's format 1, of
 * one of three tasks, or of none. */
static inline void
head_bytes(uint64_t seq, uint8_t head[STORE_HEAD_SIZE])
{
	memset(head, 0, STORE_HEAD_SIZE);
	put_u16(head, 1);
	put_u16(head + 2, 7);
	put_u64(head + 8, seq);
	put_u64(head + 16, 1795456800000000 + seq);
	put_u32(head + 24, 1);
	put_u32(head + 28, (uint32_t)seq);
	memset(head + 48, (int)(seq % 3), STORE_ID_SIZE);
	memset(head + 64, 0xab, 32);
	copy_text(head + 200, "linux__cli__engineer");
}

static inline uint64_t
head_before(uint64_t seq)
{
	return seq % 3 && seq > 3 ? seq - 3 : 0;
}

static inline int
add_head(struct store *store, uint64_t seq, struct err *e)
{
	uint8_t bytes[STORE_HEAD_SIZE];
	struct store_head head = {
		.seq = seq,
		.before = head_before(seq),
		.head = bytes,
	};

	head_bytes(seq, bytes);
	return store_head_add(store, &head, e);
}

/* What add_head wrote. */
static inline void
expect_head(const struct store_head *head)
{
	uint8_t bytes[STORE_HEAD_SIZE];

	head_bytes(head->seq, bytes);
	assert_memory_equal(head->head, bytes, sizeof(bytes));
	assert_int_equal(head->before, head_before(head->seq));
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
