/* SPDX-License-Identifier: Apache-2.0 */
/* Pid 1 of a cell: starts commands when told, reaps, keeps time. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cell/inside.h"

#define COMMANDS_MAX 32 /* running at once in one cell */
#define STACK_SIZE   65536
#define OURS_MAX     16
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

static const char *const always[] = {
	"HOME=/tmp/home",
	"PATH=" DEFAULT_PATH,
};
/* Node has public roots of its own, but not those that this host was given. */
#define TRUST(file)                                                     \
	{                                                               \
		"SSL_CERT_FILE=" file, "CURL_CA_BUNDLE=" file,          \
		    "GIT_SSL_CAINFO=" file, "REQUESTS_CA_BUNDLE=" file, \
		    "PIP_CERT=" file, "NODE_EXTRA_CA_CERTS=" file,      \
	}
static const char *const with_fence[] = TRUST(BUNDLE);
static const char *const no_tunnel[] = TRUST(OWN_CA);

struct running {
	pid_t pid; /* 0: free */
	uint64_t exec;
	struct mono deadline;
	bool timed;
	bool timed_out;
};

struct run {
	struct inmate *me;
	struct running commands[COMMANDS_MAX];
};

/* What the new process needs; it shares our memory until its exec. */
struct start {
	char **argv;
	char **envp;
	const char *folder;
	const char *path; /* folders to search */
	int stdio[3];
	int error;
	const char *failed;
};

static char stack[STACK_SIZE] __attribute__((aligned(16)));

static void
tell(const struct run *run, const struct note *note)
{
	struct err e = { 0 };

	if (control_send(
	        run->me->control, str_span(note, sizeof(*note)), NULL, 0, &e)) {
		_exit(0); /* nobody is left who would want to know */
	}
}

static void
not_started(const struct run *run, uint64_t exec, const char *why)
{
	struct note note = {
		.kind = NOTE_EXECUTED,
		.end = CELL_NOT_STARTED,
		.exec = exec,
	};

	str_fit(note.text, sizeof(note.text), str_of(why));
	tell(run, &note);
}

/* execve over the folders of PATH, as execvp(3) but with our variables. */
static void
execute(struct start *s)
{
	struct str rest = str_of(s->path);
	struct str folder;
	char full[PATH_MAX];
	const char *name = s->argv[0];
	int error = ENOENT;

	if (strchr(name, '/')) {
		(void)execve(name, s->argv, s->envp);
		s->error = errno;
		return;
	}
	while (rest.len > 0) {
		(void)str_cut(&rest, ':', &folder);
		if (folder.len + strlen(name) + 2 > sizeof(full)) {
			continue;
		}
		(void)snprintf(
		    full, sizeof(full), STR_FMT "/%s", STR_ARG(folder), name);
		(void)execve(full, s->argv, s->envp);
		if (errno != ENOENT && errno != ENOTDIR) {
			error = errno;
		}
	}
	s->error = error; /* only now: a successful exec leaves 0 there */
}

static int
command_main(void *arg)
{
	struct sigaction usual = { .sa_handler = SIG_DFL };
	struct start *s = arg;
	sigset_t none;

	s->failed = "session";
	if (setsid() < 0) {
		s->error = errno;
		_exit(127);
	}
	s->failed = "standard streams";
	for (int i = 0; i < 3; i++) {
		if (dup2(s->stdio[i], i) < 0) {
			s->error = errno;
			_exit(127);
		}
	}
	(void)close_range(3, ~0U, 0);
	s->failed = s->folder;
	if (chdir(s->folder) < 0) {
		s->error = errno;
		_exit(127);
	}
	(void)sigaction(SIGCHLD, &usual, NULL);
	(void)sigemptyset(&none);
	(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
	s->failed = s->argv[0];
	execute(s);
	_exit(127);
}

static pid_t
spawn(struct start *s)
{
	return clone(command_main, stack + sizeof(stack),
	    CLONE_VM | CLONE_VFORK | SIGCHLD, s);
}

/* --- the plan: strings, each with its end ------------------------------- */

static bool
split(char *at, size_t len, char **words, size_t count)
{
	const char *end = at + len;

	for (size_t i = 0; i < count; i++) {
		char *stop =
		    at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;

		if (!stop) {
			return false;
		}
		words[i] = at;
		at = stop + 1;
	}
	return at == end;
}

/* One of ours, unless the plan has its own of that name. */
static void
add_variable(char **envp, size_t *count, const char *ours)
{
	size_t name = (size_t)(strchr(ours, '=') - ours) + 1;

	for (size_t i = 0; i < *count; i++) {
		if (strncmp(envp[i], ours, name) == 0) {
			return;
		}
	}
	memcpy(&envp[*count], &ours, sizeof(ours)); /* execve takes no const */
	(*count)++;
}

static char **
variables(const struct inmate *me, const struct order *order, char **given)
{
	const char *const *trust = order->own_ca ? no_tunnel : with_fence;
	size_t count = order->envc;
	char **envp = calloc(count + OURS_MAX, sizeof(*envp));

	must(envp);
	for (size_t i = 0; i < count; i++) {
		envp[i] = given[i];
	}
	for (size_t i = 0; i < COUNT(always); i++) {
		add_variable(envp, &count, always[i]);
	}
	for (size_t i = 0; root_has_bundle(me) && i < COUNT(with_fence); i++) {
		add_variable(envp, &count, trust[i]);
	}
	return envp;
}

static const char *
path_of(char **envp)
{
	for (; *envp; envp++) {
		if (strncmp(*envp, "PATH=", 5) == 0) {
			return *envp + 5;
		}
	}
	return DEFAULT_PATH;
}

static struct running *
find_command(struct run *run, pid_t pid)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++) {
		if (run->commands[i].pid == pid) {
			return &run->commands[i];
		}
	}
	return NULL;
}

static void
launch(struct run *run, const struct order *order, struct start *s)
{
	struct running *place = find_command(run, 0); /* a free one */
	char why[CELL_TEXT_MAX];
	pid_t pid;

	if (!place) {
		not_started(run, order->exec, "too many commands at once");
		return;
	}
	pid = spawn(s);
	if (pid < 0) {
		not_started(
		    run, order->exec, "no process left in this cell (limit)");
		return;
	}
	if (s->error) {
		(void)waitpid(pid, NULL, 0);
		(void)snprintf(why, sizeof(why), "%.160s: %s", s->failed,
		    strerrordesc_np(s->error));
		not_started(run, order->exec, why);
		return;
	}
	*place = (struct running){
		.pid = pid,
		.exec = order->exec,
		.timed = order->timeout > 0,
		.deadline = mono_after(mono_now(), (int64_t)order->timeout),
	};
}

static void
execute_order(struct run *run, const struct order *order, const int fds[4])
{
	size_t count = (size_t)order->argc + order->envc;
	char **words = calloc(count + 1, sizeof(*words));
	auto_buf plan = { 0 };
	struct err e = { 0 };

	must(words);
	if (memfd_read(fds[0], CELL_PLAN_BYTES, &plan, &e)) {
		not_started(run, order->exec, e.text);
	} else if (!split(plan.at, plan.len, words, count)) {
		not_started(run, order->exec, "the plan's words do not add up");
	} else {
		char **argv = calloc((size_t)order->argc + 1, sizeof(*argv));
		char **envp = variables(run->me, order, words + order->argc);
		struct start s = {
			.argv = argv,
			.envp = envp,
			.folder = order->folder,
			.path = path_of(envp),
			.stdio = { fds[1], fds[2], fds[3] },
		};

		must(argv);
		memcpy(argv, words, order->argc * sizeof(*argv));
		launch(run, order, &s);
		free(argv);
		free(envp);
	}
	free(words);
}

static void
take_order(struct run *run)
{
	struct order order;
	int fds[CONTROL_FDS_MAX];
	size_t count;
	enum control_took took =
	    control_take(run->me->control, &order, sizeof(order), fds, &count);

	if (took != CONTROL_TOOK || order.kind != ORDER_EXEC || count != 4 ||
	    order.argc == 0 || order.argc > CELL_WORDS_MAX ||
	    order.envc > CELL_WORDS_MAX ||
	    !memchr(order.folder, '\0', sizeof(order.folder))) {
		_exit(0); /* our parent is gone or not itself: all of us end */
	}
	execute_order(run, &order, fds);
	for (size_t i = 0; i < count; i++) {
		(void)close(fds[i]);
	}
}

static uint64_t
cpu_of(const struct rusage *use)
{
	return (uint64_t)(use->ru_utime.tv_sec + use->ru_stime.tv_sec) *
	           CLOCK_SECOND +
	       (uint64_t)(use->ru_utime.tv_usec + use->ru_stime.tv_usec);
}

static void
ended(struct run *run, struct running *r, int status, const struct rusage *use)
{
	struct note note = {
		.kind = NOTE_EXECUTED,
		.exec = r->exec,
		.cpu = cpu_of(use),
	};

	if (r->timed_out) {
		note.end = CELL_TIMED_OUT;
	} else if (WIFEXITED(status)) {
		note.end = CELL_EXITED;
		note.code = WEXITSTATUS(status);
	} else {
		note.end = CELL_SIGNALLED;
		note.code = WTERMSIG(status);
	}
	r->pid = 0;
	tell(run, &note);
}

static void
reap(struct run *run)
{
	struct rusage use;
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, WNOHANG, &use)) > 0) {
		struct running *r = find_command(run, pid);

		if (r) {
			ended(run, r, status, &use);
		}
	}
}

/* Kills what is over its time; ms until the next one is, -1: none. */
static int
keep_time(struct run *run)
{
	struct mono now = mono_now();
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < COMMANDS_MAX; i++) {
		struct running *r = &run->commands[i];

		if (r->pid == 0 || !r->timed || r->timed_out) {
			continue;
		}
		if (mono_passed(r->deadline, now)) {
			r->timed_out = true;
			(void)kill(-r->pid, SIGKILL);
			continue;
		}
		int64_t left = r->deadline.us - now.us;

		next = left < next ? left : next;
	}
	if (next == INT64_MAX) {
		return -1;
	}
	return next / 1000 < INT32_MAX - 1 ? (int)(next / 1000) + 1 : INT32_MAX;
}

static void
child_changed(int number)
{
	(void)number; /* only wakes ppoll */
}

_Noreturn void
run_loop(struct inmate *me)
{
	struct run run = { .me = me };
	struct sigaction wake = { .sa_handler = child_changed };
	sigset_t mask, none;

	(void)sigemptyset(&none);
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	(void)pthread_sigmask(SIG_BLOCK, &mask, NULL);
	(void)sigaction(SIGCHLD, &wake, NULL);
	for (;;) {
		struct pollfd control = { .fd = me->control, .events = POLLIN };
		int wait = keep_time(&run);
		struct timespec limit = {
			.tv_sec = wait / 1000,
			.tv_nsec = (wait % 1000) * 1000000L,
		};
		int ready = ppoll(&control, 1, wait < 0 ? NULL : &limit, &none);

		reap(&run);
		if (ready > 0 && control.revents) {
			take_order(&run);
		}
	}
}
