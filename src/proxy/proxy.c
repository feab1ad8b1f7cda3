/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <unistd.h>

#include "proxy/inside.h"

static int64_t
or_default(int64_t us, int64_t otherwise)
{
	return us > 0 ? us : otherwise;
}

struct proxy *
proxy_new(const struct proxy_setup *setup)
{
	struct proxy *p = calloc(1, sizeof(*p));
	must(p);
	p->setup = *setup;
	p->needles = proxy_needles_new();
	p->opening.most = PROXY_OPENING;
	struct proxy_times *t = &p->setup.times;
	t->head = or_default(t->head, 10 * CLOCK_SECOND);
	t->idle = or_default(t->idle, 60 * CLOCK_SECOND);
	t->decision = or_default(t->decision, 30 * CLOCK_SECOND);
	t->dial = or_default(t->dial, 10 * CLOCK_SECOND);
	t->stall = or_default(t->stall, 300 * CLOCK_SECOND);
	t->pipe = or_default(t->pipe, 3600 * CLOCK_SECOND);
	t->kept = or_default(t->kept, 15 * CLOCK_SECOND);
	p->setup.kept_max = setup->kept_max ? setup->kept_max : PROXY_KEPT;
	return p;
}

void
proxy_free(struct proxy *p)
{
	if (!p) {
		return;
	}
	while (p->conns) {
		proxy_conn_free(p->conns);
	}
	while (p->fetches) {
		proxy_fetch_free(p->fetches);
	}
	proxy_pool_close(p);
	proxy_roads_close(p);
	proxy_trust_close(p);
	proxy_spares_close(p);
	proxy_needles_free(p->needles);
	buf_fini(&p->tunnels);
	buf_fini(&p->given);
	for (struct volume *next, *v = p->volumes; v; v = next) {
		next = v->next;
		free(v);
	}
	free(p);
}

void
proxy_close_all(struct proxy *p, const char *why)
{
	struct conn *next;
	for (struct conn *c = p->conns; c; c = next) {
		next = c->next;
		proxy_conn_abort(c, why);
		proxy_conn_turn(c);
	}
	struct fetch *after;
	for (struct fetch *f = p->fetches; f; f = after) {
		after = f->next;
		proxy_fetch_abort(f, why);
	}
	proxy_pool_close(p);
	proxy_roads_close(p);
}

void
proxy_clean(const struct proxy *p, struct err *e)
{
	auto_buf text = { 0 };
	if (proxy_scrub_text(p->needles, str_of(e->text), &text)) {
		err_set(e, e->kind, "%s", buf_z(&text));
	}
}

size_t
proxy_kept(const struct proxy *p)
{
	return p->kept_count;
}

size_t
proxy_carried(const struct proxy *p)
{
	return p->carried;
}

void
proxy_policy(struct proxy *p, const struct digest *policy)
{
	struct conn *next;
	for (struct conn *c = p->conns; c; c = next) {
		next = c->next;
		if (c->up && !digest_eq(c->up->way.policy, *policy)) {
			proxy_conn_abort(c,
			    "the policy that allowed it is not in force any "
			    "more");
			proxy_conn_turn(c);
		}
	}
	proxy_pool_policy(p, policy);
	proxy_roads_policy(p, policy);
}

static void
refuse_at_once(struct proxy *p, int fd, const char *host, const char *why)
{
	struct proxy_outcome o = {
		.end = PROXY_REFUSED, .host = host, .text = why
	};
	close(fd);
	p->setup.ops->outcome(p->setup.context, &o);
}

void
proxy_carry(struct proxy *p, int fd, const struct names_addr *to, uint16_t port)
{
	struct proxy_origin origin = { .port = port };
	must(p->setup.ca && p->setup.pool);
	if (p->carried >= PROXY_CONNECTIONS) {
		close(fd);
		return;
	}
	origin.host.is_addr = true;
	origin.host.addr = *to;
	names_addr_text(to, origin.host.text);
	if (names_pool_range(to)) {
		const char *name = names_pool_name(p->setup.pool, to);
		if (!name) {
			refuse_at_once(p, fd, origin.host.text,
			    "an address that stands for no name of this cell");
			return;
		}
		struct err e;
		if (names_host_parse(str_of(name), &origin.host, &e)) {
			refuse_at_once(p, fd, "", e.text);
			return;
		}
		origin.named = true;
	}
	proxy_conn_new(p, fd, &origin);
}

/* --- connections by the id of their intent --- */

static struct conn **
row_of(struct proxy *p, uint64_t id)
{
	return &p->numbered[id % PROXY_ROWS];
}

void
proxy_conn_number(struct conn *c, uint64_t id)
{
	if (c->id) {
		struct conn **at = row_of(c->proxy, c->id);
		while (*at != c) {
			at = &(*at)->beside;
		}
		*at = c->beside;
	}
	c->id = id;
	if (id) {
		struct conn **row = row_of(c->proxy, id);
		c->beside = *row;
		*row = c;
	}
}

static struct conn *
conn_of(struct proxy *p, uint64_t id, enum conn_state state)
{
	struct conn *c = *row_of(p, id);
	while (c && (c->id != id || c->state != state)) {
		c = c->beside;
	}
	return c;
}

/* NULL: it has left.  Its place was kept until now. */
static struct conn *
conn_asking(struct proxy *p, uint64_t id)
{
	struct conn *c = conn_of(p, id, CONN_ASKED);
	if (c && c->link.mute) {
		proxy_conn_leave(c);
		proxy_conn_turn(c);
		return NULL;
	}
	return c;
}

/* --- what is said of them --- */

void
proxy_go(struct proxy *p, uint64_t id, const struct proxy_go *go)
{
	struct conn *c = conn_asking(p, id);
	proxy_trust_keep(p, go);
	if (c) {
		proxy_conn_go(c, go);
		return;
	}
	struct proxy_outcome o = { .id = id,
		.end = PROXY_FAILED,
		.host = "",
		.text = "the cell hung up before the decision" };
	p->setup.ops->outcome(p->setup.context, &o);
}

void
proxy_read_body(struct proxy *p, uint64_t id)
{
	struct conn *c = conn_asking(p, id);
	if (c) {
		proxy_conn_spool(c);
	}
}

void
proxy_refuse(struct proxy *p, uint64_t id, const struct proxy_refusal *refusal)
{
	struct conn *c = conn_asking(p, id);
	if (c) {
		proxy_conn_refuse(c, refusal);
	}
}

/* The exchange of that id, and whom to tell that it moved. */
static struct up *
up_of(struct proxy *p, uint64_t id, loop_fn **turn, void **owner)
{
	struct conn *c = conn_of(p, id, CONN_CARRY);
	if (c) {
		*turn = proxy_conn_turn;
		*owner = c;
		return c->up;
	}
	for (struct fetch *f = p->fetches; f; f = f->next) {
		if (f->id == id) {
			*turn = proxy_fetch_turn;
			*owner = f;
			return f->up;
		}
	}
	return NULL;
}

void
proxy_resolved(struct proxy *p, uint64_t id, const struct names_found *found,
    const struct err *e)
{
	loop_fn *turn;
	void *owner;
	struct up *u = up_of(p, id, &turn, &owner);
	if (u) {
		proxy_up_resolved(u, found, e);
		turn(owner);
	}
}

void
proxy_credential(
    struct proxy *p, uint64_t id, struct str secret, const struct err *e)
{
	loop_fn *turn;
	void *owner;
	struct up *u = up_of(p, id, &turn, &owner);
	if (u) {
		proxy_up_credential(u, secret, e);
		turn(owner);
	}
}
