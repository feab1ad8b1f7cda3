/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "wire/inside.h"

/* One more than allowed, so that too many is seen and not merely cut off. */
#define FDS_SEEN (WIRE_FDS_MAX + 1)

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FDS_SEEN * sizeof(int))];
};

static int
gone(struct err *e)
{
	return err_set(e, ERR_UNAVAILABLE, "the other end is closed");
}

/* --- out --- */

static void
attach(struct msghdr *m, union control *control, const int *fds, size_t nfds)
{
	size_t size = nfds * sizeof(int);

	memset(control, 0, sizeof(*control));
	m->msg_control = control->bytes;
	m->msg_controllen = CMSG_SPACE(size);
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	must(c);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), fds, size);
}

int
wire_packet_send(int fd, enum wire_type type, const void *record,
    const int *fds, size_t nfds, struct err *e)
{
	struct wire_header header = {
		.magic = WIRE_MAGIC,
		.type = (uint16_t)type,
		.sender = (uint16_t)wire_sender(type),
		.size = (uint32_t)wire_size(type),
	};
	union {
		const void *in;
		void *out;
	} body = { .in = record }; /* sendmsg only reads it */
	struct iovec parts[] = {
		{ .iov_base = &header, .iov_len = sizeof(header) },
		{ .iov_base = body.out, .iov_len = header.size },
	};
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = COUNT(parts) };
	union control control;
	ssize_t n;

	if (nfds > 0) {
		attach(&m, &control, fds, nfds);
	}
	do {
		n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n >= 0) {
		must((size_t)n == sizeof(header) + header.size);
		return 1;
	}
	if (errno == EAGAIN) {
		return 0;
	}
	if (errno == EPIPE || errno == ECONNRESET) {
		return gone(e);
	}
	return err_sys(e, "cannot send %s", wire_name(type));
}

/* --- in --- */

static void
collect(struct msghdr *m, struct wire_packet *p)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		/* The control buffer has room for no more than that. */
		must(count <= FDS_SEEN - p->nfds);
		memcpy(p->fds + p->nfds, CMSG_DATA(c), count * sizeof(int));
		p->nfds += count;
	}
}

void
wire_packet_drop(struct wire_packet *p)
{
	wire_close_all(p->fds, p->nfds);
	p->nfds = 0;
	if (p->got > sizeof(p->header)) {
		wipe(p->record, p->got - sizeof(p->header));
	}
}

static int
refuse(
    struct wire_packet *p, enum err_kind kind, const char *why, struct err *e)
{
	wire_packet_drop(p);
	return err_set(e, kind, "%s", why);
}

int
wire_packet_receive(int fd, struct wire_packet *p, struct err *e)
{
	struct iovec parts[] = {
		{ .iov_base = &p->header, .iov_len = sizeof(p->header) },
		{ .iov_base = p->record, .iov_len = sizeof(p->record) },
	};
	union control control;
	struct msghdr m = {
		.msg_iov = parts,
		.msg_iovlen = COUNT(parts),
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;

	p->nfds = 0;
	p->got = 0;
	/* ECONNRESET comes once, before what the other end sent before it
	 * closed; that is still to be had. */
	do {
		n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0) {
		return errno == EAGAIN ? 0 : err_sys(e, "cannot receive");
	}
	p->got = (size_t)n;
	collect(&m, p);
	if (n == 0) {
		wire_packet_drop(p);
		return gone(e);
	}
	if (m.msg_flags & MSG_TRUNC) {
		return refuse(p, ERR_DENIED, "the packet is too long", e);
	}
	if (p->nfds > WIRE_FDS_MAX) {
		return refuse(p, ERR_DENIED, "too many descriptors", e);
	}
	if (m.msg_flags & MSG_CTRUNC) {
		return refuse(p, ERR_LIMIT, "no room for descriptors", e);
	}
	return 1;
}

int
wire_packet_check(
    const struct wire_packet *p, enum part from, enum part to, struct err *e)
{
	const struct wire_header *h = &p->header;

	if (p->got < sizeof(*h)) {
		return err_set(e, ERR_DENIED, "a packet of %zu bytes", p->got);
	}
	if (h->magic != WIRE_MAGIC || h->reserved != 0) {
		return err_set(e, ERR_DENIED, "the header is not ours");
	}
	if (!wire_known(h->type)) {
		return err_set(e, ERR_DENIED, "no record %u", h->type);
	}
	enum wire_type type = h->type;

	if (h->sender != from || wire_sender(type) != from ||
	    wire_receiver(type) != to) {
		return err_set(e, ERR_DENIED, "%s does not go from %s to %s",
		    wire_name(type), wire_part_name(from), wire_part_name(to));
	}
	if (h->size != wire_size(type) || p->got != sizeof(*h) + h->size) {
		return err_set(e, ERR_DENIED,
		    "%s: %zu bytes arrived, %u announced, %zu are right",
		    wire_name(type), p->got - sizeof(*h), h->size,
		    wire_size(type));
	}
	return 0;
}
