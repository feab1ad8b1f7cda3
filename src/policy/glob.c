/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

#include <string.h>

bool
policy_glob_match(struct str pattern, struct str text)
{
	struct str rest = pattern;
	struct str one = { 0 };
	bool more = true;

	while (more) {
		more = str_cut(&rest, '|', &one);
		if (str_glob(one, text)) {
			return true;
		}
	}
	return false;
}

bool
policy_glob_valid(struct str pattern)
{
	struct str rest = pattern;
	struct str one = { 0 };
	bool more = true;

	if (pattern.len > POLICY_PATTERN_MAX) {
		return false;
	}
	for (size_t i = 0; i < pattern.len; i++) {
		if ((unsigned char)pattern.at[i] < 0x20 ||
		    pattern.at[i] == 0x7f) {
			return false;
		}
	}
	while (more) {
		more = str_cut(&rest, '|', &one);
		if (one.len == 0) {
			return false;
		}
	}
	return true;
}

/* One place of the walk below: what it reaches in its row and the next. */
static void
overlap_step(const char *a, const char *b, bool *now, bool *down)
{
	bool star = (a && *a == '*') || (b && *b == '*');

	if (!now[0]) {
		return;
	}
	if (star && b) {
		now[1] = true;
	}
	if (star && a) {
		down[0] = true;
	}
	if (a && b && *a == *b) {
		down[1] = true;
	}
}

/*
 * Is there a text that both match?  row[j] says that the first i bytes of a
 * and the first j of b can have matched the same text; a row at a time.
 */
bool
policy_glob_overlap(struct str a, struct str b)
{
	bool rows[2][POLICY_PATTERN_MAX + 2] = { 0 };

	if (a.len > POLICY_PATTERN_MAX || b.len > POLICY_PATTERN_MAX) {
		return true;
	}
	rows[0][0] = true;
	for (size_t i = 0; i <= a.len; i++) {
		bool *now = rows[i & 1];
		bool *down = rows[(i + 1) & 1];

		memset(down, 0, sizeof(rows[0]));
		for (size_t j = 0; j <= b.len; j++) {
			overlap_step(i < a.len ? a.at + i : NULL,
			    j < b.len ? b.at + j : NULL, now + j, down + j);
		}
	}
	return rows[a.len & 1][b.len];
}

static bool
is_any(struct str segment)
{
	return str_eq(segment, STR("**"));
}

static bool
segment_match(struct str pattern, struct str segment)
{
	if (str_eq(pattern, STR("*"))) {
		return segment.len > 0;
	}
	return str_glob(pattern, segment);
}

/* A walk over the segments of a path; `left` is false behind the last. */
struct walk {
	struct str rest;
	bool left;
};

static struct str
walk_peek(const struct walk *w)
{
	struct str rest = w->rest;
	struct str head = { 0 };

	(void)str_cut(&rest, '/', &head);
	return head;
}

static void
walk_step(struct walk *w)
{
	struct str head = { 0 };

	w->left = str_cut(&w->rest, '/', &head);
}

/* Goes on behind one more segment of the last '**', where there was one. */
static bool
walk_again(struct walk *s, struct walk *p, struct walk *s_again,
    const struct walk *p_again)
{
	if (!s_again->left) {
		return false;
	}
	walk_step(s_again);
	*s = *s_again;
	*p = *p_again;
	return true;
}

bool
policy_path_match(struct str pattern, struct str path)
{
	struct walk p = { pattern, true };
	struct walk s = { path, true };
	struct walk p_again = { 0 };
	struct walk s_again = { 0 };

	while (s.left) {
		struct str want = p.left ? walk_peek(&p) : STR("");
		bool any = p.left && is_any(want);

		if (any) {
			walk_step(&p);
			p_again = p;
			s_again = s;
		}
		if (any && !p.left) {
			return true; /* at the end: one segment or more */
		}
		if (!any && p.left && segment_match(want, walk_peek(&s))) {
			walk_step(&p);
			walk_step(&s);
		} else if (!any && !walk_again(&s, &p, &s_again, &p_again)) {
			return false;
		}
	}
	return !p.left;
}

bool
policy_ref_match(struct str pattern, struct str ref)
{
	struct str rest = pattern;
	struct str one = { 0 };
	bool more = true;

	while (more) {
		more = str_cut(&rest, '|', &one);
		if (policy_path_match(one, ref)) {
			return true;
		}
	}
	return false;
}

struct split {
	struct str at[SEGMENTS_MAX];
	size_t count;
};

/* False: there are more than these. */
static bool
split(struct str path, struct split *s)
{
	bool more = true;

	while (more && s->count < SEGMENTS_MAX) {
		more = str_cut(&path, '/', &s->at[s->count++]);
	}
	return !more;
}

/* What place j of the walk reaches: itself and the next in its row (now) and
 * in the next (down). */
static void
path_step(const struct str *x, const struct str *y, bool *now, bool *down)
{
	bool any = (x && is_any(*x)) || (y && is_any(*y));

	if (!now[0]) {
		return;
	}
	if (any && y) {
		now[1] = true;
	}
	if (any && x) {
		down[0] = true;
	}
	if (x && y && policy_glob_overlap(*x, *y)) {
		down[1] = true;
	}
}

/* The same walk as policy_glob_overlap, a segment being what a byte is there.
 */
bool
policy_path_overlap(struct str a, struct str b)
{
	struct split x = { 0 };
	struct split y = { 0 };
	bool reach[SEGMENTS_MAX + 2][SEGMENTS_MAX + 2] = { 0 };

	if (!split(a, &x) || !split(b, &y)) {
		return true;
	}
	reach[0][0] = true;
	for (size_t i = 0; i <= x.count; i++) {
		for (size_t j = 0; j <= y.count; j++) {
			path_step(i < x.count ? &x.at[i] : NULL,
			    j < y.count ? &y.at[j] : NULL, &reach[i][j],
			    &reach[i + 1][j]);
		}
	}
	return reach[x.count][y.count];
}

const char *
policy_path_problem(struct str pattern)
{
	struct str rest = pattern;
	struct str one = { 0 };
	bool more = true;
	size_t n = 0;

	if (pattern.len == 0 || pattern.len > POLICY_PATTERN_MAX) {
		return "is empty or longer than 512 bytes";
	}
	for (size_t i = 0; i < pattern.len; i++) {
		if (pattern.at[i] < 0x21 || pattern.at[i] > 0x7e ||
		    pattern.at[i] == '?' || pattern.at[i] == '#') {
			return "holds a space, '?', '#' or a byte that must be "
			       "percent-encoded";
		}
	}
	for (; more; n++) {
		more = str_cut(&rest, '/', &one);
		if (str_eq(one, STR(".")) || str_eq(one, STR(".."))) {
			return "holds a '.' or '..' segment, which no request "
			       "has";
		}
		if (str_has_str(one, STR("**")) && one.len != 2) {
			return "holds '**' inside a segment; it stands alone, "
			       "as in \"/a/**\"";
		}
	}
	return n > SEGMENTS_MAX ? "has more than 64 segments" : NULL;
}

/* Letters, digits, '-', '.', '_', '~': RFC 3986 §2.3. */
static bool
is_unreserved(int byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '.' ||
	       byte == '_' || byte == '~';
}

/* "%2A", as a canonical path holds it: two digits in upper case, of no byte
 * that stands as itself there or is refused. */
static bool
is_escape(struct str at)
{
	int high = at.len < 3 ? -1 : hex_digit(at.at[1]);
	int low = at.len < 3 ? -1 : hex_digit(at.at[2]);
	int byte = high * 16 + low;

	return high >= 0 && low >= 0 && at.at[1] < 'a' && at.at[2] < 'a' &&
	       byte >= ' ' && byte != 0x7f && byte != '/' && byte != '\\' &&
	       !is_unreserved(byte);
}

const char *
policy_url_path_problem(struct str pattern)
{
	const char *problem = policy_path_problem(pattern);

	if (problem) {
		return problem;
	}
	if (pattern.at[0] != '/') {
		return "does not begin with '/'";
	}
	if (str_has_str(pattern, STR("//"))) {
		return "holds an empty segment, which no request has";
	}
	for (size_t i = 0; i < pattern.len; i++) {
		if (strchr("\"<>[\\]^`{|}", pattern.at[i])) {
			return "holds a byte that must be percent-encoded, or "
			       "'|': paths that differ are rules of their own";
		}
		if (pattern.at[i] == '%' &&
		    !is_escape(str_sub(pattern, i, pattern.len))) {
			return "holds an escape that no request has: after "
			       "'%' stand two upper-case digits, of no byte "
			       "that needs no escape, no '/' and no '\\'";
		}
	}
	return NULL;
}
