/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_POSTGRES_LIBRARY_H
#define STORE_POSTGRES_LIBRARY_H

/* libpq and its values, for the PostgreSQL files of this room only. */

#include <libpq-fe.h>

#include "base/base.h"

/* libpq, opened at run time. */
struct postgres_calls {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): they are types and a list. */
#define PQ_CALL(result, name, arguments) result(*name) arguments;
#include "store/postgres.def"
#undef PQ_CALL
};
extern struct postgres_calls pq;
int postgres_load(struct err *e) MUST_CHECK;

/* Binary parameters of one statement (postgres_params.c). */
#define PARAMS_MAX 12
enum postgres_type { /* catalog/pg_type.dat */
	TYPE_BOOL = 16,
	TYPE_BYTEA = 17,
	TYPE_INT8 = 20,
	TYPE_INT4 = 23,
	TYPE_TEXT = 25,
	TYPE_TIME = 1184,
};
struct params {
	struct buf bytes;
	size_t start[PARAMS_MAX + 1];
	size_t count;
};
void params_clear(struct params *p);
void param_i32(struct params *p, int32_t value);
void param_i64(struct params *p, int64_t value);
void param_bytes(struct params *p, struct str bytes);
bool params_text_ok(struct str text); /* no NUL, UTF-8 */
/* As a text that the server takes: NUL and what is no UTF-8 replaced. */
void param_text(struct params *p, struct str text);
/* An array: its head, then as many elements. */
void param_array(struct params *p, enum postgres_type type, size_t count);
void element_bool(struct params *p, bool value);
void element_i32(struct params *p, int32_t value);
void element_i64(struct params *p, int64_t value);
void element_bytes(struct params *p, struct str bytes);
void element_text(struct params *p, struct str text);
int64_t postgres_time(struct wall t); /* us since 2000 */
struct wall postgres_wall(int64_t time);

/* Columns of a binary result; a wrong size is 0 or empty. */
int64_t column_i64(const PGresult *r, int row, int column);
/* The same as a number of this room: negative is 0. */
uint64_t column_u64(const PGresult *r, int row, int column);
bool column_bool(const PGresult *r, int row, int column);
struct str column_str(const PGresult *r, int row, int column);
void auto_result_clear(PGresult **r);
#define auto_result __attribute__((cleanup(auto_result_clear))) PGresult *

#endif
