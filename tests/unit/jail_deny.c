/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "unit/jail_child.h"

/* The deny-lists: what hostile code in a cell is refused (B03, B04, B05). */

/* With all capabilities there are, so that it is the filter that refuses. */
static const struct jail_plan cell = {
	.part = "test",
	.capabilities = UINT64_MAX,
	.filter = JAIL_FILTER_CELL,
};
static const struct jail_plan sandbox = {
	.part = "test",
	.capabilities = UINT64_MAX,
	.filter = JAIL_FILTER_SANDBOX,
};

/* One call with six arguments; the answer is the exit code of the child. */
struct attempt {
	const char *name;
	long number;
	long a[6];
	int expected;
};

static const struct attempt *trying;

static int
try_it(void)
{
	return call(trying->number, trying->a);
}

static void
refused_by(const struct jail_plan *plan, const struct attempt *t, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		print_message("# %s\n", t[i].name);
		trying = &t[i];
		expect_code(plan, try_it, t[i].expected);
	}
}

/* Bits above the 32 that the kernel looks at. */
#define HIGH (1L << 40)

static const struct attempt kernel[] = {
	{ "init_module", SYS_init_module, { 0 }, EPERM },
	{ "finit_module", SYS_finit_module, { -1 }, EPERM },
	{ "delete_module", SYS_delete_module, { 0 }, EPERM },
	{ "kexec_load", SYS_kexec_load, { 0 }, EPERM },
	{ "kexec_file_load", SYS_kexec_file_load, { -1, -1 }, EPERM },
	{ "reboot", SYS_reboot, { 0 }, EPERM },
	{ "swapon", SYS_swapon, { 0 }, EPERM },
	{ "quotactl", SYS_quotactl, { 0 }, EPERM },
	{ "quotactl_fd", SYS_quotactl_fd, { -1 }, EPERM },
	{ "swapoff", SYS_swapoff, { 0 }, EPERM },
	{ "acct", SYS_acct, { 1 }, EPERM },
#ifdef SYS_iopl
	{ "iopl", SYS_iopl, { 4 }, EPERM },
#endif
#ifdef SYS_ioperm
	{ "ioperm", SYS_ioperm, { -1, -1 }, EPERM },
#endif
#ifdef SYS_modify_ldt
	{ "modify_ldt", SYS_modify_ldt, { 99 }, EPERM },
#endif
	{ "syslog", SYS_syslog, { 99 }, EPERM },
	{ "settimeofday", SYS_settimeofday, { 1, 1 }, EPERM },
	{ "clock_settime", SYS_clock_settime, { -1 }, EPERM },
	{ "fanotify_init", SYS_fanotify_init, { -1 }, EPERM },
	{ "lookup_dcookie", SYS_lookup_dcookie, { 0 }, EPERM },
	{ "move_pages", SYS_move_pages, { -1 }, EPERM },
	{ "bpf", SYS_bpf, { -1 }, EPERM },
	{ "perf_event_open", SYS_perf_event_open, { 0 }, EPERM },
	{ "userfaultfd", SYS_userfaultfd, { 0 }, EPERM },
	{ "io_uring_setup", SYS_io_uring_setup, { 1 }, EPERM },
	{ "io_uring_enter", SYS_io_uring_enter, { -1 }, EPERM },
	{ "io_uring_register", SYS_io_uring_register, { -1 }, EPERM },
	{ "keyctl", SYS_keyctl, { 0 }, EPERM },
	{ "add_key", SYS_add_key, { 0 }, EPERM },
	{ "request_key", SYS_request_key, { 0 }, EPERM },
	{ "open_by_handle_at", SYS_open_by_handle_at, { -1 }, EPERM },
	{ "ptrace", SYS_ptrace, { 0 }, EPERM },
	{ "process_vm_readv", SYS_process_vm_readv, { 1 }, EPERM },
	{ "process_vm_writev", SYS_process_vm_writev, { 1 }, EPERM },
	{ "pidfd_getfd", SYS_pidfd_getfd, { -1 }, EPERM },
	{ "kcmp", SYS_kcmp, { -1, -1, KCMP_VM }, EPERM },
};

static const struct attempt worlds[] = {
	{ "mount", SYS_mount, { 0 }, EPERM },
	{ "umount2", SYS_umount2, { 0 }, EPERM },
	{ "pivot_root", SYS_pivot_root, { 0 }, EPERM },
	{ "chroot", SYS_chroot, { 1 }, EPERM },
	{ "unshare(user)", SYS_unshare, { CLONE_NEWUSER }, EPERM },
	{ "unshare(nothing)", SYS_unshare, { 0 }, EPERM },
	{ "setns", SYS_setns, { -1 }, EPERM },
	{ "open_tree", SYS_open_tree, { AT_FDCWD }, EPERM },
	{ "open_tree_attr", 467, { AT_FDCWD }, EPERM },
	{ "move_mount", SYS_move_mount, { -1 }, EPERM },
	{ "mount_setattr", SYS_mount_setattr, { -1 }, EPERM },
	{ "fsopen", SYS_fsopen, { 0 }, EPERM },
	{ "fspick", SYS_fspick, { -1 }, EPERM },
	{ "fsconfig", SYS_fsconfig, { -1 }, EPERM },
	{ "fsmount", SYS_fsmount, { -1 }, EPERM },
	{ "clone(user)", SYS_clone, { CLONE_NEWUSER | SIGCHLD }, EPERM },
	{ "clone(mount)", SYS_clone, { CLONE_NEWNS | SIGCHLD }, EPERM },
	{ "clone(cgroup)", SYS_clone, { CLONE_NEWCGROUP | SIGCHLD }, EPERM },
	{ "clone(uts)", SYS_clone, { CLONE_NEWUTS | SIGCHLD }, EPERM },
	{ "clone(ipc)", SYS_clone, { CLONE_NEWIPC | SIGCHLD }, EPERM },
	{ "clone(pid)", SYS_clone, { CLONE_NEWPID | SIGCHLD }, EPERM },
	{ "clone(net)", SYS_clone, { CLONE_NEWNET | SIGCHLD }, EPERM },
	{ "clone(user, high bits)", SYS_clone,
	    { HIGH | CLONE_NEWUSER | SIGCHLD }, EPERM },
	{ "clone3", SYS_clone3, { 0, 0 }, ENOSYS },
};

static const struct attempt terminals[] = {
	{ "TIOCSTI", SYS_ioctl, { 0, TIOCSTI }, EPERM },
	{ "TIOCSTI, high bits", SYS_ioctl, { 0, HIGH | TIOCSTI }, EPERM },
	{ "TIOCLINUX", SYS_ioctl, { 0, TIOCLINUX }, EPERM },
};

/* The first as ext4 has it, and of another size. */
static const struct attempt exchanges[] = {
	{ "MOVE_EXT", SYS_ioctl, { 0, 0xc028660f }, EPERM },
	{ "MOVE_EXT, high bits", SYS_ioctl, { 0, HIGH | 0xc028660f }, EPERM },
	{ "MOVE_EXT, no size", SYS_ioctl, { 0, _IO('f', 15) }, EPERM },
	{ "SWAPEXT", SYS_ioctl, { 0, _IO('X', 109) }, EPERM },
	{ "EXCHANGE_RANGE", SYS_ioctl, { 0, _IO('X', 129) }, EPERM },
	{ "COMMIT_RANGE", SYS_ioctl, { 0, _IO('X', 131) }, EPERM },
};

#define RAW       SOCK_RAW
#define NO_FAMILY EAFNOSUPPORT

static const struct attempt sockets[] = {
	{ "packet", SYS_socket, { AF_PACKET, RAW, 0 }, NO_FAMILY },
	{ "vsock", SYS_socket, { AF_VSOCK, SOCK_STREAM, 0 }, NO_FAMILY },
	{ "bluetooth", SYS_socket, { AF_BLUETOOTH, RAW, 0 }, NO_FAMILY },
	{ "alg", SYS_socket, { AF_ALG, SOCK_SEQPACKET, 0 }, NO_FAMILY },
	{ "xdp", SYS_socket, { AF_XDP, RAW, 0 }, NO_FAMILY },
	{ "x25", SYS_socket, { AF_X25, SOCK_SEQPACKET, 0 }, NO_FAMILY },
	{ "key", SYS_socket, { AF_KEY, RAW, 2 }, NO_FAMILY },
	{ "unspecified", SYS_socket, { AF_UNSPEC, SOCK_STREAM, 0 }, NO_FAMILY },
	{ "minus one", SYS_socket, { -1, SOCK_STREAM, 0 }, NO_FAMILY },
	{ "vsock, high bits", SYS_socket, { HIGH | AF_VSOCK, SOCK_STREAM, 0 },
	    NO_FAMILY },
	{ "inet, high bits", SYS_socket, { HIGH | AF_INET, RAW, 1 },
	    NO_FAMILY },
	{ "netlink generic", SYS_socket, { AF_NETLINK, RAW, NETLINK_GENERIC },
	    NO_FAMILY },
	{ "netlink netfilter", SYS_socket,
	    { AF_NETLINK, RAW, NETLINK_NETFILTER }, NO_FAMILY },
	{ "netlink, high bits", SYS_socket,
	    { AF_NETLINK, RAW, HIGH | NETLINK_ROUTE }, NO_FAMILY },
	{ "raw", SYS_socket, { AF_INET, RAW, 1 }, EPERM },
	{ "raw, close-on-exec", SYS_socket, { AF_INET, RAW | SOCK_CLOEXEC, 1 },
	    EPERM },
	{ "raw, high bits", SYS_socket, { AF_INET, HIGH | RAW, 1 }, EPERM },
	{ "raw 6", SYS_socket, { AF_INET6, RAW, 58 }, EPERM },
	{ "old packet", SYS_socket, { AF_INET, SOCK_PACKET, 3 }, EPERM },
	{ "old packet 6", SYS_socket, { AF_INET6, SOCK_PACKET, 3 }, EPERM },
	{ "mptcp 6", SYS_socket, { AF_INET6, SOCK_STREAM, IPPROTO_MPTCP },
	    EPROTONOSUPPORT },
	{ "dccp 6", SYS_socket, { AF_INET6, SOCK_DCCP, IPPROTO_DCCP },
	    EPROTONOSUPPORT },
	{ "udplite", SYS_socket, { AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE },
	    EPROTONOSUPPORT },
	{ "sctp", SYS_socket, { AF_INET, SOCK_STREAM, IPPROTO_SCTP },
	    EPROTONOSUPPORT },
	{ "mptcp", SYS_socket, { AF_INET, SOCK_STREAM, IPPROTO_MPTCP },
	    EPROTONOSUPPORT },
	{ "dccp", SYS_socket, { AF_INET, SOCK_DCCP, IPPROTO_DCCP },
	    EPROTONOSUPPORT },
	{ "tipc pair", SYS_socketpair, { AF_TIPC, SOCK_STREAM, 0 }, NO_FAMILY },
	{ "unix", SYS_socket, { AF_UNIX, SOCK_STREAM, 0 }, 0 },
	{ "tcp", SYS_socket, { AF_INET, SOCK_STREAM, 0 }, 0 },
	{ "tcp by name", SYS_socket, { AF_INET, SOCK_STREAM, IPPROTO_TCP }, 0 },
	{ "udp", SYS_socket, { AF_INET, SOCK_DGRAM, 0 }, 0 },
	{ "tcp 6", SYS_socket, { AF_INET6, SOCK_STREAM, 0 }, 0 },
	{ "route", SYS_socket, { AF_NETLINK, RAW, NETLINK_ROUTE }, 0 },
};

static void
a_cell_gets_no_kernel_interfaces_and_no_other_process(void **state)
{
	(void)state;
	refused_by(&cell, kernel, COUNT(kernel));
}

static void
a_cell_makes_no_namespaces_and_no_mounts(void **state)
{
	(void)state;
	refused_by(&cell, worlds, COUNT(worlds));
}

static void
a_cell_types_into_no_terminal(void **state)
{
	(void)state;
	refused_by(&cell, terminals, COUNT(terminals));
}

static void
a_cell_changes_no_file_without_a_stamp(void **state)
{
	(void)state;
	refused_by(&cell, exchanges, COUNT(exchanges));
}

static void
a_cell_has_four_kinds_of_sockets(void **state)
{
	(void)state;
	refused_by(&cell, sockets, COUNT(sockets));
}

/* A type that no family has: the kernel itself would say EINVAL, so that the
 * filter is seen also where a family is not built into this kernel. */
#define NO_TYPE 15

static int
families(void)
{
	for (int family = 0; family < 64; family++) {
		bool allowed = family == AF_UNIX || family == AF_INET ||
		               family == AF_INET6 || family == AF_NETLINK;
		int expected = allowed ? EINVAL : EAFNOSUPPORT;

		if (socket(family, NO_TYPE, 0) != -1 || errno != expected) {
			return 100 + family;
		}
	}
	return 0;
}

static void
every_other_family_is_refused_by_the_filter(void **state)
{
	(void)state;
	expect_code(&cell, families, 0);
}

#if defined(__x86_64__)
static int
try_x32(void)
{
	long rc;

	__asm__ volatile("syscall"
	                 : "=a"(rc)
	                 : "a"(0x40000000L | SYS_getpid)
	                 : "rcx", "r11", "memory");
	return rc < 0 ? (int)-rc : 0;
}

static int
try_i386(void)
{
	int rc;

	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(20) : "memory");
	return rc < 0 ? -rc : 0;
}

static void
a_foreign_calling_convention_ends_a_cell(void **state)
{
	(void)state;
	expect_killed(&cell, try_x32, SIGSYS);
	if (WIFSIGNALED(child_end(NULL, try_i386))) {
		print_message("# this kernel has no 32-bit calls at all\n");
		return;
	}
	expect_killed(&cell, try_i386, SIGSYS);
}
#else
static void
a_foreign_calling_convention_ends_a_cell(void **state)
{
	(void)state;
	skip();
}
#endif

static int
run_a_shell(void)
{
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" },
		(char[]){ "x=$(echo a | tr a b); sleep 0 & wait; "
		          "test \"$x\" = b && test -d /proc/self" },
		NULL };

	(void)execv("/bin/sh", argv);
	return errno;
}

static void
ordinary_programs_run_in_a_cell(void **state)
{
	(void)state;
	expect_code(&cell, run_a_shell, 0);
}

static int
fork_and_set_up(void)
{
	pid_t pid = (pid_t)syscall(
	    SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		struct err e = { 0 };

		/* What the parent of cells is for, then its own narrowing. */
		int rc =
		    (int)syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL);

		_exit(rc || jail_seccomp_cell(&e) ? 1 : try_it());
	}
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		return NOT_JAILED;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : NOT_JAILED;
}

static void
the_parent_of_cells_gets_no_kernel_interfaces(void **state)
{
	(void)state;
	skip_without_walls();
	refused_by(&sandbox, kernel, COUNT(kernel));
}

static void
the_parent_of_cells_makes_them_and_they_narrow_themselves(void **state)
{
	static const struct attempt again = { "mount", SYS_mount, { 0 },
		EPERM };
	static const struct attempt probe = { "unshare", SYS_unshare,
		{ CLONE_NEWUSER | CLONE_NEWNS }, 0 };
	struct err e = { 0 };

	(void)state;
	trying = &probe;
	if (child_end(NULL, try_it) != 0) {
		print_message("# no user namespaces for us here\n");
		skip();
	}
	assert_int_equal(jail_prepare_cell(&e), 0);
	trying = &again;
	expect_code(&sandbox, fork_and_set_up, EPERM);
}

/* --- options of sockets, for parts that have some --- */

/* Whoever closes such a socket last waits for its peer. */
static int
try_linger(void)
{
	struct linger day = { .l_onoff = 1, .l_linger = 86400 };

	return answer(setsockopt(0, SOL_SOCKET, SO_LINGER, &day, sizeof(day)));
}

static int
try_protocol_upon_tcp(void)
{
	return answer(setsockopt(0, IPPROTO_TCP, TCP_ULP, "tls", 3));
}

static int
try_no_delay(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int one = 1;

	return answer(
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
}

static void
a_socket_gets_no_option_that_makes_its_closing_wait(void **state)
{
	struct jail_plan inet = { .part = "test",
		.landlock = true,
		.net = JAIL_NET_CONNECT,
		.filter = JAIL_FILTER_PROMISES,
		.promises = JAIL_STDIO | JAIL_INET };
	struct jail_plan handed = inet;

	(void)state;
	skip_without_walls();
	handed.promises = JAIL_STDIO | JAIL_ACCEPT;
	expect_code(&inet, try_no_delay, 0);
	expect_killed(&inet, try_linger, SIGSYS);
	expect_killed(&inet, try_protocol_upon_tcp, SIGSYS);
	expect_killed(&handed, try_linger, SIGSYS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_socket_gets_no_option_that_makes_its_closing_wait),
		cmocka_unit_test(
		    a_cell_gets_no_kernel_interfaces_and_no_other_process),
		cmocka_unit_test(a_cell_makes_no_namespaces_and_no_mounts),
		cmocka_unit_test(a_cell_types_into_no_terminal),
		cmocka_unit_test(a_cell_changes_no_file_without_a_stamp),
		cmocka_unit_test(a_cell_has_four_kinds_of_sockets),
		cmocka_unit_test(every_other_family_is_refused_by_the_filter),
		cmocka_unit_test(a_foreign_calling_convention_ends_a_cell),
		cmocka_unit_test(ordinary_programs_run_in_a_cell),
		cmocka_unit_test(the_parent_of_cells_gets_no_kernel_interfaces),
		cmocka_unit_test(
		    the_parent_of_cells_makes_them_and_they_narrow_themselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
