/* SPDX-License-Identifier: Apache-2.0 */
#include "http/syntax.h"

#include <string.h>

struct field {
	struct str name;
	bool hop;
	bool trailer;
};

static const struct field fields[] = {
#define FIELD(name, hop, trailer) { STR(name), hop, trailer },
#include "http/fields.def"
#undef FIELD
};

/* By these a name is looked for: each of a head is, and few are there. */
static const uint8_t lengths[] = {
#define FIELD(name, hop, trailer) sizeof(name) - 1,
#include "http/fields.def"
#undef FIELD
};

static char
folded(char c)
{
	return (char)(c == '_' ? '-' : c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

bool
http_like(const char *a, const char *b, size_t len)
{
	size_t n = 0;

	while (n < len && folded(a[n]) == folded(b[n])) {
		n++;
	}
	return n == len;
}

static const struct field *
field_of(struct str name)
{
	const uint8_t *end = lengths + COUNT(lengths);
	const uint8_t *at = lengths;

	while (name.len <= UINT8_MAX &&
	       (at = memchr(at, (int)name.len, (size_t)(end - at)))) {
		const struct field *f = &fields[at - lengths];

		if (str_like(f->name.at, name.at, name.len) ||
		    http_name_like(f->name, name)) {
			return f;
		}
		at++;
	}
	return NULL;
}

bool
field_in_trailer(struct str name)
{
	const struct field *f = field_of(name);

	return !f || f->trailer;
}

const struct str *
http_find(const struct http_head *h, const char *name)
{
	struct str wanted = str_of(name);

	for (size_t i = 0; i < h->count; i++) {
		if (str_eq_nocase(h->headers[i].name, wanted)) {
			return &h->headers[i].value;
		}
	}
	return NULL;
}

size_t
http_count(const struct http_head *h, const char *name)
{
	struct str wanted = str_of(name);
	size_t n = 0;

	for (size_t i = 0; i < h->count; i++) {
		n += str_eq_nocase(h->headers[i].name, wanted);
	}
	return n;
}

/* Bytes up to the next comma that stands outside a quoted string. */
static size_t
element_length(struct str s)
{
	bool quoted = false;
	size_t n = 0;

	for (; n < s.len; n++) {
		if (s.at[n] == '"') {
			quoted = !quoted;
		} else if (quoted && s.at[n] == '\\' && n + 1 < s.len) {
			n++;
		} else if (!quoted && s.at[n] == ',') {
			break;
		}
	}
	return n;
}

bool
http_list_next(struct str *rest, struct str *element)
{
	while (rest->len) {
		size_t n = element_length(*rest);
		struct str found = str_trim(str_sub(*rest, 0, n));

		*rest = str_sub(*rest, n + 1, rest->len);
		if (found.len) {
			*element = found;
			return true;
		}
	}
	return false;
}

static bool
list_has(struct str list, struct str token)
{
	struct str element;

	while (http_list_next(&list, &element)) {
		if (str_eq_nocase(element, token)) {
			return true;
		}
	}
	return false;
}

static bool
any_list_has(const struct http_head *h, struct str name, struct str token)
{
	for (size_t i = 0; i < h->count; i++) {
		if (str_eq_nocase(h->headers[i].name, name) &&
		    list_has(h->headers[i].value, token)) {
			return true;
		}
	}
	return false;
}

bool
http_has_token(const struct http_head *h, const char *name, const char *token)
{
	return any_list_has(h, str_of(name), str_of(token));
}

bool
http_is_hop(const struct http_head *h, struct str name)
{
	const struct field *f = field_of(name);
	struct str forwarded = STR("x-forwarded-");

	if (f && f->hop) {
		return true;
	}
	if (http_name_like(str_sub(name, 0, forwarded.len), forwarded)) {
		return true;
	}
	return any_list_has(h, STR("connection"), name);
}
