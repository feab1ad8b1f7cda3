/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "proxy/inside.h"

/*
 * What the rules' own CAs were read into, by the digest of their text: reading
 * one costs more than a whole request.  Invariant: the latest PROXY_CAS that
 * were given are here, the latest first, and whatever is in use.
 */

static void
drop(struct trusted **at)
{
	struct trusted *t = *at;
	*at = t->next;
	tls_trust_free(t->trust);
	free(t);
}

static void
forget_old(struct proxy *p)
{
	size_t n = 0;
	for (struct trusted **at = &p->trusted; *at;) {
		if (++n > PROXY_CAS && (*at)->users == 0) {
			drop(at);
		} else {
			at = &(*at)->next;
		}
	}
}

/* The one of that digest; given again, it is the latest. */
static struct trusted *
find(struct proxy *p, struct digest ca, bool again)
{
	struct trusted **at = &p->trusted;
	while (*at && !digest_eq((*at)->ca, ca)) {
		at = &(*at)->next;
	}
	struct trusted *t = *at;
	if (t && again) {
		*at = t->next;
		t->next = p->trusted;
		p->trusted = t;
	}
	return t;
}

int
proxy_trust_take(struct proxy *p, struct digest ca, struct str pem,
    struct trusted **out, struct err *e)
{
	struct trusted *t = find(p, ca, pem.len > 0);
	if (!t) {
		struct tls_trust *trust;
		if (pem.len == 0) {
			return err_set(
			    e, ERR_DENIED, "the rule's ca was never given");
		}
		if (tls_trust_pem(pem, &trust, e)) {
			return err_wrap(e, "the rule's ca");
		}
		t = calloc(1, sizeof(*t));
		must(t);
		*t = (struct trusted){
			.next = p->trusted, .ca = ca, .trust = trust
		};
		p->trusted = t;
	}
	t->users++;
	forget_old(p);
	*out = t;
	return 0;
}

void
proxy_trust_keep(struct proxy *p, const struct proxy_go *go)
{
	struct trusted *t = NULL;
	struct err e = { 0 };
	if (go->ca.len > 0 &&
	    proxy_trust_take(p, digest_of(go->ca), go->ca, &t, &e) == 0) {
		proxy_trust_give(t);
	}
}

void
proxy_trust_give(struct trusted *t)
{
	if (t) {
		must(t->users > 0);
		t->users--;
	}
}

void
proxy_trust_close(struct proxy *p)
{
	while (p->trusted) {
		drop(&p->trusted);
	}
}
