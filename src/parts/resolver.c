/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to addresses, by the host's resolvers; nothing else.  fd 3 supervisor,
 * fd 4 core, then one channel to each egress, as core attaches them.  Asked
 * only after an intent was allowed: a denied name is never looked up (D03).
 */
#include "parts/part.h"

#include <stdlib.h>
#include <string.h>

#include "jail/jail.h"
#include "names/names.h"

#define LOOKUP_US   (10 * CLOCK_SECOND)
#define LOOKUPS_MAX 256 /* of one egress at once */

struct client;

struct lookup {
	struct lookup *next;
	struct client *client; /* NULL: it has gone */
	uint64_t id;
};

struct client {
	struct client *next;
	struct resolver *resolver;
	struct wire_peer *peer;
	struct lookup *lookups;
	size_t count;
};

struct resolver {
	struct part_self part;
	struct names_resolver *names;
	struct client *clients;
};

static void
answer(struct client *c, uint64_t id, const struct names_found *found,
    const struct err *why)
{
	struct wire_resolved w = { .id = id };
	if (!found) {
		str_fit(w.text, sizeof(w.text), str_of(why->text));
		wire_send(c->peer, WIRE_RESOLVED, &w, NULL, 0);
		return;
	}
	must(found->count > 0 && found->count <= WIRE_ADDRESSES_MAX);
	w.ok = 1;
	w.count = (uint32_t)found->count;
	for (size_t i = 0; i < found->count; i++) {
		w.addresses[i].family = found->at[i].family;
		memcpy(w.addresses[i].bytes, found->at[i].bytes, 16);
	}
	wire_send(c->peer, WIRE_RESOLVED, &w, NULL, 0);
}

static void
found_it(void *context, const struct names_found *found, const struct err *e)
{
	struct lookup *l = context;
	struct client *c = l->client;
	if (c) {
		struct lookup **at = &c->lookups;
		while (*at != l) {
			at = &(*at)->next;
		}
		*at = l->next;
		c->count--;
		answer(c, l->id, found, e);
	}
	free(l);
}

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

static void
take_resolve(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct client *c = owner;
	const struct wire_resolve *w = record;
	struct names_host host;
	struct err e;
	(void)fds;
	(void)nfds;
	if (!wire_text_ok(w->name, sizeof(w->name)) ||
	    names_host_parse(str_of(w->name), &host, &e) || host.is_addr ||
	    !str_eq_z(str_of(host.text), w->name)) {
		err_set(&e, ERR_DENIED, "RESOLVE of no canonical name");
		wire_peer_close(peer, &e);
		return;
	}
	if (c->count == LOOKUPS_MAX) {
		err_set(&e, ERR_LIMIT, "too many look-ups at once");
		answer(c, w->id, NULL, &e);
		return;
	}
	struct lookup *l = calloc(1, sizeof(*l));
	must(l);
	*l = (struct lookup){ .next = c->lookups, .client = c, .id = w->id };
	c->lookups = l;
	c->count++;
	names_resolve(c->resolver->names, host.text, LOOKUP_US, found_it, l);
}

/* NOLINTEND(readability-non-const-parameter) */

static const struct wire_handler client_handlers[] = {
	{ WIRE_RESOLVE, take_resolve },
};

static void
client_closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	struct client *c = owner;
	if (why->kind != ERR_UNAVAILABLE) {
		log_err("egress", why);
	}
	for (struct lookup *l = c->lookups; l; l = l->next) {
		l->client = NULL;
	}
	struct client **at = &c->resolver->clients;
	while (*at != c) {
		at = &(*at)->next;
	}
	*at = c->next;
	wire_peer_free(peer);
	free(c);
}

static void
take_attach(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	struct resolver *r = owner;
	struct err e;
	(void)peer;
	(void)record;
	if (nfds != 1) {
		log_line(LOG_ERROR, "record", "RESOLVER_ATTACH without one fd");
		exit(1); /* NOLINT(concurrency-mt-unsafe): one thread */
	}
	struct client *c = calloc(1, sizeof(*c));
	must(c);
	struct wire_end end = { .self = PART_RESOLVER,
		.other = PART_EGRESS,
		.handlers = client_handlers,
		.count = COUNT(client_handlers),
		.closed = client_closed,
		.owner = c };
	c->resolver = r;
	c->peer = wire_peer_new(r->part.loop, take_fd(&fds[0]), &end, &e);
	if (!c->peer) {
		log_err("attach", &e);
		free(c);
		return;
	}
	c->next = r->clients;
	r->clients = c;
}

static const struct wire_handler core_handlers[] = {
	{ WIRE_RESOLVER_ATTACH, take_attach },
};

int
main(int argc, char **argv)
{
	static struct resolver r;
	struct err e;
	part_begin(&r.part, PART_RESOLVER, argc, argv);
	const char *servers = part_arg(&r.part, "servers");
	struct jail_plan plan = { .part = "resolver",
		.uid = (uid_t)part_number(&r.part, "uid", 0),
		.gid = (gid_t)part_number(&r.part, "uid", 0),
		.limits = { .nproc = JAIL_ZERO, .memlock = JAIL_ZERO },
		.landlock = true,
		.net = JAIL_NET_CONNECT,
		.filter = JAIL_FILTER_PROMISES,
		.promises = JAIL_STDIO | JAIL_INET };
	if (names_resolver_new(r.part.loop, servers, &r.names, &e) ||
	    jail_enter(&plan, &e)) {
		part_fail(&e);
	}
	part_join(&r.part, NULL, 0, core_handlers, COUNT(core_handlers), &r);
	part_ready(&r.part, WIRE_RESOLVER_READY, "");
	loop_run(r.part.loop);
	names_resolver_free(r.names);
	return 0;
}
