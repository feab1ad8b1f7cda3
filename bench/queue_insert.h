/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_QUEUE_INSERT_H
#define BENCH_QUEUE_INSERT_H

/* The least that a server can be asked to keep: one prepared insert of as many
 * bytes as a start sends it, committed; one round trip and one sync as well. */

#include "store/postgres.h" /* and libpq */

#define INSERT_BYTES   2042
#define INSERT_WAIT_US (10 * CLOCK_SECOND)

struct insert {
	struct postgres where; /* a store that is only connected */
	PGconn *conn;
	struct params params;
};

static inline int
insert_open(struct insert *i, const char *url, struct err *e)
{
	static const char noise[INSERT_BYTES] = { 1 };
	static const char sql[] =
	    "CREATE TABLE IF NOT EXISTS plain_insert (bytes bytea);"
	    "ALTER TABLE plain_insert ALTER bytes SET STORAGE PLAIN;"
	    "PREPARE plain_insert AS INSERT INTO plain_insert VALUES ($1)";

	if (postgres_load(e) || postgres_where_read(&i->where.where, url, e)) {
		return -1;
	}
	i->conn = postgres_connect(&i->where, boot_us() + INSERT_WAIT_US, e);
	if (!i->conn) {
		return -1;
	}
	param_bytes(&i->params, str_span(noise, sizeof(noise)));
	return postgres_run(&i->where, i->conn, sql, INSERT_WAIT_US, e);
}

static inline int
insert_one(struct insert *i, struct err *e)
{
	auto_result done = NULL;

	if (postgres_send(i->conn, "plain_insert", &i->params)) {
		return err_set(e, ERR_UNAVAILABLE, "the insert was not sent");
	}
	return postgres_exchange(i->conn, boot_us() + INSERT_WAIT_US, &done, e);
}

static inline void
insert_close(struct insert *i)
{
	if (i->conn) {
		pq.finish(i->conn);
	}
	buf_fini(&i->params.bytes);
	arena_fini(&i->where.where.arena);
}

#endif
