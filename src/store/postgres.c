/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "store/postgres.h"

#define OPEN_US (10 * CLOCK_SECOND)

static int
begin(struct store *s, struct err *e)
{
	struct postgres *p = (struct postgres *)s;

	if (!p->owned) {
		return err_set(e, ERR_CONFLICT,
		    "the store on PostgreSQL is not owned by this house");
	}
	batch_clear(p, batch_open(p));
	return 0;
}

static int
commit(struct store *s, struct err *e)
{
	struct postgres *p = (struct postgres *)s;

	(void)e;
	batch_close(p);
	line_go(p);
	return 1;
}

static int
step(struct store *s, struct err *e)
{
	struct postgres *p = (struct postgres *)s;
	int rc = line_step(p, e);

	if (rc == 0) {
		uint64_t times = batch_at(p, 0)->owned_times;

		p->epoch =
		    times > (uint64_t)p->epoch ? (int64_t)times : p->epoch;
		batch_landed(p);
		p->line.landed--;
		p->line.sent--;
	}
	return rc;
}

static int
fd(const struct store *s, bool *for_write)
{
	return line_fd((const struct postgres *)s, for_write);
}

static const char *
why(const struct store *s)
{
	struct postgres *p = (struct postgres *)s;

	return p->flights && p->why.len ? buf_z(&p->why) : "";
}

static int64_t
beat_us(const struct store *s)
{
	return ((const struct postgres *)s)->owned ? STORE_LEASE_US / 3 : 0;
}

/* Counted from before a renewal that is confirmed was sent. */
static int64_t
lease_left_us(const struct store *s)
{
	const struct postgres *p = (const struct postgres *)s;
	int64_t left = p->held_us + STORE_LEASE_US - boot_us();

	return p->owned && left > 0 ? left : 0;
}

/* Nothing of the open batch was sent. */
static void
rollback(struct store *s)
{
	struct postgres *p = (struct postgres *)s;

	batch_clear(p, batch_open(p));
}

/* Quiet moments: the partitions of the days to come. */
static int
checkpoint(struct store *s, struct err *e)
{
	struct postgres *p = (struct postgres *)s;
	struct err ignored = { 0 };

	(void)e;
	if (p->owned) {
		(void)!postgres_days_ahead(p, &ignored);
	}
	return 0;
}

static int
see_head(void *context, const struct store_head *head, struct err *e)
{
	uint64_t *last = context;

	if (head->seq != *last + 1) {
		return err_set(e, ERR_IO,
		    "the log on PostgreSQL has head %" PRIu64
		    " after head %" PRIu64,
		    head->seq, *last);
	}
	*last = head->seq;
	return 0;
}

static int
check(struct store *s, struct err *e)
{
	uint64_t last = 0;

	if (postgres_heads_walk(s, 1, 0, see_head, &last, e)) {
		return -1;
	}
	if (last < s->committed) {
		return err_set(e, ERR_IO,
		    "the log on PostgreSQL ends at head %" PRIu64
		    " but %" PRIu64 " was acknowledged",
		    last, s->committed);
	}
	return 0;
}

static bool
low(const struct store *s)
{
	(void)s;
	return false;
}

static void
close_store(struct store *s)
{
	struct postgres *p = (struct postgres *)s;

	postgres_release(p);
	line_close(p);
	if (p->reading) {
		pq.finish(p->reading);
	}
	if (p->bell) {
		pq.finish(p->bell);
	}
	for (size_t i = 0; i < COUNT(p->batches); i++) {
		batch_free(&p->batches[i]);
	}
	pack_words_free(p->words);
	arena_fini(&p->where.arena);
	free(p->unpacked.heads);
	buf_fini(&p->unpacked.content);
	buf_fini(&p->line.log_heads);
	buf_fini(&p->why);
	buf_fini(&p->base.where);
	free(p->days);
	free(p);
}

static const struct store_ops ops = {
	.close = close_store,
	.own = postgres_own,
	.owned = postgres_owned,
	.owned_set = postgres_owned_set,
	.begin = begin,
	.commit = commit,
	.step = step,
	.fd = fd,
	.why = why,
	.beat_us = beat_us,
	.lease_left_us = lease_left_us,
	.rollback = rollback,
	.checkpoint = checkpoint,
	.scrub = checkpoint,
	.check = check,
	.head_add = postgres_head_add,
	.body_add = postgres_body_add,
	.heads_walk = postgres_heads_walk,
	.head_get = postgres_head_get,
	.body_get = postgres_body_get,
	.bodies_last = postgres_bodies_last,
	.bodies_expire = postgres_bodies_expire,
	.row_put = postgres_row_put,
	.row_get = postgres_row_get,
	.row_delete = postgres_row_delete,
	.rows_walk = postgres_rows_walk,
	.rows_count = postgres_rows_count,
	.task_put = postgres_task_put,
	.task_get = postgres_task_get,
	.tasks_walk = postgres_tasks_walk,
	.tasks_all = postgres_tasks_all,
	.live_walk = postgres_live_walk,
	.inbox_walk = postgres_inbox_walk,
	.inbox_drop = postgres_inbox_drop,
	.inbox_fd = postgres_inbox_fd,
	.inbox_bell = postgres_inbox_bell,
	.low = low,
	.backup_start = postgres_backup_start,
	.backup_step = postgres_backup_step,
	.backup_free = postgres_backup_free,
};

static struct postgres *
new_store(const char *url, unsigned flags)
{
	struct postgres *p = calloc(1, sizeof(*p));

	must(p);
	p->base.ops = &ops;
	p->base.read_only = flags & STORE_READ;
	p->words = pack_words_new();
	p->seed = random_u64();
	p->day_failed = -1;
	buf_add_z(&p->base.where, url);
	(void)buf_z(&p->base.where);
	return p;
}

static int
enter(struct postgres *p, const char *url, unsigned flags, struct err *e)
{
	if (postgres_load(e) || postgres_where_read(&p->where, url, e)) {
		return -1;
	}
	if (postgres_start_reading(p, boot_us() + OPEN_US, e)) {
		return -1;
	}
	postgres_where_keep(&p->where, p->reading);
	return postgres_prepare_schema(p, flags, e) ||
	               postgres_words_load(p, e) || postgres_last_load(p, e)
	           ? -1
	           : 0;
}

int
postgres_store_open(
    const char *url, unsigned flags, struct store **store, struct err *e)
{
	struct postgres *made = new_store(url, flags);

	if (enter(made, url, flags, e)) {
		close_store(&made->base);
		return -1;
	}
	*store = &made->base;
	return 0;
}

/* Another store on the same place, whose reads all see this moment. */
int
postgres_snapshot(struct postgres *p, struct store **store, struct err *e)
{
	struct postgres *made = NULL;
	struct store *opened = NULL;

	if (postgres_store_open(
	        buf_z(&p->base.where), STORE_READ, &opened, e)) {
		return -1;
	}
	made = (struct postgres *)opened;
	if (postgres_run(made, made->reading,
	        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
	        POSTGRES_READ_US, e)) {
		store_close(opened);
		return -1;
	}
	made->snapshot = true;
	if (postgres_words_load(made, e) || postgres_last_load(made, e)) {
		store_close(opened);
		return -1;
	}
	*store = opened;
	return 0;
}
