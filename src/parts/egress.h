/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_EGRESS_H
#define PARTS_EGRESS_H

/*
 * The one door out.  `--mode own`: core's own requests, a child of the
 * supervisor (fd 3 supervisor, fd 4 core).  `--mode zygote`: fd 3 is the
 * sandbox part; forks one egress per cell, which keeps that cell's listeners,
 * its channel to core, and what core sends on it.
 *
 *	egress.c         start, the two modes, losing power
 *	egress_zygote.c  fork on EGRESS_FORK, ends on the child's end
 *	egress_cell.c    listeners, names, lease of one cell
 *	egress_peers.c   proxy's questions as records, records as its answers
 *	egress_intent.c  what a cell asks for
 *	egress_fetch.c   requests of the house
 *	egress_rules.c   what is in force for a cell
 *	egress_capture.c tokens of an answer, to the vault
 */

#include "base/base.h"
#include "loop/loop.h"
#include "names/names.h"
#include "parts/part.h"
#include "proxy/proxy.h"
#include "tls/tls.h"
#include "wire/wire.h"

#define EGRESS_LISTENERS 4 /* tcp4, tcp6, udp4, udp6 */
#define EGRESS_OWN_MAX   64
#define EGRESS_CA_MAX    ((size_t)256 * 1024)

/* What every egress of this host shares; made once, before any power goes. */
struct egress_host {
	struct tls_trust *roots;
	struct names_addr own[EGRESS_OWN_MAX];
	size_t own_count;
};

/* A question that is out. */
struct egress_open {
	struct egress_open *next;
	uint64_t id;    /* the proxy's */
	uint64_t grant; /* of a redeem; 0: a look-up */
};

/* A request of the house under way. */
struct egress_fetch {
	struct egress_fetch *next;
	uint64_t id;   /* the proxy's */
	uint64_t core; /* core's */
	uint64_t grant;
	enum wire_capture capture;
	uint32_t assumed; /* seconds */
};

struct egress {
	uint64_t cell; /* 0: core's own */
	struct loop *loop;
	struct wire_peer *core;
	struct wire_peer *vault;    /* NULL: away */
	struct wire_peer *resolver; /* NULL: away */
	struct tls_ca *ca;
	struct names_pool *pool;
	struct proxy *proxy;
	struct egress_open *open; /* the oldest first */
	struct egress_open **open_end;
	uint64_t newest;    /* grant that core named */
	uint64_t forgotten; /* and all before it: the vault may not know them */
	struct wire_intents asking;    /* until nothing more is ready */
	size_t asking_text;            /* bytes of its text */
	struct wire_redeem redeem;     /* of this turn */
	struct wire_answered answered; /* as `asking` */
	struct egress_fetch *fetches;
	struct loop_timer lease;
	struct loop_signal ends; /* SIGTERM */
	bool lease_over;
	bool core_works; /* it was asked and has not spoken since */
	struct egress_marking *markings; /* egress_mark.c */
	uint64_t captured; /* the proxy's id: its tokens went to the vault */
	uint64_t unsaid;   /* refusals that core had no room to hear of */
	struct egress_listener {
		struct egress *egress;
		struct loop_io io;
		struct loop_timer rest;
		bool udp;
	} listeners[EGRESS_LISTENERS];
};

/* The egress of slot N runs as uid_base + N; 0: all keep our id. */
_Noreturn void egress_zygote(const struct egress_host *host, uint64_t uid_base);
/* In the forked child; fds are the listeners and the channel to core. */
_Noreturn void egress_cell(const struct egress_host *host, uint64_t cell,
    const int fds[EGRESS_LISTENERS + 1]);

/* Gives power up; uid 0 keeps the ids. */
int egress_jail(
    const char *name, uid_t uid, bool own, struct err *e) MUST_CHECK;

/* egress_peers.c */
extern const struct wire_handler egress_cell_handlers[];
extern const size_t egress_cell_handler_count;
extern const struct wire_handler egress_own_handlers[];
extern const size_t egress_own_handler_count;
extern const struct proxy_ops egress_ops;
void egress_proxy(struct egress *g, const struct egress_host *host);
/* False: no honest core sends it. */
bool egress_go_from(const struct wire_go *w, struct proxy_go *go);
void egress_granted(struct egress *g, uint64_t grant);
/* egress_intent.c */
/* A field of a record; what does not fit is our own bug. */
void egress_text(char *field, size_t size, const char *text);
void egress_intent(void *context, const struct proxy_intent *i);
void egress_intents_send(struct egress *g);  /* what waits, now */
void egress_answered_send(struct egress *g); /* egress_peers.c */
void egress_say(struct egress *g); /* both, when nothing more is ready */
/* egress_fetch.c */
wire_take_fn egress_take_http_do;
void egress_fetched(void *context, uint64_t id,
    const struct proxy_answer *answer, const struct err *why);
/* egress_mark.c: an intent whose own credentials the vault marks first. */
void egress_mark_ask(struct egress *g, const struct wire_intent *intent,
    const struct wire_shown *shown, const struct buf *own, size_t count);
void egress_mark_gone(struct egress *g); /* the vault: none of them goes on */
wire_take_fn egress_mark_told;
void egress_lease(struct egress *g, struct mono deadline);

/* egress_capture.c: sends what an answer holds to the vault, and adds to `told`
 * what core may know of it. */
void egress_capture(struct egress *g, const struct egress_fetch *f,
    const struct proxy_answer *answer, struct buf *told);
/* The same for a cell: `out` is the answer without tokens. */
void egress_captured(void *context, uint64_t id, const struct proxy_go *go,
    const struct proxy_answer *answer, struct buf *out);

/* egress_rules.c */
wire_take_fn egress_take_rules;
wire_take_fn egress_take_refuse;
wire_take_fn egress_take_read_body;
/* A more trusted end sent what no honest one sends. */
_Noreturn void egress_out_of_step(const char *what);

#endif
