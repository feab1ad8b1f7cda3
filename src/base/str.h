/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_STR_H
#define BASE_STR_H

/*
 * A string is a pointer and a length; it borrows its bytes, may hold NUL and
 * owns nothing.  Who must keep one copies it (arena_str, buf_add).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *at;
	size_t len;
};

/* A literal, and the two halves of printing: printf(STR_FMT, STR_ARG(s)). */
#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_FMT      "%.*s"
#define STR_ARG(s)   (int)(s).len, (s).at

/* What stands here with its body is asked for at every turn: a literal's length
 * is then known when it is compiled. */
static inline struct str
str_of(const char *z) /* of a C string; NULL gives empty */
{
	return (struct str){ z, z ? strlen(z) : 0 };
}

static inline struct str
str_span(const void *at, size_t len)
{
	return (struct str){ (const char *)at, len };
}

static inline bool
str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline bool
str_eq_z(struct str a, const char *z)
{
	return str_eq(a, str_of(z));
}

bool str_like(const char *a, const char *b, size_t len); /* of str_eq_nocase */

static inline bool
str_eq_nocase(struct str a, struct str b) /* ASCII letters only */
{
	return a.len == b.len && str_like(a.at, b.at, a.len);
}

static inline struct str
str_sub(struct str s, size_t from, size_t len) /* clamped */
{
	if (from > s.len) {
		from = s.len;
	}
	if (len > s.len - from) {
		len = s.len - from;
	}
	return (struct str){ from > 0 ? s.at + from : s.at, len };
}

int str_cmp(struct str a, struct str b); /* bytewise, like memcmp */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_has(struct str s, char c);
bool str_has_str(struct str s, struct str needle);
struct str str_trim(struct str s); /* spaces and tabs at both ends */

/*
 * Cuts *rest at the first sep: *head is what stood before, *rest what follows.
 * Without a sep: *head is all, *rest empty, and the answer is false.
 */
bool str_cut(struct str *rest, char sep, struct str *head);

/* Bytes of the UTF-8 character that s begins with (RFC 3629: no surrogates, no
 * overlong form, at most U+10FFFF); 0 if there is none. */
size_t str_utf8(struct str s);
bool str_is_utf8(struct str s);
/* The beginning of a UTF-8 text, at most so many bytes and whole characters. */
struct str str_utf8_cut(struct str s, size_t most);
/* A text that was cut at a byte, without the character that it broke. */
struct str str_utf8_whole(struct str s);
/* The character of that number (a Unicode scalar value) to at most 4 bytes;
 * the place behind it. */
char *str_put_utf8(char *to, uint32_t point);

/* '*' is any run of bytes, everything else itself; the whole text.  At most
 * pattern × text steps. */
bool str_glob(struct str pattern, struct str text);

/* Decimal digits only, all of s, no sign; false on anything else or overflow.
 */
bool str_u64(struct str s, uint64_t *out);
bool str_i64(struct str s, int64_t *out); /* one leading '-' allowed */

/* Copies into a fixed field and terminates it; false if s does not fit whole
 * or holds a NUL (the field is then the empty string). */
bool str_copy(char *field, size_t size, struct str s);
/* What fits of a text for people: whole UTF-8 characters, up to the first NUL,
 * and terminated; size > 0. */
void str_fit(char *field, size_t size, struct str s);

#endif
