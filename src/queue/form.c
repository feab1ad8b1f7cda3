/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/form.h"

/* Taking a saved form apart; `bad` stays once it is set. */

const char *
form_end(struct str s)
{
	return s.len > 0 ? s.at + s.len : s.at;
}

uint8_t
form_take_byte(struct cut *c)
{
	if (c->at == c->end) {
		c->bad = true;
		return 0;
	}
	return (uint8_t)*c->at++;
}

#define NUMBER_BYTES 10 /* of a number at most */

uint64_t
form_take_long(struct cut *c)
{
	const uint8_t *at = (const uint8_t *)c->at;
	size_t left = (size_t)(c->end - c->at);
	size_t most = left < NUMBER_BYTES ? left : NUMBER_BYTES;
	uint64_t value = 0;

	for (size_t i = 0; i < most; i++) {
		value |= (uint64_t)(at[i] & 0x7f) << 7 * i;
		if (at[i] < 0x80) {
			c->at += i + 1;
			return value;
		}
	}
	c->at += most;
	c->bad = true;
	return 0;
}

uint32_t
form_take_u32(struct cut *c)
{
	uint64_t value = form_take_number(c);

	c->bad |= value > UINT32_MAX;
	return (uint32_t)value;
}

int64_t
form_take_us(struct cut *c)
{
	uint64_t value = form_take_number(c);

	c->bad |= value > INT64_MAX;
	return (int64_t)(value & INT64_MAX);
}

struct wall
form_take_time(struct cut *c)
{
	uint64_t value = form_take_number(c);
	struct wall t = { (int64_t)(value >> 1 ^ (0 - (value & 1))) };

	c->bad |= !wall_has_date(t);
	return t;
}

struct str
form_take_text(struct cut *c)
{
	uint64_t len = form_take_number(c);
	struct str s = { 0 };

	if (len > (uint64_t)(c->end - c->at)) {
		c->bad = true;
		return s;
	}
	s = str_span(c->at, len);
	c->at += len;
	return s;
}

struct cut
form_cut(struct str saved, uint8_t kind)
{
	struct cut c = { saved.at, form_end(saved), false };

	c.bad |= form_take_byte(&c) != kind;
	c.bad |= form_take_byte(&c) != FORM_VERSION;
	return c;
}
