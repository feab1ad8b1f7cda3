/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "wire/inside.h"

/* A record that waits for room in the socket. */
struct entry {
	struct entry *next;
	enum wire_type type;
	size_t nfds;
	int fds[WIRE_FDS_MAX];
	_Alignas(16) uint8_t record[];
};

/*
 * 1. alive: fd is open and io watches it; not alive: neither, and the queue
 *    is empty.
 * 2. mute (and alive): the other end has gone; the queue is empty, nothing is
 *    sent any more, what it left is still read.
 * 3. What is gathered comes behind the queue; it has no descriptors, and there
 *    is none while the peer does not gather, is mute or not alive.
 * 4. The stall timer runs while the queue is not empty or the peer is mute
 *    (it closed its ear, not its mouth), and only then.
 * 5. crowded: the kernel takes no descriptor of this user's now.  The socket
 *    says that it has room, so nobody listens to that; the timer `again` runs
 *    while it is crowded, and only then.
 */
struct wire_peer {
	struct loop *loop;
	struct wire_end end;
	struct loop_io io;
	struct loop_timer stall;
	struct loop_timer again;
	int fd;
	bool alive;
	bool mute;
	bool crowded;
	bool quiet;  /* nobody waits for what comes */
	bool taking; /* records are being handed on: do not free */
	bool freed;
	struct err why;
	struct entry *first;
	struct entry *last;
	size_t count;
	size_t bytes;
	size_t fds;
	struct wire_packet *gathered; /* NULL: it never gathered */
	bool gathering;
};

/* --- the queue --- */

static void
drop_first(struct wire_peer *peer)
{
	struct entry *entry = peer->first;
	size_t size = wire_size(entry->type);

	peer->first = entry->next;
	peer->count--;
	peer->bytes -= size;
	peer->fds -= entry->nfds;
	wire_close_all(entry->fds, entry->nfds);
	wipe(entry->record, size);
	free(entry);
}

static void
drop_queue(struct wire_peer *peer)
{
	while (peer->first) {
		drop_first(peer);
	}
	loop_timer_cancel(&peer->stall);
	loop_timer_cancel(&peer->again);
	peer->crowded = false;
}

static void
drop_gathered(struct wire_peer *peer)
{
	if (peer->gathered) {
		wire_packet_drop(peer->gathered);
	}
}

static void
tell_closed(void *owner)
{
	struct wire_peer *peer = owner;

	peer->end.closed(peer->end.owner, peer, &peer->why);
}

static void
die(struct wire_peer *peer, const struct err *why)
{
	if (!peer->alive) {
		return;
	}
	peer->alive = false;
	peer->why = *why;
	loop_io_close(&peer->io);
	auto_close_fd(&peer->fd);
	drop_queue(peer);
	drop_gathered(peer);
	must_trace("%s: %s is dead: %s", wire_part_name(peer->end.self),
	    wire_part_name(peer->end.other), why->text);
	loop_later(peer->loop, tell_closed, peer);
}

static void
die_of(struct wire_peer *peer, enum err_kind kind, const char *reason)
{
	struct err why = { 0 };

	(void)err_set(
	    &why, kind, "%s %s", wire_part_name(peer->end.other), reason);
	die(peer, &why);
}

static void
stalled(void *owner)
{
	struct wire_peer *peer = owner;

	if (peer->mute) {
		die_of(peer, ERR_UNAVAILABLE, "does not listen any more");
	} else if (peer->crowded) {
		die_of(peer, ERR_LIMIT,
		    "cannot be sent a descriptor: too many of this user are on "
		    "their way; end the program that does not take them");
	} else {
		die_of(peer, ERR_TIMEOUT, "does not read what it is sent");
	}
}

static void
watch(struct wire_peer *peer)
{
	if (peer->alive) {
		loop_io_want(&peer->io,
		    (peer->quiet ? 0 : LOOP_READ) |
		        (peer->first && !peer->crowded ? LOOP_WRITE : 0));
	}
}

static void
arm_stall(struct wire_peer *peer)
{
	loop_timer_arm(&peer->stall, peer->loop,
	    mono_after(loop_now(peer->loop), WIRE_STALL_US), stalled, peer);
}

static void
enqueue(struct wire_peer *peer, enum wire_type type, const void *record,
    const int *fds, size_t nfds)
{
	size_t size = wire_size(type);
	struct entry *entry = calloc(1, sizeof(*entry) + size);

	must(entry);
	entry->type = type;
	entry->nfds = nfds;
	if (nfds > 0) {
		memcpy(entry->fds, fds, nfds * sizeof(int));
	}
	memcpy(entry->record, record, size);
	if (peer->first) {
		peer->last->next = entry;
	} else {
		peer->first = entry;
		arm_stall(peer);
	}
	peer->last = entry;
	peer->count++;
	peer->bytes += size;
	peer->fds += nfds;
}

static void
not_sent(struct wire_peer *peer, const struct err *e)
{
	if (e->kind == ERR_UNAVAILABLE) {
		peer->mute = true;
		drop_queue(peer);
		drop_gathered(peer);
		arm_stall(peer);
	} else {
		die(peer, e);
	}
}

static void try_again(void *owner);

static void
crowded(struct wire_peer *peer)
{
	peer->crowded = true;
	loop_timer_arm(&peer->again, peer->loop,
	    mono_after(loop_now(peer->loop), WIRE_AGAIN_US), try_again, peer);
}

/* As wire_packet_send; a failure has been dealt with. */
static int
try_send(struct wire_peer *peer, enum wire_type type, const void *record,
    const int *fds, size_t nfds)
{
	struct err e = { 0 };
	int rc = wire_packet_send(peer->fd, type, record, fds, nfds, &e);

	if (rc < 0 && e.kind == ERR_LIMIT) {
		crowded(peer);
		return 0;
	}
	if (rc < 0) {
		not_sent(peer, &e);
	}
	return rc;
}

static void
flush(struct wire_peer *peer)
{
	while (peer->first) {
		struct entry *entry = peer->first;

		if (try_send(peer, entry->type, entry->record, entry->fds,
		        entry->nfds) <= 0) {
			break;
		}
		drop_first(peer);
		if (peer->first) {
			arm_stall(peer);
		} else {
			loop_timer_cancel(&peer->stall);
		}
	}
	watch(peer);
}

static void
try_again(void *owner)
{
	struct wire_peer *peer = owner;

	peer->crowded = false;
	flush(peer);
}

static bool
queue_full(const struct wire_peer *peer, size_t size, size_t nfds)
{
	return peer->count >= WIRE_QUEUE_RECORDS ||
	       peer->bytes + size > WIRE_QUEUE_BYTES ||
	       peer->fds + nfds > WIRE_QUEUE_FDS;
}

static void
must_be_ours(const struct wire_peer *peer, enum wire_type type,
    const void *record, size_t nfds)
{
	wire_must_send(type, record, nfds);
	must(wire_sender(type) == peer->end.self);
	must(wire_receiver(type) == peer->end.other);
}

/* --- what is gathered --- */

/* Records that could not be sent wait each for itself. */
static void
queue_gathered(struct wire_peer *peer)
{
	const struct wire_packet *p = peer->gathered;

	for (size_t at = 0; at < p->got;) {
		struct wire_one place = wire_packet_at(p, at);

		if (queue_full(peer, place.header->size, 0)) {
			die_of(peer, ERR_LIMIT, "has too many records to read");
			return;
		}
		enqueue(peer, place.header->type, place.record, NULL, 0);
		at = place.next;
	}
	watch(peer);
}

static void
send_gathered(struct wire_peer *peer)
{
	struct err e = { 0 };
	int rc = 0;

	if (!peer->gathered || !peer->gathered->got) {
		return;
	}
	if (!peer->first) {
		rc = wire_packet_send_all(peer->fd, peer->gathered, &e);
	}
	if (rc < 0) {
		not_sent(peer, &e);
	} else if (rc == 0) {
		queue_gathered(peer);
	}
	drop_gathered(peer);
}

/* False: it does not go with others, which are on their way now. */
static bool
gather(struct wire_peer *peer, enum wire_type type, const void *record,
    size_t nfds)
{
	if (!peer->gathering) {
		return false;
	}
	if (nfds == 0 && wire_packet_add(peer->gathered, type, record)) {
		return true;
	}
	send_gathered(peer);
	return nfds == 0 && peer->alive && !peer->mute &&
	       wire_packet_add(peer->gathered, type, record);
}

void
wire_gather(struct wire_peer *peer)
{
	must(wire_several(peer->end.self, peer->end.other));
	if (peer->alive) {
		peer->gathering = true;
		peer->gathered = peer->gathered
		                     ? peer->gathered
		                     : calloc(1, sizeof(*peer->gathered));
		must(peer->gathered);
	}
}

void
wire_let_go(struct wire_peer *peer)
{
	peer->gathering = false;
	send_gathered(peer);
}

bool
wire_offer(struct wire_peer *peer, enum wire_type type, const void *record)
{
	must_be_ours(peer, type, record, 0);
	send_gathered(peer);
	if (!peer->alive || peer->mute || peer->first) {
		return false;
	}
	must_trace_words(wire_part_name(peer->end.self), "->",
	    wire_part_name(peer->end.other), wire_name(type));
	return try_send(peer, type, record, NULL, 0) > 0;
}

void
wire_send(struct wire_peer *peer, enum wire_type type, const void *record,
    const int *fds, size_t nfds)
{
	int taken[WIRE_FDS_MAX];

	must_be_ours(peer, type, record, nfds);
	for (size_t i = 0; i < nfds; i++) {
		taken[i] = fds[i];
	}
	int rc = -1;

	if (peer->alive && !peer->mute) {
		must_trace_words(wire_part_name(peer->end.self), "->",
		    wire_part_name(peer->end.other), wire_name(type));
		if (gather(peer, type, record, nfds)) {
			return;
		}
	}
	if (peer->alive && !peer->mute) {
		rc =
		    peer->first ? 0 : try_send(peer, type, record, taken, nfds);
	}
	if (rc == 0 && queue_full(peer, wire_size(type), nfds)) {
		die_of(peer, ERR_LIMIT, "has too many records to read");
	} else if (rc == 0) {
		enqueue(peer, type, record, taken, nfds);
		watch(peer);
		return;
	}
	wire_close_all(taken, nfds);
}

size_t
wire_queued(const struct wire_peer *peer)
{
	return peer->count;
}

/* --- taking --- */

static const struct wire_handler *
handler_of(const struct wire_peer *peer, enum wire_type type)
{
	for (size_t i = 0; i < peer->end.count; i++) {
		if (peer->end.handlers[i].type == type) {
			return &peer->end.handlers[i];
		}
	}
	return NULL;
}

static int
hand_on_one(struct wire_peer *peer, struct wire_packet *p,
    const struct wire_one *place, struct err *e)
{
	const struct wire_end *end = &peer->end;
	enum wire_type type = place->header->type;
	const struct wire_handler *handler = handler_of(peer, type);

	if (!handler) {
		return err_set(e, ERR_DENIED, "%s does not take %s",
		    wire_part_name(end->self), wire_name(type));
	}
	must_trace_words(wire_part_name(end->self), "<-",
	    wire_part_name(end->other), wire_name(type));
	handler->take(end->owner, peer, place->record, p->fds, p->nfds);
	return 0;
}

/* How many records; -1. */
static int
hand_on(struct wire_peer *peer, struct wire_packet *p, struct err *e)
{
	const struct wire_end *end = &peer->end;
	int count = 0;

	if (wire_packet_check(p, end->other, end->self, e)) {
		return -1;
	}
	for (size_t at = 0; at < p->got && peer->alive; count++) {
		struct wire_one place = wire_packet_at(p, at);

		if (hand_on_one(peer, p, &place, e)) {
			return -1;
		}
		at = place.next;
	}
	return count;
}

/* One packet: how many records; 0 when there is none left, or nobody to take
 * it. */
static int
take_one(struct wire_peer *peer)
{
	bool several = wire_several(peer->end.self, peer->end.other);
	/* Nobody looks behind what was received: it need not be cleared. */
	__attribute__((uninitialized)) struct wire_packet p;
	struct err e = { 0 };
	int rc = wire_packet_receive(
	    peer->fd, &p, several ? WIRE_PACKET_MAX : WIRE_PACKET_ONE, &e);

	if (rc > 0) {
		rc = hand_on(peer, &p, &e);
		wire_packet_drop(&p);
	}
	if (rc < 0) {
		(void)err_wrap(&e, "%s", wire_part_name(peer->end.other));
		die(peer, &e);
	}
	return rc > 0 && peer->alive ? rc : 0;
}

static void
release(struct wire_peer *peer)
{
	free(peer->gathered);
	free(peer);
}

static void
take_some(struct wire_peer *peer, int most)
{
	if (!peer->alive || peer->taking) {
		return;
	}
	peer->taking = true;
	for (int some = 1; most > 0 && some > 0; most -= some) {
		some = take_one(peer);
	}
	peer->taking = false;
	if (peer->freed) {
		release(peer);
	}
}

static void
ready(void *owner, unsigned events)
{
	struct wire_peer *peer = owner;

	if (events & LOOP_WRITE) {
		flush(peer);
	}
	if (events & LOOP_READ) {
		take_some(peer, wire_several(peer->end.self, peer->end.other)
		                    ? WIRE_TURN_SEVERAL
		                    : WIRE_TURN_RECORDS);
	}
}

void
wire_poll(struct wire_peer *peer)
{
	take_some(peer, WIRE_CHANNEL_RECORDS);
}

void
wire_quiet(struct wire_peer *peer)
{
	peer->quiet = true;
	watch(peer);
}

/* --- life --- */

static void
must_be_sane(const struct wire_end *end)
{
	must(end->closed);
	for (size_t i = 0; i < end->count; i++) {
		enum wire_type type = end->handlers[i].type;

		must(end->handlers[i].take);
		must(wire_sender(type) == end->other);
		must(wire_receiver(type) == end->self);
	}
}

struct wire_peer *
wire_peer_new(
    struct loop *loop, int fd, const struct wire_end *end, struct err *e)
{
	must_be_sane(end);
	struct wire_peer *peer = calloc(1, sizeof(*peer));

	must(peer);
	peer->loop = loop;
	peer->end = *end;
	peer->fd = fd;
	if (loop_io_open(&peer->io, loop, fd, ready, peer, e)) {
		auto_close_fd(&peer->fd);
		free(peer);
		return NULL;
	}
	peer->alive = true;
	watch(peer);
	return peer;
}

void
wire_peer_free(struct wire_peer *peer)
{
	struct err why = { 0 };

	if (!peer) {
		return;
	}
	die(peer, &why);
	loop_later_cancel(peer->loop, peer);
	peer->freed = true;
	if (!peer->taking) {
		release(peer);
	}
}

bool
wire_peer_alive(const struct wire_peer *peer)
{
	return peer->alive;
}

enum part
wire_peer_part(const struct wire_peer *peer)
{
	return peer->end.other;
}

void
wire_peer_close(struct wire_peer *peer, const struct err *why)
{
	die(peer, why);
}
