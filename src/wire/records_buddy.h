/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_RECORDS_BUDDY_H
#define WIRE_RECORDS_BUDDY_H

/*
 * A device on a desk, which records.h includes.  The supervisor opens what
 * carries its bytes and says whose it is: to the part with the descriptor, and
 * to core, which believes nobody else about that.  `carrier` counts what was
 * opened, from 1 on, so that neither is heard about one that is gone.
 */

#include "base/base.h"

enum wire_carrier {
	WIRE_CARRIER_TCP = 1,
	WIRE_CARRIER_SERIAL = 2,
	WIRE_CARRIER_RADIO = 3,
};

#define WIRE_DEVICE_MAX  160
#define WIRE_PERSON_MAX  64
#define WIRE_PAIRING_MAX 64

/* fds: [descriptor]; of a radio [to the device, from it], packets both. */
struct wire_buddy_carrier {
	uint64_t carrier;
	uint32_t kind; /* enum wire_carrier */
	int32_t zone;  /* seconds east of UTC */
	uint32_t mtu; /* of a radio, 23 and more: a packet has 3 less; else 0 */
	uint32_t spare;
	char owner[WIRE_PERSON_MAX];
	char token[WIRE_PAIRING_MAX]; /* first line of it; "": none is asked */
};

/* It is of no more use: it was closed by the other side, said too much, knew
 * no token, or was silent for too long. */
struct wire_buddy_lost {
	uint64_t carrier;
	char text[WIRE_TEXT_MAX];
};

/* It is the device's no more (its bond is gone): nothing is said or heard. */
struct wire_buddy_drop {
	uint64_t carrier;
};

#define WIRE_RADIO_MAX 18 /* AA:BB:CC:DD:EE:FF and its end */

/* To radio: a link to this device, or to say why not; `ask` comes back. */
struct wire_radio_open {
	uint64_t ask;
	char address[24]; /* WIRE_RADIO_MAX count; without holes */
};

/* fds: [to the device, from it].  A LOST follows it when the link ends. */
struct wire_radio_carrier {
	uint64_t ask;
	uint32_t mtu;
	uint32_t spare;
};

struct wire_radio_lost {
	uint64_t ask;
	char text[WIRE_TEXT_MAX];
};

/* The same carrier, for core; no operator: nobody lists this device. */
struct wire_buddy_device {
	uint64_t carrier; /* 0: there is none any more */
	uint32_t kind;
	uint32_t decides; /* else it only shows */
	char device[WIRE_DEVICE_MAX];
	char person[WIRE_PERSON_MAX]; /* the operator's name */
};

#define WIRE_BUDDY_ENTRIES 8

/* What it shows from now on; lengths are the device's (buddy.h). */
struct wire_buddy_show {
	uint64_t carrier;
	uint64_t tokens;
	uint64_t tokens_today;
	uint32_t total;
	uint32_t running;
	uint32_t waiting;
	uint8_t entries; /* how many of entry[], oldest first */
	uint8_t prompt;  /* the fields below count */
	uint8_t whole;   /* nothing of the hint is cut: a yes is possible */
	uint8_t spare;
	char msg[24];
	char entry[WIRE_BUDDY_ENTRIES][92];
	char id[40];
	char tool[20];
	char hint[44];
	char role[72]; /* 64 count; without holes, so that pictures compare */
};

/* Alive: heard of within 30 s.  text: what it says of itself, for people. */
struct wire_buddy_state {
	uint64_t carrier;
	uint32_t alive;
	char text[WIRE_TEXT_MAX];
};

enum wire_buddy_word {
	WIRE_BUDDY_NAME = 1,
	WIRE_BUDDY_UNPAIR = 2,
	WIRE_BUDDY_PUSH = 3,
};

#define WIRE_BUDDY_FOLDER_MAX 2000000 /* bytes of a packed folder */

/* Something that the device shall do; one at a time, BUDDY_ORDERED ends it.
 * name: the new one, or that of the folder.  fds: of a PUSH [packed folder]:
 * per file its name, NUL, its length in 4 bytes (little-endian), its bytes. */
struct wire_buddy_order {
	uint64_t carrier;
	uint64_t order;
	uint32_t word; /* enum wire_buddy_word */
	uint32_t spare;
	char name[72];
};

struct wire_buddy_ordered {
	uint64_t order;
	uint32_t done;
	uint32_t spare;
	char text[WIRE_TEXT_MAX]; /* why not */
};

struct wire_buddy_decision {
	uint64_t carrier;
	uint32_t yes;
	char id[40];
};

#endif
