/* SPDX-License-Identifier: Apache-2.0 */
#include "json/scan.h"

/* Bytes of a string that stand for themselves: printable ASCII but " and \. */
static const bool plain[256] = {
	[0x20] = true,
	[0x21] = true,
	[0x23 ... 0x5b] = true,
	[0x5d ... 0x7f] = true,
};

int
json_refuse(const struct parser *p, const char *what)
{
	return err_set(p->err, ERR_INPUT, "line %u, column %zu: %s", p->line,
	    (size_t)(p->at - p->line_start) + 1, what);
}

/* The same, and what stands there instead. */
int
json_refuse_found(const struct parser *p, const char *wanted)
{
	size_t column = (size_t)(p->at - p->line_start) + 1;

	if (p->at == p->end) {
		return err_set(p->err, ERR_INPUT,
		    "line %u, column %zu: expected %s, but the text ends",
		    p->line, column, wanted);
	}
	size_t len = str_utf8(str_span(p->at, (size_t)(p->end - p->at)));
	return err_set(p->err, ERR_INPUT,
	    "line %u, column %zu: expected %s, not %s", p->line, column, wanted,
	    err_quote(str_span(p->at, len > 0 ? len : 1)));
}

int
json_refuse_limit(const struct parser *p, const char *what, uint32_t limit)
{
	return err_set(p->err, ERR_LIMIT,
	    "line %u, column %zu: more than %u %s", p->line,
	    (size_t)(p->at - p->line_start) + 1, limit, what);
}

static bool
read_hex4(const char *at, uint32_t *unit)
{
	uint8_t bytes[2];

	/* A NUL within these four is no hex digit: nothing is over-read. */
	if (strnlen(at, 4) < 4 || !hex_bytes(str_span(at, 4), bytes, 2)) {
		return false;
	}
	*unit = (uint32_t)bytes[0] << 8 | bytes[1];
	return true;
}

/* p->at is behind "\u"; a pair of surrogates is one character. */
static int
read_unicode(struct parser *p, char **to)
{
	uint32_t unit;
	uint32_t low;

	if (!read_hex4(p->at, &unit)) {
		return json_refuse(p, "expected four hex digits after \\u");
	}
	if (unit >= 0xd800 && unit <= 0xdfff) {
		bool pair = unit < 0xdc00 && p->at[4] == '\\' &&
		            p->at[5] == 'u' && read_hex4(p->at + 6, &low) &&
		            low >= 0xdc00 && low <= 0xdfff;
		if (!pair) {
			return json_refuse(
			    p, "half of a surrogate pair is no character");
		}
		unit = 0x10000 + ((unit & 0x3ff) << 10 | (low & 0x3ff));
		p->at += 6;
	}
	p->at += 4;
	*to = str_put_utf8(*to, unit);
	return 0;
}

/* p->at is at a backslash. */
static int
read_escape(struct parser *p, char **to)
{
	static const char means[128] = {
		['"'] = '"',
		['\\'] = '\\',
		['/'] = '/',
		['b'] = '\b',
		['f'] = '\f',
		['n'] = '\n',
		['r'] = '\r',
		['t'] = '\t',
	};
	unsigned char c = (unsigned char)p->at[1];

	if (c == 'u') {
		p->at += 2;
		return read_unicode(p, to);
	}
	if (c >= sizeof(means) || means[c] == 0) {
		return json_refuse(p, "no such escape in a string");
	}
	*(*to)++ = means[c];
	p->at += 2;
	return 0;
}

static int
refuse_in_string(struct parser *p)
{
	unsigned char c = (unsigned char)*p->at;

	if (p->at == p->end) {
		return json_refuse_found(p, "a closing quote");
	}
	return json_refuse(p, c < 0x20
	                          ? "a control byte in a string must be escaped"
	                          : "these bytes are not UTF-8");
}

/* At a byte that is neither plain nor an escape: one character of UTF-8 and
 * the plain bytes behind it go to *to. */
static int
read_run(struct parser *p, char **to)
{
	char *from = p->at;
	struct str rest = str_span(from, (size_t)(p->end - from));
	size_t len = (unsigned char)*from < 0x20 ? 0 : str_utf8(rest);

	if (len == 0) {
		return refuse_in_string(p);
	}
	p->at += len;
	while (plain[(unsigned char)*p->at]) {
		p->at++;
	}
	len = (size_t)(p->at - from);
	if (*to != from) {
		memmove(*to, from, len);
	}
	*to += len;
	return 0;
}

int
json_read_string(struct parser *p, struct str *out)
{
	char *start = ++p->at;

	while (plain[(unsigned char)*p->at]) {
		p->at++;
	}
	char *to = p->at;
	while (*p->at != '"') {
		int read =
		    *p->at == '\\' ? read_escape(p, &to) : read_run(p, &to);
		if (read < 0) {
			return -1;
		}
	}
	*to = 0;
	p->at++;
	*out = str_span(start, (size_t)(to - start));
	return 0;
}

static bool
skip_digits(struct parser *p)
{
	if (!json_is_digit(*p->at)) {
		return false;
	}
	while (json_is_digit(*p->at)) {
		p->at++;
	}
	return true;
}

int
json_read_number(struct parser *p, struct json *j)
{
	const char *start = p->at;

	if (*p->at == '-') {
		p->at++;
	}
	if (*p->at == '0') {
		p->at++;
	} else if (!skip_digits(p)) {
		return json_refuse_found(p, "a digit");
	}
	if (*p->at == '.') {
		p->at++;
		if (!skip_digits(p)) {
			return json_refuse_found(p, "a digit after the point");
		}
	}
	if (*p->at == 'e' || *p->at == 'E') {
		p->at++;
		if (*p->at == '+' || *p->at == '-') {
			p->at++;
		}
		if (!skip_digits(p)) {
			return json_refuse_found(p, "a digit of the exponent");
		}
	}
	j->type = JSON_NUMBER;
	j->text = str_span(start, (size_t)(p->at - start));
	return 0;
}
