/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies that are read whole: before the decision, because a person decides
 * about exactly this one (and sees how it begins: shown.c), and after it,
 * because a credential goes into it.
 */
#include "proxy/inside.h"

/* Fewer than so many never are. */
static bool
crowded(const struct proxy *p)
{
	size_t all = 0;
	if (p->carried <= PROXY_WHOLE / PROXY_SPOOL) {
		return false;
	}
	for (const struct conn *c = p->conns; c; c = c->next) {
		all += c->held.len;
	}
	return all > PROXY_WHOLE;
}

/* One event of the body, kept; its end when all of it was read. */
static int
read_some(struct conn *c, size_t max, const char *why, struct http_event *ev,
    struct err *e)
{
	struct str in = buf_str(&c->link.in);
	size_t had = in.len;
	int failed = c->body_done ? 0 : http_read(&c->reader, &in, ev, e);
	if (!failed && ev->kind == HTTP_MORE && c->link.ended) {
		failed = err_set(e, ERR_INPUT, "the body was cut");
	}
	if (!failed && ev->kind == HTTP_DATA) {
		failed = proxy_own_body(&c->search, c->proxy->needles,
		    &c->proxy->opening, &c->request, ev->data, e);
		buf_add(&c->held, ev->data);
		if (!failed && c->held.len > max) {
			failed = err_set(e, ERR_LIMIT,
			    "a body over %zu bytes cannot %s", max, why);
		}
		if (!failed && crowded(c->proxy)) {
			failed = err_set(e, ERR_UNAVAILABLE,
			    "bodies of this sandbox that are read whole hold "
			    "the %zu MiB that they may hold together: ask "
			    "again when some of them have gone",
			    PROXY_WHOLE >> 20);
		}
	}
	if (!failed) {
		proxy_link_used(&c->link, had - in.len);
		c->body_done = ev->kind == HTTP_END;
	}
	if (c->body_done) { /* a person may take long */
		proxy_scrub_fini(&c->search);
	}
	return failed;
}

static void
refuse(struct conn *c, const struct err *e)
{
	bool later = e->kind == ERR_UNAVAILABLE;
	proxy_conn_refuse_early(
	    c, later ? 503 : proxy_status(e->kind), e->text);
}

/* P07: the length of a body that is changed must be known before its head; P08:
 * of one that brings what it must not, nothing leaves. */
bool
proxy_conn_gather(struct conn *c)
{
	struct http_event ev = { .kind = HTTP_END };
	struct err e;
	if (read_some(c, PLACE_BODY_MAX, "take a credential", &ev, &e)) {
		refuse(c, &e);
		return true;
	}
	if (c->body_done) {
		proxy_conn_begin(c);
		return true;
	}
	return ev.kind != HTTP_MORE;
}

void
proxy_conn_spool(struct conn *c)
{
	must(c->state == CONN_ASKED);
	proxy_conn_number(c, 0); /* that question is over */
	if (c->request.tunnel) {
		proxy_conn_refuse_early(c, 400, "a tunnel has no body");
		return;
	}
	c->shown = true;
	if (c->commands || c->request.head->framing == HTTP_EMPTY) {
		proxy_conn_ask(c, 0);
		return;
	}
	proxy_conn_continue(c);
	c->state = CONN_SPOOL;
	proxy_conn_arm(c, c->proxy->setup.times.head);
	proxy_conn_turn(c);
}

bool
proxy_conn_spooled(struct conn *c)
{
	struct http_event ev = { .kind = HTTP_END };
	struct err e;
	if (read_some(
	        c, PROXY_SPOOL, "be shown to a person who decides", &ev, &e)) {
		refuse(c, &e);
		return true;
	}
	if (c->body_done) {
		c->spooled = true;
		proxy_conn_ask(c, 0);
		return true;
	}
	return ev.kind != HTTP_MORE;
}

/* P08: since what is held of its body was read, another request of the cell may
 * have been given its first credential; of a push it is looked through when it
 * leaves. */
void
proxy_body_look(struct conn *c)
{
	struct err e;
	if (c->held.len == 0) {
		return;
	}
	proxy_scrub_fini(&c->search);
	if (!c->commands &&
	    proxy_own_body(&c->search, c->proxy->needles, &c->proxy->opening,
	        &c->request, buf_str(&c->held), &e)) {
		proxy_up_fail(c->up, true, &e);
	}
}

void
proxy_body_known(const struct conn *c, struct proxy_intent *i)
{
	struct str read = buf_str(&c->held);
	i->body = PROXY_BODY_READ;
	if (c->commands) { /* the names of objects stand for the pack */
		i->refs = c->commands->refs;
		i->ref_count = c->commands->count;
		read = str_sub(read, 0, c->commands->at);
	} else if (!c->spooled) {
		i->body = c->request.head->framing == HTTP_EMPTY
		              ? PROXY_BODY_NONE
		              : PROXY_BODY_UNREAD;
		return;
	}
	i->body_size = read.len;
	i->body_digest = digest_of(read);
}
