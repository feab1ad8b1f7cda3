/* SPDX-License-Identifier: Apache-2.0 */
/* What a cell can see: a list.  Cases B02, B08, B13, B16-B18, I06, I07. */
#include "cell_help.h"

#include <sys/un.h>

static void
the_root_is_a_list_and_not_the_host(void **state)
{
	struct bed *bed = *state;
	struct cell_plan plan = { .hostname = "bench" };
	struct cell *cell = make(bed, &plan);

	start(cell, "");
	assert_int_equal(
	    sh(bed, cell,
	        "cd /; for f in *; do [ -L $f ] || echo $f; done; "
	        "echo; ls -A /etc | grep -vx -e services -e protocols")
	        .code,
	    0);
	assert_string_equal(bed->text,
	    "dev\netc\nproc\ntmp\nusr\nwork\n\n"
	    "alternatives\ngroup\nhostname\nhosts\nld.so.cache\n"
	    "nsswitch.conf\npasswd\nresolv.conf\nssl\n");
	(void)sh(bed, cell,
	    "ls -d /home /root /run /var /sys /mnt /srv /boot /opt "
	    "/etc/shadow /etc/hostname.d 2>/dev/null; id -un; hostname; pwd");
	assert_string_equal(bed->text, "agent\nbench\n/work\n");
	cell_free(cell);
}

static void
nothing_can_be_changed(struct bed *bed, uint32_t flags)
{
	struct cell_plan plan = { .flags = flags };
	struct cell *cell = make(bed, &plan);
	struct cell_event fenced;

	if (flags & CELL_FENCE) {
		expect(cell, CELL_FENCED, &fenced);
		close_listeners(&fenced);
	}
	start(cell, "");
	(void)sh(bed, cell,
	    "for f in /x /etc/x /dev/x /usr/x /usr/bin/x /etc/alternatives/x "
	    "/proc/sys/kernel/hostname /proc/sysrq-trigger; do "
	    "  (echo x > $f) 2>/dev/null && echo wrote $f; done; "
	    "rm -f /etc/passwd 2>/dev/null; ln -sf /tmp /etc/passwd "
	    "  2>/dev/null; head -c4 /etc/passwd; "
	    "echo ok > /tmp/a && echo ok > /work/b && cat /tmp/a /work/b; "
	    "rm /work/b");
	assert_string_equal(bed->text, "rootok\nok\n");
	cell_free(cell);
}

static void
nothing_of_the_root_can_be_changed(void **state)
{
	nothing_can_be_changed(*state, 0);
	nothing_can_be_changed(*state, CELL_FENCE); /* an /etc of its own */
}

static void
every_mount_is_nosuid_and_nodev_but_the_device_files(void **state)
{
	struct bed *bed = *state;
	struct cell_plan plan = { 0 };
	struct cell *cell = make(bed, &plan);

	start(cell, "");
	(void)sh(bed, cell,
	    "while read a b c d e; do "
	    "  case $d in *nosuid*) ;; *) echo suid $b;; esac; "
	    "  case $b in /dev/*) continue;; esac; "
	    "  case $d in *nodev*) ;; *) echo dev $b;; esac; "
	    "done < /proc/mounts; "
	    "while read a b c d e; do case $b in /work|/tmp|/proc|/dev/*) ;; "
	    "  *) case $d in ro,*) ;; *) echo rw $b;; esac;; esac; "
	    "done < /proc/mounts");
	assert_string_equal(bed->text, "");
	cell_free(cell);
}

static void
a_command_holds_its_three_streams_and_nothing_else(void **state)
{
	struct bed *bed = *state;
	struct cell_plan plan = { .flags = CELL_FENCE };
	struct cell *cell = make(bed, &plan);
	struct cell_event fenced;

	expect(cell, CELL_FENCED, &fenced);
	start(cell, "");
	(void)probe(bed, cell, "descriptors");
	assert_string_equal(bed->text, "0 1 2\n");
	/* Nor does pid 1 lend its own: it cannot be looked into. */
	(void)sh(bed, cell,
	    "ls /proc/1/fd /proc/1/root 2>/dev/null; cat /proc/1/environ "
	    "2>/dev/null; ps ax -o pid= 2>/dev/null | grep -c '^ *1$'");
	assert_string_equal(bed->text, "0\n");
	close_listeners(&fenced);
	cell_free(cell);
}

static void
no_power_is_left_and_none_can_come(void **state)
{
	struct bed *bed = *state;
	struct cell_plan plan = { 0 };
	struct cell *cell = make(bed, &plan);

	start(cell, "");
	(void)sh(bed, cell,
	    "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status");
	assert_string_equal(bed->text,
	    "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
	    "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
	    "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n");
	/* Nor has pid 1, which nobody replaced by an exec. */
	char path[64];
	auto_buf status = { 0 };
	struct err e;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", cell_pid(cell));
	assert_int_equal(file_read(path, 65536, &status, &e), 0);
	assert_non_null(strstr(buf_z(&status), "CapPrm:\t0000000000000000\n"
	                                       "CapEff:\t0000000000000000\n"));
	/* B18: one byte; a limit of nothing would still run a piped handler */
	(void)probe(bed, cell, "core");
	assert_string_equal(bed->text, "1 1\n");
	cell_free(cell);
}

static void
tls_clients_are_told_the_bundle_with_the_cells_own_ca(void **state)
{
	struct bed *bed = *state;
	struct cell_plan plan = { .flags = CELL_FENCE };
	struct cell *cell = make(bed, &plan);
	struct cell_event fenced;

	expect(cell, CELL_FENCED, &fenced);
	start(cell, "-- this cell's CA --\n");
	(void)sh(bed, cell,
	    "for v in SSL_CERT_FILE CURL_CA_BUNDLE GIT_SSL_CAINFO "
	    "NODE_EXTRA_CA_CERTS REQUESTS_CA_BUNDLE PIP_CERT; do "
	    "  eval f=\\$$v; tail -n1 $f; done; echo $HOME; ls -A $HOME; "
	    "cat /etc/resolv.conf | grep -c nameserver");
	assert_string_equal(bed->text,
	    "-- this cell's CA --\n-- this cell's CA --\n"
	    "-- this cell's CA --\n-- this cell's CA --\n"
	    "-- this cell's CA --\n-- this cell's CA --\n/tmp/home\n1\n");
	/* Behind the roots of this host; without a tunnel it stands alone. */
	(void)sh(bed, cell,
	    "for v in SSL_CERT_FILE CURL_CA_BUNDLE GIT_SSL_CAINFO "
	    "NODE_EXTRA_CA_CERTS REQUESTS_CA_BUNDLE PIP_CERT; do "
	    "  eval f=\\$$v; test $(wc -c <$f) -gt 100000 && echo all; done");
	assert_string_equal(bed->text, "all\nall\nall\nall\nall\nall\n");
	own_ca = true;
	(void)sh(bed, cell,
	    "for v in SSL_CERT_FILE CURL_CA_BUNDLE GIT_SSL_CAINFO "
	    "NODE_EXTRA_CA_CERTS REQUESTS_CA_BUNDLE PIP_CERT; do "
	    "  eval f=\\$$v; cat $f; done");
	assert_string_equal(bed->text,
	    "-- this cell's CA --\n-- this cell's CA --\n"
	    "-- this cell's CA --\n-- this cell's CA --\n"
	    "-- this cell's CA --\n-- this cell's CA --\n");
	own_ca = false;
	close_listeners(&fenced);
	cell_free(cell);
}

static void
a_workspace_with_a_socket_or_a_fifo_is_refused(void **state)
{
	struct bed *bed = *state;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct cell_event event;
	char folder[96], fifo[128];
	struct err e;

	(void)snprintf(folder, sizeof(folder), "%s/d", bed->work);
	assert_int_equal(mkdir(folder, 0755), 0);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/door", bed->work);
	(void)snprintf(fifo, sizeof(fifo), "%s/pipe", folder);
	assert_int_equal(bind(fd, (void *)&at, sizeof(at)), 0);
	for (int i = 0; i < 2; i++) {
		struct cell_plan plan = { 0 };
		struct cell *cell = make(bed, &plan);

		assert_int_equal(cell_start(cell, (struct str){ 0 }, &e), 0);
		expect(cell, CELL_FAILED, &event);
		assert_non_null(strstr(event.text, i ? "FIFO" : "socket"));
		assert_non_null(strstr(event.text,
		    i ? "\"d/pipe\" in /work" : "\"door\" in /work"));
		cell_free(cell);
		(void)unlink(at.sun_path);
		assert_int_equal(i ? unlink(fifo) : mkfifo(fifo, 0600), 0);
	}
	assert_int_equal(rmdir(folder), 0);
	(void)close(fd);
}

static void
standard_streams_are_no_sockets(void **state)
{
	struct bed *bed = *state;
	struct cell_plan plan = { 0 };
	struct cell *cell = make(bed, &plan);
	struct cell_command command = { .argc = 1, .folder = "/" };
	struct err e;
	int pair[2];

	start(cell, "");
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	command.plan = memfd_sealed("plan", str_span("true", 5), &e);
	for (int i = 0; i < 3; i++) {
		command.stdio[i] = pair[1];
	}
	assert_int_equal(cell_exec(cell, &command, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	(void)close(command.plan);
	(void)close(pair[0]);
	(void)close(pair[1]);
	cell_free(cell);
}

static void
nothing_runs_before_the_cell_is_started(void **state)
{
	struct bed *bed = *state;
	struct cell_plan plan = { 0 };
	struct cell *cell = make(bed, &plan);
	struct cell_command command = { .argc = 1, .folder = "/" };
	struct err e;

	assert_int_equal(cell_exec(cell, &command, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	cell_free(cell);
}

static void
what_cannot_be_started_says_why(void **state)
{
	struct bed *bed = *state;
	struct cell_plan plan = { 0 };
	struct cell *cell = make(bed, &plan);
	const char *const words[] = { "no-such-program", "x", NULL };
	struct cell_event event;

	start(cell, "");
	event = finish(bed, cell, launch(cell, words, 0));
	assert_int_equal(event.end, CELL_NOT_STARTED);
	assert_string_equal(
	    event.text, "no-such-program: No such file or directory");
	event = sh(bed, cell, "exit 3");
	assert_int_equal(event.end, CELL_EXITED);
	assert_int_equal(event.code, 3);
	event = sh(bed, cell, "kill -SEGV $$");
	assert_int_equal(event.end, CELL_SIGNALLED);
	assert_int_equal(event.code, SIGSEGV);
	cell_free(cell);
}

/* --- inside --------------------------------------------------------------- */

static int
inside(const char *name)
{
	struct rlimit limit;

	if (strcmp(name, "core") == 0) {
		(void)getrlimit(RLIMIT_CORE, &limit);
		(void)printf(
		    "%d %d\n", (int)limit.rlim_cur, (int)limit.rlim_max);
		return 0;
	}
	for (int fd = 0; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) >= 0) {
			(void)printf("%s%d", fd ? " " : "", fd);
		}
	}
	(void)printf("\n");
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_root_is_a_list_and_not_the_host),
		cmocka_unit_test(nothing_of_the_root_can_be_changed),
		cmocka_unit_test(
		    every_mount_is_nosuid_and_nodev_but_the_device_files),
		cmocka_unit_test(
		    a_command_holds_its_three_streams_and_nothing_else),
		cmocka_unit_test(no_power_is_left_and_none_can_come),
		cmocka_unit_test(
		    tls_clients_are_told_the_bundle_with_the_cells_own_ca),
		cmocka_unit_test(
		    a_workspace_with_a_socket_or_a_fifo_is_refused),
		cmocka_unit_test(standard_streams_are_no_sockets),
		cmocka_unit_test(nothing_runs_before_the_cell_is_started),
		cmocka_unit_test(what_cannot_be_started_says_why),
	};

	if (argc > 1) {
		return inside(argv[1]);
	}
	return cmocka_run_group_tests(tests, bed_up, bed_down);
}
