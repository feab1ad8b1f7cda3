/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARGON_HELP_H
#define ARGON_HELP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What a passphrase costs is shown by seal_key; where it is only on the way to
 * what is tested, the 64 MiB that its Argon2id fills are 64 KiB.  It is the
 * same derivation, of the same passes, and a file says the same of itself: this
 * one stands in the place of libsodium's of that name, which only passes its
 * arguments on.
 */
static bool argon_is_cheap;

int crypto_pwhash_argon2id(unsigned char *out, unsigned long long size,
    const char *passphrase, unsigned long long length,
    const unsigned char *salt, unsigned long long passes, size_t memory,
    int algorithm);
int crypto_pwhash(unsigned char *out, unsigned long long size,
    const char *passphrase, unsigned long long length,
    const unsigned char *salt, unsigned long long passes, size_t memory,
    int algorithm);

int /* NOLINTNEXTLINE(readability-function-size): of libsodium */
crypto_pwhash(unsigned char *out, unsigned long long size,
    const char *passphrase, unsigned long long length,
    const unsigned char *salt, unsigned long long passes, size_t memory,
    int algorithm)
{
	return crypto_pwhash_argon2id(out, size, passphrase, length, salt,
	    passes, argon_is_cheap ? memory / 1024 : memory, algorithm);
}

#endif
