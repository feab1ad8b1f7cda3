/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BLUEZ_BLUEZ_H
#define BLUEZ_BLUEZ_H

/*
 * A device that speaks the Nordic UART service over Bluetooth, through BlueZ
 * on the system bus (org.bluez, versions 5.65 and on; doc/ of BlueZ).  Bytes
 * of the device do not pass here: BlueZ makes a socket of each of the two
 * characteristics (AcquireWrite, AcquireNotify), and both are handed on.
 *
 * A device is known by the address of its bond and by nothing else.  Without
 * a bond there is no link, and a link ends with its bond.  sd-bus speaks
 * D-Bus; libsystemd is opened at run time.  Nothing here starts bluetoothd.
 */

#include "base/base.h"
#include "loop/loop.h"

#define BLUEZ_ADDRESS_MAX 18 /* AA:BB:CC:DD:EE:FF and its end */
#define BLUEZ_NAME_MAX    64
#define BLUEZ_GREETING_US (5 * CLOCK_SECOND)

struct bluez;

/* Connects to the system bus as whoever this process is by now: the bus asks
 * the kernel at this moment, and never again.  Does not wait for its greeting:
 * what waits below does, for BLUEZ_GREETING_US, and on a loop a bus that has
 * not greeted by then is BLUEZ_OVER.  ERR_UNAVAILABLE: no libsystemd, or no
 * bus. */
int bluez_open(struct bluez **out, struct err *e) MUST_CHECK;
void bluez_free(struct bluez *z); /* NULL is nothing */

/* --- a link, on the loop --- */

enum bluez_event_kind {
	BLUEZ_UP,   /* write, notify, mtu */
	BLUEZ_DOWN, /* text: why there is no link, or none any more */
	BLUEZ_OVER, /* text: the bus is gone; what is left is bluez_free */
};
struct bluez_event {
	enum bluez_event_kind kind;
	int *write;       /* packets to the device; take_fd, or it is closed */
	int *notify;      /* packets from it */
	uint32_t mtu;     /* of ATT: a packet has at most 3 bytes less */
	const char *text; /* printable */
};
typedef void bluez_event_fn(void *owner, const struct bluez_event *event);

int bluez_run(struct bluez *z, struct loop *loop, bluez_event_fn *each,
    void *owner, struct err *e) MUST_CHECK;
/* A link to the bonded device of this address; one that was asked for earlier
 * is forgotten without a word.  One BLUEZ_UP or BLUEZ_DOWN follows, and after
 * an UP one DOWN when the device, its bond or BlueZ goes. */
void bluez_connect(struct bluez *z, const char *address);

/* --- bonds; these wait, and come before bluez_run --- */

struct bluez_found {
	const char *address;
	const char *name; /* as the device says it: hostile UTF-8 */
	bool bonded;
};
typedef void bluez_found_fn(void *owner, const struct bluez_found *found);
/* Listens for so long, then tells of each device whose name begins with
 * "Claude" or that is bonded and offers the service. */
int bluez_look(struct bluez *z, int64_t us, bluez_found_fn *each, void *owner,
    struct err *e) MUST_CHECK;

/* Whoever sits before both. */
struct bluez_person {
	/* The six digits that the device shows; -1: no. */
	int (*enters)(void *owner, uint32_t *passkey);
	/* Six digits to be entered at the device. */
	void (*sees)(void *owner, uint32_t passkey);
	/* The same six digits are to be seen at the device. */
	bool (*compares)(void *owner, uint32_t passkey);
	/* Nobody sits there any more: asked again and again. */
	bool (*leaves)(void *owner);
	void *owner;
};
/* Bonds by a passkey.  One that came about without it, or behind a pairing that
 * failed, ran out of time or was left, could be anybody's: it is taken back
 * (ERR_DENIED; the text says where it could not be).  ERR_CONFLICT: there is a
 * bond already. */
int bluez_pair(struct bluez *z, const char *address,
    const struct bluez_person *person, struct err *e) MUST_CHECK;
/* ERR_MISSING: BlueZ knows no such device. */
int bluez_forget(
    struct bluez *z, const char *address, struct err *e) MUST_CHECK;

#endif
