/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The egress zygote, the real executable, with this program as its sandbox
 * part: I09, what it is given for a cell must be of that cell's network and of
 * its kind, or no egress is made of it.
 */
#include <arpa/inet.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire/wire.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define WAIT_US   (60 * CLOCK_SECOND)
#define LISTENERS 4 /* tcp4, tcp6, udp4, udp6 */

struct given {
	int fds[LISTENERS + 1]; /* the last: a channel to core */
	size_t count;
	uint64_t cookie;
	int core; /* our end of that channel */
};

static const char *egress_path;
static pid_t zygote;
static int channel;

static int
listener(int domain, int type, bool listens)
{
	int fd = socket(domain, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (listens) {
		assert_int_equal(listen(fd, 1), 0); /* at any port */
	}
	return fd;
}

/* Of the network that this program is in. */
static struct given
good(void)
{
	struct given g = { .count = LISTENERS + 1 };
	socklen_t size = sizeof(g.cookie);
	struct err e = { 0 };
	int core[2];

	assert_int_equal(wire_pair(core, &e), 0);
	g.fds[0] = listener(AF_INET, SOCK_STREAM, true);
	g.fds[1] = listener(AF_INET6, SOCK_STREAM, true);
	g.fds[2] = listener(AF_INET, SOCK_DGRAM, false);
	g.fds[3] = listener(AF_INET6, SOCK_DGRAM, false);
	g.fds[4] = core[0];
	g.core = core[1];
	assert_int_equal(
	    getsockopt(g.fds[0], SOL_SOCKET, SO_NETNS_COOKIE, &g.cookie, &size),
	    0);
	return g;
}

static void
put(struct given *g, size_t i, int fd)
{
	(void)close(g->fds[i]);
	g->fds[i] = fd;
}

static struct wire_egress_forked
fork_of(struct given *g, struct wire_fds *got)
{
	struct wire_egress_fork ask = { .cell = 7, .cookie = g->cookie };
	struct wire_egress_forked done = { 0 };
	struct err e = { 0 };

	assert_int_equal(wire_send_now(channel, WIRE_EGRESS_FORK, &ask, g->fds,
	                     g->count, &e),
	    0);
	assert_int_equal(
	    wire_take_now(channel, WIRE_EGRESS_FORKED, WAIT_US, &done, got, &e),
	    0);
	assert_int_equal(done.cell, 7);
	return done;
}

static void
refused(struct given *g, const char *words)
{
	struct wire_fds got = { 0 };
	struct wire_egress_forked done = fork_of(g, &got);

	if (done.ok || !strstr(done.text, words)) {
		print_error("not \"%s\": \"%s\"\n", words, done.text);
	}
	assert_false(done.ok);
	assert_int_equal(done.pid, 0);
	assert_int_equal(got.count, 0);
	assert_non_null(strstr(done.text, words));
	(void)close(g->core);
}

static int
begin(void **state)
{
	int ends[2];
	struct err e = { 0 };

	(void)state;
	assert_int_equal(wire_pair(ends, &e), 0);
	zygote = fork();
	assert_true(zygote >= 0);
	if (zygote == 0) {
		int fd = dup(ends[1]);

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(fd, 3);
		(void)close_range(4, ~0U, 0);
		(void)execl(egress_path, "egress", "--mode", "zygote", NULL);
		_exit(127);
	}
	(void)close(ends[1]);
	channel = ends[0];
	return 0;
}

static int
end(void **state)
{
	int status;

	(void)state;
	(void)close(channel);
	assert_int_equal(waitpid(zygote, &status, 0), zygote);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void
I09_listeners_of_its_own_network_are_refused(void **state)
{
	struct given g = good();

	(void)state;
	refused(&g, "listener 0 is from another network namespace");
	g = good();
	g.count = LISTENERS;
	(void)close(g.fds[LISTENERS]);
	refused(&g, "without its fds");
}

static void
I09_listeners_are_what_they_are_said_to_be(void **state)
{
	struct wire_egress_forked done;
	struct wire_egress_ended ended;
	struct wire_fds got = { 0 };
	struct err e = { 0 };
	struct given home = good();
	struct given g;

	(void)state;
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
		print_message("SKIP no network namespaces here\n");
		skip();
	}
	for (size_t i = 0; i < LISTENERS; i++) {
		g = good();
		put(&g, i, dup(home.fds[i]));
		refused(&g, "is from another network namespace");
	}
	g = good();
	g.cookie++;
	refused(&g, "listener 0 is from another network namespace");
	g = good();
	put(&g, 0, listener(AF_INET6, SOCK_STREAM, true));
	refused(&g, "listener 0 is of another kind");
	g = good();
	put(&g, 1, listener(AF_INET, SOCK_STREAM, true));
	refused(&g, "listener 1 is of another kind");
	g = good();
	put(&g, 1, listener(AF_INET6, SOCK_STREAM, false));
	refused(&g, "listener 1 is of another kind");
	g = good();
	put(&g, 2, listener(AF_INET, SOCK_STREAM, true));
	refused(&g, "listener 2 is of another kind");
	g = good();
	put(&g, 3, listener(AF_INET, SOCK_DGRAM, false));
	refused(&g, "listener 3 is of another kind");
	g = good();
	put(&g, 0, listener(AF_INET, SOCK_DGRAM, false));
	refused(&g, "listener 0 is of another kind");
	g = good();
	put(&g, 2, dup(0));
	refused(&g, "a listener");
	/* The twin, which ends with its channel to core. */
	g = good();
	done = fork_of(&g, &got);
	assert_true(done.ok);
	assert_true(done.pid > 0);
	assert_int_equal(got.count, 1);
	(void)close(g.core);
	assert_int_equal(wire_take_now(channel, WIRE_EGRESS_ENDED, WAIT_US,
	                     &ended, NULL, &e),
	    0);
	assert_int_equal(ended.cell, 7);
	assert_string_equal(ended.text, "");
	(void)close(got.at[0]);
	/* And one that is ended. */
	g = good();
	done = fork_of(&g, &got);
	assert_true(done.ok);
	assert_int_equal(kill(done.pid, SIGKILL), 0);
	assert_int_equal(wire_take_now(channel, WIRE_EGRESS_ENDED, WAIT_US,
	                     &ended, NULL, &e),
	    0);
	assert_string_equal(ended.text, "ended by signal 9");
	(void)close(got.at[0]);
	(void)close(g.core);
	for (size_t i = 0; i <= LISTENERS; i++) {
		(void)close(home.fds[i]);
	}
	(void)close(home.core);
}

#define ZYGOTE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ZYGOTE(I09_listeners_of_its_own_network_are_refused),
		ZYGOTE(I09_listeners_are_what_they_are_said_to_be),
	};

	egress_path = getenv("HANDRAIL_EGRESS");
	if (!egress_path) {
		(void)fprintf(stderr, "HANDRAIL_EGRESS: the part\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
