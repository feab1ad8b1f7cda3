/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_VAULT_H
#define PARTS_VAULT_H

/* What the files of the vault share. */

#include "parts/part.h"
#include "seal/seal.h"

#define VAULT_GRANTS      1024
#define VAULT_CELL_GRANTS 256 /* as many requests as a cell has at once */
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
	bool basic;
	bool spent; /* redeemed; what is answered may come until `until` */
	struct mono until;
	char client[WIRE_CLIENT_MAX];
	struct secret *code;
};

struct borrower {
	struct borrower *next;
	struct vault *vault;
	uint64_t cell;
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
	struct lent *grants;
	size_t grant_count;
	struct vault_out out[VAULT_OUT];
	size_t out_next;
	struct vault_row *rows[WIRE_ROWS]; /* by place */
	struct borrower *borrowers;
	struct vault_code *codes; /* the latest first */
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
void vault_mark(const struct vault *v, enum seal_kind kind, struct str clear,
    uint8_t mark[SEAL_MAC]);
/* Bits of enum wire_has, and when the access token ends; 0 of other kinds. */
uint32_t vault_has(enum seal_kind kind, struct str clear, int64_t *expires);

/* vault_grant.c: grants, from core */
wire_take_fn vault_take_grant;
wire_take_fn vault_take_row;
wire_take_fn vault_take_lend;
wire_take_fn vault_take_revoke;
wire_take_fn vault_take_unlend;
bool vault_left_out(const struct vault *v, uint64_t cell, uint64_t number);
void vault_row_give(struct vault_row *row); /* NULL is nothing */
struct lent **vault_grant_find(
    struct vault *v, const struct borrower *b, uint64_t number);
void vault_grant_drop(struct vault *v, struct lent **at);
/* Nobody is there any more who could use them. */
void vault_grants_gone(struct vault *v, uint64_t cell);

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
/* What stands behind "Basic " (maybe nothing), LF, pairs that end the form. */
int vault_token_text(const struct lent *g, struct str clear, struct buf *out,
    struct err *e) MUST_CHECK;

#endif
