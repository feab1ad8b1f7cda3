/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/egress.h"

#include <stdlib.h>
#include <string.h>

/* A more trusted end sent what no honest one sends: we are out of step. */
_Noreturn void
egress_out_of_step(const char *what)
{
	log_line(LOG_ERROR, "record", "%s makes no sense", what);
	exit(1); /* NOLINT(concurrency-mt-unsafe): one thread */
}

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

void
egress_take_rules(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct egress *g = owner;
	const struct wire_egress_rules *w = record;
	struct proxy_tunnel tunnels[WIRE_TUNNELS_MAX] = { 0 };
	struct digest policy;
	struct err e;
	(void)peer;
	(void)fds;
	(void)nfds;
	_Static_assert(WIRE_TUNNELS_MAX == PROXY_TUNNELS, "tunnels");
	if (w->cell != g->cell || w->tunnels > WIRE_TUNNELS_MAX) {
		egress_out_of_step("EGRESS_RULES");
	}
	for (uint32_t i = 0; i < w->tunnels; i++) {
		const struct wire_tunnel *t = &w->tunnel[i];
		tunnels[i].port = t->port;
		if (!wire_text_ok(t->host, sizeof(t->host)) ||
		    names_pattern_parse(
		        str_of(t->host), &tunnels[i].host, &e)) {
			egress_out_of_step("a host of EGRESS_RULES");
		}
	}
	memcpy(&policy, w->policy, sizeof(policy));
	proxy_tunnels(g->proxy, tunnels, w->tunnels);
	proxy_policy(g->proxy, &policy);
}

/* What core says to a request besides go. */
void
egress_take_refuse(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct egress *g = owner;
	const struct wire_refuse *w = record;
	(void)peer;
	(void)fds;
	(void)nfds;
	if (!wire_text_ok(w->error, sizeof(w->error)) ||
	    !wire_text_ok(w->wait, sizeof(w->wait)) ||
	    !wire_text_ok(w->rule, sizeof(w->rule)) ||
	    !wire_text_ok(w->reason, sizeof(w->reason)) ||
	    !wire_text_ok(w->next, sizeof(w->next)) || w->status < 400 ||
	    w->status > 599) {
		egress_out_of_step("REFUSE");
	}
	struct proxy_refusal r = { .status = w->status,
		.error = w->error,
		.wait = w->wait,
		.rule = w->rule,
		.reason = w->reason,
		.next = w->next };
	g->core_works = false;
	proxy_refuse(g->proxy, w->id, &r);
}

void
egress_take_read_body(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct egress *g = owner;
	const struct wire_read_body *w = record;
	(void)peer;
	(void)fds;
	(void)nfds;
	g->core_works = false;
	proxy_read_body(g->proxy, w->id);
}

/* NOLINTEND(readability-non-const-parameter) */
