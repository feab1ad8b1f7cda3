/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_GRANT_H
#define PARTS_GRANT_H

/*
 * The grant of a task: identity ∩ type ∩ parent.  A task that a person put has
 * what its identity and its type give.  A task that another one made (a
 * dispatch from inside a run, a follow-up, a fork) has a ceiling besides,
 * written in the book with it, and never more than is below it:
 *
 *   tools        names; and of each ancestor's role the same contract, so that
 *                one name is not another deed in another role
 *   hosts        every request must be allowed by the policy of each ancestor
 *                too, as if that ancestor made it
 *   credentials  names that the parent could have injected
 *
 * Pure: what is in force now comes in as `struct grant_house`.  An ancestor
 * whose role is not there any more allows nothing.
 */

#include "policy/policy.h"
#include "tools/tools.h"

#define GRANT_DEPTH_MAX 8 /* generations; a deeper child is refused */

struct grant_power { /* what one identity has now */
	struct str identity;
	const struct catalogue *catalogue;
	struct names seen; /* tools */
	const struct policy *policy;
};
struct grant_house {
	const struct grant_power *at;
	size_t count;
};
const struct grant_power *grant_find(
    const struct grant_house *h, struct str identity);

struct grant {
	bool bounded;      /* false: no ceiling, and nothing below is read */
	uint32_t depth;    /* 1: made by a task that a person put */
	struct str parent; /* id of the task that made it */
	struct names tools;
	struct names credentials;
	struct names through; /* identities of the ancestors, nearest first */
};

/* What a run of this type has, in the order of own->seen. */
struct names grant_tools(struct arena *a, const struct grant_house *h,
    const struct grant_power *own, const struct task_type *type,
    const struct grant *ceiling);
/* Names of credentials that it could have injected with these tools. */
struct names grant_credentials(struct arena *a, const struct grant_power *own,
    const struct names *tools, const struct grant *ceiling);

struct grant_parent {
	struct str task;
	const struct grant_power *power;
	const struct task_type *type;
	const struct grant *ceiling; /* its own */
};
/* The ceiling of a child.  ERR_LIMIT: too many generations. */
int grant_child(struct arena *a, const struct grant_house *h,
    const struct grant_parent *parent, struct grant *out,
    struct err *e) MUST_CHECK;

/* After its own policy allowed `r` in *d, or asks: does every ancestor's?  If
 * not *d becomes the denial; what an ancestor asks is asked, too. */
void grant_request(struct arena *a, const struct grant_house *h,
    const struct grant *ceiling, const struct policy_request *r,
    struct policy_request_decision *d);

/* As it stands in the book; unbounded is no JSON at all (NULL). */
struct json *grant_json(struct arena *a, const struct grant *g);
int grant_read(struct arena *a, const struct json *written, struct grant *out,
    struct err *e) MUST_CHECK;

#endif
