/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CELL_HELP_H
#define TESTS_CELL_HELP_H

/*
 * A cell, a command in it, its output.  The test program itself is the hostile
 * one: it is copied into the workspace and executed there as `/work/probe NAME`
 * (probe_main decides what NAME does).
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cell/cell.h"
#include "ids_help.h"

#define HELP     __attribute__((unused)) static
#define UID_BASE uid_base
#define SLOT     2
#define WAIT_MS  30000
#define TEXT_MAX 65536

/* Of this program alone: tests run side by side. */
static uid_t uid_base;

struct bed {
	struct cell_host *host;
	char work[64];
	uint64_t number;
	char text[TEXT_MAX]; /* output of the last command */
};

HELP void
hear(struct cell *cell, struct cell_event *event)
{
	struct pollfd p = { .fd = cell_fd(cell), .events = POLLIN };

	cell_next(cell, event);
	while (event->kind == CELL_NOTHING) {
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		cell_next(cell, event);
	}
}

HELP void
expect(struct cell *cell, enum cell_event_kind kind, struct cell_event *event)
{
	hear(cell, event);
	if (event->kind != kind) {
		fail_msg("event %d instead of %d: %s", event->kind, kind,
		    event->text);
	}
}

/* Done by a helper of the room; true if it worked, else text says why. */
HELP bool
work(struct bed *bed, enum cell_work what, const char *path,
    struct cell_event *event)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct cell *helper;
	struct err e;

	assert_true(fd >= 0);
	if (cell_work(bed->host, what, SLOT, fd, &helper, &e)) {
		fail_msg("%s", e.text);
	}
	(void)close(fd);
	hear(helper, event);
	cell_free(helper);
	return event->kind == CELL_WORKED;
}

HELP void
own(struct bed *bed, const char *path)
{
	struct cell_event event;

	if (!work(bed, CELL_WORK_OWN, path, &event)) {
		fail_msg("%s", event.text);
	}
}

/* Done as the slot's id, as a cell would have. */
HELP void
as_slot(const struct bed *bed, const char *folder, void (*act)(const char *))
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		if (cell_host_ids(bed->host) == CELL_IDS_SLOTS &&
		    (setresgid(
		         UID_BASE + SLOT, UID_BASE + SLOT, UID_BASE + SLOT) ||
		        setresuid(UID_BASE + SLOT, UID_BASE + SLOT,
		            UID_BASE + SLOT))) {
			_exit(1);
		}
		if (chdir(folder)) {
			_exit(2);
		}
		act(folder);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

HELP struct digest
digest(struct bed *bed)
{
	struct cell_event event;

	if (!work(bed, CELL_WORK_DIGEST, bed->work, &event)) {
		fail_msg("%s", event.text);
	}
	return event.digest;
}

HELP void
empty(struct bed *bed)
{
	struct cell_event event;

	if (!work(bed, CELL_WORK_DROP, bed->work, &event)) {
		fail_msg("%s", event.text);
	}
}

HELP void
put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	(void)!write(fd, text, strlen(text));
	(void)close(fd);
}

HELP void
copy_self(const char *to)
{
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	struct stat st;
	off_t done = 0;

	assert_int_equal(fstat(in, &st), 0);
	while (done < st.st_size) {
		assert_true(
		    sendfile(out, in, &done, (size_t)(st.st_size - done)) > 0);
	}
	(void)close(in);
	(void)close(out);
}

HELP int
bed_up(void **state)
{
	static struct bed bed; /* with its text too big for a stack */
	if (!uid_base) {
		/* And the seven behind it. */
		uid_base = 730000 + take_place("cell-ids", 8192) * 8;
	}
	struct cell_house house = {
		.uid_base = geteuid() ? 0 : UID_BASE,
		.slots = 8,
	};
	char path[128];
	struct err e;

	memset(&bed, 0, sizeof(bed));
	(void)strcpy(bed.work, "/tmp/cell-work-XXXXXX");
	if (!mkdtemp(bed.work) || cell_host_open(&house, &bed.host, &e)) {
		print_error("%s\n", e.text);
		return -1;
	}
	(void)snprintf(path, sizeof(path), "%s/probe", bed.work);
	copy_self(path);
	own(&bed, bed.work);
	*state = &bed;
	return 0;
}

HELP int
bed_down(void **state)
{
	struct bed *bed = *state;
	struct cell_event event;

	(void)work(bed, CELL_WORK_DROP, bed->work, &event);
	cell_host_free(bed->host);
	return rmdir(bed->work);
}

/* NULL: this kernel or user may not; the test has been skipped. */
HELP struct cell *
make(struct bed *bed, struct cell_plan *plan)
{
	int fd = open(bed->work, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct cell *cell = NULL;
	struct err e;

	plan->number = ++bed->number;
	plan->slot = SLOT;
	plan->work = fd;
	plan->flags |= CELL_WORKSPACE;
	if (cell_make(bed->host, plan, &cell, &e)) {
		(void)close(fd);
		print_message("# skipped: %s\n", e.text);
		skip();
	}
	(void)close(fd);
	return cell;
}

HELP void
start(struct cell *cell, const char *ca)
{
	struct cell_event event;
	struct err e;

	if (cell_start(cell, str_of(ca), &e)) {
		fail_msg("%s", e.text);
	}
	expect(cell, CELL_STARTED, &event);
}

struct pipes {
	int in; /* ours to write, theirs to read, … */
	int out;
};

/* Words end with NULL. */
static bool own_ca; /* of the commands to come */

HELP struct pipes
launch(struct cell *cell, const char *const *words, int64_t timeout)
{
	struct cell_command command = {
		.exec = 77,
		.timeout = (uint64_t)timeout,
		.own_ca = own_ca,
		.folder = "/work",
	};
	auto_buf plan = { 0 };
	struct err e;
	int in[2], out[2];

	for (; words[command.argc]; command.argc++) {
		const char *word = words[command.argc];

		buf_add(&plan, str_span(word, strlen(word) + 1));
	}
	buf_add(&plan, STR("ASAN_OPTIONS=detect_leaks=0:disable_coredump=0\0"));
	command.envc = 1;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	command.plan = memfd_sealed("plan", buf_str(&plan), &e);
	command.stdio[0] = in[0];
	command.stdio[1] = out[1];
	command.stdio[2] = out[1];
	if (cell_exec(cell, &command, &e)) {
		fail_msg("%s", e.text);
	}
	(void)close(command.plan);
	(void)close(in[0]);
	(void)close(out[1]);
	return (struct pipes){ in[1], out[0] };
}

HELP struct cell_event
finish(struct bed *bed, struct cell *cell, struct pipes p)
{
	struct cell_event event;
	size_t len = 0;
	ssize_t got;

	(void)close(p.in);
	while (len < TEXT_MAX - 1 &&
	       (got = read(p.out, bed->text + len, TEXT_MAX - 1 - len)) > 0) {
		len += (size_t)got;
	}
	bed->text[len] = '\0';
	(void)close(p.out);
	expect(cell, CELL_EXECUTED, &event);
	assert_int_equal(event.exec, 77);
	return event;
}

HELP struct cell_event
sh(struct bed *bed, struct cell *cell, const char *script)
{
	const char *const words[] = { "sh", "-c", script, NULL };

	return finish(bed, cell, launch(cell, words, 20 * CLOCK_SECOND));
}

HELP struct cell_event
probe(struct bed *bed, struct cell *cell, const char *name)
{
	const char *const words[] = { "/work/probe", name, NULL };

	return finish(bed, cell, launch(cell, words, 20 * CLOCK_SECOND));
}

HELP void
close_listeners(struct cell_event *fenced)
{
	for (size_t i = 0; i < CELL_LISTENERS; i++) {
		(void)close(fenced->listeners[i]);
	}
}

#endif
