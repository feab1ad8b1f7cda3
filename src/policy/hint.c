/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

/*
 * A hint is what a person reads before saying yes, and its values come from
 * the one who wants the yes: each value is bounded, so that none pushes another
 * off the screen, and printable ASCII, so that nothing looks like something
 * else.
 */

/* Place of two equal bytes; s.len: none. */
static size_t
find_pair(struct str s, size_t from, char byte)
{
	for (size_t i = from; i + 1 < s.len; i++) {
		if (s.at[i] == byte && s.at[i + 1] == byte) {
			return i;
		}
	}
	return s.len;
}

/* Cuts the text before "{{", the variable and what follows "}}".  False: no
 * variable left.  *bad: an opening without its end. */
static bool
next_variable(struct str *rest, struct str *fixed, struct str *name, bool *bad)
{
	size_t open = find_pair(*rest, 0, '{');
	size_t close = find_pair(*rest, open + 2, '}');

	*fixed = str_sub(*rest, 0, open);
	if (open == rest->len) {
		return false;
	}
	if (close >= rest->len) {
		*bad = true;
		return false;
	}
	*name = str_trim(str_sub(*rest, open + 2, close - open - 2));
	*rest = str_sub(*rest, close + 2, rest->len);
	return true;
}

bool
policy_hint_next(struct str *rest, struct str *name)
{
	struct str fixed = { 0 };
	bool bad = false;

	return next_variable(rest, &fixed, name, &bad);
}

static bool
variable_valid(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char b = name.at[i];

		if (!(b >= 'a' && b <= 'z') && !(b >= 'A' && b <= 'Z') &&
		    !(b >= '0' && b <= '9') && b != '_' && b != '-' &&
		    b != '.') {
			return false;
		}
	}
	return name.len > 0 && name.len <= 64;
}

int
policy_compile_hint(struct compile *c, const struct json *table, struct gate *g)
{
	const struct json *value = json_get(table, "hint");
	struct str rest = { 0 };
	struct str fixed = { 0 };
	struct str name = { 0 };
	size_t fixed_len = 0;
	size_t count = 0;
	bool bad = false;
	bool more = true;

	if (!value) {
		return 0;
	}
	if (policy_compile_text(c, table, "hint", &g->hint)) {
		return -1;
	}
	for (size_t i = 0; i < g->hint.len; i++) {
		if (g->hint.at[i] < 0x20 || g->hint.at[i] > 0x7e) {
			return policy_refuse(
			    c, value, "hint must be printable ASCII");
		}
	}
	rest = g->hint;
	while (more) {
		more = next_variable(&rest, &fixed, &name, &bad);
		fixed_len += fixed.len;
		if (bad || (more && !variable_valid(name))) {
			return policy_refuse(c, value,
			    "hint: a variable is written {{name}} or "
			    "{{name.deeper}}");
		}
		count += more;
	}
	if (fixed_len > POLICY_HINT_FIXED || count > POLICY_HINT_VALUES) {
		return policy_refuse(c, value,
		    "hint: at most %d bytes of text and %d variables",
		    POLICY_HINT_FIXED, POLICY_HINT_VALUES);
	}
	return 0;
}

/* One UTF-8 character (the JSON reader has checked it); a stray byte alone. */
static uint32_t
code_point(struct str s, size_t *length)
{
	unsigned char lead = (unsigned char)s.at[0];
	size_t n = 1;
	uint32_t code = lead;

	if (lead >= 0xf0) {
		n = 4;
		code = lead & 0x07U;
	} else if (lead >= 0xe0) {
		n = 3;
		code = lead & 0x0fU;
	} else if (lead >= 0xc0) {
		n = 2;
		code = lead & 0x1fU;
	}
	if (n > s.len) {
		*length = 1;
		return lead;
	}
	for (size_t i = 1; i < n; i++) {
		code = code << 6 | ((unsigned char)s.at[i] & 0x3fU);
	}
	*length = n;
	return code;
}

static void
add_value(struct buf *out, struct str value, bool *cut)
{
	size_t start = out->len;
	size_t length = 0;

	while (value.len > 0) {
		uint32_t code = code_point(value, &length);
		bool plain = code >= 0x20 && code <= 0x7e && code != '\\';
		size_t before = out->len;

		if (plain) {
			buf_add_byte(out, (uint8_t)code);
		} else {
			buf_addf(out, "\\u{%x}", code);
			*cut = true;
		}
		if (out->len - start > POLICY_HINT_VALUE) {
			out->len = before;
			buf_add_byte(out, '~');
			*cut = true;
			return;
		}
		value = str_sub(value, length, value.len);
	}
}

/* Shown as it is in a hint; `cut`: not all of it, or not as it was sent. */
static void
add_argument(
    struct buf *out, const struct json *args, struct str name, bool *cut)
{
	const struct json *value = args;
	struct str rest = name;
	struct str key = { 0 };
	auto_buf text = { 0 };
	bool more = true;

	while (more) {
		more = str_cut(&rest, '.', &key);
		value = json_get_str(value, key);
	}
	if (!value || value->type == JSON_NULL) {
		buf_add_z(out, "(none)");
	} else if (value->type == JSON_STRING || value->type == JSON_NUMBER) {
		add_value(out, value->text, cut);
	} else {
		json_write(&text, value);
		add_value(out, buf_str(&text), cut);
	}
}

void
policy_hint_render(struct buf *out, const struct gate *g,
    const struct policy_call *c, bool *cut)
{
	struct str rest = g->hint;
	struct str fixed = { 0 };
	struct str name = { 0 };
	bool bad = false;
	bool more = rest.len > 0;

	if (!more) {
		add_value(out, c->tool, cut);
		buf_add_z(out, " (");
		add_value(out, c->action, cut);
		buf_add_byte(out, ')');
	}
	while (more) {
		more = next_variable(&rest, &fixed, &name, &bad);
		buf_add(out, fixed);
		if (more) {
			add_argument(out, c->args, name, cut);
		}
	}
}

/* --- the hint of a device on a desk, which shows POLICY_BRIEF_MAX bytes --- */

#define VALUE_LEAST 4 /* bytes for a value of several, where it has them */
#define LAST_LEAST  8 /* for the last: by custom it is the amount */

struct pieces {
	struct str fixed[POLICY_HINT_VALUES + 1]; /* around the values */
	struct str value[POLICY_HINT_VALUES];     /* NULL call: the names */
	size_t room[POLICY_HINT_VALUES];
	size_t count;
	size_t fixed_len;
};

static struct str
value_of(
    struct arena *a, const struct policy_call *c, struct str name, bool *cut)
{
	auto_buf text = { 0 };

	add_argument(&text, c->args, name, cut);
	return arena_str(a, buf_str(&text));
}

static struct str
word_of(struct arena *a, struct str word, bool *cut)
{
	auto_buf text = { 0 };

	add_value(&text, word, cut);
	return arena_str(a, buf_str(&text));
}

static void
split(struct arena *a, const struct gate *g, const struct policy_call *c,
    struct pieces *p, bool *cut)
{
	struct str rest = g->hint;
	struct str name = { 0 };
	bool bad = false;

	*p = (struct pieces){ .count = 0 };
	if (!rest.len) {
		p->count = 2;
		p->fixed[1] = STR(" (");
		p->fixed[2] = STR(")");
		p->fixed_len = 3;
		p->value[0] = c ? word_of(a, c->tool, cut) : STR("");
		p->value[1] = c ? word_of(a, c->action, cut) : STR("");
		return;
	}
	while (next_variable(&rest, &p->fixed[p->count], &name, &bad)) {
		p->fixed_len += p->fixed[p->count].len;
		p->value[p->count++] = c ? value_of(a, c, name, cut) : name;
	}
	p->fixed_len += p->fixed[p->count].len;
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The last value first, then the others alike: the longest gives way. */
static void
share(struct pieces *p, size_t room)
{
	size_t others = 0;
	size_t kept = 0;
	size_t last = p->count - 1;

	for (size_t i = 0; i < last; i++) {
		p->room[i] = p->value[i].len;
		others += p->room[i];
		kept += least(p->room[i], VALUE_LEAST);
	}
	p->room[last] =
	    least(p->value[last].len, room > kept ? room - kept : 0);
	while (others > room - p->room[last]) {
		size_t longest = 0;

		for (size_t i = 1; i < last; i++) {
			longest = p->room[i] > p->room[longest] ? i : longest;
		}
		p->room[longest]--;
		others--;
	}
}

static void
add_cut(struct buf *out, struct str value, size_t room, bool *cut)
{
	if (value.len <= room) {
		buf_add(out, value);
		return;
	}
	*cut = true;
	if (room) {
		buf_add(out, str_sub(value, 0, room - 1));
		buf_add_byte(out, '~');
	}
}

/* "finance" of "linux__server__finance_coworker". */
static struct str
role_of(struct str identity)
{
	struct str rest = identity;
	struct str suffix = STR("_coworker");
	size_t at = 0;

	while ((at = find_pair(rest, 0, '_')) < rest.len) {
		rest = str_sub(rest, at + 2, rest.len);
	}
	return str_ends(rest, suffix) ? str_sub(rest, 0, rest.len - suffix.len)
	                              : rest;
}

void
policy_hint_brief(struct arena *a, const struct gate *g,
    const struct policy_call *c, struct policy_ask *ask)
{
	struct str role = role_of(c->identity);
	auto_buf out = { 0 };
	struct pieces p;
	size_t room;

	ask->brief_cut = ask->hint_cut;
	add_cut(&out, role, POLICY_BRIEF_MAX / 2, &ask->brief_cut);
	buf_add_byte(&out, ' ');
	room = POLICY_BRIEF_MAX - out.len;
	if (g) {
		split(a, g, c, &p, &ask->brief_cut);
	}
	if (!g || p.fixed_len > room) { /* several gates, or never checked */
		add_cut(&out, ask->hint, room, &ask->brief_cut);
		ask->brief = arena_str(a, buf_str(&out));
		return;
	}
	if (p.count) {
		share(&p, room - p.fixed_len);
	}
	for (size_t i = 0; i < p.count; i++) {
		buf_add(&out, p.fixed[i]);
		add_cut(&out, p.value[i], p.room[i], &ask->brief_cut);
	}
	buf_add(&out, p.fixed[p.count]);
	must(out.len <= POLICY_BRIEF_MAX);
	ask->brief = arena_str(a, buf_str(&out));
}

bool
policy_hint_fits(
    const struct gate *g, struct str role, size_t *left, size_t *needed)
{
	struct pieces p;
	size_t used;

	split(NULL, g, NULL, &p, NULL);
	used = role.len + 1 + p.fixed_len;
	*left = used < POLICY_BRIEF_MAX ? POLICY_BRIEF_MAX - used : 0;
	*needed = p.count ? LAST_LEAST + VALUE_LEAST * (p.count - 1) : 0;
	return used <= POLICY_BRIEF_MAX && *needed <= *left &&
	       role.len <= POLICY_BRIEF_MAX / 2;
}
