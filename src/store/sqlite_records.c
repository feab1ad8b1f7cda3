/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite.h"

/*
 * Records of tasks by number.  Tasks are mostly claimed in the order in which
 * they were put, so whoever reads one after the other finds the next ones in
 * memory: a statement of its own for each would cost more than all else of a
 * claim.  Who reads here and there reads one at a time.
 */

#define NEAR       16 /* numbers of other heads that may lie between two */
#define BYTES_MOST ((size_t)256 * 1024)

void
sqlite_ahead_forget(struct sqlite *s, uint64_t number)
{
	if (number <= s->ahead.last) {
		s->ahead.count = 0;
	}
}

static const struct ahead_record *
search(const struct ahead *h, uint64_t number)
{
	size_t from = 0;
	size_t to = h->count;

	while (from < to) {
		size_t middle = (from + to) / 2;

		if (h->at[middle].number < number) {
			from = middle + 1;
		} else {
			to = middle;
		}
	}
	return from < h->count && h->at[from].number == number ? &h->at[from]
	                                                       : NULL;
}

static void
keep(struct ahead *h, sqlite3_stmt *row)
{
	struct str id = column_text(row, 1);
	struct str record = column_text(row, 2);

	h->last = (uint64_t)sqlite3_column_int64(row, 0);
	h->at[h->count++] = (struct ahead_record){
		.number = h->last,
		.at = h->bytes.len,
		.id_len = id.len,
		.len = record.len,
	};
	buf_add(&h->bytes, id);
	buf_add(&h->bytes, record);
}

/* From this number on: more at a time, the longer it goes in order. */
static int
read_ahead(struct sqlite *s, uint64_t number, struct err *e)
{
	sqlite3_stmt *row = s->statements[STATEMENT_RECORDS];
	struct ahead *h = &s->ahead;
	bool near = number > h->last && number - h->last <= NEAR;
	int found;

	h->span = near && h->span ? 2 * h->span : 1;
	if (h->span > SQLITE_AHEAD) {
		h->span = SQLITE_AHEAD;
	}
	h->count = 0;
	buf_clear(&h->bytes);
	bind_number(row, 1, (int64_t)number);
	bind_number(row, 2, (int64_t)h->span);
	while ((found = read_step(s, STATEMENT_RECORDS, e)) == 1) {
		keep(h, row);
		if (h->bytes.len >= BYTES_MOST) {
			read_end(s, STATEMENT_RECORDS);
			return 0;
		}
	}
	return found;
}

int
sqlite_task_record(struct store *store, uint64_t number, struct str id,
    struct buf *out, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	const struct ahead_record *r = search(&s->ahead, number);

	if (!r && read_ahead(s, number, e)) {
		return -1;
	}
	r = r ? r : search(&s->ahead, number);
	struct str bytes = buf_str(&s->ahead.bytes);

	if (!r || !str_eq(id, str_sub(bytes, r->at, r->id_len))) {
		return err_set(e, ERR_MISSING, "no task %s has this number",
		    err_quote(id));
	}
	buf_add(out, str_sub(bytes, r->at + r->id_len, r->len));
	return 0;
}
