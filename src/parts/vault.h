/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_VAULT_H
#define PARTS_VAULT_H

/* What the files of the vault share. */

#include "parts/part.h"
#include "seal/seal.h"

#define VAULT_GRANTS      4096 /* of all cells; see vault_room */
#define VAULT_CELL_GRANTS 256  /* as many requests as a cell has at once */
#define VAULT_OUT         256
#define VAULT_CODES       64
#define VAULT_KEEP_US     (90 * CLOCK_SECOND) /* for an endpoint's answer */

/* A sealed row, of one grant or of all that name its place. */
struct vault_row {
	unsigned uses;
	struct wire_binding binding;
	struct buf bytes;
	struct err *fault; /* it does not open; NULL: it does */
};

struct lent {
	struct lent *next;
	struct seal_grant grant;
	uint64_t cell; /* the whole number; the grant's own field is 32 bits */
	struct vault_row *row; /* NULL: see fault */
	struct err *fault;     /* said when it is redeemed */
	/* of what a token endpoint is asked with */
	enum wire_use use;
	enum wire_client secret;
	bool spent; /* redeemed; what is answered may come until `until` */
	struct mono until;
	char client[WIRE_CLIENT_MAX];
	struct secret *code;
};

/* What one cell was granted (0: core itself), the latest first. */
struct vault_cell {
	struct vault_cell *next;
	uint64_t cell;
	struct lent *grants;
	size_t count;
	size_t borrowers; /* its egress is attached so often */
};

struct borrower {
	struct vault *vault;
	struct vault_cell *of;
	struct wire_peer *peer;
};

struct vault_code {
	struct vault_code *next;
	uint64_t number;
	struct secret *code;
};

/* A grant that found no room: its redeemer hears so, while this is not written
 * over by later ones. */
struct vault_out {
	uint64_t cell;
	uint64_t number;
};

/* Tokens that a cell's own request brought: that cell's, and gone with it. */
struct vault_taken {
	struct vault_taken *next;
	uint64_t cell;
	char credential[WIRE_CREDENTIAL_MAX];
	struct secret *access;
	int64_t expires; /* Unix seconds */
};

struct vault {
	struct part_self part;
	struct seal_key *key;
	struct wire_peer *back;  /* from core too; NULL: none yet */
	struct wire_peer *lends; /* the same, which wakes nobody */
	struct vault_cell *cells;
	size_t grant_count; /* of all of them */
	struct vault_out out[VAULT_OUT];
	size_t out_next;
	struct vault_row *rows[WIRE_ROWS]; /* by place */
	struct vault_code *codes;          /* the latest first */
	struct vault_taken *taken;
};

/* vault.c */
bool vault_binding_ok(const struct wire_binding *in);
void vault_binding(struct seal_binding *b, const struct wire_binding *in);
void vault_say(char *text, size_t size, const struct err *e);
/* A value that would break a header's line cannot be used: it is refused before
 * it is kept (P06). */
int vault_check_value(
    enum seal_kind kind, struct str clear, struct err *e) MUST_CHECK;
void vault_marks(const struct vault *v, enum seal_kind kind, struct str clear,
    struct wire_marks *marks);
/* Bits of enum wire_has, and when the access token ends; 0 of other kinds. */
uint32_t vault_has(enum seal_kind kind, struct str clear, int64_t *expires);

/* vault_grant.c: grants, from core.  Many at once lie on a channel of their
 * own, until somebody must know them (vault_hear_lends). */
wire_take_fn vault_take_lends;
void vault_hear_lends(struct vault *v);
wire_take_fn vault_take_grant;
wire_take_fn vault_take_revoke;
wire_take_fn vault_take_unlend;

/* vault_back.c: what core takes back */
wire_take_fn vault_take_back;
/* One more channel from core; takes fd.  NULL: there is none, and the log says
 * why. */
struct wire_peer *vault_channel(struct vault *v, int *fd,
    const struct wire_handler *takes, size_t count, wire_closed_fn *over);
/* From here on all is known that core said before now.  False: it has gone. */
bool vault_hear_core(struct vault *v);
void vault_row_give(struct vault_row *row); /* NULL is nothing */

/* vault_cell.c: which cell has which grants, and how many */
struct vault_cell *vault_cell_of(struct vault *v, uint64_t cell);
/* Its egress is attached no more: nobody is there who could use them. */
void vault_cell_left(struct vault *v, struct vault_cell *of);
/* NULL: this cell has none of that number.  One that is another cell's is as
 * unknown as any. */
struct lent **vault_grant_find(struct vault_cell *of, uint64_t number);
void vault_grant_add(struct vault *v, struct vault_cell *of, struct lent *g);
void vault_grant_drop(struct vault *v, struct vault_cell *of, struct lent **at);
/* Once a record, before room is looked for: what is old goes. */
void vault_grants_age(struct vault *v, struct vault_cell *of);
/* What was granted of a credential, unless it is spent: only an answer of its
 * issuer may come for it. */
void vault_grants_over(struct vault *v, const struct wire_vault_revoke *over);
/*
 * Room for one more of this cell, or ERR_LIMIT: a cell has VAULT_CELL_GRANTS at
 * most.  Where all have filled the table, whoever has most gives up his latest,
 * as long as he has more than this one then: few cannot keep all others out.
 */
int vault_room(
    struct vault *v, struct vault_cell *of, struct err *e) MUST_CHECK;
/* A grant that found no room, or lost it. */
void vault_leave_out(struct vault *v, uint64_t cell, uint64_t number);
bool vault_left_out(const struct vault *v, uint64_t cell, uint64_t number);

/* vault_lend.c: what is lent on them, to an egress */
wire_take_fn vault_take_redeem;

/* vault_tokens.c: what only tokens need */
wire_take_fn vault_take_login;
wire_take_fn vault_take_code;
wire_take_fn vault_take_captured;
/* The code that came for this grant; NULL: none did. */
struct secret *vault_code_take(struct vault *v, uint64_t number);
/* What this cell took for that credential; ERR_DENIED: nothing, or it ended. */
int vault_taken_find(const struct vault *v, const struct lent *g,
    struct str *clear, struct err *e) MUST_CHECK;
void vault_taken_gone(struct vault *v, uint64_t cell);
/* Of this credential, in every cell: what they came of is over. */
void vault_taken_over(struct vault *v, const char *credential);
/* What stands behind "Basic " (maybe nothing), LF, pairs that end the form. */
int vault_token_text(const struct lent *g, struct str clear, struct buf *out,
    struct err *e) MUST_CHECK;

#endif
