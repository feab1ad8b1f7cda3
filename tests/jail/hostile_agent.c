/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent that breaks one rule of its channel; which one, the payload of its
 * task says ("hostile":"NAME").  It stands where the real agent stands, in the
 * same empty sandbox, and has the same one socket.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/inside.h"

#define CHANNEL 3
#define FLOOD   200000

struct packet {
	struct wire_header header;
	union {
		struct wire_call_ask call;
		struct wire_run_done done;
		struct wire_model_ask model;
		uint8_t bytes[8192];
	} body;
	size_t size; /* what is sent of body */
	int fds[32];
	size_t nfds;
};

static void
put(const struct packet *p)
{
	union {
		char bytes[CMSG_SPACE(sizeof(p->fds))];
		struct cmsghdr aligned;
	} control = { 0 };
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): only read */
	struct iovec iov = { (void *)(uintptr_t)p,
		sizeof(p->header) + p->size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (p->nfds) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(p->nfds * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&message);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(p->nfds * sizeof(int));
		memcpy(CMSG_DATA(c), p->fds, p->nfds * sizeof(int));
	}
	if (sendmsg(CHANNEL, &message, MSG_NOSIGNAL) < 0) {
		_exit(0);
	}
}

static int
body(const char *text, bool seal)
{
	int fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || write(fd, text, strlen(text)) < 0 ||
	    (seal && fcntl(fd, F_ADD_SEALS,
	                 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
	                     F_SEAL_WRITE) < 0)) {
		_exit(9);
	}
	return fd;
}

static struct packet
record(enum wire_type type, size_t size)
{
	struct packet p = {
		.header = { WIRE_MAGIC, (uint16_t)type, PART_AGENT,
		    (uint32_t)size, 0 },
		.size = size,
	};

	return p;
}

static struct packet
call(uint32_t ordinal, const char *tool, const char *args)
{
	struct packet p = record(WIRE_CALL_ASK, sizeof(p.body.call));

	p.body.call.ordinal = ordinal;
	(void)strncpy(p.body.call.tool, tool, sizeof(p.body.call.tool) - 1);
	p.fds[0] = body(args, true);
	p.nfds = 1;
	return p;
}

static struct packet
done(const char *text, uint32_t end)
{
	struct packet p = record(WIRE_RUN_DONE, sizeof(p.body.done));

	p.body.done.end = end;
	p.fds[0] = body(text, true);
	p.nfds = 1;
	return p;
}

/* --- one rule each ---------------------------------------------------------
 */

static void
bad_header(const char *how)
{
	struct packet p = call(1, "shell", "{}");

	if (!strcmp(how, "magic")) {
		p.header.magic++;
	} else if (!strcmp(how, "type")) {
		p.header.type = 9999;
	} else if (!strcmp(how, "type_zero")) {
		p.header.type = 0;
	} else if (!strcmp(how, "sender")) {
		p.header.sender = PART_VAULT;
	} else if (!strcmp(how, "not_mine")) {
		p.header.type = WIRE_CELL_MADE;
	} else if (!strcmp(how, "cores_own")) {
		p.header.type = WIRE_CALL_RESULT;
	} else if (!strcmp(how, "size_says_more")) {
		p.header.size = 4096;
	} else if (!strcmp(how, "size_says_less")) {
		p.header.size = 1;
	} else if (!strcmp(how, "reserved")) {
		p.header.reserved = 1;
	} else if (!strcmp(how, "short")) {
		p.size = 10;
	} else if (!strcmp(how, "long")) {
		p.size = sizeof(p.body);
	} else if (!strcmp(how, "fds")) {
		for (p.nfds = 0; p.nfds < 32; p.nfds++) {
			p.fds[p.nfds] = 0;
		}
	} else {
		return;
	}
	put(&p);
}

static void
bad_call(const char *how)
{
	struct packet p = call(1, "nap", "{}");

	if (!strcmp(how, "no_body")) {
		p.nfds = 0;
	} else if (!strcmp(how, "two_bodies")) {
		p.fds[1] = p.fds[0];
		p.nfds = 2;
	} else if (!strcmp(how, "open_body")) {
		p.fds[0] = body("{}", false);
	} else if (!strcmp(how, "socket_as_body")) {
		p.fds[0] = CHANNEL;
	} else if (!strcmp(how, "ordinal_zero")) {
		p.body.call.ordinal = 0;
	} else if (!strcmp(how, "endless_name")) {
		memset(p.body.call.tool, 'a', sizeof(p.body.call.tool));
	} else if (!strcmp(how, "two_at_once")) {
		put(&p);
		p.body.call.ordinal = 2;
	} else if (!strcmp(how, "model_of_a_runbook")) {
		p.header.type = WIRE_MODEL_ASK;
		p.header.size = sizeof(p.body.model);
		p.size = p.header.size;
		p.body.model.turn = 1;
	} else if (!strcmp(how, "flood")) {
		for (int i = 0; i < FLOOD; i++) {
			put(&p);
		}
	} else {
		return;
	}
	put(&p);
}

static void
bad_end(const char *how)
{
	struct packet p = done("[1]", WIRE_RUN_COMPLETE);

	if (!strcmp(how, "no_object")) {
		put(&p);
	} else if (!strcmp(how, "no_json")) {
		p = done("{\"a\":", WIRE_RUN_COMPLETE);
		put(&p);
	} else if (!strcmp(how, "exit")) {
		_exit(0);
	} else if (!strcmp(how, "abort")) {
		abort();
	} else if (!strcmp(how, "close")) {
		(void)close(CHANNEL);
		(void)pause();
	}
}

/* "hostile":"NAME" in what core sends first. */
static void
read_name(char name[64])
{
	char text[4096 + 1] = "";
	union {
		char bytes[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr aligned;
	} control;
	char packet[8192];
	struct iovec iov = { packet, sizeof(packet) };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	int fd = -1;

	if (recvmsg(CHANNEL, &message, 0) <= 0 || !CMSG_FIRSTHDR(&message)) {
		_exit(8);
	}
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
	const char *at = got > 0 ? strstr(text, "\"hostile\":\"") : NULL;

	if (!at || sscanf(at + 11, "%63[a-z_]", name) != 1) {
		_exit(7);
	}
}

int
main(void)
{
	char name[64] = "";

	read_name(name);
	bad_header(name);
	bad_call(name);
	bad_end(name);
	for (;;) {
		(void)pause();
	}
}
