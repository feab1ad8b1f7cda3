/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_SHOWN_H
#define PARTS_CORE_SHOWN_H

/* A chapter of core_egress.h, which includes it: what people see of a request
 * that a gate holds. */

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

#endif
