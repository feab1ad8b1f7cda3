/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_IDS_HELP_H
#define TESTS_IDS_HELP_H

#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base.h"

/*
 * Tests run side by side, and limits are counted by user.  One of so many
 * places of a kind that no other program has while this one lives: the kernel
 * keeps the name, and gives it back.
 */
__attribute__((unused)) static unsigned
take_place(const char *kind, unsigned places)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned place = (unsigned)getpid();
	int tries = 0;
	int len;

	must(fd >= 0);
	do {
		must(++tries < 100);
		place = (place + 1) % places;
		len = snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1,
		    "handrail-%s-%u", kind, place);
	} while (bind(fd, (struct sockaddr *)&at,
	             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	                         (size_t)len)) != 0);
	return place;
}

/* For parts, cells and egresses of a house that a unit test plays. */
__attribute__((unused)) static int
house_ids(void)
{
	static int base;

	if (!base) {
		base = 5000000 + (int)take_place("part-ids", 4096) * 1024;
	}
	return base;
}

#endif
