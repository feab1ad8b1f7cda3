/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_BUDDY_H
#define CLI_BUDDY_H

/* `handrail buddy`: its files between themselves. */

#include "cli/cli.h"

int buddy_simulate(struct cli *c);
/* buddy_pair.c: what may be listed under an operator, or bonds with it. */
int buddy_pair(struct cli *c, const char *address);
/* Takes back the bond of this machine with it; an exit code. */
int buddy_forget(struct cli *c, const char *address);
/* buddy_order.c: what the device is told. */
int buddy_name(struct cli *c, const char *name);
int buddy_unpair(struct cli *c, const char *address);
int buddy_push(struct cli *c, const char *folder, const char *name);

#endif
