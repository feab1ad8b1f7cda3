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

struct wire_packet {
	struct wire_header header;
	_Alignas(16) uint8_t record[WIRE_RECORD_MAX];
	size_t got; /* bytes received, header included */
	int fds[WIRE_FDS_MAX + 1];
	size_t nfds;
};

bool wire_known(unsigned type);
/* Our own bug, if this cannot be sent. */
void wire_must_send(enum wire_type type, const void *record, size_t nfds);
void wire_close_all(int *fds, size_t nfds);

/* 1: sent, 0: no room now, -1: ERR_UNAVAILABLE, ERR_IO.  Closes nothing. */
int wire_packet_send(int fd, enum wire_type type, const void *record,
    const int *fds, size_t nfds, struct err *e) MUST_CHECK;

/* 1: received, descriptors and all, checks 1-3 done; 0: nothing there; -1. */
int wire_packet_receive(
    int fd, struct wire_packet *p, struct err *e) MUST_CHECK;
/* Checks 4-7, for a packet on the way from one part to another. */
int wire_packet_check(const struct wire_packet *p, enum part from, enum part to,
    struct err *e) MUST_CHECK;
/* Closes the descriptors that were not taken and wipes the record. */
void wire_packet_drop(struct wire_packet *p);

#endif
