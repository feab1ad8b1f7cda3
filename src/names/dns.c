/* SPDX-License-Identifier: Apache-2.0 */
#include "names/own.h"

#include <string.h>

/* RFC 1035 §4, as DESIGN says. */

enum {
	HEADER = 12,
	NAME_MAX_WIRE = 255,
	TYPE_A = 1,
	TYPE_PTR = 12,
	TYPE_AAAA = 28,
	TYPE_OPT = 41,
	TYPE_IXFR = 251, /* and behind it the other questions about questions */
	CLASS_IN = 1,
};

enum rcode { NOERROR = 0, FORMERR = 1, NXDOMAIN = 3, NOTIMP = 4, REFUSED = 5 };

struct query {
	struct str question; /* its bytes, for the answer */
	char name[NAME_MAX_WIRE + 1];
	uint16_t type;
	uint16_t class;
	bool named; /* labels hold no byte that text could not tell apart */
};

static uint16_t
u16_at(struct str s, size_t at)
{
	return (uint16_t)((uint8_t)s.at[at] << 8 | (uint8_t)s.at[at + 1]);
}

static void
add_u16(struct buf *b, unsigned value)
{
	buf_add_byte(b, (uint8_t)(value >> 8));
	buf_add_byte(b, (uint8_t)value);
}

/* One label as text; false if it could be mistaken for something else. */
static bool
label_text(struct str label, char *out)
{
	bool plain = true;

	for (size_t i = 0; i < label.len; i++) {
		plain = plain && label.at[i] != '.' && label.at[i] != 0;
	}
	memcpy(out, label.at, label.len);
	return plain;
}

/* The question's name, without compression; *at ends behind it. */
static bool
read_name(struct str packet, size_t *at, struct query *q)
{
	size_t used = 0;

	q->named = true;
	while (*at < packet.len) {
		size_t n = (uint8_t)packet.at[*at];

		*at += 1;
		if (n == 0) {
			q->name[used ? used - 1 : 0] = 0;
			return true;
		}
		if (n > 63 || n >= packet.len - *at ||
		    used + n + 2 > NAME_MAX_WIRE) {
			return false;
		}
		q->named &= label_text(str_sub(packet, *at, n), q->name + used);
		q->name[used + n] = '.';
		used += n + 1;
		*at += n;
	}
	return false;
}

/* One EDNS record (RFC 6891), whose offers are not taken up, and no more. */
static bool
read_extra(struct str packet, size_t at)
{
	struct str rest = str_sub(packet, at, packet.len);

	return rest.len >= 11 && rest.at[0] == 0 &&
	       u16_at(rest, 1) == TYPE_OPT && rest.len == 11u + u16_at(rest, 9);
}

static bool
read_query(struct str packet, struct query *q)
{
	size_t at = HEADER;

	if (packet.len > NAMES_QUERY_MAX || u16_at(packet, 4) != 1 ||
	    u16_at(packet, 6) != 0 || u16_at(packet, 8) != 0 ||
	    u16_at(packet, 10) > 1 || ((uint8_t)packet.at[2] & 0x02)) {
		return false;
	}
	if (!read_name(packet, &at, q) || packet.len - at < 4) {
		return false;
	}
	q->type = u16_at(packet, at);
	q->class = u16_at(packet, at + 2);
	at += 4;
	q->question = str_sub(packet, HEADER, at - HEADER);
	return u16_at(packet, 10) ? read_extra(packet, at) : at == packet.len;
}

static void
add_reply(struct buf *b, struct str packet, enum rcode rcode,
    const struct query *q, const struct names_addr *answer)
{
	uint8_t flags = (uint8_t)packet.at[2];

	buf_add(b, str_sub(packet, 0, 2));
	/* QR; the opcode and RD as they were asked.  RA. */
	buf_add_byte(b, (uint8_t)(0x80 | (flags & 0x79)));
	buf_add_byte(b, (uint8_t)(0x80 | rcode));
	add_u16(b, q ? 1 : 0);
	add_u16(b, answer ? 1 : 0);
	add_u16(b, 0);
	add_u16(b, 0);
	if (q) {
		buf_add(b, q->question);
	}
	if (answer) {
		add_u16(b, 0xc000 | HEADER);
		add_u16(b, TYPE_A);
		add_u16(b, CLASS_IN);
		add_u16(b, 0);
		add_u16(b, NAMES_TTL);
		add_u16(b, 4);
		buf_add(b, str_span(answer->bytes, 4));
	}
}

bool
names_localhost(const char *name)
{
	return strcmp(name, "localhost") == 0 ||
	       str_ends(str_of(name), STR(".localhost"));
}

static enum rcode
answer_address(struct names_pool *p, const char *name,
    struct names_addr *answer, bool *found)
{
	struct err e = { 0 };

	if (names_localhost(name)) {
		*answer = (struct names_addr){ 4, { 127, 0, 0, 1 } };
	} else if (names_pool_add(p, name, answer, &e)) {
		return REFUSED;
	}
	*found = true;
	return NOERROR;
}

void
names_dns_answer(struct names_pool *p, struct str packet, struct buf *reply)
{
	struct query q = { 0 };
	struct names_addr answer;
	char name[NAMES_HOST_SIZE];
	struct err e = { 0 };
	bool found = false;

	buf_clear(reply);
	if (packet.len < HEADER || ((uint8_t)packet.at[2] & 0x80)) {
		return; /* no query: not worth a packet */
	}
	if ((uint8_t)packet.at[2] & 0x78) {
		add_reply(reply, packet, NOTIMP, NULL, NULL);
		return;
	}
	if (!read_query(packet, &q)) {
		add_reply(reply, packet, FORMERR, NULL, NULL);
		return;
	}
	enum rcode rcode = NOERROR;

	if (q.class != CLASS_IN) {
		rcode = REFUSED;
	} else if (q.type >= TYPE_IXFR || q.type == TYPE_OPT) {
		rcode = NOTIMP;
	} else if (q.type == TYPE_PTR || !q.named ||
	           name_canonical(str_of(q.name), name, &e)) {
		rcode = NXDOMAIN;
	} else if (q.type == TYPE_A) {
		rcode = answer_address(p, name, &answer, &found);
	}
	add_reply(reply, packet, rcode, &q, found ? &answer : NULL);
}
