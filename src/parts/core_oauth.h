/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_OAUTH_H
#define PARTS_CORE_OAUTH_H

/*
 * Tokens as core knows them: when they end, whether a token endpoint is being
 * asked, and never what they are.  A token request is core's own: its intent
 * is committed before it leaves, the secret half of its form goes from the
 * vault to core's egress, the tokens of its answer from there to the vault, and
 * what comes here is the next sealed row, committed before anybody is lent of
 * it.
 */

#include "oauth/oauth.h"
#include "parts/core.h"

struct core_intent;

/* How it ended.  `told` is NULL where no answer came (`why` says it). */
typedef void core_oauth_done_fn(struct core *c, uint64_t owner,
    const struct core_credential *k, const struct oauth_told *told,
    const char *why);

struct core_oauth_ask {
	enum wire_use use;
	struct str redirect; /* of CODE */
	struct str code;     /* of CODE, boxed */
	uint64_t owner;
	core_oauth_done_fn *done; /* NULL: nobody waits */
};
/* ERR_CONFLICT: the endpoint is being asked for it already. */
int core_oauth_ask(struct core *c, struct core_credential *k,
    const struct core_oauth_ask *asked, struct err *e) MUST_CHECK;

bool core_oauth_asking(const struct core *c, const char *name);

/* One of the facts of a credential; empty: it has none of that name. */
struct str core_oauth_fact(
    struct arena *a, const struct core_credential *k, const char *name);
/* Where its client's secret goes in what a token endpoint is asked. */
enum wire_client core_oauth_secret(
    struct arena *a, const struct core_credential *k);
/* ERR_INPUT: it holds one, and its issuer is to be told none. */
int core_oauth_secret_told(
    const struct core_credential *k, uint32_t has, struct err *e) MUST_CHECK;
/* Before an intent is written: true if it waits for a token that is made first,
 * or was refused because none can be made.  Starts what is due. */
bool core_oauth_holds(struct core *c, struct core_intent *i);
/* Its token cannot be had now, for what reason: it is refused with the time
 * until the endpoint is asked again, of which the endpoint's own wish is kept
 * to up to an hour (OAUTH_RETRY_MAX). */
void core_oauth_later(struct core *c, struct core_intent *i,
    const struct core_credential *k, const char *what);
/* R04: a sandbox asks a token endpoint itself; the vault keeps what is
 * answered, for that sandbox alone, and core remembers that it does: of
 * CORE_TAKEN_MAX credentials, and of no more is asked. */
void core_oauth_take(
    struct core *c, struct core_intent *i, struct str credential);
void core_oauth_taken(struct core *c, struct core_cell *cell,
    const struct core_intent *i, bool captured);
/* A 401 to this request could be mended by new tokens, once. */
bool core_oauth_renews(struct core *c, const struct core_intent *i);
/* Not lent before the batch of its new row is on the disk. */
void core_oauth_settle(struct core *c, struct core_credential *k);
/* Whoever waits for its row goes on, or hears that there is none. */
void core_oauth_release(struct core *c, const char *name);
/* There is no token for now, or none any more: whoever waits hears so. */
void core_oauth_refuse(
    struct core *c, const struct core_credential *k, const char *why);
/* The row that the vault sealed is the credential's from the commit on. */
void core_oauth_row(struct core *c, struct core_credential *k, struct str row,
    const struct wire_marks *marks, uint32_t has, int64_t expires);
struct core_credential *core_oauth_find(struct core *c, struct str name);

wire_take_fn core_vault_kept;

/* --- core_login.c ----------------------------------------------------------
 */

/* The facts of a credential of tokens that only a login needs. */
int core_login_facts(struct core *c, struct arena *a, const struct json *body,
    const struct core_credential *k, struct err *e) MUST_CHECK;
/* The host[:port] of a URL, where it may be asked what it says of itself; key
 * names it in errors. */
int core_login_host(struct core *c, struct arena *a, const char *key,
    struct str url, struct str *host, struct err *e) MUST_CHECK;
/* core_login_learn.c: it is not told where tokens are had, and can learn it;
 * then comes core_login_new. */
bool core_login_learns(const struct core_ask *ask);
int core_login_learn(
    struct core *c, struct core_ask *ask, struct err *e) MUST_CHECK;
/* A login for a new credential, all of which is known. */
int core_login_new(
    struct core *c, struct core_ask *ask, struct err *e) MUST_CHECK;
/* The vault has made the first or next row of a login. */
/* ERR_CONFLICT: its tokens are being renewed, one would undo the other. */
int core_login_alone(
    struct core *c, const struct core_credential *k, struct err *e) MUST_CHECK;
/* The vault's word on a row; ERR_CONFLICT: of a client's secret that is over
 * (P09). */
int core_login_row(struct core *c, const struct wire_vault_sealed *sealed,
    struct err *e) MUST_CHECK;
void core_login_sealed(struct core *c, struct core_ask *ask,
    const struct wire_vault_sealed *sealed);

#endif
