/* SPDX-License-Identifier: Apache-2.0 */
#include "postgres/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "unit/ids_help.h"

#define NOBODY     65534
#define VERSIONS   "/usr/lib/postgresql/"
#define PROGRAMS   VERSIONS "*/bin/postgres"
#define START_WAIT 30 /* seconds */
/* As in cluster.py. */
#define FIRST_PORT 27000
#define PORTS      5000

static bool
find_programs(char *folder, size_t size)
{
	glob_t found;
	bool there = glob(PROGRAMS, 0, NULL, &found) == 0;

	if (there) {
		const char *last = found.gl_pathv[found.gl_pathc - 1];
		size_t len = strlen(last) - strlen("/postgres");

		must(str_copy(folder, size, str_span(last, len)));
		globfree(&found);
	}
	return there;
}

const char *
cluster_missing(void)
{
	char folder[128];

	return find_programs(folder, sizeof(folder))
	           ? NULL
	           : "needs the Debian package postgresql";
}

/* A server refuses to run as root. */
static void
become_ordinary(const struct cluster *c)
{
	if (geteuid() == 0) {
		must(setgroups(0, NULL) == 0);
		must(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
	}
	must(prctl(PR_SET_PDEATHSIG, SIGQUIT) == 0);
	must(chdir(c->folder) == 0);
}

static pid_t
start(const struct cluster *c, const char *program,
    const char *const *arguments, int output)
{
	pid_t child = fork();
	char path[256];

	must(child >= 0);
	if (child > 0) {
		return child;
	}
	become_ordinary(c);
	must(dup2(output, STDOUT_FILENO) >= 0);
	must(dup2(output, STDERR_FILENO) >= 0);
	if (program[0] == '/') {
		(void)execv(program, (char *const *)arguments);
	}
	(void)snprintf(path, sizeof(path), "%s/%s", c->programs, program);
	(void)execv(path, (char *const *)arguments);
	_exit(127);
}

static int
end_of(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0) {
		must(errno == EINTR);
	}
	return status;
}

static void
run(const struct cluster *c, const char *program, const char *const *arguments,
    int output)
{
	int status = end_of(start(c, program, arguments, output));

	if (status) {
		(void)fprintf(stderr, "%s ended with %d\n", program, status);
	}
	must(status == 0);
}

static int
open_log(const struct cluster *c)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/log", c->folder);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	must(fd >= 0);
	return fd;
}

/* What initdb makes, as the build has kept it (cluster.py): each time it would
 * take a second of a processor.  False: it is not there, or of another server.
 */
static bool
unpack(const struct cluster *c, int log)
{
	const char *build = getenv("HANDRAIL_BUILD");
	const char *version = c->programs + strlen(VERSIONS);
	char packed[512];
	char member[16];
	const char *arguments[] = { "tar", "-xf", packed, "--transform",
		"s,^[^/]*,data,", member, NULL };

	(void)snprintf(packed, sizeof(packed), "%s/tests/fault/cluster.tar",
	    build ? build : "");
	must(str_copy(
	    member, sizeof(member), str_span(version, strcspn(version, "/"))));
	return end_of(start(c, "/usr/bin/tar", arguments, log)) == 0;
}

void
cluster_make(struct cluster *c)
{
	const char *arguments[] = { "initdb", "-D", "data", "-U", "handrail",
		"-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
		"--no-instructions", NULL };
	int log;

	memset(c, 0, sizeof(*c));
	must(find_programs(c->programs, sizeof(c->programs)));
	(void)snprintf(
	    c->folder, sizeof(c->folder), "/tmp/handrail-postgres-XXXXXX");
	must(mkdtemp(c->folder));
	if (geteuid() == 0) {
		must(chown(c->folder, NOBODY, NOBODY) == 0);
	}
	log = open_log(c);
	if (!unpack(c, log)) {
		run(c, "initdb", arguments, log);
	}
	must(close(log) == 0);
}

/* Its own file says on its last line whether it takes connections. */
static bool
is_ready(const struct cluster *c)
{
	char path[128];
	auto_buf file = { 0 };
	struct err e;

	(void)snprintf(path, sizeof(path), "%s/data/postmaster.pid", c->folder);
	return file_read(path, 4096, &file, &e) == 0 &&
	       str_has_str(buf_str(&file), STR("ready"));
}

static void
sleep_ms(long ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000 };

	(void)nanosleep(&t, NULL);
}

static bool
try_start(struct cluster *c)
{
	char port[16];
	char socket[80];
	const char *arguments[] = { "postgres", "-D", "data", "-p", port, "-k",
		socket, "-c", "listen_addresses=127.0.0.1", "-c",
		"shared_buffers=16MB", "-c", "max_connections=40", "-c",
		"logging_collector=off", "-c", "max_wal_size=256MB", NULL };
	int log = open_log(c);

	(void)snprintf(port, sizeof(port), "%d", c->port);
	(void)snprintf(socket, sizeof(socket), "%s", c->folder);
	c->server = start(c, "postgres", arguments, log);
	must(close(log) == 0);
	for (int i = 0; i < START_WAIT * 50; i++) {
		if (waitpid(c->server, NULL, WNOHANG) == c->server) {
			c->server = 0;
			return false;
		}
		if (is_ready(c)) {
			return true;
		}
		sleep_ms(20);
	}
	return false;
}

void
cluster_start(struct cluster *c)
{
	/* A process of a killed server may not have ended yet; and somebody
	 * else may have taken the port of a first start. */
	for (int i = 0; i < START_WAIT; i++) {
		if (!c->port || (i > 0 && !c->started)) {
			c->port =
			    FIRST_PORT + (int)take_place("postgres", PORTS);
		}
		if (try_start(c)) {
			c->started = true;
			return;
		}
		sleep_ms(500);
	}
	must(!"a PostgreSQL that starts");
}

void
cluster_kill(struct cluster *c, int signal)
{
	char path[128];

	if (!c->server) {
		return;
	}
	(void)kill(c->server, SIGCONT);
	must(kill(c->server, signal) == 0);
	while (waitpid(c->server, NULL, 0) < 0) {
		must(errno == EINTR);
	}
	c->server = 0;
	/* A killed server leaves it, and it says "ready". */
	(void)snprintf(path, sizeof(path), "%s/data/postmaster.pid", c->folder);
	(void)unlink(path);
}

static int
remove_one(
    const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

void
cluster_remove(struct cluster *c)
{
	cluster_kill(c, SIGQUIT);
	if (c->folder[0]) {
		must(
		    nftw(c->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
	}
	memset(c, 0, sizeof(*c));
}

void
cluster_url(const struct cluster *c, bool tcp, const char *schema, char *url,
    size_t size)
{
	if (tcp) {
		(void)snprintf(url, size,
		    "postgres://handrail@127.0.0.1:%d/postgres?options="
		    "-csearch_path%%3D%s",
		    c->port, schema);
	} else {
		(void)snprintf(url, size,
		    "postgres:///"
		    "postgres?user=handrail&host=%s&port=%d&options="
		    "-csearch_path%%3D%s",
		    c->folder, c->port, schema);
	}
}

void
cluster_sql(const struct cluster *c, const char *sql, char *answer, size_t size)
{
	char port[16];
	char folder[80];
	char *text = strdup(sql);
	const char *arguments[] = { "psql", "-XqAt", "-v", "ON_ERROR_STOP=1",
		"-h", folder, "-p", port, "-U", "handrail", "-d", "postgres",
		"-c", text, NULL };
	int fd = memfd_create("answer", MFD_CLOEXEC);
	ssize_t got;

	must(text && fd >= 0);
	(void)snprintf(port, sizeof(port), "%d", c->port);
	(void)snprintf(folder, sizeof(folder), "%s", c->folder);
	run(c, "psql", arguments, fd);
	if (answer) {
		got = pread(fd, answer, size - 1, 0);
		must(got >= 0);
		answer[got] = 0;
		answer[strcspn(answer, "\n")] = 0;
	}
	must(close(fd) == 0);
	free(text);
}

pid_t
cluster_sql_start(
    const struct cluster *c, const char *first, const char *second)
{
	char port[16];
	const char *arguments[] = { "psql", "-XqAt", "-h", c->folder, "-p",
		port, "-U", "handrail", "-d", "postgres", "-c", first, "-c",
		second, NULL };
	int log = open_log(c);
	pid_t child;

	(void)snprintf(port, sizeof(port), "%d", c->port);
	child = start(c, "psql", arguments, log);
	must(close(log) == 0);
	return child;
}
