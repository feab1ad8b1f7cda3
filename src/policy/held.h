/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_HELD_H
#define POLICY_HELD_H

/* A chapter of rules.h, which includes it: gates on requests. */

/* match.c: the match of such a gate; any of its keys may be absent. */
int policy_compile_gate_request(
    struct compile *c, const struct json *match, struct gate *g);
/* What several gates ask together; c is what their hints are about. */
void policy_join(struct arena *a, const struct gate *const *gates,
    uint32_t count, const struct policy_call *c, struct policy_ask *ask);
/* hold.c: does this gate on requests hold it?  What it cannot see, it holds. */
bool policy_gate_holds(const struct gate *g, const struct policy_request *r);
/* An allowed request that gates stand on is asked about. */
void policy_hold(struct arena *a, const struct policy *p,
    const struct policy_request *r, struct policy_request_decision *d);

/* held.c, for the check: every request of the rule that changes something is
 * held. */
bool policy_gate_covers(const struct gate *g, const struct rule *r);
/* Does any request of the rule meet the gate? */
bool policy_gate_meets(const struct gate *g, const struct rule *r);
/* How a request to the gate's host by the gate's methods gets past it by this
 * rule, as the end of a sentence; NULL: not, or it only reads, which is no way
 * round a gate on changes. */
const char *policy_gate_passed(const struct gate *g, const struct rule *r);
bool policy_changes(struct str method);         /* not GET, HEAD, OPTIONS */
bool policy_rule_changes(const struct rule *r); /* may it let such pass? */
/* rank.c */
bool policy_methods_overlap(struct str a, struct str b);
bool policy_hosts_overlap(
    const struct names_pattern *a, const struct names_pattern *b);

#endif
