/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_SHOWN_H
#define PARTS_CORE_SHOWN_H

/* A chapter of core_egress.h, which includes it: requests that a gate holds,
 * and what people see of them. */

#include "parts/core.h"

struct core_intent;

struct core_shown {
	struct digest headers; /* of all that are bound */
	struct str query;
	struct str lines; /* "name: value\n", maybe not all of them */
	struct str body;  /* its beginning */
	bool lines_cut;
	bool body_cut;
};
wire_take_fn core_shown_take;
/* That of this intent, if its egress has just said it. */
void core_shown_claim(struct core_cell *cell, struct core_intent *i);
/* Of a request of the house's own all is at hand. */
void core_shown_own(struct core_intent *i);
/* All of it becomes part of what an approval binds. */
void core_shown_bind(struct core_intent *i, struct json *bound);

/* core_gate.c: gates hold this request.  It is refused with the id of what
 * waits, or goes on by an approval that is not used up. */
void core_gate_ask(struct core *c, struct core_intent *i,
    const struct policy_request_decision *d);
/* Uses its approval up, in the batch of the intent; false: it cannot, and the
 * request was refused. */
bool core_gate_use(struct core *c, struct core_intent *i);
/* A person allowed the call that this request is of. */
bool core_gate_covered(struct core *c, const struct core_intent *i);
/* The cell is gone: nobody waits for an answer to what it asked. */
void core_gate_cell_over(struct core *c, const struct core_cell *cell);

#endif
