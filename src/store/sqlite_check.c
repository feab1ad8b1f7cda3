/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite.h"

struct count {
	uint64_t heads;
	uint64_t next; /* seq that must follow */
};

static int
count_head(
    void *context, uint64_t seq, const struct pack_head *head, struct err *e)
{
	struct count *count = context;

	(void)seq;
	(void)head;
	(void)e;
	count->heads++;
	return 0;
}

static int
check_log_row(
    struct sqlite *s, sqlite3_stmt *row, struct count *count, struct err *e)
{
	uint64_t first = (uint64_t)sqlite3_column_int64(row, 0);
	uint64_t told = (uint64_t)sqlite3_column_int64(row, 1);

	if (first != count->next) {
		return err_set(e, ERR_IO,
		    "%s: the heads after %llu are missing; restore it from a "
		    "backup",
		    s->store.where.at, (unsigned long long)count->next - 1);
	}
	count->heads = 0;
	if (unpack_heads(
	        s->words, first, column_blob(row, 2), count_head, count, e)) {
		return -1;
	}
	count->next += count->heads;
	if (count->heads != told) {
		return err_set(e, ERR_IO,
		    "%s: the heads from %llu on are %llu, not %llu",
		    s->store.where.at, (unsigned long long)first,
		    (unsigned long long)count->heads, (unsigned long long)told);
	}
	return 0;
}

static int
check_log(struct sqlite *s, struct err *e)
{
	sqlite3_stmt *row = s->statements[STATEMENT_LOG_FROM];
	struct count count = { .next = 1 };
	int found;

	bind_number(row, 1, 0);
	while ((found = read_step(s, STATEMENT_LOG_FROM, e)) == 1) {
		if (check_log_row(s, row, &count, e)) {
			read_end(s, STATEMENT_LOG_FROM);
			return -1;
		}
	}
	return found;
}

static int
check_body_row(
    struct sqlite *s, sqlite3_stmt *row, struct buf *content, struct err *e)
{
	uint64_t first = (uint64_t)sqlite3_column_int64(row, 0);
	uint64_t told = (uint64_t)sqlite3_column_int64(row, 1);
	uint64_t count;
	uint64_t last;

	if (unpack_bodies(column_blob(row, 2), content, e) ||
	    unpack_body_check(first, buf_str(content), &count, &last, e)) {
		return -1;
	}
	bool in_its_span = sqlite3_column_int64(row, 3) != 0;

	if (count != told || last > s->store.last || !in_its_span) {
		return err_set(e, ERR_IO,
		    "%s: the bodies from head %llu on are not as they were "
		    "written; restore it from a backup",
		    s->store.where.at, (unsigned long long)first);
	}
	return 0;
}

static int
check_bodies(struct sqlite *s, struct err *e)
{
	sqlite3_stmt *row = s->statements[STATEMENT_BODIES];
	auto_buf content = { 0 };
	int found;

	while ((found = read_step(s, STATEMENT_BODIES, e)) == 1) {
		if (check_body_row(s, row, &content, e)) {
			read_end(s, STATEMENT_BODIES);
			return -1;
		}
	}
	return found;
}

int
sqlite_check(struct store *store, struct err *e)
{
	struct sqlite *s = sqlite_of(store);
	auto_buf answer = { 0 };

	if (store->state == STORE_OPEN && sqlite_flush(s, e)) {
		return store_break(store, e);
	}
	if (sqlite_ask(s, "PRAGMA integrity_check(1)", &answer, e)) {
		return -1;
	}
	if (!str_eq_z(buf_str(&answer), "ok")) {
		return err_set(e, ERR_IO, "%s is damaged: %s", store->where.at,
		    err_quote(buf_str(&answer)));
	}
	return check_log(s, e) || check_bodies(s, e) ? -1 : 0;
}
