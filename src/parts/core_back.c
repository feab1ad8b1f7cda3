/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking back what the vault was granted.  Once core has said that something is
 * over, the vault lends nothing on it, also when it stood still meanwhile and
 * its socket is full: what does not fit there goes through a second one, that
 * nothing else is in, and which the vault reads before it lends.
 *
 * A vault that lets that one be filled too is ended: one that is started again
 * knows no grant.
 */
#include "parts/core_back.h"

static void
back_closed(void *owner, struct wire_peer *peer,
    __attribute__((unused)) const struct err *why)
{
	struct core *c = owner;

	wire_peer_free(peer);
	c->vault_back = NULL;
}

struct wire_peer *
core_vault_channel(struct core *c, enum wire_type type, wire_closed_fn *closed)
{
	static const struct wire_attach none;
	struct wire_end end = {
		.self = PART_CORE,
		.other = PART_VAULT,
		.closed = closed,
		.owner = c,
	};
	struct err e = { 0 };
	int fds[2];

	if (wire_pair(fds, &e)) {
		log_err("vault", &e);
		return NULL;
	}
	struct wire_peer *peer = wire_peer_new(c->part.loop, fds[0], &end, &e);

	must(peer);
	wire_send(c->vault, type, &none, &fds[1], 1);
	return peer;
}

void
core_back_join(struct core *c)
{
	core_back_gone(c);
	/* Where there is none, a full socket ends the vault at once. */
	c->vault_back = core_vault_channel(c, WIRE_VAULT_BACK, back_closed);
}

void
core_back_gone(struct core *c)
{
	wire_peer_free(c->vault_back);
	c->vault_back = NULL;
}

void
core_back(struct core *c, enum wire_type type, const void *record)
{
	struct err why = { 0 };

	if (!c->vault_ready) {
		return; /* one that was started again knows no grant */
	}
	if (wire_offer(c->vault, type, record)) {
		return;
	}
	/* In its place as well: it may be of a grant that still waits. */
	wire_send(c->vault, type, record, NULL, 0);
	if (c->vault_back && wire_offer(c->vault_back, type, record)) {
		return;
	}
	(void)err_set(&why, ERR_TIMEOUT,
	    "vault does not read what is taken back from it");
	wire_peer_close(c->vault, &why);
}
