/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_UP_H
#define PROXY_UP_H

/* The way out of one request, and connections that are kept for another. */

#include "proxy/link.h"
#include "proxy/place.h"

enum up_state {
	UP_WAIT, /* for an equal way that another is making */
	UP_RESOLVE,
	UP_DIAL,
	UP_SHAKE,
	UP_REDEEM,
	UP_OPEN,
	UP_FAILED, /* err says why; refused: it was this room's own no */
	UP_DONE,   /* the answer has ended, the connection is kept */
};

#define UP_LEFT ((size_t)16 * 1024) /* of a body, to go once more */

/* What a connection was opened for: a kept one serves only its like. */
struct up_way {
	char host[NAMES_HOST_SIZE]; /* the name that was verified */
	uint16_t port;
	bool tls;
	bool two; /* HTTP/2 */
	bool pinned;
	struct names_addr at; /* the address that was dialled */
	uint16_t at_port;     /* of a pin */
	struct digest ca;     /* of the PEM it was verified by */
	struct digest policy; /* that allowed it */
	char credential[64];  /* that it carried, or "" */
	uint32_t version;
	struct mono born;
};

/* Bytes that a rule's requests have moved, those under way as well. */
struct volume {
	struct volume *next;
	char rule[64];
	uint64_t used;
};

/* The way out of one request; see DESIGN. */
struct up {
	struct proxy *proxy;
	uint64_t id;
	enum up_state state;
	bool refused;
	bool injected;
	bool unlent;    /* nobody was there to redeem its grant */
	bool head_done; /* the final head of the answer was read */
	const struct proxy_request *request;
	struct proxy_go go;
	struct trusted *trust; /* of go.ca; NULL: the roots */
	struct names_addr at[NAMES_ANSWERS_MAX];
	size_t count;
	size_t next;       /* address to dial after this one fails */
	struct link *link; /* NULL: none yet, or given back */
	bool woken;        /* what it waited for is there, or will not be */
	/* of HTTP/2 */
	struct road *road;    /* that link is of; NULL: it is our own */
	struct up *beside;    /* on the same road */
	struct http_two *two; /* of the road */
	bool stirred;         /* something came for it */
	bool full;            /* it found no room for its body */
	int32_t stream;
	struct buf text; /* of the answer by two, as HTTP/1.1 */
	bool text_end;
	bool text_closed;
	bool untaken; /* the upstream did nothing for it (RFC 9113 8.7) */
	bool reused;  /* link was kept from another request */
	struct up_way way;
	/* to go once more, until a byte of an answer has come */
	bool asks; /* its owner can ask about it anew */
	bool keeps;
	bool missed;        /* it may, and must be asked about anew for it */
	bool again;         /* it does, on a connection that is younger */
	bool ended;         /* its body has */
	struct buf left;    /* its body, as far as it has left */
	struct buf secret;  /* until it leaves */
	struct buf *whole;  /* the body, where the credential goes into it */
	struct scrub scrub; /* of the answer's body */
	struct compress_memory *opening;
	struct http_reader reader;
	struct loop_timer timer;
	size_t taken;      /* bytes of link.in behind the last event */
	struct mono moved; /* a byte of the exchange moved */
	uint64_t sent;     /* body bytes */
	uint64_t got;
	struct volume *volume; /* of its rule; NULL: not bounded */
	struct err err;
	loop_fn *turn;
	void *owner;
};

/* Never calls turn from inside; begin may leave UP_FAILED. */
struct up *proxy_up_new(struct proxy *p, uint64_t id,
    const struct proxy_request *request, const struct proxy_go *go);
void proxy_up_begin(struct up *u, loop_fn *turn, void *owner);
void proxy_up_free(struct up *u); /* NULL is nothing */
bool proxy_up_step(struct up *u); /* true: something changed */
void proxy_up_resolved(
    struct up *u, const struct names_found *found, const struct err *e);
void proxy_up_credential(struct up *u, struct str secret, const struct err *e);
void proxy_up_fail(struct up *u, bool refused, const struct err *e);
bool proxy_up_room(struct up *u);
/* NULL: its rule does not bound it. */
struct volume *proxy_volume_of(struct proxy *p, const struct proxy_go *go);
/* Before they move, either way: ERR_LIMIT: all of the rule is used up. */
int proxy_up_count(struct up *u, size_t bytes, struct err *e) MUST_CHECK;
/* Framed as the head said; ERR_LIMIT: over the rule's bound. */
int proxy_up_body(struct up *u, struct str bytes, struct err *e) MUST_CHECK;
void proxy_up_body_end(struct up *u);
void proxy_up_forget(struct up *u); /* it does not go once more */
/* The next event of the answer; HTTP_MORE: nothing now.  data stays until
 * proxy_up_used, which follows every event. */
int proxy_up_read(
    struct up *u, struct http_event *ev, struct err *e) MUST_CHECK;
void proxy_up_used(struct up *u);
/* The exchange is complete both ways: what is clean may serve another. */
void proxy_up_keep(struct up *u);
void proxy_up_settle(struct up *u); /* NULL is nothing */
/* A kept connection gave no answer to a safe request: a fresh one is tried. */
bool proxy_up_again(struct up *u);
/* The answer's head has come: may its body be read, and how? */
int proxy_up_scrub(struct up *u, const struct http_head *answer, bool rewrite,
    struct err *e) MUST_CHECK;
/* speak.c: sends the head, with the secret where the go says. */
int proxy_up_say(struct up *u, struct str secret, struct err *e) MUST_CHECK;

/* --- the rules' own CAs: trust.c ------------------------------------------ */

#define PROXY_CAS 16 /* that are remembered; core counts on it */

struct trusted {
	struct trusted *next;
	struct digest ca; /* of its PEM */
	struct tls_trust *trust;
	size_t users;
};

/* pem may be empty where it was given before.  Given back after use. */
int proxy_trust_take(struct proxy *p, struct digest ca, struct str pem,
    struct trusted **out, struct err *e) MUST_CHECK;
/* The CA that came with a go is kept, whatever becomes of its request: core
 * gives each only once. */
void proxy_trust_keep(struct proxy *p, const struct proxy_go *go);
void proxy_trust_give(struct trusted *t); /* NULL is nothing */
void proxy_trust_close(struct proxy *p);

/* --- kept connections: pool.c -------------------------------------------- */

#define PROXY_KEPT_LIFE   (60 * CLOCK_SECOND) /* since it was dialled */
#define PROXY_KEPT_UNSAFE CLOCK_SECOND /* idle, for what cannot be repeated */

struct kept {
	struct kept *next, *previous;
	struct proxy *proxy;
	struct link *link;
	struct up_way way;
	struct mono since;
};

/* Takes link; closes it where it cannot be kept. */
void proxy_pool_put(
    struct proxy *p, struct link *link, const struct up_way *way);
/* One that is open and still allowed, or NULL; way learns its address. */
struct link *proxy_pool_take(
    struct proxy *p, struct up_way *way, int64_t idle_max);
void proxy_pool_policy(struct proxy *p, const struct digest *policy);
void proxy_pool_close(struct proxy *p);
bool proxy_way_eq(const struct up_way *a, const struct up_way *b);

#endif
