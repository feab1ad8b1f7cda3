/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/own.h"

#define FORMAT     1
#define KDF        1 /* Argon2id 1.3 */
#define PASSES     3
#define PASSES_MAX 16
#define MEMORY     65536u /* KiB */
#define MEMORY_MAX 1048576u

enum {
	AT_FORMAT = 4,
	AT_KDF = 5,
	AT_PASSES = 8,
	AT_MEMORY = 12,
	AT_SALT = 16,
	AT_ID = 32,
	AT_NONCE = 40,
	AT_WRAPPED = 64,
};

_Static_assert(AT_WRAPPED + WRAPPED == SEAL_KEYFILE, "as DESIGN draws it");
_Static_assert(crypto_pwhash_SALTBYTES == 16, "as DESIGN draws it");

static int
passphrase_of(struct str given, struct str *passphrase, struct err *e)
{
	*passphrase = given;
	if (str_ends(given, STR("\n"))) {
		passphrase->len--;
	}
	if (passphrase->len < SEAL_PASS_MIN ||
	    passphrase->len > SEAL_PASS_MAX) {
		return err_set(e, ERR_INPUT,
		    "a vault passphrase has %d to %d bytes, this one has %zu",
		    SEAL_PASS_MIN, SEAL_PASS_MAX, passphrase->len);
	}
	return 0;
}

/* The parameters stand in the file and were bounded by the caller. */
static int
stretch(struct str passphrase, const uint8_t *file, uint8_t *out, struct err *e)
{
	sodium_ready();
	if (crypto_pwhash(out, SEAL_RAW_KEY, passphrase.at, passphrase.len,
	        file + AT_SALT, get_u32(file + AT_PASSES),
	        (size_t)get_u32(file + AT_MEMORY) * 1024,
	        crypto_pwhash_ALG_ARGON2ID13)) {
		return err_set(e, ERR_IO,
		    "no %u MiB of memory to stretch the vault passphrase",
		    get_u32(file + AT_MEMORY) / 1024);
	}
	return 0;
}

int
seal_key_wrap(const struct seal_key *key, struct str passphrase,
    uint8_t file[SEAL_KEYFILE], struct err *e)
{
	uint8_t made[SEAL_KEYFILE] = { 'H', 'R', 'V', 'K', FORMAT, KDF };
	uint8_t *stretched;
	struct str text;

	if (passphrase_of(passphrase, &text, e)) {
		return -1;
	}
	put_u32(made + AT_PASSES, PASSES);
	put_u32(made + AT_MEMORY, MEMORY);
	random_bytes(made + AT_SALT, crypto_pwhash_SALTBYTES);
	memcpy(made + AT_ID, key->id, SEAL_KEY_ID);
	random_bytes(made + AT_NONCE, NONCE);
	stretched = locked_new(SEAL_RAW_KEY);
	if (stretch(text, made, stretched, e)) {
		sodium_free(stretched);
		return -1;
	}
	must(crypto_aead_xchacha20poly1305_ietf_encrypt(made + AT_WRAPPED, NULL,
	         key->root, SEAL_RAW_KEY, made, AT_NONCE, NULL, made + AT_NONCE,
	         stretched) == 0);
	sodium_free(stretched);
	memcpy(file, made, SEAL_KEYFILE);
	return 0;
}

static int
check_parameters(struct str file, struct err *e)
{
	static const uint8_t front[8] = { 'H', 'R', 'V', 'K', FORMAT, KDF };
	const uint8_t *at = (const uint8_t *)file.at;
	uint32_t passes;
	uint32_t memory;

	if (file.len != SEAL_KEYFILE || memcmp(at, front, sizeof(front)) != 0) {
		return err_set(e, ERR_INPUT,
		    "this is not a vault key file of this version; put the "
		    "kept copy back: a new one opens nothing that was sealed");
	}
	passes = get_u32(at + AT_PASSES);
	memory = get_u32(at + AT_MEMORY);
	if (passes < PASSES || passes > PASSES_MAX || memory < MEMORY ||
	    memory > MEMORY_MAX) {
		return err_set(e, ERR_INPUT,
		    "the vault key file asks for %u passes over %u KiB; "
		    "between %d and %d over %u to %u are accepted",
		    passes, memory, PASSES, PASSES_MAX, MEMORY, MEMORY_MAX);
	}
	return 0;
}

int
seal_key_unwrap(struct str file, struct str passphrase, struct seal_key **key,
    struct err *e)
{
	const uint8_t *at = (const uint8_t *)file.at;
	struct seal_key *made = NULL;
	uint8_t *stretched;
	uint8_t *root;
	struct str text;
	int rc = -1;

	if (check_parameters(file, e)) {
		return -1;
	}
	if (passphrase_of(passphrase, &text, e)) {
		e->kind = ERR_DENIED; /* no file was wrapped under it */
		return -1;
	}
	stretched = locked_new(SEAL_RAW_KEY);
	root = locked_new(SEAL_RAW_KEY);
	if (stretch(text, at, stretched, e)) {
		goto done;
	}
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(root, NULL, NULL,
	        at + AT_WRAPPED, WRAPPED, at, AT_NONCE, at + AT_NONCE,
	        stretched) != 0) {
		(void)err_set(e, ERR_DENIED,
		    "the passphrase does not open the vault key file, or the "
		    "file was changed");
		goto done;
	}
	made = key_from_root(root);
	if (memcmp(made->id, at + AT_ID, SEAL_KEY_ID) != 0) {
		(void)err_set(e, ERR_DENIED,
		    "the vault key file names another key than it holds");
		seal_key_free(made);
		goto done;
	}
	*key = made;
	rc = 0;
done:
	sodium_free(stretched);
	sodium_free(root);
	return rc;
}
