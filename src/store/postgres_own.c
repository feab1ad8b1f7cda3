/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "store/postgres.h"

/* Becoming the one writer.  DESIGN has the argument why at most one node starts
 * effects at a time. */

#define LOOK_US   (CLOCK_SECOND / 4)
#define ENTER_US  (15 * CLOCK_SECOND)
#define GATHER_US (STORE_LEASE_US + CLOCK_SECOND)

struct holder {
	int64_t epoch;
	int64_t session;
	char node[128];
	bool alive;      /* its lease */
	int64_t rest_us; /* of it */
	bool here;       /* its connection is open */
};

static int
look(struct postgres *p, struct holder *holder, struct err *e)
{
	struct params params = { 0 };
	auto_result r = NULL;
	struct str node;

	if (postgres_ask(p, READ_OWNER, &params, &r, e)) {
		return -1;
	}
	if (pq.ntuples(r) != 1) {
		return err_set(e, ERR_IO,
		    "the table owner on PostgreSQL has no row; restore a "
		    "backup");
	}
	memset(holder, 0, sizeof(*holder));
	holder->epoch = column_i64(r, 0, 0);
	holder->session = column_i64(r, 0, 1);
	node = column_str(r, 0, 2);
	str_fit(holder->node, sizeof(holder->node), node);
	holder->alive = column_bool(r, 0, 3);
	holder->rest_us = column_i64(r, 0, 4);
	holder->here = column_bool(r, 0, 5);
	return 0;
}

static int
refuse(const struct holder *holder, struct err *e)
{
	long long age_us = STORE_LEASE_US - holder->rest_us;

	return err_set(e, ERR_CONFLICT,
	    "the store is owned by node %s, which renewed its lease %lld.%lld "
	    "s ago; stop that house first",
	    err_quote(str_of(holder->node)), age_us / CLOCK_SECOND,
	    age_us % CLOCK_SECOND / (CLOCK_SECOND / 10));
}

/* 1: it is ours under p->epoch; 0: somebody was quicker, look again. */
static int
take(struct postgres *p, const struct holder *holder, struct err *e)
{
	struct params params = { 0 };
	auto_result ended = NULL;
	auto_result r = NULL;
	int rc;

	/* A batch that hangs half-sent would hold its lock on the row. */
	param_i64(&params, holder->epoch);
	rc = postgres_ask(p, READ_END_OLD, &params, &ended, e);
	if (rc == 0) {
		param_i64(&params, holder->session);
		param_text(&params, str_of(p->node));
		rc = postgres_ask(p, READ_TAKE, &params, &r, e);
	}
	buf_fini(&params.bytes);
	if (rc) {
		return -1;
	}
	if (pq.ntuples(r) != 1) {
		return 0;
	}
	p->epoch = column_i64(r, 0, 0);
	return 1;
}

/* A node is one state folder, and that has one house: if the holder bears our
 * name and its connection is gone, it is our own predecessor, dead. */
static bool
may_take(const struct postgres *p, const struct holder *holder)
{
	return !holder->alive ||
	       (strcmp(holder->node, p->node) == 0 && !holder->here);
}

static int
watch_and_take(struct postgres *p, struct err *e)
{
	int64_t until_us = boot_us() + GATHER_US;
	struct holder first;
	struct holder now;

	if (look(p, &first, e)) {
		return -1;
	}
	now = first;
	for (;;) {
		int taken = may_take(p, &now) ? take(p, &now, e) : 0;

		if (taken) {
			return taken < 0 ? -1 : 0;
		}
		(void)poll(NULL, 0,
		    (int)((now.alive && now.rest_us < LOOK_US ? now.rest_us
		                                              : LOOK_US) /
		          1000) +
		        1);
		if (look(p, &now, e)) {
			return -1;
		}
		/* A lease that did not shrink was renewed: it lives. */
		if (now.epoch != first.epoch || boot_us() > until_us ||
		    now.rest_us > first.rest_us) {
			return refuse(&now, e);
		}
		first.rest_us = now.rest_us;
	}
}

/* The writing connection up to where a batch can be sent on it. */
static int
wait_entered(struct postgres *p, struct err *e)
{
	int64_t until_us = boot_us() + ENTER_US;
	int rc = 1;

	while ((rc = line_step(p, e)) == 1 && boot_us() < until_us) {
		struct pollfd one = { 0 };
		bool for_write = false;

		one.fd = line_fd(p, &for_write);
		one.events = for_write ? POLLOUT : POLLIN;
		(void)poll(&one, 1, 100);
	}
	if (rc == 1) {
		return err_set(e, ERR_UNAVAILABLE, "%s", buf_z(&p->why));
	}
	return rc;
}

int
postgres_own(
    struct store *s, const char *node, uint64_t *incarnation, struct err *e)
{
	struct postgres *p = (struct postgres *)s;
	struct err ignored = { 0 };

	must(!p->owned);
	if (!str_copy(p->node, sizeof(p->node), str_of(node)) || !*node) {
		return err_set(e, ERR_INPUT, "a node's name has 1 to %zu bytes",
		    sizeof(p->node) - 1);
	}
	if (watch_and_take(p, e) || wait_entered(p, e)) {
		return -1;
	}
	/* Who owned it before may have appended since we opened it. */
	if (postgres_words_load(p, e)) {
		return -1;
	}
	p->owned = true;
	/* Without its partitions, or the right to make them, bodies go to the
	 * common one. */
	(void)!postgres_days_ahead(p, &ignored);
	postgres_bell_hang(p);
	*incarnation = (uint64_t)p->epoch;
	return 0;
}

/* The next node need not wait for the end of a lease that nobody keeps. */
void
postgres_release(struct postgres *p)
{
	struct params params = { 0 };
	auto_result r = NULL;
	struct err ignored = { 0 };

	if (!p->owned || p->base.state == STORE_DEAD) {
		return;
	}
	param_i64(&params, p->epoch);
	param_i64(&params, p->line.session);
	(void)!postgres_ask(p, READ_RELEASE, &params, &r, &ignored);
	buf_fini(&params.bytes);
	p->owned = false;
}

int
postgres_owned(struct store *s, uint64_t *times, struct err *e)
{
	struct params params = { 0 };
	auto_result r = NULL;

	if (postgres_ask((struct postgres *)s, READ_EPOCH, &params, &r, e)) {
		return -1;
	}
	*times = pq.ntuples(r) ? column_u64(r, 0, 0) : 0;
	return 0;
}
