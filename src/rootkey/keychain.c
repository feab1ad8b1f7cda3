/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The macOS Keychain, through `security` (/usr/bin/security there, found on
 * PATH).  What carries a key is given to `security -i` on its standard input:
 * an argument would be seen by everybody.  No Mac has run this; the test's
 * stand-in program holds to the same contract.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rootkey/inside.h"

#define SERVICE   "handrail-vault-key"
#define NOT_FOUND 44 /* errSecItemNotFound, as `security` exits */

struct work {
	struct str input;
	const char *arguments[8];
};

/* In a child of the child: `security` with two pipes. */
static void
become(const struct work *w, const int in[2], const int out[2])
{
	int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (dup2(in[0], STDIN_FILENO) >= 0 &&
	    dup2(out[1], STDOUT_FILENO) >= 0 && nothing >= 0 &&
	    dup2(nothing, STDERR_FILENO) >= 0) {
		(void)execvp("security", (char *const *)w->arguments);
	}
	_exit(127);
}

static int
say_end(int status, struct err *e)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND) {
		return err_set(
		    e, ERR_MISSING, "the Keychain has no key of this house");
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
		return err_set(e, ERR_UNAVAILABLE,
		    "there is no program `security`: the Keychain is one of "
		    "macOS");
	}
	return status
	           ? err_set(e, ERR_UNAVAILABLE, "`security` refused (exit %d)",
	                 WIFEXITED(status) ? WEXITSTATUS(status) : -1)
	           : 0;
}

static int
work_security(void *context, struct buf *out, struct err *e)
{
	const struct work *w = context;
	int in[2];
	int from[2];
	int status = 0;
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) || pipe2(from, O_CLOEXEC)) {
		return err_sys(e, "a pipe");
	}
	pid = fork();
	if (pid < 0) {
		return err_sys(e, "a child");
	}
	if (pid == 0) {
		become(w, in, from);
	}
	(void)close(in[0]);
	(void)close(from[1]);
	/* It may end without reading: a broken pipe is not our end. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (w->input.len && file_write_all(in[1], w->input, e)) {
		return -1;
	}
	(void)close(in[1]);
	if (file_read_fd(from[0], 1024, out, e) ||
	    waitpid(pid, &status, 0) != pid) {
		return -1;
	}
	return say_end(status, e);
}

int
keychain_read(const char *house, struct buf *hex, struct err *e)
{
	struct work w = {
		.arguments = { "security", "find-generic-password", "-s",
		    SERVICE, "-a", house, "-w", NULL },
	};

	return child_run(work_security, &w, hex, e);
}

int
keychain_keep(const char *house, struct str hex, struct err *e)
{
	auto_buf line = { 0 };
	auto_buf none = { 0 };
	struct work w = { .arguments = { "security", "-i", NULL } };
	int result;

	buf_addf(&line,
	    "add-generic-password -U -s " SERVICE " -a %s -w " STR_FMT "\n",
	    house, STR_ARG(hex));
	w.input = buf_str(&line);
	result = child_run(work_security, &w, &none, e);
	wipe(line.at, line.cap);
	return result;
}

int
keychain_forget(const char *house, struct err *e)
{
	auto_buf none = { 0 };
	struct work w = {
		.arguments = { "security", "delete-generic-password", "-s",
		    SERVICE, "-a", house, NULL },
	};

	return child_run(work_security, &w, &none, e);
}
