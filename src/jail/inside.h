/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAIL_INSIDE_H
#define JAIL_INSIDE_H

/* The steps of jail_enter, one file each; no other room includes it. */

#include "jail/jail.h"

/* power.c: ids and capabilities, limits, no-new-privs */
int jail_ids(const struct jail_plan *plan, struct err *e) MUST_CHECK;
int jail_limit(const struct jail_limits *limits, struct err *e) MUST_CHECK;
int jail_no_new_privs(struct err *e) MUST_CHECK;

/* landlock.c: *fd is a ruleset, or -1 where this kernel knows none */
int jail_ruleset(
    const struct jail_plan *plan, int *fd, struct err *e) MUST_CHECK;
int jail_restrict(int ruleset, struct err *e) MUST_CHECK;

/* filter.c: which filter.  Promises are small, so these are no promises. */
#define JAIL_KEY_SANDBOX (1u << 30)
#define JAIL_KEY_CELL    (1u << 31)
int jail_filter_prepare(unsigned key, struct err *e) MUST_CHECK;
int jail_filter_install(unsigned key, struct err *e) MUST_CHECK;

/* rules.c: the tables as libseccomp's rules */
int jail_add_rules(void *context, unsigned key, struct err *e) MUST_CHECK;

/* Stands in the filters where the process's own id belongs. */
#define JAIL_OWN_PID 0x7fc0ffeeu

#endif
