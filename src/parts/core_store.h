/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_STORE_H
#define PARTS_CORE_STORE_H

/* Where the book lies, and what of the network core needs for it. */

#include "base/base.h"

struct core;

struct core_ports { /* of the server, for Landlock */
	uint16_t at[16];
	size_t count;
};

int core_store_find(struct core *c, struct err *e) MUST_CHECK; /* c->where */
void core_store_ports(struct str url, struct core_ports *ports);

#endif
