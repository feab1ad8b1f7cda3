/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ID_H
#define BASE_ID_H

/* Random bytes, ids, and the three encodings that everybody needs. */

#include "base/buf.h"

#define ID_TEXT      37 /* 36 characters and the NUL */
#define ID_BYTES     16
#define ID_STAMPS_MS 4096 /* as many stamps in a millisecond */

struct id {
	char text[ID_TEXT]; /* RFC 9562 version 7: sorts by time of making */
};

void random_bytes(void *at, size_t len); /* getrandom; must on failure */
uint64_t random_u64(void);
struct id id_new(void);
/* The time of its making, of an id of version 7 in lower case: of two such ids
 * the one with the smaller stamp is the smaller text. */
bool id_stamp(struct str s, uint64_t *stamp);
/* The text of any 16 bytes, 8-4-4-4-12. */
void id_write(const uint8_t bytes[ID_BYTES], char text[ID_TEXT]);
bool id_valid(struct str s); /* any lower- or upper-case UUID form */

/* Of each character its value and one more; 0: it is none. */
extern const uint8_t hex_values[256];

static inline int
hex_digit(char c) /* its value, 0..15; -1: none */
{
	return hex_values[(unsigned char)c] - 1;
}

void hex_add(struct buf *b, struct str bytes);
void hex_text(const uint8_t *bytes, size_t n, char *out); /* 2n + NUL */
bool hex_bytes(struct str hex, uint8_t *out, size_t n);   /* exactly n bytes */
void base64_add(struct buf *b, struct str bytes);         /* RFC 4648, padded */
void base64url_add(struct buf *b, struct str bytes);      /* unpadded */
bool base64_decode(struct buf *b, struct str text); /* both alphabets, strict */
void wipe(void *at, size_t len);                    /* not optimised away */
bool equal_const_time(const void *a, const void *b, size_t len);

#endif
