/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BLUEZ_INSIDE_H
#define BLUEZ_INSIDE_H

/* For the files of this room only. */

#include "bluez/bluez.h"

/* --- library.c: the few types and calls of sd-bus.h, as libsystemd.so.0 has
 * had them since version 241 --- */

struct sd_bus;
struct sd_bus_message;
struct sd_bus_slot;
struct sd_bus_error {
	const char *name;
	const char *message;
	int need_free;
};
typedef int sd_bus_fn(
    struct sd_bus_message *m, void *owner, struct sd_bus_error *error);

struct library {
#define CALL(result, name, ...) result (*name)(__VA_ARGS__);
#include "bluez/calls.def"
#undef CALL
};
/* NULL: it is not there. */
const struct library *bluez_library(struct err *e);

/* --- bus.c --- */

#define BLUEZ_PATH_MAX 160
#define BLUEZ_CALL_US  (20 * CLOCK_SECOND)
#define BLUEZ_DEVICE   "org.bluez.Device1"
#define BLUEZ_ADAPTER  "org.bluez.Adapter1"

enum link_step {
	LINK_IDLE,
	LINK_LOOKING,    /* what BlueZ knows is on its way */
	LINK_CONNECTING, /* the device is called */
	LINK_WAITING,    /* for its services, or for a characteristic */
	LINK_WRITE,
	LINK_NOTIFY,
	LINK_UP,
};

struct link {
	char address[BLUEZ_ADDRESS_MAX];
	enum link_step step;
	char path[BLUEZ_PATH_MAX]; /* of the device; "": not known yet */
	char to[BLUEZ_PATH_MAX];   /* of the two characteristics */
	char from[BLUEZ_PATH_MAX];
	struct sd_bus_slot *call; /* the question under way */
	bool again;               /* something changed behind it */
	bool missed;              /* something changed before it was up */
	bool called;              /* the device, for this link */
	struct mono deadline;     /* of its services */
	struct loop_timer timer;
	int write;
	uint32_t mtu;
};

struct bluez {
	const struct library *sd;
	struct sd_bus *bus;
	/* on a loop */
	struct loop *loop;
	struct loop_io io;
	struct loop_timer timer;
	struct loop_timer greeting;
	bool greeted; /* by the bus: it lets us in */
	struct sd_bus_slot *matches[3];
	bluez_event_fn *each;
	void *owner;
	bool over;
	struct link link;
};

/* A call of BlueZ's, which starts no service; NULL: the bus is gone. */
struct sd_bus_message *bluez_message(struct bluez *z, const char *path,
    const char *interface, const char *member);
/* Takes m; waits.  *reply may be NULL: nobody reads it. */
int bluez_call(struct bluez *z, struct sd_bus_message *m, int64_t us,
    struct sd_bus_message **reply, struct err *e) MUST_CHECK;
/* Why a reply is none, printable; e is set, -1.  0: it is one. */
int bluez_reply_ok(
    struct bluez *z, struct sd_bus_message *reply, struct err *e) MUST_CHECK;
/* After each call that was made outside of sd-bus's own callbacks. */
void bluez_rearm(struct bluez *z);

/* --- link.c --- */
void bluez_link_end(struct bluez *z); /* without a word */
sd_bus_fn bluez_link_changed;         /* a signal; owner: struct bluez */

/* --- objects.c: the answer to GetManagedObjects --- */

struct bluez_object { /* one interface of one object; NULL: no such property */
	const char *path;
	const char *interface;
	const char *address;
	const char *name;
	const char *adapter;
	const char *uuid;
	const char *service;
	int paired;
	int bonded; /* -1: this BlueZ does not say it */
	int connected;
	int resolved;
	int blocked;
	bool serves; /* its UUIDs have the Nordic UART service */
};
typedef void bluez_object_fn(void *owner, const struct bluez_object *o);
/* The texts live as long as the reply.  -1: it is of no form. */
int bluez_objects(struct bluez *z, struct sd_bus_message *reply,
    bluez_object_fn *each, void *owner) MUST_CHECK;

struct bluez_device {
	bool known;
	bool bonded;
	bool connected;
	bool resolved;
	char path[BLUEZ_PATH_MAX];
	char adapter[BLUEZ_PATH_MAX];
	char to[BLUEZ_PATH_MAX]; /* of the characteristics; "": none */
	char from[BLUEZ_PATH_MAX];
};
int bluez_find(struct bluez *z, struct sd_bus_message *reply,
    const char *address, struct bluez_device *out, struct err *e) MUST_CHECK;
bool bluez_object_bonded(const struct bluez_object *o);

#endif
