/* SPDX-License-Identifier: Apache-2.0 */
#include "digest/own.h"

#include <sodium/crypto_hash_sha256.h>
#include <string.h>

_Static_assert(sizeof(crypto_hash_sha256_state) <=
                   sizeof(((struct digest_run *)0)->opaque),
    "the run holds libsodium's state");

static crypto_hash_sha256_state *
state_of(struct digest_run *run)
{
	return (void *)run->opaque;
}

struct digest
digest_of(struct str bytes)
{
	struct digest d;

	if (sha256_has_instructions()) {
		return sha256_by_instructions(bytes);
	}
	must(crypto_hash_sha256(
	         d.bytes, (const uint8_t *)bytes.at, bytes.len) == 0);
	return d;
}

void
digest_begin(struct digest_run *run)
{
	must(crypto_hash_sha256_init(state_of(run)) == 0);
}

void
digest_add(struct digest_run *run, struct str bytes)
{
	must(crypto_hash_sha256_update(
	         state_of(run), (const uint8_t *)bytes.at, bytes.len) == 0);
}

struct digest
digest_end(struct digest_run *run)
{
	struct digest d;

	must(crypto_hash_sha256_final(state_of(run), d.bytes) == 0);
	wipe(run, sizeof(*run));
	return d;
}

bool
digest_eq(struct digest a, struct digest b)
{
	return equal_const_time(a.bytes, b.bytes, DIGEST_SIZE);
}

bool
digest_is_zero(struct digest d)
{
	return digest_eq(d, (struct digest){ 0 });
}

void
digest_text(struct digest d, char text[DIGEST_TEXT])
{
	hex_text(d.bytes, DIGEST_SIZE, text);
}

bool
digest_parse(struct str hex, struct digest *d)
{
	return hex_bytes(hex, d->bytes, DIGEST_SIZE);
}
