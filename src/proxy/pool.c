/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "proxy/inside.h"

/*
 * Connections to upstreams that are open and that nobody uses.  Invariant: a
 * kept one owes nothing and is owed nothing; the first byte, end or error on
 * it closes it.
 */

static void
drop(struct kept *k)
{
	proxy_link_free(k->link);
	if (k->previous) {
		k->previous->next = k->next;
	} else {
		k->proxy->kept = k->next;
	}
	if (k->next) {
		k->next->previous = k->previous;
	}
	k->proxy->kept_count--;
	free(k);
}

/* Whatever comes now belongs to no request: H15. */
static void
stirred(void *owner)
{
	struct kept *k = owner;
	proxy_link_fill(k->link);
	if (proxy_link_quiet(k->link)) {
		proxy_link_settle(k->link);
		return;
	}
	drop(k);
}

static struct mono
idle_end(const struct kept *k)
{
	return mono_after(k->since, k->proxy->setup.times.kept);
}

/* Those that were unused too long are at the end of the list. */
static void
idle_over(void *owner)
{
	struct proxy *p = owner;
	struct mono now = loop_now(p->setup.loop);
	struct mono first = { 0 };
	struct kept *next;
	size_t had = p->kept_count;
	for (struct kept *k = p->kept; k; k = next) {
		next = k->next;
		if (mono_passed(idle_end(k), now)) {
			drop(k);
		} else {
			first = idle_end(k);
		}
	}
	if (p->kept) {
		loop_timer_arm(
		    &p->kept_timer, p->setup.loop, first, idle_over, p);
	}
	if (p->kept_count < had) {
		proxy_spares_rest(p);
	}
}

void
proxy_pool_close(struct proxy *p)
{
	loop_timer_cancel(&p->kept_timer);
	while (p->kept) {
		/* NOLINTNEXTLINE(*-unix.Malloc): it leaves the list */
		drop(p->kept);
	}
}

void
proxy_pool_policy(struct proxy *p, const struct digest *policy)
{
	struct kept *next;
	for (struct kept *k = p->kept; k; k = next) {
		next = k->next;
		if (!digest_eq(k->way.policy, *policy)) {
			drop(k);
		}
	}
}

/* The one that has been unused longest is at the end of the list. */
static void
make_place(struct proxy *p)
{
	struct kept *oldest = p->kept;
	if (p->kept_count < p->setup.kept_max) {
		return;
	}
	while (oldest->next) {
		oldest = oldest->next;
	}
	drop(oldest);
}

void
proxy_pool_put(struct proxy *p, struct link *link, const struct up_way *way)
{
	struct loop *loop = p->setup.loop;
	if (!proxy_link_quiet(link) ||
	    mono_passed(
	        mono_after(way->born, PROXY_KEPT_LIFE), loop_now(loop))) {
		proxy_link_free(link);
		return;
	}
	make_place(p);
	struct kept *k = malloc(sizeof(*k));
	must(k);
	*k = (struct kept){ .proxy = p,
		.link = link,
		.way = *way,
		.since = loop_now(loop),
		.next = p->kept };
	if (k->next) {
		/* NOLINTNEXTLINE(*-unix.Malloc): what was dropped left it */
		k->next->previous = k;
	}
	p->kept = k;
	p->kept_count++;
	link->turn = stirred;
	link->owner = k;
	proxy_link_rest(link);
	proxy_link_settle(link);
	if (!p->kept_timer.loop) {
		loop_timer_arm(&p->kept_timer, loop, idle_end(k), idle_over, p);
	}
}

/* Of no secret: it may stop at the first byte that differs. */
static bool
same_digest(const struct digest *a, const struct digest *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool
proxy_way_eq(const struct up_way *a, const struct up_way *b)
{
	return strcmp(a->host, b->host) == 0 && a->port == b->port &&
	       a->tls == b->tls && a->two == b->two && a->pinned == b->pinned &&
	       (!a->pinned || (names_addr_eq(&a->at, &b->at) &&
	                          a->at_port == b->at_port)) &&
	       same_digest(&a->ca, &b->ca) &&
	       same_digest(&a->policy, &b->policy) &&
	       strcmp(a->credential, b->credential) == 0 &&
	       a->version == b->version;
}

struct link *
proxy_pool_take(struct proxy *p, struct up_way *way, int64_t idle_max)
{
	struct mono now = loop_now(p->setup.loop);
	struct kept *next;
	for (struct kept *k = p->kept; k; k = next) {
		struct err e;
		next = k->next;
		if (!proxy_way_eq(&k->way, way) ||
		    mono_passed(mono_after(k->since, idle_max), now)) {
			continue;
		}
		if (!proxy_link_quiet(k->link) ||
		    (!way->pinned && names_addr_check(&k->way.at, &p->setup.own,
		                         NULL, &e))) {
			drop(k);
			continue;
		}
		struct link *link = k->link;
		*way = k->way;
		k->link = NULL;
		drop(k);
		return link;
	}
	return NULL;
}
