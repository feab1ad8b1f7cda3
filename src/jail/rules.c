/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "jail/inside.h"

/*
 * promises.def and denied.def as one table each.  Calls that do not exist on
 * this architecture have negative numbers; libseccomp leaves them out.
 */

#define ARGUMENTS_MAX 3

struct rule {
	unsigned promise; /* or who is refused */
	int call;
	uint32_t action;
	unsigned count;
	struct scmp_arg_cmp arguments[ARGUMENTS_MAX];
};

/* The comparisons of both tables; the first argument of a call is 0. */
#define COMPARE(n, how, a, b)           \
	{                               \
		n, SCMP_CMP_##how, a, b \
	}
#define IS(n, value)           COMPARE(n, EQ, value, 0)
#define NOT(n, value)          COMPARE(n, NE, value, 0)
#define FROM(n, value)         COMPARE(n, GE, value, 0)
#define OVER(n, value)         COMPARE(n, GT, value, 0)
#define MASKED(n, mask, value) COMPARE(n, MASKED_EQ, mask, value)

/* --- allowed --- */

/* CLONE_NEWTIME is a signal number here; only unshare and clone3 take it. */
#define JAIL_CLONE_NEW                                                \
	((scmp_datum_t)CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | \
	    CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static const struct rule allowed[] = {
#define CALL(name, number) \
	{ JAIL_##name, SCMP_SYS(number), SCMP_ACT_ALLOW, 0, {} },
#define CALL_IF(name, number, a) \
	{ JAIL_##name, SCMP_SYS(number), SCMP_ACT_ALLOW, 1, { a } },
#define CALL_IF2(name, number, a, b) \
	{ JAIL_##name, SCMP_SYS(number), SCMP_ACT_ALLOW, 2, { a, b } },
#define CALL_IF3(name, number, a, b, c) \
	{ JAIL_##name, SCMP_SYS(number), SCMP_ACT_ALLOW, 3, { a, b, c } },
#define ABSENT(name, number, answer) \
	{ JAIL_##name, SCMP_SYS(number), SCMP_ACT_ERRNO(answer), 0, {} },
#include "jail/promises.def"
};

/* --- denied --- */

#define ANYONE                   (JAIL_KEY_SANDBOX | JAIL_KEY_CELL)
#define CELL                     JAIL_KEY_CELL
#define LOW32                    0xffffffffu
#define LOW16                    0xffffu
#define JAIL_IOCTL(type, number) _IOC(_IOC_NONE, type, number, 0)
#define JAIL_HAS_FLAG(flag)      MASKED(0, flag, flag)

static const struct rule denied[] = {
#define DENY(who, number, answer) \
	{ who, SCMP_SYS(number), SCMP_ACT_ERRNO(answer), 0, {} },
#define DENY_NUMBER(who, number, answer) \
	{ who, number, SCMP_ACT_ERRNO(answer), 0, {} },
#define DENY_IF(who, number, answer, a) \
	{ who, SCMP_SYS(number), SCMP_ACT_ERRNO(answer), 1, { a } },
#define DENY_IF2(who, number, answer, a, b) \
	{ who, SCMP_SYS(number), SCMP_ACT_ERRNO(answer), 2, { a, b } },
#include "jail/denied.def"
};

static int
add_table(scmp_filter_ctx context, const struct rule *table, size_t count,
    unsigned key, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		const struct rule *r = &table[i];

		if (!(r->promise & key)) {
			continue;
		}
		int rc = seccomp_rule_add_array(
		    context, r->action, r->call, r->count, r->arguments);

		if (rc) {
			auto_free char *name = seccomp_syscall_resolve_num_arch(
			    SCMP_ARCH_NATIVE, r->call);

			return err_set(e, ERR_IO, "no filter for %s: %s",
			    name ? name : "a call", strerrordesc_np(-rc));
		}
	}
	return 0;
}

int
jail_add_rules(void *context, unsigned key, struct err *e)
{
	if (key & ANYONE) {
		return add_table(context, denied, COUNT(denied), key, e);
	}
	return add_table(context, allowed, COUNT(allowed), key, e);
}
