/* SPDX-License-Identifier: Apache-2.0 */
#include "names/own.h"

#include <arpa/inet.h>
#include <string.h>

bool
names_addr_parse(struct str text, struct names_addr *out)
{
	char z[NAMES_ADDR_TEXT];
	struct names_addr a = { 0 };

	if (!str_copy(z, sizeof(z), text)) {
		return false;
	}
	/* inet_pton takes no octal, no hexadecimal, no short form. */
	if (inet_pton(AF_INET, z, a.bytes) == 1) {
		a.family = 4;
	} else if (inet_pton(AF_INET6, z, a.bytes) == 1) {
		a.family = 6;
	} else {
		return false;
	}
	*out = a;
	return true;
}

void
names_addr_text(const struct names_addr *a, char text[NAMES_ADDR_TEXT])
{
	must(a->family == 4 || a->family == 6);
	must(inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->bytes, text,
	    NAMES_ADDR_TEXT));
}

static size_t
width(const struct names_addr *a)
{
	return a->family == 4 ? 4 : 16;
}

bool
names_addr_eq(const struct names_addr *a, const struct names_addr *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, width(a));
}

static struct names_addr
inner_v4(const struct names_addr *a, size_t at, uint8_t flip)
{
	struct names_addr v4 = { .family = 4 };

	for (size_t i = 0; i < 4; i++) {
		v4.bytes[i] = a->bytes[at + i] ^ flip;
	}
	return v4;
}

struct names_addr
addr_unmapped(const struct names_addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (a->family == 6 && !memcmp(a->bytes, mapped, sizeof(mapped))) {
		return inner_v4(a, 12, 0);
	}
	return *a;
}

/* --- networks ------------------------------------------------------------ */

static bool
prefix_eq(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8;
	uint8_t mask = (uint8_t)(0xff00u >> bits % 8);

	return !memcmp(a, b, whole) &&
	       (bits % 8 == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

static bool
host_bits_zero(const struct names_cidr *c)
{
	for (size_t bit = c->bits; bit < 8 * width(&c->net); bit++) {
		if (c->net.bytes[bit / 8] & 0x80u >> bit % 8) {
			return false;
		}
	}
	return true;
}

int
names_cidr_parse(struct str text, struct names_cidr *out, struct err *e)
{
	struct names_cidr c;
	struct str bits = text;
	struct str net;
	uint64_t n;

	if (!str_cut(&bits, '/', &net) || !names_addr_parse(net, &c.net) ||
	    !str_u64(bits, &n) || (bits.len > 1 && bits.at[0] == '0') ||
	    n > 8 * width(&c.net)) {
		return err_set(e, ERR_INPUT,
		    "'%s' is no network (expected 10.0.0.0/8 or fd00::/8)",
		    err_quote(text));
	}
	c.bits = (uint8_t)n;
	if (!host_bits_zero(&c)) {
		return err_set(e, ERR_INPUT, "'%s' has bits set behind its /%u",
		    err_quote(text), c.bits);
	}
	*out = c;
	return 0;
}

bool
names_cidr_has(const struct names_cidr *c, const struct names_addr *a)
{
	return c->net.family == a->family &&
	       prefix_eq(c->net.bytes, a->bytes, c->bits);
}

/* --- classes ------------------------------------------------------------- */

static const struct {
	const char *name;
	enum names_opens opens;
} classes[] = {
#define CLASS(id, name, opens) [NAMES_##id] = { name, opens },
#define NET(id, text)
#include "names/classes.def"
#undef CLASS
#undef NET
};

static const struct {
	enum names_class class;
	struct str text;
} nets[] = {
#define CLASS(id, name, opens)
#define NET(id, text) { NAMES_##id, STR(text) },
#include "names/classes.def"
#undef CLASS
#undef NET
};

static struct names_cidr net_cidr[COUNT(nets)];

static const struct names_cidr *
net_at(size_t i)
{
	if (!net_cidr[i].net.family) {
		struct err e = { 0 };

		must(!names_cidr_parse(nets[i].text, &net_cidr[i], &e));
	}
	return &net_cidr[i];
}

/* The class of the most specific network that holds all of c. */
static enum names_class
class_of_net(const struct names_cidr *c)
{
	enum names_class found =
	    c->net.family == 4 ? NAMES_GLOBAL : NAMES_RESERVED;
	int best = -1;

	for (size_t i = 0; i < COUNT(nets); i++) {
		const struct names_cidr *n = net_at(i);

		if (n->bits <= c->bits && n->bits > best &&
		    names_cidr_has(n, &c->net)) {
			best = n->bits;
			found = nets[i].class;
		}
	}
	return found;
}

static enum names_class
class_plain(const struct names_addr *a)
{
	struct names_cidr one = { *a, (uint8_t)(8 * width(a)) };

	return class_of_net(&one);
}

/* The IPv4 addresses that an IPv6 one leads to, other than as it is meant:
 * through NAT64, 6to4, or Teredo (its server and its client). */
static size_t
leads_to(const struct names_addr *a, struct names_addr v4[2])
{
	static const uint8_t nat64[12] = { 0, 0x64, 0xff, 0x9b };

	if (a->family == 4) {
		return 0;
	}
	if (!memcmp(a->bytes, nat64, sizeof(nat64))) {
		v4[0] = inner_v4(a, 12, 0);
		return 1;
	}
	if (a->bytes[0] == 0x20 && a->bytes[1] == 0x02) {
		v4[0] = inner_v4(a, 2, 0);
		return 1;
	}
	if (!memcmp(a->bytes, "\x20\x01\x00\x00", 4)) {
		v4[0] = inner_v4(a, 4, 0);
		v4[1] = inner_v4(a, 12, 0xff);
		return 2;
	}
	return 0;
}

enum names_class
names_addr_class(const struct names_addr *a)
{
	struct names_addr plain = addr_unmapped(a);
	struct names_addr v4[2];
	size_t count = leads_to(&plain, v4);
	enum names_class worst = class_plain(count ? &v4[0] : &plain);

	for (size_t i = 1; i < count; i++) {
		enum names_class class = class_plain(&v4[i]);

		worst = class > worst ? class : worst;
	}
	return worst;
}

const char *
names_class_name(enum names_class c)
{
	must(c < COUNT(classes));
	return classes[c].name;
}

enum names_opens
names_class_opens(enum names_class c)
{
	must(c < COUNT(classes));
	return classes[c].opens;
}

bool
names_cidr_may_open(const struct names_cidr *c)
{
	if (names_class_opens(class_of_net(c)) > NAMES_BY_CIDR) {
		return false;
	}
	/* Metadata addresses inside stay closed one by one; any other closed
	 * network inside means that too much was asked for. */
	for (size_t i = 0; i < COUNT(nets); i++) {
		const struct names_cidr *n = net_at(i);

		if (n->bits > c->bits && names_cidr_has(c, &n->net) &&
		    nets[i].class != NAMES_METADATA &&
		    names_class_opens(nets[i].class) > NAMES_BY_CIDR) {
			return false;
		}
	}
	return true;
}

/* A07: one of own, or a way to one. */
static bool
is_own(const struct names_own *own, const struct names_addr *plain)
{
	struct names_addr v4[2];
	size_t count = leads_to(plain, v4);
	bool found = false;

	for (size_t i = 0; own && i < own->count; i++) {
		struct names_addr mine = addr_unmapped(&own->at[i]);

		found |= names_addr_eq(&mine, plain) ||
		         (count > 0 && names_addr_eq(&mine, &v4[0])) ||
		         (count > 1 && names_addr_eq(&mine, &v4[1]));
	}
	return found;
}

int
names_addr_check(const struct names_addr *a, const struct names_own *own,
    const struct names_cidr *cidr, struct err *e)
{
	enum names_class class = names_addr_class(a);
	enum names_opens opens = names_class_opens(class);
	struct names_addr plain = addr_unmapped(a);
	char text[NAMES_ADDR_TEXT];

	names_addr_text(a, text);
	if (is_own(own, &plain)) {
		return err_set(e, ERR_DENIED,
		    "%s is an address of this host itself", text);
	}
	if (opens == NAMES_OPEN ||
	    (opens == NAMES_BY_CIDR && cidr && names_cidr_has(cidr, &plain))) {
		return 0;
	}
	return err_set(e, ERR_DENIED, "%s is not dialled: %s address", text,
	    names_class_name(class));
}
