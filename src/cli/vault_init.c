/* SPDX-License-Identifier: Apache-2.0 */
/* The root key of a house, made once.  No house is needed. */
#include <string.h>
#include <unistd.h>

#include "cli/vault.h"
#include "seal/seal.h"

static int
make_key(struct cli *c, const char *pass_file, struct err *e)
{
	struct str path = arena_printf(&c->arena, "%s/vault.key", c->state);
	auto_seal_key key = seal_key_make();
	auto_buf bytes = { 0 };
	auto_secret raw = NULL;
	struct str clear;
	int result;

	if (file_mkdirs(c->state, 0711, e)) {
		return -1;
	}
	if (access(path.at, F_OK) == 0) {
		return err_set(e, ERR_CONFLICT,
		    "%s is there already: making another would lose every "
		    "credential sealed under it",
		    path.at);
	}
	if (pass_file) {
		auto_buf pass = { 0 };
		uint8_t wrapped[SEAL_KEYFILE];

		result = file_read(pass_file, SEAL_PASS_MAX, &pass, e);
		result =
		    result || seal_key_wrap(key, buf_str(&pass), wrapped, e);
		wipe(pass.at, pass.cap);
		if (result) {
			return -1;
		}
		buf_add(&bytes, str_span(wrapped, sizeof(wrapped)));
	} else {
		seal_key_export(key, &raw);
		secret_open(raw, &clear);
		hex_add(&bytes, clear);
		buf_add_byte(&bytes, '\n');
	}
	result = file_write_atomic(path.at, buf_str(&bytes), 0600, e);
	wipe(bytes.at, bytes.cap);
	if (result == 0) {
		printf("wrote %s (0600): keep a copy of it elsewhere, without "
		       "it no credential can be opened\n",
		    path.at);
	}
	return result ? -1 : 0;
}

int
vault_init(struct cli *c, int argc, char **argv)
{
	const char *pass_file = cli_option(&argc, argv, "passphrase-file");
	struct err e = { 0 };

	if (make_key(c, pass_file, &e)) {
		return cli_fail(&e);
	}
	if (pass_file) {
		printf("the house reads the passphrase from %s/vault.pass\n",
		    c->state);
	}
	return 0;
}
