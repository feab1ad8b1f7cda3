/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_RECORDS_TOGETHER_H
#define WIRE_RECORDS_TOGETHER_H

/*
 * A chapter of records.h, which includes it: requests that one commit let go,
 * or that an egress asks for at once, and that differ in their numbers
 * alone, share a record on each of their ways.
 */

#define WIRE_ROWS     16 /* that the vault holds for grants of VAULT_LEND */
#define WIRE_TOGETHER 64 /* requests in one record */

/* From now on VAULT_LEND may name this row by its place. */
struct wire_vault_row {
	uint32_t place; /* below WIRE_ROWS */
	uint32_t row_size;
	struct wire_binding binding;
	uint8_t row[WIRE_ROW_MAX];
};

/* Grants like VAULT_GRANT's, of the value or access token, for requests that
 * one commit let go.  No answer: a fault is said to whoever redeems them. */
struct wire_vault_lend {
	uint64_t cell;
	uint64_t not_after;
	uint32_t place; /* of the row */
	uint32_t claim_epoch;
	uint16_t port;
	uint16_t count; /* 1..WIRE_TOGETHER */
	uint32_t spare;
	char host[WIRE_HOST_MAX];
	uint64_t number[WIRE_TOGETHER];
};

/* What let these requests go is over: what was not redeemed is not lent. */
struct wire_vault_unlend {
	uint64_t cell;
	uint64_t count; /* 1..WIRE_TOGETHER */
	uint64_t number[WIRE_TOGETHER];
};

/* Plain requests to one host that were ready together, each an INTENT of its
 * own: over HTTP, without git, credentials of their own, a body that was read
 * or a 401 behind them. */
struct wire_intents_one {
	uint64_t id;
	uint64_t body_size;
	uint64_t body; /* enum wire_body; not READ */
};

struct wire_intents {
	uint16_t count; /* 1..WIRE_TOGETHER */
	uint16_t port;
	uint16_t tls;
	uint16_t named;
	char host[WIRE_HOST_MAX];
	struct wire_intents_one one[WIRE_TOGETHER];
	/* Of each in turn its method, path and query, a NUL behind each. */
	char text[2048];
};

struct wire_redeem {
	uint16_t port;
	uint16_t count; /* 1..WIRE_TOGETHER */
	uint32_t spare;
	char host[WIRE_HOST_MAX];
	uint64_t number[WIRE_TOGETHER];
};

/* What is said of each of these numbers: one value, or one fault. */
struct wire_credential {
	uint16_t ok;
	uint16_t count; /* 1..WIRE_TOGETHER */
	uint32_t size;
	uint64_t number[WIRE_TOGETHER];
	uint8_t secret[WIRE_SECRET_MAX]; /* wiped by both ends after use */
	char text[WIRE_TEXT_MAX];
};

struct wire_go_also {
	uint64_t id;
	uint64_t grant;
};

/* The same go for some requests of one cell; fds as of `go`. */
struct wire_going {
	struct wire_go go; /* of the first */
	uint64_t count;    /* of also[] */
	struct wire_go_also also[WIRE_TOGETHER - 1];
};

/* Outcomes of which there is nothing more to say: ANSWERED, without a text, a
 * credential in the answer or tokens of it. */
struct wire_answered_one {
	uint64_t id;
	uint64_t up;
	uint64_t down;
	uint64_t took; /* us */
	uint32_t status;
	uint32_t injected;
};

struct wire_answered {
	uint64_t count; /* 1..WIRE_TOGETHER */
	struct wire_answered_one one[WIRE_TOGETHER];
};

#endif
