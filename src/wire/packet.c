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

static struct wire_header
header_of(enum wire_type type)
{
	return (struct wire_header){
		.magic = WIRE_MAGIC,
		.type = (uint16_t)type,
		.sender = (uint16_t)wire_sender(type),
		.size = (uint32_t)wire_size(type),
	};
}

static int
send_parts(int fd, const struct msghdr *m, size_t size, enum wire_type type,
    struct err *e)
{
	ssize_t n;

	do {
		n = sendmsg(fd, m, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n >= 0) {
		must((size_t)n == size);
		return 1;
	}
	if (errno == EAGAIN) {
		return 0;
	}
	if (errno == EPIPE || errno == ECONNRESET) {
		return gone(e);
	}
	/* One user's descriptors that were sent and not taken are counted
	 * together, and held against the sender's limit (unix(7)): a cell of
	 * the same id fills it, or another house. */
	if (errno == ETOOMANYREFS) {
		return err_set(e, ERR_LIMIT,
		    "cannot send %s: too many descriptors of this user are on "
		    "their way",
		    wire_name(type));
	}
	return err_sys(e, "cannot send %s", wire_name(type));
}

int
wire_packet_send(int fd, enum wire_type type, const void *record,
    const int *fds, size_t nfds, struct err *e)
{
	struct wire_header header = header_of(type);
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

	if (nfds > 0) {
		attach(&m, &control, fds, nfds);
	}
	return send_parts(fd, &m, sizeof(header) + header.size, type, e);
}

/* --- several --- */

/* Each header begins at a multiple of 16, so that the records are aligned. */
static size_t
aligned(size_t size)
{
	return (size + 15) / 16 * 16;
}

struct wire_one
wire_packet_at(const struct wire_packet *p, size_t at)
{
	const struct wire_header *h = (const void *)(p->bytes + at);

	return (struct wire_one){
		.header = h,
		.record = p->bytes + at + sizeof(*h),
		.next = aligned(at + sizeof(*h) + h->size),
	};
}

bool
wire_packet_add(struct wire_packet *p, enum wire_type type, const void *record)
{
	struct wire_header header = header_of(type);
	size_t at = aligned(p->got);

	if (at + sizeof(header) + header.size > sizeof(p->bytes)) {
		return false;
	}
	memset(p->bytes + p->got, 0, at - p->got);
	memcpy(p->bytes + at, &header, sizeof(header));
	memcpy(p->bytes + at + sizeof(header), record, header.size);
	p->got = at + sizeof(header) + header.size;
	return true;
}

int
wire_packet_send_all(int fd, const struct wire_packet *p, struct err *e)
{
	union {
		const void *in;
		void *out;
	} bytes = { .in = p->bytes }; /* sendmsg only reads it */
	struct iovec part = { .iov_base = bytes.out, .iov_len = p->got };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

	return send_parts(fd, &m, p->got, wire_packet_at(p, 0).header->type, e);
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
	wipe(p->bytes, p->got);
	p->got = 0;
}

static int
refuse(
    struct wire_packet *p, enum err_kind kind, const char *why, struct err *e)
{
	wire_packet_drop(p);
	return err_set(e, kind, "%s", why);
}

int
wire_packet_receive(int fd, struct wire_packet *p, size_t most, struct err *e)
{
	struct iovec part = { .iov_base = p->bytes, .iov_len = most };
	union control control;
	struct msghdr m = {
		.msg_iov = &part,
		.msg_iovlen = 1,
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

/* What arrived behind the header is the record: alone, or with more behind it
 * and nothing in between. */
static bool
ends_well(const struct wire_header *h, size_t arrived, bool several)
{
	const uint8_t *record = (const uint8_t *)(h + 1);

	if (arrived <= h->size || !several) {
		return arrived == h->size;
	}
	for (size_t i = h->size; i < aligned(h->size); i++) {
		if (i >= arrived || record[i]) {
			return false;
		}
	}
	return arrived > aligned(h->size);
}

static int
check_one(const struct wire_packet *p, size_t at, enum part from, enum part to,
    struct err *e)
{
	const struct wire_header *h = (const void *)(p->bytes + at);
	size_t left = p->got - at;

	if (left < sizeof(*h)) {
		return err_set(e, ERR_DENIED, "a packet of %zu bytes", left);
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
	if (h->size != wire_size(type) ||
	    !ends_well(h, left - sizeof(*h), wire_several(from, to))) {
		return err_set(e, ERR_DENIED,
		    "%s: %zu bytes arrived, %u announced, %zu are right",
		    wire_name(type), left - sizeof(*h), h->size,
		    wire_size(type));
	}
	return 0;
}

int
wire_packet_check(
    const struct wire_packet *p, enum part from, enum part to, struct err *e)
{
	size_t count = 0;

	for (size_t at = 0; at < p->got; count++) {
		if (check_one(p, at, from, to, e)) {
			return -1;
		}
		at = wire_packet_at(p, at).next;
	}
	if (count > 1 && p->nfds > 0) {
		return err_set(
		    e, ERR_DENIED, "descriptors came with %zu records", count);
	}
	return 0;
}
