/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/wire.h"

/*
 * What an agent may send to core: the input is cut into packets by a length
 * (two bytes, little-endian) in front of each.  Whatever arrives in a handler
 * must be what the table says.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
take(void *owner, struct wire_peer *peer, const void *record,
    __attribute__((unused)) int *fds, size_t nfds)
{
	(void)owner;
	must(nfds == 0);
	must(wire_peer_part(peer) == PART_AGENT);
	struct wire_call_ask ask;

	memcpy(&ask, record, sizeof(ask)); /* the smallest is no smaller */
	(void)wire_text_ok(ask.tool, sizeof(ask.tool));
}

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	int *count = owner;

	(void)peer;
	must(why->kind != ERR_NONE);
	must(++*count == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct wire_handler handlers[] = {
		{ WIRE_CALL_ASK, take },
	};
	int count = 0;
	const struct wire_end end = {
		.self = PART_CORE,
		.other = PART_AGENT,
		.handlers = handlers,
		.count = COUNT(handlers),
		.closed = closed,
		.owner = &count,
	};
	struct err e = { 0 };
	int fds[2];

	must(!wire_pair(fds, &e));
	struct loop *loop = loop_new_virtual();
	struct wire_peer *peer = wire_peer_new(loop, fds[0], &end, &e);

	must(peer);
	while (size > 2) {
		size_t part = data[0] + 256u * data[1];

		data += 2;
		size -= 2;
		part = part > size ? size : part;
		if (send(fds[1], data, part, MSG_NOSIGNAL) < 0) {
			break;
		}
		data += part;
		size -= part;
		loop_advance(loop, 0);
	}
	(void)close(fds[1]);
	loop_advance(loop, 0);
	must(count == 1 && !wire_peer_alive(peer));
	wire_peer_free(peer);
	loop_free(loop);
	return 0;
}
