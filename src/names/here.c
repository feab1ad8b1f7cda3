/* SPDX-License-Identifier: Apache-2.0 */
#include "names/own.h"

#include <sys/socket.h>

/*
 * The kernel's own word, which follows leases and privacy addresses: from here
 * to here a packet has the address that it goes to, or one of loopback, for its
 * source.  A datagram socket is given its source by connect, and nothing is
 * sent.
 */

#define DISCARD 9 /* a port; nothing is sent there, and none may be 0 */

int
names_addr_elsewhere(const struct names_addr *a, struct err *e)
{
	struct sockaddr_storage at;
	socklen_t size = names_addr_write(a, DISCARD, &at);
	socklen_t room = sizeof(at);
	struct names_addr source;
	char text[NAMES_ADDR_TEXT];
	auto_close int fd =
	    socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	names_addr_text(a, text);
	if (fd < 0) {
		return err_sys(e, "where %s leads", text);
	}
	if (connect(fd, (struct sockaddr *)&at, size)) {
		return 0; /* no way there: who dials will hear it */
	}
	if (getsockname(fd, (struct sockaddr *)&at, &room)) {
		return err_sys(e, "where %s leads", text);
	}
	if (!names_addr_read((const struct sockaddr *)&at, &source) ||
	    names_addr_eq(&source, a) ||
	    names_addr_class(&source) == NAMES_LOOPBACK) {
		return err_set(e, ERR_DENIED,
		    "%s is an address of this host itself", text);
	}
	return 0;
}
