/* SPDX-License-Identifier: Apache-2.0 */
/* What this process may do and what the host offers, learned once. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cell/inside.h"
#include "jail/jail.h"

#define HOST_FILE_MAX ((size_t)4 * 1024 * 1024)

static const char *const link_names[] = {
	"bin",
	"sbin",
	"lib",
	"lib32",
	"lib64",
	"libx32",
};

static const char *const file_paths[HOST_FILES] = {
	[HOST_BUNDLE] = "/etc/ssl/certs/ca-certificates.crt",
	[HOST_LD_CACHE] = "/etc/ld.so.cache",
	[HOST_SERVICES] = "/etc/services",
	[HOST_PROTOCOLS] = "/etc/protocols",
};

static bool
has_capability(unsigned number)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data) < 0) {
		return false;
	}
	return data[number / 32].effective & (1U << (number % 32));
}

/* Are ids first … first + count - 1 mapped in this namespace? */
static bool
range_mapped(const char *path, uint64_t first, uint64_t count)
{
	char line[128];
	bool found = false;
	FILE *f = fopen(path, "re");

	while (f && !found && fgets(line, sizeof(line), f)) {
		char *at = line;
		uint64_t inside = strtoull(at, &at, 10);

		(void)strtoull(at, &at, 10);
		uint64_t length = strtoull(at, &at, 10);

		found = first >= inside && first + count <= inside + length;
	}
	if (f) {
		(void)fclose(f);
	}
	return found;
}

static int
find_ids(struct cell_host *host, const struct cell_house *house, struct err *e)
{
	host->uid = geteuid();
	host->gid = getegid();
	host->uid_base = house->uid_base;
	host->slots = house->slots;
	bool able =
	    house->uid_base > 0 && house->slots > 0 &&
	    has_capability(CAP_SETUID) && has_capability(CAP_SETGID) &&
	    range_mapped("/proc/self/uid_map", house->uid_base, house->slots) &&
	    range_mapped("/proc/self/gid_map", house->uid_base, house->slots);

	host->ids = able ? CELL_IDS_SLOTS : CELL_IDS_ONE;
	if (!able && host->uid == 0 &&
	    range_mapped("/proc/self/uid_map", 0, UINT32_MAX)) {
		return err_set(e, ERR_INPUT,
		    "as root every cell needs an id of its own: set uid_base "
		    "in [node] to a range that nobody uses");
	}
	return 0;
}

static int
read_target(struct root_link *link, const char *path, struct err *e)
{
	ssize_t len = readlink(path, link->target, sizeof(link->target) - 1);

	if (len <= 0 || len >= (ssize_t)sizeof(link->target) - 1) {
		return err_set(e, ERR_IO, "%s leads too far", path);
	}
	link->target[len] = '\0';
	return 0;
}

static int
find_links(struct cell_host *host, struct err *e)
{
	for (size_t i = 0; i < COUNT(link_names); i++) {
		struct root_link *link = &host->links[host->link_count];
		char path[32];
		struct stat st;

		(void)snprintf(path, sizeof(path), "/%s", link_names[i]);
		if (lstat(path, &st) < 0) {
			continue;
		}
		*link = (struct root_link){ 0 };
		must(str_copy(
		    link->name, sizeof(link->name), str_of(link_names[i])));
		if (S_ISLNK(st.st_mode) && read_target(link, path, e)) {
			return -1;
		}
		host->link_count++;
	}
	return 0;
}

static bool
same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool
host_refresh(struct cell_host *host)
{
	bool changed = false;

	for (size_t i = 0; i < HOST_FILES; i++) {
		struct host_file *file = &host->files[i];
		struct stat st = { 0 };
		struct err e = { 0 };
		auto_buf fresh = { 0 };

		file->path = file_paths[i];
		if (stat(file->path, &st) < 0 || !S_ISREG(st.st_mode)) {
			st = (struct stat){ 0 };
		}
		if (same_time(st.st_mtim, file->changed)) {
			continue;
		}
		if (st.st_mtim.tv_sec &&
		    file_read(file->path, HOST_FILE_MAX, &fresh, &e)) {
			continue; /* being replaced: at the next cell */
		}
		buf_clear(&file->bytes);
		buf_add(&file->bytes, buf_str(&fresh));
		file->changed = st.st_mtim;
		changed = true;
	}
	return changed;
}

/* "name => /path (0x…)" or "/path (0x…)"; the vdso has no path. */
static bool
lib_of_line(const char *line, char *path, size_t size)
{
	const char *from = strchr(line, '/');
	const char *to = from ? strstr(from, " (0x") : NULL;

	return to && str_copy(path, size, str_span(from, (size_t)(to - from)));
}

static FILE *
list_libs(const char *loader, const char *agent, pid_t *pid)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0) {
		return NULL;
	}
	*pid = fork();
	if (*pid == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)execl(loader, loader, "--list", agent, (char *)NULL);
		_exit(127);
	}
	(void)close(ends[1]);
	FILE *f = *pid > 0 ? fdopen(ends[0], "r") : NULL;

	if (!f) {
		(void)close(ends[0]);
	}
	return f;
}

/* Asks the dynamic loader what our own agent needs, as ldd(1) does. */
static int
find_libs(struct cell_host *host, struct err *e)
{
	static const char *const loaders[] = {
		"/lib64/ld-linux-x86-64.so.2",
		"/lib/ld-linux-aarch64.so.1",
	};
	const char *loader = loaders[0];
	char line[512];
	pid_t pid = -1;
	int status = -1;

	for (size_t i = 0; i < COUNT(loaders); i++) {
		loader = access(loaders[i], X_OK) == 0 ? loaders[i] : loader;
	}
	FILE *f = list_libs(loader, host->agent, &pid);

	while (f && fgets(line, sizeof(line), f)) {
		size_t n = host->lib_count;

		if (n < AGENT_LIBS_MAX &&
		    lib_of_line(line, host->libs[n], sizeof(host->libs[n]))) {
			host->lib_count++;
		}
	}
	if (f) {
		(void)fclose(f);
	}
	if (pid > 0) {
		(void)waitpid(pid, &status, 0);
	}
	if (status != 0 || host->lib_count == 0) {
		return err_set(e, ERR_MISSING,
		    "%s cannot be loaded; build and install it again",
		    host->agent);
	}
	return 0;
}

static void
describe(struct cell_host *host)
{
	static const char *const groups[] = { "rlimits only", "cgroup v1",
		"cgroup v2" };

	(void)snprintf(host->text, sizeof(host->text), "ids: %s; limits: %s",
	    host->ids == CELL_IDS_SLOTS ? "one per slot" : "one for all cells",
	    groups[host->groups.version]);
}

int
cell_host_open(
    const struct cell_house *house, struct cell_host **out, struct err *e)
{
	struct cell_host *host = calloc(1, sizeof(*host));

	must(host);
	memos_open(&host->memos);
	if (find_ids(host, house, e) || find_links(host, e) ||
	    jail_prepare_cell(e)) {
		goto fail;
	}
	if (house->agent) {
		if (!str_copy(host->agent, sizeof(host->agent),
		        str_of(house->agent))) {
			(void)err_set(
			    e, ERR_INPUT, "path of the agent is too long");
			goto fail;
		}
		if (find_libs(host, e)) {
			goto fail;
		}
	}
	host->alternatives = access("/etc/alternatives", R_OK | X_OK) == 0;
	host->mounts = has_capability(CAP_SYS_ADMIN);
	(void)host_refresh(host);
	if (host->mounts) {
		root_prepare(host);
	}
	group_find(&host->groups, house->slots);
	describe(host);
	*out = host;
	return 0;
fail:
	cell_host_free(host);
	return -1;
}

void
cell_host_free(struct cell_host *host)
{
	if (!host) {
		return;
	}
	must(host->living == 0);
	memos_close(&host->memos);
	for (size_t i = 0; i < HOST_FILES; i++) {
		buf_fini(&host->files[i].bytes);
	}
	free(host);
}

enum cell_ids
cell_host_ids(const struct cell_host *host)
{
	return host->ids;
}

enum cell_groups
cell_host_groups(const struct cell_host *host)
{
	return host->groups.version;
}

const char *
cell_host_text(const struct cell_host *host)
{
	return host->text;
}

uid_t
host_uid(const struct cell_host *host, uint32_t slot)
{
	return host->ids == CELL_IDS_SLOTS ? host->uid_base + slot : host->uid;
}

gid_t
host_gid(const struct cell_host *host, uint32_t slot)
{
	return host->ids == CELL_IDS_SLOTS ? host->uid_base + slot : host->gid;
}
