/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgres.h"

/* The inbox and its doorbell: LISTEN on a connection of its own.  The bell only
 * saves time; whoever looks once a second misses nothing. */

#define HANG_US (10 * CLOCK_SECOND)

static void
take_down(struct postgres *p)
{
	if (p->bell) {
		pq.finish(p->bell);
	}
	p->bell = NULL;
}

void
postgres_bell_hang(struct postgres *p)
{
	struct err ignored = { 0 };

	if (p->bell || (p->bell_us && boot_us() - p->bell_us < HANG_US)) {
		return;
	}
	p->bell_us = boot_us();
	p->bell = postgres_connect(p, boot_us() + POSTGRES_READ_US, &ignored);
	if (p->bell && postgres_run(p, p->bell, "LISTEN handrail_inbox",
	                   POSTGRES_READ_US, &ignored)) {
		take_down(p);
	}
}

static bool
drops(const struct batch *b, int64_t number)
{
	for (size_t i = 0; i < b->drop_count; i++) {
		if (b->drops[i] == number) {
			return true;
		}
	}
	return false;
}

/* Records whose row a batch drops are not given again. */
static bool
dropped(struct postgres *p, int64_t number)
{
	bool found = false;

	for (unsigned i = 0; i <= p->flights && !found; i++) {
		found = drops(batch_at(p, i), number);
	}
	return found;
}

static size_t
drop_count(struct postgres *p)
{
	size_t count = 0;

	for (unsigned i = 0; i <= p->flights; i++) {
		count += batch_at(p, i)->drop_count;
	}
	return count;
}

int
postgres_inbox_walk(struct store *s, uint64_t limit, store_inbox_fn *each,
    void *context, struct err *e)
{
	struct postgres *p = (struct postgres *)s;
	struct params params = { 0 };
	auto_result r = NULL;
	int rc;

	must(limit <= INT32_MAX);
	param_i64(&params, 0);
	param_i64(&params, limit ? (int64_t)(limit + drop_count(p)) : 1000);
	rc = postgres_ask(p, READ_INBOX, &params, &r, e);
	buf_fini(&params.bytes);
	for (int i = 0; rc == 0 && i < pq.ntuples(r); i++) {
		if (!dropped(p, column_i64(r, i, 0))) {
			rc = each(context, column_u64(r, i, 0),
			    column_str(r, i, 1), e);
		}
	}
	if (rc == 0 && p->owned) {
		postgres_bell_hang(p);
	}
	return rc;
}

int
postgres_inbox_fd(const struct store *s)
{
	const struct postgres *p = (const struct postgres *)s;

	return p->bell ? pq.socket(p->bell) : -1;
}

void
postgres_inbox_bell(struct store *s)
{
	struct postgres *p = (struct postgres *)s;
	PGnotify *rung;

	if (!p->bell) {
		return;
	}
	if (!pq.consumeInput(p->bell)) {
		take_down(p);
		return;
	}
	while ((rung = pq.notifies(p->bell))) {
		pq.freemem(rung);
	}
}
