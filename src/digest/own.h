/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIGEST_OWN_H
#define DIGEST_OWN_H

/* For the files of this room only. */

#include "digest/digest.h"

#define BLOCK 64

extern const uint32_t sha256_start[8];
extern const uint32_t sha256_round[64];

/* The last blocks of a message: what is left of it, padded (FIPS 180-4, 5.1.1).
 * Returns how many, 1 or 2. */
size_t sha256_tail(struct str bytes, uint8_t tail[2 * BLOCK]);
/* The processor has instructions for it; only then: by these. */
bool sha256_has_instructions(void);
struct digest sha256_by_instructions(struct str bytes);

#endif
