/* SPDX-License-Identifier: Apache-2.0 */
/* Work that must not leave anything behind in this process. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rootkey/inside.h"

#define ANSWER_MAX 4096
#define PATIENCE   (30 * CLOCK_SECOND) /* a person may be asked to unlock */

/* The first byte says how it went: 0, or the kind of the error; then the
 * bytes, or the sentence. */
static void
child_main(child_work_fn *work, void *context, int fd)
{
	struct rlimit none = { 0, 0 };
	auto_buf out = { 0 };
	auto_buf sent = { 0 };
	struct err e = { 0 };
	int result;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	result = work(context, &out, &e);
	buf_add_byte(&sent, result ? (uint8_t)e.kind : 0);
	buf_add(&sent, result ? str_of(e.text) : buf_str(&out));
	_exit(file_write_all(fd, buf_str(&sent), &e) ? 1 : 0);
}

static int
hear(int fd, struct buf *heard, struct err *e)
{
	struct mono limit = mono_after(mono_now(), PATIENCE);

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = limit.us - mono_now().us;
		ssize_t n;

		if (left <= 0 || heard->len > ANSWER_MAX) {
			return err_set(e, ERR_TIMEOUT,
			    "no answer within 30 s: is it locked?");
		}
		if (poll(&p, 1, (int)(left / 1000) + 1) <= 0) {
			continue;
		}
		n = read(fd, buf_room(heard, ANSWER_MAX), ANSWER_MAX);
		if (n > 0) {
			buf_grew(heard, (size_t)n);
		} else if (n == 0 || errno != EINTR) {
			return 0;
		}
	}
}

static int
take_answer(struct str heard, struct buf *out, struct err *e)
{
	if (!heard.len) {
		return err_set(e, ERR_IO, "its program ended without a word");
	}
	if (heard.at[0]) {
		return err_set(e, (enum err_kind)heard.at[0], STR_FMT,
		    STR_ARG(str_sub(heard, 1, heard.len)));
	}
	buf_add(out, str_sub(heard, 1, heard.len));
	return 0;
}

int
child_run(child_work_fn *work, void *context, struct buf *out, struct err *e)
{
	auto_buf heard = { 0 };
	int fds[2];
	int result;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC)) {
		return err_sys(e, "a pipe");
	}
	pid = fork();
	if (pid < 0) {
		(void)close(fds[0]);
		(void)close(fds[1]);
		return err_sys(e, "a child");
	}
	if (pid == 0) {
		child_main(work, context, fds[1]);
	}
	(void)close(fds[1]);
	result = hear(fds[0], &heard, e);
	(void)close(fds[0]);
	if (result) {
		(void)kill(pid, SIGKILL);
	}
	(void)waitpid(pid, NULL, 0);
	result = result || take_answer(buf_str(&heard), out, e);
	wipe(heard.at, heard.cap);
	return result ? -1 : 0;
}
