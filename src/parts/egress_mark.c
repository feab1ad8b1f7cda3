/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that brings credentials of its own waits until the vault has made
 * the mark of each value; core then sees whether it is one of the vault's, in
 * use or revoked, and nobody learns it.  Without the vault such a request does
 * not go on.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/egress.h"

struct egress_marking {
	struct egress_marking *next;
	size_t open; /* marks that the vault has not told yet, in order */
	struct wire_intent intent;
	struct wire_shown shown; /* id 0: nothing */
};

/* What is shown goes right before what it is of. */
static void
send(struct egress *g, const struct wire_intent *intent,
    const struct wire_shown *shown)
{
	if (shown && shown->id) {
		wire_send(g->core, WIRE_SHOWN, shown, NULL, 0);
	}
	wire_send(g->core, WIRE_INTENT, intent, NULL, 0);
}

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

/* What is longer than any value of the vault is none. */
static void
ask_one(struct egress *g, struct egress_marking *m, struct str value)
{
	struct wire_mark_ask ask = { .id = m->intent.id,
		.size = (uint32_t)value.len };

	if (value.len > sizeof(ask.value)) {
		return;
	}
	memcpy(ask.value, value.at, value.len);
	wire_send(g->vault, WIRE_MARK_ASK, &ask, NULL, 0);
	wipe(&ask, sizeof(ask));
	m->open++;
}

void
egress_mark_ask(struct egress *g, const struct wire_intent *intent,
    const struct wire_shown *shown, const struct buf *own, size_t count)
{
	struct egress_marking *m;

	_Static_assert(PROXY_OWN_MAX + 1 == WIRE_OWN_MAX, "own credentials");
	if (count == 0) {
		send(g, intent, shown);
		return;
	}
	if (!g->vault || !wire_peer_alive(g->vault)) {
		refuse(g, intent->id);
		return;
	}
	m = calloc(1, sizeof(*m));
	must(m);
	m->intent = *intent;
	if (shown) {
		m->shown = *shown;
	}
	for (size_t i = 0; i < count; i++) {
		ask_one(g, m, buf_str(&own[i]));
	}
	if (m->open == 0) {
		send(g, &m->intent, &m->shown);
		free(m);
		return;
	}
	m->next = g->markings;
	g->markings = m;
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

		if (m->intent.id != told->id) {
			continue;
		}
		memcpy(m->intent.own_mark[m->intent.own_marks++], told->mark,
		    WIRE_MARK);
		if (--m->open == 0) {
			*at = m->next;
			send(g, &m->intent, &m->shown);
			free(m);
		}
		return;
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
