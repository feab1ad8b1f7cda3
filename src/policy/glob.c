/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

/* One alternative: the last '*' is the only one that needs another try. */
static bool
match_one(struct str p, struct str s)
{
	size_t i = 0;
	size_t j = 0;
	size_t star = SIZE_MAX;
	size_t mark = 0;

	while (j < s.len) {
		if (i < p.len && p.at[i] == '*') {
			star = i++;
			mark = j;
		} else if (i < p.len && p.at[i] == s.at[j]) {
			i++;
			j++;
		} else if (star != SIZE_MAX) {
			i = star + 1;
			j = ++mark;
		} else {
			return false;
		}
	}
	while (i < p.len && p.at[i] == '*') {
		i++;
	}
	return i == p.len;
}

bool
policy_glob_match(struct str pattern, struct str text)
{
	struct str rest = pattern;
	struct str one = { 0 };
	bool more = true;

	while (more) {
		more = str_cut(&rest, '|', &one);
		if (match_one(one, text)) {
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

/*
 * Is there a text that both match?  reach[j] says that the first i bytes of a
 * and the first j of b can have matched the same text; a row at a time.
 */
bool
policy_glob_overlap(struct str a, struct str b)
{
	bool row[2][POLICY_PATTERN_MAX + 1] = { 0 };

	if (a.len > POLICY_PATTERN_MAX || b.len > POLICY_PATTERN_MAX) {
		return true;
	}
	row[0][0] = true;
	for (size_t i = 0; i <= a.len; i++) {
		bool *now = row[i & 1];
		bool *down = row[(i + 1) & 1];
		bool star_a = i < a.len && a.at[i] == '*';

		for (size_t j = 0; j <= b.len; j++) {
			down[j] = false;
		}
		for (size_t j = 0; j <= b.len; j++) {
			bool star_b = j < b.len && b.at[j] == '*';

			if (!now[j]) {
				continue;
			}
			if (j < b.len && (star_a || star_b)) {
				now[j + 1] = true;
			}
			if (i < a.len && (star_a || star_b)) {
				down[j] = true;
			}
			if (i < a.len && j < b.len && a.at[i] == b.at[j]) {
				down[j + 1] = true;
			}
		}
		if (i == a.len) {
			return now[b.len];
		}
	}
	return false;
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
	return match_one(pattern, segment);
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

bool
policy_path_match(struct str pattern, struct str path)
{
	struct walk p = { pattern, true };
	struct walk s = { path, true };
	struct walk p_again = { 0 };
	struct walk s_again = { 0 };
	bool again = false;

	while (s.left) {
		struct str want = p.left ? walk_peek(&p) : STR("");

		if (p.left && is_any(want)) {
			walk_step(&p);
			if (!p.left) {
				return true; /* at the end: >= 1 segment */
			}
			p_again = p;
			s_again = s;
			again = true;
		} else if (p.left && segment_match(want, walk_peek(&s))) {
			walk_step(&p);
			walk_step(&s);
		} else if (again) {
			walk_step(&s_again);
			p = p_again;
			s = s_again;
		} else {
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

static size_t
split(struct str path, struct str out[SEGMENTS_MAX])
{
	size_t n = 0;
	bool more = true;

	while (more && n < SEGMENTS_MAX) {
		more = str_cut(&path, '/', &out[n++]);
	}
	return n;
}

/* The same walk as glob_overlap, a segment being what a byte is there. */
bool
policy_path_overlap(struct str a, struct str b)
{
	struct str x[SEGMENTS_MAX];
	struct str y[SEGMENTS_MAX];
	size_t nx = split(a, x);
	size_t ny = split(b, y);
	bool reach[SEGMENTS_MAX + 1][SEGMENTS_MAX + 1] = { 0 };

	reach[0][0] = true;
	for (size_t i = 0; i <= nx; i++) {
		for (size_t j = 0; j <= ny; j++) {
			bool any = (i < nx && is_any(x[i])) ||
			           (j < ny && is_any(y[j]));

			if (!reach[i][j]) {
				continue;
			}
			if (any && i < nx) {
				reach[i + 1][j] = true;
			}
			if (any && j < ny) {
				reach[i][j + 1] = true;
			}
			if (i < nx && j < ny &&
			    policy_glob_overlap(x[i], y[j])) {
				reach[i + 1][j + 1] = true;
			}
		}
	}
	return reach[nx][ny];
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
