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
	sigset_t held; /* was on its way meanwhile: it has it afterwards */
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
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): only read */
	struct iovec here = { (void *)(uintptr_t)bytes.at, bytes.len };
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): another process' */
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

/* Until it has stopped for `why`, or has ended.  What stops it before that is a
 * signal of its own, which is held back: nothing of what it was to do is done
 * then, so it is told to do it again. */
static int
wait_for(struct probe *p, int why, enum __ptrace_request again)
{
	int status;

	for (;;) {
		if (waitpid(p->pid, &status, __WALL) != p->pid) {
			give_up("wait");
		}
		if (!WIFSTOPPED(status) || status >> 8 == why) {
			return status;
		}
		if (status >> 16 == 0) {
			(void)sigaddset(&p->held, WSTOPSIG(status));
		}
		if (ptrace(again, p->pid, 0, 0)) {
			give_up("go on");
		}
	}
}

static void
attach(struct probe *p, struct user_regs_struct *regs)
{
	int status;

	if (ptrace(PTRACE_SEIZE, p->pid, 0, 0) ||
	    ptrace(PTRACE_INTERRUPT, p->pid, 0, 0)) {
		give_up("attach");
	}
	status = wait_for(p, SIGTRAP | PTRACE_EVENT_STOP << 8, PTRACE_CONT);
	if (!WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, p->pid, 0, regs)) {
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
call(struct probe *p, const struct user_regs_struct *before,
    unsigned long long number)
{
	struct user_regs_struct regs = *before;

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
	    ptrace(PTRACE_SINGLESTEP, p->pid, 0, 0)) {
		give_up("call");
	}
	return wait_for(p, SIGTRAP, PTRACE_SINGLESTEP);
}

static void
let_go(struct probe *p, const struct user_regs_struct *before)
{
	if (ptrace(PTRACE_SETREGS, p->pid, 0, before)) {
		give_up("detach");
	}
	for (int number = 1; number < NSIG; number++) {
		if (sigismember(&p->held, number) == 1) {
			(void)kill(p->pid, number);
		}
	}
	if (ptrace(PTRACE_DETACH, p->pid, 0, 0)) {
		give_up("detach");
	}
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
	if (!WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, p.pid, 0, &after)) {
		give_up("look");
	}
	let_go(&p, &before);
	(void)printf("returned %lld\n", (long long)after.rax);
	return 0;
}
