/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bluez/inside.h"

/* --- opening --- */

int
bluez_open(struct bluez **out, struct err *e)
{
	const struct library *sd = bluez_library(e);
	struct bluez *z;
	int r;

	if (!sd) {
		return -1;
	}
	z = calloc(1, sizeof(*z));
	must(z);
	z->sd = sd;
	z->link.write = -1;
	r = sd->open_system(&z->bus);
	if (r < 0) {
		bluez_free(z);
		return err_set(e, ERR_UNAVAILABLE,
		    "there is no system bus: %s (package dbus; bluetoothd is "
		    "reached through it)",
		    strerrordesc_np(-r));
	}
	*out = z;
	return 0;
}

void
bluez_free(struct bluez *z)
{
	if (!z) {
		return;
	}
	bluez_link_end(z);
	for (size_t i = 0; i < COUNT(z->matches); i++) {
		(void)z->sd->slot_unref(z->matches[i]);
	}
	loop_timer_cancel(&z->timer);
	loop_timer_cancel(&z->greeting);
	loop_io_close(&z->io);
	if (z->bus && z->sd->is_ready(z->bus) > 0) {
		(void)z->sd->flush_close_unref(z->bus);
	} else if (z->bus) { /* to flush is to wait for its greeting */
		(void)z->sd->close_unref(z->bus);
	}
	free(z);
}

/* --- its greeting --- */

/* Why a bus that has not greeted never will. */
static int
ungreeted(int r, struct err *e)
{
	return r == -ETIMEDOUT
	           ? err_set(e, ERR_UNAVAILABLE,
	                 "the system bus takes the connection and greets "
	                 "nobody: look whether dbus-daemon hangs")
	           : err_set(e, ERR_UNAVAILABLE,
	                 "the system bus does not let uid %u in: %s", geteuid(),
	                 strerrordesc_np(-r));
}

/* A bus that hangs must not hang who asks it. */
static int
wait_greeting(struct bluez *z, struct err *e)
{
	struct mono until = mono_after(mono_now(), BLUEZ_GREETING_US);
	int r = 0;

	while (r >= 0 && z->sd->is_ready(z->bus) <= 0) {
		int64_t left = until.us - mono_now().us;

		r = z->sd->process(z->bus, NULL);
		if (r == 0) {
			r = left > 0 ? z->sd->wait(z->bus, (uint64_t)left)
			             : -ETIMEDOUT;
		}
	}
	return r < 0 ? ungreeted(r, e) : 0;
}

/* --- calls --- */

struct sd_bus_message *
bluez_message(struct bluez *z, const char *path, const char *interface,
    const char *member)
{
	struct sd_bus_message *m = NULL;

	if (z->sd->message_new_method_call(
	        z->bus, &m, "org.bluez", path, interface, member) < 0) {
		return NULL;
	}
	must(z->sd->message_set_auto_start(m, 0) >= 0);
	return m;
}

static int
fail(const struct sd_bus_error *error, int r, struct err *e)
{
	const char *name = error && error->name ? error->name : "";
	const char *said = error && error->message ? error->message : "";

	if (strstr(name, ".ServiceUnknown") ||
	    strstr(name, ".NameHasNoOwner")) {
		return err_set(e, ERR_UNAVAILABLE,
		    "BlueZ does not run: start bluetoothd (package bluez)");
	}
	if (strstr(name, ".AccessDenied")) {
		return err_set(e, ERR_DENIED,
		    "the system bus lets this user not speak to BlueZ: it "
		    "must be in the group bluetooth");
	}
	return err_set(e, ERR_UNAVAILABLE, "BlueZ: %s",
	    said[0] ? err_quote(str_of(said)) : strerrordesc_np(-r));
}

int
bluez_call(struct bluez *z, struct sd_bus_message *m, int64_t us,
    struct sd_bus_message **reply, struct err *e)
{
	struct sd_bus_error error = { 0 };
	struct sd_bus_message *got = NULL;
	int r;

	if (!m) {
		return err_set(e, ERR_UNAVAILABLE, "the system bus is gone");
	}
	if (wait_greeting(z, e)) {
		(void)z->sd->message_unref(m);
		return -1;
	}
	r = z->sd->call(z->bus, m, (uint64_t)us, &error, &got);
	(void)z->sd->message_unref(m);
	if (r < 0) {
		(void)fail(&error, r, e);
		z->sd->error_free(&error);
		return -1;
	}
	if (reply) {
		*reply = got;
	} else {
		(void)z->sd->message_unref(got);
	}
	return 0;
}

int
bluez_reply_ok(struct bluez *z, struct sd_bus_message *reply, struct err *e)
{
	const struct sd_bus_error *error = z->sd->message_get_error(reply);

	return error ? fail(error, 0, e) : 0;
}

/* --- the loop --- */

static void
over(struct bluez *z, int r)
{
	struct err why = { 0 };
	struct bluez_event event = { .kind = BLUEZ_OVER, .text = why.text };

	if (z->over) {
		return;
	}
	if (!z->greeted) {
		(void)ungreeted(r, &why);
	} else {
		(void)err_set(&why, ERR_UNAVAILABLE,
		    "the system bus is gone: %s", strerrordesc_np(-r));
	}
	z->over = true;
	bluez_link_end(z);
	loop_timer_cancel(&z->timer);
	loop_timer_cancel(&z->greeting);
	loop_io_close(&z->io);
	z->each(z->owner, &event);
}

static void
process(void *owner)
{
	struct bluez *z = owner;
	int r;

	do {
		r = z->sd->process(z->bus, NULL);
	} while (r > 0);
	if (r < 0) {
		over(z, r);
		return;
	}
	if (!z->greeted && z->sd->is_ready(z->bus) > 0) {
		z->greeted = true;
		loop_timer_cancel(&z->greeting);
	}
	bluez_rearm(z);
}

static void
silent(void *owner)
{
	over(owner, -ETIMEDOUT);
}

static void
ready(void *owner, unsigned what)
{
	(void)what;
	process(owner);
}

void
bluez_rearm(struct bluez *z)
{
	uint64_t deadline = UINT64_MAX;
	int events;

	if (!z->loop || z->over) {
		return;
	}
	events = z->sd->get_events(z->bus);
	if (events < 0 || z->sd->get_timeout(z->bus, &deadline) < 0) {
		/* Said at the next turn, not in the middle of this one. */
		events = 0;
		deadline = 0;
	}
	loop_io_want(&z->io, (events & POLLIN ? LOOP_READ : 0) |
	                         (events & POLLOUT ? LOOP_WRITE : 0));
	if (deadline == UINT64_MAX) {
		loop_timer_cancel(&z->timer);
		return;
	}
	loop_timer_arm(&z->timer, z->loop,
	    (struct mono){ (int64_t)(deadline & INT64_MAX) }, process, z);
}

int
bluez_run(struct bluez *z, struct loop *loop, bluez_event_fn *each, void *owner,
    struct err *e)
{
	static const char *const rules[] = {
		"type='signal',sender='org.bluez',"
		"interface='org.freedesktop.DBus.Properties',"
		"member='PropertiesChanged',arg0='" BLUEZ_DEVICE "'",
		"type='signal',sender='org.bluez',"
		"interface='org.freedesktop.DBus.ObjectManager',"
		"member='InterfacesRemoved'",
		"type='signal',sender='org.freedesktop.DBus',"
		"interface='org.freedesktop.DBus',"
		"member='NameOwnerChanged',arg0='org.bluez'",
	};
	int r = 0;

	_Static_assert(
	    COUNT(rules) == sizeof(z->matches) / sizeof(z->matches[0]),
	    "a slot each");
	z->each = each;
	z->owner = owner;
	if (loop_io_open(&z->io, loop, z->sd->get_fd(z->bus), ready, z, e)) {
		return -1;
	}
	z->loop = loop;
	for (size_t i = 0; i < COUNT(rules) && r >= 0; i++) {
		r = z->sd->add_match_async(z->bus, &z->matches[i], rules[i],
		    bluez_link_changed, NULL, z);
	}
	if (r < 0) {
		return err_set(e, ERR_UNAVAILABLE, "the system bus: %s",
		    strerrordesc_np(-r));
	}
	loop_timer_arm(&z->greeting, loop,
	    mono_after(loop_now(loop), BLUEZ_GREETING_US), silent, z);
	bluez_rearm(z);
	return 0;
}
