/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_SHIM_H
#define PARTS_CORE_SHIM_H

/* What is read again of the book, and a task's row with its record: on the
 * store as it is on this branch. */

#include "parts/core.h"

int core_run_heads(struct core *c, struct book_id run, uint64_t after,
    struct buf *heads, struct err *e) MUST_CHECK;
int core_body_get(
    struct core *c, uint64_t seq, struct buf *out, struct err *e) MUST_CHECK;
int core_task_record(
    struct core *c, struct str task, struct buf *out, struct err *e) MUST_CHECK;
void core_task_put(
    struct core *c, const struct queue_task *t, struct str record);

#endif
