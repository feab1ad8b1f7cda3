/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include "base/must.h"

#include <string.h>

static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

bool
str_like(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (a[i] != b[i] && lower(a[i]) != lower(b[i])) {
			return false;
		}
	}
	return true;
}

int
str_cmp(struct str a, struct str b)
{
	size_t both = a.len < b.len ? a.len : b.len;
	int order = both == 0 ? 0 : memcmp(a.at, b.at, both);

	if (order != 0) {
		return order;
	}
	return (a.len > b.len) - (a.len < b.len);
}

bool
str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len &&
	       str_eq(str_span(s.at, prefix.len), prefix);
}

bool
str_ends(struct str s, struct str suffix)
{
	return s.len >= suffix.len &&
	       str_eq(str_sub(s, s.len - suffix.len, suffix.len), suffix);
}

bool
str_has(struct str s, char c)
{
	return s.len > 0 && memchr(s.at, c, s.len) != NULL;
}

bool
str_has_str(struct str s, struct str needle)
{
	if (needle.len == 0) {
		return true;
	}
	return s.len > 0 && memmem(s.at, s.len, needle.at, needle.len) != NULL;
}

struct str
str_trim(struct str s)
{
	while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
		s.at++;
		s.len--;
	}
	while (
	    s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t')) {
		s.len--;
	}
	return s;
}

bool
str_cut(struct str *rest, char sep, struct str *head)
{
	const char *at =
	    rest->len > 0 ? memchr(rest->at, sep, rest->len) : NULL;
	struct str all = *rest;

	if (at == NULL) {
		*head = all;
		*rest = str_sub(all, all.len, 0);
		return false;
	}
	size_t before = (size_t)(at - all.at);
	*head = str_sub(all, 0, before);
	*rest = str_sub(all, before + 1, all.len);
	return true;
}

size_t
str_utf8(struct str s)
{
	if (s.len == 0) {
		return 0;
	}
	const uint8_t *at = (const uint8_t *)s.at;
	uint8_t lead = at[0];
	if (lead < 0x80) {
		return 1;
	}
	size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	if (lead < 0xc2 || lead > 0xf4 || s.len < len) {
		return 0;
	}
	/* Only the second byte's range depends on the first. */
	uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	if (at[1] < low || at[1] > high) {
		return 0;
	}
	for (size_t i = 2; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	return len;
}

static bool
eight_ascii(const char *at)
{
	uint64_t bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return !(bytes & 0x8080808080808080);
}

bool
str_is_utf8(struct str s)
{
	for (size_t at = 0; at < s.len;) {
		if (at + 8 <= s.len && eight_ascii(s.at + at)) {
			at += 8;
			continue;
		}
		if ((uint8_t)s.at[at] < 0x80) {
			at++;
			continue;
		}
		size_t n = str_utf8(str_sub(s, at, s.len));
		if (n == 0) {
			return false;
		}
		at += n;
	}
	return true;
}

struct str
str_utf8_cut(struct str s, size_t most)
{
	if (s.len <= most) {
		return s;
	}
	while (most > 0 && ((uint8_t)s.at[most] & 0xc0) == 0x80) {
		most--;
	}
	return str_sub(s, 0, most);
}

struct str
str_utf8_whole(struct str s)
{
	size_t at = s.len;

	while (at > 0 && s.len - at < 3 &&
	       ((uint8_t)s.at[at - 1] & 0xc0) == 0x80) {
		at--;
	}
	if (at == 0 || (uint8_t)s.at[at - 1] < 0xc0) {
		return s;
	}
	at--;
	return str_utf8(str_sub(s, at, s.len)) ? s : str_sub(s, 0, at);
}

char *
str_put_utf8(char *to, uint32_t point)
{
	if (point < 0x80) {
		*to++ = (char)point;
		return to;
	}
	if (point < 0x800) {
		*to++ = (char)(0xc0 | point >> 6);
	} else if (point < 0x10000) {
		*to++ = (char)(0xe0 | point >> 12);
		*to++ = (char)(0x80 | (point >> 6 & 0x3f));
	} else {
		*to++ = (char)(0xf0 | point >> 18);
		*to++ = (char)(0x80 | (point >> 12 & 0x3f));
		*to++ = (char)(0x80 | (point >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (point & 0x3f));
	return to;
}

/* The last star is the only one to come back to. */
bool
str_glob(struct str pattern, struct str text)
{
	size_t p = 0;
	size_t t = 0;
	size_t star = SIZE_MAX;
	size_t mark = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.at[p] == '*') {
			star = p++;
			mark = t;
		} else if (p < pattern.len && pattern.at[p] == text.at[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.at[p] == '*') {
		p++;
	}
	return p == pattern.len;
}

bool
str_u64(struct str s, uint64_t *out)
{
	uint64_t value = 0;

	if (s.len == 0) {
		return false;
	}
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9') {
			return false;
		}
		uint64_t digit = (uint64_t)(s.at[i] - '0');
		if (value > (UINT64_MAX - digit) / 10) {
			return false;
		}
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

bool
str_i64(struct str s, int64_t *out)
{
	bool minus = s.len > 0 && s.at[0] == '-';
	uint64_t most = (uint64_t)INT64_MAX + (minus ? 1 : 0);
	uint64_t size;

	if (!str_u64(str_sub(s, minus ? 1 : 0, s.len), &size) || size > most) {
		return false;
	}
	*out = minus ? (int64_t)(0 - size) : (int64_t)size;
	return true;
}

bool
str_copy(char *field, size_t size, struct str s)
{
	if (size == 0) {
		return false;
	}
	field[0] = 0;
	if (s.len >= size || str_has(s, 0)) {
		return false;
	}
	if (s.len > 0) {
		memcpy(field, s.at, s.len);
	}
	field[s.len] = 0;
	return true;
}

void
str_fit(char *field, size_t size, struct str s)
{
	struct str text = str_sub(s, 0, s.len ? strnlen(s.at, s.len) : 0);

	must(str_copy(field, size, str_utf8_cut(text, size - 1)));
}
