/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_WIRE_MEET_H
#define TESTS_UNIT_WIRE_MEET_H

/* Two ends of a channel in one test; included behind cmocka.h. */

#include "wire/wire.h"

/* A handler that wants its record alone, as `in`. */
#define TAKES(name, type)                                                    \
	static void name##_record(const struct type *in);                    \
	/* NOLINTNEXTLINE(readability-non-const-parameter): of one type */   \
	static void name(void *owner, struct wire_peer *peer,                \
	    const void *record, int *fds, size_t nfds)                       \
	{                                                                    \
		(void)owner;                                                 \
		(void)peer;                                                  \
		(void)fds;                                                   \
		(void)nfds;                                                  \
		name##_record(record);                                       \
	}                                                                    \
	static void name##_record(const struct type *in)

static struct wire_peer *
wire_meet(struct loop *loop, int fd, const struct wire_end *end)
{
	struct err e = { 0 };
	struct wire_peer *peer = wire_peer_new(loop, fd, end, &e);

	assert_non_null(peer);
	return peer;
}

#endif
