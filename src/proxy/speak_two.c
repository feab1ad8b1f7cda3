/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/inside.h"

/* An exchange as a stream of a road (road.c): its answer is text, which speak.c
 * reads as any other. */

int
proxy_two_say(
    struct up *u, struct str head, const struct buf *body, struct err *e)
{
	bool any = body || u->request->head->framing != HTTP_EMPTY;
	if (http_two_ask(u->two, head, any, u->injected, &u->stream, e)) {
		return -1;
	}
	if (body) {
		http_two_data(u->two, u->stream, buf_str(body));
		http_two_end(u->two, u->stream, STR(""));
	}
	proxy_road_flush(u);
	return 0;
}

void
proxy_two_body(struct up *u, struct str bytes)
{
	http_two_data(u->two, u->stream, bytes);
	proxy_road_flush(u);
}

void
proxy_two_body_end(struct up *u)
{
	http_two_end(u->two, u->stream, STR(""));
	proxy_road_flush(u);
}

void
proxy_two_fill(struct up *u)
{
	proxy_road_fill(u);
	if (u->text.len < proxy_link_most()) {
		http_two_taken(u->two, u->stream);
	}
	proxy_road_flush(u);
}
