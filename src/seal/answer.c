/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/own.h"

/* What the vault answers without lending a key: MACs, signatures, boxes. */

void
seal_mac(const struct seal_key *key, struct str purpose, struct str message,
    uint8_t mac[SEAL_MAC])
{
	crypto_generichash_state state;
	uint8_t len[2];

	must(purpose.len <= UINT16_MAX);
	put_u16(len, (unsigned)purpose.len);
	must(crypto_generichash_init(
	         &state, key->mac, sizeof(key->mac), SEAL_MAC) == 0);
	(void)crypto_generichash_update(&state, len, sizeof(len));
	(void)crypto_generichash_update(
	    &state, (const uint8_t *)purpose.at, purpose.len);
	(void)crypto_generichash_update(
	    &state, (const uint8_t *)message.at, message.len);
	must(crypto_generichash_final(&state, mac, SEAL_MAC) == 0);
	wipe(&state, sizeof(state));
}

bool
seal_mac_good(const struct seal_key *key, struct str purpose,
    struct str message, const uint8_t mac[SEAL_MAC])
{
	uint8_t right[SEAL_MAC];

	seal_mac(key, purpose, message, right);
	return equal_const_time(right, mac, SEAL_MAC);
}

void
seal_mark(const struct seal_key *key, struct str value, uint8_t mark[SEAL_MAC])
{
	seal_mac(key, STR("handrail value mark"), value, mark);
}

void
seal_sign(
    const struct seal_key *key, struct str message, uint8_t sign[SEAL_SIGN])
{
	must(crypto_sign_detached(sign, NULL, (const uint8_t *)message.at,
	         message.len, key->sign_secret) == 0);
}

void
seal_sign_public(const struct seal_key *key, uint8_t out[SEAL_PUBLIC])
{
	memcpy(out, key->sign_public, SEAL_PUBLIC);
}

bool
seal_verify(const uint8_t key[SEAL_PUBLIC], struct str message,
    const uint8_t sign[SEAL_SIGN])
{
	sodium_ready();
	return crypto_sign_verify_detached(
	           sign, (const uint8_t *)message.at, message.len, key) == 0;
}

void
seal_box_public(const struct seal_key *key, uint8_t out[SEAL_PUBLIC])
{
	memcpy(out, key->box_public, SEAL_PUBLIC);
}

int
seal_box(const uint8_t key[SEAL_PUBLIC], struct str value, struct buf *box,
    struct err *e)
{
	uint8_t *at;

	sodium_ready();
	if (value.len < 1 || value.len > SEAL_VALUE_MAX) {
		return err_set(e, ERR_LIMIT,
		    "a secret has 1 to %d bytes, this one has %zu",
		    SEAL_VALUE_MAX, value.len);
	}
	at = (uint8_t *)buf_room(box, value.len + SEAL_BOX_EXTRA);
	if (crypto_box_seal(at, (const uint8_t *)value.at, value.len, key) !=
	    0) {
		return err_set(
		    e, ERR_INPUT, "this is not the public key of a vault");
	}
	buf_grew(box, value.len + SEAL_BOX_EXTRA);
	return 0;
}

int
seal_box_open(const struct seal_key *key, struct str box, struct secret **value,
    struct err *e)
{
	auto_secret made = NULL;
	uint8_t *at;

	if (box.len <= SEAL_BOX_EXTRA ||
	    box.len > SEAL_VALUE_MAX + SEAL_BOX_EXTRA) {
		return err_set(e, ERR_INPUT,
		    "a sealed box of %zu bytes; it has %d to %d", box.len,
		    SEAL_BOX_EXTRA + 1, SEAL_VALUE_MAX + SEAL_BOX_EXTRA);
	}
	made = secret_room(box.len - SEAL_BOX_EXTRA, &at);
	if (crypto_box_seal_open(at, (const uint8_t *)box.at, box.len,
	        key->box_public, key->box_secret) != 0) {
		return err_set(e, ERR_DENIED,
		    "a sealed box was not made for this vault or was changed");
	}
	secret_close(made);
	*value = made;
	made = NULL;
	return 0;
}
