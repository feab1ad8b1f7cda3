/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_CALL_H
#define PARTS_CORE_CALL_H

/* A call under way: what core_call.c, core_wait.c and core_egress.c share. */

#include "parts/core.h"

/* The rule of a finish whose result was not of its type: counted from heads. */
#define CORE_BAD_RESULT "builtin.finish.wrong"

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
	bool sent;         /* the command is with its cell */
	struct buf answer; /* the settled event, sent after its commit */
	struct mono begun;
};

/* core_call.c */
struct core_call *core_call_find(struct core *c, uint64_t number);
void core_call_free(struct core *c, struct core_call *k);
/* What the book knows of it; NULL: nothing. */
const struct session_call *core_call_known(
    struct core *c, const struct core_run *r, uint32_t ordinal);
void core_call_decide(struct core *c, struct core_call *k, const char *verdict,
    struct str rule, struct str why);
void core_call_settle(struct core *c, struct core_call *k, const char *end,
    const struct json *result);
void core_call_settle_error(struct core *c, struct core_call *k,
    const char *end, const char *error, struct str message);
void core_call_start(struct core *c, struct core_call *k);

/* core_approval.c */
/* Agent and cell end first: the workspace must have no writer when it is
 * digested and shown. */
void core_call_ask_person(
    struct core *c, struct core_call *k, enum wait_kind kind);
void core_call_use_approval(
    struct core *c, struct core_call *k, const struct session_call *s);
/* A person's no to this very effect, earlier in this run; NULL: none. */
const struct wait_item *core_call_denied_before(
    struct core *c, const struct core_call *k);
void core_call_settle_denied(
    struct core *c, struct core_call *k, const struct session_call *s);
/* It may have happened: nothing that cannot be repeated is repeated. */
void core_call_started_before(struct core *c, struct core_call *k);

/* core_http.c: the HTTP request of a tool, judged by the egress rules. */
typedef void core_http_done_fn(struct core *c, uint64_t number,
    const struct wire_http_done *head, struct str body);
void core_http_tool(
    struct core *c, struct core_call *k, core_http_done_fn *done);
/* core_child.c: a started dispatch_task; it settles in its own batch. */
void core_call_dispatch(struct core *c, struct core_call *k);
/* core_wait.c */
void core_expiry_arm(struct core *c);
/* core.c: bytes that are no UTF-8 become '?' */
void core_utf8(struct buf *out, struct str bytes);

#endif
