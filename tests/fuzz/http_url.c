/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a URL.  Its parts lie in it, one behind the other, and what they
 * say is said of the same text written from them; path and query in their one
 * form are fixed points of it.
 */
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
lies_in(struct str part, struct str whole)
{
	must(!part.len || part.at < whole.at ||
	     part.at >= whole.at + whole.len ||
	     part.at + part.len <= whole.at + whole.len);
}

static void
fixed(const struct http_url *u)
{
	auto_arena a = { 0 };
	struct err e = { 0 };
	struct str once;
	struct str twice;

	for (int keep = 0; keep < 2; keep++) {
		if (http_path_canonical(&a, u->path, keep, &once, &e) == 0) {
			must(once.len && once.at[0] == '/');
			must(!str_has_str(once, STR("/../")));
			must(!str_has_str(once, STR("//")));
			must(!http_path_canonical(&a, once, keep, &twice, &e));
			must(str_eq(once, twice));
		}
	}
	if (u->has_query &&
	    http_query_canonical(&a, u->query, &once, &e) == 0) {
		must(!http_query_canonical(&a, once, &twice, &e));
		must(str_eq(once, twice));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_span((const char *)data, size);
	struct http_url u;
	struct http_url again;
	auto_buf written = { 0 };
	struct err e = { 0 };

	if (http_url_parse(text, &u, &e)) {
		must(e.kind != ERR_NONE);
		return 0;
	}
	lies_in(u.host, text);
	lies_in(u.path, text);
	lies_in(u.query, text);
	must(u.host.len && u.port);
	must(!str_has(u.authority, '@') && !str_has(text, '#'));
	buf_addf(&written, STR_FMT "://" STR_FMT ":%u" STR_FMT,
	    STR_ARG(u.scheme), STR_ARG(u.host), u.port, STR_ARG(u.path));
	if (u.has_query) {
		buf_addf(&written, "?" STR_FMT, STR_ARG(u.query));
	}
	must(!http_url_parse(buf_str(&written), &again, &e));
	must(str_eq(u.host, again.host) && u.port == again.port);
	must(str_eq(u.path, again.path) && str_eq(u.query, again.query));
	fixed(&u);
	return 0;
}
