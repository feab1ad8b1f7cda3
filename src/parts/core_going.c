/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of one cell that one commit lets go, under one rule: their grants
 * are one record to the vault, their goes one record to their egress, and
 * nobody waits for the vault's answer in between.  What is wrong with a grant
 * the egress hears when it redeems it, and the outcome says so.
 *
 * The grants are in a socket of the vault's before the go is in the egress's,
 * or they are sent the other way, one by one (core_go.c).  Nobody is woken by
 * them: the vault reads that socket when it is asked to lend, or when core has
 * something else to say of what it lends.
 */
#include <stdlib.h>
#include <string.h>

#include "parts/core.h"
#include "parts/core_back.h"
#include "parts/core_egress.h"
#include "parts/crash.h"

/* A row as the vault was given it. */
struct place {
	struct wire_binding binding;
	struct buf row; /* empty: nothing is there */
	uint64_t used;
};

struct core_going {
	uint64_t number[WIRE_TOGETHER]; /* committed in this turn, all alike */
	size_t count;
	uint64_t turn; /* of place[].used */
	struct place place[WIRE_ROWS];
};

static struct core_going *
going(struct core *c)
{
	if (!c->going) {
		c->going = calloc(1, sizeof(*c->going));
		must(c->going);
	}
	return c->going;
}

static bool
may_share(const struct core_intent *i)
{
	return i->cell && !i->done && i->bounds && !i->tunnel && !i->stale &&
	       i->use == WIRE_USE_ACCESS &&
	       !i->wait.len; /* what a person allowed goes by itself */
}

/* A go says nothing of these two that differs but their numbers. */
static bool
alike(const struct core_intent *a, const struct core_intent *b)
{
	return a->cell == b->cell && a->run == b->run && a->epoch == b->epoch &&
	       a->bounds == b->bounds && a->port == b->port &&
	       digest_eq(a->policy, b->policy) &&
	       str_eq(a->credential, b->credential) &&
	       strcmp(a->host, b->host) == 0;
}

bool
core_going_add(struct core *c, struct core_intent *i)
{
	struct core_going *g = going(c);

	if (!may_share(i)) {
		return false;
	}
	const struct core_intent *first =
	    g->count ? core_intent_find(c, g->number[0]) : NULL;

	if (g->count == WIRE_TOGETHER || !first || !alike(first, i)) {
		core_going_send(c);
	}
	g->number[g->count++] = i->number;
	return true;
}

/* --- the vault --- */

static bool
place_is(const struct place *p, const struct core_credential *k,
    const struct wire_binding *binding)
{
	return p->row.len && str_eq(buf_str(&p->row), buf_str(&k->row)) &&
	       memcmp(&p->binding, binding, sizeof(*binding)) == 0;
}

static void
lends_closed(void *owner, struct wire_peer *peer,
    __attribute__((unused)) const struct err *why)
{
	struct core *c = owner;

	wire_peer_free(peer);
	c->vault_lends = NULL;
}

void
core_going_join(struct core *c)
{
	core_going_vault_gone(c);
	/* Where there is none, each goes by itself. */
	c->vault_lends = core_vault_channel(c, WIRE_VAULT_LENDS, lends_closed);
}

/* Where the vault has this row; it is given it first where it has not.  False:
 * it does not take it now. */
static bool
place_of(struct core *c, const struct core_credential *k, uint32_t *place)
{
	struct core_going *g = going(c);
	struct wire_vault_row give = { 0 };
	uint32_t oldest = 0;

	core_grant_binding(k, &give.binding);
	g->turn++;
	for (uint32_t n = 0; n < WIRE_ROWS; n++) {
		if (place_is(&g->place[n], k, &give.binding)) {
			g->place[n].used = g->turn;
			*place = n;
			return true;
		}
		oldest = g->place[n].used < g->place[oldest].used ? n : oldest;
	}
	struct place *p = &g->place[oldest];

	must(k->row.len <= sizeof(give.row));
	give.place = oldest;
	give.row_size = (uint32_t)k->row.len;
	memcpy(give.row, k->row.at, k->row.len);
	if (!wire_offer(c->vault_lends, WIRE_VAULT_ROW, &give)) {
		return false;
	}
	p->binding = give.binding;
	buf_clear(&p->row);
	buf_add(&p->row, buf_str(&k->row));
	p->used = g->turn;
	*place = oldest;
	return true;
}

void
core_going_vault_gone(struct core *c)
{
	struct core_going *g = going(c);

	wire_peer_free(c->vault_lends);
	c->vault_lends = NULL;
	for (uint32_t n = 0; n < WIRE_ROWS; n++) {
		buf_fini(&g->place[n].row);
	}
}

/* False: the vault was not told. */
static bool
lend(struct core *c, struct core_intent *const *all, size_t count)
{
	const struct core_intent *first = all[0];
	const struct core_credential *k =
	    core_credential_find(c, first->credential);
	uint32_t place;

	if (!k || k->closed[0] || core_credential_unfit(c, k) || k->settling ||
	    !c->vault_ready || !c->vault_lends || !place_of(c, k, &place)) {
		return false;
	}
	struct wire_vault_lend lend = {
		.cell = first->cell,
		.not_after = (uint64_t)mono_after(mono_now(), CORE_GRANT_US).us,
		.place = place,
		.claim_epoch = first->epoch,
		.port = first->port,
		.count = (uint16_t)count,
	};

	core_text(lend.host, sizeof(lend.host), first->host);
	for (size_t n = 0; n < count; n++) {
		lend.number[n] = all[n]->number;
		all[n]->version = k->version;
	}
	return wire_offer(c->vault_lends, WIRE_VAULT_LEND, &lend);
}

/* --- the egress --- */

static void
go(struct core *c, struct core_intent *const *all, size_t count)
{
	struct wire_peer *egress = core_intent_egress(c, all[0]);
	struct wire_going going = { .count = count - 1 };
	struct err e = { 0 };
	int ca;

	crash_point(CRASH_CORE_GO);
	if (!egress) {
		return; /* they end with it */
	}
	if (core_go_fill(c, all[0], &going.go, &ca, &e)) {
		for (size_t n = 0; n < count; n++) {
			core_go_lacks_ca(c, all[n], &e);
		}
		return;
	}
	for (size_t n = 0; n < count; n++) {
		all[n]->gone = true;
		if (n > 0) {
			going.also[n - 1] = (struct wire_go_also){
				.id = all[n]->id,
				.grant = going.go.grant ? all[n]->number : 0,
			};
		}
	}
	wire_send(egress, WIRE_GO, &going, &ca, ca >= 0);
}

void
core_going_send(struct core *c)
{
	struct core_going *g = going(c);
	struct core_intent *all[WIRE_TOGETHER];
	size_t count = 0;

	for (size_t n = 0; n < g->count; n++) {
		struct core_intent *i = core_intent_find(c, g->number[n]);

		if (core_go_may(c, i)) {
			all[count++] = i;
		}
	}
	g->count = 0;
	if (count == 0) {
		return;
	}
	if (!all[0]->credential.len || lend(c, all, count)) {
		go(c, all, count);
		return;
	}
	for (size_t n = 0; n < count; n++) {
		core_grant_send(c, all[n]);
	}
}
