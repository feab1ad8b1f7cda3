/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_RECORDS_VAULT_H
#define WIRE_RECORDS_VAULT_H

/* A chapter of records.h, which includes it: what the vault is asked. */

#define WIRE_MARK 32 /* bytes of a value's mark (seal_mark) */
#define WIRE_MACS 8  /* people that decide one thing, at most */

struct wire_vault_hello {
	uint8_t box_public[32];  /* X25519: clients seal secrets to it */
	uint8_t sign_public[32]; /* Ed25519: checkpoints are signed with it */
};

/* fds: [channel].  To vault and resolver: the far end that belongs to the
 * egress of `cell`.  To egress: [channel to vault, channel to resolver]. */
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
	uint8_t mark[WIRE_MARK];
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
	uint8_t mark[WIRE_MARK];
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
	uint16_t spare;
	char host[WIRE_HOST_MAX]; /* where it may be used now */
	uint32_t row_size;
	uint8_t row[WIRE_ROW_MAX];
};

struct wire_vault_granted {
	uint64_t number;
	uint32_t ok;
	char text[WIRE_TEXT_MAX];
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

struct wire_redeem {
	uint64_t number;
	uint16_t port;
	char host[WIRE_HOST_MAX];
};

struct wire_credential {
	uint64_t number;
	uint32_t ok;
	uint32_t size;
	uint8_t secret[WIRE_SECRET_MAX]; /* wiped by both ends after use */
	char text[WIRE_TEXT_MAX];
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

#endif
