/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_GIT_H
#define POLICY_GIT_H

/*
 * What a request is to git's smart HTTP protocol (gitprotocol-http(5),
 * gitprotocol-pack(5)), and which refs a push updates.  Pure and strict; the
 * bytes are a cell's.  The caller refuses a Content-Encoding on a push.
 */

#include "base/base.h"

#define POLICY_COMMANDS_MAX 64 /* ref updates in one push */
/* of the command list of a push */
#define POLICY_COMMAND_BYTES ((size_t)256 * 1024)

enum policy_git { POLICY_GIT_NO, POLICY_GIT_FETCH, POLICY_GIT_PUSH };
/* What a request is to git's smart HTTP protocol, from its canonical path and
 * raw query.  Looks like it and is not exactly it: ERR_DENIED. */
int policy_git_request(struct str method, struct str path, struct str query,
    struct str content_type, enum policy_git *service,
    struct err *e) MUST_CHECK;

struct policy_command {
	struct str ref;    /* "refs/…", checked like git check-ref-format */
	struct str old_id; /* 40 or 64 lower-case hex digits; zeros: creates */
	struct str new_id; /* zeros: deletes */
	bool creates;
	bool deletes;
};
struct policy_commands {
	bool complete; /* false: a good beginning, more bytes are needed */
	bool probe;    /* git's empty push that only tries the login */
	size_t used;   /* bytes before the pack (or push options) */
	uint32_t count;
	struct policy_command at[POLICY_COMMANDS_MAX];
};
/* The command list at the front of a git-receive-pack body.  Strings point
 * into body.  Anything not exactly the protocol is ERR_INPUT, also a signed
 * push; over a bound ERR_LIMIT. */
int policy_git_commands(
    struct str body, struct policy_commands *out, struct err *e) MUST_CHECK;

#endif
