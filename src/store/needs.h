/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_NEEDS_H
#define STORE_NEEDS_H

/*
 * What a process that has opened a store must keep when it gives its powers up:
 * a store on PostgreSQL connects again by itself, and reads then.  A store in a
 * file needs none of this.
 */

#include "base/base.h"

#define STORE_NEEDS_MAX  8
#define STORE_NEEDS_PATH 256

struct store_needs {
	bool inet; /* sockets of AF_INET and AF_INET6, to these ports: */
	uint16_t ports[STORE_NEEDS_MAX];
	size_t port_count;
	bool local; /* sockets of AF_UNIX, to sockets in these folders: */
	char folders[STORE_NEEDS_MAX][STORE_NEEDS_PATH];
	size_t folder_count;
	/* Files that TLS reads at each connect: certificates, a key. */
	char files[STORE_NEEDS_MAX][STORE_NEEDS_PATH];
	size_t file_count;
};

/* where as store_open takes it; nothing is looked up or connected to. */
int store_needs(
    const char *where, struct store_needs *needs, struct err *e) MUST_CHECK;

#endif
