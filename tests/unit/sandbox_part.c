/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part `sandbox` as its neighbours see it.  This program plays them all:
 * supervisor and core as the test; the egress zygote and the agent when it is
 * executed under those names from a folder of its own.
 */
#include <arpa/inet.h>
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
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ids_help.h"
#include "wire/wire.h"

#define WAIT_US (60 * CLOCK_SECOND)

struct house {
	const char *part;
	pid_t pid;
	int supervisor;
	int core;
	char folder[64];
	char work[80];
};

/* --- the neighbours it starts ------------------------------------------- */

_Noreturn static void
play_egress(const struct wire_fds *fds)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = accept(fds->at[0], NULL, NULL);

		if (fd < 0) {
			struct pollfd p = { fds->at[0], POLLIN, 0 };

			(void)poll(&p, 1, -1);
			continue;
		}
		(void)!write(fd, "egress\n", 7);
		(void)close(fd);
	}
}

static int
play_zygote(void)
{
	for (;;) {
		struct wire_egress_fork ask;
		struct wire_fds fds = { 0 };
		struct err e;

		if (wire_take_now(3, WIRE_EGRESS_FORK, 600 * CLOCK_SECOND, &ask,
		        &fds, &e)) {
			return 0;
		}
		struct wire_egress_forked done = { .cell = ask.cell, .ok = 1 };
		pid_t pid = fork();

		if (pid == 0) {
			play_egress(&fds);
		}
		done.pid = pid;
		int pidfd = pidfd_open(pid, 0);

		for (size_t i = 0; i < fds.count; i++) {
			(void)close(fds.at[i]);
		}
		if (wire_send_now(
		        3, WIRE_EGRESS_FORKED, &done, &pidfd, 1, &e)) {
			return 1;
		}
	}
}

/* Says what it sees, then waits for its end. */
static int
play_agent(void)
{
	char text[128];
	int open_fds = 0;

	for (int fd = 3; fd < 256; fd++) {
		open_fds += fcntl(fd, F_GETFD) >= 0;
	}
	int len = snprintf(text, sizeof(text), "pid %d fds %d proc %d usr %d",
	    getpid(), open_fds, access("/proc/self", F_OK) == 0,
	    access("/usr/bin", F_OK) == 0);

	if (write(3, text, (size_t)len) != len) {
		return 1;
	}
	return (int)read(3, text, sizeof(text));
}

/* --- the house ------------------------------------------------------------ */

static void
spawn_part(struct house *h)
{
	char base[16];
	int up[2], core[2];
	struct err e;

	(void)snprintf(base, sizeof(base), "%d", getuid() ? 0 : house_ids());
	assert_int_equal(wire_pair(up, &e), 0);
	assert_int_equal(wire_pair(core, &e), 0);
	h->pid = fork();
	assert_true(h->pid >= 0);
	if (h->pid == 0) {
		int a = fcntl(up[1], F_DUPFD, 64);
		int b = fcntl(core[1], F_DUPFD, 64);

		(void)dup2(a, 3);
		(void)dup2(b, 4);
		(void)close_range(5, ~0U, 0);
		(void)execl(h->part, "sandbox", "--libexec", h->folder,
		    "--uid-base", base, "--slots", "8", (char *)NULL);
		_exit(127);
	}
	(void)close(up[1]);
	(void)close(core[1]);
	h->supervisor = up[0];
	h->core = core[0];
}

static int
set_up(void **state)
{
	static struct house h;
	char self[256] = { 0 }, path[128];
	struct wire_ready ready;
	struct err e;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	h.part = getenv("HANDRAIL_SANDBOX");
	if (!h.part) {
		return -1;
	}
	(void)strcpy(h.folder, "/tmp/sandbox-part-XXXXXX");
	assert_non_null(mkdtemp(h.folder));
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	(void)snprintf(path, sizeof(path), "%s/egress", h.folder);
	assert_int_equal(symlink(self, path), 0);
	(void)snprintf(path, sizeof(path), "%s/agent", h.folder);
	assert_int_equal(symlink(self, path), 0);
	(void)snprintf(h.work, sizeof(h.work), "%s/work", h.folder);
	assert_int_equal(mkdir(h.work, 0700), 0);
	spawn_part(&h);
	if (wire_take_now(
	        h.supervisor, WIRE_SANDBOX_READY, WAIT_US, &ready, NULL, &e)) {
		print_message("%s\n", e.text);
		return -1;
	}
	print_message("# %s\n", ready.text);
	*state = &h;
	return 0;
}

static int
tear_down(void **state)
{
	struct house *h = *state;
	int status = -1;

	(void)close(h->core);
	(void)close(h->supervisor);
	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	(void)rmdir(h->work);
	return 0;
}

static void
tell(struct house *h, enum wire_type type, const void *record, const int *fds,
    size_t nfds)
{
	struct err e = { 0 };

	if (wire_send_now(h->core, type, record, fds, nfds, &e)) {
		fail_msg("%s", e.text);
	}
}

static void
hear(struct house *h, enum wire_type type, void *record, struct wire_fds *fds)
{
	struct err e = { 0 };

	if (wire_take_now(h->core, type, WAIT_US, record, fds, &e)) {
		fail_msg("%s: %s", wire_name(type), e.text);
	}
}

static void
ask_work(struct house *h, enum wire_work work, struct wire_work_done *done)
{
	struct wire_work_ask ask = { .id = 9, .work = work, .slot = 2 };
	int fd = open(h->work, O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	tell(h, WIRE_WORK_ASK, &ask, &fd, 1);
	hear(h, WIRE_WORK_DONE, done, NULL);
	if (!done->ok) {
		fail_msg("work %d: %s", work, done->text);
	}
}

static void
make(struct house *h, uint64_t number, uint32_t flags, struct wire_fds *core)
{
	struct wire_cell_make m = {
		.cell = number,
		.slot = 2,
		.flags = flags,
		.hostname = "sandbox",
	};
	struct wire_cell_made made;
	int fd = open(h->work, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool work = flags & WIRE_CELL_WORKSPACE;

	tell(h, WIRE_CELL_MAKE, &m, work ? &fd : NULL, work ? 1 : 0);
	if (!work) {
		(void)close(fd);
	}
	hear(h, WIRE_CELL_MADE, &made, core);
	if (!made.ok) {
		fail_msg("%s", made.text);
	}
	assert_int_equal(core->count, (flags & WIRE_CELL_FENCE) ? 1 : 0);
}

static void
start(struct house *h, uint64_t number)
{
	struct wire_cell_start s = {
		.cell = number, .ca_size = 3, .ca = "CA\n"
	};
	struct wire_cell_started started;

	tell(h, WIRE_CELL_START, &s, NULL, 0);
	hear(h, WIRE_CELL_STARTED, &started, NULL);
	if (!started.ok) {
		fail_msg("%s", started.text);
	}
}

/* Runs `sh -c script`; its output goes to text. */
static struct wire_cell_executed
run(struct house *h, uint64_t cell, const char *script, char *text, size_t size)
{
	struct wire_cell_exec x = {
		.cell = cell,
		.exec = 5,
		.argc = 3,
		.timeout = 10 * CLOCK_SECOND,
		.folder = "/work",
	};
	struct wire_cell_executed done;
	auto_buf plan = { 0 };
	struct err e;
	int in[2], out[2];
	size_t len = 0;
	ssize_t got;

	buf_add(&plan, str_span("sh\0-c", 6));
	buf_add(&plan, str_span(script, strlen(script) + 1));
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	int fds[4] = { memfd_sealed("plan", buf_str(&plan), &e), in[0], out[1],
		dup(out[1]) };

	(void)close(in[1]);
	tell(h, WIRE_CELL_EXEC, &x, fds, 4);
	while ((got = read(out[0], text + len, size - 1 - len)) > 0) {
		len += (size_t)got;
	}
	text[len] = '\0';
	(void)close(out[0]);
	hear(h, WIRE_CELL_EXECUTED, &done, NULL);
	assert_int_equal(done.exec, 5);
	return done;
}

static void
end(struct house *h, uint64_t number)
{
	struct wire_cell_end ask = { .cell = number };
	struct wire_cell_ended ended;

	tell(h, WIRE_CELL_END, &ask, NULL, 0);
	hear(h, WIRE_CELL_ENDED, &ended, NULL);
	assert_int_equal(ended.cell, number);
	assert_string_equal(ended.text, "");
}

/* The process that started another; 0 when it is gone. */
static pid_t
parent_of(int pid)
{
	char path[64];
	int parent = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *f = fopen(path, "re");

	if (f) {
		(void)fscanf(f, "%*d (%*[^)]) %*c %d", &parent);
		(void)fclose(f);
	}
	return parent;
}

/*
 * Processes of this house's egress program: the zygote, and one for each
 * cell. The last of the cells' own goes to own; it is told by its parent, for
 * process ids begin anew at the end of their range.
 */
static int
egresses(const struct house *h, int *own)
{
	char command[256];
	int pid, count = 0;

	(void)snprintf(command, sizeof(command),
	    "cd /proc && grep -l -s '^%s/egres[s]' [0-9]*/cmdline", h->folder);
	FILE *f = popen(command, "r"); /* NOLINT(cert-env33-c) */

	while (f && fscanf(f, "%d/cmdline ", &pid) == 1) {
		*own = parent_of(pid) == h->pid ? *own : pid;
		count++;
	}
	(void)pclose(f);
	return count;
}

/* --- tests ---------------------------------------------------------------- */

static void
a_workspace_outlives_its_cells(void **state)
{
	struct house *h = *state;
	struct wire_work_done before, after;
	struct wire_fds core = { 0 };
	char text[256];

	ask_work(h, WIRE_WORK_OWN, &before);
	ask_work(h, WIRE_WORK_DIGEST, &before);
	make(h, 1, WIRE_CELL_WORKSPACE, &core);
	start(h, 1);
	assert_int_equal(
	    run(h, 1, "echo kept > file; pwd", text, sizeof(text)).code, 0);
	assert_string_equal(text, "/work\n");
	end(h, 1);
	make(h, 2, WIRE_CELL_WORKSPACE, &core);
	start(h, 2);
	(void)run(h, 2, "cat file", text, sizeof(text));
	assert_string_equal(text, "kept\n");
	end(h, 2);
	ask_work(h, WIRE_WORK_DIGEST, &after);
	assert_memory_not_equal(before.digest, after.digest, 32);
	ask_work(h, WIRE_WORK_DROP, &after);
	ask_work(h, WIRE_WORK_DIGEST, &after);
	assert_memory_equal(before.digest, after.digest, 32);
}

static void
what_a_fenced_cell_dials_reaches_its_egress(void **state)
{
	struct house *h = *state;
	struct wire_fds core = { 0 };
	char text[256];

	make(h, 10, WIRE_CELL_FENCE | WIRE_CELL_WORKSPACE, &core);
	start(h, 10);
	struct wire_cell_executed done = run(h, 10,
	    "bash -c 'exec 3<>/dev/tcp/192.0.2.9/4242; cat <&3'; "
	    "grep -c CA $SSL_CERT_FILE",
	    text, sizeof(text));

	assert_int_equal(done.end, WIRE_EXITED);
	assert_non_null(strstr(text, "egress\n"));
	int own = 0;

	assert_int_equal(egresses(h, &own), 2);
	end(h, 10);
	assert_int_equal(egresses(h, &own), 1); /* already at CELL_ENDED */
	(void)close(core.at[0]);
}

static void
a_cell_ends_with_its_egress(void **state)
{
	struct house *h = *state;
	struct wire_fds core = { 0 };
	struct wire_cell_ended ended;

	make(h, 11, WIRE_CELL_FENCE, &core);
	start(h, 11);
	int own = 0;

	assert_int_equal(egresses(h, &own), 2);
	assert_true(own > 1);
	assert_int_equal(kill(own, SIGKILL), 0);
	hear(h, WIRE_CELL_ENDED, &ended, NULL);
	assert_int_equal(ended.cell, 11);
	assert_string_not_equal(ended.text, "");
	(void)close(core.at[0]);
}

static void
a_plan_that_makes_no_sense_is_refused_and_ends(void **state)
{
	struct house *h = *state;
	const struct wire_cell_make plans[] = {
		{ .cell = 20, .slot = 99999 },
		{ .cell = 21, .slot = 2, .flags = 128 },
		{ .cell = 22, .slot = 2, .flags = WIRE_CELL_WORKSPACE },
		{ .cell = 23, .slot = 2, .hostname = "No/Name" },
	};
	struct wire_cell_made made;
	struct wire_cell_ended ended;

	/* Without ids of their own all slots are one. */
	for (size_t i = getuid() ? 1 : 0; i < COUNT(plans); i++) {
		tell(h, WIRE_CELL_MAKE, &plans[i], NULL, 0);
		hear(h, WIRE_CELL_MADE, &made, NULL);
		assert_int_equal(made.ok, 0);
		assert_string_not_equal(made.text, "");
		hear(h, WIRE_CELL_ENDED, &ended, NULL);
		assert_int_equal(ended.cell, plans[i].cell);
	}
}

static void
a_command_for_a_cell_that_is_gone_is_answered(void **state)
{
	struct house *h = *state;
	char text[64];
	struct wire_cell_executed done = run(h, 77, "true", text, sizeof(text));

	assert_int_equal(done.end, WIRE_NOT_STARTED);
}

static void
an_agent_sees_nothing_but_its_channel(void **state)
{
	struct house *h = *state;
	struct wire_agent_start ask = { .agent = 40, .slot = 2 };
	struct wire_agent_started started;
	struct wire_agent_end stop = { .agent = 40 };
	struct wire_agent_ended ended;
	struct wire_fds fds = { 0 };
	char text[128] = { 0 };
	struct pollfd p;

	tell(h, WIRE_AGENT_START, &ask, NULL, 0);
	hear(h, WIRE_AGENT_STARTED, &started, &fds);
	if (!started.ok) {
		fail_msg("%s", started.text);
	}
	p = (struct pollfd){ .fd = fds.at[0], .events = POLLIN };
	assert_int_equal(poll(&p, 1, 60000), 1);
	assert_true(recv(fds.at[0], text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text, "pid 1 fds 1 proc 0 usr 0");
	tell(h, WIRE_AGENT_END, &stop, NULL, 0);
	hear(h, WIRE_AGENT_ENDED, &ended, NULL);
	assert_int_equal(ended.agent, 40);
	(void)close(fds.at[0]);
}

int
main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_workspace_outlives_its_cells),
		cmocka_unit_test(what_a_fenced_cell_dials_reaches_its_egress),
		cmocka_unit_test(a_cell_ends_with_its_egress),
		cmocka_unit_test(
		    a_plan_that_makes_no_sense_is_refused_and_ends),
		cmocka_unit_test(a_command_for_a_cell_that_is_gone_is_answered),
		cmocka_unit_test(an_agent_sees_nothing_but_its_channel),
	};

	(void)argc;
	name = name ? name + 1 : argv[0];
	if (strcmp(name, "egress") == 0) {
		return play_zygote();
	}
	if (strcmp(name, "agent") == 0) {
		return play_agent();
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
