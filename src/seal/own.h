/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEAL_OWN_H
#define SEAL_OWN_H

/* For the files of this room only. */

#include <sodium.h>
#include <string.h>

#include "base/bytes.h"
#include "seal/seal.h"

#define NONCE   crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG     crypto_aead_xchacha20poly1305_ietf_ABYTES
#define WRAPPED (SEAL_RAW_KEY + TAG)

/* Bytes alone, so that it may stand at the very end of its guarded page. */
struct seal_key {
	uint8_t root[SEAL_RAW_KEY];
	uint8_t wrap[SEAL_RAW_KEY];
	uint8_t mac[SEAL_RAW_KEY];
	uint8_t sign_secret[crypto_sign_SECRETKEYBYTES];
	uint8_t sign_public[SEAL_PUBLIC];
	uint8_t box_secret[crypto_box_SECRETKEYBYTES];
	uint8_t box_public[SEAL_PUBLIC];
	uint8_t id[SEAL_KEY_ID];
};

void sodium_ready(void);
/* Guarded memory to be filled and then closed; never NULL. */
uint8_t *locked_new(size_t len);
void locked_close(void *at); /* read-only from here on */
struct secret *secret_room(size_t len, uint8_t **at); /* close it after */
void secret_close(struct secret *secret);
struct seal_key *key_from_root(const uint8_t root[SEAL_RAW_KEY]);

/* An id; a host without a port: a name, or an address in brackets. */
bool id_valid_text(struct str id);
bool host_valid_text(struct str host);
/* `format` is the row's.  ERR_DENIED if format 1 cannot say what the binding
 * says. */
int binding_encode(const struct seal_binding *binding, uint8_t format,
    struct buf *out, struct err *e) MUST_CHECK;
/* Borrows from bytes; takes only what encode writes. */
int binding_decode(struct str bytes, uint8_t format,
    struct seal_binding *binding, struct err *e) MUST_CHECK;

#endif
