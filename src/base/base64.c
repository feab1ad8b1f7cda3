/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"

static const char standard[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void
encode(struct buf *b, struct str bytes, const char *alphabet, bool pad)
{
	const uint8_t *at = (const uint8_t *)bytes.at;
	size_t left = bytes.len;

	while (left > 0) {
		size_t n = left < 3 ? left : 3;
		uint32_t three = (uint32_t)at[0] << 16 |
		                 (n > 1 ? (uint32_t)at[1] << 8 : 0) |
		                 (n > 2 ? (uint32_t)at[2] : 0);
		for (size_t i = 0; i <= n; i++) {
			buf_add_byte(
			    b, (uint8_t)alphabet[(three >> (18 - 6 * i)) & 63]);
		}
		for (size_t i = n; pad && i < 3; i++) {
			buf_add_byte(b, '=');
		}
		at += n;
		left -= n;
	}
}

void
base64_add(struct buf *b, struct str bytes)
{
	encode(b, bytes, standard, true);
}

void
base64url_add(struct buf *b, struct str bytes)
{
	encode(b, bytes, for_urls, false);
}

static int
digit_of(char c)
{
	if (c >= 'A' && c <= 'Z') {
		return c - 'A';
	}
	if (c >= 'a' && c <= 'z') {
		return c - 'a' + 26;
	}
	if (c >= '0' && c <= '9') {
		return c - '0' + 52;
	}
	if (c == '+' || c == '-') {
		return 62;
	}
	return c == '/' || c == '_' ? 63 : -1;
}

static bool
mixes_alphabets(struct str s)
{
	return (str_has(s, '+') || str_has(s, '/')) &&
	       (str_has(s, '-') || str_has(s, '_'));
}

/*
 * Strict means that one value has one text an alphabet and padding: whole
 * padding or none, no bits behind the last byte, no white space.
 */
bool
base64_decode(struct buf *b, struct str text)
{
	struct str digits = text;
	size_t before = b->len;
	uint32_t bits = 0;
	uint32_t held = 0;

	while (digits.len > 0 && digits.at[digits.len - 1] == '=') {
		digits.len--;
	}
	size_t padding = text.len - digits.len;
	if (digits.len % 4 == 1 || mixes_alphabets(digits) ||
	    (padding > 0 && (padding > 2 || text.len % 4 != 0))) {
		return false;
	}
	for (size_t i = 0; i < digits.len; i++) {
		int digit = digit_of(digits.at[i]);
		if (digit < 0) {
			b->len = before;
			return false;
		}
		held = (held << 6 | (uint32_t)digit) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_add_byte(b, (uint8_t)(held >> bits));
		}
	}
	if ((held & ((1U << bits) - 1)) != 0) {
		b->len = before;
		return false;
	}
	return true;
}
