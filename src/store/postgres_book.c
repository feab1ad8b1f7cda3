/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "store/postgres.h"

/* The book as it is read, and the partitions of its bodies. */

#define DAYS_AHEAD 3

/* Words that the log's newer rows use; the owner has them all. */
int
postgres_words_load(struct postgres *p, struct err *e)
{
	struct params params = { 0 };
	int count = 1;
	int rc = 0;

	while (rc == 0 && count > 0) {
		auto_result r = NULL;

		params_clear(&params);
		param_i32(&params, (int32_t)pack_words_count(p->words));
		rc = postgres_ask(p, READ_WORDS, &params, &r, e);
		count = rc ? 0 : pq.ntuples(r);
		for (int i = 0; i < count && rc == 0; i++) {
			rc = pack_words_add(p->words,
			    (uint32_t)column_u64(r, i, 0), column_str(r, i, 1),
			    e);
		}
	}
	buf_fini(&params.bytes);
	p->words_stored = pack_words_count(p->words);
	return rc;
}

int
postgres_last_load(struct postgres *p, struct err *e)
{
	struct params params = { 0 };
	auto_result r = NULL;

	if (postgres_ask(p, READ_LAST, &params, &r, e)) {
		return -1;
	}
	p->base.last = 0;
	if (pq.ntuples(r) == 1) {
		p->base.last = column_u64(r, 0, 0) + column_u64(r, 0, 1) - 1;
	}
	p->base.committed = p->base.last;
	return 0;
}

struct walk {
	uint64_t from;
	uint64_t left; /* 0: as many as there are */
	uint64_t next;
	bool done;
	store_head_fn *each;
	void *context;
};

/* A walk over one row ends it early with -1 and `done`. */
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
	walk->next = seq + 1;
	if (walk->each(walk->context, &given, e)) {
		return -1;
	}
	walk->done = walk->left == 1;
	walk->left -= walk->left > 0;
	return walk->done ? -1 : 0;
}

static int
read_page(struct postgres *p, struct walk *walk, int64_t rows, struct err *e)
{
	struct params params = { 0 };
	auto_result r = NULL;
	int rc;

	must(walk->from <= INT64_MAX);
	param_i64(&params, (int64_t)walk->from);
	param_i64(&params, rows);
	rc = postgres_ask(p, READ_HEADS, &params, &r, e);
	buf_fini(&params.bytes);
	/* The words after the rows: they were written no later. */
	if (rc || (!p->owned && postgres_words_load(p, e))) {
		return -1;
	}
	walk->next = walk->from;
	for (int i = 0; i < pq.ntuples(r) && !walk->done; i++) {
		if (unpack_heads(p->words, column_u64(r, i, 0),
		        column_str(r, i, 1), give_head, walk, e) &&
		    !walk->done) {
			return -1;
		}
	}
	walk->done = walk->done || walk->next == walk->from;
	walk->from = walk->next;
	return 0;
}

static int
give_batch(const struct batch *b, struct walk *walk, struct err *e)
{
	for (size_t i = 0; i < b->head_count && !walk->done; i++) {
		if (give_head(walk, b->first + i, &b->heads[i], e) &&
		    !walk->done) {
			return -1;
		}
	}
	return 0;
}

int
postgres_heads_walk(struct store *s, uint64_t from, uint64_t limit,
    store_head_fn *each, void *context, struct err *e)
{
	struct walk walk = {
		.from = from ? from : 1,
		.left = limit,
		.each = each,
		.context = context,
	};
	struct postgres *p = (struct postgres *)s;

	while (!walk.done) {
		if (read_page(p, &walk, POSTGRES_PAGE, e)) {
			return -1;
		}
	}
	/* Whether the log has it already is not known while it is under way. */
	walk.done = limit && walk.left == 0;
	for (unsigned i = 0; i <= p->flights; i++) {
		if (give_batch(batch_at(p, i), &walk, e)) {
			return -1;
		}
	}
	return 0;
}

static int
days_load(struct postgres *p, struct err *e)
{
	struct params params = { 0 };
	auto_result r = NULL;

	if (postgres_ask(p, READ_DAYS, &params, &r, e)) {
		return -1;
	}
	p->day_count = 0;
	for (int i = 0; i < pq.ntuples(r); i++) {
		p->days = array_grow(
		    p->days, p->day_count, &p->day_room, sizeof(*p->days));
		p->day_count +=
		    str_i64(column_str(r, i, 0), &p->days[p->day_count]);
	}
	return 0;
}

static bool
day_known(const struct postgres *p, int64_t day)
{
	for (size_t i = 0; i < p->day_count; i++) {
		if (p->days[i] == day) {
			return true;
		}
	}
	return false;
}

/* Attaching locks out nobody who reads or appends; making a partition in place
 * would.  A day that has bodies in body_rest already stays there. */
static int
day_make(struct postgres *p, int64_t day, struct err *e)
{
	auto_buf sql = { 0 };

	if (day < 0 || day > INT32_MAX || day_known(p, day)) {
		return 0;
	}
	buf_addf(&sql,
	    "SET lock_timeout = '500ms';"
	    "CREATE TABLE body_%" PRId64 " (LIKE body INCLUDING ALL);"
	    "ALTER TABLE body ATTACH PARTITION body_%" PRId64
	    " FOR VALUES IN (%" PRId64 ");",
	    day, day, day);
	if (postgres_run(p, p->reading, buf_z(&sql), POSTGRES_READ_US, e)) {
		return -1;
	}
	p->days =
	    array_grow(p->days, p->day_count, &p->day_room, sizeof(*p->days));
	p->days[p->day_count++] = day;
	return 0;
}

int
postgres_days_ahead(struct postgres *p, struct err *e)
{
	int64_t today = wall_day(wall_now());

	if (day_known(p, today + DAYS_AHEAD)) {
		return 0;
	}
	if (days_load(p, e)) {
		return -1;
	}
	for (int64_t day = today - 1; day <= today + DAYS_AHEAD; day++) {
		if (day_make(p, day, e)) {
			return -1;
		}
	}
	return 0;
}

/* Only the owner drops: the guard holds a rival off until it is done. */
static int
drop_days(struct postgres *p, int64_t before_day, struct err *e)
{
	auto_buf sql = { 0 };

	buf_addf(&sql,
	    "SET lock_timeout = '500ms';"
	    "SELECT 1 / count(*) FROM (SELECT 1 FROM owner WHERE epoch = "
	    "%" PRId64 " AND session = %" PRId64 " FOR UPDATE) AS held;"
	    "DELETE FROM body_rest WHERE day < %" PRId64 ";",
	    p->epoch, p->line.session, before_day);
	for (size_t i = 0; i < p->day_count; i++) {
		if (p->days[i] < before_day) {
			buf_addf(
			    &sql, "DROP TABLE body_%" PRId64 ";", p->days[i]);
		}
	}
	return postgres_run(p, p->reading, buf_z(&sql), POSTGRES_READ_US, e);
}

/* One number about the bodies before a day. */
static int
ask_before(struct postgres *p, enum read what, int64_t before_day,
    uint64_t *number, struct err *e)
{
	struct params params = { 0 };
	auto_result r = NULL;
	int rc;

	if (before_day < INT32_MIN || before_day > INT32_MAX) {
		return err_set(e, ERR_INPUT, "bodies before no day");
	}
	param_i32(&params, (int32_t)before_day);
	rc = postgres_ask(p, what, &params, &r, e);
	buf_fini(&params.bytes);
	if (rc == 0) {
		*number = column_u64(r, 0, 0);
	}
	return rc;
}

int
postgres_bodies_last(
    struct store *s, int64_t before_day, uint64_t *last, struct err *e)
{
	return ask_before(
	    (struct postgres *)s, READ_BODY_LAST, before_day, last, e);
}

/*
 * Outside of the batch, at once: a lock on a partition that somebody reads must
 * not hold up a commit, and with it the lease.  Where the lock is not to be
 * had, nothing is dropped until the next time.
 */
int
postgres_bodies_expire(
    struct store *s, int64_t before_day, uint64_t *count, struct err *e)
{
	struct postgres *p = (struct postgres *)s;
	uint64_t dropped = 0;

	buf_clear(&p->unpacked.content);
	if (ask_before(p, READ_BODY_COUNT, before_day, &dropped, e) ||
	    days_load(p, e)) {
		return -1;
	}
	if (dropped && drop_days(p, before_day, e)) {
		if (e->kind != ERR_UNAVAILABLE) {
			return -1;
		}
		dropped = 0;
	}
	*count = dropped;
	return days_load(p, e);
}

/* A body of a day without a partition makes it, or goes to body_rest. */
void
postgres_day_make(struct postgres *p, int64_t day)
{
	struct err ignored = { 0 };

	if (!day_known(p, day) && p->day_failed != day && p->reading &&
	    day_make(p, day, &ignored)) {
		p->day_failed = day;
	}
}
