/* SPDX-License-Identifier: Apache-2.0 */
#include "http/syntax.h"

#include <string.h>

enum {
	TOKEN = 1,
	UNRESERVED = 2,
	SUBDELIM = 4,
	HOST = 8,
};

static uint8_t
class_of(uint8_t c)
{
	if ((c >= '0' && c <= '9') ||
	    ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')) {
		return TOKEN | UNRESERVED | HOST;
	}
	switch (c) {
	case '-':
	case '.':
	case '_':
		return TOKEN | UNRESERVED | HOST;
	case '~':
		return TOKEN | UNRESERVED;
	case '!':
	case '$':
	case '&':
	case '\'':
	case '*':
	case '+':
		return TOKEN | SUBDELIM;
	case '#':
	case '%':
	case '^':
	case '`':
	case '|':
		return TOKEN;
	case '(':
	case ')':
	case ',':
	case ';':
	case '=':
		return SUBDELIM;
	default:
		return 0;
	}
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

bool
syntax_value(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = (uint8_t)s.at[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			return false;
		}
	}
	return true;
}

/* Bytes of the sequence that begins with `first`, and the range that its
 * second byte must lie in; 0 for none. */
static size_t
utf8_length(uint8_t first, uint8_t *low, uint8_t *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (first < 0x80) {
		return 1;
	}
	if (first >= 0xc2 && first <= 0xdf) {
		return 2;
	}
	if (first >= 0xe0 && first <= 0xef) {
		*low = first == 0xe0 ? 0xa0 : 0x80;
		*high = first == 0xed ? 0x9f : 0xbf;
		return 3;
	}
	if (first >= 0xf0 && first <= 0xf4) {
		*low = first == 0xf0 ? 0x90 : 0x80;
		*high = first == 0xf4 ? 0x8f : 0xbf;
		return 4;
	}
	return 0;
}

static bool
utf8_sequence(struct str s, size_t *n)
{
	uint8_t low;
	uint8_t high;

	*n = utf8_length((uint8_t)s.at[0], &low, &high);
	if (!*n || *n > s.len) {
		return false;
	}
	for (size_t k = 1; k < *n; k++) {
		uint8_t c = (uint8_t)s.at[k];

		if (c < low || c > high) {
			return false;
		}
		low = 0x80;
		high = 0xbf;
	}
	return true;
}

bool
syntax_utf8(struct str s)
{
	size_t n;

	for (size_t i = 0; i < s.len; i += n) {
		if (!utf8_sequence(str_sub(s, i, s.len), &n)) {
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

int
syntax_hex(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return -1;
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
		if (syntax_hex(s.at[n]) < 0 && s.at[n] != ':' &&
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

	if (!s.len || s.len > 5 || s.at[0] == '0' || !str_u64(s, &n) ||
	    n > 65535) {
		return false;
	}
	*port = (uint16_t)n;
	return true;
}
