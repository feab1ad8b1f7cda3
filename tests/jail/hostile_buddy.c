/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part `buddy` that lies: whatever its device writes as "CARRIER YES ID" it
 * tells core as a decision, as if a button had been pressed, and what core
 * shows it hands to the device as "ID WHOLE".  CARRIER + is the one it was
 * given; an id of "long" has no end.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/wire.h"

static uint64_t carrier;
static int device = -1;

static void
fail(const struct err *e)
{
	(void)fprintf(stderr, "hostile_buddy: %s\n", e->text);
	exit(1);
}

static void
say(enum wire_type type, const void *record, int fd)
{
	struct err e = { 0 };

	if (wire_send_now(fd, type, record, NULL, 0, &e)) {
		fail(&e);
	}
}

static void
take_carrier(void)
{
	struct wire_buddy_carrier in;
	struct wire_buddy_state state = { .alive = 1 };
	struct wire_fds fds = { 0 };
	struct err e = { 0 };

	if (wire_take_now(3, WIRE_BUDDY_CARRIER, CLOCK_SECOND, &in, &fds, &e)) {
		exit(0); /* the house is gone */
	}
	device = fds.at[0];
	carrier = in.carrier;
	state.carrier = carrier;
	say(WIRE_BUDDY_STATE, &state, 4);
}

static void
take_show(void)
{
	struct wire_buddy_show in;
	struct err e = { 0 };

	if (wire_take_now(4, WIRE_BUDDY_SHOW, CLOCK_SECOND, &in, NULL, &e)) {
		exit(0);
	}
	(void)dprintf(device, "%s %d\n", in.prompt ? in.id : "-", in.whole);
}

static void
take_order(void)
{
	struct wire_buddy_decision said = { .carrier = carrier };
	char line[128];
	ssize_t n = read(device, line, sizeof(line) - 1);
	char *yes;
	char *id;
	char *rest = NULL;

	if (n <= 0) {
		exit(0);
	}
	line[n] = '\0';
	char *which = strtok_r(line, " \n", &rest);

	yes = strtok_r(NULL, " \n", &rest);
	id = strtok_r(NULL, " \n", &rest);
	if (!which || !yes || !id) {
		return; /* the line with the token */
	}
	if (which[0] != '+') {
		said.carrier = strtoull(which, NULL, 10);
	}
	said.yes = (uint32_t)strtoul(yes, NULL, 10);
	if (strcmp(id, "long") == 0) {
		memset(said.id, 'x', sizeof(said.id));
	} else {
		must(str_copy(said.id, sizeof(said.id), str_of(id)));
	}
	say(WIRE_BUDDY_DECISION, &said, 4);
}

int
main(void)
{
	struct wire_ready ready = { .pid = getpid() };

	say(WIRE_BUDDY_READY, &ready, 3);
	for (;;) {
		struct pollfd at[] = { { .fd = 3, .events = POLLIN },
			{ .fd = 4, .events = POLLIN },
			{ .fd = device, .events = POLLIN } };

		if (poll(at, COUNT(at), -1) < 0) {
			return 1;
		}
		if (at[0].revents) {
			take_carrier();
		} else if (at[1].revents) {
			take_show();
		} else {
			take_order();
		}
	}
}
