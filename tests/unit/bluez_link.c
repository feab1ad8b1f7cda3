/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link to a bonded device, over sd-bus and a real dbus-daemon, with a
 * stand-in of BlueZ.  No radio has a part in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bluez/bluez.h"
#include "bluez/world.h"

struct rig {
	struct world world;
	struct loop *loop;
	struct bluez *z;
	/* what was heard last */
	size_t events;
	enum bluez_event_kind kind;
	char text[256];
	int write, notify;
	uint32_t mtu;
};

static void
close_ends(struct rig *r)
{
	if (r->write >= 0) {
		(void)close(take_fd(&r->write));
		(void)close(take_fd(&r->notify));
	}
}

static void
hears(void *owner, const struct bluez_event *event)
{
	struct rig *r = owner;

	r->events++;
	r->kind = event->kind;
	(void)str_copy(
	    r->text, sizeof(r->text), str_of(event->text ? event->text : ""));
	if (event->kind == BLUEZ_UP) {
		close_ends(r);
		r->write = take_fd(event->write);
		r->notify = take_fd(event->notify);
		r->mtu = event->mtu;
	}
}

static struct rig *
begin(const char *const *how)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct err e = { 0 };

	assert_non_null(r);
	r->write = r->notify = -1;
	world_begin(&r->world, how);
	world_device(&r->world);
	r->loop = loop_new();
	if (bluez_open(&r->z, &e) || bluez_run(r->z, r->loop, hears, r, &e)) {
		fail_msg("%s", e.text);
	}
	return r;
}

static void
end(struct rig *r)
{
	close_ends(r);
	bluez_free(r->z);
	loop_free(r->loop);
	world_over(&r->world);
	free(r);
}

/* The next event is of this kind. */
static void
next(struct rig *r, enum bluez_event_kind kind)
{
	size_t before = r->events;
	struct mono end = mono_after(mono_now(), 60 * CLOCK_SECOND);

	while (r->events == before) {
		assert_false(mono_passed(end, mono_now()));
		loop_turn(r->loop, CLOCK_SECOND / 10);
	}
	if (r->kind != kind || r->events != before + 1) {
		fail_msg("%zu events, the last %u: %s", r->events - before,
		    r->kind, r->text);
	}
}

static void
up(struct rig *r)
{
	bluez_connect(r->z, WORLD_ADDRESS);
	next(r, BLUEZ_UP);
}

#define NEEDS_A_BUS()               \
	do {                        \
		if (!world_can()) { \
			skip();     \
		}                   \
	} while (0)

static void
carries(int from, int to, const char *text)
{
	char got[64] = "";
	struct pollfd at = { .fd = to, .events = POLLIN };

	assert_int_equal(write(from, text, strlen(text)), strlen(text));
	assert_int_equal(poll(&at, 1, WORLD_WAIT_MS), 1);
	assert_int_equal(read(to, got, sizeof(got) - 1), strlen(text));
	assert_string_equal(got, text);
}

static void
a_bonded_device_is_called_and_both_ends_carry(void **state)
{
	(void)state;
	NEEDS_A_BUS();
	struct rig *r = begin(NULL);

	up(r);
	assert_int_equal(r->mtu, 185);
	world_hears(&r->world, "connect");
	carries(r->write, r->world.device, "to the device\n");
	carries(r->world.device, r->notify, "from it\n");
	end(r);
}

static void
one_that_is_connected_already_is_not_called(void **state)
{
	static const char *const how[] = { "connected=1", "mtu=23", NULL };

	(void)state;
	NEEDS_A_BUS();
	struct rig *r = begin(how);

	up(r);
	assert_int_equal(r->mtu, 23);
	world_hears(&r->world, "acquired write");
	assert_null(strstr(r->world.line, "connect"));
	end(r);
}

static void
without_a_bond_there_is_no_link(void **state)
{
	static const char *const none[] = { "paired=0", "connected=1", NULL };
	static const char *const lost[] = { "bonded=0", "connected=1", NULL };
	static const char *const blocked[] = { "blocked=1", "connected=1",
		NULL };
	static const char *const unknown[] = { "known=0", NULL };
	static const char *const *const all[] = { none, lost, blocked,
		unknown };

	(void)state;
	NEEDS_A_BUS();
	for (size_t i = 0; i < COUNT(all); i++) {
		struct rig *r = begin(all[i]);

		bluez_connect(r->z, WORLD_ADDRESS);
		next(r, BLUEZ_DOWN);
		assert_non_null(strstr(r->text, "no bond"));
		assert_int_equal(r->write, -1);
		end(r);
	}
}

static void
a_link_ends_with_its_bond_though_the_radio_holds_it(void **state)
{
	(void)state;
	NEEDS_A_BUS();
	struct rig *r = begin(NULL);

	up(r);
	world_say(&r->world, "unbond keep");
	next(r, BLUEZ_DOWN);
	assert_non_null(strstr(r->text, "no bond"));
	bluez_connect(r->z, WORLD_ADDRESS);
	next(r, BLUEZ_DOWN);
	assert_non_null(strstr(r->text, "no bond"));
	end(r);
}

static void
a_link_ends_when_its_device_is_blocked(void **state)
{
	(void)state;
	NEEDS_A_BUS();
	struct rig *r = begin(NULL);

	up(r);
	world_say(&r->world, "set blocked 1");
	next(r, BLUEZ_DOWN);
	assert_non_null(strstr(r->text, "no bond"));
	end(r);
}

static void
a_lost_device_ends_it_and_comes_back(void **state)
{
	char byte;

	(void)state;
	NEEDS_A_BUS();
	struct rig *r = begin(NULL);

	up(r);
	world_say(&r->world, "drop");
	next(r, BLUEZ_DOWN);
	assert_non_null(strstr(r->text, "out of reach"));
	assert_int_equal(read(r->notify, &byte, 1), 0);
	world_say(&r->world, "set near 0");
	bluez_connect(r->z, WORLD_ADDRESS);
	next(r, BLUEZ_DOWN);
	assert_non_null(strstr(r->text, "abort-by-local"));
	world_say(&r->world, "set near 1");
	up(r);
	carries(r->write, r->world.device, "again\n");
	end(r);
}

/* The last link's ends are let go of a little later than a new one is asked
 * for. */
static void
an_end_that_is_still_taken_is_asked_for_again(void **state)
{
	int write;
	int notify;

	(void)state;
	NEEDS_A_BUS();
	struct rig *r = begin(NULL);

	up(r);
	write = take_fd(&r->write);
	notify = take_fd(&r->notify);
	bluez_connect(r->z, WORLD_ADDRESS);
	for (int i = 0; i < 12; i++) {
		loop_turn(r->loop, CLOCK_SECOND / 10);
	}
	assert_int_equal(r->events, 1);
	(void)close(notify);
	(void)close(write);
	next(r, BLUEZ_UP);
	carries(r->write, r->world.device, "again\n");
	end(r);
}

static void
without_bluez_it_says_what_to_start(void **state)
{
	(void)state;
	NEEDS_A_BUS();
	struct rig *r = begin(NULL);

	up(r);
	(void)close(take_fd(&r->world.device));
	world_end_bluez(&r->world);
	next(r, BLUEZ_DOWN);
	assert_non_null(strstr(r->text, "start bluetoothd"));
	bluez_connect(r->z, WORLD_ADDRESS);
	next(r, BLUEZ_DOWN);
	assert_non_null(strstr(r->text, "start bluetoothd"));
	end(r);
}

static void
without_a_bus_it_is_over(void **state)
{
	struct bluez *none = NULL;
	struct err e = { 0 };

	(void)state;
	NEEDS_A_BUS();
	struct rig *r = begin(NULL);

	up(r);
	world_end(&r->world.daemon);
	next(r, BLUEZ_OVER);
	bluez_connect(r->z, WORLD_ADDRESS); /* nothing more comes */
	loop_turn(r->loop, 0);
	assert_int_equal(bluez_open(&none, &e), -1);
	assert_int_equal(e.kind, ERR_UNAVAILABLE);
	assert_non_null(strstr(e.text, "no system bus"));
	end(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bonded_device_is_called_and_both_ends_carry),
		cmocka_unit_test(one_that_is_connected_already_is_not_called),
		cmocka_unit_test(without_a_bond_there_is_no_link),
		cmocka_unit_test(
		    a_link_ends_with_its_bond_though_the_radio_holds_it),
		cmocka_unit_test(a_link_ends_when_its_device_is_blocked),
		cmocka_unit_test(a_lost_device_ends_it_and_comes_back),
		cmocka_unit_test(an_end_that_is_still_taken_is_asked_for_again),
		cmocka_unit_test(without_bluez_it_says_what_to_start),
		cmocka_unit_test(without_a_bus_it_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
