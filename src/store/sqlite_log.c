/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite.h"

static const char adding[] = "writing to the book";

static int
load_words(struct sqlite *s, struct err *e)
{
	sqlite3_stmt *row = s->statements[STATEMENT_WORDS];
	int found;

	while ((found = read_step(s, STATEMENT_WORDS, e)) == 1) {
		int64_t number = sqlite3_column_int64(row, 0);

		if (number < 0 || number >= STORE_WORDS_MAX ||
		    pack_words_add(
		        s->words, (uint32_t)number, column_blob(row, 1), e)) {
			read_end(s, STATEMENT_WORDS);
			return err_set(e, ERR_IO,
			    "%s is damaged at word %lld; restore it from a "
			    "backup",
			    s->store.where.at, (long long)number);
		}
	}
	return found;
}

int
sqlite_load_log(struct sqlite *s, struct err *e)
{
	pack_words_free(s->words); /* of a step that packed */
	s->words = pack_words_new();
	if (load_words(s, e) ||
	    sqlite_number(s, STATEMENT_LAST, &s->store.last, e)) {
		return -1;
	}
	s->words_committed = pack_words_count(s->words);
	s->words_written = s->words_committed;
	s->store.committed = s->store.last;
	s->span_day = SPAN_UNKNOWN;
	return 0;
}

static void
forget_unpacked(struct sqlite *s)
{
	s->unpacked.count = 0;
	buf_clear(&s->unpacked.content);
}

void
sqlite_forget(struct sqlite *s)
{
	s->pending.heads_count = 0;
	s->pending.bodies_count = 0;
	buf_clear(&s->pending.bytes);
	s->span_day = SPAN_UNKNOWN;
	forget_unpacked(s);
	sqlite_ends_forget(s);
	s->ahead.count = 0;
	pack_words_forget(s->words, s->words_committed);
	s->words_written = s->words_committed;
}

void
sqlite_log_fini(struct sqlite *s)
{
	pack_words_free(s->words);
	free(s->pending.heads);
	free(s->pending.bodies);
	buf_fini(&s->pending.bytes);
	free(s->unpacked.heads);
	buf_fini(&s->unpacked.content);
	buf_fini(&s->ends.bytes);
	buf_fini(&s->ahead.bytes);
	buf_fini(&s->packed);
}

/* Bodies of another day than those before them begin a span.  What is known of
 * the last one saves asking; the statement itself looks.  The step that packs
 * comes before there are spans. */
static int
begin_span(struct sqlite *s, uint64_t first, int64_t day, struct err *e)
{
	sqlite3_stmt *row = s->statements[STATEMENT_SPAN_ADD];

	if (!row || day == s->span_day) {
		return 0;
	}
	bind_number(row, 1, (int64_t)first);
	bind_number(row, 2, day);
	if (write_step(s, STATEMENT_SPAN_ADD, adding, e)) {
		return -1;
	}
	s->span_day = day;
	return 0;
}

static int
flush_bodies(struct sqlite *s, struct err *e)
{
	sqlite3_stmt *row = s->statements[STATEMENT_BODY_ADD];
	struct pending *p = &s->pending;
	size_t at = 0;

	if (p->bodies_count == 0) {
		return 0;
	}
	if (begin_span(s, p->bodies[0].seq, p->day, e)) {
		return -1;
	}
	for (size_t i = 0; i < p->bodies_count; i++) {
		p->bodies[i].bytes.at = p->bytes.at + at;
		at += p->bodies[i].bytes.len;
	}
	buf_clear(&s->packed);
	pack_bodies(p->bodies[0].seq, p->bodies, p->bodies_count, &s->packed);
	bind_number(row, 1, (int64_t)p->bodies[0].seq);
	bind_number(row, 2, p->day);
	bind_number(row, 3, (int64_t)p->bodies_count);
	bind_blob(row, 4, buf_str(&s->packed));
	p->bodies_count = 0;
	buf_clear(&p->bytes);
	return write_step(s, STATEMENT_BODY_ADD, adding, e);
}

static int
flush_words(struct sqlite *s, struct err *e)
{
	sqlite3_stmt *row = s->statements[STATEMENT_WORD_ADD];

	for (; s->words_written < pack_words_count(s->words);
	     s->words_written++) {
		bind_number(row, 1, s->words_written);
		bind_blob(row, 2, pack_words_at(s->words, s->words_written));
		if (write_step(s, STATEMENT_WORD_ADD, adding, e)) {
			return -1;
		}
	}
	return 0;
}

int
sqlite_flush(struct sqlite *s, struct err *e)
{
	sqlite3_stmt *row = s->statements[STATEMENT_LOG_ADD];
	struct pending *p = &s->pending;
	size_t count = p->heads_count;

	if (sqlite_ends_flush(s, e) || flush_bodies(s, e)) {
		return -1;
	}
	if (count == 0) {
		return 0;
	}
	buf_clear(&s->packed);
	pack_heads(s->words, p->first, p->heads, count, &s->packed);
	bind_number(row, 1, (int64_t)p->first);
	bind_number(row, 2, (int64_t)count);
	bind_blob(row, 3, buf_str(&s->packed));
	p->heads_count = 0;
	return write_step(s, STATEMENT_LOG_ADD, adding, e) || flush_words(s, e)
	           ? -1
	           : 0;
}

int
sqlite_head_add(
    struct store *store, const struct store_head *head, struct err *e)
{
	struct pending *p = &sqlite_of(store)->pending;
	struct pack_head *to;

	(void)e;
	if (p->heads_count == 0) {
		p->first = head->seq;
	}
	p->heads = array_grow(
	    p->heads, p->heads_count, &p->heads_room, sizeof(*p->heads));
	to = &p->heads[p->heads_count++];
	to->before = head->before;
	memcpy(to->head, head->head, STORE_HEAD_SIZE);
	return 0;
}

int
sqlite_body_add(struct store *store, uint64_t seq, int64_t day,
    struct str bytes, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	struct pending *p = &s->pending;

	if (p->bodies_count > 0 &&
	    (p->day != day || p->bytes.len + bytes.len > STORE_BODIES_MAX) &&
	    flush_bodies(s, e)) {
		return -1;
	}
	p->day = day;
	p->bodies = array_grow(
	    p->bodies, p->bodies_count, &p->bodies_room, sizeof(*p->bodies));
	p->bodies[p->bodies_count++] =
	    (struct pack_body){ seq, { NULL, bytes.len } };
	buf_add(&p->bytes, bytes);
	return 0;
}

/* A read in a transaction sees its own batch as rows. */
static int
settle(struct sqlite *s, struct err *e)
{
	return s->store.state == STORE_OPEN && sqlite_flush(s, e)
	           ? store_break(&s->store, e)
	           : 0;
}

static int
damaged(const struct sqlite *s, struct err *e)
{
	return err_wrap(e, "%s", s->store.where.at);
}

struct walk {
	uint64_t from;
	uint64_t left;
	bool limited;
	bool enough;
	store_head_fn *each;
	void *context;
};

static int
give_head(
    void *context, uint64_t seq, const struct pack_head *head, struct err *e)
{
	struct walk *walk = context;
	struct store_head given = {
		.seq = seq,
		.before = head->before,
		.head = head->head,
	};

	if (seq < walk->from) {
		return 0;
	}
	if (walk->limited && walk->left-- == 0) {
		walk->enough = true;
		return -1;
	}
	return walk->each(walk->context, &given, e);
}

/* One row of the log; -1 too when the walk has enough. */
static int
walk_row(struct sqlite *s, sqlite3_stmt *row, struct walk *walk, struct err *e)
{
	return unpack_heads(s->words, (uint64_t)sqlite3_column_int64(row, 0),
	    column_blob(row, 2), give_head, walk, e);
}

int
sqlite_heads_walk(struct store *store, uint64_t from, uint64_t limit,
    store_head_fn *each, void *context, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	struct walk walk = {
		.from = from,
		.left = limit,
		.limited = limit > 0,
		.each = each,
		.context = context,
	};
	uint64_t first;
	int found;

	if (settle(s, e)) {
		return -1;
	}
	if (from > store->last) {
		return 0;
	}
	bind_number(s->statements[STATEMENT_LOG_FIRST], 1, (int64_t)from);
	if (sqlite_number(s, STATEMENT_LOG_FIRST, &first, e)) {
		return -1;
	}
	bind_number(s->statements[STATEMENT_LOG_FROM], 1, (int64_t)first);
	while ((found = read_step(s, STATEMENT_LOG_FROM, e)) == 1) {
		if (walk_row(s, s->statements[STATEMENT_LOG_FROM], &walk, e)) {
			read_end(s, STATEMENT_LOG_FROM);
			return walk.enough ? 0 : -1;
		}
	}
	return found;
}

static int
keep_head(
    void *context, uint64_t seq, const struct pack_head *head, struct err *e)
{
	struct unpacked *u = context;

	(void)seq;
	(void)e;
	u->heads = array_grow(u->heads, u->count, &u->room, sizeof(*u->heads));
	u->heads[u->count++] = *head;
	return 0;
}

static int
no_head(uint64_t seq, struct err *e)
{
	return err_set(e, ERR_MISSING, "head %llu is not in the store",
	    (unsigned long long)seq);
}

/* Unpacks the row with this seq, unless it is the last that was. */
static int
unpack_row(struct sqlite *s, uint64_t seq, struct err *e)
{
	sqlite3_stmt *row = s->statements[STATEMENT_LOG_AT];
	struct unpacked *u = &s->unpacked;
	int found;

	if (u->count > 0 && seq >= u->first && seq - u->first < u->count) {
		return 0;
	}
	u->count = 0;
	bind_number(row, 1, (int64_t)seq);
	found = read_step(s, STATEMENT_LOG_AT, e);
	if (found <= 0) {
		return found < 0 ? -1 : no_head(seq, e);
	}
	u->first = (uint64_t)sqlite3_column_int64(row, 0);
	if (unpack_heads(
	        s->words, u->first, column_blob(row, 2), keep_head, u, e)) {
		u->count = 0;
		(void)damaged(s, e);
	}
	read_end(s, STATEMENT_LOG_AT);
	if (u->count == 0) {
		return -1;
	}
	return seq - u->first < u->count ? 0 : no_head(seq, e);
}

int
sqlite_head_get(struct store *store, uint64_t seq, store_head_fn *each,
    void *context, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	struct pack_head found;
	struct store_head head = { .seq = seq, .head = found.head };

	if (settle(s, e)) {
		return -1;
	}
	if (seq == 0 || seq > store->last) {
		return no_head(seq, e);
	}
	if (unpack_row(s, seq, e)) {
		return -1;
	}
	/* The reader may ask for another row meanwhile. */
	found = s->unpacked.heads[seq - s->unpacked.first];
	head.before = found.before;
	return each(context, &head, e);
}

static int
no_body(uint64_t seq, struct err *e)
{
	return err_set(e, ERR_MISSING,
	    "the body of head %llu is not in the store",
	    (unsigned long long)seq);
}

/* The body in the rows of bodies between its batch's first head and itself: one
 * row, unless bodies are great or a batch has those of two days. */
static int
search_rows(struct sqlite *s, uint64_t seq, struct str *bytes, struct err *e)
{
	sqlite3_stmt *row = s->statements[STATEMENT_BODY_AT];
	struct unpacked *u = &s->unpacked;
	uint64_t first;
	int found;

	bind_number(s->statements[STATEMENT_LOG_FIRST], 1, (int64_t)seq);
	if (sqlite_number(s, STATEMENT_LOG_FIRST, &first, e)) {
		return -1;
	}
	bind_number(row, 1, (int64_t)seq);
	bind_number(row, 2, (int64_t)first);
	buf_clear(&u->content);
	while ((found = read_step(s, STATEMENT_BODY_AT, e)) == 1) {
		u->body_first = (uint64_t)sqlite3_column_int64(row, 0);
		u->body_day = sqlite3_column_int64(row, 1);
		if (unpack_bodies(column_blob(row, 2), &u->content, e)) {
			read_end(s, STATEMENT_BODY_AT);
			buf_clear(&u->content);
			return damaged(s, e);
		}
		if (unpack_body(u->body_first, buf_str(&u->content), seq, bytes,
		        e) == 0) {
			read_end(s, STATEMENT_BODY_AT);
			return 0;
		}
		if (e->kind != ERR_MISSING) {
			read_end(s, STATEMENT_BODY_AT);
			return damaged(s, e);
		}
	}
	return found < 0 ? -1 : no_body(seq, e);
}

int
sqlite_body_get(struct store *store, uint64_t seq, int64_t *day,
    struct buf *out, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	struct unpacked *u = &s->unpacked;
	struct str bytes = { 0 };

	if (settle(s, e)) {
		return -1;
	}
	if (seq == 0 || seq > store->last) {
		return no_body(seq, e);
	}
	if ((u->content.len == 0 ||
	        unpack_body(
	            u->body_first, buf_str(&u->content), seq, &bytes, e)) &&
	    search_rows(s, seq, &bytes, e)) {
		return -1;
	}
	if (day) {
		*day = u->body_day;
	}
	buf_add(out, bytes);
	return 0;
}

struct span {
	int64_t first;
	int64_t end; /* the first of the next span */
};

/* The last span before a day: 1, or 0: there is none. */
static int
old_span(struct sqlite *s, int64_t before_day, struct span *span, struct err *e)
{
	sqlite3_stmt *row = s->statements[STATEMENT_SPAN_OLD];
	int found;

	bind_number(row, 1, before_day);
	found = read_step(s, STATEMENT_SPAN_OLD, e);
	if (found == 1) {
		span->first = sqlite3_column_int64(row, 0);
		span->end = sqlite3_column_int64(row, 1);
		read_end(s, STATEMENT_SPAN_OLD);
	}
	return found;
}

int
sqlite_bodies_last(
    struct store *store, int64_t before_day, uint64_t *last, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	struct span span = { 0 };
	int found = settle(s, e) ? -1 : old_span(s, before_day, &span, e);

	if (found < 0) {
		return -1;
	}
	*last = found ? (uint64_t)span.end - 1 : 0;
	return 0;
}

static int
drop_span(struct sqlite *s, struct span span, uint64_t *count, struct err *e)
{
	static const char expiring[] = "expiring bodies";
	uint64_t some;

	bind_number(s->statements[STATEMENT_BODIES_COUNT], 1, span.first);
	bind_number(s->statements[STATEMENT_BODIES_COUNT], 2, span.end);
	if (sqlite_number(s, STATEMENT_BODIES_COUNT, &some, e)) {
		return -1;
	}
	*count += some;
	bind_number(s->statements[STATEMENT_BODIES_DROP], 1, span.first);
	bind_number(s->statements[STATEMENT_BODIES_DROP], 2, span.end);
	bind_number(s->statements[STATEMENT_SPAN_DROP], 1, span.first);
	return write_step(s, STATEMENT_BODIES_DROP, expiring, e) ||
	               write_step(s, STATEMENT_SPAN_DROP, expiring, e)
	           ? -1
	           : 0;
}

int
sqlite_bodies_expire(
    struct store *store, int64_t before_day, uint64_t *count, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	struct span span;
	uint64_t dropped = 0;
	int found;

	if (sqlite_flush(s, e)) {
		return -1;
	}
	forget_unpacked(s);
	s->span_day = SPAN_UNKNOWN;
	while ((found = old_span(s, before_day, &span, e)) == 1) {
		if (drop_span(s, span, &dropped, e)) {
			return -1;
		}
	}
	if (found == 0) {
		*count = dropped;
	}
	return found;
}
