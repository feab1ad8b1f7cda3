/* SPDX-License-Identifier: Apache-2.0 */
/* The private records of the room over SOCK_SEQPACKET (DESIGN). */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cell/inside.h"

int
control_pair(int fds[2], struct err *e)
{
	int made[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, made) < 0) {
		return err_sys(e, "channel of an isolate");
	}
	fds[0] = made[0];
	fds[1] = made[1];
	return 0;
}

int
control_send(
    int fd, struct str record, const int *fds, size_t nfds, struct err *e)
{
	struct iovec part = { .iov_len = record.len };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
	} room = { 0 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	/* The kernel only reads it. */
	memcpy(&part.iov_base, &record.at, sizeof(record.at));
	must(nfds <= CONTROL_FDS_MAX);
	if (nfds > 0) {
		message.msg_control = room.bytes;
		message.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&message);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	ssize_t sent;

	do {
		sent = sendmsg(fd, &message, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0) {
		return err_sys(e, "isolate does not listen");
	}
	return 0;
}

static size_t
keep_some(const struct cmsghdr *c, int fds[CONTROL_FDS_MAX], size_t kept)
{
	size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
		if (kept < CONTROL_FDS_MAX) {
			fds[kept++] = fd;
		} else {
			(void)close(fd);
		}
	}
	return kept;
}

static size_t
keep_fds(struct msghdr *message, int fds[CONTROL_FDS_MAX])
{
	size_t kept = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c;
	     c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			kept = keep_some(c, fds, kept);
		}
	}
	return kept;
}

enum control_took
control_take(
    int fd, void *record, size_t size, int fds[CONTROL_FDS_MAX], size_t *nfds)
{
	struct iovec part = { .iov_base = record, .iov_len = size };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
	} room = { 0 };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = room.bytes,
		.msg_controllen = sizeof(room.bytes),
	};
	ssize_t took;

	*nfds = 0;
	do {
		took = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	} while (took < 0 && errno == EINTR);
	if (took < 0 && errno == EAGAIN) {
		return CONTROL_EMPTY;
	}
	if (took <= 0) {
		return CONTROL_CLOSED;
	}
	size_t kept = keep_fds(&message, fds);

	if ((size_t)took != size ||
	    (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		for (size_t i = 0; i < kept; i++) {
			(void)close(fds[i]);
		}
		return CONTROL_BAD;
	}
	*nfds = kept;
	return CONTROL_TOOK;
}
