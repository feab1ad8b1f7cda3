/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WAIT_GRANT_H
#define WAIT_GRANT_H

/*
 * Standing grants: what a person said yes to, and wants not to be asked again
 * for a while.  An object of its own: made with an approval, listed, revocable,
 * expiring, and bound to who may call what, under which version of the
 * contract, asked by which gates as they stood, with which arguments.  Pure, as
 * the waits are: a command yields an event, the list changes in
 * wait_grant_apply only.
 */

#include "wait/wait.h"

#define WAIT_GRANTS_MAX   10000 /* that stand at once */
#define WAIT_GRANT_MIN_US CLOCK_MINUTE
#define WAIT_GRANT_MAX_US (INT64_C(90) * 24 * 60 * CLOCK_MINUTE)

struct wait_grants;

struct wait_grants *wait_grants_new(void);
void wait_grants_free(struct wait_grants *g); /* NULL is nothing */

struct wait_grant {            /* read only for others */
	char id[WAIT_ID_TEXT]; /* "g-" and 20 characters */
	struct str identity;
	struct str tool;
	struct digest contract;
	struct digest asked; /* the gates, as they stood */
	struct digest named; /* the arguments that they look at, or all */
	struct str wait;     /* the approval that it came with */
	struct str hint;     /* what its person saw */
	struct str gate;
	struct str by;
	struct str surface;
	struct wall made;
	struct wall expires;
	bool sealed; /* it came with a MAC */
	uint8_t mac[WAIT_MAC];
};
/* What its MAC is over: all of it. */
struct digest wait_grant_digest(const struct wait_grant *g);

struct wait_grant_make {
	const struct wait_item *item; /* approved by this very decision */
	struct str principal;
	struct str surface;
	int64_t lasts_us;
	struct wall now;
	const uint8_t *mac; /* over wait_grant_sealed; NULL: none */
};
/* What the vault seals, before the grant is made. */
struct digest wait_grant_sealed(
    const struct wait_grant_make *c, const uint8_t random[WAIT_ID_RANDOM]);
/* Would it be given?  Asked before the decision is written.  ERR_DENIED: not
 * for what more than one person must allow, nor for what is no approval;
 * ERR_INPUT: a time out of bounds; ERR_LIMIT: too many stand. */
int wait_grant_may(const struct wait_grants *g, const struct wait_grant_make *c,
    struct err *e) MUST_CHECK;
/* The same, and the event.  The item must be approved, by this principal. */
int wait_grant_make(struct wait_grants *g, struct arena *a,
    const struct wait_grant_make *c, const uint8_t random[WAIT_ID_RANDOM],
    struct wait_step *step, struct err *e) MUST_CHECK;
/* ERR_MISSING: there is none (any more). */
int wait_grant_revoke(struct wait_grants *g, struct arena *a, struct str id,
    struct str principal, struct wall now, struct wait_step *step,
    struct err *e) MUST_CHECK;
/* ERR_INPUT, ERR_CONFLICT: not written by this machine; nothing changed. */
int wait_grant_apply(
    struct wait_grants *g, struct str body, struct err *e) MUST_CHECK;

struct wait_grant_use {
	struct str identity;
	struct str tool;
	struct digest contract;
	struct digest asked;
	struct digest named;
	struct wall now;
};
/* The grant that covers exactly this, in its time; NULL: a person is asked. */
const struct wait_grant *wait_grant_find(
    const struct wait_grants *g, const struct wait_grant_use *u);
/* One whose time has passed, to be forgotten; NULL: none. */
const struct wait_grant *wait_grant_expired(
    const struct wait_grants *g, struct wall now);
void wait_grant_forget(struct wait_grants *g, struct str id);
/* In order of being made; NULL past the end. */
const struct wait_grant *wait_grant_at(const struct wait_grants *g, size_t n);

#endif
