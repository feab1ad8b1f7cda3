/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person sees of a request that a gate holds: its query, the headers
 * that change what it means, and how its body begins.  A credential is none of
 * it: its value gives way to dots in the query, and its header is left out (the
 * vault's mark of it binds it: proxy_own_whole).
 */
#include "proxy/inside.h"
#include "proxy/place.h"

#define DOTS "..."

static const char *const unbound[] = {
#define UNBOUND(name) name,
#include "proxy/unbound.def"
#undef UNBOUND
};

static bool
is_bound(const struct http_head *head, struct str name)
{
	for (size_t i = 0; i < COUNT(unbound); i++) {
		struct str one = str_of(unbound[i]);
		bool all = one.at[one.len - 1] == '-';
		struct str begin = all ? str_sub(name, 0, one.len) : name;

		if (str_eq_nocase(begin, one)) {
			return false;
		}
	}
	return !http_is_hop(head, name) && !http_credential_header(name);
}

static uint8_t
lower(char b)
{
	uint8_t c = (uint8_t)b;

	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

void
proxy_name_add(struct buf *lines, struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		buf_add_byte(lines, lower(name.at[i]));
	}
	buf_add(lines, STR(": "));
}

/* Without case, as fields are compared. */
static int
by_name(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len;

	for (size_t i = 0; i < n; i++) {
		int x = lower(a.at[i]);
		int y = lower(b.at[i]);

		if (x != y) {
			return x - y;
		}
	}
	return a.len < b.len ? -1 : a.len > b.len;
}

/* By name; those of one name stay in their order, which means something. */
static size_t
sort(const struct http_head *head, const struct http_header **out)
{
	size_t count = 0;

	for (size_t i = 0; i < head->count; i++) {
		const struct http_header *h = &head->headers[i];
		size_t at = count;

		if (!is_bound(head, h->name)) {
			continue;
		}
		while (at > 0 && by_name(out[at - 1]->name, h->name) > 0) {
			out[at] = out[at - 1];
			at--;
		}
		out[at] = h;
		count++;
	}
	return count;
}

static void
add_lines(struct arena *a, const struct http_head *head, struct buf *lines)
{
	const struct http_header *sorted[HTTP_HEADERS_MAX];
	size_t count = sort(head, sorted);

	for (size_t i = 0; i < count; i++) {
		const struct http_header *h = sorted[i];

		proxy_name_add(lines, h->name);
		buf_add(lines, proxy_place_masked(a, str_trim(h->value)));
		buf_add_byte(lines, '\n');
	}
}

/* Cut as servers cut it: at '&', some at ';'.  It gets no longer by it, so that
 * none of it need be cut off. */
static void
add_query(struct buf *out, struct str query)
{
	for (size_t i = 0, from = 0; i <= query.len; i++) {
		struct str pair = str_sub(query, from, i - from);
		struct str rest = pair;
		struct str key;

		if (i < query.len && query.at[i] != '&' && query.at[i] != ';') {
			continue;
		}
		(void)str_cut(&rest, '=', &key);
		if (rest.len && http_credential_param(key)) {
			buf_add(out, key);
			buf_add_byte(out, '=');
			buf_add(out, str_sub(STR(DOTS), 0, rest.len));
		} else {
			buf_add(out, pair);
		}
		if (i < query.len) {
			buf_add_byte(out, (uint8_t)query.at[i]);
		}
		from = i + 1;
	}
}

static struct str
cut(struct str text, size_t max, bool *was_cut)
{
	*was_cut = text.len > max;
	return str_sub(text, 0, max);
}

void
proxy_shown_make(struct arena *a, const struct conn *c, struct proxy_shown *out)
{
	const struct proxy_request *r = &c->request;
	struct str body = buf_str(&c->held);
	auto_buf lines = { 0 };
	auto_buf query = { 0 };

	if (c->commands) { /* the pack itself is named by them */
		body = str_sub(body, 0, c->commands->at);
	}
	add_lines(a, r->head, &lines);
	add_query(&query, r->query);
	out->headers = digest_of(buf_str(&lines));
	out->lines = arena_str(
	    a, cut(buf_str(&lines), PROXY_SHOWN_LINES, &out->lines_cut));
	must(query.len <= r->query.len);
	out->query = proxy_place_masked(a, buf_str(&query));
	out->body = proxy_place_masked(
	    a, arena_str(a, cut(body, PROXY_SHOWN_BODY, &out->body_cut)));
}
