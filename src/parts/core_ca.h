/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_CA_H
#define PARTS_CORE_CA_H

/* The files of `ca`, of handrail.toml and of rules. */

#include "parts/core.h"

struct wire_go;

/* Of root's house another than root and the operators of config may not write
 * it: he would read what is sent to whom it vouches for. */
int core_ca_read(const struct core *c, const struct config *config,
    const char *path, struct buf *pem, struct err *e) MUST_CHECK;
/* Behind the name of the file, before what core_ca_read said. */
const char *core_ca_hint(const struct err *e);
/* Fills has_ca and ca of a go; fd: to be sent along, where the cell (NULL:
 * always) has not been given it yet. */
int core_ca_put(struct core *c, const char *path, struct core_cell *cell,
    struct wire_go *go, int *fd, struct err *e) MUST_CHECK;
void core_ca_look_again(struct core *c); /* at each, when it is used next */

#endif
