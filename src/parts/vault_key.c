/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the root key comes from: the systemd credential `handrail-vault-key`,
 * <state>/vault.key as it is (a key file), or unwrapped with the passphrase in
 * <state>/vault.pass.
 */
#include "parts/vault_key.h"

#include <stdlib.h>
#include <unistd.h>

static int
read_key_file(
    const char *state, struct str bytes, struct seal_key **key, struct err *e)
{
	auto_buf path = { 0 };
	auto_buf pass = { 0 };
	int result;

	if (bytes.len != SEAL_KEYFILE) {
		return seal_key_read(bytes, key, e);
	}
	buf_addf(&path, "%s/vault.pass", state);
	if (file_read(buf_z(&path), SEAL_PASS_MAX, &pass, e)) {
		return err_wrap(e, "the passphrase of the vault");
	}
	result = seal_key_unwrap(bytes, buf_str(&pass), key, e);
	wipe(pass.at, pass.cap);
	return result;
}

int
vault_key_open(const char *state, struct seal_key **key, struct err *e)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	auto_buf path = { 0 };
	auto_buf bytes = { 0 };
	int result;

	if (folder) {
		buf_addf(&path, "%s/handrail-vault-key", folder);
	}
	if (!folder || access(buf_z(&path), F_OK)) {
		buf_clear(&path);
		buf_addf(&path, "%s/vault.key", state);
	}
	if (file_read(buf_z(&path), 4096, &bytes, e)) {
		return err_wrap(e, "the vault key");
	}
	result = read_key_file(state, buf_str(&bytes), key, e);
	wipe(bytes.at, bytes.cap);
	return result ? err_wrap(e, "the vault key %s", buf_z(&path)) : 0;
}
