/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <string.h>

#include "store/postgres.h"

/* The server's binary forms: numbers with their highest byte first; an array is
 * its number of dimensions, a flag, the type of its elements, its length and
 * lower bound, then each element behind its length
 * (src/backend/utils/adt/arrayfuncs.c, array_recv). */

#define DAYS_TO_2000 10957

void
params_clear(struct params *p)
{
	buf_clear(&p->bytes);
	p->count = 0;
	p->start[0] = 0;
}

static void
add_i32(struct params *p, int32_t value)
{
	uint32_t big = htobe32((uint32_t)value);

	buf_add(&p->bytes, str_span(&big, sizeof(big)));
}

static void
add_i64(struct params *p, int64_t value)
{
	uint64_t big = htobe64((uint64_t)value);

	buf_add(&p->bytes, str_span(&big, sizeof(big)));
}

/* A new parameter starts at the end of what is there. */
static void
open_param(struct params *p)
{
	must(p->count < PARAMS_MAX);
	p->start[p->count++] = p->bytes.len;
}

void
param_i32(struct params *p, int32_t value)
{
	open_param(p);
	add_i32(p, value);
}

void
param_i64(struct params *p, int64_t value)
{
	open_param(p);
	add_i64(p, value);
}

void
param_bytes(struct params *p, struct str bytes)
{
	open_param(p);
	buf_add(&p->bytes, bytes);
}

void
param_array(struct params *p, enum postgres_type type, size_t count)
{
	must(count > 0 && count <= INT32_MAX);
	open_param(p);
	add_i32(p, 1);
	add_i32(p, 0);
	add_i32(p, (int32_t)type);
	add_i32(p, (int32_t)count);
	add_i32(p, 1);
}

void
element_bool(struct params *p, bool value)
{
	add_i32(p, 1);
	buf_add_byte(&p->bytes, value);
}

void
element_i32(struct params *p, int32_t value)
{
	add_i32(p, sizeof(value));
	add_i32(p, value);
}

void
element_i64(struct params *p, int64_t value)
{
	add_i32(p, sizeof(value));
	add_i64(p, value);
}

void
element_bytes(struct params *p, struct str bytes)
{
	must(bytes.len <= INT32_MAX);
	add_i32(p, (int32_t)bytes.len);
	buf_add(&p->bytes, bytes);
}

/* Nearly every text is ASCII without a NUL: eight bytes at once. */
static bool
is_plain(struct str text)
{
	const uint64_t ones = 0x0101010101010101, highs = ones << 7;

	while (text.len >= sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, text.at, sizeof(word));
		if ((word | (word - ones)) & highs) {
			return false;
		}
		text =
		    str_span(text.at + sizeof(word), text.len - sizeof(word));
	}
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] <= 0) {
			return false;
		}
	}
	return true;
}

bool
params_text_ok(struct str text)
{
	return is_plain(text) || (str_is_utf8(text) && !str_has(text, '\0'));
}

/* The bytes as they are, or a copy in `clean`: a text of the server has no NUL
 * and is UTF-8. */
static struct str
clean_text(struct str text, struct buf *clean)
{
	if (params_text_ok(text)) {
		return text;
	}
	while (text.len) {
		size_t size = *text.at ? str_utf8(text) : 0;

		if (size) {
			buf_add(clean, str_sub(text, 0, size));
		} else {
			buf_add(clean, STR("\xef\xbf\xbd"));
			size = 1;
		}
		text = str_sub(text, size, text.len);
	}
	return buf_str(clean);
}

void
param_text(struct params *p, struct str text)
{
	auto_buf clean = { 0 };

	param_bytes(p, clean_text(text, &clean));
}

void
element_text(struct params *p, struct str text)
{
	auto_buf clean = { 0 };

	element_bytes(p, clean_text(text, &clean));
}

int64_t
postgres_time(struct wall t)
{
	return t.us - CLOCK_MINUTE * 60 * 24 * DAYS_TO_2000;
}

struct wall
postgres_wall(int64_t time)
{
	return (struct wall){ time + CLOCK_MINUTE * 60 * 24 * DAYS_TO_2000 };
}

int64_t
column_i64(const PGresult *r, int row, int column)
{
	const char *at = pq.getvalue(r, row, column);
	uint64_t eight;
	uint32_t four;

	switch (pq.getlength(r, row, column)) {
	case sizeof(eight):
		memcpy(&eight, at, sizeof(eight));
		return (int64_t)be64toh(eight);
	case sizeof(four):
		memcpy(&four, at, sizeof(four));
		return (int32_t)be32toh(four);
	default:
		return 0;
	}
}

uint64_t
column_u64(const PGresult *r, int row, int column)
{
	int64_t value = column_i64(r, row, column);

	return value < 0 ? 0 : (uint64_t)value;
}

bool
column_bool(const PGresult *r, int row, int column)
{
	return pq.getlength(r, row, column) == 1 &&
	       *pq.getvalue(r, row, column);
}

struct str
column_str(const PGresult *r, int row, int column)
{
	return str_span(
	    pq.getvalue(r, row, column), (size_t)pq.getlength(r, row, column));
}

void
auto_result_clear(PGresult **r)
{
	if (*r) {
		pq.clear(*r);
	}
}
