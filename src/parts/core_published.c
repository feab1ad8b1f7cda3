/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The note that `[audit] publish = "file:…"` has left: it is written after the
 * commit that names it, so the book is never behind it, whatever falls.  One
 * that is smaller, or has other events up to there, was put back to an older
 * copy, cut off or replaced: no house starts on it.  `handrail restore` is the
 * lawful way; then the note is kept beside, and the head `restored` names it.
 * Nor does one start beside a note that it cannot read.  It costs such a start
 * a second for some two million events.
 *
 * What went to a URL is not here to be compared; who took it there can.
 */
#include <stdio.h>
#include <string.h>

#include "parts/core.h"
#include "parts/core_log.h"

#define CHUNK 4096 /* heads read at once */
#define NEXT                                                              \
	"put the right store back, or make a backup the book (`handrail " \
	"restore FILE`), or move that note aside"

/* ERR_MISSING: nothing is there yet. */
static int
read_note(const char *path, struct book_root *out, struct err *e)
{
	auto_buf note = { 0 };

	if (file_read(path, BOOK_NOTE_MAX, &note, e)) {
		return -1; /* it names the path */
	}
	int failed = book_note_read(buf_str(&note), out, e);

	if (!failed && !out->size) {
		failed = err_set(e, ERR_INPUT, "it is of a tree of no events");
	}
	return failed ? err_wrap(e, "%s", path) : 0;
}

int
core_published_read(
    struct core *c, struct book_root *out, struct buf *path, struct err *e)
{
	struct str place = c->house.config.audit.publish;

	*out = (struct book_root){ 0 };
	if (!str_starts(place, STR("file:"))) {
		return 0;
	}
	buf_add(path, str_sub(place, strlen("file:"), place.len));
	if (read_note(buf_z(path), out, e) == 0) {
		return 0;
	}
	if (e->kind != ERR_MISSING) {
		return -1;
	}
	*e = (struct err){ 0 };
	return 0;
}

/* --- before the first event of a start --- */

static int
keep_head(void *context, const struct store_head *row, struct err *e)
{
	(void)e;
	buf_add(context, str_span(row->head, BOOK_HEAD_SIZE));
	return 0;
}

static int
root_of(struct core *c, uint64_t size, struct digest *root, struct err *e)
{
	static struct digest leaves[CHUNK];
	struct book_tree tree = { 0 };
	auto_buf heads = { 0 };

	while (tree.size < size) {
		uint64_t left = size - tree.size;

		buf_clear(&heads);
		if (store_heads_walk(c->book.store, tree.size + 1,
		        left < CHUNK ? left : CHUNK, keep_head, &heads, e)) {
			return -1;
		}
		size_t count = heads.len / BOOK_HEAD_SIZE;

		if (!count) {
			return err_set(e, ERR_MISSING, "event %llu is missing",
			    (unsigned long long)tree.size + 1);
		}
		book_leaf_many((const uint8_t *)heads.at, count, leaves);
		book_tree_add_leaves(&tree, leaves, count);
	}
	*root = book_tree_root(&tree);
	return 0;
}

/* 1: they fit; 0: they do not, and why; -1: it cannot be read.  Every event up
 * to there is read: a tree, and a note as its own newest, who puts a store
 * there can put there as well, and the next note of that book would be the only
 * one. */
static int
fits(struct core *c, const char *path, const struct book_root *published,
    struct err *why)
{
	struct digest root;

	if (published->size > c->book.seq) {
		(void)err_set(why, ERR_CONFLICT,
		    "this book is smaller than the note that it published: %s "
		    "has a tree of %llu events, the book %llu; " NEXT,
		    path, (unsigned long long)published->size,
		    (unsigned long long)c->book.seq);
		return 0;
	}
	if (root_of(c, published->size, &root, why)) {
		return -1;
	}
	if (!digest_eq(root, published->root)) {
		(void)err_set(why, ERR_CONFLICT,
		    "this book is not the one whose note is in %s: one of its "
		    "first %llu events is another; " NEXT,
		    path, (unsigned long long)published->size);
		return 0;
	}
	return 1;
}

/* With the tree that is overruled, what `handrail restore` left for the head
 * `restored`: on the disk before the note goes. */
static int
write_overruled(struct core *c, struct str left, uint64_t version,
    const struct book_root *published, struct err *e)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	struct json *over = json_new(&a, JSON_OBJECT);
	struct json *tree;
	char hex[DIGEST_TEXT];

	if (json_parse(&a, left, NULL, &tree, e)) {
		return err_wrap(e, "what the restore left in the book");
	}
	digest_text(published->root, hex);
	(void)json_set(
	    &a, over, "events", json_new_i64(&a, (int64_t)published->size));
	(void)json_set_str(&a, over, "root", str_of(hex));
	(void)json_set(&a, tree, "overruled", over);
	json_write(&text, tree);
	core_row(
	    c, "meta", STR(CORE_RESTORED_ROW), buf_str(&text), version + 1);
	return core_commit_now(c, e);
}

/* Nothing is overwritten: whoever has to explain the loss has the note. */
static int
move_aside(const char *path, struct err *e)
{
	auto_buf aside = { 0 };

	buf_addf(&aside, "%s.before-restore-%lld", path,
	    (long long)(wall_now().us / CLOCK_SECOND));
	return rename(path, buf_z(&aside))
	           ? err_sys(e,
	                 "cannot keep %s as %s (the folder must be writable "
	                 "for core's own id)",
	                 path, buf_z(&aside))
	           : 0;
}

/* The first node that starts takes a restore up.  A note of another may be of
 * before it, or of a book that was put back since: nobody but people can tell.
 */
static int
refuse(struct core *c, const struct err *why, struct err *e)
{
	auto_buf seq = { 0 };
	struct err none = { 0 };

	if (store_row_get(c->book.store, STR("meta"), STR(CORE_RESTORED_SEQ),
	        &seq, NULL, &none)) {
		*e = *why;
		return -1;
	}
	return err_set(e, why->kind,
	    "%s (this book was restored from a backup by event %s, and a node "
	    "has gone on from there: if the note is of before, move it aside)",
	    why->text, buf_z(&seq));
}

/* What does not fit is overruled by a restore, if there was one. */
static int
overrule(struct core *c, const char *path, const struct book_root *published,
    const struct err *why, struct err *e)
{
	auto_buf left = { 0 };
	uint64_t version = 0;

	if (store_row_get(c->book.store, STR("meta"), STR(CORE_RESTORED_ROW),
	        &left, &version, e)) {
		return e->kind == ERR_MISSING ? refuse(c, why, e) : -1;
	}
	log_err("publish", why);
	return write_overruled(c, buf_str(&left), version, published, e) ||
	               move_aside(path, e)
	           ? -1
	           : 0;
}

int
core_published_check(struct core *c, struct err *e)
{
	const char *path = part_arg(&c->part, "publish");
	struct book_root published = { 0 };
	struct err why = { 0 };

	if (!path) {
		return 0;
	}
	if (read_note(path, &published, &why)) {
		return why.kind == ERR_MISSING
		           ? 0
		           : err_set(e, ERR_CONFLICT,
		                 "the note that a book published here cannot "
		                 "be read: %s; no house starts beside a note "
		                 "that it cannot compare its book with: mend "
		                 "it, or move that note aside",
		                 why.text);
	}
	int fit = fits(c, path, &published, &why);

	if (fit == 0) {
		return overrule(c, path, &published, &why, e);
	}
	if (fit > 0) {
		core_publish_knows(c, &published);
	}
	*e = why;
	return fit < 0 ? err_wrap(e, "comparing the book with %s", path) : 0;
}
