/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One link.  Whatever happens, BlueZ is asked anew what it knows, and the next
 * step follows from that alone: signals say when to look, never what is so.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "bluez/inside.h"

#define CONNECT_US (60 * CLOCK_SECOND) /* it may be asleep, or out of reach */
#define RESOLVE_US (30 * CLOCK_SECOND)
#define AGAIN_US   (CLOCK_SECOND / 2)
#define MTU_MAX    517 /* of ATT, over any link */

static void look(void *owner);

static void
forget_call(struct bluez *z)
{
	z->link.call = z->sd->slot_unref(z->link.call);
	z->link.again = false;
}

void
bluez_link_end(struct bluez *z)
{
	struct link *l = &z->link;

	forget_call(z);
	loop_timer_cancel(&l->timer);
	if (l->write >= 0) {
		(void)close(take_fd(&l->write));
	}
	*l = (struct link){ .write = -1 };
}

static void
down(struct bluez *z, const char *text)
{
	struct bluez_event event = { .kind = BLUEZ_DOWN, .text = text };

	bluez_link_end(z);
	z->each(z->owner, &event);
}

static void
ask(struct bluez *z, struct sd_bus_message *m, sd_bus_fn *f, int64_t us)
{
	int r = -1;

	forget_call(z);
	if (m) {
		r = z->sd->call_async(
		    z->bus, &z->link.call, m, f, z, (uint64_t)us);
		(void)z->sd->message_unref(m);
	}
	if (r < 0) {
		down(z, "the system bus is gone");
	}
}

static void
look_again(struct bluez *z)
{
	loop_timer_arm(&z->link.timer, z->loop,
	    mono_after(loop_now(z->loop), AGAIN_US), look, z);
}

/* --- the two characteristics --- */

/* A descriptor of the reply belongs to the reply. */
static int
take_end(struct bluez *z, struct sd_bus_message *reply, int *fd, uint32_t *mtu,
    struct err *e)
{
	int theirs = -1;
	uint16_t most = 0;

	if (bluez_reply_ok(z, reply, e)) {
		return -1;
	}
	if (z->sd->message_read(reply, "hq", &theirs, &most) < 0 || most < 23) {
		return err_set(e, ERR_IO, "BlueZ: an end of a link of no form");
	}
	*fd = fcntl(theirs, F_DUPFD_CLOEXEC, 5);
	*mtu = most < MTU_MAX ? most : MTU_MAX;
	return *fd >= 0 ? 0 : err_sys(e, "an end of a link");
}

/* Somebody else has it, or the last one of ours is not let go of yet. */
static void
not_yet(struct bluez *z, const struct err *e)
{
	struct link *l = &z->link;

	if (l->write >= 0) {
		(void)close(take_fd(&l->write));
	}
	if (mono_passed(l->deadline, loop_now(z->loop))) {
		down(z, e->text);
		return;
	}
	l->step = LINK_WAITING;
	look_again(z);
}

static int
has_notify(struct sd_bus_message *reply, void *owner, struct sd_bus_error *none)
{
	struct bluez *z = owner;
	struct link *l = &z->link;
	auto_close int notify = -1;
	auto_close int to = -1;
	uint32_t mtu = 0;
	struct err e = { 0 };

	(void)none;
	forget_call(z);
	if (take_end(z, reply, &notify, &mtu, &e)) {
		not_yet(z, &e);
		return 0;
	}
	to = take_fd(&l->write);
	struct bluez_event event = {
		.kind = BLUEZ_UP,
		.write = &to,
		.notify = &notify,
		.mtu = mtu < l->mtu ? mtu : l->mtu,
	};

	l->step = LINK_UP;
	z->each(z->owner, &event);
	if (l->step == LINK_UP && l->missed) {
		look(z);
	}
	return 0;
}

static void
acquire(struct bluez *z, const char *path, const char *member, sd_bus_fn *f)
{
	struct sd_bus_message *m =
	    bluez_message(z, path, "org.bluez.GattCharacteristic1", member);

	must(!m || z->sd->message_append(m, "a{sv}", 0) >= 0);
	ask(z, m, f, BLUEZ_CALL_US);
}

static int
has_write(struct sd_bus_message *reply, void *owner, struct sd_bus_error *none)
{
	struct bluez *z = owner;
	struct link *l = &z->link;
	struct err e = { 0 };

	(void)none;
	forget_call(z);
	if (take_end(z, reply, &l->write, &l->mtu, &e)) {
		not_yet(z, &e);
		return 0;
	}
	l->step = LINK_NOTIFY;
	acquire(z, l->from, "AcquireNotify", has_notify);
	return 0;
}

/* --- the device --- */

static int
is_called(struct sd_bus_message *reply, void *owner, struct sd_bus_error *none)
{
	struct bluez *z = owner;
	struct err e = { 0 };

	(void)none;
	forget_call(z);
	if (bluez_reply_ok(z, reply, &e)) {
		down(z, e.text);
		return 0;
	}
	z->link.deadline = mono_after(loop_now(z->loop), RESOLVE_US);
	look(z);
	return 0;
}

static void
go_on(struct bluez *z, const struct bluez_device *d)
{
	struct link *l = &z->link;

	if (!d->connected && !l->called) {
		l->step = LINK_CONNECTING;
		l->called = true;
		ask(z, bluez_message(z, d->path, BLUEZ_DEVICE, "Connect"),
		    is_called, CONNECT_US);
	} else if (!d->connected) {
		down(z, "the device is out of reach, or off");
	} else if (d->resolved && d->to[0] && d->from[0]) {
		l->step = LINK_WRITE;
		memcpy(l->to, d->to, sizeof(l->to));
		memcpy(l->from, d->from, sizeof(l->from));
		acquire(z, l->to, "AcquireWrite", has_write);
	} else if (mono_passed(l->deadline, loop_now(z->loop))) {
		down(z, "the device is there, and offers no Nordic UART "
		        "service");
	} else {
		l->step = LINK_WAITING;
		look_again(z);
	}
}

/* The bond comes first, in every step: without it there is no link. */
static int
has_looked(struct sd_bus_message *reply, void *owner, struct sd_bus_error *none)
{
	struct bluez *z = owner;
	struct link *l = &z->link;
	bool again = l->again;
	struct bluez_device d;
	struct err e = { 0 };

	(void)none;
	forget_call(z);
	if (bluez_reply_ok(z, reply, &e) ||
	    bluez_find(z, reply, l->address, &d, &e)) {
		down(z, e.text);
		return 0;
	}
	memcpy(l->path, d.path, sizeof(l->path));
	if (!d.bonded) {
		down(z, "no bond with this device: `handrail buddy pair` makes "
		        "one");
	} else if (l->step != LINK_UP) {
		go_on(z, &d);
	} else if (!d.connected) {
		down(z, "the device is out of reach, or off");
	} else if (again) {
		look(z);
	}
	return 0;
}

static void
look(void *owner)
{
	struct bluez *z = owner;
	struct link *l = &z->link;

	if (l->step != LINK_UP) {
		l->step = LINK_LOOKING;
	}
	l->missed = false;
	ask(z,
	    bluez_message(z, "/", "org.freedesktop.DBus.ObjectManager",
	        "GetManagedObjects"),
	    has_looked, BLUEZ_CALL_US);
	bluez_rearm(z);
}

int
bluez_link_changed(
    struct sd_bus_message *m, void *owner, struct sd_bus_error *none)
{
	struct bluez *z = owner;
	struct link *l = &z->link;
	const char *path = z->sd->message_get_path(m);

	(void)none;
	/* Other devices come and go too. */
	if (path && strstr(path, "/dev_") && strcmp(path, l->path) != 0) {
		return 0;
	}
	if (l->step != LINK_UP) {
		l->missed = true;
		return 0;
	}
	if (l->call) {
		l->again = true;
		return 0;
	}
	look(z);
	return 0;
}

void
bluez_connect(struct bluez *z, const char *address)
{
	must(z->loop);
	if (z->over) {
		return;
	}
	bluez_link_end(z);
	must(str_copy(
	    z->link.address, sizeof(z->link.address), str_of(address)));
	z->link.deadline = mono_after(loop_now(z->loop), RESOLVE_US);
	look(z);
}
