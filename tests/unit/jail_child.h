/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_JAIL_CHILD_H
#define UNIT_JAIL_CHILD_H

/*
 * What a jail does is seen from outside: a child enters it, acts, and its end
 * is looked at.  An act returns its exit code; 0 is "it worked", else an errno.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jail/jail.h"

typedef int act_fn(void);

#define NOT_JAILED 250

static int
child_end(const struct jail_plan *plan, act_fn *act)
{
	struct err e = { 0 };
	int status = 0;

	(void)fflush(stdout); /* else the child may say it again */
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (plan && jail_enter(plan, &e)) {
			(void)fprintf(stderr, "%s\n", e.text);
			_exit(NOT_JAILED);
		}
		_exit(act());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
expect_code(const struct jail_plan *plan, act_fn *act, int code)
{
	int status = child_end(plan, act);

	if (WIFSIGNALED(status)) {
		fail_msg("killed by signal %d", WTERMSIG(status));
	}
	assert_int_equal(WEXITSTATUS(status), code);
}

static void
expect_killed(const struct jail_plan *plan, act_fn *act, int number)
{
	int status = child_end(plan, act);

	if (WIFEXITED(status)) {
		fail_msg("it lived and exited with %d", WEXITSTATUS(status));
	}
	assert_int_equal(WTERMSIG(status), number);
}

/* What an act makes of a call's result. */
static inline int
answer(long rc)
{
	return rc < 0 ? errno : 0;
}

static inline int
call(long number, const long a[6])
{
	long rc = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);

	if (rc == 0 && number == SYS_clone) {
		_exit(0); /* the child of a clone that should not be */
	}
	return answer(rc);
}

static void
skip_without_walls(void)
{
	if (!jail_compiled_in()) {
		print_message("# no filters in a sanitizer build\n");
		skip();
	}
}

#endif
