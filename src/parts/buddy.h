/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_BUDDY_H
#define PARTS_BUDDY_H

/* For the files of the part buddy only: the device that it has, or none. */

#include "buddy/buddy.h"
#include "parts/part.h"

struct desk {
	struct part_self part;
	struct buddy *b;
	uint64_t carrier; /* 0: none */
	int fd;
	struct loop_io io;
	int out_fd; /* packets to it; -1: bytes, through fd */
	struct loop_io out_io;
	size_t widest;  /* of one write */
	uint64_t order; /* what it was told to do; 0: nothing */
	struct buf out;
	struct buf first; /* the line with the token, as far as it came */
	bool paired;
	bool answered; /* it has told its state once */
	bool alive;    /* as core knows it */
	char text[WIRE_TEXT_MAX];
	unsigned noises;
	size_t said; /* since `second` */
	struct mono second;
	struct loop_timer timer;
	struct wire_buddy_carrier given;
};

/* What is due is said; again when the next is due. */
loop_fn desk_turn;
/* Core or the supervisor said what they never say. */
void desk_break_off(struct wire_peer *peer, const char *what);
/* buddy_order.c: the order that it has, if it has one, has ended. */
void desk_end_order(struct desk *d, bool done, const char *text);
wire_take_fn desk_take_order;

#endif
