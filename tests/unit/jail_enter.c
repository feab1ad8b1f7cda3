/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include "unit/jail_child.h"

static const struct jail_plan stdio = {
	.part = "test",
	.landlock = true,
	.promises = JAIL_STDIO,
};

static struct jail_plan
with(unsigned promises)
{
	struct jail_plan plan = stdio;

	plan.promises |= promises;
	return plan;
}

/* --- what every part does goes on working --- */

static int
work(void)
{
	struct err e = { 0 };
	char text[WALL_TEXT_MAX];
	auto_buf b = { 0 };

	for (size_t i = 1; i < 2000; i++) {
		void *p = malloc(i * 97);

		if (!p) {
			return 1;
		}
		memset(p, 1, i * 97);
		p = realloc(p, i * 193 + 200000);
		if (!p) {
			return 1;
		}
		free(p);
	}
	(void)mono_now();
	wall_text(wall_now(), text);
	time_t second = 0;
	struct tm date;

	if (!gmtime_r(&second, &date)) { /* libc opens its zone file here */
		return 1;
	}
	(void)random_u64();
	buf_addf(&b, "%s %.3f %s", text, 1.5, strerrordesc_np(ENOENT));
	(void)printf("# %s\n", buf_z(&b));
	(void)fflush(stdout);
	auto_close int fd = memfd_sealed("body", buf_str(&b), &e);
	auto_buf again = { 0 };

	if (fd < 0 || memfd_read(fd, 1000, &again, &e)) {
		return 2;
	}
	return str_eq(buf_str(&b), buf_str(&again)) ? 0 : 3;
}

static void
the_everyday_work_of_a_part_is_allowed(void **state)
{
	(void)state;
	expect_code(&stdio, work, 0);
}

static int
abort_now(void)
{
	must(1 > 2);
	return 0;
}

static void
a_failing_must_still_aborts(void **state)
{
	(void)state;
	expect_killed(&stdio, abort_now, SIGABRT);
}

/* --- what was not promised ends the process --- */

static int
try_open(void)
{
	return answer(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int
try_stat(void)
{
	struct stat st;

	return answer(stat("/etc/passwd", &st));
}

static int
try_socket(void)
{
	return answer(socket(AF_INET, SOCK_STREAM, 0));
}

static int
try_unix_socket(void)
{
	return answer(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
try_unix_datagram_pair(void)
{
	int fds[2];

	return answer(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
}

/* How much a channel holds is the one option of a socket that may be set. */
static int
try_option(int level, int name)
{
	int value = 4096;

	return answer(setsockopt(0, level, name, &value, sizeof(value)));
}

static int
try_forced_room(void)
{
	return try_option(SOL_SOCKET, SO_SNDBUFFORCE);
}

static int
try_room_of_another_level(void)
{
	return try_option(IPPROTO_IP, SO_SNDBUF);
}

static int
try_raw_socket(void)
{
	return answer(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int
try_bind(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return answer(bind(fd, (struct sockaddr *)&a, sizeof(a)));
}

static int
try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		_exit(0);
	}
	return answer(pid);
}

static int
try_new_namespace(void)
{
	return answer(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}

static int
try_unshare(void)
{
	return answer(syscall(SYS_unshare, CLONE_NEWUSER));
}

static int
try_exec(void)
{
	char *argv[] = { (char[]){ "true" }, NULL };

	return answer(execv("/bin/true", argv));
}

static int
try_executable_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int
try_making_memory_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED
	           ? errno
	           : answer(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int
try_kill_parent(void)
{
	return answer(kill(getppid(), 0));
}

static int
try_tgkill_parent(void)
{
	pid_t parent = getppid();

	return answer(syscall(SYS_tgkill, parent, parent, 0));
}

static int
try_ptrace(void)
{
	return answer(syscall(SYS_ptrace, 0, 0, 0, 0));
}

static int
try_prctl(void)
{
	return answer(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

/* What the store asks for (store/later.c). */
static int
try_sync_later(void)
{
	unsigned long context = 0;

	return sync_file_range(-1, 0, 0, SYNC_FILE_RANGE_WRITE) == 0 ||
	               errno != EBADF
	           ? errno
	           : answer((int)syscall(SYS_io_setup, 1, &context));
}

static int
try_lock(void)
{
	static char page[4096];

	return answer(mlock(page, sizeof(page)));
}

static int
try_owner_signal(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC)) {
		return 1;
	}
	return answer(fcntl(fds[0], F_SETOWN, getppid()));
}

static int
try_terminal_input(void)
{
	return answer(ioctl(0, 0x5412 /* TIOCSTI */, "x"));
}

static int
try_higher_limit(void)
{
	struct rlimit limit = { 8, 8 };

	return answer(setrlimit(RLIMIT_NOFILE, &limit));
}

static int
try_unknown_call(void)
{
	return answer(syscall(999));
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
a_foreign_calling_convention_ends_the_process(void **state)
{
	(void)state;
	skip_without_walls();
	expect_killed(&stdio, try_x32, SIGSYS);
	if (WIFSIGNALED(child_end(NULL, try_i386))) {
		print_message("# this kernel has no 32-bit calls at all\n");
		return;
	}
	expect_killed(&stdio, try_i386, SIGSYS);
}
#else
static void
a_foreign_calling_convention_ends_the_process(void **state)
{
	(void)state;
	skip();
}
#endif

static void
what_was_not_promised_ends_the_process(void **state)
{
	static const struct {
		const char *name;
		act_fn *act;
	} tries[] = {
		{ "open", try_open },
		{ "stat", try_stat },
		{ "socket", try_socket },
		{ "unix socket", try_unix_socket },
		{ "unix datagram pair", try_unix_datagram_pair },
		{ "forced room", try_forced_room },
		{ "room of another level", try_room_of_another_level },
		{ "fork", try_fork },
		{ "unshare", try_unshare },
		{ "exec", try_exec },
		{ "executable memory", try_executable_memory },
		{ "memory made executable", try_making_memory_executable },
		{ "kill", try_kill_parent },
		{ "tgkill", try_tgkill_parent },
		{ "ptrace", try_ptrace },
		{ "prctl", try_prctl },
		{ "mlock", try_lock },
		{ "fcntl(F_SETOWN)", try_owner_signal },
		{ "ioctl(TIOCSTI)", try_terminal_input },
		{ "setrlimit", try_higher_limit },
		{ "no such call", try_unknown_call },
	};

	(void)state;
	skip_without_walls();
	for (size_t i = 0; i < COUNT(tries); i++) {
		print_message("# %s\n", tries[i].name);
		expect_killed(&stdio, tries[i].act, SIGSYS);
	}
}

static void
a_promise_lets_through_its_own_calls_only(void **state)
{
	struct jail_plan inet = with(JAIL_INET);
	struct jail_plan files = with(JAIL_FILES_READ);
	struct jail_plan children = with(JAIL_FORK);

	(void)state;
	skip_without_walls();
	expect_code(&inet, try_socket, 0);
	expect_killed(&inet, try_unix_socket, SIGSYS);
	expect_killed(&inet, try_raw_socket, SIGSYS);
	expect_killed(&inet, try_bind, SIGSYS);
	expect_killed(&inet, try_open, SIGSYS);
	expect_code(&files, try_stat, 0);
	expect_killed(&files, try_socket, SIGSYS);
	expect_code(&children, try_fork, 0);
	expect_killed(&children, try_new_namespace, SIGSYS);
	expect_killed(&children, try_exec, SIGSYS);
	struct jail_plan lock = with(JAIL_LOCKED_MEMORY);

	expect_code(&lock, try_lock, 0);
	struct jail_plan later = with(JAIL_SYNC_LATER);

	expect_code(&later, try_sync_later, 0);
	expect_killed(&files, try_sync_later, SIGSYS);
}

/* --- files, with Landlock --- */

static char folder[] = "/tmp/jail-enter-XXXXXX";

static const char *
inside(const char *name)
{
	static char path[200];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int
read_inside(void)
{
	char byte;
	int fd = open(inside("file"), O_RDONLY | O_CLOEXEC);

	return fd < 0 ? errno : answer(read(fd, &byte, 1));
}

static int
write_inside(void)
{
	return answer(open(inside("file"), O_WRONLY | O_CLOEXEC));
}

static int
truncate_inside(void)
{
	return answer(truncate(inside("file"), 1));
}

static int
make_inside(void)
{
	int fd = open(inside("new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0) {
		return errno;
	}
	(void)flock(fd, LOCK_EX);
	if (write(fd, "x", 1) != 1 || fsync(fd) || ftruncate(fd, 0)) {
		return errno;
	}
	return answer(unlink(inside("new")));
}

static struct jail_plan
below(const char *path, unsigned rights, unsigned promises)
{
	static struct jail_path allowed;
	struct jail_plan plan = with(promises);

	allowed = (struct jail_path){ .path = path, .rights = rights };
	plan.paths = &allowed;
	plan.path_count = 1;
	return plan;
}

static void
skip_without_landlock(void)
{
	skip_without_walls();
	if (jail_landlock_abi() == 0) {
		print_message("# this kernel has no Landlock\n");
		skip();
	}
}

static void
only_the_paths_of_the_plan_can_be_opened(void **state)
{
	struct jail_plan r = below(folder, JAIL_READ, JAIL_FILES_READ);

	(void)state;
	skip_without_landlock();
	expect_code(&r, read_inside, 0);
	expect_code(&r, try_open, EACCES);
	expect_killed(&r, write_inside, SIGSYS);
	r = below(folder, JAIL_READ, JAIL_FILES_WRITE);
	expect_code(&r, write_inside, EACCES);
	expect_code(&r, make_inside, EACCES);
	r = below(folder, JAIL_READ | JAIL_WRITE, JAIL_FILES_WRITE);
	expect_code(&r, write_inside, 0);
	expect_code(&r, make_inside, EACCES);
	r = below(folder, JAIL_READ | JAIL_WRITE | JAIL_MAKE, JAIL_FILES_WRITE);
	expect_code(&r, make_inside, 0);
	r = below("/usr", JAIL_READ, JAIL_FILES_WRITE);
	expect_code(&r, read_inside, EACCES);
}

static void
truncating_needs_the_right_to_write(void **state)
{
	struct jail_plan r = below(folder, JAIL_READ, JAIL_FILES_WRITE);

	(void)state;
	skip_without_landlock();
	if (jail_landlock_abi() < 3) {
		print_message("# Landlock does not know truncating here\n");
		skip();
	}
	r.filter = JAIL_FILTER_SANDBOX;
	expect_code(&r, truncate_inside, EACCES);
	r = below(folder, JAIL_WRITE, JAIL_FILES_WRITE);
	r.filter = JAIL_FILTER_SANDBOX;
	expect_code(&r, truncate_inside, 0);
}

static void
a_right_can_be_given_by_descriptor(void **state)
{
	struct jail_plan r = below(NULL, JAIL_READ, JAIL_FILES_READ);
	struct jail_path path = {
		.fd = open(folder, O_PATH | O_CLOEXEC),
		.rights = JAIL_READ,
	};

	(void)state;
	skip_without_landlock();
	r.paths = &path;
	expect_code(&r, read_inside, 0);
	expect_code(&r, try_open, EACCES);
	auto_close_fd(&path.fd);
}

static int
do_nothing(void)
{
	return 0;
}

static void
a_missing_path_is_an_error(void **state)
{
	struct jail_plan r = below("/no/such", JAIL_READ, JAIL_FILES_READ);

	(void)state;
	skip_without_landlock();
	expect_code(&r, do_nothing, NOT_JAILED);
}

static int listener_port;

static int
connect_to_listener(void)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)listener_port),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return answer(connect(fd, (struct sockaddr *)&a, sizeof(a)));
}

static void
only_the_ports_of_the_plan_can_be_reached(void **state)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	socklen_t size = sizeof(a);
	auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct jail_plan plan = with(JAIL_INET);

	(void)state;
	skip_without_landlock();
	if (jail_landlock_abi() < 4) {
		print_message("# Landlock knows no ports here\n");
		skip();
	}
	assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	listener_port = ntohs(a.sin_port);
	uint16_t ports[] = { 1, a.sin_port };

	ports[1] = ntohs(a.sin_port);
	expect_code(&plan, connect_to_listener, EACCES);
	plan.net = JAIL_NET_PORTS;
	plan.ports = ports;
	plan.port_count = 1;
	expect_code(&plan, connect_to_listener, EACCES);
	plan.port_count = 2;
	expect_code(&plan, connect_to_listener, 0);
	plan.net = JAIL_NET_CONNECT;
	plan.port_count = 0;
	expect_code(&plan, connect_to_listener, 0);
}

/* --- ids, capabilities, limits --- */

#define OTHER_ID 54321u

static void
skip_unless_root(void)
{
	if (geteuid() != 0) {
		print_message("# ids can only be changed by root\n");
		skip();
	}
}

static bool
has_capability(int number)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data)) {
		return true;
	}
	return (data[number / 32].permitted >> (number % 32)) & 1;
}

static int
check_ids(void)
{
	if (getuid() != OTHER_ID || getegid() != OTHER_ID) {
		return 1;
	}
	if (getgroups(0, NULL) != 0) {
		return 2;
	}
	if (has_capability(CAP_SYS_ADMIN) || has_capability(CAP_CHOWN)) {
		return 3;
	}
	return setuid(0) == 0 || setgid(0) == 0 ? 4 : 0;
}

static int
check_kept_capability(void)
{
	if (!has_capability(CAP_CHOWN) || has_capability(CAP_SYS_ADMIN)) {
		return 1;
	}
	return prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0 &&
	               prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0) == 1
	           ? 0
	           : 2;
}

/* The deny-list, so that an act can look around. */
static const struct jail_plan looking = {
	.part = "test",
	.filter = JAIL_FILTER_SANDBOX,
};

static void
ids_groups_and_capabilities_are_gone_for_good(void **state)
{
	struct jail_plan plan = looking;

	(void)state;
	skip_unless_root();
	gid_t group = 4;

	plan.uid = OTHER_ID;
	plan.gid = OTHER_ID;
	assert_int_equal(setgroups(1, &group), 0);
	expect_code(&plan, check_ids, 0);
	assert_int_equal(setgroups(0, NULL), 0);
}

static void
only_the_capabilities_of_the_plan_stay(void **state)
{
	struct jail_plan plan = looking;

	(void)state;
	skip_unless_root();
	plan.uid = OTHER_ID;
	plan.gid = OTHER_ID;
	plan.capabilities = 1u << CAP_CHOWN;
	expect_code(&plan, check_kept_capability, 0);
}

static int
check_no_capability(void)
{
	return has_capability(CAP_SYS_ADMIN) || has_capability(CAP_SETUID);
}

static void
root_that_keeps_its_id_keeps_no_capability(void **state)
{
	(void)state;
	expect_code(&looking, check_no_capability, 0);
}

static int
check_limits(void)
{
	static const struct {
		int resource;
		rlim_t most;
	} wanted[] = {
		{ RLIMIT_CORE, 1 },
		{ RLIMIT_NOFILE, 33 },
		{ RLIMIT_FSIZE, 0 },
		{ RLIMIT_NPROC, 7 },
	};

	for (size_t i = 0; i < COUNT(wanted); i++) {
		struct rlimit now;

		if (getrlimit((__rlimit_resource_t)wanted[i].resource, &now) ||
		    now.rlim_cur != wanted[i].most ||
		    now.rlim_max != wanted[i].most) {
			return (int)i + 1;
		}
	}
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 9;
}

static void
limits_and_no_new_privs_hold(void **state)
{
	struct jail_plan plan = looking;

	(void)state;
	plan.limits = (struct jail_limits){
		.nofile = 33,
		.fsize = JAIL_ZERO,
		.nproc = 7,
	};
	expect_code(&plan, check_limits, 0);
}

static int
check_dumpable(void)
{
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
}

static void
a_part_is_not_dumpable_unless_it_says_so(void **state)
{
	struct jail_plan plan = looking;

	(void)state;
	skip_without_walls();
	expect_code(&plan, check_dumpable, 0);
	plan.dumpable = true;
	expect_code(&plan, check_dumpable, 1);
}

static void
a_prepared_filter_is_the_same_filter(void **state)
{
	struct err e = { 0 };

	(void)state;
	skip_without_walls();
	assert_int_equal(jail_prepare(JAIL_STDIO, &e), 0);
	expect_code(&stdio, work, 0);
	expect_killed(&stdio, try_open, SIGSYS);
	expect_killed(&stdio, abort_now, SIGABRT);
	assert_true(jail_seccomp_works());
}

static int
set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder)) {
		return -1;
	}
	int fd = open(inside("file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd >= 0 && write(fd, "x", 1) == 1 ? close(fd) : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlink(inside("file"));
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_everyday_work_of_a_part_is_allowed),
		cmocka_unit_test(a_failing_must_still_aborts),
		cmocka_unit_test(what_was_not_promised_ends_the_process),
		cmocka_unit_test(a_foreign_calling_convention_ends_the_process),
		cmocka_unit_test(a_promise_lets_through_its_own_calls_only),
		cmocka_unit_test(only_the_paths_of_the_plan_can_be_opened),
		cmocka_unit_test(truncating_needs_the_right_to_write),
		cmocka_unit_test(a_right_can_be_given_by_descriptor),
		cmocka_unit_test(a_missing_path_is_an_error),
		cmocka_unit_test(only_the_ports_of_the_plan_can_be_reached),
		cmocka_unit_test(ids_groups_and_capabilities_are_gone_for_good),
		cmocka_unit_test(only_the_capabilities_of_the_plan_stay),
		cmocka_unit_test(root_that_keeps_its_id_keeps_no_capability),
		cmocka_unit_test(limits_and_no_new_privs_hold),
		cmocka_unit_test(a_part_is_not_dumpable_unless_it_says_so),
		cmocka_unit_test(a_prepared_filter_is_the_same_filter),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
