/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jail/inside.h"

#define CAPABILITIES_MAX 64

/* --- capabilities, by the kernel's own calls: libc has none --- */

struct capabilities {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

/* What may ever come back through an exec.  Whoever lacks CAP_SETPCAP cannot
 * lower it, and has nothing to gain from it under no-new-privs. */
static int
bound(uint64_t keep, struct err *e)
{
	for (int c = 0; c < CAPABILITIES_MAX; c++) {
		if (keep & (1ull << c)) {
			continue;
		}
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0)) {
			/* EINVAL: behind the kernel's last one. */
			return errno == EPERM || errno == EINVAL
			           ? 0
			           : err_sys(e, "cannot bound capabilities");
		}
	}
	return 0;
}

static int
shrink(uint64_t keep, struct err *e)
{
	struct capabilities c = {
		.header = { .version = _LINUX_CAPABILITY_VERSION_3 },
	};

	if (syscall(SYS_capget, &c.header, c.data)) {
		return err_sys(e, "cannot read capabilities");
	}
	for (size_t i = 0; i < COUNT(c.data); i++) {
		c.data[i].permitted &= (uint32_t)(keep >> (32 * i));
		c.data[i].effective = c.data[i].permitted;
		c.data[i].inheritable = 0;
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ||
	    syscall(SYS_capset, &c.header, c.data)) {
		return err_sys(e, "cannot drop capabilities");
	}
	return 0;
}

/* --- ids --- */

static int
change_ids(const struct jail_plan *plan, struct err *e)
{
	uid_t uid = plan->uid;
	gid_t gid = plan->gid;

	if ((uid || gid) && setgroups(0, NULL)) {
		return err_sys(e, "cannot leave the groups");
	}
	if (gid && setresgid(gid, gid, gid)) {
		return err_sys(e, "cannot become group %u", gid);
	}
	if (uid && setresuid(uid, uid, uid)) {
		return err_sys(e, "cannot become user %u", uid);
	}
	return 0;
}

static int
no_way_back(const struct jail_plan *plan, struct err *e)
{
	uid_t r, f, s;
	gid_t rg, fg, sg;

	if (getresuid(&r, &f, &s) || getresgid(&rg, &fg, &sg)) {
		return err_sys(e, "cannot read ids");
	}
	if (r != f || f != s || rg != fg || fg != sg ||
	    (plan->uid && r != plan->uid) || (plan->gid && rg != plan->gid)) {
		return err_set(e, ERR_IO, "the ids did not change");
	}
	if (plan->uid && !plan->capabilities && setresuid(0, 0, 0) == 0) {
		return err_set(e, ERR_IO, "root can be regained");
	}
	return 0;
}

int
jail_ids(const struct jail_plan *plan, struct err *e)
{
	bool keep = plan->capabilities != 0;

	if (bound(plan->capabilities, e)) {
		return -1;
	}
	if (keep && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)) {
		return err_sys(e, "cannot keep capabilities");
	}
	if (change_ids(plan, e) || shrink(plan->capabilities, e) ||
	    no_way_back(plan, e)) {
		return -1;
	}
	if (keep && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0)) {
		return err_sys(e, "cannot stop keeping capabilities");
	}
	return 0;
}

/* --- limits --- */

static int
lower(int resource, uint64_t wanted, const char *name, struct err *e)
{
	struct rlimit now;

	if (wanted == JAIL_KEEP) {
		return 0;
	}
	if (getrlimit((__rlimit_resource_t)resource, &now)) {
		return err_sys(e, "cannot read the limit on %s", name);
	}
	rlim_t most = wanted == JAIL_ZERO ? 0 : wanted;
	rlim_t most_now = now.rlim_max;
	struct rlimit limit = {
		.rlim_cur = most < most_now ? most : most_now,
		.rlim_max = most < most_now ? most : most_now,
	};

	if (setrlimit((__rlimit_resource_t)resource, &limit)) {
		return err_sys(e, "cannot limit %s", name);
	}
	return 0;
}

int
jail_limit(const struct jail_limits *limits, struct err *e)
{
	/* One byte, not zero: with zero a piped core handler would still run.
	 */
	if (lower(RLIMIT_CORE, 1, "core dumps", e) ||
	    lower(RLIMIT_NOFILE, limits->nofile, "descriptors", e) ||
	    lower(RLIMIT_NPROC, limits->nproc, "processes", e) ||
	    lower(RLIMIT_FSIZE, limits->fsize, "file sizes", e) ||
	    lower(RLIMIT_MEMLOCK, limits->memlock, "locked memory", e)) {
		return -1;
	}
	if (!jail_compiled_in()) {
		return 0; /* a sanitizer's shadow needs terabytes */
	}
	if (lower(RLIMIT_DATA, limits->data, "the heap", e)) {
		return -1;
	}
	return lower(RLIMIT_AS, limits->as, "the address space", e);
}

int
jail_no_new_privs(struct err *e)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		return err_sys(e, "cannot set no-new-privs");
	}
	return 0;
}
