/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/own.h"

#define FORMAT 2  /* what is written; 1 is still read */
#define FIXED  16 /* bytes before the binding */

enum { AT_FORMAT = 4, AT_KIND = 5, AT_BINDING = 6, AT_KEY_ID = 8 };

/* The parts of a row, by DESIGN; all borrow from it. */
struct row {
	struct str clear; /* everything before the first nonce */
	struct str binding;
	struct str key_id;
	struct str key_nonce;
	struct str wrapped;
	struct str nonce;
	struct str sealed;
	uint8_t format;
	uint8_t kind;
};

static const uint8_t *
bytes_of(struct str s)
{
	return (const uint8_t *)s.at;
}

static int
parse_row(struct str row, struct row *parts, struct err *e)
{
	struct row cut = { 0 };
	size_t at;

	if (row.len < FIXED || !str_starts(row, STR("HRSR")) ||
	    row.at[AT_FORMAT] < 1 || row.at[AT_FORMAT] > FORMAT) {
		return err_set(
		    e, ERR_INPUT, "this is not a sealed row of this version");
	}
	cut.format = bytes_of(row)[AT_FORMAT];
	cut.kind = bytes_of(row)[AT_KIND];
	cut.key_id = str_sub(row, AT_KEY_ID, SEAL_KEY_ID);
	cut.binding = str_sub(row, FIXED, get_u16(bytes_of(row) + AT_BINDING));
	at = FIXED + get_u16(bytes_of(row) + AT_BINDING);
	if (row.len < at + NONCE + WRAPPED + NONCE + TAG + 1 ||
	    row.len > at + NONCE + WRAPPED + NONCE + TAG + SEAL_VALUE_MAX) {
		return err_set(e, ERR_INPUT, "a sealed row was cut");
	}
	cut.clear = str_sub(row, 0, at);
	cut.key_nonce = str_sub(row, at, NONCE);
	cut.wrapped = str_sub(row, at + NONCE, WRAPPED);
	cut.nonce = str_sub(row, at + NONCE + WRAPPED, NONCE);
	cut.sealed = str_sub(row, at + NONCE + WRAPPED + NONCE, row.len);
	*parts = cut;
	return 0;
}

static void
key_aad(struct str clear, struct buf *out)
{
	buf_add(out, STR("HRK1"));
	buf_add(out, clear);
}

static void
value_aad(uint8_t format, uint8_t kind, struct str binding, struct buf *out)
{
	buf_add(out, format == 1 ? STR("HRV1") : STR("HRV2"));
	buf_add_byte(out, kind);
	buf_add(out, binding);
}

static void
aead_seal(const uint8_t *key, struct str value, const struct buf *aad,
    struct buf *out)
{
	size_t len = value.len + TAG;
	uint8_t *nonce = (uint8_t *)buf_room(out, NONCE + len);

	random_bytes(nonce, NONCE);
	must(crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + NONCE, NULL,
	         bytes_of(value), value.len, bytes_of(buf_str(aad)), aad->len,
	         NULL, nonce, key) == 0);
	buf_grew(out, NONCE + len);
}

static bool
aead_open(const uint8_t *key, struct str nonce, struct str sealed,
    const struct buf *aad, uint8_t *out)
{
	return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL,
	           bytes_of(sealed), sealed.len, bytes_of(buf_str(aad)),
	           aad->len, bytes_of(nonce), key) == 0;
}

static void
add_clear(const struct seal_key *key, uint8_t format, uint8_t kind,
    struct str binding, struct buf *out)
{
	uint8_t fixed[FIXED] = { 'H', 'R', 'S', 'R', format, kind };

	put_u16(fixed + AT_BINDING, (unsigned)binding.len);
	memcpy(fixed + AT_KEY_ID, key->id, SEAL_KEY_ID);
	buf_add(out, str_span(fixed, sizeof(fixed)));
	buf_add(out, binding);
}

int
seal_row(const struct seal_key *key, const struct seal_binding *binding,
    struct str value, struct buf *row, struct err *e)
{
	uint8_t row_key[SEAL_RAW_KEY];
	auto_buf bound = { 0 };
	auto_buf made = { 0 };
	auto_buf aad = { 0 };

	if (binding_encode(binding, FORMAT, &bound, e)) {
		return -1;
	}
	if (value.len < 1 || value.len > SEAL_VALUE_MAX) {
		return err_set(e, ERR_LIMIT,
		    "a secret has 1 to %d bytes, this one has %zu",
		    SEAL_VALUE_MAX, value.len);
	}
	random_bytes(row_key, sizeof(row_key));
	add_clear(key, FORMAT, (uint8_t)binding->kind, buf_str(&bound), &made);
	key_aad(buf_str(&made), &aad);
	aead_seal(key->wrap, str_span(row_key, sizeof(row_key)), &aad, &made);
	buf_clear(&aad);
	value_aad(FORMAT, (uint8_t)binding->kind, buf_str(&bound), &aad);
	aead_seal(row_key, value, &aad, &made);
	wipe(row_key, sizeof(row_key));
	buf_add(row, buf_str(&made));
	return 0;
}

int
seal_row_read(struct str row, struct seal_binding *binding, struct err *e)
{
	struct seal_binding read = { 0 };
	struct row parts = { 0 };

	if (parse_row(row, &parts, e) ||
	    binding_decode(parts.binding, parts.format, &read, e)) {
		return -1;
	}
	if (parts.kind != read.kind) {
		return err_set(
		    e, ERR_INPUT, "a sealed row names two kinds of credential");
	}
	*binding = read;
	return 0;
}

/* Why a row is not the one that was asked for. */
static int
refuse_binding(struct str row, const struct seal_binding *wanted, struct err *e)
{
	struct seal_binding is = { 0 };

	if (seal_row_read(row, &is, e)) {
		return -1;
	}
	if (!str_eq(is.id, wanted->id)) {
		return err_set(e, ERR_DENIED,
		    "the sealed row of " STR_FMT " was put in the place of "
		    "credential " STR_FMT,
		    STR_ARG(is.id), STR_ARG(wanted->id));
	}
	if (is.version != wanted->version) {
		return err_set(e, ERR_DENIED,
		    "credential " STR_FMT " is sealed as version %u, but the "
		    "book knows version %u; put it in again",
		    STR_ARG(is.id), is.version, wanted->version);
	}
	return err_set(e, ERR_DENIED,
	    "credential " STR_FMT " is sealed for other hosts, as another "
	    "kind or with other properties; put it in again",
	    STR_ARG(is.id));
}

static int
open_row_key(const struct seal_key *key, const struct row *parts,
    uint8_t row_key[SEAL_RAW_KEY], struct err *e)
{
	auto_buf aad = { 0 };

	if (!str_eq(parts->key_id, str_span(key->id, SEAL_KEY_ID))) {
		return err_set(e, ERR_DENIED,
		    "a sealed row belongs to another vault key than this one");
	}
	key_aad(parts->clear, &aad);
	if (!aead_open(
	        key->wrap, parts->key_nonce, parts->wrapped, &aad, row_key)) {
		return err_set(e, ERR_DENIED,
		    "a sealed row was changed and does not open");
	}
	return 0;
}

/* A row that is what its binding says, about to be opened. */
struct opening {
	struct row parts;
	struct buf aad;
	uint8_t row_key[SEAL_RAW_KEY];
};

static int
begin_open(const struct seal_key *key, struct str row,
    const struct seal_binding *binding, struct opening *o, struct err *e)
{
	auto_buf bound = { 0 };

	if (parse_row(row, &o->parts, e) ||
	    binding_encode(binding, o->parts.format, &bound, e)) {
		return -1;
	}
	if (!str_eq(o->parts.binding, buf_str(&bound))) {
		return refuse_binding(row, binding, e);
	}
	if (open_row_key(key, &o->parts, o->row_key, e)) {
		return -1;
	}
	value_aad(o->parts.format, o->parts.kind, buf_str(&bound), &o->aad);
	return 0;
}

static size_t
clear_size(const struct opening *o)
{
	return o->parts.sealed.len - TAG;
}

/* `clear` NULL: the tag is compared and nothing opened. */
static int
end_open(struct opening *o, uint8_t *clear, struct str id, struct err *e)
{
	bool good = aead_open(
	    o->row_key, o->parts.nonce, o->parts.sealed, &o->aad, clear);

	wipe(o->row_key, sizeof(o->row_key));
	buf_fini(&o->aad);
	return good ? 0
	            : err_set(e, ERR_DENIED,
	                  "the sealed row of " STR_FMT
	                  " was changed and does not open",
	                  STR_ARG(id));
}

int
seal_row_open(const struct seal_key *key, struct str row,
    const struct seal_binding *binding, struct secret **value, struct err *e)
{
	struct opening o = { 0 };
	auto_secret made = NULL;
	uint8_t *clear;

	if (begin_open(key, row, binding, &o, e)) {
		return -1;
	}
	made = secret_room(clear_size(&o), &clear);
	if (end_open(&o, clear, binding->id, e)) {
		return -1;
	}
	secret_close(made);
	*value = made;
	made = NULL;
	return 0;
}

int
seal_row_check(const struct seal_key *key, struct str row,
    const struct seal_binding *binding, struct err *e)
{
	struct opening o = { 0 };

	return begin_open(key, row, binding, &o, e) ||
	               end_open(&o, NULL, binding->id, e)
	           ? -1
	           : 0;
}

int
seal_row_lend(const struct seal_key *key, struct str row,
    const struct seal_binding *binding, struct seal_lent *to, struct err *e)
{
	struct opening o = { 0 };

	if (begin_open(key, row, binding, &o, e)) {
		return -1;
	}
	to->size = clear_size(&o);
	must(to->size <= to->room);
	return end_open(&o, to->at, binding->id, e);
}

int
seal_row_rewrap(const struct seal_key *from, const struct seal_key *to,
    struct str row, struct buf *out, struct err *e)
{
	uint8_t row_key[SEAL_RAW_KEY];
	auto_buf made = { 0 };
	auto_buf aad = { 0 };
	struct row parts = { 0 };

	if (parse_row(row, &parts, e) ||
	    open_row_key(from, &parts, row_key, e)) {
		return -1;
	}
	add_clear(to, parts.format, parts.kind, parts.binding, &made);
	key_aad(buf_str(&made), &aad);
	aead_seal(to->wrap, str_span(row_key, sizeof(row_key)), &aad, &made);
	wipe(row_key, sizeof(row_key));
	buf_add(&made, parts.nonce);
	buf_add(&made, parts.sealed);
	buf_add(out, buf_str(&made));
	return 0;
}
