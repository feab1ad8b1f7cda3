/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIGEST_DIGEST_H
#define DIGEST_DIGEST_H

/*
 * SHA-256 (FIPS 180-4): one by the processor's instructions for it, or by
 * libsodium where it has none; many side by side by many.c; one in pieces by
 * libsodium.
 * Digests name bodies, contracts, policies and arguments everywhere; this is
 * the one place that makes them.
 */

#include "base/base.h"

#define DIGEST_SIZE 32
#define DIGEST_TEXT (2 * DIGEST_SIZE + 1)

struct digest {
	uint8_t bytes[DIGEST_SIZE];
};

struct digest_run {
	uint8_t opaque[128] __attribute__((aligned(16)));
};

struct digest digest_of(struct str bytes); /* a secret's too: it is wiped */
/* The same of each of many, side by side: out[i] is of bytes[i].  No secrets:
 * what it leaves in memory is not wiped. */
void digest_many(const struct str *bytes, size_t count, struct digest *out);
/* On at most so wide a processor (tests). */
enum digest_width { DIGEST_4, DIGEST_8, DIGEST_16 };
void digest_many_by(enum digest_width most, const struct str *bytes,
    size_t count, struct digest *out);
void digest_begin(struct digest_run *run);
void digest_add(struct digest_run *run, struct str bytes);
struct digest digest_end(struct digest_run *run);
bool digest_eq(struct digest a, struct digest b);
bool digest_is_zero(struct digest d);
void digest_text(struct digest d, char text[DIGEST_TEXT]); /* lower-case hex */
bool digest_parse(struct str hex, struct digest *d);

#endif
