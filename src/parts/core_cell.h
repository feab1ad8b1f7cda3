/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_CELL_H
#define PARTS_CORE_CELL_H

/* What the two halves of core's view of a cell share: the cell, its execs. */

#include "parts/core.h"

/* core_exec.c */
void core_execs_flush(struct core *c, struct core_cell *cell);
void core_execs_drop(struct core *c, struct core_cell *cell, const char *why);
wire_take_fn core_cell_executed;

/* core_cell.c */
wire_take_fn core_cell_made;
wire_take_fn core_cell_started;
wire_take_fn core_cell_ended;
void core_cell_fence_up(struct core_cell *cell, const struct wire_fence_up *up);
void core_egress_attach(
    struct core *c, struct wire_peer *egress, uint64_t cell);

#endif
