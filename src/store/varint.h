/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_VARINT_H
#define STORE_VARINT_H

/* Numbers of the packed log: 7 bits a byte, low first, at most 10 bytes. */

#include "base/base.h"

#define VARINT_MAX 10

static inline uint8_t *
put_varint(uint8_t *to, uint64_t value)
{
	while (value >= 0x80) {
		*to++ = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	*to++ = (uint8_t)value;
	return to;
}

/* Small differences of either sign become small numbers. */
static inline uint64_t
zigzag(int64_t value)
{
	return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static inline int64_t
unzigzag(uint64_t value)
{
	return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

/* What is left of a blob; the first lack of bytes makes it bad for good. */
struct reader {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

static inline struct reader
reader_of(struct str blob)
{
	const uint8_t *at = (const uint8_t *)blob.at;

	return (struct reader){ at, blob.len ? at + blob.len : at, false };
}

static inline const uint8_t *
take_bytes(struct reader *from, size_t count)
{
	const uint8_t *at = from->at;

	if (from->bad || count > (size_t)(from->end - from->at)) {
		from->bad = true;
		return NULL;
	}
	from->at += count;
	return at;
}

static inline uint64_t
take_varint(struct reader *from, uint64_t most)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		const uint8_t *byte = take_bytes(from, 1);

		if (!byte || (shift == 63 && *byte > 1)) {
			break;
		}
		value |= (uint64_t)(*byte & 0x7f) << shift;
		if (*byte < 0x80) {
			from->bad |= value > most;
			return value > most ? 0 : value;
		}
	}
	from->bad = true;
	return 0;
}

#endif
