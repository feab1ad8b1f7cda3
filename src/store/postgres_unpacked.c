/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "store/postgres.h"

/* One head, one body: of the batch that is gathered or under way, of the row
 * that was unpacked last, or of a row that is asked for. */

static int
no_head(uint64_t seq, struct err *e)
{
	return err_set(
	    e, ERR_MISSING, "head %" PRIu64 " is not in the store", seq);
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

static bool
is_unpacked(const struct unpacked *u, uint64_t seq)
{
	return u->count > 0 && seq >= u->first && seq - u->first < u->count;
}

/* The row of the log that seq lies in, if it is in the log. */
static int
unpack_row(struct postgres *p, uint64_t seq, struct err *e)
{
	struct unpacked *u = &p->unpacked;
	struct params params = { 0 };
	auto_result r = NULL;
	int rc;

	u->count = 0;
	param_i64(&params, (int64_t)seq);
	param_i64(&params, 1);
	rc = postgres_ask(p, READ_HEADS, &params, &r, e);
	buf_fini(&params.bytes);
	/* The words after the row: they were written no later. */
	if (rc || (!p->owned && postgres_words_load(p, e))) {
		return -1;
	}
	if (pq.ntuples(r) < 1) {
		return 0;
	}
	u->first = column_u64(r, 0, 0);
	if (unpack_heads(
	        p->words, u->first, column_str(r, 0, 1), keep_head, u, e)) {
		u->count = 0;
		return -1;
	}
	return 0;
}

static int
find_head(
    struct postgres *p, uint64_t seq, struct pack_head *found, struct err *e)
{
	const struct unpacked *u = &p->unpacked;

	if (seq < 1 || seq > INT64_MAX || (p->owned && seq > p->base.last)) {
		return no_head(seq, e);
	}
	/* Whether the log has it already is not known while it is under way. */
	for (unsigned i = 0; i <= p->flights; i++) {
		const struct batch *b = batch_at(p, i);

		if (seq >= b->first && seq - b->first < b->head_count) {
			*found = b->heads[seq - b->first];
			return 0;
		}
	}
	if (!is_unpacked(u, seq) && unpack_row(p, seq, e)) {
		return -1;
	}
	if (is_unpacked(u, seq)) {
		*found = u->heads[seq - u->first];
		return 0;
	}
	return seq > p->base.committed
	           ? no_head(seq, e)
	           : err_set(e, ERR_IO,
	                 "head %" PRIu64 " is missing in the log on PostgreSQL",
	                 seq);
}

int
postgres_head_get(struct store *s, uint64_t seq, store_head_fn *each,
    void *context, struct err *e)
{
	struct pack_head found; /* the reader may ask for another meanwhile */
	struct store_head head = { .seq = seq, .head = found.head };

	if (find_head((struct postgres *)s, seq, &found, e)) {
		return -1;
	}
	head.before = found.before;
	return each(context, &head, e);
}

static const struct batch_body *
body_of(const struct batch *b, uint64_t seq)
{
	for (size_t i = 0; i < b->body_count; i++) {
		if (b->bodies[i].seq == seq) {
			return &b->bodies[i];
		}
	}
	return NULL;
}

/* The body of that head in a batch; NULL: in none. */
static const struct batch_body *
batch_body(struct postgres *p, uint64_t seq)
{
	const struct batch_body *found = NULL;

	for (unsigned i = 0; i <= p->flights && !found; i++) {
		found = body_of(batch_at(p, i), seq);
	}
	return found;
}

/* In row i of READ_BODY, which is then the one that was unpacked last. */
static int
find_body(struct postgres *p, const PGresult *r, int i, uint64_t seq,
    struct str *bytes, struct err *e)
{
	struct unpacked *u = &p->unpacked;

	buf_clear(&u->content);
	u->body_first = column_u64(r, i, 0);
	u->body_day = column_i64(r, i, 1);
	if (unpack_bodies(column_str(r, i, 2), &u->content, e)) {
		buf_clear(&u->content);
		return -1;
	}
	return unpack_body(u->body_first, buf_str(&u->content), seq, bytes, e);
}

static int
read_body(struct postgres *p, uint64_t seq, struct str *bytes, struct err *e)
{
	struct params params = { 0 };
	auto_result r = NULL;
	int rc;

	must(seq <= INT64_MAX);
	param_i64(&params, (int64_t)seq);
	rc = postgres_ask(p, READ_BODY, &params, &r, e);
	buf_fini(&params.bytes);
	if (rc) {
		return -1;
	}
	for (int i = 0; i < pq.ntuples(r); i++) {
		if (find_body(p, r, i, seq, bytes, e) == 0) {
			return 0;
		}
		if (e->kind != ERR_MISSING) {
			return -1;
		}
	}
	return err_set(e, ERR_MISSING,
	    "the body of head %" PRIu64 " is not in the store", seq);
}

int
postgres_body_get(
    struct store *s, uint64_t seq, int64_t *day, struct buf *out, struct err *e)
{
	struct postgres *p = (struct postgres *)s;
	struct unpacked *u = &p->unpacked;
	const struct batch_body *own = batch_body(p, seq);
	struct str bytes = { 0 };

	if (own) {
		bytes = own->bytes;
	} else if ((u->content.len == 0 ||
	               unpack_body(u->body_first, buf_str(&u->content), seq,
	                   &bytes, e)) &&
	           read_body(p, seq, &bytes, e)) {
		return -1;
	}
	if (day) {
		*day = own ? own->day : u->body_day;
	}
	buf_add(out, bytes);
	return 0;
}
