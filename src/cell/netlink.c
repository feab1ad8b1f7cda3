/* SPDX-License-Identifier: Apache-2.0 */
/* One question to the kernel over netlink(7), and its acknowledgements. */
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cell/inside.h"

#define ANSWER_MAX 8192

static int
read_one(
    const char *at, const struct nlmsghdr *head, unsigned *acks, struct err *e)
{
	struct nlmsgerr answer;

	if (head->nlmsg_type != NLMSG_ERROR ||
	    head->nlmsg_len < NLMSG_HDRLEN + sizeof(answer)) {
		return 0;
	}
	memcpy(&answer, at + NLMSG_HDRLEN, sizeof(answer));
	if (answer.error) {
		errno = -answer.error;
		return err_sys(e, "netlink request %u", head->nlmsg_seq);
	}
	(*acks)++;
	return 0;
}

/* Counts the acknowledgements in one datagram; -1 at the first refusal. */
static int
count_acks(const char *at, size_t len, unsigned *acks, struct err *e)
{
	while (len >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr head;

		memcpy(&head, at, sizeof(head));
		size_t step = NLMSG_ALIGN(head.nlmsg_len);

		if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > len) {
			return err_set(e, ERR_IO, "netlink answer cut short");
		}
		if (read_one(at, &head, acks, e)) {
			return -1;
		}
		step = step < len ? step : len;
		at += step;
		len -= step;
	}
	return 0;
}

int
netlink_talk(int family, struct str messages, unsigned acks, struct err *e)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	auto_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
	char answer[ANSWER_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	unsigned seen = 0;

	if (fd < 0) {
		return err_sys(e, "netlink socket %d", family);
	}
	if (sendto(fd, messages.at, messages.len, 0,
	        (struct sockaddr *)(void *)&kernel, sizeof(kernel)) < 0) {
		return err_sys(e, "netlink send %d", family);
	}
	while (seen < acks) {
		ssize_t got = recv(fd, answer, sizeof(answer), 0);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return err_sys(e, "netlink answer %d", family);
		}
		if (count_acks(answer, (size_t)got, &seen, e)) {
			return -1;
		}
	}
	return 0;
}
