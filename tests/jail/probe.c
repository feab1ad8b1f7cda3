/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a running process do one system call, as hostile code inside it would:
 *
 *     probe PID NUMBER [ARGUMENT…]
 *
 * An argument is a number, s:TEXT (the address of that text) or x:HEX (of those
 * bytes).  Prints "killed SIGNAL" or "returned VALUE".  The process must wait
 * in a system call; one that survives goes on as if nothing had been.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "base/base.h"

#define BELOW_STACK 8192 /* of the stack pointer, more than the red zone */
#define SYSCALL     0x050F
#define COUNT_MAX   6

struct probe {
	pid_t pid;
	unsigned long long scratch;
	unsigned long long arguments[COUNT_MAX];
};

_Noreturn static void
give_up(const char *what)
{
	(void)fprintf(stderr, "probe: %s: %s\n", what, strerrordesc_np(errno));
	exit(2);
}

static unsigned long long
place(struct probe *p, struct str bytes)
{
	unsigned long long at = p->scratch;
	struct iovec here = { (void *)(uintptr_t)bytes.at, bytes.len };
	struct iovec there = { (void *)(uintptr_t)at, bytes.len };

	if (process_vm_writev(p->pid, &here, 1, &there, 1, 0) !=
	    (ssize_t)bytes.len) {
		give_up("write");
	}
	p->scratch += (bytes.len + 15) / 16 * 16;
	return at;
}

static unsigned long long
argument(struct probe *p, const char *text)
{
	if (strncmp(text, "s:", 2) == 0) {
		return place(p, str_span(text + 2, strlen(text + 2) + 1));
	}
	if (strncmp(text, "x:", 2) == 0) {
		uint8_t bytes[256];
		size_t len = strlen(text + 2) / 2;

		must(len <= sizeof(bytes) &&
		     hex_bytes(str_of(text + 2), bytes, len));
		return place(p, str_span(bytes, len));
	}
	return (unsigned long long)strtoll(text, NULL, 0);
}

static void
attach(struct probe *p, struct user_regs_struct *regs)
{
	int status;

	if (ptrace(PTRACE_ATTACH, p->pid, 0, 0) ||
	    waitpid(p->pid, &status, __WALL) != p->pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_GETREGS, p->pid, 0, regs)) {
		give_up("attach");
	}
	errno = 0;
	long word = ptrace(PTRACE_PEEKTEXT, p->pid, regs->rip - 2, 0);

	if (errno || (word & 0xFFFF) != SYSCALL) {
		(void)fprintf(stderr, "probe: it is in no system call\n");
		exit(3);
	}
	p->scratch = (regs->rsp - BELOW_STACK) & ~15ULL;
}

/* The status after the call. */
static int
call(const struct probe *p, const struct user_regs_struct *before,
    unsigned long long number)
{
	struct user_regs_struct regs = *before;
	int status;

	regs.rip = before->rip - 2;
	regs.rax = number;
	regs.orig_rax = (unsigned long long)-1; /* nothing to restart */
	regs.rdi = p->arguments[0];
	regs.rsi = p->arguments[1];
	regs.rdx = p->arguments[2];
	regs.r10 = p->arguments[3];
	regs.r8 = p->arguments[4];
	regs.r9 = p->arguments[5];
	if (ptrace(PTRACE_SETREGS, p->pid, 0, &regs) ||
	    ptrace(PTRACE_SINGLESTEP, p->pid, 0, 0) ||
	    waitpid(p->pid, &status, __WALL) != p->pid) {
		give_up("call");
	}
	return status;
}

int
main(int argc, char **argv)
{
	struct probe p = { 0 };
	struct user_regs_struct before;
	struct user_regs_struct after;

	if (argc < 3 || argc > 3 + COUNT_MAX) {
		return 2;
	}
	p.pid = (pid_t)strtol(argv[1], NULL, 10);
	attach(&p, &before);
	for (int i = 3; i < argc; i++) {
		p.arguments[i - 3] = argument(&p, argv[i]);
	}
	int status = call(&p, &before, strtoull(argv[2], NULL, 0));

	if (WIFSIGNALED(status)) {
		(void)printf("killed %d\n", WTERMSIG(status));
		return 0;
	}
	if (!WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, p.pid, 0, &after) ||
	    ptrace(PTRACE_SETREGS, p.pid, 0, &before) ||
	    ptrace(PTRACE_DETACH, p.pid, 0, 0)) {
		give_up("detach");
	}
	(void)printf("returned %lld\n", (long long)after.rax);
	return 0;
}
