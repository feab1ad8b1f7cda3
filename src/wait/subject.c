/* SPDX-License-Identifier: Apache-2.0 */
#include "wait/table.h"

#include <string.h>

/* Lengths in front of texts: no two different subjects give the same bytes. */
static void
add_text(struct digest_run *run, struct str s)
{
	uint8_t len[8] = { 0 };

	for (size_t i = 0; i < sizeof(len); i++) {
		len[i] = (uint8_t)((uint64_t)s.len >> (8 * i));
	}
	digest_add(run, str_span(len, sizeof(len)));
	digest_add(run, s);
}

static void
add_digest(struct digest_run *run, const struct digest *d)
{
	digest_add(run, str_span(d->bytes, sizeof(d->bytes)));
}

static void
add_effect(struct digest_run *run, const struct wait_subject *s)
{
	add_text(run, s->identity);
	add_text(run, s->tool);
	add_digest(run, &s->contract);
	add_digest(run, &s->args);
	add_text(run, s->run);
}

struct digest
wait_effect(const struct wait_subject *s)
{
	struct digest_run run = { 0 };

	digest_begin(&run);
	add_text(&run, STR("handrail effect 1"));
	add_effect(&run, s);
	return digest_end(&run);
}

struct digest
wait_digest(const struct wait_subject *s)
{
	struct digest_run run = { 0 };
	uint8_t call[4] = { (uint8_t)s->call, (uint8_t)(s->call >> 8),
		(uint8_t)(s->call >> 16), (uint8_t)(s->call >> 24) };

	digest_begin(&run);
	add_text(&run, STR("handrail subject 1"));
	add_effect(&run, s);
	digest_add(&run, str_span(call, sizeof(call)));
	add_digest(&run, &s->workspace);
	return digest_end(&run);
}

/* Crockford's alphabet: no letter that looks like another or like a digit. */
static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void
wait_code(struct digest d, char code[WAIT_CODE_TEXT])
{
	uint32_t bits =
	    (uint32_t)d.bytes[0] << 16 | (uint32_t)d.bytes[1] << 8 | d.bytes[2];

	for (int i = 0; i < WAIT_CODE_TEXT - 1; i++) {
		code[i] = alphabet[bits >> (19 - 5 * i) & 31];
	}
	code[WAIT_CODE_TEXT - 1] = '\0';
}
