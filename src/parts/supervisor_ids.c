/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ordinary user's ids (design §2, Ids): where newuidmap is present and the
 * user has a subordinate range, `sandbox` is started in one user namespace
 * that maps the user to 0 and the range behind it, so that every cell and its
 * egress get an id of their own.  Without it all share one id, and the walls
 * are seccomp, Landlock and non-dumpable processes (THREATS.md).
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "parts/supervisor.h"

/* newuidmap is setuid root: an absolute path, nobody's PATH. */
#define NEWUIDMAP "/usr/bin/newuidmap"
#define NEWGIDMAP "/usr/bin/newgidmap"

/* name:first:count, the line of this user by name or number. */
static bool
read_range(
    const char *file, const struct passwd *me, uint64_t *first, uint64_t *count)
{
	auto_buf text = { 0 };
	struct err e = { 0 };
	struct str rest;
	struct str line;

	if (file_read(file, 1 << 20, &text, &e)) {
		return false;
	}
	rest = buf_str(&text);
	while (rest.len) {
		struct str name;
		struct str from;
		uint64_t uid;

		(void)str_cut(&rest, '\n', &line);
		(void)str_cut(&line, ':', &name);
		(void)str_cut(&line, ':', &from);
		if ((str_eq_z(name, me->pw_name) ||
		        (str_u64(name, &uid) && uid == me->pw_uid)) &&
		    str_u64(from, first) && str_u64(str_trim(line), count)) {
			return true;
		}
	}
	return false;
}

void
house_find_ids(struct house *h)
{
	struct passwd *me =
	    getpwuid(geteuid()); /* NOLINT(concurrency-mt-unsafe): one thread */
	/* A cell's egress has its id behind those of all cells. */
	uint64_t wanted = 100 + 2 * (uint64_t)h->config.cells;
	struct house_ids *ids = &h->ids;

	if (geteuid() == 0 || !me || access(NEWUIDMAP, X_OK) ||
	    access(NEWGIDMAP, X_OK) ||
	    !read_range("/etc/subuid", me, &ids->first_uid, &ids->uids) ||
	    !read_range("/etc/subgid", me, &ids->first_gid, &ids->gids) ||
	    ids->uids < wanted || ids->gids < wanted) {
		return;
	}
	ids->found = true;
}

/* Runs one of the two setuid helpers for the waiting child. */
static int
run_helper(struct house *h, const char *helper, pid_t pid, uint64_t own,
    const uint64_t range[2], struct err *e)
{
	struct arena *a = &h->arena;
	const char *argv[] = {
		helper,
		arena_printf(a, "%d", (int)pid).at,
		"0",
		arena_printf(a, "%llu", (unsigned long long)own).at,
		"1",
		"1",
		arena_printf(a, "%llu", (unsigned long long)range[0]).at,
		arena_printf(a, "%llu", (unsigned long long)range[1]).at,
		NULL,
	};
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): only read */
		(void)execv(helper, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child ||
	    !WIFEXITED(status) || WEXITSTATUS(status)) {
		return err_set(e, ERR_IO,
		    "%s did not map the ids of /etc/subuid (see `handrail "
		    "doctor`)",
		    helper);
	}
	return 0;
}

int
house_gate_open(struct house_gate *g, struct err *e)
{
	return pipe2(g->ask, O_CLOEXEC) || pipe2(g->go, O_CLOEXEC)
	           ? err_sys(e, "pipe")
	           : 0;
}

static void
close_end(int *fd)
{
	if (*fd >= 0) {
		(void)close(take_fd(fd));
	}
}

void
house_gate_close(struct house_gate *g)
{
	close_end(&g->ask[0]);
	close_end(&g->ask[1]);
	close_end(&g->go[0]);
	close_end(&g->go[1]);
}

/* The other ends are closed first: without a parent this child ends. */
void
house_gate_wait(struct house_gate *g)
{
	char byte = 0;

	close_end(&g->ask[0]);
	close_end(&g->go[1]);
	if (unshare(CLONE_NEWUSER) || write(g->ask[1], "u", 1) != 1 ||
	    read(g->go[0], &byte, 1) != 1) {
		_exit(126);
	}
}

int
house_gate_map(struct house *h, pid_t pid, struct house_gate *g, struct err *e)
{
	uint64_t uids[2] = { h->ids.first_uid, h->ids.uids };
	uint64_t gids[2] = { h->ids.first_gid, h->ids.gids };
	char byte;

	close_end(&g->ask[1]);
	close_end(&g->go[0]);
	if (read(g->ask[0], &byte, 1) != 1) {
		return err_set(e, ERR_IO,
		    "no user namespace for the sandbox (see `handrail "
		    "doctor`)");
	}
	if (run_helper(h, NEWUIDMAP, pid, geteuid(), uids, e) ||
	    run_helper(h, NEWGIDMAP, pid, getegid(), gids, e)) {
		return -1;
	}
	return write(g->go[1], "g", 1) == 1 ? 0 : err_sys(e, "sandbox");
}
