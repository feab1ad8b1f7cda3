/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_VAULT_KEY_H
#define PARTS_VAULT_KEY_H

#include "seal/seal.h"

/* The root key, from where the house keeps it. */
int vault_key_open(
    const char *state, struct seal_key **key, struct err *e) MUST_CHECK;

#endif
