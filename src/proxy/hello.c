/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "proxy/inside.h"

/* What a connection of the cell begins with: a tunnel, TLS, or CONNECT. */

#define TLS_FIRST_BYTE 0x16 /* a handshake record */

bool
proxy_conn_first(struct conn *c)
{
	if (proxy_is_tunnel(c->proxy, &c->origin)) {
		proxy_conn_tunnel(c);
		return true;
	}
	if (c->link.in.len == 0) {
		if (c->link.ended) {
			proxy_conn_outcome(
			    c, PROXY_REFUSED, 0, "nothing was asked");
			proxy_conn_leave(c);
			return true;
		}
		return false;
	}
	if ((uint8_t)c->link.in.at[0] != TLS_FIRST_BYTE) {
		c->reader.take_connect = !c->tunnel;
		c->state = CONN_HEAD;
		return true;
	}
	c->origin.tls = true;
	c->state = CONN_SHAKE;
	return true;
}

/* T01, T03: the name in the ClientHello must be the origin's. */
static int
choose(void *context, struct str sni, char host[TLS_HOST_SIZE], struct err *e)
{
	struct conn *c = context;
	const struct proxy_origin *o = &c->origin;
	struct names_host named;
	if (sni.len == 0 && o->named) {
		return err_set(e, ERR_DENIED,
		    "no server name (SNI) in the TLS hello to %s",
		    o->host.text);
	}
	if (sni.len > 0) {
		if (names_host_parse(sni, &named, e)) {
			return -1;
		}
		if (!o->named || strcmp(named.text, o->host.text) != 0) {
			return err_set(e, ERR_DENIED,
			    "the TLS hello names %s, but the connection is to "
			    "%s",
			    err_quote(str_of(named.text)), o->host.text);
		}
	}
	must(str_copy(host, TLS_HOST_SIZE, str_of(o->host.text)));
	return 0;
}

bool
proxy_conn_hello(struct conn *c)
{
	if (!c->link.tls) {
		struct tls_conn *tls = tls_serve(c->proxy->setup.ca, choose, c);
		tls_serve_two(tls, true);
		proxy_link_secure(&c->link, tls);
	}
	proxy_link_fill(&c->link);
	switch (tls_state(c->link.tls)) {
	case TLS_SHAKING:
		break;
	case TLS_OPEN:
		if (tls_two(c->link.tls)) {
			proxy_front_begin(c);
			return true;
		}
		c->reader.take_connect = false;
		c->state = CONN_HEAD;
		return true;
	case TLS_ENDED:
		break;
	case TLS_FAILED:
		proxy_conn_outcome(
		    c, PROXY_REFUSED, 0, tls_error(c->link.tls)->text);
		c->close = true;
		c->state = CONN_ANSWER;
		return true;
	}
	if (c->link.ended) {
		proxy_conn_outcome(
		    c, PROXY_REFUSED, 0, "hung up in the TLS hello");
		proxy_conn_shut(c);
		return true;
	}
	return false;
}

/* An explicit proxy's first word: no effect yet, only a new origin. */
void
proxy_conn_connect(struct conn *c, const struct http_head *head)
{
	struct proxy_origin origin = { 0 };
	struct err e;
	if (names_hostport_parse(
	        head->authority, 0, &origin.host, &origin.port, &e)) {
		proxy_conn_refuse_early(c, 400, e.text);
		return;
	}
	if (!proxy_conn_body_over(c)) {
		proxy_conn_refuse_early(c, 400, "CONNECT with a body");
		return;
	}
	origin.named = !origin.host.is_addr;
	c->origin = origin;
	c->tunnel = true;
	http_reader_next(&c->reader);
	c->body_done = false;
	c->any = false;
	proxy_link_write(
	    &c->link, STR("HTTP/1.1 200 Connection established\r\n\r\n"));
	c->state = CONN_FIRST;
	proxy_conn_arm(c, c->proxy->setup.times.head);
}
