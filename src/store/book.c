/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/own.h"

static const char adding[] = "writing to the book";

int
store_head_add(
    struct store *store, const struct store_head *head, struct err *e)
{
	sqlite3_stmt *statement = store->statements[STATEMENT_HEAD_ADD];

	if (may_write(store, e)) {
		return -1;
	}
	must(head->head.len > 0 && head->head.len <= STORE_HEAD_MAX);
	must(head->kind.len > 0 && head->leaf);
	if (head->seq != store->last + 1) {
		(void)err_set(e, ERR_CONFLICT,
		    "head %llu does not follow head %llu",
		    (unsigned long long)head->seq,
		    (unsigned long long)store->last);
		return break_transaction(store, e);
	}
	bind_number(statement, 1, (int64_t)head->seq);
	bind_number(statement, 2, head->time_us);
	bind_text(statement, 3, head->kind);
	bind_id(statement, 4, head->task);
	bind_id(statement, 5, head->run);
	bind_blob(statement, 6, str_span(head->leaf, STORE_LEAF_SIZE));
	bind_blob(statement, 7, head->head);
	if (write_step(store, STATEMENT_HEAD_ADD, adding, e)) {
		return -1;
	}
	store->last = head->seq;
	return 0;
}

int
store_body_add(struct store *store, uint64_t seq, int64_t day, struct str bytes,
    struct err *e)
{
	sqlite3_stmt *statement = store->statements[STATEMENT_BODY_ADD];

	if (may_write(store, e)) {
		return -1;
	}
	if (bytes.len > STORE_BODY_MAX) {
		(void)err_set(e, ERR_LIMIT, "a body of %zu bytes, over %u",
		    bytes.len, STORE_BODY_MAX);
		return break_transaction(store, e);
	}
	if (seq < 1 || seq > store->last) {
		(void)err_set(e, ERR_CONFLICT,
		    "a body for head %llu, which is not there",
		    (unsigned long long)seq);
		return break_transaction(store, e);
	}
	bind_number(statement, 1, (int64_t)seq);
	bind_number(statement, 2, day);
	bind_blob(statement, 3, bytes);
	return write_step(store, STATEMENT_BODY_ADD, adding, e);
}

uint64_t
store_last_seq(const struct store *store)
{
	return store->last;
}

static int
give_head(sqlite3_stmt *row, store_head_fn *each, void *context, struct err *e)
{
	struct store_head head = {
		.seq = (uint64_t)sqlite3_column_int64(row, 0),
		.time_us = sqlite3_column_int64(row, 1),
		.kind = column_text(row, 2),
		.task = column_id(row, 3, STORE_ID_SIZE),
		.run = column_id(row, 4, STORE_ID_SIZE),
		.leaf = column_id(row, 5, STORE_LEAF_SIZE),
		.head = column_blob(row, 6),
	};

	if (!head.leaf) {
		return err_set(e, ERR_IO,
		    "head %llu has a leaf of a wrong length",
		    (unsigned long long)head.seq);
	}
	return each(context, &head, e);
}

static enum statement
statement_for(const struct store_heads *which)
{
	if (which->task) {
		return STATEMENT_HEADS_TASK;
	}
	return which->run ? STATEMENT_HEADS_RUN : STATEMENT_HEADS;
}

int
store_heads_walk(struct store *store, const struct store_heads *which,
    store_head_fn *each, void *context, struct err *e)
{
	enum statement chosen = statement_for(which);
	sqlite3_stmt *statement = store->statements[chosen];
	int found;

	must(!store->walking && !(which->task && which->run));
	if (may_read(store, e)) {
		return -1;
	}
	must(which->from <= INT64_MAX && which->limit <= INT64_MAX);
	bind_number(statement, 1, (int64_t)which->from);
	bind_number(statement, 2, which->limit ? (int64_t)which->limit : -1);
	bind_id(statement, 3, which->task ? which->task : which->run);
	store->walking = true;
	while ((found = read_step(store, chosen, e)) == 1) {
		if (give_head(statement, each, context, e)) {
			read_end(store, chosen);
			found = -1;
			break;
		}
	}
	store->walking = false;
	return found;
}

/* The one row of a statement that was bound, or ERR_MISSING. */
static int
find(struct store *store, enum statement which, uint64_t seq, const char *what,
    struct err *e)
{
	int found;

	if (may_read(store, e)) {
		return -1;
	}
	must(seq <= INT64_MAX);
	bind_number(store->statements[which], 1, (int64_t)seq);
	found = read_step(store, which, e);
	if (found == 0) {
		return err_set(e, ERR_MISSING, "%s %llu is not in the store",
		    what, (unsigned long long)seq);
	}
	return found < 0 ? -1 : 0;
}

int
store_leaf_get(struct store *store, uint64_t seq, uint8_t leaf[STORE_LEAF_SIZE],
    struct err *e)
{
	const uint8_t *bytes;

	if (find(store, STATEMENT_LEAF, seq, "head", e)) {
		return -1;
	}
	bytes =
	    column_id(store->statements[STATEMENT_LEAF], 0, STORE_LEAF_SIZE);
	if (bytes) {
		memcpy(leaf, bytes, STORE_LEAF_SIZE);
	}
	read_end(store, STATEMENT_LEAF);
	if (!bytes) {
		return err_set(e, ERR_IO,
		    "head %llu has a leaf of a wrong length",
		    (unsigned long long)seq);
	}
	return 0;
}

int
store_body_get(
    struct store *store, uint64_t seq, struct buf *out, struct err *e)
{
	if (find(store, STATEMENT_BODY, seq, "the body of head", e)) {
		return -1;
	}
	buf_add(out, column_blob(store->statements[STATEMENT_BODY], 0));
	read_end(store, STATEMENT_BODY);
	return 0;
}

int
store_bodies_expire(
    struct store *store, int64_t before_day, uint64_t *count, struct err *e)
{
	if (may_write(store, e)) {
		return -1;
	}
	bind_number(store->statements[STATEMENT_BODY_EXPIRE], 1, before_day);
	if (write_step(store, STATEMENT_BODY_EXPIRE, "expiring bodies", e)) {
		return -1;
	}
	*count = (uint64_t)sqlite3_changes64(store->db);
	return 0;
}
