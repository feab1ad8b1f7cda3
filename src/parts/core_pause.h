/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_PAUSE_H
#define PARTS_CORE_PAUSE_H

/*
 * Who did not take a note is left alone: for a time that doubles with each
 * failure, up to an hour.  Zero is nobody's pause.
 */

#include "base/base.h"

#define CORE_PAUSE_MOST (3600 * CLOCK_SECOND) /* us */

struct core_pause {
	unsigned failures; /* since it took one */
	struct mono until;
};

static inline bool
core_pause_stands(const struct core_pause *p, struct mono now)
{
	return p->failures > 0 && !mono_passed(p->until, now);
}

/* first: us after the first failure. */
static inline void
core_pause_longer(struct core_pause *p, struct mono now, int64_t first)
{
	p->until = mono_after(
	    now, duration_doubled(first, p->failures++, CORE_PAUSE_MOST));
}

/* Whichever ends first; NULL is none. */
static inline const struct core_pause *
core_pause_sooner(const struct core_pause *a, const struct core_pause *b)
{
	if (!a || !a->failures) {
		return b && b->failures ? b : NULL;
	}
	return b && b->failures && mono_passed(b->until, a->until) ? b : a;
}

#endif
