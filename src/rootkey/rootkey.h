/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROOTKEY_ROOTKEY_H
#define ROOTKEY_ROOTKEY_H

/*
 * Where the root key of a house lives: read, kept, moved.  A house says it in
 * <state>/vault.source; one without that file has a systemd credential if there
 * is one, else <state>/vault.key.
 *
 * libsecret (opened at run time) and `security` run in a child that ends at
 * once: their threads and what they leave in memory do not stay in the vault.
 * A key goes to them over pipes, never as an argument.
 */

#include "seal/seal.h"

/* Bytes of a file that holds a passphrase: a line may end it. */
#define ROOTKEY_PASS_FILE (SEAL_PASS_MAX + 1)

enum rootkey_source {
#define ROOTKEY(source, name, what) ROOTKEY_##source,
#include "rootkey/sources.def"
#undef ROOTKEY
	ROOTKEY_COUNT,
};

const char *rootkey_name(enum rootkey_source source);
const char *rootkey_what(enum rootkey_source source);
bool rootkey_parse(struct str name, enum rootkey_source *source);

/* Where this house's key lives.  ERR_INPUT: vault.source names no place. */
int rootkey_where(
    const char *state, enum rootkey_source *source, struct err *e) MUST_CHECK;
/* ERR_MISSING: there is none in that place. */
int rootkey_read(const char *state, enum rootkey_source source,
    struct seal_key **key, struct err *e) MUST_CHECK;
/* The first key of a house; `passphrase` is for that source alone.
 * ERR_CONFLICT: there is one there already. */
int rootkey_keep(const char *state, enum rootkey_source source,
    const struct seal_key *key, struct str passphrase,
    struct err *e) MUST_CHECK;
/*
 * The same root key in another place.  It is read back from there before
 * vault.source names it, in one rename: until then the old place is in force,
 * and whoever was interrupted moves again.  Nothing sealed changes.  Not while
 * a change of the key is half done (below; ERR_CONFLICT).  A systemd
 * credential is made by systemd-creds(1): here it is only proven, and one that
 * is in force while vault.key holds another key moves nowhere (ERR_CONFLICT).
 * From passphrase to passphrase: vault.pass is replaced too, and at each moment
 * one of it and vault.pass.next opens the file.
 */
int rootkey_move(const char *state, enum rootkey_source to,
    struct str passphrase, struct err *e) MUST_CHECK;
/* Out of a place that is no longer in force.  ERR_CONFLICT: it is in force, or
 * a systemd credential is, and vault.key holds another key. */
int rootkey_forget(
    const char *state, enum rootkey_source source, struct err *e) MUST_CHECK;

/*
 * Another key in the place of a file (or passphrase), in two steps: next_keep
 * writes it beside (vault.key.next), on the disk and read back; next_take puts
 * it over the old one in one rename.  ERR_MISSING: there is no next.
 */
int rootkey_next_keep(const char *state, enum rootkey_source source,
    const struct seal_key *key, struct err *e) MUST_CHECK;
int rootkey_next_read(
    const char *state, struct seal_key **key, struct err *e) MUST_CHECK;
int rootkey_next_take(const char *state, struct err *e) MUST_CHECK;

#endif
