/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_CALL_H
#define PARTS_CORE_CALL_H

/* A call under way: what core_call.c, core_wait.c and core_egress.c share. */

#include "parts/core.h"

struct core_call {
	struct core_call *next;
	uint64_t number;
	uint64_t run;
	uint32_t ordinal;
	struct arena arena;
	struct str name;
	const struct tool *tool; /* NULL: no such tool */
	const struct json *args;
	struct digest args_digest;
	struct policy_call_decision decision;
	struct tool_plan plan;
	enum wait_kind wait;
	bool parking; /* decided to ask; the run is closing for it */
	bool started;
	bool sent; /* the command is with its cell */
	struct buf answer; /* the settled event, sent after its commit */
	struct mono begun;
};

/* core_egress.c: the HTTP request of a tool, judged by the egress rules. */
typedef void core_http_done_fn(struct core *c, uint64_t number,
    const struct wire_http_done *head, struct str body);
void core_http_tool(
    struct core *c, struct core_call *k, core_http_done_fn *done);
/* core_wait.c */
void core_expiry_arm(struct core *c);
/* core.c: bytes that are no UTF-8 become '?' */
void core_utf8(struct buf *out, struct str bytes);

#endif
