/* SPDX-License-Identifier: Apache-2.0 */
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

struct rows_walk {
	struct str space; /* empty: all */
	struct str prefix;
	struct buf last_space;
	struct buf last_key; /* the smallest key that was not given yet */
	bool done;
	store_row_fn *each;
	void *context;
};

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
		    walk->each(walk->context, &row, e)) {
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
	while (rc == 0 && !walk.done) {
		rc = rows_page((struct postgres *)s, &walk, e);
	}
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
