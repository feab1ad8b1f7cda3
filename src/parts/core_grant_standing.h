/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_GRANT_STANDING_H
#define PARTS_CORE_GRANT_STANDING_H

/*
 * A chapter of core.h, which includes it: standing grants
 * (core_grant_standing.c). Each is a head and a row "grant"/ID with the same
 * body; it goes with a head when it is revoked, and without one when its time
 * has passed, which its own head says.
 */

#include "wait/grant.h"

struct core_call;

int core_standing_load(struct core *c, struct err *e) MUST_CHECK;
/* Before the decision is written: would it be remembered?  After it: it is. */
int core_standing_may(const struct core *c, const struct wait_decide *say,
    int64_t lasts_us, struct err *e) MUST_CHECK;
void core_standing_make(
    struct core *c, const struct wait_decide *say, int64_t lasts_us);
/* The grant that covers this call, which a gate asks about; NULL: none. */
const struct wait_grant *core_standing_find(
    const struct core *c, const struct core_call *k);
/* Member "grants": those that stand, of this identity; NULL: of all. */
void core_standing_write(
    const struct core *c, struct json_out *o, const char *identity);

#endif
