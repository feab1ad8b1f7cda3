/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_GIT_H
#define POLICY_GIT_H

/*
 * What a request is to git's smart HTTP protocol (gitprotocol-http(5)), and
 * which refs a push updates.  Pure and strict; the bytes are a cell's.  The
 * caller refuses a Content-Encoding on a push.
 */

#include "base/base.h"

#define POLICY_COMMANDS_MAX 64 /* ref updates in one push */

enum policy_git { POLICY_GIT_NO, POLICY_GIT_FETCH, POLICY_GIT_PUSH };
/* What a request is to git's smart HTTP protocol, from its canonical path and
 * raw query.  Looks like it and is not exactly it: ERR_DENIED. */
int policy_git_request(struct str method, struct str path, struct str query,
    struct str content_type, enum policy_git *service,
    struct err *e) MUST_CHECK;

struct policy_command {
	struct str ref;    /* "refs/…" */
	struct str new_id; /* the first digits of what it will name */
	bool deletes;
};
/* Read from its body by the egress (proxy/git.h). */
struct policy_commands {
	uint32_t count;
	struct policy_command at[POLICY_COMMANDS_MAX];
};

#endif
