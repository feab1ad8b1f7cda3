/* SPDX-License-Identifier: Apache-2.0 */
#include "toml/parts.h"

#include <string.h>

/* A string being read: what is meant is written over what was read. */
struct string {
	char *to;
	char quote;
	bool lines; /* of the kind with three quotes */
};

/* r->at is behind the letter; the NUL at the end is no hex digit. */
static int
read_point(struct reader *r, struct string *s, size_t digits)
{
	uint32_t point = 0;

	for (size_t i = 0; i < digits; i++) {
		int digit = hex_digit(r->at[i]);
		if (digit < 0) {
			return text_refuse(
			    r, digits == 4 ? "expected 4 hex digits after \\u"
			                   : "expected 8 hex digits after \\U");
		}
		point = point << 4 | (uint32_t)digit;
	}
	if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
		return text_refuse(r, "no character has this number");
	}
	r->at += digits;
	s->to = str_put_utf8(s->to, point);
	return 0;
}

/* A backslash at the end of a line takes all white space up to the next
 * character with it. */
static bool
skip_line_end(struct reader *r)
{
	char *back = r->at;

	r->at++;
	text_skip_space(r);
	if (!text_take_newline(r)) {
		r->at = back;
		return false;
	}
	do {
		text_skip_space(r);
	} while (text_take_newline(r));
	return true;
}

static int
read_escape(struct reader *r, struct string *s)
{
	static const char names[] = "btnfr\"\\";
	static const char means[] = "\b\t\n\f\r\"\\";
	char c = r->at[1];
	const char *name = c != 0 ? strchr(names, c) : NULL;

	if (s->lines && skip_line_end(r)) {
		return 0;
	}
	if (c == 'u' || c == 'U') {
		r->at += 2;
		return read_point(r, s, c == 'u' ? 4 : 8);
	}
	if (name == NULL) {
		return text_refuse(r,
		    "no such escape in a string (a backslash is \\\\; between "
		    "single quotes it stands for itself)");
	}
	*s->to++ = means[name - names];
	r->at += 2;
	return 0;
}

/* A byte that stands for itself, or a new line in a string of lines. */
static int
read_plain(struct reader *r, struct string *s)
{
	unsigned char c = (unsigned char)*r->at;
	char *from = r->at;

	if (r->at == r->end) {
		return text_refuse(r, "the string has no end");
	}
	if (s->lines && text_take_newline(r)) {
		while (from < r->at) {
			*s->to++ = *from++;
		}
		return 0;
	}
	if (c == '\n' || (c == '\r' && r->at[1] == '\n')) {
		return text_refuse(r,
		    "the string does not end on its line (three quotes begin "
		    "a string of many lines)");
	}
	if ((c < 0x20 && c != '\t') || c == 0x7f) {
		return text_refuse(r, "a control byte in a string");
	}
	*s->to++ = *r->at++;
	return 0;
}

static size_t
count_quotes(const struct reader *r, char quote)
{
	size_t n = 0;

	while (r->at[n] == quote) {
		n++;
	}
	return n;
}

/* Whether the string ends here; of more than three quotes the last three close
 * it and at most two before them belong to it. */
static bool
take_end(struct reader *r, struct string *s)
{
	size_t quotes = count_quotes(r, s->quote);

	if (!s->lines) {
		r->at += quotes > 0;
		return quotes > 0;
	}
	if (quotes < 3) {
		return false;
	}
	size_t inside = quotes - 3 > 2 ? 2 : quotes - 3;
	memset(s->to, s->quote, inside);
	s->to += inside;
	r->at += inside + 3;
	return true;
}

static int
read_body(struct reader *r, struct string *s, struct str *out)
{
	char *start = r->at;

	s->to = start;
	while (!take_end(r, s)) {
		int read = *r->at == '\\' && s->quote == '"' ? read_escape(r, s)
		                                             : read_plain(r, s);
		if (read < 0) {
			return -1;
		}
	}
	*out = str_span(start, (size_t)(s->to - start));
	return 0;
}

int
string_read_line(struct reader *r, struct str *out)
{
	struct string s = { .quote = *r->at };

	r->at++;
	return read_body(r, &s, out);
}

int
string_read(struct reader *r, struct str *out)
{
	struct string s = { .quote = *r->at, .lines = true };

	if (count_quotes(r, s.quote) < 3) {
		return string_read_line(r, out);
	}
	r->at += 3;
	(void)text_take_newline(r);
	return read_body(r, &s, out);
}
