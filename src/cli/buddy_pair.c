/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices could be listed under an operator.  A serial one is bound by
 * what it says of itself on its bus, one over Bluetooth by a bond, which
 * libexec/handrail/radio makes with the rights of whoever calls it; whoever
 * writes handrail.toml says whose it is.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/buddy.h"

/* --- over Bluetooth --- */

/* The exit code of the tool, which has said what there is to say. */
static int
radio(struct cli *c, const char *what, const char *address)
{
	struct config config = { .file = STR("") };
	struct err e = { 0 };
	uint64_t base = cli_config(c, &config, &e) ? 0 : config.uid_base;
	const char *argv[] = {
		arena_printf(&c->arena, "%s/radio", cli_libexec(c)).at, "--do",
		what, "--uid-base",
		arena_printf(&c->arena, "%llu", (unsigned long long)base).at,
		address ? "--address" : NULL, address, NULL
	};
	int status = 0;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		/* However we end: it takes back what is half done. */
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): only read */
		(void)execv(argv[0], (char *const *)(uintptr_t)argv);
		(void)dprintf(STDERR_FILENO, "handrail: cannot run %s: %s\n",
		    argv[0], strerrordesc_np(errno));
		_exit(1);
	}
	(void)signal(SIGINT, SIG_IGN); /* the terminal tells it, too */
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		(void)err_sys(&e, "fork");
		return cli_fail(&e);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int
buddy_forget(struct cli *c, const char *address)
{
	return radio(c, "forget", address);
}

/* --- on a serial line --- */

static bool
is_serial(const char *name)
{
	return strncmp(name, "ttyACM", 6) == 0 ||
	       strncmp(name, "ttyUSB", 6) == 0;
}

static void
pair_one(struct cli *c, const char *name, size_t *found)
{
	const char *path = arena_printf(&c->arena, "/dev/%s", name).at;
	char text[160];
	struct err e = { 0 };
	struct stat st;

	if (stat(path, &st) || !S_ISCHR(st.st_mode)) {
		return;
	}
	if (roles_usb_device("/sys", major(st.st_rdev), minor(st.st_rdev), text,
	        sizeof(text), &e)) {
		printf("# %s: %s\n", path, e.text);
		return;
	}
	printf("[buddy]\nserial = \"%s\"\n[operator.NAME]\nbuddy  = \"%s\"\n",
	    path, text);
	++*found;
}

static size_t
look_at_serial(struct cli *c)
{
	DIR *d = opendir("/dev");
	size_t found = 0;

	for (struct dirent *f; d && (f = readdir(d));) {
		if (is_serial(f->d_name)) {
			pair_one(c, f->d_name, &found);
		}
	}
	if (d) {
		(void)closedir(d);
	}
	if (!found) {
		printf("# no USB serial device is plugged in\n");
	}
	return found;
}

int
buddy_pair(struct cli *c, const char *address)
{
	size_t found = address ? 0 : look_at_serial(c);
	int code = radio(c, address ? "pair" : "look", address);

	if (code && !found) {
		return code;
	}
	printf("# into handrail.toml, with the operator's NAME; then start the "
	       "house again\n");
	return 0;
}
