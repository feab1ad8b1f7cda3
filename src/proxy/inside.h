/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_INSIDE_H
#define PROXY_INSIDE_H

/* What the files of this room share. */

#include "proxy/fetch.h"
#include "proxy/own.h"
#include "proxy/road.h"

/* --- a connection of the cell ------------------------------------------- */

enum conn_state {
	CONN_FIRST,
	CONN_SHAKE,
	CONN_HEAD,
	CONN_COMMANDS,
	CONN_ASKED,
	CONN_SPOOL,  /* its body is read whole before the decision */
	CONN_GATHER, /* go: the whole body is needed before it is changed */
	CONN_CARRY,
	CONN_TWO,  /* HTTP/2: its streams are connections of their own */
	CONN_PIPE, /* a tunnel, or a WebSocket behind its 101 */
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
	bool asked;         /* request holds one */
	bool body_done;     /* its body was read to the end */
	bool continued;     /* 100 was sent */
	bool answered;      /* the head of an answer was sent */
	bool chunked;       /* that answer's body is */
	bool close;         /* nothing follows it */
	bool renewed;       /* it was asked about again, after a 401 */
	bool spooled;       /* held is its whole body, and has not left */
	bool shown;         /* a person will look at it */
	struct mono missed; /* since it was dialled: who did nothing for it */
	uint64_t id; /* of its intent; 0: none yet; see proxy_conn_number */
	struct conn *beside; /* another of its row in proxy.numbered */
	struct mono since;
	struct proxy_origin origin;
	struct proxy_request request;
	struct proxy_commands *commands;
	struct buf held;     /* body read before the decision */
	struct scrub search; /* of the body, for what it must not bring */
	struct buf kept;     /* the answer of a token endpoint */
	struct up *up;
	struct link link;
	struct http_reader reader;
	struct loop_timer timer;
	size_t thrown;          /* bytes, while lingering */
	struct http_two *two;   /* of CONN_TWO, as are: */
	struct stream *streams; /* those that live */
	struct loop_timer stop; /* of bodies behind their answers */
	int32_t newest;         /* stream that began in it */
	struct stream *stream;  /* that this one serves; NULL: a socket */
	/* of a pipe */
	bool end_up, end_down; /* the end of that side was passed on */
	bool message_began;    /* a fragment of it went to the cell */
	struct http_socket from_cell;
	struct http_socket from_up;
	struct buf control; /* of a control frame in pieces */
};

void proxy_conn_new(struct proxy *p, int fd, const struct proxy_origin *origin);
void proxy_conn_turn(void *owner);
void proxy_conn_go(struct conn *c, const struct proxy_go *go);
void proxy_conn_refuse(struct conn *c, const struct proxy_refusal *r);
/* Ends it at once; a request that had its go gets a failed outcome. */
void proxy_conn_abort(struct conn *c, const char *why);
void proxy_conn_free(struct conn *c);
/* From now on its id; what is said of that id finds it.  0: it has none. */
void proxy_conn_number(struct conn *c, uint64_t id);
/* Sends a typed answer of our own, once; says so when there is no intent. */
void proxy_conn_answer(struct conn *c, const struct proxy_refusal *r);
/* The outcome of the present request, or of none. */
void proxy_conn_outcome(
    struct conn *c, enum proxy_end end, unsigned status, const char *text);
void proxy_conn_arm(struct conn *c, int64_t us);
void proxy_conn_shut(struct conn *c); /* CLOSED, without an orderly end */
void proxy_conn_end(struct conn *c);  /* an orderly one, behind what was said */
/* Refused before there is an intent: one row, one typed answer, and the end. */
void proxy_conn_refuse_early(
    struct conn *c, unsigned status, const char *reason);
bool proxy_conn_body_over(struct conn *c); /* nothing of it is unread */
void proxy_conn_leave(struct conn *c);     /* CLOSED: both have said all */
/* hello.c */
bool proxy_conn_first(struct conn *c);
bool proxy_conn_hello(struct conn *c);
void proxy_conn_connect(struct conn *c, const struct http_head *head);
/* front.c */
void proxy_front_begin(struct conn *c);
bool proxy_front_step(struct conn *c);
void proxy_front_end(struct conn *c);   /* with its streams */
void proxy_front_over(struct conn *c);  /* nothing more happens in it */
void proxy_stream_gone(struct conn *c); /* the conn of a stream is freed */
bool proxy_stream_waits(const struct conn *c); /* part of its answer is here */
struct conn *proxy_conn_make(
    struct proxy *p, const struct proxy_origin *origin);
/* pipe.c */
int proxy_socket_asked(const struct http_head *head, struct err *e) MUST_CHECK;
/* The 101 of the upstream goes to the cell; what follows is a pipe. */
int proxy_conn_switch(
    struct conn *c, const struct http_head *answer, struct err *e) MUST_CHECK;
bool proxy_conn_pipe(struct conn *c); /* one step; true: something changed */
bool proxy_is_tunnel(const struct proxy *p, const struct proxy_origin *origin);
void proxy_conn_tunnel(struct conn *c); /* asks about one */
void proxy_conn_again(struct conn *c);  /* asks anew: its token was refused */
void proxy_conn_anew(struct conn *c);   /* the same: nobody did anything */
void proxy_conn_ask(struct conn *c, uint32_t stale);
void proxy_conn_begin(struct conn *c);    /* CARRY */
void proxy_conn_continue(struct conn *c); /* 100, where it is waited for */
/* spool.c: one step of GATHER, of SPOOL; true: something changed. */
bool proxy_conn_gather(struct conn *c);
bool proxy_conn_spooled(struct conn *c);
void proxy_conn_spool(struct conn *c); /* ASKED becomes SPOOL */
void proxy_body_look(struct conn *c);  /* before it leaves */
void proxy_body_known(const struct conn *c, struct proxy_intent *i);
/* shown.c */
void proxy_shown_make(
    struct arena *a, const struct conn *c, struct proxy_shown *out);
/* carry.c: one step of CARRY; true: something changed. */
bool proxy_conn_carry(struct conn *c);

#define PROXY_SPARES 64 /* exchanges; and two arenas for each */
#define PROXY_ROWS   64
#define PROXY_GIVEN  64 /* hosts; where there are more, it is said of all */

struct proxy {
	struct proxy_setup setup;
	struct conn *conns;
	struct conn *numbered[PROXY_ROWS]; /* with an id, by its remainder */
	struct fetch *fetches;
	struct compress_memory opening; /* of bodies of all connections */
	struct buf tunnels;             /* struct proxy_tunnel, some */
	struct needles *needles;        /* what this cell has used */
	struct buf given;        /* and where: hosts, each with a NUL behind */
	struct trusted *trusted; /* the latest first */
	struct road *roads;      /* HTTP/2 upstream */
	struct volume *volumes;  /* of each rule that bounds it */
	struct kept *kept;       /* the latest first */
	size_t kept_count;
	struct loop_timer kept_timer; /* armed while there is one */
	size_t carried;               /* connections */
	uint64_t last_id;
	struct {
		struct arena arena[2 * PROXY_SPARES];
		struct up *up[PROXY_SPARES];
		size_t arena_count;
		size_t up_count;
	} spares; /* spare.c */
};

/* spare.c: memory of requests that are over. */
void proxy_spare_take(struct proxy *p, struct arena *a);
void proxy_spare_give(struct proxy *p, struct arena *a); /* is empty then */
struct up *proxy_spare_up(struct proxy *p);              /* zeroed */
void proxy_spare_up_give(struct proxy *p, struct up *u);
void proxy_spares_close(struct proxy *p);
/* The last way that was kept was not asked for in time: the heap that requests
 * took is given back. */
void proxy_spares_rest(struct proxy *p);

/* R05: what is said of a failure may quote an upstream. */
void proxy_clean(const struct proxy *p, struct err *e);

#endif
