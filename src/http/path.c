/* SPDX-License-Identifier: Apache-2.0 */
#include "http/syntax.h"

#include <string.h>

/*
 * H12.  Two texts are made in one pass: the canonical one that is judged and
 * sent, and the fully decoded one on which the dangers are looked for, so that
 * no way of writing them hides them.
 */

struct pair {
	char *canonical;
	size_t canonical_len;
	char *decoded;
	size_t decoded_len;
};

static void
put(struct pair *p, uint8_t c, bool escaped)
{
	static const char digits[] = "0123456789ABCDEF";

	p->decoded[p->decoded_len++] = (char)c;
	if (!escaped) {
		p->canonical[p->canonical_len++] = (char)c;
		return;
	}
	p->canonical[p->canonical_len++] = '%';
	p->canonical[p->canonical_len++] = digits[c >> 4];
	p->canonical[p->canonical_len++] = digits[c & 15];
}

/* The byte that the escape at s[i] stands for, or -1. */
static int
escape_at(struct str s, size_t i)
{
	if (s.at[i] != '%' || s.len - i < 3) {
		return -1;
	}
	int high = hex_digit(s.at[i + 1]);
	int low = hex_digit(s.at[i + 2]);

	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool
control(int c)
{
	return c < 0x20 || c == 0x7f;
}

static bool
raw_in_query(uint8_t c)
{
	return c > 0x20 && c < 0x7f && !strchr("\"<>#\\", c);
}

/* Takes the byte or escape at s[*i]. */
static int
decode_one(struct str s, size_t *i, bool query, struct pair *p, struct err *e)
{
	uint8_t c = (uint8_t)s.at[*i];

	if (c == '%') {
		int byte = escape_at(s, *i);

		if (byte < 0) {
			return err_set(e, ERR_INPUT, "broken percent escape");
		}
		put(p, (uint8_t)byte, !syntax_unreserved((uint8_t)byte));
		*i += 3;
		return 0;
	}
	if (query ? !raw_in_query(c) : !syntax_segment(c) && c != '/') {
		return err_set(
		    e, ERR_INPUT, "byte 0x%02x must be percent-encoded", c);
	}
	put(p, c, false);
	*i += 1;
	return 0;
}

static int
decode(struct arena *a, struct str s, bool query, struct pair *p, struct err *e)
{
	p->canonical = arena_alloc(a, s.len + 1);
	p->decoded = arena_alloc(a, s.len + 1);
	for (size_t i = 0; i < s.len;) {
		if (decode_one(s, &i, query, p, e)) {
			return -1;
		}
	}
	return 0;
}

static bool
dots(struct str s)
{
	return str_eq_z(s, ".") || str_eq_z(s, "..");
}

/* "..", but also "..;x=1", "a;x=.." and the like, which some servers strip. */
static bool
dot_segment(struct str segment)
{
	size_t from = 0;

	for (size_t i = 0; i <= segment.len; i++) {
		bool cut = i == segment.len || segment.at[i] == ';' ||
		           segment.at[i] == '=';

		if (cut && dots(str_sub(segment, from, i - from))) {
			return true;
		}
		from = cut ? i + 1 : from;
	}
	return false;
}

static int
check_segments(struct str decoded, struct err *e)
{
	struct str rest = str_sub(decoded, 1, decoded.len);
	bool more = true;

	while (more) {
		struct str segment;

		more = str_cut(&rest, '/', &segment);
		if (!segment.len && more) {
			return err_set(e, ERR_INPUT, "empty path segment");
		}
		if (dot_segment(segment)) {
			return err_set(e, ERR_INPUT, "dot segment in path");
		}
	}
	return 0;
}

static int
check_bytes(struct str decoded, struct err *e)
{
	for (size_t i = 0; i < decoded.len; i++) {
		int twice = escape_at(decoded, i);

		if (control((uint8_t)decoded.at[i]) || decoded.at[i] == '\\') {
			return err_set(e, ERR_INPUT,
			    "encoded control byte or backslash in path");
		}
		if (twice >= 0 && (control(twice) || strchr("./\\%", twice))) {
			return err_set(e, ERR_INPUT, "doubly encoded path");
		}
	}
	if (!str_is_utf8(decoded)) {
		return err_set(e, ERR_INPUT, "path is not UTF-8");
	}
	return 0;
}

static size_t
count_slashes(const char *at, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		n += at[i] == '/';
	}
	return n;
}

int
http_path_canonical(struct arena *a, struct str path, bool keep_slash,
    struct str *out, struct err *e)
{
	struct pair p = { 0 };

	if (!path.len || path.at[0] != '/') {
		return err_set(e, ERR_INPUT, "path does not begin with '/'");
	}
	if (path.len > HTTP_TARGET_MAX) {
		return err_set(
		    e, ERR_LIMIT, "path over %d bytes", HTTP_TARGET_MAX);
	}
	if (decode(a, path, false, &p, e)) {
		return -1;
	}
	struct str decoded = { p.decoded, p.decoded_len };

	if (!keep_slash && count_slashes(decoded.at, decoded.len) !=
	                       count_slashes(p.canonical, p.canonical_len)) {
		return err_set(e, ERR_INPUT, "encoded slash in path");
	}
	if (check_bytes(decoded, e) || check_segments(decoded, e)) {
		return -1;
	}
	*out = (struct str){ p.canonical, p.canonical_len };
	return 0;
}

int
http_query_canonical(
    struct arena *a, struct str query, struct str *out, struct err *e)
{
	struct pair p = { 0 };

	if (query.len > HTTP_TARGET_MAX) {
		return err_set(
		    e, ERR_LIMIT, "query over %d bytes", HTTP_TARGET_MAX);
	}
	if (decode(a, query, true, &p, e)) {
		return -1;
	}
	*out = (struct str){ p.canonical, p.canonical_len };
	return 0;
}

/* Methods are told apart by case (RFC 9110), not by every server: "post" would
 * pass a gate on POST and be one there. */
static bool
lower_case(struct str method)
{
	bool found = false;

	for (size_t i = 0; i < method.len; i++) {
		found = found || (method.at[i] >= 'a' && method.at[i] <= 'z');
	}
	return found;
}

int
http_asked_form(struct arena *a, struct str method, struct str *path,
    struct str *query, struct err *e)
{
	if (http_path_canonical(a, *path, false, path, e) ||
	    http_query_canonical(a, *query, query, e)) {
		return -1;
	}
	if (lower_case(method)) {
		return err_set(e, ERR_INPUT,
		    "the method %s has a small letter; methods are written in "
		    "capitals",
		    err_quote(method));
	}
	return path->len >= HTTP_ASKED_PATH || query->len >= HTTP_ASKED_QUERY ||
	               method.len >= HTTP_ASKED_METHOD
	           ? err_set(e, ERR_LIMIT,
	                 "path over %d, query over %d or method over %d bytes",
	                 HTTP_ASKED_PATH - 1, HTTP_ASKED_QUERY - 1,
	                 HTTP_ASKED_METHOD - 1)
	           : 0;
}
