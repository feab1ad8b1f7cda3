/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_TOKEN_H
#define PARTS_CORE_TOKEN_H

/*
 * Tokens that only a worker has: claim, finish, work and beat on the queues
 * they name, and nothing else.  Whoever made one chose it and told its digest;
 * the token itself was never here.  A row of the space "worker_token" under its
 * name; a revoked one keeps its name for ever, without a digest.
 */

#include "parts/core.h"

#define CORE_TOKENS_MAX      1000
#define CORE_TOKEN_QUEUES    32
#define CORE_TOKEN_PRINCIPAL "worker:" /* and its name: never an operator's */

struct core_token {
	struct core_token *next;   /* the newest first; none is ever freed */
	struct core_operator self; /* as whom its bearer asks */
	const char *name;          /* in self.name */
	char queues[CORE_TOKEN_QUEUES][IDENTITY_PART];
	size_t queue_count;
	char by[64]; /* the operator that made it */
	struct wall at;
	bool revoked;
};

int core_tokens_load(struct core *c, struct err *e) MUST_CHECK;
/* NULL: nobody's. */
const struct core_operator *core_token_bearer(
    const struct core *c, const uint8_t digest[DIGEST_SIZE]);
/* An operator, or a worker's token that names this queue; else ERR_DENIED. */
int core_token_serves(const struct core_operator *who, struct str queue,
    struct err *e) MUST_CHECK;
/* A worker's token ends tasks of its queues, and puts into no others. */
int core_token_finish(struct core *c, const struct core_operator *who,
    struct str task, const struct json *follow_ups, struct err *e) MUST_CHECK;
/* It was taken back while its bearer waited. */
bool core_token_revoked(const struct core_operator *who);
/* What its bearer may do, as a refusal. */
int core_token_refuse(const struct core_operator *who, struct err *e);

#endif
