/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jail/inside.h"

/*
 * Landlock by raw system calls: the kernel's headers of the build may be older
 * than the kernel that runs, so its numbers are written here
 * (Documentation/userspace-api/landlock.rst, ABI 6).
 */

#define CREATE_VERSION 1u

#define FS_EXECUTE     (1ull << 0)
#define FS_WRITE_FILE  (1ull << 1)
#define FS_READ_FILE   (1ull << 2)
#define FS_READ_DIR    (1ull << 3)
#define FS_REMOVE_DIR  (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_DIR    (1ull << 7)
#define FS_MAKE_REG    (1ull << 8)
#define FS_MAKE_SYM    (1ull << 12)
#define FS_REFER       (1ull << 13) /* ABI 2 */
#define FS_TRUNCATE    (1ull << 14) /* ABI 3 */
#define FS_ABI_1       ((1ull << 13) - 1)
#define FS_IOCTL_DEV   (1ull << 15) /* ABI 5 */

#define NET_BIND    1ull /* ABI 4 */
#define NET_CONNECT 2ull

#define SCOPE_ABSTRACT 1ull /* ABI 6 */
#define SCOPE_SIGNAL   2ull

#define RULE_PATH 1
#define RULE_PORT 2

struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scope;
};

struct rule_path {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

struct rule_port {
	uint64_t access;
	uint64_t port;
};

int
jail_landlock_abi(void)
{
	long abi =
	    syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	return abi > 0 ? (int)abi : 0;
}

/* What this kernel can refuse; it refuses all of that but for the rules. */
static struct ruleset
handled(const struct jail_plan *plan, int abi)
{
	struct ruleset r = { .fs = FS_ABI_1 };

	if (abi >= 2) {
		r.fs |= FS_REFER;
	}
	if (abi >= 3) {
		r.fs |= FS_TRUNCATE;
	}
	if (abi >= 4) {
		r.net = plan->net == JAIL_NET_CONNECT ? NET_BIND
		                                      : NET_BIND | NET_CONNECT;
	}
	if (abi >= 5) {
		r.fs |= FS_IOCTL_DEV;
	}
	if (abi >= 6) {
		r.scope = SCOPE_ABSTRACT | SCOPE_SIGNAL;
	}
	return r;
}

/* An older kernel refuses a struct that is longer than the one it knows. */
static size_t
size_of(int abi)
{
	if (abi < 4) {
		return offsetof(struct ruleset, net);
	}
	return abi < 6 ? offsetof(struct ruleset, scope)
	               : sizeof(struct ruleset);
}

static uint64_t
access_of(unsigned rights, bool folder)
{
	uint64_t access = 0;

	if (rights & JAIL_READ) {
		access |= FS_READ_FILE | (folder ? FS_READ_DIR : 0);
	}
	if (rights & JAIL_WRITE) {
		access |= FS_WRITE_FILE | FS_TRUNCATE;
	}
	if ((rights & JAIL_MAKE) && folder) {
		access |= FS_MAKE_REG | FS_MAKE_DIR | FS_MAKE_SYM |
		          FS_REMOVE_FILE | FS_REMOVE_DIR | FS_REFER;
	}
	if (rights & JAIL_RUN) {
		access |= FS_EXECUTE;
	}
	return access;
}

static int
allow_path(
    int ruleset, uint64_t known, const struct jail_path *path, struct err *e)
{
	const char *name = path->path ? path->path : "a descriptor";
	auto_close int opened = -1;
	struct stat st;

	if (path->path) {
		opened = open(path->path, O_PATH | O_CLOEXEC);
		if (opened < 0) {
			return err_sys(e, "cannot allow %s", name);
		}
	}
	int fd = path->path ? opened : path->fd;

	if (fstat(fd, &st)) {
		return err_sys(e, "cannot allow %s", name);
	}
	struct rule_path rule = {
		.access = access_of(path->rights, S_ISDIR(st.st_mode)) & known,
		.fd = fd,
	};

	if (rule.access &&
	    syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0)) {
		return err_sys(e, "cannot allow %s", name);
	}
	return 0;
}

static int
allow_ports(int ruleset, const struct jail_plan *plan, struct err *e)
{
	if (plan->net != JAIL_NET_PORTS) {
		return 0;
	}
	for (size_t i = 0; i < plan->port_count; i++) {
		struct rule_port rule = {
			.access = NET_CONNECT,
			.port = plan->ports[i],
		};

		if (syscall(
		        SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0)) {
			return err_sys(
			    e, "cannot allow port %u", plan->ports[i]);
		}
	}
	return 0;
}

int
jail_ruleset(const struct jail_plan *plan, int *fd, struct err *e)
{
	int abi = jail_landlock_abi();
	struct ruleset r = handled(plan, abi);

	if (abi == 0) {
		*fd = -1;
		return 0;
	}
	auto_close int ruleset =
	    (int)syscall(SYS_landlock_create_ruleset, &r, size_of(abi), 0);

	if (ruleset < 0) {
		return err_sys(e, "cannot make a Landlock ruleset");
	}
	for (size_t i = 0; i < plan->path_count; i++) {
		if (allow_path(ruleset, r.fs, &plan->paths[i], e)) {
			return -1;
		}
	}
	if (abi >= 4 && allow_ports(ruleset, plan, e)) {
		return -1;
	}
	*fd = take_fd(&ruleset);
	return 0;
}

int
jail_restrict(int ruleset, struct err *e)
{
	if (ruleset >= 0 && syscall(SYS_landlock_restrict_self, ruleset, 0)) {
		return err_sys(e, "cannot enter a Landlock domain");
	}
	return 0;
}
