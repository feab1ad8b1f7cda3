/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fence, from inside a fresh network namespace: every address is local,
 * every TCP connection that is not to loopback comes to one transparent
 * listener per family, UDP 53 to one socket per family, other UDP to nobody.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cell/inside.h"

#define LO_INDEX   1 /* of every fresh network namespace */
#define FENCE_PORT 9
#define DNS_PORT   53
#define BACKLOG    64 /* measured: what one cell may leave unaccepted */
#define TCP_MEMORY "4096 16384 65536"
#define WAITING    "128" /* at a listener: nobody is charged for them */

#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

struct link_request {
	struct nlmsghdr head;
	struct ifinfomsg link;
};

struct route_request {
	struct nlmsghdr head;
	struct rtmsg route;
	struct rtattr out;
	uint32_t index;
};

static struct route_request
local_default(uint8_t family, uint32_t seq)
{
	return (struct route_request){
		.head = {
			.nlmsg_len = sizeof(struct route_request),
			.nlmsg_type = RTM_NEWROUTE,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK |
			    NLM_F_CREATE | NLM_F_EXCL,
			.nlmsg_seq = seq,
		},
		.route = {
			.rtm_family = family,
			.rtm_table = RT_TABLE_LOCAL,
			.rtm_protocol = RTPROT_BOOT,
			.rtm_scope = family == AF_INET ? RT_SCOPE_HOST :
							 RT_SCOPE_UNIVERSE,
			.rtm_type = RTN_LOCAL,
		},
		.out = {
			.rta_len = RTA_LENGTH(sizeof(uint32_t)),
			.rta_type = RTA_OIF,
		},
		.index = LO_INDEX,
	};
}

static struct link_request
loopback_up(void)
{
	return (struct link_request){
		.head = {
			.nlmsg_len = sizeof(struct link_request),
			.nlmsg_type = RTM_NEWLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
			.nlmsg_seq = 1,
		},
		.link = {
			.ifi_family = AF_UNSPEC,
			.ifi_index = LO_INDEX,
			.ifi_flags = IFF_UP,
			.ifi_change = IFF_UP,
		},
	};
}

int
fence_none(struct err *e)
{
	struct link_request up = loopback_up();

	return netlink_talk(NETLINK_ROUTE, str_span(&up, sizeof(up)), 1, e);
}

static int
all_local(struct err *e)
{
	struct {
		struct link_request up;
		struct route_request four;
		struct route_request six;
	} ask = {
		.up = loopback_up(),
		.four = local_default(AF_INET, 2),
		.six = local_default(AF_INET6, 3),
	};

	_Static_assert(sizeof(ask) == sizeof(struct link_request) +
	                                  2 * sizeof(struct route_request),
	    "messages lie side by side");
	if (netlink_talk(NETLINK_ROUTE, str_span(&ask, sizeof(ask)), 3, e)) {
		return err_wrap(e, "loopback and local routes");
	}
	return 0;
}

static int
set_limit(const char *path, const char *value, struct err *e)
{
	auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0) {
		return err_sys(e, "open %s", path);
	}
	if (write(fd, value, strlen(value)) < 0) {
		return err_sys(e, "write %s", path);
	}
	return 0;
}

static int
set_on(int fd, int level, int option, struct err *e)
{
	int one = 1;

	if (setsockopt(fd, level, option, &one, sizeof(one)) < 0) {
		return err_sys(
		    e, "socket option %d of level %d", option, level);
	}
	return 0;
}

static int
bind_any(int fd, int family, uint16_t port, struct err *e)
{
	struct sockaddr_in four = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	struct sockaddr_in6 six = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(port),
	};
	bool v4 = family == AF_INET;
	const struct sockaddr *at = v4 ? (void *)&four : (void *)&six;

	if (bind(fd, at, v4 ? sizeof(four) : sizeof(six)) < 0) {
		return err_sys(e, "bind port %u", port);
	}
	return 0;
}

static int
open_socket(int family, int type, bool only, struct err *e)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		return err_sys(e, "socket of family %d", family);
	}
	if (only && family == AF_INET6 &&
	    set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY, e)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int
transparent(int fd, int family, struct err *e)
{
	return family == AF_INET
	           ? set_on(fd, IPPROTO_IP, IP_TRANSPARENT, e)
	           : set_on(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, e);
}

/* plain: on the port itself, without the rule's help; IPv6 is dual-stack. */
static int
listen_tcp(int family, uint16_t port, bool plain, struct err *e)
{
	auto_close int fd = open_socket(family, SOCK_STREAM, !plain, e);

	if (fd < 0 || (!plain && transparent(fd, family, e)) ||
	    bind_any(fd, family, port, e)) {
		return -1;
	}
	if (listen(fd, BACKLOG) < 0) {
		return err_sys(e, "listen on port %u", port);
	}
	return take_fd(&fd);
}

static int
open_dns(int family, struct err *e)
{
	auto_close int fd = open_socket(family, SOCK_DGRAM, true, e);
	bool v4 = family == AF_INET;

	if (fd < 0 || transparent(fd, family, e) ||
	    bind_any(fd, family, DNS_PORT, e)) {
		return -1;
	}
	if (v4 ? set_on(fd, IPPROTO_IP, IP_PKTINFO, e)
	       : (set_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, e) ||
	             set_on(fd, IPPROTO_IPV6, IPV6_FREEBIND, e))) {
		return -1;
	}
	return take_fd(&fd);
}

static void
close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		auto_close_fd(&fds[i]);
	}
}

int
fence_build(
    bool plain, int listeners[CELL_LISTENERS], bool *ports_only, struct err *e)
{
	int own[CELL_LISTENERS] = { -1, -1, -1, -1 };
	struct err why = { 0 };

	if (all_local(e) ||
	    set_limit("/proc/sys/net/ipv4/tcp_rmem", TCP_MEMORY, e) ||
	    set_limit("/proc/sys/net/ipv4/tcp_wmem", TCP_MEMORY, e)) {
		return -1;
	}
	/* Of the cell's own listeners; older kernels show it to root alone. */
	(void)set_limit("/proc/sys/net/core/somaxconn", WAITING, &why);
	plain = plain || nft_redirect(FENCE_PORT, &why) != 0;
	own[0] = listen_tcp(AF_INET, plain ? 80 : FENCE_PORT, plain, e);
	own[1] = own[0] < 0
	             ? -1
	             : listen_tcp(AF_INET6, plain ? 443 : FENCE_PORT, plain, e);
	own[2] = own[1] < 0 ? -1 : open_dns(AF_INET, e);
	own[3] = own[2] < 0 ? -1 : open_dns(AF_INET6, e);
	if (own[3] < 0) {
		close_all(own, CELL_LISTENERS);
		return -1;
	}
	memcpy(listeners, own, sizeof(own));
	*ports_only = plain;
	return 0;
}
