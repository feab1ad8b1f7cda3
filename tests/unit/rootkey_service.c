/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Secret Service as it is: a session bus of this test's own and a real
 * gnome-keyring on it.  The program runs itself again under dbus-run-session.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "rootkey/rootkey.h"

static char state[64];

static bool
on_path(const char *program)
{
	auto_buf path = { 0 };

	buf_addf(&path, "/usr/bin/%s", program);
	return access(buf_z(&path), X_OK) == 0;
}

/* The keyring lies in a folder of its own and is opened with a password. */
static const char inside[] =
    "printf 'keyring password' | gnome-keyring-daemon --unlock "
    "--components=secrets >/dev/null 2>&1; exec \"$0\"";

static void
a_key_lives_in_a_real_keyring(void **context)
{
	auto_seal_key key = seal_key_make();
	auto_seal_key found = NULL;
	auto_seal_key none = NULL;
	enum rootkey_source now = ROOTKEY_FILE;
	char one[2 * SEAL_KEY_ID + 1];
	char other[2 * SEAL_KEY_ID + 1];
	struct err e = { 0 };

	(void)context;
	if (!getenv("ROOTKEY_HOME")) {
		(void)fputs(
		    "no dbus-run-session or gnome-keyring here\n", stderr);
		skip();
	}
	(void)snprintf(
	    state, sizeof(state), "%s/state", getenv("ROOTKEY_HOME"));
	assert_int_equal(file_mkdirs(state, 0700, &e), 0);
	assert_int_equal(
	    rootkey_read(state, ROOTKEY_SECRET_SERVICE, &none, &e), -1);
	assert_string_equal(err_name(e.kind), err_name(ERR_MISSING));
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_FILE, key, STR(""), &e), 0);
	if (rootkey_move(state, ROOTKEY_SECRET_SERVICE, STR(""), &e) ||
	    rootkey_where(state, &now, &e)) {
		fail_msg("%s", e.text);
	}
	assert_int_equal(now, ROOTKEY_SECRET_SERVICE);
	assert_int_equal(rootkey_forget(state, ROOTKEY_FILE, &e), 0);
	assert_int_equal(rootkey_read(state, now, &found, &e), 0);
	seal_key_id(key, one);
	seal_key_id(found, other);
	assert_string_equal(one, other);
	assert_int_equal(rootkey_move(state, ROOTKEY_FILE, STR(""), &e), 0);
	assert_int_equal(rootkey_forget(state, ROOTKEY_SECRET_SERVICE, &e), 0);
	assert_int_equal(
	    rootkey_read(state, ROOTKEY_SECRET_SERVICE, &none, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
}

static void
without_a_bus_it_says_what_is_missing(void **context)
{
	auto_seal_key none = NULL;
	struct err e = { 0 };

	(void)context;
	assert_int_equal(
	    setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere", 1), 0);
	assert_int_equal(
	    rootkey_read("/tmp", ROOTKEY_SECRET_SERVICE, &none, &e), -1);
	assert_int_equal(e.kind, ERR_UNAVAILABLE);
	assert_non_null(strstr(e.text, "Secret Service"));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_lives_in_a_real_keyring),
		cmocka_unit_test(without_a_bus_it_says_what_is_missing),
	};
	char home[] = "/tmp/rootkey-XXXXXX";
	int status = 0;

	(void)argc;
	if (getenv("ROOTKEY_HOME") || !on_path("dbus-run-session") ||
	    !on_path("gnome-keyring-daemon")) {
		return cmocka_run_group_tests(tests, NULL, NULL);
	}
	must(mkdtemp(home));
	(void)setenv("ROOTKEY_HOME", home, 1);
	(void)setenv("HOME", home, 1);
	(void)setenv("XDG_RUNTIME_DIR", home, 1);
	(void)setenv("XDG_DATA_HOME", home, 1);
	pid_t pid = fork();

	if (pid == 0) {
		(void)execlp("dbus-run-session", "dbus-run-session", "--", "sh",
		    "-c", inside, argv[0], NULL);
		_exit(127);
	}
	must(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (fork() == 0) {
		(void)execlp("rm", "rm", "-rf", home, NULL);
		_exit(127);
	}
	(void)wait(NULL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
