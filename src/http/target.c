/* SPDX-License-Identifier: Apache-2.0 */
#include "http/syntax.h"

/* RFC 9112 §3.2: the four forms of a target, and Host. */

static bool
target_bytes(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = (uint8_t)s.at[i];

		if (c <= 0x20 || c >= 0x7f || c == '#' || c == '\\') {
			return false;
		}
	}
	return s.len > 0;
}

static void
split_path(struct str s, struct str *path, struct str *query, bool *has_query)
{
	*query = s;
	*has_query = str_cut(query, '?', path);
	if (!path->len) {
		*path = STR("/");
	}
}

/* scheme "://" authority [ path ] [ "?" query ] */
static bool
split_absolute(
    struct str s, struct str *scheme, struct str *authority, struct str *rest)
{
	size_t n;

	if (str_eq_nocase(str_sub(s, 0, 7), STR("http://"))) {
		*scheme = STR("http");
		n = 7;
	} else if (str_eq_nocase(str_sub(s, 0, 8), STR("https://"))) {
		*scheme = STR("https");
		n = 8;
	} else {
		return false;
	}
	size_t end = n;

	while (end < s.len && s.at[end] != '/' && s.at[end] != '?') {
		end++;
	}
	*authority = str_sub(s, n, end - n);
	*rest = str_sub(s, end, s.len);
	return true;
}

/* A missing port is that of the scheme; CONNECT (no scheme) has none. */
static struct str
port_or_default(struct str port, struct str scheme)
{
	if (port.len) {
		return port;
	}
	if (str_eq_z(scheme, "http")) {
		return STR("80");
	}
	return str_eq_z(scheme, "https") ? STR("443") : port;
}

/* N14: the target's authority and Host say the same. */
static bool
same_authority(struct str target, struct str host_field, struct str scheme)
{
	struct str host[2];
	struct str port[2];

	if (!syntax_authority(target, &host[0], &port[0]) ||
	    !syntax_authority(host_field, &host[1], &port[1]) ||
	    !str_eq_nocase(host[0], host[1])) {
		return false;
	}
	if (!scheme.len && !port[1].len) {
		return true;
	}
	return str_eq(
	    port_or_default(port[0], scheme), port_or_default(port[1], scheme));
}

static int
read_host(struct http_reader *r, struct str *host, struct err *e)
{
	struct http_head *h = &r->head;
	const struct str *found = http_find(h, "host");
	struct str name;
	struct str port;

	if (http_count(h, "host") > 1) {
		return refuse(r, 400, e, "two Host headers");
	}
	if (!found) {
		if (h->minor == 1) {
			return refuse(r, 400, e, "no Host header");
		}
		*host = (struct str){ 0 };
		return 0;
	}
	if (!syntax_authority(*found, &name, &port)) {
		return refuse(r, 400, e, "malformed Host header");
	}
	*host = *found;
	return 0;
}

static int
parse_authority(struct http_reader *r, struct err *e)
{
	struct http_head *h = &r->head;
	struct str host;
	struct str port;
	uint16_t number;

	if (!syntax_authority(h->target, &host, &port) ||
	    !syntax_port(port, &number)) {
		return refuse(r, 400, e, "CONNECT needs host:port");
	}
	h->form = HTTP_AUTHORITY;
	h->authority = h->target;
	return 0;
}

static int
parse_absolute(struct http_reader *r, struct err *e)
{
	struct http_head *h = &r->head;
	struct str host;
	struct str port;
	struct str rest;

	if (!split_absolute(h->target, &h->scheme, &h->authority, &rest) ||
	    !syntax_authority(h->authority, &host, &port)) {
		return refuse(r, 400, e, "malformed request target");
	}
	h->form = HTTP_ABSOLUTE;
	split_path(rest, &h->path, &h->query, &h->has_query);
	return 0;
}

int
target_parse(struct http_reader *r, struct err *e)
{
	struct http_head *h = &r->head;
	struct str host = { 0 };

	if (!target_bytes(h->target)) {
		return refuse(r, 400, e, "byte that no target may hold");
	}
	if (read_host(r, &host, e)) {
		return -1;
	}
	if (str_eq_z(h->method, "CONNECT")) {
		if (parse_authority(r, e)) {
			return -1;
		}
	} else if (h->target.at[0] == '/') {
		h->form = HTTP_ORIGIN;
		h->authority = host;
		split_path(h->target, &h->path, &h->query, &h->has_query);
		return 0;
	} else if (str_eq_z(h->target, "*")) {
		if (!str_eq_z(h->method, "OPTIONS")) {
			return refuse(r, 400, e, "'*' is for OPTIONS");
		}
		h->form = HTTP_ASTERISK;
		h->authority = host;
		return 0;
	} else if (parse_absolute(r, e)) {
		return -1;
	}
	if (host.len && !same_authority(h->authority, host, h->scheme)) {
		return refuse(r, 400, e, "target and Host differ");
	}
	return 0;
}

int
http_url_parse(struct str text, struct http_url *out, struct err *e)
{
	struct http_url u = { 0 };
	struct str rest;
	struct str port;

	if (text.len > HTTP_TARGET_MAX) {
		return err_set(
		    e, ERR_LIMIT, "URL over %d bytes", HTTP_TARGET_MAX);
	}
	if (!split_absolute(text, &u.scheme, &u.authority, &rest)) {
		return err_set(e, ERR_INPUT, "expected http://… or https://…");
	}
	if (str_has(text, '#')) {
		return err_set(e, ERR_INPUT,
		    "a fragment goes to no server: leave out what begins at #");
	}
	if (!target_bytes(text)) {
		return err_set(
		    e, ERR_INPUT, "it holds a byte that no URL may hold");
	}
	if (!syntax_authority(u.authority, &u.host, &port)) {
		return err_set(e, ERR_INPUT, "%s is no host[:port]",
		    err_quote(u.authority));
	}
	if (!syntax_port(port_or_default(port, u.scheme), &u.port)) {
		return err_set(e, ERR_INPUT, "%s is no port", err_quote(port));
	}
	split_path(rest, &u.path, &u.query, &u.has_query);
	*out = u;
	return 0;
}
