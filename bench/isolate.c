/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolate-cold: from the order to the last trace: namespaces, root, `true`,
 * its end reported, everything reaped; without fence, egress and book.  Beside
 * it, alternating in the same run, bubblewrap with every namespace.
 *
 *     isolate [ROUNDS [EACH]]
 */
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cell/cell.h"

#define ROUNDS   7
#define EACH     40
#define MOST     1000
#define UID_BASE 720000
#define WAIT_MS  10000

static char *const peer[] = { (char *)"bwrap", (char *)"--unshare-all",
	(char *)"--ro-bind", (char *)"/", (char *)"/", (char *)"--dev",
	(char *)"/dev", (char *)"--proc", (char *)"/proc", (char *)"--tmpfs",
	(char *)"/tmp", (char *)"--die-with-parent", (char *)"true", NULL };

struct bench {
	struct cell_host *host;
	int plan;
	int null;
	int peer;
	uint64_t number;
};

_Noreturn static void
give_up(const char *what)
{
	(void)fprintf(stderr, "isolate: %s\n", what);
	exit(1); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static void
hear(struct cell *cell, struct cell_event *event)
{
	struct pollfd p = { .fd = cell_fd(cell), .events = POLLIN };

	for (;;) {
		cell_next(cell, event);
		if (event->kind != CELL_NOTHING) {
			return;
		}
		if (poll(&p, 1, WAIT_MS) != 1) {
			give_up("an isolate does not answer");
		}
	}
}

static double
ours(struct bench *b)
{
	struct cell_plan plan = {
		.number = ++b->number, .slot = 1, .work = -1
	};
	struct cell_command command = {
		.argc = 1,
		.folder = "/",
		.plan = b->plan,
		.stdio = { b->null, b->null, b->null },
	};
	struct cell_event event;
	struct cell *cell;
	struct err e;
	struct mono start = mono_now();

	if (cell_make(b->host, &plan, &cell, &e) ||
	    cell_start(cell, (struct str){ 0 }, &e) ||
	    cell_exec(cell, &command, &e)) {
		give_up(e.text);
	}
	hear(cell, &event);
	if (event.kind != CELL_STARTED) {
		give_up(event.text);
	}
	hear(cell, &event);
	if (event.kind != CELL_EXECUTED || event.end != CELL_EXITED ||
	    event.code != 0) {
		give_up(event.text[0] ? event.text : "true failed");
	}
	cell_free(cell);
	return (double)(mono_now().us - start.us) / 1000;
}

static double
run_peer(void)
{
	extern char **environ;
	struct mono start = mono_now();
	pid_t pid;
	int status;

	if (posix_spawnp(&pid, peer[0], NULL, NULL, peer, environ) != 0 ||
	    waitpid(pid, &status, 0) != pid) {
		give_up("bwrap does not start: apt-get install bubblewrap");
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		give_up("bwrap failed");
	}
	return (double)(mono_now().us - start.us) / 1000;
}

/* The peer stays in the mount namespace that we were started in. */
static int
start_peer(void)
{
	int pair[2];
	char go;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		give_up("no socketpair");
	}
	if (fork() == 0) {
		(void)close(pair[0]);
		while (read(pair[1], &go, 1) == 1) {
			double took = run_peer();

			(void)!write(pair[1], &took, sizeof(took));
		}
		_exit(0);
	}
	(void)close(pair[1]);
	return pair[0];
}

static double
theirs(const struct bench *b)
{
	double took = 0;

	if (write(b->peer, "", 1) != 1 ||
	    read(b->peer, &took, sizeof(took)) != sizeof(took)) {
		give_up("bwrap failed");
	}
	return took;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

int
main(int argc, char **argv)
{
	struct cell_house house = {
		.uid_base = geteuid() ? 0 : UID_BASE,
		.slots = 4,
	};
	int rounds = argc > 1 ? atoi(argv[1]) : ROUNDS;
	int each = argc > 2 ? atoi(argv[2]) : EACH;
	static double our[MOST], their[MOST], mine[MOST], peers[MOST],
	    ratio[MOST];
	struct bench b = { .null = open("/dev/null", O_RDWR | O_CLOEXEC) };
	struct err e;

	if (rounds < 1 || rounds > MOST || each < 1 || each > MOST) {
		give_up("isolate [ROUNDS [EACH]]");
	}
	b.peer = start_peer();
	b.plan = memfd_sealed("plan", str_span("true", 5), &e);
	if (b.plan < 0 || cell_host_open(&house, &b.host, &e)) {
		give_up(e.text);
	}
	printf("%s; %d rounds of %d\n", cell_host_text(b.host), rounds, each);
	(void)ours(&b);
	(void)theirs(&b);
	for (int r = 0; r < rounds; r++) {
		for (int i = 0; i < each; i++) {
			our[i] = ours(&b);
			their[i] = theirs(&b);
		}
		mine[r] = median(our, (size_t)each);
		peers[r] = median(their, (size_t)each);
		ratio[r] = mine[r] / peers[r];
		printf("round %d: isolate %.2f ms (min %.2f), bwrap %.2f ms "
		       "(min %.2f), ratio %.2f\n",
		    r + 1, mine[r], our[0], peers[r], their[0], ratio[r]);
	}
	double middle = median(ratio, (size_t)rounds);

	printf("isolate-cold: %.2f ms, %.2f x bwrap (rounds %.2f to %.2f, "
	       "bwrap %.2f ms)\n",
	    median(mine, (size_t)rounds), middle, ratio[0], ratio[rounds - 1],
	    median(peers, (size_t)rounds));
	cell_host_free(b.host);
	return 0;
}
