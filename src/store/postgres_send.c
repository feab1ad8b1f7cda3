/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/postgres.h"

/* A batch as the parameters of its statements. */

/* Its guard is in the same statement: the first parameters are that one's. */
static int
send_log(struct postgres *p, const struct batch *b, struct params *params)
{
	params_clear(params);
	line_guard(p, b->after, params);
	param_i64(params, (int64_t)b->first);
	param_i32(params, (int32_t)b->head_count);
	param_bytes(params, buf_str(&b->packed));
	return line_send(p, WRITE_LOG, params);
}

static int
send_words(struct postgres *p, const struct batch *b, struct params *params)
{
	uint32_t count = b->words_end - b->words_from;

	if (!count) {
		return 0;
	}
	params_clear(params);
	param_array(params, TYPE_INT4, count);
	for (uint32_t i = b->words_from; i < b->words_end; i++) {
		element_i32(params, (int32_t)i);
	}
	param_array(params, TYPE_BYTEA, count);
	for (uint32_t i = b->words_from; i < b->words_end; i++) {
		element_bytes(params, pack_words_at(p->words, i));
	}
	return line_send(p, WRITE_WORD, params);
}

/* How many bodies from number `from` on go into one row: those of the same day,
 * in a row, up to a size. */
static size_t
group_size(const struct batch *b, size_t from)
{
	size_t bytes = b->bodies[from].bytes.len;
	size_t end = from + 1;

	while (end < b->body_count &&
	       b->bodies[end].day == b->bodies[from].day &&
	       bytes + b->bodies[end].bytes.len <= STORE_BODIES_MAX) {
		bytes += b->bodies[end++].bytes.len;
	}
	return end - from;
}

/* Sorted by day, keeping their order: nearly always all of one day. */
static void
sort_bodies(struct batch *b)
{
	for (size_t i = 1; i < b->body_count; i++) {
		struct batch_body moved = b->bodies[i];
		size_t at = i;

		for (; at > 0 && b->bodies[at - 1].day > moved.day; at--) {
			b->bodies[at] = b->bodies[at - 1];
		}
		b->bodies[at] = moved;
	}
}

static void
pack_group(const struct batch_body *from, size_t count, struct buf *out)
{
	struct pack_body *bodies = calloc(count, sizeof(*bodies));

	must(bodies);
	for (size_t i = 0; i < count; i++) {
		bodies[i].seq = from[i].seq;
		bodies[i].bytes = from[i].bytes;
	}
	buf_clear(out);
	pack_bodies(from->seq, bodies, count, out);
	free(bodies);
}

static int
send_bodies(struct postgres *p, struct batch *b, struct params *params)
{
	auto_buf blob = { 0 };
	size_t groups = 0;

	sort_bodies(b);
	for (size_t i = 0; i < b->body_count; i += group_size(b, i)) {
		groups++;
	}
	params_clear(params);
	param_array(params, TYPE_INT4, groups);
	for (size_t i = 0; i < b->body_count; i += group_size(b, i)) {
		element_i32(params, (int32_t)b->bodies[i].day);
	}
	param_array(params, TYPE_INT8, groups);
	for (size_t i = 0; i < b->body_count; i += group_size(b, i)) {
		element_i64(params, (int64_t)b->bodies[i].seq);
	}
	param_array(params, TYPE_INT8, groups);
	for (size_t i = 0; i < b->body_count; i += group_size(b, i)) {
		element_i64(
		    params, (int64_t)b->bodies[i + group_size(b, i) - 1].seq);
	}
	param_array(params, TYPE_INT4, groups);
	for (size_t i = 0; i < b->body_count; i += group_size(b, i)) {
		element_i32(params, (int32_t)group_size(b, i));
	}
	param_array(params, TYPE_BYTEA, groups);
	for (size_t i = 0; i < b->body_count; i += group_size(b, i)) {
		pack_group(&b->bodies[i], group_size(b, i), &blob);
		element_bytes(params, buf_str(&blob));
	}
	return line_send(p, WRITE_BODY, params);
}

static size_t
count_rows(const struct batch *b, bool put)
{
	size_t count = 0;

	for (size_t i = 0; i < b->row_count; i++) {
		count += put ? b->rows[i].put : b->rows[i].deleted;
	}
	return count;
}

/* The columns that say which rows. */
static void
row_keys(const struct batch *b, bool put, size_t count, struct params *params)
{
	params_clear(params);
	param_array(params, TYPE_TEXT, count);
	for (size_t i = 0; i < b->row_count; i++) {
		if (put ? b->rows[i].put : b->rows[i].deleted) {
			element_text(params, b->rows[i].space);
		}
	}
	param_array(params, TYPE_BYTEA, count);
	for (size_t i = 0; i < b->row_count; i++) {
		if (put ? b->rows[i].put : b->rows[i].deleted) {
			element_bytes(params, b->rows[i].key);
		}
	}
}

static int
send_rows(struct postgres *p, const struct batch *b, struct params *params)
{
	size_t puts = count_rows(b, true);
	size_t deletes = count_rows(b, false);

	if (deletes) {
		row_keys(b, false, deletes, params);
		if (line_send(p, WRITE_ROW_DELETE, params)) {
			return -1;
		}
	}
	if (!puts) {
		return 0;
	}
	row_keys(b, true, puts, params);
	param_array(params, TYPE_INT8, puts);
	for (size_t i = 0; i < b->row_count; i++) {
		if (b->rows[i].put) {
			element_i64(params, (int64_t)b->rows[i].version);
		}
	}
	if (line_send(p, WRITE_ROW_CHECK, params)) {
		return -1;
	}
	param_array(params, TYPE_BYTEA, puts);
	for (size_t i = 0; i < b->row_count; i++) {
		if (b->rows[i].put) {
			element_bytes(params, b->rows[i].value);
		}
	}
	return line_send(p, WRITE_ROW_PUT, params);
}

static int
send_drops(struct postgres *p, const struct batch *b, struct params *params)
{
	params_clear(params);
	param_array(params, TYPE_INT8, b->drop_count);
	for (size_t i = 0; i < b->drop_count; i++) {
		element_i64(params, b->drops[i]);
	}
	return line_send(p, WRITE_INBOX_DROP, params);
}

static int
send_epoch(struct postgres *p, const struct batch *b, struct params *params)
{
	params_clear(params);
	param_i64(params, p->epoch);
	param_i64(params, p->line.session);
	param_i64(params, (int64_t)b->owned_times);
	return line_send(p, WRITE_EPOCH, params);
}

static int
send_each(struct postgres *p, struct batch *b, struct params *params)
{
	if (b->head_count &&
	    (send_log(p, b, params) || send_words(p, b, params))) {
		return -1;
	}
	if (b->body_count && send_bodies(p, b, params)) {
		return -1;
	}
	if (b->row_count && send_rows(p, b, params)) {
		return -1;
	}
	if (b->task_count && batch_send_tasks(p, b, params)) {
		return -1;
	}
	if (b->drop_count && send_drops(p, b, params)) {
		return -1;
	}
	return b->owned_times ? send_epoch(p, b, params) : 0;
}

int
batch_send(struct postgres *p, struct batch *b)
{
	struct params params = { 0 };
	int rc = send_each(p, b, &params);

	buf_fini(&params.bytes);
	return rc;
}
