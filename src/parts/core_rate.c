/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cell has used of what its egress rules allow it: requests in a time,
 * bytes in all.  Counted here and not in the egress alone, which stands beside
 * hostile code: no request of a rule that is used up goes.  Bytes of what is
 * under way only the egress knows, and ends it in time.  A run that is claimed
 * anew begins anew.
 */
#include <stdlib.h>

#include "parts/core.h"
#include "parts/core_egress.h"

struct core_rate {
	struct core_rate *next;
	uint64_t cell;
	char rule[64];
	struct mono since; /* of the present window */
	uint32_t count;    /* requests in it */
	uint64_t volume;   /* bytes in all */
};

static struct core_rate *
rate_of(struct core *c, const struct core_intent *i)
{
	struct core_rate *r = c->rates;

	while (r && (r->cell != i->cell ||
	                !str_eq(str_of(r->rule), i->bounds->name))) {
		r = r->next;
	}
	if (!r) {
		r = calloc(1, sizeof(*r));
		must(r);
		r->cell = i->cell;
		must(str_copy(r->rule, sizeof(r->rule), i->bounds->name));
		r->since = mono_now();
		r->next = c->rates;
		c->rates = r;
	}
	return r;
}

const char *
core_rate_take(struct core *c, const struct core_intent *i)
{
	const struct policy_egress *b = i->bounds;

	if (!i->cell || (!b->rate && !b->volume_max)) {
		return NULL;
	}
	struct core_rate *r = rate_of(c, i);

	if (b->volume_max && r->volume >= b->volume_max) {
		return "this sandbox has used up the volume of the rule";
	}
	if (!b->rate) {
		return NULL;
	}
	if (mono_passed(mono_after(r->since, b->rate_us), mono_now())) {
		r->since = mono_now();
		r->count = 0;
	}
	if (r->count >= b->rate) {
		return "this sandbox asks more often than the rule allows";
	}
	r->count++;
	return NULL;
}

void
core_rate_add(struct core *c, const struct core_intent *i, uint64_t bytes)
{
	if (i->cell && i->bounds && i->bounds->volume_max) {
		rate_of(c, i)->volume += bytes;
	}
}

void
core_rates_drop(struct core *c, uint64_t cell)
{
	for (struct core_rate **at = &c->rates; *at;) {
		struct core_rate *r = *at;

		if (r->cell == cell) {
			*at = r->next;
			free(r);
		} else {
			at = &r->next;
		}
	}
}
