/* SPDX-License-Identifier: Apache-2.0 */
/* The second channel from core: what is taken back and found the first full. */
#include "parts/vault.h"

/* What it is of was said on the first channel, before it. */
static void
take_revoke(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	wire_poll(((struct vault *)owner)->part.core);
	vault_take_revoke(owner, peer, record, fds, nfds);
}

static void
take_unlend(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	wire_poll(((struct vault *)owner)->part.core);
	vault_take_unlend(owner, peer, record, fds, nfds);
}

static const struct wire_handler handlers[] = {
	{ WIRE_VAULT_REVOKE, take_revoke },
	{ WIRE_VAULT_UNLEND, take_unlend },
};

static void
closed(void *owner, struct wire_peer *peer,
    __attribute__((unused)) const struct err *why)
{
	struct vault *v = owner;

	wire_peer_free(peer);
	v->back = NULL;
}

struct wire_peer *
vault_channel(struct vault *v, int *fd, const struct wire_handler *takes,
    size_t count, wire_closed_fn *over)
{
	struct wire_end end = {
		.self = PART_VAULT,
		.other = PART_CORE,
		.handlers = takes,
		.count = count,
		.closed = over,
		.owner = v,
	};
	struct err e = { 0 };
	struct wire_peer *peer =
	    wire_peer_new(v->part.loop, take_fd(fd), &end, &e);

	if (!peer) {
		log_err("core", &e);
	}
	return peer;
}

void
vault_take_back(void *owner, __attribute__((unused)) struct wire_peer *peer,
    __attribute__((unused)) const void *record, int *fds, size_t nfds)
{
	struct vault *v = owner;

	must(nfds == 1);
	wire_peer_free(v->back);
	v->back = vault_channel(v, &fds[0], handlers, COUNT(handlers), closed);
}

bool
vault_hear_core(struct vault *v)
{
	/* What core granted, or took back, was there before an egress could
	 * hear of it, but this turn may not have come to it yet. */
	wire_poll(v->part.core);
	vault_hear_lends(v);
	if (v->back) {
		wire_poll(v->back);
	}
	return wire_peer_alive(v->part.core);
}
