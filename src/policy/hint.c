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
