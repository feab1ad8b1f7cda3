/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "proxy/inside.h"

void
proxy_request_fini(struct proxy_request *r)
{
	arena_fini(&r->arena);
	*r = (struct proxy_request){ 0 };
}

static void
note_own(void *context, struct str value)
{
	bool *found = context;
	*found = *found || !proxy_place_marked(value);
}

/* A placeholder is judged by itself: proxy_place_check. */
bool
proxy_own_credentials(const struct http_head *head, struct str query)
{
	bool found = false;
	for (size_t i = 0; i < head->count && !found; i++) {
		found = http_credential_header(head->headers[i].name) &&
		        !proxy_place_marked_value(head->headers[i].value);
	}
	http_credential_params(query, note_own, &found);
	return found;
}

static uint16_t
default_port(bool tls)
{
	return tls ? 443 : 80;
}

/* Explicit proxy: the authority of this one request is its origin. */
static int
origin_of_absolute(
    struct proxy_origin *origin, const struct http_head *head, struct err *e)
{
	if (origin->tls) {
		return err_set(e, ERR_DENIED,
		    str_eq_nocase(head->scheme, STR("http"))
		        ? "http:// inside TLS is not accepted; ask for https://"
		        : "a whole URL as target inside TLS is not accepted");
	}
	if (!str_eq_nocase(head->scheme, STR("http"))) {
		return err_set(e, ERR_DENIED,
		    "only http:// can be asked of a proxy; use CONNECT");
	}
	if (names_hostport_parse(
	        head->authority, 80, &origin->host, &origin->port, e)) {
		return -1;
	}
	origin->named = !origin->host.is_addr;
	return 0;
}

/* N14, T02: the authority must be the origin and nothing else. */
static int
authority_is_origin(const struct proxy_origin *origin,
    const struct http_head *head, struct err *e)
{
	struct names_host host;
	uint16_t port;
	if (head->authority.len == 0) {
		return err_set(e, ERR_DENIED, "the request names no Host");
	}
	/* Most write it as it is canonical. */
	if (origin->port == default_port(origin->tls) &&
	    str_eq_z(head->authority, origin->host.text)) {
		return 0;
	}
	if (names_hostport_parse(
	        head->authority, default_port(origin->tls), &host, &port, e)) {
		return -1;
	}
	if (strcmp(host.text, origin->host.text) != 0) {
		return err_set(e, ERR_DENIED,
		    "Host says %s, but the connection is to %s",
		    err_quote(str_of(host.text)),
		    err_quote(str_of(origin->host.text)));
	}
	if (port != origin->port) {
		return err_set(e, ERR_DENIED,
		    "Host says port %u, but the connection is to port %u", port,
		    origin->port);
	}
	return 0;
}

static int
request_target(struct proxy_request *r, struct err *e)
{
	const struct http_head *h = r->head;
	if (h->form == HTTP_AUTHORITY || h->form == HTTP_ASTERISK) {
		return err_set(e, ERR_DENIED,
		    "a target of this form is not accepted here");
	}
	r->path = h->path;
	r->query = h->query;
	if (http_asked_form(&r->arena, h->method, &r->path, &r->query, e)) {
		return -1;
	}
	r->has_query = h->has_query;
	r->path = arena_str(&r->arena, r->path);
	r->query = arena_str(&r->arena, r->query);
	r->method = arena_str(&r->arena, h->method);
	return 0;
}

static int
request_git(struct proxy_request *r, struct err *e)
{
	r->git = proxy_git_service(r->method, r->path, r->query);
	r->commands = proxy_git_has_commands(r->method, r->path);
	if (r->commands && http_find(r->head, "content-encoding")) {
		return err_set(e, ERR_DENIED,
		    "a push with Content-Encoding cannot be read");
	}
	return 0;
}

int
proxy_request_make(struct proxy_request *r, const struct http_head *head,
    const struct proxy_origin *origin, struct err *e)
{
	struct proxy_request made = {
		.head = head, .origin = *origin, .arena = r->arena
	};
	int failed = 0;
	if (head->form == HTTP_ABSOLUTE) {
		failed = origin_of_absolute(&made.origin, head, e);
	} else {
		failed = authority_is_origin(origin, head, e);
	}
	made.websocket = head->upgrade || http_find(head, "upgrade");
	if (!failed && made.websocket) {
		failed = proxy_socket_asked(head, e);
	}
	if (failed || request_target(&made, e) || request_git(&made, e)) {
		arena_fini(&made.arena);
		r->arena = (struct arena){ 0 };
		return -1;
	}
	made.own_credentials = proxy_own_credentials(head, made.query);
	*r = made;
	return 0;
}

static bool
framing_name(const struct http_head *head, struct str name)
{
	return str_eq_nocase(name, STR("host")) ||
	       str_eq_nocase(name, STR("content-length")) ||
	       str_eq_nocase(name, STR("content-type")) ||
	       http_is_hop(head, name);
}

static bool
format_ok(struct str format)
{
	struct str mark = STR("{{secret}}");
	size_t found = 0;
	for (size_t i = 0; i + mark.len <= format.len; i++) {
		if (str_eq(str_sub(format, i, mark.len), mark)) {
			found++;
		}
	}
	return found == 1;
}

/* A pointer to a member, or the number of a segment. */
static bool
name_ok(const struct proxy_go *go)
{
	uint64_t number = 0;
	switch (go->place) {
	case PROXY_PLACE_JSON:
		return go->name[0] == '/';
	case PROXY_PLACE_PATH:
		return str_u64(str_of(go->name), &number) && number > 0;
	case PROXY_PLACE_QUERY:
	case PROXY_PLACE_FORM:
		return go->name[0] != '\0';
	case PROXY_PLACE_NONE:
	case PROXY_PLACE_HEADER:
	case PROXY_PLACE_BASIC:
	case PROXY_PLACE_TOKEN:
		break;
	}
	return true;
}

static bool
place_ok(
    const struct proxy_request *r, const struct proxy_go *go, struct err *e)
{
	bool formed =
	    go->place == PROXY_PLACE_NONE || go->place == PROXY_PLACE_BASIC ||
	    go->place == PROXY_PLACE_TOKEN || format_ok(str_of(go->format));
	if (!formed || !name_ok(go) ||
	    (go->place == PROXY_PLACE_HEADER &&
	        framing_name(r->head, str_of(go->name)))) {
		err_set(e, ERR_DENIED,
		    "%s and its format cannot hold a credential",
		    err_quote(str_of(go->name)));
		return false;
	}
	if (go->place == PROXY_PLACE_BASIC && str_has(str_of(go->name), ':')) {
		err_set(e, ERR_DENIED, "a Basic user with a colon");
		return false;
	}
	return true;
}

int
proxy_go_check(
    const struct proxy_request *r, const struct proxy_go *go, struct err *e)
{
	if (r->own_credentials && !go->keep_credentials) {
		return err_set(e, ERR_DENIED,
		    "the request brings a credential of its own; the rule "
		    "does not say own_credentials = true");
	}
	if (r->websocket && !go->websocket) {
		return err_set(
		    e, ERR_DENIED, "the rule does not say websocket = true");
	}
	if (go->place == PROXY_PLACE_NONE) {
		if (go->grant != 0) {
			return err_set(
			    e, ERR_DENIED, "a grant without a place for it");
		}
	} else if (go->grant == 0) {
		return err_set(e, ERR_DENIED, "a place without a grant");
	} else if (!go->tls && !go->pinned) {
		return err_set(e, ERR_DENIED,
		    "a credential is never sent over plain HTTP");
	} else if (!r->origin.tls && !go->pinned) {
		return err_set(e, ERR_DENIED,
		    "a host with a credential is reached over https only");
	} else if (!r->origin.named && !go->pinned) {
		return err_set(e, ERR_DENIED,
		    "a credential is never sent to a bare address");
	}
	if (!r->origin.tls != !go->tls && !go->pinned) {
		return err_set(e, ERR_DENIED,
		    "http cannot become https, nor https http, without a pin");
	}
	return place_ok(r, go, e) ? proxy_place_check(r, go, e) : -1;
}
