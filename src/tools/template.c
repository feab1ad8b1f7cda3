/* SPDX-License-Identifier: Apache-2.0 */
/* {{name}}: found, checked when a file loads, filled in for a call. */
#include <string.h>

#include "tools/inner.h"

static bool
is_name_byte(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

/* Length of a {{name}} at the beginning of s, or 0. */
static size_t
template_at(struct str s, struct str *name)
{
	size_t end = 2;

	if (!str_starts(s, STR("{{"))) {
		return 0;
	}
	while (end < s.len && is_name_byte(s.at[end], end == 2)) {
		end++;
	}
	*name = str_sub(s, 2, end - 2);
	if (name->len == 0 || !str_starts(str_sub(s, end, 2), STR("}}"))) {
		return 0;
	}
	return end + 2;
}

bool
template_next(struct str *rest, struct str *before, struct str *name)
{
	for (size_t i = 0; i + 1 < rest->len; i++) {
		size_t len = template_at(str_sub(*rest, i, rest->len), name);

		if (len > 0) {
			*before = str_sub(*rest, 0, i);
			*rest = str_sub(*rest, i + len, rest->len);
			return true;
		}
	}
	*before = *rest;
	*rest = (struct str){ 0 };
	return false;
}

bool
template_begins(struct str text)
{
	struct str name;

	return template_at(text, &name) > 0;
}

/* ---- at load ---- */

static bool
is_scalar_type(const struct json *type)
{
	return type != NULL && type->type == JSON_STRING &&
	       (str_eq_z(type->text, "string") ||
	           str_eq_z(type->text, "integer") ||
	           str_eq_z(type->text, "number") ||
	           str_eq_z(type->text, "boolean"));
}

static bool
is_scalar(const struct json *value)
{
	return value->type == JSON_STRING || value->type == JSON_NUMBER ||
	       value->type == JSON_TRUE || value->type == JSON_FALSE;
}

static const struct json *
property_of(const struct tool *t, struct str name)
{
	return json_get_str(json_get(t->input_json, "properties"), name);
}

static bool
is_required(const struct tool *t, struct str name)
{
	JSON_EACH(item, json_get(t->input_json, "required"))
	{
		if (item->type == JSON_STRING && str_eq(item->text, name)) {
			return true;
		}
	}
	return false;
}

static int
check_argument(
    const struct tools_loading *l, const struct json *where, struct str name)
{
	const struct json *property = property_of(l->tool, name);
	const struct json *fallback = json_get(property, "default");

	if (property == NULL) {
		return table_err(l->file, where, l->e,
		    "{{" STR_FMT "}}: the input schema has no such property",
		    STR_ARG(name));
	}
	if (!is_scalar_type(json_get(property, "type"))) {
		return table_err(l->file, where, l->e,
		    "{{" STR_FMT "}}: its type must be string, integer, "
		    "number or boolean",
		    STR_ARG(name));
	}
	if (fallback != NULL && !is_scalar(fallback)) {
		return table_err(l->file, fallback, l->e,
		    "{{" STR_FMT "}}: its default is no text, number or "
		    "boolean",
		    STR_ARG(name));
	}
	if (fallback == NULL && !is_required(l->tool, name)) {
		return table_err(l->file, where, l->e,
		    "{{" STR_FMT "}}: may be missing in a call; put it under "
		    "required or give it a default",
		    STR_ARG(name));
	}
	return 0;
}

int
template_check(
    const struct tools_loading *l, const struct json *where, struct str text)
{
	struct str rest = text;
	struct str before;
	struct str name;
	bool more;

	do {
		more = template_next(&rest, &before, &name);
		if (str_has_str(before, STR("{{"))) {
			return table_err(
			    l->file, where, l->e, "a {{ here is no {{name}}");
		}
		if (more && check_argument(l, where, name) < 0) {
			return -1;
		}
	} while (more);
	return 0;
}

/* ---- in a call ---- */

const struct json *
template_value(const struct tool *t, const struct json *args, struct str name)
{
	const struct json *value = json_get_str(args, name);

	return value != NULL ? value
	                     : json_get(property_of(t, name), "default");
}

static struct str
scalar_text(const struct json *value)
{
	if (value->type == JSON_TRUE) {
		return STR("true");
	}
	return value->type == JSON_FALSE ? STR("false") : value->text;
}

static void
add_encoded(struct buf *b, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (is_name_byte(c, false) || c == '-' || c == '.' ||
		    c == '~') {
			buf_add_byte(b, (uint8_t)c);
		} else {
			buf_addf(b, "%%%02X", (unsigned)(unsigned char)c);
		}
	}
}

static int
add_value(
    const struct template_call *c, struct str name, bool url, struct buf *b)
{
	const struct json *value = template_value(c->tool, c->args, name);
	struct str text;

	if (value == NULL || !is_scalar(value)) {
		return err_set(c->e, ERR_INPUT,
		    STR_FMT ": expected a text, a number or a boolean",
		    STR_ARG(name));
	}
	text = scalar_text(value);
	if (str_has(text, '\0')) {
		return err_set(c->e, ERR_INPUT,
		    STR_FMT ": a NUL cannot be passed on", STR_ARG(name));
	}
	if (!url) {
		buf_add(b, text);
		return 0;
	}
	if (text.len == 0 || str_eq_z(text, ".") || str_eq_z(text, "..")) {
		return err_set(c->e, ERR_INPUT,
		    STR_FMT ": empty, . and .. would change the path",
		    STR_ARG(name));
	}
	add_encoded(b, text);
	return 0;
}

int
template_fill(
    const struct template_call *c, struct str text, bool url, struct str *out)
{
	auto_buf b = { 0 };
	struct str before;
	struct str name;

	while (template_next(&text, &before, &name)) {
		buf_add(&b, before);
		if (add_value(c, name, url, &b) < 0) {
			return -1;
		}
		if (b.len > 2 * TOOLS_ARGS_MAX) {
			return err_set(c->e, ERR_LIMIT, STR_FMT ": too long",
			    STR_ARG(name));
		}
	}
	buf_add(&b, before);
	*out = arena_str(c->arena, buf_str(&b));
	return 0;
}
