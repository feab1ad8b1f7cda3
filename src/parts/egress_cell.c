/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/egress.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_TURN 32     /* connections or datagrams taken in one turn */
#define ACCEPT_REST 100000 /* us */
#define CA_DAYS     30

/* --- connections --- */

static bool
address_of(
    const struct sockaddr_storage *at, struct names_addr *to, uint16_t *port)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	*to = (struct names_addr){ 0 };
	if (at->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)at;
		to->family = 4;
		memcpy(to->bytes, &in->sin_addr, 4);
		*port = ntohs(in->sin_port);
		return true;
	}
	if (at->ss_family != AF_INET6) {
		return false;
	}
	const struct sockaddr_in6 *in6 = (const void *)at;
	const uint8_t *bytes = in6->sin6_addr.s6_addr;
	*port = ntohs(in6->sin6_port);
	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		to->family = 4;
		memcpy(to->bytes, bytes + 12, 4);
		return true;
	}
	to->family = 6;
	memcpy(to->bytes, bytes, 16);
	return true;
}

static void
accepted(struct egress *g, int fd)
{
	struct sockaddr_storage at = { 0 };
	socklen_t size = sizeof(at);
	struct names_addr to;
	uint16_t port;
	if (g->lease_over || getsockname(fd, (struct sockaddr *)&at, &size) ||
	    !address_of(&at, &to, &port)) {
		(void)close(fd);
		return;
	}
	proxy_carry(g->proxy, fd, &to, port);
}

static void
rested(void *owner)
{
	struct egress_listener *l = owner;
	loop_io_want(&l->io, LOOP_READ);
}

static void
tcp_ready(void *owner, unsigned ready)
{
	struct egress_listener *l = owner;
	(void)ready;
	for (int i = 0; i < ACCEPT_TURN; i++) {
		int fd =
		    accept4(l->io.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			accepted(l->egress, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			/* L02: a full table must not become a spin. */
			loop_io_want(&l->io, 0);
			loop_timer_arm(&l->rest, l->egress->loop,
			    mono_after(loop_now(l->egress->loop), ACCEPT_REST),
			    rested, l);
		}
		return;
	}
}

/* --- names --- */

union control {
	struct cmsghdr align;
	char v4[CMSG_SPACE(sizeof(struct in_pktinfo))];
	char v6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* The answer must come from the address that was asked. */
static void
turn_round(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			info.ipi_spec_dst = info.ipi_addr;
			memcpy(CMSG_DATA(c), &info, sizeof(info));
		}
	}
}

static bool
answer_one(struct egress_listener *l)
{
	char query[NAMES_QUERY_MAX];
	struct sockaddr_storage from = { 0 };
	union control control = { 0 };
	struct iovec piece = { query, sizeof(query) };
	struct msghdr m = { .msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(l->io.fd, &m, MSG_DONTWAIT);
	if (n < 0) {
		return errno == EINTR || errno == ECONNREFUSED;
	}
	if (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		return true;
	}
	auto_buf reply = { 0 };
	names_dns_answer(l->egress->pool, str_span(query, (size_t)n), &reply);
	if (reply.len > 0) {
		piece = (struct iovec){ reply.at, reply.len };
		turn_round(&m);
		m.msg_flags = 0;
		(void)sendmsg(l->io.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	return true;
}

static void
udp_ready(void *owner, unsigned ready)
{
	struct egress_listener *l = owner;
	(void)ready;
	for (int i = 0; i < ACCEPT_TURN && answer_one(l); i++) {
	}
}

static int
listen_on(struct egress *g, size_t i, int fd, struct err *e)
{
	struct egress_listener *l = &g->listeners[i];
	int one = 1;
	l->egress = g;
	l->udp = i >= 2;
	/* Every connection takes it from its listener. */
	if (!l->udp &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))) {
		return err_sys(e, "TCP_NODELAY");
	}
	if (i == 2 &&
	    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one))) {
		return err_sys(e, "IP_PKTINFO");
	}
	if (i == 3 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one))) {
		return err_sys(e, "IPV6_RECVPKTINFO");
	}
	if (loop_io_open(
	        &l->io, g->loop, fd, l->udp ? udp_ready : tcp_ready, l, e)) {
		return -1;
	}
	loop_io_want(&l->io, LOOP_READ);
	return 0;
}

/* --- the lease --- */

static void
lease_over(void *owner)
{
	struct egress *g = owner;
	g->lease_over = true;
	proxy_close_all(g->proxy, "the lease of this run is over");
}

void
egress_lease(struct egress *g, struct mono deadline)
{
	struct mono now = loop_now(g->loop);
	g->lease_over = false;
	if (mono_passed(deadline, now)) {
		loop_timer_cancel(&g->lease);
		lease_over(g);
		return;
	}
	loop_timer_arm(&g->lease, g->loop, deadline, lease_over, g);
}

/* --- one cell --- */

/* Core is gone, or this end broke its rules: everything ends with us. */
_Noreturn static void
core_closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)peer;
	_exit(why->kind == ERR_UNAVAILABLE ? 0 : 1);
}

/* The cell is over.  What it was answered is said first: the book would have to
 * call that unknown. */
_Noreturn static void
last_word(void *owner, int number)
{
	(void)number;
	egress_answered_send(owner);
	_exit(0);
}

static void
fence_up(struct egress *g)
{
	struct wire_fence_up up = { .cell = g->cell };
	struct str pem = tls_ca_pem(g->ca);
	must(str_copy(up.ca, sizeof(up.ca), pem));
	up.ca_size = (uint32_t)pem.len;
	wire_send(g->core, WIRE_FENCE_UP, &up, NULL, 0);
}

static int
begin(struct egress *g, const struct egress_host *host,
    const int fds[EGRESS_LISTENERS + 1], struct err *e)
{
	char name[64];
	struct wire_end end = { .self = PART_EGRESS,
		.other = PART_CORE,
		.handlers = egress_cell_handlers,
		.count = egress_cell_handler_count,
		.closed = core_closed,
		.owner = g };
	struct str text = STR("Handrail cell ");
	struct buf b = { 0 };
	buf_add(&b, text);
	buf_add_u64(&b, g->cell);
	must(str_copy(name, sizeof(name), buf_str(&b)));
	buf_fini(&b);
	if (tls_ca_new(name, CA_DAYS, &g->ca, e)) {
		return -1;
	}
	g->pool = names_pool_new();
	egress_proxy(g, host);
	g->core = wire_peer_new(g->loop, fds[EGRESS_LISTENERS], &end, e);
	if (!g->core ||
	    loop_signal_open(&g->ends, g->loop, SIGTERM, last_word, g, e)) {
		return -1;
	}
	for (size_t i = 0; i < EGRESS_LISTENERS; i++) {
		if (listen_on(g, i, fds[i], e)) {
			return -1;
		}
	}
	return 0;
}

void
egress_cell(const struct egress_host *host, uint64_t cell,
    const int fds[EGRESS_LISTENERS + 1])
{
	static struct egress g;
	struct err e;
	g.cell = cell;
	g.loop = loop_new();
	if (begin(&g, host, fds, &e)) {
		log_err("egress", &e);
		_exit(1);
	}
	fence_up(&g);
	loop_run(g.loop);
	_exit(0);
}
