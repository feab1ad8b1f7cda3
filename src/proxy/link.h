/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_LINK_H
#define PROXY_LINK_H

/*
 * A socket, with TLS over it or not: bounded bytes in, bounded bytes out.  The
 * owner is told by `turn` that something may have changed, then fills, reads
 * `in`, writes, and settles.  It may close the link at any point.
 */

#include "proxy/proxy.h"

#define LINK_IN     65536 /* bytes read ahead; of TLS one record more */
#define LINK_SCARCE 16384 /* while all links of a process hold more than */
#define LINK_ALL    ((size_t)16 * 1024 * 1024)

struct link {
	struct loop_io io;
	int fd; /* -1: closed */
	struct tls_conn *tls;
	struct buf in;
	struct buf out;
	struct buf held; /* of TLS: in clear until it is sent */
	bool ended;      /* the peer will send nothing more than `in` */
	bool mute;       /* the peer takes nothing more */
	bool dialing;    /* connect(2) is under way */
	bool memory; /* no socket: `settle` calls turn, which empties `out` */
	bool
	    blocked; /* the socket was full: its owner is told when it is not */
	bool secret; /* `out` holds a credential in clear */
	size_t counted;  /* bytes of its buffers, among all */
	const char *why; /* of an end that was not orderly; NULL */
	loop_fn *turn;
	void *owner;
};

/* Takes fd.  -1: it cannot be watched (fd closed). */
int proxy_link_open(struct link *l, struct loop *loop, int fd, loop_fn *turn,
    void *owner) MUST_CHECK;
void proxy_link_close(struct link *l); /* twice is fine */
void proxy_link_free(struct link *l);  /* one of the heap; NULL is nothing */
/* From here on TLS; takes conn.  What is in `in` is ciphertext. */
void proxy_link_secure(struct link *l, struct tls_conn *conn);
/* Moves what TLS has deciphered into `in`; true if there was any. */
bool proxy_link_fill(struct link *l);
/* Adds to `in` what came by another way than its socket. */
void proxy_link_came(struct link *l, struct str bytes);
/* All of it, by the next send or settle; the owner looks at proxy_link_room
 * before. */
void proxy_link_write(struct link *l, struct str bytes);
bool proxy_link_room(const struct link *l);
/* Bytes that each may hold each way: LINK_IN or LINK_SCARCE.  A cell that holds
 * much is read in smaller pieces, and all of it still goes on. */
size_t proxy_link_most(void);
void proxy_link_send(struct link *l); /* what the socket takes now */
bool proxy_link_flushed(const struct link *l);
/* Takes n bytes off the front of `in`. */
void proxy_link_used(struct link *l, size_t n);
void proxy_link_settle(struct link *l); /* says to the loop what is wanted */
/* Takes what has come, without telling the owner. */
void proxy_link_poll(struct link *l);
/* Whoever was there is gone without a word, as when a NAT forgets one: TCP has
 * said the same again six times, each time after twice as long (12 s or more in
 * all), and nobody acknowledged it.  Who acknowledges and reads nothing is not
 * lost.  true: it has ended by that, and says why. */
bool proxy_link_lost(struct link *l);
/* Open both ways and nothing unread. */
bool proxy_link_silent(const struct link *l);
bool proxy_link_quiet(const struct link *l); /* and nothing unsent */
/* Gives back memory that an idle connection does not need. */
void proxy_link_rest(struct link *l);

#endif
