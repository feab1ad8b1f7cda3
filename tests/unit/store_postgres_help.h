/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_POSTGRES_HELP_H
#define STORE_POSTGRES_HELP_H

/* For the tests of what only the store on PostgreSQL has.  A server of its own
 * for all tests of a file, a schema for each. */

#include "store_help.h"

#include <poll.h>

static inline struct store *
open_only(void)
{
	struct store *store = NULL;
	struct err e = { 0 };

	if (store_open(path, STORE_CREATE, &store, &e)) {
		fail_msg("%s", e.text);
	}
	return store;
}

static inline uint64_t
own(struct store *store, const char *node)
{
	uint64_t incarnation = 0;
	struct err e = { 0 };

	if (store_own(store, node, &incarnation, &e)) {
		fail_msg("%s", e.text);
	}
	return incarnation;
}

/* SQL in the schema of this test. */
static inline const char *
sql(const char *text)
{
	static char answer[256];
	char all[1024];

	(void)snprintf(all, sizeof(all), "SET search_path = test_%d; %s",
	    schemas - 1, text);
	cluster_sql(&cluster, all, answer, sizeof(answer));
	return answer;
}

static inline void
end_lease(void)
{
	(void)sql(
	    "UPDATE owner SET lease = clock_timestamp() - interval '1 s'");
}

static inline int
step_until_done(struct store *store, struct err *e)
{
	int done = 1;

	while (done == 1) {
		struct pollfd one = { 0 };
		bool for_write = false;

		one.fd = store_fd(store, &for_write);
		one.events = for_write ? POLLOUT : POLLIN;
		(void)poll(&one, 1, 50);
		done = store_commit_step(store, e);
	}
	return done;
}

#endif
