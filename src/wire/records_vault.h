/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_RECORDS_VAULT_H
#define WIRE_RECORDS_VAULT_H

/* A chapter of records.h, which includes it: what the vault is asked. */

#define WIRE_MARK   32 /* bytes of a value's mark (seal_mark) */
#define WIRE_RANDOM 44 /* a PKCE challenge as text */

/* Of each value that a row holds; zero: none.  First the value's own, of tokens
 * that of the one that lives longest, then those beside it. */
struct wire_marks {
	uint8_t of[3][WIRE_MARK];
};

/* What a set of tokens holds; said of the row that was sealed or checked. */
enum wire_has {
	WIRE_HAS_ACCESS = 1,
	WIRE_HAS_REFRESH = 2,
	WIRE_HAS_CLIENT = 4,
	WIRE_HAS_PENDING = 8,
};

/* What a grant is for: the value or access token, or, at the issuer alone, the
 * secret half of what a token endpoint is asked with. */
enum wire_use {
	WIRE_USE_ACCESS = 0,
	WIRE_USE_REFRESH = 1, /* refresh token */
	WIRE_USE_CLIENT = 2,  /* nothing but the client's secret */
	WIRE_USE_CODE = 3,    /* code (VAULT_CODE came before) and verifier */
	WIRE_USE_DEVICE = 4,  /* device code */
	WIRE_USE_BEGIN = 5,   /* as CLIENT; the answer holds a device code */
	WIRE_USE_TAKE = 6,    /* as CLIENT; the answer is that cell's own */
	WIRE_USE_TAKEN = 7,   /* the access token that this cell took so */
};
/* Where the client's secret goes. */
enum wire_client {
	WIRE_CLIENT_FORM = 0,
	WIRE_CLIENT_BASIC = 1,
	WIRE_CLIENT_NONE = 2, /* nowhere: its issuer knows it without one */
};
#define WIRE_MACS 8 /* people that decide one thing, at most */

struct wire_vault_hello {
	uint8_t box_public[32];  /* X25519: clients seal secrets to it */
	uint8_t sign_public[32]; /* Ed25519: checkpoints are signed with it */
};

/* fds: [channel].  To vault and resolver: the far end that belongs to the
 * egress of `cell`.  To egress: [channel to vault, channel to resolver].
 * VAULT_BACK: of a second channel from core, for VAULT_REVOKE and VAULT_UNLEND
 * that find the first one full; the vault reads it before it lends.
 * VAULT_LENDS: of one for VAULT_ROW and VAULT_LEND, which wakes nobody. */
struct wire_attach {
	uint64_t cell;
};

/* What a row is bound to, as core's own record of the credential says. */
struct wire_binding {
	uint32_t version;
	uint32_t kind; /* enum seal_kind */
	char credential[WIRE_CREDENTIAL_MAX];
	char hosts[512]; /* space-separated host[:port] list, canonical */
	char issuer[WIRE_HOST_MAX]; /* of its tokens, host[:port], or empty */
	uint8_t facts[32];          /* digest of what never changes, or zero */
};

/* Opens `box` (crypto_box_seal to box_public) and seals the secret into a row
 * with that binding. */
struct wire_vault_seal {
	uint64_t id;
	struct wire_binding binding;
	uint32_t box_size;
	uint8_t box[WIRE_ROW_MAX];
};

struct wire_vault_sealed {
	uint64_t id;
	uint32_t ok;
	uint32_t row_size;
	uint8_t row[WIRE_ROW_MAX];
	struct wire_marks marks;
	uint32_t has; /* of tokens: enum wire_has */
	uint32_t spare;
	int64_t expires;             /* of tokens: Unix seconds; 0: not known */
	char challenge[WIRE_RANDOM]; /* of VAULT_LOGIN, else empty */
	char text[WIRE_TEXT_MAX];
};

/* Does this row open as this binding? */
struct wire_vault_check {
	uint64_t id;
	struct wire_binding binding;
	uint32_t row_size;
	uint8_t row[WIRE_ROW_MAX];
};

struct wire_vault_checked {
	uint64_t id;
	uint32_t ok;
	struct wire_marks marks;
	uint32_t has;
	uint32_t spare;
	int64_t expires;
	char text[WIRE_TEXT_MAX];
};

/* The intent is committed: this one request of this cell may use it once. */
struct wire_vault_grant {
	uint64_t number;
	uint64_t cell;
	uint64_t not_after; /* monotonic us, at most 30 s ahead */
	struct wire_binding binding;
	uint32_t claim_epoch;
	uint16_t port;
	uint8_t use;                  /* enum wire_use */
	uint8_t secret;               /* enum wire_client */
	char host[WIRE_HOST_MAX];     /* where it may be used now */
	char client[WIRE_CLIENT_MAX]; /* its id, for Basic */
	uint32_t row_size;
	uint8_t row[WIRE_ROW_MAX];
};

struct wire_vault_granted {
	uint64_t number;
	uint32_t ok;
	char text[WIRE_TEXT_MAX];
};

/* P09: its value is over; what was granted of it, up to this version of its
 * row, is not lent any more.  On the second channel it may come behind grants
 * of the next one. */
struct wire_vault_revoke {
	uint64_t version;
	char credential[WIRE_CREDENTIAL_MAX];
};

struct wire_vault_sign {
	uint64_t id;
	uint32_t size;
	uint8_t text[1024];
};

struct wire_vault_signed {
	uint64_t id;
	uint8_t signature[64];
};

/* What a person said, sealed so that a book that was changed is found: the MACs
 * of these digests, or whether all of these are that; of this purpose alone. */
struct wire_vault_mac {
	uint64_t id;
	uint32_t check;
	uint32_t count; /* 1..WIRE_MACS */
	uint8_t digest[WIRE_MACS][32];
	uint8_t mac[WIRE_MACS][WIRE_MARK];
};

struct wire_vault_maced {
	uint64_t id;
	uint64_t good; /* each of them, of a check */
	uint8_t mac[WIRE_MACS][WIRE_MARK];
};

/* The mark of a value that a cell brought itself: core then knows whether it
 * was ever a credential's, and nobody learns the value. */
struct wire_mark_ask {
	uint64_t id;
	uint32_t size;
	uint8_t value[WIRE_SECRET_MAX]; /* wiped by both ends after use */
};

struct wire_mark_told {
	uint64_t id;
	uint8_t mark[WIRE_MARK];
};

#include "wire/records_token.h"

#endif
