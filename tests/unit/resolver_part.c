/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part `resolver`, the real executable, with this program as its
 * supervisor, its core, its egresses and the host's resolver: that answers
 * every name but "mute…" with 1.1.1.1.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire/wire.h"

#define WAIT_US     (60 * CLOCK_SECOND)
#define LOOKUPS_MAX 256 /* of one egress at once */

struct house {
	pid_t pid;
	int supervisor;
	int core;
	int dns;
};

static const char *resolver_path;

static void
run_resolver(int supervisor, int core, const char *servers)
{
	int a = dup(supervisor);
	int b = dup(core);

	(void)dup2(a, 3);
	(void)dup2(b, 4);
	(void)close_range(5, ~0U, 0);
	(void)execl(resolver_path, "resolver", "--servers", servers, NULL);
	_exit(127);
}

static int
set_up(void **state)
{
	static struct house h;
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	struct wire_ready ready;
	char servers[32];
	int up[2];
	int core[2];
	struct err e = { 0 };

	h.dns = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(h.dns, (struct sockaddr *)&at, size), 0);
	assert_int_equal(getsockname(h.dns, (struct sockaddr *)&at, &size), 0);
	(void)snprintf(
	    servers, sizeof(servers), "127.0.0.1:%u", ntohs(at.sin_port));
	assert_int_equal(wire_pair(up, &e), 0);
	assert_int_equal(wire_pair(core, &e), 0);
	h.pid = fork();
	assert_true(h.pid >= 0);
	if (h.pid == 0) {
		run_resolver(up[1], core[1], servers);
	}
	(void)close(up[1]);
	(void)close(core[1]);
	h.supervisor = up[0];
	h.core = core[0];
	assert_int_equal(wire_take_now(h.supervisor, WIRE_RESOLVER_READY,
	                     WAIT_US, &ready, NULL, &e),
	    0);
	*state = &h;
	return 0;
}

static int
end_of(struct house *h)
{
	int status;

	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	h->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status)
	                         : 1000 + WTERMSIG(status);
}

static int
tear_down(void **state)
{
	struct house *h = *state;

	(void)close(h->supervisor);
	(void)close(h->core);
	(void)close(h->dns);
	return h->pid ? end_of(h) : 0;
}

/* A channel of an egress, whose other end the resolver has. */
static int
attach(struct house *h)
{
	struct wire_attach record = { 0 };
	struct err e = { 0 };
	int fds[2];

	assert_int_equal(wire_pair(fds, &e), 0);
	assert_int_equal(wire_send_now(h->core, WIRE_RESOLVER_ATTACH, &record,
	                     &fds[1], 1, &e),
	    0);
	return fds[0];
}

static void
ask(int egress, uint64_t id, const char *name)
{
	struct wire_resolve w = { .id = id };
	struct err e = { 0 };

	assert_true(str_copy(w.name, sizeof(w.name), str_of(name)));
	assert_int_equal(
	    wire_send_now(egress, WIRE_RESOLVE, &w, NULL, 0, &e), 0);
}

static void
answer_one(int dns)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	char packet[600];
	ssize_t n = recvfrom(
	    dns, packet, 512, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
	size_t end = 12;

	if (n < 17 || memcmp(packet + 13, "mute", 4) == 0) {
		return;
	}
	while (packet[end]) {
		end += (uint8_t)packet[end] + 1u;
	}
	packet[2] = (char)0x81;
	packet[3] = (char)0x80;
	packet[11] = 0;
	end += 5;
	if (packet[end - 3] == 1) {
		packet[7] = 1;
		memcpy(
		    packet + end, "\xc0\x0c\0\1\0\1\0\0\0\0\0\4\1\1\1\1", 16);
		end += 16;
	}
	(void)sendto(dns, packet, end, 0, (struct sockaddr *)&from, size);
}

/* Plays the host's resolver until the egress has heard; -1: its channel is
 * closed. */
static int
heard(const struct house *h, int egress, struct wire_resolved *out)
{
	struct err e = { 0 };

	for (;;) {
		struct pollfd p[] = {
			{ .fd = egress, .events = POLLIN },
			{ .fd = h->dns, .events = POLLIN },
		};

		assert_true(poll(p, 2, 60000) > 0);
		if (p[1].revents) {
			answer_one(h->dns);
		}
		if (p[0].revents) {
			return wire_take_now(
			    egress, WIRE_RESOLVED, 0, out, NULL, &e);
		}
	}
}

static void
is_answered(const struct house *h, int egress, uint64_t id, const char *name)
{
	struct wire_resolved w;

	ask(egress, id, name);
	assert_int_equal(heard(h, egress, &w), 0);
	assert_int_equal(w.id, id);
	assert_true(w.ok);
	assert_int_equal(w.count, 1);
	assert_int_equal(w.addresses[0].family, 4);
	assert_memory_equal(w.addresses[0].bytes, "\1\1\1\1", 4);
}

static void
a_name_has_its_addresses(void **state)
{
	struct house *h = *state;
	int egress = attach(h);

	is_answered(h, egress, 7, "good.test");
	(void)close(egress);
}

/* Whoever asks for something else is no egress of ours; others have nothing to
 * do with that. */
static void
what_is_no_canonical_name_ends_the_channel_of_who_asks(void **state)
{
	static const char *const cases[] = { "", "GOOD.test", "good.test.",
		"1.2.3.4", "[::1]", "a b.test", "127.1", "good.test:80",
		"xn--bcher-kva0.test" };
	struct house *h = *state;
	int other = attach(h);
	struct wire_resolve w = { .id = 1 };
	struct wire_resolved got;
	struct err e = { 0 };
	int egress;

	for (size_t i = 0; i < COUNT(cases); i++) {
		egress = attach(h);
		ask(egress, 1, cases[i]);
		assert_int_equal(heard(h, egress, &got), -1);
		(void)close(egress);
	}
	/* Without its end. */
	memset(w.name, 'a', sizeof(w.name));
	egress = attach(h);
	assert_int_equal(
	    wire_send_now(egress, WIRE_RESOLVE, &w, NULL, 0, &e), 0);
	assert_int_equal(heard(h, egress, &got), -1);
	(void)close(egress);
	is_answered(h, other, 2, "good.test");
	(void)close(other);
}

static void
one_egress_has_so_many_look_ups_under_way_and_no_more(void **state)
{
	struct house *h = *state;
	int egress = attach(h);
	int other = attach(h);
	struct wire_resolved w;

	for (uint64_t id = 1; id <= LOOKUPS_MAX; id++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "mute%u.test", (unsigned)id);
		ask(egress, id, name);
	}
	ask(egress, 999, "good.test");
	assert_int_equal(heard(h, egress, &w), 0);
	assert_int_equal(w.id, 999);
	assert_false(w.ok);
	assert_string_equal(w.text, "too many look-ups at once");
	is_answered(h, other, 1, "good.test");
	/* With it, what it asked for is over, and nobody is told. */
	(void)close(egress);
	is_answered(h, other, 2, "better.test");
	/* Of those that were answered none counts any more. */
	for (uint64_t id = 3; id <= LOOKUPS_MAX + 3; id++) {
		is_answered(h, other, id, "good.test");
	}
	(void)close(other);
}

static void
a_channel_that_core_did_not_send_ends_the_part(void **state)
{
	struct house *h = *state;
	struct wire_attach record = { 0 };
	struct err e = { 0 };

	assert_int_equal(
	    wire_send_now(h->core, WIRE_RESOLVER_ATTACH, &record, NULL, 0, &e),
	    0);
	assert_int_equal(end_of(h), 1);
}

#define PART(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PART(a_name_has_its_addresses),
		PART(what_is_no_canonical_name_ends_the_channel_of_who_asks),
		PART(one_egress_has_so_many_look_ups_under_way_and_no_more),
		PART(a_channel_that_core_did_not_send_ends_the_part),
	};

	resolver_path = getenv("HANDRAIL_RESOLVER");
	if (!resolver_path) {
		(void)fprintf(stderr, "HANDRAIL_RESOLVER: the part\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
