/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

/*
 * Numbers in a format: little-endian, at any address.  Not in base.h; who
 * reads or writes such bytes includes this one too.
 */

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void
put_u16(uint8_t *at, unsigned value) /* the low 16 bits */
{
	uint16_t little = htole16((uint16_t)value);

	memcpy(at, &little, sizeof(little));
}

static inline void
put_u32(uint8_t *at, uint32_t value)
{
	uint32_t little = htole32(value);

	memcpy(at, &little, sizeof(little));
}

static inline void
put_u64(uint8_t *at, uint64_t value)
{
	uint64_t little = htole64(value);

	memcpy(at, &little, sizeof(little));
}

static inline unsigned
get_u16(const uint8_t *at)
{
	uint16_t little;

	memcpy(&little, at, sizeof(little));
	return le16toh(little);
}

static inline uint32_t
get_u32(const uint8_t *at)
{
	uint32_t little;

	memcpy(&little, at, sizeof(little));
	return le32toh(little);
}

static inline uint64_t
get_u64(const uint8_t *at)
{
	uint64_t little;

	memcpy(&little, at, sizeof(little));
	return le64toh(little);
}

#endif
