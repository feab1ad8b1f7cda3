/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SEAL_SEAL_H
#define SEAL_SEAL_H

/*
 * Seal, open, rotate; and the grant, one use of one credential.  libsodium:
 * XChaCha20-Poly1305, Argon2id, BLAKE2b, Ed25519, X25519.  Formats: DESIGN.
 * No I/O: files and credentials are read by the caller, who wipes what held
 * them.  A root key and every clear value live in guarded, locked memory,
 * outside core dumps, and are overwritten when freed.
 */

#include "base/base.h"

#define SEAL_RAW_KEY      32
#define SEAL_KEY_ID       8
#define SEAL_KEYFILE      112 /* bytes of a wrapped root key */
#define SEAL_VALUE_MAX    65536
#define SEAL_ID_MAX       63 /* bytes of a credential's id */
#define SEAL_HOST_MAX     255
#define SEAL_HOSTS_MAX    16
#define SEAL_ROW_MAX      (SEAL_VALUE_MAX + 8192)
#define SEAL_BOX_EXTRA    48 /* a box is so much longer than what it holds */
#define SEAL_PUBLIC       32
#define SEAL_SIGN         64
#define SEAL_MAC          32
#define SEAL_FACTS        32
#define SEAL_PASS_MIN     8
#define SEAL_PASS_MAX     1024
#define SEAL_GRANT_SIZE   352
#define SEAL_GRANT_MAX_US (30 * CLOCK_SECOND)

/* Bytes that no print function takes.  The type is never complete here. */
struct secret;
struct secret *secret_new(struct str bytes); /* copies; wipe your own */
void secret_free(struct secret *secret);     /* overwrites; NULL is nothing */
void secret_open(const struct secret *secret, struct str *bytes); /* borrowed */
void auto_secret_free(struct secret **secret);
#define auto_secret __attribute__((cleanup(auto_secret_free))) struct secret *
bool secret_memory_locked(void); /* false: RLIMIT_MEMLOCK let one be swapped */

/* The root key and what is derived from it. */
struct seal_key;
struct seal_key *seal_key_make(void); /* random */
void seal_key_free(struct seal_key *key);
void auto_seal_key_free(struct seal_key **key);
#define auto_seal_key \
	__attribute__((cleanup(auto_seal_key_free))) struct seal_key *
/* 32 bytes, or 64 hex digits and at most one newline (systemd credential
 * `handrail-vault-key`, or a key file of mode 0600). */
int seal_key_read(
    struct str bytes, struct seal_key **key, struct err *e) MUST_CHECK;
void seal_key_export(const struct seal_key *key, struct secret **raw);
/* Under a passphrase (one newline at its end is not part of it): Argon2id,
 * 64 MiB, 3 passes, so about 0.2 s.  ERR_INPUT for a file of another shape or a
 * length that is none to wrap under, ERR_DENIED for any wrong passphrase. */
int seal_key_wrap(const struct seal_key *key, struct str passphrase,
    uint8_t file[SEAL_KEYFILE], struct err *e) MUST_CHECK;
int seal_key_unwrap(struct str file, struct str passphrase,
    struct seal_key **key, struct err *e) MUST_CHECK;
void seal_key_id(const struct seal_key *key, char text[2 * SEAL_KEY_ID + 1]);

enum seal_kind {
	SEAL_KIND_NONE,
#define SEAL_KIND(number, kind, name) SEAL_##kind = (number),
#include "seal/kinds.def"
#undef SEAL_KIND
};
const char *seal_kind_name(unsigned kind); /* "unknown" for no kind */
bool seal_kind_parse(struct str name, enum seal_kind *kind);

/* What a value is bound to.  Hosts are "name" (port 443) or "name:port",
 * lower case; their order means nothing, one given twice is refused.  `issuer`
 * is the one host of the token endpoint: a refresh token goes there and nowhere
 * else; `facts` is the digest of what core keeps in clear beside the row and
 * may not change.  Both may be empty, and are in rows of format 1. */
struct seal_binding {
	struct str id;
	uint32_t version; /* from 1 */
	enum seal_kind kind;
	size_t host_count; /* 1..SEAL_HOSTS_MAX */
	struct str hosts[SEAL_HOSTS_MAX];
	struct str issuer;
	uint8_t facts[SEAL_FACTS];
};
bool seal_binding_allows(
    const struct seal_binding *binding, struct str host, uint16_t port);
bool seal_binding_issues(
    const struct seal_binding *binding, struct str host, uint16_t port);

int seal_row(const struct seal_key *key, const struct seal_binding *binding,
    struct str value, struct buf *row, struct err *e) MUST_CHECK;
/* The clear part, NOT authenticated: for lists.  Borrows from row. */
int seal_row_read(
    struct str row, struct seal_binding *binding, struct err *e) MUST_CHECK;
/* `binding` is what the caller knows the row must be (the id it asked for, the
 * highest version in the book, the hosts of its own record): ERR_DENIED if the
 * row is another one, was changed, or belongs to another root key. */
int seal_row_open(const struct seal_key *key, struct str row,
    const struct seal_binding *binding, struct secret **value,
    struct err *e) MUST_CHECK;
/* Whether it would open; the value itself never is. */
int seal_row_check(const struct seal_key *key, struct str row,
    const struct seal_binding *binding, struct err *e) MUST_CHECK;
/* Opens it into the record that lends it, which the caller wipes; it fits. */
struct seal_lent {
	uint8_t *at;
	size_t room;
	size_t size; /* of the value */
};
int seal_row_lend(const struct seal_key *key, struct str row,
    const struct seal_binding *binding, struct seal_lent *to,
    struct err *e) MUST_CHECK;
/* The same row under another root key; the value itself is not opened. */
int seal_row_rewrap(const struct seal_key *from, const struct seal_key *to,
    struct str row, struct buf *out, struct err *e) MUST_CHECK;

/* What an OAuth credential holds, as one value.  Both ends are programs of
 * ours, so it has a form of its own (DESIGN) and the vault reads no JSON.  A
 * token is printable ASCII without spaces. */
struct seal_tokens {
	int64_t expires; /* Unix seconds, at most in 9999; 0: not known */
	struct str access;
	struct str refresh; /* empty: none */
	struct str client;  /* the client's secret; empty: none */
	struct str pending; /* PKCE verifier or device code; empty: none */
};
int seal_tokens_write(const struct seal_tokens *tokens, struct buf *out,
    struct err *e) MUST_CHECK;
int seal_tokens_read(/* borrows from value */
    struct str value, struct seal_tokens *tokens, struct err *e) MUST_CHECK;
bool seal_tokens_end_ok(int64_t expires);
bool seal_kind_is_tokens(enum seal_kind kind);

/* Whether two values are the same, for whoever may not see them: a MAC. */
void seal_mark(
    const struct seal_key *key, struct str value, uint8_t mark[SEAL_MAC]);

/* Questions the vault answers instead of lending its key. */
void seal_mac(const struct seal_key *key, struct str purpose,
    struct str message, uint8_t mac[SEAL_MAC]);
bool seal_mac_good(const struct seal_key *key, struct str purpose,
    struct str message, const uint8_t mac[SEAL_MAC]);
void seal_sign(
    const struct seal_key *key, struct str message, uint8_t sign[SEAL_SIGN]);
void seal_sign_public(const struct seal_key *key, uint8_t out[SEAL_PUBLIC]);
bool seal_verify(const uint8_t key[SEAL_PUBLIC], struct str message,
    const uint8_t sign[SEAL_SIGN]); /* no private key: for everybody */

/* A box: whoever knows the public key can seal, only the vault can open. */
void seal_box_public(const struct seal_key *key, uint8_t out[SEAL_PUBLIC]);
int seal_box(const uint8_t key[SEAL_PUBLIC], struct str value, struct buf *box,
    struct err *e) MUST_CHECK;
int seal_box_open(const struct seal_key *key, struct str box,
    struct secret **value, struct err *e) MUST_CHECK;

enum seal_place {
	SEAL_PLACE_NONE,
#define SEAL_PLACE(number, place, name) SEAL_IN_##place = (number),
#include "seal/places.def"
#undef SEAL_PLACE
};

/* One use of one credential, made by core after its intent was committed. */
struct seal_grant {
	uint64_t number; /* from 1 */
	uint32_t cell;   /* slot whose egress may use it */
	uint32_t epoch;  /* claim epoch it was made under */
	struct mono not_after;
	uint32_t version; /* of the credential */
	uint16_t port;
	enum seal_place place;
	bool once;
	bool used; /* the vault's own mark; not in the encoded form */
	char credential[SEAL_ID_MAX + 1];
	char host[SEAL_HOST_MAX + 1];
};
void seal_grant_encode(
    const struct seal_grant *grant, uint8_t out[SEAL_GRANT_SIZE]);
int seal_grant_decode(
    struct str bytes, struct seal_grant *grant, struct err *e) MUST_CHECK;

/* What somebody wants to do with a grant, as the vault itself knows it: `cell`
 * is the channel's, `version` the newest, `epoch` the one attached. */
struct seal_grant_use {
	uint64_t number;
	uint32_t cell;
	uint32_t epoch;
	uint32_t version;
	uint16_t port;
	enum seal_place place;
	struct str credential;
	struct str host;
};
/* ERR_DENIED naming the first thing that differs.  Marks nothing. */
int seal_grant_check(const struct seal_grant *grant,
    const struct seal_grant_use *use, struct mono now,
    struct err *e) MUST_CHECK;

#endif
