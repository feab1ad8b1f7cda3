/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

/*
 * Records between parts over SOCK_SEQPACKET: the kernel keeps the boundaries,
 * so there is no framing to get wrong.  A record is a fixed struct without
 * pointers (records.h), named in messages.def with its one sender and its one
 * receiver; bigger things travel as a sealed memfd.  DESIGN has every byte.
 *
 * Received bytes are hostile until checked, in one place: magic and version,
 * known type, direction, exact size, number of descriptors, a handler present.
 * Anything else kills the peer.  What is inside a record is the handler's to
 * check (wire_text_ok for every text field).
 */

#include "base/base.h"
#include "loop/loop.h"
#include "wire/records.h"

#define WIRE_RECORD_MAX    4096 /* bytes of a record, header not counted */
#define WIRE_FDS_MAX       5    /* descriptors of one record */
#define WIRE_QUEUE_RECORDS 256  /* waiting for one peer to read */
#define WIRE_QUEUE_BYTES   524288
#define WIRE_QUEUE_FDS     64
#define WIRE_STALL_US      (10 * CLOCK_SECOND) /* none of them was read */
#define WIRE_TURN_RECORDS  64 /* taken from one peer in one turn */
#define WIRE_TURN_SEVERAL  16 /* of one that gathers, then whole packets */

enum part {
	PART_NONE,
#define PART(name, text, rank) PART_##name,
#include "wire/parts.def"
#undef PART
	PART_COUNT,
};

enum wire_type {
	WIRE_NONE,
#define MSG(from, to, name, record) WIRE_##name,
#include "wire/messages.def"
#undef MSG
	WIRE_COUNT,
};

const char *wire_part_name(enum part part);
int wire_part_rank(enum part part); /* trust; higher is more */

const char *wire_name(enum wire_type type); /* "?" if there is no such type */
enum part wire_sender(enum wire_type type);
enum part wire_receiver(enum wire_type type);
size_t wire_size(enum wire_type type); /* of its record */

/* A text field of a record: holds a NUL within its size. */
bool wire_text_ok(const char *field, size_t size);

/* Two connected ends, close-on-exec, non-blocking. */
int wire_pair(int fds[2], struct err *e) MUST_CHECK;

/* --- a peer on the loop ------------------------------------------------- */

struct wire_peer;

/*
 * `record` is wire_size(type) bytes, aligned, gone after the call.  The handler
 * takes a descriptor with take_fd(&fds[i]); those it leaves are closed.  It
 * may send, and may free this peer.  (A handler of a record without descriptors
 * names it `__attribute__((unused)) int *fds`.)
 */
typedef void wire_take_fn(void *owner, struct wire_peer *peer,
    const void *record, int *fds, size_t nfds);
/*
 * Once, at the end of the turn in which the peer died, never from inside
 * wire_send.  why: ERR_UNAVAILABLE it closed its end, ERR_DENIED it broke the
 * rules above, ERR_LIMIT or ERR_TIMEOUT it could not be sent what waits,
 * ERR_IO. The owner then frees the peer.
 */
typedef void wire_closed_fn(
    void *owner, struct wire_peer *peer, const struct err *why);

struct wire_handler {
	enum wire_type type;
	wire_take_fn *take;
};

/* What this end is; handlers is a const table that outlives the peer. */
struct wire_end {
	enum part self;
	enum part other;
	const struct wire_handler *handlers;
	size_t count;
	wire_closed_fn *closed;
	void *owner;
};

/* Takes fd, also on failure (NULL). */
struct wire_peer *wire_peer_new(struct loop *loop, int fd,
    const struct wire_end *end, struct err *e) MUST_CHECK;
void wire_peer_free(struct wire_peer *peer); /* NULL is nothing */
bool wire_peer_alive(const struct wire_peer *peer);
enum part wire_peer_part(const struct wire_peer *peer);
/* Kills it for a reason of the owner's (a field that no honest end sends);
 * `closed` follows as above. */
void wire_peer_close(struct wire_peer *peer, const struct err *why);

/*
 * Sends or queues, in order, never blocks.  The descriptors are taken: closed
 * after sending, and on every failure.  A dead peer swallows it; a full queue
 * kills the peer.  A type that is not ours to send there is our own bug.
 */
void wire_send(struct wire_peer *peer, enum wire_type type, const void *record,
    const int *fds, size_t nfds);
/*
 * From here on records without descriptors are kept, to go several in one
 * packet; the owner lets them go before its turn ends.  Only between api and
 * core, which talk the most.
 */
void wire_gather(struct wire_peer *peer);
void wire_let_go(struct wire_peer *peer);
/* Sends now, or not at all: false where it would have to wait.  Whoever hears
 * of it from somebody else can then rely on its being there. */
bool wire_offer(
    struct wire_peer *peer, enum wire_type type, const void *record);
/* Hands on what has come and was not looked at in this turn.  Nothing within a
 * handler of that same peer. */
void wire_poll(struct wire_peer *peer);
/* From here on what comes wakes nobody: it waits until wire_poll, and so does
 * the word that the other end has gone. */
void wire_quiet(struct wire_peer *peer);
size_t wire_queued(const struct wire_peer *peer); /* records not yet sent */

/* --- before there is a loop --------------------------------------------- */

struct wire_fds {
	int at[WIRE_FDS_MAX];
	size_t count;
};

/* Blocks until it is sent, at most WIRE_STALL_US.  Takes the descriptors. */
int wire_send_now(int fd, enum wire_type type, const void *record,
    const int *fds, size_t nfds, struct err *e) MUST_CHECK;
/*
 * The next record, which must be of this type (else ERR_DENIED), with exactly
 * as many descriptors as it brought (fds NULL: it may bring none). ERR_TIMEOUT,
 * ERR_UNAVAILABLE at the other's end.
 */
int wire_take_now(int fd, enum wire_type type, int64_t timeout_us, void *record,
    struct wire_fds *fds, struct err *e) MUST_CHECK;

#endif
