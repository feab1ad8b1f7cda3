/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_API_HELP_H
#define UNIT_API_HELP_H

/* Api's own code in a child, in its jail, with this program as supervisor,
 * core and clients. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "parts/part.h"
#include "wire_meet.h"

#define WAIT_US (60 * CLOCK_SECOND)
#define CLIENTS 3
#define ABOVE   16 /* all descriptors of a part */

int api_main(int argc, char **argv);

static struct {
	pid_t pid;
	int supervisor;
	struct loop *loop;
	struct wire_peer *core;
	struct sockaddr_un at; /* its local socket */
	socklen_t at_size;
	int clients[CLIENTS];
	uint64_t question[CLIENTS]; /* the last of each; 0: none waits */
	bool closed;
} house;

/* --- the house around it --- */

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

TAKES(take_ask, wire_api_ask)
{
	size_t who = (size_t)(in->text[1] - '0'); /* of "/0" */

	assert_true(who < CLIENTS);
	house.question[who] = in->head.id;
}

/* NOLINTEND(readability-non-const-parameter) */

static void
gone(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)peer;
	(void)why;
	house.closed = true;
}

/* A listener at a name that the kernel finds. */
static int
door(struct sockaddr_un *at, socklen_t *size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	*at = (struct sockaddr_un){ .sun_family = AF_UNIX };
	*size = sizeof(*at);
	assert_int_equal(
	    bind(fd, (struct sockaddr *)at, sizeof(at->sun_family)), 0);
	assert_int_equal(listen(fd, 512), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, size), 0);
	return fd;
}

static _Noreturn void
be_api(const int fds[4])
{
	char name[] = "api";
	char *argv[] = { name, NULL };
	int above[4];

	for (int i = 0; i < 4; i++) {
		above[i] = fcntl(fds[i], F_DUPFD, ABOVE);
	}
	for (int i = 0; i < 4; i++) {
		(void)dup2(above[i], PART_SUPERVISOR_FD + i);
	}
	(void)close_range(PART_SUPERVISOR_FD + 4, ~0U, 0);
	exit(api_main(1, argv)); /* NOLINT(concurrency-mt-unsafe) */
}

static int
come_in(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(
	    connect(fd, (const struct sockaddr *)&house.at, house.at_size), 0);
	return fd;
}

static int
set_up(void **state)
{
	static const struct wire_handler handlers[] = {
		{ WIRE_API_ASK, take_ask },
	};
	static const struct wire_end end = { .self = PART_CORE,
		.other = PART_API,
		.handlers = handlers,
		.count = COUNT(handlers),
		.closed = gone };
	struct sockaddr_un web;
	struct wire_ready ready;
	socklen_t web_size;
	int up[2], core[2];
	struct err e = { 0 };

	(void)state;
	memset(&house, 0, sizeof(house));
	assert_int_equal(wire_pair(up, &e), 0);
	assert_int_equal(wire_pair(core, &e), 0);
	const int fds[4] = { up[1], core[1], door(&house.at, &house.at_size),
		door(&web, &web_size) };

	(void)fflush(stdout); /* else the child may say it again */
	house.pid = fork();
	assert_true(house.pid >= 0);
	if (house.pid == 0) {
		be_api(fds);
	}
	for (int i = 0; i < 4; i++) {
		(void)close(fds[i]);
	}
	house.supervisor = up[0];
	house.loop = loop_new();
	house.core = wire_meet(house.loop, core[0], &end);
	if (wire_take_now(
	        house.supervisor, WIRE_API_READY, WAIT_US, &ready, NULL, &e)) {
		fail_msg("%s", e.text);
	}
	for (int i = 0; i < CLIENTS; i++) {
		house.clients[i] = come_in();
	}
	return 0;
}

static int
take_down(void **state)
{
	int status;

	(void)state;
	wire_peer_free(house.core);
	loop_free(house.loop);
	(void)close(house.supervisor);
	for (int i = 0; i < CLIENTS; i++) {
		(void)close(house.clients[i]);
	}
	assert_int_equal(waitpid(house.pid, &status, 0), house.pid);
	assert_int_equal(status, 0);
	return 0;
}

/* --- what clients and core do --- */

static void
ask(int who)
{
	struct mono last = mono_after(mono_now(), WAIT_US);
	auto_buf text = { 0 };

	buf_addf(&text, "GET /%d HTTP/1.1\r\nHost: house\r\n\r\n", who);
	house.question[who] = 0;
	assert_int_equal(
	    write(house.clients[who], text.at, text.len), (ssize_t)text.len);
	while (!house.question[who] && !house.closed) {
		assert_false(mono_passed(last, mono_now()));
		loop_turn(house.loop, CLOCK_SECOND / 100);
	}
	assert_false(house.closed);
}

/* Of so many bytes, in a memfd, as core gives one that no record holds; client
 * `who` has asked. */
static inline void
answer_long(int who, size_t size)
{
	struct wire_api_answer_long answer = {
		.head = { .id = house.question[who],
		    .status = 200,
		    .has_body = 1,
		    .content_type = "text/plain" },
	};
	auto_buf text = { 0 };
	struct err e = { 0 };

	memset(buf_room(&text, size), 'x', size);
	buf_grew(&text, size);
	int fd = memfd_sealed("answer", buf_str(&text), &e);

	assert_true(fd >= 0);
	wire_send(house.core, WIRE_API_ANSWER_LONG, &answer, &fd, 1);
}

/* Until that many bytes of his answer were read, or its end. */
static inline size_t
read_of(int who, size_t size)
{
	static char text[65536];
	size_t have = 0;
	ssize_t n = 1;

	while (have < size && n > 0) {
		n = read(house.clients[who], text, sizeof(text));
		have += n > 0 ? (size_t)n : 0;
	}
	return have;
}

#endif
