/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgres.h"

/* The schema: is it ours, is it of our age, and the steps that it lacks. */

#define OLDEST_SERVER 150000

static const struct {
	int number;
	const char *sql;
} steps[] = {
#define POSTGRES_STEP(number, sql) { number, sql },
#include "store/postgres_steps.def"
#undef POSTGRES_STEP
};

#define NEWEST (steps[COUNT(steps) - 1].number)

static int
ask(struct postgres *p, const char *sql, PGresult **r, struct err *e)
{
	if (!pq.sendQueryParams(
	        p->reading, sql, 0, NULL, NULL, NULL, NULL, 1)) {
		return err_set(
		    e, ERR_UNAVAILABLE, "the connection to PostgreSQL is lost");
	}
	return postgres_exchange(
	    p->reading, boot_us() + POSTGRES_READ_US, r, e);
}

static int
check_server(struct postgres *p, struct err *e)
{
	auto_result r = NULL;

	if (pq.serverVersion(p->reading) < OLDEST_SERVER) {
		return err_set(e, ERR_INPUT,
		    "that PostgreSQL is older than 15; use 15 or later");
	}
	if (ask(p, "SELECT getdatabaseencoding() = 'UTF8'", &r, e)) {
		return -1;
	}
	if (!column_bool(r, 0, 0)) {
		return err_set(e, ERR_INPUT,
		    "that database is not in UTF8; create it with "
		    "ENCODING 'UTF8'");
	}
	return 0;
}

/* -1 in *step: nothing is there yet. */
static int
read_step(struct postgres *p, int64_t *step, struct err *e)
{
	auto_result there = NULL;
	auto_result r = NULL;

	if (ask(p, "SELECT to_regclass('meta') IS NOT NULL", &there, e)) {
		return -1;
	}
	if (!column_bool(there, 0, 0)) {
		*step = -1;
		return 0;
	}
	if (ask(p, "SELECT coalesce(max(step), 0) FROM meta", &r, e)) {
		return -1;
	}
	*step = column_i64(r, 0, 0);
	return 0;
}

static int
check_step(
    const struct postgres *p, int64_t step, unsigned flags, struct err *e)
{
	if (step > NEWEST) {
		return err_set(e, ERR_INPUT,
		    "the store on PostgreSQL was written by a newer Handrail "
		    "(step %lld, this one knows %d); install that version",
		    (long long)step, NEWEST);
	}
	if (step < 0 && !(flags & STORE_CREATE)) {
		return err_set(e, ERR_MISSING,
		    "there is no store in the schema %s of that database",
		    p->where.schema);
	}
	if (step < NEWEST && (flags & STORE_READ)) {
		return err_set(e, ERR_INPUT,
		    "the store on PostgreSQL is of an older Handrail; start "
		    "the house once, it brings it up");
	}
	return 0;
}

/* Two nodes may do this at once: the lock on meta lets one wait. */
static int
open_steps(struct postgres *p, struct err *e)
{
	auto_buf sql = { 0 };

	buf_addf(&sql,
	    "BEGIN; SET LOCAL statement_timeout = 0;"
	    "CREATE SCHEMA IF NOT EXISTS %s;"
	    "CREATE TABLE IF NOT EXISTS meta (step integer PRIMARY KEY,"
	    " at timestamptz NOT NULL DEFAULT now());"
	    "LOCK TABLE meta IN ACCESS EXCLUSIVE MODE",
	    p->where.schema);
	return postgres_run(p, p->reading, buf_z(&sql), POSTGRES_READ_US, e);
}

static int
make_step(struct postgres *p, size_t i, struct err *e)
{
	auto_buf sql = { 0 };

	buf_addf(&sql, "%s INSERT INTO meta (step) VALUES (%d)", steps[i].sql,
	    steps[i].number);
	return postgres_run(p, p->reading, buf_z(&sql), 30 * CLOCK_SECOND, e);
}

static int
make_steps(struct postgres *p, struct err *e)
{
	int64_t step;

	if (open_steps(p, e) || read_step(p, &step, e)) {
		return -1;
	}
	for (size_t i = 0; i < COUNT(steps); i++) {
		if (steps[i].number > step && make_step(p, i, e)) {
			return -1;
		}
	}
	return postgres_run(p, p->reading, "COMMIT", POSTGRES_READ_US, e);
}

int
postgres_prepare_schema(struct postgres *p, unsigned flags, struct err *e)
{
	int64_t step;

	if (check_server(p, e) || read_step(p, &step, e) ||
	    check_step(p, step, flags, e)) {
		return -1;
	}
	if (step == NEWEST) {
		return 0;
	}
	if (make_steps(p, e)) {
		struct err first = *e;

		(void)!postgres_run(
		    p, p->reading, "ROLLBACK", POSTGRES_READ_US, e);
		*e = first;
		/* Another node has made them in the meantime? */
		if (read_step(p, &step, e) || step != NEWEST) {
			*e = first;
			return err_wrap(e, "preparing the store");
		}
	}
	return 0;
}
