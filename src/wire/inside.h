/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_INSIDE_H
#define WIRE_INSIDE_H

/* One packet in and out, shared by the files of this room; see DESIGN. */

#include "wire/wire.h"

#define WIRE_MAGIC 0x01575248u /* "HRW" and version 1, little-endian */

struct wire_header {
	uint32_t magic;
	uint16_t type;
	uint16_t sender;
	uint32_t size;
	uint32_t reserved;
};

_Static_assert(sizeof(struct wire_header) == 16, "the header has no holes");

/* Bytes of a packet with one record, and with several. */
#define WIRE_PACKET_ONE (sizeof(struct wire_header) + WIRE_RECORD_MAX)
#define WIRE_PACKET_MAX ((size_t)16 * 1024)
/*
 * What a channel holds unread, said by us and not by net.core.wmem_default:
 * wire_poll hears all of it.  The kernel counts twice this, as socket(7) says,
 * and at least 512 bytes for a packet, so fewer than WIRE_CHANNEL_RECORDS.
 */
#define WIRE_CHANNEL_BYTES   (128 * 1024)
#define WIRE_CHANNEL_RECORDS 1024

/* Until descriptors that could not go are tried again. */
#define WIRE_AGAIN_US (20 * CLOCK_SECOND / 1000)

struct wire_packet {
	_Alignas(16) uint8_t bytes[WIRE_PACKET_MAX];
	size_t got; /* bytes received, headers included */
	int fds[WIRE_FDS_MAX + 1];
	size_t nfds;
};

/* The record of this packet whose header begins at `at`. */
struct wire_one {
	const struct wire_header *header;
	const uint8_t *record;
	size_t next; /* where the header of the one behind it begins */
};

bool wire_known(unsigned type);
/* Whether a packet from one of these to the other may hold several records. */
bool wire_several(enum part one, enum part other);
/* Our own bug, if this cannot be sent. */
void wire_must_send(enum wire_type type, const void *record, size_t nfds);
void wire_close_all(int *fds, size_t nfds);

/* 1: sent, 0: no room now, -1: ERR_UNAVAILABLE, ERR_IO; ERR_LIMIT: its
 * descriptors cannot go now, and nobody says when.  Closes nothing. */
int wire_packet_send(int fd, enum wire_type type, const void *record,
    const int *fds, size_t nfds, struct err *e) MUST_CHECK;
/* Adds a record to those of a packet, if there is room. */
bool wire_packet_add(
    struct wire_packet *p, enum wire_type type, const void *record);
/* As wire_packet_send, of what was added. */
int wire_packet_send_all(
    int fd, const struct wire_packet *p, struct err *e) MUST_CHECK;

/* 1: received, descriptors and all, checks 1-3 done; 0: nothing there; -1.
 * most: bytes that an honest packet has no more of. */
int wire_packet_receive(
    int fd, struct wire_packet *p, size_t most, struct err *e) MUST_CHECK;
/* Checks 4-7, for a packet on the way from one part to another. */
int wire_packet_check(const struct wire_packet *p, enum part from, enum part to,
    struct err *e) MUST_CHECK;
/* Of a packet that was checked, or made here; the first is at 0. */
struct wire_one wire_packet_at(const struct wire_packet *p, size_t at);
/* Closes the descriptors that were not taken and wipes the records. */
void wire_packet_drop(struct wire_packet *p);

#endif
