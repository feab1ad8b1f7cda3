/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <termios.h>

#include "unit/jail_child.h"

/* What a promise does not let through, call by call, and what is behind the
 * filter: limits, capabilities, Landlock. */

/* NOLINTNEXTLINE(*.Padding): rows as they are read */
struct attempt {
	const char *name;
	unsigned promises;
	long number;
	long a[6];
	int expected; /* an errno, 0, or KILLED */
};

#define KILLED (-1)

static const struct attempt *trying;

static int
try_it(void)
{
	return call(trying->number, trying->a);
}

static const char text[] = "/no/such";
static struct rlimit limits;

#define NAME    ((long)(intptr_t)text)
#define LIMITS  ((long)(intptr_t)&limits)
#define STREAM  SOCK_STREAM
#define DGRAM   SOCK_DGRAM
#define OPTION  ((long)(intptr_t)text), 4
#define NEW(in) JAIL_FORK, SYS_clone, { CLONE_NEW##in | SIGCHLD }, KILLED

static const struct attempt attempts[] = {
	{ "pair of TIPC", 0, SYS_socketpair, { AF_TIPC, STREAM }, KILLED },
	{ "limit of another", 0, SYS_prlimit64, { 1, RLIMIT_NOFILE, 0, LIMITS },
	    KILLED },
	{ "its own limit", 0, SYS_prlimit64, { 0, RLIMIT_NOFILE, 0, LIMITS },
	    0 },

	{ "ACCEPT: socket", JAIL_ACCEPT, SYS_socket, { AF_INET, STREAM },
	    KILLED },
	{ "ACCEPT: connect", JAIL_ACCEPT, SYS_connect, { -1 }, KILLED },
	{ "ACCEPT: listen", JAIL_ACCEPT, SYS_listen, { -1 }, KILLED },
	{ "ACCEPT: accept4", JAIL_ACCEPT, SYS_accept4, { -1 }, EBADF },

	{ "INET: listen", JAIL_INET, SYS_listen, { -1 }, KILLED },
	{ "INET: raw", JAIL_INET, SYS_socket, { AF_INET, SOCK_RAW, 1 },
	    KILLED },
	{ "INET: raw 6", JAIL_INET, SYS_socket, { AF_INET6, SOCK_RAW, 58 },
	    KILLED },
	{ "INET: TCP", JAIL_INET, SYS_socket, { AF_INET, STREAM }, 0 },
	{ "INET: MPTCP", JAIL_INET, SYS_socket,
	    { AF_INET, STREAM, IPPROTO_MPTCP }, KILLED },
	{ "INET: MPTCP 6", JAIL_INET, SYS_socket,
	    { AF_INET6, STREAM, IPPROTO_MPTCP }, KILLED },
	{ "INET: netlink", JAIL_INET, SYS_socket, { AF_NETLINK, DGRAM },
	    KILLED },
	{ "INET: vsock", JAIL_INET, SYS_socket, { AF_VSOCK, STREAM }, KILLED },
	{ "INET: TCP_NODELAY, as a socket's", JAIL_INET, SYS_setsockopt,
	    { -1, SOL_SOCKET, TCP_NODELAY, OPTION }, KILLED },
	{ "INET: IP_OPTIONS", JAIL_INET, SYS_setsockopt,
	    { -1, IPPROTO_IP, IP_OPTIONS, OPTION }, KILLED },
	{ "INET: IPV6_RTHDR", JAIL_INET, SYS_setsockopt,
	    { -1, IPPROTO_IPV6, IPV6_RTHDR, OPTION }, KILLED },
	{ "INET: IP_PKTINFO", JAIL_INET, SYS_setsockopt,
	    { -1, IPPROTO_IP, IP_PKTINFO, OPTION }, EBADF },

	{ "LOCAL: datagram", JAIL_LOCAL, SYS_socket, { AF_UNIX, DGRAM },
	    KILLED },
	{ "LOCAL: vsock", JAIL_LOCAL, SYS_socket, { AF_VSOCK, STREAM },
	    KILLED },
	{ "LOCAL: bind", JAIL_LOCAL, SYS_bind, { -1 }, KILLED },
	{ "LOCAL: listen", JAIL_LOCAL, SYS_listen, { -1 }, KILLED },
	{ "LOCAL: stream", JAIL_LOCAL, SYS_socket, { AF_UNIX, STREAM }, 0 },
	{ "LOCAL: SO_LINGER", JAIL_LOCAL, SYS_setsockopt,
	    { -1, SOL_SOCKET, SO_LINGER, OPTION }, KILLED },
	{ "LOCAL: SO_KEEPALIVE", JAIL_LOCAL, SYS_setsockopt,
	    { -1, SOL_SOCKET, SO_KEEPALIVE, OPTION }, KILLED },

	{ "KEEPALIVE: SO_KEEPALIVE", JAIL_KEEPALIVE, SYS_setsockopt,
	    { -1, SOL_SOCKET, SO_KEEPALIVE, OPTION }, EBADF },
	{ "KEEPALIVE: TCP_KEEPIDLE", JAIL_KEEPALIVE, SYS_setsockopt,
	    { -1, IPPROTO_TCP, TCP_KEEPIDLE, OPTION }, EBADF },
	{ "KEEPALIVE: TCP_KEEPINTVL", JAIL_KEEPALIVE, SYS_setsockopt,
	    { -1, IPPROTO_TCP, TCP_KEEPINTVL, OPTION }, EBADF },
	{ "KEEPALIVE: TCP_KEEPCNT", JAIL_KEEPALIVE, SYS_setsockopt,
	    { -1, IPPROTO_TCP, TCP_KEEPCNT, OPTION }, EBADF },
	{ "KEEPALIVE: TCP_USER_TIMEOUT", JAIL_KEEPALIVE, SYS_setsockopt,
	    { -1, IPPROTO_TCP, TCP_USER_TIMEOUT, OPTION }, EBADF },
	{ "KEEPALIVE: SO_LINGER", JAIL_KEEPALIVE, SYS_setsockopt,
	    { -1, SOL_SOCKET, SO_LINGER, OPTION }, KILLED },
	{ "KEEPALIVE: TCP_ULP", JAIL_KEEPALIVE, SYS_setsockopt,
	    { -1, IPPROTO_TCP, TCP_ULP, OPTION }, KILLED },
	{ "KEEPALIVE: connect", JAIL_KEEPALIVE, SYS_connect, { -1 }, KILLED },

	{ "READ: create", JAIL_FILES_READ, SYS_openat,
	    { AT_FDCWD, NAME, O_CREAT }, KILLED },
	{ "READ: truncate", JAIL_FILES_READ, SYS_openat,
	    { AT_FDCWD, NAME, O_TRUNC }, KILLED },
	{ "READ: write", JAIL_FILES_READ, SYS_openat,
	    { AT_FDCWD, NAME, O_WRONLY }, KILLED },
	{ "READ: remove", JAIL_FILES_READ, SYS_unlinkat, { AT_FDCWD, NAME },
	    KILLED },
	{ "READ: rename", JAIL_FILES_READ, SYS_renameat2,
	    { AT_FDCWD, NAME, AT_FDCWD, NAME }, KILLED },
	{ "READ: who may, of acl(5)", JAIL_FILES_READ, SYS_getxattr,
	    { NAME, NAME }, ENOSYS },
	{ "READ: make a folder", JAIL_FILES_READ, SYS_mkdirat,
	    { AT_FDCWD, NAME }, KILLED },
#ifdef SYS_open
	{ "READ: create, old call", JAIL_FILES_READ, SYS_open,
	    { NAME, O_CREAT }, KILLED },
	{ "READ: truncate, old call", JAIL_FILES_READ, SYS_open,
	    { NAME, O_TRUNC }, KILLED },
	{ "READ: write, old call", JAIL_FILES_READ, SYS_open,
	    { NAME, O_WRONLY }, KILLED },
	{ "READ: remove, old call", JAIL_FILES_READ, SYS_unlink, { NAME },
	    KILLED },
#endif

	{ "FORK: new users", NEW(USER) },
	{ "FORK: new mounts", NEW(NS) },
	{ "FORK: new cgroups", NEW(CGROUP) },
	{ "FORK: new names", NEW(UTS) },
	{ "FORK: new IPC", NEW(IPC) },
	{ "FORK: new processes", NEW(PID) },
	{ "FORK: new network", NEW(NET) },
	{ "FORK: clone3", JAIL_FORK, SYS_clone3, { 0 }, ENOSYS },

	{ "LOCKED: all of it", JAIL_LOCKED_MEMORY, SYS_mlockall, { 0 },
	    KILLED },
};

static void
a_promise_is_no_more_than_it_says(void **state)
{
	(void)state;
	skip_without_walls();
	for (size_t i = 0; i < COUNT(attempts); i++) {
		const struct attempt *t = &attempts[i];
		struct jail_plan plan = { .part = "test",
			.filter = JAIL_FILTER_PROMISES,
			.promises = JAIL_STDIO | t->promises };

		print_message("# %s\n", t->name);
		trying = t;
		if (t->expected == KILLED) {
			expect_killed(&plan, try_it, SIGSYS);
		} else {
			expect_code(&plan, try_it, t->expected);
		}
	}
}

/* --- a cell ----------------------------------------------------------------
 */

static const struct jail_plan cell = {
	.part = "test", .capabilities = UINT64_MAX, .filter = JAIL_FILTER_CELL
};

/* Both calls say that it was done; nothing was: with a limit of nothing the
 * host's piped handler of cores would run. */
static int
no_core_limit(void)
{
	struct rlimit none = { 0, 0 };
	struct rlimit now;

	if (syscall(SYS_setrlimit, RLIMIT_CORE, &none) ||
	    getrlimit(RLIMIT_CORE, &now) || now.rlim_cur != 1) {
		return 1;
	}
	if (syscall(SYS_prlimit64, 0, RLIMIT_CORE, &none, NULL) ||
	    getrlimit(RLIMIT_CORE, &now) || now.rlim_cur != 1) {
		return 2;
	}
	return now.rlim_max == 1 ? 0 : 3;
}

static void
a_cell_keeps_its_byte_of_core_B18(void **state)
{
	(void)state;
	expect_code(&cell, no_core_limit, 0);
}

/* --- capabilities and limits -----------------------------------------------
 */

/* The deny-list, so that an act can look around. */
static const struct jail_plan looking = { .part = "test",
	.filter = JAIL_FILTER_SANDBOX };

/* One of the first 32, and one behind them. */
#define LOW  CAP_CHOWN
#define HIGH CAP_SYSLOG

static int
capabilities(bool (*wanted)(uint32_t set, size_t half))
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data)) {
		return 1;
	}
	for (size_t i = 0; i < COUNT(data); i++) {
		if (!wanted(data[i].permitted, i) ||
		    !wanted(data[i].effective, i)) {
			return 2;
		}
		if (data[i].inheritable != 0) {
			return 3;
		}
	}
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, LOW, 0, 0) ? 4 : 0;
}

static bool
only_high(uint32_t set, size_t half)
{
	return set == (half ? 1u << (HIGH - 32) : 0);
}

static int
check_only_high(void)
{
	return capabilities(only_high);
}

static bool
nothing(uint32_t set, size_t half)
{
	(void)half;
	return set == 0;
}

static int
check_nothing(void)
{
	return capabilities(nothing);
}

/* What an exec would give again goes as well: else a part that may start a
 * program starts it with what itself gave up. */
static int
inherit(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data)) {
		return -1;
	}
	data[0].inheritable |= 1u << LOW;
	return syscall(SYS_capset, &head, data) ||
	               prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, LOW, 0, 0)
	           ? -1
	           : 0;
}

static int
enter_with_inherited(void)
{
	struct err e = { 0 };

	return inherit() || jail_enter(&looking, &e) ? NOT_JAILED
	                                             : check_nothing();
}

static void
no_capability_is_left_to_an_exec(void **state)
{
	struct jail_plan high = looking;
	int status;

	(void)state;
	if (geteuid() != 0) {
		print_message("# only root has capabilities to lose\n");
		skip();
	}
	high.capabilities = 1ull << HIGH;
	expect_code(&high, check_only_high, 0);
	status = child_end(NULL, enter_with_inherited);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define OTHER_ID 54321u

/* What comes with a change of ids: it still ends with its parent, and a later
 * change would keep nothing. */
static int
change_ids(void)
{
	struct jail_plan plan = looking;
	struct err e = { 0 };
	int ends_by = 0;

	plan.uid = OTHER_ID;
	plan.gid = OTHER_ID;
	plan.capabilities = 1ull << LOW;
	if (prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0) ||
	    jail_enter(&plan, &e)) {
		return NOT_JAILED;
	}
	if (prctl(PR_GET_PDEATHSIG, &ends_by, 0, 0, 0) || ends_by != SIGUSR1) {
		return 1;
	}
	return prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) == 0 ? 0 : 2;
}

static void
a_change_of_ids_leaves_its_parent_and_no_way_to_keep(void **state)
{
	int status;

	(void)state;
	if (geteuid() != 0) {
		print_message("# ids can only be changed by root\n");
		skip();
	}
	status = child_end(NULL, change_ids);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int
enter_filter_alone(void)
{
	struct err e = { 0 };

	return jail_seccomp_cell(&e)
	           ? NOT_JAILED
	           : prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

static void
the_filter_of_a_cell_brings_no_new_privileges(void **state)
{
	int status;

	(void)state;
	status = child_end(NULL, enter_filter_alone);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int
check_limits(void)
{
	static const struct {
		int resource;
		rlim_t most;
	} wanted[] = {
		{ RLIMIT_MEMLOCK, 65536 },
		{ RLIMIT_DATA, (rlim_t)1 << 30 },
		{ RLIMIT_AS, (rlim_t)1 << 33 },
	};

	for (size_t i = 0; i < COUNT(wanted); i++) {
		struct rlimit now;

		if (getrlimit((__rlimit_resource_t)wanted[i].resource, &now) ||
		    now.rlim_cur != wanted[i].most ||
		    now.rlim_max != wanted[i].most) {
			return (int)i + 1;
		}
	}
	return 0;
}

static void
memory_is_limited(void **state)
{
	struct jail_plan plan = looking;

	(void)state;
	skip_without_walls();
	plan.limits = (struct jail_limits){
		.memlock = 65536, .data = 1ull << 30, .as = 1ull << 33
	};
	expect_code(&plan, check_limits, 0);
}

/* --- Landlock, without a filter that would say no first --------------------
 */

static char folder[] = "/tmp/jail-bounds-XXXXXX";

static const char *
inside(const char *name)
{
	static char path[200];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static struct jail_plan
walled(const struct jail_path *path)
{
	struct jail_plan plan = looking;

	plan.landlock = true;
	plan.paths = path;
	plan.path_count = path ? 1 : 0;
	return plan;
}

static void
skip_below(int abi)
{
	skip_without_walls();
	if (jail_landlock_abi() < abi) {
		print_message("# Landlock does not know it here\n");
		skip();
	}
}

static int
make_others(void)
{
	if (mknod(inside("fifo"), S_IFIFO | 0600, 0) == 0 || errno != EACCES) {
		return 1;
	}
	if (mknod(inside("socket"), S_IFSOCK | 0600, 0) == 0 ||
	    errno != EACCES) {
		return 2;
	}
	return 0;
}

static int
execute(void)
{
	char *argv[] = { (char[]){ "true" }, NULL };

	(void)execv("/bin/true", argv);
	return errno;
}

static int
link_across(void)
{
	char from[200];

	(void)snprintf(from, sizeof(from), "%s", inside("file"));
	return answer(link(from, inside("sub/file")));
}

static void
a_right_to_files_is_no_other_right(void **state)
{
	struct jail_path all = { .path = folder,
		.rights = JAIL_READ | JAIL_WRITE | JAIL_MAKE };
	struct jail_path programs = { .path = "/", .rights = JAIL_READ };
	struct jail_path kept = { .path = folder, .rights = JAIL_READ };
	struct jail_plan plan = walled(&all);

	(void)state;
	skip_below(1);
	expect_code(&plan, make_others, 0);
	plan = walled(&programs);
	expect_code(&plan, execute, EACCES);
	plan = walled(&kept);
	expect_code(&plan, link_across, EACCES);
}

static int
control_device(void)
{
	struct termios settings;

	return answer(
	    ioctl(open("/dev/null", O_RDONLY | O_CLOEXEC), TCGETS, &settings));
}

static void
a_device_is_read_and_not_controlled(void **state)
{
	struct jail_path null = { .path = "/dev/null", .rights = JAIL_READ };
	struct jail_plan plan = walled(&null);

	(void)state;
	skip_below(5);
	expect_code(&looking, control_device, ENOTTY);
	expect_code(&plan, control_device, EACCES);
}

static int
bind_any(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return answer(bind(fd, (struct sockaddr *)&a, sizeof(a)));
}

static void
nobody_binds_a_port(void **state)
{
	struct jail_plan plan = walled(NULL);

	(void)state;
	skip_below(4);
	expect_code(&plan, bind_any, EACCES);
	plan.net = JAIL_NET_CONNECT;
	expect_code(&plan, bind_any, EACCES);
}

static struct sockaddr_un abstract = { .sun_family = AF_UNIX };
static socklen_t abstract_size;

static int
connect_abstract(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return answer(connect(fd, (struct sockaddr *)&abstract, abstract_size));
}

static int
signal_parent(void)
{
	return answer(kill(getppid(), 0));
}

/* Whoever is outside is not spoken to by an abstract name, nor signalled. */
static void
what_is_outside_is_not_reached(void **state)
{
	struct jail_plan plan = walled(NULL);
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	skip_below(6);
	/* The kernel gives a name that nobody has. */
	assert_int_equal(
	    bind(fd, (struct sockaddr *)&abstract, sizeof(abstract.sun_family)),
	    0);
	assert_int_equal(listen(fd, 8), 0);
	abstract_size = sizeof(abstract);
	assert_int_equal(
	    getsockname(fd, (struct sockaddr *)&abstract, &abstract_size), 0);
	expect_code(&looking, connect_abstract, 0);
	expect_code(&plan, connect_abstract, EPERM);
	expect_code(&looking, signal_parent, 0);
	expect_code(&plan, signal_parent, EPERM);
}

static int
set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder) || mkdir(inside("sub"), 0700)) {
		return -1;
	}
	int fd = open(inside("file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd >= 0 ? close(fd) : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlink(inside("file"));
	(void)unlink(inside("sub/file"));
	(void)unlink(inside("fifo"));
	(void)unlink(inside("socket"));
	(void)rmdir(inside("sub"));
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_promise_is_no_more_than_it_says),
		cmocka_unit_test(a_cell_keeps_its_byte_of_core_B18),
		cmocka_unit_test(no_capability_is_left_to_an_exec),
		cmocka_unit_test(
		    a_change_of_ids_leaves_its_parent_and_no_way_to_keep),
		cmocka_unit_test(the_filter_of_a_cell_brings_no_new_privileges),
		cmocka_unit_test(memory_is_limited),
		cmocka_unit_test(a_right_to_files_is_no_other_right),
		cmocka_unit_test(a_device_is_read_and_not_controlled),
		cmocka_unit_test(nobody_binds_a_port),
		cmocka_unit_test(what_is_outside_is_not_reached),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
