/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

/*
 * What one egress carries: connections of its cell (or core's own requests),
 * each turned into an intent, held until somebody decides, then sent to the
 * one checked address with the credential put in at the point of use, or
 * answered with a typed 403.  DESIGN has the states and every check.
 *
 * The room speaks to nobody but the cell and the upstream: asking (intent,
 * name, credential) goes out through the ops and comes back by a call below,
 * in any later turn or from inside the op.  Ids are this room's own and never
 * repeat; an answer to an id that has gone is ignored (a go for one is
 * reported as a failed outcome, so that each go has exactly one).
 */

#include "base/base.h"
#include "digest/digest.h"
#include "http/http.h"
#include "loop/loop.h"
#include "names/names.h"
#include "proxy/asked.h"
#include "tls/tls.h"

#define PROXY_CONNECTIONS 256   /* of one cell; more are closed at once */
#define PROXY_COMMANDS    65536 /* bytes of a push before its pack */
#define PROXY_TUNNELS     12    /* rules of protocol = "tcp" */
#define PROXY_NEEDLE_MIN  8 /* bytes: a shorter credential is not looked for */
#define PROXY_BUFFER      65536 /* bytes held in each direction */
#define PROXY_SPOOL       ((size_t)256 * 1024) /* of a body read before its go */
#define PROXY_WHOLE       ((size_t)16 * 1024 * 1024) /* for all such bodies */
#define PROXY_OPENING     ((size_t)32 * 1024 * 1024) /* for bodies in codings */
#define PROXY_LINGER      (2 * CLOCK_SECOND) /* of a body, behind its answer */
#define PROXY_KEPT        PROXY_CONNECTIONS /* to upstreams, that wait for use */

struct proxy;

struct proxy_answer {
	unsigned status;
	struct str content_type;
	struct str challenge; /* WWW-Authenticate of a 401, or empty */
	struct str retry_after;
	struct str body;
};

/* How the room asks; every call may be answered from inside. */
struct proxy_ops {
	void (*intent)(void *context, const struct proxy_intent *intent);
	void (*outcome)(void *context, const struct proxy_outcome *outcome);
	void (*resolve)(void *context, uint64_t id, const char *name);
	void (*redeem)(void *context, uint64_t id, uint64_t grant,
	    const char *host, uint16_t port);
	/* The whole answer of a token endpoint: what of it the cell may have
	 * goes to `out`. */
	void (*captured)(void *context, uint64_t id, const struct proxy_go *go,
	    const struct proxy_answer *answer, struct buf *out);
	/* A fetch is over: answer, or NULL and e. */
	void (*fetched)(void *context, uint64_t id,
	    const struct proxy_answer *answer, const struct err *e);
};

struct proxy_times {      /* microseconds; 0 takes the default behind it */
	int64_t head;     /* 10 s: first byte to whole head, TLS included */
	int64_t idle;     /* 60 s: between requests of a connection */
	int64_t decision; /* 30 s: for intent, name and credential each */
	int64_t dial;     /* 10 s: connect and TLS, each address */
	int64_t stall;    /* 300 s: no byte moved in either direction */
	int64_t pipe; /* 1 h: a tunnel or WebSocket on which nothing moves */
	int64_t kept; /* 15 s: an upstream connection without use */
};

struct proxy_setup {
	struct loop *loop;
	const struct proxy_ops *ops;
	void *context;
	struct tls_ca *ca;       /* NULL: serves no cell */
	struct names_pool *pool; /* NULL: serves no cell */
	struct tls_trust *roots;
	struct names_own own; /* the host's addresses; must stay */
	struct proxy_times times;
	size_t kept_max; /* 0: PROXY_KEPT */
};

struct proxy *proxy_new(const struct proxy_setup *setup);
/* Closes everything it carries, without outcomes; NULL is nothing. */
void proxy_free(struct proxy *p);
/* The same, with a failed outcome for each request that had its go: the lease
 * is over, or the vault went.  The proxy stays usable. */
void proxy_close_all(struct proxy *p, const char *why);
size_t proxy_carried(const struct proxy *p);
size_t proxy_kept(const struct proxy *p);

/* A connection that the cell dialled to `to`:`port`; takes fd. */
void proxy_carry(
    struct proxy *p, int fd, const struct names_addr *to, uint16_t port);

/* Connections to these are tunnels: asked about at once, never read.  Only a
 * hint: whether one may be, the answer says. */
struct proxy_tunnel {
	struct names_pattern host;
	uint16_t port;
};
void proxy_tunnels(
    struct proxy *p, const struct proxy_tunnel *at, size_t count);
/* Another policy is in force: what an older one allowed is closed. */
void proxy_policy(struct proxy *p, const struct digest *policy);

/* The answers. */
/* Not yet: a person will look at it, and its body must be known.  That is read
 * whole, at most PROXY_SPOOL bytes, and the request becomes another intent that
 * says so and has what is shown; or it is refused. */
void proxy_read_body(struct proxy *p, uint64_t id);
void proxy_go(struct proxy *p, uint64_t id, const struct proxy_go *go);
void proxy_refuse(
    struct proxy *p, uint64_t id, const struct proxy_refusal *refusal);
/* found NULL: e says why. */
void proxy_resolved(struct proxy *p, uint64_t id,
    const struct names_found *found, const struct err *e);
/* secret.at NULL: e says why.  The caller wipes its copy afterwards. */
void proxy_credential(
    struct proxy *p, uint64_t id, struct str secret, const struct err *e);

/* A request of our own house, already allowed: same way out, same checks. */
struct proxy_fetch {
	const char *method;
	const char *host; /* canonical */
	uint16_t port;
	const char *target;  /* path and query */
	const char *headers; /* "Name: value\r\n" lines */
	struct str body;     /* copied */
	int64_t timeout_us;
	uint64_t answer_limit;
	struct proxy_go go;
};
/* Gives the id that `fetched` and the answers above will name. */
int proxy_fetch(struct proxy *p, const struct proxy_fetch *asked, uint64_t *id,
    struct err *e) MUST_CHECK;

#endif
