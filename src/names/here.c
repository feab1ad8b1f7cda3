/* SPDX-License-Identifier: Apache-2.0 */
#include "names/own.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/*
 * The kernel's own word, which follows leases and privacy addresses: from here
 * to here a packet has the address that it goes to, or one of loopback, for its
 * source.  A datagram socket is given its source by connect, and nothing is
 * sent.  Of IPv4 that source may be an older address of the same network: there
 * the kernel is asked whether a packet could have the address for its source,
 * which is so of this host's own alone.
 */

#define DISCARD 9 /* a port; nothing is sent there, and none may be 0 */

#define MSG_PROBE 0x10 /* of the kernel's linux/socket.h: nothing is sent */

/* Whatever net.ipv4.ip_nonlocal_bind says. */
static bool
may_be_source(int fd, const struct names_addr *a, struct sockaddr_storage *at)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control = { 0 };
	struct in_pktinfo info = { 0 };
	struct msghdr m = { .msg_name = at,
		.msg_namelen = sizeof(struct sockaddr_in),
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	memcpy(&info.ipi_spec_dst, a->bytes, sizeof(info.ipi_spec_dst));
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	return sendmsg(fd, &m, MSG_CONFIRM | MSG_PROBE | MSG_NOSIGNAL) == 0;
}

int
names_addr_elsewhere(const struct names_addr *given, struct err *e)
{
	struct names_addr plain = addr_unmapped(given);
	const struct names_addr *a = &plain;
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
	    names_addr_class(&source) == NAMES_LOOPBACK ||
	    (a->family == 4 && may_be_source(fd, a, &at))) {
		return err_set(e, ERR_DENIED,
		    "%s is an address of this host itself", text);
	}
	return 0;
}
