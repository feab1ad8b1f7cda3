/* SPDX-License-Identifier: Apache-2.0 */
#include "names/own.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/*
 * The kernel's own word, which follows leases and privacy addresses: from here
 * to here a packet has the address that it goes to, or one of loopback, for its
 * source.  A datagram socket is given its source by connect, and nothing is
 * sent.
 */

static void
read_addr(const struct sockaddr_storage *at, struct names_addr *out)
{
	const struct sockaddr_in *in = (const void *)at;
	const struct sockaddr_in6 *in6 = (const void *)at;

	*out =
	    (struct names_addr){ .family = at->ss_family == AF_INET ? 4 : 6 };
	if (out->family == 4) {
		memcpy(out->bytes, &in->sin_addr, 4);
	} else {
		memcpy(out->bytes, &in6->sin6_addr, 16);
	}
}

static socklen_t
write_addr(const struct names_addr *a, struct sockaddr_storage *at)
{
	struct sockaddr_in *in = (void *)at;
	struct sockaddr_in6 *in6 = (void *)at;

	*at = (struct sockaddr_storage){ 0 };
	if (a->family == 4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(9); /* discard; none may be 0 */
		memcpy(&in->sin_addr, a->bytes, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(9);
	memcpy(&in6->sin6_addr, a->bytes, 16);
	return sizeof(*in6);
}

int
names_addr_elsewhere(const struct names_addr *a, struct err *e)
{
	struct sockaddr_storage at;
	socklen_t size = write_addr(a, &at);
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
	read_addr(&at, &source);
	if (names_addr_eq(&source, a) ||
	    names_addr_class(&source) == NAMES_LOOPBACK) {
		return err_set(e, ERR_DENIED,
		    "%s is an address of this host itself", text);
	}
	return 0;
}
