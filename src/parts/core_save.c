/* SPDX-License-Identifier: Apache-2.0 */
/*
 * So that a start need not read the whole log: rows of tasks that changed long
 * ago are written again, the oldest first and a few a batch, and now and then
 * one row says from which head on a start must read.
 *
 * The row "meta/start", little-endian, version = seq of the batch's last head:
 *   1  format, 1
 *   8  from: the oldest head that a start must be given
 *   4  bytes of the tree as book_tree_save writes it, then these; it has the
 *      heads that were on the disk, those of this batch are not among them
 *   4  number of credentials, each: 4 newest version that the book names,
 *      1 length of its name, the name
 */
#include "parts/core_batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define WINDOW_EVENTS 50000 /* that a start reads at most, about */
#define WINDOW_US     (60 * CLOCK_SECOND)
#define SAVE_BATCH    64    /* tasks and letters each, of one batch */
#define TREE_EVENTS   10000 /* between two rows "meta/start" */
#define TREE_US       (10 * CLOCK_SECOND)
#define FORMAT        1
#define CREDENTIALS   100000 /* in a row that can be read */

/* --- which version of a credential the book names --- */

void
core_save_saw(struct core *c, const struct book_head *head)
{
	struct core_credential_seen *k = c->book.credentials;

	if (head->kind != BOOK_CREDENTIAL_PUT &&
	    head->kind != BOOK_CREDENTIAL_ROTATED &&
	    head->kind != BOOK_CREDENTIAL_RENEWED &&
	    head->kind != BOOK_LOGIN_BEGUN &&
	    head->kind != BOOK_CREDENTIAL_ARCHIVED &&
	    head->kind != BOOK_CREDENTIAL_DELETED) {
		return;
	}
	while (k && strcmp(k->name, head->rule) != 0) {
		k = k->next;
	}
	if (!k) {
		k = calloc(1, sizeof(*k));
		must(k);
		must(str_copy(k->name, sizeof(k->name), str_of(head->rule)));
		k->next = c->book.credentials;
		c->book.credentials = k;
	}
	k->version = head->call > k->version ? head->call : k->version;
}

uint32_t
core_credential_version(const struct core *c, const char *name)
{
	for (const struct core_credential_seen *k = c->book.credentials; k;
	     k = k->next) {
		if (strcmp(k->name, name) == 0) {
			return k->version;
		}
	}
	return 0;
}

/* --- writing --- */

static bool
is_late(const struct core *c, uint64_t since, bool aged)
{
	return aged || c->book.seq - since > WINDOW_EVENTS;
}

void
core_save_tasks(struct core *c)
{
	const struct queue_task *t;
	const struct queue_letter *m;
	uint64_t since;
	bool aged = mono_passed(
	    mono_after(c->book.aged_at, WINDOW_US), loop_now(c->part.loop));

	for (int n = 0; n < SAVE_BATCH; n++) {
		t = queue_unsaved(c->queue, &since);
		if (!t || !is_late(c, since, aged && since <= c->book.aged)) {
			break;
		}
		core_task_row(c, t);
		queue_saved(c->queue, t->id);
	}
	for (int n = 0; n < SAVE_BATCH; n++) {
		m = queue_letter_unsaved(c->queue, &since);
		if (!m || !is_late(c, since, aged && since <= c->book.aged)) {
			break;
		}
		core_letter_row(c, m);
	}
}

void
core_save_whole(struct core *c)
{
	const struct queue_task *t;
	const struct queue_letter *m;
	uint64_t since;

	while ((t = queue_unsaved(c->queue, &since))) {
		core_task_row(c, t);
		queue_saved(c->queue, t->id);
	}
	while ((m = queue_letter_unsaved(c->queue, &since))) {
		core_letter_row(c, m);
	}
	c->book.tree_due = true;
}

static uint64_t
oldest_unsaved(const struct core *c)
{
	uint64_t from = c->book.seq + 1;
	uint64_t since;

	if (queue_unsaved(c->queue, &since) && since < from) {
		from = since;
	}
	if (queue_letter_unsaved(c->queue, &since) && since < from) {
		from = since;
	}
	return from;
}

static void
add_u32(struct buf *b, uint32_t value)
{
	uint8_t bytes[4];

	put_u32(bytes, value);
	buf_add(b, str_span(bytes, sizeof(bytes)));
}

static void
write_start(struct core *c, struct buf *b)
{
	auto_buf tree = { 0 };
	uint8_t from[8];
	uint32_t count = 0;

	put_u64(from, oldest_unsaved(c));
	book_tree_save(book_late_tree(&c->book.tree), &tree);
	buf_add_byte(b, FORMAT);
	buf_add(b, str_span(from, sizeof(from)));
	add_u32(b, (uint32_t)tree.len);
	buf_add(b, buf_str(&tree));
	for (struct core_credential_seen *k = c->book.credentials; k;
	     k = k->next) {
		count++;
	}
	add_u32(b, count);
	for (struct core_credential_seen *k = c->book.credentials; k;
	     k = k->next) {
		add_u32(b, k->version);
		buf_add_byte(b, (uint8_t)strlen(k->name));
		buf_add_z(b, k->name);
	}
}

/* What a first start has not read yet, no other would read: it ends with the
 * row. */
static bool
is_due(const struct core *c, struct mono time)
{
	return !c->book.unread &&
	       (c->book.tree_due ||
	           c->book.seq - c->book.saved_seq >= TREE_EVENTS ||
	           mono_passed(mono_after(c->book.saved_at, TREE_US), time));
}

void
core_save_tree(struct core *c, bool now)
{
	auto_buf value = { 0 };
	struct mono time = loop_now(c->part.loop);

	if (!now && !is_due(c, time)) {
		return;
	}
	write_start(c, &value);
	core_row(c, "meta", STR("start"), buf_str(&value), c->book.seq);
	c->book.saved_seq = c->book.seq;
	c->book.tree_due = false;
	c->book.saved_at = time;
	if (oldest_unsaved(c) > c->book.aged) {
		c->book.aged = c->book.seq; /* late from a minute on */
		c->book.aged_at = time;
	}
}

/* --- reading --- */

static bool
cut(struct str *rest, size_t size, const uint8_t **at)
{
	if (rest->len < size) {
		return false;
	}
	*at = (const uint8_t *)rest->at;
	*rest = str_sub(*rest, size, rest->len);
	return true;
}

static bool
read_credentials(struct core *c, struct str *rest)
{
	const uint8_t *at;
	uint32_t count;

	if (!cut(rest, 4, &at) || (count = get_u32(at)) > CREDENTIALS) {
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct book_head seen = { .kind = BOOK_CREDENTIAL_PUT };
		size_t len;

		if (!cut(rest, 5, &at)) {
			return false;
		}
		seen.call = get_u32(at);
		len = at[4];
		if (!cut(rest, len, &at) ||
		    !str_copy(
		        seen.rule, sizeof(seen.rule), str_span(at, len))) {
			return false;
		}
		core_save_saw(c, &seen);
	}
	return rest->len == 0;
}

static int
damaged(struct err *e)
{
	return err_set(e, ERR_INPUT,
	    "the row meta/start of the book is damaged: restore a backup "
	    "(`handrail restore`)");
}

int
core_save_load(struct core *c, uint64_t *from, struct err *e)
{
	auto_buf value = { 0 };
	struct str rest;
	const uint8_t *at;
	uint32_t len;

	if (store_row_get(
	        c->book.store, STR("meta"), STR("start"), &value, NULL, e)) {
		return -1;
	}
	rest = buf_str(&value);
	if (!cut(&rest, 13, &at)) {
		return damaged(e);
	}
	if (at[0] != FORMAT) {
		return err_set(e, ERR_INPUT,
		    "the row meta/start of the book has format %d, this "
		    "program knows %d: start the version of Handrail that ran "
		    "here last, or restore a backup (`handrail restore`)",
		    at[0], FORMAT);
	}
	*from = get_u64(at + 1);
	len = get_u32(at + 9);
	if (!cut(&rest, len, &at) ||
	    book_tree_load(str_span(at, len), &c->book.tree.tree, e) ||
	    !read_credentials(c, &rest)) {
		return damaged(e);
	}
	uint64_t last = store_last_seq(c->book.store);

	c->book.saved_seq = book_late_size(&c->book.tree);
	return *from > last + 1 || c->book.saved_seq > last
	           ? err_set(e, ERR_INPUT,
	                 "the row meta/start of the book says more than its "
	                 "log has (tree %llu, heads from %llu, last head "
	                 "%llu): was it written by another version of "
	                 "Handrail, start that one, else restore a backup "
	                 "(`handrail restore`)",
	                 (unsigned long long)c->book.saved_seq,
	                 (unsigned long long)*from, (unsigned long long)last)
	           : 0;
}
