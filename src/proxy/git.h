/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_GIT_H
#define PROXY_GIT_H

/* Git's smart HTTP (gitprotocol-http), as far as a record of it needs. */

#include "proxy/proxy.h"

/* What a request in canonical form asks of git. */
enum proxy_git proxy_git_service(
    struct str method, struct str path, struct str query);
/* Is it the push itself, whose body begins with commands? */
bool proxy_git_has_commands(struct str method, struct str path);

/* The command list of a push; zeroed is a new one. */
struct proxy_commands {
	struct proxy_ref refs[PROXY_REFS];
	size_t count;
	size_t at;        /* bytes understood so far */
	size_t object;    /* digits of an object name; 0: not seen yet */
	bool done;        /* the flush was read: `at` is behind it */
	const char *next; /* of a refusal that has a way on; or NULL */
};
/* bytes: the body from its first byte, as much as has come. */
int proxy_commands_read(
    struct proxy_commands *c, struct str bytes, struct err *e) MUST_CHECK;
/* Behind the flush stands a pack or nothing: what else a server reads there
 * nobody has looked at.  bytes: as above; whole: none will follow.  *known:
 * enough of them have come. */
int proxy_commands_tail(const struct proxy_commands *c, struct str bytes,
    bool whole, bool *known, struct err *e) MUST_CHECK;

#endif
