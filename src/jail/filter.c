/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jail/inside.h"

/*
 * A filter is compiled once (milliseconds) and installed by one system call,
 * so that a zygote compiles and its children only install.
 */

#define PROGRAM_MAX (BPF_MAXINSNS * sizeof(struct sock_filter))
#define CACHE_MAX   8

static struct {
	unsigned key;
	struct buf program;
} cache[CACHE_MAX];
static size_t cached;

static int
set_up(scmp_filter_ctx context, unsigned key, struct err *e)
{
	/* A foreign calling convention is never a misunderstanding. */
	if (seccomp_attr_set(
	        context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) ||
	    seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2)) {
		return err_set(e, ERR_IO, "libseccomp lacks an attribute");
	}
	return jail_add_rules(context, key, e);
}

static int export(scmp_filter_ctx context, struct buf *program, struct err *e)
{
	auto_close int fd = memfd_create("filter", MFD_CLOEXEC);

	if (fd < 0) {
		return err_sys(e, "cannot hold a filter");
	}
	if (seccomp_export_bpf(context, fd) || lseek(fd, 0, SEEK_SET) != 0) {
		return err_set(e, ERR_IO, "cannot compile a filter");
	}
	return file_read_fd(fd, PROGRAM_MAX, program, e);
}

static int
compile(unsigned key, struct buf *program, struct err *e)
{
	bool denies = key & (JAIL_KEY_SANDBOX | JAIL_KEY_CELL);
	scmp_filter_ctx context =
	    seccomp_init(denies ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS);

	must(context);
	int rc =
	    set_up(context, key, e) || export(context, program, e) ? -1 : 0;

	seccomp_release(context);
	return rc;
}

static const struct buf *
find(unsigned key)
{
	for (size_t i = 0; i < cached; i++) {
		if (cache[i].key == key) {
			return &cache[i].program;
		}
	}
	return NULL;
}

int
jail_filter_prepare(unsigned key, struct err *e)
{
	struct buf program = { 0 };

	if (find(key)) {
		return 0;
	}
	must(cached < CACHE_MAX);
	if (compile(key, &program, e)) {
		buf_fini(&program);
		return -1;
	}
	cache[cached].key = key;
	cache[cached++].program = program;
	return 0;
}

/* abort() is allowed to signal this process; which it is was not known when
 * the filter was compiled. */
static void
name_own_pid(struct sock_filter *code, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (code[i].code == (BPF_JMP | BPF_JEQ | BPF_K) &&
		    code[i].k == JAIL_OWN_PID) {
			code[i].k = (uint32_t)getpid();
		}
	}
}

int
jail_filter_install(unsigned key, struct err *e)
{
	if (jail_filter_prepare(key, e) || jail_no_new_privs(e)) {
		return -1;
	}
	const struct buf *program = find(key);
	size_t count = program->len / sizeof(struct sock_filter);
	auto_free struct sock_filter *code = calloc(count, sizeof(*code));

	must(code);
	memcpy(code, program->at, count * sizeof(*code));
	name_own_pid(code, count);
	struct sock_fprog filter = {
		.len = (unsigned short)count,
		.filter = code,
	};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter)) {
		return err_sys(e, "cannot install a seccomp filter");
	}
	return 0;
}

bool
jail_seccomp_works(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}
