/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/postgres.h"

/* Rows as they are read: in pages, so that no walk holds a
 * statement open while its reader thinks. */

int
postgres_row_get(struct store *s, struct str space, struct str key,
    struct buf *out, uint64_t *version, struct err *e)
{
	struct postgres *p = (struct postgres *)s;
	const struct batch_row *own = batch_row_find(p, space, key);
	struct params params = { 0 };
	auto_result r = NULL;
	int rc;

	if (own && own->put) {
		if (version) {
			*version = own->version;
		}
		buf_add(out, own->value);
		return 0;
	}
	param_text(&params, space);
	param_bytes(&params, key);
	rc = own ? 0 : postgres_ask(p, READ_ROW, &params, &r, e);
	buf_fini(&params.bytes);
	if (rc) {
		return -1;
	}
	if (own || pq.ntuples(r) < 1) {
		return err_set(e, ERR_MISSING, "there is no " STR_FMT " %s",
		    STR_ARG(space), err_quote(key));
	}
	if (version) {
		*version = column_u64(r, 0, 0);
	}
	buf_add(out, column_str(r, 0, 1));
	return 0;
}

/* Rows of batches that are not on the server yet, as the newest of them says,
 * in the server's order. */
struct own_rows {
	const struct batch_row **at;
	size_t count;
	size_t room;
	size_t given; /* so many, or passed over */
};

struct rows_walk {
	struct str space; /* empty: all */
	struct str prefix;
	struct buf last_space;
	struct buf last_key; /* the smallest key that was not given yet */
	struct own_rows own;
	bool done;
	store_row_fn *each;
	void *context;
};

static int
row_order(struct str space, struct str key, const struct batch_row *own)
{
	int order = str_cmp(space, own->space);

	return order ? order : str_cmp(key, own->key);
}

static int
by_place(const void *a, const void *b)
{
	const struct batch_row *const *one = a;
	const struct batch_row *const *other = b;

	return row_order((*one)->space, (*one)->key, *other);
}

/* Of this walk, and nothing newer stands behind it. */
static bool
is_told(struct postgres *p, const struct rows_walk *walk,
    const struct batch_row *row)
{
	return (!walk->space.len || str_eq(row->space, walk->space)) &&
	       str_starts(row->key, walk->prefix) &&
	       batch_row_find(p, row->space, row->key) == row;
}

static void
gather_batch(struct postgres *p, const struct batch *b, struct rows_walk *walk)
{
	struct own_rows *own = &walk->own;

	for (size_t i = 0; i < b->row_count; i++) {
		if (is_told(p, walk, &b->rows[i])) {
			own->at = array_grow((void *)own->at, own->count,
			    &own->room, sizeof(void *));
			own->at[own->count++] = &b->rows[i];
		}
	}
}

static void
gather_own(struct postgres *p, struct rows_walk *walk)
{
	for (unsigned i = 0; i <= p->flights; i++) {
		gather_batch(p, batch_at(p, i), walk);
	}
	if (walk->own.count) {
		qsort((void *)walk->own.at, walk->own.count, sizeof(void *),
		    by_place);
	}
}

static int
give_own(struct rows_walk *walk, struct err *e)
{
	const struct batch_row *own = walk->own.at[walk->own.given++];
	struct store_row row = {
		.space = own->space,
		.key = own->key,
		.version = own->version,
		.value = own->value,
	};

	return own->put ? walk->each(walk->context, &row, e) : 0;
}

/* One of the server's, after those of ours that come before it, or the one of
 * ours that stands in its place. */
static int
give_merged(struct rows_walk *walk, const struct store_row *row, struct err *e)
{
	struct own_rows *own = &walk->own;
	int order = -1;

	while (own->given < own->count &&
	       (order = row_order(row->space, row->key, own->at[own->given])) >=
	           0) {
		if (give_own(walk, e)) {
			return -1;
		}
		if (order == 0) {
			return 0;
		}
	}
	return walk->each(walk->context, row, e);
}

static int
give_rows(struct rows_walk *walk, const PGresult *r, struct err *e)
{
	int count = pq.ntuples(r);

	walk->done = count == 0;
	for (int i = 0; i < count; i++) {
		struct store_row row = {
			.space = column_str(r, i, 0),
			.key = column_str(r, i, 1),
			.version = column_u64(r, i, 2),
			.value = column_str(r, i, 3),
		};

		if (walk->space.len && !str_starts(row.key, walk->prefix)) {
			walk->done = true;
			return 0;
		}
		if (str_starts(row.key, walk->prefix) &&
		    give_merged(walk, &row, e)) {
			return -1;
		}
	}
	if (count) {
		buf_clear(&walk->last_space);
		buf_add(&walk->last_space, column_str(r, count - 1, 0));
		buf_clear(&walk->last_key);
		buf_add(&walk->last_key, column_str(r, count - 1, 1));
		if (walk->space.len) {
			buf_add_byte(&walk->last_key, 0);
		}
	}
	return 0;
}

static int
rows_page(struct postgres *p, struct rows_walk *walk, struct err *e)
{
	struct params params = { 0 };
	auto_result r = NULL;
	int rc;

	param_bytes(&params, buf_str(&walk->last_space));
	param_bytes(&params, buf_str(&walk->last_key));
	rc = postgres_ask(
	    p, walk->space.len ? READ_ROWS_FROM : READ_ROWS, &params, &r, e);
	buf_fini(&params.bytes);
	return rc ? -1 : give_rows(walk, r, e);
}

int
postgres_rows_walk(struct store *s, struct str space, struct str prefix,
    store_row_fn *each, void *context, struct err *e)
{
	struct rows_walk walk = {
		.space = space,
		.prefix = prefix,
		.each = each,
		.context = context,
	};
	int rc = 0;

	if (space.len) {
		buf_add(&walk.last_space, space);
		buf_add(&walk.last_key, prefix);
	}
	gather_own((struct postgres *)s, &walk);
	while (rc == 0 && !walk.done) {
		rc = rows_page((struct postgres *)s, &walk, e);
	}
	while (rc == 0 && walk.own.given < walk.own.count) {
		rc = give_own(&walk, e);
	}
	free((void *)walk.own.at);
	buf_fini(&walk.last_space);
	buf_fini(&walk.last_key);
	return rc;
}

int
postgres_rows_count(
    struct store *s, struct str space, uint64_t *count, struct err *e)
{
	struct params params = { 0 };
	auto_result r = NULL;
	int rc;

	param_text(&params, space);
	rc =
	    postgres_ask((struct postgres *)s, READ_ROWS_COUNT, &params, &r, e);
	buf_fini(&params.bytes);
	if (rc) {
		return -1;
	}
	*count = column_u64(r, 0, 0);
	return 0;
}
