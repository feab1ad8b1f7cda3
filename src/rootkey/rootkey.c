/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest/digest.h"
#include "rootkey/inside.h"

#define PASS_NEXT "vault.pass.next"

static const struct {
	const char *name;
	const char *what;
} sources[] = {
#define ROOTKEY(source, name, what) [ROOTKEY_##source] = { name, what },
#include "rootkey/sources.def"
#undef ROOTKEY
};

const char *
rootkey_name(enum rootkey_source source)
{
	return sources[source].name;
}

const char *
rootkey_what(enum rootkey_source source)
{
	return sources[source].what;
}

bool
rootkey_parse(struct str name, enum rootkey_source *source)
{
	for (int i = 0; i < ROOTKEY_COUNT; i++) {
		if (str_eq_z(name, sources[i].name)) {
			*source = (enum rootkey_source)i;
			return true;
		}
	}
	return false;
}

/* --- paths and names --- */

static const char *
path_of(struct buf *path, const char *state, const char *name)
{
	buf_clear(path);
	buf_addf(path, "%s/%s", state, name);
	return buf_z(path);
}

static bool
credential_path(struct buf *path)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets it */
	const char *folder = getenv("CREDENTIALS_DIRECTORY");

	return folder &&
	       access(path_of(path, folder, "handrail-vault-key"), F_OK) == 0;
}

/* Of the folder's name: each house has a key, and nothing is to be quoted. */
static void
house_name(const char *state, char name[33])
{
	char *real = realpath(state, NULL);
	char text[DIGEST_TEXT];

	digest_text(digest_of(str_of(real ? real : state)), text);
	free(real);
	(void)snprintf(name, 33, "%.32s", text);
}

/* --- where --- */

/* What a house has that says nothing. */
static enum rootkey_source
unsaid(const char *state)
{
	auto_buf path = { 0 };
	auto_buf bytes = { 0 };
	struct err e = { 0 };
	enum rootkey_source source = ROOTKEY_FILE;

	if (credential_path(&path)) {
		return ROOTKEY_SYSTEMD;
	}
	if (file_read(path_of(&path, state, "vault.key"), 4096, &bytes, &e) ==
	        0 &&
	    bytes.len == SEAL_KEYFILE) {
		source = ROOTKEY_PASSPHRASE;
	}
	wipe(bytes.at, bytes.cap);
	return source;
}

int
rootkey_where(const char *state, enum rootkey_source *source, struct err *e)
{
	auto_buf path = { 0 };
	auto_buf text = { 0 };

	if (access(path_of(&path, state, "vault.source"), F_OK)) {
		*source = unsaid(state);
		return 0;
	}
	if (file_read(buf_z(&path), 256, &text, e)) {
		return -1;
	}
	if (str_ends(buf_str(&text), STR("\n"))) {
		text.len--;
	}
	return rootkey_parse(buf_str(&text), source)
	           ? 0
	           : err_set(e, ERR_INPUT,
	                 "%s names no place for a key: file, passphrase, "
	                 "systemd, secret-service or keychain",
	                 buf_z(&path));
}

/* --- reading --- */

static int
unwrap_by(const char *state, const char *name, struct str file,
    struct seal_key **key, struct err *e)
{
	auto_buf path = { 0 };
	auto_buf pass = { 0 };
	int result = file_read_secret(path_of(&path, state, name),
	                 ROOTKEY_PASS_FILE, &pass, e)
	                 ? err_wrap(e, "the passphrase of the vault")
	                 : seal_key_unwrap(file, buf_str(&pass), key, e);

	wipe(pass.at, pass.cap);
	return result;
}

/* While a passphrase is changed (rootkey_move), the next one is there too, and
 * it is the one of the file from a moment on that nobody sees. */
static int
unwrap(const char *state, struct str file, struct seal_key **key, struct err *e)
{
	auto_buf next = { 0 };
	struct err other = { 0 };

	if (unwrap_by(state, "vault.pass", file, key, e) == 0) {
		return 0;
	}
	if (e->kind == ERR_DENIED &&
	    access(path_of(&next, state, PASS_NEXT), F_OK) == 0 &&
	    unwrap_by(state, PASS_NEXT, file, key, &other) == 0) {
		return 0;
	}
	/* Another passphrase mends only one that is missing or wrong. */
	return e->kind != ERR_MISSING && e->kind != ERR_DENIED
	           ? -1
	           : err_set(e, e->kind,
	                 "%s; put the passphrase that it was made with into "
	                 "%s/vault.pass, or the kept copy of the key in its "
	                 "place",
	                 e->text, state);
}

static int
read_file(const char *path, bool handed, const char *state,
    struct seal_key **key, struct err *e)
{
	auto_buf bytes = { 0 };
	int result;

	if (access(path, F_OK)) {
		return err_set(e, ERR_MISSING, "there is no %s", path);
	}
	if (handed ? file_read_handed(path, 4096, &bytes, e)
	           : file_read_secret(path, 4096, &bytes, e)) {
		return -1;
	}
	result = bytes.len != SEAL_KEYFILE
	             ? seal_key_read(buf_str(&bytes), key, e)
	             : unwrap(state, buf_str(&bytes), key, e);
	wipe(bytes.at, bytes.cap);
	return result ? err_wrap(e, "the vault key %s", path) : 0;
}

static int
read_service(const char *state, enum rootkey_source source,
    struct seal_key **key, struct err *e)
{
	auto_buf hex = { 0 };
	char house[33];
	int result;

	house_name(state, house);
	result = source == ROOTKEY_KEYCHAIN
	             ? keychain_read(house, &hex, e)
	             : secret_service_read(house, &hex, e);
	result = result || seal_key_read(buf_str(&hex), key, e);
	wipe(hex.at, hex.cap);
	return result ? err_wrap(e, "the vault key in %s", rootkey_what(source))
	              : 0;
}

int
rootkey_read(const char *state, enum rootkey_source source,
    struct seal_key **key, struct err *e)
{
	auto_buf path = { 0 };

	switch (source) {
	case ROOTKEY_SECRET_SERVICE:
	case ROOTKEY_KEYCHAIN:
		return read_service(state, source, key, e);
	case ROOTKEY_SYSTEMD:
		if (credential_path(&path)) {
			return read_file(buf_z(&path), true, state, key, e);
		}
		return err_set(e, ERR_MISSING,
		    "systemd gave no credential handrail-vault-key: run this "
		    "in the unit that loads it (LoadCredentialEncrypted=)");
	case ROOTKEY_FILE:
	case ROOTKEY_PASSPHRASE:
	case ROOTKEY_COUNT:
		break;
	}
	return read_file(
	    path_of(&path, state, "vault.key"), false, state, key, e);
}

/* --- keeping --- */

static int
write_file(const char *path, enum rootkey_source source,
    const struct seal_key *key, struct str passphrase, struct err *e)
{
	uint8_t wrapped[SEAL_KEYFILE];
	auto_secret raw = NULL;
	auto_buf bytes = { 0 };
	struct str clear;
	int result;

	if (source == ROOTKEY_PASSPHRASE) {
		if (seal_key_wrap(key, passphrase, wrapped, e)) {
			return -1;
		}
		buf_add(&bytes, str_span(wrapped, sizeof(wrapped)));
	} else {
		seal_key_export(key, &raw);
		secret_open(raw, &clear);
		hex_add(&bytes, clear);
		buf_add_byte(&bytes, '\n');
	}
	result = file_write_atomic(path, buf_str(&bytes), 0600, e);
	wipe(bytes.at, bytes.cap);
	return result;
}

static int
write_service(const char *state, enum rootkey_source source,
    const struct seal_key *key, struct err *e)
{
	auto_secret raw = NULL;
	auto_buf hex = { 0 };
	struct str clear;
	char house[33];
	int result;

	house_name(state, house);
	seal_key_export(key, &raw);
	secret_open(raw, &clear);
	hex_add(&hex, clear);
	result = source == ROOTKEY_KEYCHAIN
	             ? keychain_keep(house, buf_str(&hex), e)
	             : secret_service_keep(house, buf_str(&hex), e);
	wipe(hex.at, hex.cap);
	return result;
}

static int
same_key(const struct seal_key *a, const struct seal_key *b,
    enum rootkey_source where, struct err *e)
{
	char one[2 * SEAL_KEY_ID + 1];
	char other[2 * SEAL_KEY_ID + 1];

	seal_key_id(a, one);
	seal_key_id(b, other);
	return strcmp(one, other) == 0
	           ? 0
	           : err_set(e, ERR_CONFLICT,
	                 "%s holds another key (%s) than this house's (%s): "
	                 "nothing was changed",
	                 rootkey_what(where), other, one);
}

static int
say_where(const char *state, enum rootkey_source source, struct err *e)
{
	auto_buf path = { 0 };
	auto_buf line = { 0 };

	buf_addf(&line, "%s\n", rootkey_name(source));
	return file_write_atomic(
	    path_of(&path, state, "vault.source"), buf_str(&line), 0644, e);
}

static bool
is_file(enum rootkey_source source)
{
	return source == ROOTKEY_FILE || source == ROOTKEY_PASSPHRASE;
}

int
rootkey_keep(const char *state, enum rootkey_source source,
    const struct seal_key *key, struct str passphrase, struct err *e)
{
	auto_seal_key there = NULL;
	auto_buf path = { 0 };
	struct err none = { 0 };

	if (source == ROOTKEY_SYSTEMD) {
		return err_set(e, ERR_INPUT,
		    "a systemd credential is made by systemd-creds(1)");
	}
	if (access(path_of(&path, state, "vault.key"), F_OK) == 0) {
		return err_set(e, ERR_CONFLICT,
		    "%s is there already: making another would lose every "
		    "credential sealed under it",
		    buf_z(&path));
	}
	if (is_file(source)) {
		return write_file(buf_z(&path), source, key, passphrase, e);
	}
	if (rootkey_read(state, source, &there, &none) == 0) {
		return err_set(e, ERR_CONFLICT,
		    "%s holds a key of this house already",
		    rootkey_what(source));
	}
	if (none.kind != ERR_MISSING) {
		*e = none;
		return -1;
	}
	return write_service(state, source, key, e) ||
	               say_where(state, source, e)
	           ? -1
	           : 0;
}

/* --- another key --- */

int
rootkey_next_read(const char *state, struct seal_key **key, struct err *e)
{
	auto_buf path = { 0 };

	return read_file(
	    path_of(&path, state, "vault.key.next"), false, state, key, e);
}

int
rootkey_next_keep(const char *state, enum rootkey_source source,
    const struct seal_key *key, struct err *e)
{
	auto_seal_key proven = NULL;
	auto_buf path = { 0 };
	auto_buf pass_path = { 0 };
	auto_buf pass = { 0 };

	must(is_file(source));
	(void)path_of(&path, state, "vault.key.next");
	int failed =
	    (source == ROOTKEY_PASSPHRASE &&
	        file_read_secret(path_of(&pass_path, state, "vault.pass"),
	            ROOTKEY_PASS_FILE, &pass, e)) ||
	    write_file(buf_z(&path), source, key, buf_str(&pass), e) ||
	    rootkey_next_read(state, &proven, e) ||
	    same_key(key, proven, source, e);

	wipe(pass.at, pass.cap);
	return failed ? -1 : 0;
}

int
rootkey_next_take(const char *state, struct err *e)
{
	auto_buf next = { 0 };
	auto_buf path = { 0 };

	(void)path_of(&next, state, "vault.key.next");
	(void)path_of(&path, state, "vault.key");
	auto_close int folder = open(state, O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	return folder < 0 || rename(buf_z(&next), buf_z(&path)) || fsync(folder)
	           ? err_sys(e, "putting %s in place", buf_z(&path))
	           : 0;
}

/* --- moving --- */

/* Of a change that was interrupted, the next key may be the only one that opens
 * what is sealed: it is never written over, nor the change made impossible. */
static int
check_next(const char *state, const struct seal_key *key, struct err *e)
{
	auto_seal_key next = NULL;
	char one[2 * SEAL_KEY_ID + 1];
	char other[2 * SEAL_KEY_ID + 1] = "";
	auto_buf path = { 0 };
	struct err no = { 0 };

	if (access(path_of(&path, state, "vault.key.next"), F_OK)) {
		return 0;
	}
	if (rootkey_next_read(state, &next, &no) == 0) {
		seal_key_id(next, other);
	}
	seal_key_id(key, one);
	return strcmp(one, other) == 0
	           ? 0
	           : err_set(e, ERR_CONFLICT,
	                 "%s is not the key in force: stop the house and say "
	                 "the `handrail vault rekey` that was interrupted "
	                 "again; nothing was changed",
	                 buf_z(&path));
}

/* What systemd hands over is in force, whatever key it holds. */
static int
check_handed(const char *state, struct err *e)
{
	auto_seal_key handed = NULL;
	auto_seal_key kept = NULL;
	auto_buf path = { 0 };

	return access(path_of(&path, state, "vault.key"), F_OK) == 0 &&
	               (rootkey_read(state, ROOTKEY_SYSTEMD, &handed, e) ||
	                   rootkey_read(state, ROOTKEY_FILE, &kept, e) ||
	                   same_key(kept, handed, ROOTKEY_SYSTEMD, e))
	           ? -1
	           : 0;
}

/* Beside the old one, proven, then over it in one rename. */
static int
move_to_file(const char *state, enum rootkey_source to,
    const struct seal_key *key, struct str passphrase, struct err *e)
{
	auto_seal_key proven = NULL;
	auto_buf next = { 0 };

	(void)path_of(&next, state, "vault.key.next");
	if (write_file(buf_z(&next), to, key, passphrase, e) ||
	    read_file(buf_z(&next), false, state, &proven, e) ||
	    same_key(key, proven, to, e)) {
		(void)unlink(buf_z(&next));
		return -1;
	}
	return rootkey_next_take(state, e);
}

static int
move_to_service(const char *state, enum rootkey_source to,
    const struct seal_key *key, struct err *e)
{
	auto_seal_key there = NULL;
	auto_seal_key proven = NULL;
	struct err none = { 0 };

	if (rootkey_read(state, to, &there, &none) == 0) {
		return same_key(key, there, to, e); /* an earlier try */
	}
	if (none.kind != ERR_MISSING || to == ROOTKEY_SYSTEMD) {
		*e = none;
		return -1;
	}
	return write_service(state, to, key, e) ||
	               rootkey_read(state, to, &proven, e) ||
	               same_key(key, proven, to, e)
	           ? -1
	           : 0;
}

/* --- another passphrase --- */

static int
take_next_pass(const char *state, struct err *e)
{
	auto_buf next = { 0 };
	auto_buf path = { 0 };

	(void)path_of(&next, state, PASS_NEXT);
	(void)path_of(&path, state, "vault.pass");
	return rename(buf_z(&next), buf_z(&path))
	           ? err_sys(e, "putting %s in place", buf_z(&path))
	           : 0;
}

/* One that was interrupted when its file was in place already is ended first:
 * else the next passphrase would be written over the only one that opens. */
static int
end_interrupted(const char *state, struct err *e)
{
	auto_seal_key key = NULL;
	auto_buf path = { 0 };
	auto_buf bytes = { 0 };
	struct err no = { 0 };

	if (access(path_of(&path, state, PASS_NEXT), F_OK)) {
		return 0;
	}
	if (file_read_secret(
	        path_of(&path, state, "vault.key"), 4096, &bytes, e)) {
		return -1;
	}
	bool opens =
	    unwrap_by(state, "vault.pass", buf_str(&bytes), &key, &no) == 0;

	wipe(bytes.at, bytes.cap); /* a move to a file may have fallen here */
	return opens ? 0 : take_next_pass(state, e);
}

/* The new one lies beside the old one before the file is wrapped under it, and
 * takes its place after: at each moment one of the two opens the file. */
static int
change_passphrase(const char *state, const struct seal_key *key,
    struct str passphrase, struct err *e)
{
	auto_buf path = { 0 };

	return end_interrupted(state, e) ||
	               file_write_atomic(path_of(&path, state, PASS_NEXT),
	                   passphrase, 0600, e) ||
	               move_to_file(
	                   state, ROOTKEY_PASSPHRASE, key, passphrase, e) ||
	               take_next_pass(state, e)
	           ? -1
	           : 0;
}

int
rootkey_move(const char *state, enum rootkey_source to, struct str passphrase,
    struct err *e)
{
	auto_seal_key key = NULL;
	enum rootkey_source from;

	if (rootkey_where(state, &from, e) ||
	    rootkey_read(state, from, &key, e) ||
	    (from == ROOTKEY_SYSTEMD && check_handed(state, e))) {
		return -1;
	}
	if (from == to && to != ROOTKEY_PASSPHRASE) {
		return 0;
	}
	if (check_next(state, key, e)) {
		return -1;
	}
	if (from == to) {
		return change_passphrase(state, key, passphrase, e);
	}
	if (is_file(to) ? move_to_file(state, to, key, passphrase, e)
	                : move_to_service(state, to, key, e)) {
		return -1;
	}
	return say_where(state, to, e);
}

int
rootkey_forget(const char *state, enum rootkey_source source, struct err *e)
{
	enum rootkey_source now;
	auto_buf path = { 0 };
	char house[33];

	if (rootkey_where(state, &now, e) ||
	    (now == ROOTKEY_SYSTEMD && check_handed(state, e))) {
		return -1;
	}
	if (now == source || (is_file(now) && is_file(source))) {
		return err_set(e, ERR_CONFLICT,
		    "%s is where the key of this house lives",
		    rootkey_what(now));
	}
	house_name(state, house);
	if (source == ROOTKEY_SECRET_SERVICE) {
		return secret_service_forget(house, e);
	}
	if (source == ROOTKEY_KEYCHAIN) {
		return keychain_forget(house, e);
	}
	(void)path_of(&path, state, "vault.key");
	return source != ROOTKEY_SYSTEMD && unlink(buf_z(&path)) &&
	               errno != ENOENT
	           ? err_sys(e, "removing %s", buf_z(&path))
	           : 0;
}
