/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_SUPERVISOR_H
#define PARTS_SUPERVISOR_H

/*
 * The supervisor: keeps the privilege of the start, opens listeners and state,
 * starts one executable a part and starts it again.  It reads no byte from a
 * network and no secret; the only thing it parses is handrail.toml.
 *
 * Three fates (design §2): core and sandbox are one floor, with either of them
 * everything ends and starts anew; api, vault, resolver and core's own egress
 * are restarted alone; without the supervisor everything ends.
 */

#include "parts/part.h"
#include "roles/roles.h"

enum house_limits {
	HOUSE_RESTART_FIRST_US = 50000, /* wait before a restart, doubled … */
	HOUSE_RESTART_MOST_US = 5000000, /* … up to this */
	HOUSE_STEADY_US = 10000000, /* alive so long: the wait begins anew */
	HOUSE_LOOK_US = 5000,       /* whether all have ended */
	HOUSE_DRAIN_US = 30000000,  /* what a stop waits for */
};

struct house;

struct house_part {
	struct house *house;
	const struct house_row *row;
	pid_t pid; /* 0: not running */
	struct loop_child child;
	struct wire_peer *peer;
	struct loop_timer again; /* restart after a wait */
	struct mono started;
	int64_t wait; /* us before the next restart */
	bool ready;
};

/* Which parts there are, in the order of starting. */
struct house_row {
	enum part part;
	const char *program; /* under libexec/handrail */
	enum wire_type ready;
	bool floor; /* its end is everybody's end */
};

#define HOUSE_PARTS 8

/* The subordinate range of an ordinary user. */
struct house_ids {
	bool found;
	uint64_t first_uid, uids;
	uint64_t first_gid, gids;
};

/* supervisor_buddy.c: what carries a device's bytes. */
struct house_desk {
	int listener; /* for a simulator; -1: a serial line, or nothing */
	struct loop_io io;
	struct loop_timer again;
	struct arena arena;
	struct buf token;
	uint64_t carrier; /* the last one that was handed over */
	bool watching;    /* the listener */
	bool held;        /* and the part has it */
	uint64_t ask;     /* the last link that radio was asked for */
	bool asking;      /* and it has said neither yes nor no */
	char said[256];   /* why it could not be opened, told once */
};

struct house {
	struct part_self self;
	struct arena arena;
	struct config config;
	const char *config_file;
	const char *state;
	const char *libexec;
	struct buf operators; /* name:uid:digest,… for core */
	int lock;
	int store; /* a sealed file with its URL; -1: SQLite */
	int socket_listener;
	int web_listener;
	uint32_t uid_base; /* 0: not root, every part keeps our ids */
	struct house_ids ids;
	bool dev;
	bool announced;
	bool stopping;
	bool falling; /* the floor has gone: all end, then all start */
	int exit_code;
	struct mono began;
	struct loop_signal signals[3];
	struct loop_timer drain;
	struct house_desk desk;
	size_t
	    part_count; /* without the last, buddy and radio, unless wanted */
	struct house_part parts[HOUSE_PARTS];
};

/* trust.c: ERR_DENIED where another than root or an operator can write what
 * root's house is told by, or put another in its place; that another owns, or
 * can write, a state folder. */
int house_trust_files(struct house *h, struct err *e) MUST_CHECK;
int house_trust_state(struct house *h, struct err *e) MUST_CHECK;
/* state.c: the state folder, its lock, tokens and listeners. */
int house_open_state(struct house *h, struct err *e) MUST_CHECK;
/* ids.c: a user namespace for sandbox where there is a range for it.  The
 * child waits at the gate until its parent has mapped it. */
struct house_gate {
	int ask[2]; /* child: I am in my namespace */
	int go[2];  /* parent: it is mapped */
};
void house_find_ids(struct house *h);
int house_gate_open(struct house_gate *g, struct err *e) MUST_CHECK;
void house_gate_close(struct house_gate *g);
void house_gate_wait(struct house_gate *g);
int house_gate_map(
    struct house *h, pid_t pid, struct house_gate *g, struct err *e) MUST_CHECK;
/* spawn.c: one part with its channels; core is told of the others. */
int house_spawn(
    struct house *h, struct house_part *p, struct err *e) MUST_CHECK;
/* buddy.c: the listener or nothing yet; then as the part comes and goes. */
int house_buddy_open(struct house *h, struct err *e) MUST_CHECK;
void house_buddy_ready(struct house *h);
void house_buddy_gone(struct house *h);
wire_take_fn house_buddy_lost;
/* What carries a device's bytes, for buddy and core: takes the descriptors, one
 * or, of a radio, two.  `sure`: nobody else can be this device, so that it
 * decides in every house; another one only in one that is for trying. */
struct house_carrier {
	enum wire_carrier kind;
	const char *name;
	bool sure;
	uint32_t mtu;
	int fds[2];
	size_t nfds;
};
void house_buddy_hand_over(struct house *h, struct house_carrier *carrier);
/* It is of no more use: core hears so at once, and it is tried again later. */
void house_buddy_put_down(struct house *h, int64_t again_us);
/* Said once, until there is a device again. */
void house_buddy_say(struct house *h, const char *text);
struct wire_peer *house_peer(struct house *h, enum part part);
/* radio.c: the same over Bluetooth, where the part radio opens. */
void house_radio_ask(struct house *h);
void house_radio_gone(struct house *h);
wire_take_fn house_radio_carrier;
wire_take_fn house_radio_lost;
/* supervisor.c: the end of a part's channel that stays here. */
struct wire_peer *house_listen(
    struct house *h, enum part part, int fd, struct err *e);
extern const struct house_row house_rows[HOUSE_PARTS];

#endif
