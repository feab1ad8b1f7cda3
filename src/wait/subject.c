/* SPDX-License-Identifier: Apache-2.0 */
#include "wait/table.h"

#include <string.h>

/* Lengths in front of texts: no two different subjects give the same bytes. */
void
wait_add_number(struct digest_run *run, uint64_t n)
{
	uint8_t bytes[8] = { 0 };

	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(n >> (8 * i));
	}
	digest_add(run, str_span(bytes, sizeof(bytes)));
}

void
wait_add_text(struct digest_run *run, struct str s)
{
	wait_add_number(run, s.len);
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
	wait_add_text(run, s->identity);
	wait_add_text(run, s->tool);
	add_digest(run, &s->contract);
	add_digest(run, &s->args);
	wait_add_text(run, s->run);
}

struct digest
wait_effect(const struct wait_subject *s)
{
	struct digest_run run = { 0 };

	digest_begin(&run);
	wait_add_text(&run, STR("handrail effect 1"));
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
	wait_add_text(&run, STR("handrail subject 1"));
	add_effect(&run, s);
	digest_add(&run, str_span(call, sizeof(call)));
	add_digest(&run, &s->workspace);
	return digest_end(&run);
}

/* Not only what was said, also on which terms: a book in which one person was
 * enough for what two must allow does not get past the seal either. */
struct digest
wait_said_digest(const struct wait_item *i, const struct wait_said *s)
{
	struct digest_run run = { 0 };

	digest_begin(&run);
	wait_add_text(&run, STR("handrail decision 1"));
	wait_add_text(&run, str_of(i->id));
	add_digest(&run, &i->digest);
	wait_add_text(&run, str_of(wait_kind_name(i->kind)));
	wait_add_text(&run, i->gate);
	wait_add_number(&run, (uint64_t)i->expires.us);
	wait_add_number(&run, i->people);
	wait_add_number(&run, i->named_count);
	for (uint32_t n = 0; n < i->named_count; n++) {
		wait_add_text(&run, i->named[n]);
	}
	wait_add_text(&run, i->escalate_to);
	wait_add_text(&run, i->escalate_for);
	add_digest(&run, &i->asked_by);
	add_digest(&run, &i->named_args);
	wait_add_number(&run, s->yes);
	wait_add_text(&run, s->by);
	wait_add_text(&run, s->surface);
	wait_add_text(&run, s->reason);
	wait_add_text(&run, s->value);
	wait_add_number(&run, (uint64_t)s->at.us);
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
