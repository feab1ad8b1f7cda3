/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_INSIDE_H
#define PROXY_INSIDE_H

/* What the files of this room share. */

#include "proxy/head.h"
#include "proxy/link.h"

enum up_state {
	UP_RESOLVE,
	UP_DIAL,
	UP_SHAKE,
	UP_REDEEM,
	UP_OPEN,
	UP_FAILED, /* err says why; refused: it was this room's own no */
};

/* The way out of one request; see DESIGN. */
struct up {
	struct proxy *proxy;
	uint64_t id;
	enum up_state state;
	bool refused;
	bool injected;
	bool head_done; /* the final head of the answer was read */
	const struct proxy_request *request;
	struct proxy_go go;
	struct tls_trust *trust; /* of go.ca; NULL: the roots */
	struct names_addr at[NAMES_ANSWERS_MAX];
	size_t count;
	size_t next; /* address to dial after this one fails */
	struct link link;
	struct http_reader reader;
	struct loop_timer timer;
	size_t taken;      /* bytes of link.in behind the last event */
	struct mono moved; /* a byte of the exchange moved */
	uint64_t sent;     /* body bytes */
	uint64_t got;
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
bool proxy_up_room(const struct up *u);
void proxy_up_body(
    struct up *u, struct str bytes); /* framed as the head said */
void proxy_up_body_end(struct up *u);
/* The next event of the answer; HTTP_MORE: nothing now.  data stays until
 * proxy_up_used, which follows every event. */
int proxy_up_read(
    struct up *u, struct http_event *ev, struct err *e) MUST_CHECK;
void proxy_up_used(struct up *u);

/* --- a connection of the cell ------------------------------------------- */

enum conn_state {
	CONN_FIRST,
	CONN_SHAKE,
	CONN_HEAD,
	CONN_COMMANDS,
	CONN_ASKED,
	CONN_CARRY,
	CONN_ANSWER,
	CONN_LINGER,
	CONN_CLOSED,
};

struct conn {
	struct conn *next, *previous;
	struct proxy *proxy;
	enum conn_state state;
	bool turning; /* inside proxy_conn_turn */
	bool again;   /* something changed meanwhile */
	bool tunnel;  /* behind a CONNECT */
	bool any;     /* a whole head was read on it */
	/* of the present request */
	bool asked;     /* request holds one */
	bool body_done; /* its body was read to the end */
	bool continued; /* 100 was sent */
	bool answered;  /* the head of an answer was sent */
	bool chunked;   /* that answer's body is */
	bool close;     /* nothing follows it */
	uint64_t id;    /* of its intent; 0: none yet */
	struct mono since;
	struct proxy_origin origin;
	struct proxy_request request;
	struct proxy_commands *commands;
	struct buf held; /* body read before the decision */
	struct up *up;
	struct link link;
	struct http_reader reader;
	struct loop_timer timer;
	size_t thrown; /* bytes, while lingering */
};

void proxy_conn_new(struct proxy *p, int fd, const struct proxy_origin *origin);
void proxy_conn_turn(void *owner);
void proxy_conn_go(struct conn *c, const struct proxy_go *go);
void proxy_conn_refuse(struct conn *c, const struct proxy_refusal *r);
/* Ends it at once; a request that had its go gets a failed outcome. */
void proxy_conn_abort(struct conn *c, const char *why);
void proxy_conn_free(struct conn *c);
/* Sends a typed answer of our own, once; says so when there is no intent. */
void proxy_conn_answer(struct conn *c, const struct proxy_refusal *r);
/* The outcome of the present request, or of none. */
void proxy_conn_outcome(
    struct conn *c, enum proxy_end end, unsigned status, const char *text);
void proxy_conn_arm(struct conn *c, int64_t us);
void proxy_conn_shut(struct conn *c); /* CLOSED, without an orderly end */
/* carry.c: one step of CARRY; true: something changed. */
bool proxy_conn_carry(struct conn *c);

/* --- a request of the house --------------------------------------------- */

struct fetch {
	struct fetch *next, *previous;
	struct proxy *proxy;
	bool turning;
	bool again;
	bool over; /* fetched was called */
	bool body_done;
	uint64_t id;
	uint64_t limit;
	struct buf bytes; /* the request as it would have come from a cell */
	size_t at;        /* bytes of it read */
	struct http_reader reader;
	struct proxy_request request;
	struct up *up;
	unsigned status;
	char content_type[128];
	struct buf answer;
	struct loop_timer timer;
};

void proxy_fetch_turn(void *owner);
void proxy_fetch_abort(struct fetch *f, const char *why);
void proxy_fetch_free(struct fetch *f);

struct proxy {
	struct proxy_setup setup;
	struct conn *conns;
	struct fetch *fetches;
	size_t carried; /* connections */
	uint64_t last_id;
};

#endif
