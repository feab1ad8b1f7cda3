/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_CORE_MEET_HELP_H
#define TESTS_UNIT_CORE_MEET_HELP_H

/* Core's ends of its channels, and the far ones; included behind cmocka.h. */

#include "parts/core.h"
#include "wire_meet.h"

static inline void
core_meet_closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)peer;
	fail_msg("%s", why->text);
}

/* Nobody closes it before the test does. */
static inline struct wire_peer *
core_meet(struct core *c, enum part self, enum part other, int fd,
    const struct wire_handler *handlers, size_t count)
{
	struct wire_end end = { .self = self,
		.other = other,
		.handlers = handlers,
		.count = count,
		.owner = c,
		.closed = core_meet_closed };

	return wire_meet(c->part.loop, fd, &end);
}

/* A channel of which core's own end hears nothing: the far one. */
static inline struct wire_peer *
core_meet_far(struct core *c, enum part other, struct wire_peer **near,
    const struct wire_handler *handlers, size_t count)
{
	struct err e = { 0 };
	int fds[2];

	assert_int_equal(wire_pair(fds, &e), 0);
	*near = core_meet(c, PART_CORE, other, fds[0], NULL, 0);
	return core_meet(c, other, PART_CORE, fds[1], handlers, count);
}

#endif
