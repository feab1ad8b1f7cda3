/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and process limits of a whole cell by cgroups, version 2 or 1, where
 * this process may make them: `handrail/<pid>.<number>` below its own cgroup.
 * The folder `handrail` is made once and stays: later, with less power, only
 * what is in it can be made and removed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cell/inside.h"

#define TOP        "/sys/fs/cgroup"
#define FOLDER     "/handrail"
#define CONTROL    "+memory +pids"
#define SELF_MAX   65536
#define GROUP_PATH PATH_MAX
/* Half of what is promised: nobody is charged for what waits to be accepted. */
#define SOCKETS_MAX ((uint64_t)32 << 20)
#define SOCKETS_MIN ((uint64_t)1 << 20)

static bool
put(const char *folder, const char *file, const char *text)
{
	char path[GROUP_PATH];
	int whole = snprintf(path, sizeof(path), "%s/%s", folder, file);

	if (whole >= (int)sizeof(path)) {
		return false;
	}
	auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t len = (ssize_t)strlen(text);

	return fd >= 0 && write(fd, text, (size_t)len) == len;
}

static bool
put_number(const char *folder, const char *file, uint64_t number)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	return put(folder, file, text);
}

static void
folder_of(char out[GROUP_PATH], const char *base, uint64_t number)
{
	(void)snprintf(out, GROUP_PATH, "%s/%d.%llu", base, getpid(),
	    (unsigned long long)number);
}

/* What an earlier, killed process of ours left; a busy one stays.  Ids begin
 * anew: what bears our own, before we made any, is of another who had it. */
static void
sweep(const char *base)
{
	DIR *d = opendir(base);
	const struct dirent *entry;

	while (d && (entry = readdir(d))) { /* NOLINT(concurrency-mt-unsafe) */
		char path[GROUP_PATH];
		const char *name = entry->d_name;

		long pid = strtol(name, NULL, 10);

		if (pid == getpid() ||
		    (pid > 1 && kill((pid_t)pid, 0) < 0 && errno == ESRCH)) {
			(void)snprintf(path, sizeof(path), "%s/%s", base, name);
			(void)rmdir(path);
		}
	}
	if (d) {
		(void)closedir(d);
	}
}

/* Makes the folder in `base`, which becomes it. */
static bool
usable(char *base, size_t size, const char *control, const char *limit_file)
{
	char path[GROUP_PATH];
	char file[GROUP_PATH + 32];
	size_t len = strlen(base);

	if (len + sizeof(FOLDER) > size) {
		return false;
	}
	memcpy(base + len, FOLDER, sizeof(FOLDER));
	if (mkdir(base, 0755) < 0 && errno != EEXIST) {
		return false;
	}
	if (*control) {
		(void)put(base, "cgroup.subtree_control", control);
	}
	sweep(base);
	folder_of(path, base, 0);
	if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		return false;
	}
	(void)snprintf(file, sizeof(file), "%s/%s", path, limit_file);
	bool found = access(file, W_OK) == 0;

	(void)rmdir(path);
	return found;
}

/* The line of /proc/self/cgroup whose controllers hold `name`. */
static bool
own_path(const char *self, const char *name, char *out, size_t size)
{
	struct str rest = str_of(self);
	struct str line;

	while (rest.len > 0) {
		struct str number, controllers, one;
		bool found = false;

		(void)str_cut(&rest, '\n', &line);
		(void)str_cut(&line, ':', &number);
		(void)str_cut(&line, ':', &controllers);
		found = controllers.len == 0 && !*name;
		while (!found && controllers.len > 0) {
			(void)str_cut(&controllers, ',', &one);
			found = *name && str_eq_z(one, name);
		}
		if (found) {
			return str_copy(out, size, line);
		}
	}
	return false;
}

static bool
find_v1(const char *self, const char *name, char *out, size_t size)
{
	char path[PATH_MAX / 4];
	int len;

	if (!own_path(self, name, path, sizeof(path))) {
		return false;
	}
	len = snprintf(out, size, TOP "/%s%s", name, path);
	if (len < 0 || (size_t)len >= size) {
		return false;
	}
	if (access(out, F_OK) < 0) { /* seen from inside a container */
		(void)snprintf(out, size, TOP "/%s", name);
	}
	return true;
}

/* L05: tcp(7), tcp_mem: below its first number of pages the kernel takes
 * nothing from anybody, and all sockets of the machine count.  All cells
 * together are charged for a quarter of that, as what waits to be accepted may
 * be as much again; where they are too many for it, each for the least. */
uint64_t
group_sockets(const char *tcp_mem, uint32_t cells)
{
	uint64_t pages = strtoull(tcp_mem, NULL, 10);
	uint64_t share = pages * (uint64_t)sysconf(_SC_PAGESIZE) / 4 /
	                 (cells > 0 ? cells : 1);

	if (share > SOCKETS_MAX) {
		return SOCKETS_MAX;
	}
	return share > SOCKETS_MIN ? share : SOCKETS_MIN;
}

static uint64_t
sockets_share(uint32_t cells)
{
	auto_buf text = { 0 };
	struct err e = { 0 };

	if (file_read("/proc/sys/net/ipv4/tcp_mem", 256, &text, &e)) {
		return SOCKETS_MAX; /* not this kernel's way to count */
	}
	return group_sockets(buf_z(&text), cells);
}

static bool
find_v2(struct group_place *place, const char *self)
{
	char path[PATH_MAX / 4];

	if (access(TOP "/cgroup.controllers", R_OK) < 0 ||
	    !own_path(self, "", path, sizeof(path))) {
		return false;
	}
	(void)snprintf(place->memory, sizeof(place->memory), TOP "%s",
	    strcmp(path, "/") == 0 ? "" : path);
	/* Refused while processes sit in it, unless it is the topmost. */
	(void)put(place->memory, "cgroup.subtree_control", CONTROL);
	char pids[PATH_MAX / 2];

	(void)snprintf(pids, sizeof(pids), "%s", place->memory);
	return usable(place->memory, sizeof(place->memory), CONTROL,
	           "memory.max") &&
	       usable(pids, sizeof(pids), CONTROL, "pids.max");
}

void
group_find(struct group_place *place, uint32_t cells)
{
	auto_buf self = { 0 };
	struct err e = { 0 };

	place->version = CELL_GROUPS_NONE;
	if (file_read("/proc/self/cgroup", SELF_MAX, &self, &e)) {
		return;
	}
	if (find_v2(place, buf_z(&self))) {
		place->version = CELL_GROUPS_V2;
		return;
	}
	if (find_v1(
	        buf_z(&self), "memory", place->memory, sizeof(place->memory)) &&
	    find_v1(buf_z(&self), "pids", place->pids, sizeof(place->pids)) &&
	    usable(place->memory, sizeof(place->memory), "",
	        "memory.limit_in_bytes") &&
	    usable(place->pids, sizeof(place->pids), "", "pids.max")) {
		place->version = CELL_GROUPS_V1;
		place->sockets = sockets_share(cells);
	}
}

int
group_make(const struct group_place *place, uint64_t number,
    const struct limits *limits, struct err *e)
{
	char path[GROUP_PATH];
	bool v2 = place->version == CELL_GROUPS_V2;
	/* Its pid 1 counts as well. */
	uint64_t processes = (uint64_t)limits->processes + 1;

	folder_of(path, place->memory, number);
	if (mkdir(path, 0755) < 0) {
		return err_sys(e, "cgroup %s", path);
	}
	if (!put_number(path, v2 ? "memory.max" : "memory.limit_in_bytes",
	        limits->memory)) {
		return err_sys(e, "memory limit of %s", path);
	}
	/* Not there where the kernel does not count swap. */
	(void)put_number(path,
	    v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes",
	    v2 ? 0 : limits->memory);
	/* L05: version 2 counts buffers of sockets as memory, 1 beside it. */
	if (!v2) {
		(void)put_number(
		    path, "memory.kmem.tcp.limit_in_bytes", place->sockets);
	}
	if (v2) {
		return put_number(path, "pids.max", processes)
		           ? 0
		           : err_sys(e, "process limit of %s", path);
	}
	folder_of(path, place->pids, number);
	if (mkdir(path, 0755) < 0) {
		return err_sys(e, "cgroup %s", path);
	}
	return put_number(path, "pids.max", processes)
	           ? 0
	           : err_sys(e, "process limit of %s", path);
}

int
group_enter(
    const struct group_place *place, uint64_t number, pid_t pid, struct err *e)
{
	char path[GROUP_PATH];

	folder_of(path, place->memory, number);
	if (!put_number(path, "cgroup.procs", (uint64_t)pid)) {
		return err_sys(e, "enter %s", path);
	}
	if (place->version == CELL_GROUPS_V2) {
		return 0;
	}
	folder_of(path, place->pids, number);
	return put_number(path, "cgroup.procs", (uint64_t)pid)
	           ? 0
	           : err_sys(e, "enter %s", path);
}

bool
group_remove(const struct group_place *place, uint64_t number)
{
	char path[GROUP_PATH];
	bool gone;

	folder_of(path, place->memory, number);
	gone = rmdir(path) == 0 || errno == ENOENT;
	if (place->version == CELL_GROUPS_V1) {
		folder_of(path, place->pids, number);
		gone = (rmdir(path) == 0 || errno == ENOENT) && gone;
	}
	return gone;
}
