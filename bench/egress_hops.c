/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request pays for having its three parts in processes of their own,
 * before any of them does anything: egress, core and vault on one processor,
 * their records of the house's sizes, a client on the other processor that
 * sends its next request when it was answered.
 *
 *     bench_egress_hops ROUNDS
 *
 * Prints {"bare_us", "hops_us"}: p50 of an answer that egress gives at once,
 * and of one behind intent, grant and go, redemption and credential.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "wire/records.h"

#define ROUNDS_MAX 1000000
#define WARM       500
#define REQUEST    200
#define ANSWER     1100

enum from { CLIENT, CORE, VAULT, EGRESS };

static char record[1 << 16];
static int64_t took[ROUNDS_MAX]; /* ns */

static void
pin(size_t processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static void
pair(int ends[2])
{
	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
}

static void
pass(int fd, size_t size)
{
	must(send(fd, record, size, MSG_NOSIGNAL) == (ssize_t)size);
}

/* Which of them has something; it is read. */
static enum from
hear(int epoll)
{
	struct epoll_event event;

	while (epoll_wait(epoll, &event, 1, -1) != 1) {
	}
	if (recv((int)(event.data.u64 >> 8), record, sizeof(record), 0) <= 0) {
		_exit(0); /* the client has what it wanted */
	}
	return (enum from)(event.data.u64 & 0xff);
}

static void
listen_to(int epoll, int fd, enum from from)
{
	struct epoll_event event = {
		.events = EPOLLIN,
		.data.u64 = (uint64_t)fd << 8 | from,
	};

	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
}

_Noreturn static void
be_core(int egress, int vault)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	bool asked = true;

	listen_to(epoll, egress, EGRESS);
	for (;; asked = !asked) { /* in turns: an intent, and how it ended */
		(void)hear(epoll);
		if (asked) {
			pass(vault, sizeof(struct wire_vault_lend));
			pass(egress, sizeof(struct wire_going));
		}
	}
}

_Noreturn static void
be_vault(int egress, int core)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	listen_to(epoll, egress, EGRESS);
	listen_to(epoll, core, CORE);
	for (;;) {
		if (hear(epoll) == EGRESS) {
			pass(egress, sizeof(struct wire_credential));
		}
	}
}

_Noreturn static void
be_egress(int client, int core, int vault, bool alone)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	listen_to(epoll, client, CLIENT);
	listen_to(epoll, core, CORE);
	listen_to(epoll, vault, VAULT);
	for (;;) {
		enum from from = hear(epoll);

		if (from == CLIENT && !alone) {
			pass(core, sizeof(struct wire_intents));
		} else if (from == CORE) {
			pass(vault, sizeof(struct wire_redeem));
		} else {
			pass(client, ANSWER);
		}
		if (from == VAULT) {
			pass(core, sizeof(struct wire_answered));
		}
	}
}

static int
order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static pid_t
part(void)
{
	pid_t pid = fork();

	must(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		pin(0);
	}
	return pid;
}

static int64_t
now_ns(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* us, p50 */
static double
ask(int egress, size_t rounds)
{
	for (size_t i = 0; i < WARM + rounds; i++) {
		int64_t begun = now_ns();

		pass(egress, REQUEST);
		must(recv(egress, record, sizeof(record), 0) == ANSWER);
		if (i >= WARM) {
			took[i - WARM] = now_ns() - begun;
		}
	}
	qsort(took, rounds, sizeof(*took), order);
	size_t middle = rounds / 2;

	return (double)took[middle] / 1000;
}

static double
measure(size_t rounds, bool alone)
{
	int client[2];
	int core[2];
	int vault[2];
	int lends[2];

	pair(core);
	pair(vault);
	pair(lends);
	if (part() == 0) {
		be_core(core[1], lends[0]);
	}
	if (part() == 0) {
		be_vault(vault[1], lends[1]);
	}
	pair(client); /* now: who has its end too would keep egress alive */
	if (part() == 0) {
		(void)close(client[0]);
		be_egress(client[1], core[0], vault[0], alone);
	}
	(void)close(client[1]);
	double p50 = ask(client[0], rounds);

	(void)close(client[0]); /* egress ends; the others with this process */
	return p50;
}

int
main(int argc, char **argv)
{
	size_t rounds = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;

	if (rounds == 0 || rounds > ROUNDS_MAX) {
		(void)fprintf(stderr, "usage: bench_egress_hops ROUNDS\n");
		return 2;
	}
	pin(1);
	double bare = measure(rounds, true);
	double hops = measure(rounds, false);

	(void)printf("{\"bare_us\": %.1f, \"hops_us\": %.1f}\n", bare, hops);
	return 0;
}
