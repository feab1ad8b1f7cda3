/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_ROLES_H
#define PARTS_CORE_ROLES_H

/* A chapter of core.h, which includes it: what the operator wrote, and sealed
 * rows. */

struct core_role {
	char name[IDENTITY_PART];
	char identity[IDENTITY_TEXT];
	char mailbox[IDENTITY_TEXT];
	struct identity who;
	const struct role *role;
	const struct policy *policy;
	struct digest policy_digest;
	struct catalogue catalogue;
	struct names seen; /* tools that this identity may see */
	char closed[400];  /* why, or empty */
};

struct core_operator {
	char name[64];
	uint32_t uid;
	struct digest token;
	const struct core_token *worker; /* core_token.h; NULL: a person */
};

struct core_house {
	struct arena
	    arena; /* never shrinks: runs hold what a reload replaced */
	struct config config;
	struct identity home;
	struct core_role *roles;
	size_t role_count;
	struct core_operator *operators;
	size_t operator_count;
};

/* All or nothing: what fails leaves in force what was.  (A role with a fault of
 * its own is no failure but at the first: it is closed.) */
int core_house_load(struct core *c, bool first, struct err *e) MUST_CHECK;
struct core_role *core_role_find(struct core *c, struct str any_form);
/* A call of it gets a cell of its own: its contract says so, or an egress rule
 * exists only for it. */
bool core_tool_fresh(const struct core_role *r, const struct tool *t);

/* --- core_texts.c: what heads name by digest, who is who --- */

/* In the batch that forms, before the first head that names them. */
void core_text_keep(struct core *c, const struct core_role *r);
void core_text_keep_tool(struct core *c, const struct tool *t); /* `finish` */
/* ERR_MISSING: this house never had it in force. */
int core_text_get(struct core *c, struct digest digest, struct buf *out,
    struct err *e) MUST_CHECK;
/* Heads for operators, tokens, keys that the book does not know yet. */
int core_operators_know(struct core *c, struct err *e) MUST_CHECK;
/* ERR_CONFLICT: the vault has another root key than the book was kept with. */
int core_key_know(struct core *c, struct err *e) MUST_CHECK;
void core_signer(const struct core *c, struct buf *line);

#include "parts/core_vault.h"

#endif
