/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that brings a credential of its own waits until the vault has made
 * the mark of that value; core then sees whether it is one that was revoked,
 * and nobody learns it.  Without the vault such a request does not go on.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/egress.h"

struct egress_marking {
	struct egress_marking *next;
	struct wire_intent intent;
};

static void
refuse(struct egress *g, uint64_t id)
{
	struct proxy_refusal r = {
		.status = 503,
		.error = "unavailable",
		.rule = "",
		.reason = "the vault is away",
		.next = "",
	};

	proxy_refuse(g->proxy, id, &r);
}

void
egress_mark_ask(
    struct egress *g, const struct wire_intent *intent, struct str value)
{
	struct wire_mark_ask ask = { .id = intent->id };
	struct egress_marking *m;

	if (!g->vault || !wire_peer_alive(g->vault)) {
		refuse(g, intent->id);
		return;
	}
	m = calloc(1, sizeof(*m));
	must(m);
	m->intent = *intent;
	m->next = g->markings;
	g->markings = m;
	ask.size = (uint32_t)value.len;
	memcpy(ask.value, value.at, value.len);
	wire_send(g->vault, WIRE_MARK_ASK, &ask, NULL, 0);
	wipe(&ask, sizeof(ask));
}

void
egress_mark_told(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct egress *g = owner;
	const struct wire_mark_told *told = record;

	(void)peer;
	(void)fds;
	(void)nfds;
	for (struct egress_marking **at = &g->markings; *at;
	     at = &(*at)->next) {
		struct egress_marking *m = *at;

		if (m->intent.id == told->id) {
			*at = m->next;
			memcpy(m->intent.own_mark, told->mark, WIRE_MARK);
			wire_send(g->core, WIRE_INTENT, &m->intent, NULL, 0);
			free(m);
			return;
		}
	}
}

void
egress_mark_gone(struct egress *g)
{
	struct egress_marking *all = g->markings;

	g->markings = NULL;
	while (all) {
		struct egress_marking *m = all;

		all = m->next;
		refuse(g, m->intent.id);
		free(m);
	}
}
