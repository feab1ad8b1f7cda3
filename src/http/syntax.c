/* SPDX-License-Identifier: Apache-2.0 */
#include "http/syntax.h"

enum {
	TOKEN = 1,
	UNRESERVED = 2,
	SUBDELIM = 4,
	HOST = 8,
};

#define WORD (TOKEN | UNRESERVED | HOST)

static const uint8_t classes[256] = {
	['0' ... '9'] = WORD,
	['A' ... 'Z'] = WORD,
	['a' ... 'z'] = WORD,
	['-'] = WORD,
	['.'] = WORD,
	['_'] = WORD,
	['~'] = TOKEN | UNRESERVED,
	['!'] = TOKEN | SUBDELIM,
	['$'] = TOKEN | SUBDELIM,
	['&'] = TOKEN | SUBDELIM,
	['\''] = TOKEN | SUBDELIM,
	['*'] = TOKEN | SUBDELIM,
	['+'] = TOKEN | SUBDELIM,
	['#'] = TOKEN,
	['%'] = TOKEN,
	['^'] = TOKEN,
	['`'] = TOKEN,
	['|'] = TOKEN,
	['('] = SUBDELIM,
	[')'] = SUBDELIM,
	[','] = SUBDELIM,
	[';'] = SUBDELIM,
	['='] = SUBDELIM,
};

static uint8_t
class_of(uint8_t c)
{
	return classes[c];
}

static bool
all_of(struct str s, uint8_t class)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!(class_of((uint8_t)s.at[i]) & class)) {
			return false;
		}
	}
	return s.len > 0;
}

bool
syntax_token(struct str s)
{
	return all_of(s, TOKEN);
}

/* Are these eight bytes from ' ' to '~'?  Most values have no others. */
static bool
eight_plain(const char *at)
{
	const uint64_t each = 0x0101010101010101;
	const uint64_t high = each * 0x80;
	uint64_t bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return !((bytes | (bytes + each)) & high) &&
	       ((bytes + each * 0x60) & high) == high;
}

bool
syntax_value(struct str s)
{
	size_t i = 0;

	while (i + 8 <= s.len && eight_plain(s.at + i)) {
		i += 8;
	}
	for (; i < s.len; i++) {
		uint8_t c = (uint8_t)s.at[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			return false;
		}
	}
	return true;
}

bool
syntax_digits(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9') {
			return false;
		}
	}
	return s.len > 0;
}

bool
syntax_unreserved(uint8_t c)
{
	return (class_of(c) & UNRESERVED) != 0;
}

bool
syntax_segment(uint8_t c)
{
	return (class_of(c) & (UNRESERVED | SUBDELIM)) || c == ':' || c == '@';
}

static bool
bracketed(struct str s, struct str *host, struct str *port)
{
	size_t n = 1;

	while (n < s.len && s.at[n] != ']') {
		if (hex_digit(s.at[n]) < 0 && s.at[n] != ':' &&
		    s.at[n] != '.') {
			return false;
		}
		n++;
	}
	if (n == 1 || n >= s.len) {
		return false;
	}
	*host = str_sub(s, 0, n + 1);
	*port = str_sub(s, n + 1, s.len);
	if (!port->len) {
		return true;
	}
	if (port->at[0] != ':') {
		return false;
	}
	*port = str_sub(*port, 1, port->len);
	return syntax_digits(*port);
}

bool
syntax_authority(struct str s, struct str *host, struct str *port)
{
	*port = (struct str){ 0 };
	if (s.len && s.at[0] == '[') {
		return bracketed(s, host, port);
	}
	struct str rest = s;

	if (str_cut(&rest, ':', host)) {
		if (!syntax_digits(rest)) {
			return false;
		}
		*port = rest;
	}
	return all_of(*host, HOST);
}

bool
syntax_port(struct str s, uint16_t *port)
{
	uint64_t n;

	if (!s.len || s.at[0] == '0' || !str_u64(s, &n) || n > 65535) {
		return false;
	}
	*port = (uint16_t)n;
	return true;
}
