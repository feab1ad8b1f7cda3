/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAMES_NAMES_H
#define NAMES_NAMES_H

/*
 * Host names, addresses and DNS: one canonical form of each, so that what is
 * judged is what is dialled.  Sources: RFC 1035, 1123, 5891 (IDNA2008), 6761,
 * 6890, the Public Suffix List.  No file is read after names_resolver_new.
 */

#include "base/base.h"

#define NAMES_HOST_SIZE   254 /* 253 bytes and the NUL */
#define NAMES_ADDR_TEXT   46
#define NAMES_POOL_MAX    4096 /* names of one cell */
#define NAMES_ANSWERS_MAX 16   /* addresses kept of one lookup */
#define NAMES_QUERY_MAX   1232 /* bytes of a query that are looked at */

struct loop;

/* --- addresses ---------------------------------------------------------- */

struct names_addr {
	uint8_t family;    /* 4 or 6 */
	uint8_t bytes[16]; /* network order; the first 4 for family 4 */
};

/* Only a canonical dotted quad or RFC 4291 text without zone or brackets. */
bool names_addr_parse(struct str text, struct names_addr *out);
void names_addr_text(const struct names_addr *a, char text[NAMES_ADDR_TEXT]);
bool names_addr_eq(const struct names_addr *a, const struct names_addr *b);

/* What may open an address of a class to a cell. */
enum names_opens {
	NAMES_OPEN,    /* any allowing rule */
	NAMES_BY_CIDR, /* only a rule that names the network, or a pin */
	NAMES_BY_PIN,  /* only the operator's `upstream =` */
	NAMES_NEVER,
};
enum names_class {
#define CLASS(id, name, opens) NAMES_##id,
#define NET(id, text)
#include "names/classes.def"
#undef CLASS
#undef NET
};
/* An IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4) has the class
 * of that; Teredo carries two, and has the worse. */
enum names_class names_addr_class(const struct names_addr *a);
const char *names_class_name(enum names_class c);
enum names_opens names_class_opens(enum names_class c);

struct names_cidr {
	struct names_addr net; /* host bits are zero */
	uint8_t bits;
};
int names_cidr_parse(struct str text, struct names_cidr *out,
    struct err *e) MUST_CHECK; /* "10.0.0.0/8"; host bits set is ERR_INPUT */
bool names_cidr_has(const struct names_cidr *c, const struct names_addr *a);
/* A09: may a rule open it?  All of it must lie in BY_CIDR or OPEN classes. */
bool names_cidr_may_open(const struct names_cidr *c);

struct sockaddr;
struct sockaddr_storage;
/* Of a socket's address; false: it is of another family. */
bool names_addr_read(const struct sockaddr *at, struct names_addr *out);
/* As a socket takes it, with its family and port; gives its size in bytes. */
uint32_t names_addr_write(
    const struct names_addr *a, uint16_t port, struct sockaddr_storage *at);

/* The host's own interface addresses, given by whoever may ask the kernel. */
struct names_own {
	const struct names_addr *at;
	size_t count;
};
/* May an allowed request dial it?  ERR_DENIED with the class named; own (may
 * be NULL) and cidr (may be NULL: none opened by the rule). */
int names_addr_check(const struct names_addr *a, const struct names_own *own,
    const struct names_cidr *cidr, struct err *e) MUST_CHECK;

/* Asks the kernel, for what has become the host's own since own was read: does
 * a packet from here leave this host?  ERR_DENIED: it does not; ERR_IO: no
 * socket to ask with. */
int names_addr_elsewhere(
    const struct names_addr *given, struct err *e) MUST_CHECK;

/* --- hosts -------------------------------------------------------------- */

struct names_host {
	bool is_addr;               /* text is an IP literal without brackets */
	struct names_addr addr;     /* when is_addr */
	char text[NAMES_HOST_SIZE]; /* lower case, A-labels, no final dot */
};

/* Hostile text to the one canonical form.  IPv6 only in brackets.  A name that
 * ends in a number but is no dotted quad (0x7f.1, 127.1, 010.…) is refused. */
int names_host_parse(
    struct str hostile, struct names_host *out, struct err *e) MUST_CHECK;
/* host[:port]; default_port 0: the port must stand there.  No "007", no 0. */
int names_hostport_parse(struct str hostile, uint16_t default_port,
    struct names_host *host, uint16_t *port, struct err *e) MUST_CHECK;

struct names_pattern {
	bool wild; /* "*.suffix": one or more labels before it */
	struct names_host host;
};
/* A host or "*.suffix"; every other '*' and a public suffix is ERR_INPUT. */
int names_pattern_parse(
    struct str text, struct names_pattern *out, struct err *e) MUST_CHECK;
bool names_pattern_match(
    const struct names_pattern *p, const struct names_host *host);

/* --- the names of one cell ---------------------------------------------- */

struct names_pool; /* 198.18.0.0/15; an address is never given twice */

struct names_pool *names_pool_new(void);
void names_pool_free(struct names_pool *p); /* NULL is nothing */
/* The address of a canonical name, given on first sight; ERR_LIMIT when full.
 */
int names_pool_add(struct names_pool *p, const char *name,
    struct names_addr *out, struct err *e) MUST_CHECK;
/* NULL: never issued here. */
const char *names_pool_name(
    const struct names_pool *p, const struct names_addr *a);
bool names_pool_range(const struct names_addr *a); /* 198.18.0.0/15 at all */
size_t names_pool_count(const struct names_pool *p);

/* localhost, and what ends in it (RFC 6761, 6.3). */
bool names_localhost(const char *name);

/* One UDP datagram of a cell.  *reply is empty where nothing must be answered
 * (no DNS query at all); else the datagram to send back, <= 512 bytes.  Nothing
 * is ever looked up.  `localhost` is 127.0.0.1 (RFC 6761); DESIGN lists the
 * other answers. */
void names_dns_answer(
    struct names_pool *p, struct str packet, struct buf *reply);

/* --- asking the host's resolvers (c-ares) -------------------------------- */

struct names_resolver;

struct names_found {
	struct names_addr at[NAMES_ANSWERS_MAX]; /* as the servers gave them */
	size_t count;                            /* >= 1 */
};
/* e->kind is ERR_NONE with found, else found is NULL: ERR_MISSING (no such
 * name), ERR_TIMEOUT, ERR_UNAVAILABLE (servers failed). */
typedef void names_done(
    void *context, const struct names_found *found, const struct err *e);

/* Reads /etc/resolv.conf now, never /etc/hosts.  servers: NULL, or comma list
 * of addresses (with :port) instead of that file. */
int names_resolver_new(struct loop *l, const char *servers,
    struct names_resolver **out, struct err *e) MUST_CHECK;
/* Answers what is open with ERR_UNAVAILABLE, then frees. */
void names_resolver_free(struct names_resolver *r);
/* A and AAAA of a canonical name, once; done is called exactly once, never
 * from inside this call. */
void names_resolve(struct names_resolver *r, const char *name,
    int64_t timeout_us, names_done *done, void *context);

#endif
