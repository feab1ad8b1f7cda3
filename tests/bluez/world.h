/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BLUEZ_WORLD_H
#define BLUEZ_WORLD_H

/*
 * A bus of the test's own with the stand-in of BlueZ on it (standin.py), and
 * the device's side of its link.  For cmocka tests of the room bluez; include
 * it behind cmocka.h.  What it starts ends with the test.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"

#define WORLD_ADDRESS "C4:DD:57:00:7F:3A"
#define WORLD_WAIT_MS 60000

struct world {
	char folder[64];
	pid_t daemon;
	pid_t bluez;
	int to;     /* lines to the stand-in */
	FILE *from; /* its lines */
	char line[256];
	int device; /* the device's end; -1: not there */
};

static pid_t
world_spawn(const char *const *argv, int in, int out)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(in, 0);
		(void)dup2(out, 1);
		(void)close_range(3, ~0U, 0);
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): only read */
		(void)execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	(void)close(in);
	(void)close(out);
	return pid;
}

static void
world_end(pid_t *pid)
{
	if (*pid > 0) {
		(void)kill(*pid, SIGKILL);
		(void)waitpid(*pid, NULL, 0);
		*pid = 0;
	}
}

static void
world_next(struct world *w, const char *words)
{
	if (!fgets(w->line, sizeof(w->line), w->from)) {
		fail_msg("the stand-in ended before: %s", words);
	}
}

/* Reads its lines until one begins so. */
static void __attribute__((unused))
world_hears(struct world *w, const char *words)
{
	do {
		world_next(w, words);
	} while (strncmp(w->line, words, strlen(words)) != 0);
}

static void __attribute__((unused)) world_say(struct world *w, const char *line)
{
	char first[32];

	assert_true(dprintf(w->to, "%s\n", line) > 0);
	assert_int_equal(sscanf(line, "%31s", first), 1);
	world_hears(w, "done");
	assert_non_null(strstr(w->line, first));
}

static bool
world_can(void)
{
	if (access("/usr/bin/dbus-daemon", X_OK) == 0 &&
	    access("/usr/bin/python3", X_OK) == 0 &&
	    (access("/usr/lib/python3/dist-packages/dbus", F_OK) == 0)) {
		return true;
	}
	(void)fputs("no dbus-daemon or python3-dbus here\n", stderr);
	return false;
}

static void
world_start_bus(struct world *w)
{
	char config[256];
	char at[128];
	char first[256];
	int out[2];
	FILE *said;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	(void)snprintf(config, sizeof(config),
	    "--config-file=%s/tests/bluez/bus.conf", getenv("HANDRAIL_SOURCE"));
	(void)snprintf(at, sizeof(at), "--address=unix:path=%s/bus", w->folder);
	const char *argv[] = { "/usr/bin/dbus-daemon", config, at, "--nofork",
		"--nopidfile", "--print-address=1", NULL };

	w->daemon = world_spawn(argv, open("/dev/null", O_RDONLY), out[1]);
	said = fdopen(out[0], "r");
	assert_non_null(said);
	assert_non_null(fgets(first, sizeof(first), said));
	(void)fclose(said);
	(void)snprintf(at, sizeof(at), "unix:path=%s/bus", w->folder);
	assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", at, 1), 0);
}

/* `how` is a list of KEY=VALUE with NULL behind it, or NULL. */
static void
world_start_bluez(struct world *w, const char *const *how)
{
	char program[256];
	const char *argv[16] = { "/usr/bin/python3", program, w->folder };
	int in[2];
	int out[2];

	(void)snprintf(program, sizeof(program), "%s/tests/bluez/standin.py",
	    getenv("HANDRAIL_SOURCE"));
	for (size_t i = 0; how && how[i]; i++) {
		argv[3 + i] = how[i];
	}
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	w->bluez = world_spawn(argv, in[0], out[1]);
	w->to = in[1];
	w->from = fdopen(out[0], "r");
	assert_non_null(w->from);
	world_hears(w, "ready");
}

static void __attribute__((unused)) world_end_bluez(struct world *w)
{
	world_end(&w->bluez);
	(void)close(w->to);
	(void)fclose(w->from);
	w->from = NULL;
}

static void
world_begin(struct world *w, const char *const *how)
{
	*w = (struct world){ .folder = "/tmp/bluez-XXXXXX", .device = -1 };
	assert_non_null(mkdtemp(w->folder));
	world_start_bus(w);
	world_start_bluez(w, how);
}

static void
world_over(struct world *w)
{
	char path[128];

	if (w->device >= 0) {
		(void)close(w->device);
	}
	if (w->from) {
		world_end_bluez(w);
	}
	world_end(&w->daemon);
	(void)snprintf(path, sizeof(path), "%s/device", w->folder);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/bus", w->folder);
	(void)unlink(path);
	assert_int_equal(rmdir(w->folder), 0);
}

static void __attribute__((unused)) world_device(struct world *w)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	(void)snprintf(
	    at.sun_path, sizeof(at.sun_path), "%s/device", w->folder);
	w->device = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(w->device >= 0);
	assert_int_equal(
	    connect(w->device, (struct sockaddr *)&at, sizeof(at)), 0);
}

#endif
