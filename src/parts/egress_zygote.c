/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/egress.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define SANDBOX_FD   3
#define CHILD_FD     3  /* the first of a child's own descriptors */
#define HIGH_FD      64 /* out of the way of those */
#define CHILDREN_MAX 512
#define NO_WAIT_US   CLOCK_SECOND /* for a record that poll has promised */

/*
 * Makes no loop and opens nothing: what it has, every child has.  Invariant:
 * polls[0] is the channel, polls[i + 1] the pidfd of cells[i].
 */
struct zygote {
	const struct egress_host *host;
	uint64_t uid_base;
	uint64_t cookie; /* of our own network namespace */
	size_t count;
	uint64_t cells[CHILDREN_MAX];
	struct pollfd polls[CHILDREN_MAX + 1];
};

_Noreturn static void
give_up(const struct err *e)
{
	/* The sandbox part is gone, or is out of step: so are our children. */
	if (e->kind != ERR_UNAVAILABLE) {
		log_err("zygote", e);
	}
	_exit(e->kind == ERR_UNAVAILABLE ? 0 : 1);
}

static int
cookie_of(int fd, uint64_t *cookie, struct err *e)
{
	socklen_t size = sizeof(*cookie);
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &size)) {
		return err_sys(e, "the network namespace of a listener");
	}
	return 0;
}

static int
option_of(int fd, int option, int *value, struct err *e)
{
	socklen_t size = sizeof(*value);
	if (getsockopt(fd, SOL_SOCKET, option, value, &size)) {
		return err_sys(e, "a listener");
	}
	return 0;
}

/* I09: it must be what it is said to be, and from that cell's network. */
static int
check_listener(const struct zygote *z, const struct wire_egress_fork *w,
    size_t i, int fd, struct err *e)
{
	uint64_t cookie;
	int domain;
	int type;
	int listening;
	bool tcp = i < 2;
	if (cookie_of(fd, &cookie, e) || option_of(fd, SO_DOMAIN, &domain, e) ||
	    option_of(fd, SO_TYPE, &type, e) ||
	    option_of(fd, SO_ACCEPTCONN, &listening, e)) {
		return -1;
	}
	if (cookie != w->cookie || cookie == z->cookie) {
		return err_set(e, ERR_DENIED,
		    "listener %zu is from another network namespace", i);
	}
	if (domain != (i % 2 == 0 ? AF_INET : AF_INET6) ||
	    type != (tcp ? SOCK_STREAM : SOCK_DGRAM) || (tcp && !listening)) {
		return err_set(
		    e, ERR_DENIED, "listener %zu is of another kind", i);
	}
	return 0;
}

_Noreturn static void
become(const struct zygote *z, const struct wire_egress_fork *w,
    const struct wire_fds *fds)
{
	int high[EGRESS_LISTENERS + 1];
	int own[EGRESS_LISTENERS + 1];
	struct err e;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, "egress");
	for (size_t i = 0; i <= EGRESS_LISTENERS; i++) {
		high[i] = fcntl(fds->at[i], F_DUPFD_CLOEXEC, HIGH_FD);
		must(high[i] >= 0);
	}
	for (size_t i = 0; i <= EGRESS_LISTENERS; i++) {
		own[i] = CHILD_FD + (int)i;
		must(dup3(high[i], own[i], O_CLOEXEC) == own[i]);
	}
	must(close_range(CHILD_FD + EGRESS_LISTENERS + 1, ~0U, 0) == 0);
	uid_t uid = z->uid_base ? (uid_t)(z->uid_base + w->slot) : 0;
	if (egress_jail("egress", uid, false, &e)) {
		log_err("egress", &e);
		_exit(1);
	}
	egress_cell(z->host, w->cell, own);
}

static int
fork_one(struct zygote *z, const struct wire_egress_fork *w,
    const struct wire_fds *fds, struct wire_egress_forked *done, struct err *e)
{
	if (fds->count != EGRESS_LISTENERS + 1) {
		return err_set(e, ERR_DENIED, "EGRESS_FORK without its fds");
	}
	if (z->count == CHILDREN_MAX) {
		return err_set(e, ERR_LIMIT, "%d cells at once", CHILDREN_MAX);
	}
	for (size_t i = 0; i < EGRESS_LISTENERS; i++) {
		if (check_listener(z, w, i, fds->at[i], e)) {
			return -1;
		}
	}
	pid_t pid = fork();
	if (pid < 0) {
		return err_sys(e, "fork");
	}
	if (pid == 0) {
		become(z, w, fds);
	}
	int pidfd = pidfd_open(pid, 0);
	must(pidfd >= 0);
	must(fcntl(pidfd, F_SETFD, FD_CLOEXEC) == 0);
	z->cells[z->count] = w->cell;
	z->count++;
	z->polls[z->count] = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	done->pid = pid;
	return 0;
}

static void
on_fork(struct zygote *z)
{
	struct wire_egress_fork w;
	struct wire_fds fds = { 0 };
	struct err e;
	if (wire_take_now(
	        SANDBOX_FD, WIRE_EGRESS_FORK, NO_WAIT_US, &w, &fds, &e)) {
		give_up(&e);
	}
	struct wire_egress_forked done = { .cell = w.cell };
	int failed = fork_one(z, &w, &fds, &done, &e);
	for (size_t i = 0; i < fds.count; i++) {
		(void)close(fds.at[i]);
	}
	if (failed) {
		str_fit(done.text, sizeof(done.text), str_of(e.text));
		failed = wire_send_now(
		    SANDBOX_FD, WIRE_EGRESS_FORKED, &done, NULL, 0, &e);
	} else {
		done.ok = 1;
		int sent = fcntl(z->polls[z->count].fd, F_DUPFD_CLOEXEC, 0);
		must(sent >= 0);
		failed = wire_send_now(
		    SANDBOX_FD, WIRE_EGRESS_FORKED, &done, &sent, 1, &e);
	}
	if (failed) {
		give_up(&e);
	}
}

static void
on_end(struct zygote *z, size_t i)
{
	siginfo_t info = { 0 };
	struct err e;
	struct wire_egress_ended ended = { .cell = z->cells[i] };
	if (waitid(P_PIDFD, (id_t)z->polls[i + 1].fd, &info, WEXITED)) {
		/* A tracer has it still; the loop of sandbox, which holds the
		 * same description, made it not wait. */
		must(errno == EAGAIN || errno == EINTR);
		return;
	}
	(void)close(z->polls[i + 1].fd);
	auto_buf text = { 0 };
	if (info.si_code != CLD_EXITED) {
		buf_addf(&text, "ended by signal %d", info.si_status);
	} else if (info.si_status != 0) {
		buf_addf(&text, "ended with code %d", info.si_status);
	}
	must(str_copy(ended.text, sizeof(ended.text), buf_str(&text)));
	z->count--;
	z->cells[i] = z->cells[z->count];
	z->polls[i + 1] = z->polls[z->count + 1];
	if (wire_send_now(SANDBOX_FD, WIRE_EGRESS_ENDED, &ended, NULL, 0, &e)) {
		give_up(&e);
	}
}

static void
turn(struct zygote *z)
{
	if (poll(z->polls, z->count + 1, -1) < 0) {
		must(errno == EINTR);
		return;
	}
	for (size_t i = z->count; i > 0; i--) {
		if (z->polls[i].revents) {
			on_end(z, i - 1);
		}
	}
	if (z->polls[0].revents) {
		on_fork(z);
	}
}

void
egress_zygote(const struct egress_host *host, uint64_t uid_base)
{
	static struct zygote z;
	struct err e;
	z.host = host;
	z.uid_base = uid_base;
	auto_close int mine = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (mine < 0 || cookie_of(mine, &z.cookie, &e)) {
		err_set(&e, ERR_IO, "no IPv4, or a kernel before 5.14");
		give_up(&e);
	}
	auto_close_fd(&mine);
	mine = -1;
	z.polls[0] = (struct pollfd){ .fd = SANDBOX_FD, .events = POLLIN };
	for (;;) {
		turn(&z);
	}
}
