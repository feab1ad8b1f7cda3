/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_BACK_H
#define PARTS_CORE_BACK_H

/* Taking back what the vault was granted. */

#include "parts/core.h"

/* VAULT_UNLEND or VAULT_REVOKE: the vault knows it before it lends. */
void core_back(struct core *c, enum wire_type type, const void *record);
void core_back_join(struct core *c); /* a vault is there */
void core_back_gone(struct core *c);

#endif
