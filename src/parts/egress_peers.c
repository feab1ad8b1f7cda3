/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/egress.h"

#include <stdlib.h>
#include <string.h>

#define UNSAID_FROM 64 /* records that core has not read yet */

/* --- what has been asked, and of whom: the vault answers in that order --- */

static void
open_add(struct egress *g, uint64_t id, uint64_t grant)
{
	struct egress_open *o = calloc(1, sizeof(*o));
	must(o);
	*o = (struct egress_open){ .id = id, .grant = grant };
	*g->open_end = o;
	g->open_end = &o->next;
}

/* Takes one off the list: by grant, or a look-up by its id. */
static bool
open_take(struct egress *g, uint64_t grant, uint64_t *id)
{
	for (struct egress_open **at = &g->open; *at; at = &(*at)->next) {
		struct egress_open *o = *at;
		if (o->grant == grant && (grant != 0 || o->id == *id)) {
			*id = o->id;
			*at = o->next;
			g->open_end = o->next ? g->open_end : at;
			free(o);
			return true;
		}
	}
	return false;
}

static struct egress_open *
open_of(struct egress *g, bool redeem)
{
	struct egress_open *o = g->open;
	while (o && (o->grant != 0) != redeem) {
		o = o->next;
	}
	return o;
}

/* Whoever was asked has gone: nobody waits for an answer. */
static void
fail_open(struct egress *g, bool redeem, const char *text)
{
	struct err e;
	struct egress_open *o;
	err_set(&e, ERR_UNAVAILABLE, "%s", text);
	while ((o = open_of(g, redeem))) {
		uint64_t id = o->id;
		must(open_take(g, o->grant, &id));
		if (redeem) {
			proxy_credential(g->proxy, id, (struct str){ 0 }, &e);
		} else {
			proxy_resolved(g->proxy, id, NULL, &e);
		}
	}
}

/* --- the proxy asks --- */

static void
text_cut(char *field, size_t size, const char *text)
{
	struct str s = str_of(text);
	must(str_copy(field, size, str_sub(s, 0, size - 1)));
}

/* L07: a flood of refusals becomes a count before it fills core's queue, whose
 * overflow would end this egress and its cell. */
static bool
goes_unsaid(struct egress *g, const struct proxy_outcome *o)
{
	if (o->id != 0 || wire_queued(g->core) < UNSAID_FROM) {
		return false;
	}
	g->unsaid++;
	return true;
}

static void
outcome_text(struct egress *g, const struct proxy_outcome *o, struct buf *text)
{
	if (o->id == 0 && g->unsaid > 0) {
		buf_addf(
		    text, "(and %llu more) ", (unsigned long long)g->unsaid);
		g->unsaid = 0;
	}
	buf_add_z(text, o->text);
}

void
egress_answered_send(struct egress *g)
{
	if (g->answered.count > 0) {
		wire_send(g->core, WIRE_ANSWERED, &g->answered, NULL, 0);
	}
	g->answered.count = 0;
}

/* Whatever went as it should is one record. */
static void
answered(struct egress *g, const struct proxy_outcome *o)
{
	if (g->answered.count == WIRE_TOGETHER) {
		egress_answered_send(g);
	}
	if (g->answered.count == 0) {
		egress_say(g);
	}
	g->answered.one[g->answered.count++] = (struct wire_answered_one){
		.id = o->id,
		.up = o->up,
		.down = o->down,
		.took = o->took_us > 0 ? (uint64_t)o->took_us : 0,
		.status = o->status,
		.injected = o->injected,
	};
}

static void
on_outcome(void *context, const struct proxy_outcome *o)
{
	struct egress *g = context;
	auto_buf text = { 0 };
	if (o->id != 0 && o->end == PROXY_ANSWERED && !o->text[0] &&
	    o->scrubbed == 0 && o->id != g->captured) {
		answered(g, o); /* asked in an earlier turn: it had its go */
		return;
	}
	egress_intents_send(g); /* core hears first that it was asked */
	if (goes_unsaid(g, o)) {
		return;
	}
	outcome_text(g, o, &text);
	struct wire_outcome w = { .id = o->id,
		.status = o->status,
		.up = o->up,
		.down = o->down,
		.took = o->took_us > 0 ? (uint64_t)o->took_us : 0,
		.scrubbed = (uint32_t)(o->scrubbed < UINT32_MAX ? o->scrubbed
		                                                : UINT32_MAX),
		.injected = o->injected,
		.captured = o->id != 0 && o->id == g->captured };
	switch (o->end) {
	case PROXY_ANSWERED:
		w.end = WIRE_OUTCOME_ANSWERED;
		break;
	case PROXY_FAILED:
		w.end = WIRE_OUTCOME_FAILED;
		break;
	case PROXY_REFUSED:
		w.end = WIRE_OUTCOME_REFUSED;
		break;
	case PROXY_UNLENT:
		w.end = WIRE_OUTCOME_UNLENT;
		break;
	}
	egress_text(w.host, sizeof(w.host), o->host);
	text_cut(w.text, sizeof(w.text), buf_z(&text));
	wire_send(g->core, WIRE_OUTCOME, &w, NULL, 0);
}

static void
on_resolve(void *context, uint64_t id, const char *name)
{
	struct egress *g = context;
	struct wire_resolve w = { .id = id };
	if (!g->resolver || !wire_peer_alive(g->resolver)) {
		struct err e;
		err_set(&e, ERR_UNAVAILABLE, "the resolver is away");
		proxy_resolved(g->proxy, id, NULL, &e);
		return;
	}
	egress_text(w.name, sizeof(w.name), name);
	open_add(g, id, 0);
	wire_send(g->resolver, WIRE_RESOLVE, &w, NULL, 0);
}

/* Whatever one turn needs at one host is one question. */
static void
send_redeem(void *owner)
{
	struct egress *g = owner;
	if (g->redeem.count > 0 && g->vault) {
		wire_send(g->vault, WIRE_REDEEM, &g->redeem, NULL, 0);
	}
	g->redeem.count = 0;
}

static void
on_redeem(
    void *context, uint64_t id, uint64_t grant, const char *host, uint16_t port)
{
	struct egress *g = context;
	struct wire_redeem *w = &g->redeem;
	if (!g->vault || !wire_peer_alive(g->vault)) {
		struct err e;
		err_set(&e, ERR_UNAVAILABLE, "the vault is away");
		proxy_credential(g->proxy, id, (struct str){ 0 }, &e);
		return;
	}
	if (w->count == WIRE_TOGETHER || w->port != port ||
	    strcmp(w->host, host) != 0) {
		send_redeem(g);
	}
	if (w->count == 0) {
		w->port = port;
		egress_text(w->host, sizeof(w->host), host);
		loop_later(g->loop, send_redeem, g);
	}
	w->number[w->count++] = grant;
	open_add(g, id, grant);
}

const struct proxy_ops egress_ops = {
	.intent = egress_intent,
	.outcome = on_outcome,
	.resolve = on_resolve,
	.redeem = on_redeem,
	.captured = egress_captured,
	.fetched = egress_fetched,
};

/* --- answers come --- */

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

void
egress_granted(struct egress *g, uint64_t grant)
{
	g->newest = grant > g->newest ? grant : g->newest;
}

/* Core's numbers only grow: what it named before this channel to the vault was
 * there was lent at another, which is gone. */
static void
not_lent(struct egress *g, uint64_t id, uint64_t grant, const char *why)
{
	struct err e;
	if (grant <= g->forgotten) {
		err_set(&e, ERR_UNAVAILABLE, "the vault was started again: %s",
		    why);
	} else {
		err_set(&e, ERR_DENIED, "%s", why);
	}
	proxy_credential(g->proxy, id, (struct str){ 0 }, &e);
}

static void
take_credential(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct egress *g = owner;
	const struct wire_credential *w = record;
	uint64_t id = 0;
	(void)peer;
	(void)fds;
	(void)nfds;
	if (!wire_text_ok(w->text, sizeof(w->text)) ||
	    w->size > sizeof(w->secret) || w->count > WIRE_TOGETHER) {
		egress_out_of_step("CREDENTIAL");
	}
	struct str secret = { (const char *)w->secret, w->size };
	for (size_t n = 0; n < w->count; n++) {
		if (w->number[n] == 0 || !open_take(g, w->number[n], &id)) {
			continue;
		}
		if (w->ok) {
			proxy_credential(g->proxy, id, secret, NULL);
		} else {
			not_lent(g, id, w->number[n], w->text);
		}
	}
}

static bool
address_from(const struct wire_address *w, struct names_addr *out)
{
	if (w->family != 4 && w->family != 6) {
		return false;
	}
	*out = (struct names_addr){ .family = w->family };
	memcpy(out->bytes, w->bytes, w->family == 4 ? 4 : 16);
	return true;
}

static void
take_resolved(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct egress *g = owner;
	const struct wire_resolved *w = record;
	struct names_found found = { .count = w->count };
	struct err e;
	uint64_t id = w->id;
	(void)peer;
	(void)fds;
	(void)nfds;
	_Static_assert(NAMES_ANSWERS_MAX == WIRE_ADDRESSES_MAX, "addresses");
	if (!wire_text_ok(w->text, sizeof(w->text)) ||
	    w->count > NAMES_ANSWERS_MAX || (w->ok && w->count == 0)) {
		egress_out_of_step("RESOLVED");
	}
	for (size_t i = 0; i < found.count; i++) {
		if (!address_from(&w->addresses[i], &found.at[i])) {
			egress_out_of_step("RESOLVED");
		}
	}
	err_set(&e, ERR_UNAVAILABLE, "%s", w->text);
	if (open_take(g, 0, &id)) {
		proxy_resolved(g->proxy, id, w->ok ? &found : NULL, &e);
	}
}

static const struct wire_handler vault_handlers[] = {
	{ WIRE_CREDENTIAL, take_credential },
	{ WIRE_MARK_TOLD, egress_mark_told },
};

static const struct wire_handler resolver_handlers[] = {
	{ WIRE_RESOLVED, take_resolved },
};

static void
peer_closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	struct egress *g = owner;
	(void)why;
	bool vault = peer == g->vault;
	if (vault) {
		g->vault = NULL;
		g->redeem.count = 0;
	} else if (peer == g->resolver) {
		g->resolver = NULL;
	}
	wire_peer_free(peer);
	fail_open(g, vault, vault ? "the vault is away" : "no resolver");
	if (vault) {
		egress_mark_gone(g);
	}
}

static struct wire_peer *
join(struct egress *g, int fd, enum part other,
    const struct wire_handler *handler)
{
	struct err e;
	struct wire_end end = { .self = PART_EGRESS,
		.other = other,
		.handlers = handler,
		.count = other == PART_VAULT ? COUNT(vault_handlers)
		                             : COUNT(resolver_handlers),
		.closed = peer_closed,
		.owner = g };
	struct wire_peer *peer = wire_peer_new(g->loop, fd, &end, &e);
	if (!peer) {
		log_err("channel", &e);
	}
	return peer;
}

/* Sent again when the vault or the resolver was started again. */
static void
take_peers(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct egress *g = owner;
	const struct wire_attach *w = record;
	(void)peer;
	if (nfds != 2 || w->cell != g->cell) {
		egress_out_of_step("EGRESS_PEERS");
	}
	wire_peer_free(g->vault);
	g->vault = NULL;
	g->redeem.count = 0;
	g->forgotten = g->newest;
	fail_open(g, true, "the vault was started again");
	egress_mark_gone(g);
	wire_peer_free(g->resolver);
	g->resolver = NULL;
	fail_open(g, false, "the resolver was started again");
	g->vault = join(g, take_fd(&fds[0]), PART_VAULT, vault_handlers);
	g->resolver =
	    join(g, take_fd(&fds[1]), PART_RESOLVER, resolver_handlers);
}

static void
take_lease(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_egress_lease *w = record;
	(void)peer;
	(void)fds;
	(void)nfds;
	egress_lease(owner, (struct mono){ (int64_t)w->deadline });
}

bool
egress_go_from(const struct wire_go *w, struct proxy_go *go)
{
	if (!wire_text_ok(w->name, sizeof(w->name)) ||
	    !wire_text_ok(w->format, sizeof(w->format)) ||
	    !wire_text_ok(w->rule, sizeof(w->rule)) ||
	    !wire_text_ok(w->credential, sizeof(w->credential)) ||
	    !wire_text_ok(w->placeholder, sizeof(w->placeholder)) ||
	    !wire_text_ok(w->mask, sizeof(w->mask)) ||
	    w->place > WIRE_PLACE_TOKEN || w->has_ca > WIRE_CA_GIVEN) {
		return false;
	}
	*go = (struct proxy_go){ .grant = w->grant,
		.place = (enum proxy_place)w->place,
		.pinned = w->pinned,
		.pin_port = w->pin_port,
		.tls = w->tls,
		.version = w->version,
		.keep_credentials = w->keep_credentials,
		.websocket = w->websocket,
		.renews = w->renews,
		.once = w->once,
		.whole = w->whole,
		.up_max = w->up_max,
		.down_max = w->down_max,
		.volume_max = w->volume_max };
	_Static_assert((int)PROXY_PLACE_BASIC == (int)WIRE_PLACE_BASIC, "");
	_Static_assert((int)PROXY_PLACE_TOKEN == (int)WIRE_PLACE_TOKEN, "");
	_Static_assert(
	    sizeof(go->placeholder) == sizeof(w->placeholder), "placeholder");
	memcpy(go->placeholder, w->placeholder, sizeof(go->placeholder));
	_Static_assert(sizeof(go->mask) == sizeof(w->mask), "mask");
	memcpy(go->mask, w->mask, sizeof(go->mask));
	go->capture = w->mask[0] != '\0';
	_Static_assert(sizeof(go->name) == sizeof(w->name), "name");
	_Static_assert(sizeof(go->format) == sizeof(w->format), "format");
	_Static_assert(sizeof(go->policy) == sizeof(w->policy), "policy");
	_Static_assert(
	    sizeof(go->credential) == sizeof(w->credential), "credential");
	memcpy(&go->policy, w->policy, sizeof(go->policy));
	if (w->has_ca == WIRE_CA_GIVEN) {
		memcpy(&go->given, w->ca, sizeof(go->given));
	}
	memcpy(go->credential, w->credential, sizeof(go->credential));
	memcpy(go->name, w->name, sizeof(go->name));
	memcpy(go->format, w->format, sizeof(go->format));
	_Static_assert(sizeof(go->rule) == sizeof(w->rule), "rule");
	memcpy(go->rule, w->rule, sizeof(go->rule));
	return !go->pinned ||
	       (address_from(&w->pin, &go->pin) && go->pin_port != 0);
}

static void
take_go(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct egress *g = owner;
	const struct wire_going *all = record;
	const struct wire_go *w = &all->go;
	struct proxy_go go;
	struct err e;
	auto_buf ca = { 0 };
	(void)peer;
	if (!egress_go_from(w, &go) || all->count > COUNT(all->also) ||
	    nfds != (w->has_ca == WIRE_CA_HERE ? 1U : 0U)) {
		egress_out_of_step("GO");
	}
	if (nfds && memfd_read(fds[0], EGRESS_CA_MAX, &ca, &e)) {
		egress_out_of_step("the CA of GO");
	}
	go.ca = buf_str(&ca);
	egress_granted(g, go.grant);
	g->core_works = false;
	proxy_go(g->proxy, w->id, &go);
	for (size_t n = 0; n < all->count; n++) {
		go.grant = all->also[n].grant;
		egress_granted(g, go.grant);
		proxy_go(g->proxy, all->also[n].id, &go);
	}
}

/* NOLINTEND(readability-non-const-parameter) */

const struct wire_handler egress_cell_handlers[] = {
	{ WIRE_EGRESS_PEERS, take_peers },
	{ WIRE_EGRESS_LEASE, take_lease },
	{ WIRE_EGRESS_RULES, egress_take_rules },
	{ WIRE_READ_BODY, egress_take_read_body },
	{ WIRE_GO, take_go },
	{ WIRE_REFUSE, egress_take_refuse },
};
const size_t egress_cell_handler_count = COUNT(egress_cell_handlers);

const struct wire_handler egress_own_handlers[] = {
	{ WIRE_EGRESS_PEERS, take_peers },
	{ WIRE_EGRESS_LEASE, take_lease },
	{ WIRE_HTTP_DO, egress_take_http_do },
};
const size_t egress_own_handler_count = COUNT(egress_own_handlers);

/* While it waits for the world alone. */
static bool
may_linger(void *owner)
{
	const struct egress *g = owner;
	return !g->core_works && !g->open && !g->markings;
}

void
egress_proxy(struct egress *g, const struct egress_host *host)
{
	struct proxy_setup setup = { .loop = g->loop,
		.ops = &egress_ops,
		.context = g,
		.ca = g->ca,
		.pool = g->pool,
		.roots = host->roots,
		.own = { host->own, host->own_count } };
	g->open_end = &g->open;
	g->proxy = proxy_new(&setup);
	loop_linger(g->loop, may_linger, g);
}
