/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/verify.h"

#include <stdlib.h>
#include <string.h>

#include "json/json.h"

#define CHUNK 2048 /* heads, VERIFY_LEAVES is a multiple */
#define TREES (VERIFY_LEAVES / CHUNK)
#define GIVEN "that you gave"

/* What the tree was at sizes that are behind: the tree at the last multiples of
 * CHUNK, and the leaves since the oldest of them.  A step stays between two
 * multiples: its leaves lie one behind the other. */
struct verify_marks {
	struct book_tree tree[TREES];      /* of size n: [n / CHUNK % TREES] */
	struct digest leaf[VERIFY_LEAVES]; /* of index n: [n % …] */
};

static int
keep_head(void *context, const struct store_head *row, struct err *e)
{
	(void)e;
	buf_add(context, str_span(row->head, BOOK_HEAD_SIZE));
	return 0;
}

/* --- the tree as it was --- */

static const struct digest *
mark(struct verify *v, const struct buf *heads)
{
	uint64_t size = v->tree.size;
	struct digest *leaves = &v->marks->leaf[size % VERIFY_LEAVES];

	if (size % CHUNK == 0) {
		v->marks->tree[size / CHUNK % TREES] = v->tree;
	}
	book_leaf_many(
	    (const uint8_t *)heads->at, heads->len / BOOK_HEAD_SIZE, leaves);
	return leaves;
}

/* Of a size that was read.  False: it is further behind than the marks. */
static bool
root_at(const struct verify *v, uint64_t size, struct digest *root)
{
	uint64_t start = size > 0 ? (size - 1) / CHUNK * CHUNK : 0;
	struct book_tree tree = v->marks->tree[start / CHUNK % TREES];

	if (tree.size != start) {
		return false;
	}
	book_tree_add_leaves(
	    &tree, &v->marks->leaf[start % VERIFY_LEAVES], size - start);
	*root = book_tree_root(&tree);
	return true;
}

/* --- checkpoints that stand in the book --- */

static int
no_checkpoint(uint64_t seq, struct err *e)
{
	e->kind = ERR_DENIED;
	return err_wrap(
	    e, "the checkpoint in event %llu", (unsigned long long)seq);
}

static int
compare(
    struct verify *v, uint64_t seq, const struct book_root *said, struct err *e)
{
	struct digest root;

	if (said->size >= seq) {
		return err_set(e, ERR_DENIED,
		    "the checkpoint in event %llu is of %llu events: those "
		    "that came after it were not there to be signed",
		    (unsigned long long)seq, (unsigned long long)said->size);
	}
	if (!root_at(v, said->size, &root)) {
		v->unchecked++;
		return 0;
	}
	if (!digest_eq(root, said->root)) {
		return err_set(e, ERR_DENIED,
		    "an event was changed: the first %llu events are not those "
		    "of the checkpoint in event %llu; the first that differs "
		    "is "
		    "one of %llu to %llu",
		    (unsigned long long)said->size, (unsigned long long)seq,
		    (unsigned long long)v->good + 1,
		    (unsigned long long)said->size);
	}
	v->checkpoints++;
	v->good = said->size > v->good ? said->size : v->good;
	return 0;
}

static void
put_in_force(struct verify *v, struct str line, const struct book_signer *named)
{
	v->known |= str_eq(named->name, v->signer->name) &&
	            memcmp(named->key, v->signer->key, BOOK_KEY_SIZE) == 0;
	must(str_copy(v->in_force, sizeof(v->in_force), line));
}

/* With a signer from outside, its key, or those that it followed or that follow
 * it, each by the word of both, are the ones that sign.  A book may name the
 * same key again: that is no change. */
static int
verify_key(struct verify *v, const struct book_head *head, struct str body,
    struct err *e)
{
	auto_arena a = { 0 };
	struct book_signer named;
	struct json *tree;
	struct str line;
	int failed = json_parse(&a, body, NULL, &tree, e);

	if (!failed && (!json_text(tree, "signer", &line) ||
	                   line.len >= sizeof(v->in_force))) {
		failed = err_set(e, ERR_DENIED, "it names no key");
	}
	if (!failed && v->in_force[0] && !str_eq_z(line, v->in_force)) {
		failed =
		    key_change_check(tree, str_of(v->in_force), v->verify, e);
	}
	if (failed || book_signer_parse(line, &named, e)) {
		e->kind = ERR_DENIED;
		return err_wrap(
		    e, "the key in event %llu", (unsigned long long)head->seq);
	}
	put_in_force(v, line, &named);
	return 0;
}

/* What this head says, or follows, was in force before it. */
static void
believe(struct verify *v, uint64_t seq)
{
	auto_arena a = { 0 };
	auto_buf body = { 0 };
	struct book_signer named;
	struct json *tree;
	struct str line;
	struct err e = { 0 };

	if (store_body_get(v->store, seq, &body, &e) == 0 &&
	    json_parse(&a, buf_str(&body), NULL, &tree, &e) == 0 &&
	    (json_text(tree, "was", &line) ||
	        json_text(tree, "signer", &line)) &&
	    line.len < sizeof(v->in_force) &&
	    book_signer_parse(line, &named, &e) == 0) {
		put_in_force(v, line, &named);
	}
}

/* To the first of these heads that puts a key in force, or to the last. */
static int
seek_key(struct str heads, struct book_head *head)
{
	struct err e = { 0 };

	for (size_t at = 0; at < heads.len; at += BOOK_HEAD_SIZE) {
		struct str bytes = str_sub(heads, at, BOOK_HEAD_SIZE);

		if (book_head_decode(bytes, head, &e)) {
			return -1;
		}
		if (head->kind == BOOK_KEY_IN_FORCE) {
			return 0;
		}
	}
	return 0;
}

/* The body that named a key has expired: it is the one that the next change
 * follows, which is judged where it stands.  Where none follows, or nothing can
 * be read, notes are held against the signer from outside. */
static void
look_ahead(struct verify *v, uint64_t seq)
{
	struct book_head head = { .seq = seq };
	struct err e = { 0 };

	v->in_force[0] = '\0';
	while (head.seq < v->last) {
		uint64_t left = v->last - head.seq;
		auto_buf heads = { 0 };

		if (store_heads_walk(v->store, head.seq + 1,
		        left < CHUNK ? left : CHUNK, keep_head, &heads, &e) ||
		    !heads.len || seek_key(buf_str(&heads), &head)) {
			return;
		}
		if (head.kind == BOOK_KEY_IN_FORCE) {
			believe(v, head.seq);
			return;
		}
	}
}

static int
open_note(const struct verify *v, struct str note, struct book_root *said,
    struct err *e)
{
	struct book_signer now;

	if (!v->in_force[0]) {
		return book_note_open(
		    note, v->signer->name, v->signer, v->verify, said, e);
	}
	must(book_signer_parse(str_of(v->in_force), &now, e) == 0);
	return book_note_open(note, now.name, &now, v->verify, said, e);
}

static int
verify_checkpoint(
    struct verify *v, uint64_t seq, struct str body, struct err *e)
{
	auto_arena a = { 0 };
	struct book_root said = { 0 };
	struct json *tree;
	struct str note;

	if (json_parse(&a, body, NULL, &tree, e)) {
		return no_checkpoint(seq, e);
	}
	if (!json_text(tree, "checkpoint", &note)) {
		(void)err_set(e, ERR_DENIED, "it has no note");
		return no_checkpoint(seq, e);
	}
	if (v->signer ? open_note(v, note, &said, e)
	              : book_note_read(note, &said, e)) {
		return no_checkpoint(seq, e);
	}
	return compare(v, seq, &said, e);
}

/* --- heads and bodies --- */

/* Bodies go by days, with all days before them: where one that came earlier, of
 * that day or one before it, is there, this one has not expired. */
static int
verify_expired(struct verify *v, const struct book_head *head, struct err *e)
{
	auto_buf there = { 0 };
	struct err gone = { 0 };

	if (v->oldest && v->oldest_day <= wall_day(head->time)) {
		if (store_body_get(v->store, v->oldest, &there, &gone) == 0) {
			return err_set(e, ERR_DENIED,
			    "the body of event %llu is missing: that of event "
			    "%llu, which came before it, has not expired",
			    (unsigned long long)head->seq,
			    (unsigned long long)v->oldest);
		}
		v->oldest = 0; /* its day went while we were reading */
	}
	v->expired++;
	return 0;
}

static void
see_oldest(struct verify *v, const struct book_head *head)
{
	if (!v->oldest || wall_day(head->time) < v->oldest_day) {
		v->oldest = head->seq;
		v->oldest_day = wall_day(head->time);
	}
}

/* body stays empty where there is none, or none any more. */
static int
verify_body(struct verify *v, const struct book_head *head, struct buf *body,
    struct err *e)
{
	if (!head->has_body) {
		return 0;
	}
	if (store_body_get(v->store, head->seq, body, e)) {
		if (e->kind != ERR_MISSING) {
			return err_wrap(e, "the body of event %llu",
			    (unsigned long long)head->seq);
		}
		*e = (struct err){ 0 };
		if (v->signer && head->kind == BOOK_KEY_IN_FORCE) {
			look_ahead(v, head->seq);
		}
		return verify_expired(v, head, e);
	}
	v->bodies++;
	see_oldest(v, head);
	if (body->len != head->body_size ||
	    !digest_eq(digest_of(buf_str(body)), head->body)) {
		return err_set(e, ERR_DENIED,
		    "the body of event %llu was changed",
		    (unsigned long long)head->seq);
	}
	if (v->signer && head->kind == BOOK_KEY_IN_FORCE) {
		return verify_key(v, head, buf_str(body), e);
	}
	return head->kind == BOOK_CHECKPOINT
	           ? verify_checkpoint(v, head->seq, buf_str(body), e)
	           : 0;
}

/* A tree from elsewhere that this book has had. */
static int
hold_against(struct verify *v, const struct book_root *tree, const char *where,
    struct err *e)
{
	struct digest root;

	if (tree->size != v->read || tree->size == 0) {
		return 0;
	}
	must(root_at(v, v->read, &root));
	if (!digest_eq(root, tree->root)) {
		return err_set(e, ERR_DENIED,
		    "the first %llu events are not those of the checkpoint "
		    "%s: one of %llu to %llu was changed, or the "
		    "whole book was replaced",
		    (unsigned long long)tree->size, where,
		    (unsigned long long)v->good + 1,
		    (unsigned long long)tree->size);
	}
	v->good = tree->size;
	return 0;
}

static int
verify_against(struct verify *v, struct err *e)
{
	return hold_against(v, &v->against, GIVEN, e) ||
	               hold_against(v, &v->published, v->published_in, e)
	           ? -1
	           : 0;
}

static int
verify_head(struct verify *v, struct str bytes, struct err *e)
{
	struct book_head head;
	auto_buf body = { 0 };

	if (book_head_decode(bytes, &head, e)) {
		e->kind = ERR_DENIED;
		return err_wrap(e, "event %llu was changed",
		    (unsigned long long)v->read + 1);
	}
	if (head.seq != v->read + 1) {
		return err_set(e, ERR_DENIED, "event %llu is missing",
		    (unsigned long long)v->read + 1);
	}
	v->read++;
	if (verify_body(v, &head, &body, e) || verify_against(v, e)) {
		return -1;
	}
	return v->decisions
	           ? decisions_head(v->decisions, &head, buf_str(&body), e)
	           : 0;
}

static int
reaches(const struct verify *v, const struct book_root *tree, const char *where,
    struct err *e)
{
	return tree->size <= v->last
	           ? 0
	           : err_set(e, ERR_DENIED,
	                 "the book was cut off: it ends with event %llu, and "
	                 "the checkpoint %s has %llu",
	                 (unsigned long long)v->last, where,
	                 (unsigned long long)tree->size);
}

static int
verify_length(const struct verify *v, struct err *e)
{
	if (v->in_force[0] && !v->known) {
		return err_set(e, ERR_DENIED,
		    "the key of the signer that you gave never was in force in "
		    "this book: it is %s",
		    v->in_force);
	}
	return reaches(v, &v->against, GIVEN, e) ||
	               reaches(v, &v->published, v->published_in, e)
	           ? -1
	           : 0;
}

/* What the store itself finds broken stands in the heads from here on. */
static int
no_heads(const struct verify *v, struct buf *heads, struct err *e)
{
	e->kind = ERR_DENIED;
	return err_wrap(e, "event %llu or one of the same batch",
	    (unsigned long long)v->read + heads->len / BOOK_HEAD_SIZE + 1);
}

int
verify_step(struct verify *v, struct err *e)
{
	uint64_t left = v->last - v->read;
	uint64_t most = CHUNK - v->read % CHUNK;
	auto_buf heads = { 0 };

	if (!v->marks) {
		v->marks = calloc(1, sizeof(*v->marks));
		must(v->marks);
	}
	if (!left) {
		return verify_length(v, e);
	}
	if (store_heads_walk(v->store, v->read + 1, left < most ? left : most,
	        keep_head, &heads, e)) {
		return no_heads(v, &heads, e);
	}
	if (!heads.len) {
		return err_set(e, ERR_DENIED, "event %llu is missing",
		    (unsigned long long)v->read + 1);
	}
	const struct digest *leaves = mark(v, &heads);

	for (size_t at = 0; at < heads.len; at += BOOK_HEAD_SIZE) {
		if (verify_head(
		        v, str_sub(buf_str(&heads), at, BOOK_HEAD_SIZE), e)) {
			return -1;
		}
	}
	book_tree_add_leaves(&v->tree, leaves, heads.len / BOOK_HEAD_SIZE);
	return v->read < v->last ? 1 : verify_length(v, e);
}

void
verify_fini(struct verify *v)
{
	free(v->marks);
	v->marks = NULL;
}

int
verify_all(struct verify *v, struct err *e)
{
	int left;

	v->last = store_last_seq(v->store);
	do {
		left = verify_step(v, e);
	} while (left > 0);
	verify_fini(v);
	return left;
}
