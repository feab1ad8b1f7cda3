/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/own.h"

static void
derive(const struct seal_key *key, uint64_t number, const char *context,
    uint8_t *out, size_t len)
{
	must(crypto_kdf_derive_from_key(out, len, number, context, key->root) ==
	     0);
}

struct seal_key *
key_from_root(const uint8_t root[SEAL_RAW_KEY])
{
	struct seal_key *key = (void *)locked_new(sizeof(*key));
	uint8_t seed[32];
	uint8_t id[16];

	memcpy(key->root, root, SEAL_RAW_KEY);
	derive(key, 1, "hrkeyid_", id, sizeof(id));
	memcpy(key->id, id, SEAL_KEY_ID);
	derive(key, 2, "hrrowkey", key->wrap, sizeof(key->wrap));
	derive(key, 3, "hrmac___", key->mac, sizeof(key->mac));
	derive(key, 4, "hrsign__", seed, sizeof(seed));
	must(crypto_sign_seed_keypair(
	         key->sign_public, key->sign_secret, seed) == 0);
	derive(key, 5, "hrbox___", seed, sizeof(seed));
	must(crypto_box_seed_keypair(key->box_public, key->box_secret, seed) ==
	     0);
	wipe(seed, sizeof(seed));
	locked_close(key);
	return key;
}

struct seal_key *
seal_key_make(void)
{
	uint8_t root[SEAL_RAW_KEY];
	struct seal_key *key;

	random_bytes(root, sizeof(root));
	key = key_from_root(root);
	wipe(root, sizeof(root));
	return key;
}

void
seal_key_free(struct seal_key *key)
{
	sodium_free(key); /* overwrites first; NULL is nothing */
}

void
auto_seal_key_free(struct seal_key **key)
{
	seal_key_free(*key);
}

/* The bytes of a key file: raw, or as hex digits for people and shells. */
static bool
read_root(struct str bytes, uint8_t root[SEAL_RAW_KEY])
{
	struct str hex = bytes;

	if (bytes.len == SEAL_RAW_KEY) {
		memcpy(root, bytes.at, SEAL_RAW_KEY);
		return true;
	}
	if (str_ends(hex, STR("\n"))) {
		hex.len--;
	}
	return hex_bytes(hex, root, SEAL_RAW_KEY);
}

int
seal_key_read(struct str bytes, struct seal_key **key, struct err *e)
{
	uint8_t root[SEAL_RAW_KEY] = { 0 };
	bool good = read_root(bytes, root);

	if (!good || sodium_is_zero(root, sizeof(root))) {
		wipe(root, sizeof(root));
		return err_set(e, ERR_INPUT,
		    "a vault key is 32 random bytes or 64 hex digits, not %zu "
		    "bytes of something else; put the kept copy back: a new "
		    "one (`openssl rand -hex 32`) opens nothing that was "
		    "sealed",
		    bytes.len);
	}
	*key = key_from_root(root);
	wipe(root, sizeof(root));
	return 0;
}

void
seal_key_export(const struct seal_key *key, struct secret **raw)
{
	*raw = secret_new(str_span(key->root, SEAL_RAW_KEY));
}

void
seal_key_id(const struct seal_key *key, char text[2 * SEAL_KEY_ID + 1])
{
	hex_text(key->id, SEAL_KEY_ID, text);
}
