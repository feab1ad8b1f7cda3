/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/must.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

void
random_bytes(void *at, size_t len)
{
	char *to = at;

	while (len > 0) {
		ssize_t n = getrandom(to, len, 0);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		must(n > 0);
		to += n;
		len -= (size_t)n;
	}
}

uint64_t
random_u64(void)
{
	uint64_t value;

	random_bytes(&value, sizeof(value));
	return value;
}

/* The digits of each group, a dash behind all but the last (RFC 9562 §4). */
void
id_write(const uint8_t bytes[ID_BYTES], char text[ID_TEXT])
{
	static const uint8_t groups[] = { 4, 2, 2, 2, 6 };

	for (size_t i = 0; i < sizeof(groups); i++) {
		hex_text(bytes, groups[i], text);
		bytes += groups[i];
		text += 2 * (size_t)groups[i];
		if (i + 1 < sizeof(groups)) {
			*text++ = '-';
		}
	}
}

/*
 * RFC 9562 §5.7 with §6.2 method 3: 48 bits of milliseconds, the fraction of
 * the millisecond in the 12 bits behind the version, 62 random bits.  Within
 * one process no id sorts before an earlier one, whatever the clock does.
 */
struct id
id_new(void)
{
	static uint64_t last;
	struct id id;
	uint8_t bytes[ID_BYTES];
	uint64_t us = (uint64_t)wall_now().us;
	uint64_t stamp =
	    us / 1000 * ID_STAMPS_MS + us % 1000 * ID_STAMPS_MS / 1000;

	if (stamp <= last) {
		stamp = last + 1;
	}
	last = stamp;
	random_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < 6; i++) {
		bytes[i] = (uint8_t)(stamp >> (52 - 8 * i));
	}
	bytes[6] = (uint8_t)(0x70 | ((stamp >> 8) & 0x0f));
	bytes[7] = (uint8_t)stamp;
	bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
	id_write(bytes, id.text);
	return id;
}

const uint8_t hex_values[256] = {
	['0'] = 1,
	['1'] = 2,
	['2'] = 3,
	['3'] = 4,
	['4'] = 5,
	['5'] = 6,
	['6'] = 7,
	['7'] = 8,
	['8'] = 9,
	['9'] = 10,
	['a'] = 11,
	['b'] = 12,
	['c'] = 13,
	['d'] = 14,
	['e'] = 15,
	['f'] = 16,
	['A'] = 11,
	['B'] = 12,
	['C'] = 13,
	['D'] = 14,
	['E'] = 15,
	['F'] = 16,
};

bool
id_valid(struct str s)
{
	if (s.len != ID_TEXT - 1) {
		return false;
	}
	for (size_t i = 0; i < s.len; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? s.at[i] != '-' : hex_digit(s.at[i]) < 0) {
			return false;
		}
	}
	return true;
}

/* The digits before the version and the three behind it.  Of the texts of
 * numbers only an upper-case letter lacks the bit 0x20. */
bool
id_stamp(struct str s, uint64_t *stamp)
{
	static const uint8_t places[] = { 0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12,
		15, 16, 17 };
	uint64_t found = 0;
	int digits = 0;
	int lower = 0x20;

	if (s.len != ID_TEXT - 1 || s.at[8] != '-' || s.at[13] != '-' ||
	    s.at[14] != '7') {
		return false;
	}
	for (size_t i = 0; i < sizeof(places); i++) {
		int digit = hex_digit(s.at[places[i]]);

		digits |= digit; /* below 0: one of them was none */
		lower &= s.at[places[i]];
		found = found << 4 | (uint64_t)(digit & 15);
	}
	*stamp = found;
	return digits >= 0 && lower;
}

void
hex_text(const uint8_t *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = 0;
}

void
hex_add(struct buf *b, struct str bytes)
{
	must(bytes.len < SIZE_MAX / 4);
	char *out = buf_room(b, 2 * bytes.len + 1);
	hex_text((const uint8_t *)bytes.at, bytes.len, out);
	buf_grew(b, 2 * bytes.len);
}

bool
hex_bytes(struct str hex, uint8_t *out, size_t n)
{
	const uint8_t *at = (const uint8_t *)hex.at;

	if (hex.len % 2 != 0 || hex.len / 2 != n) {
		return false;
	}
	for (size_t i = 0; i < hex.len; i++) {
		if (hex_values[at[i]] == 0) {
			return false;
		}
	}
	for (size_t i = 0; i < n; i++) {
		unsigned high = hex_values[at[2 * i]] - 1U;
		unsigned low = hex_values[at[2 * i + 1]] - 1U;

		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void
wipe(void *at, size_t len)
{
	if (len > 0) { /* an empty buffer has no bytes to point at */
		explicit_bzero(at, len);
	}
}

bool
equal_const_time(const void *a, const void *b, size_t len)
{
	const uint8_t *left = a;
	const uint8_t *right = b;
	/* Kept after each step, so none of them can be left out. */
	volatile uint64_t differ = 0;
	size_t i = 0;

	for (; len - i >= sizeof(differ); i += sizeof(differ)) {
		differ |= get_u64(left + i) ^ get_u64(right + i);
	}
	for (; i < len; i++) {
		differ |= (uint64_t)(left[i] ^ right[i]);
	}
	return differ == 0;
}
