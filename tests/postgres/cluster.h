/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTGRES_CLUSTER_H
#define POSTGRES_CLUSTER_H

/*
 * A PostgreSQL of a test's own: Debian's programs, a folder under /tmp, the
 * user nobody when the test runs as root, a socket in that folder and a port of
 * 127.0.0.1 of its own; fsync is on.  It ends with its test, however
 * that ends.  Whatever goes wrong here ends the test (must).
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct cluster {
	char folder[64];
	char programs[128]; /* folder of Debian's postgres and initdb */
	int port;
	pid_t server; /* 0: not running */
	bool started; /* before: its port is known to somebody */
};

/* Why there is none on this machine; NULL: there is. */
const char *cluster_missing(void);
void cluster_make(struct cluster *c);  /* as after initdb, not started */
void cluster_start(struct cluster *c); /* until it takes connections */
void cluster_kill(struct cluster *c, int signal); /* and waits for its end */
void cluster_remove(struct cluster *c);
/* postgres://… by the socket or by TCP, with a schema of that name. */
void cluster_url(const struct cluster *c, bool tcp, const char *schema,
    char *url, size_t size);
/* SQL by psql, as the superuser; what it prints, without its last newline. */
void cluster_sql(
    const struct cluster *c, const char *sql, char *answer, size_t size);
/* Two commands one after the other, not waited for: the psql that runs them. */
pid_t cluster_sql_start(
    const struct cluster *c, const char *first, const char *second);

#endif
