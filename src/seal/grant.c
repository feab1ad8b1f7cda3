/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/own.h"

#define FLAG_ONCE 1

enum {
	AT_NUMBER = 0,
	AT_CELL = 8,
	AT_EPOCH = 12,
	AT_NOT_AFTER = 16,
	AT_VERSION = 24,
	AT_PORT = 28,
	AT_PLACE = 30,
	AT_FLAGS = 31,
	AT_CREDENTIAL = 32,
	AT_HOST = 96,
};

_Static_assert(AT_HOST + SEAL_HOST_MAX + 1 == SEAL_GRANT_SIZE, "DESIGN");
_Static_assert(AT_CREDENTIAL + SEAL_ID_MAX + 1 == AT_HOST, "DESIGN");

static bool
place_known(unsigned place)
{
	return 0
#define SEAL_PLACE(number, place_, name) || place == (number)
#include "seal/places.def"
#undef SEAL_PLACE
	    ;
}

/* The rules that hold for a grant in either form. */
static const char *
grant_fault(const struct seal_grant *grant)
{
	if (grant->number < 1 || grant->version < 1 || grant->port < 1) {
		return "its number, version or port is 0";
	}
	if (!place_known(grant->place)) {
		return "it names no place";
	}
	if (!id_valid_text(str_of(grant->credential))) {
		return "it names no credential";
	}
	if (!host_valid_text(str_of(grant->host))) {
		return "it names no host";
	}
	return NULL;
}

void
seal_grant_encode(const struct seal_grant *grant, uint8_t out[SEAL_GRANT_SIZE])
{
	must(!grant_fault(grant));
	memset(out, 0, SEAL_GRANT_SIZE);
	put_u64(out + AT_NUMBER, grant->number);
	put_u32(out + AT_CELL, grant->cell);
	put_u32(out + AT_EPOCH, grant->epoch);
	put_u64(out + AT_NOT_AFTER, (uint64_t)grant->not_after.us);
	put_u32(out + AT_VERSION, grant->version);
	put_u16(out + AT_PORT, grant->port);
	out[AT_PLACE] = (uint8_t)grant->place;
	out[AT_FLAGS] = grant->once ? FLAG_ONCE : 0;
	memcpy(
	    out + AT_CREDENTIAL, grant->credential, strlen(grant->credential));
	memcpy(out + AT_HOST, grant->host, strlen(grant->host));
}

/* One terminated text and nothing behind it. */
static bool
text_field(const uint8_t *field, size_t size)
{
	size_t len = strnlen((const char *)field, size);

	return len < size && sodium_is_zero(field + len, size - len);
}

int
seal_grant_decode(struct str bytes, struct seal_grant *grant, struct err *e)
{
	const uint8_t *at = (const uint8_t *)bytes.at;
	struct seal_grant read = { 0 };
	const char *fault;

	if (bytes.len != SEAL_GRANT_SIZE) {
		return err_set(e, ERR_INPUT, "a grant has %d bytes, not %zu",
		    SEAL_GRANT_SIZE, bytes.len);
	}
	if ((at[AT_FLAGS] & ~FLAG_ONCE) != 0 ||
	    !text_field(at + AT_CREDENTIAL, SEAL_ID_MAX + 1) ||
	    !text_field(at + AT_HOST, SEAL_HOST_MAX + 1)) {
		return err_set(
		    e, ERR_INPUT, "a grant has bytes set that mean nothing");
	}
	read.number = get_u64(at + AT_NUMBER);
	read.cell = get_u32(at + AT_CELL);
	read.epoch = get_u32(at + AT_EPOCH);
	read.not_after.us = (int64_t)get_u64(at + AT_NOT_AFTER);
	read.version = get_u32(at + AT_VERSION);
	read.port = (uint16_t)get_u16(at + AT_PORT);
	read.place = (enum seal_place)at[AT_PLACE];
	read.once = (at[AT_FLAGS] & FLAG_ONCE) != 0;
	memcpy(read.credential, at + AT_CREDENTIAL, SEAL_ID_MAX + 1);
	memcpy(read.host, at + AT_HOST, SEAL_HOST_MAX + 1);
	fault = grant_fault(&read);
	if (fault) {
		return err_set(e, ERR_INPUT, "a grant is wrong: %s", fault);
	}
	*grant = read;
	return 0;
}

/* In this order; the words end the sentence "grant N … ". */
static const char *
use_fault(const struct seal_grant *grant, const struct seal_grant_use *use,
    struct mono now)
{
	if (use->number != grant->number) {
		return "is not the one that was asked for";
	}
	if (use->cell != grant->cell) {
		return "belongs to another cell";
	}
	if (use->epoch != grant->epoch) {
		return "was made under another claim";
	}
	if (grant->once && grant->used) {
		return "was used before";
	}
	if (mono_passed(grant->not_after, now)) {
		return "is out of date";
	}
	if (grant->not_after.us > mono_after(now, SEAL_GRANT_MAX_US).us) {
		return "would last longer than any grant may";
	}
	if (!str_eq_z(use->credential, grant->credential)) {
		return "is for another credential";
	}
	if (use->version != grant->version) {
		return "is for another version of its credential";
	}
	if (!str_eq_z(use->host, grant->host)) {
		return "is for another host";
	}
	if (use->port != grant->port) {
		return "is for another port";
	}
	if (use->place != grant->place) {
		return "is for another place in the request";
	}
	return NULL;
}

int
seal_grant_check(const struct seal_grant *grant,
    const struct seal_grant_use *use, struct mono now, struct err *e)
{
	const char *fault = use_fault(grant, use, now);

	if (fault) {
		return err_set(e, ERR_DENIED, "grant %llu %s",
		    (unsigned long long)use->number, fault);
	}
	return 0;
}
