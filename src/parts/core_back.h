/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_BACK_H
#define PARTS_CORE_BACK_H

/* Taking back what the vault was granted. */

#include "parts/core.h"

/* VAULT_UNLEND or VAULT_REVOKE: the vault knows it before it lends. */
void core_back(struct core *c, enum wire_type type, const void *record);
void core_back_join(struct core *c); /* a vault is there */
void core_back_gone(struct core *c);
/* One more channel to the vault, which `type` hands over; `closed` frees it.
 * NULL: there is none, and the log says why. */
struct wire_peer *core_vault_channel(
    struct core *c, enum wire_type type, wire_closed_fn *closed);

#endif
