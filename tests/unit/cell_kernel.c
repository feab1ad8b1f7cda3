/* SPDX-License-Identifier: Apache-2.0 */
/* What hostile code asks of the kernel from inside a cell: B03, B04, B05. */
#include "cell_help.h"

#include <linux/netlink.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <termios.h>

static void
refused(struct bed *bed, const char *what)
{
	struct cell_plan plan = { 0 };
	struct cell *cell = make(bed, &plan);
	struct cell_event event;

	start(cell, "");
	event = probe(bed, cell, what);
	assert_int_equal(event.end, CELL_EXITED);
	/* The probe names every call that was not refused as it should be. */
	assert_string_equal(bed->text, "");
	assert_int_equal(event.code, 0);
	cell_free(cell);
}

static void
b03_no_namespaces_and_no_mounts_from_inside(void **state)
{
	refused(*state, "namespaces");
}

static void
b04_no_looking_into_others_and_no_odd_kernel_doors(void **state)
{
	refused(*state, "doors");
}

static void
b04_a_foreign_calling_convention_is_death(void **state)
{
	struct bed *bed = *state;
	struct cell_plan plan = { 0 };
	struct cell *cell = make(bed, &plan);
	struct cell_event event;

	start(cell, "");
	event = probe(bed, cell, "x32");
	assert_int_equal(event.end, CELL_SIGNALLED);
	assert_int_equal(event.code, SIGSYS);
	cell_free(cell);
}

static void
b05_no_typing_into_a_terminal_and_no_odd_sockets(void **state)
{
	refused(*state, "sockets");
}

static void
pid_1_cannot_be_touched(void **state)
{
	refused(*state, "init");
}

/* --- inside
 * ------------------------------------------------------------------- */

static int bad;

static void
want(const char *name, long result, int error)
{
	if (result != -1 || errno != error) {
		(void)printf("%s: %ld, %s\n", name, result,
		    result == -1 ? strerrordesc_np(errno) : "allowed");
		bad = 1;
	}
}

static void
namespaces(void)
{
	struct clone_args args = { .flags = CLONE_NEWUSER,
		.exit_signal = SIGCHLD };

	want("unshare user", unshare(CLONE_NEWUSER), EPERM);
	want("unshare net", unshare(CLONE_NEWNET), EPERM);
	want("setns", setns(0, 0), EPERM);
	want("clone3", syscall(SYS_clone3, &args, sizeof(args)), ENOSYS);
	want("clone", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0),
	    EPERM);
	want("mount", syscall(SYS_mount, "x", "/tmp", "tmpfs", 0, ""), EPERM);
	want("umount", syscall(SYS_umount2, "/work", 2), EPERM);
	want("pivot_root", syscall(SYS_pivot_root, ".", "."), EPERM);
	want("chroot", chroot("/tmp"), EPERM);
	want("open_tree", syscall(SYS_open_tree, -100, "/", 1), EPERM);
	want("fsopen", syscall(SYS_fsopen, "tmpfs", 0), EPERM);
	want("mount_setattr", syscall(SYS_mount_setattr, -100, "/", 0, 0, 0),
	    EPERM);
}

static void
doors(void)
{
	struct iovec part = { &part, 1 };

	want("ptrace", ptrace(PTRACE_ATTACH, getppid(), 0, 0), EPERM);
	want("process_vm_readv",
	    process_vm_readv(getppid(), &part, 1, &part, 1, 0), EPERM);
	want("pidfd_getfd", syscall(SYS_pidfd_getfd, 0, 0, 0), EPERM);
	want("kcmp", syscall(SYS_kcmp, 1, 1, 0, 0, 0), EPERM);
	want("perf", syscall(SYS_perf_event_open, 0, 0, -1, -1, 0), EPERM);
	want("bpf", syscall(SYS_bpf, 0, 0, 0), EPERM);
	want("userfaultfd", syscall(SYS_userfaultfd, 0), EPERM);
	want("io_uring", syscall(SYS_io_uring_setup, 1, 0), EPERM);
	want("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0), EPERM);
	want("kexec", syscall(SYS_kexec_load, 0, 0, 0, 0), EPERM);
	want("modules", syscall(SYS_init_module, 0, 0, 0), EPERM);
	want("quotactl", syscall(SYS_quotactl, 0, 0, 0, 0), EPERM);
	want("by handle", syscall(SYS_open_by_handle_at, 0, 0, 0), EPERM);
}

static void
sockets(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	want("AF_VSOCK", socket(AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT);
	want("AF_PACKET", socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT);
	want("AF_ALG", socket(AF_ALG, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
	want("netfilter", socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER),
	    EAFNOSUPPORT);
	want("raw", socket(AF_INET, SOCK_RAW, 6), EPERM);
	if (master >= 0) {
		want("TIOCSTI", ioctl(master, TIOCSTI, "x"), EPERM);
	}
	want("TIOCLINUX", ioctl(0, TIOCLINUX, "\2"), EPERM);
}

static void
init(void)
{
	/* No signal reaches it: if one did, this command would not finish. */
	for (int number = 1; number < NSIG; number++) {
		(void)kill(1, number);
	}
	want("its memory", open("/proc/1/mem", O_RDWR), ENOENT);
	want("its root", open("/proc/1/root", O_RDONLY), ENOENT);
	(void)usleep(20000);
}

static int
inside(const char *name)
{
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(name, "namespaces") == 0) {
		namespaces();
	} else if (strcmp(name, "doors") == 0) {
		doors();
	} else if (strcmp(name, "sockets") == 0) {
		sockets();
	} else if (strcmp(name, "init") == 0) {
		init();
	} else {
#ifdef __x86_64__
		(void)syscall(0x40000000 | SYS_getpid);
#else
		(void)raise(SIGSYS);
#endif
	}
	return bad;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b03_no_namespaces_and_no_mounts_from_inside),
		cmocka_unit_test(
		    b04_no_looking_into_others_and_no_odd_kernel_doors),
		cmocka_unit_test(b04_a_foreign_calling_convention_is_death),
		cmocka_unit_test(
		    b05_no_typing_into_a_terminal_and_no_odd_sockets),
		cmocka_unit_test(pid_1_cannot_be_touched),
	};

	if (argc > 1) {
		return inside(argv[1]);
	}
	return cmocka_run_group_tests(tests, bed_up, bed_down);
}
