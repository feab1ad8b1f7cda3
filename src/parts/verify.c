/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/verify.h"

#define CHUNK 2048 /* heads */

static int
keep_head(void *context, const struct store_head *row, struct err *e)
{
	(void)e;
	buf_add(context, str_span(row->head, BOOK_HEAD_SIZE));
	return 0;
}

static int
verify_body(struct verify *v, const struct book_head *head, struct err *e)
{
	auto_buf body = { 0 };

	if (!head->has_body) {
		return 0;
	}
	if (store_body_get(v->store, head->seq, &body, e)) {
		if (e->kind != ERR_MISSING) {
			return -1;
		}
		*e = (struct err){ 0 };
		v->expired++;
		return 0;
	}
	v->bodies++;
	return digest_eq(digest_of(buf_str(&body)), head->body)
	           ? 0
	           : err_set(e, ERR_DENIED,
	                 "the body of event %llu was changed",
	                 (unsigned long long)head->seq);
}

static int
verify_head(struct verify *v, struct str bytes, struct err *e)
{
	struct book_head head;

	if (book_head_decode(bytes, &head, e)) {
		e->kind = ERR_DENIED;
		return err_wrap(e, "event %llu was changed",
		    (unsigned long long)v->tree.size + 1);
	}
	if (head.seq != v->tree.size + 1) {
		return err_set(e, ERR_DENIED, "event %llu is missing",
		    (unsigned long long)v->tree.size + 1);
	}
	book_tree_add(&v->tree, book_leaf(bytes));
	return verify_body(v, &head, e);
}

int
verify_step(struct verify *v, struct err *e)
{
	uint64_t left = v->last - v->tree.size;
	auto_buf heads = { 0 };

	if (!left) {
		return 0;
	}
	if (store_heads_walk(v->store, v->tree.size + 1,
	        left < CHUNK ? left : CHUNK, keep_head, &heads, e)) {
		return -1;
	}
	if (!heads.len) {
		return err_set(e, ERR_DENIED, "event %llu is missing",
		    (unsigned long long)v->tree.size + 1);
	}
	for (size_t at = 0; at < heads.len; at += BOOK_HEAD_SIZE) {
		if (verify_head(
		        v, str_span(heads.at + at, BOOK_HEAD_SIZE), e)) {
			return -1;
		}
	}
	return v->tree.size < v->last;
}
